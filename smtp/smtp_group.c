/* SPDX-License-Identifier: ISC
 *
 * smtp_group.c - queueing a message for many users of ours, and writing it to them.
 */
#include "smtp/smtp_group.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/smtp_bounce.h"
#include "smtp/smtp_invite.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_oof.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_queue.h"
#include "smtp/smtp_reply.h"
#include "store/store_deliver.h"
#include "store/store_directory.h"

/* First pause before members are tried again: what fails here is our own store. */
#define RETRY_MS 5000

/* --- into the queue --- */

struct place {
	unsigned group; /* of store_deliver_group() */
	bool quiet;     /* NOTIFY=NEVER */
	uint64_t user;
	size_t rcpt;
};

static int
compare(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->quiet != b->quiet)
		return a->quiet ? 1 : -1;
	return a->user < b->user ? -1 : a->user > b->user;
}

static struct place *
in_order(struct smtp *s, const struct smtp_group *g, struct arena *a)
{
	struct place *list = arena_array(a, g->n, struct place);
	for (size_t i = 0; i < g->n; i++) {
		const struct smtp_group_member *m = &g->members[i];
		const struct smtp_rcpt *r = &g->mail->env->rcpts[m->rcpt];
		list[i] = (struct place){
			.group = store_deliver_group(s->deps.store, m->user),
			.quiet = smtp_notify_has(r->notify, "NEVER"),
			.user = m->user,
			.rcpt = m->rcpt,
		};
	}
	if (g->n)
		qsort(list, g->n, sizeof(*list), compare);
	return list;
}

/* What the entry shows as its recipient, when all came by the same. */
static void
set_shown(struct store_queue_entry *e, const struct smtp_group *g,
          const struct place *list, size_t n, struct arena *a)
{
	const struct smtp_rcpt *r = &g->mail->env->rcpts[list[0].rcpt];
	bool same = true;
	for (size_t i = 1; i < n; i++)
		same = same && list[i].rcpt == list[0].rcpt;
	e->n_rcpts = 1;
	e->rcpts = arena_new_of(a, struct store_queue_rcpt);
	*e->rcpts = (struct store_queue_rcpt){
		.address = same ? r->address : SPAN("several"),
		.notify = list[0].quiet ? SPAN("NEVER") : SPAN(""),
		.orcpt = same ? r->orcpt : SPAN(""),
	};
}

static size_t
slice_len(const struct place *list, size_t from, size_t n)
{
	size_t to = from + 1;
	while (to < n && to - from < SMTP_GROUP_SLICE &&
	       list[to].group == list[from].group && list[to].quiet == list[from].quiet)
		to++;
	return to - from;
}

enum rc
smtp_group_queue(struct smtp *s, struct smtp_group *g, struct arena *a)
{
	const struct smtp_mail *m = g->mail;
	const struct place *list = in_order(s, g, a);
	struct store_queue_entry *entries =
		arena_array(a, g->n, struct store_queue_entry);
	int64_t now = clock_wall_ms();
	size_t n = 0;
	for (size_t from = 0, len; from < g->n; from += len) {
		struct store_queue_entry *e = &entries[n++];
		len = slice_len(list, from, g->n);
		*e = (struct store_queue_entry){
			.sender = m->env->sender,
			.hop = span_str(s->conf.hostname),
			.envelope_id = m->env->envelope_id,
			.ret = m->env->ret,
			.smtputf8 = m->env->smtputf8,
			.size = m->content.n,
			.queued_ms = now,
			.next_ms = now,
			.token = g->token,
			.junk = m->junk,
			.members = arena_array(a, len, uint64_t),
			.n_members = len,
		};
		for (size_t i = 0; i < len; i++)
			e->members[i] = list[from + i].user;
		set_shown(e, g, list + from, len, a);
	}
	AUTO(store_content)
	struct store_content *content = NULL;
	enum rc rc =
		store_content_new_mail_copies(s->deps.store, m->content, g->n, &content);
	if (rc == RC_OK)
		rc = store_queue_add(s->deps.store, entries, n, content);
	if (rc == RC_OK)
		log_info(NULL, "smtp.group queued", "id=%s members=%zu slices=%zu", m->id,
		         g->n, n);
	return rc;
}

/* --- out of it --- */

/* What became of the members. */
struct outcome {
	const struct smtp_group_run *g;
	struct smtp_settle *w;
	uint64_t *left;
	size_t n_left;
	size_t n_done;
	struct smtp_bounce_rcpt *failed;
	size_t n_failed;
};

/* A user who was removed meanwhile has lost this mail with all the other. */
static void
note_failure(struct outcome *k, const struct store_delivery *d)
{
	struct smtp_settle *w = k->w;
	struct store_user u;
	enum smtp_reply reply = smtp_reply_from_rc(d->rc);
	log_warn(k->g->log, "smtp.group member lost", "user=%" PRIu64 " rc=%s", d->user,
	         LOG_STR(span_str(rc_str(d->rc))));
	if (store_user_load(w->smtp->deps.store, d->user, w->arena, &u) != RC_OK)
		return;
	k->failed[k->n_failed++] = (struct smtp_bounce_rcpt){
		.address = u.address,
		.notify = w->entry.n_rcpts ? w->entry.rcpts[0].notify : SPAN(""),
		.status = span_str(smtp_reply_enhanced(reply)),
		.response = span_str(
			arena_printf(w->arena, "%u %s %s", smtp_reply_code(reply),
		                     smtp_reply_enhanced(reply), smtp_reply_text(reply))),
	};
}

static void
sort_out(struct outcome *k)
{
	struct store_queue_entry *e = &k->w->entry;
	int64_t age = clock_wall_ms() - e->queued_ms;
	bool is_over = age >= (int64_t)k->w->smtp->conf.queue_life_ms;
	k->left = arena_array(k->w->arena, e->n_members, uint64_t);
	k->failed = arena_array(k->w->arena, e->n_members, struct smtp_bounce_rcpt);
	for (size_t i = 0; i < e->n_members; i++) {
		const struct store_delivery *d = &k->g->to[i];
		bool later = smtp_reply_code(smtp_reply_from_rc(d->rc)) < 500;
		if (d->rc == RC_OK)
			k->n_done++;
		else if (later && !is_over)
			k->left[k->n_left++] = d->user;
		else
			note_failure(k, d);
	}
}

/* The message as it came, in w->content, without our Return-Path. */
static enum rc
load_message(struct smtp_settle *w, struct span *ret)
{
	struct span all;
	enum rc rc = buf_len(&w->content) ? RC_OK
	                                  : store_queue_content(w->smtp->deps.store,
	                                                        w->entry.id, &w->content);
	if (rc)
		return rc;
	all = buf_span(&w->content);
	*ret = span_sub(
		all, span_starts(all, "Return-Path:") ? span_find(all, 0, '\n') + 1 : 0,
		all.n);
	return RC_OK;
}

/* The sender is told before the entry goes, as by smtp_settle_write(). */
static enum rc
tell_failed(struct outcome *k)
{
	struct smtp_settle *w = k->w;
	struct store_queue_entry *e = &w->entry;
	struct span message;
	if (!k->n_failed)
		return RC_OK;
	enum rc rc = load_message(w, &message);
	if (rc)
		return rc;
	int64_t now = clock_wall_ms();
	struct smtp_bounce b = {
		.action = SMTP_BOUNCE_ACTION_FAILED,
		.sender = e->sender,
		.envelope_id = e->envelope_id,
		.ret = e->ret,
		.arrived_ms = e->queued_ms,
		.now_ms = now,
		.hostname = w->smtp->conf.hostname,
		.rcpts = k->failed,
		.n_rcpts = k->n_failed,
		.message = message,
	};
	return smtp_bounce_send(w->smtp, &b, arena_printf(w->arena, "q%" PRIu64, e->id));
}

static enum rc
settle(struct outcome *k)
{
	const struct smtp_conf *conf = &k->w->smtp->conf;
	struct store *store = k->w->smtp->deps.store;
	struct store_queue_entry *e = &k->w->entry;
	enum rc rc = tell_failed(k);
	if (rc == RC_OK && k->n_left < e->n_members)
		rc = store_queue_members(store, e, k->left, k->n_left);
	if (rc || !k->n_left)
		return rc;
	uint64_t min = conf->retry_min_ms < RETRY_MS ? conf->retry_min_ms : RETRY_MS;
	uint64_t pause = smtp_queue_pause_ms(min, conf->retry_max_ms, e->attempts);
	metric_add(&smtp_metric_deferred, 1);
	return store_queue_retry(store, e, clock_wall_ms() + (int64_t)pause,
	                         SPAN("the store could not take it"), e->delay_warned);
}

enum rc
smtp_group_run_init(struct smtp_group_run *g, struct smtp_settle *w,
                    const struct log_ctx *log)
{
	struct store_queue_entry *e = &w->entry;
	*g = (struct smtp_group_run){ .settle = w,
		                      .log = log,
		                      .began_us = clock_mono_us() };
	enum rc rc = store_queue_content_get(w->smtp->deps.store, e->id, &g->content);
	if (rc)
		return rc;
	g->to = arena_array(w->arena, e->n_members, struct store_delivery);
	for (size_t i = 0; i < e->n_members; i++)
		g->to[i] = (struct store_delivery){
			.user = e->members[i],
			.folder = e->junk ? STORE_ROLE_JUNK : STORE_ROLE_INBOX,
			.token = e->token,
			.rc = RC_AGAIN,
		};
	return RC_OK;
}

/* Members who are away, or whose calendars answer; a group's own address is nobody's, so
 * who is away must be named. */
static void
answer_by_itself(struct smtp_group_run *g, size_t n)
{
	struct smtp_settle *w = g->settle;
	for (size_t i = 0; i < n; i++) {
		const struct store_delivery *d = &g->to[g->at + i];
		struct smtp_oof_request q = { .user = d->user,
			                      .sender = w->entry.sender,
			                      .id = "group" };
		struct smtp_invite_request ask = { .user = d->user, .id = "group" };
		if ((!d->oof && !d->asks) || load_message(w, &q.message) != RC_OK)
			continue;
		ask.message = q.message;
		if (d->asks && d->rc == RC_OK)
			smtp_invite_answer(w->smtp, &ask);
		if (d->oof)
			smtp_oof_answer(w->smtp, &q);
	}
}

bool
smtp_group_run_step(struct smtp_group_run *g)
{
	struct smtp_settle *w = g->settle;
	struct store_queue_entry *e = &w->entry;
	const struct store_actor who = { .protocol = "smtp" };
	size_t n = e->n_members - g->at;
	if (n > SMTP_GROUP_STEP)
		n = SMTP_GROUP_STEP;
	/* Each has a result of its own. */
	enum rc rc = store_deliver(w->smtp->deps.store, g->content, &who, e->queued_ms,
	                           g->to + g->at, n);
	if (rc)
		log_info(g->log, "smtp.group not all", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
	answer_by_itself(g, n);
	g->at += n;
	return g->at < e->n_members;
}

enum rc
smtp_group_run_settle(struct smtp_group_run *g)
{
	struct outcome k = { .g = g, .w = g->settle };
	sort_out(&k);
	enum rc rc = settle(&k);
	metric_add(&smtp_metric_local, (int64_t)k.n_done);
	log_info(g->log, "smtp.group slice",
	         "members=%zu done=%zu left=%zu failed=%zu rc=%s us=%" PRIu64,
	         k.w->entry.n_members, k.n_done, k.n_left, k.n_failed,
	         LOG_STR(span_str(rc_str(rc))), clock_mono_us() - g->began_us);
	return rc;
}

void
smtp_group_run_done(struct smtp_group_run *g)
{
	store_content_free(TAKE(g->content));
}
