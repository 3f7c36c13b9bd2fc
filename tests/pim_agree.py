#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds our cards and calendars against vobject, icalendar and dateutil on a folder of real ones.

usage: pim_agree.py GODWIT-PIM [FOLDER]

The folder is $GODWIT_CORPUS, by default shared/corpus beside this repository, with vcard/, ical/ and
syncml/ in it. Where it or the libraries are absent the test is skipped (77).

 - What is laid out as the store keeps it reads back to the same text.
 - No property of the original is lost or changed: what the libraries read of the original they read
   of ours.
 - The instances of a series are those that dateutil finds.

Where they rightly differ, EXCEPTIONS says so by name.
"""
import collections
import datetime
import json
import os
import re
import subprocess
import sys

try:
    import icalendar
    import vobject
    from dateutil import rrule
    from zoneinfo import ZoneInfo
except ImportError:
    # Debian's libraries belong to Debian's Python.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: python3-vobject and python3-icalendar are not installed")
    sys.exit(77)

# File: why it is not compared by that library.
EXCEPTIONS = {
    "ezvcard-John_Doe_MS_OUTLOOK.vcf": "vobject ends texts of 2.1 at a comma",
    "ezvcard-outlook-2007.vcf": "the same",
    "libical-stresstest.ics": "made of errors; every reader takes others of its lines",
}
unread = []  # files that the libraries cannot read

ZONE = "Europe/Berlin"
FROM = datetime.datetime(1990, 1, 1, tzinfo=datetime.timezone.utc)
TO = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)


def ours(program, kind, path):
    """One dictionary an item."""
    window = ["-w", str(int(FROM.timestamp())), str(int(TO.timestamp())), ZONE]
    out = subprocess.run([program, kind] + (window if kind == "ical" else []) + [path], check=True,
                         stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in out.decode("utf-8").splitlines()]


# Cards

def words(line):
    """Types of a property, in whichever way they are said."""
    types = [v.upper() for key, values in line.params.items() if key.upper() == "TYPE"
             for value in values for v in value.split(",")]
    types += [s.upper() for s in line.singletonparams]
    return tuple(sorted(t for t in types if t not in ("BASE64", "QUOTED-PRINTABLE", "8BIT")))


def card_value(line):
    name = line.name.upper()
    value = line.value
    if name in ("PHOTO", "LOGO", "KEY", "SOUND"):
        return re.sub(r"\s+", "", value) if isinstance(value, str) else bytes(value)
    if name in ("BDAY", "ANNIVERSARY", "X-ANNIVERSARY", "REV"):
        return re.sub(r"[-:]", "", value)
    if name == "GEO":
        return value.replace(",", ";")
    if name == "N":
        parts = (value.family, value.given, value.additional, value.prefix, value.suffix)
        return tuple(p if isinstance(p, str) else ",".join(p) for p in parts)
    if name == "ADR":
        parts = (value.box, value.extended, value.street, value.city, value.region, value.code,
                 value.country)
        return tuple(p if isinstance(p, str) else ",".join(p) for p in parts)
    if isinstance(value, list):
        return tuple(value)
    return str(value).replace("\r\n", "\n").replace("\\:", ":")


def card_lines(text):
    """Name, types and value of each property, counted."""
    card = vobject.readOne(text, allowQP=True)
    lines = collections.Counter()
    for child in card.getChildren():
        # VERSION is what differs; FN is made where there is none.
        if isinstance(child, vobject.base.ContentLine) and child.name not in ("VERSION", "FN"):
            lines[(child.name.upper(), words(child), card_value(child))] += 1
    return lines


def cards_of(text):
    return re.findall(r"^BEGIN:VCARD\s.*?^END:VCARD", text, re.S | re.M | re.I)


def differences(theirs, mine):
    return (["lost %r" % (line,) for line in (theirs - mine)] +
            ["more %r" % (line,) for line in (mine - theirs)])


def check_cards(path, text, items):
    if path in EXCEPTIONS:
        return []
    breaches = []
    theirs = cards_of(text)
    if len(theirs) != len(items):
        return ["%d cards, not %d" % (len(items), len(theirs))]
    for card, item in zip(theirs, items):
        try:
            lines = card_lines(card)
        except Exception:  # vobject stumbles over what some phones write
            unread.append(path)
            continue
        mine = card_lines(item["v30"])
        # N is asked for by 3.0 and made where it was not there.
        if not any(name == "N" for name, _, _ in lines):
            mine = collections.Counter({k: v for k, v in mine.items() if k[0] != "N"})
        breaches += differences(lines, mine)
    return breaches


# Calendars

def cal_lines(text):
    """Of each component: its path with UID and RECURRENCE-ID, then its properties, counted."""
    found = collections.defaultdict(collections.Counter)

    def walk(component, path):
        uid = str(component.get("UID", ""))
        rid = component.get("RECURRENCE-ID")
        path = path + (component.name, uid, rid.to_ical() if rid is not None else b"")
        for name, value in component.property_items(recursive=False, sorted=False):
            if name in ("BEGIN", "END"):
                continue
            params = tuple(sorted((k, str(v)) for k, v in getattr(value, "params", {}).items()))
            raw = value if isinstance(value, bytes) else value.to_ical()
            found[path][(name, params, raw)] += 1
        for child in component.subcomponents:
            walk(child, path)

    for calendar in icalendar.Calendar.from_ical(text, multiple=True):
        walk(calendar, ())
    return found


def check_calendar(path, text, items):
    if path in EXCEPTIONS:
        return []
    breaches = []
    try:
        theirs = cal_lines(text)
    except Exception:  # icalendar stumbles over durations of weeks and days, and more
        unread.append(path)
        return []
    mine = collections.defaultdict(collections.Counter)
    for item in items:
        for key, lines in cal_lines(item["text"]).items():
            if key[-3] == "VTIMEZONE" or "VTIMEZONE" in key:
                mine[key] |= lines
            else:
                mine[key] += lines
    for key, lines in theirs.items():
        kinds = key[0::3]
        # What is about the collection is not the item's; zones are there where they are used.
        if len(kinds) == 1 or kinds[1] in ("VTIMEZONE", "VFREEBUSY", "VALARM") or \
                kinds[1].startswith("X-"):
            continue
        got = mine.get(key, collections.Counter())
        if not key[4]:
            got = collections.Counter({k: v for k, v in got.items() if k[0] != "UID"})
            for other, more in mine.items():
                if other[0::3] == kinds and not theirs.get(other) and (lines - more) == \
                        collections.Counter():
                    got = more
        breaches += ["%s: lost %r" % ("/".join(kinds), line) for line in (lines - got)]
    return breaches


# Instances

def moment(value, zone):
    """Seconds since 1970 of a date or time, without a zone in zone."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return int(value.timestamp())


def local_starts(event, zone):
    """Starts of a simple series by dateutil, as moments; None where it is no simple one."""
    start = event.decoded("DTSTART", None)
    rules = event.get("RRULE")
    if start is None or rules is None or isinstance(rules, list) or "RDATE" in event or \
            "EXDATE" in event:
        return None
    if "TZID" in event["DTSTART"].params:
        try:
            zone = ZoneInfo(event["DTSTART"].params["TZID"])
        except (KeyError, ValueError):
            return None
    elif isinstance(start, datetime.datetime) and start.tzinfo is not None:
        zone = datetime.timezone.utc
    if not isinstance(start, datetime.datetime):
        start = datetime.datetime(start.year, start.month, start.day)
    start = start.replace(tzinfo=None)
    text = re.sub(r"UNTIL=(\d{8})(T\d{6}Z?)?", "", rules.to_ical().decode()).strip(";")
    until = rules.get("UNTIL")
    last = moment(until[0], zone) if until else None
    if until and not isinstance(until[0], datetime.datetime):
        last += 86399
    text = re.sub(";;+", ";", text)
    starts = [start]
    for at in rrule.rrulestr(text, dtstart=start):
        if at.year >= 2030 or (last is not None and moment(at, zone) > last):
            break
        if at != start:
            starts.append(at)
    return [moment(at, zone) for at in starts]


def check_instances(path, items):
    breaches = []
    zone = ZoneInfo(ZONE)
    for item in items:
        if "instances" not in item or path in EXCEPTIONS or path in unread:
            continue
        events = icalendar.Calendar.from_ical(item["text"]).walk("VEVENT")
        if len(events) != 1:
            continue
        starts = local_starts(events[0], zone)
        if starts is None:
            continue
        want = [s for s in starts if FROM.timestamp() <= s < TO.timestamp()]
        got = [s for s in item["instances"] if s >= FROM.timestamp()]
        if not item["complete"]:
            want = want[:len(got)]
        if got != want:
            breaches.append("instances of %s: %r, not %r" % (
                events[0].get("UID"), got[:5], want[:5]))
    return breaches


# SyncML

def items_of_syncml(folder):
    """Cards and calendars in recorded messages, once each."""
    seen = set()
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            if not name.endswith(".xml"):
                continue
            with open(os.path.join(where, name), encoding="utf-8", errors="replace", newline="") as f:
                text = f.read()
            for found in re.findall(r"BEGIN:VCARD.*?END:VCARD\r?\n|BEGIN:VCALENDAR.*?END:VCALENDAR\r?\n",
                                    text, re.S):
                if found not in seen and "]]>" not in found and "<" not in found:
                    seen.add(found)
                    yield found


def main():
    program = sys.argv[1]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folder = sys.argv[2] if len(sys.argv) > 2 else os.environ.get(
        "GODWIT_CORPUS", os.path.join(root, "..", "shared", "corpus"))
    if not os.path.isdir(os.path.join(folder, "vcard")):
        print("skipped: there is no %s" % folder)
        return 77
    breaches, n = [], 0

    def check(name, kind, path, text):
        nonlocal n
        items = ours(program, kind, path)
        n += len(items)
        found = []
        for item in items:
            if item["text"] != item["again"]:
                found.append("is not the same when it is read again")
        found += check_cards(name, text, items) if kind == "vcard" else \
            check_calendar(name, text, items) + check_instances(name, items)
        breaches.extend("%s: %s" % (name, b) for b in found)

    for kind, sub in (("vcard", "vcard"), ("ical", "ical")):
        for name in sorted(os.listdir(os.path.join(folder, sub))):
            path = os.path.join(folder, sub, name)
            with open(path, encoding="utf-8", errors="replace", newline="") as f:
                check(name, kind, path, f.read())
    temporary = os.path.join(os.environ.get("TMPDIR", "/tmp"), "pim_agree.%d" % os.getpid())
    try:
        for i, text in enumerate(items_of_syncml(os.path.join(folder, "syncml"))):
            if "VERSION:1.0" in text:
                continue  # vCalendar 1.0, of which icalendar knows nothing
            with open(temporary, "w", encoding="utf-8", newline="") as f:
                f.write(text)
            kind = "vcard" if text.startswith("BEGIN:VCARD") else "ical"
            check("syncml %d" % i, kind, temporary, text)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    for b in breaches:
        print(b[:300])
    print("%d items, %d breaches; not read by the libraries: %s" % (n, len(breaches), unread))
    return 1 if breaches or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
