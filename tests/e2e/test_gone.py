# SPDX-License-Identifier: ISC
"""Clients that go away, come twice, or are too slow: what they held is free at once."""
import asyncio
import contextlib
import socket
import ssl
import unittest

from harness import PATIENCE, GodwitTest, wait_until
from phones import DATA, END_STREAM, HEADERS, PREFACE, Line, Phone, frame, hpack, until

MESSAGE = "Subject: %s\r\n\r\nx\r\n"


def status(g, key):
    return int(dict(l.split("\t") for l in g.ctl("status").splitlines())[key])


class Waiting(GodwitTest):
    CONF = {"policy": ["enforce = false"], "server": ["loops = 4"]}

    def waiting(self):
        return status(self.g, "push_waiting")

    async def parked(self, phone, line, n=1):
        """A Ping that is held, as a task."""
        task = asyncio.ensure_future(phone.ping(line))
        await until("the Ping to be held", lambda: self.waiting() == n)
        return task

    def test_a_ping_ends_with_its_client(self):
        self.g.user("gone@demo.test")

        async def run():
            ends = [("FIN", Line.close), ("RST", Line.reset)]
            kinds = [("HTTP/1.1", {}), ("plain", {"plain": True}), ("HTTP/2", {"h2": True})]
            for kind, options in kinds:
                for end, how in ends + ([("RST_STREAM", Line.cancel)] if "h2" in options else []):
                    with self.subTest(kind=kind, end=end):
                        line = await Line.open(self.g, **options)
                        phone = Phone(self.g, "gone@demo.test", "GONE" + kind[-1])
                        await phone.start(line)
                        task = await self.parked(phone, line)
                        how(line)
                        await until("the Ping to be gone", lambda: self.waiting() == 0)
                        task.cancel()
                        line.reset()
        asyncio.run(run())

    def test_the_newest_wait_of_a_device_ends_the_one_before(self):
        """... whichever loops the two have, and whether it is a Ping or a Sync."""
        self.g.user("newest@demo.test")

        async def run():
            phone = Phone(self.g, "newest@demo.test", "NEWEST")
            lines = [await Line.open(self.g, h2=i % 3 == 2) for i in range(10)]
            await phone.start(lines[0])
            before = None
            for i, line in enumerate(lines):
                is_ping = i % 2 == 0
                if is_ping:
                    line.say(phone.request(line, "Ping", phone.ping_tree(600)))
                else:
                    line.say(phone.request(line, "Sync", phone.sync_tree(heartbeat=600)))
                if before:
                    tree = await asyncio.wait_for(phone.answer(before), PATIENCE)
                    if is_ping:  # then it was a Sync: nothing new
                        self.assertEqual(phone.take(tree)[0], [])
                    else:
                        self.assertEqual(tree.text("Ping:Status"), "1")
                await until("one wait", lambda: self.waiting() == 1)
                before = line
            self.g.send("newest@demo.test", MESSAGE % "to the last")
            new, _ = phone.take(await asyncio.wait_for(phone.answer(before), PATIENCE))
            self.assertEqual(new, ["to the last"])
            # One that is refused ends nothing.
            old = asyncio.ensure_future(phone.ping(lines[0]))
            await until("one wait", lambda: self.waiting() == 1)
            other = Phone(self.g, "newest@demo.test", "NEWEST")
            other.inbox = phone.inbox
            self.assertEqual(await other.ping(lines[1], 1), 5)
            self.assertEqual(self.waiting(), 1)
            self.g.send("newest@demo.test", MESSAGE % "again")
            self.assertEqual(await asyncio.wait_for(old, PATIENCE), 2)
            for line in lines:
                line.close()
            await until("nobody to wait", lambda: self.waiting() == 0)
        asyncio.run(run())


class WaitingByOpenssl(Waiting):
    """The same with the records of TLS 1.3 left to OpenSSL."""

    CONF = dict(Waiting.CONF, tls=["records = openssl"])


class Slow(GodwitTest):
    CONF = {"policy": ["enforce = false"],
            "http": ["request_time = 1s", "body_rate_min = 1000", "stall = 1s", "idle = 2s"],
            "imap": ["login_timeout = 1s", "stall = 1s"]}

    async def trickle(self, line_or_writer, data):
        """A byte now and then, until the server has enough of it."""
        reader, writer = line_or_writer
        feed = asyncio.ensure_future(self.feed(writer, data))
        try:
            with contextlib.suppress(ConnectionError):
                while await asyncio.wait_for(reader.read(65536), PATIENCE):
                    pass
        finally:
            feed.cancel()
            writer.transport.abort()

    @staticmethod
    async def feed(writer, data):
        with contextlib.suppress(ConnectionError):
            for i in range(len(data)):
                writer.write(data[i:i + 1])
                await asyncio.sleep(0.15)

    def test_who_sends_a_byte_now_and_then_is_closed(self):
        g = self.g

        async def plain(door):
            return await asyncio.open_connection("127.0.0.1", g.ports[door])

        async def tls(h2=False):
            line = await Line.open(g, h2=h2)
            return line, (line.reader, line.writer)

        def hello():
            client = ssl.MemoryBIO()
            t = g.tls().wrap_bio(ssl.MemoryBIO(), client, server_hostname="localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                t.do_handshake()
            return client.read()

        async def run():
            head = b"GET /" + b"x" * 4000
            body = (b"POST /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: a\r\n"
                    b"Content-Length: 100000\r\n\r\n" + b"x" * 4000)
            block = hpack([("x", "y" * 900)] * 3)
            stuck = frame(HEADERS, 0, 1, block)  # its end never comes
            h2 = await tls(h2=True)
            h2_body = await tls(h2=True)
            request = h2_body[0].request_bytes("POST", "/Microsoft-Server-ActiveSync", [], b"")
            request = bytes(request[:4]) + bytes((request[4] & ~END_STREAM,)) + request[5:]
            h2_body[0].say(request)
            cases = {
                "hello": self.trickle(await plain("https"), hello()),
                "silence": self.trickle(await plain("https"), b""),
                "imaps": self.trickle(await plain("imaps"), hello()),
                "preface": self.trickle((await tls(h2=False))[1], PREFACE),
                "head": self.trickle((await tls())[1], head),
                "plain head": self.trickle(await plain("http"), head),
                "body": self.trickle((await tls())[1], body),
                "h2 head": self.trickle(h2[1], stuck),
                "h2 body": self.trickle(h2_body[1], frame(DATA, 0, 1, b"x" * 16000)),
                "imap line": self.trickle(await plain("imap"), b"a LOGIN " + b"x" * 4000),
            }
            done = await asyncio.gather(*cases.values(), return_exceptions=True)
            for name, result in zip(cases, done):
                self.assertIsNone(result, name)
        asyncio.run(run())
        wait_until("all to be closed", lambda: status(g, "http_connections") == 0)

    def test_who_does_not_read_is_dropped(self):
        g = self.g
        g.user("deaf@demo.test")
        m = g.imap("deaf@demo.test")
        m.append("INBOX", None, None, b"Subject: big\r\n\r\n" + b"y\r\n" * 4000000)
        m.select("INBOX")
        self.assertEqual(status(g, "imap_connections"), 1)
        # As a client whose window is shut: it asks, and goes on asking, and never reads.
        m.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        m.send(b"x1 UID FETCH 1 (BODY.PEEK[])\r\n")
        wait_until("it to be dropped", lambda: status(g, "imap_connections") == 0)
        m.shutdown()


if __name__ == "__main__":
    unittest.main()
