/* SPDX-License-Identifier: ISC
 *
 * imap_status.c - STATUS (RFC 9051 6.3.11, RFC 7162 3.1.7, RFC 8438, RFC 7889).
 */
#include <inttypes.h>

#include "imap/imap_mailbox.h"
#include "imap/imap_status.h"
#include "imap/imap_view.h"
#include "imap/imap_write.h"

#define ITEM_LIST(X)                                                                     \
	X(MESSAGES)                                                                      \
	X(RECENT)                                                                        \
	X(UIDNEXT)                                                                       \
	X(UIDVALIDITY) X(UNSEEN) X(DELETED) X(SIZE) X(HIGHESTMODSEQ) X(APPENDLIMIT)

enum item {
#define X(name) ITEM_##name,
	ITEM_LIST(X)
#undef X
		ITEMS
};

static const char *const names[] = {
#define X(name) #name,
	ITEM_LIST(X)
#undef X
};

bool
imap_status_read(struct imap_read *rd, unsigned *ret)
{
	unsigned items = 0;

	if (!imap_read_char(rd, '('))
		return false;
	do {
		struct span word;
		unsigned i = 0;
		if (!imap_read_word(rd, &word))
			return false;
		while (i < ITEMS && !span_iis(word, names[i]))
			i++;
		if (i == ITEMS)
			return imap_read_fail(rd, "Unknown item of STATUS");
		items |= 1U << i;
	} while (imap_read_if(rd, ' '));
	*ret = items;
	return imap_read_char(rd, ')');
}

bool
imap_status_wants_modseq(unsigned items)
{
	return (items & 1U << ITEM_HIGHESTMODSEQ) != 0;
}

static bool
count_deleted(const struct store_item *item, void *arg)
{
	uint32_t *n = arg;

	*n += (item->flags & STORE_FLAG_DELETED) != 0;
	return true;
}

static uint64_t
value_of(const struct imap_run *r, const struct store_collection *c, enum item item)
{
	switch (item) {
	case ITEM_MESSAGES:
		return c->exists;
	case ITEM_UIDNEXT:
		return c->uid_next;
	case ITEM_UIDVALIDITY:
		return c->epoch;
	case ITEM_UNSEEN:
		return c->unseen;
	case ITEM_SIZE:
		return c->bytes;
	case ITEM_HIGHESTMODSEQ:
		return c->modseq;
	case ITEM_APPENDLIMIT:
		return r->s->im->conf.message_max;
	case ITEM_RECENT:
	case ITEM_DELETED:
	case ITEMS:
		break;
	}
	return 0;
}

enum rc
imap_status_write(struct imap_run *r, struct store_tx *tx, struct span path,
                  const struct store_collection *c, unsigned items)
{
	uint32_t deleted = 0;

	if (items & 1U << ITEM_DELETED) {
		enum rc rc = store_item_each(tx, c->id, 1, UINT32_MAX, count_deleted,
		                             &deleted);
		if (rc)
			return rc;
	}
	buf_add_str(&r->out, "* STATUS ");
	imap_write_mailbox(&r->out, path, r->s->utf8);
	char before = '(';
	buf_add_char(&r->out, ' ');
	for (unsigned i = 0; i < ITEMS; i++) {
		if (!(items & 1U << i))
			continue;
		uint64_t v = i == ITEM_DELETED ? deleted : value_of(r, c, (enum item)i);
		buf_addf(&r->out, "%c%s %" PRIu64, before, names[i], v);
		before = ' ';
	}
	buf_add_str(&r->out, ")\r\n");
	return RC_OK;
}

struct status {
	struct span name;
	unsigned items;
};

void
imap_status_parse(struct imap_run *r)
{
	struct status *st = arena_new_of(r->arena, struct status);

	r->state = st;
	if (!imap_read_sp(&r->rd) || !imap_read_mailbox(&r->rd, &st->name) ||
	    !imap_read_sp(&r->rd) || !imap_status_read(&r->rd, &st->items) ||
	    !imap_read_end(&r->rd))
		return;
	if (imap_status_wants_modseq(st->items))
		imap_enable_condstore(r);
}

bool
imap_status_work(struct imap_run *r)
{
	struct status *st = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;

	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_find(tx, st->name, r->arena, &c);
	if (rc == RC_OK)
		rc = imap_status_write(r, tx, st->name, &c, st->items);
	imap_reply_rc(r, rc, "Status");
	return true;
}
