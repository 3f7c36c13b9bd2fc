# SPDX-License-Identifier: ISC
"""push_godwit.py - what tests/bench/push measures of Godwit: one node on either engine, or two.

A Site is the servers of a run: devices wait at the front node, mail comes in at the mail node, which is
the same one unless there are two.
"""
import contextlib
import os
import re
import subprocess
import sys
import time

from bench_server import ROOT, cpu_s, conf_with, kernel_kb, make_users, pss_kb, raise_file_limit
from crowd import BenchError, Crowd, percentile
from harness import Cluster, Godwit

KINDS = ("ping", "sync", "idle")
SPARE_FILES = 1500  # of a loop's table of descriptors: what the process had before, and its uneven share


def say(text):
    print("push: " + text, file=sys.stderr, flush=True)


def show(row, indent="  "):
    for key, value in row.items():
        if isinstance(value, dict) and "p50" in value:
            say("%s%-22s p50 %.2f ms  p99 %.2f ms  (%d)" % (indent, key, value["p50"], value["p99"], value["n"]))
        elif isinstance(value, dict):
            say("%s%s" % (indent, key))
            show(value, indent + "  ")
        else:
            say("%s%-22s %s" % (indent, key, "%.2f" % value if isinstance(value, float) else value))


def openssl_speed():
    """Signatures a second of one core with the kind of key that the bench's certificate has (P-256)."""
    r = subprocess.run(["openssl", "speed", "-seconds", "3", "ecdsap256"], capture_output=True, text=True, check=True)
    m = re.search(r"256 bits ecdsa.*?\s+[\d.]+s\s+[\d.]+s\s+([\d.]+)\s+([\d.]+)", r.stdout)
    return {"sign_per_s": float(m.group(1)), "verify_per_s": float(m.group(2))}


def server_conf(n):
    """Room for n: more loops, each with a table of descriptors of its own, where one table is too small."""
    files = raise_file_limit()
    conf = {"server": ["connections = %d" % n]}
    if n + SPARE_FILES > files:
        loops = -(-n * 11 // 10 // (files - SPARE_FILES))
        say("a process may have %d files open here: %d loops with a table each" % (files, loops))
        conf["server"] += ["files_apart = true", "loops = %d" % loops]
    return conf


def alone(certificate):
    """The file's first certificate in a file of its own: our client reads each that comes, at a high price."""
    path = os.path.join(os.path.dirname(certificate), "alone.pem")
    with open(certificate) as f, open(path, "w") as out:
        out.write(f.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    os.chmod(path, 0o644)
    return path


class Site:
    """with Site(...) as site: the servers run; their folders go in the end."""

    def __init__(self, n, nodes=1):
        self.cluster = None
        conf = conf_with(server_conf(n))
        if nodes > 1:
            self.cluster = Cluster(nodes, conf)
            self.nodes = self.cluster.nodes
        else:
            self.nodes = [Godwit(conf)]
        for g in self.nodes:
            g.conf["tls"] = ['certificate = "%s"' % alone(os.path.join(os.path.dirname(g.ca), "server.pem"))]
            g.write_conf()
        self.front = self.nodes[0]
        self.mail = self.nodes[-1]
        self.ports = dict(self.front.ports, smtp=self.mail.ports["smtp"])

    def __enter__(self):
        try:
            for g in self.nodes:
                g.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if error and not isinstance(error, KeyboardInterrupt):
            for g in self.nodes:
                say("the server's log ends with:\n" + g.log()[-2000:])
        self.remove()

    def remove(self):
        for g in self.nodes:
            if g.process:
                try:
                    g.stop()
                except AssertionError as e:
                    say(str(e))
        if self.cluster:
            self.cluster.remove()
        else:
            self.nodes[0].remove()

    def pss_kb(self):
        return sum(pss_kb(g.server_pid()) for g in self.nodes)

    def cpu_s(self):
        return sum(cpu_s(g.server_pid()) for g in self.nodes)


def wait_for_server(g, n, patience=120):
    """All n wait in the server's own view too."""
    end = time.monotonic() + patience
    while True:
        status = dict(line.split("\t") for line in g.ctl("status").splitlines())
        if int(status["push_waiting"]) >= n:
            return
        if time.monotonic() > end:
            raise BenchError("the server says that %s wait, not %d" % (status["push_waiting"], n))
        time.sleep(0.2)


class Busy:
    """How much of all cores' time was worked, by anybody, since it was made."""

    def __init__(self):
        self.idle, self.all = self.read()

    @staticmethod
    def read():
        with open("/proc/stat") as f:
            ticks = [int(v) for v in f.readline().split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    def percent(self):
        idle, total = self.read()
        return 100 - (idle - self.idle) * 100 / max(1, total - self.all)


def latencies(mail):
    out = {}
    for name in [k + s for k in KINDS for s in ("_after_250", "_after_dot")] + ["accept"]:
        v = mail.get(name)
        if v:
            out[name] = {"n": len(v), "p50": percentile(v, 0.50), "p99": percentile(v, 0.99), "max": max(v) / 1000}
    for k in ("sent", "missing", "twice", "stray", "late", "undrawn", "seconds"):
        out[k] = mail[k]
    return out


def measure(site, crowd, n, a, base):
    """All figures of a crowd of n that wait."""
    row = {"devices": n}
    cpu = site.cpu_s()
    grown = crowd.grow(n, parallel=a.parallel, patience=a.patience)
    wait_for_server(site.front, n)
    # Until 99 of 100 wait: who is told to come again in a minute would be all that is measured.
    row["added_per_s"] = (n * 0.99 - base["n"]) / grown["most_s"]
    row["added_s"] = grown["seconds"]
    row["lost"], row["put_off"] = grown["lost"], grown["put_off"]
    row["added_cpu_ms"] = (site.cpu_s() - cpu) * 1000 / max(1, n - base["n"])
    base["n"] = n
    time.sleep(a.settle)
    row["pss_kb"] = site.pss_kb()
    row["pss_each_kb"] = (row["pss_kb"] - base["pss_kb"]) / n
    # Both ends of each connection are on this machine.
    row["kernel_each_kb"] = (kernel_kb() - base["kernel_kb"]) / n / 2
    row["client_each_kb"] = sum(pss_kb(p.pid) for p in crowd.processes) / n

    if a.steady and n == a.sizes[-1]:
        time.sleep(a.heartbeat + 30)
    row["steady"] = a.steady and n == a.sizes[-1]
    beats, cpu, begin = crowd.status()["beats"], site.cpu_s(), time.monotonic()
    time.sleep(a.idle)
    row["idle_cpu_percent"] = (site.cpu_s() - cpu) / (time.monotonic() - begin) * 100
    row["beats_per_s"] = (crowd.status()["beats"] - beats) / (time.monotonic() - begin)

    row["sync"] = probe(crowd, a)
    cpu, clients, busy = site.cpu_s(), crowd.cpu_s(), Busy()
    mail = crowd.mail(a.rate * a.seconds, a.rate)
    row["mail"] = latencies(mail)
    row["mail"]["cpu_ms"] = (site.cpu_s() - cpu) * 1000 / mail["sent"]
    row["mail"]["clients_cpu_ms"] = (crowd.cpu_s() - clients) * 1000 / mail["sent"]
    row["mail"]["machine_busy_percent"] = busy.percent()
    if mail["missing"] or mail["twice"]:
        raise BenchError("%d wake-ups are missing, %d came twice" % (mail["missing"], mail["twice"]))
    row["lost"] = crowd.status()["lost"]
    return row


def probe(crowd, a):
    sync = crowd.sync(50 * a.seconds, 50)["answer"]
    return {"n": len(sync), "p50": percentile(sync, 0.50), "p99": percentile(sync, 0.99)}


def storms(site, crowd, n, a):
    """n of the crowd come back, evenly and all at once, beside the handshakes alone."""
    out = {"devices": n, "openssl_speed": openssl_speed()}
    say("handshakes of %d" % n)
    cpu = site.cpu_s()
    hands = crowd.hands(n, parallel=1000)
    out["handshakes_s"] = hands["seconds"]
    out["handshakes_per_s"] = n / hands["seconds"]
    out["handshake_cpu_ms"] = (site.cpu_s() - cpu) * 1000 / n
    say("%d come back, %d at a time" % (n, a.parallel))
    cpu = site.cpu_s()
    even = crowd.cut(n, parallel=a.parallel, patience=a.patience)
    out["setups_per_s"] = n * 0.99 / even["most_s"]
    out["setup_cpu_ms"] = (site.cpu_s() - cpu) * 1000 / n
    out["setups_of_openssl_speed_percent"] = out["setups_per_s"] / out["openssl_speed"]["sign_per_s"] * 100
    say("%d come back at once" % n)
    storm = crowd.cut(n, patience=a.patience)
    wait_for_server(site.front, n)
    out["storm_s"] = storm["seconds"]
    out["storm_99_s"] = storm["most_s"]
    out["storm_lost"] = storm["lost"] - even["lost"]
    out["storm_put_off"] = storm["put_off"] - even["put_off"]
    out["storm_over_handshakes"] = storm["seconds"] / hands["seconds"]
    say("and once more, with tickets")
    crowd.resume(True)
    crowd.cut(n, parallel=a.parallel, patience=a.patience)
    cpu = site.cpu_s()
    out["resumed_storm_s"] = crowd.cut(n, patience=a.patience)["seconds"]
    out["resumed_setup_cpu_ms"] = (site.cpu_s() - cpu) * 1000 / n
    crowd.resume(False)
    return out


def restart(site, crowd, n, a):
    """The server is killed under all that wait: none of them has a word with it before."""
    say("the server is killed and started again, %d come back" % n)
    before = crowd.status()
    site.front.kill9()
    begin = time.monotonic()
    site.front.start()
    up = time.monotonic()
    gathered = crowd.gather(a.patience)
    wait_for_server(site.front, n)
    end = time.monotonic()
    return {"devices": n, "start_s": up - begin, "all_wait_s": end - up, "most_wait_s": gathered["most_s"], "lost": gathered["lost"] - before["lost"],
            "put_off": gathered["put_off"] - before["put_off"]}


def warm_up(site, a):
    """Every thread, cache and file has been used once before memory is read."""
    with Crowd(site.ports, devices=200, users=200, sync=a.sync, idle=a.idle_percent, h2=a.h2) as crowd:
        crowd.grow(200, parallel=16, patience=a.patience)
        crowd.mail(400, 200)


def run(a, sizes, nodes=1):
    rows = []
    result = {"rows": rows, "nodes": nodes}
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site(sizes[-1], nodes))
        users = min(a.users, sizes[-1])
        begin = time.monotonic()
        make_users(site.front, users)
        result["users"] = {"n": users, "made_per_s": users / (time.monotonic() - begin)}
        say("%d users, made at %.0f a second" % (users, result["users"]["made_per_s"]))
        warm_up(site, a)
        time.sleep(a.settle)
        base = {"n": 0, "pss_kb": site.pss_kb(), "kernel_kb": kernel_kb()}
        result["base_pss_kb"] = base["pss_kb"]
        crowd = stack.enter_context(Crowd(site.ports, devices=sizes[-1], users=users, sync=a.sync,
                                          idle=a.idle_percent, h2=a.h2, heartbeat=a.heartbeat))
        result["sync_alone"] = probe(crowd, a)
        for n in sizes:
            say("%d devices" % n)
            rows.append(measure(site, crowd, n, a, base))
            show(rows[-1])
        result["storm"] = storms(site, crowd, min(a.storm, sizes[-1]), a)
        show(result["storm"])
        if a.restart:
            result["restart"] = restart(site, crowd, sizes[-1], a)
            show(result["restart"])
    return result


def machine():
    load = os.getloadavg()[0]
    if load > 0.7:
        say("other work is going on here (load %.1f): a quiet machine gives other figures" % load)
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1])
    return {"cores": os.cpu_count(), "model": model, "memory_gb": round(memory / 1e6), "kernel": os.uname().release,
            "load_before": load,
            "commit": subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True,
                                     text=True).stdout.strip()}
