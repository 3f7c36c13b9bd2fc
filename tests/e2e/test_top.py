# SPDX-License-Identifier: ISC
"""godwitctl top: who waits and since when, counters for scripts, a page for the eye."""
import os
import pty
import re
import select
import subprocess
import time

from harness import BUILD, PATIENCE, GodwitTest, wait_until
from test_delivery import ping_in_thread


class Top(GodwitTest):
    def setUp(self):
        self.user = self.g.user(self.id().rsplit(".", 1)[1].replace("_", "-") + "@demo.test")
        self.phone = self.g.eas(self.user, device="TOPPHONE1")
        self.addCleanup(self.phone.close)
        self.phone.options()
        self.phone.provision()
        self.inbox = next(f for f in self.phone.foldersync() if f["type"] == 2)["id"]
        self.phone.sync_all(self.inbox)
        self.thread, self.result = ping_in_thread(self.phone, [self.inbox], 600)
        wait_until("the Ping to wait", lambda: self.rows(self.user))

    def tearDown(self):
        self.g.send(self.user, "Subject: end\r\n\r\n")
        self.thread.join(PATIENCE)
        self.assertEqual(self.result.get("answer"), (2, [self.inbox]))

    def rows(self, user="", limit="50"):
        rows = [l.split("\t") for l in self.g.ctl("top", "--limit", limit).splitlines()]
        return [r for r in rows if r[0] == "waiter" and user in r[2]]

    def test_a_ping_is_told_with_its_device_and_folders(self):
        desk = self.g.imap(self.user)
        desk.select("INBOX")
        desk.send(b"a1 IDLE\r\n")
        desk.readline()
        rows = wait_until("both", lambda: len(self.rows(self.user)) == 2 and self.rows(self.user))
        ping = next(r for r in rows if r[1] == "ping")
        self.assertEqual(ping[2:4], [self.user, "TOPPHONE1"])
        self.assertTrue(0 < int(ping[6]) <= 600000, "what is left of the heartbeat")
        self.assertEqual(ping[7], "INBOX")
        self.assertEqual(next(r for r in rows if r[1] == "idle")[6:], ["0", "INBOX"])
        self.assertEqual(len(self.rows(limit="1")), 1)
        desk.send(b"DONE\r\n")

    def test_device_show_tells_all_that_is_known_of_it(self):
        rows = [l.split("\t") for l in self.g.ctl("device", "show", self.user, "topphone1").splitlines()]
        shown = {r[0]: r[1] for r in rows if r[0] != "syncs"}
        self.assertEqual(shown["user"], self.user)
        self.assertEqual(shown["device"], "TOPPHONE1")
        self.assertEqual((shown["protocol"], shown["version"]), ("activesync", "16.1"))
        self.assertEqual(shown["type"], "TestPhone")
        self.assertEqual(shown["state"], "allowed")
        for key in ("first seen", "last seen"):
            self.assertRegex(shown[key], r"^20\d\d-\d\d-\d\dT")
        self.assertEqual(shown["heartbeat"], "nothing learned yet")
        self.assertRegex(shown["waiting"], r"^ping since \d+ s, [1-9]\d* s left$")
        self.assertRegex(next(r[1] for r in rows if r[0] == "syncs"),
                         r"^INBOX \(mail\), last change fetched 20\d\d-")
        for args, says in ((("nobody@demo.test", "TOPPHONE1"), "nobody@demo.test"),
                           ((self.user, "NOPHONE"), "NOPHONE")):
            r = self.g.ctl("device", "show", *args, check=False)
            self.assertEqual(r.returncode, 1)
            self.assertIn(says + ": not found", r.stderr)

    def test_the_counters_move_with_what_happens(self):
        def values():
            lines = [l.split("\t") for l in self.g.ctl("top").splitlines()]
            out = {l[1]: int(l[2]) for l in lines if l[0] == "value" and l[2].isdigit()}
            out.update({l[1]: sum(map(int, l[2].split())) for l in lines if l[0] == "hist"})
            return out
        before = values()
        self.g.send(self.user, "Subject: x\r\n\r\n")
        self.thread.join(PATIENCE)
        after = wait_until("the answer to be counted",
                           lambda: values()["answer_ping"] > before["answer_ping"] and values())
        for key in ("delivered", "accepted", "wake", "commits", "cpu_us"):
            self.assertGreater(after[key], before[key], key)
        self.assertGreater(after["memory_bytes"], 1 << 20)
        self.assertEqual(after["queue"], 0)
        self.phone.sync(self.inbox)
        self.assertGreater(values()["sync"], before["sync"])
        self.thread, self.result = ping_in_thread(self.phone, [self.inbox], 600)
        wait_until("the Ping to wait", lambda: self.rows(self.user))

    def test_once_is_a_page_for_the_eye(self):
        r = subprocess.run([os.path.join(BUILD, "tools", "godwitctl"), "-s", self.g.control, "top", "--once",
                            "--interval", "0.2"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertRegex(r.stdout, r"(?m)^waits   \d+   ping [1-9]")
        self.assertRegex(r.stdout, r"(?m)^ping +[\d.]+ s +[\d:.]+ (s|min) +%s +TOPPHONE1" % re.escape(self.user))
        self.assertIn("change to Ping's answer", r.stdout)
        self.assertNotIn("\033", r.stdout)

    def test_on_a_terminal_it_goes_on_until_q(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(os.path.join(BUILD, "tools", "godwitctl"),
                     ["godwitctl", "-s", self.g.control, "top", "--interval", "0.2"])
        seen, end = b"", time.monotonic() + PATIENCE
        # The page is drawn twice at least: it goes on by itself.
        while seen.count(b"\033[H") < 3 and time.monotonic() < end:
            if select.select([fd], [], [], 1)[0]:
                seen += os.read(fd, 65536)
        os.write(fd, b"q")
        while time.monotonic() < end:
            try:
                more = os.read(fd, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            seen += more
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        os.close(fd)
        self.assertIn(b"TOPPHONE1", seen)
        self.assertTrue(seen.endswith(b"\033[?25h\033[?1049l"), "the terminal is as it was")
