# SPDX-License-Identifier: ISC
"""Who is shut out hears of it at once, also while he waits: a Ping, a Sync, an IDLE, on this node
and on another."""
import re
import threading

from eas_client import EasError, Node
from harness import PATIENCE, ClusterTest, GodwitTest, wait_until
from test_delivery import Idle, waiting


def status(g, name):
    return re.search(r"^%s\t(.*)$" % name, g.ctl("status"), re.M).group(1)


class Held:
    """A device that waits; what it was answered is in self.answer: a tree, None or an EasError."""

    def __init__(self, g, user, device, sync=False, version="16.1"):
        self.phone = g.eas(user, device, version=version)
        self.phone.options()
        self.phone.provision()
        inbox = next(f for f in self.phone.foldersync() if f["type"] == 2)["id"]
        self.phone.sync_all(inbox)
        if sync:
            request = ("Sync", Node("AirSync:Sync",
                                    Node("AirSync:Collections", self.phone.sync_request(inbox)),
                                    Node("AirSync:HeartbeatInterval", "900")))
        else:
            request = ("Ping", Node("Ping:Ping", Node("Ping:HeartbeatInterval", "900"), Node(
                "Ping:Folders", Node("Ping:Folder", Node("Ping:Id", inbox), Node("Ping:Class", "Email")))))
        before = waiting(g)
        self.thread = threading.Thread(target=self.run, args=request, daemon=True)
        self.thread.start()
        wait_until("it to be held", lambda: waiting(g) == before + 1)

    def run(self, *request):
        try:
            self.answer = self.phone.command(*request)
        except EasError as e:
            self.answer = e

    def wait(self):
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "it waits still"
        self.phone.close()
        return self.answer


def bye(idle):
    """The last line of a session in IDLE, and then its end."""
    line = idle.m.readline()
    assert idle.m.readline() == b"", line
    return line


class ShutOut:
    """The order is given to self.order, the devices wait at self.door."""

    def user(self, name):
        self.door = self.nodes()[-1]
        self.order = self.nodes()[0]
        return self.order.user(name + "@demo.test")

    def test_a_blocked_device_hears_of_it_and_no_other(self):
        user = self.user("blocked")
        ping, sync = Held(self.door, user, "BLOCK1"), Held(self.door, user, "BLOCK2", sync=True)
        other, old = Held(self.door, user, "STAYS"), Held(self.door, user, "BLOCK3", version="12.1")
        self.order.ctl("device", "block", user, "BLOCK1", "lost")
        self.assertEqual(ping.wait().text("Ping:Status"), "129")
        self.order.ctl("device", "block", user, "BLOCK2", "lost")
        self.assertEqual(sync.wait().text("AirSync:Status"), "129")
        self.order.ctl("device", "block", user, "BLOCK3", "lost")
        self.assertEqual(old.wait().http, 403)
        self.assertTrue(other.thread.is_alive())
        self.order.send(user, "Subject: x\r\n\r\n")
        self.assertEqual(other.wait().text("Ping:Status"), "2")

    def test_a_wipe_sends_a_device_to_provision(self):
        user = self.user("wiped")
        ping, old = Held(self.door, user, "WIPE1"), Held(self.door, user, "WIPE2", version="12.1")
        self.order.ctl("device", "wipe", user, "WIPE1")
        self.assertEqual(ping.wait().text("Ping:Status"), "140")
        self.order.ctl("device", "wipe", user, "WIPE2")
        self.assertEqual(old.wait().http, 449)
        tree = ping.phone.provision()
        self.assertIsNotNone(tree.find("Provision:RemoteWipe"))

    def test_a_removed_device_comes_again_as_a_new_one(self):
        user = self.user("removed")
        ping = Held(self.door, user, "REMOVE1")
        self.order.ctl("device", "remove", user, "REMOVE1")
        self.assertEqual(ping.wait().text("Ping:Status"), "1")
        self.assertNotIn("REMOVE1", self.order.ctl("device", "list", user))
        ping.phone.provision()
        self.assertIn("REMOVE1", self.order.ctl("device", "list", user))

    def check_signed_out(self, user, *order, **kw):
        ping, sync = Held(self.door, user, "OUT1"), Held(self.door, user, "OUT2", sync=True)
        idle = Idle(self.door, user)
        self.order.ctl(*order, **kw)
        self.assertEqual([ping.wait().http, sync.wait().http], [401, 401])
        self.assertRegex(bye(idle), br"^\* BYE Signed out")

    def test_a_new_password_ends_what_waits_with_the_old_one(self):
        user = self.user("password")
        self.check_signed_out(user, "user", "password", user, stdin="another horse\n")
        self.door.imap(user, "another horse").logout()

    def test_a_disabled_user_is_out_until_he_is_enabled(self):
        user = self.user("disabled")
        self.check_signed_out(user, "user", "disable", user)
        self.order.send(user, "Subject: later\r\n\r\n")
        self.order.ctl("user", "enable", user)
        m = self.door.imap(user)
        self.assertEqual(m.select("INBOX")[1], [b"1"])
        m.logout()

    def test_a_removed_user_is_out(self):
        user = self.user("gone")
        self.check_signed_out(user, "user", "remove", user)


class OneNode(ShutOut, GodwitTest):
    CONF = {"policy": ["enforce = false"]}

    def nodes(self):
        return [self.g]


class TwoNodes(ShutOut, ClusterTest):
    CONF = {"policy": ["enforce = false"], "bus": ["sweep = 24h"]}

    def nodes(self):
        for node in self.c.nodes:
            wait_until("the bus", lambda n=node: status(n, "bus_connected") == "yes"
                       and int(status(n, "bus_compares")) >= 1)
        return self.c.nodes
