# SPDX-License-Identifier: ISC
"""dovecot_peer.py - Debian's Dovecot as a throw-away instance on loopback: Maildir, LMTP, IMAP.

Folder, sockets, processes and mail are its own; /etc/dovecot is not read.
"""
import os
import shutil
import signal
import subprocess
import tempfile

from harness import PATIENCE, free_port, wait_until
from peers import answers

CONF = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
default_client_limit = 20000
default_vsz_limit = 0
mail_location = maildir:~/Maildir
mail_fsync = optimized
imap_hibernate_timeout = {hibernate} s
ssl = {ssl}
{certificate}
disable_plaintext_auth = no
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  default_fields = home={folder}/mail/%u
}}
service anvil {{
  client_limit = 20000
}}
service auth {{
  client_limit = 20000
}}
service lmtp {{
  process_limit = 200
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service imap {{
  process_limit = 20000
  extra_groups = $default_internal_group
  unix_listener imap-master {{
    user = $default_internal_user
  }}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0660
    group = $default_internal_group
  }}
}}
"""


class Dovecot:
    """hibernate: seconds after which an idle session leaves its process; 0 is Dovecot's default, never.

    Each user has a system user id of his own, since Linux allows one id 128 inotify instances and
    Dovecot polls each 30 s where it gets none.
    """

    UID = 200000

    def __init__(self, users, password="pass", cert=None, key=None, hibernate=0):
        self.folder = tempfile.mkdtemp(prefix="godwit-dovecot-")
        os.chmod(self.folder, 0o755)
        self.lmtp_socket = os.path.join(self.folder, "lmtp")
        self.ports = {name: free_port() for name in ("imap", "imaps", "lmtp")}
        self.mail = os.path.join(self.folder, "mail")
        os.mkdir(self.mail)
        os.chmod(self.mail, 0o1777)
        with open(os.path.join(self.folder, "users"), "w") as f:
            f.write("".join("%s::%d:%d::::\n" % (u, self.UID + i, self.UID) for i, u in enumerate(users)))
        conf = os.path.join(self.folder, "dovecot.conf")
        with open(conf, "w") as f:
            f.write(CONF.format(
                folder=self.folder, password=password, hibernate=hibernate, ssl="yes" if cert else "no",
                certificate="ssl_cert = <%s\nssl_key = <%s" % (cert, key) if cert else "", **self.ports))
        self.process = subprocess.Popen(["dovecot", "-F", "-c", conf], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)

        def up():
            assert self.process.poll() is None, "dovecot ended"
            return answers("127.0.0.1", self.ports["lmtp"]) and answers("127.0.0.1", self.ports["imap"])
        wait_until("dovecot", up)

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return f.read()

    def delivered(self):
        """Messages in all INBOXes."""
        n = 0
        for user in os.listdir(self.mail):
            for part in ("new", "cur"):
                path = os.path.join(self.mail, user, "Maildir", part)
                if os.path.isdir(path):
                    n += len(os.listdir(path))
        return n

    def empty(self):
        for user in os.listdir(self.mail):
            shutil.rmtree(os.path.join(self.mail, user))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
