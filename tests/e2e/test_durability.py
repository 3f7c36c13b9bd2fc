# SPDX-License-Identifier: ISC
"""What was acknowledged is there: after kill -9 at any moment, exactly once."""
import collections
import imaplib
import os
import random
import re
import smtplib
import subprocess
import threading
import time
import unittest

from harness import PASSWORD, PATIENCE, POSTGRESQL, Godwit, server_user, wait_until

ROUNDS = int(os.environ.get("GODWIT_KILLS", "50"))


class Load:
    """Sends and changes until the server goes away; remembers what was acknowledged."""

    def __init__(self, g, users, seed):
        self.g, self.users, self.seed = g, users, seed
        self.acked = collections.Counter()  # (user, token) -> 250s
        self.tried = set()
        self.flagged = {}  # (user, token) -> set of keywords with an OK
        self.stop = threading.Event()
        self.errors = []
        self.progress = 0

    def guard(self, fn, *args):
        try:
            fn(*args)
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            pass  # the kill
        except Exception as e:
            self.errors.append(repr(e))

    def sender(self, n):
        rng = random.Random("%s/%d" % (self.seed, n))
        with smtplib.SMTP("127.0.0.1", self.g.ports["smtp"], timeout=PATIENCE) as s:
            i = 0
            while not self.stop.is_set():
                i += 1
                token = "%s-%d-%d" % (self.seed, n, i)
                to = rng.sample(self.users, rng.randint(1, len(self.users)))
                # Some in the row, some in a blob file.
                body = "x" * rng.choice([10, 5000, 60000])
                for u in to:
                    self.tried.add((u, token))
                s.sendmail("x@example.org", to, "Subject: t\r\nX-Token: %s\r\n\r\n%s\r\n" % (token, body))
                for u in to:
                    self.acked[u, token] += 1
                self.progress += 1

    def desktop(self, user):
        """Sets a keyword on what it finds; an OK must survive."""
        m = self.g.imap(user)
        m.select("INBOX")
        n = 0
        while not self.stop.is_set():
            m.noop()
            _, data = m.uid("SEARCH", "UNKEYWORD", "kept")
            uids = data[0].split()
            for uid in uids[:5]:
                _, got = m.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
                token = re.search(rb"X-Token: (\S+)", got[0][1]).group(1).decode()
                if m.uid("STORE", uid, "+FLAGS", "(kept)")[0] == "OK":
                    self.flagged[user, token] = True
                    n += 1

    def run(self, kill_after):
        threads = [threading.Thread(target=self.guard, args=(self.sender, n)) for n in range(3)]
        threads += [threading.Thread(target=self.guard, args=(self.desktop, self.users[0]))]
        for t in threads:
            t.start()
        time.sleep(kill_after)  # the moment of the power cut, at random
        self.g.kill9()
        self.stop.set()
        for t in threads:
            t.join(PATIENCE)


def mailbox(g, user):
    """token -> (count, has the keyword)"""
    m = g.imap(user)
    m.select("INBOX", readonly=True)
    found = collections.Counter()
    kept = set()
    _, data = m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
    for part in data:
        if not isinstance(part, tuple):
            continue
        token = re.search(rb"X-Token: (\S+)", part[1]).group(1).decode()
        found[token] += 1
        if b"kept" in part[0]:
            kept.add(token)
    m.logout()
    return found, kept


class Kill(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_doubled(self):
        seed = os.environ.get("GODWIT_SEED", "godwit")
        rng = random.Random(seed)
        g = Godwit({"log": ["level = warn"]})
        users = ["u%d@demo.test" % i for i in range(4)]
        acked, tried, flagged = collections.Counter(), set(), {}
        rounds_with_work = 0
        try:
            g.start()
            for u in users:
                g.user(u)
            for n in range(ROUNDS):
                load = Load(g, users, "%s%d" % (seed, n))
                load.run(rng.uniform(0.05, 0.6))
                self.assertEqual(load.errors, [])
                rounds_with_work += load.progress > 0
                acked.update(load.acked)
                tried |= load.tried
                flagged.update(load.flagged)
                g.start()
            for u in users:
                found, kept = mailbox(g, u)
                for (user, token), n in acked.items():
                    if user == u:
                        self.assertEqual(found[token], 1, "%s of %s had its 250" % (token, u))
                for token, n in found.items():
                    self.assertEqual(n, 1, "%s is there %d times" % (token, n))
                    self.assertIn((u, token), tried)
                for (user, token) in flagged:
                    if user == u:
                        self.assertIn(token, kept, "the keyword on %s had its OK" % token)
            g.ctl("store", "check")
            self.assertGreater(rounds_with_work, ROUNDS // 2, "the load must have done something")
            self.assertEqual(g.stop(), 0)
            print("\n   %d kills, %d acknowledged deliveries, %d acknowledged flag changes"
                  % (ROUNDS, len(acked), len(flagged)))
        finally:
            if g.process:
                g.kill9()
            g.remove()


class Strace(unittest.TestCase):
    """The system calls of a delivery: the data's sync comes before the 250."""

    def trace(self, size):
        if POSTGRESQL:
            self.skipTest("looks at files of the embedded engine")
        # The sandbox refuses ptrace from inside only; strace is outside. ASan's build and
        # strace do well together, its leak check at the end does not: leaks are off here.
        g = Godwit({"server": ["sandbox = false"]})
        path = os.path.join(g.folder, "trace")
        os.environ["ASAN_OPTIONS"], before = "detect_leaks=0", os.environ.get("ASAN_OPTIONS", "")
        try:
            g.start(wrapper=["strace", "-f", "-qq", "-y", "-s", "64", "-o", path, "-e",
                             "trace=fsync,fdatasync,write,writev,sendto,sendmsg,pwrite64,rename,renameat2"])
            g.user("alice@demo.test")
            with open(path) as f:
                skip = len(f.read())
            g.send("alice@demo.test", "Subject: x\r\n\r\n%s\r\n" % ("y" * 70 + "\r\n") * (size // 72))
            g.stop()
            with open(path) as f:
                return f.read()[skip:].splitlines()
        finally:
            os.environ["ASAN_OPTIONS"] = before
            if g.process:
                g.kill9()
            g.remove()

    def look(self, lines):
        """Index of the 250 to DATA, and the syncs and data writes before it."""
        ok = [i for i, l in enumerate(lines) if re.search(r'"250 2\.[06]\.0', l)]
        # MAIL and RCPT have 2.1.x codes; the one with 2.0.0 or 2.6.0 is DATA's (and RSET's, none here).
        self.assertTrue(ok, "no 250 seen:\n" + "\n".join(l for l in lines if "250" in l)[:2000])
        before = lines[:ok[0]]
        syncs = [l for l in before if re.search(r"\b(fsync|fdatasync)\(", l) and "= 0" in l or "resumed" in l and "sync" in l]
        return ok[0], before, syncs

    def test_the_sync_comes_before_the_250_for_a_small_message(self):
        lines = self.trace(2000)
        at, before, syncs = self.look(lines)
        wal = [i for i, l in enumerate(before) if "-wal" in l and re.search(r"(fsync|fdatasync)", l)]
        data = [i for i, l in enumerate(before) if "-wal" in l and "pwrite64" in l]
        self.assertTrue(data and wal, "the row goes to the WAL and the WAL is synced")
        self.assertGreater(wal[-1], data[-1], "nothing is written behind the last sync")

    def test_a_blob_is_synced_before_its_row_and_before_the_250(self):
        lines = self.trace(400000)
        at, before, syncs = self.look(lines)
        blob = [i for i, l in enumerate(before) if "/blobs/" in l and re.search(r"(fsync|fdatasync)", l)]
        wal = [i for i, l in enumerate(before) if "-wal" in l and re.search(r"(fsync|fdatasync)", l)]
        self.assertTrue(blob, "the blob file is synced")
        self.assertTrue(wal and wal[-1] > blob[0], "its row is synced after it")


if __name__ == "__main__":
    unittest.main()
