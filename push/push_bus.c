/* SPDX-License-Identifier: ISC
 *
 * push_bus.c - the bus' side towards the hub and towards what comes in.
 */
#include "push/push_bus.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "push/push_bus_private.h"

#define QUEUE_MAX 16384
#define LINGER_MS 60000
#define STOP_MS 2000 /* for sending what is left */
/* A comparison for messages that nobody can read, at most so often. */
#define UNREADABLE_MS 10000

struct metric push_bus_metric_sent =
	METRIC_COUNTER("godwit_bus_sent_total", "Messages sent to other nodes.");
struct metric push_bus_metric_connects = METRIC_COUNTER(
	"godwit_bus_connects_total", "How often the bus was connected to.");
struct metric push_bus_metric_connected =
	METRIC_GAUGE("godwit_bus_connected", "1 while the bus is connected.");
static struct metric metric_received =
	METRIC_COUNTER("godwit_bus_received_total", "Messages of other nodes.");
static struct metric metric_lost = METRIC_COUNTER(
	"godwit_bus_lost_total", "Changes that found no room to wait for being sent.");
static struct metric metric_gaps = METRIC_COUNTER(
	"godwit_bus_gaps_total", "Messages of other nodes that were missing.");
static struct metric metric_unreadable =
	METRIC_COUNTER("godwit_bus_unreadable_total",
                       "Messages that are not ours, or of a newer version.");

/* -- the hub's calls -- */

void
push_bus_signal(struct push_bus *b)
{
	uint64_t one = 1;
	ssize_t n = write(b->wake_fd, &one, sizeof(one));

	/* It can only be full, and is readable then. */
	(void)n;
}

/* Under the lock: must the caller push_bus_signal()? */
static bool
note_signal(struct push_bus *b)
{
	bool must = !b->signalled;

	b->signalled = true;
	return must;
}

void
push_bus_offer(struct push_bus *b, const struct store_moved *moved, size_t n)
{
	size_t lost = 0;

	if (n == 0)
		return;
	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < n; i++) {
		if (push_bus_queue_add(&b->in, &moved[i]))
			continue;
		push_bus_set_add(&b->lost, push_bus_stream_of(b, moved[i].user));
		b->has_lost = true;
		lost++;
	}
	bool must = note_signal(b);
	pthread_mutex_unlock(&b->lock);
	if (must)
		push_bus_signal(b);
	if (lost > 0) {
		atomic_fetch_add(&b->n_lost, lost);
		metric_add(&metric_lost, (int64_t)lost);
	}
}

void
push_bus_watch(struct push_bus *b, uint64_t user)
{
	uint32_t shard;
	bool must;

	if (!b->driver->ops->by_shard)
		return;
	shard = store_shard_number(user);
	if (atomic_fetch_add(&b->waiters[shard], 1) > 0)
		return;
	pthread_mutex_lock(&b->lock);
	push_bus_set_add(&b->wanted, shard);
	b->has_wanted = true;
	must = note_signal(b);
	pthread_mutex_unlock(&b->lock);
	if (must)
		push_bus_signal(b);
}

void
push_bus_unwatch(struct push_bus *b, uint64_t user)
{
	if (b->driver->ops->by_shard)
		atomic_fetch_sub(&b->waiters[store_shard_number(user)], 1);
}

/* -- the driver's calls -- */

/* Of another version, perhaps: who knows what it said. */
static void
on_unreadable(struct push_bus *b, enum rc rc, size_t bytes)
{
	uint64_t now = clock_kernel_ms();

	atomic_fetch_add(&b->unreadable, 1);
	metric_add(&metric_unreadable, 1);
	pthread_mutex_lock(&b->seen_lock);
	bool compare =
		b->unreadable_at_ms == 0 || now - b->unreadable_at_ms >= UNREADABLE_MS;
	if (compare)
		b->unreadable_at_ms = now;
	pthread_mutex_unlock(&b->seen_lock);
	if (!compare)
		return;
	log_warn(NULL, "bus.unreadable", "bytes=%zu rc=%s", bytes,
	         LOG_STR(span_str(rc_str(rc))));
	push_compare_ask(b->compare, PUSH_BUS_STREAM_ALL);
}

static void
note_order(struct push_bus *b, const struct push_bus_msg *m)
{
	pthread_mutex_lock(&b->seen_lock);
	enum push_bus_order order = push_bus_seen_note(&b->seen, m);
	pthread_mutex_unlock(&b->seen_lock);
	if (order != PUSH_BUS_ORDER_GAP && !m->lost)
		return;
	atomic_fetch_add(&b->gaps, 1);
	metric_add(&metric_gaps, 1);
	log_debug(NULL, "bus.gap",
	          "node=%016" PRIx64 " stream=%u sequence=%" PRIu64 " told=%d", m->node,
	          m->stream, m->sequence, m->lost);
	push_compare_ask(b->compare, m->stream);
}

void
push_bus_on_message(struct push_bus *b, struct span message)
{
	struct store_moved moved[64];
	struct push_bus_msg m;
	enum rc rc = push_bus_msg_parse(message, &m);
	size_t n;

	if (rc) {
		on_unreadable(b, rc, message.n);
		return;
	}
	if (m.node == b->node)
		return;
	atomic_fetch_add(&b->received, 1);
	atomic_fetch_add(&b->received_changes, m.n);
	metric_add(&metric_received, 1);
	note_order(b, &m);
	do {
		for (n = 0; n < ARRAY_LEN(moved); n++) {
			if (!push_bus_msg_next(&m, &moved[n]))
				break;
		}
		push_wake(b->push, moved, n);
	} while (n == ARRAY_LEN(moved));
}

void
push_bus_on_down(struct push_bus *b, const char *why)
{
	pthread_mutex_lock(&b->lock);
	if (!b->is_down)
		snprintf(b->why, sizeof(b->why), "%s", why);
	b->is_down = true;
	pthread_mutex_unlock(&b->lock);
	/* Not by note_signal(): what is gathered may be waiting for its time. */
	push_bus_signal(b);
}

/* -- life -- */

static void
register_metrics(void)
{
	struct metric *const all[] = {
		&push_bus_metric_sent,
		&push_bus_metric_connects,
		&push_bus_metric_connected,
		&metric_received,
		&metric_lost,
		&metric_gaps,
		&metric_unreadable,
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		metric_register(all[i]);
}

static void
done(struct push_bus *b)
{
	b->driver->ops->free(b->driver);
	push_compare_free(b->compare);
	if (b->wake_fd >= 0)
		close(b->wake_fd);
	if (b->stop_fd >= 0)
		close(b->stop_fd);
	push_bus_queue_done(&b->in);
	push_bus_queue_done(&b->out);
	push_bus_seen_done(&b->seen);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->seen_lock);
	free(b);
}

enum rc
push_bus_new(const struct push_bus_options *o, struct push_bus **ret)
{
	struct push_bus *b = xcalloc(1, sizeof(*b));
	size_t max = o->queue_max ? o->queue_max : QUEUE_MAX;
	enum rc rc;

	register_metrics();
	b->push = o->push;
	b->driver = o->driver;
	b->node = random_u64() | 1; /* never 0 */
	b->linger_ms = o->linger_ms ? o->linger_ms : LINGER_MS;
	b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->seen_lock, NULL);
	push_bus_queue_init(&b->in, max);
	push_bus_queue_init(&b->out, max);
	push_bus_seen_init(&b->seen);
	b->driver->bus = b;
	b->driver->stop_fd = b->stop_fd;
	rc = b->wake_fd < 0 || b->stop_fd < 0 ? RC_IO : RC_OK;
	if (!rc)
		rc = push_compare_new(o->push, o->modseqs, o->modseqs_arg, o->sweep_ms,
		                      &b->compare);
	if (!rc)
		rc = thread_start("bus", 0, push_bus_run, b, &b->thread);
	if (rc) {
		done(b);
		return rc;
	}
	push_set_bus(o->push, b);
	*ret = b;
	return RC_OK;
}

/* Calls of the driver end. */
static void
interrupt(struct push_bus *b)
{
	uint64_t one = 1;
	ssize_t n = write(b->stop_fd, &one, sizeof(one));

	assert(n == sizeof(one));
}

void
push_bus_free(struct push_bus *b)
{
	struct timespec until;

	if (!b)
		return;
	push_set_bus(b->push, NULL);
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_mutex_unlock(&b->lock);
	push_bus_signal(b);
	/* Not connected: there is nobody to tell what is left. */
	if (!atomic_load(&b->connected))
		interrupt(b);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_MS / 1000;
	if (pthread_timedjoin_np(b->thread, NULL, &until) != 0) {
		interrupt(b);
		pthread_join(b->thread, NULL);
	}
	done(b);
}

void
push_bus_stats(struct push_bus *b, struct push_bus_stats *ret)
{
	*ret = (struct push_bus_stats){
		.driver = b->driver->ops->name,
		.node = b->node,
		.connected = atomic_load(&b->connected),
		.sent = atomic_load(&b->sent),
		.sent_changes = atomic_load(&b->sent_changes),
		.received = atomic_load(&b->received),
		.received_changes = atomic_load(&b->received_changes),
		.lost = atomic_load(&b->n_lost),
		.gaps = atomic_load(&b->gaps),
		.unreadable = atomic_load(&b->unreadable),
		.connects = atomic_load(&b->connects),
		.shards = atomic_load(&b->shards),
	};
	push_compare_stats(b->compare, &ret->compare);
}
