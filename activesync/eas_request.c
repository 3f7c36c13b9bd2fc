/* SPDX-License-Identifier: ISC
 *
 * eas_request.c - from HTTP to a command and back: [MS-ASHTTP] 2.2, 3.2.5.
 *
 * In the loop: parse the query, hold the request. In a worker, on a strand of the name
 * that signs in: check the password. In the same worker, on the user's strand: run the
 * command; where the password had to be hashed, the loop sends it there. In the loop
 * again: answer, or let go of everything but a few words and wait. A wake
 * goes back to the user's strand, and the command looks again.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "activesync/eas_beat.h"
#include "activesync/eas_sign_in.h"
#include "activesync/eas_waits.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/store_directory.h"

#define WBXML_TYPE "application/vnd.ms-sync.wbxml"

static struct metric waiting_metric =
	METRIC_GAUGE("godwit_activesync_waiting", "Long polls of devices now.");
static struct metric requests_metric =
	METRIC_COUNTER("godwit_activesync_requests_total", "Requests of devices.");

static void run_command(struct eas_request *q);

void
eas_request_register_metrics(void)
{
	metric_register(&waiting_metric);
	metric_register(&requests_metric);
	eas_command_register_metrics();
}

void
eas_request_unref(struct eas_request *q)
{
	if (atomic_fetch_sub(&q->refs, 1) == 1)
		free(q);
}

static void
drop_call(struct eas_request *q)
{
	struct eas_call *c = q->call;
	struct arena *a;

	if (!c)
		return;
	q->call = NULL;
	push_wait_free(c->wait);
	buf_done(&c->out);
	log_ctx_done((struct log_ctx *)(uintptr_t)c->log);
	a = c->arena;
	arena_free(a);
}

/* How long the connection was silent tells something of the network, once the device
 * comes again. Before q is answered or freed. */
static void
note_end(struct eas_request *q, enum eas_beat_end end)
{
	uint64_t now = clock_mono_ms();
	uint64_t left_ms = q->deadline_ms > now ? q->deadline_ms - now : 0;
	uint64_t all_ms = q->granted_s * UINT64_C(1000);
	const struct eas_beat_note n = {
		.user = q->user,
		.device = q->device,
		.connection = http_connection_id(q->r),
		.network = eas_beat_network(q->r->peer),
		.end = end,
		.asked_s = q->asked_s,
		.lasted_s = all_ms > left_ms ? (uint32_t)((all_ms - left_ms) / 1000) : 0,
		.ended_ms = now,
	};

	if (q->asked_s > 0)
		eas_beat_note(q->eas->beats, &n);
}

/* A client that hung up tells nothing: it had its reasons. */
static void
note_gone(struct eas_request *q)
{
	if (!q->wait)
		return;
	switch (http_gone_how(q->r)) {
	case HTTP_GONE_RESET:
		note_end(q, EAS_BEAT_RESET);
		break;
	case HTTP_GONE_SILENT:
		note_end(q, EAS_BEAT_SILENT);
		break;
	case HTTP_GONE_LEFT:
		break;
	}
}

/* The end of q in its loop: the waiter goes with it. The HTTP request is not touched. */
static void
finish(struct eas_request *q)
{
	push_wait_free(q->wait);
	q->wait = NULL;
	eas_waits_remove(q);
	metric_set(&waiting_metric, (int64_t)eas_waiting(q->eas));
	drop_call(q);
	if (q->r) {
		q->r->user_data = NULL;
		q->r = NULL;
	}
	eas_request_unref(q);
}

static void
on_gone(struct http_request *r)
{
	struct eas_request *q = r->user_data;

	/* While a job runs, its end finds out. */
	if (q)
		atomic_store(&q->gone, true);
	if (q && q->sign_in) {
		eas_sign_in_cancel(q->sign_in);
	} else if (q && !q->busy) {
		note_gone(q);
		finish(q);
	}
}

/* Takes a. */
static struct eas_call *
new_call(struct eas_request *q, struct arena *a)
{
	struct eas_call *c = arena_new_of(a, struct eas_call);
	struct log_ctx *log = arena_new_of(a, struct log_ctx);

	log_ctx_init(log, &q->r->log, "dev=%s", LOG_STR(span_str(q->device_id)));
	c->eas = q->eas;
	c->arena = a;
	c->log = log;
	c->peer = q->r->peer;
	c->connection = http_connection_id(q->r);
	c->http_status = 500;
	c->loop = q->loop;
	q->call = c;
	return c;
}

/* --- answering --- */

static void
set_headers(struct http_request *r)
{
	http_set_header(r, "MS-Server-ActiveSync", "16.1");
	http_set_header(r, "Cache-Control", "private");
}

static void
respond(struct eas_request *q)
{
	struct eas_call *c = q->call;
	struct http_request *r = q->r;

	if (c->resumed && c->http_status == 200)
		note_end(q, EAS_BEAT_ANSWERED);
	set_headers(r);
	if (c->http_status == 401)
		http_set_header(r, "WWW-Authenticate", EAS_CHALLENGE);
	if (c->retry_after_s > 0)
		http_set_headerf(r, "Retry-After", "%" PRIu64, c->retry_after_s);
	if (c->throttle) /* MS-ASHTTP 2.2.2.1.2.13 */
		http_set_header(r, "X-MS-ASThrottle", c->throttle);
	if (buf_len(&c->out) > 0)
		http_set_header(r, "Content-Type",
		                c->content_type ? c->content_type : WBXML_TYPE);
	http_respond(r, c->http_status, &c->out);
	if (c->moved_us != 0 && c->command)
		push_answered(c->command->start == eas_ping_start ? PUSH_KIND_PING
		                                                  : PUSH_KIND_SYNC,
		              c->moved_us);
}

void
eas_request_end(struct eas_request *q)
{
	struct buf out = BUF_INIT(1024);

	if (q->busy) {
		q->superseded = true;
		return;
	}
	eas_command_timeout(q->command, &out);
	set_headers(q->r);
	if (buf_len(&out) > 0)
		http_set_header(q->r, "Content-Type", WBXML_TYPE);
	http_respond(q->r, 200, &out);
	buf_done(&out);
	finish(q);
}

static void
on_drain(struct http_request *r)
{
	struct eas_request *q = r->user_data;

	if (q)
		eas_request_end(q);
}

/* --- waiting --- */

static void
resume(struct eas_request *q, uint64_t moved_us)
{
	struct eas_call *c;
	uint64_t now = clock_mono_ms();

	push_wait_free(q->wait);
	q->wait = NULL;
	q->fired = false;
	c = new_call(q, arena_new());
	c->resumed = true;
	c->moved_us = moved_us;
	c->wait_ms = q->deadline_ms > now ? q->deadline_ms - now : 1;
	c->wait_token = q->wait_token;
	c->user.id = q->user;
	c->device.number = q->device;
	c->query.command = span_str(q->command->name);
	c->query.version = q->version;
	c->query.device_id = span_str(q->device_id);
	c->query.device_type = c->query.user = SPAN("");
	c->body = c->user_agent = SPAN("");
	run_command(q);
}

static void
on_wake(enum push_wake why, void *arg)
{
	struct eas_request *q = arg;

	if (q->busy) { /* the job still looks; its end looks again */
		q->fired |= why == PUSH_WAKE_CHANGED;
		q->expired |= why == PUSH_WAKE_DEADLINE;
		return;
	}
	if (why == PUSH_WAKE_DEADLINE) {
		note_end(q, EAS_BEAT_ANSWERED);
		eas_request_end(q);
		return;
	}
	log_debug(&q->r->log, "eas.wake", "cmd=%s waited_ms=%" PRIu64, q->command->name,
	          push_wait_age_ms(q->wait));
	resume(q, push_wait_moved_us(q->wait));
}

/* Nothing of the request stays but q: its body and all that was parsed go. */
static void
park(struct eas_request *q)
{
	struct eas_call *c = q->call;
	uint64_t now = clock_mono_ms();

	q->wait = TAKE(c->wait);
	q->command = c->command;
	q->version = c->query.version;
	q->user = c->user.id;
	q->password_version = c->user.password_version;
	q->device = c->device.number;
	q->wait_token = c->wait_token;
	/* Who was shut out between the look at that and the subscription is not woken. */
	q->fired |= c->access_moves != push_access_moves(q->eas->deps.push);
	if (!c->resumed) {
		q->deadline_ms = spread_end(&q->eas->spread, now + c->wait_ms);
		q->granted_s = (uint16_t)(c->wait_ms / 1000);
		q->asked_s = c->asked_s < UINT16_MAX ? (uint16_t)c->asked_s : UINT16_MAX;
	}
	push_wait_arm(q->wait, q->device,
	              q->deadline_ms > now ? q->deadline_ms - now : 1);
	drop_call(q);
	http_park(q->r);
	http_on_drain(q->r, on_drain);
	if (q->expired || q->superseded) { /* not listed: a newer one may be */
		eas_request_end(q);
		return;
	}
	eas_waits_add(q);
	metric_set(&waiting_metric, (int64_t)eas_waiting(q->eas));
	if (q->fired)
		resume(q, 0);
}

/* --- the command --- */

static void
work_command(void *arg)
{
	struct eas_request *q = arg;
	struct eas_call *c = q->call;

	/* It was too long in the queue for its client. Nothing was done: what it asks for
	 * it asks for again. */
	if (atomic_load(&q->gone))
		return;
	if (c->resumed) {
		enum rc rc = store_user_load(q->eas->deps.store, c->user.id, c->arena,
		                             &c->user);

		if (rc == RC_OK &&
		    (c->user.disabled || c->user.password_version != q->password_version))
			rc = RC_NOT_FOUND;
		if (rc != RC_OK) {
			if (rc == RC_NOT_FOUND)
				log_info(c->log, "eas.wait ended", "why=\"signed out\"");
			c->http_status = rc == RC_NOT_FOUND ? 401 : 503;
			c->retry_after_s = rc == RC_NOT_FOUND ? 0 : eas_retry_after_s();
			return;
		}
	}
	c->on_wake = on_wake;
	c->wake_arg = q;
	eas_command_run(c);
}

/* A device that asks to be held again has most likely lost the line on which it waits. */
static void
end_older(struct eas_request *q)
{
	struct eas_call *c = q->call;

	/* What is refused has been granted no time. */
	if (!c->wait || c->wait_ms == 0 || c->resumed || c->device.number == 0)
		return;
	q->user = c->user.id;
	q->device = c->device.number;
	eas_waits_end_older(q);
}

static void
end_command(struct eas_request *q)
{
	q->busy = false;
	if (http_is_gone(q->r)) {
		finish(q);
	} else if (q->call->waiting) {
		park(q);
	} else {
		end_older(q);
		respond(q);
		finish(q);
	}
}

static void
done_command(void *arg)
{
	struct eas_request *q = arg;
	struct http_request *r = q->r;

	end_command(q);
	http_release(r);
}

static void
run_command(struct eas_request *q)
{
	q->busy = true;
	http_hold(q->r);
	job_run(q->eas->deps.jobs, q->call->user.id, q->loop, work_command, done_command,
	        q);
}

/* --- signing in --- */

/* MS-ASHTTP 3.2.5.2: both lists are printed from the table. */
static void
respond_options(struct eas_request *q)
{
	AUTO_DONE(buf) struct buf versions = BUF_INIT(256);
	AUTO_DONE(buf) struct buf commands = BUF_INIT(1024);

	eas_version_list(&versions);
	eas_command_list(&commands);
	set_headers(q->r);
	http_set_header(q->r, "Allow", "OPTIONS,POST");
	http_set_header(q->r, "Public", "OPTIONS,POST");
	http_set_headerf(q->r, "MS-ASProtocolVersions", "%.*s",
	                 SPAN_FMT(buf_span(&versions)));
	http_set_headerf(q->r, "MS-ASProtocolCommands", "%.*s",
	                 SPAN_FMT(buf_span(&commands)));
	http_respond(q->r, 200, NULL);
}

/* --- a device that cannot sign in any more, and is to be wiped --- */

static void
work_wipe_key(void *arg)
{
	struct eas_request *q = arg;
	struct eas_call *c = q->call;

	c->key_rc = mdm_wipe_by_key(q->eas->deps.mdm, c->user.address, SPAN("activesync"),
	                            c->query.device_id, c->query.policy_key, c->peer,
	                            c->arena, &c->user);
}

static void
done_wipe_key(void *arg)
{
	struct eas_request *q = arg;
	struct http_request *r = q->r;

	q->busy = false;
	if (http_is_gone(r)) {
		finish(q);
	} else if (q->call->key_rc == RC_OK) {
		q->call->by_key = true;
		run_command(q);
	} else {
		eas_sign_in_refuse(q->call->refused);
		finish(q);
	}
	http_release(r);
}

/* A changed password must not keep a lost device from its wipe. Guessing the key costs a
 * failed sign-in each. */
static bool
tries_wipe_key(struct eas_request *q, struct eas_sign_in *s)
{
	struct eas_call *c = q->call;

	if (s->rc != RC_DENIED || c->query.policy_key == 0 || s->ask.address.n == 0)
		return false;
	c->refused = s;
	c->user.address = s->ask.address;
	q->busy = true;
	http_hold(q->r);
	job_run(q->eas->deps.jobs, 0, q->loop, work_wipe_key, done_wipe_key, q);
	return true;
}

/* In the worker that knew the password. */
static void
work_signed_in(struct eas_sign_in *s)
{
	struct eas_request *q = s->arg;

	q->call->user = s->ask.user;
	work_command(q);
}

static void
on_signed_in(struct eas_sign_in *s)
{
	struct eas_request *q = s->arg;
	struct http_request *r = s->r;
	struct eas_call *c = q->call;

	q->busy = false;
	q->sign_in = NULL;
	if (s->ask.has_gone_on) {
		end_command(q);
		return;
	}
	if (http_is_gone(r)) {
		finish(q);
		return;
	}
	if (s->rc != RC_OK) {
		if (!tries_wipe_key(q, s)) {
			eas_sign_in_refuse(s);
			finish(q);
		}
		return;
	}
	c->user = s->ask.user;
	if (span_is(r->method, "OPTIONS")) {
		respond_options(q);
		finish(q);
		return;
	}
	run_command(q);
}

static enum rc
parse(struct http_request *r, struct arena *a, struct eas_query *ret)
{
	struct eas_query_headers h = {
		.version = http_header_get(r, "ms-asprotocolversion"),
		.policy_key = http_header_get(r, "x-ms-policykey"),
		.accept_multipart = http_header_get(r, "ms-asacceptmultipart"),
	};

	if (span_is(r->method, "OPTIONS")) {
		*ret = (struct eas_query){ .device_id = SPAN("") };
		return RC_OK;
	}
	return eas_query_parse(r->query, &h, a, ret);
}

static struct eas_request *
new_request(struct eas *e, struct http_request *r, struct span device_id)
{
	struct eas_request *q = xcalloc(1, sizeof(*q) + device_id.n + 1);

	memcpy(q->device_id, device_id.p, device_id.n);
	q->eas = e;
	q->r = r;
	q->loop = r->loop;
	atomic_init(&q->refs, 1);
	r->user_data = q;
	http_on_gone(r, on_gone);
	return q;
}

void
eas_request_handler(struct http_request *r, void *arg)
{
	struct eas *e = arg;
	struct arena *a;
	struct eas_request *q;
	struct eas_query query;
	struct eas_call *c;

	metric_add(&requests_metric, 1);
	if (!span_is(r->method, "POST") && !span_is(r->method, "OPTIONS")) {
		http_set_header(r, "Allow", "OPTIONS,POST");
		http_respond_text(r, 405, "This is an ActiveSync server.");
		return;
	}
	if (r->body.n > e->conf->body_max) {
		http_respond_text(r, 413, "The request is too large.");
		return;
	}
	a = arena_new();
	if (parse(r, a, &query) != RC_OK) {
		arena_free(a);
		set_headers(r);
		http_respond_text(r, 400, "No ActiveSync request.");
		return;
	}
	q = new_request(e, r, query.device_id);
	c = new_call(q, a);
	c->query = query;
	c->body = r->body;
	c->user_agent = http_header_get(r, "user-agent");
	if (!c->user_agent.p)
		c->user_agent = SPAN("");
	q->busy = true;
	q->sign_in =
		eas_sign_in(e, r, a, span_is(r->method, "POST") ? work_signed_in : NULL,
	                    on_signed_in, q);
}
