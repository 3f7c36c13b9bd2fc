# SPDX-License-Identifier: ISC
"""A crowd of devices on bad lines: nothing that waits outlives its client, no wake-up is lost,
each device is shown each message once.

GODWIT_DEVICES=2000 python3 tests/e2e/run.py --build build/dev test_crowd     # the whole of it, by hand
GODWIT_DEVICES=300 python3 tests/e2e/run.py --build build/tsan test_crowd     # looking for races
"""
import asyncio
import collections
import concurrent.futures
import contextlib
import os
import random
import re
import signal
import time
import unittest

from harness import PASSWORD, PATIENCE, GodwitTest
from phones import Line, LineGone, Phone, Refused, devices, raise_file_limit, until

LOST = (LineGone, OSError, EOFError, asyncio.IncompleteReadError)
A_USER = 3  # devices
LONG = 3000  # seconds: nobody waits for their end here


class Trouble(Exception):
    """What a device does to its line."""


class Device:
    """Lives until it is told to stop: connects, catches up, waits, is woken, loses its line."""

    def __init__(self, test, user, number):
        self.test, self.g, self.user, self.number = test, test.g, user, number
        self.random = random.Random(test.seed * 100003 + number)
        self.got = collections.Counter()
        self.woken = 0  # told that there is something, after a wait
        self.lines = 0
        self.waits = False  # the request to wait has been said
        self.line = None

    async def live(self):
        while not self.test.over:
            try:
                await self.connect()
                self.lines += 1
                await self.catch_up()
                while not self.test.over:
                    await self.wait_once()
            except Trouble:
                pass
            except Refused as e:
                if e.status != 503:
                    raise
                await asyncio.sleep(0.05)
            except LOST:
                if not self.test.stormy and not self.test.over:
                    raise
            finally:
                self.waits = False
                self.hang_up()

    async def wait_once(self):
        """One wait, and what came of it; in a storm the line may break at any moment."""
        stormy = self.test.stormy
        trouble = None
        if stormy and self.random.random() < 0.5:
            trouble = asyncio.ensure_future(asyncio.sleep(self.random.random() * 0.4))
        wait = asyncio.ensure_future(self.wait(self.random.choice((1, 1, 2, LONG)) if stormy else LONG))
        try:
            tasks = [t for t in (wait, trouble, self.test.calm_or_end(stormy)) if t]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not wait.done():
                raise Trouble()
            await wait
        finally:
            self.waits = False
            for t in (wait, trouble):
                if t:
                    t.cancel()
                    with contextlib.suppress(asyncio.CancelledError, *LOST, Refused):
                        await t

    def hang_up(self):
        if self.line:
            self.random.choice((Line.close, Line.reset))(self.line)
        self.line = None


class Pinger(Device):
    def __init__(self, test, user, number, h2, sync):
        super().__init__(test, user, number)
        self.h2, self.sync = h2, sync
        self.phone = Phone(test.g, user, "DEV%05d" % number)

    async def connect(self):
        self.line = await Line.open(self.g, h2=self.h2, source=self.test.source(self.number))

    async def catch_up(self):
        if self.phone.inbox is None:
            await self.phone.start(self.line)
        await self.phone.sync(self.line)
        self.got = self.phone.got

    async def wait(self, seconds):
        phone, line = self.phone, self.line
        if self.sync:
            request = phone.request(line, "Sync", phone.sync_tree(heartbeat=seconds))
        else:
            request = phone.request(line, "Ping", phone.ping_tree(seconds))
        if self.test.stormy and self.random.random() < 0.1:
            line.say(request[:self.random.randrange(len(request))])  # in the middle of a frame
            line.reset()
            raise Trouble()
        line.say(request)
        self.waits = True
        tree = await phone.answer(line)
        if self.sync:
            new, _ = phone.take(tree)
            self.woken += 1 if new else 0
            return
        status = tree.text("Ping:Status")
        if status == "2":
            self.woken += 1
            await phone.sync(line)
        elif status != "1":
            raise AssertionError("Ping: Status %s" % status)

    def hang_up(self):
        if self.line and self.h2 and self.random.random() < 0.3:
            with contextlib.suppress(OSError):
                self.line.cancel()
        super().hang_up()


class Idler(Device):
    """An IMAP session in IDLE."""

    def __init__(self, test, user, number):
        super().__init__(test, user, number)
        self.next_uid = 1

    async def connect(self):
        context = Line.context(self.g, False)
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.g.ports["imaps"], ssl=context, server_hostname="localhost",
            local_addr=(self.test.source(self.number), 0))
        self.line = Line()
        self.line.writer = self.writer
        await self.read_line()
        await self.do('LOGIN %s "%s"' % (self.user, PASSWORD))

    async def read_line(self):
        line = await self.reader.readuntil(b"\r\n")
        if line.startswith(b"* BYE"):
            raise LineGone(repr(line))
        return line

    async def do(self, text):
        self.writer.write(("t " + text + "\r\n").encode())
        lines = []
        while True:
            line = await self.read_line()
            lines.append(line)
            if line.startswith(b"t "):
                if not line.startswith(b"t OK"):
                    raise AssertionError("%s: %r" % (text, line))
                return b"".join(lines)

    async def catch_up(self):
        await self.do("SELECT INBOX")
        await self.fetch()

    async def fetch(self):
        answer = await self.do("UID FETCH %d:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])" % self.next_uid)
        new = 0
        for uid, subject in re.findall(rb"UID (\d+).*?\r\nSubject: (\S+)\r\n", answer, re.S):
            if int(uid) >= self.next_uid:  # n:* names the last one even if it is below n
                self.next_uid = int(uid) + 1
                self.got[subject.decode()] += 1
                new += 1
        return new

    async def wait(self, seconds):
        self.writer.write(b"t IDLE\r\n")
        while not (await self.read_line()).startswith(b"+"):
            pass
        self.waits = True
        # What came between the fetch and this is told at once.
        with contextlib.suppress(asyncio.TimeoutError):
            while b"EXISTS" not in await asyncio.wait_for(self.read_line(), seconds):
                pass
        self.writer.write(b"DONE\r\n")
        while not (await self.read_line()).startswith(b"t "):
            pass
        self.woken += 1 if await self.fetch() else 0


class Crowd(GodwitTest):
    CONF = {"policy": ["enforce = false"], "server": ["loops = 3", "drain = 5s"],
            "log": ["level = info"],
            "activesync": ["heartbeat_min = 1s"],
            "smtp": ["connections_peer_max = 1000"]}

    def status(self):
        return dict(l.split("\t") for l in self.g.ctl("status").splitlines())

    @staticmethod
    def source(number):
        """An address of 127.0.0.0/8, as devices have."""
        return "127.1.%d.%d" % (number // 250, number % 250 + 1)

    def calm_or_end(self, stormy):
        return self.storm_over if stormy else self.end

    def send_all(self, subjects, parallel=4):
        """{user: subject} by as many sessions at once."""
        users = list(subjects)

        def run(part):
            with self.g.smtp() as s:
                for user in part:
                    s.sendmail("x@far.example", user, "Subject: %s\r\n\r\nx\r\n" % subjects[user])
        with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
            for f in [pool.submit(run, users[i::parallel]) for i in range(parallel)]:
                f.result()
        for user in users:
            self.sent[user][subjects[user]] += 1

    def make(self, i):
        user = self.users[i // A_USER]
        if i % 10 == 9:
            return Idler(self, user, i)
        return Pinger(self, user, i, h2=i % 10 in (1, 4, 6), sync=i % 10 in (2, 6))

    async def check_alive(self, tasks):
        for t in tasks:
            if t.done():
                t.result()

    async def until_all(self, what, condition, tasks, crowd):
        end = time.monotonic() + PATIENCE + len(crowd) / 10
        while True:
            await self.check_alive(tasks)
            late = [d for d in crowd if not condition(d)]
            if not late:
                return
            if time.monotonic() > end:
                d = late[0]
                self.fail("%s: not so for %d of %d devices, as %s %d of %s: waits=%s woken=%d got=%s"
                          % (what, len(late), len(crowd), type(d).__name__, d.number, d.user, d.waits, d.woken,
                             dict(d.got)))
            await asyncio.sleep(0.02)

    def is_waiting(self, n):
        return int(self.status()["push_waiting"]) == n

    async def storm(self, crowd, tasks, seconds):
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        n = 0
        while loop.time() < end:
            some = random.Random(self.seed + n).sample(self.users, max(1, len(self.users) // 4))
            await loop.run_in_executor(None, self.send_all, {u: "storm-%d" % n for u in some})
            n += 1
            await loop.run_in_executor(None, self.g.ctl, "reload")
            await self.check_alive(tasks)

    async def run_all(self, n):
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(4))
        self.over, self.stormy = False, True
        self.storm_over, self.end = loop.create_future(), loop.create_future()
        crowd = [self.make(i) for i in range(n)]
        tasks = [asyncio.ensure_future(d.live()) for d in crowd]
        await self.until_all("all to have come", lambda d: d.lines > 0, tasks, crowd)
        await self.storm(crowd, tasks, 5 + n / 100)

        # Calm: everybody waits, and is woken once by each message.
        self.stormy = False
        self.storm_over.set_result(None)
        for turn in range(3):
            await self.until_all("all to have caught up and to wait",
                                 lambda d: d.waits and d.got == self.sent[d.user], tasks, crowd)
            await until("the hub to know them all", lambda: self.is_waiting(n))
            woken = {d: d.woken for d in crowd}
            await loop.run_in_executor(None, self.send_all, {u: "calm-%d" % turn for u in self.users})
            await self.until_all("all to be woken once", lambda d, w=woken: d.woken == w[d] + 1, tasks, crowd)
        await self.until_all("all to have all", lambda d: d.waits and d.got == self.sent[d.user], tasks, crowd)

        await self.leave(crowd, tasks)
        print("\n   %d devices, %d lines, %d messages" % (
            n, sum(d.lines for d in crowd), sum(sum(c.values()) for c in self.sent.values())))

    async def leave(self, crowd, tasks):
        """All hang up, in one way or another: nothing of theirs stays."""
        self.over = True
        self.end.set_result(None)
        await asyncio.gather(*tasks)
        for key in ("push_waiting", "activesync_waiting", "http_connections", "imap_connections"):
            await until(key + " to be 0", lambda k=key: int(self.status()[k]) == 0)
        for d in crowd:
            self.assertEqual(d.got, self.sent[d.user], "device %d of %s" % (d.number, d.user))

    def test_a_crowd_on_bad_lines(self):
        n = min(devices(120), (raise_file_limit() - 100) // 2)
        self.seed = int(os.environ.get("GODWIT_SEED", "1"))
        self.users = ["u%04d@demo.test" % i for i in range(-(-n // A_USER))]
        self.sent = {u: collections.Counter() for u in self.users}
        self.g.ctl("domain", "add", "demo.test")
        self.g.ctl("user", "import", stdin="".join("%s\t%s\n" % (u, PASSWORD) for u in self.users))
        asyncio.run(self.run_all(n))


class Restart(GodwitTest):
    CONF = {"policy": ["enforce = false"], "server": ["loops = 2", "drain = 20s"]}

    def test_a_stopping_server_answers_who_waits(self):
        """... that nothing is new, instead of cutting the line."""
        n = 40

        async def run():
            phones = [Phone(self.g, "stop%d@demo.test" % (i % 4), "STOP%02d" % i) for i in range(n)]
            lines = [await Line.open(self.g, h2=i % 2 == 0) for i in range(n)]
            for phone, line in zip(phones, lines):
                await phone.start(line)
            pings = [asyncio.ensure_future(p.ping(l)) for p, l in zip(phones, lines)]
            await until("all to wait", lambda: "push_waiting\t%d\n" % n in self.g.ctl("status"))
            os.kill(self.g.supervisor_pid(), signal.SIGTERM)
            self.assertEqual(await asyncio.wait_for(asyncio.gather(*pings), PATIENCE), [1] * n)
            for line in lines:
                line.close()
        for i in range(4):
            self.g.user("stop%d@demo.test" % i)
        asyncio.run(run())
        self.assertEqual(self.g.process.wait(PATIENCE), 0)
        self.g.start()


if __name__ == "__main__":
    unittest.main()
