# SPDX-License-Identifier: ISC
"""The whole way: a mail comes in by SMTP, the phone's Ping and the desktop's IDLE wake."""
import email
import email.policy
import glob
import imaplib
import os
import re
import subprocess
import threading
import time
import unittest

from harness import PASSWORD, PATIENCE, ROOT, GodwitTest, wait_until

MESSAGE = """From: Bob <bob@example.org>\r
To: alice@demo.test\r
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r
Message-ID: <one@example.org>\r
Date: Sat, 21 Nov 2026 10:00:00 +0000\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=utf-8\r
\r
Hello Alice\r
--b\r
Content-Type: application/octet-stream; name="data.bin"\r
Content-Disposition: attachment; filename="data.bin"\r
Content-Transfer-Encoding: base64\r
\r
AAECAwQFBgcICQ==\r
--b--\r
"""


class Idle:
    """IDLE by hand on an imaplib connection, without time-outs in between."""

    def __init__(self, g, user):
        self.m = g.imap(user)
        self.m.select("INBOX")
        self.m.send(b"i1 IDLE\r\n")
        line = self.m.readline()
        assert line.startswith(b"+"), line

    def wait(self):
        while True:
            line = self.m.readline()
            if not line:
                raise AssertionError("the connection ended")
            if b"EXISTS" in line:
                return line

    def done(self):
        self.m.send(b"DONE\r\n")
        while not self.m.readline().startswith(b"i1 OK"):
            pass
        return self.m


def ping_in_thread(client, folders, seconds=120):
    result = {}

    def run():
        try:
            result["answer"] = client.ping(folders, seconds)
        except Exception as e:
            result["error"] = e
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t, result


def waiting(g):
    m = re.search(r"^activesync_waiting\t(\d+)$", g.ctl("status"), re.M)
    return int(m.group(1))


class Push(GodwitTest):
    def phone(self, user, device="PHONE0001", version="16.1"):
        c = self.g.eas(user, device, version=version)
        c.options()
        c.provision()
        inbox = next(f for f in c.foldersync() if f["type"] == 2)
        return c, inbox["id"]

    def test_phone_and_desktop_are_woken_and_read_the_message(self):
        for version in ("14.1", "16.1"):
            with self.subTest(version=version):
                user = self.g.user("alice%s@demo.test" % version.replace(".", ""))
                phone, inbox = self.phone(user, version=version)
                self.assertEqual(phone.sync_all(inbox), [])
                desktop = Idle(self.g, user)
                t, result = ping_in_thread(phone, [inbox])
                wait_until("the Ping to be held", lambda: waiting(self.g) >= 1)
                self.g.send(user, MESSAGE)
                self.assertIn(b"1 EXISTS", desktop.wait())
                t.join(PATIENCE)
                status, changed = result["answer"]
                self.assertEqual((str(status), [str(x) for x in changed]), ("2", [str(inbox)]))
                items = phone.sync_all(inbox)
                self.assertEqual([i["subject"] for i in items], ["Grüße"])
                self.assertEqual(items[0]["attachments"][0]["name"], "data.bin")
                data = phone.fetch_attachment(items[0]["attachments"][0]["reference"])
                self.assertEqual(data, bytes(range(10)))
                m = desktop.done()
                _, got = m.fetch("1", "(BODY.PEEK[])")
                parsed = email.message_from_bytes(got[0][1], policy=email.policy.default)
                self.assertEqual(parsed["subject"], "Grüße")
                self.assertEqual(list(parsed.iter_attachments())[0].get_content(), bytes(range(10)))
                m.logout()

    def test_read_and_flag_changes_go_both_ways(self):
        user = self.g.user("bothways@demo.test")
        phone, inbox = self.phone(user)
        phone.sync_all(inbox)
        self.g.send(user, MESSAGE)
        item = phone.sync_all(inbox)[0]
        phone.set_read(inbox, item["id"], True)
        m = self.g.imap(user)
        m.select("INBOX")
        self.assertIn(b"\\Seen", m.fetch("1", "(FLAGS)")[1][0])
        m.store("1", "-FLAGS", "(\\Seen)")
        m.store("1", "+FLAGS", "(\\Flagged)")
        changed = phone.sync_all(inbox)
        self.assertEqual(len(changed), 1)
        self.assertEqual(changed[0]["read"], False)
        self.assertEqual(phone.sync_all(inbox), [], "its own change does not come back")
        m.store("1", "+FLAGS", "(\\Deleted)")
        m.expunge()
        self.assertEqual([i["deleted"] for i in phone.sync_all(inbox)], [True])
        m.logout()

    def test_a_ping_whose_client_went_away_is_cancelled_at_once(self):
        user = self.g.user("gone@demo.test")
        phone, inbox = self.phone(user)
        phone.sync_all(inbox)
        before = waiting(self.g)
        ping_in_thread(phone, [inbox], 600)
        wait_until("the Ping to be held", lambda: waiting(self.g) == before + 1)
        phone.close()
        wait_until("the Ping to be gone", lambda: waiting(self.g) == before)

    def test_a_message_sent_by_the_phone_arrives_and_is_kept_in_sent(self):
        alice = self.g.user("sender@demo.test")
        bob = self.g.user("receiver@demo.test")
        phone, _ = self.phone(alice)
        phone.sendmail("From: %s\r\nTo: %s\r\nSubject: from the phone\r\n\r\nhello\r\n" % (alice, bob), save=True)
        m = self.g.imap(bob)
        m.select("INBOX")
        self.assertIn(b"from the phone", m.fetch("1", "(BODY.PEEK[HEADER])")[1][0][1])
        m.logout()
        m = self.g.imap(alice)
        self.assertEqual(m.select("Sent")[1], [b"1"])
        m.logout()

    def test_a_hundred_thousand_bytes_for_many_are_one_blob(self):
        self.needs_sqlite()
        users = [self.g.user("many%d@demo.test" % i) for i in range(5)]
        before = self.blobs()
        self.g.send(users, "Subject: big\r\n\r\n" + ("0123456789" * 7 + "\r\n") * 1500)
        self.assertEqual(len(self.blobs() - before), 1)

    def blobs(self):
        return {f for _, _, files in os.walk(os.path.join(self.g.folder, "data", "blobs")) for f in files}


class Corpus(GodwitTest):
    """Real messages go in by SMTP and come out byte for byte by IMAP and ActiveSync."""

    def test_every_message_of_the_corpus(self):
        folder = self.needs_corpus()
        files = sorted(glob.glob(os.path.join(folder, "mime", "*.eml")))
        user = self.g.user("corpus@demo.test")
        sent = []
        with self.g.smtp() as s:
            s.ehlo()
            for path in files:
                with open(path, "rb") as f:
                    raw = f.read()
                # As any mail program does before DATA: CRLF line ends.
                raw = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
                if not raw.endswith(b"\r\n"):
                    raw += b"\r\n"
                s.mail("corpus@example.org", ["body=8bitmime"])
                s.rcpt(user)
                code, answer = s.data(raw)
                self.assertEqual(code, 250, "%s: %s" % (path, answer))
                sent.append((os.path.basename(path), raw))
        m = self.g.imap(user)
        m.select("INBOX")
        phone = self.g.eas(user)
        phone.options()
        phone.provision()
        inbox = next(f for f in phone.foldersync() if f["type"] == 2)["id"]
        items = phone.sync_all(inbox)
        self.assertEqual(len(items), len(sent))
        by_mime = sorted(phone.fetch_mime(inbox, i["id"]) for i in items)
        whole = []
        for n, (name, raw) in enumerate(sent, 1):
            with self.subTest(message=name):
                _, got = m.fetch(str(n), "(BODY.PEEK[])")
                body = got[0][1]
                self.assertTrue(body.endswith(raw), "byte for byte behind our trace headers")
                trace = body[:len(body) - len(raw)]
                self.assertRegex(trace, rb"\AReturn-Path: <corpus@example.org>\r\nReceived: ")
                whole.append(body)
        self.assertEqual(by_mime, sorted(whole), "ActiveSync gives the same bytes")
        m.logout()

    def test_structures_agree_with_an_independent_parser(self):
        folder = self.needs_corpus()
        user = self.g.user("agree@demo.test")
        r = subprocess.run(["python3", os.path.join(ROOT, "tests", "e2e", "imap_agree.py"),
                            "--host", "localhost", "--port", str(self.g.ports["imaps"]),
                            "--ca", self.g.ca, "--user", user, "--password", PASSWORD,
                            os.path.join(folder, "mime")], capture_output=True, text=True, timeout=600)
        self.assertEqual(r.returncode, 0, r.stdout[-4000:] + r.stderr[-2000:])


if __name__ == "__main__":
    unittest.main()
