/* SPDX-License-Identifier: ISC
 *
 * smtp_client.c - hands one message to one server.
 */
#include "smtp/smtp_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtp/smtp_answer.h"
#include "smtp/smtp_line.h"
#include "smtp/smtp_parse.h"

/* RFC 5321 4.5.3.2 */
#define CONNECT_MS 30000
#define REPLY_MS 300000
#define END_MS 600000
#define CHUNK 65536

#define STEP_LIST(X)                                                                     \
	X(GREETING, "greeting")                                                          \
	X(EHLO, "ehlo")                                                                  \
	X(HELO, "helo")                                                                  \
	X(STARTTLS, "starttls")                                                          \
	X(TLS, "tls")                                                                    \
	X(MAIL, "mail")                                                                  \
	X(RCPT, "rcpt")                                                                  \
	X(DATA, "data")                                                                  \
	X(BODY, "body")                                                                  \
	X(END, "end of data")                                                            \
	X(QUIT, "quit")

enum step {
#define X(name, text) STEP_##name,
	STEP_LIST(X)
#undef X
};

enum extension {
	EXT_PIPELINING = 1 << 0,
	EXT_SIZE = 1 << 1,
	EXT_8BITMIME = 1 << 2,
	EXT_SMTPUTF8 = 1 << 3,
	EXT_DSN = 1 << 4,
	EXT_STARTTLS = 1 << 5,
};

struct smtp_client {
	struct stream *stream;
	struct smtp_job *job;
	struct tls_client *tls;
	bool tls_needed;
	bool connected;
	char *name;
	smtp_client_fn *fn;
	void *arg;
	enum step step;
	unsigned extensions;
	uint64_t size_max; /* the server's; 0: not told */
	size_t asked;      /* recipients whose RCPT was sent */
	size_t answered;
	size_t body_at;
	struct smtp_stuff stuff;
	enum smtp_client_end end;
	char *note;
};

static const char *
step_str(enum step s)
{
	static const char *const names[] = {
#define X(name, text) [STEP_##name] = (text),
		STEP_LIST(X)
#undef X
	};
	return names[s];
}

const char *
smtp_sent_str(enum smtp_sent s)
{
	static const char *const names[] = {
#define X(name, text) [SMTP_SENT_##name] = (text),
		SMTP_SENT_LIST(X)
#undef X
	};
	return names[s];
}

static void
decide_one(struct smtp_job *j, struct smtp_outcome *o, enum smtp_sent state,
           const char *status, struct span response, struct span note, const char *remote)
{
	o->state = state;
	o->status = arena_span(j->arena, span_str(status));
	o->response = arena_span(j->arena, response);
	o->note = arena_span(j->arena, note);
	o->remote = arena_span(j->arena, span_str(remote));
}

void
smtp_job_decide(struct smtp_job *j, enum smtp_sent state, const char *status,
                struct span response, struct span note, const char *remote)
{
	for (size_t i = 0; i < j->n_rcpts; i++) {
		struct smtp_outcome *o = &j->rcpts[i];
		if (o->state == SMTP_SENT_WAITING || o->state == SMTP_SENT_TAKEN)
			decide_one(j, o, state, status, response, note, remote);
	}
}

static void
send_line(struct smtp_client *c, const char *line)
{
	stream_write(c->stream, span_str(line));
}

/* All is said: QUIT, and the end when it is written. */
static void
leave(struct smtp_client *c, enum smtp_client_end end)
{
	c->end = end;
	c->step = STEP_QUIT;
	send_line(c, "QUIT\r\n");
	stream_close(c->stream);
}

static void
leave_with(struct smtp_client *c, const struct smtp_answer *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	buf_addf(&text, "%s: ", step_str(c->step));
	smtp_answer_write(a, &text);
	free(c->note);
	c->note = buf_take_str(&text);
	leave(c, SMTP_CLIENT_NEXT);
}

/* The server's word decides for all that are still open. */
static void
decide_by(struct smtp_client *c, const struct smtp_answer *a, enum smtp_sent state)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	char status[16];
	smtp_answer_write(a, &text);
	smtp_job_decide(c->job, state, smtp_answer_status(a, status), buf_span(&text),
	                span_of("", 0), c->name);
}

static enum smtp_sent
sent_from_code(unsigned code)
{
	return code >= 500 ? SMTP_SENT_FAILED : SMTP_SENT_LATER;
}

static void
fail_own(struct smtp_client *c, const char *status, const char *note)
{
	smtp_job_decide(c->job, SMTP_SENT_FAILED, status, span_of("", 0), span_str(note),
	                c->name);
	leave(c, SMTP_CLIENT_DECIDED);
}

static void
greet(struct smtp_client *c, enum step step)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	buf_addf(&line, "%s %s\r\n", step == STEP_HELO ? "HELO" : "EHLO",
	         c->job->hostname);
	c->step = step;
	c->extensions = 0;
	stream_write(c->stream, buf_span(&line));
}

static void
send_mail(struct smtp_client *c)
{
	struct smtp_job *j = c->job;
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	buf_addf(&line, "MAIL FROM:<%.*s>", SPAN_FMT(j->sender));
	if (c->extensions & EXT_SIZE)
		buf_addf(&line, " SIZE=%zu", j->message.n);
	if (j->body_8bit && (c->extensions & EXT_8BITMIME))
		buf_add_str(&line, " BODY=8BITMIME");
	if (j->smtputf8)
		buf_add_str(&line, " SMTPUTF8");
	if ((c->extensions & EXT_DSN) && j->ret.n)
		buf_addf(&line, " RET=%.*s", SPAN_FMT(j->ret));
	if ((c->extensions & EXT_DSN) && j->envelope_id.n)
		buf_addf(&line, " ENVID=%.*s", SPAN_FMT(j->envelope_id));
	buf_add_str(&line, "\r\n");
	c->step = STEP_MAIL;
	stream_write(c->stream, buf_span(&line));
}

/* The next recipient that waits, from *at on; NULL: none. */
static struct smtp_outcome *
next_waiting(struct smtp_client *c, size_t *at)
{
	while (*at < c->job->n_rcpts) {
		struct smtp_outcome *o = &c->job->rcpts[(*at)++];
		if (o->state == SMTP_SENT_WAITING)
			return o;
	}
	return NULL;
}

/* One RCPT, or with PIPELINING all of them. */
static void
send_rcpts(struct smtp_client *c)
{
	AUTO_DONE(buf) struct buf lines = BUF_INIT(0);
	struct smtp_outcome *o;
	while ((o = next_waiting(c, &c->asked))) {
		buf_addf(&lines, "RCPT TO:<%.*s>", SPAN_FMT(o->address));
		if ((c->extensions & EXT_DSN) && o->notify.n)
			buf_addf(&lines, " NOTIFY=%.*s", SPAN_FMT(o->notify));
		if ((c->extensions & EXT_DSN) && o->orcpt.n)
			buf_addf(&lines, " ORCPT=%.*s", SPAN_FMT(o->orcpt));
		buf_add_str(&lines, "\r\n");
		if (!(c->extensions & EXT_PIPELINING))
			break;
	}
	c->step = STEP_RCPT;
	stream_write_buf(c->stream, &lines);
}

static void
start_mail(struct smtp_client *c)
{
	struct smtp_job *j = c->job;
	if (c->tls_needed && !stream_is_tls(c->stream)) {
		free(c->note);
		c->note = xstrdup("TLS is demanded, but the server does not offer it");
		leave(c, SMTP_CLIENT_NEXT);
		return;
	}
	/* RFC 1870 6.1, RFC 6152 3, RFC 6531 3.2: better told here than cut there. */
	if (c->size_max && j->message.n > c->size_max)
		fail_own(c, "5.3.4", "the message is too big for the server");
	else if (j->smtputf8 && !(c->extensions & EXT_SMTPUTF8))
		fail_own(c, "5.6.7", "the server does not know SMTPUTF8");
	else if (j->body_8bit && !(c->extensions & EXT_8BITMIME))
		fail_own(c, "5.6.3", "the server does not take 8-bit text");
	else
		send_mail(c);
}

static void
take_extensions(struct smtp_client *c, const struct smtp_answer *a)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "PIPELINING", EXT_PIPELINING },
		{ "SIZE", EXT_SIZE },
		{ "8BITMIME", EXT_8BITMIME },
		{ "SMTPUTF8", EXT_SMTPUTF8 },
		{ "DSN", EXT_DSN },
		{ "STARTTLS", EXT_STARTTLS },
	};
	struct span rest = a->lines, text, word;
	c->size_max = 0;
	if (!smtp_answer_line(&rest, &text))
		return;
	while (smtp_answer_line(&rest, &text)) {
		if (!span_cut(&text, ' ', &word))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (span_iis(word, known[i].name))
				c->extensions |= known[i].bit;
		uint64_t n;
		if (span_iis(word, "SIZE") &&
		    parse_u64(span_trim(text), UINT64_MAX, &n) == RC_OK)
			c->size_max = n;
	}
}

static void
on_greeted(struct smtp_client *c, const struct smtp_answer *a)
{
	if (c->step == STEP_EHLO && a->code >= 500) {
		/* RFC 5321 3.2: a server of the old days; but never to step around TLS.
		 */
		greet(c, STEP_HELO);
		return;
	}
	if (a->code >= 300) {
		leave_with(c, a);
		return;
	}
	if (c->step == STEP_EHLO)
		take_extensions(c, a);
	if ((c->extensions & EXT_STARTTLS) && c->tls && !stream_is_tls(c->stream)) {
		c->step = STEP_STARTTLS;
		send_line(c, "STARTTLS\r\n");
		return;
	}
	start_mail(c);
}

static void
on_starttls(struct smtp_client *c, const struct smtp_answer *a)
{
	if (a->code != 220) {
		start_mail(c);
		return;
	}
	c->step = STEP_TLS;
	stream_starttls_client(c->stream, c->tls, c->name);
}

static bool
any_taken(const struct smtp_client *c)
{
	for (size_t i = 0; i < c->job->n_rcpts; i++)
		if (c->job->rcpts[i].state == SMTP_SENT_TAKEN)
			return true;
	return false;
}

static void
on_rcpt(struct smtp_client *c, const struct smtp_answer *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	char status[16];
	struct smtp_outcome *o = next_waiting(c, &c->answered);
	assert(o); /* one reply is read for each that was asked */
	smtp_answer_write(a, &text);
	enum smtp_sent state = SMTP_SENT_TAKEN;
	/* RFC 5321 4.5.3.1.10: 552 for "too many recipients" means 452. */
	if (a->code >= 300)
		state = a->code == 552 ? SMTP_SENT_LATER : sent_from_code(a->code);
	decide_one(c->job, o, state, smtp_answer_status(a, status), buf_span(&text),
	           span_of("", 0), c->name);
	size_t at = c->answered;
	if (c->answered < c->asked && next_waiting(c, &at) && at <= c->asked)
		return; /* more replies are on their way */
	at = c->asked;
	if (next_waiting(c, &at)) {
		send_rcpts(c);
		return;
	}
	if (!any_taken(c)) {
		leave(c, SMTP_CLIENT_DECIDED);
		return;
	}
	c->step = STEP_DATA;
	send_line(c, "DATA\r\n");
}

/* The next piece of the message; the rest when the socket has taken this one. */
static void
send_body(struct smtp_client *c)
{
	struct span m = c->job->message;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	if (!smtp_job_may_go_on(c->job)) {
		smtp_job_decide(c->job, SMTP_SENT_LATER, "4.3.2", span_of("", 0),
		                SPAN(SMTP_JOB_STOPPED), c->name);
		c->end = SMTP_CLIENT_DECIDED;
		c->step = STEP_QUIT;
		stream_close(c->stream); /* without the end of the message */
		return;
	}
	smtp_stuff_add(&c->stuff, span_sub(m, c->body_at, c->body_at + CHUNK), &out);
	c->body_at += CHUNK;
	if (c->body_at >= m.n) {
		smtp_stuff_end(&c->stuff, &out);
		c->step = STEP_END;
		stream_set_idle_ms(c->stream, END_MS);
	}
	stream_write_buf(c->stream, &out);
}

static void
on_data(struct smtp_client *c, const struct smtp_answer *a)
{
	if (a->code != 354) {
		decide_by(c, a, sent_from_code(a->code));
		leave(c, SMTP_CLIENT_DECIDED);
		return;
	}
	c->step = STEP_BODY;
	send_body(c);
}

static void
on_message_taken(struct smtp_client *c, const struct smtp_answer *a)
{
	enum smtp_sent state =
		c->extensions & EXT_DSN ? SMTP_SENT_SENT : SMTP_SENT_RELAYED;
	if (a->code >= 300)
		state = sent_from_code(a->code);
	decide_by(c, a, state);
	leave(c, SMTP_CLIENT_DECIDED);
}

static void
on_answer(struct smtp_client *c, const struct smtp_answer *a)
{
	log_debug(c->job->log, "smtp.out reply", "host=%s step=%s code=%u", c->name,
	          step_str(c->step), a->code);
	if (a->code == 421 && c->step != STEP_END) {
		leave_with(c, a); /* RFC 5321 3.8: it closes, whatever was asked */
		return;
	}
	switch (c->step) {
	case STEP_GREETING:
		if (a->code != 220)
			leave_with(c, a);
		else
			greet(c, STEP_EHLO);
		return;
	case STEP_EHLO:
	case STEP_HELO:
		on_greeted(c, a);
		return;
	case STEP_STARTTLS:
		on_starttls(c, a);
		return;
	case STEP_MAIL:
		if (a->code >= 300) {
			decide_by(c, a, sent_from_code(a->code));
			leave(c, SMTP_CLIENT_DECIDED);
		} else {
			send_rcpts(c);
		}
		return;
	case STEP_RCPT:
		on_rcpt(c, a);
		return;
	case STEP_DATA:
		on_data(c, a);
		return;
	case STEP_BODY: /* it does not wait for the end: that is a refusal */
		decide_by(c, a,
		          a->code < 400 ? SMTP_SENT_LATER : sent_from_code(a->code));
		c->end = SMTP_CLIENT_DECIDED;
		c->step = STEP_QUIT;
		stream_close(c->stream);
		return;
	case STEP_END:
		on_message_taken(c, a);
		return;
	case STEP_TLS:
	case STEP_QUIT:
		return;
	}
}

static void
on_input(void *owner)
{
	struct smtp_client *c = owner;
	while (c->step != STEP_QUIT && c->step != STEP_TLS) {
		struct smtp_answer a;
		size_t used;
		struct span in = stream_input(c->stream);
		enum rc rc = smtp_answer_next(in, &a, &used);
		if (rc == RC_AGAIN)
			return;
		if (rc) {
			free(c->note);
			c->note = xasprintf("%s: what it says is no SMTP",
			                    step_str(c->step));
			leave(c, c->step == STEP_END ? SMTP_CLIENT_DECIDED
			                             : SMTP_CLIENT_NEXT);
			return;
		}
		AUTO(arena)
		struct arena *arena = arena_new();
		a.lines = arena_span(arena, a.lines);
		stream_consume(c->stream, used);
		on_answer(c, &a);
	}
}

static void
on_open(void *owner)
{
	struct smtp_client *c = owner;
	c->connected = true;
	if (c->step == STEP_TLS)
		greet(c,
		      STEP_EHLO); /* RFC 3207 4.2: what it said before does not count */
}

static void
on_drain(void *owner)
{
	struct smtp_client *c = owner;
	if (c->step == STEP_BODY)
		send_body(c);
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	struct smtp_client *c = owner;
	struct smtp_job *j = c->job;
	if (c->step != STEP_QUIT) {
		free(c->note);
		c->note = xasprintf("%s: %s (%s)",
		                    c->connected ? step_str(c->step) : "connect",
		                    stream_end_str(why), detail ? detail : "");
		c->end = c->step == STEP_TLS ? SMTP_CLIENT_TLS : SMTP_CLIENT_NEXT;
		/* After the dot nobody knows whether it has the message: not to another
		 * server now, that would double it for sure. */
		if (c->step == STEP_END)
			c->end = SMTP_CLIENT_DECIDED;
	}
	if (c->end == SMTP_CLIENT_DECIDED)
		smtp_job_decide(j, SMTP_SENT_LATER, "4.4.2", span_of("", 0),
		                span_str(c->note), c->name);
	for (size_t i = 0; i < j->n_rcpts; i++)
		if (j->rcpts[i].state == SMTP_SENT_TAKEN)
			j->rcpts[i].state = SMTP_SENT_WAITING;
	c->fn(c->end, c->note ? c->note : "", c->arg);
}

static const struct stream_ops client_ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_drain = on_drain,
	.on_end = on_end,
};

struct smtp_client *
smtp_client_new(struct loop *l, const struct smtp_client_target *t, struct smtp_job *j,
                smtp_client_fn *fn, void *arg)
{
	struct smtp_client *c = xcalloc(1, sizeof(*c));
	struct stream_limits limits = { .input_max =
		                                SMTP_ANSWER_MAX + SMTP_ANSWER_LINE_MAX,
		                        .idle_ms = REPLY_MS,
		                        .handshake_ms = CONNECT_MS };
	c->job = j;
	c->fn = fn;
	c->arg = arg;
	c->tls = t->tls;
	c->tls_needed = t->tls_needed;
	c->name = xstrdup(t->name);
	c->step = STEP_GREETING;
	c->stream = stream_connect(l, t->to, t->to_len, &limits, &client_ops, c);
	return c;
}

void
smtp_client_free(struct smtp_client *c)
{
	if (!c)
		return;
	stream_free(c->stream);
	free(c->name);
	free(c->note);
	free(c);
}
