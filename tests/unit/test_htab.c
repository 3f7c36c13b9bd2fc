/* SPDX-License-Identifier: ISC
 *
 * test_htab.c - the hash table, and SipHash against its authors' vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/htab.h"
#include "base/mem.h"

struct entry {
	struct hnode node;
	uint64_t key;
};

static struct entry *
lookup(const struct htab *t, uint64_t key, uint64_t hash)
{
	for (struct hnode *n = htab_find(t, hash); n; n = htab_next(n)) {
		struct entry *e = container_of(n, struct entry, node);

		if (e->key == key)
			return e;
	}
	return NULL;
}

static void
what_went_in_is_found_while_it_grows_and_shrinks(void **state UNUSED)
{
	struct htab t;
	struct entry *all = xcalloc(5000, sizeof(*all));

	htab_init(&t);
	assert_null(htab_find(&t, 1));
	for (uint64_t i = 0; i < 5000; i++) {
		all[i].key = i;
		htab_add(&t, &all[i].node, hash_u64(i));
	}
	assert_int_equal(t.count, 5000);
	assert_true(t.mask + 1 >= 4096);
	for (uint64_t i = 0; i < 5000; i += 2)
		htab_remove(&t, &all[i].node);
	assert_int_equal(t.count, 2500);
	for (uint64_t i = 0; i < 5000; i++)
		assert_ptr_equal(lookup(&t, i, hash_u64(i)), i % 2 ? &all[i] : NULL);
	htab_done(&t);
	free(all);
}

static void
keys_with_the_same_hash_are_all_kept(void **state UNUSED)
{
	struct htab t;
	struct entry all[40];

	htab_init(&t);
	for (uint64_t i = 0; i < ARRAY_LEN(all); i++) {
		all[i].key = i;
		htab_add(&t, &all[i].node, i % 2 ? 7 : 7 + 16);
	}
	for (uint64_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_ptr_equal(lookup(&t, i, i % 2 ? 7 : 23), &all[i]);
		assert_null(lookup(&t, i, i % 2 ? 23 : 7));
	}
	htab_remove(&t, &all[3].node);
	assert_null(lookup(&t, 3, 7));
	assert_ptr_equal(lookup(&t, 5, 7), &all[5]);
	htab_done(&t);
}

struct walk {
	struct htab *table;
	size_t n;
};

static void
remove_and_free(struct hnode *n, void *arg)
{
	struct walk *walk = arg;

	walk->n++;
	htab_remove(walk->table, n);
	free(container_of(n, struct entry, node));
}

static void
a_walk_may_free_what_it_sees(void **state UNUSED)
{
	struct htab t;
	struct walk walk = { &t, 0 };

	htab_init(&t);
	htab_each(&t, remove_and_free, &walk);
	for (uint64_t i = 0; i < 100; i++) {
		struct entry *e = xcalloc(1, sizeof(*e));

		htab_add(&t, &e->node, hash_u64(i % 10));
	}
	htab_each(&t, remove_and_free, &walk);
	assert_int_equal(walk.n, 100);
	assert_int_equal(t.count, 0);
	htab_done(&t);
}

/* Aumasson, Bernstein, "SipHash", appendix A, and vectors.h of their reference code. */
static void
siphash_gives_its_authors_values(void **state UNUSED)
{
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	char in[16];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	assert_true(siphash(key, span_of(in, 15)) == 0xa129ca6149be45e5);
	assert_true(siphash(key, span_of(in, 0)) == 0x726fdb47dd0e0e31);
	assert_true(siphash(key, span_of(in, 1)) == 0x74f839c593dc67fd);
	assert_true(siphash(key, span_of(in, 8)) == 0x93f5f5799a932462);
}

static void
hashes_are_steady_within_a_process(void **state UNUSED)
{
	uint64_t v = 42;

	assert_true(hash_u64(42) == hash_u64(42));
	assert_true(hash_u64(42) != hash_u64(43));
	assert_true(hash_bytes(SPAN("a")) == hash_bytes(SPAN("a")));
	assert_true(hash_bytes(SPAN("")) != hash_bytes(span_of("", 1)));
	assert_true(hash_u64(42) == hash_bytes(span_of((char *)&v, sizeof(v))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_went_in_is_found_while_it_grows_and_shrinks),
		cmocka_unit_test(keys_with_the_same_hash_are_all_kept),
		cmocka_unit_test(a_walk_may_free_what_it_sees),
		cmocka_unit_test(siphash_gives_its_authors_values),
		cmocka_unit_test(hashes_are_steady_within_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
