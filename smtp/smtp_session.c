/* SPDX-License-Identifier: ISC
 *
 * smtp_session.c - a session's life: states, input, jobs, filters, the end.
 */
#include "smtp/smtp_session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define INPUT_MAX 65536
/* Replies that the peer does not read: no further command until they are gone. */
#define OUTPUT_MAX 65536
#define IDLE_GRACE_MS 30000 /* for a last reply that the peer does not read */

const char *
smtp_state_str(enum smtp_state s)
{
	static const char *const names[] = {
#define X(name, text) [SMTP_STATE_##name] = (text),
		SMTP_STATE_LIST(X)
#undef X
	};
	return names[s];
}

#define TO(name) (1U << SMTP_STATE_##name)
static const unsigned steps[] = {
	[SMTP_STATE_CONNECT] = TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_COMMAND] = TO(COMMAND) | TO(AUTH) | TO(DATA) | TO(BDAT) | TO(BUSY) |
	                       TO(TLS) | TO(CLOSING),
	[SMTP_STATE_AUTH] = TO(AUTH) | TO(BUSY) | TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_DATA] = TO(BUSY) | TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_BDAT] = TO(BUSY) | TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_BUSY] = TO(BUSY) | TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_TLS] = TO(COMMAND) | TO(CLOSING),
	[SMTP_STATE_CLOSING] = TO(CLOSING),
};

static void
arm_timer(struct smtp_session *x)
{
	switch (x->state) {
	case SMTP_STATE_DATA:
	case SMTP_STATE_BDAT:
		loop_timer_set(&x->timer, x->smtp->conf.data_ms);
		break;
	case SMTP_STATE_CONNECT:
	case SMTP_STATE_BUSY:
		loop_timer_clear(&x->timer);
		break;
	case SMTP_STATE_COMMAND:
	case SMTP_STATE_AUTH:
	case SMTP_STATE_TLS:
		loop_timer_set(&x->timer, x->smtp->conf.idle_ms);
		break;
	case SMTP_STATE_CLOSING:
		loop_timer_set(&x->timer, IDLE_GRACE_MS);
		break;
	}
}

void
smtp_session_enter(struct smtp_session *x, enum smtp_state to)
{
	assert(steps[x->state] & (1U << to));
	log_debug(&x->log, "smtp.state", "from=%s to=%s", smtp_state_str(x->state),
	          smtp_state_str(to));
	x->state = to;
	arm_timer(x);
}

void
smtp_session_reply_text(struct smtp_session *x, enum smtp_reply r, const char *text)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	smtp_reply_write(r, text, &out);
	stream_write(x->stream, buf_span(&out));
}

void
smtp_session_reply(struct smtp_session *x, enum smtp_reply r)
{
	smtp_session_reply_text(x, r, NULL);
}

void
smtp_session_close(struct smtp_session *x, enum smtp_reply r)
{
	if (x->state == SMTP_STATE_CLOSING)
		return;
	smtp_session_reply(x, r);
	smtp_session_enter(x, SMTP_STATE_CLOSING);
	stream_close(x->stream);
}

void
smtp_session_refuse(struct smtp_session *x, enum smtp_reply r, struct span what)
{
	log_info(&x->log, "smtp.refused", "code=%u enhanced=%s reason=%s what=%s",
	         smtp_reply_code(r),
	         smtp_reply_enhanced(r) ? smtp_reply_enhanced(r) : "-",
	         LOG_STR(span_str(smtp_reply_text(r))), LOG_STR(what));
	metric_add(&smtp_metric_refused, 1);
	/* Our own trouble is no error of the peer's. */
	if (r != SMTP_REPLY_LOCAL_ERROR &&
	    ++x->errors > (unsigned)x->smtp->conf.errors_max) {
		smtp_session_reply(x, r);
		smtp_session_close(x, SMTP_REPLY_TOO_MANY_ERRORS);
		return;
	}
	smtp_session_reply(x, r);
}

void
smtp_session_progress_free(struct smtp_session *x)
{
	if (x->progress)
		x->progress_free(x);
	x->progress = NULL;
}

void
smtp_session_reset(struct smtp_session *x)
{
	smtp_session_progress_free(x);
	smtp_envelope_free(x->envelope);
	x->envelope = NULL;
	x->quarantine_mail = false;
}

static void
session_free(struct smtp_session *x)
{
	if (x->task) {
		x->task->session = NULL;
		if (x->task->cancel)
			x->task->cancel(x->task);
	}
	filter_run_cancel(x->run);
	smtp_session_reset(x);
	loop_timer_clear(&x->timer);
	if (x->counted)
		smtp_peer_leave(x->smtp, x->peer);
	atomic_fetch_sub(&x->smtp->connections, 1);
	list_remove(&x->link);
	stream_free(x->stream);
	log_ctx_done(&x->log);
	free(x->peer);
	free(x->helo);
	free(x->user_address);
	free(x);
}

static bool
takes_input(enum smtp_state s)
{
	return s == SMTP_STATE_COMMAND || s == SMTP_STATE_AUTH || s == SMTP_STATE_DATA ||
	       s == SMTP_STATE_BDAT;
}

/* One line in state COMMAND or AUTH; false: it is not complete. */
static bool
take_line(struct smtp_session *x, struct span in)
{
	size_t max = x->state == SMTP_STATE_AUTH ? SMTP_LINE_AUTH_MAX : SMTP_LINE_MAX;
	struct span line;
	size_t used;
	/* AUTH may bring a long first answer along (RFC 4954 4). */
	if (x->state == SMTP_STATE_COMMAND && span_istarts(in, "AUTH "))
		max = SMTP_LINE_AUTH_MAX;
	switch (smtp_line_next(in, max, &line, &used)) {
	case SMTP_LINE_MORE:
		return false;
	case SMTP_LINE_LONG:
		log_info(&x->log, "smtp.refused", "reason=%s", "line_too_long");
		smtp_session_close(x, SMTP_REPLY_LINE_TOO_LONG);
		return false;
	case SMTP_LINE_BAD:
		stream_consume(x->stream, used);
		if (x->state == SMTP_STATE_AUTH) {
			smtp_session_progress_free(x);
			smtp_session_enter(x, SMTP_STATE_COMMAND);
		}
		smtp_session_refuse(x, SMTP_REPLY_BAD_LINE_END, span_of("", 0));
		return true;
	case SMTP_LINE_OK:
		break;
	}
	AUTO(arena)
	struct arena *a = arena_new();
	line = arena_span(a, line); /* what follows may look at the stream again */
	stream_consume(x->stream, used);
	arm_timer(x); /* a whole line, not a byte now and then, earns more time */
	if (x->state == SMTP_STATE_AUTH) {
		smtp_auth_line(x, line);
		mem_wipe((char *)(uintptr_t)line.p, line.n);
		return true;
	}
	smtp_command_run(x, line);
	return true;
}

static void
process(struct smtp_session *x)
{
	stream_cork(x->stream);
	while (takes_input(x->state) && stream_output_len(x->stream) < OUTPUT_MAX) {
		struct span in = stream_input(x->stream);
		if (!in.n)
			break;
		if (x->state == SMTP_STATE_DATA || x->state == SMTP_STATE_BDAT) {
			size_t used = smtp_receive_feed(x, in);
			/* A closed stream has thrown its input away. */
			if (x->state != SMTP_STATE_CLOSING)
				stream_consume(x->stream, used);
		} else if (!take_line(x, in)) {
			break;
		}
	}
	stream_uncork(x->stream);
}

void
smtp_session_resume(struct smtp_session *x)
{
	if (x->state == SMTP_STATE_BUSY)
		smtp_session_enter(x, SMTP_STATE_COMMAND);
	if (x->at->draining && !x->envelope && x->state == SMTP_STATE_COMMAND)
		smtp_session_close(x, SMTP_REPLY_SHUTDOWN);
	process(x);
}

static void
task_work(void *arg)
{
	struct smtp_task *t = arg;
	t->work(t);
}

void
smtp_session_task_end(struct smtp_task *t)
{
	if (t->session)
		t->session->task = NULL;
	t->done(t);
}

static void
task_done(void *arg)
{
	smtp_session_task_end(arg);
}

void
smtp_session_task_aside(struct smtp_session *x, struct smtp_task *t)
{
	assert(!x->task);
	t->session = x;
	x->task = t;
	if (x->state != SMTP_STATE_BUSY)
		smtp_session_enter(x, SMTP_STATE_BUSY);
}

void
smtp_session_task(struct smtp_session *x, struct smtp_task *t)
{
	smtp_session_task_aside(x, t);
	job_run(x->smtp->deps.jobs, 0, x->at->loop, task_work, task_done, t);
}

static void
on_filters(const struct filter_result *r, void *arg)
{
	struct smtp_session *x = arg;
	x->run = NULL;
	switch (r->action) {
	case FILTER_ACTION_CONTINUE:
		break;
	case FILTER_ACTION_QUARANTINE:
	case FILTER_ACTION_HOLD: /* before DATA there is nothing to hold yet */
		if (x->envelope)
			x->quarantine_mail = true;
		else
			x->quarantine = true;
		break;
	case FILTER_ACTION_DISCARD:
	case FILTER_ACTION_DEFER:
	case FILTER_ACTION_REJECT: {
		char *text = r->reason.n ? xstrndup(r->reason.p, r->reason.n) : NULL;
		enum smtp_reply reply = r->action == FILTER_ACTION_DEFER
		                                ? SMTP_REPLY_FILTER_DEFER
		                                : x->refusal;
		log_info(&x->log, "smtp.refused",
		         "filter=%s stage=%s action=%s reason=%s", r->filter,
		         filter_stage_str(x->facts.stage), filter_action_str(r->action),
		         LOG_STR(r->reason));
		metric_add(&smtp_metric_refused, 1);
		smtp_session_reply_text(x, reply, text);
		free(text);
		if (x->facts.stage == FILTER_STAGE_CONNECT) {
			smtp_session_enter(x, SMTP_STATE_CLOSING);
			stream_close(x->stream);
			return;
		}
		if (x->facts.stage == FILTER_STAGE_MAIL)
			smtp_session_reset(x);
		smtp_session_progress_free(x);
		smtp_session_resume(x);
		return;
	}
	}
	x->after_filters(x);
	if (x->state == SMTP_STATE_BUSY && !x->task && !x->run)
		smtp_session_enter(x, SMTP_STATE_COMMAND);
	process(x);
}

void
smtp_session_ask(struct smtp_session *x, enum filter_stage stage, enum smtp_reply refusal,
                 void (*next)(struct smtp_session *x))
{
	if (!filter_chain_has(x->smtp->chain, stage)) {
		next(x);
		return;
	}
	x->facts.stage = stage;
	x->facts.peer = x->peer;
	x->facts.door = smtp_door_str(x->door);
	x->facts.tls = stream_tls_str(x->stream);
	x->facts.helo = span_str(x->helo);
	x->facts.user = span_str(x->user_address);
	x->facts.sender = x->envelope ? x->envelope->sender : span_of("", 0);
	x->after_filters = next;
	x->refusal = refusal;
	if (x->state == SMTP_STATE_COMMAND)
		smtp_session_enter(x, SMTP_STATE_BUSY);
	x->run = filter_run_start(x->smtp->chain, x->at->loop, &x->facts, &x->log,
	                          on_filters, x);
}

static void
on_open(void *owner)
{
	struct smtp_session *x = owner;
	if (x->state == SMTP_STATE_TLS) {
		log_debug(&x->log, "smtp.tls", "tls=%s",
		          LOG_STR(span_str(stream_tls_str(x->stream))));
		smtp_session_enter(x, SMTP_STATE_COMMAND);
		return;
	}
	if (x->state != SMTP_STATE_CONNECT)
		return;
	if (x->at->draining)
		smtp_session_close(x, SMTP_REPLY_SHUTDOWN);
	else if (!x->counted)
		smtp_session_close(x, SMTP_REPLY_TOO_MANY_CONNECTIONS);
	else if (jobs_busy(x->smtp->deps.jobs) > 0)
		smtp_session_close(x, SMTP_REPLY_BUSY);
	else
		smtp_session_ask(x, FILTER_STAGE_CONNECT, SMTP_REPLY_FILTER_REJECT,
		                 smtp_command_greet);
}

static void
on_input(void *owner)
{
	process(owner);
}

static void
on_drain(void *owner)
{
	process(owner);
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	struct smtp_session *x = owner;
	log_info(&x->log, "smtp.closed", "state=%s why=%s detail=%s",
	         smtp_state_str(x->state), LOG_STR(span_str(stream_end_str(why))),
	         LOG_STR(span_str(detail ? detail : "")));
	session_free(x);
}

static const struct stream_ops session_ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_drain = on_drain,
	.on_end = on_end,
};

static void
on_timer(void *arg)
{
	struct smtp_session *x = arg;
	if (x->state == SMTP_STATE_CLOSING || x->state == SMTP_STATE_TLS) {
		log_info(&x->log, "smtp.closed", "state=%s why=%s",
		         smtp_state_str(x->state), "timed_out");
		session_free(x);
		return;
	}
	log_info(&x->log, "smtp.timeout", "state=%s", smtp_state_str(x->state));
	smtp_session_close(x, SMTP_REPLY_IDLE);
}

void
smtp_session_accept(struct smtp *s, struct smtp_loop *at, int fd, enum smtp_door door)
{
	static _Atomic uint64_t serial;
	struct smtp_session *x = xcalloc(1, sizeof(*x));
	struct stream_limits limits = { .input_max = INPUT_MAX,
		                        .stall_ms = s->conf.stall_ms };
	struct tls_server *tls = door == SMTP_DOOR_SUBMIT_TLS ? s->deps.tls : NULL;
	x->smtp = s;
	x->at = at;
	x->door = door;
	loop_timer_init(&x->timer, at->loop, on_timer, x);
	x->stream = stream_accept(at->loop, fd, tls, span_of("", 0), &limits,
	                          &session_ops, x);
	x->peer = xstrdup(stream_peer(x->stream));
	x->counted = smtp_peer_enter(s, x->peer);
	log_ctx_init(&x->log, NULL, "sess=s%" PRIu64 " peer=%s",
	             atomic_fetch_add(&serial, 1), x->peer);
	log_info(&x->log, "smtp.connect", "door=%s", smtp_door_str(door));
	list_push_back(&at->sessions, &x->link);
	atomic_fetch_add(&s->connections, 1);
	metric_add(&smtp_metric_sessions, 1);
}

void
smtp_session_abort(struct smtp_session *x)
{
	session_free(x);
}

void
smtp_session_drain(struct smtp_session *x)
{
	/* RFC 5321 3.8: between two mails a 421 costs nobody anything. */
	if (x->state == SMTP_STATE_COMMAND && !x->envelope)
		smtp_session_close(x, SMTP_REPLY_SHUTDOWN);
}
