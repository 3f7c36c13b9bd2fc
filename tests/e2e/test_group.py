# SPDX-License-Identifier: ISC
"""One message to a large group: acknowledged once it is queued, given to each member exactly once
whatever happens, and to the phones that wait."""
import collections
import imaplib
import os
import random
import socket
import threading
import unittest
import urllib.parse

from harness import PASSWORD, PATIENCE, POSTGRESQL, Godwit, wait_until

MEMBERS = int(os.environ.get("GODWIT_GROUP", "200"))
KILLS = int(os.environ.get("GODWIT_GROUP_KILLS", "5"))

SLICE = 'event="smtp.group slice"'  # a line for each, written when it is settled


def make_group(g, n):
    """Users m0... and the groups low@, high@ (which overlap) within all@, by one connection."""
    names = ["m%d@demo.test" % i for i in range(n)]
    lines = ["domain add demo.test"]
    lines += ["user add %s %s" % (u, urllib.parse.quote(PASSWORD)) for u in names]
    lines += ["alias add low@demo.test " + u for u in names[:n * 2 // 3]]
    lines += ["alias add high@demo.test " + u for u in names[n // 3:]]
    lines += ["alias add all@demo.test low@demo.test", "alias add all@demo.test high@demo.test"]
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(g.control)
        f = s.makefile("rw")
        for line in lines:
            f.write(line + "\n")
            f.flush()
            answer = f.readline()
            if answer != "OK\n":
                raise AssertionError("%s: %s" % (line, answer))
    return names


def subjects(g, user):
    m = imaplib.IMAP4("127.0.0.1", g.ports["imap"], timeout=PATIENCE)
    m.login(user, PASSWORD)
    m.select("INBOX", readonly=True)
    _, data = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    m.logout()
    return collections.Counter(part[1].split(b":")[1].strip().decode() for part in data
                               if isinstance(part, tuple))


class Group(unittest.TestCase):
    def test_each_member_gets_it_once_through_kills(self):
        g = Godwit({"imap": ["plaintext_login = true"]})
        rng = random.Random(os.environ.get("GODWIT_SEED", "godwit"))
        try:
            g.start()
            members = make_group(g, MEMBERS)
            cuts, before = [], 0
            for n in range(KILLS):
                g.send("all@demo.test", "Subject: t%d\r\n\r\n%s\r\n" % (n, "x" * 6000))
                # The power cut: in the middle of the slices, or before the first.
                done = before + rng.randint(0, 2 if POSTGRESQL else 8)  # one shard there, 16 here
                wait_until("%d slices" % done, lambda: g.log().count(SLICE) >= done)
                g.kill9()
                done = g.log().count(SLICE)
                cuts.append(done - before)
                g.start()
                wait_until("the queue to be empty", lambda: not g.ctl("queue", "list"))
                before = g.log().count(SLICE)
            want = collections.Counter("t%d" % n for n in range(KILLS))
            for user in members:
                self.assertEqual(subjects(g, user), want, user)
            self.assertEqual(g.stop(), 0)
            print("\n   %d members, slices done at each kill: %s" % (MEMBERS, cuts))
        finally:
            if g.process:
                g.kill9()
            g.remove()

    def test_the_phones_of_all_members_wake(self):
        g = Godwit({"smtp": ["direct_max = 5"]})
        try:
            g.start()
            members = make_group(g, 20)
            pings = []
            for u in members:
                p = g.eas(u)
                self.addCleanup(p.close)
                p.options()
                p.provision()
                inbox = next(f for f in p.foldersync() if f["type"] == 2)["id"]
                p.sync_all(inbox)
                pings.append((p, inbox))
            answers = [None] * len(pings)

            def wait(i):
                p, inbox = pings[i]
                answers[i] = p.ping([inbox], 300)

            threads = [threading.Thread(target=wait, args=(i,)) for i in range(len(pings))]
            for t in threads:
                t.start()
            wait_until("all to wait", lambda: "activesync_waiting\t%d\n" % len(pings) in g.ctl("status"))
            g.send("all@demo.test", "Subject: wake\r\n\r\nup\r\n")
            for t in threads:
                t.join(PATIENCE)
            for a, (p, inbox) in zip(answers, pings):
                self.assertEqual(a, (2, [inbox]))
            self.assertEqual(g.stop(), 0)
        finally:
            if g.process:
                g.kill9()
            g.remove()


if __name__ == "__main__":
    unittest.main()
