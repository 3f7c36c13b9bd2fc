# SPDX-License-Identifier: ISC
# packages.sh - the Debian packages that Godwit needs; read by quickstart and check.

packages_build="build-essential cmake ninja-build pkg-config libevent-dev libssl-dev
	libsqlite3-dev libpq-dev libnghttp2-dev libxml2-dev libgmime-3.0-dev libconfuse-dev libzstd-dev
	libcrypt-dev libseccomp-dev libhttp-parser-dev libunbound-dev nettle-dev libidn2-dev zlib1g-dev
	libical-dev libicu-dev tzdata"
packages_demo="libnet-ssleay-perl openssl python3 swaks curl ca-certificates"
packages_test="libcmocka-dev clang-format-14 libwbxml2-dev clang libclang-rt-14-dev isync swaks curl strace
	nsd openssl python3 postfix mutt nghttp2-client procps mandoc python3-icalendar
	python3-vobject postgresql-15 nats-server"
# Beside these the benches measure (tests/bench).
packages_bench="postfix dovecot-core dovecot-imapd dovecot-lmtpd"

# install_packages NAME...: installs what is missing; asks apt only when something is.
install_packages()
{
	missing=""
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' ||
			missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "Missing packages:$missing" >&2
		echo "Run as root, or install them first." >&2
		return 1
	fi
	echo "Installing:$missing"
	# A package's own daemon must not begin to listen because we wanted its client.
	policy=/usr/sbin/policy-rc.d
	made=""
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		made=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	status=0
	apt-get -o DPkg::Lock::Timeout=600 update -qq &&
		# shellcheck disable=SC2086
		apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
			$missing >/dev/null || status=$?
	[ -z "$made" ] || rm -f $policy
	return $status
}
