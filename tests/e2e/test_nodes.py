# SPDX-License-Identifier: ISC
"""Three nodes on one PostgreSQL: one is killed under load, and nobody has to start over."""
import collections
import email
import smtplib
import socketserver
import threading
import unittest

from harness import PASSWORD, ClusterTest, free_port, wait_until
from roam import Load


class Sink:
    """Where a node relays to: takes mail, or holds its callers before the greeting."""

    def __init__(self, port):
        self.holding = False
        self.held = 0
        self.gate = threading.Event()
        self.gate.set()
        self.subjects = collections.Counter()
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                sink.serve(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def hold(self):
        self.gate.clear()

    def serve(self, rfile, wfile):
        def say(line):
            wfile.write(line + b"\r\n")
        try:
            if not self.gate.is_set():
                self.held += 1
                self.gate.wait()
            say(b"220 sink")
            for line in rfile:
                if line.upper().startswith(b"DATA"):
                    say(b"354 go on")
                    mail = b""
                    for part in rfile:
                        if part == b".\r\n":
                            break
                        mail += part
                    else:
                        return
                    self.subjects[email.message_from_bytes(mail)["Subject"]] += 1
                    say(b"250 taken")
                elif line.upper().startswith(b"QUIT"):
                    say(b"221 bye")
                    return
                else:
                    say(b"250 ok")
        except OSError:
            pass

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


class Nodes(ClusterTest):
    NODES = 3

    @classmethod
    def before_nodes(cls, database):
        """Each node has a relay of its own, so that one sees who is delivering."""
        cls.ports = [free_port() for _ in range(cls.NODES)]
        cls.sinks = [Sink(port) for port in cls.ports]
        return lambda i: {"smtp": ['relay = "127.0.0.1:%d"' % cls.ports[i]], "log": ["level = info"]}

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            for sink in cls.sinks:
                sink.stop()

    def submit(self, node, user, subject):
        with smtplib.SMTP_SSL("localhost", node.ports["submissions"], context=node.tls()) as s:
            s.login(user, PASSWORD)
            s.sendmail(user, "x@far.example", "Subject: %s\r\n\r\nx\r\n" % subject)

    def states(self, node):
        rows = [line.split("\t") for line in node.ctl("node", "list").splitlines()]
        return {row[0]: row[1] for row in rows}

    def test_a_node_dies_under_load_and_nobody_starts_over(self):
        a, b, c = self.c.nodes
        users = [a.user("u%d@demo.test" % i) for i in range(3)]
        self.assertEqual(self.states(b), {"node0": "alive", "node1": "alive", "node2": "alive"})

        # Mail that leaves lies with node 0, which has called and waits for a greeting.
        self.sinks[0].hold()
        for i in range(3):
            self.submit(a, users[0], "out %d" % i)
        wait_until("node 0 to be delivering", lambda: self.sinks[0].held > 0)

        load = Load(self.c.nodes, users).start()
        try:
            load.wait_progress(5)
            load.kill(a)
            load.wait_progress(5)
            load.stop()
        finally:
            load.abandon()
        n = load.check()
        self.assertGreater(n, 20)
        moved = [x for x in load.clients if x.moves]
        self.assertTrue(moved, "the clients of node 0 went elsewhere")

        # What it held is delivered by the others, once.
        def delivered():
            return sum((s.subjects for s in self.sinks[1:]), collections.Counter())
        wait_until("the dead node's mail to leave", lambda: len(delivered()) == 3)
        wait_until("the queue to be empty", lambda: b.ctl("queue", "list") == "")
        self.assertEqual(set(delivered().values()), {1})
        self.assertEqual(self.states(b)["node0"], "dead")

        a.start()
        self.assertEqual(self.states(c)["node0"], "alive")
        self.assertEqual(len(Load.mailbox(a, users[0])), len(Load.mailbox(c, users[0])))
        print("\n   %d acknowledged deliveries, %d clients moved, refusals %s"
              % (n, len(moved), dict(sum((x.refused for x in load.clients), collections.Counter()))))


if __name__ == "__main__":
    unittest.main()
