# SPDX-License-Identifier: ISC
"""peers.py - servers that nobody here wrote, as throw-away instances on loopback."""
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import PATIENCE, wait_until


def answers(host, port):
    with contextlib.suppress(OSError):
        with socket.create_connection((host, port), timeout=2):
            return True
    return False


class Nsd:
    """A name server with zones of the test's own: {"remote.test": ["@ MX 10 mx", ...]}."""

    def __init__(self, zones, port):
        self.folder = tempfile.mkdtemp(prefix="godwit-nsd-")
        self.port = port
        conf = ("server:\n ip-address: 127.0.0.1@%d\n username: \"\"\n zonesdir: \"%s\"\n"
                " pidfile: \"\"\n database: \"\"\n xfrdfile: \"%s/xfrd\"\n zonelistfile: \"%s/zl\"\n"
                " logfile: \"%s/log\"\n hide-version: yes\nremote-control:\n control-enable: no\n"
                % (port, self.folder, self.folder, self.folder, self.folder))
        for name, records in zones.items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write("$ORIGIN %s.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n"
                        "ns A 127.0.0.1\n" % name)
                f.write("".join(r + "\n" for r in records))
            conf += "zone:\n name: %s\n zonefile: %s\n" % (name, name)
        path = os.path.join(self.folder, "nsd.conf")
        with open(path, "w") as f:
            f.write(conf)
        self.process = subprocess.Popen([shutil.which("nsd") or "/usr/sbin/nsd", "-d", "-c", path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def up():
            assert self.process.poll() is None, open(os.path.join(self.folder, "log")).read()
            return answers("127.0.0.1", port)
        wait_until("nsd", up)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


class Postfix:
    """Debian's Postfix on host:port; takes mail for the given mailboxes, Maildir each."""

    MASTER = """{address} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, host, port, mailboxes, cert=None, key=None, extra=()):
        self.folder = tempfile.mkdtemp(prefix="godwit-postfix-")
        os.chmod(self.folder, 0o755)
        self.host, self.port = host, port
        self.conf = os.path.join(self.folder, "conf")
        self.mail = os.path.join(self.folder, "mail")
        for name in ("conf", "queue", "data", "mail"):
            os.mkdir(os.path.join(self.folder, name), 0o755)
        shutil.chown(os.path.join(self.folder, "data"), "postfix", "postfix")
        nobody = pwd.getpwnam("nobody")
        shutil.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        domains = sorted({m.split("@")[1] for m in mailboxes})
        lines = [
            "compatibility_level = 3.6", "queue_directory = %s/queue" % self.folder,
            "data_directory = %s/data" % self.folder, "command_directory = /usr/sbin",
            "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix",
            "setgid_group = postdrop",
            # Not the address itself: Postfix wants that of an interface. master.cf has it.
            "inet_interfaces = loopback-only", "inet_protocols = ipv4",
            "myhostname = mx.%s" % domains[0], "mydestination =", "mynetworks =",
            "virtual_mailbox_domains = " + " ".join(domains), "virtual_mailbox_base = " + self.mail,
            "virtual_mailbox_maps = inline:{ %s }" % ", ".join("{%s = %s/}" % (m, m) for m in mailboxes),
            "virtual_uid_maps = static:%d" % nobody.pw_uid, "virtual_gid_maps = static:%d" % nobody.pw_gid,
            "smtpd_recipient_restrictions = reject_unauth_destination",
            "maillog_file = %s/log" % self.folder, "maillog_file_prefixes = " + self.folder,
            "smtpd_peername_lookup = no", "smtputf8_enable = no", *extra]
        if cert:
            lines += ["smtpd_tls_security_level = may", "smtpd_tls_cert_file = " + cert,
                      "smtpd_tls_key_file = " + key, "smtpd_tls_received_header = yes"]
        with open(os.path.join(self.conf, "main.cf"), "w") as f:
            f.write("\n".join(lines) + "\n")
        with open(os.path.join(self.conf, "master.cf"), "w") as f:
            f.write(self.MASTER.format(address="%s:%d" % (host, port)))
        self.control("start")
        wait_until("postfix", lambda: answers(host, port))

    def control(self, verb):
        r = subprocess.run(["postfix", "-c", self.conf, verb], capture_output=True, text=True)
        if r.returncode != 0 and verb == "start":
            raise AssertionError("postfix %s: %s" % (verb, r.stderr))

    def messages(self, mailbox):
        folder = os.path.join(self.mail, mailbox, "new")
        if not os.path.isdir(folder):
            return []
        out = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                out.append(f.read())
        return out

    def stop(self):
        # postfix stop ends the master process that it started, by its pid file.
        self.control("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Nats:
    """Debian's nats-server on 127.0.0.1:port; may be killed and started again."""

    PROGRAM = shutil.which("nats-server") or "/usr/sbin/nats-server"

    @classmethod
    def is_installed(cls):
        return os.path.exists(cls.PROGRAM)

    def __init__(self, port, certs=None, login=None):
        """certs: a folder of make-certs.sh: TLS alone, and clients show a certificate of its CA.
        login: (user, password)."""
        self.port = port
        self.folder = tempfile.mkdtemp(prefix="godwit-nats-")
        self.conf = os.path.join(self.folder, "nats.conf")
        with open(self.conf, "w") as f:
            f.write('listen: "127.0.0.1:%d"\nlog_file: "%s/log"\n' % (port, self.folder))
            if certs:
                f.write('tls { cert_file: "%s/server.pem", key_file: "%s/server.key", ca_file: "%s/ca.pem",'
                        ' verify: true }\n' % (certs, certs, certs))
            if login:
                f.write('authorization { user: "%s", password: "%s" }\n' % login)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.PROGRAM, "-c", self.conf],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def up():
            assert self.process.poll() is None, open(os.path.join(self.folder, "log")).read()
            return answers("127.0.0.1", self.port)
        wait_until("nats-server", up)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
