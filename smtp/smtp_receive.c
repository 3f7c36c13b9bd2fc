/* SPDX-License-Identifier: ISC
 *
 * smtp_receive.c - the message: DATA and BDAT, the filter chain, delivery, the answer
 * (RFC 5321 4.1.1.4, RFC 3030, RFC 2033 4.2).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_session.h"

/* What is read of a message that will be refused, beyond twice the limit, to hear its
 * end. */
#define EXTRA_MAX (UINT64_C(1) << 20)

struct receipt {
	struct smtp_task task;
	struct smtp *smtp;
	struct smtp_envelope *envelope; /* ours from the job on; the session's before */
	struct buf content;             /* Return-Path, Received, the message */
	size_t return_path_len;
	size_t trace_len; /* with the Return-Path */
	struct smtp_data data;
	bool chunked; /* by BDAT */
	bool last;    /* this chunk */
	uint64_t chunk_left;
	enum smtp_reply verdict; /* OK, or why the whole is refused */
	uint64_t began_us;
	uint64_t size;
	int score;
	struct span *rcpts; /* for filters */
	struct smtp_mail mail;
	enum rc rc;
	char id[17];
	bool lmtp;
};

static void
receipt_free(struct receipt *r)
{
	buf_done(&r->content);
	smtp_envelope_free(r->envelope);
	free(r);
}

static void
receipt_progress_free(struct smtp_session *x)
{
	receipt_free(x->progress);
}

static struct receipt *
receipt_new(struct smtp_session *x)
{
	struct smtp_envelope *e = x->envelope;
	struct receipt *r = xcalloc(1, sizeof(*r));
	r->smtp = x->smtp;
	r->began_us = clock_mono_us();
	r->lmtp = smtp_is_lmtp(x);
	smtp_message_new_id(r->id);
	x->progress = r;
	x->progress_free = receipt_progress_free;
	if (!e)
		return r;
	bool tls = stream_is_tls(x->stream);
	struct smtp_trace trace = {
		.sender = e->sender,
		.helo = span_str(x->helo),
		.peer = x->peer,
		.hostname = x->smtp->conf.hostname,
		.with = smtp_trace_with(x->esmtp, r->lmtp, e->smtputf8, tls,
		                        x->user != 0),
		.tls = stream_tls_str(x->stream),
		.id = span_of(r->id, 16),
		.now_ms = clock_wall_ms(),
	};
	if (e->n_rcpts == 1)
		trace.rcpt = e->rcpts[0].address;
	/* Room for what was announced, as far as it is credible. */
	size_t hint = e->size && e->size < EXTRA_MAX ? (size_t)e->size : 8192;
	buf_init(&r->content, 0);
	if (buf_reserve(&r->content, hint + 1024))
		buf_commit(&r->content, 0);
	r->return_path_len = smtp_trace_return_path(e->sender, &r->content);
	smtp_trace_received(&trace, &r->content);
	r->trace_len = buf_len(&r->content);
	r->content.max = r->trace_len + x->smtp->conf.message_max;
	smtp_data_init(&r->data, &r->content);
	return r;
}

static struct span
message_of(const struct receipt *r)
{
	return span_sub(buf_span(&r->content), r->trace_len, buf_len(&r->content));
}

static void
log_outcome(struct smtp_session *x, const struct receipt *r,
            const struct smtp_envelope *e, const char *event, enum smtp_reply reply)
{
	uint64_t us = clock_mono_us() - r->began_us;
	log_info(x ? &x->log : NULL, event,
	         "id=%s from=%s to=%s rcpts=%zu size=%" PRIu64 " local=%zu queued=%zu "
	         "score=%d code=%u reason=%s ms=%" PRIu64 ".%03" PRIu64,
	         r->id, LOG_STR(e->sender),
	         LOG_STR(e->n_rcpts ? e->rcpts[0].address : span_of("", 0)), e->n_rcpts,
	         r->size, r->mail.n_local, r->mail.n_queued, r->score,
	         smtp_reply_code(reply), LOG_STR(span_str(smtp_reply_text(reply))),
	         us / 1000, us % 1000);
}

/* The final answer is the same for all recipients; LMTP repeats it (RFC 2033 4.2). */
static void
answer_all(struct smtp_session *x, size_t n_rcpts, enum smtp_reply reply,
           const char *text)
{
	size_t n = smtp_is_lmtp(x) && n_rcpts ? n_rcpts : 1;
	for (size_t i = 0; i < n; i++)
		smtp_session_reply_text(x, reply, text);
}

/* The message is refused before it went anywhere. */
static void
refuse_message(struct smtp_session *x, enum smtp_reply reply, const char *text)
{
	struct receipt *r = x->progress;
	size_t n = x->envelope ? x->envelope->n_rcpts : 0;
	if (x->envelope)
		log_outcome(x, r, x->envelope, "smtp.refused", reply);
	metric_add(&smtp_metric_refused, 1);
	answer_all(x, n, reply, text);
	smtp_session_reset(x);
	x->errors += reply != SMTP_REPLY_LOCAL_ERROR;
	if (x->state == SMTP_STATE_BUSY)
		return;
	if (x->errors > (unsigned)x->smtp->conf.errors_max)
		smtp_session_close(x, SMTP_REPLY_TOO_MANY_ERRORS);
	else
		smtp_session_enter(x, SMTP_STATE_COMMAND);
}

static void
deliver_work(struct smtp_task *t)
{
	struct receipt *r = container_of(t, struct receipt, task);
	r->rc = smtp_deliver(r->smtp, &r->mail);
}

static void
answer_delivery(struct smtp_session *x, const struct receipt *r)
{
	if (!r->lmtp) {
		enum smtp_reply reply = smtp_reply_from_rc(r->rc);
		if (r->rc == RC_OK) {
			char text[32] = "Ok ";
			memcpy(text + 3, r->id, sizeof(r->id));
			smtp_session_reply_text(x, reply, text);
		} else {
			smtp_session_reply(x, reply);
		}
		return;
	}
	for (size_t i = 0; i < r->envelope->n_rcpts; i++)
		smtp_session_reply(x, smtp_reply_from_rc(r->envelope->rcpts[i].rc));
}

static void
deliver_done(struct smtp_task *t)
{
	struct receipt *r = container_of(t, struct receipt, task);
	struct smtp_session *x = t->session;
	log_outcome(x, r, r->envelope, r->rc ? "smtp.refused" : "smtp.accepted",
	            smtp_reply_from_rc(r->rc));
	metric_observe_us(&smtp_metric_duration, clock_mono_us() - r->began_us);
	metric_add(r->rc ? &smtp_metric_refused : &smtp_metric_accepted, 1);
	if (x) {
		for (size_t i = 0; i < r->envelope->n_rcpts; i++)
			if (r->envelope->rcpts[i].rc)
				smtp_route_forget_all(x->at);
		answer_delivery(x, r);
	}
	receipt_free(r);
	if (x)
		smtp_session_resume(x);
}

static void
deliver(struct smtp_session *x)
{
	struct receipt *r = x->progress;
	x->progress = NULL;
	r->envelope = TAKE(x->envelope);
	r->mail.env = r->envelope;
	r->mail.content = buf_span(&r->content);
	r->mail.return_path_len = r->return_path_len;
	r->mail.id = r->id;
	r->mail.protocol = r->lmtp ? "lmtp" : "smtp";
	r->mail.each = r->lmtp;
	r->mail.trusted = x->user != 0;
	r->mail.junk |= x->quarantine || x->quarantine_mail;
	x->quarantine_mail = false;
	r->task.work = deliver_work;
	r->task.done = deliver_done;
	smtp_session_task(x, &r->task);
}

/* Lines of filters go between the Return-Path and our Received. */
static void
insert_headers(struct receipt *r, struct span lines)
{
	if (!lines.n)
		return;
	size_t tail = buf_len(&r->content) - r->return_path_len;
	r->content.max = 0;
	if (!buf_reserve(&r->content, lines.n))
		return;
	char *at = r->content.p + r->return_path_len;
	memmove(at + lines.n, at, tail);
	memcpy(at, lines.p, lines.n);
	buf_commit(&r->content, lines.n);
	r->trace_len += lines.n;
}

static void
on_verdict(const struct filter_result *v, void *arg)
{
	struct smtp_session *x = arg;
	struct receipt *r = x->progress;
	char *reason = v->reason.n ? xstrndup(v->reason.p, v->reason.n) : NULL;
	x->run = NULL;
	r->score = v->score;
	if (v->action != FILTER_ACTION_CONTINUE)
		log_info(&x->log, "smtp.filtered", "id=%s filter=%s action=%s score=%d",
		         r->id, v->filter, filter_action_str(v->action), v->score);
	switch (v->action) {
	case FILTER_ACTION_QUARANTINE:
		r->mail.junk = true;
		break;
	case FILTER_ACTION_HOLD:
		r->mail.held = true;
		break;
	case FILTER_ACTION_DISCARD:
		answer_all(x, x->envelope->n_rcpts, SMTP_REPLY_OK, NULL);
		log_outcome(x, r, x->envelope, "smtp.discarded", SMTP_REPLY_OK);
		smtp_session_reset(x);
		break;
	case FILTER_ACTION_DEFER:
		refuse_message(x, SMTP_REPLY_FILTER_DEFER, reason);
		break;
	case FILTER_ACTION_REJECT:
		refuse_message(x, SMTP_REPLY_FILTER_REJECT, reason);
		break;
	case FILTER_ACTION_CONTINUE:
		break;
	}
	free(reason);
	if (!x->progress) {
		smtp_session_resume(x);
		return;
	}
	insert_headers(r, v->headers);
	deliver(x);
}

static void
ask_filters(struct smtp_session *x)
{
	struct receipt *r = x->progress;
	struct smtp_envelope *e = x->envelope;
	if (!filter_chain_has(x->smtp->chain, FILTER_STAGE_DATA)) {
		deliver(x);
		return;
	}
	r->rcpts = arena_array(e->arena, e->n_rcpts, struct span);
	for (size_t i = 0; i < e->n_rcpts; i++)
		r->rcpts[i] = e->rcpts[i].address;
	x->facts = (struct filter_input){
		.stage = FILTER_STAGE_DATA,
		.peer = x->peer,
		.door = smtp_door_str(x->door),
		.tls = stream_tls_str(x->stream),
		.helo = span_str(x->helo),
		.user = span_str(x->user_address),
		.sender = e->sender,
		.rcpts = r->rcpts,
		.n_rcpts = e->n_rcpts,
		.id = span_of(r->id, 16),
		.message = span_sub(buf_span(&r->content), r->return_path_len,
		                    buf_len(&r->content)),
	};
	smtp_session_enter(x, SMTP_STATE_BUSY);
	x->run = filter_run_start(x->smtp->chain, x->at->loop, &x->facts, &x->log,
	                          on_verdict, x);
}

/* RFC 6409 8: what a mail program forgot, and what it should not tell. */
static void
repair_submission(struct smtp_session *x, const struct smtp_header *h)
{
	struct receipt *r = x->progress;
	/* Only chunks can have line ends that are none. */
	if (!smtp_is_submission(x) || (!r->chunked && !smtp_submission_is_needed(h)))
		return;
	struct buf fixed = BUF_INIT(0);
	buf_add(&fixed, r->content.p, r->trace_len);
	smtp_submission_write(message_of(r), x->smtp->conf.hostname, clock_wall_ms(),
	                      &fixed);
	buf_done(&r->content);
	r->content = fixed;
}

static void
message_complete(struct smtp_session *x)
{
	struct receipt *r = x->progress;
	struct smtp_header h;
	r->size = r->data.drop ? r->data.seen : message_of(r).n;
	if (r->data.bare || r->data.nul)
		r->verdict = SMTP_REPLY_BAD_DATA;
	if (r->verdict == SMTP_REPLY_OK) {
		smtp_header_scan(message_of(r), &h);
		if (h.received >= SMTP_HOPS_MAX)
			r->verdict = SMTP_REPLY_MAIL_LOOP;
	}
	if (r->verdict != SMTP_REPLY_OK) {
		refuse_message(x, r->verdict, NULL);
		return;
	}
	repair_submission(x, &h);
	/* RFC 6531 3.2: only what really needs it has to go to servers that know it. */
	x->envelope->smtputf8 = x->envelope->smtputf8 &&
	                        (h.is_utf8 || smtp_envelope_is_utf8(x->envelope));
	ask_filters(x);
}

/* Over the limit: nothing of it is kept, but it is read to its end, within reason. */
static bool
is_endless(struct smtp_session *x, struct receipt *r)
{
	if (!buf_ok(&r->content) && r->verdict == SMTP_REPLY_OK)
		r->verdict = SMTP_REPLY_TOO_BIG;
	if (r->verdict != SMTP_REPLY_OK || r->data.drop) {
		r->data.drop = true;
		buf_done(&r->content);
		r->trace_len = 0;
	}
	if (r->data.seen <= 2 * x->smtp->conf.message_max + EXTRA_MAX)
		return false;
	log_info(&x->log, "smtp.refused", "reason=%s", "endless_message");
	smtp_session_close(x, SMTP_REPLY_TOO_BIG);
	return true;
}

static void
chunk_complete(struct smtp_session *x)
{
	struct receipt *r = x->progress;
	if (r->last) {
		message_complete(x);
		return;
	}
	enum smtp_reply verdict = r->verdict;
	smtp_session_enter(x, SMTP_STATE_COMMAND);
	if (!x->envelope)
		smtp_session_reset(x);
	if (verdict == SMTP_REPLY_OK)
		smtp_session_reply(x, SMTP_REPLY_CHUNK_OK);
	else
		smtp_session_refuse(x, verdict, SPAN("BDAT"));
}

size_t
smtp_receive_feed(struct smtp_session *x, struct span in)
{
	struct receipt *r = x->progress;
	if (!r->chunked) {
		size_t used = smtp_data_feed(&r->data, in);
		if (!is_endless(x, r) && r->data.at == SMTP_DATA_AT_END)
			message_complete(x);
		return used;
	}
	size_t used = in.n < r->chunk_left ? in.n : (size_t)r->chunk_left;
	r->chunk_left -= used;
	r->data.seen += used;
	/* A count ends the text, so its bytes may be any but NUL (RFC 5321 2.3.8, 4.5.2).
	 */
	if (memchr(in.p, 0, used))
		r->data.nul = true;
	if (!r->data.drop && r->verdict == SMTP_REPLY_OK)
		buf_add(&r->content, in.p, used);
	if (!is_endless(x, r) && !r->chunk_left)
		chunk_complete(x);
	return used;
}

void
smtp_data_start(struct smtp_session *x, struct span args)
{
	if (args.n) {
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
		return;
	}
	if (x->progress || !x->envelope->n_rcpts) {
		smtp_session_refuse(x,
		                    x->progress ? SMTP_REPLY_BAD_SEQUENCE
		                                : SMTP_REPLY_NO_VALID_RCPT,
		                    SPAN("DATA"));
		return;
	}
	receipt_new(x);
	smtp_session_reply(x, SMTP_REPLY_GO_AHEAD);
	smtp_session_enter(x, SMTP_STATE_DATA);
}

/*
 * RFC 3030 2. The bytes follow without our leave, so even when they are not wanted they
 * are counted and thrown away: none of them is ever read as a command.
 */
void
smtp_bdat_start(struct smtp_session *x, struct span args)
{
	struct span rest = args, size;
	uint64_t n;
	bool have = span_cut(&rest, ' ', &size);
	rest = span_trim(rest);
	bool last = span_iis(rest, "LAST");
	if (!have || parse_u64(size, UINT64_MAX / 4, &n) || (rest.n && !last)) {
		log_info(&x->log, "smtp.refused", "reason=%s", "bdat_syntax");
		smtp_session_close(x, SMTP_REPLY_SYNTAX);
		return;
	}
	struct receipt *r = x->progress ? x->progress : receipt_new(x);
	r->chunked = true;
	r->last = last;
	r->chunk_left = n;
	if (!x->envelope || !x->esmtp)
		r->verdict = SMTP_REPLY_BAD_SEQUENCE;
	else if (!x->envelope->n_rcpts)
		r->verdict = SMTP_REPLY_NO_VALID_RCPT;
	smtp_session_enter(x, SMTP_STATE_BDAT);
	if (!n)
		chunk_complete(x);
}
