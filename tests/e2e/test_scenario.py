# SPDX-License-Identifier: ISC
"""Two phones and a desktop edit one mailbox at random, answers are lost, the server is killed;
at the end all hold the same, nothing twice.

GODWIT_SEED and GODWIT_STEPS in the environment give other runs.
"""
import os
import random
import re
import unittest

from eas_client import EasError, Node
from harness import Godwit

STEPS = int(os.environ.get("GODWIT_STEPS", "400"))


class Phone:
    """Holds what it was told. A lost answer: the request was served, the phone never knew."""

    def __init__(self, g, user, device, version, rng):
        self.c = g.eas(user, device, version=version)
        self.rng = rng
        self.c.options()
        self.c.provision()
        self.inbox = next(f for f in self.c.foldersync() if f["type"] == 2)["id"]
        self.c.sync(self.inbox)
        self.items = {}
        self.outbox = []  # commands not known to be taken
        self.lost = 0
        self.twice = []

    def reconnect(self, g):
        self.c.close()
        self.c.port = g.ports["https"]

    def take(self, items):
        for i in items:
            if i["deleted"]:
                self.items.pop(i["id"], None)
                continue
            if "subject" in i:
                if i["id"] in self.items and i["subject"] != self.items[i["id"]]["subject"]:
                    self.twice.append(i)
                self.items.setdefault(i["id"], {})["subject"] = i["subject"]
            if i["id"] in self.items:
                for key in ("read", "flagged"):
                    if key in i:
                        self.items[i["id"]][key] = i[key]

    def sync(self, lose=False, window=7):
        """One round; returns True when there is more."""
        request = self.c.sync_request(self.inbox, window=window, commands=self.outbox, deletes_as_moves=False)
        tree = self.c.sync_raw(request)
        if lose:
            self.lost += 1
            return True
        self.outbox = []
        items, more, responses = self.c.take(tree, self.inbox)
        self.take(items)
        return more

    def sync_all(self):
        while self.sync(window=50) or self.outbox:
            pass

    def edit(self):
        known = [i for i in self.items if not any(i == o.text("AirSync:ServerId") for o in self.outbox)]
        if not known:
            return
        item = self.rng.choice(sorted(known, key=lambda i: self.items[i]["subject"]))
        what = self.rng.choice(["read", "read", "delete"])
        if what == "delete":
            self.outbox.append(Node("AirSync:Delete", Node("AirSync:ServerId", item)))
            del self.items[item]
        else:
            on = not self.items[item].get("read", False)
            self.items[item]["read"] = on
            self.outbox.append(Node("AirSync:Change", Node("AirSync:ServerId", item), Node(
                "AirSync:ApplicationData", Node("Email:Read", "1" if on else "0"))))


class Desktop:
    def __init__(self, g, user, rng):
        self.user, self.rng = user, rng
        self.reconnect(g)

    def reconnect(self, g):
        self.m = g.imap(self.user)
        self.m.select("INBOX")

    def edit(self):
        self.m.noop()
        uids = self.m.uid("SEARCH", "ALL")[1][0].split()
        if not uids:
            return
        uid = self.rng.choice(uids)
        what = self.rng.choice(["+FLAGS (\\Seen)", "-FLAGS (\\Seen)", "+FLAGS (\\Flagged)", "-FLAGS (\\Flagged)", "delete"])
        if what == "delete":
            self.m.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
            self.m.expunge()
        else:
            self.m.uid("STORE", uid, *what.split(" ", 1))

    def state(self):
        self.m.noop()
        out = {}
        _, data = self.m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        for part in data:
            if isinstance(part, tuple):
                subject = re.search(rb"Subject: (\S+)", part[1]).group(1).decode()
                assert subject not in out, "%s is there twice" % subject
                out[subject] = (b"\\Seen" in part[0], b"\\Flagged" in part[0])
        return out


class Scenario(unittest.TestCase):
    def test_all_hold_the_same_at_the_end(self):
        seed = os.environ.get("GODWIT_SEED", "godwit")
        rng = random.Random(seed)
        g = Godwit({"log": ["level = info"]})
        try:
            g.start()
            user = g.user("alice@demo.test")
            phones = [Phone(g, user, "PHONEA", "16.1", rng), Phone(g, user, "PHONEB", "14.1", rng)]
            desktop = Desktop(g, user, rng)
            sent = kills = 0
            for step in range(STEPS):
                what = rng.random()
                if what < 0.25:
                    g.send(user, "Subject: m%d\r\n\r\nbody %d\r\n" % (sent, sent))
                    sent += 1
                elif what < 0.45:
                    desktop.edit()
                elif what < 0.65:
                    rng.choice(phones).edit()
                elif what < 0.95:
                    rng.choice(phones).sync(lose=rng.random() < 0.3)
                elif what < 0.96:
                    g.kill9()
                    g.start()
                    kills += 1
                    for p in phones:
                        p.reconnect(g)
                    desktop.reconnect(g)
                else:
                    phone = rng.choice(phones)
                    phone.c.foldersync("0")  # Gmail's pull-to-refresh: changes nothing
            # Twice, since what one says at the end the other must hear.
            for _ in range(2):
                for p in phones:
                    p.sync_all()
            want = desktop.state()
            for p in phones:
                have = {i["subject"]: (i.get("read", False), i.get("flagged", False)) for i in p.items.values()}
                self.assertEqual(len(have), len(p.items), "a subject twice")
                self.assertEqual(p.twice, [])
                self.assertEqual(have, want)
            lost = sum(p.lost for p in phones)
            self.assertGreater(lost, STEPS // 50)
            print("\n   %d steps: %d messages, %d left, %d lost answers, %d kills"
                  % (STEPS, sent, len(want), lost, kills))
            self.assertEqual(g.stop(), 0)
        finally:
            if g.process:
                g.kill9()
            g.remove()


if __name__ == "__main__":
    unittest.main()
