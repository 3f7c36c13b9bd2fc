#!/bin/sh
# SPDX-License-Identifier: ISC
# man.sh GODWITD [--check] - writes the pages that are made.
#
# docs/man/godwit.conf.5 (its text from godwit.conf.5.in) and conf/godwit.conf from the tables of
# options, and the list in docs/decisions/README.md. With --check nothing is written, and the exit
# status tells whether the committed files are up to date.
set -eu
[ $# -ge 1 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 64; }
godwitd=$(readlink -f "$1")
export LC_ALL=C
check=${2:-}
cd "$(dirname "$(readlink -f "$0")")/.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
# mdoc(7) wants each sentence to begin a line, and lines of at most 80 columns.
"$godwitd" --mdoc | awk '
	/^\./ { print; next }
	{
		gsub(/[.!?] +[A-Z]/, "&\001")
		line = ""
		n = split($0, words, / +/)
		for (k = 1; k <= n; k++) {
			new = sub(/\001/, "", words[k])
			if (line != "" && (new || length(line) + 1 + length(words[k]) > 78)) {
				print line
				line = ""
			}
			if (line == "" && words[k] ~ /^[.\047]/)
				words[k] = "\\&" words[k]
			line = line (line == "" ? "" : " ") words[k]
		}
		print line
	}' >"$made/options"
sed -e "/^@OPTIONS@\$/{r $made/options
d}" docs/man/godwit.conf.5.in >"$made/godwit.conf.5"
"$godwitd" --sample >"$made/godwit.conf"
{
	sed '/^| \[/d' docs/decisions/README.md
	for page in docs/decisions/*.md; do
		name=$(basename "$page" .md)
		[ "$name" = README ] || echo "| [$name]($name.md) | $(sed -n '1s/^# //p' "$page") |"
	done
} >"$made/README.md"
status=0
put()
{
	if [ -n "$check" ]; then
		diff -u "$2" "$1" || { echo "$2 is old: run tools/man.sh"; status=1; }
	else
		cp "$1" "$2"
	fi
}
put "$made/godwit.conf.5" docs/man/godwit.conf.5
put "$made/godwit.conf" conf/godwit.conf
put "$made/README.md" docs/decisions/README.md
exit $status
