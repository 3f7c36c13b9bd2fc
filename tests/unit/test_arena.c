/* SPDX-License-Identifier: ISC
 *
 * test_arena.c - memory of one request, and its hooks; the intrusive list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/list.h"

static void
memory_is_aligned_zeroed_and_apart(void **state UNUSED)
{
	struct arena *a = arena_new();
	unsigned char *all[300];
	size_t sizes[300];

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		sizes[i] = i * i % 5000;
		/* An odd string between, to disturb the alignment. */
		arena_strdup(a, "odd!");
		all[i] = arena_alloc(a, sizes[i]);
		assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(all[i][k], 0);
		memset(all[i], (int)(i & 255), sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(all[i][k], i & 255);
	}
	arena_free(a);
}

static void
what_is_used_is_counted(void **state UNUSED)
{
	struct arena *a = arena_new();

	assert_int_equal(arena_used(a), 0);
	arena_alloc(a, 100);
	arena_alloc(a, 1000000);
	assert_true(arena_used(a) >= 1000100);
	assert_true(arena_used(a) < 1000200);
	arena_free(a);
}

static void
strings_are_copies_with_an_end(void **state UNUSED)
{
	struct arena *a = arena_new();
	char word[] = { 'w', 'o', 'r', 'd' };
	char *s = arena_strndup(a, span_of(word, 4));
	struct span copy = arena_span(a, span_of(word, 2));
	int *numbers = arena_array(a, 10, int);

	word[0] = 'x';
	assert_string_equal(s, "word");
	assert_true(span_is(copy, "wo"));
	assert_int_equal(copy.p[2], '\0');
	assert_string_equal(arena_strdup(a, ""), "");
	assert_string_equal(arena_printf(a, "%05d %s", 42, "x"), "00042 x");
	assert_int_equal(strlen(arena_printf(a, "%0100000d", 1)), 100000);
	assert_int_equal(numbers[9], 0);
	arena_free(a);
}

struct record {
	int order[8];
	size_t n;
	struct arena *arena;
};

struct one {
	struct record *record;
	int name;
};

static void
note(void *arg)
{
	struct one *one = arg;

	one->record->order[one->record->n++] = one->name;
}

static void
note_and_use_the_arena(void *arg)
{
	struct one *one = arg;
	struct one *late = arena_new_of(one->record->arena, struct one);

	*late = (struct one){ one->record, 9 };
	arena_on_free(one->record->arena, note, late);
	note(arg);
}

static void
hooks_run_newest_first_and_may_add_more(void **state UNUSED)
{
	struct record record = { .arena = arena_new() };
	struct one a = { &record, 1 };
	struct one b = { &record, 2 };
	struct one c = { &record, 3 };
	static const int expected[] = { 3, 2, 9, 1 };

	arena_on_free(record.arena, note, &a);
	arena_on_free(record.arena, note_and_use_the_arena, &b);
	arena_on_free(record.arena, note, &c);
	arena_free(record.arena);
	assert_int_equal(record.n, ARRAY_LEN(expected));
	assert_memory_equal(record.order, expected, sizeof(expected));
	arena_free(NULL);
}

struct item {
	int v;
	struct list link;
};

static void
lists_keep_their_order_and_can_lose_what_is_walked(void **state UNUSED)
{
	struct list a;
	struct list b;
	struct item items[5];
	int sum = 0;

	list_init(&a);
	list_init(&b);
	for (int i = 0; i < 5; i++) {
		items[i].v = i + 1;
		list_push_back(i < 3 ? &a : &b, &items[i].link);
	}
	list_splice(&a, &b);
	assert_true(list_is_empty(&b));
	list_splice(&a, &b);
	list_each(it, &a, struct item, link)
		sum = sum * 10 + it->v;
	assert_int_equal(sum, 12345);
	list_each_safe(it, &a, struct item, link) {
		if (it->v % 2)
			list_remove(&it->link);
	}
	list_remove(&items[0].link); /* a second time */
	list_push_front(&a, &items[4].link);
	sum = 0;
	list_each(it, &a, struct item, link)
		sum = sum * 10 + it->v;
	assert_int_equal(sum, 524);
	assert_int_equal(list_first(&a, struct item, link)->v, 5);
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
a_cleared_arena_is_as_a_new_one(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	int runs = 0;
	arena_clear(a);
	arena_on_free(a, count, &runs);
	for (int i = 0; i < 100; i++)
		(void)arena_alloc(a, 1000);
	arena_clear(a);
	assert_int_equal(runs, 1);
	assert_int_equal(arena_used(a), 0);
	assert_string_equal(arena_strdup(a, "again"), "again");
	arena_clear(a);
	assert_int_equal(runs, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
		cmocka_unit_test(what_is_used_is_counted),
		cmocka_unit_test(strings_are_copies_with_an_end),
		cmocka_unit_test(hooks_run_newest_first_and_may_add_more),
		cmocka_unit_test(a_cleared_arena_is_as_a_new_one),
		cmocka_unit_test(lists_keep_their_order_and_can_lose_what_is_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
