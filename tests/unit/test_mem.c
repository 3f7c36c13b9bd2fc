/* SPDX-License-Identifier: ISC
 *
 * test_mem.c - memory that a crowd has left goes back to the system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define CROWD 1000
#define PIECES 60 /* of 1 KB, for a moment */

static size_t
resident_mb(void)
{
	unsigned long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE) >> 20;
}

/* As signing in does it: a little that stays between much that goes. */
static void
holes_between_what_stays_are_given_back(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)mem_trim();
	skip(); /* another allocator */
#endif
	static char *kept[CROWD], *moment[CROWD][PIECES];
	(void)mem_trim();
	assert_false(mem_trim());
	for (size_t i = 0; i < CROWD; i++) {
		kept[i] = xcalloc(1, 600);
		for (size_t k = 0; k < PIECES; k++) {
			moment[i][k] = xmalloc(1024);
			memset(moment[i][k], 1, 1024);
		}
	}
	assert_false(mem_trim()); /* all of it is in use */
	for (size_t i = 0; i < CROWD; i++) {
		for (size_t k = 0; k < PIECES; k++)
			free(moment[i][k]);
	}
	size_t before = resident_mb();
	assert_true(mem_trim());
	assert_true(resident_mb() + 40 < before);
	assert_false(mem_trim()); /* there is nothing new to give */
	for (size_t i = 0; i < CROWD; i++)
		free(kept[i]);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_between_what_stays_are_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
