#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks the pages: links between them lead somewhere.

Prints one line for each breach and ends with 1 if there was one.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")


def pages():
    for where, dirs, names in os.walk(ROOT):
        dirs[:] = sorted(d for d in dirs if not d.startswith(".") and d not in ("build", "run"))
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.join(where, name)


def main():
    breaches = []
    n = 0
    for path in pages():
        n += 1
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for target in LINK.findall(text):
            if "://" not in target and not os.path.exists(os.path.join(os.path.dirname(path), target)):
                breaches.append("%s: %s leads nowhere" % (os.path.relpath(path, ROOT), target))
    if n == 0:
        breaches.append("no page was found")
    for b in breaches:
        print(b)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
