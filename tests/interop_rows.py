#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks the conformance tables of ActiveSync: every test that they name is there, every row has
a state, and the totals are those of the rows. Prints the totals.

Prints one line for each breach and ends with 1 if there was one.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STATES = ("shown", "partial", "missing", "does not apply")
ROW = re.compile(r"^\| (S\d\d_TC\d\d\w*) \| ([^|]+) \| ([^|]+) \|(?: ([^|]+))? \|$")
TOTAL = re.compile(r"^\| (MS-AS\w+|all) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$")
TEST = re.compile(r"`([a-z0-9_/]+): ([a-z0-9_]+)`")
# As the table of a test program lists it: CASE(name), T(name), cmocka_unit_test(name).
LISTED = r"\b(?:[A-Z_]+|cmocka_unit_test\w*)\(\s*%s\s*[,)]"


def read(*path):
    try:
        with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return None


def test_file(name):
    if name.startswith("e2e/"):
        return read("tests", "e2e", "test_%s.py" % name[4:])
    return read("tests", "unit", "test_eas_%s.c" % name) or read("tests", "unit", "test_%s.c" % name)


def missing_test(name, test):
    text = test_file(name)
    if text is None:
        return "there is no file of tests %s" % name
    if name.startswith("e2e/"):
        there = re.search(r"def %s\(self" % test, text)
    else:
        there = re.search(LISTED % test, text)
    return None if there else "%s has no test %s" % (name, test)


def check_names(page, breaches):
    for n, line in enumerate(read("docs", page).split("\n"), 1):
        for name, test in TEST.findall(line):
            breach = missing_test(name, test)
            if breach:
                breaches.append("docs/%s:%d: %s" % (page, n, breach))


def check_rows(page, breaches):
    """Rows of each suite by state, against the table on top."""
    suite, counts, said, seen = None, {}, {}, set()
    for n, line in enumerate(read("docs", page).split("\n"), 1):
        where = "docs/%s:%d: " % (page, n)
        heading = re.match(r"## (MS-AS\w+)", line)
        total = TOTAL.match(line)
        row = ROW.match(line)
        if heading:
            suite = heading.group(1)
            counts[suite] = dict.fromkeys(STATES, 0)
        elif total:
            said[total.group(1)] = [int(v) for v in total.groups()[1:]]
        elif row:
            case, _, state, rest = row.groups()
            if (suite, case) in seen:
                breaches.append(where + "%s stands there twice" % case)
            seen.add((suite, case))
            if state not in STATES:
                breaches.append(where + "no such state: %s" % state)
                continue
            counts[suite][state] += 1
            if state in ("shown", "partial") and not TEST.search(rest or ""):
                breaches.append(where + "%s names no test" % case)
            if state == "does not apply" and not rest:
                breaches.append(where + "%s says not why" % case)
        elif line.startswith("| S"):
            breaches.append(where + "a row that cannot be read")
    counts["all"] = {s: sum(c[s] for c in counts.values()) for s in STATES}
    for suite, c in counts.items():
        have = [sum(c.values())] + [c[s] for s in STATES]
        print("%-12s %4d cases: %s" % (suite, have[0], ", ".join(
            "%d %s" % (c[s], s) for s in STATES)))
        if said.get(suite) != have:
            breaches.append("docs/%s: the totals of %s are %s" % (page, suite, have))


def main():
    breaches = []
    check_rows("activesync-interop.md", breaches)
    for page in ("activesync.md", "activesync-interop.md", "activesync-status.md"):
        if read("docs", page) is not None:
            check_names(page, breaches)
    for b in breaches:
        print(b)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
