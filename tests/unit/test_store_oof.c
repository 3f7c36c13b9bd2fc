/* SPDX-License-Identifier: ISC
 *
 * test_store_oof.c - automatic replies: what they say, who has had one, and that a
 * delivery knows of them at no cost.
 */
#include "store/store_oof.h"

#include "base/clock.h"
#include "store/store_deliver.h"
#include "tests/unit/store_fixture.h"

#define NOW_MS INT64_C(1795300000000)

static struct store_oof
oof_on(const char *text)
{
	struct store_oof o = { .state = STORE_OOF_ON };

	o.message[STORE_OOF_INTERNAL] =
		(struct store_oof_message){ .enabled = true, .text = span_str(text) };
	o.message[STORE_OOF_UNKNOWN] = (struct store_oof_message){
		.enabled = true, .is_html = true, .text = SPAN("<p>out</p>")
	};
	return o;
}

static enum rc
save(struct fixture *f, const struct store_oof *o)
{
	AUTO(store_tx)
	struct store_tx *tx = fixture_write(f, 0);
	enum rc rc = store_oof_save(tx, o);

	return rc ? rc : store_commit(&tx);
}

static struct store_oof
load(struct fixture *f)
{
	AUTO(store_tx)
	struct store_tx *tx = fixture_read(f);
	struct store_oof o;

	assert_ok(store_oof_load(tx, f->a, &o));
	return o;
}

static enum rc
take(struct fixture *f, const char *sender, uint64_t version, int64_t now_ms)
{
	const struct store_oof_sender q = {
		.address = span_str(sender),
		.version = version,
		.now_ms = now_ms,
		.again_ms = now_ms - 7000,
		.since_ms = now_ms - 1000,
		.many_max = 3,
	};
	AUTO(store_tx)
	struct store_tx *tx = fixture_write(f, 0);
	enum rc rc = store_oof_take(tx, &q);

	return rc ? rc : store_commit(&tx);
}

static void
what_was_set_is_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = load(f);

	assert_int_equal(o.state, STORE_OOF_OFF);
	assert_int_equal(o.version, 0);
	o = oof_on("away");
	assert_ok(save(f, &o));
	fixture_close(f);
	fixture_open(f);
	o = load(f);
	assert_int_equal(o.state, STORE_OOF_ON);
	assert_true(o.message[0].enabled && !o.message[0].is_html);
	assert_true(span_is(o.message[0].text, "away"));
	assert_false(o.message[1].enabled);
	assert_int_equal(o.message[1].text.n, 0);
	assert_true(o.message[2].enabled && o.message[2].is_html);
	assert_true(span_is(o.message[2].text, "<p>out</p>"));
}

static void
the_version_moves_with_every_change_alone(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = oof_on("away");

	assert_ok(save(f, &o));
	assert_int_equal(load(f).version, 1);
	assert_ok(save(f, &o));
	assert_int_equal(load(f).version, 1);
	o.message[0].text = SPAN("still away");
	assert_ok(save(f, &o));
	assert_int_equal(load(f).version, 2);
	o.state = STORE_OOF_OFF;
	assert_ok(save(f, &o));
	assert_int_equal(load(f).version, 3);
	assert_true(span_is(load(f).message[0].text, "still away"));
}

static void
nonsense_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = oof_on("away");
	char *big = arena_alloc(f->a, STORE_OOF_TEXT_MAX + 1);

	o.state = STORE_OOF_TIMED;
	assert_rc(save(f, &o), RC_INVALID);
	o.from_ms = 2000;
	assert_rc(save(f, &o), RC_INVALID);
	o.until_ms = 2000;
	assert_rc(save(f, &o), RC_INVALID);
	o.until_ms = 2001;
	o.message[0].text = SPAN("\xff");
	assert_rc(save(f, &o), RC_INVALID);
	memset(big, 'x', STORE_OOF_TEXT_MAX + 1);
	o.message[0].text = span_of(big, STORE_OOF_TEXT_MAX + 1);
	assert_rc(save(f, &o), RC_TOO_BIG);
	assert_int_equal(load(f).version, 0);
	o.message[0].text.n--;
	assert_ok(save(f, &o));
}

static void
a_sender_is_answered_once_in_a_period_and_for_a_text(void **state)
{
	struct fixture *f = *state;

	assert_ok(take(f, "x@far.example", 1, NOW_MS));
	assert_rc(take(f, "x@far.example", 1, NOW_MS + 6999), RC_EXISTS);
	fixture_close(f);
	fixture_open(f);
	assert_rc(take(f, "x@far.example", 1, NOW_MS + 6999), RC_EXISTS);
	assert_ok(take(f, "y@far.example", 1, NOW_MS + 6999));
	assert_ok(take(f, "x@far.example", 2, NOW_MS + 6999));
	assert_rc(take(f, "x@far.example", 2, NOW_MS + 7000), RC_EXISTS);
	assert_ok(take(f, "x@far.example", 2, NOW_MS + 14000));
}

static void
a_sender_that_was_not_answered_after_all_is_forgotten(void **state)
{
	struct fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	assert_ok(take(f, "x@far.example", 1, NOW_MS));
	tx = fixture_write(f, 0);
	assert_ok(store_oof_forget(tx, SPAN("x@far.example")));
	assert_ok(store_commit(&tx));
	assert_ok(take(f, "x@far.example", 1, NOW_MS));
}

static void
no_more_are_answered_than_the_limit(void **state)
{
	struct fixture *f = *state;

	assert_ok(take(f, "1@far.example", 1, NOW_MS));
	assert_ok(take(f, "2@far.example", 1, NOW_MS));
	assert_ok(take(f, "3@far.example", 1, NOW_MS));
	assert_rc(take(f, "4@far.example", 1, NOW_MS + 1000), RC_TOO_BIG);
	assert_ok(take(f, "4@far.example", 1, NOW_MS + 1001));
}

static bool
deliver(struct fixture *f, enum store_role folder)
{
	AUTO(store_content)
	struct store_content *content = fixture_content(f, "Subject: x\r\n\r\nx\r\n");
	struct store_delivery d = { .user = f->user, .folder = folder };

	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	return d.oof;
}

static void
a_delivery_tells_whether_the_replies_are_on(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = oof_on("away");

	clock_fake_start(NOW_MS);
	assert_false(deliver(f, STORE_ROLE_INBOX));
	assert_ok(save(f, &o));
	assert_true(deliver(f, STORE_ROLE_INBOX));
	assert_false(deliver(f, STORE_ROLE_JUNK));
	o.state = STORE_OOF_TIMED;
	o.from_ms = NOW_MS + 1000;
	o.until_ms = NOW_MS + 3000;
	assert_ok(save(f, &o));
	assert_false(deliver(f, STORE_ROLE_INBOX));
	clock_fake_advance(1000);
	assert_true(deliver(f, STORE_ROLE_INBOX));
	clock_fake_advance(2000);
	assert_false(deliver(f, STORE_ROLE_INBOX));
	o.state = STORE_OOF_ON;
	assert_ok(save(f, &o));
	assert_true(deliver(f, STORE_ROLE_INBOX));
	o.state = STORE_OOF_OFF;
	assert_ok(save(f, &o));
	assert_false(deliver(f, STORE_ROLE_INBOX));
	clock_fake_stop();
}

static void
what_comes_a_second_time_is_no_delivery(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = oof_on("away");
	AUTO(store_content)
	struct store_content *content = fixture_content(f, "Subject: x\r\n\r\nx\r\n");
	struct store_delivery d = { .user = f->user,
		                    .folder = STORE_ROLE_INBOX,
		                    .token = 77 };

	assert_ok(save(f, &o));
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	assert_true(d.oof);
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	assert_false(d.oof);
}

static uint64_t
delivery_statements(struct fixture *f)
{
	struct store_stats before, after;

	store_stats(f->s, &before);
	(void)deliver(f, STORE_ROLE_INBOX);
	store_stats(f->s, &after);
	return after.statements - before.statements;
}

static void
a_delivery_asks_no_more_of_the_database_for_it(void **state)
{
	struct fixture *f = *state;
	struct store_oof o = oof_on("away");
	uint64_t off;

	(void)deliver(f, STORE_ROLE_INBOX);
	off = delivery_statements(f);
	assert_ok(save(f, &o));
	assert_int_equal(delivery_statements(f), off);
}

static void
the_sweep_forgets_senders(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_wall_ms();
	uint64_t removed;

	assert_ok(take(f, "old@far.example", 1, now - STORE_OOF_KEPT_MS - 1000));
	assert_ok(take(f, "new@far.example", 1, now));
	assert_ok(store_sweep(f->s, &removed));
	/* Asked at the time of the first, it is new again. */
	assert_ok(take(f, "old@far.example", 1, now - STORE_OOF_KEPT_MS - 1000));
	assert_rc(take(f, "new@far.example", 1, now), RC_EXISTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		CASE(what_was_set_is_there_after_a_restart),
		CASE(the_version_moves_with_every_change_alone),
		CASE(nonsense_is_not_kept),
		CASE(a_sender_is_answered_once_in_a_period_and_for_a_text),
		CASE(a_sender_that_was_not_answered_after_all_is_forgotten),
		CASE(no_more_are_answered_than_the_limit),
		CASE(a_delivery_tells_whether_the_replies_are_on),
		CASE(what_comes_a_second_time_is_no_delivery),
		CASE(a_delivery_asks_no_more_of_the_database_for_it),
		CASE(the_sweep_forgets_senders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
