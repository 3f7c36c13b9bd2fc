#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_bus.py - from a commit on node A to the answer of a Ping that node B holds.

Two godwitd on one throw-away PostgreSQL. The devices all wait at B, over TLS; mail is handed in at B
(no bus in between), then at A, with each driver. Times are from SMTP's 250, and from the message's
last byte, to the answer at the device, which has to be in the same process to have one clock.

    cmake --preset release && ninja -C build/release
    python3 tests/bench/bench_bus.py                              # 10,000 devices
    python3 tests/bench/bench_bus.py --devices 500 --seconds 5    # a short look
"""
import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_server import ROOT, conf_with, cpu_s, make_users, raise_file_limit  # noqa: E402
from crowd import BenchError, Crowd, percentile  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import harness  # noqa: E402
import run  # noqa: E402

KINDS = ("ping", "sync", "idle")


def say(text):
    print("bus: " + text, file=sys.stderr, flush=True)


def status(g):
    return dict(line.split("\t") for line in g.ctl("status").splitlines())


def wait_for(what, condition, patience=120):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise BenchError("waited %d s for %s" % (patience, what))
        time.sleep(0.05)


def measure(nodes, smtp, a):
    """Devices at the second node, mail at the one that smtp names."""
    b = nodes[1]
    ports = dict(b.ports, smtp=smtp.ports["smtp"])
    with Crowd(ports, devices=a.devices, users=a.users, sync=a.sync, idle=a.idle_percent, h2=a.h2,
               heartbeat=a.heartbeat, spread=False) as crowd:
        crowd.grow(a.devices, parallel=a.parallel, patience=a.patience)
        wait_for("the waiters", lambda: int(status(b)["push_waiting"]) >= a.devices)
        crowd.mail(a.rate, a.rate)  # once through everything
        before, cpu = status(b), [cpu_s(n.server_pid()) for n in nodes]
        mail = crowd.mail(a.rate * a.seconds, a.rate)
        after = status(b)
        if mail["missing"] or mail["twice"]:
            raise BenchError("%d wake-ups are missing, %d came twice" % (mail["missing"], mail["twice"]))
    row = {"devices": a.devices, "sent": mail["sent"], "seconds": mail["seconds"]}
    for name in [k + s for k in KINDS for s in ("_after_250", "_after_dot")] + ["accept"]:
        v = mail.get(name)
        if v:
            row[name] = {"n": len(v), "p50": percentile(v, 0.50), "p99": percentile(v, 0.99), "max": max(v) / 1000}
    row["cpu_ms_each"] = [(cpu_s(n.server_pid()) - c) * 1000 / mail["sent"] for n, c in zip(nodes, cpu)]
    for name in ("bus_received", "bus_gaps", "bus_compare_woken"):
        if name in after:
            row[name] = int(after[name]) - int(before[name])
    return row


def with_driver(driver, a):
    nats = None
    conf = {"bus": ["driver = " + driver, "sweep = %ds" % a.sweep]}
    if driver == "nats":
        from peers import Nats
        nats = Nats(harness.free_port())
        conf["bus"].append('url = "nats://127.0.0.1:%d"' % nats.port)
    cluster = harness.Cluster(2, conf_with(conf))
    try:
        cluster.start()
        make_users(cluster.nodes[0], a.users)
        for node in cluster.nodes:
            wait_for("the bus", lambda: status(node)["bus_connected"] == "yes")
        rows = {}
        for name, smtp in (("same node", cluster.nodes[1]), ("other node", cluster.nodes[0])):
            say("%s: mail at the %s" % (driver, name))
            rows[name] = measure(cluster.nodes, smtp, a)
            show(rows[name])
        return rows
    except Exception:
        say("the logs end with:\n" + cluster.log()[-3000:])
        raise
    finally:
        for node in cluster.nodes:
            if node.process:
                try:
                    node.stop()
                except AssertionError as e:
                    say(str(e))
        cluster.remove()
        if nats:
            nats.stop()


def show(row):
    for key, value in row.items():
        if isinstance(value, dict):
            say("  %-18s p50 %.2f ms  p99 %.2f ms  max %.2f ms  (%d)"
                % (key, value["p50"], value["p99"], value["max"], value["n"]))
        else:
            say("  %-18s %s" % (key, value))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--devices", type=int, default=10000)
    p.add_argument("--users", type=int, default=0, help="0: as many as devices")
    p.add_argument("--drivers", default="postgresql,nats")
    p.add_argument("--sync", type=int, default=0, help="percent in Sync with a heartbeat")
    p.add_argument("--idle-percent", type=int, default=0, help="percent in IMAP IDLE; the rest is in Ping")
    p.add_argument("--h2", type=int, default=50, help="percent of the phones that use HTTP/2")
    p.add_argument("--heartbeat", type=int, default=900)
    p.add_argument("--rate", type=int, default=50, help="deliveries a second")
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--sweep", type=int, default=60, help="bus.sweep, in seconds")
    p.add_argument("--parallel", type=int, default=64, help="devices on their way at once")
    p.add_argument("--patience", type=int, default=900, help="seconds for a crowd to gather")
    p.add_argument("--out", default=os.path.join(ROOT, "build", "bench-bus.json"))
    a = p.parse_args()
    most = raise_file_limit() - 500
    if a.devices > most:
        say("a process may have %d files open here: no more than %d devices" % (most + 500, most))
        a.devices = most
    a.users = min(a.users or a.devices, a.devices)
    state = run.start_cluster()
    if not state:
        sys.exit("bus: PostgreSQL is not installed")
    harness.POSTGRESQL = state
    try:
        result = {driver: with_driver(driver, a) for driver in a.drivers.split(",")}
    finally:
        run.stop_cluster(state)
    with open(a.out, "w") as f:
        json.dump(result, f, indent=1)
    say("figures are in " + a.out)


if __name__ == "__main__":
    try:
        main()
    except BenchError as e:
        sys.exit("bus: " + str(e))
