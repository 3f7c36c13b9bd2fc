# SPDX-License-Identifier: ISC
"""What must have no power over the SMTP doors: smuggling, injection, relaying."""
import re
import socket
import ssl
import unittest

from harness import PASSWORD, PATIENCE, GodwitTest

# https://smtpsmuggling.com; RFC 5321 4.1.1.4: only CRLF.CRLF ends the data.
FORMS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\r\n", b"\r\n\x00.\r\n"]
INNER = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@demo.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


class Line:
    """A raw connection that reads whole replies."""

    def __init__(self, g, door, tls=False):
        self.s = socket.create_connection(("127.0.0.1", g.ports[door]), timeout=PATIENCE)
        if tls:
            self.s = g.tls().wrap_socket(self.s, server_hostname="localhost")
        self.g = g
        self.f = self.s.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        text = b""
        while True:
            line = self.f.readline()
            if not line:
                return None
            text += line
            if line[3:4] == b" ":
                return text.decode()

    def say(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")
        return self.reply()

    def close(self):
        self.f.close()
        self.s.close()


class Smuggling(GodwitTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.g.user("alice@demo.test")
        cls.g.user("victim@demo.test")

    def count(self, user):
        m = self.g.imap(user)
        n = int(m.select("INBOX")[1][0])
        m.logout()
        return n

    def open(self, door):
        line = Line(self.g, door, tls=door == "submissions")
        hello = "LHLO client.example.org" if door == "lmtp" else "EHLO client.example.org"
        self.assertTrue(line.say(hello).startswith("250"))
        if door == "submission":
            self.assertTrue(line.say("STARTTLS").startswith("220"))
            line.s = self.g.tls().wrap_socket(line.s, server_hostname="localhost")
            line.f = line.s.makefile("rb")
            line.say(hello)
        if door.startswith("submission"):
            import base64
            token = base64.b64encode(("\0alice@demo.test\0" + PASSWORD).encode()).decode()
            self.assertTrue(line.say("AUTH PLAIN " + token).startswith("235"))
        return line

    def test_the_six_forms_end_nothing_at_every_door(self):
        for door in ("smtp", "submission", "submissions", "lmtp"):
            for form in FORMS:
                with self.subTest(door=door, form=form):
                    before = self.count("victim@demo.test")
                    line = self.open(door)
                    line.say("MAIL FROM:<alice@demo.test>")
                    line.say("RCPT TO:<alice@demo.test>")
                    self.assertTrue(line.say("DATA").startswith("354"))
                    line.s.sendall(b"Subject: outer\r\n\r\nbody" + form + INNER)
                    # The data ends at INNER's own CRLF.CRLF, so there is one reply, a refusal.
                    answer = line.reply()
                    if answer is not None:
                        self.assertTrue(answer.startswith("5"), answer)
                        after = line.say("NOOP")
                        self.assertTrue(after is None or after[:1] in "245", after)
                    line.close()
                    self.assertEqual(self.count("victim@demo.test"), before)

    def test_a_bare_line_feed_is_refused_and_logged_with_the_peer(self):
        line = self.open("smtp")
        line.say("MAIL FROM:<a@example.org>")
        line.say("RCPT TO:<alice@demo.test>")
        line.say("DATA")
        answer = line.say(b"Subject: x\r\n\r\nbare\nline\r\n.\r\n")
        self.assertTrue(answer.startswith("550 5.6.11"), answer)
        line.close()
        self.assertRegex(self.g.log(), r"peer=127\.0\.0\.1.*bare|bare.*peer=127\.0\.0\.1")

    def test_what_was_said_before_starttls_is_forgotten(self):
        line = Line(self.g, "smtp")
        line.say("EHLO client.example.org")
        # The injection of CVE-2011-0411: a command in the same packet as STARTTLS.
        line.s.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
        first = line.reply()
        if first and first.startswith("220"):
            line.s = self.g.tls().wrap_socket(line.s, server_hostname="localhost")
            line.f = line.s.makefile("rb")
            answer = line.say("EHLO client.example.org")
            self.assertTrue(answer.startswith("250"), "the first reply in TLS is EHLO's: " + answer)
            self.assertTrue(line.say("RCPT TO:<alice@demo.test>").startswith("503"))
        else:
            self.assertTrue(first is None or first.startswith("5"), first)
        line.close()

    def test_the_same_for_imap(self):
        s = socket.create_connection(("127.0.0.1", self.g.ports["imap"]), timeout=PATIENCE)
        f = s.makefile("rb")
        f.readline()
        s.sendall(b"a STARTTLS\r\nb NOOP\r\n")
        while not (line := f.readline()).startswith(b"a "):
            self.assertTrue(line)
        self.assertTrue(line.startswith(b"a OK"), line)
        s = self.g.tls().wrap_socket(s, server_hostname="localhost")
        f = s.makefile("rb")
        s.sendall(b"c CAPABILITY\r\n")
        seen = []
        while not (line := f.readline()).startswith(b"c "):
            self.assertTrue(line, "the connection goes on in TLS")
            seen.append(line)
        self.assertFalse([l for l in seen if l.startswith(b"b ")], seen)
        s.close()

    def test_nobody_relays_through_us(self):
        line = self.open("smtp")
        line.say("MAIL FROM:<a@example.org>")
        for to in ("x@example.net", "x%example.net@demo.test", "\"x@example.net\"@demo.test",
                   "@demo.test:x@example.net", "x@[127.0.0.1]"):
            with self.subTest(to=to):
                answer = line.say("RCPT TO:<%s>" % to)
                self.assertTrue(answer.startswith("5"), answer)
        line.close()
        line = Line(self.g, "submission")
        line.say("EHLO client.example.org")
        self.assertRegex(line.say("MAIL FROM:<alice@demo.test>"), r"^5[35]0")
        line.close()

    def test_a_sender_is_his_own(self):
        line = self.open("submissions")
        answer = line.say("MAIL FROM:<victim@demo.test>")
        if answer.startswith("250"):
            answer = line.say("RCPT TO:<alice@demo.test>")
        self.assertTrue(answer.startswith("550 5.7.1") or answer.startswith("553 5.7.1"), answer)
        line.close()


if __name__ == "__main__":
    unittest.main()
