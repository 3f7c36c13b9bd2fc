/* SPDX-License-Identifier: ISC
 *
 * test_push_bus.c - the bus between hubs, over a server that loses what the test wants.
 */
#include "tests/unit/push_bus_fixture.h"

#define NODES_MAX 4

struct fake;

/* The server: hands each message to all other nodes. */
struct hall {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fake *in[NODES_MAX]; /* connected */
	bool closed;                /* nobody may come in */
	bool stalled;               /* send() waits */
	bool stalled_subscribe;     /* subscribe() waits */
	unsigned drop;              /* so many messages are lost */
	unsigned stalls;            /* who waits in send() or subscribe() */
	struct buf last;            /* the last message */
};

struct fake {
	struct push_bus_driver base;
	struct hall *hall;
	bool connected;
	bool subscribed[STORE_SHARD_NUMBERS];
};

static struct fake *
fake_of(struct push_bus_driver *d)
{
	return container_of(d, struct fake, base);
}

static enum rc
fake_connect(struct push_bus_driver *d, struct err *err)
{
	struct fake *f = fake_of(d);
	enum rc rc = RC_OK;

	pthread_mutex_lock(&f->hall->lock);
	if (f->hall->closed)
		rc = err_set(err, RC_AGAIN, "the hall is closed");
	for (size_t i = 0; i < NODES_MAX && !rc && !f->connected; i++) {
		if (f->hall->in[i])
			continue;
		f->hall->in[i] = f;
		f->connected = true;
	}
	memset(f->subscribed, 0, sizeof(f->subscribed));
	pthread_mutex_unlock(&f->hall->lock);
	return rc;
}

static void
fake_disconnect(struct push_bus_driver *d)
{
	struct fake *f = fake_of(d);

	pthread_mutex_lock(&f->hall->lock);
	for (size_t i = 0; i < NODES_MAX; i++) {
		if (f->hall->in[i] == f)
			f->hall->in[i] = NULL;
	}
	f->connected = false;
	pthread_mutex_unlock(&f->hall->lock);
}

/* Under the hall's lock. */
static void
wait_while(struct hall *h, const bool *stalled)
{
	h->stalls++;
	pthread_cond_broadcast(&h->changed);
	while (*stalled)
		pthread_cond_wait(&h->changed, &h->lock);
	h->stalls--;
}

static enum rc
fake_subscribe(struct push_bus_driver *d, uint32_t shard, bool on, struct err *err UNUSED)
{
	struct fake *f = fake_of(d);

	pthread_mutex_lock(&f->hall->lock);
	wait_while(f->hall, &f->hall->stalled_subscribe);
	f->subscribed[shard] = on;
	pthread_mutex_unlock(&f->hall->lock);
	return RC_OK;
}

static enum rc
fake_confirm(struct push_bus_driver *d UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

/* Under the hall's lock. */
static void
deliver(struct hall *h, const struct fake *from, struct span message)
{
	struct push_bus_msg m;

	assert_int_equal(push_bus_msg_parse(message, &m), RC_OK);
	for (size_t i = 0; i < NODES_MAX; i++) {
		struct fake *to = h->in[i];

		if (to && to != from &&
		    (m.stream == PUSH_BUS_STREAM_ALL || to->subscribed[m.stream]))
			push_bus_on_message(to->base.bus, message);
	}
}

static enum rc
fake_send(struct push_bus_driver *d, uint32_t stream UNUSED, struct span message,
          struct err *err)
{
	struct fake *f = fake_of(d);
	struct hall *h = f->hall;
	enum rc rc = RC_OK;

	pthread_mutex_lock(&h->lock);
	wait_while(h, &h->stalled);
	buf_clear(&h->last);
	buf_add_span(&h->last, message);
	if (!f->connected)
		rc = err_set(err, RC_AGAIN, "not in the hall");
	else if (h->drop > 0)
		h->drop--;
	else
		deliver(h, f, message);
	pthread_mutex_unlock(&h->lock);
	return rc;
}

static int
fake_fd(struct push_bus_driver *d UNUSED)
{
	return -1;
}

static enum rc
fake_receive(struct push_bus_driver *d UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

static void
fake_free(struct push_bus_driver *d)
{
	fake_disconnect(d);
	free(fake_of(d));
}

#define FAKE_OPS                                                                         \
	.name = "fake", .message_max = 200, .batch_ms = 2, .connect = fake_connect,      \
	.disconnect = fake_disconnect, .subscribe = fake_subscribe,                      \
	.confirm = fake_confirm, .send = fake_send, .fd = fake_fd,                       \
	.receive = fake_receive, .free = fake_free

static const struct push_bus_driver_ops sure_ops = { FAKE_OPS, .send_is_sure = true };
static const struct push_bus_driver_ops shard_ops = { FAKE_OPS, .by_shard = true };

/* -- the bed -- */

struct bed {
	struct hall hall;
	const struct push_bus_driver_ops *ops;
	struct push_bus_options options;
	struct node a, b;
};

static struct push_bus_driver *
fake_new(struct bed *bed)
{
	struct fake *f = xcalloc(1, sizeof(*f));

	f->base.ops = bed->ops;
	f->hall = &bed->hall;
	return &f->base;
}

static void
start_node(struct bed *bed, struct node *n)
{
	struct push_bus_options o = bed->options;

	o.driver = fake_new(bed);
	node_start(n, &o);
	node_wait_up(n, 1);
}

static void
start(struct bed *bed)
{
	start_node(bed, &bed->a);
	start_node(bed, &bed->b);
}

static int
set_up(void **state)
{
	struct bed *bed = xcalloc(1, sizeof(*bed));

	pthread_mutex_init(&bed->hall.lock, NULL);
	pthread_cond_init(&bed->hall.changed, NULL);
	buf_init(&bed->hall.last, 0);
	bed->ops = &sure_ops;
	for (size_t i = 0; i < USERS; i++)
		atomic_store(&counters.of[i], 0);
	atomic_store(&counters.fail, 0);
	*state = bed;
	return 0;
}

static int
tear_down(void **state)
{
	struct bed *bed = *state;

	node_stop(&bed->a);
	node_stop(&bed->b);
	pthread_cond_destroy(&bed->hall.changed);
	pthread_mutex_destroy(&bed->hall.lock);
	buf_done(&bed->hall.last);
	free(bed);
	return 0;
}

static void
hall_set(struct hall *h, bool *what, bool value)
{
	pthread_mutex_lock(&h->lock);
	*what = value;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

static void
hall_drop(struct hall *h, unsigned n)
{
	pthread_mutex_lock(&h->lock);
	h->drop = n;
	pthread_mutex_unlock(&h->lock);
}

/* Somebody waits in send() or subscribe(). */
static void
hall_wait_stalled(struct hall *h)
{
	pthread_mutex_lock(&h->lock);
	while (h->stalls == 0)
		pthread_cond_wait(&h->changed, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

static unsigned
hall_drops(struct hall *h)
{
	pthread_mutex_lock(&h->lock);
	unsigned n = h->drop;
	pthread_mutex_unlock(&h->lock);
	return n;
}

/* All who are in it are thrown out. */
static void
hall_break(struct hall *h, struct node *n)
{
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < NODES_MAX; i++) {
		if (h->in[i] && (!n || h->in[i]->base.bus == n->bus)) {
			h->in[i]->connected = false;
			push_bus_on_down(h->in[i]->base.bus, "thrown out");
			h->in[i] = NULL;
		}
	}
	pthread_mutex_unlock(&h->lock);
}

/* A message of a node that is none of the two. */
static void
say(struct bed *bed, uint64_t sequence, bool lost, const struct store_moved *moved)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	const struct push_bus_msg m = {
		.node = 12345,
		.stream = PUSH_BUS_STREAM_ALL,
		.sequence = sequence,
		.lost = lost,
		.n = moved ? 1 : 0,
	};

	push_bus_msg_begin(&bytes, &m);
	if (moved)
		push_bus_msg_add(&bytes, moved);
	pthread_mutex_lock(&bed->hall.lock);
	deliver(&bed->hall, NULL, buf_span(&bytes));
	pthread_mutex_unlock(&bed->hall.lock);
}

/* -- what it is for -- */

static void
a_commit_on_one_node_wakes_on_the_other(void **state)
{
	struct bed *bed = *state;
	struct waiter w, other;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	waiter_start(&other, &bed->b, 2);
	commit(&bed->a, 1);
	waiter_wait(&w, 1);
	commit(&bed->a, 2);
	waiter_wait(&other, 1);
	assert_int_equal(waiter_woken(&w), 1);
	waiter_stop(&w);
	waiter_stop(&other);
	assert_int_equal(node_stats(&bed->b).gaps, 0);
	assert_int_equal(node_stats(&bed->a).received, 0); /* not its own */
}

static void
what_the_device_itself_did_elsewhere_does_not_wake_it(void **state)
{
	struct bed *bed = *state;
	struct store_moved moved = { .user = 1, .collection = 1, .device = 9 };
	struct waiter w, end;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	push_wait_free(w.w);
	const struct push_wait_spec spec = {
		.user = 1,
		.not_by_device = 9,
		.repeat = true,
		.loop = loops_at(bed->b.loops, 0),
		.fn = on_wake,
		.arg = &w,
	};
	w.w = push_wait_new(bed->b.push, &spec);
	waiter_start(&end, &bed->b, 2);
	moved.modseq = 1;
	push_publish(&moved, 1, bed->a.push);
	commit(&bed->a, 2);
	waiter_wait(&end, 1);
	assert_int_equal(waiter_woken(&w), 0);
	moved.modseq = 2;
	moved.device = 8;
	push_publish(&moved, 1, bed->a.push);
	waiter_wait(&w, 1);
	waiter_stop(&w);
	waiter_stop(&end);
}

static void
many_changes_go_in_messages_that_fit(void **state)
{
	struct bed *bed = *state;
	struct waiter w[USERS];
	struct store_moved moved[USERS];

	start(bed);
	for (uint64_t i = 1; i < USERS; i++) {
		waiter_start(&w[i], &bed->b, i);
		moved[i] =
			(struct store_moved){ .user = i, .collection = 1, .modseq = 1 };
	}
	push_publish(moved + 1, USERS - 1, bed->a.push);
	for (uint64_t i = 1; i < USERS; i++) {
		waiter_wait(&w[i], 1);
		waiter_stop(&w[i]);
	}
	/* Counted when the driver has come back from it. */
	wait_until(node_stats(&bed->a).sent_changes == USERS - 1);
	assert_true(node_stats(&bed->a).sent > 1);
	assert_int_equal(node_stats(&bed->b).gaps, 0);
}

static void
doubled_late_and_reordered_messages_are_harmless(void **state)
{
	struct bed *bed = *state;
	struct store_moved old = { .user = 1, .collection = 1, .modseq = 5 };
	struct store_moved seen = { .user = 1, .collection = 1, .modseq = 10 };
	struct store_moved fresh = { .user = 1, .collection = 1, .modseq = 11 };
	struct waiter w;

	start(bed);
	atomic_store(&counters.of[1], 10);
	waiter_start(&w, &bed->b, 1);
	push_wait_saw(w.w, 10);
	say(bed, 4, false, NULL);
	say(bed, 5, false, &seen);
	say(bed, 5, false, &seen);
	say(bed, 3, false, &old);
	loops_call(bed->b.loops, 0, do_nothing, NULL);
	assert_int_equal(waiter_woken(&w), 0);
	assert_int_equal(node_stats(&bed->b).gaps, 0);
	/* What was not seen wakes, whatever its place. */
	say(bed, 2, false, &fresh);
	waiter_wait(&w, 1);
	waiter_stop(&w);
}

/* -- what is lost is found -- */

static void
a_gap_makes_the_receiver_compare(void **state)
{
	struct bed *bed = *state;
	struct waiter w, next;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	waiter_start(&next, &bed->b, 2);
	push_wait_saw(w.w, 1);
	commit(&bed->a, 2); /* the sequence is known after it */
	waiter_wait(&next, 1);
	hall_drop(&bed->hall, 1);
	commit(&bed->a, 1);
	commit(&bed->a, 1); /* modseq 2: in the store, and told to nobody */
	wait_until(hall_drops(&bed->hall) == 0);
	push_wait_saw(next.w, 2);
	commit(&bed->a, 2);
	waiter_wait(&w, 1);
	assert_true(node_stats(&bed->b).gaps >= 1);
	waiter_stop(&w);
	waiter_stop(&next);
}

static void
the_sweep_finds_what_nothing_told_of(void **state)
{
	struct bed *bed = *state;
	struct waiter w, at_rest;

	bed->options.sweep_ms = 64;
	start(bed);
	atomic_store(&counters.of[1], 4);
	atomic_store(&counters.of[2], 4);
	waiter_start(&w, &bed->b, 1);
	waiter_start(&at_rest, &bed->b, 2);
	push_wait_saw(at_rest.w, 4);
	push_wait_saw(w.w, 4);
	hall_drop(&bed->hall, 1);
	commit(&bed->a, 1);
	waiter_wait(&w, 1);
	push_wait_saw(w.w, 5);
	/* Who has seen all is left alone by further rounds, but for one that was under
	 * way. */
	uint64_t swept = node_stats(&bed->b).compare.swept;
	wait_until(node_stats(&bed->b).compare.swept > swept + 64);
	unsigned woken = waiter_woken(&w);
	wait_until(node_stats(&bed->b).compare.swept > swept + 256);
	assert_int_equal(waiter_woken(&w), woken);
	assert_int_equal(waiter_woken(&at_rest), 0);
	waiter_stop(&w);
	waiter_stop(&at_rest);
}

static void
after_the_bus_was_away_all_waiters_are_compared(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	push_wait_saw(w.w, 1);
	hall_set(&bed->hall, &bed->hall.closed, true);
	hall_break(&bed->hall, NULL);
	wait_until(!node_stats(&bed->b).connected);
	/* By a node that nobody hears of. */
	atomic_store(&counters.of[1], 2);
	hall_set(&bed->hall, &bed->hall.closed, false);
	waiter_wait(&w, 1);
	assert_int_equal(node_stats(&bed->b).connects, 2);
	waiter_stop(&w);
}

static void
what_was_committed_while_the_bus_was_away_is_sent_after(void **state)
{
	struct bed *bed = *state;
	struct store_moved moved = { .user = 1, .collection = 1, .modseq = 7 };
	struct waiter w;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	hall_set(&bed->hall, &bed->hall.closed, true);
	hall_break(&bed->hall, &bed->a);
	wait_until(!node_stats(&bed->a).connected);
	push_publish(&moved, 1, bed->a.push); /* the counter says nothing of it */
	hall_set(&bed->hall, &bed->hall.closed, false);
	waiter_wait(&w, 1);
	waiter_stop(&w);
}

static void
a_sender_without_room_says_so(void **state)
{
	struct bed *bed = *state;
	struct waiter w[10];

	bed->options.queue_max = 2;
	start(bed);
	for (uint64_t i = 0; i < 10; i++) {
		waiter_start(&w[i], &bed->b, i + 1);
		push_wait_saw(w[i].w, 1);
		atomic_store(&counters.of[i + 1], 1);
	}
	hall_set(&bed->hall, &bed->hall.stalled, true);
	commit(&bed->a, 1); /* is being sent */
	hall_wait_stalled(&bed->hall);
	for (uint64_t i = 1; i < 10; i++)
		commit(&bed->a, i + 1); /* two of them find room */
	assert_int_equal(node_stats(&bed->a).lost, 7);
	hall_set(&bed->hall, &bed->hall.stalled, false);
	for (uint64_t i = 0; i < 10; i++) {
		waiter_wait(&w[i], 1);
		waiter_stop(&w[i]);
	}
	assert_int_equal(node_stats(&bed->b).gaps, 1);
}

static void
what_may_have_been_under_way_when_a_connection_broke_is_told(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	bed->ops = &shard_ops; /* send() does not know whether it arrived */
	start(bed);
	waiter_start(&w, &bed->b, 1);
	wait_until(node_stats(&bed->b).shards == 1);
	wait_until(node_stats(&bed->b).compare.rounds >= 2);
	atomic_store(&counters.of[1], 3);
	push_wait_saw(w.w, 3);
	unsigned woken = waiter_woken(&w);
	hall_drop(&bed->hall, 1);
	commit(&bed->a, 1);
	wait_until(hall_drops(&bed->hall) == 0);
	hall_break(&bed->hall, &bed->a);
	waiter_wait(&w, woken + 1);
	assert_int_equal(node_stats(&bed->b).connects, 1);
	waiter_stop(&w);
}

static void
a_comparison_that_cannot_read_the_store_is_made_again(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	push_wait_saw(w.w, 1);
	atomic_store(&counters.of[1], 2);
	atomic_store(&counters.fail, 1);
	say(bed, 1, true, NULL);
	waiter_wait(&w, 1);
	assert_int_equal(atomic_load(&counters.fail), 0);
	waiter_stop(&w);
}

static void
a_message_that_nobody_can_read_makes_the_receiver_compare(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	start(bed);
	waiter_start(&w, &bed->b, 1);
	push_wait_saw(w.w, 1);
	atomic_store(&counters.of[1], 2);
	push_bus_on_message(bed->b.bus, SPAN("W\2 of a version to come"));
	push_bus_on_message(bed->b.bus, SPAN(""));
	waiter_wait(&w, 1);
	assert_int_equal(node_stats(&bed->b).unreadable, 2);
	waiter_stop(&w);
}

/* -- shards -- */

static void
a_node_subscribes_to_shards_while_they_have_waiters(void **state)
{
	struct bed *bed = *state;
	struct waiter w[3];

	bed->ops = &shard_ops;
	bed->options.linger_ms = 5;
	start(bed);
	assert_true(store_shard_number(1) != store_shard_number(2));
	waiter_start(&w[0], &bed->b, 1);
	waiter_start(&w[1], &bed->b, 1);
	waiter_start(&w[2], &bed->b, 2);
	wait_until(node_stats(&bed->b).shards == 2);
	waiter_stop(&w[0]);
	waiter_stop(&w[2]);
	wait_until(node_stats(&bed->b).shards == 1);
	unsigned woken = waiter_woken(&w[1]);
	commit(&bed->a, 2);
	commit(&bed->a, 1);
	waiter_wait(&w[1], woken + 1);
	waiter_start(&w[2], &bed->b, 2);
	wait_until(node_stats(&bed->b).shards == 2);
	/* Through another connection too. */
	hall_break(&bed->hall, &bed->b);
	wait_until(node_stats(&bed->b).connects == 2 && node_stats(&bed->b).shards == 2);
	waiter_stop(&w[1]);
	waiter_stop(&w[2]);
	wait_until(node_stats(&bed->b).shards == 0);
}

static void
what_passes_before_the_subscription_is_in_force_is_not_lost(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	bed->ops = &shard_ops;
	start(bed);
	atomic_store(&counters.of[1], 1);
	hall_set(&bed->hall, &bed->hall.stalled_subscribe, true);
	waiter_start(&w, &bed->b, 1);
	push_wait_saw(w.w, 1);
	hall_wait_stalled(&bed->hall);
	commit(&bed->a, 1);
	wait_until(node_stats(&bed->a).sent == 1);
	assert_int_equal(node_stats(&bed->b).received, 0);
	hall_set(&bed->hall, &bed->hall.stalled_subscribe, false);
	waiter_wait(&w, 1);
	waiter_stop(&w);
}

/* -- many at once -- */

#define STORM_ROUNDS 200

struct storm {
	struct bed *bed;
	uint64_t user;
};

static void *
storm_commits(void *arg)
{
	struct storm *s = arg;

	for (int i = 0; i < STORM_ROUNDS; i++) {
		commit(i % 2 ? &s->bed->a : &s->bed->b, s->user);
		if (i % 50 == 10)
			hall_break(&s->bed->hall, i % 100 == 10 ? &s->bed->a : NULL);
	}
	return NULL;
}

static void
no_change_is_lost_while_connections_break(void **state)
{
	struct bed *bed = *state;
	struct waiter w[4];
	struct storm storms[4];
	pthread_t threads[4];

	bed->ops = &shard_ops;
	bed->options.queue_max = 2;
	start(bed);
	for (uint64_t i = 0; i < 4; i++) {
		storms[i] = (struct storm){ bed, i + 1 };
		waiter_start(&w[i], i % 2 ? &bed->a : &bed->b, i + 1);
		pthread_create(&threads[i], NULL, storm_commits, &storms[i]);
	}
	/* Each waiter is woken until it has seen the last change, without a sweep. */
	for (uint64_t i = 0; i < 4; i++) {
		unsigned woken = 0;
		uint64_t seen = 0;

		while (seen < STORM_ROUNDS) {
			waiter_wait(&w[i], woken + 1);
			woken = waiter_woken(&w[i]);
			seen = atomic_load(&counters.of[i + 1]);
			push_wait_saw(w[i].w, seen);
		}
	}
	for (uint64_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		waiter_stop(&w[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_on_one_node_wakes_on_the_other),
		TEST(what_the_device_itself_did_elsewhere_does_not_wake_it),
		TEST(many_changes_go_in_messages_that_fit),
		TEST(doubled_late_and_reordered_messages_are_harmless),
		TEST(a_gap_makes_the_receiver_compare),
		TEST(the_sweep_finds_what_nothing_told_of),
		TEST(after_the_bus_was_away_all_waiters_are_compared),
		TEST(what_was_committed_while_the_bus_was_away_is_sent_after),
		TEST(a_sender_without_room_says_so),
		TEST(what_may_have_been_under_way_when_a_connection_broke_is_told),
		TEST(a_comparison_that_cannot_read_the_store_is_made_again),
		TEST(a_message_that_nobody_can_read_makes_the_receiver_compare),
		TEST(a_node_subscribes_to_shards_while_they_have_waiters),
		TEST(what_passes_before_the_subscription_is_in_force_is_not_lost),
		TEST(no_change_is_lost_while_connections_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
