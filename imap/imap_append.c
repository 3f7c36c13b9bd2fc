/* SPDX-License-Identifier: ISC
 *
 * imap_append.c - APPEND (RFC 9051 6.3.12, RFC 6855 4): the bytes as they are.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "imap/imap_mailbox.h"
#include "imap/imap_private.h"

struct append {
	struct span name;
	struct imap_flags flags;
	int64_t received_ms;
	struct span message;
};

static bool
read_message(struct imap_read *rd, struct append *ap)
{
	/* "UTF8 (~{123}...)" (RFC 6855 4) */
	if (imap_read_if_word(rd, "UTF8"))
		return imap_read_sp(rd) && imap_read_char(rd, '(') &&
		       imap_read_literal(rd, &ap->message) && imap_read_char(rd, ')');
	return imap_read_literal(rd, &ap->message);
}

void
imap_append_parse(struct imap_run *r)
{
	struct append *ap = arena_new_of(r->arena, struct append);
	struct imap_read *rd = &r->rd;

	r->state = ap;
	ap->flags.keywords = span_of("", 0);
	ap->received_ms = clock_wall_ms();
	if (!imap_read_sp(rd) || !imap_read_mailbox(rd, &ap->name) || !imap_read_sp(rd))
		return;
	if (imap_read_peek(rd) == '(' &&
	    (!imap_read_flags(rd, false, &ap->flags) || !imap_read_sp(rd)))
		return;
	if (imap_read_peek(rd) == '"' &&
	    (!imap_read_date_time(rd, &ap->received_ms) || !imap_read_sp(rd)))
		return;
	if (!read_message(rd, ap) || !imap_read_end(rd))
		return;
	if (ap->message.n == 0)
		imap_read_fail(rd, "A message of no bytes");
}

/* Is there such a mailbox? Asked before the work of taking the message in. */
static enum rc
find_target(struct imap_run *r, const struct append *ap, struct store_collection *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	enum rc rc = imap_look(r, &tx);
	return rc ? rc : imap_mailbox_find(tx, ap->name, r->arena, ret);
}

bool
imap_append_work(struct imap_run *r)
{
	struct append *ap = r->state;
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;
	struct store_item_new item = {
		.flags = ap->flags.system,
		.keywords = ap->flags.keywords,
		.received_ms = ap->received_ms,
	};
	uint32_t uid;

	enum rc rc = find_target(r, ap, &c);
	if (rc == RC_OK)
		rc = store_content_new_mail(r->s->im->deps.store, ap->message, &content);
	if (rc == RC_OK)
		rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = store_item_add(tx, c.id, content, &item, &uid, NULL);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc) {
		imap_reply_target_rc(r, rc, "Append");
		return true;
	}
	imap_reply(r, IMAP_OK,
	           arena_printf(r->arena, "APPENDUID %" PRIu32 " %" PRIu32, c.epoch, uid),
	           "Append completed");
	return true;
}
