# SPDX-License-Identifier: ISC
"""TLS sessions are taken up again: after a restart, on another door, on another node."""
import contextlib
import socket
import ssl
import unittest
import urllib.request

from harness import PATIENCE, ClusterTest, GodwitTest

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


class ResumeElsewhere(ClusterTest):
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
