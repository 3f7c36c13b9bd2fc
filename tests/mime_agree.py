#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds our MIME parser against Python's email package on a folder of messages.

usage: mime_agree.py GODWIT-MIME [FOLDER]

The folder is $GODWIT_CORPUS/mime, by default shared/corpus/mime beside this repository. Where it is
absent the test is skipped (77). Compared are types, parameters, encodings, dispositions, the bytes of
every leaf, and the envelopes. Where the two rightly differ, EXCEPTIONS says so by name.
"""
import email
import email.policy
import email.utils
import json
import os
import re
import subprocess
import sys

# (file, where in the message, what): why the two differ and ours may stay.
EXCEPTIONS = {
}

TEXT_FIELDS = ("date", "subject", "in-reply-to", "message-id", "references")
ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc")
CONTENT_FIELDS = {"id": "content-id", "description": "content-description",
                  "location": "content-location", "language": "content-language",
                  "md5": "content-md5"}


def readable(text):
    """Raw header text as ours prints it: UTF-8, what is none as one U+FFFD."""
    if text is None:
        return None
    text = text.encode("ascii", "surrogateescape") if isinstance(text, str) else text
    return re.sub("\ufffd+", "\ufffd", text.decode("utf-8", "replace"))


def raw_field(message, name):
    for key, value in message.raw_items():
        if key.lower() == name:
            return value
    return None


def unfolded(value):
    return None if value is None else re.sub(r"\r?\n", "", value).strip()


def squeezed(text):
    """Names are joined with single spaces by both, but not of the same pieces."""
    return re.sub(r"\s+", " ", text or "").strip()


class Comparison:
    def __init__(self, path, ours):
        self.name = os.path.basename(path)
        with open(path, "rb") as f:
            self.raw = f.read()
        self.theirs = email.message_from_bytes(self.raw, policy=email.policy.compat32)
        self.ours = ours
        self.problems = []
        self.used = set()
        self.parts = 0

    def check(self, where, what, theirs, ours):
        if theirs == ours:
            return
        key = (self.name, where, what)
        if key in EXCEPTIONS:
            self.used.add(key)
            return
        self.problems.append(f"{self.name} {where} {what}:\n  python {theirs!r}\n  ours   {ours!r}")

    def params(self, where, message, part):
        for name in ("charset", "boundary", "name"):
            if part["type"] == "text" and message.get_content_maintype() == "multipart":
                continue
            value = message.get_param(name)
            if value is not None:
                value = email.utils.collapse_rfc2231_value(value)
            self.check(where, name, readable(value), readable_ours(part["params"].get(name)))
        filename = message.get_param("filename", header="content-disposition")
        if filename is not None:
            filename = email.utils.collapse_rfc2231_value(filename)
        self.check(where, "filename", readable(filename),
                   readable_ours(part["disposition_params"].get("filename")))

    def fields(self, where, message, part):
        encoding = unfolded(raw_field(message, "content-transfer-encoding")) or "7bit"
        self.check(where, "encoding", encoding.lower(), part["encoding"])
        self.check(where, "disposition", message.get_content_disposition(), part["disposition"])
        for key, name in CONTENT_FIELDS.items():
            self.check(where, name, readable(unfolded(raw_field(message, name))),
                       readable_ours(part[key]))

    def envelope(self, where, message, envelope):
        for name in TEXT_FIELDS:
            self.check(where, name, readable(unfolded(raw_field(message, name))),
                       readable_ours(envelope[name]))
        for name in ADDRESS_FIELDS:
            value = unfolded(raw_field(message, name))
            pairs = email.utils.getaddresses([value]) if value else []
            theirs = [(squeezed(readable(n)), readable(a)) for n, a in pairs if n or a]
            ours = []
            for display, mailbox, host in envelope[name]:
                if host:
                    address = mailbox if host == "MISSING_DOMAIN" else f"{mailbox}@{host}"
                    ours.append((squeezed(readable_ours(display)), readable_ours(address)))
            self.check(where, name, theirs, ours)
        date = raw_field(message, "date")
        parsed = email.utils.parsedate_tz(date) if date else None
        self.check(where, "date_ms", email.utils.mktime_tz(parsed) * 1000 if parsed else None,
                   envelope["date_ms"])

    def places(self, where, part, low, high):
        ok = (low <= part["header_at"] and
              part["header_at"] + part["header_len"] <= part["body_at"] and
              part["body_at"] + part["body_len"] <= high)
        self.check(where, "places", True, ok)

    def leaf(self, where, message, part):
        body = self.raw[part["body_at"]:part["body_at"] + part["body_len"]]
        self.check(where, "lines", body.count(b"\n"), part["body_lines"])
        payload = message._payload  # get_payload() converts 8-bit text
        if isinstance(payload, str):
            payload = payload.encode("ascii", "surrogateescape")
            # Without a closing boundary the last line end belongs to the part: there is no
            # boundary that it could belong to. Python takes it away all the same.
            if where and part["body_at"] + part["body_len"] == len(self.raw):
                if re.sub(rb"\r?\n\Z", b"", body) == payload:
                    body = payload
            self.check(where, "body", payload, body)

    def part(self, where, message, part, low, high):
        self.parts += 1
        self.places(where, part, low, high)
        theirs = message.get_content_type()
        if theirs.startswith("multipart/") and not message.is_multipart():
            theirs = "text/plain"  # nothing in it was found: we show what it is, text
        self.check(where, "type", theirs, f"{part['type']}/{part['subtype']}")
        self.params(where, message, part)
        self.fields(where, message, part)
        if "envelope" in part:
            self.envelope(where, message, part["envelope"])
        children = message.get_payload() if message.is_multipart() else []
        # Python splits delivery reports into header blocks and looks into encoded messages;
        # to IMAP both are leaves.
        encoded = part["encoding"] in ("base64", "quoted-printable")
        if part["type"] == "message" and (part["subtype"] not in ("rfc822", "global") or encoded):
            children = []
        self.check(where, "parts", len(children), len(part["parts"]))
        if not children or len(children) != len(part["parts"]):
            self.leaf(where, message, part)
            return
        end = part["body_at"] + part["body_len"]
        for i, (child, ours) in enumerate(zip(children, part["parts"]), 1):
            number = f"{where}.{i}" if where else str(i)
            self.part(number, child, ours, part["body_at"], end)

    def run(self):
        self.part("", self.theirs, self.ours, 0, len(self.raw))


def readable_ours(text):
    return None if text is None else re.sub("\ufffd+", "\ufffd", text)


def main():
    program = sys.argv[1]
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    corpus = os.environ.get("GODWIT_CORPUS") or os.path.join(top, "..", "shared", "corpus")
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(corpus, "mime")
    if not os.path.isdir(folder):
        print(f"skipped: no messages at {os.path.normpath(folder)} (see GODWIT_CORPUS)")
        return 77
    paths = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".eml"))
    output = subprocess.run([program] + paths, check=True, stdout=subprocess.PIPE).stdout
    problems, used, parts = [], set(), 0
    for path, line in zip(paths, output.decode("utf-8").strip("\n").split("\n"), strict=True):
        comparison = Comparison(path, json.loads(line)["root"])
        comparison.run()
        problems += comparison.problems
        used |= comparison.used
        parts += comparison.parts
    here = {os.path.basename(p) for p in paths}
    problems += [f"exception not needed: {key}" for key in EXCEPTIONS
                 if key not in used and key[0] in here]
    for problem in problems:
        print(problem)
    print(f"{len(paths)} messages, {parts} parts, {len(used)} exceptions, "
          f"{len(problems)} problems")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
