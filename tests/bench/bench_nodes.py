#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_nodes.py - what 1, 2 and 3 nodes on one PostgreSQL do, beside one on SQLite.

    deliver   messages of 10 KB by SMTP, 20 sessions spread over the nodes, each to a user of its
              own: accepted and in the mailbox a second
    sync      Syncs of phones that have everything, over plain HTTP with connections kept: answered
              a second

Statements and round trips to the database are counted by the servers themselves (/metrics) over each
run: they are what decides where the database is elsewhere. All on this machine: nodes, PostgreSQL and
the load share its cores, so the rates show what sharing costs, not what machines add. Needs a release
build, PostgreSQL and Postfix' smtp-source:

    cmake --preset release && ninja -C build/release godwitd godwitctl
    python3 tests/bench/bench_nodes.py --messages 2000 --seconds 5 --rounds 3
"""
import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
STATE = tempfile.mkdtemp(prefix="godwit-bench-pg-")
os.environ["GODWIT_TEST_POSTGRESQL"] = STATE  # before the harness looks
from bench_server import PASSWORD, conf_with, make_users  # noqa: E402
import harness  # noqa: E402
from eas_client import EasClient, Node, encode  # noqa: E402

DOMAIN = "bench.test"
USERS = 20
SIZE = 10240
SOURCE = "/usr/sbin/smtp-source"
CLUSTER = os.path.join(ROOT, "tests", "pg_cluster.sh")
COUNTED = ("godwit_store_statements_total", "godwit_store_round_trips_total",
           "godwit_store_transactions_total")


def user(n):
    return "u%05d@%s" % (n, DOMAIN)


def counters(nodes):
    total = dict.fromkeys(COUNTED, 0)
    for g in nodes:
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % g.ports["metrics"], timeout=10) as r:
            for line in r.read().decode().splitlines():
                name, _, value = line.partition(" ")
                if name in total:
                    total[name] += int(value)
    return total


def counted(nodes, run):
    """run() tells how many; (a second, each of COUNTED for one)."""
    before = counters(nodes)
    n, seconds = run()
    after = counters(nodes)
    return {"rate": n / seconds, **{k: (after[k] - before[k]) / n for k in COUNTED}}


# -- deliveries --

def deliver(nodes, messages):
    begin = time.monotonic()
    senders = [subprocess.Popen([SOURCE, "-d", "-s", "1", "-m", str(messages // USERS), "-l", str(SIZE),
                                 "-f", "a@" + DOMAIN, "-t", user(i),
                                 "127.0.0.1:%d" % nodes[i % len(nodes)].ports["smtp"]]) for i in range(USERS)]
    for s in senders:
        if s.wait() != 0:
            raise RuntimeError("smtp-source ended with %d" % s.returncode)
    return messages // USERS * USERS, time.monotonic() - begin


# -- Syncs --

def make_phones(nodes):
    """(port, request) of each user's phone: a Sync that has nothing to tell."""
    phones = []
    for i in range(USERS):
        g = nodes[i % len(nodes)]
        c = EasClient("127.0.0.1", g.ports["http"], user(i), PASSWORD, "BENCH%04d" % i, tls=False)
        inbox = next(f for f in c.foldersync() if f["type"] == 2)["id"]
        c.sync_all(inbox, window=512)
        body = encode(Node("AirSync:Sync", Node("AirSync:Collections", c.sync_request(inbox, options=False))))
        head = ("POST /Microsoft-Server-ActiveSync?%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
                "Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: %s\r\n"
                "X-MS-PolicyKey: 0\r\nContent-Length: %d\r\n\r\n"
                % (c._query("Sync"), c._authorization(), c.version, len(body)))
        phones.append((g.ports["http"], head.encode() + body))
        c.close()
    return phones


def ask(sock, request):
    sock.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise RuntimeError("the connection ended")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200") or body or b"ontent-Length: 0" not in head:
        raise RuntimeError("not the empty answer: %r" % data[:300])


def phone_process(port, request, seconds, ready, go, result):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask(sock, request)
        ready.release()
        go.wait()
        n, begin = 0, time.monotonic()
        while time.monotonic() - begin < seconds:
            ask(sock, request)
            n += 1
        result.put(n)


def sync(phones, seconds):
    ready, go, result = multiprocessing.Semaphore(0), multiprocessing.Event(), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=phone_process, args=(*p, seconds, ready, go, result))
                 for p in phones]
    for p in processes:
        p.start()
    for p in processes:
        if not ready.acquire(timeout=60):
            raise RuntimeError("a phone is not ready")
    go.set()
    n = sum(result.get(timeout=seconds + 60) for _ in processes)
    for p in processes:
        p.join()
    return n, seconds


# -- cases --

def run_case(nodes, a):
    make_users(nodes[0], USERS, "u%05d@" + DOMAIN)
    deliver(nodes, USERS * 5)  # statements are prepared, folders met
    figures = {"deliver": [counted(nodes, lambda: deliver(nodes, a.messages)) for _ in range(a.rounds)]}
    phones = make_phones(nodes)
    sync(phones, 0.5)
    figures["sync"] = [counted(nodes, lambda: sync(phones, a.seconds)) for _ in range(a.rounds)]
    return {kind: {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
            for kind, rounds in figures.items()}


def sqlite_case(a):
    harness.POSTGRESQL = None
    try:
        g = harness.Godwit(conf_with({}))
        try:
            g.start()
            return run_case([g], a)
        finally:
            if g.process:
                g.stop()
            g.remove()
    finally:
        harness.POSTGRESQL = STATE


def postgresql_case(n, a):
    c = harness.Cluster(n, conf_with({}))
    try:
        c.start()
        return run_case(c.nodes, a)
    finally:
        c.stop()
        c.remove()


def show(name, figures):
    for kind, f in figures.items():
        print("%-22s %-8s %8.0f/s %7.1f statements %7.1f round trips %6.2f commits" % (
            name, kind, f["rate"], *(f[k] for k in COUNTED)), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--messages", type=int, default=2000)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--nodes", type=int, default=3, help="at most so many")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    if not os.path.exists(SOURCE):
        sys.exit("needs smtp-source (Postfix)")
    subprocess.run([CLUSTER, "start", STATE], check=True)
    if os.path.exists(os.path.join(STATE, "skip")):
        sys.exit("needs PostgreSQL")
    results = {}
    try:
        results["sqlite, 1 node"] = sqlite_case(a)
        show("sqlite, 1 node", results["sqlite, 1 node"])
        for n in range(1, a.nodes + 1):
            name = "postgresql, %d node%s" % (n, "s"[:n > 1])
            results[name] = postgresql_case(n, a)
            show(name, results[name])
    finally:
        subprocess.run([CLUSTER, "stop", STATE], check=False)
    if a.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
