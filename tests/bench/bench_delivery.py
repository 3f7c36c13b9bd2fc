#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_delivery.py - messages a second, accepted and delivered, beside Postfix and Dovecot.

Postfix's smtp-source sends messages of 10,240 bytes over 1 session, then over 20 at once, each to a
user of its own, connections kept. They are text with an attachment in Base64 of random bytes, which
hardly compresses; with --plain they are smtp-source's own, one letter over and over.

    godwit            accepted and in the mailbox: one 250 says both
    postfix hold      Postfix accepts and keeps them in its hold queue: accepted only
    postfix dovecot   Postfix accepts and hands them to Dovecot by LMTP (Maildir): accepted, delivered

All on this machine and its one disk, one after the other, rounds interleaved, medians printed. Each
case is counted at its end: IMAP's EXISTS of all users, files in the hold queue, files in the
Maildirs. The sink (smtp-sink, no disk) shows what the sender itself can do; fdatasync, how often in a
second this disk makes 10 KB durable for one writer. Needs root, Postfix, Dovecot and a release build:

    cmake --preset release && ninja -C build/release
    python3 tests/bench/bench_delivery.py --messages 4000 --rounds 3
"""
import argparse
import base64
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("GODWIT_BUILD", os.path.join(ROOT, "build", "release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.path.insert(0, HERE)
from bench_server import CONF, PASSWORD, make_users  # noqa: E402
from dovecot_peer import Dovecot  # noqa: E402
from harness import Godwit, free_port, wait_until  # noqa: E402
from peers import Postfix, answers  # noqa: E402

SIZE = 10240
DOMAIN = "bench.test"
USERS = 20
SOURCE = "/usr/sbin/smtp-source"
SINK = "/usr/sbin/smtp-sink"


def user(n):
    return "u%05d@%s" % (n, DOMAIN)


def write_message(path):
    """SIZE bytes on the wire, where each line ends in CRLF."""
    rng = random.Random(1)
    head = ["From: a@" + DOMAIN, "To: b@" + DOMAIN, "Subject: a message of the bench", "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="b"', "", "--b", "Content-Type: text/plain", "",
            "The route is attached.", "", "--b", "Content-Type: application/octet-stream",
            "Content-Transfer-Encoding: base64", ""]
    tail = ["--b--"]
    left = SIZE - sum(len(line) + 2 for line in head + tail)
    lines = []
    while left >= 78:
        lines.append(base64.b64encode(rng.randbytes(57)).decode())
        left -= 78
    lines.append("A" * (left - 2))
    with open(path, "w") as f:
        f.write("\n".join(head + lines + tail) + "\n")


def source(port, sessions, messages, a):
    """Sends; returns when it began and when the last sender had its last 250."""
    what = ["-l", str(SIZE)] if a.plain else ["-F", a.message]
    begin = time.monotonic()
    senders = [subprocess.Popen([SOURCE, *([] if a.reconnect else ["-d"]), "-s", "1",
                                 "-m", str(messages // sessions), *what, "-f", "a@" + DOMAIN, "-t", user(i),
                                 "127.0.0.1:%d" % port]) for i in range(sessions)]
    for s in senders:
        if s.wait() != 0:
            raise RuntimeError("smtp-source ended with %d" % s.returncode)
    return begin, time.monotonic()


def fdatasyncs(folder, seconds=2.0):
    data = os.urandom(SIZE)
    path = os.path.join(folder, "sync")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    n, begin = 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        os.write(fd, data)
        os.fdatasync(fd)
        n += 1
    rate = n / (time.monotonic() - begin)
    os.close(fd)
    os.unlink(path)
    return rate


class Sink:
    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen([SINK, "-u", "nobody", "127.0.0.1:%d" % self.port, "200"], stderr=subprocess.DEVNULL)
        wait_until("smtp-sink", lambda: answers("127.0.0.1", self.port))

    def run(self, sessions, messages, a):
        begin, end = source(self.port, sessions, messages, a)
        return {"accepted": messages / (end - begin)}

    def stop(self):
        self.process.terminate()
        self.process.wait()


class GodwitCase:
    def __init__(self):
        conf = {k: list(v) for k, v in CONF.items()}
        self.g = Godwit(conf)
        self.g.start()
        make_users(self.g, USERS)

    def delivered(self):
        n = 0
        for i in range(USERS):
            m = self.g.imap(user(i), PASSWORD)
            n += int(m.select("INBOX", readonly=True)[1][0])
            m.logout()
        return n

    def run(self, sessions, messages, a):
        before = self.delivered()
        begin, end = source(self.g.ports["smtp"], sessions, messages, a)
        arrived = self.delivered() - before
        if arrived != messages:
            raise RuntimeError("godwit: %d of %d arrived\n%s" % (arrived, messages, self.g.log()[-2000:]))
        rate = messages / (end - begin)
        return {"accepted": rate, "delivered": rate}

    def stop(self):
        if self.g.process:
            self.g.stop()
        self.g.remove()


class PostfixHold:
    def __init__(self):
        self.port = free_port()
        self.postfix = Postfix("127.0.0.1", self.port, [user(i) for i in range(USERS)],
                               extra=["smtpd_client_restrictions = static:HOLD"])
        self.hold = os.path.join(self.postfix.folder, "queue", "hold")

    def run(self, sessions, messages, a):
        begin, end = source(self.port, sessions, messages, a)
        held = len(os.listdir(self.hold))
        if held != messages:
            raise RuntimeError("postfix hold: %d of %d are there" % (held, messages))
        for name in os.listdir(self.hold):
            os.unlink(os.path.join(self.hold, name))
        return {"accepted": messages / (end - begin)}

    def stop(self):
        self.postfix.stop()


class PostfixDovecot:
    def __init__(self):
        self.port = free_port()
        self.dovecot = Dovecot([user(i) for i in range(USERS)])
        try:
            self.postfix = Postfix("127.0.0.1", self.port, [user(i) for i in range(USERS)],
                                   extra=["virtual_transport = lmtp:unix:" + self.dovecot.lmtp_socket])
        except BaseException:
            self.dovecot.stop()
            raise

    def run(self, sessions, messages, a):
        self.dovecot.empty()
        begin, end = source(self.port, sessions, messages, a)
        wait_until("all messages in the Maildirs", lambda: self.dovecot.delivered() >= messages, 300)
        last = time.monotonic()
        if self.dovecot.delivered() != messages:
            raise RuntimeError("dovecot: %d of %d" % (self.dovecot.delivered(), messages))
        return {"accepted": messages / (end - begin), "delivered": messages / (last - begin)}

    def stop(self):
        self.postfix.stop()
        self.dovecot.stop()


def show(samples, figure):
    middle = statistics.median(samples[figure])
    return "%7.0f [%.0f-%.0f]" % (middle, min(samples[figure]), max(samples[figure]))


def ratio(results, case, figure, sessions):
    ours = statistics.median(results["godwit", sessions]["delivered"])
    return ours / statistics.median(results[case, sessions][figure])


def report(results, syncs, sessions_list):
    for sessions in sessions_list:
        for case, figure in (("postfix hold", "accepted"), ("postfix dovecot", "accepted"),
                             ("postfix dovecot", "delivered")):
            if (case, sessions) in results and ("godwit", sessions) in results:
                print("ratio, %2d sessions: godwit delivered / %-15s %-9s %6.2f"
                      % (sessions, case, figure, ratio(results, case, figure, sessions)))
    print("%-16s %8s  %-26s %s" % ("case", "sessions", "accepted/s", "delivered/s"))
    for (case, sessions), samples in results.items():
        print("%-16s %8d  %-26s %s" % (case, sessions, show(samples, "accepted"),
                                       show(samples, "delivered") if "delivered" in samples else "-"))
    print("fdatasync of 10 KB, one writer: %.0f/s [%.0f-%.0f]"
          % (statistics.median(syncs), min(syncs), max(syncs)))


def measure(a, folder, makers, sessions_list, results, syncs):
    for n in range(a.rounds):
        syncs.append(fdatasyncs(folder))
        for key in a.cases.split(","):
            name, make = makers[key]
            case = make()
            try:
                for sessions in sessions_list:
                    messages = a.messages // sessions * sessions
                    r = case.run(sessions, messages, a)
                    kept = results.setdefault((name, sessions), {})
                    for figure, value in r.items():
                        kept.setdefault(figure, []).append(value)
                    print("round %d  %-16s %2d sessions  %s" % (n + 1, name, sessions, "  ".join(
                        "%s %.0f/s" % (k, v) for k, v in r.items())), file=sys.stderr, flush=True)
            finally:
                case.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--messages", type=int, default=4000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--cases", default="sink,godwit,hold,dovecot")
    p.add_argument("--sessions", default="1,20")
    p.add_argument("--plain", action="store_true", help="smtp-source's own messages")
    p.add_argument("--reconnect", action="store_true", help="a new connection for each message")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    if os.geteuid() != 0 or not os.path.exists(SOURCE):
        sys.exit("bench_delivery: needs root and the package postfix")
    if "dovecot" in a.cases and not shutil.which("dovecot"):
        sys.exit("bench_delivery: needs the packages dovecot-core and dovecot-lmtpd")
    sessions_list = [int(s) for s in a.sessions.split(",")]
    makers = {"sink": ("smtp-sink", Sink), "godwit": ("godwit", GodwitCase),
              "hold": ("postfix hold", PostfixHold), "dovecot": ("postfix dovecot", PostfixDovecot)}
    results, syncs = {}, []
    with tempfile.TemporaryDirectory(prefix="godwit-bench-") as folder:
        a.message = os.path.join(folder, "message")
        write_message(a.message)
        measure(a, folder, makers, sessions_list, results, syncs)
    if a.json:
        print(json.dumps({"fdatasync": syncs, "results": [
            {"case": c, "sessions": s, **v} for (c, s), v in results.items()]}))
        return 0
    report(results, syncs, sessions_list)
    return 0


if __name__ == "__main__":
    sys.exit(main())
