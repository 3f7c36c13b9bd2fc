# SPDX-License-Identifier: ISC
"""crowd.py - bench_push, the load client in C, in as many processes as a crowd takes.

    with Crowd(g.ports, devices=20000, users=10000) as crowd:
        crowd.grow(20000)
        result = crowd.mail(2000, rate=200)

Every call waits for all processes and gives their figures as one; what fails or takes too
long is a BenchError, with what the clients saw.
"""
import json
import os
import queue
import subprocess
import threading

from bench_server import BUILD, PASSWORD, cpu_s, raise_file_limit

SPARE_FILES = 1200  # of a process, besides its devices: handshakes, senders, Syncs
DEVICES_A_PROCESS = 25000


class BenchError(Exception):
    pass


class Crowd:
    def __init__(self, ports, devices, users, sync=20, idle=25, h2=50, heartbeat=900, spread=True,
                 resume=False, senders=8, size=10240, password=PASSWORD, user="u%@bench.test", more=()):
        """ports: https, imaps and smtp; more: further options of bench_push."""
        most = min(raise_file_limit() - SPARE_FILES, DEVICES_A_PROCESS)
        # Two at least: one thread shakes fewer hands than the server.
        n = max(2 if devices >= 1000 else 1, -(-devices // most))
        if users < n:
            raise BenchError("%d users are too few for %d processes" % (users, n))
        self.processes = []
        for i in range(n):
            first, last = devices * i // n, devices * (i + 1) // n
            first_user, last_user = users * i // n, users * (i + 1) // n
            args = [os.path.join(BUILD, "tests", "bench_push"), "--https", ports["https"], "--imaps", ports["imaps"],
                    "--smtp", ports["smtp"], "--first-device", first, "--devices", last - first,
                    "--first-user", first_user, "--users", last_user - first_user, "--sync", sync, "--idle", idle,
                    "--h2", h2, "--heartbeat", heartbeat, "--senders", senders, "--size", size,
                    "--password", password, "--user", user, *more]
            args += ["--spread"] if spread else []
            args += ["--resume"] if resume else []
            p = subprocess.Popen([str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            p.answers = queue.Queue()
            p.reader = threading.Thread(target=self._read, args=(p,), daemon=True)
            p.reader.start()
            self.processes.append(p)

    @staticmethod
    def _read(p):
        for line in p.stdout:
            p.answers.put(line)
        p.answers.put("")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for p in self.processes:
            p.stdin.close()
        for p in self.processes:
            try:
                p.wait(30)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            p.reader.join()
            p.stdout.close()
        self.processes = []

    def cpu_s(self):
        return sum(cpu_s(p.pid) for p in self.processes)

    # -- commands --

    def tell(self, lines):
        """A line to each process; nothing is waited for."""
        for p, line in zip(self.processes, lines):
            p.stdin.write(line + "\n")
            p.stdin.flush()

    def hear(self, patience):
        """The answer of each process to what it was told, as one."""
        answers = []
        for p in self.processes:
            try:
                line = p.answers.get(timeout=patience)
            except queue.Empty:
                raise BenchError("a load client did not answer within %d s" % patience) from None
            if not line:
                raise BenchError("a load client ended; what it said is above")
            answers.append(json.loads(line))
        if any("error" in a for a in answers):
            raise BenchError("; ".join(a["error"] for a in answers if "error" in a))
        return self._merge([next(iter(a.values())) for a in answers])

    @staticmethod
    def _merge(answers):
        out = {}
        for a in answers:
            for key, value in a.items():
                if key not in out:
                    out[key] = dict(value) if isinstance(value, dict) else value
                elif isinstance(value, bool):
                    out[key] = out[key] and value
                elif key in ("seconds", "most_s"):
                    out[key] = max(out[key], value)
                elif isinstance(value, dict):
                    for k, v in value.items():
                        out[key][k] = out[key].get(k, 0) + v
                else:
                    out[key] += value
        return out

    def _shares(self, n):
        k = len(self.processes)
        return [n * (i + 1) // k - n * i // k for i in range(k)]

    def _gathered(self, patience):
        r = self.hear(patience + 30)
        if not r["done"]:
            raise BenchError("%d of %d devices wait after %d s; lost: %s"
                             % (r["waiting"], r["want"], patience, r["reasons"] or "none"))
        return r

    def grow(self, n, parallel=128, patience=600):
        """Until n devices wait in all; parallel: on their way at once."""
        self.tell("grow %d %d %d" % (s, max(1, p), patience)
                  for s, p in zip(self._shares(n), self._shares(parallel)))
        return self._gathered(patience)

    def cut(self, n, parallel=None, patience=600):
        """n of them lose their connection and come back, at once or so many at a time."""
        self.tell("cut %d %d %d" % (s, max(1, p), patience)
                  for s, p in zip(self._shares(n), self._shares(parallel or n)))
        return self._gathered(patience)

    def gather(self, patience=600):
        """Until all wait (again)."""
        self.tell(["gather %d" % patience] * len(self.processes))
        return self._gathered(patience)

    def mail(self, count, rate):
        lines = []
        for n in self._shares(count):
            lines.append("mail %d %d" % (n, max(1, round(rate * n / count))))
        self.tell(lines)
        return self.hear(count / rate + 90)

    def sync(self, count, rate):
        """Plain Syncs of devices besides these, by the first process."""
        return self._one("sync %d %d" % (count, rate), count / rate + 90)

    def hands(self, count, parallel=64):
        """TLS handshakes, nothing else; of all processes."""
        self.tell("hands %d %d" % (s, max(1, p)) for s, p in zip(self._shares(count), self._shares(parallel)))
        r = self.hear(600)
        if r["failed"]:
            raise BenchError("%d of %d handshakes failed" % (r["failed"], count))
        return r

    def resume(self, on):
        """Whether TLS sessions are resumed from now on; tickets come with the next connection."""
        self.tell(["resume %d" % on] * len(self.processes))
        self.hear(60)

    def _one(self, line, patience):
        first = self.processes[:1]
        rest, self.processes = self.processes, first
        try:
            self.tell([line])
            return self.hear(patience)
        finally:
            self.processes = rest

    def status(self):
        self.tell(["status"] * len(self.processes))
        return self.hear(60)


def percentile(values, p):
    """Of microseconds, in milliseconds."""
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * p))] / 1000 if v else None
