# SPDX-License-Identifier: ISC
"""ActiveSync over HTTP and TLS: what the unit tests, which have no sockets, cannot show."""
import base64
import gzip
import json
import threading
import urllib.parse

from eas_client import EasClient, EasError, Node, decode, encode
from harness import PASSWORD, PATIENCE, GodwitTest, wait_until
from test_delivery import ping_in_thread, waiting

PATH = "/Microsoft-Server-ActiveSync"
MESSAGE = "Subject: %s\r\n\r\nhello\r\n"


def subject(item):
    return item.get("subject")


class ActiveSync(GodwitTest):
    def phone(self, name, device="PHONE0001", version="16.1", **kw):
        address = self.g.user(name)
        c = EasClient("localhost", self.g.ports["https"], address, PASSWORD, device, version,
                      cafile=self.g.ca, **kw)
        self.addCleanup(c.close)
        return address, c

    def ready(self, c):
        c.options()
        c.provision()
        inbox = next(f for f in c.foldersync() if f["type"] == 2)["id"]
        c.sync_all(inbox)
        return inbox

    def test_options_prints_versions_and_commands(self):
        _, c = self.phone("options@demo.test")
        self.assertEqual(c.options(), "2.5,12.0,12.1,14.0,14.1,16.0,16.1")
        for command in ("Sync", "Ping", "Provision", "ItemOperations", "SendMail", "FolderSync", "Search",
                        "Find"):
            self.assertIn(command, c.commands)
        self.assertNotIn("Notify", c.commands)

    def test_wrong_passwords_are_asked_for_again(self):
        address, c = self.phone("wrong@demo.test")
        c.password = "not it"
        status, headers, _ = c.request("OPTIONS", PATH)
        self.assertEqual(status, 401)
        self.assertTrue(headers["WWW-Authenticate"].startswith("Basic realm="))
        status, _, _ = c.request("OPTIONS", PATH, headers={"Authorization": ""})
        self.assertEqual(status, 401)
        c.user = "nobody@demo.test"
        self.assertEqual(c.request("OPTIONS", PATH)[0], 401)

    def test_names_come_in_all_the_forms_that_clients_send(self):
        address, c = self.phone("forms@demo.test")
        for name in (address, address.upper(), "DEMO\\" + address, "forms"):
            with self.subTest(name=name):
                c.user = name
                c.options()

    def test_requests_that_are_none_are_refused(self):
        _, c = self.phone("refused@demo.test")
        query = "?Cmd=FolderSync&User=x&DeviceId=REF1&DeviceType=x"
        wbxml = {"Content-Type": "application/vnd.ms-sync.wbxml", "MS-ASProtocolVersion": "16.1"}
        self.assertEqual(c.request("GET", PATH + query)[0], 405)
        self.assertEqual(c.request("POST", PATH, b"", wbxml)[0], 400)
        self.assertEqual(c.request("POST", PATH + query, b"<FolderSync/>", wbxml)[0], 400)
        self.assertEqual(c.request("POST", PATH + query, b"\x03\x01\x6a\x00\xff", wbxml)[0], 400)
        self.assertEqual(c.request("POST", PATH + "?Cmd=Notify&DeviceId=A&DeviceType=x", b"", wbxml)[0],
                         501)
        wbxml["MS-ASProtocolVersion"] = "99.9"
        self.assertEqual(c.request("POST", PATH + query, b"", wbxml)[0], 400)

    def test_paths_and_keys_are_compared_without_case(self):
        _, c = self.phone("case@demo.test")
        body = encode(Node("FolderHierarchy:FolderSync", Node("FolderHierarchy:SyncKey", "0")))
        status, _, _ = c.request(
            "POST", "/microsoft-server-activesync?CMD=foldersync&user=x&DEVICEID=CASE1&devicetype=x",
            body, {"MS-ASProtocolVersion": "14.1"})
        self.assertEqual(status, 200)

    def test_every_version_with_both_kinds_of_query(self):
        for version in ("12.0", "12.1", "14.0", "14.1", "16.0", "16.1"):
            for packed in (False, True):
                with self.subTest(version=version, base64=packed):
                    name = "v%s%d@demo.test" % (version.replace(".", ""), packed)
                    address, c = self.phone(name, "DEV" + version.replace(".", ""), version,
                                            base64_query=packed)
                    inbox = self.ready(c)
                    self.g.send(address, MESSAGE % "one")
                    items = c.sync_all(inbox)
                    self.assertEqual([subject(i) for i in items], ["one"])
                    mime = c.fetch_mime(inbox, items[0]["id"])
                    self.assertTrue(mime.endswith(b"\r\n\r\nhello\r\n"))
                    part = c.fetch(inbox, items[0]["id"], body_type=4, mime=2, multipart=True)
                    self.assertEqual(part["body"], mime)
                    c.sendmail("To: %s\r\nSubject: two\r\n\r\nx\r\n" % address, save=True)
                    self.assertEqual([subject(i) for i in c.sync_all(inbox)], ["two"])

    def test_a_device_of_2_5_is_told_in_its_own_words(self):
        address, c = self.phone("v25@demo.test", "DEV25", "2.5")
        c.provision()
        inbox = next(f for f in c.foldersync() if f["type"] == 2)["id"]
        self.g.send(address, MESSAGE % "old")

        def sync(key):
            return Node("AirSync:Collection", Node("AirSync:Class", "Email"), Node("AirSync:SyncKey", key),
                        Node("AirSync:CollectionId", inbox), *([] if key == "0" else [
                            Node("AirSync:GetChanges"),
                            Node("AirSync:Options", Node("AirSync:Truncation", "4"))]))
        c.take(c.sync_raw(sync("0")), inbox)
        items, more, _ = c.take(c.sync_raw(sync(c.sync_keys[inbox])), inbox)
        self.assertEqual([subject(i) for i in items], ["old"])
        data = items[0]["node"]
        self.assertEqual(data.text("Email:Body").strip(), "hello")
        self.assertEqual(data.text("Email:BodyTruncated"), "0")
        self.assertIsNone(data.find("AirSyncBase:Body"))
        self.assertFalse(more)

    def test_policy_must_be_taken_before_anything_else(self):
        _, c = self.phone("policy@demo.test")
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.status, 142)
        c.version = "12.1"
        with self.assertRaises(EasError) as e:
            c.foldersync()
        self.assertEqual(e.exception.http, 449)
        c.version = "16.1"
        c.provision()
        self.assertNotEqual(c.policy_key, 0)
        c.foldersync()
        c.policy_key += 1
        with self.assertRaises(EasError) as e:
            c.foldersync(key="0")
        self.assertEqual(e.exception.status, 144)

    def test_the_newest_of_two_pings_lives(self):
        address, first = self.phone("two@demo.test")
        inbox = self.ready(first)
        _, second = address, EasClient("localhost", self.g.ports["https"], address, PASSWORD,
                                       first.device_id, cafile=self.g.ca)
        self.addCleanup(second.close)
        second.policy_key = first.policy_key
        before = waiting(self.g)
        t1, r1 = ping_in_thread(first, [inbox], 600)
        wait_until("the first Ping to be held", lambda: waiting(self.g) == before + 1)
        t2, r2 = ping_in_thread(second, [inbox], 600)
        t1.join(PATIENCE)
        self.assertEqual(r1["answer"], (1, []))
        self.assertEqual(waiting(self.g), before + 1)
        self.g.send(address, MESSAGE % "one")
        t2.join(PATIENCE)
        self.assertEqual(r2["answer"], (2, [inbox]))

    def test_sync_that_waits_brings_the_mail(self):
        address, c = self.phone("wait@demo.test")
        inbox = self.ready(c)
        before = waiting(self.g)
        result = {}

        def run():
            result["items"] = c.take(c.sync_raw(c.sync_request(inbox), heartbeat=600), inbox)[0]
        t = threading.Thread(target=run, daemon=True)
        t.start()
        wait_until("the Sync to be held", lambda: waiting(self.g) == before + 1)
        self.g.send(address, MESSAGE % "pushed")
        t.join(PATIENCE)
        self.assertEqual([subject(i) for i in result["items"]], ["pushed"])

    def test_two_devices_of_a_user_see_each_other(self):
        address, a = self.phone("pair@demo.test", "DEVA")
        inbox = self.ready(a)
        b = EasClient("localhost", self.g.ports["https"], address, PASSWORD, "DEVB", cafile=self.g.ca)
        self.addCleanup(b.close)
        self.ready(b)
        self.g.send(address, MESSAGE % "one")
        item = a.sync_all(inbox)[0]
        b.sync_all(inbox)
        t, result = ping_in_thread(b, [inbox], 600)
        wait_until("the Ping to be held", lambda: waiting(self.g) >= 1)
        a.set_read(inbox, item["id"], True)
        t.join(PATIENCE)
        self.assertEqual(result["answer"], (2, [inbox]))
        self.assertEqual([i["read"] for i in b.sync_all(inbox)], [True])
        trash = next(f["id"] for f in a.foldersync() if f["type"] == 4)
        a.sync_all(trash)
        status, new = a.move(item["id"], inbox, trash)
        self.assertEqual(status, 3)
        self.assertEqual(a.sync_all(trash), [])
        self.assertEqual([i["deleted"] for i in b.sync_all(inbox)], [True])

    def test_gzip_both_ways(self):
        address, c = self.phone("zip@demo.test")
        inbox = self.ready(c)
        self.g.send(address, "Subject: zip\r\n\r\n" + "all the same\r\n" * 2000)
        body = encode(Node("AirSync:Sync", Node("AirSync:Collections", c.sync_request(inbox))))
        query = urllib.parse.urlencode({"Cmd": "Sync", "User": address, "DeviceId": c.device_id,
                                        "DeviceType": "TestPhone"})
        status, headers, answer = c.request(
            "POST", PATH + "?" + query, gzip.compress(body),
            {"Content-Encoding": "gzip", "Accept-Encoding": "gzip", "MS-ASProtocolVersion": "16.1",
             "X-MS-PolicyKey": str(c.policy_key)})
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertEqual(headers["Content-Type"], "application/vnd.ms-sync.wbxml")
        items = c.take(decode(gzip.decompress(answer)), inbox)[0]
        self.assertEqual([subject(i) for i in items], ["zip"])

    def test_a_large_message_is_fetched_whole(self):
        address, c = self.phone("large@demo.test")
        inbox = self.ready(c)
        blob = base64.encodebytes(bytes(range(256)) * 12000).decode().replace("\n", "\r\n")
        self.g.send(address, "Subject: large\r\nMIME-Version: 1.0\r\n"
                    "Content-Type: application/octet-stream; name=blob\r\n"
                    "Content-Disposition: attachment; filename=blob\r\n"
                    "Content-Transfer-Encoding: base64\r\n\r\n" + blob)
        item = c.sync_all(inbox)[0]
        reference = item["attachments"][0]["reference"]
        self.assertEqual(c.fetch_attachment(reference), bytes(range(256)) * 12000)
        self.assertEqual(c.fetch_attachment(reference, range_="256-511", multipart=True),
                         bytes(range(256)))
        self.assertGreater(len(c.fetch_mime(inbox, item["id"])), 4000000)

    def test_autodiscover_for_activesync(self):
        address, c = self.phone("auto@demo.test")
        schema = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
        ask = ('<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/'
               'autodiscover/mobilesync/requestschema/2006"><Request><EMailAddress>%s</EMailAddress>'
               '<AcceptableResponseSchema>%s</AcceptableResponseSchema></Request></Autodiscover>')
        for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
            status, headers, body = c.request("POST", path, (ask % (address, schema)).encode(),
                                              {"Content-Type": "text/xml"})
            self.assertEqual(status, 200)
            self.assertIn(b"<Type>MobileSync</Type><Url>https://localhost:%d%s</Url>"
                          % (self.g.ports["https"], PATH.encode()), body)
        body = c.request("POST", path, (ask % (address, "other")).encode())[2]
        self.assertIn(b"<ErrorCode>601</ErrorCode>", body)
        bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]>' + ask % ("&e;", schema)
        once = ask % (address, schema)
        at, end = once.index("<Request>"), once.index("</Autodiscover>")
        for wrong in (b"", b"<a>", bomb.encode(), (once[:end] + once[at:]).encode()):
            body = c.request("POST", path, wrong)[2]
            self.assertIn(b"<ErrorCode>600</ErrorCode>", body)
        status, _, _ = c.request("POST", path, b"", {"Authorization": ""})
        self.assertEqual(status, 401)

    def test_autodiscover_json(self):
        _, c = self.phone("json@demo.test")
        path = "/autodiscover/autodiscover.json?Email=json%40demo.test&Protocol="
        status, _, body = c.request("GET", path + "ActiveSync", headers={"Authorization": ""})
        self.assertEqual((status, json.loads(body)), (200, {
            "Protocol": "ActiveSync", "Url": "https://localhost:%d%s" % (self.g.ports["https"], PATH)}))
        status, _, body = c.request("GET", path + "Ews")
        self.assertEqual((status, json.loads(body)["ErrorCode"]), (400, "InvalidProtocol"))


if __name__ == "__main__":
    import unittest
    unittest.main()
