/* SPDX-License-Identifier: ISC
 *
 * eas_move.c - MoveItems: [MS-ASCMD] 2.2.1.12, 2.2.3.177.10.
 *
 * The row "moves" remembers where the last items went, in the same commit: asked again
 * after a lost answer, the move is reported and not lost. The target folder's cursor
 * learns that the device knows the item, so that no Add of it follows (Outlook would show
 * it twice).
 */
#include "activesync/eas_class.h"
#include "activesync/eas_cursor.h"
#include "activesync/eas_id.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_private.h"

#define ROW "moves"
#define KEPT 200
/* Exchange's own limit (MS-ASCMD 3.1.5.10, "Limiting Size of Command Requests"). */
#define MOVES_MAX 1000

struct memory { /* newest first */
	struct {
		struct eas_id from;
		struct eas_id to;
	} e[KEPT];
	size_t n;
};

static void
remember(struct memory *m, struct eas_id from, struct eas_id to)
{
	size_t n = m->n < KEPT ? m->n : KEPT - 1;

	memmove(&m->e[1], &m->e[0], n * sizeof(m->e[0]));
	m->e[0].from = from;
	m->e[0].to = to;
	m->n = n + 1;
}

static void
memory_read(struct span state, struct memory *m)
{
	struct eas_unpack u = { .rest = state };

	m->n = 0;
	while (u.rest.n > 0 && m->n < KEPT) {
		m->e[m->n].from.collection = eas_unpack_u32(&u);
		m->e[m->n].from.uid = eas_unpack_u32(&u);
		m->e[m->n].to.collection = eas_unpack_u32(&u);
		m->e[m->n].to.uid = eas_unpack_u32(&u);
		if (u.failed)
			break;
		m->n++;
	}
}

static void
memory_write(const struct memory *m, struct buf *b)
{
	for (size_t i = 0; i < m->n; i++) {
		eas_pack_u64(b, m->e[i].from.collection);
		eas_pack_u64(b, m->e[i].from.uid);
		eas_pack_u64(b, m->e[i].to.collection);
		eas_pack_u64(b, m->e[i].to.uid);
	}
}

static bool
recall(const struct memory *m, struct eas_id from, uint32_t to, struct eas_id *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->e[i].from.collection == from.collection &&
		    m->e[i].from.uid == from.uid && m->e[i].to.collection == to) {
			*ret = m->e[i].to;
			return true;
		}
	}
	return false;
}

static unsigned
move_one(struct eas_call *c, struct store_tx *tx, const struct wbxml_node *n,
         struct memory *m, struct eas_id *ret)
{
	struct eas_id from, src, dst;
	struct store_collection col, source;
	struct store_item item;
	const struct wbxml_node *target = wbxml_child(n, WBXML_MOVE_DSTFLDID);
	enum rc rc;

	if (target && wbxml_next(target, WBXML_MOVE_DSTFLDID))
		return EAS_MOVE_FAILED; /* 2.2.3.177.10: where to? */
	if (eas_id_parse(wbxml_child_text(n, WBXML_MOVE_SRCMSGID), 2, &from) != RC_OK ||
	    eas_id_parse(wbxml_child_text(n, WBXML_MOVE_SRCFLDID), 1, &src) != RC_OK ||
	    src.collection != from.collection)
		return EAS_MOVE_BAD_SOURCE;
	if (eas_id_parse(wbxml_child_text(n, WBXML_MOVE_DSTFLDID), 1, &dst) != RC_OK ||
	    store_collection_load(tx, dst.collection, c->arena, &col) != RC_OK ||
	    !eas_class_find(col.class))
		return EAS_MOVE_BAD_TARGET;
	if (store_collection_load(tx, src.collection, c->arena, &source) != RC_OK)
		return recall(m, from, dst.collection, ret) ? EAS_MOVE_OK
		                                            : EAS_MOVE_BAD_SOURCE;
	if (source.class != col.class)
		return EAS_MOVE_BAD_TARGET;
	if (src.collection == dst.collection)
		return EAS_MOVE_SAME;
	rc = store_item_load(tx, from.collection, from.uid, c->arena, &item);
	if (rc == RC_NOT_FOUND && recall(m, from, dst.collection, ret))
		return EAS_MOVE_OK;
	*ret = (struct eas_id){ .collection = dst.collection };
	if (rc == RC_OK)
		rc = store_item_move(tx, from.collection, from.uid, dst.collection,
		                     &ret->uid);
	if (rc == RC_OK)
		rc = eas_cursor_note_move(tx, c->device.number, &item, dst.collection,
		                          ret->uid, c->arena);
	if (rc == RC_OK)
		remember(m, from, *ret);
	return eas_status_from_rc(c->command, rc);
}

static void
write_one(struct wbxml_writer *w, const struct wbxml_node *n, unsigned status,
          struct eas_id id)
{
	char text[EAS_ID_SIZE];

	wbxml_start(w, WBXML_MOVE_RESPONSE);
	wbxml_text(w, WBXML_MOVE_SRCMSGID, wbxml_child_text(n, WBXML_MOVE_SRCMSGID));
	wbxml_u64(w, WBXML_MOVE_STATUS, status);
	if (status == EAS_MOVE_OK)
		wbxml_str(w, WBXML_MOVE_DSTMSGID, eas_id_str(id, 2, text));
	wbxml_end(w);
}

static enum rc
run(struct eas_call *c, struct wbxml_writer *w)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf state = BUF_INIT(0);
	struct memory *m = arena_new_of(c->arena, struct memory);
	struct store_cursor row = { .key = 1 };
	enum rc rc;

	rc = eas_write(c, true, &tx);
	if (rc == RC_OK)
		rc = store_cursor_load(tx, c->device.number, ROW, c->arena, &row);
	if (rc == RC_OK)
		memory_read(row.state, m);
	else if (rc != RC_NOT_FOUND)
		return rc;
	for (const struct wbxml_node *n = wbxml_child(c->root, WBXML_MOVE_MOVE); n;
	     n = wbxml_next(n, WBXML_MOVE_MOVE)) {
		struct eas_id id = { 0 };
		unsigned status = move_one(c, tx, n, m, &id);

		write_one(w, n, status, id);
	}
	memory_write(m, &state);
	row = (struct store_cursor){ .key = 1, .state = buf_span(&state) };
	row.prev_state = row.answer = SPAN("");
	rc = store_cursor_save(tx, c->device.number, ROW, &row);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

void
eas_move_start(struct eas_call *c)
{
	struct wbxml_writer w;
	size_t n = 0;
	enum rc rc;

	if (c->root->tag != WBXML_MOVE_MOVEITEMS ||
	    !wbxml_child(c->root, WBXML_MOVE_MOVE)) {
		eas_answer_http(c, 400);
		return;
	}
	for (const struct wbxml_node *i = wbxml_child(c->root, WBXML_MOVE_MOVE); i;
	     i = wbxml_next(i, WBXML_MOVE_MOVE))
		n++;
	if (n > MOVES_MAX) {
		eas_answer_status(c, EAS_STATUS_INVALID_XML);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_MOVE_MOVEITEMS);
	rc = run(c, &w);
	wbxml_end(&w);
	if (rc == RC_AGAIN)
		eas_answer_rc(c, rc);
	else if (rc != RC_OK)
		eas_answer_http(c, 500);
}
