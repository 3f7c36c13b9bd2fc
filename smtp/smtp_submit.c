/* SPDX-License-Identifier: ISC
 *
 * smtp_submit.c - a message handed in from inside: SendMail, meeting answers, vacation.
 */
#include "smtp/smtp_submit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/mime.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_reply.h"

#define ADDRESSES_MAX 10000

static enum rc
check_sender(struct smtp *s, const struct mail_submit_request *q, struct arena *a,
             struct err *err)
{
	struct store_route *routes;
	struct smtp_path path;
	size_t n;
	enum rc rc = smtp_parse_mailbox(q->sender, a, &path);
	if (rc == RC_OK)
		rc = store_route_find(s->deps.store, path.address, a, &routes, &n);
	if (rc == RC_AGAIN || rc == RC_IO)
		return err_set(err, rc, "the directory cannot be read now");
	if (rc || n != 1 || routes[0].user != q->user)
		return err_set(err, RC_DENIED,
		               "the sender address %.*s is not the user's",
		               SPAN_FMT(q->sender));
	return RC_OK;
}

static void
add_address(struct smtp_envelope *env, struct span address)
{
	struct smtp_path path;
	if (smtp_parse_mailbox(span_trim(address), env->arena, &path))
		return;
	for (size_t i = 0; i < env->n_rcpts; i++)
		if (span_ieq(env->rcpts[i].address, path.address))
			return;
	smtp_envelope_add(env, path.address);
}

static bool
collect_field(struct span name, struct span value, struct span whole UNUSED, void *arg)
{
	struct smtp_envelope *env = arg;
	if (!span_iis(name, "To") && !span_iis(name, "Cc") && !span_iis(name, "Bcc"))
		return true;
	struct mime_address *list = mime_address_parse(value, ADDRESSES_MAX, env->arena);
	for (; list; list = list->next)
		if (list->mailbox.n && list->host.n)
			add_address(env, span_str(arena_printf(env->arena, "%.*s@%.*s",
			                                       SPAN_FMT(list->mailbox),
			                                       SPAN_FMT(list->host))));
	return true;
}

static void
collect_rcpts(const struct mail_submit_request *q, struct smtp_envelope *env)
{
	for (size_t i = 0; i < q->n_rcpts; i++)
		add_address(env, q->rcpts[i]);
	if (!q->n_rcpts)
		mime_header_each(span_sub(q->message, 0, mime_header_len(q->message)),
		                 collect_field, env);
}

/* The filter chain lives on a loop, and a worker waits here for its word. */
struct asked {
	struct smtp *smtp;
	struct filter_input in;
	struct log_ctx log;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool ended;
	enum filter_action action;
	struct buf headers;
	struct buf reason;
};

static void
on_verdict(const struct filter_result *r, void *arg)
{
	struct asked *k = arg;
	pthread_mutex_lock(&k->lock);
	k->action = r->action;
	buf_add_span(&k->headers, r->headers);
	buf_add_span(&k->reason, r->reason);
	k->ended = true;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->lock);
}

static void
ask_in_loop(void *arg)
{
	struct asked *k = arg;
	filter_run_start(k->smtp->chain, k->smtp->deps.loop, &k->in, &k->log, on_verdict,
	                 k);
}

static void
ask_filters(struct asked *k)
{
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->cond, NULL);
	loop_post(k->smtp->deps.loop, ask_in_loop, k);
	pthread_mutex_lock(&k->lock);
	while (!k->ended)
		pthread_cond_wait(&k->cond, &k->lock);
	pthread_mutex_unlock(&k->lock);
	pthread_cond_destroy(&k->cond);
	pthread_mutex_destroy(&k->lock);
}

/* RC_EXISTS: the chain said to throw it away. */
static enum rc
pass_filters(struct smtp *s, struct smtp_mail *m, struct buf *content, struct err *err)
{
	if (!filter_chain_has(s->chain, FILTER_STAGE_DATA))
		return RC_OK;
	struct span *rcpts = arena_array(m->env->arena, m->env->n_rcpts, struct span);
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		rcpts[i] = m->env->rcpts[i].address;
	struct asked k = {
		.smtp = s,
		.in = { .stage = FILTER_STAGE_DATA,
		        .peer = "inside",
		        .door = "submission",
		        .tls = "",
		        .helo = span_str(s->conf.hostname),
		        .user = m->env->sender,
		        .sender = m->env->sender,
		        .rcpts = rcpts,
		        .n_rcpts = m->env->n_rcpts,
		        .id = span_str(m->id),
		        .message =
		                span_sub(m->content, m->return_path_len, m->content.n) },
		.headers = BUF_INIT(0),
		.reason = BUF_INIT(400),
	};
	log_ctx_init(&k.log, NULL, "mail=%s", m->id);
	ask_filters(&k);
	enum rc rc = RC_OK;
	if (k.action == FILTER_ACTION_DEFER)
		rc = err_set(err, RC_AGAIN, "not now: %.*s",
		             SPAN_FMT(buf_span(&k.reason)));
	else if (k.action == FILTER_ACTION_REJECT)
		rc = err_set(err, RC_DENIED, "refused: %.*s",
		             SPAN_FMT(buf_span(&k.reason)));
	else if (k.action == FILTER_ACTION_DISCARD)
		rc = RC_EXISTS;
	m->junk = k.action == FILTER_ACTION_QUARANTINE;
	m->held = k.action == FILTER_ACTION_HOLD;
	if (rc == RC_OK && buf_len(&k.headers)) {
		struct buf whole = BUF_INIT(0);
		buf_add(&whole, content->p, m->return_path_len);
		buf_add_span(&whole, buf_span(&k.headers));
		buf_add(&whole, content->p + m->return_path_len,
		        buf_len(content) - m->return_path_len);
		buf_done(content);
		*content = whole;
		m->content = buf_span(content);
	}
	buf_done(&k.headers);
	buf_done(&k.reason);
	log_ctx_done(&k.log);
	return rc;
}

static size_t
write_content(struct smtp *s, const struct mail_submit_request *q,
              struct smtp_envelope *env, const char *id, struct buf *out)
{
	struct smtp_header h;
	struct smtp_trace trace = {
		.sender = env->sender,
		.hostname = s->conf.hostname,
		.with = q->protocol,
		.tls = "",
		.id = span_str(id),
		.now_ms = clock_wall_ms(),
	};
	if (env->n_rcpts == 1)
		trace.rcpt = env->rcpts[0].address;
	size_t skip = smtp_trace_return_path(env->sender, out);
	smtp_trace_received(&trace, out);
	smtp_submission_write(q->message, s->conf.hostname, trace.now_ms, out);
	smtp_header_scan(span_sub(buf_span(out), skip, buf_len(out)), &h);
	env->smtputf8 = h.is_utf8 || smtp_envelope_is_utf8(env);
	return skip;
}

static enum rc
submit(struct smtp *s, const struct mail_submit_request *q, struct err *err)
{
	AUTO(smtp_envelope)
	struct smtp_envelope *env = smtp_envelope_new();
	AUTO_DONE(buf) struct buf content = BUF_INIT(0);
	char id[17];
	uint64_t began_us = clock_mono_us();
	if (q->message.n > s->conf.message_max)
		return err_set(err, RC_TOO_BIG, "the message is over %" PRIu64 " bytes",
		               s->conf.message_max);
	if (q->message.n && memchr(q->message.p, 0, q->message.n))
		return err_set(err, RC_INVALID, "the message has a NUL byte");
	enum rc rc = check_sender(s, q, env->arena, err);
	if (rc)
		return rc;
	env->sender = arena_span(env->arena, q->sender);
	collect_rcpts(q, env);
	if (!env->n_rcpts)
		return err_set(err, RC_INVALID, "no valid recipient");
	if (env->n_rcpts > (size_t)s->conf.recipients_max)
		return err_set(err, RC_TOO_BIG, "more than %" PRId64 " recipients",
		               s->conf.recipients_max);
	smtp_message_new_id(id);
	struct smtp_mail m = {
		.env = env, .id = id, .protocol = q->protocol, .trusted = true
	};
	m.return_path_len = write_content(s, q, env, id, &content);
	m.content = buf_span(&content);
	rc = pass_filters(s, &m, &content, err);
	if (rc == RC_OK)
		rc = smtp_deliver(s, &m);
	else if (rc == RC_EXISTS)
		rc = RC_OK;
	log_info(NULL, rc ? "smtp.refused" : "smtp.accepted",
	         "id=%s door=%s from=%s rcpts=%zu size=%zu local=%zu queued=%zu rc=%s "
	         "ms=%" PRIu64,
	         id, q->protocol, LOG_STR(env->sender), env->n_rcpts, q->message.n,
	         m.n_local, m.n_queued, LOG_STR(span_str(rc_str(rc))),
	         (clock_mono_us() - began_us) / 1000);
	metric_add(rc ? &smtp_metric_refused : &smtp_metric_accepted, 1);
	switch (rc) {
	case RC_OK:
		return RC_OK;
	case RC_NOT_FOUND:
	case RC_CONFLICT:
	case RC_INVALID:
		return err_set(err, RC_INVALID, "no valid recipient");
	case RC_AGAIN:
	case RC_EXISTS:
	case RC_IO:
	case RC_TOO_BIG:
	case RC_DENIED:
	case RC_UNSUPPORTED:
		break;
	}
	return rc;
}

enum rc
smtp_submit(void *smtp, const struct mail_submit_request *q, struct err *err)
{
	return submit(smtp, q, err);
}
