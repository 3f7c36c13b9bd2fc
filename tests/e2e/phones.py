# SPDX-License-Identifier: ISC
"""phones.py - many ActiveSync devices in one thread (asyncio), for tests of crowds and bad lines.

    line = await Line.open(g, h2=True)          # one connection; plain=True: without TLS
    phone = Phone(g, "alice@demo.test", "PHONE1")
    await phone.start(line)                     # FolderSync, first Sync of the inbox
    status = await phone.ping(line, 600)
    new = await phone.sync(line)                # subjects of what came

A Line says HTTP/1.1 or HTTP/2 by hand, so that it can stop or reset in the middle of anything.
"""
import asyncio
import collections
import contextlib
import os
import socket
import ssl
import struct

from eas_client import EasClient, Node, decode, encode
from harness import PASSWORD, PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4


class LineGone(Exception):
    """The connection, or the HTTP/2 stream, ended before the answer."""


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def hpack_length(n):
    """RFC 7541 5.1, 7-bit prefix."""
    if n < 127:
        return bytes((n,))
    out, n = bytearray((127,)), n - 127
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes((n,))


def hpack(headers):
    """Literals without indexing and without Huffman (RFC 7541 6.2.2)."""
    out = bytearray()
    for name, value in headers:
        name, value = name.lower().encode(), value.encode()
        out += b"\0" + hpack_length(len(name)) + name + hpack_length(len(value)) + value
    return bytes(out)


# RFC 7541, appendix B: how digits are packed.
DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
          "011100": "6", "011101": "7", "011110": "8", "011111": "9"}


def hpack_status(block):
    """Of an answer's header block: ":status" comes first, and our table has no room for more."""
    while block[0] & 0xE0 == 0x20:  # the size of the dynamic table
        block = block[1:]
    if block[0] & 0x80:
        return {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}[block[0] & 0x7F]
    length, text = block[1], block[2:2 + (block[1] & 0x7F)]
    if not length & 0x80:
        return int(text)
    bits, out, word = "".join("{:08b}".format(b) for b in text), "", ""
    for b in bits:
        word += b
        if word in DIGITS:
            out, word = out + DIGITS[word], ""
    return int(out)


class Line:
    @classmethod
    async def open(cls, g, h2=False, plain=False, source=None):
        line = cls()
        line.h2, line.stream, line.buffer = h2, -1, b""
        context = None
        if not plain:
            context = cls.context(g, h2)
        line.reader, line.writer = await asyncio.open_connection(
            "127.0.0.1", g.ports["http" if plain else "https"], ssl=context,
            server_hostname=None if plain else "localhost",
            local_addr=(source, 0) if source else None)
        if h2:
            table = struct.pack(">HI", 1, 0)  # SETTINGS_HEADER_TABLE_SIZE
            line.writer.write(PREFACE + frame(SETTINGS, 0, 0, table))
        return line

    @staticmethod
    def context(g, h2):
        """One for all lines of a kind: each reads the CA's file."""
        known = g.__dict__.setdefault("phones_tls", {})
        if h2 not in known:
            known[h2] = g.tls()
            known[h2].set_alpn_protocols(["h2"] if h2 else ["http/1.1"])
        return known[h2]

    # -- asking --

    def request_bytes(self, method, path, headers, body):
        if not self.h2:
            head = "".join("%s: %s\r\n" % h for h in [("Host", "localhost"), *headers])
            return ("%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n"
                    % (method, path, head, len(body))).encode() + body
        self.stream += 2
        block = hpack([(":method", method), (":scheme", "https"), (":path", path),
                       (":authority", "localhost"), *headers])
        return (frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), self.stream, block)
                + (frame(DATA, END_STREAM, self.stream, body) if body else b""))

    def say(self, data):
        self.writer.write(data)

    async def hear(self):
        """(status, body) of the request that was said last."""
        try:
            return await (self.hear_h2() if self.h2 else self.hear_h1())
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as e:
            raise LineGone(repr(e)) from e

    async def ask(self, method, path, headers, body=b""):
        self.say(self.request_bytes(method, path, headers, body))
        return await self.hear()

    async def hear_h1(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:] if h)}
        self.headers = headers
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), body

    async def hear_h2(self):
        status, body = None, b""
        while True:
            head = await self.reader.readexactly(9)
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big")
            payload = await self.reader.readexactly(length)
            if kind == SETTINGS and not flags & ACK:
                self.say(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.say(frame(PING, ACK, 0, payload))
            elif stream != self.stream:
                continue
            elif kind == RST_STREAM:
                raise LineGone("RST_STREAM")
            elif kind == HEADERS:
                status = hpack_status(payload)
            elif kind == DATA:
                body += payload
                if payload:
                    update = struct.pack(">I", len(payload))
                    self.say(frame(WINDOW_UPDATE, 0, 0, update)
                             + frame(WINDOW_UPDATE, 0, stream, update))
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return status, body

    # -- ending --

    def cancel(self):
        """HTTP/2: takes back the request alone."""
        self.say(frame(RST_STREAM, 0, self.stream, struct.pack(">I", 8)))

    def close(self):
        """In order, close_notify and FIN."""
        self.writer.close()

    def reset(self):
        """RST, whatever is under way."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Phone:
    """One device; it has a sync key and what it was shown, and outlives its lines."""

    def __init__(self, g, user, device, version="14.1", password=PASSWORD):
        self.g = g
        self.words = EasClient("localhost", 0, user, password, device, version)
        self.inbox = None
        self.got = collections.Counter()  # subjects

    def request(self, line, command, root):
        c = self.words
        headers = [("Authorization", c._authorization()), ("MS-ASProtocolVersion", c.version),
                   ("X-MS-PolicyKey", str(c.policy_key)),
                   ("Content-Type", "application/vnd.ms-sync.wbxml")]
        return line.request_bytes("POST", "/Microsoft-Server-ActiveSync?" + c._query(command), headers,
                                  encode(root) if root else b"")

    async def command(self, line, command, root):
        line.say(self.request(line, command, root))
        return await self.answer(line)

    async def answer(self, line):
        status, body = await line.hear()
        if status != 200:
            raise Refused(status, line)
        return decode(body) if body else None

    async def start(self, line):
        tree = await self.command(line, "FolderSync", Node("FolderHierarchy:FolderSync",
                                                          Node("FolderHierarchy:SyncKey", "0")))
        for n in tree.find("FolderHierarchy:Changes").children:
            if n.tag == "FolderHierarchy:Add" and n.text("FolderHierarchy:Type") == "2":
                self.inbox = n.text("FolderHierarchy:ServerId")
        await self.sync(line)
        await self.sync(line)

    def sync_tree(self, heartbeat=None):
        wait = [] if heartbeat is None else [Node("AirSync:HeartbeatInterval", str(heartbeat))]
        return Node("AirSync:Sync", Node("AirSync:Collections", self.words.sync_request(self.inbox)), *wait)

    def take(self, tree):
        items, more, _ = self.words.take(tree, self.inbox)
        new = [i["subject"] for i in items if "subject" in i]
        self.got.update(new)
        return new, more

    async def sync(self, line, heartbeat=None):
        """Rounds until there is no more; the subjects that came."""
        all_new, more = [], True
        while more:
            new, more = self.take(await self.command(line, "Sync", self.sync_tree(heartbeat)))
            all_new += new
        return all_new

    def ping_tree(self, seconds):
        return Node("Ping:Ping", Node("Ping:HeartbeatInterval", str(seconds)), Node(
            "Ping:Folders", Node("Ping:Folder", Node("Ping:Id", self.inbox),
                                 Node("Ping:Class", "Email"))))

    async def ping(self, line, seconds=600):
        tree = await self.command(line, "Ping", self.ping_tree(seconds))
        return int(tree.text("Ping:Status"))


class Refused(Exception):
    def __init__(self, status, line):
        super().__init__("HTTP %d" % status)
        self.status, self.line = status, line


async def until(what, condition, patience=PATIENCE):
    """As harness.wait_until; condition may block for a moment."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while True:
        value = await loop.run_in_executor(None, condition)
        if value:
            return value
        if loop.time() > end:
            raise AssertionError("waited %d s for %s" % (patience, what))
        await asyncio.sleep(0.02)


def raise_file_limit():
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def devices(default):
    """How many devices a test of a crowd has: GODWIT_DEVICES, or the default that CI can afford."""
    return int(os.environ.get("GODWIT_DEVICES", default))
