#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_group.py - one message to a large group, and what it does to others' pushes.

N members each have a phone that waits, and so have M other users. Mail to the others goes in at a
steady rate, first alone, then while messages to the whole group go in. Printed: the time from the
group's 250 until the first and the last member's phone woke, and the others' time from 250 to
wake-up, alone and beside the group.

    cmake --preset release && ninja -C build/release
    tests/bench/bench_group.py                         # 10,000 members, 2,000 others
    tests/bench/bench_group.py --members 500 --others 200 --seconds 5
"""
import argparse
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_server import ROOT, Godwit, conf_with, cpu_s, make_users  # noqa: E402
from crowd import BenchError, Crowd, percentile  # noqa: E402


def say(text):
    print("group: " + text, file=sys.stderr, flush=True)


def make_alias(g, n):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(g.control)
        with s.makefile("rwb") as f:
            for i in range(n):
                f.write(b"alias add all@bench.test g%05d@bench.test\n" % i)
                f.flush()
                line = f.readline()
                if line != b"OK\n":
                    raise BenchError(line.decode())


def send_to_group(g, crowd, n, size):
    """Times in seconds: until the 250, then until the first and the last phone woke."""
    before = crowd.status()["wakes"]
    begin = time.monotonic()
    with g.smtp() as s:
        s.sendmail("x@bench.test", "all@bench.test", "Subject: to all\r\n\r\n" + ("y" * 70 + "\r\n") * (size // 72))
    ok = time.monotonic()
    first = None
    while True:
        woke = crowd.status()["wakes"] - before
        now = time.monotonic()
        if woke and first is None:
            first = now
        if woke >= n:
            break
        if now - ok > 300:
            raise BenchError("%d of %d phones woke within 300 s" % (woke, n))
        time.sleep(0.005)
    end = time.monotonic()
    while g.ctl("queue", "list"):
        time.sleep(0.05)
    crowd.gather()  # all have synced and wait again
    return {"accept_s": ok - begin, "first_s": first - ok, "last_s": end - ok, "again_s": time.monotonic() - ok,
            "woke": crowd.status()["wakes"] - before}


def latencies(mail):
    if mail["missing"] or mail["twice"]:
        raise BenchError("%d wake-ups of others are missing, %d came twice" % (mail["missing"], mail["twice"]))
    v = mail["ping_after_250"]
    return {"n": len(v), "p50_ms": percentile(v, 0.5), "p99_ms": percentile(v, 0.99), "max_ms": max(v) / 1000}


def run(a):
    g = Godwit(conf_with({"store": ["group_max = 100000"]}))
    result = {"members": a.members, "others": a.others, "rate": a.rate, "size": a.size, "messages": []}
    try:
        g.start()
        say("%d users" % (a.members + a.others))
        make_users(g, a.members, pattern="g%05d@bench.test")
        make_users(g, a.others)
        make_alias(g, a.members)
        with Crowd(g.ports, devices=a.members, users=a.members, sync=0, idle=0, user="g%@bench.test") as group, \
                Crowd(g.ports, devices=a.others, users=a.others, sync=0, idle=0) as others:
            group.grow(a.members)
            others.grow(a.others)
            others.mail(a.rate * 2, a.rate)
            say("others alone")
            result["alone"] = latencies(others.mail(a.rate * a.seconds, a.rate))
            say(json.dumps(result["alone"]))
            beside = {}

            def mail():
                try:
                    beside["mail"] = others.mail(a.rate * a.seconds, a.rate)
                except BenchError as e:
                    beside["error"] = e

            t = threading.Thread(target=mail)
            cpu, begin = cpu_s(g.server_pid()), time.monotonic()
            t.start()
            time.sleep(0.5)
            while t.is_alive():
                result["messages"].append(send_to_group(g, group, a.members, a.size))
                say(json.dumps(result["messages"][-1]))
                time.sleep(a.pause)
            t.join()
            if "error" in beside:
                raise beside["error"]
            result["cpu_percent"] = (cpu_s(g.server_pid()) - cpu) / (time.monotonic() - begin) * 100
            result["beside"] = latencies(beside["mail"])
            say(json.dumps(result["beside"]))
            lost = group.status()["lost"] + others.status()["lost"]
            if lost:
                raise BenchError("%d devices lost their connection" % lost)
        g.stop()
    except Exception:
        say("the server's log ends with:\n" + g.log()[-3000:])
        raise
    finally:
        if g.process:
            g.kill9()
        g.remove()
    return result


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--members", type=int, default=10000)
    p.add_argument("--others", type=int, default=2000)
    p.add_argument("--rate", type=int, default=100, help="mails a second to the others")
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--pause", type=float, default=1, help="seconds between two messages to the group")
    p.add_argument("--size", type=int, default=20000)
    p.add_argument("--out", default=os.path.join(ROOT, "build", "bench-group.json"))
    a = p.parse_args()
    result = run(a)
    with open(a.out, "w") as f:
        json.dump(result, f, indent=1)
    m = result["messages"]
    print("%d members: 250 after %.2f s, first phone %.3f s, last phone %.2f s after it (median of %d messages)" % (
        a.members, *(sorted(x[k] for x in m)[len(m) // 2] for k in ("accept_s", "first_s", "last_s")), len(m)))
    for name in ("alone", "beside"):
        r = result[name]
        print("others %-6s p50 %.2f ms  p99 %.2f ms  max %.1f ms  (%d)" % (name, r["p50_ms"], r["p99_ms"], r["max_ms"],
                                                                      r["n"]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as e:
        sys.exit("group: " + str(e))
