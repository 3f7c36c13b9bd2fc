# SPDX-License-Identifier: ISC
"""Who comes back after a restart, or to another node: TLS sessions are taken up again, checked
passwords are remembered."""
import contextlib
import os
import re
import signal
import socket
import ssl
import tempfile
import unittest
import urllib.request

from harness import PATIENCE, ClusterTest, GodwitTest, wait_until

SHARED_KEY = os.path.join(tempfile.gettempdir(), "godwit-e2e-%d.key" % os.getpid())

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def context(g, version):
    c = g.tls()
    c.maximum_version = version
    return c


def visit(g, ctx, session=None, door="https"):
    """One connection, closed in order: (was the session resumed, the session for the next one)."""
    raw = socket.create_connection(("localhost", g.ports[door]), timeout=PATIENCE)
    with ctx.wrap_socket(raw, server_hostname="localhost", session=session) as s:
        if door == "https":
            s.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        else:
            s.sendall(b"a LOGOUT\r\n")
        while s.recv(4096):
            pass
        resumed, session = s.session_reused, s.session
        with contextlib.suppress(OSError):
            s.unwrap()
    return resumed, session


class Resume(GodwitTest):
    def test_after_a_restart_and_on_another_door(self):
        g = self.g
        for version in VERSIONS:
            with self.subTest(version=version.name):
                ctx = context(g, version)
                resumed, session = visit(g, ctx)
                self.assertFalse(resumed)
                resumed, session = visit(g, ctx, session)
                self.assertTrue(resumed)
                self.assertEqual(g.stop(), 0)
                g.start()
                resumed, session = visit(g, ctx, session)
                self.assertTrue(resumed, "after the restart")
                resumed, session = visit(g, ctx, session, "imaps")
                self.assertTrue(resumed, "at the other door")

    def test_it_is_counted(self):
        url = "http://127.0.0.1:%d/metrics" % self.g.ports["metrics"]
        ctx = context(self.g, ssl.TLSVersion.TLSv1_3)
        visit(self.g, ctx, visit(self.g, ctx)[1])
        text = urllib.request.urlopen(url, timeout=PATIENCE).read().decode()
        self.assertRegex(text, r"(?m)^godwit_tls_handshakes_total [2-9]")
        self.assertRegex(text, r"(?m)^godwit_tls_resumed_total [1-9]")


def metric(g, name):
    url = "http://127.0.0.1:%d/metrics" % g.ports["metrics"]
    text = urllib.request.urlopen(url, timeout=PATIENCE).read().decode()
    return int(re.search(r"(?m)^%s (\d+)$" % name, text).group(1))


HASHED = "godwit_mdm_password_checks_total"


class Remember(GodwitTest):
    def test_a_restart_does_not_check_all_passwords_anew(self):
        g = self.g
        g.user("again@demo.test")
        g.imap("again@demo.test").logout()
        self.assertEqual(metric(g, HASHED), 1)
        g.imap("again@demo.test").logout()
        self.assertEqual(metric(g, HASHED), 1)
        self.assertEqual(g.stop(), 0)
        g.start()
        g.imap("again@demo.test").logout()
        self.assertEqual(metric(g, HASHED), 0)
        with self.assertRaises(Exception):
            g.imap("again@demo.test", "something else")
        g.ctl("user", "password", "again@demo.test", stdin="another one\n")
        with self.assertRaises(Exception):
            g.imap("again@demo.test")
        g.imap("again@demo.test", "another one").logout()

    def test_the_key_is_not_with_the_data(self):
        path = os.path.join(self.g.folder, "remember.key")
        st = os.stat(path)
        self.assertEqual(st.st_mode & 0o777, 0o600)
        self.assertEqual(st.st_uid, os.geteuid(), "the supervisor's, not the server's")
        with open(path, "rb") as f:
            key = f.read()
        for folder, _, files in os.walk(os.path.join(self.g.folder, "data")):
            for name in files:
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(key, f.read())


class RememberInMemory(GodwitTest):
    CONF = {"access": ['remember_key = ""']}

    def test_a_crash_does_not_check_all_passwords_anew(self):
        g = self.g
        g.user("crash@demo.test")
        g.imap("crash@demo.test").logout()
        wait_until("it to be kept", lambda: metric(g, "godwit_mdm_passwords_kept_total") == 1)
        pid = g.server_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until("another server", lambda: g.server_pid() not in (None, pid))
        g.wait_ready()
        g.imap("crash@demo.test").logout()
        self.assertEqual(metric(g, HASHED), 0)


class ResumeElsewhere(ClusterTest):
    def CONF(i):  # noqa: N802, N805: one file for both nodes, as an admin would
        return {"access": ['remember_key = "%s"' % SHARED_KEY]}

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        with contextlib.suppress(OSError):
            os.unlink(SHARED_KEY)

    def test_a_password_is_checked_on_one_node_only(self):
        a, b = self.c.nodes
        a.user("node@demo.test")
        a.imap("node@demo.test").logout()
        wait_until("it to be kept", lambda: metric(a, "godwit_mdm_passwords_kept_total") == 1)
        b.imap("node@demo.test").logout()
        self.assertEqual(metric(b, HASHED), 0)

    def test_on_another_node(self):
        a, b = self.c.nodes
        for version in VERSIONS:
            with self.subTest(version=version.name):
                ctx = context(a, version)
                resumed, session = visit(a, ctx)
                self.assertFalse(resumed)
                resumed, session = visit(b, ctx, session)
                self.assertTrue(resumed)


if __name__ == "__main__":
    unittest.main()
