# SPDX-License-Identifier: ISC
"""harness.py - a godwitd of its own for each test class: folder, ports, accounts, log.

    class Delivery(GodwitTest):
        CONF = {"smtp": ["recipients = 5"]}
        def test_a_message_arrives(self):
            self.g.user("alice@demo.test")
            ...

Everything listens on 127.0.0.1; ports are free ones of the machine. Waiting is for
events (a line in the log, an answer), with a limit, never for a time.
"""
import contextlib
import os
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build", "dev"))
CORPUS = os.environ.get("GODWIT_CORPUS", os.path.join(os.path.dirname(ROOT), "shared", "corpus"))
PATIENCE = int(os.environ.get("GODWIT_PATIENCE", "60"))  # seconds until a wait is a failure; sanitizer builds on a busy machine
PASSWORD = "correct horse"

POSTGRESQL = os.environ.get("GODWIT_TEST_POSTGRESQL")  # a running cluster's state, or None
CLUSTER = os.path.join(ROOT, "tests", "pg_cluster.sh")

_used_ports = set()


def free_port():
    """A port that nothing has now and that this run has not given out before."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _used_ports and port < 60000:
            _used_ports.add(port)
            return port


def wait_until(what, condition, patience=PATIENCE):
    """Polls condition() until it is true; its value is returned."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %d s for %s" % (patience, what))
        time.sleep(0.02)


def server_user():
    if os.geteuid() != 0:
        return ""
    for name in ("godwit", "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return name
    return ""


def make_certs(folder, hostname, owner):
    subprocess.run([os.path.join(ROOT, "tools", "make-certs.sh"), folder, "localhost", "127.0.0.1", hostname],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if owner:
        shutil.chown(os.path.join(folder, "server.key"), owner)


class Database:
    """A fresh database in the throw-away cluster of tests/pg_cluster.sh."""

    _count = 0

    def __init__(self):
        Database._count += 1
        self.name = "e2e_%d_%d" % (os.getpid(), Database._count)
        with open(os.path.join(POSTGRESQL, "conninfo")) as f:
            self.server = f.read().strip()
        with open(os.path.join(POSTGRESQL, "programs")) as f:
            self.psql = os.path.join(f.read().strip(), "psql")
        self.sql("CREATE DATABASE " + self.name)
        self.conninfo = "%s dbname=%s" % (self.server, self.name)

    def sql(self, text):
        subprocess.run([self.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", self.server + " dbname=postgres",
                        "-c", text], check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def down(mode):
        """Ends the server of all tests ("fast" or "immediate"), until up()."""
        subprocess.run([CLUSTER, "down", POSTGRESQL, mode], check=True)

    @staticmethod
    def up():
        subprocess.run([CLUSTER, "up", POSTGRESQL], check=True)

    def drop(self):
        self.sql("DROP DATABASE IF EXISTS %s WITH (FORCE)" % self.name)


class Godwit:
    """One daemon. DOORS: the listeners it has; ports by name in self.ports."""

    DOORS = {
        "http": ("http", "listen"), "https": ("http", "listen_tls"),
        "imap": ("imap", "listen"), "imaps": ("imap", "listen_tls"),
        "smtp": ("smtp", "listen"), "submission": ("smtp", "listen_submission"),
        "submissions": ("smtp", "listen_submission_tls"), "lmtp": ("smtp", "listen_lmtp"),
        "metrics": ("server", "metrics"),
    }

    def __init__(self, conf=None, hostname="mail.demo.test", folder=None, database=None, certs=None):
        """database, certs: those of a Cluster, which this node shares and does not remove."""
        self.folder = folder or tempfile.mkdtemp(prefix="godwit-e2e-")
        os.chmod(self.folder, 0o755)
        self.conf = conf or {}
        self.hostname = hostname
        self.ports = {name: free_port() for name in self.DOORS}
        self.control = os.path.join(self.folder, "control.sock")
        self.log_path = os.path.join(self.folder, "godwitd.log")
        self.certs = certs or os.path.join(self.folder, "certs")
        self.ca = os.path.join(self.certs, "ca.pem")
        self.process = None
        self.build = BUILD  # whose programs it runs
        self.user_name = server_user()
        self.owns_database = database is None
        self.database = database or (Database() if POSTGRESQL else None)
        if not certs:
            make_certs(self.certs, hostname, self.user_name)
        self.write_conf()

    def write_conf(self):
        sections = {
            "server": ['user = "%s"' % self.user_name, 'control = "%s"' % self.control,
                       "drain = 5s", "workers = 16"],
            "log": ["level = debug"],
            "tls": ['certificate = "%s/server.pem"' % self.certs, 'key = "%s/server.key"' % self.certs],
            "store": ['directory = "%s/data"' % self.folder],
            "access": ["password_cost = 1", 'remember_key = "%s/remember.key"' % self.folder],
            "smtp": ['hostname = "%s"' % self.hostname],
            "imap": [], "http": [],
        }
        if self.database:
            sections["store"] += ["engine = postgresql", 'postgresql = "%s"' % self.database.conninfo]
        for name, (section, option) in self.DOORS.items():
            sections[section].append('%s = { "127.0.0.1:%d" }' % (option, self.ports[name]))
        for section, lines in self.conf.items():
            mine = sections.setdefault(section, [])
            for line in lines:
                key = line.split("=")[0].strip()
                line = line.replace("CERTS/", self.certs + "/")
                mine[:] = [m for m in mine if m.split("=")[0].strip() != key]
                mine.append(line)
        self.conf_path = os.path.join(self.folder, "godwit.conf")
        with open(self.conf_path, "w") as f:
            for section, lines in sections.items():
                f.write("%s {\n%s}\n" % (section, "".join("\t%s\n" % l for l in lines)))

    # -- life --

    def start(self, wrapper=()):
        self.log_file = open(self.log_path, "ab")
        binary = os.path.join(self.build, "server", "godwitd")
        # What ASan keeps of freed memory would hide what the server itself holds.
        env = dict(os.environ)
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
        self.process = subprocess.Popen([*wrapper, binary, "-c", self.conf_path],
                                        stdin=subprocess.DEVNULL, stderr=self.log_file,
                                        stdout=self.log_file, env=env)
        self.wrapped = bool(wrapper)
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("godwitd ended with %d:\n%s"
                                     % (self.process.returncode, self.log()[-3000:]))
            with contextlib.suppress(OSError):
                url = "http://127.0.0.1:%d/healthz" % self.ports["metrics"]
                with urllib.request.urlopen(url, timeout=5) as r:
                    return r.status == 200
        wait_until("godwitd to be ready", ready)

    @staticmethod
    def child_of(pid):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            pids = f.read().split()
        return int(pids[0]) if pids else None

    def supervisor_pid(self):
        return self.child_of(self.process.pid) if self.wrapped else self.process.pid

    def server_pid(self):
        """The unprivileged child."""
        return self.child_of(self.supervisor_pid())

    def kill9(self):
        """Both processes, as a power cut would."""
        child = self.server_pid()
        self.process.kill()
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process.wait()
        if child:
            wait_until("the server to be gone", lambda: not os.path.exists("/proc/%d" % child))
        self.process = None

    def stop(self):
        """Ends it with TERM and returns the exit status."""
        if self.process is None:
            return 0
        os.kill(self.supervisor_pid(), signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError("godwitd did not end:\n" + self.log()[-3000:])
        self.process = None
        return status

    def remove(self):
        if self.database and self.owns_database:
            self.database.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_log(self, text):
        wait_until("%r in the log" % text, lambda: text in self.log())

    # -- administration --

    def ctl(self, *args, stdin=None, check=True):
        r = subprocess.run([os.path.join(BUILD, "tools", "godwitctl"), "-r", "-s", self.control,
                            *args], input=stdin, capture_output=True, text=True, timeout=PATIENCE)
        if check and r.returncode != 0:
            raise AssertionError("godwitctl %s: %s" % (" ".join(args), r.stderr))
        return r.stdout if check else r

    def user(self, address, password=PASSWORD, name=""):
        domain = address.split("@")[1]
        if domain not in self.ctl("domain", "list").split():
            self.ctl("domain", "add", domain)
        self.ctl("user", "add", address, *([name] if name else []), stdin=password + "\n")
        return address

    # -- clients --

    def tls(self):
        return ssl.create_default_context(cafile=self.ca)

    def smtp(self, door="smtp", **kw):
        if door == "submissions":
            return smtplib.SMTP_SSL("localhost", self.ports[door], context=self.tls(),
                                    timeout=PATIENCE, **kw)
        cls = smtplib.LMTP if door == "lmtp" else smtplib.SMTP
        if door == "lmtp":
            return cls("127.0.0.1", self.ports[door], **kw)
        return cls("127.0.0.1", self.ports[door], timeout=PATIENCE, **kw)

    def send(self, to, text, sender="someone@example.org"):
        """Hands a message in on port 25; to: one address or a list."""
        with self.smtp() as s:
            s.sendmail(sender, to, text)

    def imap(self, user, password=PASSWORD):
        import imaplib
        m = imaplib.IMAP4_SSL("localhost", self.ports["imaps"], ssl_context=self.tls(),
                              timeout=PATIENCE)
        m.login(user, password)
        return m

    def eas(self, user, device="PHONE0001", password=PASSWORD, version="16.1"):
        from eas_client import EasClient
        return EasClient("localhost", self.ports["https"], user, password, device, version,
                         cafile=self.ca)


class Cluster:
    """Several nodes on one PostgreSQL database, equal but for ports and folder.

        c = Cluster(3, {"imap": [...]})       # or conf: a function from the node's number
        c.start()
        a, b, _ = c.nodes                     # each a Godwit
        a.user("alice@demo.test"); b.imap("alice@demo.test")
        a.kill9(); a.start()                  # the others go on
        c.stop(); c.remove()

    One CA and certificate for all, so that a client may go from node to node.
    """

    def __init__(self, n=2, conf=None, before_nodes=None):
        """before_nodes: called with the cluster before it has a node, as conf may depend on its
        database or certificates; what it returns, if anything, is the conf."""
        self.folder = tempfile.mkdtemp(prefix="godwit-e2e-cluster-")
        os.chmod(self.folder, 0o755)
        self.database = Database()
        self.certs = os.path.join(self.folder, "certs")
        make_certs(self.certs, "mail.demo.test", server_user())
        self.nodes = []
        self.build = BUILD  # what they run
        try:
            self.conf = before_nodes and before_nodes(self) or conf
            for _ in range(n):
                self.add_node()
        except BaseException:
            self.remove()
            raise

    def add_node(self):
        """One more, not started; in self.nodes as well."""
        i = len(self.nodes)
        folder = os.path.join(self.folder, "node%d" % i)
        os.mkdir(folder, 0o755)
        conf = dict((self.conf(i) if callable(self.conf) else self.conf) or {})
        conf["server"] = ['node = "node%d"' % i] + list(conf.get("server", []))  # all have one host's name
        node = Godwit(conf, folder=folder, database=self.database, certs=self.certs)
        node.build = self.build
        self.nodes.append(node)
        return node

    def start(self):
        for node in self.nodes:
            node.start()
        return self

    def stop(self):
        """Ends all with TERM; the statuses of those that were running."""
        return [node.stop() for node in self.nodes if node.process]

    def remove(self):
        for node in self.nodes:
            if node.process:
                node.kill9()
        self.database.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return "\n".join("-- node %d\n%s" % (i, node.log()) for i, node in enumerate(self.nodes))


def judge_end(statuses, log):
    """Raises when a sanitizer said something, or a daemon did not end well."""
    bad = [l for l in log.splitlines() if "runtime error:" in l or "Sanitizer" in l]
    if bad:
        raise AssertionError("sanitizer:\n" + log[log.index(bad[0]):][:6000])
    if any(statuses):
        raise AssertionError("godwitd ended with %s:\n%s" % (statuses, log[-3000:]))


class GodwitTest(unittest.TestCase):
    """A daemon for the class, its folder shown when a test fails."""

    CONF = {}

    @classmethod
    def setUpClass(cls):
        cls.g = Godwit(cls.CONF)
        cls.g.start()

    @classmethod
    def tearDownClass(cls):
        g = cls.g
        try:
            judge_end([g.stop()], g.log())
        finally:
            g.remove()

    def needs_sqlite(self):
        if POSTGRESQL:
            self.skipTest("looks at files of the embedded engine")

    def needs_corpus(self):
        if not os.path.isdir(CORPUS):
            self.skipTest("no corpus at ../shared/corpus")
        return CORPUS


class ClusterTest(unittest.TestCase):
    """Several nodes for the class, in cls.c; skipped where there is no PostgreSQL to share
    (run.py --engine postgresql)."""

    NODES = 2
    CONF = {}
    before_nodes = None

    @classmethod
    def before_start(cls, cluster):
        """The nodes have their configuration."""

    @classmethod
    def setUpClass(cls):
        if not POSTGRESQL:
            raise unittest.SkipTest("several nodes share a PostgreSQL: --engine postgresql")
        cls.c = Cluster(cls.NODES, cls.CONF, cls.before_nodes)
        try:
            cls.before_start(cls.c)
            cls.c.start()
        except BaseException:
            cls.c.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            judge_end(cls.c.stop(), cls.c.log())
        finally:
            cls.c.remove()
