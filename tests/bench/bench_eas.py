#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_eas.py - ActiveSync: what devices sync a second, beside SOGo, by one and the same client.

    first        an initial Sync of 1,000 mails (HTML of 32 KB at most, WindowSize 100) by one device, by eight at once
    empty        a Sync that finds nothing
    ping         a Ping set up behind mail: until it has looked at its folder and says so
    contacts     500 contacts added by one device, then until a second one has them
    crowd        200 devices of 200 users sync at once: the memory of all processes of the server

Our own client (tests/e2e/eas_client.py) by TLS; answers are taken as bytes and looked at after the clock was
stopped. CPU is that of all processes of the server. SOGo (its script: ../shared/bench/sogo_peer.sh beside the
repository, `install` first; root) is skipped with a sentence where it is not. Needs a release build:

    cmake --preset release && ninja -C build/release
    python3 tests/bench/bench_eas.py --rounds 3
    python3 tests/bench/bench_eas.py --mails 200 --crowd 20 --contacts 100 --rounds 1    # a minute
"""
import argparse
import base64
import contextlib
import json
import multiprocessing
import os
import random
import re
import smtplib
import ssl
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from bench_server import PASSWORD, Godwit, conf_with, cpu_s, make_users, pss_kb, raise_file_limit  # noqa: E402
from eas_client import EasClient, Node, decode, encode  # noqa: E402
from push_peers import SOGO, SOGO_PORTS, total, tree  # noqa: E402

fork = multiprocessing.get_context("fork")
CROWD_FROM = 21  # users below have the large mailboxes
KEY = re.compile(rb"\x4b\x03([^\0]+)\0\x01")


def say(text):
    print("eas: " + text, file=sys.stderr, flush=True)


# -- the mails: 20 KB each on the average, one in ten with more HTML than a device wants --

def words(rng, n):
    out, size = [], 0
    while size < n:
        w = rng.choice(("wader", "tide", "godwit", "count", "mud", "flat", "shore", "naïve", "the", "of", "and", "a"))
        out.append(w)
        size += len(w) + 1
    return " ".join(out)


def html(rng, n):
    rows = "".join('<p style="margin:0;font-size:14px">%s <a href="https://example.org/%d">more</a></p>\r\n'
                   % (words(rng, 160), rng.randrange(10 ** 6)) for _ in range(max(1, n // 240)))
    return "<html><head><style>p{color:#333}</style></head><body>%s</body></html>" % rows


def part(kind, text, encoding):
    data = text.encode()
    if encoding == "base64":
        body = base64.encodebytes(data).decode().replace("\n", "\r\n")
    elif encoding == "quoted-printable":
        import quopri
        body = quopri.encodestring(data).decode().replace("\r\n", "\n").replace("\n", "\r\n")
    else:
        body = text
    return "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n" % (kind, encoding, body)


def mail(i):
    rng = random.Random(i)
    head = ("From: Sender %d <s%d@example.org>\r\nTo: Somebody <x@bench.test>\r\nSubject: Report %d of the tide tables"
            "\r\nDate: Sat, 21 Nov 2026 10:%02d:%02d +0000\r\nMessage-ID: <b%d@example.org>\r\nMIME-Version: 1.0\r\n"
            % (i % 97, i % 97, i, i // 60 % 60, i % 60, i))
    kind = i % 10
    if kind < 4:
        inner = [part("text/plain", words(rng, 2000), "quoted-printable"), part("text/html", html(rng, 6000), "quoted-printable")]
        subtype = "alternative"
    elif kind < 6:
        return (head + part("text/html", html(rng, 8000), "8bit")).encode()
    elif kind < 7:
        return (head + part("text/html", html(rng, 60000), "base64")).encode()
    elif kind < 9:
        inner = [part("text/html", html(rng, 3000), "quoted-printable"),
                 "Content-Type: application/pdf; name=\"t.pdf\"\r\nContent-Disposition: attachment; filename=\"t.pdf\"\r\n"
                 "Content-Transfer-Encoding: base64\r\n\r\n"
                 + base64.encodebytes(rng.randbytes(20000)).decode().replace("\n", "\r\n")]
        subtype = "mixed"
    else:
        return (head + part("text/plain", words(rng, 3000), "8bit")).encode()
    return (head + "Content-Type: multipart/%s; boundary=b\r\n\r\n" % subtype
            + "".join("--b\r\n%s\r\n" % p for p in inner) + "--b--\r\n").encode()


# -- the servers --

class GodwitPeer:
    name = "godwit"
    password = PASSWORD

    def __init__(self, users):
        self.g = Godwit(conf_with({}))
        self.g.start()
        make_users(self.g, users, "u%03d@bench.test")
        self.ports, self.ca = self.g.ports, self.g.ca

    def login(self, n):
        return "u%03d@bench.test" % n

    def roots(self):
        return [self.g.process.pid]

    def lmtp(self):
        return smtplib.LMTP("127.0.0.1", self.ports["lmtp"])

    def stop(self):
        if self.g.process:
            self.g.stop()
        self.g.remove()


class SogoPeer:
    name = "sogo"
    password = "secret"

    def __init__(self, users, workers):
        self.env = dict(os.environ, WORKERS=str(workers), USERS=str(users))
        subprocess.run(["bash", SOGO, "reset"], env=self.env, check=True, stdout=subprocess.DEVNULL, timeout=600)
        self.ports = {"https": SOGO_PORTS["https"], "lmtp": SOGO_PORTS["smtp"]}
        self.ca = os.path.join(os.environ.get("B", os.path.join(os.environ.get("TMPDIR", "/tmp"), "sogo_peer")), "nginx", "cert.pem")

    def login(self, n):
        return "u%03d" % n

    def roots(self):
        r = subprocess.run(["bash", SOGO, "roots"], env=self.env, check=True, capture_output=True, text=True)
        return [int(pid) for pid in r.stdout.split(",")]

    def lmtp(self):
        return smtplib.LMTP("127.0.0.1", self.ports["lmtp"])

    def stop(self):
        subprocess.run(["bash", SOGO, "stop"], env=self.env, stdout=subprocess.DEVNULL, timeout=120, check=False)

    @staticmethod
    def missing():
        if os.geteuid() != 0:
            return "needs root"
        for p in (SOGO, "/usr/sbin/sogod", "/usr/sbin/dovecot", "/usr/sbin/nginx", "/usr/bin/memcached"):
            if not os.path.exists(p):
                return "there is no " + p
        return None


def hand_in(s, addresses, message):
    """By LMTP, which answers for each recipient; smtplib reads one answer alone."""
    s.ehlo_or_helo_if_needed()
    answers = [s.mail("bench@example.org")] + [s.rcpt(a) for a in addresses] + [s.docmd("DATA")]
    s.send(re.sub(rb"(?m)^\.", b"..", message).rstrip(b"\r\n") + b"\r\n.\r\n")
    answers += [s.getreply() for _ in addresses]
    bad = [a for a in answers if a[0] not in (250, 354)]
    if bad:
        raise RuntimeError("LMTP: %r" % bad)


def deliver(peer, mails, users):
    """Each of the mails to each of the users; 50 at a time, since a server takes no more in one transaction."""
    addresses = ["u%03d@bench.test" % u for u in users]
    with peer.lmtp() as s:
        for i in range(mails):
            message = mail(i)
            for k in range(0, len(addresses), 50):
                hand_in(s, addresses[k:k + 50], message)


class Cpu:
    """CPU seconds of all the server's processes, and the time, since it was made."""

    def __init__(self, peer):
        self.roots = peer.roots()
        self.cpu, self.begin = total(tree(self.roots), cpu_s), time.monotonic()

    def read(self):
        return total(tree(self.roots), cpu_s) - self.cpu, time.monotonic() - self.begin


# -- a device --

class Device(EasClient):
    def __init__(self, peer, user, name):
        super().__init__("localhost", peer.ports["https"], peer.login(user), peer.password, name, "14.1", cafile=peer.ca,
                         timeout=300)

    def _connection(self):
        # SOGo's certificate is its own issuer.
        context = ssl.create_default_context(cafile=self.cafile)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        import http.client
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)

    def set_up(self):
        self.options()
        self.foldersync()
        return self

    def of_type(self, kind):
        return next(f["id"] for f in self.folders.values() if f["type"] == kind)

    def form(self, folder, key, **kw):
        return encode(Node("AirSync:Sync", Node("AirSync:Collections", self.sync_request(folder, key=key, **kw))))

    def say(self, request):
        status, _, body = self.post("Sync", request)
        if status != 200:
            raise RuntimeError("Sync: HTTP %d" % status)
        return body

    def raw(self, folder, key, **kw):
        return self.say(self.form(folder, key, **kw))

    def raw_all(self, folder, **kw):
        """All of a folder from key 0: the answers as they came."""
        answers = [self.raw(folder, "0", **kw)]
        self.sync_keys[folder] = key_in(answers[-1])
        return answers + self.raw_more(folder, **kw)

    def raw_more(self, folder, **kw):
        """What there is since the last key."""
        answers, more = [], True
        while more:
            body = self.raw(folder, self.sync_keys[folder], **kw)
            if not body:
                break
            answers.append(body)
            self.sync_keys[folder] = key_in(body)
            head = body[KEY.search(body).end():]
            at = head.find(b"\x56")
            more = b"\x14" in (head[:at] if at >= 0 else head) or b"\x14" in body[-8:]
        return answers


def key_in(body):
    return KEY.search(body).group(1).decode()


def count(answers):
    """(items, bytes, the longest body) of Sync answers."""
    items = size = longest = 0
    for body in answers:
        size += len(body)
        for c in decode(body).find("AirSync:Collections").children:
            commands = c.find("AirSync:Commands")
            for n in commands.children if commands else []:
                items += n.tag == "AirSync:Add"
                longest = max(longest, len(n.data("AirSync:ApplicationData/AirSyncBase:Body/AirSyncBase:Data")))
    return items, size, longest


MAIL = {"window": 100, "body_type": 2, "truncation": 32768}


def run_device(peer, user, name, barrier, out):
    try:
        d = Device(peer, user, name).set_up()
        inbox = d.of_type(2)
        barrier.wait(300)
        begin = time.monotonic()
        answers = d.raw_all(inbox, **MAIL)
        end = time.monotonic()
        barrier.wait(900)  # what is looked at now takes nothing from those that still sync
        out.put((begin, end, *count(answers)))
    except BaseException as e:  # the parent waits for an answer
        out.put(repr(e))
        barrier.abort()


def first_syncs(peer, users, name):
    """Devices of these users at once, a process each: items a second of all together."""
    barrier, out = fork.Barrier(len(users) + 1), fork.Queue()
    processes = [fork.Process(target=run_device, args=(peer, u, "%s%03d" % (name, u), barrier, out)) for u in users]
    for p in processes:
        p.start()
    used = 0
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(300)
        cpu = Cpu(peer)
        barrier.wait(900)
        used, _ = cpu.read()
    rows = [out.get(timeout=900) for _ in processes]
    for p in processes:
        p.join()
    bad = [r for r in rows if isinstance(r, str)]
    if bad:
        raise RuntimeError("%s: %s" % (peer.name, bad[0]))
    items = sum(r[2] for r in rows)
    seconds = max(r[1] for r in rows) - min(r[0] for r in rows)
    return {"items_per_s": items / seconds, "items": items, "kb_each": sum(r[3] for r in rows) / items / 1024,
            "longest_body": max(r[4] for r in rows), "cpu_ms_each": used * 1000 / items}


def times(n, fn):
    out = []
    for _ in range(n):
        out.append(fn() * 1000)
    return statistics.median(out), sorted(out)[int(len(out) * 0.99)]


def empty_syncs(peer, user, name, n):
    d = Device(peer, user, name).set_up()
    inbox = d.of_type(2)
    d.raw_all(inbox, **MAIL)

    def once():
        begin = time.monotonic()
        body = d.raw(inbox, d.sync_keys[inbox], **MAIL)
        end = time.monotonic()
        if body:
            d.sync_keys[inbox] = key_in(body)
        return end - begin
    cpu = Cpu(peer)
    p50, p99 = times(n, once)
    used, _ = cpu.read()
    return {"p50_ms": p50, "p99_ms": p99, "cpu_ms_each": used * 1000 / n}


def pings(peer, user, name, n):
    d = Device(peer, user, name).set_up()
    inbox = d.of_type(2)
    d.raw_all(inbox, **MAIL)
    def once():
        deliver(peer, 1, [user])
        begin = time.monotonic()
        status, _ = d.ping([inbox], 600)
        end = time.monotonic()
        if status != 2:
            raise RuntimeError("Ping: Status %s" % status)
        d.raw_more(inbox, **MAIL)
        return end - begin
    deliver(peer, 1, [user])
    d.ping([inbox], 600)
    d.raw_more(inbox, **MAIL)
    p50, p99 = times(n, once)
    return {"p50_ms": p50, "p99_ms": p99}


def contact(i):
    return [Node("Contacts:FirstName", "First%d" % i), Node("Contacts:LastName", "Last%d" % i),
            Node("Contacts:FileAs", "Last%d, First%d" % (i, i)), Node("Contacts:Email1Address", "c%d@example.org" % i),
            Node("Contacts:MobilePhoneNumber", "+49 170 %07d" % i), Node("Contacts:CompanyName", "Waders & Sons"),
            Node("Contacts:BusinessAddressStreet", "Mole %d" % i), Node("Contacts:BusinessAddressCity", "Husum")]


def add_forms(d, folder, first, n, batch):
    """Requests for n Adds, but for the key."""
    return [d.form(folder, "@KEY@", commands=[
        Node("AirSync:Add", Node("AirSync:ClientId", "c%d" % i), Node("AirSync:ApplicationData", *contact(i)))
        for i in range(at, min(at + batch, first + n))]) for at in range(first, first + n, batch)]


def add_contacts(d, folder, forms):
    answers = []
    for form in forms:
        answers.append(d.say(form.replace(b"@KEY@", d.sync_keys[folder].encode())))
        d.sync_keys[folder] = key_in(answers[-1])
    return answers


def check_added(answers, n):
    good = 0
    for body in answers:
        responses = decode(body).find("AirSync:Collections/AirSync:Collection/AirSync:Responses")
        good += sum(r.text("AirSync:Status") == "1" for r in responses.children)
    if good != n:
        raise RuntimeError("%d of %d were added" % (good, n))


def contacts(peer, user, name, n, batch):
    a, b = Device(peer, user, name + "A").set_up(), Device(peer, user, name + "B").set_up()
    folder = a.of_type(9)
    # Into an empty folder SOGo adds, and then knows the key no more: one is there before.
    a.raw_all(folder)
    check_added(add_contacts(a, folder, add_forms(a, folder, 10 ** 6, 1, 1)), 1)
    a.raw_all(folder)
    b.raw_all(folder)
    forms = add_forms(a, folder, 1, n, batch)
    time.sleep(2)  # SOGo counts in seconds, and misses what comes in the same one
    cpu, begin = Cpu(peer), time.monotonic()
    answers = add_contacts(a, folder, forms)
    added = time.monotonic()
    got = 0
    while got < n and time.monotonic() - added < 120:
        more = b.raw_more(folder, window=100)
        end = time.monotonic()
        got += count(more)[0]
        if not more:
            time.sleep(0.05)
    used, _ = cpu.read()
    check_added(answers, n)
    if got != n:
        raise RuntimeError("the second device got %d of %d" % (got, n))
    return {"up_per_s": n / (added - begin), "down_per_s": n / (end - added), "seconds": end - begin,
            "cpu_ms_each": used * 1000 / n}


class Memory(threading.Thread):
    """The most that the server's processes held, by PSS, while it ran."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.roots, self.over = peer.roots(), threading.Event()
        self.base = self.most = total(tree(self.roots), pss_kb)
        self.every = 0.05 if len(self.roots) == 1 else 0.5
        self.start()

    def run(self):
        done = False
        while not done:
            done = self.over.wait(self.every)
            self.most = max(self.most, total(tree(self.roots), pss_kb))

    def end(self):
        self.over.set()
        self.join()
        return self.base, self.most


def crowd_part(peer, users, name, barrier, out):
    rows = []

    def one(u):
        try:
            d = Device(peer, u, "%s%03d" % (name, u)).set_up()
            barrier.wait(600)
            begin = time.monotonic()
            answers = d.raw_all(d.of_type(2), **MAIL)
            rows.append((begin, time.monotonic(), answers))
            barrier.wait(1800)
        except BaseException as e:
            rows.append(repr(e))
            barrier.abort()
    threads = [threading.Thread(target=one, args=(u,)) for u in users]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in rows:
        out.put(r if isinstance(r, str) else (r[0], r[1], *count(r[2])))


def crowd(peer, n, name, parts=4):
    """n devices at once, in some processes: memory, and items a second of all together."""
    users = list(range(CROWD_FROM, CROWD_FROM + n))
    barrier, out = fork.Barrier(n), fork.Queue()
    memory = Memory(peer)
    processes = [fork.Process(target=crowd_part, args=(peer, users[i::parts], name, barrier, out)) for i in range(parts)]
    for p in processes:
        p.start()
    rows = [out.get(timeout=1800) for _ in users]
    for p in processes:
        p.join()
    base, most = memory.end()
    bad = [r for r in rows if isinstance(r, str)]
    if bad:
        raise RuntimeError("%s: %d of %d failed: %s" % (peer.name, len(bad), n, bad[0]))
    items = sum(r[2] for r in rows)
    return {"base_mb": base / 1024, "most_mb": most / 1024, "each_kb": (most - base) / n,
            "items_per_s": items / (max(r[1] for r in rows) - min(r[0] for r in rows)), "items": items}


def measure(peer, a, samples):
    """One round; figures into samples[case][figure]."""
    def keep(case, row):
        say("%-7s %-10s %s" % (peer.name, case, "  ".join("%s %.2f" % kv for kv in row.items())))
        for k, v in row.items():
            samples.setdefault((peer.name, case), {}).setdefault(k, []).append(v)
    want = a.cases.split(",")
    name = "BENCH%d" % os.getpid()
    for r in range(a.rounds):
        if "first" in want:
            keep("first 1", first_syncs(peer, [1], "%sO%d" % (name, r)))
            keep("first %d" % a.devices, first_syncs(peer, list(range(1, a.devices + 1)), "%sE%d" % (name, r)))
        if "empty" in want:
            keep("empty", empty_syncs(peer, 11, "%sS%d" % (name, r), a.empty))
        if "ping" in want:
            keep("ping", pings(peer, 12, "%sP%d" % (name, r), a.pings))
        if "contacts" in want:
            keep("contacts", contacts(peer, 13 + r % 7, "%sC%d" % (name, r), a.contacts, a.batch))
        if "crowd" in want:
            keep("crowd", crowd(peer, a.crowd, "%sM%d" % (name, r)))


# (case, figure, which is better: 1 more, -1 less)
RATIOS = (("first 1", "items_per_s", 1), ("first %d", "items_per_s", 1), ("first 1", "cpu_ms_each", -1),
          ("empty", "p50_ms", -1), ("empty", "cpu_ms_each", -1), ("ping", "p50_ms", -1), ("contacts", "up_per_s", 1),
          ("contacts", "down_per_s", 1), ("contacts", "seconds", -1), ("crowd", "items_per_s", 1),
          ("crowd", "most_mb", -1), ("crowd", "each_kb", -1))


def report(samples, a):
    for case, figure, way in RATIOS:
        case = case % a.devices if "%d" in case else case
        ours, theirs = samples.get(("godwit", case)), samples.get(("sogo", case))
        if ours and theirs:
            x, y = statistics.median(ours[figure]), statistics.median(theirs[figure])
            if min(x, y) > 0:
                print("ratio  %-10s %-14s godwit is %8.1f times as good" % (case, figure, x / y if way > 0 else y / x))
    for (peer, case), figures in samples.items():
        print("%-7s %-10s %s" % (peer, case, "  ".join(
            "%s %.2f [%.2f-%.2f]" % (k, statistics.median(v), min(v), max(v)) for k, v in figures.items())))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", default="godwit,sogo")
    p.add_argument("--cases", default="first,empty,ping,contacts,crowd")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--mails", type=int, default=1000)
    p.add_argument("--devices", type=int, default=8, help="at most 10")
    p.add_argument("--empty", type=int, default=200, help="Syncs that find nothing")
    p.add_argument("--pings", type=int, default=20)
    p.add_argument("--contacts", type=int, default=500)
    p.add_argument("--batch", type=int, default=50, help="Adds of a request")
    p.add_argument("--crowd", type=int, default=200)
    p.add_argument("--crowd-mails", type=int, default=50)
    p.add_argument("--sogo-workers", type=int, default=40)
    p.add_argument("--json", metavar="FILE")
    a = p.parse_args()
    raise_file_limit()
    users, samples = CROWD_FROM + a.crowd + 1, {}
    for name in a.peers.split(","):
        if name == "sogo" and SogoPeer.missing():
            say("SOGo is skipped: " + SogoPeer.missing())
            continue
        peer = GodwitPeer(users) if name == "godwit" else SogoPeer(users, a.sogo_workers)
        try:
            begin = time.monotonic()
            if "first" in a.cases:
                deliver(peer, a.mails, range(1, a.devices + 1))
            deliver(peer, 10, (11, 12))
            if "crowd" in a.cases:
                deliver(peer, a.crowd_mails, range(CROWD_FROM, CROWD_FROM + a.crowd))
            say("%s: mails delivered in %.0f s" % (name, time.monotonic() - begin))
            measure(peer, a, samples)
        finally:
            peer.stop()
    report(samples, a)
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"%s %s" % k: v for k, v in samples.items()}, f, indent=1)


if __name__ == "__main__":
    main()
