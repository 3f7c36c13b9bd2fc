/* SPDX-License-Identifier: ISC
 *
 * test_mdm_hashing.c - who waits for a hash, whose turn it is, and who gives way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "mdm/mdm_hashing.h"

/* One hashing thread, which a first job holds until the gate is opened. */
struct rig {
	struct mdm_hashing *h;
	struct attempt {
		struct mdm_hash_job j;
		struct rig *rig;
		char letter;
	} attempts[64], gate;
	size_t n;
	sem_t is_held, may_go, is_done;
	pthread_mutex_t lock;
	char worked[64]; /* letters, in their order */
	char dropped[64];
};

static void
note(struct rig *r, char *list, char letter)
{
	pthread_mutex_lock(&r->lock);
	size_t n = strlen(list);
	list[n] = letter;
	list[n + 1] = '\0';
	pthread_mutex_unlock(&r->lock);
}

static void
on_work(struct mdm_hash_job *j)
{
	struct attempt *a = container_of(j, struct attempt, j);
	note(a->rig, a->rig->worked, a->letter);
	sem_post(&a->rig->is_done);
}

static void
on_drop(struct mdm_hash_job *j)
{
	struct attempt *a = container_of(j, struct attempt, j);
	note(a->rig, a->rig->dropped, a->letter);
}

static void
on_gate(struct mdm_hash_job *j)
{
	struct attempt *a = container_of(j, struct attempt, j);
	sem_post(&a->rig->is_held);
	while (sem_wait(&a->rig->may_go) != 0)
		;
}

static struct rig *
start(size_t waiting_max, unsigned name_max)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	sem_init(&r->is_held, 0, 0);
	sem_init(&r->may_go, 0, 0);
	sem_init(&r->is_done, 0, 0);
	assert_int_equal(mdm_hashing_new(1, waiting_max, name_max, &r->h), RC_OK);
	r->gate = (struct attempt){ .rig = r, .j = { .work = on_gate, .drop = on_drop } };
	assert_int_equal(mdm_hashing_add(r->h, &r->gate.j), RC_OK);
	while (sem_wait(&r->is_held) != 0)
		;
	return r;
}

static enum rc
add(struct rig *r, char letter, uint64_t address, uint64_t name)
{
	struct attempt *a = &r->attempts[r->n++];
	*a = (struct attempt){ .rig = r,
		               .letter = letter,
		               .j = { .address = address,
		                      .name = name,
		                      .work = on_work,
		                      .drop = on_drop } };
	return mdm_hashing_add(r->h, &a->j);
}

static void
open_gate(struct rig *r, size_t n)
{
	sem_post(&r->may_go);
	for (size_t i = 0; i < n; i++)
		while (sem_wait(&r->is_done) != 0)
			;
}

static void
stop(struct rig *r)
{
	mdm_hashing_free(r->h);
	sem_destroy(&r->is_held);
	sem_destroy(&r->may_go);
	sem_destroy(&r->is_done);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void
of_one_address_who_comes_first_is_first(void **state UNUSED)
{
	struct rig *r = start(100, 100);
	for (const char *p = "abcdefgh"; *p; p++)
		assert_int_equal(add(r, *p, 1, 0), RC_OK);
	assert_int_equal(mdm_hashing_waiting(r->h), 8);
	open_gate(r, 8);
	assert_string_equal(r->worked, "abcdefgh");
	stop(r);
}

static void
addresses_take_turns(void **state UNUSED)
{
	struct rig *r = start(100, 100);
	/* One that guesses, and three phones that come later. */
	for (const char *p = "123456"; *p; p++)
		assert_int_equal(add(r, *p, 66, 0), RC_OK);
	assert_int_equal(add(r, 'a', 1, 0), RC_OK);
	assert_int_equal(add(r, 'b', 2, 0), RC_OK);
	assert_int_equal(add(r, 'c', 3, 0), RC_OK);
	open_gate(r, 9);
	assert_string_equal(r->worked, "1abc23456");
	stop(r);
}

static void
the_longest_line_gives_way_when_all_places_are_taken(void **state UNUSED)
{
	struct rig *r = start(6, 100);
	for (const char *p = "123456"; *p; p++)
		assert_int_equal(add(r, *p, 66, 0), RC_OK);
	/* One more of the same is refused, others get the places of its last. */
	assert_int_equal(add(r, '7', 66, 0), RC_AGAIN);
	assert_int_equal(add(r, 'a', 1, 0), RC_OK);
	assert_int_equal(add(r, 'b', 2, 0), RC_OK);
	assert_int_equal(add(r, 'c', 3, 0), RC_OK);
	assert_int_equal(add(r, 'd', 4, 0), RC_OK);
	assert_string_equal(r->dropped, "6543");
	/* 1 2 | a | b | c | d: the next would be as long itself. */
	assert_int_equal(add(r, 'B', 2, 0), RC_AGAIN);
	assert_int_equal(add(r, 'e', 5, 0), RC_OK);
	assert_int_equal(add(r, 'f', 6, 0), RC_AGAIN);
	open_gate(r, 6);
	assert_string_equal(r->worked, "1abcde");
	assert_string_equal(r->dropped, "65432");
	stop(r);
}

static void
only_so_many_attempts_on_a_name_wait(void **state UNUSED)
{
	struct rig *r = start(100, 2);
	assert_int_equal(add(r, 'a', 1, 7), RC_OK);
	assert_int_equal(add(r, 'b', 2, 7), RC_OK);
	assert_int_equal(add(r, 'x', 3, 7), RC_AGAIN);
	assert_int_equal(add(r, 'c', 4, 8), RC_OK);
	assert_int_equal(add(r, 'd', 5, 0), RC_OK);
	assert_int_equal(add(r, 'e', 6, 0), RC_OK);
	assert_int_equal(add(r, 'f', 7, 0), RC_OK);
	open_gate(r, 6);
	assert_string_equal(r->worked, "abcdef");
	/* They are through: there is room again. */
	assert_int_equal(add(r, 'g', 3, 7), RC_OK);
	open_gate(r, 1);
	stop(r);
}

static void
who_goes_away_costs_no_hash(void **state UNUSED)
{
	struct rig *r = start(100, 100);
	for (const char *p = "abc"; *p; p++)
		assert_int_equal(add(r, *p, 1, 1), RC_OK);
	assert_true(mdm_hashing_cancel(r->h, &r->attempts[1].j));
	assert_false(mdm_hashing_cancel(r->h, &r->attempts[1].j));
	assert_int_equal(mdm_hashing_waiting(r->h), 2);
	open_gate(r, 2);
	assert_string_equal(r->worked, "ac");
	assert_false(mdm_hashing_cancel(r->h, &r->attempts[0].j));
	stop(r);
}

static void *
stop_in_thread(void *arg)
{
	mdm_hashing_stop(arg);
	return NULL;
}

static void
stopping_drops_who_waits(void **state UNUSED)
{
	struct rig *r = start(100, 100);
	pthread_t t;
	assert_int_equal(add(r, 'a', 1, 0), RC_OK);
	assert_int_equal(add(r, 'b', 2, 0), RC_OK);
	/* It waits for the one that is at work: the gate must open meanwhile. */
	pthread_create(&t, NULL, stop_in_thread, r->h);
	while (add(r, 'x', 3, 0) == RC_OK) {
		r->n--;
		assert_true(mdm_hashing_cancel(r->h, &r->attempts[r->n].j));
		sched_yield();
	}
	sem_post(&r->may_go);
	pthread_join(t, NULL);
	assert_int_equal(mdm_hashing_waiting(r->h), 0);
	assert_int_equal(add(r, 'y', 3, 0), RC_AGAIN);
	assert_int_equal(strlen(r->worked) + strlen(r->dropped), 2);
	stop(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_address_who_comes_first_is_first),
		cmocka_unit_test(addresses_take_turns),
		cmocka_unit_test(the_longest_line_gives_way_when_all_places_are_taken),
		cmocka_unit_test(only_so_many_attempts_on_a_name_wait),
		cmocka_unit_test(who_goes_away_costs_no_hash),
		cmocka_unit_test(stopping_drops_who_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
