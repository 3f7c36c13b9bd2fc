# SPDX-License-Identifier: ISC
"""Bad input: the protocol's own error, a log line with the peer, memory bounded, others served."""
import base64
import random
import re
import socket
import ssl
import unittest

from harness import PASSWORD, PATIENCE, GodwitTest

FLOOD = 64 << 20  # bytes without an end that each door is offered
GROWTH = 160 << 20  # what the server may grow by all the while; sanitizers keep freed memory


class BadInput(GodwitTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.g.user("alice@demo.test")
        cls.pid = cls.g.server_pid()

    def tearDown(self):
        # Whatever was tried: the same process still serves.
        self.assertEqual(self.g.server_pid(), self.pid, "the server has not died")
        m = self.g.imap(self.user)
        self.assertEqual(m.select("INBOX")[0], "OK")
        m.logout()

    def connect(self, door):
        s = socket.create_connection(("127.0.0.1", self.g.ports[door]), timeout=PATIENCE)
        if door in ("https", "imaps", "submissions"):
            s = self.g.tls().wrap_socket(s, server_hostname="localhost")
        return s

    def talk(self, door, data, greeting=True):
        """Sends data (after a first line, its answer awaited, where data is a pair) and returns
        all that comes until the server closes. Plain doors: half-closing TLS is not for Python."""
        first, data = data if isinstance(data, tuple) else (None, data)
        s = self.connect(door)
        out = b""
        try:
            if greeting and door not in ("https", "http"):
                out = s.recv(4096)
            if first:
                s.sendall(first)
                s.recv(4096)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it had enough before the end; its answer is there all the same
            while True:
                got = s.recv(65536)
                if not got:
                    break
                out += got
        except OSError:
            pass
        finally:
            s.close()
        return out.decode(errors="replace")

    def rss(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) << 10

    def assert_logged(self, pattern):
        self.assertRegex(self.g.log(), pattern)

    def test_http(self):
        for name, request, status in [
            ("no request", b"\x00\x01\x02\x03\r\n\r\n", 400),
            ("two lengths", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
            ("length and chunks", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
            ("header too big", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200000 + b"\r\n\r\n", 431),
            ("body too big", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
            ("unknown path", b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        ]:
            with self.subTest(name):
                answer = self.talk("http", request)
                self.assertRegex(answer, r"\AHTTP/1\.1 %d " % status, name)
        self.assert_logged(r"event=\"?http\.refused.*peer=127\.0\.0\.1")

    def post(self, cmd, body):
        import http.client
        c = http.client.HTTPSConnection("localhost", self.g.ports["https"], context=self.g.tls(), timeout=PATIENCE)
        c.request("POST", "/Microsoft-Server-ActiveSync?Cmd=%s&User=alice&DeviceId=BAD1&DeviceType=X" % cmd, body,
                  {"Authorization": "Basic " + base64.b64encode((self.user + ":" + PASSWORD).encode()).decode(),
                   "MS-ASProtocolVersion": "16.1", "Content-Type": "application/vnd.ms-sync.wbxml"})
        r = c.getresponse()
        r.read()
        c.close()
        return r.status

    def test_wbxml(self):
        # Provisioned, so that the body is what is judged.
        c = self.g.eas(self.user, "BAD1")
        c.options()
        c.provision()
        bad = [b"\x03\x01\x6a\x00\x45\x4b\x02\x8f\xff\xff\xff\x7f\x01\x01",  # an entity
               b"\x03\x01\x6a\x00" + b"\x45" * 50000,  # nesting
               b"\x03\x01\x6a\x00\x45\xc3\xff\xff\xff\x7f",  # an opaque length beyond the body
               b"\x03\x01\x6a\x05hello\x45\x01", b"\xff" * 100, b"<xml/>"]
        rng = random.Random(7)
        bad += [b"\x03\x01\x6a\x00" + rng.randbytes(rng.randint(1, 300)) for _ in range(40)]
        statuses = set()
        for i, body in enumerate(bad):
            for cmd in ("Sync", "Ping", "FolderSync"):
                status = self.post(cmd, body)
                if i < 6:
                    self.assertIn(status, (400, 449), (cmd, body[:20]))
                self.assertIn(status, (200, 400, 413, 449), (cmd, body[:20]))
                statuses.add(status)
        self.assertIn(400, statuses)
        self.assert_logged(r"eas\.[^\n]*peer=127\.0\.0\.1|peer=127\.0\.0\.1[^\n]*eas")

    def test_imap(self):
        for name, data, answer in [
            ("no command", b"a\r\n", r"(?m)^(a|\*) BAD"),
            ("unknown command", b"a FLY\r\n", r"(?m)^a BAD"),
            ("bad literal", b"a LOGIN {99999999999999}\r\n", r"(?m)^(a|\*) (BAD|NO|BYE)"),
            ("NUL", b"a LOGIN \"x\x00\" y\r\n", r"(?m)^(a|\*) BAD"),
            ("deep", b"a SEARCH " + b"(" * 20000 + b"\r\n", r"(?m)^(a|\*) (BAD|BYE)"),
            ("endless line", b"a " + b"x" * (1 << 20) + b"\r\n", r"(?m)^(a|\*) (BAD|BYE)"),
        ]:
            with self.subTest(name):
                self.assertRegex(self.talk("imap", data), answer)
        self.assertRegex(self.talk("imap", b"x\r\n" * 200), r"\* BYE")
        self.assert_logged(r"imap\.bad[^\n]*peer=127\.0\.0\.1|peer=127\.0\.0\.1[^\n]*imap\.bad")

    def test_smtp(self):
        for name, data, answer in [
            ("unknown command", b"FLY\r\n", r"(?m)^50[02] 5\.5"),
            ("bad order", (b"EHLO x\r\n", b"RCPT TO:<a@demo.test>\r\n"), r"(?m)^503"),
            ("bad address", (b"EHLO x\r\n", b"MAIL FROM:<<>>\r\n"), r"(?m)^501|^553"),
            ("endless line", b"EHLO " + b"x" * (1 << 20) + b"\r\n", r"(?m)^5\d\d|^421"),
        ]:
            with self.subTest(name):
                self.assertRegex(self.talk("smtp", data), answer)
        self.assertRegex(self.talk("smtp", b"FLY\r\n" * 200), r"(?m)^421")
        self.assert_logged(r"smtp\.[^\n]*peer=127\.0\.0\.1")

    def test_random_bytes_at_every_door(self):
        rng = random.Random(42)
        for door in ("http", "https", "imap", "imaps", "smtp", "submission", "submissions", "lmtp", "metrics"):
            for _ in range(5):
                self.talk(door, rng.randbytes(rng.randint(1, 5000)), greeting=False)

    def flood(self, door, first):
        s = self.connect(door)
        sent = 0
        chunk = b"x" * 65536
        try:
            s.settimeout(10)
            s.sendall(first)
            while sent < FLOOD:
                sent += s.send(chunk)
        except OSError:
            pass
        s.close()
        return sent

    def test_memory_stays_bounded(self):
        before = self.rss()
        token = base64.b64encode((self.user + ":" + PASSWORD).encode())
        self.flood("http", b"GET /")
        self.flood("http", b"POST /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + token +
                   b"\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n")
        self.flood("imap", b"a LOGIN ")
        self.flood("imaps", b"a LOGIN {60000000+}\r\n")
        self.flood("smtp", b"EHLO ")
        self.flood("smtp", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@demo.test>\r\nDATA\r\n")
        self.assertLess(self.rss() - before, GROWTH)


if __name__ == "__main__":
    unittest.main()
