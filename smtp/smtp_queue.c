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
#include "smtp/smtp_group.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_settle.h"
#include "store/store_node.h"

/* A lease lasts as long as its node lives; this is for what a node forgot. */
#define LEASE_MS (INT64_C(2) * 60 * 60 * 1000)
#define LEASE_BULK_MS (INT64_C(2) * 60 * 1000) /* a slice takes milliseconds */
#define DEADLINE_MS (INT64_C(25) * 60 * 1000)  /* of an attempt: well within the lease */
#define SLEEP_MAX_MS (INT64_C(60) * 60 * 1000) /* look at the wall clock again */
/* Other nodes may add something, and nobody tells of it. */
#define SHARED_SLEEP_MAX_MS 3000

/* Two kinds of entries that do not wait for each other. */
enum lane_kind { LANE_OUT, LANE_BULK };
#define LANES 2
/* Slices of groups at a time; as jobs they get a part of the workers only. */
#define BULK_PARALLEL 4

struct lane {
	struct smtp_queue *queue;
	enum lane_kind kind;
	struct loop_timer timer;
	size_t active; /* runs, and the lease under way */
	bool leasing;
	bool again; /* something became due while a lease was under way */
};

struct smtp_queue {
	_Atomic bool woken; /* of all threads; the rest is the loop's */
	struct smtp *smtp;
	struct dns *dns;
	struct smtp_delivery_conf conf;
	struct lane lanes[LANES];
	struct list runs; /* being delivered */
	bool started;
	bool draining;
	bool stopped;
};

/* One entry of the queue, from lease to settlement. */
struct run {
	struct list link;
	struct smtp_queue *queue;
	struct lane *lane;
	struct smtp_settle what;
	struct smtp_group_run group;
	struct smtp_delivery *delivery;
	struct loop_timer again; /* the settlement failed: once more */
	struct log_ctx log;
	int64_t next_ms; /* when nothing was due */
	bool settled;
	bool goes_on; /* a group, and not all of it is written */
	enum rc rc;
};

static void kick(struct lane *lane);
static void on_change(void *arg);

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
	loop_timer_clear(&r->again);
	smtp_group_run_done(&r->group);
	smtp_settle_done(&r->what);
	log_ctx_done(&r->log);
	list_remove(&r->link);
	free(r);
}

static void settle_again(void *arg);

static struct run *
run_new(struct lane *lane)
{
	struct run *r = xcalloc(1, sizeof(*r));
	r->queue = lane->queue;
	r->lane = lane;
	list_init(&r->link);
	loop_timer_init(&r->again, r->queue->smtp->deps.loop, settle_again, r);
	smtp_settle_init(&r->what, r->queue->smtp);
	return r;
}

static void
settle_work(void *arg)
{
	struct run *r = arg;
	r->rc = smtp_settle_write(&r->what, &r->log);
}

/* What was sent must not be sent again only because the database was away when it was to
 * be noted: the lease stays, and so does what is known. */
static bool
tries_again(struct run *r)
{
	struct smtp_queue *q = r->queue;
	if (q->stopped || (r->rc != RC_AGAIN && r->rc != RC_IO))
		return false;
	list_push_back(&q->runs, &r->link);
	loop_timer_set(&r->again, SMTP_SETTLE_PAUSE_MS);
	return true;
}

static void
settle_done(void *arg)
{
	struct run *r = arg;
	struct lane *lane = r->lane;
	if (tries_again(r))
		return;
	run_free(r);
	lane->active--;
	kick(lane);
}

static void
settle(struct run *r)
{
	list_remove(&r->link);
	job_run(r->queue->smtp->deps.jobs, 0, r->queue->smtp->deps.loop, settle_work,
	        settle_done, r);
}

static void
settle_again(void *arg)
{
	settle(arg);
}

static void
on_delivered(void *arg)
{
	struct run *r = arg;
	smtp_delivery_free(TAKE(r->delivery));
	settle(r);
}

/* A few members a job, so that others have their turn between. */
static void
group_work(void *arg)
{
	struct run *r = arg;
	r->goes_on = smtp_group_run_step(&r->group);
	if (!r->goes_on)
		r->rc = smtp_group_run_settle(&r->group);
	/* Each member gets it once, whatever was done: from the start. */
	r->what.put_back = r->rc != RC_OK;
}

static void
lease_work(void *arg)
{
	struct run *r = arg;
	struct smtp_settle *w = &r->what;
	struct store *store = r->queue->smtp->deps.store;
	bool bulk = r->lane->kind == LANE_BULK;
	r->rc = store_queue_lease(store, bulk, clock_wall_ms(),
	                          bulk ? LEASE_BULK_MS : LEASE_MS, w->arena, &w->entry,
	                          &r->next_ms);
	if (r->rc)
		return;
	log_ctx_init(&r->log, NULL, "queue=%" PRIu64, w->entry.id);
	if (bulk) {
		on_change(r->queue); /* the next slice beside this one */
		r->settled = true;
		r->rc = smtp_group_run_init(&r->group, w, &r->log);
		w->put_back = r->rc != RC_OK;
		if (r->rc == RC_OK)
			group_work(r);
		return;
	}
	r->rc = store_queue_content(store, w->entry.id, &w->content);
	if (r->rc == RC_OK)
		r->rc = store_domain_find(store, w->entry.hop);
	w->put_back = r->rc != RC_OK && r->rc != RC_NOT_FOUND;
	smtp_settle_begin(w, &r->log);
	/* Mail of ours that waited: a folder that could not be written, or it was held.
	 */
	if (r->rc == RC_OK)
		smtp_settle_deliver_here(w);
	r->settled = r->rc != RC_NOT_FOUND;
	r->rc = r->settled ? smtp_settle_write(w, &r->log) : RC_OK;
}

static void
sleep_until(struct lane *lane, int64_t when_ms)
{
	int64_t pause = when_ms - clock_wall_ms();
	int64_t max = store_is_shared(lane->queue->smtp->deps.store) ? SHARED_SLEEP_MAX_MS
	                                                             : SLEEP_MAX_MS;
	if (when_ms == INT64_MAX || pause > max)
		pause = max;
	loop_timer_set(&lane->timer, pause > 0 ? (uint64_t)pause : 0);
}

static void
lease_done(void *arg)
{
	struct run *r = arg;
	struct smtp_queue *q = r->queue;
	struct lane *lane = r->lane;
	lane->leasing = false;
	if (r->goes_on && !q->stopped) {
		job_run_bulk(q->smtp->deps.jobs, q->smtp->deps.loop, group_work,
		             lease_done, r);
		return;
	}
	if (r->rc == RC_OK && !r->settled && !q->stopped) {
		list_push_back(&q->runs, &r->link);
		r->delivery = smtp_delivery_new(&q->conf, r->what.entry.hop, &r->what.job,
		                                on_delivered, r);
		kick(lane);
		return;
	}
	enum rc rc = r->rc;
	int64_t next_ms = r->next_ms;
	if (r->settled && tries_again(r)) {
		kick(lane);
		return;
	}
	rc = r->settled ? RC_OK : rc;
	run_free(r);
	lane->active--;
	if (q->stopped)
		return;
	if (rc == RC_NOT_FOUND) {
		sleep_until(lane, next_ms);
		if (!lane->again)
			return;
	} else if (rc) {
		log_warn(NULL, "smtp.queue fault", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
		loop_timer_set(&lane->timer, SMTP_SETTLE_PAUSE_MS);
		return;
	}
	kick(lane);
}

/* Leases what is due, one at a time, while there is room for another attempt. In the lane
 * of bulk the lease and the attempt are one job, and who has leased calls for the next.
 */
static void
kick(struct lane *lane)
{
	struct smtp_queue *q = lane->queue;
	struct jobs *jobs = q->smtp->deps.jobs;
	struct loop *loop = q->smtp->deps.loop;
	bool bulk = lane->kind == LANE_BULK;
	size_t max = bulk ? BULK_PARALLEL : (size_t)q->smtp->conf.queue_parallel;
	if (!q->started || q->draining || q->stopped)
		return;
	if (lane->leasing && !bulk) {
		lane->again = true;
		return;
	}
	if (lane->active >= max)
		return;
	lane->again = false;
	lane->leasing = true;
	lane->active++;
	loop_timer_clear(&lane->timer);
	if (bulk)
		job_run_bulk(jobs, loop, lease_work, lease_done, run_new(lane));
	else
		job_run(jobs, 0, loop, lease_work, lease_done, run_new(lane));
}

static void
kick_all(struct smtp_queue *q)
{
	for (int i = 0; i < LANES; i++)
		kick(&q->lanes[i]);
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
	kick_all(q);
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
	for (int i = 0; i < LANES; i++)
		q->lanes[i] = (struct lane){ .queue = q, .kind = (enum lane_kind)i };
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
	kick_all(q);
}

void
smtp_queue_start(struct smtp_queue *q)
{
	struct dns_conf conf = { .server = q->smtp->conf.dns_server[0]
		                                   ? q->smtp->conf.dns_server
		                                   : NULL };
	struct err err;
	for (int i = 0; i < LANES; i++)
		loop_timer_init(&q->lanes[i].timer, q->smtp->deps.loop, on_timer,
		                &q->lanes[i]);
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
	for (int i = 0; i < LANES; i++)
		if (q->lanes[i].timer.fn)
			loop_timer_clear(&q->lanes[i].timer);
	/* Their leases end with this node's life. */
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
