#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""bench_idle.py - idling IMAP sessions over TLS in Godwit and in Dovecot, by one and the same client.

The client is ../shared/bench/imap_idle_bench.py beside the repository (or --client): it logs in N
users, holds them in IDLE, reads the memory of the server's processes (PSS), then delivers by LMTP to
some of them and takes the time from the message's last byte to "EXISTS". Without that file the
bench is skipped. Dovecot runs twice: as it is by default, and hibernating idle sessions.

    cmake --preset release && ninja -C build/release
    python3 tests/bench/bench_idle.py --sessions 1000
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from bench_server import CONF, PASSWORD, Godwit, make_users, raise_file_limit  # noqa: E402
from dovecot_peer import Dovecot  # noqa: E402

CLIENT = os.path.join(os.path.dirname(ROOT), "shared", "bench", "imap_idle_bench.py")
FIGURES = (("pss_kib_per_conn", "PSS a session, KiB"), ("private_kib_per_conn", "private a session, KiB"),
           ("kernel_kib_per_conn", "kernel a session, KiB"), ("lat_p50_ms", "push p50, ms"),
           ("lat_p99_ms", "push p99, ms"), ("after_ack_p50_ms", "after the 250 p50, ms"),
           ("after_ack_p99_ms", "after the 250 p99, ms"), ("server_cpu_ms_per_delivery", "CPU a delivery, ms"),
           ("login_cpu_ms", "CPU a login, ms"), ("logins_per_s", "logins/s"))


def run_client(a, ports, pid, password):
    r = subprocess.run([sys.executable, a.client, "--tls", "--port", str(ports["imaps"]),
                        "--lmtp-port", str(ports["lmtp"]), "--server-pid", str(pid),
                        "--login-parallel", "8", "--first-user", "0", "--conns", str(a.sessions), "--password", password,
                        "--deliveries", str(a.deliveries), "--rate", str(a.rate),
                        "--settle", str(a.settle)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(r.stdout)


def godwit(a):
    g = Godwit({k: list(v) for k, v in CONF.items()})
    try:
        g.start()
        make_users(g, a.sessions)
        return run_client(a, g.ports, g.process.pid, PASSWORD)
    finally:
        if g.process:
            g.stop()
        g.remove()


def dovecot(a, certs, hibernate):
    d = Dovecot(["u%05d@bench.test" % i for i in range(a.sessions)],
                cert=os.path.join(certs.folder, "certs", "server.pem"),
                key=os.path.join(certs.folder, "certs", "server.key"), hibernate=hibernate)
    try:
        return run_client(a, d.ports, d.process.pid, "pass")
    finally:
        d.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sessions", type=int, default=1000)
    p.add_argument("--deliveries", type=int, default=300)
    p.add_argument("--rate", type=float, default=10)
    p.add_argument("--settle", type=float, default=8)
    p.add_argument("--cases", default="godwit,dovecot,hibernating")
    p.add_argument("--client", default=CLIENT)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    if not os.path.exists(a.client):
        print("bench_idle: skipped, there is no " + a.client)
        return 0
    if "dovecot" in a.cases and not shutil.which("dovecot"):
        sys.exit("bench_idle: needs the packages dovecot-core, dovecot-imapd and dovecot-lmtpd")
    raise_file_limit()
    certs = Godwit()  # never started: its certificates serve Dovecot too
    results = {}
    try:
        for case in a.cases.split(","):
            results[case] = godwit(a) if case == "godwit" else dovecot(a, certs, 5 if case == "hibernating" else 0)
            r = results[case]
            if r["failed"] or r.get("missing") or r["lost"]:
                raise RuntimeError("%s: %s" % (case, r))
    finally:
        certs.remove()
    if a.json:
        print(json.dumps(results))
        return 0
    for case in results:
        if case != "godwit" and "godwit" in results:
            print("ratio, %s / godwit: PSS a session %.1f, push p50 %.1f, p99 %.1f" % (case, *(
                results[case][k] / results["godwit"][k] for k in ("pss_kib_per_conn", "lat_p50_ms", "lat_p99_ms"))))
    print("%-24s" % "" + "".join("%14s" % c for c in results))
    for key, name in FIGURES:
        print("%-24s" % name + "".join("%14s" % r.get(key, "-") for r in results.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
