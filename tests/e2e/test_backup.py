# SPDX-License-Identifier: ISC
"""Moving to another engine, backups under load, restores: clients go on without a resync."""
import os
import re
import shutil
import socket
import tempfile
import threading
import unittest

from eas_client import EasError
from harness import PASSWORD, PATIENCE, POSTGRESQL, Godwit, GodwitTest, judge_end, wait_until

ALICE, BOB = "alice@demo.test", "bob@demo.test"


def message(subject, size=0):
    return "Subject: %s\r\nFrom: x@example.org\r\n\r\n%s\r\n" % (subject, "x" * 70 + "\r\n" + "y" * size)


class Desktop:
    """A raw IMAP connection: what the server says, line by line."""

    def __init__(self, g, user, password=PASSWORD):
        raw = socket.create_connection(("localhost", g.ports["imaps"]), PATIENCE)
        self.sock = g.tls().wrap_socket(raw, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.count = 0
        self.file.readline()
        self.do('LOGIN "%s" "%s"' % (user, password))
        self.do("ENABLE QRESYNC")

    def do(self, command):
        """The untagged lines; the tagged one must be OK."""
        self.count += 1
        tag = "a%d" % self.count
        self.sock.sendall(("%s %s\r\n" % (tag, command)).encode())
        lines = []
        while True:
            line = self.file.readline().decode()
            if not line:
                raise EOFError("\n".join(lines))
            if line.startswith(tag + " "):
                if " OK" not in line:
                    raise AssertionError(line)
                return lines
            lines.append(line.rstrip("\r\n"))

    def select(self, known=None):
        """(UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ, lines of changes); known: (validity, modseq)."""
        lines = self.do("SELECT INBOX" + (" (QRESYNC (%d %d))" % known if known else ""))
        text = "\n".join(lines)
        numbers = [int(re.search(r"\[%s (\d+)\]" % word, text).group(1))
                   for word in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ")]
        changes = [l for l in lines if "FETCH" in l or "VANISHED" in l]
        return (*numbers, changes)

    def subjects(self):
        """{uid: subject} of the selected folder."""
        out, uid = {}, None
        for l in self.do("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])"):
            found = re.search(r"UID (\d+)", l)
            if found:
                uid = int(found.group(1))
            if l.startswith("Subject: "):
                out[uid] = l[len("Subject: "):]
        return out

    def close(self):
        self.sock.close()


class Phone:
    """Syncs the inbox and keeps what it has been told."""

    def __init__(self, g, user, device):
        self.c = g.eas(user, device)
        self.c.options()
        self.c.provision()
        self.inbox = next(f["id"] for f in self.c.foldersync() if f["type"] == 2)
        self.items = {}

    def move_to(self, g):
        self.c.close()
        self.c.port, self.c.cafile = g.ports["https"], g.ca

    def sync(self):
        """What was new."""
        got = self.c.sync_all(self.inbox)
        for i in got:
            if i["deleted"]:
                self.items.pop(i["id"], None)
            elif "subject" in i:
                self.items[i["id"]] = i["subject"]
        return got

    def start_over(self):
        self.c.sync_keys.pop(self.inbox)
        self.items = {}
        return self.sync()


class Case(unittest.TestCase):
    """Daemons of this test's own, ended and judged with it."""

    def setUp(self):
        self.daemons = []
        self.dir = tempfile.mkdtemp(prefix="godwit-e2e-backup-")
        self.addCleanup(self.end)

    def end(self):
        statuses = [g.stop() for g in self.daemons if g.process]
        log = "\n".join(g.log() for g in self.daemons if os.path.exists(g.log_path))
        for g in reversed(self.daemons):
            g.remove()
        shutil.rmtree(self.dir, ignore_errors=True)
        judge_end(statuses, log)

    def daemon(self, conf=None, certs=None):
        g = Godwit(conf, certs=certs)
        self.daemons.append(g)
        return g

    def assert_goes_on(self, phone, desktop, before):
        """Neither is told anything: all is as they know it."""
        self.assertEqual(phone.sync(), [])
        phone.c.foldersync()
        validity, uid_next, modseq, changes = desktop.select((before[0], before[2]))
        self.assertEqual(validity, before[0])
        self.assertGreaterEqual(uid_next, before[1])
        self.assertGreaterEqual(modseq, before[2])
        self.assertEqual(changes, [])


class MoveEngines(Case):
    def test_clients_go_on_after_a_copy_to_another_engine(self):
        # Without a cluster the other store is of the same engine, with other shards and blobs.
        source = self.daemon({"store": ["engine = sqlite", "blobs = files", "shards = 5"]})
        target = self.daemon({} if POSTGRESQL else {"store": ["shards = 3", "blobs = database"]},
                             certs=source.certs)
        copy = ("store", "copy", "--from", source.conf_path, "--to", target.conf_path)
        source.start()
        for u in (ALICE, BOB):
            source.user(u)
        for i in range(12):
            source.send([ALICE, BOB] if i % 3 else ALICE, message("m%d" % i, 60000 if i % 5 == 0 else 10))
        phone = Phone(source, ALICE, "PHONE0001")
        phone.sync()
        self.assertEqual(len(phone.items), 12)
        phone.c.set_read(phone.inbox, next(iter(phone.items)), True)
        desktop = Desktop(source, ALICE)
        before = desktop.select()
        subjects = desktop.subjects()
        desktop.close()
        # SQLite's lock keeps the copy away from a running server.
        r = source.ctl(*copy, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("another process", r.stderr)
        self.assertEqual(source.stop(), 0)

        out = source.ctl(*copy)
        self.assertIn("2 users", out)
        self.assertIn("copied and compared", out)
        r = source.ctl(*copy, check=False)
        self.assertIn("not empty", r.stderr)
        target.start()
        phone.move_to(target)
        desktop = Desktop(target, ALICE)
        self.assert_goes_on(phone, desktop, before)
        self.assertEqual(desktop.subjects(), subjects)
        target.send(ALICE, message("after the move"))
        self.assertEqual([i["subject"] for i in phone.sync()], ["after the move"])
        changes = desktop.do("NOOP")
        self.assertIn("* 13 EXISTS", changes)
        self.assertIn(before[1], desktop.subjects())  # the next UID, none is left out
        desktop.close()


class WholeServer(Case):
    def backup(self, g, *options):
        return g.ctl("backup", *options, self.dir)

    def restore(self, g):
        """Into a fresh store that takes the place of the lost one."""
        new = self.daemon(g.conf, certs=g.certs)
        g.ctl("restore", self.dir, "--conf", new.conf_path)
        new.start()
        return new

    def load(self, g, stop, sent):
        """Sends until the end, noting what was acknowledged."""
        n = 0
        with g.smtp() as s:
            while not stop.is_set() or n < 30:
                n += 1
                subject = "load%d" % n
                s.sendmail("x@example.org", [ALICE, BOB], message(subject, 50000 if n % 10 == 0 else 10))
                sent.append(subject)

    def test_backup_under_load_then_kill_then_restore(self):
        g = self.daemon().start()
        for u in (ALICE, BOB):
            g.user(u)
        phone = Phone(g, ALICE, "PHONE0001")
        stop, sent = threading.Event(), []
        thread = threading.Thread(target=self.load, args=(g, stop, sent))
        thread.start()
        wait_until("some mail", lambda: len(sent) > 3)
        self.assertIn("full", self.backup(g))
        phone.sync()
        self.assertIn("increment", self.backup(g))
        stop.set()
        thread.join()
        phone.sync()
        self.assertEqual(sorted(phone.items.values()), sorted(sent))
        desktop = Desktop(g, ALICE)
        before = desktop.select()
        subjects = desktop.subjects()
        desktop.close()
        self.backup(g)
        self.assertIn(": ok", g.ctl("backup", "verify", self.dir))
        self.assertEqual(len(g.ctl("backup", "list", self.dir).splitlines()), 3)

        # Nothing newer is lost: all go on.
        g.kill9()
        g2 = self.restore(g)
        phone.move_to(g2)
        desktop = Desktop(g2, ALICE)
        self.assert_goes_on(phone, desktop, before)
        self.assertEqual(desktop.subjects(), subjects)
        desktop.close()
        g2.send([ALICE, BOB], message("after the restore"))
        self.assertEqual([i["subject"] for i in phone.sync()], ["after the restore"])
        g2.ctl("store", "check")

        # Now something is: mail, a flag, that phone and desktop have seen.
        other = Phone(g2, BOB, "PHONE0002")
        other.sync()
        self.assertIn("full", self.backup(g2))  # another store begins another chain
        for i in range(3):
            g2.send(ALICE, message("lost%d" % i))
        self.assertEqual(len(phone.sync()), 3)
        phone.c.set_read(phone.inbox, next(k for k, v in phone.items.items() if v == "load1"), True)
        desktop = Desktop(g2, ALICE)
        lost = desktop.select()
        lost_uids = {u for u, s in desktop.subjects().items() if s.startswith("lost")}
        self.assertEqual(len(lost_uids), 3)
        desktop.close()
        g2.kill9()
        g3 = self.restore(g2)
        phone.move_to(g3)
        # What it remembers cannot be right: it is told to start over, by the short request too.
        tree = phone.c.sync_raw()
        self.assertEqual(tree.text("AirSync:Status"), "13")
        with self.assertRaises(EasError) as e:
            phone.sync()
        self.assertEqual(e.exception.status, 3)
        phone.start_over()
        self.assertNotIn("lost0", phone.items.values())
        self.assertEqual(sorted(phone.items.values()), sorted(sent + ["after the restore"]))
        # So is the desktop: every message anew, and what it has too many is gone.
        desktop = Desktop(g3, ALICE)
        validity, uid_next, modseq, changes = desktop.select((lost[0], lost[2]))
        self.assertEqual(validity, lost[0])
        self.assertGreater(modseq, lost[2])
        self.assertGreater(uid_next, max(lost_uids))
        told = {int(re.search(r"UID (\d+)", l).group(1)) for l in changes if "FETCH" in l}
        now = desktop.subjects()
        self.assertEqual(told, set(now))
        gone = next(l for l in changes if "VANISHED (EARLIER)" in l).split()[-1]
        ranges = [tuple(map(int, (r.split(":") * 2)[:2])) for r in gone.split(",")]
        for uid in lost_uids:
            self.assertTrue(any(lo <= uid <= hi for lo, hi in ranges), "%d in %s" % (uid, gone))
        # By CONDSTORE alone it hears of all as well, and may change nothing by old knowledge.
        flags = desktop.do("FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % lost[2])
        self.assertEqual(len([l for l in flags if "FETCH" in l]), len(now))
        # Bob's phone had seen nothing of it.
        other.move_to(g3)
        self.assertEqual(other.sync(), [])
        # No UID comes twice.
        g3.send([ALICE, BOB], message("and on"))
        desktop.do("NOOP")
        new = {u for u, s in desktop.subjects().items() if s == "and on"}
        self.assertEqual(len(new), 1)
        self.assertGreater(min(new), max(lost_uids))
        self.assertEqual([i["subject"] for i in phone.sync()], ["and on"])
        self.assertEqual([i["subject"] for i in other.sync()], ["and on"])
        desktop.close()


class OneUser(GodwitTest):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="godwit-e2e-backup-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def test_a_user_is_restored_while_the_server_runs(self):
        g = self.g
        for u in (ALICE, BOB):
            g.user(u)
            for i in range(5):
                g.send(u, message("m%d" % i, 40000 if i == 2 else 10))
        phone, other = Phone(g, ALICE, "PHONE0001"), Phone(g, BOB, "PHONE0002")
        phone.sync()
        other.sync()
        g.ctl("backup", self.dir)
        r = g.ctl("restore", self.dir, "--user", ALICE)
        self.assertIn("nothing was changed", r)
        self.assertEqual(phone.sync(), [])

        desktop, idle = Desktop(g, ALICE), Desktop(g, ALICE)
        first = desktop.select()
        idle.select()
        idle.sock.sendall(b"i IDLE\r\n")
        self.assertTrue(idle.file.readline().startswith(b"+"))
        desktop.do("STORE 1:4 +FLAGS (\\Deleted)")
        desktop.do("EXPUNGE")
        self.assertEqual(len(desktop.subjects()), 1)
        g.send(ALICE, message("newer"))
        self.assertIn("is restored", g.ctl("restore", self.dir, "--user", ALICE.upper()))
        # Whoever has the folder open sees that it is another; a new session sees it whole.
        with self.assertRaises(EOFError):
            while True:
                if b"BYE" in idle.file.readline():
                    raise EOFError
        desktop.close()
        desktop = Desktop(g, ALICE)
        now = desktop.select()
        self.assertEqual(now[0], first[0])
        self.assertEqual(sorted(desktop.subjects().values()), ["m%d" % i for i in range(5)])
        # The phone had seen nothing of the deletions: it goes on.
        self.assertEqual(phone.sync(), [])
        g.send([ALICE, BOB], message("after"))
        self.assertEqual([i["subject"] for i in phone.sync()], ["after"])
        self.assertEqual([i["subject"] for i in other.sync()], ["after"])

        g.ctl("user", "remove", ALICE)
        with self.assertRaises(Exception):
            g.imap(ALICE)
        r = g.ctl("restore", self.dir, "--user", "nobody@demo.test", check=False)
        self.assertIn("no user nobody@demo.test", r.stderr)
        g.ctl("restore", self.dir, "--user", ALICE)
        desktop = Desktop(g, ALICE)
        desktop.select()
        self.assertEqual(sorted(desktop.subjects().values()), ["m%d" % i for i in range(5)])
        desktop.close()

    def test_a_damaged_backup_touches_nothing(self):
        g = self.g
        g.user("carol@demo.test")
        g.send("carol@demo.test", message("kept"))
        g.ctl("backup", "--user", "carol@demo.test", self.dir)
        g.send("carol@demo.test", message("newer"))
        path, = (os.path.join(self.dir, "000001", n) for n in os.listdir(os.path.join(self.dir, "000001"))
                 if n.startswith("user-"))
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes((byte[0] ^ 1,)))
        r = g.ctl("backup", "verify", self.dir, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn(os.path.basename(path), r.stderr)
        r = g.ctl("restore", self.dir, "--user", "carol@demo.test", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr, "damaged|does not know")  # it may hit a name
        desktop = Desktop(g, "carol@demo.test")
        desktop.select()
        self.assertEqual(sorted(desktop.subjects().values()), ["kept", "newer"])
        desktop.close()


if __name__ == "__main__":
    unittest.main()
