# SPDX-License-Identifier: ISC
"""PostgreSQL goes away under load and comes back: "try again" meanwhile, then all goes on."""
import collections
import imaplib
import smtplib
import threading
import unittest

from eas_client import Node, encode
from harness import PASSWORD, PATIENCE, POSTGRESQL, Database, GodwitTest, wait_until
from roam import Load
from test_delivery import Idle, ping_in_thread, waiting

MODES = ("fast", "immediate")


@unittest.skipUnless(POSTGRESQL, "needs a database that can go away: --engine postgresql")
class Away(GodwitTest):
    CONF = {"log": ["level = info"]}

    def check_answers_while_away(self, user, signed_in):
        """What each door says, to who comes and to who is in."""
        with self.g.smtp() as s:
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as e:
                s.sendmail("x@example.org", [user], "Subject: x\r\n\r\nx\r\n")
            self.assertEqual(e.exception.recipients[user][0], 451)
        with self.g.smtp("submissions") as s:
            with self.assertRaises(smtplib.SMTPAuthenticationError) as e:
                s.login(user, PASSWORD)
            self.assertEqual(e.exception.smtp_code, 454)
        phone = self.g.eas(user, "AWAY0001")
        for command, root in (("FolderSync", Node("FolderHierarchy:FolderSync",
                                                  Node("FolderHierarchy:SyncKey", "0"))),
                              ("Ping", None), ("Sync", None)):
            status, headers, _ = phone.post(command, encode(root) if root else b"")
            self.assertEqual(status, 503)
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        status, headers, _ = phone.request("OPTIONS", "/Microsoft-Server-ActiveSync")
        self.assertEqual((status, int(headers["Retry-After"]) > 0), (503, True))
        phone.close()
        with self.assertRaisesRegex(imaplib.IMAP4.error, r"\[UNAVAILABLE\]"):
            self.g.imap(user)
        for answer in (signed_in.search(None, "ALL"), signed_in.status("INBOX", "(MESSAGES)"),
                       signed_in.append("INBOX", "()", None, b"Subject: x\r\n\r\nx\r\n")):
            self.assertEqual(answer[0], "NO")
            self.assertIn(b"[UNAVAILABLE]", answer[1][0])
        r = self.g.ctl("user", "list", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("the database does not answer now; try again in a moment", r.stderr)

    def test_a_server_that_is_started_meanwhile_waits_for_it(self):
        self.g.kill9()
        Database.down("fast")
        starting = threading.Thread(target=self.g.start)
        try:
            starting.start()
            self.g.wait_log("event=supervisor.restart")
        finally:
            Database.up()
            starting.join(PATIENCE)
        # It answers /healthz a moment before it says so.
        wait_until("the last start to succeed",
                   lambda: "event=server.ready" in self.g.log().rpartition("supervisor.restart")[2])

    def test_everybody_is_told_to_try_again_and_all_goes_on(self):
        users = [self.g.user("u%d@demo.test" % i) for i in range(2)]
        other = self.g.user("other@demo.test")
        signed_in = self.g.imap(other)
        signed_in.select("INBOX")

        # These wait all through it.
        waiter = self.g.user("waiter@demo.test")
        phone = self.g.eas(waiter, "WAIT0001")
        phone.provision()
        inbox = next(f for f in phone.foldersync() if f["type"] == 2)["id"]
        phone.sync_all(inbox)
        desktop = Idle(self.g, waiter)
        before = waiting(self.g)
        thread, result = ping_in_thread(phone, [inbox], 900)
        wait_until("the Ping to be held", lambda: waiting(self.g) == before + 1)

        load = Load([self.g], users, senders=3).start()
        try:
            load.wait_progress(3)
            for mode in MODES:
                Database.down(mode)
                try:
                    self.check_answers_while_away(other, signed_in)
                finally:
                    Database.up()
                load.wait_progress(3)
                self.assertEqual(signed_in.search(None, "ALL")[0], "OK")
            load.stop()
        finally:
            load.abandon()
        n = load.check()
        refused = sum((c.refused for c in load.clients), collections.Counter())
        self.assertEqual(set(refused) - {"SMTP 451", "HTTP 503", "IMAP NO [UNAVAILABLE]"}, set())
        self.assertGreater(refused["SMTP 451"], 0)

        # Nobody was woken for nothing, or lost; new mail is told.
        self.assertTrue(thread.is_alive())
        self.g.send(waiter, "Subject: back\r\n\r\nx\r\n")
        self.assertIn(b"1 EXISTS", desktop.wait())
        thread.join(PATIENCE)
        self.assertEqual(str(result["answer"][0]), "2")
        self.assertEqual([i["subject"] for i in phone.sync_all(inbox)], ["back"])
        desktop.done().logout()
        signed_in.logout()
        phone.close()
        print("\n   %d acknowledged deliveries, refusals %s" % (n, dict(refused)))


if __name__ == "__main__":
    unittest.main()
