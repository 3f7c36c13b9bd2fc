# SPDX-License-Identifier: ISC
"""A phone of Exchange 2003's time, and those of 12.0 and 12.1, over TLS: what each does in a day."""
import functools
import xml.etree.ElementTree

from eas_client import EasError, Node
from harness import PATIENCE, GodwitTest, wait_until
from test_delivery import MESSAGE, ping_in_thread, waiting

OLD = ("2.5", "12.0", "12.1")
LONG = "Subject: long\r\n\r\n" + "0123456789abcde\r\n" * 400
ANSWER = "To: someone@example.org\r\nSubject: Re: Gr\r\n\r\nmy words\r\n"


def children(**texts):
    return [Node("%s:%s" % tuple(k.split("_", 1)), v) for k, v in texts.items()]


def each_version(name):
    """The test once for each of the old versions, with a user of its own."""
    def of(test):
        @functools.wraps(test)
        def run(self):
            for version in OLD:
                with self.subTest(version=version):
                    test(self, self.g.user("%s%s@demo.test" % (name, version.replace(".", ""))), version)
        return run
    return of


class OldPhones(GodwitTest):
    def phone(self, name, version, device="OLDPHONE1", ready=True):
        c = self.g.eas(name, device, version=version)
        self.addCleanup(c.close)
        if ready:
            c.options()
            c.provision()
            c.foldersync()
        return c

    def folder(self, c, kind):
        return next(f["id"] for f in c.folders.values() if f["type"] == kind)

    @each_version("policy")
    def test_the_policy_is_told_in_the_words_of_each_version(self, address, version):
        c = self.phone(address, version, ready=False)
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.http, 449)
        c.provision()
        self.assertNotEqual(c.policy_key, 0)
        if version == "2.5":
            doc = xml.etree.ElementTree.fromstring(c.policy)
            self.assertEqual(doc.tag, "wap-provisioningdoc")
            self.assertEqual(doc.find("characteristic").get("type"), "SecurityPolicy")
            self.assertEqual(doc.find("characteristic/parm").get("name"), "4131")
        else:
            self.assertIsNotNone(c.policy.find("Provision:DevicePasswordEnabled"))
        c.foldersync()

    @each_version("mail")
    def test_mail_comes_with_its_attachments(self, address, version):
        c = self.phone(address, version)
        inbox = self.folder(c, 2)
        self.g.send(address, MESSAGE)
        self.g.send(address, LONG)
        items = {i["subject"]: i for i in c.sync_all(inbox, truncation=1024)}
        self.assertEqual(set(items), {"Gr\u00fc\u00dfe", "long"})
        mail, long = items["Gr\u00fc\u00dfe"], items["long"]
        self.assertEqual(mail["body"].decode().strip(), "Hello Alice")
        self.assertFalse(mail["truncated"])
        self.assertTrue(long["truncated"])
        self.assertLessEqual(len(long["body"]), 1024)
        self.assertGreater(len(long["body"]), 512)
        self.assertEqual((mail["node"].find("AirSyncBase:Body") is None), version == "2.5")
        (file,) = mail["attachments"]
        self.assertEqual(file["name"], "data.bin")
        data, kind = c.get_attachment(file["reference"])
        self.assertEqual((data, kind), (bytes(range(10)), "application/octet-stream"))
        with self.assertRaises(EasError) as e:
            c.get_attachment(file["reference"] + "9")
        self.assertEqual(e.exception.http, 500)
        # Whole, by the device's own wish.
        c.sync_keys.pop(inbox)
        items = {i["subject"]: i for i in c.sync_all(inbox, truncation=None)}
        self.assertEqual(items["long"]["body"].count(b"0123456789abcde"), 400)
        self.assertFalse(items["long"]["truncated"])

    @each_version("marks")
    def test_marks_moves_and_deletes_reach_the_mailbox(self, address, version):
        c = self.phone(address, version)
        inbox, trash = self.folder(c, 2), self.folder(c, 4)
        for subject in ("one", "two", "three"):
            self.g.send(address, "Subject: %s\r\n\r\nx\r\n" % subject)
        ids = {i["subject"]: i["id"] for i in c.sync_all(inbox)}
        self.assertEqual(c.set_read(inbox, ids["one"], True), [])
        status, moved = c.move(ids["two"], inbox, trash)
        self.assertEqual(status, 3)
        c.delete(inbox, ids["three"])
        self.assertEqual(sorted(i["subject"] for i in c.sync_all(trash)), ["three", "two"])
        self.assertEqual(c.sync_all(inbox), [])
        m = self.g.imap(address)
        self.assertEqual(m.select("INBOX")[1], [b"1"])
        self.assertEqual(m.search(None, "SEEN")[1], [b"1"])
        m.logout()

    @each_version("ping")
    def test_a_ping_wakes_and_counts_changes(self, address, version):
        c = self.phone(address, version)
        inbox = self.folder(c, 2)
        c.sync_all(inbox)
        thread, result = ping_in_thread(c, [inbox], 600)
        wait_until("the Ping to wait", lambda: waiting(self.g) > 0)
        self.g.send(address, "Subject: wake\r\n\r\nx\r\n")
        thread.join(PATIENCE)
        self.assertEqual(result.get("answer"), (2, [inbox]))
        self.assertEqual([i["subject"] for i in c.sync_all(inbox)], ["wake"])

    @each_version("send")
    def test_mail_goes_out_as_a_bare_message(self, address, version):
        c = self.phone(address, version)
        inbox = self.folder(c, 2)
        self.g.send(address, MESSAGE)
        (mail,) = c.sync_all(inbox)
        c.sendmail("To: %s\r\nSubject: to me\r\n\r\nhello\r\n" % address, save=True)
        answer = ANSWER.replace("someone@example.org", address)
        c.smart("SmartReply", inbox, mail["id"], answer, None, save=True)
        c.smart("SmartForward", inbox, mail["id"], answer.replace("Re: Gr", "Fwd: Gr"), None)
        sent = [i["subject"] for i in c.sync_all(self.folder(c, 5))]
        self.assertEqual(sorted(sent), ["Re: Gr", "to me"])
        items = {}

        def arrived():
            items.update((i["subject"], i) for i in c.sync_all(inbox) if "subject" in i)
            return {"to me", "Re: Gr", "Fwd: Gr"} <= set(items)
        wait_until("the mail to come back", arrived)
        self.assertIn(b"my words", items["Re: Gr"]["body"])
        self.assertIn(b"> Hello Alice", items["Re: Gr"]["body"])
        self.assertNotIn(b"Hello Alice", items["Fwd: Gr"]["body"])
        self.assertEqual(len(items["Fwd: Gr"]["attachments"]), 1)
        with self.assertRaises(EasError) as e:
            c.smart("SmartReply", inbox, inbox + ":4711", answer, None)
        self.assertEqual(e.exception.http, 500)

    @each_version("pim")
    def test_contacts_and_events_go_both_ways(self, address, version):
        c = self.phone(address, version)
        other = self.phone(address, "16.1", "NEWPHONE1")
        note = Node("Contacts:Body", "a note") if version == "2.5" else Node(
            "AirSyncBase:Body", Node("AirSyncBase:Type", "1"), Node("AirSyncBase:Data", "a note"))
        contacts, calendar = self.folder(c, 9), self.folder(c, 8)
        for folder, kind, data in (
                (contacts, "Contacts", [*children(Contacts_FileAs="Doe, Jo", Contacts_FirstName="Jo",
                                                  Contacts_LastName="Doe"), note]),
                (calendar, "Calendar", children(
                    Calendar_Subject="Tides", Calendar_StartTime="20261201T090000Z",
                    Calendar_EndTime="20261201T100000Z", Calendar_UID="tides-1"))):
            c.sync(folder, kind=kind, options=False)
            added = c.sync(folder, kind=kind, options=False, commands=[Node(
                "AirSync:Add", Node("AirSync:ClientId", "1"),
                Node("AirSync:ApplicationData", *data))])[2]
            self.assertEqual([n.text("AirSync:Status") for n in added], ["1"])
        (card,) = other.sync_all(contacts)
        self.assertEqual(card["node"].text("Contacts:FileAs"), "Doe, Jo")
        self.assertEqual(card["body"].strip(), b"a note")
        (event,) = other.sync_all(calendar)
        self.assertEqual(event["node"].text("Calendar:Subject"), "Tides")
        # And back, changed by the newer phone.
        other.change(calendar, event["id"], *children(
            Calendar_Subject="Ebb", Calendar_StartTime="20261201T090000Z",
            Calendar_EndTime="20261201T110000Z"))
        (event,) = c.sync(calendar, kind="Calendar", options=False)[0]
        self.assertEqual(event["node"].text("Calendar:Subject"), "Ebb")
        self.assertEqual(event["node"].text("Calendar:EndTime"), "20261201T110000Z")

    @each_version("tree")
    def test_the_hierarchy_is_of_mail_and_other_collection_commands_are_not_there(self, address, version):
        c = self.phone(address, version)
        told = {f["id"]: f for f in c.hierarchy()}
        self.assertEqual({f["type"] for f in told.values()} - {2, 3, 4, 5, 6, 12}, set())
        for kind in (2, 4, 5):
            self.assertEqual(told[self.folder(c, kind)], c.folders[self.folder(c, kind)])
        self.assertNotIn(self.folder(c, 8), told)
        for command in ("CreateCollection", "DeleteCollection", "MoveCollection"):
            self.assertNotIn(command, c.commands)
            self.assertEqual(c.post(command, b"")[0], 501)

    def test_a_phone_of_2_5_is_wiped_by_its_provisioning(self):
        address = self.g.user("wipe25@demo.test")
        c = self.phone(address, "2.5", "WIPED25")
        self.g.ctl("device", "wipe", address, "WIPED25", "lost")
        for command in ("GetHierarchy", "Ping"):
            self.assertEqual(c.post(command, b"")[0], 449)
        ask = Node("Provision:Provision", Node("Provision:Policies", Node(
            "Provision:Policy", Node("Provision:PolicyType", "MS-WAP-Provisioning-XML"))))
        answer = c.command("Provision", ask)
        self.assertIsNotNone(answer.find("Provision:RemoteWipe"))
        self.assertIsNone(answer.find("Provision:Policies"))
        answer = c.command("Provision", Node("Provision:Provision", Node(
            "Provision:RemoteWipe", Node("Provision:Status", "1"))))
        self.assertEqual(answer.text("Provision:Status"), "1")
        self.assertIn('"wiped"', self.g.ctl("device", "show", address, "WIPED25", "--json"))
        self.assertEqual(c.post("GetHierarchy", b"")[0], 403)
