# SPDX-License-Identifier: ISC
"""A cluster is upgraded node by node, under load, and nobody has to start over.

GODWIT_OLD_BUILD names the build folder of an earlier version: the nodes begin with it, and the first that comes
back brings the schema up to date below the others. Without it both are this version: a rolling restart.
"""
import collections
import os
import re
import subprocess
import unittest

from harness import BUILD, ClusterTest, wait_until
from roam import Load

OLD = os.environ.get("GODWIT_OLD_BUILD")


def leave_out_what_is_unknown(node):
    """An earlier version has not all options."""
    while True:
        r = subprocess.run([os.path.join(node.build, "server", "godwitd"), "-t", "-c", node.conf_path],
                           capture_output=True, text=True)
        unknown = re.search(r":(\d+): .*no such option", r.stderr)
        if not unknown:
            return
        with open(node.conf_path) as f:
            lines = f.readlines()
        del lines[int(unknown.group(1)) - 1]
        with open(node.conf_path, "w") as f:
            f.writelines(lines)


class Upgrade(ClusterTest):
    NODES = 3

    @classmethod
    def before_nodes(cls, cluster):
        cluster.build = OLD or BUILD
        return {"server": ["drain = 1s"], "log": ["level = info"]}

    @classmethod
    def before_start(cls, cluster):
        for node in cluster.nodes:
            leave_out_what_is_unknown(node)

    def alive(self, node):
        rows = [line.split("\t") for line in node.ctl("node", "list").splitlines()]
        return sum(row[1] == "alive" for row in rows)

    def test_nodes_are_upgraded_one_after_the_other_under_load(self):
        nodes = self.c.nodes
        users = [nodes[0].user("u%d@demo.test" % i) for i in range(3)]
        load = Load(nodes, users).start()
        try:
            load.wait_progress(3)
            for node in nodes:
                load.dead.add(node)
                self.assertEqual(node.stop(), 0)
                node.build = BUILD
                node.write_conf()
                load.wait_progress(3)
                node.start()
                load.dead.discard(node)
                wait_until("all to live", lambda: self.alive(node) == len(nodes))
            load.wait_progress(3)
            load.stop()
        finally:
            load.abandon()
        self.assertGreater(load.check(), 20)
        moved = sum(x.moves > 0 for x in load.clients)
        self.assertGreater(moved, 2)
        print("\n   %d acknowledged deliveries, %d clients moved, refusals %s" % (
            len(load.acked), moved, dict(sum((x.refused for x in load.clients), collections.Counter()))))


if __name__ == "__main__":
    unittest.main()
