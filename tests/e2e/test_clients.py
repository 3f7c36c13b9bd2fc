# SPDX-License-Identifier: ISC
"""Clients that nobody here wrote: curl, swaks, mbsync, openssl, mutt, Thunderbird."""
import email
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import PASSWORD, ROOT, GodwitTest, wait_until

SHARED_BENCH = os.path.join(os.path.dirname(ROOT), "shared", "bench")


def run(*args, **kw):
    r = subprocess.run(args, capture_output=True, timeout=300, **kw)
    return r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


class Clients(GodwitTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.g.user("alice@demo.test")
        cls.g.user("bob@demo.test")

    def curl(self, *args):
        return run("curl", "-sS", "--cacert", self.g.ca, "--user", "alice@demo.test:" + PASSWORD, *args)

    def test_curl_submits_and_reads(self):
        g = self.g
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"From: alice@demo.test\r\nTo: bob@demo.test\r\nSubject: by curl\r\n\r\nhello\r\n")
            f.flush()
            for url in ("smtps://localhost:%d" % g.ports["submissions"],
                        "smtp://localhost:%d" % g.ports["submission"]):
                code, out, err = self.curl("--ssl-reqd", url, "--mail-from", "alice@demo.test",
                                           "--mail-rcpt", "bob@demo.test", "--upload-file", f.name)
                self.assertEqual(code, 0, err)
        for url in ("imaps://localhost:%d" % g.ports["imaps"], "imap://localhost:%d" % g.ports["imap"]):
            code, out, err = run("curl", "-sS", "--ssl-reqd", "--cacert", g.ca, "--user",
                                 "bob@demo.test:" + PASSWORD, url + "/INBOX;MAILINDEX=1")
            self.assertEqual(code, 0, err)
            self.assertIn("Subject: by curl", out)
        code, out, err = self.curl("imaps://localhost:%d/" % g.ports["imaps"])
        self.assertEqual(code, 0, err)
        self.assertIn("INBOX", out)

    def test_curl_speaks_http_2_and_1_1_to_activesync(self):
        url = "https://localhost:%d/Microsoft-Server-ActiveSync" % self.g.ports["https"]
        for flag, version in (("--http2", "2"), ("--http1.1", "1.1")):
            code, out, err = self.curl(flag, "-X", "OPTIONS", "-D", "-", "-o", os.devnull,
                                       "-w", "\n%{http_version} %{http_code}", url)
            self.assertEqual(code, 0, err)
            self.assertTrue(out.strip().endswith("%s 200" % version), out)
            self.assertRegex(out, r"(?i)ms-asprotocolversions: .*16\.1")
            self.assertRegex(out, r"(?i)ms-asprotocolcommands: .*Ping")
        code, out, err = run("curl", "-sS", "--cacert", self.g.ca, "-X", "OPTIONS", "-o",
                             os.devnull, "-w", "%{http_code}", url)
        self.assertEqual(out, "401")

    def test_swaks_with_tls_auth_and_attachment(self):
        code, out, err = run("swaks", "--server", "localhost", "--port", str(self.g.ports["submission"]),
                             "--tls", "--auth", "LOGIN", "--auth-user", "alice@demo.test",
                             "--auth-password", PASSWORD, "--from", "alice@demo.test", "--to",
                             "bob@demo.test", "--h-Subject", "by swaks", "--attach",
                             "@" + os.path.join(ROOT, "LICENSE"))
        self.assertEqual(code, 0, out + err)
        code, out, err = run("swaks", "--server", "localhost", "--port", str(self.g.ports["smtp"]),
                             "--tls", "--from", "x@example.org", "--to", "nobody@demo.test")
        self.assertNotEqual(code, 0)
        self.assertIn("550 5.1.1", out)

    def test_swaks_by_lmtp(self):
        code, out, err = run("swaks", "--protocol", "LMTP", "--server", "127.0.0.1", "--port",
                             str(self.g.ports["lmtp"]), "--from", "x@example.org", "--to", "bob@demo.test")
        self.assertEqual(code, 0, out + err)

    def test_openssl_finds_tls_1_2_and_1_3_and_nothing_older(self):
        for port, start in ((self.g.ports["imaps"], ()), (self.g.ports["imap"], ("-starttls", "imap")),
                            (self.g.ports["smtp"], ("-starttls", "smtp")), (self.g.ports["https"], ())):
            for flag, ok in (("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)):
                code, out, err = run("openssl", "s_client", "-connect", "localhost:%d" % port, "-CAfile",
                                     self.g.ca, "-verify_return_error", "-brief", flag, *start,
                                     "-cipher", "DEFAULT@SECLEVEL=0", input=b"")
                self.assertEqual(code == 0 and "Verification: OK" in err + out, ok, "%s %s\n%s" % (port, flag, err))

    def test_mbsync_pulls_and_pushes(self):
        user = self.g.user("mb@demo.test")
        for i in range(20):
            self.g.send(user, "Subject: number %d\r\nMessage-ID: <%d@example.org>\r\n\r\nbody %d\r\n" % (i, i, i))
        with tempfile.TemporaryDirectory() as d:
            os.mkdir(os.path.join(d, "mail"))
            rc = os.path.join(d, "rc")
            with open(rc, "w") as f:
                f.write("""IMAPAccount g
Host localhost
Port %d
User %s
Pass "%s"
SSLType IMAPS
CertificateFile %s

IMAPStore far
Account g

MaildirStore near
Path %s/mail/
Inbox %s/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""" % (self.g.ports["imaps"], user, PASSWORD, self.g.ca, d, d))
            code, out, err = run("mbsync", "-c", rc, "-a")
            self.assertEqual(code, 0, out + err)
            inbox = os.path.join(d, "mail", "INBOX")
            got = [os.path.join(inbox, s, n) for s in ("new", "cur") for n in os.listdir(os.path.join(inbox, s))]
            self.assertEqual(len(got), 20)
            # Here: one read, one gone, one new; there: one flagged.
            read, gone = got[0], got[1]
            shutil.move(read, os.path.join(inbox, "cur", os.path.basename(read).split(":")[0] + ":2,S"))
            os.unlink(gone)
            with open(os.path.join(inbox, "new", "1.local"), "w") as f:
                f.write("Subject: from here\nMessage-ID: <local@example.org>\n\nlocal body\n")
            m = self.g.imap(user)
            m.select("INBOX")
            m.store("20", "+FLAGS", "(\\Flagged)")
            code, out, err = run("mbsync", "-c", rc, "-a")
            self.assertEqual(code, 0, out + err)
            m.noop()
            self.assertEqual(m.select("INBOX")[1], [b"20"])
            self.assertEqual(len(m.search(None, "SEEN")[1][0].split()), 1)
            self.assertEqual(len(m.search(None, "SUBJECT", '"from here"')[1][0].split()), 1)
            flagged = [n for n in os.listdir(os.path.join(inbox, "cur")) if "F" in n.split(":2,")[-1]]
            self.assertEqual(len(flagged), 1)
            m.logout()

    def test_thunderbird_lists_and_reads(self):
        script = os.path.join(SHARED_BENCH, "tb_imap.sh")
        if not os.path.exists(script) or not shutil.which("thunderbird"):
            self.skipTest("no headless Thunderbird here")
        user = self.g.user("tb@demo.test")
        for i in range(5):
            self.g.send(user, "Subject: =?utf-8?q?Nummer_%d_=C3=BC?=\r\n\r\nbody\r\n" % i)
        # It speaks plain IMAP; the listener of this test allows it.
        code, out, err = run("bash", script, "127.0.0.1", str(self.g.ports["imap"]), user, PASSWORD)
        self.assertEqual(code, 0, out + err)
        result = json.loads(out.strip().splitlines()[-1])
        self.assertEqual(result["inbox"], 5)
        self.assertEqual(result["first"][0], "Nummer 0 ü")


Clients.CONF = {"imap": ["plaintext_login = true"]}

if __name__ == "__main__":
    unittest.main()
