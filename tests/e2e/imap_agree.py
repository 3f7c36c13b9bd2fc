#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds an IMAP server against Python's email package on a folder of messages.

usage: imap_agree.py --port N [--host H] [--ca FILE] --user U --password P [FOLDER]

Every *.eml of the folder ($GODWIT_CORPUS/mime by default) is appended to a new mailbox and fetched
again: BODY[] byte for byte; HEADER, TEXT, partial fetches and each part's bytes out of BODY[]; ENVELOPE,
BODY and BODYSTRUCTURE against the independent parser; SEARCH finds it by its own headers. Without --ca the
connection is in plain text. Skipped (77) where the folder is absent.
"""
import argparse
import email
import email.policy
import email.utils
import imaplib
import os
import re
import ssl
import sys

imaplib._MAXLINE = 10_000_000
MAILBOX = "Agreement"


# --- the server's answers as Python values: lists, bytes, None, int ---

class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def value(self):
        d = self.data
        c = d[self.at:self.at + 1]
        if c == b"(":
            self.at += 1
            out = []
            while d[self.at:self.at + 1] != b")":
                if d[self.at:self.at + 1] == b" ":
                    self.at += 1
                    continue
                out.append(self.value())
            self.at += 1
            return out
        if c == b'"':
            m = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(d, self.at)
            self.at = m.end()
            return re.sub(rb"\\(.)", rb"\1", m.group(1))
        m = re.compile(rb"~?\{(\d+)\}\r\n").match(d, self.at)
        if m:
            end = m.end() + int(m.group(1))
            self.at = end
            return d[m.end():end]
        m = re.compile(rb"[^\s()\[\]\"]+(?:\[[^\]]*\](?:<\d+>)?)?").match(d, self.at)
        self.at = m.end()
        word = m.group(0)
        if word.upper() == b"NIL":
            return None
        return int(word) if word.isdigit() else word


class Client:
    def __init__(self, args):
        if args.ca:
            context = ssl.create_default_context(cafile=args.ca)
            self.m = imaplib.IMAP4_SSL(args.host, args.port, ssl_context=context)
        else:
            self.m = imaplib.IMAP4(args.host, args.port)
        self.m.login(args.user, args.password)

    def must(self, answer):
        if answer[0] != "OK":
            raise AssertionError("the server says %r" % (answer,))
        return answer[1]

    def append(self, raw):
        # imaplib's own append() rewrites line ends.
        self.m.literal = raw
        typ, dat = self.m._simple_command("APPEND", MAILBOX)
        return self.must((typ, dat))

    def fetch(self, number, items):
        """One message's items as a dictionary."""
        data = b""
        for piece in self.must(self.m.fetch(str(number), items)):
            if isinstance(piece, tuple):
                data += piece[0] + b"\r\n" + piece[1]
            elif piece:
                data += piece
        words = Reader(data[data.index(b"("):]).value()
        return dict(zip((w.decode().upper() for w in words[::2]), words[1::2]))


# --- what Python makes of the same bytes ---

def raw_bytes(text):
    return text.encode("ascii", "surrogateescape") if isinstance(text, str) else text


def raw_field(message, name):
    for key, value in message.raw_items():
        if key.lower() == name:
            return value
    return None


def unfolded(value):
    return None if value is None else raw_bytes(re.sub(r"\r?\n", "", value).strip())


def squeezed(data):
    return re.sub(rb"\s+", b" ", data or b"").strip()


class Message:
    def __init__(self, client, name, raw, number):
        self.c, self.name, self.raw, self.number = client, name, raw, number
        self.python = email.message_from_bytes(raw, policy=email.policy.compat32)
        self.problems = []
        self.leaves = []
        self.checks = 0

    def check(self, what, theirs, ours):
        self.checks += 1
        if theirs != ours:
            self.problems.append("%s: %s\n  python %.300r\n  server %.300r"
                                 % (self.name, what, theirs, ours))

    def bytes_of_sections(self):
        got = self.c.fetch(self.number, "(RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] "
                           "BODY.PEEK[TEXT] BODY.PEEK[]<5.100> BODY.PEEK[TEXT]<3.7> "
                           "BODY.PEEK[]<%d.10> RFC822.HEADER)" % len(self.raw))
        header = got["BODY[HEADER]"]
        self.check("RFC822.SIZE", len(self.raw), got["RFC822.SIZE"])
        self.check("BODY[]", self.raw, got["BODY[]"])
        self.check("HEADER and TEXT", self.raw, header + got["BODY[TEXT]"])
        self.check("RFC822.HEADER", header, got["RFC822.HEADER"])
        self.check("BODY[]<5.100>", self.raw[5:105], got["BODY[]<5>"])
        self.check("BODY[TEXT]<3.7>", got["BODY[TEXT]"][3:10], got["BODY[TEXT]<3>"])
        self.check("BODY[] beyond its end", b"", got["BODY[]<%d>" % len(self.raw)])
        m = re.compile(rb"\r?\n\r?\n").search(self.raw)
        if m and not self.raw.startswith((b"\r\n", b"\n", b"From ")):
            self.check("end of the header", self.raw[:m.end()], header)

    def header_fields(self):
        got = self.c.fetch(self.number, "(BODY.PEEK[HEADER.FIELDS (SUBJECT from)] "
                           "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT from)] BODY.PEEK[HEADER])")
        ours = [v for k, v in got.items() if k.startswith("BODY[HEADER.FIELDS (")][0]
        rest = [v for k, v in got.items() if k.startswith("BODY[HEADER.FIELDS.NOT (")][0]
        values = [raw_bytes(v) for k, v in self.python.raw_items()
                  if k.lower() in ("subject", "from")]
        fields = email.message_from_bytes(ours, policy=email.policy.compat32)
        if self.raw.startswith(b"From "):
            return  # the line of an mbox is no field, and in neither
        strip = lambda v: re.sub(rb"\r\n", b"\n", v)
        self.check("HEADER.FIELDS", [strip(v) for v in values],
                   [strip(raw_bytes(v)) for k, v in fields.raw_items()])
        lines = lambda d: sorted(l for l in d.splitlines() if l.strip())
        self.check("FIELDS and FIELDS.NOT make the header", lines(got["BODY[HEADER]"]),
                   lines(ours + rest))

    # -- ENVELOPE --

    def addresses(self, where, name, message, ours):
        value = raw_field(message, name)
        value = re.sub(r"\r?\n", "", value).strip() if value else None
        pairs = email.utils.getaddresses([value]) if value else []
        theirs = [(squeezed(raw_bytes(n)), raw_bytes(a)) for n, a in pairs if n or a]
        flat = []
        for display, _, mailbox, host in ours or []:
            if host is None:
                continue  # a group's start or end
            address = mailbox if host == b"MISSING_DOMAIN" else (mailbox or b"") + b"@" + host
            flat.append((squeezed(display), address))
        if name in ("sender", "reply-to") and not theirs:
            return  # as From
        self.check("%s ENVELOPE %s" % (where, name), theirs, flat)

    def envelope(self, where, message, ours):
        date, subject, *lists, in_reply_to, message_id = ours
        for name, value in (("date", date), ("subject", subject),
                            ("in-reply-to", in_reply_to), ("message-id", message_id)):
            self.check("%s ENVELOPE %s" % (where, name), unfolded(raw_field(message, name)), value)
        for name, value in zip(("from", "sender", "reply-to", "to", "cc", "bcc"), lists):
            self.addresses(where, name, message, value)
        for i in (1, 2):
            if not raw_field(message, ("sender", "reply-to")[i - 1]):
                self.check("%s ENVELOPE default %d" % (where, i), lists[0], lists[i])

    # -- BODYSTRUCTURE --

    def params(self, where, message, ours, header, names):
        pairs = dict(zip((k.lower().decode() for k in (ours or [])[::2]), (ours or [])[1::2]))
        for name in names:
            value = message.get_param(name, header=header)
            if value is not None:
                value = email.utils.collapse_rfc2231_value(value)
            if value is None and name in pairs and name == "charset":
                continue  # a default may be told
            value = None if value is None else value.encode("utf-8", "surrogateescape")
            self.check("%s %s" % (where, name), value, pairs.get(name))

    def disposition(self, where, message, ours):
        theirs = message.get_content_disposition()
        self.check("%s disposition" % where, theirs and theirs.encode(), ours and ours[0].lower())
        if ours:
            self.params(where, message, ours[1], "content-disposition", ("filename",))

    def structure(self, where, message, ours, number):
        """number: the section number of what is described; '' at the top."""
        children = message.get_payload() if message.is_multipart() else []
        if isinstance(ours[0], list):
            parts = [p for p in ours if isinstance(p, list)]
            n = next(i for i, p in enumerate(ours) if not isinstance(p, list))
            parts = ours[:n]
            self.check("%s type" % where, message.get_content_type(),
                       "multipart/" + ours[n].decode().lower())
            self.params(where, message, ours[n + 1], "content-type", ("boundary",))
            self.disposition(where, message, ours[n + 2])
            self.check("%s parts" % where, len(children), len(parts))
            for i, (child, part) in enumerate(zip(children, parts), 1):
                below = "%s.%d" % (number, i) if number else str(i)
                self.structure(below, child, part, below)
            return
        kind, subtype, params, ident, description, encoding, octets, *rest = ours
        kind, subtype = kind.decode().lower(), subtype.decode().lower()
        theirs = message.get_content_type()
        if theirs.startswith("multipart/") and not children:
            theirs = "text/plain"  # no part was found in it
        else:
            self.params(where, message, params, "content-type", ("charset", "name"))
        self.check("%s type" % where, theirs, "%s/%s" % (kind, subtype))
        their_encoding = unfolded(raw_field(message, "content-transfer-encoding")) or b"7bit"
        self.check("%s encoding" % where, their_encoding.lower(), encoding.lower())
        self.check("%s id" % where, unfolded(raw_field(message, "content-id")) or None, ident)
        self.check("%s description" % where,
                   unfolded(raw_field(message, "content-description")) or None, description)
        # The root has no number of its own: its one part is 1 (RFC 9051 6.4.5.1).
        section = number or "1"
        if rest and isinstance(rest[0], list) and kind == "message":
            envelope, inner, lines, md5, disposition, *_ = rest
            self.leaves.append((section, None, octets, lines))
            self.disposition(where, message, disposition)
            if children:
                self.envelope(where, children[0], envelope)
                self.inner(section, children[0], inner)
            return
        lines = rest.pop(0) if kind == "text" else None
        self.disposition(where, message, rest[1])
        payload = message._payload
        payload = raw_bytes(payload) if isinstance(payload, str) else None
        if kind == "message" or message.is_multipart():
            payload = None  # Python looks into what IMAP takes for a leaf
        self.leaves.append((section, payload, octets, lines))

    def inner(self, section, message, ours):
        """The message in a message/rfc822 part: its parts are numbered below the part."""
        if isinstance(ours[0], list):
            self.structure(section, message, ours, section)
        else:
            self.structure(section + ".1", message, ours, section + ".1")

    def each_part(self):
        for section, payload, octets, lines in self.leaves:
            got = self.c.fetch(self.number, "(BODY.PEEK[%s] BODY.PEEK[%s.MIME])" % (section, section))
            body = got["BODY[%s]" % section] or b""
            self.check("octets of " + section, octets, len(body))
            self.check("BODY[%s] is a piece of the message" % section, True, body in self.raw)
            self.check("MIME header of " + section, True, got["BODY[%s.MIME]" % section] in self.raw)
            if lines is not None:
                self.check("lines of " + section, body.count(b"\n"), lines)
            if payload is not None and body != payload:
                # Without a closing boundary the last line end belongs to the part.
                at_end = self.raw.endswith(body)
                short = re.sub(rb"\r?\n\Z", b"", body) if at_end else body
                self.check("BODY[%s]" % section, payload, short)

    def no_such_parts(self):
        for section in ("99", "1.99", "99.MIME", "99.1.TEXT"):
            got = self.c.fetch(self.number, "BODY.PEEK[%s]" % section)
            self.check("BODY[%s]" % section, None, got["BODY[%s]" % section])

    def search(self):
        ident = unfolded(raw_field(self.python, "message-id"))
        if not ident or not re.fullmatch(rb"[!#-\[\]-~]+", ident):
            return
        found = self.c.must(self.c.m.search(None, "HEADER", "MESSAGE-ID", b'"' + ident + b'"'))
        self.check("SEARCH HEADER MESSAGE-ID", True, str(self.number).encode() in found[0].split())

    def run(self):
        self.bytes_of_sections()
        self.header_fields()
        got = self.c.fetch(self.number, "(ENVELOPE BODYSTRUCTURE BODY)")
        self.envelope("", self.python, got["ENVELOPE"])
        self.structure("", self.python, got["BODYSTRUCTURE"], "")
        self.check("BODY is BODYSTRUCTURE without extensions", True,
                   begins(got["BODYSTRUCTURE"], got["BODY"]))
        self.each_part()
        self.no_such_parts()
        self.search()
        return self.problems


def begins(long, short):
    """Is short what long is, but for elements at the ends of lists?"""
    if not isinstance(short, list) or not isinstance(long, list):
        return long == short
    return len(long) >= len(short) and all(begins(a, b) for a, b in zip(long, short))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--ca")
    p.add_argument("--user", required=True)
    p.add_argument("--password", required=True)
    p.add_argument("folder", nargs="?")
    args = p.parse_args()
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    corpus = os.environ.get("GODWIT_CORPUS") or os.path.join(top, "..", "shared", "corpus")
    folder = args.folder or os.path.join(corpus, "mime")
    if not os.path.isdir(folder):
        print("skipped: no messages at %s (see GODWIT_CORPUS)" % os.path.normpath(folder))
        return 77
    paths = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".eml"))
    client = Client(args)
    client.m.delete(MAILBOX)
    client.must(client.m.create(MAILBOX))
    raws = []
    for path in paths:
        with open(path, "rb") as f:
            raws.append(f.read())
        client.append(raws[-1])
    client.must(client.m.select(MAILBOX, readonly=True))
    problems, checks = [], 0
    for number, (path, raw) in enumerate(zip(paths, raws), 1):
        message = Message(client, os.path.basename(path), raw, number)
        problems += message.run()
        checks += message.checks
    client.m.logout()
    for problem in problems:
        print(problem)
    print("%d messages, %d checks, %d disagreements" % (len(paths), checks, len(problems)))
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
