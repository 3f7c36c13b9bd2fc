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

# install_thunderbird: Thunderbird with the add-on EAS-4-TbSync, a client that tests/e2e/test_pim.py drives. The
# release's own add-on is too old for the release's Thunderbird; Debian's later one is a file of the same mirror,
# and taken by its checksum. Not zero, with a sentence, where it cannot be had: the tests are skipped then.
install_thunderbird()
{
	addon="/usr/share/webext/eas4tbsync@jobisoft.de.xpi"
	if [ -x /usr/bin/thunderbird ] && [ -e "$addon" ]; then
		return 0
	fi
	install_packages thunderbird curl || return 1
	mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | head -n 1)
	folder=$(mktemp -d)
	status=0
	(
		cd "$folder" || exit 1
		for f in e/eas4tbsync/webext-eas4tbsync_5.3.11-1_all.deb t/tbsync/webext-tbsync_5.3.8-1_all.deb; do
			curl -fsSO --retry 2 "${mirror%/}/pool/main/$f" || exit 1
		done
		sha256sum --quiet -c - <<-SUMS || exit 1
		86515c09bb48c1db78fef8e33bf1212d809d97483062ddb1c70d15f5ed26252a  webext-eas4tbsync_5.3.11-1_all.deb
		da4a97622cf321555d52b8992ad0dbff7a09a83e3f079df0bda302af75af53ee  webext-tbsync_5.3.8-1_all.deb
		SUMS
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq \
			--no-install-recommends ./webext-*.deb >/dev/null
	) || status=1
	rm -rf "$folder"
	[ $status -eq 0 ] || echo "Thunderbird's add-on EAS-4-TbSync cannot be had here." >&2
	return $status
}
