# SPDX-License-Identifier: ISC
"""Push across nodes: a message that one node accepts wakes the Ping and the IDLE on another."""
import os
import re
import shutil
import subprocess
import unittest

from harness import PATIENCE, ClusterTest, free_port, server_user, wait_until
from peers import Nats
from test_delivery import Idle, ping_in_thread, waiting

MESSAGE = "Subject: across\r\n\r\nx\r\n"


def status(g, name):
    return re.search(r"^%s\t(.*)$" % name, g.ctl("status"), re.M).group(1)


class Bus:
    """The tests of both drivers. The nodes never sweep: what wakes is the bus, or the comparison
    after it was away."""

    NODES = 2
    DRIVER = None

    def wait_up(self, connects=1):
        for node in self.c.nodes:
            wait_until("the bus", lambda: status(node, "bus_connected") == "yes"
                       and int(status(node, "bus_compares")) >= connects)

    def phone(self, node, user, device):
        phone = node.eas(user, device)
        phone.options()
        phone.provision()
        inbox = next(f for f in phone.foldersync() if f["type"] == 2)["id"]
        phone.sync_all(inbox)
        return phone, inbox

    def start_waiting(self, node, user, device="PHONE0001"):
        phone, inbox = self.phone(node, user, device)
        desktop = Idle(node, user)
        before = waiting(node)
        thread, result = ping_in_thread(phone, [inbox], 900)
        wait_until("the Ping to be held", lambda: waiting(node) == before + 1)
        return phone, inbox, desktop, thread, result

    def check_woken(self, phone, inbox, desktop, thread, result):
        self.assertIn(b"1 EXISTS", desktop.wait())
        thread.join(PATIENCE)
        self.assertEqual(str(result["answer"][0]), "2")
        self.assertEqual([i["subject"] for i in phone.sync_all(inbox)], ["across"])
        desktop.done().logout()
        phone.close()

    def test_a_message_on_one_node_wakes_ping_and_idle_on_the_other(self):
        a, b = self.c.nodes
        self.wait_up()
        user = a.user("across@demo.test")
        held = self.start_waiting(b, user)
        a.send(user, MESSAGE)
        self.check_woken(*held)
        self.assertEqual(status(b, "bus"), self.DRIVER)
        self.assertGreaterEqual(int(status(b, "bus_received")), 1)
        self.assertEqual(status(a, "bus_lost"), "0")

    def test_a_message_while_the_bus_is_away_wakes_when_it_is_back(self):
        a, b = self.c.nodes
        self.wait_up()
        user = a.user("away@demo.test")
        held = self.start_waiting(b, user)
        at_rest = self.start_waiting(b, a.user("atrest@demo.test"), "ATREST")
        before = int(status(b, "bus_connects"))
        wakes, rounds = b.log().count("event=eas.wake"), int(status(b, "bus_compares"))
        self.take_bus_away()
        for node in self.c.nodes:
            wait_until("the bus to be away", lambda: status(node, "bus_connected") == "no")
        a.send(user, MESSAGE)
        a.kill9()  # what it had to say is said by nobody
        self.give_bus_back()
        self.check_woken(*held)
        self.assertGreater(int(status(b, "bus_connects")), before)
        b.wait_log("event=bus.lost driver=%s" % self.DRIVER)
        b.wait_log("event=bus.regained driver=%s" % self.DRIVER)
        a.start()
        # Who had nothing to hear of was compared too, and not woken for it.
        wait_until("the comparison", lambda: int(status(b, "bus_compares")) > rounds)
        self.assertEqual(b.log().count("event=eas.wake"), wakes + 1)
        b.send("atrest@demo.test", MESSAGE)
        self.check_woken(*at_rest)


class Postgresql(Bus, ClusterTest):
    DRIVER = "postgresql"
    ROLE = "godwit_bus_%d" % os.getpid()

    @classmethod
    def before_nodes(cls, cluster):
        """The bus has a role of its own, so that it can be shut out while the store goes on."""
        cluster.database.sql("CREATE ROLE %s LOGIN" % cls.ROLE)
        conninfo = cluster.database.conninfo.replace("user=godwit", "user=" + cls.ROLE)
        return {"bus": ['url = "%s"' % conninfo, "sweep = 24h"]}

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.c.database.sql("DROP ROLE " + cls.ROLE)

    def take_bus_away(self):
        self.c.database.sql("ALTER ROLE %s NOLOGIN" % self.ROLE)
        self.c.database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'"
                            % self.ROLE)

    def give_bus_back(self):
        self.c.database.sql("ALTER ROLE %s LOGIN" % self.ROLE)


def client_certificate(folder, owner):
    """A certificate that says "I am a client", of the CA that lies in folder."""
    for words in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-keyout", "node.key", "-out", "node.csr", "-subj", "/CN=node"],
                  ["x509", "-req", "-in", "node.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                   "-days", "2", "-out", "node.pem"]):
        subprocess.run(["openssl", *words], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    for name in ("node.pem", "node.key"):
        if owner:
            shutil.chown(os.path.join(folder, name), owner)


class NatsServer(Bus, ClusterTest):
    """Over TLS, with a certificate and a password, from within the sandbox."""

    DRIVER = "nats"

    @classmethod
    def before_nodes(cls, cluster):
        if not Nats.is_installed():
            raise unittest.SkipTest("nats-server is not installed")
        cls.nats = Nats(free_port(), cluster.certs, ("godwit", "open sesame"))
        url = os.path.join(cluster.folder, "bus.url")
        with open(url, "w") as f:
            f.write("tls://godwit:open%%20sesame@localhost:%d\n" % cls.nats.port)
        client_certificate(cluster.certs, server_user())
        return {"bus": ["driver = nats", 'url = "%s"' % url, 'ca = "%s/ca.pem"' % cluster.certs, "sweep = 24h",
                        'certificate = "%s/node.pem"' % cluster.certs, 'key = "%s/node.key"' % cluster.certs]}

    def test_a_server_of_another_name_is_not_spoken_to(self):
        g = self.c.add_node()
        g.conf = {"bus": ["driver = nats", 'url = "tls://godwit:open%%20sesame@localhost:%d"' % self.nats.port,
                          'ca = "%s/ca.pem"' % self.c.certs, 'server_name = "other.test"']}
        g.write_conf()
        try:
            g.start()
            g.wait_log("event=bus.lost driver=nats")
            self.assertEqual(status(g, "bus_connected"), "no")
            self.assertRegex(g.log(), r"bus\.lost .*(SSL|TLS|tls|[Cc]ertificate)")
        finally:
            self.c.nodes.remove(g)
            self.assertEqual(g.stop(), 0)

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.nats.stop()

    def take_bus_away(self):
        self.nats.kill()

    def give_bus_back(self):
        self.nats.start()


if __name__ == "__main__":
    unittest.main()
