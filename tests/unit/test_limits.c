/* SPDX-License-Identifier: ISC
 *
 * test_limits.c - the limits of a made-up machine, held against what is configured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs them first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "server/limits.h"

/* A machine that is large enough for 100,000 in all. */
static const struct limits enough = {
	.files = 101024,
	.file_max = 108192,
	.somaxconn = 4096,
	.tcp_pages = 100000,
	.conntrack = 125000,
	.memory_kb = 2400000,
};
static const struct limits_want many = { .connections = 100000, .tables = 1 };

static void
note(void *arg, const char *what, uint64_t have, uint64_t need, const char *hint)
{
	buf_addf(arg, "%s %u %u %s\n", what, (unsigned)have, (unsigned)need, hint);
}

static void
assert_said(const struct limits *l, const struct limits_want *want, const char *said)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t n = limits_check(l, want, note, &b);

	buf_add_char(&b, '\0');
	assert_string_equal(b.p, said);
	assert_int_equal(n, *said ? 1 : 0);
}

static void
a_machine_that_is_just_large_enough_is_not_complained_of(void **state UNUSED)
{
	assert_said(&enough, &many, "");
}

static void
each_limit_that_is_one_too_low_is_named_with_what_helps(void **state UNUSED)
{
	struct limits l = enough;

	l.files--;
	assert_said(&l, &many,
	            "files 101023 101024 LimitNOFILE=101024 in the unit, or ulimit -Hn "
	            "of who starts it\n");
	l = enough;
	l.file_max--;
	assert_said(&l, &many,
	            "fs.file-max 108191 108192 sysctl -w fs.file-max=108192\n");
	l = enough;
	l.somaxconn = 128;
	assert_said(&l, &many,
	            "net.core.somaxconn 128 4096 sysctl -w net.core.somaxconn=4096 and a "
	            "restart: a crowd that comes at once stands in this queue\n");
	l = enough;
	l.tcp_pages--;
	assert_said(&l, &many,
	            "net.ipv4.tcp_mem 99999 100000 third number of sysctl "
	            "net.ipv4.tcp_mem: 100000 pages are one for each connection\n");
	l = enough;
	l.conntrack--;
	assert_said(&l, &many,
	            "net.netfilter.nf_conntrack_max 124999 125000 sysctl -w "
	            "net.netfilter.nf_conntrack_max=125000, or no tracking of our "
	            "ports\n");
	l = enough;
	l.memory_kb--;
	assert_said(&l, &many, "memory_kb 2399999 2400000 2400000 KB are needed\n");
}

static void
what_is_not_known_is_not_complained_of(void **state UNUSED)
{
	const struct limits unknown = { 0 };

	assert_said(&unknown, &many, "");
}

static void
tables_of_their_own_share_the_connections(void **state UNUSED)
{
	const struct limits_want apart = { .connections = 100000, .tables = 6 };
	struct limits l = enough;

	l.files = 100000 / 6 + LIMITS_FILES_SPARE;
	assert_said(&l, &apart, "");
	l.files--;
	assert_said(&l, &apart,
	            "files 17689 17690 LimitNOFILE=17690 in the unit, or ulimit -Hn of "
	            "who starts it\n");
}

/* -- reading -- */

static char root[] = "/tmp/godwit-limits-XXXXXX";

static void
put(const char *path, const char *text)
{
	char *full = xasprintf("%s%s", root, path);

	for (char *p = full + sizeof(root); *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(full, 0700);
		*p = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(full);
}

static int
make_machine(void **state UNUSED)
{
	strcpy(root, "/tmp/godwit-limits-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("/proc/sys/fs/file-max", "9223372036854775807\n");
	put("/proc/sys/net/core/somaxconn", "128\n");
	put("/proc/sys/net/ipv4/tcp_mem", "288459\t384612\t576918\n");
	put("/proc/meminfo", "MemTotal:       24689696 kB\nMemFree:         1 kB\n"
	                     "MemAvailable:   20000000 kB\n");
	return 0;
}

static int
remove_machine(void **state UNUSED)
{
	char *command = xasprintf("rm -rf '%s'", root);

	assert_int_equal(system(command), 0);
	free(command);
	return 0;
}

static void
the_machines_numbers_are_read(void **state UNUSED)
{
	struct limits l;

	limits_read(root, &l);
	assert_int_equal(l.file_max, 9223372036854775807);
	assert_int_equal(l.somaxconn, 128);
	assert_int_equal(l.tcp_pages, 576918);
	assert_int_equal(l.memory_kb, 20000000);
	assert_int_equal(l.conntrack, 0);
	assert_true(l.files > 0);
}

static void
tracking_counts_only_where_connections_are_tracked(void **state UNUSED)
{
	struct limits l;

	put("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "0\n");
	limits_read(root, &l);
	assert_int_equal(l.conntrack, 0);
	put("/proc/sys/net/netfilter/nf_conntrack_count", "12\n");
	limits_read(root, &l);
	assert_int_equal(l.conntrack, 262144);
}

static void
the_tightest_control_group_above_us_bounds_the_memory(void **state UNUSED)
{
	struct limits l;

	put("/proc/self/cgroup", "0::/system.slice/godwit.service\n");
	put("/sys/fs/cgroup/system.slice/godwit.service/memory.max", "max\n");
	put("/sys/fs/cgroup/system.slice/godwit.service/memory.current", "1024\n");
	limits_read(root, &l);
	assert_int_equal(l.memory_kb, 20000000);
	put("/sys/fs/cgroup/system.slice/memory.max", "4194304\n");
	put("/sys/fs/cgroup/system.slice/memory.current", "1048576\n");
	limits_read(root, &l);
	assert_int_equal(l.memory_kb, 3072);
	put("/sys/fs/cgroup/system.slice/godwit.service/memory.max", "2097152\n");
	limits_read(root, &l);
	assert_int_equal(l.memory_kb, 2047);
}

static void
the_limit_of_files_is_raised_as_far_as_it_goes(void **state UNUSED)
{
	struct rlimit before, after;
	const struct limits_want few = { .connections = 1, .tables = 1 };

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct rlimit low = { .rlim_cur = 64, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	uint64_t got = limits_raise_files(&few);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(after.rlim_cur, got);
	assert_true(got >= before.rlim_max);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_machine_that_is_just_large_enough_is_not_complained_of),
		cmocka_unit_test(each_limit_that_is_one_too_low_is_named_with_what_helps),
		cmocka_unit_test(what_is_not_known_is_not_complained_of),
		cmocka_unit_test(tables_of_their_own_share_the_connections),
		cmocka_unit_test_setup_teardown(the_machines_numbers_are_read,
		                                make_machine, remove_machine),
		cmocka_unit_test_setup_teardown(
			tracking_counts_only_where_connections_are_tracked, make_machine,
			remove_machine),
		cmocka_unit_test_setup_teardown(
			the_tightest_control_group_above_us_bounds_the_memory,
			make_machine, remove_machine),
		cmocka_unit_test(the_limit_of_files_is_raised_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
