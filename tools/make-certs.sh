#!/bin/sh
# SPDX-License-Identifier: ISC
# make-certs.sh FOLDER NAME... - a local certificate authority and a server certificate.
#
# The first NAME is the certificate's subject; names and IP addresses all become
# alternative names. What is there already is kept, so that phones go on trusting it.
set -eu
[ $# -ge 2 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0"; exit 64; }
dir=$1
shift
mkdir -p "$dir"
umask 077
if [ ! -s "$dir/ca.pem" ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" -subj "/CN=Godwit local authority" \
		-addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
fi
names=""
for n in "$@"; do
	case $n in
	*[!0-9.]*) kind=DNS ;;
	*) kind=IP ;;
	esac
	names="$names${names:+,}$kind:$n"
done
# iOS takes no server certificate that lives longer than 825 days.
if [ ! -s "$dir/server.pem" ] || ! openssl x509 -checkend 86400 -noout -in "$dir/server.pem" >/dev/null; then
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$dir/server.key" -out "$dir/server.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' \
		"$names" >"$dir/server.ext"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 800 -extfile "$dir/server.ext" -out "$dir/leaf.pem" 2>/dev/null
	cat "$dir/leaf.pem" "$dir/ca.pem" >"$dir/server.pem"
	rm -f "$dir/server.csr" "$dir/server.ext" "$dir/leaf.pem"
fi
chmod 755 "$dir"
chmod 644 "$dir/ca.pem" "$dir/server.pem"
