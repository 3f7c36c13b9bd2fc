/* SPDX-License-Identifier: ISC
 *
 * test_job.c - workers and strands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/job.h"
#include "base/mem.h"
#include "tests/fake/busy_jobs.h"

static struct jobs *
new_jobs(size_t n)
{
	struct jobs *j;

	assert_int_equal(jobs_new(n, &j), RC_OK);
	return j;
}

enum { STRANDS = 8, EACH = 500 };

struct line {
	unsigned seen; /* by one job at a time: no lock */
	atomic_bool running;
};

struct step {
	struct line *line;
	unsigned number;
	atomic_uint *wrong;
};

static void
take_step(void *arg)
{
	struct step *s = arg;

	if (atomic_exchange(&s->line->running, true))
		atomic_fetch_add(s->wrong, 1);
	if (s->line->seen++ != s->number)
		atomic_fetch_add(s->wrong, 1);
	atomic_store(&s->line->running, false);
}

static void
jobs_of_a_strand_run_one_after_the_other_in_order(void **state UNUSED)
{
	struct jobs *j = new_jobs(4);
	struct line lines[STRANDS] = { 0 };
	struct step *steps = xcalloc(STRANDS * EACH, sizeof(*steps));
	atomic_uint wrong = 0;

	for (unsigned i = 0; i < EACH; i++) {
		for (unsigned k = 0; k < STRANDS; k++) {
			struct step *s = &steps[i * STRANDS + k];

			*s = (struct step){ &lines[k], i, &wrong };
			job_submit(j, 1000 + k, take_step, s);
		}
	}
	jobs_free(j);
	assert_int_equal(atomic_load(&wrong), 0);
	for (unsigned k = 0; k < STRANDS; k++)
		assert_int_equal(lines[k].seen, EACH);
	free(steps);
}

static void
meet(void *arg)
{
	pthread_barrier_wait(arg);
}

static void
different_strands_run_side_by_side(void **state UNUSED)
{
	struct jobs *j = new_jobs(2);
	pthread_barrier_t b;

	/* Each job ends only when the other one has begun. */
	pthread_barrier_init(&b, NULL, 2);
	job_submit(j, 1, meet, &b);
	job_submit(j, 2, meet, &b);
	jobs_free(j);
	pthread_barrier_destroy(&b);
}

static void
strand_zero_orders_nothing(void **state UNUSED)
{
	struct jobs *j = new_jobs(3);
	pthread_barrier_t b;

	pthread_barrier_init(&b, NULL, 3);
	for (int i = 0; i < 3; i++)
		job_submit(j, 0, meet, &b);
	jobs_free(j);
	pthread_barrier_destroy(&b);
}

struct order {
	sem_t gate;
	sem_t there; /* posted by who waits at the gate */
	char *text;
	size_t n;
};

struct letter {
	struct order *order;
	char c;
};

static void
wait_at_gate(void *arg)
{
	struct order *o = arg;

	sem_wait(&o->gate);
}

static void
arrive_and_wait(void *arg)
{
	struct order *o = arg;

	sem_post(&o->there);
	sem_wait(&o->gate);
}

static void
write_letter(void *arg)
{
	struct letter *l = arg;

	l->order->text[l->order->n++] = l->c;
}

static void
a_busy_strand_delays_another_by_one_job_only(void **state UNUSED)
{
	struct jobs *j = new_jobs(1);
	char text[16] = "";
	struct order o = { .text = text };
	struct letter a = { &o, 'a' }, b = { &o, 'b' };

	sem_init(&o.gate, 0, 0);
	job_submit(j, 9, wait_at_gate, &o);
	for (int i = 0; i < 4; i++)
		job_submit(j, 1, write_letter, &a);
	job_submit(j, 2, write_letter, &b);
	job_submit(j, 2, write_letter, &b);
	sem_post(&o.gate);
	jobs_free(j);
	assert_string_equal(o.text, "ababaa");
	sem_destroy(&o.gate);
}

static void
write_letter_slowly(void *arg)
{
	write_letter(arg);
	clock_fake_advance(2);
}

static void
bulk_waits_for_others_but_not_for_ever(void **state UNUSED)
{
	struct jobs *j;
	char text[64] = "";
	struct order o = { .text = text };
	struct letter small = { &o, 's' }, bulk = { &o, 'B' };

	clock_fake_start(1000);
	j = new_jobs(1);
	sem_init(&o.gate, 0, 0);
	sem_init(&o.there, 0, 0);
	job_submit(j, 9, arrive_and_wait, &o);
	sem_wait(&o.there);
	for (int i = 0; i < 3; i++)
		job_run_bulk(j, NULL, write_letter, NULL, &bulk);
	/* Each takes 2 ms: the first of the bulk is due after 25 of them. */
	for (int i = 0; i < 60; i++)
		job_submit(j, 1, write_letter_slowly, &small);
	sem_post(&o.gate);
	jobs_free(j);
	clock_fake_stop();
	assert_int_equal(o.n, 63);
	assert_int_equal(strcspn(o.text, "B"), 25);
	assert_int_equal(strcspn(o.text + 26, "B"), 25);
	assert_string_equal(o.text + 62, "B");
	sem_destroy(&o.gate);
	sem_destroy(&o.there);
}

static void
do_nothing(void *arg UNUSED)
{
}

/* The worker is idle, but others have had to wait: it lets their work come first. */
static void
bulk_waits_until_others_are_through(void **state UNUSED)
{
	struct jobs *j;
	char text[64] = "";
	struct order o = { .text = text };
	struct letter late = { &o, 'l' }, bulk = { &o, 'B' };

	clock_fake_start(1000);
	j = new_jobs(1);
	sem_init(&o.gate, 0, 0);
	sem_init(&o.there, 0, 0);
	job_submit(j, 1, arrive_and_wait, &o);
	sem_wait(&o.there);
	job_submit(j, 2, do_nothing, NULL); /* 10 ms late: calm after 20 more */
	job_run_bulk(j, NULL, write_letter, NULL, &bulk);
	clock_fake_advance(10);
	sem_post(&o.gate);
	while (jobs_pending(j) > 1)
		sched_yield();
	job_submit(j, 3, write_letter, &late);
	while (jobs_pending(j) > 1)
		sched_yield();
	clock_fake_advance(20);
	while (jobs_pending(j) > 0)
		sched_yield();
	jobs_free(j);
	clock_fake_stop();
	assert_string_equal(o.text, "lB");
	sem_destroy(&o.gate);
	sem_destroy(&o.there);
}

struct crowd {
	pthread_mutex_t lock;
	unsigned now;
	unsigned most;
	unsigned bulk_left;
	sem_t others;
};

static void
be_one_of_many(void *arg)
{
	struct crowd *c = arg;

	pthread_mutex_lock(&c->lock);
	if (++c->now > c->most)
		c->most = c->now;
	pthread_mutex_unlock(&c->lock);
	sem_wait(&c->others);
	pthread_mutex_lock(&c->lock);
	c->now--;
	c->bulk_left--;
	pthread_mutex_unlock(&c->lock);
}

static void
let_one_go(void *arg)
{
	sem_post(&((struct crowd *)arg)->others);
}

/* Of eight workers two: the others are there for small jobs, which these wait for. */
static void
bulk_has_a_part_of_the_workers_only(void **state UNUSED)
{
	struct jobs *j = new_jobs(8);
	struct crowd c = { .lock = PTHREAD_MUTEX_INITIALIZER, .bulk_left = 40 };

	sem_init(&c.others, 0, 0);
	for (int i = 0; i < 40; i++)
		job_run_bulk(j, NULL, be_one_of_many, NULL, &c);
	for (int i = 0; i < 40; i++)
		job_submit(j, 0, let_one_go, &c);
	jobs_free(j);
	assert_int_equal(c.bulk_left, 0);
	assert_in_range(c.most, 1, 2);
	sem_destroy(&c.others);
}

struct answer {
	struct loop *loop;
	pthread_t worker;
	bool done;
};

static void
work(void *arg)
{
	struct answer *a = arg;

	assert(loop_current() == NULL);
	a->worker = pthread_self();
}

static void
work_done(void *arg)
{
	struct answer *a = arg;

	assert_ptr_equal(loop_current(), a->loop);
	assert_false(pthread_equal(a->worker, pthread_self()));
	a->done = true;
}

static void
done_runs_in_the_loop_after_the_work(void **state UNUSED)
{
	struct jobs *j = new_jobs(2);
	AUTO(loop)
	struct loop *l = NULL;
	struct answer a = { 0 };

	assert_int_equal(loop_new("test", &l), RC_OK);
	a.loop = l;
	job_run(j, 5, l, work, work_done, &a);
	while (!a.done)
		loop_run_once(l, true);
	jobs_free(j);
}

static void
done_may_come_when_the_pool_has_gone(void **state UNUSED)
{
	struct jobs *j = new_jobs(1);
	AUTO(loop)
	struct loop *l = NULL;
	struct answer a = { 0 };

	clock_fake_start(1000);
	assert_int_equal(loop_new("test", &l), RC_OK);
	a.loop = l;
	job_run(j, 5, l, work, work_done, &a);
	jobs_free(j);
	clock_fake_advance(1000); /* a lag that is noted */
	while (!a.done)
		loop_run_once(l, true);
	clock_fake_stop();
}

static void
pending_counts_what_is_not_finished(void **state UNUSED)
{
	struct jobs *j = new_jobs(1);
	char text[16] = "";
	struct order o = { .text = text };
	struct letter a = { &o, 'a' };

	sem_init(&o.gate, 0, 0);
	assert_int_equal(jobs_pending(j), 0);
	job_submit(j, 1, wait_at_gate, &o);
	job_submit(j, 1, write_letter, &a);
	assert_int_equal(jobs_pending(j), 2);
	sem_post(&o.gate);
	while (jobs_pending(j) > 0)
		sched_yield();
	assert_string_equal(o.text, "a");
	jobs_free(j);
	sem_destroy(&o.gate);
}

struct chain {
	struct jobs *jobs;
	unsigned left;
	atomic_uint ran;
};

static void
submit_next(void *arg)
{
	struct chain *c = arg;

	atomic_fetch_add(&c->ran, 1);
	if (--c->left > 0)
		job_submit(c->jobs, 3, submit_next, c);
}

static void
jobs_that_jobs_submit_run_before_the_pool_is_gone(void **state UNUSED)
{
	struct chain c = { .jobs = new_jobs(3), .left = 100 };

	job_submit(c.jobs, 3, submit_next, &c);
	jobs_free(c.jobs);
	assert_int_equal(atomic_load(&c.ran), 100);
}

static void
a_pool_is_busy_when_a_job_waits_too_long(void **state UNUSED)
{
	struct jobs *j = new_jobs(2);
	struct busy_jobs busy;
	uint64_t least = UINT64_MAX, most = 0;

	clock_fake_start(0);
	jobs_set_busy(j, 10000);
	assert_int_equal(jobs_busy(j), 0);
	busy_jobs_begin(&busy, j, 2);
	clock_fake_advance(9999);
	assert_int_equal(jobs_busy(j), 0);
	clock_fake_advance(1);
	for (int i = 0; i < 1000; i++) {
		uint64_t ms = jobs_busy(j);

		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	/* When to come again is spread over as long as the wait is. */
	assert_in_range(least, 10000, 12000);
	assert_in_range(most, 22000, 25000);
	busy_jobs_end(&busy);
	assert_int_equal(jobs_busy(j), 0);
	jobs_free(j);
	clock_fake_stop();
}

struct leg {
	struct jobs *jobs;
	struct line *line;
	atomic_uint *wrong;
	atomic_uint *arrived;
	uint64_t strand;
};

static void
second_leg(void *arg)
{
	struct leg *g = arg;

	if (atomic_exchange(&g->line->running, true))
		atomic_fetch_add(g->wrong, 1);
	g->line->seen++;
	atomic_store(&g->line->running, false);
	atomic_fetch_add(g->arrived, 1);
}

static void
first_leg(void *arg)
{
	struct leg *g = arg;

	job_next(g->strand, second_leg);
}

/* Their strands are busy with others, and with each other. */
static void
a_job_goes_on_on_another_strand_in_its_turn(void **state UNUSED)
{
	struct jobs *j = new_jobs(4);
	struct line lines[STRANDS] = { 0 };
	struct leg *legs = xcalloc(STRANDS * EACH, sizeof(*legs));
	atomic_uint wrong = 0, arrived = 0;

	for (unsigned i = 0; i < STRANDS * EACH; i++) {
		legs[i] = (struct leg){ j, &lines[i % STRANDS], &wrong, &arrived,
			                1000 + i % STRANDS };
		if (i % 3 == 0)
			job_submit(j, 1000 + i % STRANDS, second_leg, &legs[i]);
		else
			job_submit(j, 5000 + i % 7, first_leg, &legs[i]);
	}
	jobs_free(j);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(atomic_load(&arrived), STRANDS * EACH);
	for (unsigned k = 0; k < STRANDS; k++)
		assert_int_equal(lines[k].seen, EACH);
	free(legs);
}

struct both {
	struct loop *loop;
	char trace[8];
	size_t n;
};

static void
note_second(void *arg)
{
	struct both *b = arg;

	b->trace[b->n++] = '2';
}

static void
note_first(void *arg)
{
	struct both *b = arg;

	b->trace[b->n++] = '1';
	job_next(7, note_second);
}

static void
note_done(void *arg)
{
	struct both *b = arg;

	b->trace[b->n++] = 'd';
	loop_stop(b->loop);
}

static void
done_comes_once_after_all_that_the_job_went_on_with(void **state UNUSED)
{
	struct jobs *j = new_jobs(2);
	AUTO(loop)
	struct loop *l;
	struct both b = { 0 };

	assert_int_equal(loop_new("test", &l), RC_OK);
	b.loop = l;
	job_run(j, 3, l, note_first, note_done, &b);
	loop_run(l);
	assert_string_equal(b.trace, "12d");
	jobs_free(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_of_a_strand_run_one_after_the_other_in_order),
		cmocka_unit_test(different_strands_run_side_by_side),
		cmocka_unit_test(strand_zero_orders_nothing),
		cmocka_unit_test(a_busy_strand_delays_another_by_one_job_only),
		cmocka_unit_test(bulk_waits_for_others_but_not_for_ever),
		cmocka_unit_test(bulk_waits_until_others_are_through),
		cmocka_unit_test(bulk_has_a_part_of_the_workers_only),
		cmocka_unit_test(done_runs_in_the_loop_after_the_work),
		cmocka_unit_test(done_may_come_when_the_pool_has_gone),
		cmocka_unit_test(pending_counts_what_is_not_finished),
		cmocka_unit_test(jobs_that_jobs_submit_run_before_the_pool_is_gone),
		cmocka_unit_test(a_job_goes_on_on_another_strand_in_its_turn),
		cmocka_unit_test(done_comes_once_after_all_that_the_job_went_on_with),
		cmocka_unit_test(a_pool_is_busy_when_a_job_waits_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
