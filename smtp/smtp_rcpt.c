/* SPDX-License-Identifier: ISC
 *
 * smtp_rcpt.c - MAIL and RCPT: the envelope (RFC 5321 4.1.1.2, 4.1.1.3; RFC 1870, 6152,
 * 6531, 3461; RFC 6409 6.1 for who may send as whom).
 */
#include <stdlib.h>

#include "base/mem.h"
#include "smtp/smtp_session.h"

/* One look into the directory: may the user send as sender, is the recipient ours? */
struct lookup {
	struct smtp_task task;
	struct store *store;
	struct arena *arena;
	struct span address;
	uint64_t user; /* MAIL: who wants to send as address */
	enum rc rc;
};

static void
lookup_free(struct lookup *k)
{
	arena_free(k->arena);
	free(k);
}

static struct lookup *
lookup_new(struct smtp_session *x, struct span address)
{
	struct lookup *k = xcalloc(1, sizeof(*k));
	k->arena = arena_new();
	k->address = arena_span(k->arena, address);
	k->store = x->smtp->deps.store;
	k->user = x->user;
	return k;
}

/* "FROM:<...> params" or "TO:<...> params"; blanks behind the colon are common. */
static enum rc
parse_args(struct span args, const char *word, struct arena *a, struct smtp_path *ret,
           struct span *ret_rest)
{
	size_t n = strlen(word);
	if (!span_istarts(args, word))
		return RC_INVALID;
	return smtp_parse_path(span_trim(span_sub(args, n, args.n)), a, ret, ret_rest);
}

/* Params that came; each may come once. */
enum param_bit {
	PARAM_SIZE = 1 << 0,
	PARAM_BODY = 1 << 1,
	PARAM_UTF8 = 1 << 2,
	PARAM_RET = 1 << 3,
	PARAM_ENVID = 1 << 4,
	PARAM_AUTH = 1 << 5,
	PARAM_NOTIFY = 1 << 6,
	PARAM_ORCPT = 1 << 7,
};

static enum smtp_reply
take_size(struct smtp_session *x, struct smtp_envelope *e, struct span value)
{
	/* RFC 1870 5: up to 20 digits; more than fits is too big, not a mistake. */
	enum rc rc = value.n <= 20 ? parse_u64(value, UINT64_MAX, &e->size) : RC_INVALID;
	if (rc == RC_INVALID)
		return SMTP_REPLY_SYNTAX;
	if (rc || e->size > x->smtp->conf.message_max)
		return SMTP_REPLY_TOO_BIG;
	return SMTP_REPLY_OK;
}

static enum smtp_reply
take_mail_param(struct smtp_session *x, struct smtp_envelope *e,
                const struct smtp_param *p, unsigned *bit)
{
	if (span_iis(p->name, "SIZE")) {
		*bit = PARAM_SIZE;
		return take_size(x, e, p->value);
	}
	if (span_iis(p->name, "BODY")) {
		*bit = PARAM_BODY;
		e->body_8bit = span_iis(p->value, "8BITMIME");
		return e->body_8bit || span_iis(p->value, "7BIT") ? SMTP_REPLY_OK
		                                                  : SMTP_REPLY_SYNTAX;
	}
	if (span_iis(p->name, "SMTPUTF8")) {
		*bit = PARAM_UTF8;
		e->smtputf8 = true;
		return p->value.p ? SMTP_REPLY_SYNTAX : SMTP_REPLY_OK;
	}
	if (span_iis(p->name, "RET")) {
		*bit = PARAM_RET;
		e->ret = arena_span(e->arena, p->value);
		return span_iis(p->value, "FULL") || span_iis(p->value, "HDRS")
		               ? SMTP_REPLY_OK
		               : SMTP_REPLY_SYNTAX;
	}
	if (span_iis(p->name, "ENVID")) {
		*bit = PARAM_ENVID;
		e->envelope_id = arena_span(e->arena, p->value);
		return p->value.n && p->value.n <= 100 && smtp_xtext_is_valid(p->value)
		               ? SMTP_REPLY_OK
		               : SMTP_REPLY_SYNTAX;
	}
	if (span_iis(p->name, "AUTH") && smtp_is_submission(x)) {
		*bit = PARAM_AUTH; /* RFC 4954 5: taken, and nobody's word for it */
		return p->value.n && smtp_xtext_is_valid(p->value) ? SMTP_REPLY_OK
		                                                   : SMTP_REPLY_SYNTAX;
	}
	return SMTP_REPLY_UNKNOWN_PARAM;
}

static enum smtp_reply
mail_params(struct smtp_session *x, struct smtp_envelope *e, struct span rest)
{
	struct smtp_param p;
	unsigned seen = 0, bit = 0;
	enum rc rc;
	if (rest.n && !x->esmtp)
		return SMTP_REPLY_UNKNOWN_PARAM; /* RFC 5321 4.1.1.11: HELO, no extensions
		                                  */
	while ((rc = smtp_parse_param(&rest, &p)) == RC_OK) {
		enum smtp_reply r = take_mail_param(x, e, &p, &bit);
		if (r != SMTP_REPLY_OK)
			return r;
		if (seen & bit)
			return SMTP_REPLY_SYNTAX;
		seen |= bit;
	}
	return rc == RC_NOT_FOUND ? SMTP_REPLY_OK : SMTP_REPLY_SYNTAX;
}

static void
sender_work(struct smtp_task *t)
{
	struct lookup *k = container_of(t, struct lookup, task);
	struct store_route *routes;
	size_t n;
	k->rc = store_route_find(k->store, k->address, k->arena, &routes, &n);
	/* An alias that leads to others too is a list, and a list sends nothing. */
	if (k->rc == RC_OK && (n != 1 || routes[0].user != k->user))
		k->rc = RC_DENIED;
}

static void
sender_done(struct smtp_task *t)
{
	struct lookup *k = container_of(t, struct lookup, task);
	struct smtp_session *x = t->session;
	if (x) {
		if (k->rc == RC_OK) {
			smtp_session_reply(x, SMTP_REPLY_SENDER_OK);
		} else {
			bool later = k->rc == RC_AGAIN || k->rc == RC_IO;
			smtp_session_reset(x);
			smtp_session_refuse(x,
			                    later ? SMTP_REPLY_LOCAL_ERROR
			                          : SMTP_REPLY_SENDER_DENIED,
			                    k->address);
		}
		smtp_session_resume(x);
	}
	lookup_free(k);
}

static void
mail_accepted(struct smtp_session *x)
{
	struct span sender = x->envelope->sender;
	if (!smtp_is_submission(x) || !sender.n ||
	    span_ieq(sender, span_str(x->user_address))) {
		smtp_session_reply(x, SMTP_REPLY_SENDER_OK);
		return;
	}
	struct lookup *k = lookup_new(x, sender);
	k->task.work = sender_work;
	k->task.done = sender_done;
	smtp_session_task(x, &k->task);
}

void
smtp_mail_start(struct smtp_session *x, struct span args)
{
	if (smtp_is_submission(x) && !x->user) {
		bool tls_first =
			!stream_is_tls(x->stream) && !x->smtp->conf.plaintext_auth;
		smtp_session_refuse(
			x, tls_first ? SMTP_REPLY_TLS_NEEDED : SMTP_REPLY_AUTH_NEEDED,
			args);
		return;
	}
	AUTO(smtp_envelope)
	struct smtp_envelope *e = smtp_envelope_new();
	struct smtp_path path;
	struct span rest;
	enum rc rc = parse_args(args, "FROM:", e->arena, &path, &rest);
	if (rc || (path.address.n && !path.domain.n)) {
		smtp_session_refuse(x, SMTP_REPLY_BAD_SENDER, args);
		return;
	}
	enum smtp_reply r = mail_params(x, e, rest);
	if (r == SMTP_REPLY_OK && path.utf8 && !e->smtputf8)
		r = SMTP_REPLY_NOT_ASCII;
	if (r != SMTP_REPLY_OK) {
		smtp_session_refuse(x, r, args);
		return;
	}
	e->sender = arena_span(e->arena, path.address);
	x->envelope = TAKE(e);
	smtp_session_ask(x, FILTER_STAGE_MAIL, SMTP_REPLY_FILTER_REJECT, mail_accepted);
}

static enum smtp_reply
rcpt_params(struct smtp_session *x, struct smtp_rcpt *to, struct span rest)
{
	struct arena *a = x->envelope->arena;
	struct smtp_param p;
	unsigned seen = 0, bit;
	enum rc rc;
	while ((rc = smtp_parse_param(&rest, &p)) == RC_OK) {
		if (span_iis(p.name, "NOTIFY") && x->esmtp) {
			bit = PARAM_NOTIFY;
			if (!smtp_notify_is_valid(p.value))
				return SMTP_REPLY_SYNTAX;
			to->notify = arena_span(a, p.value);
		} else if (span_iis(p.name, "ORCPT") && x->esmtp) {
			bit = PARAM_ORCPT;
			size_t semi = span_find(p.value, 0, ';');
			struct span value = span_sub(p.value, semi + 1, p.value.n);
			/* RFC 6533 3 allows UTF-8 in a "utf-8;" ORCPT. */
			bool utf8 =
				span_istarts(p.value, "utf-8;") && x->envelope->smtputf8;
			if (!semi || semi >= p.value.n || p.value.n > 500 || !value.n ||
			    (!utf8 && !smtp_xtext_is_valid(value)))
				return SMTP_REPLY_SYNTAX;
			to->orcpt = arena_span(a, p.value);
		} else {
			return SMTP_REPLY_UNKNOWN_PARAM;
		}
		if (seen & bit)
			return SMTP_REPLY_SYNTAX;
		seen |= bit;
	}
	return rc == RC_NOT_FOUND ? SMTP_REPLY_OK : SMTP_REPLY_SYNTAX;
}

/* The recipient that RCPT is about lies behind the accepted ones until it is one. */
static struct smtp_rcpt *
candidate(struct smtp_session *x)
{
	return &x->envelope->rcpts[x->envelope->n_rcpts];
}

static void
rcpt_found(struct smtp_session *x, enum rc rc)
{
	struct smtp_rcpt *to = candidate(x);
	if (rc == RC_DENIED && smtp_is_submission(x))
		rc = RC_OK; /* signed in: may send everywhere */
	if (rc == RC_OK) {
		x->envelope->n_rcpts++;
		smtp_session_reply(x, SMTP_REPLY_RCPT_OK);
		return;
	}
	smtp_session_refuse(
		x, rc == RC_TOO_BIG ? SMTP_REPLY_GROUP_TOO_BIG : smtp_reply_from_rc(rc),
		to->address);
}

static void
rcpt_work(struct smtp_task *t)
{
	struct lookup *k = container_of(t, struct lookup, task);
	struct store_route *routes;
	size_t n;
	k->rc = store_route_find(k->store, k->address, k->arena, &routes, &n);
}

static void
rcpt_done(struct smtp_task *t)
{
	struct lookup *k = container_of(t, struct lookup, task);
	struct smtp_session *x = t->session;
	if (x) {
		if (k->rc == RC_OK)
			smtp_route_note(x->at, k->address);
		rcpt_found(x, k->rc);
		smtp_session_resume(x);
	}
	lookup_free(k);
}

static void
rcpt_accepted(struct smtp_session *x)
{
	struct span address = candidate(x)->address;
	/* "<Postmaster>" is completed on delivery; it is never refused (RFC 5321 4.5.1).
	 */
	if (span_find(address, 0, '@') == address.n || smtp_route_knows(x->at, address)) {
		rcpt_found(x, RC_OK);
		return;
	}
	struct lookup *k = lookup_new(x, address);
	k->task.work = rcpt_work;
	k->task.done = rcpt_done;
	smtp_session_task(x, &k->task);
}

void
smtp_rcpt_start(struct smtp_session *x, struct span args)
{
	struct smtp_envelope *e = x->envelope;
	struct smtp_path path;
	struct span rest;
	if (x->progress) { /* a message has begun by BDAT */
		smtp_session_refuse(x, SMTP_REPLY_BAD_SEQUENCE, args);
		return;
	}
	if (e->n_rcpts >= (size_t)x->smtp->conf.recipients_max) {
		smtp_session_refuse(x, SMTP_REPLY_TOO_MANY_RCPTS, args);
		return;
	}
	enum rc rc = parse_args(args, "TO:", e->arena, &path, &rest);
	if (rc || !path.address.n) {
		smtp_session_refuse(x, SMTP_REPLY_BAD_RCPT, args);
		return;
	}
	struct smtp_rcpt *to = smtp_envelope_add(e, path.address);
	e->n_rcpts--; /* not one yet */
	enum smtp_reply r = rcpt_params(x, to, rest);
	if (r == SMTP_REPLY_OK && path.utf8 && !e->smtputf8)
		r = SMTP_REPLY_NOT_ASCII;
	if (r != SMTP_REPLY_OK) {
		smtp_session_refuse(x, r, args);
		return;
	}
	x->facts.rcpt = to->address;
	smtp_session_ask(x, FILTER_STAGE_RCPT, SMTP_REPLY_FILTER_REJECT, rcpt_accepted);
}
