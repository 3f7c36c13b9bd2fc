# SPDX-License-Identifier: ISC
"""test_meetings.py - meetings between two users of ours, and with one elsewhere."""
import email
import email.policy
import json
import subprocess

from eas_client import Node
from harness import GodwitTest
from test_pim import CALENDAR, add, folder_of

INBOX, TRASH = 2, 4

# Debian's python3-icalendar reads what we write; it belongs to the system's own Python.
READ = """
import icalendar, json, sys
cal = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
event = next(c for c in cal.walk() if c.name == "VEVENT")
people = event.get("ATTENDEE", [])
people = people if isinstance(people, list) else [people]
print(json.dumps({
    "method": str(cal["METHOD"]), "uid": str(event["UID"]), "sequence": int(event.get("SEQUENCE", 0)),
    "start": event["DTSTART"].dt.isoformat() if "DTSTART" in event else None, "organizer": str(event["ORGANIZER"]),
    "summary": str(event.get("SUMMARY", "")), "comment": str(event.get("COMMENT", "")),
    "attendees": {str(p): str(p.params.get("PARTSTAT", "")) for p in people}}))
"""


def calendar_of(message):
    """The iTIP of a message, as another program understands it."""
    m = email.message_from_bytes(message, policy=email.policy.default)
    part = next(p for p in m.walk() if p.get_content_type() == "text/calendar")
    r = subprocess.run(["/usr/bin/python3", "-c", READ], input=part.get_payload(decode=True),
                       capture_output=True, check=True)
    result = json.loads(r.stdout)
    assert part.get_param("method") == result["method"], part["Content-Type"]
    return result


def when(start, end):
    return Node("Calendar:StartTime", start), Node("Calendar:EndTime", end)


class Meetings(GodwitTest):
    CONF = {"http": [], "activesync": ["heartbeat_min = 1s"]}

    def phone(self, user, name, version="16.1"):
        c = self.g.eas(user, name, version=version)
        c.provision()
        c.cal, c.inbox, c.trash = (folder_of(c, kind) for kind in (CALENDAR, INBOX, TRASH))
        return c

    def pair(self, name):
        host, guest = self.g.user(name + ".host@demo.test"), self.g.user(name + ".guest@demo.test")
        a, b = self.phone(host, "PHONEA" + name), self.phone(guest, "PHONEB" + name)
        for phone in (a, b):
            phone.sync_all(phone.cal)
            phone.sync_all(phone.inbox)
        return a, b, host, guest

    @staticmethod
    def invite(a, guest, *more):
        return add(a, a.cal, "meeting", Node("Calendar:Subject", "Count the waders"),
                   *when("20991123T080000Z", "20991123T090000Z"),
                   Node("Calendar:Attendees", Node("Calendar:Attendee", Node("Calendar:Email", guest),
                                                   Node("Calendar:Name", "Guest"))), *more)

    def one(self, items):
        self.assertEqual(len(items), 1, items)
        return items[0]

    def attendee(self, a):
        node = self.one(a.sync_all(a.cal))["node"]
        return node.find("Calendar:Attendees/Calendar:Attendee")

    def newest_mail(self, user):
        m = self.g.imap(user)
        n = m.select("INBOX")[1][0].decode()
        raw = m.fetch(n, "(BODY.PEEK[])")[1][0][1]
        m.logout()
        return raw

    def test_an_invitation_its_answer_an_update_and_a_cancellation(self):
        a, b, host, guest = self.pair("round")
        meeting = self.invite(a, guest)
        request = calendar_of(self.newest_mail(guest))
        self.assertEqual((request["method"], request["summary"]), ("REQUEST", "Count the waders"))
        self.assertEqual(request["organizer"], "mailto:" + host)
        # The mail is a meeting, and the calendar knows of it.
        mail = self.one(b.sync_all(b.inbox))
        self.assertEqual(mail["node"].text("Email:MessageClass"), "IPM.Schedule.Meeting.Request")
        asked = mail["node"].find("Email:MeetingRequest")
        self.assertEqual(asked.text("Email:StartTime"), "2099-11-23T08:00:00.000Z")
        self.assertEqual(asked.text("Calendar:UID"), request["uid"])
        event = self.one(b.sync_all(b.cal))
        self.assertEqual(event["node"].text("Calendar:BusyStatus"), "1")
        self.assertEqual(event["node"].text("Calendar:ResponseType"), "5")
        # B accepts.
        answer = b.respond(b.inbox, mail["id"], 1, Node("MeetingResponse:SendResponse", Node(
            "AirSyncBase:Body", Node("AirSyncBase:Type", "1"), Node("AirSyncBase:Data", "with boots"))))
        self.assertEqual(answer, (1, event["id"]))
        self.assertTrue(self.one(b.sync_all(b.inbox))["deleted"])
        self.assertEqual(self.one(b.sync_all(b.cal))["node"].text("Calendar:BusyStatus"), "2")
        reply = calendar_of(self.newest_mail(host))
        self.assertEqual((reply["method"], reply["uid"], reply["comment"]), ("REPLY", request["uid"], "with boots"))
        self.assertEqual(reply["attendees"], {"mailto:" + guest: "ACCEPTED"})
        self.assertEqual(self.attendee(a).text("Calendar:AttendeeStatus"), "3")
        self.assertEqual(self.one(a.sync_all(a.inbox))["node"].text("Email:MessageClass"),
                         "IPM.Schedule.Meeting.Resp.Pos")
        # A moves it: B is asked again.
        a.change(a.cal, meeting, Node("Calendar:Subject", "Count the waders"),
                 *when("20991124T080000Z", "20991124T090000Z"),
                 Node("Calendar:Attendees", Node("Calendar:Attendee", Node("Calendar:Email", guest),
                                                 Node("Calendar:Name", "Guest"))))
        moved = self.one(b.sync_all(b.cal))["node"]
        self.assertEqual(moved.text("Calendar:StartTime"), "20991124T080000Z")
        self.assertEqual((moved.text("Calendar:BusyStatus"), moved.text("Calendar:ResponseType")), ("1", "5"))
        update = calendar_of(self.newest_mail(guest))
        self.assertGreater(update["sequence"], request["sequence"])
        # And calls it off.
        a.delete(a.cal, meeting, as_move=False)
        gone = calendar_of(self.newest_mail(guest))
        self.assertEqual(gone["method"], "CANCEL")
        self.assertGreater(gone["sequence"], update["sequence"])
        self.assertEqual(self.one(b.sync_all(b.cal))["node"].text("Calendar:MeetingStatus"), "7")
        classes = [i["node"].text("Email:MessageClass") for i in b.sync_all(b.inbox)]
        self.assertIn("IPM.Schedule.Meeting.Canceled", classes)

    def test_another_time_is_proposed(self):
        a, b, host, guest = self.pair("counter")
        self.invite(a, guest)
        event = self.one(b.sync_all(b.cal))
        status, _ = b.respond(b.cal, event["id"], 2, Node(
            "MeetingResponse:SendResponse", Node("MeetingResponse:ProposedStartTime", "20991123T120000Z"),
            Node("MeetingResponse:ProposedEndTime", "20991123T130000Z")))
        self.assertEqual(status, 1)
        counter = calendar_of(self.newest_mail(host))
        self.assertEqual((counter["method"], counter["start"]), ("COUNTER", "2099-11-23T12:00:00+00:00"))
        who = self.attendee(a)
        self.assertEqual(who.text("Calendar:AttendeeStatus"), "2")
        self.assertEqual(who.text("MeetingResponse:ProposedStartTime"), "20991123T120000Z")
        mail = self.one(a.sync_all(a.inbox))["node"]
        self.assertEqual(mail.text("Email:MeetingRequest/MeetingResponse:ProposedEndTime"), "20991123T130000Z")

    def propose(self, b):
        event = self.one(b.sync_all(b.cal))
        status, _ = b.respond(b.cal, event["id"], 2, Node(
            "MeetingResponse:SendResponse", Node("MeetingResponse:ProposedStartTime", "20991123T120000Z"),
            Node("MeetingResponse:ProposedEndTime", "20991123T130000Z")))
        self.assertEqual(status, 1)
        b.sync_all(b.cal)

    def test_a_proposed_time_is_taken_over_or_declined(self):
        a, b, host, guest = self.pair("agreed")
        meeting = self.invite(a, guest)
        self.propose(b)
        mail = self.one(a.sync_all(a.inbox))
        answer = a.respond(a.inbox, mail["id"], 3, Node("MeetingResponse:SendResponse"))
        self.assertEqual(answer, (1, None))
        no = calendar_of(self.newest_mail(guest))
        self.assertEqual((no["method"], no["attendees"]), ("DECLINECOUNTER", {"mailto:" + guest: "TENTATIVE"}))
        self.assertIsNone(self.attendee(a).find("MeetingResponse:ProposedStartTime"))
        self.assertEqual(b.sync_all(b.cal), [])
        # Another one is asked for, and then it shall be.
        self.g.send(host, "From: %s\r\nTo: %s\r\n" % (guest, host) + self.itip(
            "COUNTER", no["uid"], "SEQUENCE:0", "DTSTART:20991123T140000Z", "DTEND:20991123T150000Z",
            "ORGANIZER:mailto:" + host, "ATTENDEE;PARTSTAT=TENTATIVE:mailto:" + guest))
        mail = next(i for i in a.sync_all(a.inbox) if i.get("node"))
        self.assertEqual(a.respond(a.inbox, mail["id"], 1), (1, meeting))
        moved = self.one(b.sync_all(b.cal))["node"]
        self.assertEqual(moved.text("Calendar:StartTime"), "20991123T140000Z")
        self.assertEqual(moved.text("Calendar:ResponseType"), "5")
        self.assertEqual(self.attendee(a).text("Calendar:AttendeeStatus"), "5")

    def test_whom_a_guest_forwards_it_to_becomes_a_guest(self):
        a, b, host, guest = self.pair("forward")
        self.invite(a, guest)
        third = self.g.user("forward.third@demo.test")
        c = self.phone(third, "PHONECforward")
        for folder in (c.cal, c.inbox):
            c.sync_all(folder)
        event = self.one(b.sync_all(b.cal))
        b.command("SmartForward", Node(
            "ComposeMail:SmartForward", Node("ComposeMail:ClientId", "f1"),
            Node("ComposeMail:Source", Node("ComposeMail:FolderId", b.cal), Node("ComposeMail:ItemId", event["id"])),
            Node("ComposeMail:Forwardees", Node("ComposeMail:Forwardee", Node("ComposeMail:Name", "Third"),
                                                Node("ComposeMail:Email", third)))))
        people = self.one(a.sync_all(a.cal))["node"].find("Calendar:Attendees").all("Calendar:Attendee")
        self.assertEqual([(p.text("Calendar:Email"), p.text("Calendar:AttendeeStatus")) for p in people],
                         [(guest, "5"), (third, "5")])
        note = email.message_from_bytes(self.newest_mail(host), policy=email.policy.default)
        self.assertEqual(note["Subject"], "Meeting Forward Notification: Count the waders")
        # No event of the third one's before he says that he comes.
        self.assertEqual(c.sync_all(c.cal), [])
        mail = self.one(c.sync_all(c.inbox))
        self.assertEqual(mail["node"].text("Email:MessageClass"), "IPM.Schedule.Meeting.Request")
        status, made = c.respond(c.inbox, mail["id"], 1, Node("MeetingResponse:SendResponse"))
        self.assertEqual((status, self.one(c.sync_all(c.cal))["id"]), (1, made))
        people = self.one(a.sync_all(a.cal))["node"].find("Calendar:Attendees").all("Calendar:Attendee")
        self.assertEqual([p.text("Calendar:AttendeeStatus") for p in people], ["5", "3"])

    def test_a_phone_at_14_1_declines_and_tells_it_itself(self):
        a, b, host, guest = self.pair("older")
        self.invite(a, guest)
        old = self.phone(guest, "OLDPHONE", version="14.1")
        mail = self.one(old.sync_all(old.inbox))
        self.assertIsNotNone(mail["node"].find("Email:MeetingRequest/Email:GlobalObjId"))
        self.assertEqual(old.respond(old.inbox, mail["id"], 3), (1, None))
        self.assertEqual(old.sync_all(old.cal), [])
        a.sync_all(a.cal)
        uid = calendar_of(old.fetch_mime(old.trash, old.sync_all(old.trash)[0]["id"]))["uid"]
        old.sendmail("From: %s\r\nTo: %s\r\nSubject: Declined\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/calendar; method=REPLY\r\n\r\n"
                     "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:%s\r\nSEQUENCE:0\r\n"
                     "DTSTAMP:20991101T000000Z\r\nDTSTART:20991123T080000Z\r\nORGANIZER:mailto:%s\r\n"
                     "ATTENDEE;PARTSTAT=DECLINED:mailto:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
                     % (guest, host, uid, host, guest))
        self.assertEqual(self.attendee(a).text("Calendar:AttendeeStatus"), "4")

    def itip(self, method, uid, *lines):
        return ("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; method=%s\r\n\r\n"
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:%s\r\nBEGIN:VEVENT\r\nUID:%s\r\n"
                "DTSTAMP:20991101T000000Z\r\n%sEND:VEVENT\r\nEND:VCALENDAR\r\n"
                % (method, method, uid, "".join(line + "\r\n" for line in lines)))

    def test_a_calendar_answers_who_asks_for_a_meeting(self):
        a, b, host, guest = self.pair("refresh")
        self.invite(a, guest)
        uid = calendar_of(self.newest_mail(guest))["uid"]
        b.sync_all(b.inbox)
        people = "ORGANIZER:mailto:" + host, "ATTENDEE:mailto:" + guest
        # Not whoever was not invited.
        self.g.send(host, "From: eve@example.org\r\nTo: %s\r\n" % host +
                    self.itip("REFRESH", uid, people[0], "ATTENDEE:mailto:eve@example.org"))
        self.g.send(host, "From: %s\r\nTo: %s\r\n" % (guest, host) + self.itip("REFRESH", uid, *people))
        self.assertEqual(len(b.sync_all(b.inbox)), 1)
        again = calendar_of(self.newest_mail(guest))
        self.assertEqual((again["method"], again["uid"], again["summary"]), ("REQUEST", uid, "Count the waders"))
        # Asking in a row makes no flood.
        self.g.send(host, "From: %s\r\nTo: %s\r\n" % (guest, host) + self.itip("REFRESH", uid, *people))
        self.assertEqual(b.sync_all(b.inbox), [])
        # What is added to a meeting that is not there is asked for whole.
        a.sync_all(a.inbox)
        self.g.send(guest, "From: %s\r\nTo: %s\r\n" % (host, guest) +
                    self.itip("ADD", "not-there", "SEQUENCE:1", "DTSTART:20991201T080000Z", *people))
        self.assertEqual(len(a.sync_all(a.inbox)), 1)
        asked = calendar_of(self.newest_mail(host))
        self.assertEqual((asked["method"], asked["uid"]), ("REFRESH", "not-there"))

    def test_a_stranger_changes_nothing(self):
        a, _, host, guest = self.pair("forged")
        self.invite(a, guest)
        a.sync_all(a.cal)
        uid = calendar_of(self.newest_mail(guest))["uid"]
        self.g.send(host, "From: eve@example.org\r\nTo: %s\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
                    "Content-Type: text/calendar; method=REPLY\r\n\r\n"
                    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:%s\r\nSEQUENCE:9\r\n"
                    "DTSTAMP:20991101T000000Z\r\nDTSTART:20991123T080000Z\r\nORGANIZER:mailto:%s\r\n"
                    "ATTENDEE;PARTSTAT=DECLINED:mailto:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
                    % (host, uid, host, guest), sender="eve@example.org")
        self.assertEqual(len(a.sync_all(a.inbox)), 1)
        self.assertEqual(a.sync_all(a.cal), [])
