# SPDX-License-Identifier: ISC
"""bench_server.py - what the benches share: a server's configuration, its users, its figures.

BenchGodwit is the harness' daemon of the release build; Figures reads what a process and
the kernel hold at a moment.
"""
import os
import resource
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("GODWIT_BUILD", os.path.join(ROOT, "build", "release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from harness import BUILD, Godwit  # noqa: E402,F401

PASSWORD = "bench password"
CONF = {
    "log": ["level = warn"],
    "policy": ["enforce = false"],
    "server": ["workers = 32"],
    "smtp": ["connections_peer_max = 100000"],
    "access": ["password_cost = 1"],
    "activesync": ["repeats_max = 0"],  # a phone that asks the same all the time is a bench
}
PAGE = resource.getpagesize()
TICKS = os.sysconf("SC_CLK_TCK")


def raise_file_limit():
    """As high as the machine allows; the number of descriptors a process may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def conf_with(more):
    """CONF and more options over it."""
    conf = {k: list(v) for k, v in CONF.items()}
    for section, lines in more.items():
        conf.setdefault(section, []).extend(lines)
    return conf


def make_users(g, n, pattern="u%05d@bench.test", password=PASSWORD):
    """By godwitctl's import."""
    domain = pattern.split("@")[1]
    if domain not in g.ctl("domain", "list").split():
        g.ctl("domain", "add", domain)
    lines = "".join("%s\t%s\n" % (pattern % i, password) for i in range(n))
    r = subprocess.run([os.path.join(BUILD, "tools", "godwitctl"), "-s", g.control, "user", "import"], input=lines,
                       stdout=subprocess.PIPE, text=True, timeout=60 + n / 20)
    if r.returncode != 0:
        raise RuntimeError("godwitctl user import: " + r.stdout.strip())


def pss_kb(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# What a waiting connection has in the kernel: the socket and its inode, its file, its place in epoll.
CACHES = ("TCP", "TCPv6", "sock_inode_cache", "filp", "eventpoll_epi", "eventpoll_pwq", "ep_head", "skbuff_head_cache",
          "skbuff_small_head", "skbuff_fclone_cache")


def kernel_kb():
    """What the kernel holds for sockets: its caches of such objects, pages of TCP buffers, and a directory entry
    for each. Without the right to read slabinfo: all slabs, whatever for."""
    with open("/proc/net/sockstat") as f:
        used, tcp = f.readline().split(), f.readline().split()
    sockets = int(used[used.index("used") + 1])
    total = int(tcp[tcp.index("mem") + 1]) * PAGE
    try:
        with open("/proc/slabinfo") as f:
            for line in f:
                words = line.split()
                if words[0] in CACHES:
                    total += int(words[2]) * int(words[3])
                elif words[0] == "dentry":
                    total += sockets * int(words[3])
    except PermissionError:
        with open("/proc/meminfo") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith("Slab:")) * 1024
    return total / 1024
