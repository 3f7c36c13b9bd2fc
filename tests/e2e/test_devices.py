# SPDX-License-Identifier: ISC
"""What an admin does to devices, by godwitctl, and what the devices then see."""
import json
import subprocess
import unittest
import os

from eas_client import EasClient, EasError, Node
from harness import BUILD, PASSWORD, PATIENCE, GodwitTest, wait_until
from test_delivery import ping_in_thread, waiting

PROVISION = "Provision:Provision"


class Devices(GodwitTest):
    def phone(self, address, device, version="16.1"):
        c = self.g.eas(address, device, version=version)
        self.addCleanup(c.close)
        return c

    def inbox(self, c):
        return next(f for f in c.foldersync() if f["type"] == 2)["id"]

    def story(self, device):
        return [r["did"] for r in self.json("audit", "list", "--device", device)]

    def json(self, *args):
        return json.loads(self.g.ctl(*args, "--json"))

    def facts(self, address, device):
        return self.json("device", "show", address, device)

    def wipe_asked(self, c):
        return c.command("Provision", Node(PROVISION))

    def confirm(self, c, tag="RemoteWipe", status="1"):
        return c.command("Provision", Node(PROVISION, Node(
            "Provision:" + tag, Node("Provision:Status", status)))).text("Provision:Status")

    def test_a_quarantined_phone_goes_on_by_itself_when_it_is_approved(self):
        address = self.g.user("wait@demo.test")
        self.g.ctl("device", "unknown", address, "quarantine")
        self.g.send(address, "Subject: secret\r\n\r\nx\r\n")
        c = self.phone(address, "QUAR1")
        c.options()
        folder = self.inbox(c)
        self.assertEqual([f["id"] for f in c.folders.values()], [folder])
        items = c.sync_all(folder)
        self.assertEqual(len(items), 1)
        self.assertEqual(items[0]["subject"], "This device waits for approval")
        self.assertIn(b"device approve wait@demo.test QUAR1", items[0]["body"])
        thread, result = ping_in_thread(c, [folder], 600)
        wait_until("the Ping to wait", lambda: waiting(self.g) > 0)
        self.assertEqual(self.json("device", "list", "--state", "quarantined")[0]["device"], "QUAR1")
        self.g.ctl("device", "approve", address, "QUAR1", "known")
        thread.join(PATIENCE)
        # What a phone does then: it takes the policy, and FolderSync tells it to start over.
        self.assertEqual(result.get("answer"), (142, []))
        c.provision()
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.status, 9)
        c.folder_key = "0"
        folder = self.inbox(c)
        self.assertEqual([i["subject"] for i in c.sync_all(folder)], ["secret"])
        self.assertEqual(self.facts(address, "QUAR1")["why"], "known")
        self.assertEqual(self.story("QUAR1"),
                         ["device.new", "device.allowed", "device.policy_taken"])

    def test_a_wipe_stays_pending_until_the_device_itself_confirms_it(self):
        address = self.g.user("wiped@demo.test")
        c = self.phone(address, "WIPE1")
        c.provision()
        other = self.phone(address, "WIPE2")
        other.provision()
        self.assertEqual(self.confirm(c), "2")  # nobody asked for it
        self.g.ctl("device", "wipe", address, "WIPE1", "stolen")
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.status, 140)
        self.assertEqual(self.confirm(c), "2")  # it was not told to yet
        # The password has changed, and the thief does not know it; the device's key will do.
        self.g.ctl("user", "password", address, stdin="another\n")
        self.assertIsNotNone(self.wipe_asked(c).find("Provision:RemoteWipe"))
        mine = c.policy_key
        c.policy_key = other.policy_key
        with self.assertRaises(EasError) as e:
            self.confirm(c)
        self.assertEqual(e.exception.http, 401)
        c.password, c.policy_key = "another", other.policy_key
        self.assertEqual(self.confirm(c), "2")  # signed in, with another device's key
        c.policy_key = mine
        self.assertEqual(self.confirm(c, "AccountOnlyRemoteWipe"), "2")
        self.assertEqual(self.facts(address, "WIPE1")["state"], "wipe pending")
        c.password = PASSWORD
        self.assertEqual(self.confirm(c), "1")
        self.assertEqual(self.facts(address, "WIPE1")["state"], "wiped")
        c.password = "another"
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.status, 129)
        self.g.ctl("device", "unblock", address, "WIPE1", "found again")
        c.provision()
        self.inbox(c)
        for step in ("device.wipe_ordered", "device.wipe_refused", "device.wipe_sent", "device.wiped",
                     "device.allowed"):
            self.assertIn(step, self.story("WIPE1"))

    def test_an_account_only_wipe_is_of_16_1(self):
        address = self.g.user("account@demo.test")
        old = self.phone(address, "OLD1", "14.1")
        old.provision()
        r = self.g.ctl("device", "wipe", address, "OLD1", "--account-only", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("speaks 14.1", r.stderr)
        c = self.phone(address, "NEW1")
        c.provision()
        self.g.ctl("device", "wipe", address, "NEW1", "--account-only", "left us")
        self.assertIsNotNone(self.wipe_asked(c).find("Provision:AccountOnlyRemoteWipe"))
        self.g.ctl("device", "cancel", address, "NEW1")
        self.inbox(c)
        self.g.ctl("device", "wipe", address, "NEW1", "--account-only", "left us")
        self.wipe_asked(c)
        self.assertEqual(self.confirm(c, "RemoteWipe"), "2")
        self.assertEqual(self.confirm(c, "AccountOnlyRemoteWipe"), "1")
        self.assertEqual(self.facts(address, "NEW1")["state"], "account wiped")

    def test_older_versions_are_told_of_a_wipe_by_http(self):
        address = self.g.user("v12@demo.test")
        c = self.phone(address, "TWELVE", "12.1")
        c.provision()
        self.g.ctl("device", "wipe", address, "TWELVE")
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.http, 449)
        r = self.g.ctl("device", "forget", address, "TWELVE", check=False)
        self.assertIn("a wipe is pending", r.stderr)
        self.assertIsNotNone(self.wipe_asked(c).find("Provision:RemoteWipe"))
        self.assertEqual(self.confirm(c, status="2"), "2")
        self.assertEqual(self.confirm(c), "1")
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.http, 403)

    def test_one_device_too_many_gets_its_status(self):
        address = self.g.user("many@demo.test")
        self.g.ctl("device", "limit", address, "2")
        for n in (1, 2):
            self.phone(address, "MANY%d" % n).provision()
        c = self.phone(address, "MANY3")
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.status, 177)
        c.version = "12.1"
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.http, 403)
        c.version = "16.1"
        self.g.ctl("device", "forget", address, "MANY1")
        c.provision()
        self.inbox(c)
        self.assertEqual(self.json("device", "limit", address)[0]["limit"], "2")
        self.g.ctl("device", "limit", address, "default")
        self.assertEqual(self.json("device", "limit", address)[0]["whose"], "default")

    def test_a_blocked_phone_hears_of_it_while_it_waits(self):
        address = self.g.user("blocked@demo.test")
        c = self.phone(address, "BLOCK1")
        c.provision()
        folder = self.inbox(c)
        c.sync_all(folder)
        thread, result = ping_in_thread(c, [folder], 600)
        wait_until("the Ping to wait", lambda: waiting(self.g) > 0)
        self.g.ctl("device", "block", address, "BLOCK1", "lost in the tram")
        thread.join(PATIENCE)
        self.assertEqual(result.get("answer"), (129, []))

    def test_a_phone_can_be_listed_before_it_comes(self):
        address = self.g.user("listed@demo.test")
        self.g.ctl("device", "unknown", address, "block")
        self.g.ctl("device", "approve", address, "EARLY1", "ordered")
        c = self.phone(address, "EARLY1")
        c.provision()
        self.inbox(c)
        with self.assertRaises(EasError) as e:
            self.phone(address, "STRANGE1").foldersync()
        self.assertEqual(e.exception.status, 129)

    def test_a_phone_too_eager_is_sent_away_with_words(self):
        address = self.g.user("eager@demo.test")
        c = self.phone(address, "EAGER1")
        c.provision()
        for _ in range(700):
            try:
                c.foldersync(key="0")  # pull-to-refresh without end
            except EasError as e:
                self.assertEqual(e.http, 503)
                break
        else:
            self.fail("it was let ask for ever")
        status, headers, _ = c.request(
            "POST", "/Microsoft-Server-ActiveSync?Cmd=Ping&User=x&DeviceId=EAGER1&DeviceType=x", b"",
            {"MS-ASProtocolVersion": "16.1", "X-MS-PolicyKey": str(c.policy_key)})
        self.assertEqual(status, 503)
        self.assertEqual(headers["X-MS-ASThrottle"], "RecentCommands")
        self.assertTrue(0 < int(headers["Retry-After"]) <= 61)
        self.assertIn("device.throttled", self.story("EAGER1"))
        # The user's other phone does not suffer.
        other = self.phone(address, "CALM1")
        other.provision()
        self.inbox(other)

    def test_the_audit_shows_who_did_what_and_that_nothing_is_missing(self):
        address = self.g.user("audit@demo.test")
        self.phone(address, "AUDIT1").provision()
        self.g.ctl("device", "block", address, "AUDIT1", "a test")
        rows = self.json("audit", "--user", address, "--action", "device.")
        self.assertEqual([r["did"] for r in rows],
                         ["device.new", "device.policy_taken", "device.blocked"])
        self.assertEqual(rows[0]["who"], "device")
        self.assertEqual(rows[0]["from"], "127.0.0.1")
        self.assertIn("a test", rows[2]["more"])
        self.assertTrue(rows[2]["who"] == "root" or rows[2]["who"].startswith("uid "))
        self.g.ctl("audit", "verify")
        self.assertEqual(len(self.json("audit", "--limit", "1")), 1)
        table = subprocess.run([os.path.join(BUILD, "tools", "godwitctl"), "-s", self.g.control, "audit",
                                "--user", address], capture_output=True, text=True, check=True).stdout
        self.assertTrue(table.startswith("ROW"))


if __name__ == "__main__":
    unittest.main()
