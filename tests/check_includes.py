#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks who knows whom: the table of docs/design.md, "Layout, and who may know whom".

 - a folder includes only the folders that it may,
 - a header named *_private.h is included in its own folder only,
 - the headers of a foreign library are included in its one home,
 - file names are unique in the tree, so that a name alone says which file,
 - SQL stands in store/ only.

Prints one line for each breach and ends with 1 if there was one.
"""
import os
import re
import sys
import tempfile

ALL = {"base", "format", "store", "push", "http", "mdm", "activesync", "syncml", "imap",
       "smtp", "server", "tools", "tests"}
MAY_INCLUDE = {
    "base": set(),
    "format": {"base"},
    "http": {"base"},
    "store": {"base", "format"},
    "push": {"base", "store"},
    "mdm": {"base", "format", "store", "push", "http"},
    "activesync": {"base", "format", "store", "push", "http", "mdm"},
    "syncml": {"base", "format", "store", "push", "http", "mdm"},
    "imap": {"base", "format", "store", "push", "mdm"},
    "smtp": {"base", "format", "store", "push", "mdm"},
    "server": ALL - {"tests"},
    "tools": ALL - {"tests"},
    "tests": ALL,
}

# Header as written between < and > (a prefix when it ends in /): its home.
HOMES = {
    "event2/": "base", "event.h": "base", "evhttp.h": "base", "evdns.h": "base",
    "openssl/": "base", "unbound.h": "base", "confuse.h": "base", "crypt.h": "base",
    "libxml/": "format", "wbxml/": "format", "wbxml.h": "format", "gmime/": "format",
    "libical/": "format", "unicode/": "format",
    "sqlite3.h": "store/engine", "libpq-fe.h": "store/engine",
    "nghttp2/": "http", "http_parser.h": "http",
    "seccomp.h": "server", "linux/landlock.h": "server",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
                               re.S)
SQL = re.compile(r"\bSELECT\s.+\sFROM\s|\bINSERT\s+(OR\s+\w+\s+)?INTO\s|\bDELETE\s+FROM\s"
                 r"|\bUPDATE\s+\w+\s+SET\s|\bCREATE\s+((UNIQUE|VIRTUAL|TEMP)\s+)?(TABLE|INDEX)\s"
                 r"|\bDROP\s+(TABLE|INDEX)\s|\bALTER\s+TABLE\s|\bPRAGMA\s+\w+"
                 r"|\bBEGIN\s+(IMMEDIATE|DEFERRED|EXCLUSIVE)\b", re.S)


def sources(root):
    """Paths relative to root of all C files in our folders."""
    for folder in sorted(ALL):
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = sorted(d for d in dirs if not d.startswith((".", "build")))
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(where, name), root)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def without_comments(text):
    """The same length and lines, with the comments blank."""
    def blank(match):
        s = match.group(0)
        return re.sub(r"[^\n]", " ", s) if s.startswith("/") else s
    return COMMENT_OR_STRING.sub(blank, text)


def home_of(header):
    for name, home in HOMES.items():
        if header == name or (name.endswith("/") and header.startswith(name)):
            return home
    return None


def check_own(path, header):
    folder = path.split("/")[0]
    parts = header.split("/")
    if len(parts) < 2:
        return f'"{header}": write the folder too, as in "{os.path.dirname(path)}/{header}"'
    if parts[0] not in ALL:
        return f'"{header}" names no folder of ours'
    if parts[0] != folder and parts[0] not in MAY_INCLUDE[folder]:
        return f"{folder}/ may not include {parts[0]}/ ({header})"
    if header.endswith("_private.h") and parts[0] != folder and folder != "tests":
        return f"{header} is private to {parts[0]}/"
    return None


def check_foreign(path, header):
    home = home_of(header)
    if home and not path.startswith(home + "/") and not path.startswith("tests/"):
        return f"<{header}> has its home in {home}/"
    return None


def check_sql(text):
    """Yields (position, what) for each statement; adjacent literals are read as one."""
    run, start, end = "", 0, 0
    for match in COMMENT_OR_STRING.finditer(text + '\n;""'):
        s = match.group(0)
        if not s.startswith('"'):
            continue
        if run and text[end:match.start()].strip():
            if SQL.search(run):
                yield start, run
            run = ""
        if not run:
            start = match.start()
        run += s[1:-1]
        end = match.end()


def check(root):
    breaches = []
    seen = {}
    for path in sources(root):
        name = os.path.basename(path)
        if name in seen:
            breaches.append(f"{path}: has the name of {seen[name]}")
        seen.setdefault(name, path)
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            text = without_comments(f.read())
        for match in INCLUDE.finditer(text):
            header = match.group(2)
            own = match.group(1) == '"'
            what = check_own(path, header) if own else check_foreign(path, header)
            if not what and own and not os.path.exists(os.path.join(root, header)):
                what = f'"{header}" does not exist'
            if what:
                breaches.append(f"{path}:{line_of(text, match.start())}: {what}")
        if not path.startswith(("store/", "tests/")):
            for at, sql in check_sql(text):
                breaches.append(f"{path}:{line_of(text, at)}: SQL outside store/: "
                                f"{' '.join(sql.split())[:60]}")
    return breaches


# What --self-test writes into an empty tree, and what has to be said of it.
BAD_TREE = {
    "base/a.h": ("", None),
    "base/a_private.h": ("", None),
    "base/up.c": ('#include "imap/i.h"\n', "base/up.c:1: base/ may not include imap/"),
    "imap/i.h": ("", None),
    "imap/good.c": ('#include "base/a.h"\n#include <stdio.h>\n/* #include "smtp/s.h" */\n'
                    'const char *x = "SELECT the box FROM";\n/* "SELECT a FROM b " */\n', None),
    "smtp/s.h": ("", None),
    "imap/side.c": ('\n#include "smtp/s.h"\n', "imap/side.c:2: imap/ may not include smtp/"),
    "imap/private.c": ('#include "base/a_private.h"\n', "is private to base/"),
    "imap/foreign.c": ("#include <openssl/ssl.h>\n", "has its home in base/"),
    "store/lite.c": ("#include <sqlite3.h>\n", "has its home in store/engine/"),
    "store/engine/lite2.c": ("#include <sqlite3.h>\n", None),
    "imap/twice.c": ("", None),
    "smtp/filter/twice.c": ("", "smtp/filter/twice.c: has the name of imap/twice.c"),
    "imap/bare.c": ('#include "i.h"\n', "write the folder too"),
    "imap/gone.c": ('#include "base/gone.h"\n', "does not exist"),
    "mdm/sql.c": ('const char *q =\n\t"SELECT a "\n\t"FROM b WHERE c = $1";\n',
                  "mdm/sql.c:2: SQL outside store/: SELECT a FROM b"),
    "store/sql2.c": ('const char *q = "DELETE FROM b ";\n', None),
}


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, (text, _) in BAD_TREE.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        got = check(root)
    expected = [what for _, what in BAD_TREE.values() if what]
    missed = [what for what in expected if not any(what in line for line in got)]
    for what in missed:
        print(f"self-test: not found: {what}")
    if len(got) != len(expected):
        print(f"self-test: {len(got)} breaches, expected {len(expected)}:", *got, sep="\n\t")
    return 1 if missed or len(got) != len(expected) else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    breaches = check(root)
    print(*breaches, sep="\n", end="\n" if breaches else "")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
