#!/bin/sh
# SPDX-License-Identifier: ISC
# pg_cluster.sh start|stop|down|up STATE [MODE] - a throw-away PostgreSQL for tests.
#
# start makes a cluster in a new folder under /tmp, with a UNIX socket there and no TCP, and
# writes STATE/conninfo; without PostgreSQL's programs it writes STATE/skip, which says why.
# PG_CLUSTER_CONF in the environment is added to its postgresql.conf.
# stop takes all of it away. A cluster that an earlier run left is stopped first.
# down ends the server (MODE: of pg_ctl, fast or immediate) and up starts it again, data and all.
set -eu
[ $# -ge 2 ] || { sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 64; }
state=$2
mode=${3:-fast}

# PostgreSQL refuses to run as root.
as_server()
{
	if [ "$(id -u)" = 0 ]; then
		user=postgres
		id -u $user >/dev/null 2>&1 || user=nobody
		runuser -u $user -- "$@"
	else
		"$@"
	fi
}

find_programs()
{
	for d in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
		if [ -x "$d/initdb" ] && [ -x "$d/pg_ctl" ] && [ -x "$d/psql" ]; then
			echo "$d"
			return
		fi
	done
}

stop()
{
	[ -f "$state/folder" ] || return 0
	folder=$(cat "$state/folder")
	case $folder in
	/tmp/godwit-pg-*)
		if [ -f "$folder/data/postmaster.pid" ]; then
			as_server "$programs/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null || true
		fi
		rm -rf "$folder"
		;;
	esac
	rm -f "$state/folder" "$state/conninfo"
}

start()
{
	mkdir -p "$state"
	rm -f "$state/skip"
	if [ -z "$programs" ]; then
		echo "PostgreSQL's initdb and pg_ctl are not installed" | tee "$state/skip"
		return
	fi
	stop
	folder=$(mktemp -d /tmp/godwit-pg-XXXXXX)
	echo "$folder" >"$state/folder"
	mkdir "$folder/run"
	chmod 755 "$folder"
	if [ "$(id -u)" = 0 ]; then
		id -u postgres >/dev/null 2>&1 && owner=postgres || owner=nobody
		chown -R "$owner" "$folder"
	fi
	# The order of texts is not that of their bytes here, so that the tests see who relies on it.
	as_server "$programs/initdb" -D "$folder/data" -U godwit -A trust -E UTF8 --locale=C.UTF-8 \
		--locale-provider=icu --icu-locale=en --no-instructions >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
	cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$folder/run'
max_connections = 100
shared_buffers = 32MB
max_wal_size = 256MB
fsync = on
synchronous_commit = on
autovacuum = off
${PG_CLUSTER_CONF:-}
CONF
	as_server "$programs/pg_ctl" -D "$folder/data" -l "$folder/run/log" -w -t 60 start >"$folder/log" 2>&1 ||
		{ cat "$folder/log" "$folder/run/log"; exit 1; }
	echo "host=$folder/run user=godwit" >"$state/conninfo"
	echo "$programs" >"$state/programs"
}

down()
{
	as_server "$programs/pg_ctl" -D "$(cat "$state/folder")/data" -m "$mode" -w stop >/dev/null
}

up()
{
	folder=$(cat "$state/folder")
	as_server "$programs/pg_ctl" -D "$folder/data" -l "$folder/run/log" -w -t 60 start >/dev/null
}

programs=$(find_programs)
case $1 in
start) start ;;
stop) stop ;;
down) down ;;
up) up ;;
*) exit 64 ;;
esac
