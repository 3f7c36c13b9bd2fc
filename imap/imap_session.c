/* SPDX-License-Identifier: ISC
 *
 * imap_session.c - a connection: its stream, its state, commands in their order.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/imap_private.h"
#include "imap/imap_view.h"

#define INPUT_MAX (64U * 1024)
/* Answers that the client does not fetch: no further command until they are gone. */
#define OUTPUT_MAX (256U * 1024)
/* Before sign-in a line is no longer than the largest ID (RFC 2971 3.3). */
#define EARLY_LINE_MAX (34U * 1024)
#define EARLY_LITERAL_MAX 8192
/* A session without commands for so long is taken for idle. */
#define QUIET_MS 30000
/* How long a client may take to fetch the last answers. */
#define CLOSING_MS 30000
#define BAD_COMMANDS_MAX 20
#define BAD_COMMANDS_EARLY_MAX 5

const char *
imap_state_str(enum imap_state s)
{
	switch (s) {
#define X(name, text, bit)                                                               \
	case IMAP_STATE_##name:                                                          \
		return text;
		IMAP_STATE_LIST(X)
#undef X
	}
	return "?";
}

/* RFC 9051 3: which states may follow. */
static unsigned
may_follow(enum imap_state s)
{
	switch (s) {
	case IMAP_STATE_OPENING:
		return IMAP_STATE_LOGIN | IMAP_STATE_CLOSING;
	case IMAP_STATE_LOGIN:
		/* OPENING again: the hands are shaken after STARTTLS. */
		return IMAP_STATE_OPENING | IMAP_STATE_READY | IMAP_STATE_CLOSING;
	case IMAP_STATE_READY:
	case IMAP_STATE_SELECTED:
		return IMAP_STATE_READY | IMAP_STATE_SELECTED | IMAP_STATE_CLOSING;
	case IMAP_STATE_CLOSING:
		break;
	}
	return 0;
}

/* What the framer may gather in this state. */
static void
set_limits(struct imap_session *s)
{
	const struct imap_conf *c = &s->im->conf;
	bool early = s->state < IMAP_STATE_READY;

	s->frame.line_max =
		early && c->line_max > EARLY_LINE_MAX ? EARLY_LINE_MAX : c->line_max;
	s->frame.literal_max = early ? EARLY_LITERAL_MAX : c->literal_max;
	s->frame.append_max = early ? EARLY_LITERAL_MAX : c->message_max;
}

void
imap_session_move(struct imap_session *s, enum imap_state to)
{
	if (s->state == to)
		return;
	assert(may_follow(s->state) & to);
	log_debug(&s->log, "imap.state", "from=\"%s\" to=\"%s\"",
	          imap_state_str(s->state), imap_state_str(to));
	s->state = to;
	set_limits(s);
	if (to == IMAP_STATE_CLOSING && s->stream)
		stream_set_idle_ms(s->stream, CLOSING_MS);
}

static void
session_free(struct imap_session *s)
{
	assert(!s->run || !s->run->in_worker);
	imap_session_forget(s);
	imap_idle_stop(s);
	imap_run_free(s->run);
	imap_view_free(s->view);
	free(s->saved);
	if (s->address) {
		log_info(&s->log, "imap.logout",
		         "commands=%u in=%" PRIu64 " out=%" PRIu64 " ms=%" PRIu64,
		         s->commands, s->bytes_in, s->bytes_out,
		         clock_mono_ms() - s->opened_ms);
		imap_user_leave(s->im, s->user);
	}
	free(s->address);
	loop_timer_clear(&s->timer);
	stream_free(s->stream);
	imap_frame_done(&s->frame);
	log_ctx_done(&s->log);
	free(s);
}

void
imap_session_write(struct imap_session *s, struct buf *b)
{
	s->bytes_out += buf_len(b);
	metric_add(&imap_metric_bytes_out, (int64_t)buf_len(b));
	if (s->stream)
		stream_write_buf(s->stream, b);
	buf_done(b);
}

static void
write_line(struct imap_session *s, const char *line)
{
	s->bytes_out += strlen(line);
	stream_write(s->stream, span_str(line));
}

void
imap_session_bye(struct imap_session *s, const char *text)
{
	if (!s->stream || s->state == IMAP_STATE_CLOSING)
		return;
	imap_idle_stop(s);
	imap_session_move(s, IMAP_STATE_CLOSING);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_addf(&b, "* BYE %s\r\n", text);
	imap_session_write(s, &b);
	stream_close(s->stream);
}

static void
on_login_late(void *arg)
{
	struct imap_session *s = arg;

	log_info(&s->log, "imap.login late", "state=\"%s\"", imap_state_str(s->state));
	imap_session_bye(s, "Sign-in took too long");
}

static void
on_quiet(void *arg)
{
	struct imap_session *s = arg;

	if (s->run && s->run->again)
		imap_run_submit(s->run);
	else if (!s->run && s->view)
		imap_view_forget(s->view);
}

void
imap_session_welcome(struct imap_session *s)
{
	loop_timer_clear(&s->timer);
	loop_timer_init(&s->timer, s->loop, on_quiet, s);
}

void
imap_session_rest(struct imap_session *s)
{
	if (s->view && s->view->loaded)
		loop_timer_set(&s->timer, QUIET_MS);
}

/* In place of a greeting (RFC 9051 7.1.5, RFC 5530): nobody would come to serve it. */
static bool
is_turned_away(struct imap_session *s)
{
	uint64_t ms = jobs_busy(s->im->deps.jobs);

	if (ms == 0)
		return false;
	log_info(&s->log, "imap.busy", "peer=%s", stream_peer(s->stream));
	imap_session_bye(s, "[UNAVAILABLE] Too busy now, try again later");
	return true;
}

static void
on_open(void *arg)
{
	struct imap_session *s = arg;
	bool first = s->bytes_out == 0;

	imap_session_move(s, IMAP_STATE_LOGIN);
	if (stream_is_tls(s->stream))
		log_debug(&s->log, "imap.tls", "tls=\"%s\"", stream_tls_str(s->stream));
	/* No second greeting after STARTTLS (RFC 9051 6.2.1). */
	if (!first) {
		/* Reading was paused while the hands were shaken. */
		imap_session_pump(s);
		return;
	}
	if (is_turned_away(s))
		return;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_add_str(&b, "* OK [CAPABILITY ");
	imap_capability_write(s, &b);
	buf_add_str(&b, "] Godwit ready\r\n");
	imap_session_write(s, &b);
	if (s->draining)
		imap_session_bye(s, "Server is going down");
}

/* The tag of a command that was not read to its end, or "*". */
static struct span
tag_of(struct span bytes)
{
	struct imap_read rd;
	struct span tag;

	imap_read_init(&rd, bytes, NULL, false);
	return imap_read_tag(&rd, &tag) ? tag : SPAN("*");
}

static void
refuse_command(struct imap_session *s, const char *answer)
{
	struct span tag = tag_of(buf_span(&s->frame.bytes));
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	log_info(&s->log, "imap.bad", "why=\"%s\" peer=%s", answer,
	         stream_peer(s->stream));
	buf_add_span(&b, tag);
	buf_addf(&b, " %s\r\n", answer);
	imap_session_write(s, &b);
	imap_frame_next(&s->frame);
	s->bad_commands++;
}

/* A whole line or command has come. */
static void
take_command(struct imap_session *s)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);

	buf_move(&line, &s->frame.bytes);
	imap_frame_next(&s->frame);
	if (s->idle)
		imap_idle_line(s, buf_span(&line));
	else if (s->run)
		imap_auth_line(s->run, buf_span(&line));
	else
		imap_run_start(s, &line);
}

static void
take_event(struct imap_session *s, enum imap_frame_event ev)
{
	switch (ev) {
	case IMAP_FRAME_MORE:
		break;
	case IMAP_FRAME_CONTINUE:
		if (s->idle || s->run)
			imap_session_bye(s, "No literal expected here");
		else
			write_line(s, "+ Ready for literal data\r\n");
		break;
	case IMAP_FRAME_COMMAND:
		take_command(s);
		break;
	case IMAP_FRAME_LITERAL_TOO_BIG:
		refuse_command(s, s->state < IMAP_STATE_READY
		                          ? "BAD Literal too big"
		                          : "NO [TOOBIG] Literal too big");
		break;
	case IMAP_FRAME_LINE_TOO_LONG:
		refuse_command(s, "BAD Line too long");
		break;
	case IMAP_FRAME_FATAL:
		imap_session_bye(s, "Literal too big");
		break;
	}
}

/* May the next line be read? A run waits for lines only in AUTHENTICATE's exchange. */
static bool
wants_line(const struct imap_session *s)
{
	if (!s->stream || s->state == IMAP_STATE_CLOSING ||
	    s->state == IMAP_STATE_OPENING)
		return false;
	return !s->run || s->run->wants_line;
}

void
imap_session_pump(struct imap_session *s)
{
	while (wants_line(s) && stream_output_len(s->stream) < OUTPUT_MAX) {
		struct span in = stream_input(s->stream);
		if (in.n == 0)
			break;
		enum imap_frame_event ev;
		size_t n = imap_frame_feed(&s->frame, in, &ev);
		stream_consume(s->stream, n);
		s->bytes_in += n;
		take_event(s, ev);
		unsigned max = s->state < IMAP_STATE_READY ? BAD_COMMANDS_EARLY_MAX
		                                           : BAD_COMMANDS_MAX;
		if (s->bad_commands >= max)
			imap_session_bye(s, "Too many errors");
	}
	if (!s->stream || s->state == IMAP_STATE_CLOSING)
		return;
	if (wants_line(s))
		stream_resume(s->stream);
	else
		stream_pause(s->stream);
}

static void
on_input(void *arg)
{
	imap_session_pump(arg);
}

static void
on_drain(void *arg)
{
	struct imap_session *s = arg;

	if (s->run)
		imap_run_on_drain(s->run);
	if (!s->run)
		imap_session_pump(s);
}

/* The stream is gone; what runs in a worker ends by itself. */
static void
let_go(struct imap_session *s)
{
	stream_free(s->stream);
	s->stream = NULL;
	imap_idle_stop(s);
	loop_timer_clear(&s->timer);
	if (!s->run || !s->run->in_worker) {
		session_free(s);
		return;
	}
	atomic_store(&s->run->cancelled, true);
	if (s->run->cmd->flags & IMAP_CMD_ASIDE)
		imap_auth_cancel(s->run);
}

static void
on_end(void *arg, enum stream_end why, const char *detail)
{
	struct imap_session *s = arg;

	if (why != STREAM_END_CLOSED)
		log_debug(&s->log, "imap.end", "why=\"%s\" detail=%s",
		          stream_end_str(why), LOG_STR(span_str(detail)));
	let_go(s);
}

static const struct stream_ops ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_drain = on_drain,
	.on_end = on_end,
};

struct imap_session *
imap_session_new(struct imap *im, struct loop *l, int fd, bool tls)
{
	static _Atomic uint64_t last_id;
	struct imap_session *s = xcalloc(1, sizeof(*s));

	s->im = im;
	s->loop = l;
	s->state = IMAP_STATE_OPENING;
	s->opened_ms = clock_mono_ms();
	list_init(&s->link);
	imap_frame_init(&s->frame);
	set_limits(s);
	loop_timer_init(&s->timer, l, on_login_late, s);
	loop_timer_set(&s->timer, im->conf.login_ms);
	struct stream_limits limits = {
		.input_max = INPUT_MAX,
		.idle_ms = im->conf.idle_ms,
		.stall_ms = im->conf.stall_ms,
		.handshake_ms = im->conf.login_ms,
	};
	s->stream = stream_accept(l, fd, tls ? im->deps.tls : NULL, span_of("", 0),
	                          &limits, &ops, s);
	log_ctx_init(&s->log, NULL, "sess=i%" PRIu64 " peer=%s", ++last_id,
	             stream_peer(s->stream));
	return s;
}

void
imap_session_drain(struct imap_session *s)
{
	s->draining = true;
	if (!s->run || s->run->wants_line || s->run->delayed)
		imap_session_bye(s, "Server is going down");
}

void
imap_session_abort(struct imap_session *s)
{
	if (s->stream)
		let_go(s);
}

void
imap_session_gone(struct imap_session *s)
{
	assert(!s->stream);
	session_free(s);
}
