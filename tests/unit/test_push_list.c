/* SPDX-License-Identifier: ISC
 *
 * test_push_list.c - the first few of all who wait, in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "push/push_list.h"

#define MANY 3000

struct fixture {
	struct push *push;
	struct loop *loop;
	struct push_wait *w[MANY];
	size_t n;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	clock_fake_start(1000000);
	if (loop_new("test", &f->loop) != RC_OK || push_new(&f->push) != RC_OK)
		return -1;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < f->n; i++)
		push_wait_free(f->w[i]);
	loop_run_once(f->loop, false);
	push_free(f->push);
	loop_free(f->loop);
	clock_fake_stop();
	free(f);
	return 0;
}

static void
on_wake(enum push_wake why UNUSED, void *arg UNUSED)
{
}

static void
wait_as(struct fixture *f, uint64_t user, uint32_t device, enum push_kind kind,
        uint64_t timeout_ms)
{
	static const uint32_t collections[] = { 0, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
	struct push_wait_spec spec = {
		.user = user,
		.device = device,
		.kind = kind,
		.collections = collections,
		.n_collections = ARRAY_LEN(collections),
		.timeout_ms = timeout_ms,
		.loop = f->loop,
		.fn = on_wake,
	};
	f->w[f->n++] = push_wait_new(f->push, &spec);
}

static void
the_first_few_come_in_the_order_that_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct push_waiter list[20];
	size_t kinds[PUSH_KINDS];
	/* Neither age nor deadline goes with the user's number. */
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t left = i % 7 == 0 ? 0 : 1000000 + i * 7919 % MANY;
		wait_as(f, 1 + i * 31 % 1000, (uint32_t)i,
		        i % 3 ? PUSH_KIND_PING : PUSH_KIND_IDLE, left);
		clock_fake_advance(1);
	}
	assert_int_equal(push_list(f->push, PUSH_ORDER_OLDEST, list, 20, kinds), 20);
	assert_int_equal(kinds[PUSH_KIND_PING], 2000);
	assert_int_equal(kinds[PUSH_KIND_IDLE], 1000);
	assert_int_equal(kinds[PUSH_KIND_SYNC], 0);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(list[i].age_ms, MANY - i);
		assert_int_equal(list[i].device, i);
		assert_int_equal(list[i].user, 1 + i * 31 % 1000);
	}
	assert_int_equal(push_list(f->push, PUSH_ORDER_YOUNGEST, list, 20, kinds), 20);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(list[i].age_ms, 1 + i);
	assert_int_equal(push_list(f->push, PUSH_ORDER_LEFT, list, 20, kinds), 20);
	for (size_t i = 1; i < 20; i++)
		assert_true(list[i - 1].left_ms <= list[i].left_ms && list[i].left_ms);
}

static void
all_of_a_few_are_listed_and_nothing_of_none(void **state)
{
	struct fixture *f = *state;
	struct push_waiter list[5];
	size_t kinds[PUSH_KINDS];
	assert_int_equal(push_list(f->push, PUSH_ORDER_OLDEST, list, 5, kinds), 0);
	wait_as(f, 1, 1, PUSH_KIND_IDLE, 0);
	wait_as(f, 2, 1, PUSH_KIND_PING, 60000);
	assert_int_equal(push_list(f->push, PUSH_ORDER_OLDEST, list, 0, kinds), 0);
	assert_int_equal(kinds[PUSH_KIND_PING], 1);
	clock_fake_advance(1000);
	assert_int_equal(push_list(f->push, PUSH_ORDER_LEFT, list, 5, kinds), 2);
	assert_int_equal(list[0].user, 2);
	assert_int_equal(list[0].left_ms, 59000);
	assert_int_equal(list[1].left_ms, 0);
	assert_int_equal(list[1].n_collections, 10);
	assert_int_equal(list[1].collections[1], 5);
	assert_int_equal(list[1].collections[PUSH_LIST_FOLDERS - 1], 11);
}

static void
a_device_is_found_while_it_waits(void **state)
{
	struct fixture *f = *state;
	struct push_waiter one;
	wait_as(f, 1, 4, PUSH_KIND_PING, 60000);
	wait_as(f, 1, 5, PUSH_KIND_SYNC, 60000);
	assert_true(push_list_find(f->push, 1, 5, &one));
	assert_int_equal(one.kind, PUSH_KIND_SYNC);
	assert_false(push_list_find(f->push, 1, 6, &one));
	assert_false(push_list_find(f->push, 2, 5, &one));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_first_few_come_in_the_order_that_was_asked_for),
		TEST(all_of_a_few_are_listed_and_nothing_of_none),
		TEST(a_device_is_found_while_it_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
