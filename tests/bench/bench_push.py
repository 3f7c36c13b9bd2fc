#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_push.py - delivery to push, and what a waiting client costs.

Starts a release godwitd, makes the accounts, runs bench_push (the load client in C) against
it and prints a table. The figures of docs/benchmarks.md come from here:

    cmake --preset release && ninja -C build/release
    python3 tests/bench/bench_push.py --phones 1000 --deliveries 1000
    python3 tests/bench/bench_push.py --phones 0 --desktops 1000
"""
import argparse
import json
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("GODWIT_BUILD", os.path.join(ROOT, "build", "release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from harness import BUILD, Godwit  # noqa: E402

PASSWORD = "bench password"
CONF = {
    "log": ["level = warn"],
    "policy": ["enforce = false"],
    "server": ["workers = 32"],
    "smtp": ["connections_peer_max = 100000"],
    "access": ["password_cost = 1"],
}


def make_users(g, n, pattern="u%05d@bench.test"):
    """Over one connection to the control socket: a thousand accounts a second or so."""
    def ask(f, *words):
        f.write((" ".join(w.replace("%", "%25").replace(" ", "%20") for w in words) + "\n").encode())
        f.flush()
        line = f.readline().decode()
        if line != "OK\n":
            raise RuntimeError("%s: %s" % (words, line))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(g.control)
        with s.makefile("rwb") as f:
            ask(f, "domain", "add", pattern.split("@")[1])
            for i in range(n):
                ask(f, "user", "add", pattern % i, PASSWORD)


def run_load(g, **options):
    args = []
    for name, value in options.items():
        args += ["--" + name, str(value)]
    return subprocess.run([os.path.join(BUILD, "tests", "bench_push"), "--https", str(g.ports["https"]),
                           "--imaps", str(g.ports["imaps"]), "--smtp", str(g.ports["smtp"]),
                           "--server-pid", str(g.server_pid()), *args], stdout=subprocess.PIPE, text=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--phones", type=int, default=1000)
    p.add_argument("--desktops", type=int, default=0)
    p.add_argument("--deliveries", type=int, default=500)
    p.add_argument("--rate", type=int, default=20)
    p.add_argument("--idle", type=int, default=0)
    p.add_argument("--parallel", type=int, default=16)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    g = Godwit({k: list(v) for k, v in CONF.items()})
    try:
        g.start()
        make_users(g, max(a.phones, a.desktops))
        # Every thread, cache and file has been used once before memory is read.
        r = run_load(g, phones=min(a.phones, 50), desktops=min(a.desktops, 50), deliveries=100, rate=200,
                     parallel=min(a.parallel, 8))
        if r.returncode != 0:
            print(g.log()[-3000:], file=sys.stderr)
            return 1
        r = run_load(g, phones=a.phones, desktops=a.desktops, deliveries=a.deliveries, rate=a.rate,
                     idle=a.idle, parallel=a.parallel)
        if r.returncode != 0:
            print(g.log()[-3000:], file=sys.stderr)
            return 1
        result = json.loads(r.stdout)
        g.stop()
    finally:
        if g.process:
            g.kill9()
        g.remove()
    if a.json:
        print(json.dumps(result))
        return 0
    for key, value in result.items():
        if isinstance(value, dict):
            value = "  ".join("%s %s" % kv for kv in value.items())
        print("%-24s %s" % (key, value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
