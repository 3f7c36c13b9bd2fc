/* SPDX-License-Identifier: ISC
 *
 * smtp_invite.c - sends what a calendar answers by itself: [RFC 6047] 2.4.
 */
#include "smtp/smtp_invite.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/htab.h"
#include "base/log.h"
#include "format/mime_text.h"
#include "smtp/smtp_auto.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_private.h"
#include "store/store_directory.h"
#include "store/store_invite.h"

#define SUBJECT_MAX 400
#define AGAIN_US (INT64_C(600) * 1000 * 1000) /* one address is answered once in */

/* Whoever forges senders makes no flood of it. Two addresses may share a slot: then the
 * second asks again later. */
static bool
may_answer(struct smtp *s, struct span to, struct arena *a)
{
	struct span address, local, domain;
	int64_t now = (int64_t)clock_mono_us() + 1, last;
	_Atomic int64_t *slot;

	if (store_address_normalise(to, a, &address, &local, &domain) != RC_OK)
		return false;
	slot = &s->invite_answered_us[hash_bytes(address) % SMTP_INVITE_SLOTS];
	last = atomic_load(slot);
	return (last == 0 || now - last >= AGAIN_US) &&
	       atomic_compare_exchange_strong(slot, &last, now);
}

static void
write_message(struct smtp *s, const struct store_user *user,
              const struct store_invite_answer *r, struct buf *out)
{
	AUTO_DONE(buf) struct buf subject = BUF_INIT(0);
	char date[40];

	/* Of what another says of a meeting nothing is carried on to a third one. */
	if (r->method == ITIP_REFRESH) {
		buf_add_str(&subject, "Please send the meeting again");
	} else {
		buf_add_str(&subject, r->method == ITIP_CANCEL ? "Canceled: " : "");
		buf_add_span(&subject, utf8_prefix(r->subject, SUBJECT_MAX));
	}
	buf_addf(out, "From: <%.*s>\r\nTo: <%.*s>\r\nSubject: ", SPAN_FMT(user->address),
	         SPAN_FMT(r->to));
	mime_words_write(span_trim(buf_span(&subject)), out);
	buf_addf(out, "\r\nDate: %s\r\nMessage-ID: ",
	         clock_rfc5322(clock_wall_ms(), date, sizeof(date)));
	smtp_message_id_write(s->conf.hostname, out);
	buf_addf(out,
	         "\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	         "Content-Type: text/calendar; charset=utf-8; method=%s\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\n",
	         itip_method_str(r->method));
	base64_encode_mime(r->calendar, out);
	if (buf_len(out) > 0 && out->p[buf_len(out) - 1] != '\n')
		buf_add_str(out, "\r\n");
}

static enum rc
find_answer(struct smtp *s, const struct smtp_invite_request *q,
            const struct store_user *user, struct arena *a,
            struct store_invite_answer *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_invite *in =
		store_invite_new(mime_parse(q->message, NULL, a), q->message);
	enum rc rc = in ? store_read(s->deps.store, q->user, &tx) : RC_NOT_FOUND;

	if (rc == RC_OK)
		rc = store_invite_answer(tx, in, user->address, a, ret);
	store_invite_free(in);
	return rc;
}

void
smtp_invite_answer(struct smtp *s, const struct smtp_invite_request *q)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct store_invite_answer r;
	struct store_user user;
	char own_id[17] = "-";
	enum rc rc = store_user_load(s->deps.store, q->user, a, &user);

	if (rc == RC_OK)
		rc = find_answer(s, q, &user, a, &r);
	if (rc == RC_OK && !may_answer(s, r.to, a))
		rc = RC_EXISTS;
	if (rc == RC_OK) {
		write_message(s, &user, &r, &text);
		rc = buf_ok(&text) ? smtp_auto_send(s, user.address, r.to,
		                                    buf_span(&text), own_id)
		                   : RC_TOO_BIG;
	}
	log_info(NULL, "smtp.invite", "id=%s user=%llu answer=%s rc=%s", q->id,
	         (unsigned long long)q->user, own_id, LOG_STR(span_str(rc_str(rc))));
}
