/* SPDX-License-Identifier: ISC
 *
 * smtp_oof.c - answers mail for a user who is away, once for each sender: [RFC 3834].
 *
 * That a sender is answered is noted, durably, before the reply is handed on, so that of
 * several nodes (and of a node that comes back after a crash) one at most sends it.
 */
#include "smtp/smtp_oof.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/mime.h"
#include "format/pim_contact.h"
#include "smtp/smtp_auto.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_private.h"
#include "store/store_directory.h"
#include "store/store_item.h"

#define HEADER_MAX ((size_t)256 << 10)
#define DAY_MS INT64_C(86400000)
#define CONTACT_MAX ((uint64_t)1 << 20) /* a larger card is not looked into */

struct answer {
	struct smtp *smtp;
	const struct smtp_oof_request *q;
	struct arena *a;
	struct span header;
	struct span sender; /* as it is compared */
	struct store_user user;
	struct store_oof oof;
	enum store_oof_audience audience;
	int64_t now_ms;
};

/* -- who it is -- */

struct cards {
	struct arena *a;
	struct card {
		uint64_t content;
		uint64_t size;
	} * list;
	size_t n, cap;
};

static bool
note_card(const struct store_item *item, void *arg)
{
	struct cards *c = arg;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct card *grown = arena_array(c->a, cap, struct card);

		if (c->n > 0)
			memcpy(grown, c->list, c->n * sizeof(*grown));
		c->list = grown;
		c->cap = cap;
	}
	if (item->size <= CONTACT_MAX)
		c->list[c->n++] = (struct card){ item->content, item->size };
	return true;
}

/* Is the text there, however the card's lines are folded (RFC 6350 3.2)? */
static bool
may_have(struct span vcard, struct span text)
{
	AUTO_DONE(buf) struct buf flat = BUF_INIT(0);

	for (size_t i = 0; i < vcard.n; i++) {
		size_t end = i + (vcard.p[i] == '\r');

		if (end + 1 < vcard.n && vcard.p[end] == '\n' &&
		    (vcard.p[end + 1] == ' ' || vcard.p[end + 1] == '\t'))
			i = end + 1;
		else
			buf_add_char(&flat, vcard.p[i]);
	}
	return span_ifind(buf_span(&flat), text) < buf_len(&flat);
}

/* Its addresses stand as "a@b" or "Name" <a@b>. */
static bool
card_has(struct span vcard, struct span address, struct arena *a)
{
	struct pim_contact *contact;

	if (!may_have(vcard, address) || pim_contact_parse(vcard, a, &contact) != RC_OK)
		return false;
	for (size_t i = 0; i < PIM_EMAIL_N; i++) {
		const struct mime_address *m =
			contact->email[i]
				? mime_address_parse(span_str(contact->email[i]), 1, a)
				: NULL;

		if (m &&
		    span_ieq(span_str(arena_printf(a, "%.*s@%.*s", SPAN_FMT(m->mailbox),
		                                   SPAN_FMT(m->host))),
		             address))
			return true;
	}
	return false;
}

static enum rc
collect_cards(struct store_tx *tx, struct cards *c)
{
	struct store_collection *list;
	size_t n;
	enum rc rc = store_collection_list(tx, c->a, &list, &n);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (list[i].class == STORE_CLASS_CONTACTS)
			rc = store_item_each(tx, list[i].id, 1, UINT32_MAX, note_card, c);
	}
	return rc;
}

static enum rc
is_known(struct answer *w, struct store_tx *tx, bool *ret)
{
	struct cards c = { .a = w->a };
	enum rc rc = collect_cards(tx, &c);
	bool found = false;

	for (size_t i = 0; rc == RC_OK && i < c.n && !found; i++) {
		AUTO_DONE(buf) struct buf card = BUF_INIT(0);
		AUTO(arena)
		struct arena *a = arena_new();

		rc = store_content_read(tx, c.list[i].content, 0, c.list[i].size, &card);
		if (rc == RC_OK)
			found = card_has(buf_span(&card), w->sender, a);
	}
	if (rc == RC_OK)
		*ret = found;
	return rc;
}

static bool
say_the_same(const struct store_oof_message *x, const struct store_oof_message *y)
{
	return x->enabled == y->enabled && x->is_html == y->is_html &&
	       span_eq(x->text, y->text);
}

static enum rc
find_audience(struct answer *w, struct store_tx *tx)
{
	const struct store_oof_message *m = w->oof.message;
	enum rc rc = store_domain_find(w->smtp->deps.store, smtp_domain_of(w->sender));
	bool known = false;

	w->audience = STORE_OOF_INTERNAL;
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = RC_OK;
	if (!say_the_same(&m[STORE_OOF_KNOWN], &m[STORE_OOF_UNKNOWN]))
		rc = is_known(w, tx, &known);
	w->audience = known ? STORE_OOF_KNOWN : STORE_OOF_UNKNOWN;
	return rc;
}

/* -- what is to be done -- */

/* Does the address lead to the user alone? */
static bool
is_his(struct answer *w, struct span address)
{
	struct store_route *routes;
	size_t n;

	return store_route_find(w->smtp->deps.store, address, w->a, &routes, &n) ==
	               RC_OK &&
	       n == 1 && routes[0].user == w->q->user;
}

static const char *
refusal(struct answer *w)
{
	struct span own[2] = { w->user.address, w->q->rcpt };
	size_t n = 1;

	if (w->q->rcpt.n > 0 && !span_ieq(own[0], own[1]) && is_his(w, own[1]))
		n = 2;
	const char *why = smtp_oof_refusal(w->q->sender, w->header, own, n, w->a);
	if (why)
		return why;
	return is_his(w, w->sender) ? "is the user's own" : NULL;
}

/* RC_NOT_FOUND: there is nothing to say to this one. */
static enum rc
choose_text(struct answer *w)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_read(w->smtp->deps.store, w->q->user, &tx);

	if (rc == RC_OK)
		rc = store_oof_load(tx, w->a, &w->oof);
	if (rc == RC_OK && !store_oof_is_on(&w->oof, w->now_ms))
		return RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = find_audience(w, tx);
	if (rc)
		return rc;
	const struct store_oof_message *m = &w->oof.message[w->audience];
	return m->enabled && m->text.n > 0 ? RC_OK : RC_NOT_FOUND;
}

static enum rc
take_sender(struct answer *w)
{
	const struct smtp_conf *conf = &w->smtp->conf;
	const struct store_actor who = { .protocol = "smtp" };
	const struct store_oof_sender sender = {
		.address = w->sender,
		.version = w->oof.version,
		.now_ms = w->now_ms,
		.again_ms = w->now_ms - (int64_t)conf->reply_again_ms,
		.since_ms = w->now_ms - DAY_MS,
		.many_max = (uint32_t)conf->replies_max,
	};
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_write(w->smtp->deps.store, w->q->user, &who, &tx);

	if (rc == RC_OK)
		rc = store_oof_take(tx, &sender);
	return rc ? rc : store_commit(&tx);
}

static void
forget_sender(struct answer *w)
{
	const struct store_actor who = { .protocol = "smtp" };
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_write(w->smtp->deps.store, w->q->user, &who, &tx);

	if (rc == RC_OK)
		rc = store_oof_forget(tx, w->sender);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc)
		log_warn(NULL, "smtp.oof lost", "id=%s to=%s rc=%s", w->q->id,
		         LOG_STR(w->q->sender), LOG_STR(span_str(rc_str(rc))));
}

/* RFC 3834 3.3: to the return path of the message, and with none of its own. */
static enum rc
send_reply(struct answer *w, char own_id[17])
{
	const struct smtp_oof_reply r = {
		.from = w->user.address,
		.from_name = w->user.name,
		.to = w->q->sender,
		.header = w->header,
		.text = &w->oof.message[w->audience],
		.hostname = w->smtp->conf.hostname,
		.now_ms = w->now_ms,
	};
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	smtp_oof_write(&r, w->a, &text);
	return smtp_auto_send(w->smtp, r.from, r.to, buf_span(&text), own_id);
}

static enum rc
answer(struct answer *w, const char **ret_why, char own_id[17])
{
	struct span local, domain;
	enum rc rc = store_user_load(w->smtp->deps.store, w->q->user, w->a, &w->user);

	*ret_why = NULL;
	if (rc)
		return rc;
	if (w->q->sender.n == 0) {
		*ret_why = "has no return path";
		return RC_OK;
	}
	rc = store_address_normalise(w->q->sender, w->a, &w->sender, &local, &domain);
	if (rc)
		return rc;
	*ret_why = refusal(w);
	if (*ret_why)
		return RC_OK;
	rc = choose_text(w);
	if (rc == RC_NOT_FOUND) {
		*ret_why = "has nothing to be told";
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = take_sender(w);
	if (rc == RC_EXISTS || rc == RC_TOO_BIG) {
		*ret_why = rc == RC_EXISTS ? "was answered before" : "is one too many";
		return RC_OK;
	}
	if (rc)
		return rc;
	rc = send_reply(w, own_id);
	if (rc == RC_AGAIN || rc == RC_IO)
		forget_sender(w);
	return rc;
}

void
smtp_oof_answer(struct smtp *s, const struct smtp_oof_request *q)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct answer w = { .smtp = s, .q = q, .a = a, .now_ms = clock_wall_ms() };
	char own_id[17] = "-";
	const char *why;

	w.header = span_sub(q->message, 0, mime_header_len(q->message));
	if (w.header.n > HEADER_MAX)
		w.header.n = HEADER_MAX;
	enum rc rc = answer(&w, &why, own_id);
	if (rc) {
		log_warn(NULL, "smtp.oof", "id=%s user=%s to=%s rc=%s", q->id,
		         LOG_STR(w.user.address), LOG_STR(q->sender),
		         LOG_STR(span_str(rc_str(rc))));
		return;
	}
	log_info(NULL, "smtp.oof", "id=%s user=%s to=%s reply=%s why=%s", q->id,
	         LOG_STR(w.user.address), LOG_STR(q->sender), own_id,
	         LOG_STR(span_str(why ? why : "-")));
	if (!why)
		metric_add(&smtp_metric_oof, 1);
}
