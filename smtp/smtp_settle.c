/* SPDX-License-Identifier: ISC
 *
 * smtp_settle.c - from the outcomes of an attempt to bounces, removals and the next try.
 */
#include "smtp/smtp_settle.h"

#include <inttypes.h>

#include "base/clock.h"
#include "smtp/smtp_bounce.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_queue.h"
#include "smtp/smtp_reply.h"
#include "store/store_node.h"

void
smtp_settle_init(struct smtp_settle *w, struct smtp *s)
{
	*w = (struct smtp_settle){ .smtp = s,
		                   .arena = arena_new(),
		                   .content = BUF_INIT(0) };
}

void
smtp_settle_done(struct smtp_settle *w)
{
	buf_done(&w->content);
	arena_free(w->arena);
}

/* A node that slept for so long that another may have its entries sends nothing. */
static bool
node_is_live(void *arg)
{
	return store_node_is_live(arg);
}

void
smtp_settle_begin(struct smtp_settle *w, const struct log_ctx *log)
{
	struct store_queue_entry *e = &w->entry;
	w->began_ms = clock_mono_ms();
	w->job = (struct smtp_job){
		.arena = w->arena,
		.hostname = w->smtp->conf.hostname,
		.sender = e->sender,
		.envelope_id = e->envelope_id,
		.ret = e->ret,
		.smtputf8 = e->smtputf8,
		.body_8bit = e->body_8bit,
		.message = buf_span(&w->content),
		.rcpts = arena_array(w->arena, e->n_rcpts, struct smtp_outcome),
		.n_rcpts = e->n_rcpts,
		.log = log,
		.may_go_on = node_is_live,
		.may_arg = w->smtp->deps.store,
	};
	for (size_t i = 0; i < e->n_rcpts; i++)
		w->job.rcpts[i] = (struct smtp_outcome){
			.address = e->rcpts[i].address,
			.notify = e->rcpts[i].notify,
			.orcpt = e->rcpts[i].orcpt,
		};
}

void
smtp_settle_deliver_here(struct smtp_settle *w)
{
	AUTO(smtp_envelope)
	struct smtp_envelope *env = smtp_envelope_new();
	AUTO_DONE(buf) struct buf content = BUF_INIT(0);
	char id[17];
	size_t skip = smtp_trace_return_path(w->entry.sender, &content);
	buf_add_span(&content, w->job.message);
	env->sender = w->entry.sender;
	env->ret = w->entry.ret;
	env->envelope_id = w->entry.envelope_id;
	env->smtputf8 = w->entry.smtputf8;
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		struct smtp_rcpt *to = smtp_envelope_add(env, w->job.rcpts[i].address);
		to->notify = w->job.rcpts[i].notify;
		to->orcpt = w->job.rcpts[i].orcpt;
	}
	struct smtp_mail m = { .env = env,
		               .content = buf_span(&content),
		               .return_path_len = skip,
		               .id = smtp_message_new_id(id),
		               .protocol = "smtp",
		               .junk = w->entry.junk,
		               .token = w->entry.token,
		               .each = true };
	enum rc rc = smtp_deliver(w->smtp, &m);
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		struct smtp_outcome *o = &w->job.rcpts[i];
		enum smtp_reply reply = smtp_reply_from_rc(env->rcpts[i].rc);
		o->status = span_str(smtp_reply_enhanced(reply));
		o->note = span_str(smtp_reply_text(reply));
		if (env->rcpts[i].rc == RC_OK)
			o->state = rc ? SMTP_SENT_LATER : SMTP_SENT_SENT;
		else
			o->state = smtp_reply_code(reply) >= 500 ? SMTP_SENT_FAILED
			                                         : SMTP_SENT_LATER;
	}
}

static bool
is_over(const struct smtp_settle *w, int64_t now)
{
	return now - w->entry.queued_ms >= (int64_t)w->smtp->conf.queue_life_ms;
}

static bool
waits(const struct smtp_outcome *o)
{
	return o->state == SMTP_SENT_LATER || o->state == SMTP_SENT_WAITING ||
	       o->state == SMTP_SENT_TAKEN;
}

/* Sends one notice about the recipients that pick() wants. */
static enum rc
tell(struct smtp_settle *w, enum smtp_bounce_action action, int64_t now,
     bool (*pick)(const struct smtp_outcome *))
{
	struct smtp_bounce_rcpt *list =
		arena_array(w->arena, w->job.n_rcpts, struct smtp_bounce_rcpt);
	char *id = arena_printf(w->arena, "q%" PRIu64, w->entry.id);
	size_t n = 0;
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		const struct smtp_outcome *o = &w->job.rcpts[i];
		if (!pick(o))
			continue;
		struct span text = o->response;
		if (!text.n) {
			/* RFC 3464 2.3.6: in the form of a reply, since ours is SMTP too.
			 */
			const char *code =
				action == SMTP_BOUNCE_ACTION_FAILED ? "550" : "450";
			text = span_str(arena_printf(w->arena, "%s %.*s %.*s", code,
			                             SPAN_FMT(o->status),
			                             SPAN_FMT(o->note)));
		}
		list[n++] = (struct smtp_bounce_rcpt){
			.address = o->address,
			.orcpt = o->orcpt,
			.notify = o->notify,
			.status = o->status,
			.response = text,
			.remote = o->remote,
		};
	}
	struct smtp_bounce b = {
		.action = action,
		.sender = w->entry.sender,
		.envelope_id = w->entry.envelope_id,
		.ret = w->entry.ret,
		.arrived_ms = w->entry.queued_ms,
		.now_ms = now,
		.retry_until_ms =
			w->entry.queued_ms + (int64_t)w->smtp->conf.queue_life_ms,
		.hostname = w->smtp->conf.hostname,
		.rcpts = list,
		.n_rcpts = n,
		.message = w->job.message,
	};
	return smtp_bounce_send(w->smtp, &b, id);
}

static bool
is_failed(const struct smtp_outcome *o)
{
	return o->state == SMTP_SENT_FAILED;
}

static bool
is_relayed(const struct smtp_outcome *o)
{
	return o->state == SMTP_SENT_RELAYED;
}

static void
log_outcomes(const struct smtp_settle *w, const struct log_ctx *log)
{
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		const struct smtp_outcome *o = &w->job.rcpts[i];
		log_info(log, "smtp.out",
		         "from=%s to=%s result=%s status=%s host=%s response=%s size=%zu "
		         "attempt=%u ms=%" PRIu64,
		         LOG_STR(w->entry.sender), LOG_STR(o->address),
		         smtp_sent_str(o->state), LOG_STR(o->status), LOG_STR(o->remote),
		         LOG_STR(o->response.n ? o->response : o->note), w->job.message.n,
		         w->entry.attempts + 1, clock_mono_ms() - w->began_ms);
		if (o->state == SMTP_SENT_SENT || o->state == SMTP_SENT_RELAYED)
			metric_add(&smtp_metric_sent, 1);
	}
}

/* RFC 5321 4.5.4.1: what is too old for another try has failed. */
static void
expire(struct smtp_settle *w, int64_t now)
{
	if (!is_over(w, now))
		return;
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		struct smtp_outcome *o = &w->job.rcpts[i];
		if (!waits(o))
			continue;
		o->state = SMTP_SENT_FAILED;
		o->status = SPAN("4.4.7");
	}
}

static size_t
count_waiting(const struct smtp_settle *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->job.n_rcpts; i++)
		n += waits(&w->job.rcpts[i]);
	return n;
}

static enum rc
remove_done(struct smtp_settle *w)
{
	struct span *done = arena_array(w->arena, w->job.n_rcpts, struct span);
	size_t n = 0;
	for (size_t i = 0; i < w->job.n_rcpts; i++)
		if (!waits(&w->job.rcpts[i]))
			done[n++] = w->job.rcpts[i].address;
	return n ? store_queue_done(w->smtp->deps.store, &w->entry, done, n) : RC_OK;
}

static enum rc
give_back(struct smtp_settle *w, int64_t now)
{
	const struct smtp_conf *conf = &w->smtp->conf;
	struct store_queue_entry *e = &w->entry;
	int64_t age = now - e->queued_ms, life = (int64_t)conf->queue_life_ms;
	int64_t warn = (int64_t)conf->delay_warn_ms;
	int64_t next = now + (int64_t)smtp_queue_pause_ms(
				     conf->retry_min_ms, conf->retry_max_ms, e->attempts);
	bool warned = e->delay_warned || w->told_delay;
	const char *error = "";
	for (size_t i = 0; i < w->job.n_rcpts; i++) {
		const struct smtp_outcome *o = &w->job.rcpts[i];
		struct span text = o->response.n ? o->response : o->note;
		if (waits(o))
			error = arena_printf(w->arena, "%.*s%s%.*s%s", SPAN_FMT(text),
			                     o->remote.n ? " (" : "", SPAN_FMT(o->remote),
			                     o->remote.n ? ")" : "");
	}
	if (warn && !warned && age >= warn)
		w->told_delay = warned =
			tell(w, SMTP_BOUNCE_ACTION_DELAYED, now, waits) == RC_OK;
	/* The warning and the end of its life do not wait for a long pause to be over. */
	if (warn && !warned && age < warn && next > e->queued_ms + warn)
		next = e->queued_ms + warn;
	if (next > e->queued_ms + life)
		next = e->queued_ms + life;
	enum rc rc =
		store_queue_retry(w->smtp->deps.store, e, next, span_str(error), warned);
	if (rc == RC_OK)
		metric_add(&smtp_metric_deferred, 1);
	return rc;
}

static enum rc
write_outcomes(struct smtp_settle *w, const struct log_ctx *log)
{
	int64_t now = clock_wall_ms();
	enum rc rc = RC_OK;
	if (!w->logged) {
		expire(w, now);
		log_outcomes(w, log);
		w->logged = true;
	}
	if (!w->told_failed)
		rc = tell(w, SMTP_BOUNCE_ACTION_FAILED, now, is_failed);
	if (rc == RC_AGAIN)
		return rc;
	w->told_failed = true;
	if (rc) {
		/* The sender cannot be told now, so nothing of it is forgotten. */
		for (size_t i = 0; i < w->job.n_rcpts; i++)
			if (is_failed(&w->job.rcpts[i]))
				w->job.rcpts[i].state = SMTP_SENT_LATER;
	}
	if (!w->told_relayed && tell(w, SMTP_BOUNCE_ACTION_RELAYED, now, is_relayed))
		log_warn(log, "smtp.dsn lost", "what=%s", "relayed");
	w->told_relayed = true;
	if (!w->removed) {
		rc = remove_done(w);
		if (rc)
			return rc;
		w->removed = true;
	}
	return count_waiting(w) ? give_back(w, now) : RC_OK;
}

enum rc
smtp_settle_write(struct smtp_settle *w, const struct log_ctx *log)
{
	struct store *store = w->smtp->deps.store;
	/* A node that was called dead while it slept must not tell the sender anything:
	 * the entry is another's. */
	enum rc rc = w->removed ? RC_OK : store_queue_holds(store, &w->entry);
	if (rc == RC_OK && w->put_back)
		rc = store_queue_put_back(store, &w->entry,
		                          clock_wall_ms() + SMTP_SETTLE_PAUSE_MS);
	else if (rc == RC_OK)
		rc = write_outcomes(w, log);
	if (rc == RC_CONFLICT)
		log_warn(log, "smtp.queue lease-lost", "entry=%" PRIu64, w->entry.id);
	else if (rc)
		log_warn(log, "smtp.queue fault", "step=%s rc=%s", "settle",
		         LOG_STR(span_str(rc_str(rc))));
	return rc;
}
