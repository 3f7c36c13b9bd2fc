/* SPDX-License-Identifier: ISC
 *
 * push_bus_run.c - the bus' thread: connects, sends, subscribes, and waits.
 *
 * What is sent and not known to have arrived when a connection breaks, and what found no
 * room, is told as lost with the next message of that stream, so that who may have missed
 * it compares.
 */
#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/metric.h"
#include "push/push_bus_private.h"

#define BACK_OFF_FIRST_MS 100
#define BACK_OFF_MAX_MS 5000
#define CONFIRM_MS 5000

uint32_t
push_bus_set_next(const struct push_bus_set *s, uint32_t i)
{
	for (; i < PUSH_BUS_STREAMS; i = (i / 64 + 1) * 64) {
		uint64_t word = s->words[i / 64] >> i % 64;

		if (word)
			return i + (uint32_t)__builtin_ctzll(word);
	}
	return PUSH_BUS_STREAMS;
}

static const struct push_bus_driver_ops *
ops_of(const struct push_bus *b)
{
	return b->driver->ops;
}

static bool
is_connected(const struct push_bus *b)
{
	return atomic_load(&b->connected);
}

/* -- up and down -- */

static void
back_off(struct push_bus *b)
{
	b->back_off_ms = b->back_off_ms ? b->back_off_ms * 2 : BACK_OFF_FIRST_MS;
	if (b->back_off_ms > BACK_OFF_MAX_MS)
		b->back_off_ms = BACK_OFF_MAX_MS;
	/* Not all nodes at the same moment. */
	b->retry_at_ms = clock_kernel_ms() + b->back_off_ms / 2 +
	                 random_below(b->back_off_ms / 2 + 1);
}

static void
go_down(struct push_bus *b, const char *why)
{
	ops_of(b)->disconnect(b->driver);
	b->subscribed = (struct push_bus_set){ 0 };
	atomic_store(&b->shards, 0);
	pthread_mutex_lock(&b->lock);
	push_bus_set_join(&b->lost, &b->unsure);
	b->has_lost |= b->has_unsure;
	b->is_down = false;
	pthread_mutex_unlock(&b->lock);
	b->unsure = (struct push_bus_set){ 0 };
	b->has_unsure = false;
	if (atomic_exchange(&b->connected, false))
		b->down_at_ms = clock_kernel_ms();
	metric_set(&push_bus_metric_connected, 0);
	back_off(b);
	if (!b->told_down)
		log_warn(NULL, "bus.lost", "driver=%s why=%s", ops_of(b)->name,
		         LOG_STR(span_str(why)));
	else
		log_debug(NULL, "bus.lost still", "driver=%s why=%s", ops_of(b)->name,
		          LOG_STR(span_str(why)));
	b->told_down = true;
}

static enum rc
subscribe_one(struct push_bus *b, uint32_t shard, struct err *err)
{
	enum rc rc = ops_of(b)->subscribe(b->driver, shard, true, err);

	if (rc)
		return rc;
	push_bus_set_add(&b->subscribed, shard);
	push_bus_set_remove(&b->quiet, shard);
	atomic_fetch_add(&b->shards, 1);
	return RC_OK;
}

static enum rc
subscribe_all(struct push_bus *b, struct err *err)
{
	enum rc rc = RC_OK;

	if (!ops_of(b)->by_shard)
		return RC_OK;
	for (uint32_t i = 0; i < STORE_SHARD_NUMBERS && !rc; i++) {
		if (atomic_load(&b->waiters[i]) > 0)
			rc = subscribe_one(b, i, err);
	}
	return rc ? rc : ops_of(b)->confirm(b->driver, err);
}

static void
note_up(struct push_bus *b)
{
	uint64_t now = clock_kernel_ms();

	if (b->down_at_ms > 0)
		log_info(NULL, "bus.regained", "driver=%s away_ms=%" PRIu64,
		         ops_of(b)->name, now - b->down_at_ms);
	else
		log_info(NULL, "bus.connected", "driver=%s node=%016" PRIx64,
		         ops_of(b)->name, b->node);
	b->told_down = false;
	b->back_off_ms = 0;
	b->confirm_at_ms = now + CONFIRM_MS;
	b->linger_at_ms = now + b->linger_ms;
	atomic_fetch_add(&b->connects, 1);
	metric_add(&push_bus_metric_connects, 1);
	metric_set(&push_bus_metric_connected, 1);
	atomic_store(&b->connected, true);
}

static void
go_up(struct push_bus *b)
{
	struct err err = { "" };
	enum rc rc;

	/* What was wanted before is subscribed to below: the counters are looked at
	 * after this. */
	pthread_mutex_lock(&b->lock);
	b->is_down = false;
	b->wanted = (struct push_bus_set){ 0 };
	b->has_wanted = false;
	pthread_mutex_unlock(&b->lock);
	/* Sequences went on unseen; all that they could tell is compared. */
	pthread_mutex_lock(&b->seen_lock);
	push_bus_seen_forget(&b->seen);
	pthread_mutex_unlock(&b->seen_lock);
	rc = ops_of(b)->connect(b->driver, &err);
	if (!rc)
		rc = subscribe_all(b, &err);
	if (rc) {
		go_down(b, err.text);
		return;
	}
	note_up(b);
	push_compare_ask(b->compare, PUSH_BUS_STREAM_ALL);
}

/* -- sending -- */

/* Gives back what is still to be sent. */
static void
put_back(struct push_bus *b, size_t from, const struct push_bus_set *lost)
{
	pthread_mutex_lock(&b->lock);
	push_bus_set_join(&b->lost, lost);
	for (size_t i = from; i < b->out.n; i++) {
		const struct store_moved *m = &b->out.entries[i].moved;

		if (!push_bus_queue_add(&b->in, m))
			push_bus_set_add(&b->lost, push_bus_stream_of(b, m->user));
	}
	b->has_lost = true;
	b->signalled = true;
	pthread_mutex_unlock(&b->lock);
}

/* How many entries from at on go into one message. */
static size_t
fit(const struct push_bus *b, size_t at, uint32_t stream)
{
	size_t size = PUSH_BUS_MSG_HEAD_MAX, n = 0;

	for (; at + n < b->out.n; n++) {
		const struct store_moved *m = &b->out.entries[at + n].moved;

		size += push_bus_msg_entry_size(m);
		if (push_bus_stream_of(b, m->user) != stream ||
		    size > ops_of(b)->message_max)
			break;
	}
	return n;
}

static enum rc
send_one(struct push_bus *b, uint32_t stream, size_t at, size_t n, bool lost,
         struct err *err)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	const struct push_bus_msg m = {
		.node = b->node,
		.stream = stream,
		.sequence = ++b->sequences[stream],
		.lost = lost,
		.n = n,
	};
	enum rc rc;

	push_bus_msg_begin(&bytes, &m);
	for (size_t i = at; i < at + n; i++)
		push_bus_msg_add(&bytes, &b->out.entries[i].moved);
	rc = ops_of(b)->send(b->driver, stream, buf_span(&bytes), err);
	/* After a failure it may have arrived or not. */
	if (rc || !ops_of(b)->send_is_sure) {
		push_bus_set_add(&b->unsure, stream);
		b->has_unsure = true;
	}
	if (rc)
		return rc;
	atomic_fetch_add(&b->sent, 1);
	atomic_fetch_add(&b->sent_changes, n);
	metric_add(&push_bus_metric_sent, 1);
	return RC_OK;
}

static enum rc
send_out(struct push_bus *b, struct push_bus_set *lost, struct err *err)
{
	size_t at = 0, n;
	uint32_t stream;
	enum rc rc = RC_OK;

	push_bus_queue_sort(&b->out, ops_of(b)->by_shard);
	for (; at < b->out.n && !rc; at += n) {
		stream = push_bus_stream_of(b, b->out.entries[at].moved.user);
		n = fit(b, at, stream);
		assert(n > 0);
		rc = send_one(b, stream, at, n, push_bus_set_has(lost, stream), err);
		if (rc)
			break;
		push_bus_set_remove(lost, stream);
	}
	stream = push_bus_set_next(lost, 0);
	while (stream < PUSH_BUS_STREAMS && !rc) {
		rc = send_one(b, stream, 0, 0, true, err);
		if (!rc)
			push_bus_set_remove(lost, stream);
		stream = push_bus_set_next(lost, stream + 1);
	}
	if (rc)
		put_back(b, at, lost);
	return rc;
}

static void
send_batch(struct push_bus *b)
{
	struct push_bus_set lost;
	struct push_bus_queue out;
	struct err err = { "" };

	pthread_mutex_lock(&b->lock);
	out = b->in;
	b->in = b->out;
	b->out = out;
	lost = b->lost;
	b->lost = (struct push_bus_set){ 0 };
	b->has_lost = false;
	b->signalled = false;
	pthread_mutex_unlock(&b->lock);
	b->sent_at_ms = clock_kernel_ms();
	enum rc rc = send_out(b, &lost, &err);
	push_bus_queue_clear(&b->out);
	if (rc)
		go_down(b, err.text);
}

/* -- subscriptions -- */

/* The shards whose first waiter has come: messages since then may have been missed. */
static void
subscribe_wanted(struct push_bus *b)
{
	struct push_bus_set wanted;
	struct err err = { "" };
	bool any = false;
	enum rc rc = RC_OK;

	pthread_mutex_lock(&b->lock);
	wanted = b->wanted;
	b->wanted = (struct push_bus_set){ 0 };
	b->has_wanted = false;
	pthread_mutex_unlock(&b->lock);
	for (uint32_t i = push_bus_set_next(&wanted, 0); i < PUSH_BUS_STREAMS && !rc;
	     i = push_bus_set_next(&wanted, i + 1)) {
		if (push_bus_set_has(&b->subscribed, i)) {
			push_bus_set_remove(&wanted, i);
			continue;
		}
		rc = subscribe_one(b, i, &err);
		any = true;
	}
	if (!rc && any)
		rc = ops_of(b)->confirm(b->driver, &err);
	if (rc) {
		go_down(b, err.text);
		return;
	}
	for (uint32_t i = push_bus_set_next(&wanted, 0); i < PUSH_BUS_STREAMS;
	     i = push_bus_set_next(&wanted, i + 1))
		push_compare_ask(b->compare, i);
}

/* Gives up what had no waiters now and when it was looked at before. */
static enum rc
drop_quiet(struct push_bus *b, struct err *err)
{
	enum rc rc = RC_OK;

	for (uint32_t i = push_bus_set_next(&b->subscribed, 0);
	     i < PUSH_BUS_STREAMS && !rc; i = push_bus_set_next(&b->subscribed, i + 1)) {
		bool was_quiet = push_bus_set_has(&b->quiet, i);

		push_bus_set_remove(&b->quiet, i);
		if (atomic_load(&b->waiters[i]) > 0)
			continue;
		if (!was_quiet) {
			push_bus_set_add(&b->quiet, i);
			continue;
		}
		rc = ops_of(b)->subscribe(b->driver, i, false, err);
		push_bus_set_remove(&b->subscribed, i);
		atomic_fetch_sub(&b->shards, 1);
		/* A waiter that came between thinks that it is subscribed to. */
		if (atomic_load(&b->waiters[i]) > 0) {
			pthread_mutex_lock(&b->lock);
			push_bus_set_add(&b->wanted, i);
			b->has_wanted = true;
			pthread_mutex_unlock(&b->lock);
		}
	}
	return rc;
}

static void
do_timed(struct push_bus *b)
{
	uint64_t now = clock_kernel_ms();
	struct err err = { "" };
	enum rc rc = RC_OK;

	if (now >= b->linger_at_ms) {
		b->linger_at_ms = now + b->linger_ms;
		rc = drop_quiet(b, &err);
	}
	if (!rc && now >= b->confirm_at_ms) {
		b->confirm_at_ms = now + CONFIRM_MS;
		if (b->has_unsure)
			rc = ops_of(b)->confirm(b->driver, &err);
		if (!rc) {
			b->unsure = (struct push_bus_set){ 0 };
			b->has_unsure = false;
		}
	}
	if (rc)
		go_down(b, err.text);
}

/* -- the thread -- */

struct todo {
	bool stop, down, send, subscribe;
	char why[256];
};

static struct todo
look(struct push_bus *b)
{
	struct todo t = { 0 };

	pthread_mutex_lock(&b->lock);
	t.stop = b->stop;
	t.down = b->is_down;
	t.send = b->in.n > 0 || b->has_lost;
	t.subscribe = b->has_wanted;
	if (!t.send)
		b->signalled = false;
	memcpy(t.why, b->why, sizeof(t.why));
	pthread_mutex_unlock(&b->lock);
	return t;
}

/* Milliseconds until there is something to do without being woken. */
static int
patience(const struct push_bus *b, const struct todo *t)
{
	uint64_t now = clock_kernel_ms(), at;

	if (is_connected(b) && (t->subscribe || t->down))
		return 0;
	if (!is_connected(b)) {
		at = b->retry_at_ms;
	} else {
		at = b->linger_at_ms;
		if (b->has_unsure && b->confirm_at_ms < at)
			at = b->confirm_at_ms;
		if (t->send && b->sent_at_ms + ops_of(b)->batch_ms < at)
			at = b->sent_at_ms + ops_of(b)->batch_ms;
	}
	return at > now ? (int)(at - now) : 0;
}

static void
sleep_until(struct push_bus *b, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = b->wake_fd, .events = POLLIN },
		{ .fd = is_connected(b) ? ops_of(b)->fd(b->driver) : -1,
		  .events = POLLIN },
	};
	struct err err = { "" };
	uint64_t count;

	if (poll(fds, ARRAY_LEN(fds), timeout_ms) <= 0)
		return;
	if (fds[0].revents) {
		ssize_t n = read(b->wake_fd, &count, sizeof(count));

		(void)n; /* how often does not matter */
	}
	if (fds[1].revents && ops_of(b)->receive(b->driver, &err) != RC_OK)
		go_down(b, err.text);
}

static void
work(struct push_bus *b, const struct todo *t)
{
	if (!is_connected(b)) {
		if (clock_kernel_ms() >= b->retry_at_ms)
			go_up(b);
		return;
	}
	if (t->down) {
		go_down(b, t->why);
		return;
	}
	if (t->subscribe)
		subscribe_wanted(b);
	if (t->send && is_connected(b) &&
	    clock_kernel_ms() >= b->sent_at_ms + ops_of(b)->batch_ms)
		send_batch(b);
	if (is_connected(b))
		do_timed(b);
}

void *
push_bus_run(void *bus)
{
	struct push_bus *b = bus;

	for (;;) {
		struct todo t = look(b);

		if (t.stop) {
			if (is_connected(b) && t.send)
				send_batch(b);
			break;
		}
		work(b, &t);
		t = look(b);
		if (!t.stop)
			sleep_until(b, patience(b, &t));
	}
	ops_of(b)->disconnect(b->driver);
	metric_set(&push_bus_metric_connected, 0);
	return NULL;
}
