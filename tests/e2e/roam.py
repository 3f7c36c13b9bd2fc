# SPDX-License-Identifier: ISC
"""roam.py - clients that go on when their server goes: to another node, or by trying again.

    load = Load(cluster.nodes, users)     # or Load([g], users)
    load.start()
    ...                                   # nodes die, the database restarts
    load.stop()
    load.check()                          # what was acknowledged is there, exactly once

Each client remembers what it was told, and what it must never be told (to start over).
"""
import collections
import http.client
import imaplib
import itertools
import re
import smtplib
import threading

from eas_client import EasError
from harness import PATIENCE, wait_until

PAUSE = 0.1  # before a client that was sent away, or has lost its server, asks again
AWAY = (OSError, EOFError, http.client.HTTPException, smtplib.SMTPServerDisconnected,
        smtplib.SMTPConnectError, imaplib.IMAP4.abort)


class Wrong(Exception):
    """Something that no client may be told."""


class Client:
    """A thread with a server; run_once() does a bit of work."""

    def __init__(self, load, n):
        self.load, self.n = load, n
        self.node = load.nodes[n % len(load.nodes)]
        self.progress = 0
        self.refused = collections.Counter()  # "try again", by its words
        self.moves = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def next_node(self):
        """Another one that lives; the same when it is the only one."""
        nodes = self.load.alive()
        self.moves += 1
        return nodes[(self.n + self.moves) % len(nodes)]

    def run(self):
        while not self.stopping.is_set():
            try:
                self.run_once()
                self.progress += 1
            except AWAY as e:
                self.again(type(e).__name__)
                self.leave()
                self.node = self.next_node()
            except Exception as e:
                if not self.stopping.is_set():
                    self.load.errors.append("%s %d: %r" % (type(self).__name__, self.n, e))
                break
        self.leave()

    def again(self, words):
        if not self.stopping.is_set():
            self.refused[words] += 1
        self.stopping.wait(PAUSE)

    def leave(self):
        pass

    def stop(self):
        self.stopping.set()

    def has_ended(self):
        self.thread.join(0.05)
        return not self.thread.is_alive()


class Sender(Client):
    """Messages to some of the users. One that was not taken (4xx) is sent again; one of which
    nobody knows, since the server went, is not: that could double it."""

    def __init__(self, load, n):
        super().__init__(load, n)
        self.smtp = None
        self.count = itertools.count(1)
        self.pending = None

    def run_once(self):
        if self.smtp is None:
            self.smtp = smtplib.SMTP("127.0.0.1", self.node.ports["smtp"], timeout=PATIENCE)
        if self.pending is None:
            i = next(self.count)
            users = self.load.users
            to = [users[(self.n + i + k) % len(users)] for k in range(1 + i % 2)]
            self.pending = ("%s-%d-%d" % (self.load.name, self.n, i), to)
        token, to = self.pending
        body = "x" * (10, 5000, 60000)[len(token) % 3]
        self.load.tried.update((u, token) for u in to)
        try:
            self.smtp.sendmail("x@example.org", to, "Subject: %s\r\n\r\n%s\r\n" % (token, body))
        except smtplib.SMTPRecipientsRefused as e:
            self.sent_away(next(iter(e.recipients.values())))
            return
        except smtplib.SMTPResponseException as e:
            self.sent_away((e.smtp_code, e.smtp_error))
            return
        self.load.acked.update((u, token) for u in to)
        self.pending = None
        self.stopping.wait(0.02)

    def sent_away(self, answer):
        code, text = answer
        if code // 100 != 4:
            raise Wrong("SMTP %d %r" % (code, text))
        self.again("SMTP %d" % code)
        if self.smtp.sock is None:
            self.smtp = None

    def leave(self):
        smtp, self.smtp = self.smtp, None
        self.pending = None  # nobody knows
        if smtp:
            smtp.close()


class Phone(Client):
    """Syncs its inbox, waits by Ping, marks as read what it gets; keeps its keys wherever it is."""

    def __init__(self, load, n):
        super().__init__(load, n)
        self.user = load.users[n % len(load.users)]
        self.eas = None
        self.items = {}   # id -> subject
        self.read = set()  # ids with a Status 1
        self.to_read = []

    def run_once(self):
        if self.eas is None:
            self.eas = self.node.eas(self.user, "ROAM%04d" % self.n)
            self.inbox = None
        self.eas.port = self.node.ports["https"]
        try:
            self.work()
        except EasError as e:
            if e.http != 503:
                raise Wrong("EAS HTTP %s status %s: %s" % (e.http, e.status, e))
            self.again("HTTP 503")

    def work(self):
        if self.inbox is None:
            self.eas.provision()
            self.inbox = next(f for f in self.eas.foldersync("0") if f["type"] == 2)["id"]
        if self.inbox not in self.eas.sync_keys:
            self.eas.sync(self.inbox)
        self.sync()
        if not self.to_read:
            status, _ = self.eas.ping([self.inbox], 600)
            if status not in (1, 2):
                raise Wrong("Ping: Status %s" % status)

    def sync(self):
        more = True
        while more:
            got, more, _ = self.eas.sync(self.inbox, window=20, options=False)
            for item in got:
                self.take(item)
        if self.to_read:
            responses = self.eas.set_read(self.inbox, self.to_read[0], True)
            if responses:
                raise Wrong("a Change was refused: %r" % responses)
            self.read.add(self.to_read.pop(0))

    def take(self, item):
        if item["deleted"]:
            raise Wrong("%s was deleted" % item["id"])
        if "subject" not in item:
            return  # a change
        if item["id"] in self.items:
            raise Wrong("%s was added twice" % item["id"])
        self.items[item["id"]] = item["subject"]
        if len(self.items) % 3 == 0:
            self.to_read.append(item["id"])

    def leave(self):
        if self.eas:
            self.eas.close()

    def has_ended(self):
        self.leave()  # it may wait in a Ping
        return super().has_ended()


class Desktop(Client):
    """Sets a keyword on what it finds; an OK must survive. Its mailbox must stay the same one."""

    def __init__(self, load, n):
        super().__init__(load, n)
        self.user = load.users[n % len(load.users)]
        self.m = None
        self.kept = set()  # UIDs with an OK
        self.validity = None
        self.modseq = 0
        self.known = {}  # uid -> modseq

    def response(self, name):
        return self.m.response(name)[1][0]

    def connect(self):
        m = self.node.imap(self.user)
        ok, data = m.select("INBOX (CONDSTORE)")
        if ok != "OK":
            m.shutdown()
            raise imaplib.IMAP4.error(data[0].decode())
        self.m = m
        validity = self.response("UIDVALIDITY")
        if self.validity not in (None, validity):
            raise Wrong("UIDVALIDITY was %r and is %r" % (self.validity, validity))
        self.validity = validity
        highest = int(self.response("HIGHESTMODSEQ"))
        if highest < self.modseq:
            raise Wrong("HIGHESTMODSEQ was %d and is %d" % (self.modseq, highest))

    def ok(self, answer):
        kind, data = answer
        if kind == "OK":
            return data
        text = b" ".join(d for d in data if d)
        if b"[UNAVAILABLE]" not in text:
            raise Wrong("IMAP %s %r" % (kind, text))
        raise imaplib.IMAP4.error(text.decode())

    def run_once(self):
        try:
            if self.m is None:
                self.connect()
            self.work()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as e:
            if "[UNAVAILABLE]" not in str(e):
                raise Wrong("IMAP: %s" % e)
            self.again("IMAP NO [UNAVAILABLE]")

    def fetch(self, uids, what):
        self.m.response("FETCH")  # told of themselves, and of our own changes
        told = []
        for line in self.ok(self.m.uid("FETCH", uids, what)):
            m = line and re.search(rb"UID (\d+).* MODSEQ \((\d+)\)", line)
            if line and not m:
                raise Wrong("no UID or MODSEQ: %r" % line)
            if m:
                self.known[int(m.group(1))] = int(m.group(2))
                told.append(int(m.group(2)))
        return told

    def work(self):
        self.ok(self.m.noop())
        # What is new, and what has changed: a change may be younger than a message that the
        # session does not know yet.
        self.fetch("%d:*" % (max(self.known, default=0) + 1), "(FLAGS MODSEQ)")
        changed = self.fetch("1:*", "(FLAGS) (CHANGEDSINCE %d)" % max(self.modseq, 1))
        self.modseq = max([self.modseq, *changed])
        for uid in [u for u in self.known if u not in self.kept][:3]:
            self.ok(self.m.uid("STORE", str(uid), "+FLAGS", "(kept)"))
            self.kept.add(uid)
        self.stopping.wait(0.02)

    def leave(self):
        m, self.m = self.m, None
        if m:
            try:
                m.shutdown()
            except (OSError, imaplib.IMAP4.error):
                pass


class Load:
    def __init__(self, nodes, users, name="t", senders=3):
        self.nodes, self.users, self.name = nodes, users, name
        self.dead = set()
        self.acked, self.tried = set(), set()
        self.errors = []
        self.senders = [Sender(self, n) for n in range(senders)]
        self.phones = [Phone(self, n) for n in range(len(users))]
        self.desktops = [Desktop(self, n) for n in range(len(users))]
        self.clients = self.senders + self.phones + self.desktops

    def alive(self):
        return [n for n in self.nodes if n not in self.dead]

    def start(self):
        for c in self.clients:
            c.thread.start()
        return self

    def no_errors(self):
        if self.errors:
            raise AssertionError("\n".join(self.errors))

    def wait_progress(self, n, clients=None):
        """Until each of the clients has got n steps further."""
        clients = self.clients if clients is None else clients
        want = {c: c.progress + n for c in clients}

        def done():
            self.no_errors()
            return all(c.progress >= w for c, w in want.items())
        wait_until("the clients to get on", done)

    def kill(self, node):
        """The power cut of one node."""
        self.dead.add(node)
        node.kill9()

    def stop(self):
        """Senders first; then the phones and desktops get what is there yet."""
        self.end(self.senders)
        boxes = {u: self.mailbox(self.alive()[0], u) for u in self.users}
        for p in self.phones:
            want = collections.Counter(s for s, _ in boxes[p.user].values())
            wait_until("phone %d to have all" % p.n, lambda: self.errors or (
                collections.Counter(p.items.values()) == want and not p.to_read))
        for d in self.desktops:
            wait_until("desktop %d to have all" % d.n,
                       lambda: self.errors or d.kept == set(boxes[d.user]))
        self.end(self.phones + self.desktops)
        self.no_errors()

    def abandon(self):
        """After a failure."""
        self.end(self.clients)

    @staticmethod
    def end(clients):
        for c in clients:
            c.stop()
        for c in clients:
            wait_until("%s %d to end" % (type(c).__name__, c.n), lambda: c.has_ended())

    @staticmethod
    def mailbox(g, user):
        """uid -> (subject, flags)"""
        m = g.imap(user)
        m.select("INBOX", readonly=True)
        found = {}
        _, data = m.fetch("1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        for part in data:
            if isinstance(part, tuple):
                uid = int(re.search(rb"UID (\d+)", part[0]).group(1))
                flags = re.search(rb"FLAGS \(([^)]*)\)", part[0]).group(1)
                found[uid] = (part[1].split(b":", 1)[1].strip().decode(), flags)
        m.logout()
        return found

    def check(self):
        """Of every user: what had its 250 once, nothing twice, nothing that nobody sent; what was
        changed with an OK is so. Returns how many deliveries were acknowledged."""
        g = self.alive()[0]
        for user in self.users:
            box = self.mailbox(g, user)
            count = collections.Counter(s for s, _ in box.values())
            for u, token in self.acked:
                if u == user and count[token] != 1:
                    raise AssertionError("%s had its 250 and is there %d times for %s"
                                         % (token, count[token], user))
            for token, n in count.items():
                if n != 1 or (user, token) not in self.tried:
                    raise AssertionError("%s is there %d times for %s" % (token, n, user))
            for p in self.phones:
                if p.user == user:
                    for number in p.read:
                        flags = box[int(number.split(":")[1])][1]
                        if b"\\Seen" not in flags:
                            raise AssertionError("%s was read: %r" % (number, flags))
            for d in self.desktops:
                if d.user == user:
                    for uid in d.kept:
                        if b"kept" not in box[uid][1]:
                            raise AssertionError("%d was kept: %r" % (uid, box[uid][1]))
        return len(self.acked)
