/* SPDX-License-Identifier: ISC
 *
 * smtp_queue.c - the runner of the queue: leases, attempts, outcomes (RFC 5321 4.5.4).
 */
#include "smtp/smtp_queue.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "smtp/smtp_delivery.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_settle.h"

#define LEASE_MS (INT64_C(30) * 60 * 1000)
#define DEADLINE_MS (INT64_C(25) * 60 * 1000)  /* of an attempt: within the lease */
#define FAULT_MS 5000                          /* pause after the store failed */
#define SLEEP_MAX_MS (INT64_C(60) * 60 * 1000) /* look at the wall clock again */

struct smtp_queue {
	struct smtp *smtp;
	struct dns *dns;
	struct smtp_delivery_conf conf;
	struct loop_timer timer;
	struct list runs; /* being delivered */
	size_t active;    /* runs, and the lease under way */
	bool started;
	bool draining;
	bool stopped;
	bool leasing;
	bool again; /* something became due while a lease was under way */
	_Atomic bool woken;
};

/* One entry of the queue, from lease to settlement. */
struct run {
	struct list link;
	struct smtp_queue *queue;
	struct smtp_settle what;
	struct smtp_delivery *delivery;
	struct log_ctx log;
	int64_t next_ms; /* when nothing was due */
	bool settled;
	enum rc rc;
};

static void kick(struct smtp_queue *q);

uint64_t
smtp_queue_pause_ms(uint64_t min_ms, uint64_t max_ms, uint32_t attempts)
{
	uint64_t pause = min_ms;
	while (attempts-- && pause < max_ms)
		pause *= 2;
	if (pause > max_ms)
		pause = max_ms;
	return pause - pause / 10 + random_below(pause / 5 + 1);
}

static void
run_free(struct run *r)
{
	smtp_delivery_free(r->delivery);
	smtp_settle_done(&r->what);
	log_ctx_done(&r->log);
	list_remove(&r->link);
	free(r);
}

static struct run *
run_new(struct smtp_queue *q)
{
	struct run *r = xcalloc(1, sizeof(*r));
	r->queue = q;
	list_init(&r->link);
	smtp_settle_init(&r->what, q->smtp);
	return r;
}

static void
settle_work(void *arg)
{
	struct run *r = arg;
	r->rc = smtp_settle_write(&r->what, &r->log);
}

static void
settle_done(void *arg)
{
	struct run *r = arg;
	struct smtp_queue *q = r->queue;
	run_free(r);
	q->active--;
	kick(q);
}

static void
on_delivered(void *arg)
{
	struct run *r = arg;
	smtp_delivery_free(TAKE(r->delivery));
	list_remove(&r->link);
	job_run(r->queue->smtp->deps.jobs, 0, r->queue->smtp->deps.loop, settle_work,
	        settle_done, r);
}

static void
lease_work(void *arg)
{
	struct run *r = arg;
	struct smtp_settle *w = &r->what;
	struct store *store = r->queue->smtp->deps.store;
	r->rc = store_queue_lease(store, clock_wall_ms(), LEASE_MS, w->arena, &w->entry,
	                          &r->next_ms);
	if (r->rc)
		return;
	log_ctx_init(&r->log, NULL, "queue=%" PRIu64, w->entry.id);
	r->rc = store_queue_content(store, w->entry.id, &w->content);
	if (r->rc)
		return;
	smtp_settle_begin(w, &r->log);
	/* Mail of ours that waited: a folder that could not be written, or it was held.
	 */
	if (store_domain_find(store, w->entry.hop) == RC_OK) {
		smtp_settle_deliver_here(w);
		r->rc = smtp_settle_write(w, &r->log);
		r->settled = true;
	}
}

static void
sleep_until(struct smtp_queue *q, int64_t when_ms)
{
	int64_t pause = when_ms - clock_wall_ms();
	if (when_ms == INT64_MAX || pause > SLEEP_MAX_MS)
		pause = SLEEP_MAX_MS;
	loop_timer_set(&q->timer, pause > 0 ? (uint64_t)pause : 0);
}

static void
lease_done(void *arg)
{
	struct run *r = arg;
	struct smtp_queue *q = r->queue;
	q->leasing = false;
	if (r->rc == RC_OK && !r->settled && !q->stopped) {
		list_push_back(&q->runs, &r->link);
		r->delivery = smtp_delivery_new(&q->conf, r->what.entry.hop, &r->what.job,
		                                on_delivered, r);
		kick(q);
		return;
	}
	enum rc rc = r->rc;
	int64_t next_ms = r->next_ms;
	run_free(r);
	q->active--;
	if (q->stopped)
		return;
	if (rc == RC_NOT_FOUND) {
		sleep_until(q, next_ms);
		if (!q->again)
			return;
	} else if (rc) {
		log_warn(NULL, "smtp.queue fault", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
		loop_timer_set(&q->timer, FAULT_MS);
		return;
	}
	kick(q);
}

/* Leases what is due, one at a time, while there is room for another attempt. */
static void
kick(struct smtp_queue *q)
{
	if (!q->started || q->draining || q->stopped)
		return;
	if (q->leasing) {
		q->again = true;
		return;
	}
	if (q->active >= (size_t)q->smtp->conf.queue_parallel)
		return;
	q->again = false;
	q->leasing = true;
	q->active++;
	loop_timer_clear(&q->timer);
	job_run(q->smtp->deps.jobs, 0, q->smtp->deps.loop, lease_work, lease_done,
	        run_new(q));
}

static void
on_timer(void *arg)
{
	kick(arg);
}

static void
wake_in_loop(void *arg)
{
	struct smtp_queue *q = arg;
	atomic_store(&q->woken, false);
	kick(q);
}

/* The store's hook; any thread. */
static void
on_change(void *arg)
{
	struct smtp_queue *q = arg;
	if (!atomic_exchange(&q->woken, true))
		loop_post(q->smtp->deps.loop, wake_in_loop, q);
}

enum rc
smtp_queue_new(struct smtp *s, struct smtp_queue **ret)
{
	struct smtp_queue *q = xcalloc(1, sizeof(*q));
	q->smtp = s;
	list_init(&q->runs);
	q->conf = (struct smtp_delivery_conf){
		.loop = s->deps.loop,
		.hostname = s->conf.hostname,
		.relay = s->conf.relay,
		.port = (uint16_t)s->conf.relay_port,
		.tls = s->tls_any,
		.tls_verify = s->tls_verify,
		.deadline_ms = DEADLINE_MS,
	};
	store_queue_on_change(s->deps.store, on_change, q);
	*ret = q;
	return RC_OK;
}

static void
reclaim_work(void *arg)
{
	struct smtp_queue *q = arg;
	enum rc rc = store_queue_reclaim(q->smtp->deps.store);
	if (rc)
		log_warn(NULL, "smtp.queue fault", "step=%s rc=%s", "reclaim",
		         LOG_STR(span_str(rc_str(rc))));
}

static void
reclaim_done(void *arg)
{
	struct smtp_queue *q = arg;
	q->started = true;
	kick(q);
}

void
smtp_queue_start(struct smtp_queue *q)
{
	struct dns_conf conf = { .server = q->smtp->conf.dns_server[0]
		                                   ? q->smtp->conf.dns_server
		                                   : NULL };
	struct err err;
	loop_timer_init(&q->timer, q->smtp->deps.loop, on_timer, q);
	if (dns_new(q->smtp->deps.loop, &conf, &q->dns, &err))
		log_error(NULL, "smtp.dns fault", "why=%s", LOG_STR(span_str(err.text)));
	q->conf.dns = q->dns;
	job_run(q->smtp->deps.jobs, 0, q->smtp->deps.loop, reclaim_work, reclaim_done, q);
}

void
smtp_queue_drain(struct smtp_queue *q)
{
	q->draining = true;
}

void
smtp_queue_stop(struct smtp_queue *q)
{
	if (q->stopped)
		return;
	q->stopped = true;
	if (q->timer.fn)
		loop_timer_clear(&q->timer);
	/* Their leases end when the next process starts. */
	list_each_safe(r, &q->runs, struct run, link)
		run_free(r);
	dns_free(TAKE(q->dns));
}

static void
hurry_work(void *arg)
{
	struct smtp_queue *q = arg;
	enum rc rc = store_queue_hurry(q->smtp->deps.store, clock_wall_ms());
	if (rc)
		log_warn(NULL, "smtp.queue fault", "step=%s rc=%s", "flush",
		         LOG_STR(span_str(rc_str(rc))));
}

void
smtp_queue_flush_all(struct smtp_queue *q)
{
	job_submit(q->smtp->deps.jobs, 0, hurry_work, q);
}

void
smtp_queue_free(struct smtp_queue *q)
{
	if (!q)
		return;
	store_queue_on_change(q->smtp->deps.store, NULL, NULL);
	free(q);
}
