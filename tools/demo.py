#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""demo.py - a mail is submitted by SMTP; a waiting phone and a waiting desktop are woken.

The phone speaks ActiveSync 16.1 (OPTIONS, Provision, FolderSync, Sync, Ping), the desktop
IMAP with IDLE, both over TLS against the certificate authority that quickstart made. The
message has an attachment from tests/data.
"""
import argparse
import email.message
import email.policy
import imaplib
import os
import re
import smtplib
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))
from eas_client import EasClient  # noqa: E402

ATTACHMENT = os.path.join(HERE, "..", "tests", "data", "demo", "bar-tailed-godwit.txt")


class Sender(smtplib.SMTP):
    """Notes when each reply came, before anything else is done with it."""

    replied = None

    def getreply(self):
        reply = super().getreply()
        self.replied = time.monotonic()
        return reply


class Clock:
    """When SMTP said 250, and who was woken when."""

    def __init__(self):
        self.accepted = None
        self.lock = threading.Lock()

    def tell(self, who, what, at=None):
        with self.lock:
            after = ""
            if at is not None and self.accepted is not None:
                ms = (at - self.accepted) * 1000
                # The 250 and the wake leave together; which is read first is the scheduler's.
                after = "%7.1f ms %s SMTP's 250" % (abs(ms), "after" if ms >= 0 else "before")
            print("  %-8s %-58s %s" % (who, what, after), flush=True)


def phone(a, clock, ready, result):
    c = EasClient("localhost", a.https, "alice@" + a.domain, "alice-demo", "DEMOPHONE01", "16.1",
                  cafile=a.ca)
    versions = c.options()
    clock.tell("phone", "OPTIONS: server speaks %s" % versions)
    c.provision()
    clock.tell("phone", "Provision: policy taken, key %s" % c.policy_key)
    folders = c.foldersync()
    inbox = next(f for f in folders if f["type"] == 2)
    clock.tell("phone", "FolderSync: %d folders" % len(folders))
    items = c.sync_all(inbox["id"])
    clock.tell("phone", "Sync: %d messages in %s; Ping waits" % (len(items), inbox["name"]))
    ready.release()
    status, changed = c.ping([inbox["id"]], 300)
    woken = time.monotonic()
    result["phone"] = woken
    new = [i for i in c.sync_all(inbox["id"]) if i["id"] not in {x["id"] for x in items}]
    clock.done.wait(30)
    clock.tell("phone", "Ping answered, status %s" % status, woken)
    for i in new:
        clock.tell("phone", "reads: %s" % i["subject"])
        for at in i["attachments"]:
            data = c.fetch_attachment(at["reference"])
            clock.tell("phone", "opens: %s, %d bytes: %s" % (at["name"], len(data), first_line(data)))


def desktop(a, clock, ready, result):
    context = ssl.create_default_context(cafile=a.ca)
    m = imaplib.IMAP4_SSL("localhost", a.imaps, ssl_context=context, timeout=300)
    m.login("alice@" + a.domain, "alice-demo")
    _, count = m.select("INBOX")
    clock.tell("desktop", "IMAP: %s messages in INBOX; IDLE waits" % count[0].decode())
    m.send(b"idle1 IDLE\r\n")
    line = m.readline()
    assert line.startswith(b"+"), line
    ready.release()
    while True:
        line = m.readline()
        found = re.match(rb"\* (\d+) EXISTS", line)
        if found:
            break
    woken = time.monotonic()
    result["desktop"] = woken
    m.send(b"DONE\r\n")
    while not m.readline().startswith(b"idle1 OK"):
        pass
    clock.done.wait(30)
    clock.tell("desktop", "IDLE said: %s" % line.decode().strip(), woken)
    _, data = m.fetch(found.group(1).decode(), "(BODY.PEEK[])")
    message = email.message_from_bytes(data[0][1], policy=email.policy.default)
    clock.tell("desktop", "reads: %s" % message["subject"])
    for part in message.iter_attachments():
        body = part.get_content()
        body = body.encode() if isinstance(body, str) else body
        clock.tell("desktop", "opens: %s, %d bytes: %s" % (part.get_filename(), len(body), first_line(body)))
    m.logout()


def first_line(data):
    return '"%s"' % data.decode(errors="replace").strip().splitlines()[0][:40]


def compose(domain):
    m = email.message.EmailMessage()
    m["From"] = "Bob Example <bob@%s>" % domain
    m["To"] = "Alice Example <alice@%s>" % domain
    m["Subject"] = "Grüße aus Alaska: eleven days without landing"
    m.set_content("Hello Alice,\n\nthe route is attached.\n\nBob\n")
    with open(ATTACHMENT, "rb") as f:
        m.add_attachment(f.read(), maintype="text", subtype="plain",
                         filename=os.path.basename(ATTACHMENT))
    return m


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--ca", required=True)
    p.add_argument("--https", type=int, required=True)
    p.add_argument("--imaps", type=int, required=True)
    p.add_argument("--submission", type=int, required=True)
    p.add_argument("--domain", default="demo.test")
    a = p.parse_args()

    sys.setswitchinterval(0.0002)  # three threads of one interpreter share the clock
    clock = Clock()
    clock.done = threading.Event()
    ready = threading.Semaphore(0)
    result, failures = {}, []

    def guarded(fn):
        def run():
            try:
                fn(a, clock, ready, result)
            except Exception as e:  # told below, and the exit status shows it
                failures.append("%s: %r" % (fn.__name__, e))
                ready.release()
        return run

    threads = [threading.Thread(target=guarded(fn), daemon=True) for fn in (phone, desktop)]
    for t in threads:
        t.start()
    for _ in threads:
        ready.acquire()
    if not failures:
        # Ping is on the wire, but the server may not have parked it yet; a client cannot see that.
        with Sender("localhost", a.submission, timeout=30) as s:
            s.starttls(context=ssl.create_default_context(cafile=a.ca))
            s.login("bob@" + a.domain, "bob-demo")
            clock.tell("sender", "submits a message with an attachment as bob@" + a.domain)
            s.send_message(compose(a.domain))
            clock.accepted = s.replied
            clock.tell("sender", "SMTP said 250: it is on disk")
    clock.done.set()
    for t in threads:
        t.join(60)
        if t.is_alive():
            failures.append("a client was not woken within 60 s")
    for f in failures:
        print("demo.py: " + f, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
