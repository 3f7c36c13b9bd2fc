# SPDX-License-Identifier: ISC
"""Automatic replies: a phone sets them, mail by real MX gets one, and only one."""
import email
import os
import shutil
import unittest

from eas_client import Node
from harness import Godwit, free_port, wait_until
from peers import Nsd, Postfix


def oof_message(audience, text, kind="Text"):
    return Node("Settings:OofMessage", Node("Settings:AppliesTo" + audience), Node("Settings:Enabled", "1"),
                Node("Settings:ReplyMessage", text), Node("Settings:BodyType", kind))


class Oof(unittest.TestCase):
    """alice is away; dave's Postfix and carol of her own domain write to her."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("nsd") and not os.path.exists("/usr/sbin/nsd"):
            raise unittest.SkipTest("no nsd")
        if os.geteuid() != 0 or not shutil.which("postfix"):
            raise unittest.SkipTest("Postfix needs root")
        cls.nsd = cls.postfix = cls.g = None
        port, dns = free_port(), free_port()
        try:
            cls.nsd = Nsd({"postfix.test": ["@ MX 10 mx", "mx A 127.0.0.3"]}, dns)
            cls.postfix = Postfix("127.0.0.3", port, ["dave@postfix.test", "erin@postfix.test", "frank@postfix.test"])
            cls.g = Godwit({"smtp": ['dns_server = "127.0.0.1@%d"' % dns, "relay_port = %d" % port,
                                     "retry_min = 1s", "retry_max = 2s"]})
            cls.g.start()
            cls.alice = cls.g.user("alice@demo.test", name="Alice Example")
            cls.carol = cls.g.user("carol@demo.test")
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        if cls.g:
            cls.g.stop()
            cls.g.remove()
        for s in (cls.postfix, cls.nsd):
            if s:
                s.stop()

    def mail(self, sender, subject, extra=""):
        with self.g.smtp() as s:
            s.sendmail(sender, [self.alice], "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n%s\r\nhello\r\n"
                       % (sender, self.alice, subject, subject, extra))

    def replies(self, mailbox):
        return [email.message_from_bytes(m) for m in self.postfix.messages(mailbox)]

    def empty_queue(self):
        wait_until("an empty queue", lambda: "postfix.test" not in self.g.ctl("queue", "list"))

    def settings(self, *content):
        c = self.g.eas(self.alice)
        c.provision()
        tree = c.command("Settings", Node("Settings:Settings", Node("Settings:Oof", *content)))
        self.assertEqual(tree.text("Settings:Oof/Settings:Status"), "1", tree)
        return tree

    def test_the_phone_sets_it_and_senders_get_one_reply_each(self):
        self.settings(Node("Settings:Set", Node("Settings:OofState", "1"),
                           oof_message("Internal", "In Lima until Monday"),
                           oof_message("ExternalKnown", "<p>Away</p>", "HTML"),
                           oof_message("ExternalUnknown", "<p>Away</p>", "HTML")))
        self.mail("dave@postfix.test", "one")
        self.mail("dave@postfix.test", "two")
        self.mail("frank@postfix.test", "bulk", "List-Id: <l.postfix.test>\r\n")
        self.mail(self.carol, "inner")
        wait_until("a reply at Postfix", lambda: self.replies("dave@postfix.test"))
        self.empty_queue()
        got = self.replies("dave@postfix.test")
        self.assertEqual(len(got), 1)
        self.assertEqual(got[0]["Subject"], "Automatic reply: one")
        self.assertEqual(got[0]["In-Reply-To"], "<one@x>")
        self.assertEqual(got[0]["Auto-Submitted"], "auto-replied")
        self.assertEqual(got[0]["Return-Path"], "<>")
        self.assertEqual(got[0]["From"], '"Alice Example" <alice@demo.test>')
        plain, html = got[0].get_payload()
        self.assertEqual(plain.get_payload(decode=True).strip(), b"Away")
        self.assertEqual(html.get_payload(decode=True).strip(), b"<p>Away</p>")
        self.assertEqual(self.replies("frank@postfix.test"), [])
        m = self.g.imap(self.carol)
        self.assertEqual(m.select("INBOX")[1][0], b"1")
        inner = email.message_from_bytes(m.fetch("1", "(BODY.PEEK[])")[1][0][1])
        self.assertEqual(inner.get_payload(decode=True).strip(), b"In Lima until Monday")
        m.logout()
        # Another phone sees it, and the admin.
        shown = self.settings(Node("Settings:Get", Node("Settings:BodyType", "Text")))
        self.assertEqual(shown.text("Settings:Oof/Settings:Get/Settings:OofState"), "1")
        self.assertIn("In Lima until Monday", self.g.ctl("user", "oof", self.alice))

    def test_the_admin_sets_it_for_a_time(self):
        bob = self.g.user("bob@demo.test")
        rows = self.g.ctl("user", "oof", bob, "2001-01-01", "2001-02-01T08:00:00Z", "long ago", "-")
        self.assertIn("2001-02-01T08:00:00", rows)
        with self.g.smtp() as s:
            s.sendmail("erin@postfix.test", [bob], "To: %s\r\nSubject: x\r\n\r\nhello\r\n" % bob)
        self.g.ctl("user", "oof", bob, "on", "now")
        with self.g.smtp() as s:
            s.sendmail("erin@postfix.test", [bob], "To: %s\r\nSubject: now\r\n\r\nhello\r\n" % bob)
        wait_until("a reply", lambda: self.replies("erin@postfix.test"))
        self.empty_queue()
        self.assertEqual([m["Subject"] for m in self.replies("erin@postfix.test")], ["Automatic reply: now"])
        self.assertIn("off", self.g.ctl("user", "oof", bob, "off"))
        self.assertNotEqual(self.g.ctl("user", "oof", bob, "maybe", check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
