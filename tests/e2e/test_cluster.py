# SPDX-License-Identifier: ISC
"""Several nodes on one PostgreSQL: what one accepts, the others have."""
import unittest

from harness import ClusterTest


class Equal(ClusterTest):
    NODES = 2

    def test_what_one_node_accepts_is_on_the_other(self):
        a, b = self.c.nodes
        a.user("alice@demo.test")
        b.send("alice@demo.test", "Subject: from b\r\n\r\nx\r\n")
        m = a.imap("alice@demo.test")
        self.assertEqual(m.select("INBOX")[1], [b"1"])
        a.send("alice@demo.test", "Subject: from a\r\n\r\nx\r\n")
        other = b.imap("alice@demo.test")
        self.assertEqual(other.select("INBOX")[1], [b"2"])
        m.noop()
        self.assertEqual(m.response("EXISTS")[1][-1], b"2")
        m.logout()
        other.logout()

    def test_the_others_go_on_when_a_node_dies(self):
        a, b = self.c.nodes
        a.user("bob@demo.test")
        a.kill9()
        b.send("bob@demo.test", "Subject: alone\r\n\r\nx\r\n")
        a.start()
        m = a.imap("bob@demo.test")
        self.assertEqual(m.select("INBOX")[1], [b"1"])
        m.logout()


if __name__ == "__main__":
    unittest.main()
