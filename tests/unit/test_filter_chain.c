/* SPDX-License-Identifier: ISC
 *
 * test_filter_chain.c - filters that answer at once, later, never or badly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "smtp/filter/filter.h"

/* What the fake filters do and have seen. */
static struct {
	struct filter_verdict verdict[2];
	struct filter_call *waiting;
	unsigned asked[3];
	unsigned cancelled;
	unsigned opened, closed;
} fake;

static void
now_ask(void *state, struct filter_call *c)
{
	(void)state;
	fake.asked[0]++;
	filter_answer(c, &fake.verdict[0]);
}

static enum rc
later_open(struct jobs *jobs, void **ret_state, struct err *err)
{
	(void)jobs;
	(void)err;
	fake.opened++;
	*ret_state = &fake;
	return RC_OK;
}

static void
later_close(void *state)
{
	assert_ptr_equal(state, &fake);
	fake.closed++;
}

static void
later_ask(void *state, struct filter_call *c)
{
	(void)state;
	fake.asked[1]++;
	fake.waiting = c;
}

static void
later_cancel(void *state, struct filter_call *c)
{
	(void)state;
	assert_ptr_equal(c, fake.waiting);
	fake.waiting = NULL;
	fake.cancelled++;
}

static void
broken_ask(void *state, struct filter_call *c)
{
	(void)state;
	fake.asked[2]++;
	filter_fail(c, "no socket");
}

static const struct filter_class now = { .name = "now",
	                                 .stages = FILTER_AT(DATA) | FILTER_AT(RCPT),
	                                 .ask = now_ask };
static const struct filter_class later = { .name = "later",
	                                   .stages = FILTER_AT(DATA),
	                                   .timeout_ms = 500,
	                                   .open = later_open,
	                                   .close = later_close,
	                                   .ask = later_ask,
	                                   .cancel = later_cancel };
static const struct filter_class broken = { .name = "broken",
	                                    .stages = FILTER_AT(DATA),
	                                    .ask = broken_ask };
static const struct filter_class *const classes[] = { &now, &later, &broken };

struct asked {
	struct loop *loop;
	struct filter_chain *chain;
	struct filter_input in;
	struct log_ctx log;
	bool done;
	enum filter_action action;
	int score;
	char headers[200], reason[200], filter[32];
};

static void
on_result(const struct filter_result *r, void *arg)
{
	struct asked *a = arg;
	assert_false(a->done);
	a->done = true;
	a->action = r->action;
	a->score = r->score;
	snprintf(a->headers, sizeof(a->headers), "%.*s", SPAN_FMT(r->headers));
	snprintf(a->reason, sizeof(a->reason), "%.*s", SPAN_FMT(r->reason));
	snprintf(a->filter, sizeof(a->filter), "%s", r->filter ? r->filter : "");
}

static void
setup(struct asked *a, const char *first, const char *second, const char *third)
{
	char *names[3] = { (char *)(uintptr_t)first, (char *)(uintptr_t)second,
		           (char *)(uintptr_t)third };
	size_t n = third ? 3 : second ? 2 : first ? 1 : 0;
	memset(&fake, 0, sizeof(fake));
	*a = (struct asked){ .in.stage = FILTER_STAGE_DATA };
	clock_fake_start(1700000000000);
	assert_int_equal(loop_new("test", &a->loop), RC_OK);
	assert_int_equal(filter_chain_new(classes, ARRAY_LEN(classes), names, n, NULL,
	                                  &a->chain, NULL),
	                 RC_OK);
}

static struct filter_run *
start(struct asked *a)
{
	return filter_run_start(a->chain, a->loop, &a->in, &a->log, on_result, a);
}

static void
teardown(struct asked *a)
{
	loop_free(a->loop);
	filter_chain_free(a->chain);
	clock_fake_stop();
}

static void
turn(struct asked *a)
{
	for (int i = 0; i < 5; i++)
		loop_run_once(a->loop, false);
}

static void
an_empty_chain_has_no_stage(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, NULL, NULL, NULL);
	for (int s = FILTER_STAGE_CONNECT; s <= FILTER_STAGE_DATA; s++)
		assert_false(filter_chain_has(a.chain, (enum filter_stage)s));
	start(&a);
	turn(&a);
	assert_true(a.done);
	assert_int_equal(a.action, FILTER_ACTION_CONTINUE);
	teardown(&a);
}

static void
the_answer_never_comes_from_inside_the_question(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "now", NULL, NULL);
	start(&a);
	assert_int_equal(fake.asked[0], 1);
	assert_false(a.done);
	turn(&a);
	assert_true(a.done);
	teardown(&a);
}

static void
scores_and_headers_add_up_along_the_chain(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "now", "later", "now");
	fake.verdict[0] =
		(struct filter_verdict){ .score = 150, .headers = SPAN("X-Now: 1\r\n") };
	start(&a);
	turn(&a);
	assert_false(a.done);
	assert_non_null(fake.waiting);
	struct filter_verdict v = { .score = -20, .headers = SPAN("X-Later: 1\r\n") };
	filter_answer(fake.waiting, &v);
	turn(&a);
	assert_true(a.done);
	assert_int_equal(fake.asked[0], 2);
	assert_int_equal(a.score, 280);
	assert_string_equal(a.headers, "X-Now: 1\r\nX-Later: 1\r\nX-Now: 1\r\n");
	teardown(&a);
	assert_int_equal(fake.opened, 1);
	assert_int_equal(fake.closed, 1);
}

static void
a_refusal_ends_the_chain(void **state)
{
	(void)state;
	static const enum filter_action ends[] = { FILTER_ACTION_DEFER,
		                                   FILTER_ACTION_REJECT,
		                                   FILTER_ACTION_DISCARD };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct asked a;
		setup(&a, "now", "later", NULL);
		fake.verdict[0] = (struct filter_verdict){ .action = ends[i],
			                                   .reason = SPAN("because") };
		start(&a);
		turn(&a);
		assert_true(a.done);
		assert_int_equal(fake.asked[1], 0);
		assert_int_equal(a.action, ends[i]);
		assert_string_equal(a.reason, "because");
		assert_string_equal(a.filter, "now");
		teardown(&a);
	}
}

static void
after_quarantine_a_later_filter_may_still_reject(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "now", "later", NULL);
	fake.verdict[0] = (struct filter_verdict){ .action = FILTER_ACTION_QUARANTINE,
		                                   .reason = SPAN("junk") };
	start(&a);
	turn(&a);
	struct filter_verdict v = { .action = FILTER_ACTION_REJECT,
		                    .reason = SPAN("virus") };
	filter_answer(fake.waiting, &v);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_REJECT);
	assert_string_equal(a.reason, "virus");
	assert_string_equal(a.filter, "later");
	teardown(&a);
}

static void
a_weaker_word_does_not_undo_a_stronger(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "now", "later", NULL);
	fake.verdict[0] = (struct filter_verdict){ .action = FILTER_ACTION_HOLD };
	start(&a);
	turn(&a);
	struct filter_verdict v = { .action = FILTER_ACTION_QUARANTINE };
	filter_answer(fake.waiting, &v);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_HOLD);
	teardown(&a);
}

static void
a_filter_is_asked_at_its_stages_only(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "now", "later", NULL);
	assert_true(filter_chain_has(a.chain, FILTER_STAGE_RCPT));
	assert_false(filter_chain_has(a.chain, FILTER_STAGE_MAIL));
	a.in.stage = FILTER_STAGE_RCPT;
	start(&a);
	turn(&a);
	assert_true(a.done);
	assert_int_equal(fake.asked[0], 1);
	assert_int_equal(fake.asked[1], 0);
	teardown(&a);
}

static void
a_failing_filter_defers(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "broken", "now", NULL);
	start(&a);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_DEFER);
	assert_int_equal(fake.asked[0], 0);
	teardown(&a);
}

static void
a_failing_filter_that_is_open_leaves_a_header(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "broken:open", "now", NULL);
	start(&a);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_CONTINUE);
	assert_string_equal(a.headers, "X-Godwit-Filter-Failed: broken\r\n");
	assert_int_equal(fake.asked[0], 1);
	teardown(&a);
}

static void
a_filter_that_is_too_late_has_failed(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "later:open", "now", NULL);
	start(&a);
	turn(&a);
	clock_fake_advance(499);
	turn(&a);
	assert_false(a.done);
	clock_fake_advance(2);
	turn(&a);
	assert_true(a.done);
	assert_int_equal(fake.cancelled, 1);
	assert_string_equal(a.headers, "X-Godwit-Filter-Failed: later\r\n");
	assert_int_equal(fake.asked[0], 1);
	teardown(&a);
}

static void
who_has_gone_is_not_answered(void **state)
{
	(void)state;
	struct asked a;
	setup(&a, "later", NULL, NULL);
	struct filter_run *r = start(&a);
	filter_run_cancel(r);
	assert_int_equal(fake.cancelled, 1);
	turn(&a);
	assert_false(a.done);
	teardown(&a);
	setup(&a, "now", NULL, NULL);
	r = start(&a); /* its answer is on its way */
	filter_run_cancel(r);
	turn(&a);
	assert_false(a.done);
	teardown(&a);
}

static void
an_unknown_filter_is_a_mistake_in_the_configuration(void **state)
{
	(void)state;
	static const char *const bad[] = { "nothing", "now:maybe", "" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *names[] = { (char *)(uintptr_t)bad[i] };
		struct filter_chain *c;
		struct err err = { "" };
		assert_int_equal(filter_chain_new(classes, ARRAY_LEN(classes), names, 1,
		                                  NULL, &c, &err),
		                 RC_INVALID);
		assert_true(err.text[0]);
	}
}

static void
a_monstrous_header_is_refused_by_header_limit(void **state)
{
	(void)state;
	char *names[] = { (char *)(uintptr_t) "header-limit" };
	struct asked a;
	AUTO_DONE(buf) struct buf m = BUF_INIT(0);
	setup(&a, NULL, NULL, NULL);
	filter_chain_free(a.chain);
	assert_int_equal(filter_chain_new(filter_classes, filter_classes_n, names, 1,
	                                  NULL, &a.chain, NULL),
	                 RC_OK);
	for (int i = 0; i < 2000; i++)
		buf_add_str(&m, "X: y\r\n");
	size_t ok = buf_len(&m);
	buf_add_str(&m, "X: one more\r\n\r\nbody\r\n");
	a.in.message = span_of(m.p, ok);
	start(&a);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_CONTINUE);
	a.done = false;
	a.in.message = buf_span(&m);
	start(&a);
	turn(&a);
	assert_int_equal(a.action, FILTER_ACTION_REJECT);
	teardown(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_chain_has_no_stage),
		cmocka_unit_test(the_answer_never_comes_from_inside_the_question),
		cmocka_unit_test(scores_and_headers_add_up_along_the_chain),
		cmocka_unit_test(a_refusal_ends_the_chain),
		cmocka_unit_test(after_quarantine_a_later_filter_may_still_reject),
		cmocka_unit_test(a_weaker_word_does_not_undo_a_stronger),
		cmocka_unit_test(a_filter_is_asked_at_its_stages_only),
		cmocka_unit_test(a_failing_filter_defers),
		cmocka_unit_test(a_failing_filter_that_is_open_leaves_a_header),
		cmocka_unit_test(a_filter_that_is_too_late_has_failed),
		cmocka_unit_test(who_has_gone_is_not_answered),
		cmocka_unit_test(an_unknown_filter_is_a_mistake_in_the_configuration),
		cmocka_unit_test(a_monstrous_header_is_refused_by_header_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
