/* SPDX-License-Identifier: ISC
 *
 * test_key_file.c - a secret in a file of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/key_file.h"

static char dir[64];
static char path[96];

static int
set_up(void **state UNUSED)
{
	snprintf(dir, sizeof(dir), "/tmp/godwit-key-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	unlink(path);
	return rmdir(dir); /* nothing else is left behind */
}

static bool
same(const char *at, uint8_t key[32])
{
	uint8_t again[32];

	key_file_load(at, again, sizeof(again));
	return memcmp(key, again, sizeof(again)) == 0;
}

static void
a_key_is_made_once_for_its_owners_eyes(void **state UNUSED)
{
	uint8_t key[32];
	struct stat st;

	key_file_load(path, key, sizeof(key));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, sizeof(key));
	assert_true(same(path, key));
}

static void
without_a_file_the_key_is_nobody_elses(void **state UNUSED)
{
	uint8_t key[32];

	key_file_load("", key, sizeof(key));
	assert_false(same("", key));
	key_file_load("/nonexistent/key", key, sizeof(key));
	assert_false(same("/nonexistent/key", key));
}

static void
a_file_that_others_may_read_is_not_used(void **state UNUSED)
{
	uint8_t key[32];

	key_file_load(path, key, sizeof(key));
	assert_int_equal(chmod(path, 0640), 0);
	assert_false(same(path, key));
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(same(path, key));
	assert_int_equal(truncate(path, 16), 0);
	assert_false(same(path, key));
}

static void
a_link_is_not_followed(void **state UNUSED)
{
	uint8_t key[32];
	char link_path[sizeof(path) + 8];

	key_file_load(path, key, sizeof(key));
	snprintf(link_path, sizeof(link_path), "%s.link", path);
	assert_int_equal(symlink(path, link_path), 0);
	assert_false(same(link_path, key));
	unlink(link_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_key_is_made_once_for_its_owners_eyes),
		CASE(without_a_file_the_key_is_nobody_elses),
		CASE(a_file_that_others_may_read_is_not_used),
		CASE(a_link_is_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
