/* SPDX-License-Identifier: ISC
 *
 * eas_conversation.c - moving conversations: [MS-ASCMD] 2.2.3.117.1, [MS-ASCON] 2.2.2.7.
 *
 * There is no index of conversations: which one a message belongs to stands in its parsed
 * header, and a move looks through those of the mailbox, which is rare enough.
 */
#include "activesync/eas_conversation.h"

#include "base/clock.h"
#include "format/mime_thread.h"
#include "store/store_conversation.h"
#include "store/store_item.h"

#define MOVE_BATCH 100

struct found {
	uint32_t collection;
	uint32_t uid;
	uint64_t content;
};

struct mails {
	struct arena *a;
	struct found *list;
	size_t n, cap;
};

static bool
note_mail(const struct store_item *item, void *arg)
{
	struct mails *m = arg;

	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 256;
		struct found *grown = arena_array(m->a, cap, struct found);

		if (m->n > 0)
			memcpy(grown, m->list, m->n * sizeof(*grown));
		m->list = grown;
		m->cap = cap;
	}
	m->list[m->n++] = (struct found){ item->collection, item->uid, item->content };
	return true;
}

static enum rc
collect_mails(struct store_tx *tx, uint32_t to, struct mails *m)
{
	struct store_collection *cols;
	size_t n;
	enum rc rc = store_collection_list(tx, m->a, &cols, &n);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (cols[i].class == STORE_CLASS_MAIL && cols[i].id != to &&
		    cols[i].role != STORE_ROLE_SENT)
			rc = store_item_each(tx, cols[i].id, 1, UINT32_MAX, note_mail, m);
	}
	return rc;
}

/* Leaves those of the conversation in m. A record that cannot be read belongs to none. */
static enum rc
keep_conversation(struct store_tx *tx, struct span id, struct mails *m)
{
	size_t kept = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < m->n; i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		uint8_t own[MIME_CONVERSATION_SIZE];
		struct mime_part *root;
		struct span meta;

		rc = store_content_meta(tx, m->list[i].content, a, &meta);
		if (rc != RC_OK || mime_meta_read(meta, a, &root) != RC_OK)
			continue;
		mime_conversation_id(root->envelope, a, own);
		if (memcmp(own, id.p, sizeof(own)) == 0)
			m->list[kept++] = m->list[i];
	}
	m->n = kept;
	return rc;
}

static enum rc
find_mails(struct eas_call *c, struct span id, uint32_t to, struct mails *m)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection col;
	enum rc rc = eas_read(c, &tx);

	if (rc == RC_OK)
		rc = store_collection_load(tx, to, c->arena, &col);
	if (rc == RC_OK && col.class != STORE_CLASS_MAIL)
		return RC_DENIED;
	if (rc == RC_OK)
		rc = collect_mails(tx, to, m);
	return rc == RC_OK ? keep_conversation(tx, id, m) : rc;
}

/* In batches, as nobody's doing; the first one notes what comes of later mail. What went
 * away meanwhile is gone. */
static enum rc
move_batch(struct eas_call *c, struct span id, uint32_t to, const struct found *list,
           size_t n, bool is_first)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = eas_write(c, false, &tx);

	if (rc == RC_OK && is_first)
		rc = store_conversation_set(tx, (const uint8_t *)id.p, to,
		                            clock_wall_ms());
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		uint32_t uid;

		rc = store_item_move(tx, list[i].collection, list[i].uid, to, &uid);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	return rc == RC_OK ? store_commit(&tx) : rc;
}

enum rc
eas_conversation_move(struct eas_call *c, struct span id, uint32_t to, size_t *ret_n)
{
	struct mails m = { .a = c->arena };
	size_t at = 0;
	enum rc rc;

	*ret_n = 0;
	if (id.n != MIME_CONVERSATION_SIZE)
		return RC_INVALID;
	rc = find_mails(c, id, to, &m);
	if (rc == RC_OK && m.n == 0)
		rc = RC_NOT_FOUND;
	if (rc != RC_OK)
		return rc;
	do {
		size_t n = m.n - at < MOVE_BATCH ? m.n - at : MOVE_BATCH;

		rc = move_batch(c, id, to, m.list + at, n, at == 0);
		at += rc == RC_OK ? n : 0;
	} while (rc == RC_OK && at < m.n);
	*ret_n = at;
	log_info(c->log, "eas.conversation moved", "to=%u mails=%zu of=%zu rc=%s", to, at,
	         m.n, LOG_STR(span_str(rc_str(rc))));
	return rc;
}
