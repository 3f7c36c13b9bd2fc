# SPDX-License-Identifier: ISC
"""push_peers.py - the peers of tests/bench/push, at what they can hold: SOGo's Pings, Dovecot's IDLE.

SOGo is driven by our own client; the script that starts it is ../shared/bench/sogo_peer.sh beside the
repository. Dovecot and Godwit are both measured by ../shared/bench/imap_idle_bench.py (bench_idle.py).
What is not there is skipped, with a sentence.
"""
import argparse
import os
import shutil
import smtplib
import subprocess
import time

import bench_idle
from bench_server import ROOT, Godwit, cpu_s, pss_kb, raise_file_limit
from crowd import BenchError, Crowd
from push_godwit import latencies, say, show

SHARED = os.path.join(os.path.dirname(ROOT), "shared", "bench")
SOGO = os.path.join(SHARED, "sogo_peer.sh")
SOGO_PORTS = {"https": 21443, "imaps": 21143, "smtp": 21024}


def tree(roots):
    """The processes and all below them."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                pass
    todo, found = list(roots), []
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def total(pids, of):
    out = 0
    for pid in pids:
        try:
            out += of(pid)
        except (OSError, StopIteration):
            pass
    return out


def seed(users):
    """A message for each: an Add to an empty folder would make SOGo refuse the next SyncKey."""
    with smtplib.LMTP("127.0.0.1", SOGO_PORTS["smtp"]) as s:
        for i in range(1, users + 1):
            s.sendmail("bench@example.org", "u%03d@bench.test" % i, "Subject: first\r\n\r\nx\r\n")


def sogo(a):
    """As many Pings as its workers hold; W-1 is the most, and then it answers nobody."""
    missing = [p for p in ("/usr/sbin/sogod", "/usr/sbin/dovecot", "/usr/sbin/nginx", "/usr/bin/memcached")
               if not os.path.exists(p)]
    if not os.path.exists(SOGO) or missing or os.geteuid() != 0:
        say("SOGo is skipped: " + ("needs root" if os.geteuid() != 0 else "there is no " + (missing or [SOGO])[0]))
        return None
    pings = a.sogo_workers - 5
    env = dict(os.environ, WORKERS=str(a.sogo_workers), USERS=str(pings + 8))
    say("SOGo with %d workers, %d Pings" % (a.sogo_workers, pings))
    try:
        subprocess.run(["bash", SOGO, "reset"], env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
        roots = [int(r) for r in subprocess.run(["bash", SOGO, "roots"], env=env, check=True, capture_output=True,
                                                text=True).stdout.split(",")]
        base = total(tree(roots), pss_kb)
        seed(pings)
        with Crowd(SOGO_PORTS, devices=pings, users=pings, sync=0, idle=0, h2=0, spread=False, senders=1,
                   password="secret", user="u%",
                   more=["--digits", 3, "--first-user", 1, "--mail-user", "u%@bench.test", "--lmtp",
                         "--protocol", "14.1"]) as crowd:
            row = {"devices": pings, "workers": a.sogo_workers, "base_pss_kb": base}
            row["lost"] = crowd.grow(pings, parallel=4, patience=300)["lost"]
            time.sleep(20)  # the first Ping behind mail returns at once
            row["pss_kb"] = total(tree(roots), pss_kb)
            row["pss_each_kb"] = row["pss_kb"] / pings
            cpu, begin = total(tree(roots), cpu_s), time.monotonic()
            time.sleep(a.idle)
            row["idle_cpu_percent"] = (total(tree(roots), cpu_s) - cpu) / (time.monotonic() - begin) * 100
            row["mail"] = latencies(crowd.mail(a.sogo_mails, 1))
        show(row)
        return row
    finally:
        subprocess.run(["bash", SOGO, "stop"], env=env, stdout=subprocess.DEVNULL, timeout=120, check=False)


def imap(a, sizes):
    """{case: [row of each size]}, or None."""
    if not os.path.exists(bench_idle.CLIENT) or not shutil.which("dovecot"):
        say("Dovecot is skipped: there is no " + (bench_idle.CLIENT if shutil.which("dovecot") else "dovecot"))
        return None
    raise_file_limit()
    out = {}
    certs = Godwit()  # never started: its certificates serve Dovecot too
    try:
        for n in sizes:
            for case in ("godwit", "dovecot", "hibernating"):
                say("%d IMAP sessions idle in %s" % (n, case))
                b = argparse.Namespace(sessions=n, deliveries=a.imap_mails, rate=20.0, settle=8.0,
                                       client=bench_idle.CLIENT)
                r = bench_idle.godwit(b) if case == "godwit" else bench_idle.dovecot(
                    b, certs, 5 if case == "hibernating" else 0)
                if r["failed"] or r.get("missing"):
                    raise BenchError("%s with %d: %s" % (case, n, r))
                r["devices"] = n
                out.setdefault(case, []).append(r)
                show({k: r[k] for k, _ in bench_idle.FIGURES if k in r})
    finally:
        certs.remove()
    return out
