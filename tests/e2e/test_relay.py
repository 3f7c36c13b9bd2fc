# SPDX-License-Identifier: ISC
"""Delivery out: MX through a name server, to another godwitd and to Postfix; bounces."""
import email
import os
import re
import shutil
import smtplib
import unittest

from harness import PASSWORD, Godwit, free_port, wait_until
from peers import Nsd, Postfix


class Relay(unittest.TestCase):
    """One port, several loopback addresses: what MX records can tell apart."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("nsd") and not os.path.exists("/usr/sbin/nsd"):
            raise unittest.SkipTest("no nsd")
        if os.geteuid() != 0 or not shutil.which("postfix"):
            raise unittest.SkipTest("Postfix needs root")
        cls.port = free_port()
        dns = free_port()
        cls.nsd = cls.remote = cls.postfix = cls.g = None
        try:
            cls.nsd = Nsd({
                "remote.test": ["@ MX 20 mx", "@ MX 10 dead", "mx A 127.0.0.2", "dead A 127.0.0.9"],
                "postfix.test": ["@ MX 10 mx", "mx A 127.0.0.3"],
                "null.test": ["@ MX 0 ."],
                "plain.test": ["@ A 127.0.0.2"],
                "down.test": ["@ MX 10 mx", "mx A 127.0.0.8"],
            }, dns)
            cls.remote = Godwit({"smtp": ['listen = { "127.0.0.2:%d" }' % cls.port]}, hostname="mx.remote.test")
            cls.remote.start()
            cls.remote.user("carol@remote.test")
            cls.remote.user("carol@plain.test")
            cls.postfix = Postfix("127.0.0.3", cls.port, ["dave@postfix.test"],
                                  os.path.join(cls.remote.folder, "certs", "server.pem"),
                                  os.path.join(cls.remote.folder, "certs", "server.key"))
            cls.g = Godwit({"smtp": ['dns_server = "127.0.0.1@%d"' % dns, "relay_port = %d" % cls.port,
                                     "retry_min = 1s", "retry_max = 2s"]})
            cls.g.start()
            cls.alice = cls.g.user("alice@demo.test")
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for s in (cls.g, cls.remote):
            if s:
                s.stop()
                s.remove()
        for s in (cls.postfix, cls.nsd):
            if s:
                s.stop()

    def submit(self, to, text="Subject: out\r\n\r\nhello\r\n.dots\r\n..more\r\n", **kw):
        with self.g.smtp("submissions") as s:
            s.login(self.alice, PASSWORD)
            s.sendmail(self.alice, to, ("From: %s\r\nTo: %s\r\n" % (self.alice, to)) + text, **kw)

    def mail_of(self, g, user):
        m = g.imap(user)
        n = int(m.select("INBOX")[1][0])
        out = [email.message_from_bytes(m.fetch(str(i), "(BODY.PEEK[])")[1][0][1]) for i in range(1, n + 1)]
        m.logout()
        return out

    def wait_mail(self, g, user, subject):
        def look():
            return [m for m in self.mail_of(g, user) if m["Subject"] == subject]
        return wait_until("%r at %s" % (subject, user), look)[0]

    def test_to_another_godwit_by_its_second_mx_over_tls(self):
        self.submit("carol@remote.test", "Subject: to remote\r\n\r\nhello\r\n.dots\r\n..more\r\n")
        m = self.wait_mail(self.remote, "carol@remote.test", "to remote")
        self.assertEqual(m.get_payload(), "hello\r\n.dots\r\n..more\r\n")
        received = m.get_all("Received")
        self.assertEqual(len(received), 2)
        self.assertRegex(received[0], r"with ESMTPS")
        self.assertRegex(received[1], r"with ESMTPSA")
        wait_until("an empty queue", lambda: "carol@remote.test" not in self.g.ctl("queue", "list"))

    def test_to_a_domain_without_mx(self):
        self.submit("carol@plain.test", "Subject: to plain\r\n\r\nx\r\n")
        self.wait_mail(self.remote, "carol@plain.test", "to plain")

    def test_to_postfix(self):
        self.submit("dave@postfix.test", "Subject: to postfix\r\n\r\nhello\r\n.dots\r\n")
        got = wait_until("mail at Postfix", lambda: self.postfix.messages("dave@postfix.test"))[0]
        m = email.message_from_bytes(got)
        self.assertEqual(m["Subject"], "to postfix")
        self.assertEqual(m.get_payload(), "hello\n.dots\n")
        self.assertIn("TLS", m.get_all("Received")[0])

    def bounce(self, subject):
        def look():
            return [m for m in self.mail_of(self.g, self.alice)
                    if m.get_content_type() == "multipart/report" and subject in m.as_string()]
        return wait_until("a bounce of %r" % subject, look)[0]

    def check_bounce(self, subject, to, status):
        m = self.bounce(subject)
        self.assertEqual(m["Return-Path"], "<>")
        self.assertEqual(m.get_param("report-type"), "delivery-status")
        human, report, original = m.get_payload()
        self.assertEqual(report.get_content_type(), "message/delivery-status")
        per_rcpt = report.get_payload()[1]
        self.assertEqual(per_rcpt["Final-Recipient"].replace(" ", ""), "rfc822;" + to)
        self.assertEqual(per_rcpt["Action"], "failed")
        self.assertRegex(per_rcpt["Status"], status)
        self.assertIn(original.get_content_type(), ("message/rfc822", "text/rfc822-headers"))
        self.assertIn(to, human.get_payload())

    def test_an_unknown_user_at_the_other_end_bounces(self):
        self.submit("nobody@postfix.test", "Subject: unknown there\r\n\r\nx\r\n")
        self.check_bounce("unknown there", "nobody@postfix.test", r"^5\.1\.1")

    def test_a_domain_that_takes_no_mail_bounces(self):
        self.submit("x@null.test", "Subject: null mx\r\n\r\nx\r\n")
        self.check_bounce("null mx", "x@null.test", r"^5\.1\.10")

    def test_a_domain_that_does_not_exist_bounces(self):
        self.submit("x@nowhere.null.test", "Subject: no domain\r\n\r\nx\r\n")
        self.check_bounce("no domain", "x@nowhere.null.test", r"^5\.(1\.2|4\.4)")

    def test_a_host_that_is_down_is_tried_again_and_the_queue_survives_a_restart(self):
        self.submit("x@down.test", "Subject: later\r\n\r\nx\r\n")

        def tried_twice():
            row = [l.split("\t") for l in self.g.ctl("queue", "list").splitlines() if "x@down.test" in l]
            return row and int(row[0][3]) >= 2 and row[0]
        row = wait_until("two tries", tried_twice)
        self.assertNotEqual(row[7], "-", "the error is shown")
        self.g.kill9()
        self.g.start()
        self.assertIn("x@down.test", self.g.ctl("queue", "list"))
        self.g.ctl("queue", "remove", row[0])
        self.assertNotIn("x@down.test", self.g.ctl("queue", "list"))

    def test_a_list_reaches_local_and_foreign_members(self):
        self.g.user("local@demo.test")
        for target in ("local@demo.test", "carol@remote.test"):
            self.g.ctl("alias", "add", "team@demo.test", target)
        self.submit("team@demo.test", "Subject: to the team\r\n\r\nx\r\n")
        self.wait_mail(self.g, "local@demo.test", "to the team")
        self.wait_mail(self.remote, "carol@remote.test", "to the team")


if __name__ == "__main__":
    unittest.main()
