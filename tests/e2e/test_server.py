# SPDX-License-Identifier: ISC
"""The process: privileges, restart after a crash, reload, draining, godwitctl, godwitd -t."""
import ctypes
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
import urllib.request

from harness import BUILD, PASSWORD, ROOT, Godwit, GodwitTest, server_user, wait_until

ASAN = "dev" in os.path.basename(BUILD) or "asan" in BUILD


def crypt(password):
    """As libcrypt has it: mkpasswd and Python's own module are not everywhere."""
    lib = ctypes.CDLL("libcrypt.so.1")
    lib.crypt.restype = ctypes.c_char_p
    return lib.crypt(password.encode(), b"$6$rounds=1000$bench").decode()


def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)


class Process(GodwitTest):
    def test_the_server_has_no_privileges(self):
        s = status_of(self.g.server_pid())
        self.assertEqual(s["NoNewPrivs"], "1")
        self.assertEqual(s["Seccomp"], "2", "seccomp filter")
        if server_user():
            self.assertNotIn("0", s["Uid"].split())
            self.assertEqual(int(s["CapEff"], 16), 0)

    def test_the_log_tells_the_sandbox(self):
        self.assertIn("sandbox.seccomp", self.g.log())
        self.assertRegex(self.g.log(), r"sandbox\.landlock")

    def test_metrics_are_there(self):
        url = "http://127.0.0.1:%d/metrics" % self.g.ports["metrics"]

        def text():
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        self.assertIn("# TYPE godwit_push_waiting gauge", text())
        # Those of the tests before may be ending yet.
        wait_until("no IMAP connection", lambda: "\ngodwit_imap_connections 0\n" in text())

    def test_accounts_are_made_listed_and_removed(self):
        g = self.g
        g.ctl("domain", "add", "Admin.Test")
        self.assertIn("admin.test", g.ctl("domain", "list").split())
        g.ctl("user", "add", "Carol@admin.test", "Carol Example", stdin="sesame seed\n")
        self.assertIn("carol@admin.test\tCarol Example\tactive", g.ctl("user", "list"))
        r = g.ctl("user", "add", "carol@admin.test", stdin="sesame seed\n", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("carol@admin.test: exists", r.stderr.lower())
        g.ctl("alias", "add", "info@admin.test", "carol@admin.test")
        self.assertIn("info@admin.test\tcarol@admin.test", g.ctl("alias", "list"))
        r = g.ctl("domain", "remove", "admin.test", check=False)
        self.assertIn("still has users", r.stderr)
        with self.assertRaises(Exception):
            g.imap("carol@admin.test", "wrong password")
        g.imap("carol@admin.test", "sesame seed").logout()
        g.ctl("user", "password", "carol@admin.test", stdin="another one\n")
        with self.assertRaises(Exception):
            g.imap("carol@admin.test", "sesame seed")
        g.imap("carol@admin.test", "another one").logout()
        g.ctl("alias", "remove", "info@admin.test", "carol@admin.test")
        g.ctl("user", "remove", "carol@admin.test")
        self.assertNotIn("carol@admin.test\tCarol Example\tactive", g.ctl("user", "list"))

    def test_a_wrong_command_is_explained(self):
        r = self.g.ctl("domain", "paint", "x", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("no such command", r.stderr)
        r = self.g.ctl("user", "list", "nowhere.test", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("nowhere.test: not found", r.stderr)
        r = self.g.ctl("user", "show", check=False)
        self.assertIn("user show: too few arguments", r.stderr)
        for ask in ("--help", "-h", "help"):
            self.assertIn("user add ADDRESS", self.g.ctl(ask))
        self.assertIn("godwitctl 0.", self.g.ctl("--version"))
        r = self.g.ctl("user", "add", "nobody@nowhere.test", stdin="123456\n", check=False)
        self.assertIn("not one of ours", r.stderr)

    def test_many_users_are_imported_with_passwords_or_their_hashes(self):
        g = self.g
        g.ctl("domain", "add", "import.test")
        lines = ["# comment", ""] + ["u%02d@import.test\tsecret word %d" % (i, i) for i in range(40)]
        lines += ["h1@import.test\t{CRYPT}%s\tHash One" % crypt("old secret"), "bad line", "h2@import.test\t{CRYPT}abc",
                  "u00@import.test\tsecret again", "x@elsewhere.test\tsecret word"]
        r = g.ctl("user", "import", stdin="\n".join(lines), check=False)
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stdout, "41 added, 4 failed\n")
        self.assertEqual(sorted(r.stderr.splitlines()), [
            "godwitctl: line 44: not an address, a tab and a password, perhaps a name, and fields",
            "godwitctl: line 45: h2@import.test: the hash is none of crypt(5), or too weak",
            "godwitctl: line 46: u00@import.test: exists already",
            "godwitctl: line 47: x@elsewhere.test: its domain is not one of ours (domain add)"])
        self.assertIn("h1@import.test\tHash One\tactive", g.ctl("user", "list", "import.test"))
        g.imap("u39@import.test", "secret word 39").logout()
        g.imap("h1@import.test", "old secret").logout()

    def test_a_reload_changes_the_certificate_and_drops_nobody(self):
        g = self.g
        g.user("reload@demo.test")
        m = g.imap("reload@demo.test")
        m.select("INBOX")
        before = ssl.get_server_certificate(("127.0.0.1", g.ports["imaps"]))
        folder = os.path.join(g.folder, "certs")
        os.unlink(os.path.join(folder, "server.pem"))
        subprocess.run([os.path.join(ROOT, "tools", "make-certs.sh"), folder, "localhost", "127.0.0.1"],
                       check=True)
        if g.user_name:
            shutil.chown(os.path.join(folder, "server.key"), g.user_name)
        g.process.send_signal(signal.SIGHUP)
        g.wait_log("server.reloaded")
        after = ssl.get_server_certificate(("127.0.0.1", g.ports["imaps"]))
        self.assertNotEqual(before, after)
        self.assertEqual(m.noop()[0], "OK", "the connection from before goes on")
        m.logout()



class Apart(GodwitTest):
    """Loops with a table of file descriptors each: more connections than one table may hold."""
    CONF = {"server": ["files_apart = true", "loops = 3"], "store": ["shards = 1"]}
    FILES = 160

    @classmethod
    def setUpClass(cls):
        cls.g = Godwit(cls.CONF)
        cls.g.start(wrapper=("sh", "-c", 'ulimit -Sn %d; ulimit -Hn %d; "$@" & wait' % (cls.FILES, cls.FILES), "sh"))

    def test_the_limit_is_named(self):
        self.assertRegex(self.g.log(), r"limits\.low what=files have=%d need=4357 .*LimitNOFILE" % self.FILES)

    def test_more_connections_are_held_than_one_table_has_room_for(self):
        g = self.g
        held = [socket.create_connection(("127.0.0.1", g.ports["imap"]), 60) for _ in range(self.FILES + 20)]
        try:
            for s in held:
                self.assertTrue(s.makefile("rb").readline().startswith(b"* OK"))
            self.assertIn("imap_connections\t%d" % len(held), g.ctl("status"))
        finally:
            for s in held:
                s.close()

    def test_mail_control_and_reload_work_across_the_loops(self):
        g = self.g
        g.user("apart@demo.test")
        g.ctl("reload")
        for i in range(6):
            g.send("apart@demo.test", "Subject: apart %d\r\n\r\nx\r\n" % i)
        m = g.imap("apart@demo.test")
        self.assertEqual(m.select("INBOX")[1], [b"6"])
        m.logout()

class Crash(GodwitTest):
    def test_a_crashed_server_is_restarted_and_says_why(self):
        g = self.g
        g.user("alice@demo.test")
        g.send("alice@demo.test", "Subject: before\r\n\r\nx\r\n")
        old = g.server_pid()
        os.kill(old, signal.SIGBUS if ASAN else signal.SIGSEGV)
        wait_until("another server", lambda: g.server_pid() not in (None, old))
        g.wait_ready()
        self.assertRegex(g.log(), r"supervisor\.server[ _]?(died|ended)|died")
        g.send("alice@demo.test", "Subject: after\r\n\r\nx\r\n")
        m = g.imap("alice@demo.test")
        self.assertEqual(m.select("INBOX")[1], [b"2"])
        m.logout()

    @classmethod
    def tearDownClass(cls):
        # ASan reports the signal that the test sent itself.
        try:
            cls.g.stop()
        finally:
            cls.g.remove()


class Drain(unittest.TestCase):
    def test_a_stopping_server_finishes_what_it_does(self):
        g = Godwit()
        try:
            g.start()
            g.user("alice@demo.test")
            s = g.smtp()
            s.ehlo()
            s.mail("x@example.org")
            s.rcpt("alice@demo.test")
            s.putcmd("data")
            self.assertEqual(s.getreply()[0], 354)
            g.process.send_signal(signal.SIGTERM)
            g.wait_log("server.drain")
            s.send(b"Subject: last\r\n\r\nhello\r\n.\r\n")
            self.assertEqual(s.getreply()[0], 250)
            s.close()
            self.assertEqual(g.stop(), 0)
            g.start()
            m = g.imap("alice@demo.test")
            self.assertEqual(m.select("INBOX")[1], [b"1"])
            m.logout()
            self.assertEqual(g.stop(), 0)
        finally:
            if g.process:
                g.kill9()
            g.remove()


class NoCertificate(GodwitTest):
    CONF = {"tls": ['certificate = ""', 'key = ""']}

    def test_the_doors_of_tls_stay_closed_and_the_others_open(self):
        g = self.g
        for door in ("https", "imaps", "submissions"):
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", g.ports[door]), timeout=10)
            self.assertRegex(g.log(), r"doors\.closed door=%s " % door)
        with g.smtp() as s:
            self.assertEqual(s.ehlo()[0], 250)
            self.assertFalse(s.has_extn("starttls"))


class Configuration(unittest.TestCase):
    GODWITD = os.path.join(BUILD, "server", "godwitd")

    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(text)
            f.flush()
            r = subprocess.run([self.GODWITD, "-c", f.name, "-t"], capture_output=True, text=True)
            return r.returncode, r.stderr.replace(f.name, "FILE")

    def test_the_sample_file_is_what_the_program_writes_and_is_valid(self):
        sample = subprocess.run([self.GODWITD, "--sample"], capture_output=True, text=True, check=True).stdout
        with open(os.path.join(ROOT, "conf", "godwit.conf")) as f:
            self.assertEqual(f.read(), sample, "conf/godwit.conf: godwitd --sample > conf/godwit.conf")
        self.assertEqual(self.check(sample)[0], 0)

    def test_mistakes_are_pointed_at(self):
        for text, line, words in [
            ("imap {\n\tlisten_tsl = { \"*:993\" }\n}\n", 2, "listen_tsl"),
            ("server {\n\tworkers = 1\n}\n", 2, "workers"),
            ("server {\n\tdrain = soon\n}\n", 2, "drain"),
            ("servre {\n}\n", 1, "servre"),
            ("log {\n\tlevel = loud\n}\n", 2, "level"),
        ]:
            status, err = self.check(text)
            with self.subTest(text=text):
                self.assertEqual(status, 78)
                self.assertIn("FILE:%d" % line, err)
                self.assertIn(words, err)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as s, tempfile.TemporaryDirectory() as d:
            s.bind(("127.0.0.1", 0))
            s.listen()
            address = "127.0.0.1:%d" % s.getsockname()[1]
            path = os.path.join(d, "c.conf")
            with open(path, "w") as f:
                f.write('server { user = "" control = "" }\nstore { directory = "%s/data" }\n'
                        'smtp { listen = { "%s" } }\n' % (d, address))
            r = subprocess.run([self.GODWITD, "-c", path], capture_output=True, text=True, timeout=60)
            self.assertNotEqual(r.returncode, 0)
            self.assertIn(address, r.stderr)


if __name__ == "__main__":
    unittest.main()
