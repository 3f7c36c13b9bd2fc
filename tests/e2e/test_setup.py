# SPDX-License-Identifier: ISC
"""test_setup.py - accounts that set themselves up: autoconfig, Apple's profile, Autodiscover."""
import base64
import os
import plistlib
import subprocess
import tempfile
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET

from harness import PASSWORD, GodwitTest

OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


class Setup(GodwitTest):
    CONF = {"setup": ['ca = "CERTS/ca.pem"', "imap_port = 1993", 'name = "Demo & Co"']}

    def get(self, path, data=None, headers=None):
        request = urllib.request.Request("https://localhost:%d%s" % (self.g.ports["https"], path), data=data,
                                         headers=headers or {})
        with urllib.request.urlopen(request, context=self.g.tls()) as answer:
            return answer.headers, answer.read()

    def test_a_desktop_finds_its_doors(self):
        for path in ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"):
            headers, body = self.get(path + "?emailaddress=alice%40demo.test")
            self.assertTrue(headers["Content-Type"].startswith("text/xml"))
            root = ET.fromstring(body)
            self.assertEqual(root.find("emailProvider").get("id"), "demo.test")
            server = root.find("emailProvider/incomingServer")
            self.assertEqual(server.get("type"), "imap")
            self.assertEqual(server.find("port").text, "1993")
            self.assertEqual(server.find("hostname").text, "localhost")

    def test_a_profile_is_signed_and_whole(self):
        headers, body = self.get("/mobileconfig?email=alice%40demo.test")
        self.assertEqual(headers["Content-Type"], "application/x-apple-aspen-config")
        with tempfile.TemporaryDirectory() as folder:
            signed = os.path.join(folder, "profile")
            with open(signed, "wb") as f:
                f.write(body)
            plain = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", signed,
                                    "-CAfile", self.g.ca, "-purpose", "any"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout
        profile = plistlib.loads(plain)
        payloads = {p["PayloadType"]: p for p in profile["PayloadContent"]}
        self.assertEqual(payloads["com.apple.eas.account"]["EmailAddress"], "alice@demo.test")
        self.assertEqual(payloads["com.apple.mail.managed"]["IncomingMailServerPortNumber"], 1993)
        with open(self.g.ca) as f:
            pem = f.read().split("-----")[2]
        self.assertEqual(payloads["com.apple.security.root"]["PayloadContent"], base64.b64decode(pem))
        self.assertEqual(len({p["PayloadUUID"] for p in profile["PayloadContent"]}), 3)

    def test_a_profile_needs_an_address(self):
        for query in ("", "?email=", "?email=alice", "?email=%00@x", "?email=a%20b@demo.test"):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.get("/mobileconfig" + query)
            self.assertEqual(caught.exception.code, 400)

    def test_outlook_on_a_desktop_is_told_of_imap(self):
        self.g.user("alice@demo.test")
        body = ('<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
                "<Request><EMailAddress>alice@demo.test</EMailAddress>"
                "<AcceptableResponseSchema>%s</AcceptableResponseSchema></Request></Autodiscover>" % OUTLOOK)
        token = base64.b64encode(("alice@demo.test:" + PASSWORD).encode()).decode()
        _, answer = self.get("/AutoDiscover/AutoDiscover.XML", body.encode(),
                             {"Content-Type": "text/xml", "Authorization": "Basic " + token})
        types = [e.text for e in ET.fromstring(answer).iter("{%s}Type" % OUTLOOK)]
        self.assertEqual(types, ["IMAP", "SMTP"])
