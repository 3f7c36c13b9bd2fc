# SPDX-License-Identifier: ISC
"""Two phones, at 16.1 and at 14.1, and a desktop by IMAP edit one account at random: mail, drafts, folders, contacts,
events, tasks, notes. Connections are closed before the answer is read, clients come again, the server is killed; at the end all hold
the same, nothing twice. tests/unit/test_eas_scenario.c does so without sockets, with series and their instances:
docs/internals/scenario.md.

GODWIT_SEED and GODWIT_STEPS in the environment give other runs.
"""
import contextlib
import email
import functools
import imaplib
import os
import random
import re
import unittest

from eas_client import EasError, Lost, Node
from harness import Godwit, wait_until

STEPS = int(os.environ.get("GODWIT_STEPS", "800"))
CRASH = 2000  # steps between two of them
INBOX, DRAFTS, TRASH, SENT, TASKS, CALENDAR, CONTACTS, NOTES, MAIL = 2, 3, 4, 5, 7, 8, 9, 10, 12
KINDS = {13: CALENDAR, 14: CONTACTS, 15: TASKS, 17: NOTES}
TITLES = {CONTACTS: "Contacts:FirstName", CALENDAR: "Calendar:Subject", TASKS: "Tasks:Subject", NOTES: "Notes:Subject"}


def body(text):
    return Node("AirSyncBase:Body", Node("AirSyncBase:Type", "1"), Node("AirSyncBase:Data", text))


def pim_data(kind, title, value):
    """The whole item, as a Change of 16.1 must be; an empty LastName is named for 14.1, where what is not named stays."""
    out = [Node(TITLES[kind], title)]
    out.append(Node("Contacts:LastName", *([value] if value else [])) if kind == CONTACTS else body(value))
    if kind == CALENDAR:
        out += [Node("Calendar:StartTime", "20991123T080000Z"), Node("Calendar:EndTime", "20991123T090000Z")]
    return out


def pim_item(kind, data, was):
    """A Body without Data says nothing: MS-ASCMD 2.2.3.24."""
    if kind == CONTACTS:
        value = data.text("Contacts:LastName") or ""
    else:
        node = data.find("AirSyncBase:Body/AirSyncBase:Data")
        value = was.get("value", "") if node is None else node.value or ""
    return {"title": data.text(TITLES[kind]), "value": value}


def unique(titles):
    twice = sorted(t for t in set(titles) if titles.count(t) > 1)
    if twice:
        raise AssertionError("there twice: %s" % twice)
    return set(titles)


class Phone:
    """Holds what it was told. After a lost answer it says the same again."""

    def __init__(self, g, user, device, version, rng):
        self.c = g.eas(user, device, version=version)
        self.version, self.rng = float(version), rng
        self.items, self.outbox, self.kinds = {}, {}, {}
        self.open = None  # a request beside Sync that has to be said again
        self.lost = self.reconnects = 0
        self.made = set()
        self.sent = set()
        self.c.options()
        self.c.provision()
        self.folders()

    def reconnect(self, g):
        self.c.close()
        self.c.port = g.ports["https"]
        self.reconnects += 1

    @contextlib.contextmanager
    def line(self, lose):
        """Within it a request; lose: no answer to it."""
        self.c.lose = lose
        try:
            yield
        except Lost:
            self.lost += 1
        finally:
            self.c.lose = False

    def folders(self, key=None, lose=False):
        with self.line(lose):
            try:
                self.c.foldersync(key)
            except EasError as e:
                if e.status != 9 or self.lost < 2:  # else it held a key of three answers before
                    raise
                self.c.foldersync("0")
            self.know_folders()

    def know_folders(self):
        self.kinds = {i: KINDS.get(f["type"], f["type"]) for i, f in self.c.folders.items()}
        for i in list(self.items):
            if i not in self.kinds:
                del self.items[i], self.outbox[i]
                self.c.sync_keys.pop(i, None)
        for i in self.kinds:
            self.items.setdefault(i, {})
            self.outbox.setdefault(i, [])

    def folder(self, *kinds):
        return self.rng.choice(sorted(i for i, k in self.kinds.items() if not kinds or k in kinds))

    def is_mail(self, folder):
        return self.kinds[folder] in (INBOX, DRAFTS, TRASH, SENT, MAIL)

    def take(self, folder, items):
        held = self.items[folder]
        for i in items:
            if i["deleted"]:
                held.pop(i["id"], None)
            elif not self.is_mail(folder):
                held[i["id"]] = pim_item(self.kinds[folder], i["node"], held.get(i["id"], {}))
            else:
                mail = held.setdefault(i["id"], {})
                if mail.get("title", i.get("subject")) != i.get("subject", mail.get("title")):
                    raise AssertionError("%s is two: %r, %r" % (i["id"], mail, i))
                mail.update({k: i[k] for k in ("read", "flagged") if k in i})
                if "subject" in i:
                    mail["title"] = i["subject"]
                if "body" in i:
                    mail["value"] = i["body"].decode().strip()

    def answered(self, folder, responses):
        """What was asked is done; an Add gets its id, a refused command is the server's to correct."""
        by_client = {r.text("AirSync:ClientId"): r for r in responses if r.tag == "AirSync:Add"}
        for command, item in self.outbox[folder]:
            if command.tag == "AirSync:Add":
                r = by_client[command.text("AirSync:ClientId")]
                if r.text("AirSync:Status") != "1":
                    raise AssertionError("Add: %r" % r)
                self.items[folder][r.text("AirSync:ServerId")] = item
                self.made.add(item["title"])
        for r in responses:
            if r.text("AirSync:Status") not in ("1", "7", "8"):
                raise AssertionError("%r" % r)
        self.outbox[folder] = []

    def sync(self, folder, lose=False, window=7):
        """One round; True when there is more."""
        first = folder not in self.c.sync_keys
        commands = [] if first else [c for c, _ in self.outbox[folder]]
        request = self.c.sync_request(folder, window=window, commands=commands, deletes_as_moves=False, truncation=None)
        with self.line(lose):
            tree = self.c.sync_raw(request)
            try:
                items, more, responses = self.c.take(tree, folder)
            except EasError as e:
                if e.status != 12:  # else somebody removed the folder
                    raise
                self.folders()
                return False
            if not first:
                self.answered(folder, responses)
            self.take(folder, items)
            return more or first
        return True

    def sync_whole(self, folder):
        while folder in self.kinds and (self.sync(folder, window=100) or self.outbox.get(folder)):
            pass

    def sync_all(self):
        self.retry()
        self.folders()
        for folder in list(self.kinds):
            self.sync_whole(folder)

    # -- requests that are said again before anything else --

    def ask(self, request, *args, lose=False):
        self.open = functools.partial(request, *args)
        self.retry(lose)

    def retry(self, lose=False):
        """False: the answer is lost again."""
        if self.open is None:
            return True
        with self.line(lose):
            self.open()
            self.open = None
        return self.open is None

    def move_item(self, item, source, target):
        status, new = self.c.move(item, source, target)
        if status == 3 and source in self.items and target in self.items:
            self.items[target][new] = self.items[source].pop(item)

    def edit_folder(self, command, *what):
        tag = "FolderHierarchy:"
        tree = self.c.command(command, Node(tag + command, Node(tag + "SyncKey", self.c.folder_key), *[
            Node(tag + name, value) for name, value in what]))
        if tree.text(tag + "Status") == "9" and self.lost > 1:
            self.folders("0")
        if tree.text(tag + "Status") != "1":
            return  # the name is taken, the folder gone: FolderSync says what is
        what = dict(what)
        self.c.folder_key = tree.text(tag + "SyncKey")
        if command == "FolderDelete":
            self.c.folders.pop(what["ServerId"], None)
        else:
            number = what.get("ServerId") or tree.text(tag + "ServerId")
            old = self.c.folders.get(number)
            self.c.folders[number] = {"id": number, "parent": what["ParentId"], "name": what["DisplayName"],
                                      "type": old["type"] if old else int(what["Type"])}
        self.know_folders()

    def send_mail(self, title):
        self.c.sendmail("From: alice@demo.test\r\nTo: bob@demo.test\r\nSubject: %s\r\n\r\nv%s" % (title, title),
                        save=True, client_id=title)
        self.sent.add(title)

    # -- the user --

    def known(self, folder):
        waiting = {c.text("AirSync:ServerId") for c, _ in self.outbox[folder]}
        return sorted((i for i in self.items[folder] if i not in waiting), key=lambda i: self.items[folder][i]["title"])

    def add(self, folder, title):
        kind, value = self.kinds[folder], "v0"
        item = {"title": title, "value": value}
        data = pim_data(kind, title, value) if kind != DRAFTS else [
            Node("Email:To", "bob@example.org"), Node("Email:Subject", title), body(value)]
        if kind == DRAFTS:
            item.update(read=True, flagged=False)
        self.outbox[folder].append((Node("AirSync:Add", Node("AirSync:ClientId", title),
                                         Node("AirSync:ApplicationData", *data)), item))

    def change(self, folder, item, value):
        held = self.items[folder][item]
        if not self.is_mail(folder):
            held["value"] = value
            data = pim_data(self.kinds[folder], held["title"], value)
        elif self.kinds[folder] == DRAFTS and self.version >= 16 and self.rng.random() < 0.5:
            held["value"] = value
            data = [Node("Email:To", "bob@example.org"), Node("Email:Subject", held["title"]), body(value)]
        elif self.rng.random() < 0.5:
            held["read"] = not held.get("read", False)
            data = [Node("Email:Read", "1" if held["read"] else "0")]
        else:
            held["flagged"] = not held.get("flagged", False)
            data = [Node("Email:Flag", *([Node("Email:Status", "2")] if held["flagged"] else []))]
        self.outbox[folder].append((Node("AirSync:Change", Node("AirSync:ServerId", item),
                                         Node("AirSync:ApplicationData", *data)), None))

    def edit(self, step, gone):
        folder = self.folder()
        what, known = self.rng.random(), self.known(folder)
        can_add = folder in self.c.sync_keys and (
            not self.is_mail(folder) or self.kinds[folder] == DRAFTS and self.version >= 16)
        if can_add and (what < 0.4 or not known):
            self.add(folder, "p%d" % step)
        elif known and what < 0.85:
            self.change(folder, self.rng.choice(known), "v%d" % step if self.rng.random() < 0.8 else "")
        elif known and self.kinds[folder] != SENT:
            item = self.rng.choice(known)
            gone.add(self.items[folder].pop(item)["title"])
            self.outbox[folder].append((Node("AirSync:Delete", Node("AirSync:ServerId", item)), None))

    def move(self, lose):
        source, target = self.folder(INBOX, MAIL), self.folder(INBOX, MAIL)
        known = self.known(source)
        if source != target and known and not self.outbox[source] and target in self.c.sync_keys:
            self.ask(self.move_item, self.rng.choice(known), source, target, lose=lose)

    def arrange(self, step, gone, lose):
        """Its own folders, of any class."""
        mine = sorted(i for i, f in self.c.folders.items() if f["name"].startswith("g"))
        what, folder = self.rng.random(), self.rng.choice(mine) if mine else None
        if len(mine) < 4 and (what < 0.6 or not mine):
            self.ask(self.edit_folder, "FolderCreate", ("ParentId", "0"), ("DisplayName", "g%d" % step),
                     ("Type", self.rng.choice(["12", "13", "14", "15", "17"])), lose=lose)
        elif what < 0.85:
            self.ask(self.edit_folder, "FolderUpdate", ("ServerId", folder), ("ParentId", "0"),
                     ("DisplayName", "g%d" % step), lose=lose)
        else:
            self.sync_whole(folder)  # to know what goes with it
            if folder in self.kinds:
                gone.update(i["title"] for i in self.items[folder].values())
                self.ask(self.edit_folder, "FolderDelete", ("ServerId", folder), lose=lose)

    def state(self):
        """{folder: {title: what it is}}"""
        out = {}
        for folder, items in self.items.items():
            unique([i["title"] for i in items.values()])
            out[folder] = {i["title"]: (i.get("read", False), i.get("flagged", False), i.get("value"))
                           for i in items.values()}
        return out


class Desktop:
    """IMAP: mail, drafts and folders."""

    def __init__(self, g, user, rng):
        self.user, self.rng, self.m = user, rng, None
        self.reconnect(g)

    def reconnect(self, g):
        if self.m:
            with contextlib.suppress(OSError):
                self.m.shutdown()  # no LOGOUT
        self.m = g.imap(self.user)

    def do(self, g, action, *args):
        """What action returns. It is told BYE when somebody removes the folder it has selected, and comes again."""
        try:
            return action(*args)
        except imaplib.IMAP4.abort as e:
            if "selected mailbox was deleted" not in str(e):
                raise
        self.reconnect(g)
        return action(*args)

    def names(self):
        out = [re.search(rb'"?([^" ]+)"?$', line).group(1).decode() for line in self.m.list()[1]]
        return sorted(n for n in out if n not in ("Sent", "Outbox"))

    def edit(self, step, gone):
        name = self.rng.choice([n for n in self.names() if n != "Drafts"])
        if self.m.select(name)[0] != "OK":
            return
        uids = self.m.uid("SEARCH", "ALL")[1][0].split()
        if not uids:
            return
        uid = self.rng.choice(uids)
        what = self.rng.choice(["+FLAGS (\\Seen)", "-FLAGS (\\Seen)", "+FLAGS (\\Flagged)", "-FLAGS (\\Flagged)", "delete",
                                "move"])
        if what == "delete":
            gone.update(self.titles(uid))
            self.m.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
            self.m.expunge()
        elif what == "move":
            self.m.uid("MOVE", uid, self.rng.choice(["INBOX", "Trash", "Junk"]))
        else:
            self.m.uid("STORE", uid, *what.split(" ", 1))

    def titles(self, uids):
        data = self.m.uid("FETCH", uids, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [re.search(rb"Subject: (\S+)", p[1]).group(1).decode() for p in data if isinstance(p, tuple)]

    def draft(self, step):
        self.m.append("Drafts", "(\\Draft \\Seen)", None, b"From: a@demo.test\r\nSubject: d%d\r\n\r\nv%d" % (step, step))

    def folder(self, step, gone):
        mine = [n for n in self.names() if n.startswith("f")]
        what = self.rng.random()
        if what < 0.5 or not mine:
            if len(mine) < 5:
                self.m.create("f%d" % step)
        elif what < 0.8:
            self.m.rename(self.rng.choice(mine), "f%d" % step)
        else:
            name = self.rng.choice(mine)
            if self.m.select(name)[0] == "OK":
                gone.update(self.titles("1:*") if self.m.uid("SEARCH", "ALL")[1][0] else ())
            self.m.select("INBOX")
            self.m.delete(name)

    def state(self):
        """{name: {title: what it is}}"""
        out = {}
        for name in self.names() + ["Sent"]:
            self.m.select(name, readonly=True)
            mails = []
            if self.m.uid("SEARCH", "ALL")[1][0]:
                for part in self.m.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]:
                    if isinstance(part, tuple):
                        mail = email.message_from_bytes(part[1])
                        mails.append((mail["Subject"], (b"\\Seen" in part[0], b"\\Flagged" in part[0],
                                                        mail.get_payload(decode=True).decode().strip())))
            unique([title for title, _ in mails])
            out[name] = dict(mails)
        return out


class Scenario(unittest.TestCase):
    def step(self, n, rng, g, user, phones, desktop, known):
        what, phone = rng.random(), rng.choice(phones)
        lose = rng.random() < 0.3
        if what < 0.12:
            g.send(user, "Subject: m%d\r\n\r\nbody %d\r\n" % (n, n))
            known["made"].add("m%d" % n)
        elif what < 0.26:
            desktop.do(g, desktop.edit, n, known["gone"])
        elif what < 0.28:
            desktop.do(g, desktop.names)  # what comes next must not be done twice
            desktop.draft(n)
            known["made"].add("d%d" % n)
        elif what < 0.31:
            desktop.do(g, desktop.folder, n, known["gone"])
        elif what < 0.32:
            desktop.reconnect(g)
        elif what < 0.34:
            phone.reconnect(g)
        elif phone.retry(lose):
            if what < 0.58:
                phone.edit(n, known["gone"])
            elif what < 0.61:
                phone.move(lose)
            elif what < 0.63:
                phone.arrange(n, known["gone"], lose)
            elif what < 0.64:
                known["gone"].add("s%d" % n)  # it is never gone, and counted by itself
                phone.ask(phone.send_mail, "s%d" % n, lose=lose)
            elif what < 0.66:
                phone.folders("0", lose)  # Gmail's pull-to-refresh: changes nothing
            elif what < 0.69:
                phone.folders(lose=lose)
            else:
                phone.sync(phone.folder(), lose)

    def crash(self, g, phones, desktop):
        """With requests of all phones under way."""
        for p in phones:
            p.sync(p.folder(), lose=True)
        g.kill9()
        g.start()
        desktop.reconnect(g)
        for p in phones:
            p.reconnect(g)

    def judge(self, g, user, phones, desktop, known, rng):
        # Twice, since what one says at the end the other must hear.
        for _ in range(2):
            for p in phones:
                p.sync_all()
        fresh = [Phone(g, user, "FRESH%g" % p.version, "%g" % p.version, rng) for p in phones]
        for p in fresh:
            p.sync_all()
        want = fresh[0].state()
        for p in phones + fresh[1:]:
            self.assertEqual(p.c.folders, fresh[0].c.folders)
            self.assertEqual(p.state(), want)
        folders = fresh[0].c.folders
        mail = {"INBOX" if folders[i]["type"] == INBOX else folders[i]["name"]: items
                for i, items in want.items() if fresh[0].is_mail(i)}
        self.assertEqual(desktop.do(g, desktop.state), mail)
        self.assertEqual(Desktop(g, user, rng).state(), mail)
        titles = unique([t for items in want.values() for t in items])
        made = known["made"].union(*[p.made for p in phones])
        self.assertEqual(made - known["gone"] - titles, set(), "something is lost")
        sent = set().union(*[p.sent for p in phones])
        self.assertEqual(set(mail["Sent"]), sent)
        bob = g.imap("bob@demo.test")
        wait_until("bob's mail", lambda: int(bob.select("INBOX")[1][0]) >= len(sent))
        if sent:
            data = bob.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            self.assertEqual(unique([p[1].split()[1].decode() for p in data if isinstance(p, tuple)]), sent)
        return len(titles)

    def test_all_hold_the_same_at_the_end(self):
        seed = os.environ.get("GODWIT_SEED", "godwit")
        rng = random.Random(seed)
        g = Godwit({"log": ["level = info"]})
        try:
            g.start()
            user = g.user("alice@demo.test")
            g.user("bob@demo.test")
            phones = [Phone(g, user, "PHONEA", "16.1", rng), Phone(g, user, "PHONEB", "14.1", rng)]
            desktop = Desktop(g, user, rng)
            known = {"made": set(), "gone": set()}
            kills = 0
            for n in range(STEPS):
                self.step(n, rng, g, user, phones, desktop, known)
                if n % CRASH == min(CRASH, STEPS) // 2:
                    self.crash(g, phones, desktop)
                    kills += 1
            left = self.judge(g, user, phones, desktop, known, rng)
            lost = sum(p.lost for p in phones)
            self.assertGreater(lost, STEPS // 50)
            self.assertGreater(kills, 0)
            print("\n   seed %s, %d steps: %d mails, %d items of the phones, %d sent, %d left, %d lost answers, "
                  "%d reconnects, %d kills" % (seed, STEPS, len(known["made"]), sum(len(p.made) for p in phones),
                                               sum(len(p.sent) for p in phones), left, lost,
                                               sum(p.reconnects for p in phones), kills))
            self.assertEqual(g.stop(), 0)
        finally:
            if g.process:
                g.kill9()
            g.remove()


if __name__ == "__main__":
    unittest.main()
