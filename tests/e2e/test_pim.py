# SPDX-License-Identifier: ISC
"""test_pim.py - contacts, calendars, tasks and notes between devices, pushed."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

from eas_client import Node
from eas_proxy import EasProxy
from harness import CORPUS, PASSWORD, GodwitTest, free_port

SHARED_BENCH = os.path.join(os.path.dirname(CORPUS), "bench")
ADDON = "/usr/share/webext/eas4tbsync@jobisoft.de.xpi"
TASKS, CALENDAR, CONTACTS, NOTES = 7, 8, 9, 10


def folder_of(client, kind):
    return next(f["id"] for f in client.foldersync() if f["type"] == kind)


def add(client, folder, name, *data):
    """The ServerId that an Add got."""
    client.sync_all(folder)
    responses = client.sync(folder, get_changes=False, commands=[Node(
        "AirSync:Add", Node("AirSync:ClientId", name), Node("AirSync:ApplicationData", *data))])[2]
    assert len(responses) == 1 and responses[0].text("AirSync:Status") == "1", responses
    return responses[0].text("AirSync:ServerId")


class Pim(GodwitTest):
    CONF = {"http": [], "activesync": ["heartbeat_min = 1s"]}

    def device(self, user, name, version="16.1"):
        c = self.g.eas(user, name, version=version)
        c.provision()
        return c

    def test_each_class_goes_from_one_device_to_the_other(self):
        user = self.g.user("pim@demo.test")
        a, b = self.device(user, "PHONEA"), self.device(user, "PHONEB", "14.1")
        cases = [
            (CONTACTS, "Contacts:FirstName", [Node("Contacts:FirstName", "Käthe"), Node("Contacts:LastName", "Lee")]),
            (CALENDAR, "Calendar:Subject", [Node("Calendar:Subject", "Count"),
                                            Node("Calendar:StartTime", "20991123T080000Z"),
                                            Node("Calendar:EndTime", "20991123T090000Z")]),
            (TASKS, "Tasks:Subject", [Node("Tasks:Subject", "Feed"), Node("Tasks:Complete", "0")]),
            (NOTES, "Notes:Subject", [Node("Notes:Subject", "Tide"), Node("Notes:MessageClass", "IPM.StickyNote"),
                                      Node("AirSyncBase:Body", Node("AirSyncBase:Type", "1"),
                                           Node("AirSyncBase:Data", "High at six"))]),
        ]
        for kind, tag, data in cases:
            folder_a, folder_b = folder_of(a, kind), folder_of(b, kind)
            self.assertEqual(b.sync_all(folder_b), [])
            pings = []
            waiting = threading.Thread(target=lambda: pings.append(b.ping([folder_b], 300)))
            waiting.start()
            item = add(a, folder_a, "c-%d" % kind, *data)
            waiting.join()
            self.assertEqual(pings, [(2, [folder_b])])
            items = b.sync_all(folder_b)
            self.assertEqual([i["id"] for i in items], [item])
            self.assertEqual(items[0]["node"].text(tag), data[0].value)
            # Gone on one, gone on the other.
            b.delete(folder_b, item, as_move=False)
            self.assertEqual([i["deleted"] for i in a.sync_all(folder_a)], [True])

    def test_a_retried_add_makes_one(self):
        user = self.g.user("retry@demo.test")
        a = self.device(user, "PHONEA")
        folder = folder_of(a, TASKS)
        a.sync_all(folder)
        key = a.sync_keys[folder]
        ids = set()
        for _ in range(3):  # the answer was lost, twice
            responses = a.sync(folder, key=key, get_changes=False, commands=[Node(
                "AirSync:Add", Node("AirSync:ClientId", "t1"),
                Node("AirSync:ApplicationData", Node("Tasks:Subject", "once")))])[2]
            ids.add(responses[0].text("AirSync:ServerId"))
        self.assertEqual(len(ids), 1)
        b = self.device(user, "PHONEB")
        self.assertEqual(len(b.sync_all(folder_of(b, TASKS))), 1)

    def test_an_invitation_reaches_the_other_user(self):
        alice, bob = self.g.user("host@demo.test"), self.g.user("guest@demo.test")
        a = self.device(alice, "PHONEA")
        folder = folder_of(a, CALENDAR)
        add(a, folder, "e1", Node("Calendar:Subject", "Count the waders"),
            Node("Calendar:StartTime", "20991123T080000Z"), Node("Calendar:EndTime", "20991123T090000Z"),
            Node("Calendar:Attendees", Node("Calendar:Attendee", Node("Calendar:Email", bob),
                                            Node("Calendar:Name", "Bob"))))
        m = self.g.imap(bob)
        self.assertEqual(m.select("INBOX")[1], [b"1"])
        text = m.fetch("1", "(BODY.PEEK[])")[1][0][1].decode()
        self.assertIn("method=REQUEST", text)
        self.assertIn("Count the waders", text)
        m.logout()

    def thunderbird(self, version):
        """Thunderbird syncs an account both ways with EAS-4-TbSync, at this version."""
        script = os.path.join(SHARED_BENCH, "tb_eas.sh")
        if not os.path.exists(script) or not shutil.which("thunderbird") or not os.path.exists(ADDON):
            self.skipTest("no Thunderbird with EAS-4-TbSync here")
        user = self.g.user("tb%s@demo.test" % version.replace(".", ""))
        phone = self.device(user, "PHONEA")
        add(phone, folder_of(phone, CONTACTS), "c", Node("Contacts:FirstName", "Ann"),
            Node("Contacts:LastName", "Lee"), Node("Contacts:FileAs", "Ann Lee"))
        add(phone, folder_of(phone, CALENDAR), "e", Node("Calendar:Subject", "Count"),
            Node("Calendar:StartTime", "20991123T080000Z"), Node("Calendar:EndTime", "20991123T090000Z"))
        add(phone, folder_of(phone, TASKS), "t", Node("Tasks:Subject", "Feed"))
        with EasProxy(self.g.ports["http"], float(version)) as proxy, tempfile.TemporaryDirectory() as folder:
            r = subprocess.run(["bash", script, "http://127.0.0.1:%d/Microsoft-Server-ActiveSync" % proxy.port,
                                user, PASSWORD, "--add-contact", "Wader", "--add-event", "From the desktop"],
                               capture_output=True, text=True, timeout=300,
                               env=dict(os.environ, W=folder, PORT=str(free_port())))
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual(proxy.spoken, {version})
        self.assertIn("Sync", proxy.commands)
        self.assertEqual([s for s in proxy.statuses if s not in (200, 401, 449)], [])
        result = json.loads(r.stdout.strip().splitlines()[-1])
        books = {b[0]: b[-1] for b in result["books"]}
        calendars = {c[0]: c[-1] for c in result["calendars"]}
        self.assertEqual(books["Contacts (bench)"], 2)
        self.assertEqual(calendars["Calendar (bench)"], 2)
        self.assertEqual(calendars["Tasks (bench)"], 1)
        contacts = phone.sync_all(folder_of(phone, CONTACTS))
        self.assertEqual([c["node"].text("Contacts:LastName") for c in contacts], ["Wader"])
        events = phone.sync_all(folder_of(phone, CALENDAR))
        self.assertEqual([e["node"].text("Calendar:Subject") for e in events], ["From the desktop"])

    def test_thunderbird_syncs_contacts_events_and_tasks_at_16_1(self):
        self.thunderbird("16.1")

    def test_thunderbird_syncs_contacts_events_and_tasks_at_14_1(self):
        self.thunderbird("14.1")
