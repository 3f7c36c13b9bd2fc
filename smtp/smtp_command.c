/* SPDX-License-Identifier: ISC
 *
 * smtp_command.c - the table of commands, and those that take no job (RFC 5321 4.1).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtp/smtp_session.h"

enum command_flag {
	NEEDS_HELO = 1 << 0,
	NEEDS_MAIL = 1 << 1,
	NO_MAIL = 1 << 2,    /* not inside of a transaction */
	ENDS_GROUP = 1 << 3, /* RFC 2920 3.1: nothing may be sent before our reply */
	ONLY_SMTP = 1 << 4,
	ONLY_LMTP = 1 << 5,
	ONLY_SUBMISSION = 1 << 6,
};

struct command {
	const char *verb;
	unsigned flags;
	const char *ehlo; /* the extension that stands behind it */
	void (*start)(struct smtp_session *x, struct span args);
};

static void
greet_line(struct smtp_session *x, struct span args, bool esmtp)
{
	if (!args.n || span_find(args, 0, ' ') < args.n ||
	    (!smtp_domain_is_valid(args) && args.p[0] != '[')) {
		/* Mail programs greet with the strangest names; servers should not. */
		if (!args.n || !smtp_is_submission(x) || !utf8_is_valid(args)) {
			smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
			return;
		}
	}
	smtp_session_reset(x);
	free(x->helo);
	x->helo = xstrndup(args.p, args.n);
	x->esmtp = esmtp;
}

static bool
may_starttls(const struct smtp_session *x)
{
	return x->smtp->deps.tls && !stream_is_tls(x->stream);
}

static bool
may_auth(const struct smtp_session *x)
{
	return smtp_is_submission(x) && !x->user &&
	       (stream_is_tls(x->stream) || x->smtp->conf.plaintext_auth);
}

static void ehlo_answer(struct smtp_session *x);

static void
helo_answer(struct smtp_session *x)
{
	smtp_session_reply_text(x, SMTP_REPLY_OK, x->smtp->conf.hostname);
}

static void
forget_greeting(struct smtp_session *x)
{
	free(x->helo);
	x->helo = NULL;
}

static void
helo_start(struct smtp_session *x, struct span args)
{
	forget_greeting(x);
	greet_line(x, args, false);
	if (x->helo)
		smtp_session_ask(x, FILTER_STAGE_HELO, SMTP_REPLY_FILTER_REJECT,
		                 helo_answer);
}

static void
ehlo_start(struct smtp_session *x, struct span args)
{
	forget_greeting(x);
	greet_line(x, args, true);
	if (x->helo)
		smtp_session_ask(x, FILTER_STAGE_HELO, SMTP_REPLY_FILTER_REJECT,
		                 ehlo_answer);
}

static void
starttls_start(struct smtp_session *x, struct span args)
{
	if (args.n) {
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
		return;
	}
	if (!may_starttls(x)) {
		smtp_session_refuse(x,
		                    x->smtp->deps.tls ? SMTP_REPLY_BAD_SEQUENCE
		                                      : SMTP_REPLY_NOT_IMPLEMENTED,
		                    SPAN("STARTTLS"));
		return;
	}
	/* RFC 3207 4.2: what was said before TLS is forgotten, the greeting too. */
	smtp_session_reset(x);
	forget_greeting(x);
	x->user = 0;
	free(x->user_address);
	x->user_address = NULL;
	smtp_session_reply(x, SMTP_REPLY_TLS_READY);
	smtp_session_enter(x, SMTP_STATE_TLS);
	stream_uncork(x->stream);
	stream_starttls_server(x->stream, x->smtp->deps.tls);
	stream_cork(x->stream);
}

static void
rset_start(struct smtp_session *x, struct span args)
{
	if (args.n) {
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
		return;
	}
	smtp_session_reset(x);
	smtp_session_reply(x, SMTP_REPLY_OK);
}

static void
noop_start(struct smtp_session *x, struct span args UNUSED)
{
	smtp_session_reply(x, SMTP_REPLY_OK);
}

static void
vrfy_start(struct smtp_session *x, struct span args)
{
	/* RFC 5321 7.3: the directory is nobody's business. */
	if (!args.n)
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
	else
		smtp_session_reply(x, SMTP_REPLY_CANNOT_VERIFY);
}

static void
quit_start(struct smtp_session *x, struct span args)
{
	if (args.n)
		smtp_session_refuse(x, SMTP_REPLY_SYNTAX, args);
	else
		smtp_session_close(x, SMTP_REPLY_BYE);
}

static void
unimplemented_start(struct smtp_session *x, struct span args)
{
	smtp_session_refuse(x, SMTP_REPLY_NOT_IMPLEMENTED, args);
}

static void help_start(struct smtp_session *x, struct span args);

static const struct command commands[] = {
	{ "HELO", ONLY_SMTP | ENDS_GROUP, NULL, helo_start },
	{ "EHLO", ONLY_SMTP | ENDS_GROUP, NULL, ehlo_start },
	{ "LHLO", ONLY_LMTP | ENDS_GROUP, NULL, ehlo_start },
	{ "MAIL", NEEDS_HELO | NO_MAIL, NULL, smtp_mail_start },
	{ "RCPT", NEEDS_HELO | NEEDS_MAIL, NULL, smtp_rcpt_start },
	{ "DATA", NEEDS_HELO | NEEDS_MAIL | ENDS_GROUP, NULL, smtp_data_start },
	{ "BDAT", 0 /* judged there: its bytes come in any case */, "CHUNKING",
	  smtp_bdat_start },
	{ "RSET", 0, NULL, rset_start },
	{ "NOOP", 0, NULL, noop_start },
	{ "VRFY", 0, "VRFY", vrfy_start },
	{ "HELP", 0, "HELP", help_start },
	{ "QUIT", 0, NULL, quit_start },
	{ "STARTTLS", NEEDS_HELO | NO_MAIL | ENDS_GROUP, "STARTTLS", starttls_start },
	{ "AUTH", NEEDS_HELO | NO_MAIL | ENDS_GROUP | ONLY_SUBMISSION, "AUTH PLAIN LOGIN",
	  smtp_auth_start },
	{ "EXPN", 0, NULL, unimplemented_start },
	{ "ETRN", 0, NULL, unimplemented_start },
};

/* Extensions that are no command of their own. */
static const char *const extensions[] = {
	"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES",
};

static bool
is_for(const struct command *c, const struct smtp_session *x)
{
	if ((c->flags & ONLY_LMTP) && !smtp_is_lmtp(x))
		return false;
	if ((c->flags & ONLY_SMTP) && smtp_is_lmtp(x))
		return false;
	return !(c->flags & ONLY_SUBMISSION) || smtp_is_submission(x);
}

static bool
is_shown(const struct command *c, const struct smtp_session *x)
{
	if (!c->ehlo || !is_for(c, x))
		return false;
	if (c->start == starttls_start)
		return may_starttls(x);
	return c->start != smtp_auth_start || may_auth(x);
}

static void
ehlo_answer(struct smtp_session *x)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	buf_addf(&out, "250-%s\r\n", x->smtp->conf.hostname);
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		buf_addf(&out, "250-%s\r\n", extensions[i]);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (is_shown(&commands[i], x))
			buf_addf(&out, "250-%s\r\n", commands[i].ehlo);
	buf_addf(&out, "250 SIZE %" PRIu64 "\r\n", x->smtp->conf.message_max);
	stream_write(x->stream, buf_span(&out));
}

static void
help_start(struct smtp_session *x, struct span args UNUSED)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	buf_add_str(&out, "214-2.0.0 Commands:");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (is_for(&commands[i], x) && commands[i].start != unimplemented_start)
			buf_addf(&out, " %s", commands[i].verb);
	buf_add_str(&out, "\r\n");
	smtp_reply_write(SMTP_REPLY_HELP, NULL, &out);
	stream_write(x->stream, buf_span(&out));
}

void
smtp_command_greet(struct smtp_session *x)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	buf_addf(&out, "220 %s %s Godwit\r\n", x->smtp->conf.hostname,
	         smtp_is_lmtp(x) ? "LMTP" : "ESMTP");
	stream_write(x->stream, buf_span(&out));
	smtp_session_enter(x, SMTP_STATE_COMMAND);
}

/*
 * Bytes behind a command whose reply the peer must see first: either it is a robot, or
 * these bytes are the end of a message that another server let through.
 */
static bool
is_bad_pipelining(const struct command *c, struct smtp_session *x)
{
	if (!stream_input(x->stream).n)
		return false;
	return (c->flags & ENDS_GROUP) || (x->helo && !x->esmtp && !x->user);
}

static const struct command *
find_command(struct span verb, const struct smtp_session *x)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (span_iis(verb, commands[i].verb))
			return is_for(&commands[i], x) ? &commands[i] : NULL;
	return NULL;
}

void
smtp_command_run(struct smtp_session *x, struct span line)
{
	struct span verb, args = smtp_parse_verb(line, &verb);
	const struct command *c = find_command(verb, x);
	if (!c) {
		smtp_session_refuse(x, SMTP_REPLY_UNKNOWN_COMMAND, verb);
		return;
	}
	if (is_bad_pipelining(c, x)) {
		log_info(&x->log, "smtp.refused", "reason=%s verb=%s", "pipelining",
		         c->verb);
		metric_add(&smtp_metric_refused, 1);
		smtp_session_close(x, SMTP_REPLY_BAD_PIPELINING);
		return;
	}
	if (((c->flags & NEEDS_HELO) && !x->helo) ||
	    ((c->flags & NEEDS_MAIL) && !x->envelope) ||
	    ((c->flags & NO_MAIL) && x->envelope)) {
		smtp_session_refuse(x, SMTP_REPLY_BAD_SEQUENCE, verb);
		return;
	}
	c->start(x, args);
}
