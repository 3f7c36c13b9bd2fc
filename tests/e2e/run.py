#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""run.py [--build FOLDER] [--engine sqlite|postgresql] [NAME...] - the end-to-end tests; NAME:
part of a test's id.

Runs tests/e2e/test_*.py against the built daemon. With --engine postgresql each daemon has a
fresh database in a throw-away cluster. The last line tells the totals.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "..", "pg_cluster.sh")


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        # Who is told to end ends the test that runs, the servers and the cluster.
        signal.signal(signal.SIGTERM, lambda *_: self.stop())

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passes = getattr(self, "passes", 0) + 1
        super().addSuccess(test)

    def stopTest(self, test):
        self.stream.write("   %.1f s\n" % (time.monotonic() - self.began))
        self.stream.flush()
        super().stopTest(test)


def flatten(suite):
    for t in suite:
        if isinstance(t, unittest.TestSuite):
            yield from flatten(t)
        else:
            yield t


def start_cluster():
    """The folder of the cluster's state, or None where PostgreSQL is not installed."""
    state = tempfile.mkdtemp(prefix="godwit-e2e-pg-")
    subprocess.run([CLUSTER, "start", state], check=True)
    if os.path.exists(os.path.join(state, "skip")):
        shutil.rmtree(state)
        return None
    os.environ["GODWIT_TEST_POSTGRESQL"] = state
    return state


def stop_cluster(state):
    subprocess.run([CLUSTER, "stop", state], check=False)
    shutil.rmtree(state, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(HERE, "..", "..", "build", "dev"))
    p.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    os.environ["GODWIT_BUILD"] = os.path.abspath(a.build)
    sys.path.insert(0, HERE)
    # harness.py looks for the cluster when it is loaded, which is with the tests.
    state = None
    if a.engine == "postgresql":
        state = start_cluster()
        if state is None:
            print("PostgreSQL is not installed: nothing is run on it\ne2e: 0 passed, 0 failed, 1 skipped")
            return 0
    tests = list(flatten(unittest.defaultTestLoader.discover(HERE, "test_*.py")))
    if a.names:
        tests = [t for t in tests if any(n in t.id() for n in a.names)]
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Result, stream=sys.stdout)
    try:
        r = runner.run(unittest.TestSuite(tests))
    finally:
        if state:
            stop_cluster(state)
    failed = len(r.failures) + len(r.errors) + len(r.unexpectedSuccesses)
    print("e2e: %d passed, %d failed, %d skipped"
          % (getattr(r, "passes", 0), failed, len(r.skipped)))
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
