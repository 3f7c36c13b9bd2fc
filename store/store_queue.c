/* SPDX-License-Identifier: ISC
 *
 * store_queue.c - the queue of mail that leaves.
 */
#include "store/store_queue.h"

#include <endian.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_queue_private.h"

/* Numbers are taken so many at a time: adding locks no row that others add by. */
#define BLOCK 1000

enum rc
queue_begin(struct store *s, bool write, struct engine_tx **ret)
{
	return engine_begin(s->engine, ENGINE_QUEUE, 0, write, ret);
}

enum rc
queue_commit_and_tell(struct store *s, struct engine_tx **etx)
{
	enum rc rc = engine_commit(etx);

	if (!rc && s->on_queue)
		s->on_queue(s->on_queue_arg);
	return rc;
}

/* --- numbers --- */

static enum rc
take_block(struct store *s, struct span name, uint64_t n, uint64_t *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint64_t first = 0;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT value FROM meta WHERE name = $1 /* for update */",
		             T(name));
	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	first = col_u64(st, 0);
	engine_stmt_free(TAKE(st));
	rc = sql_run(etx, "UPDATE meta SET value = value + $2 WHERE name = $1", T(name),
	             I(n));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*ret = first;
	return rc;
}

/* n numbers in a row, the first in *ret; before the transaction that uses them. */
static enum rc
take_numbers(struct store *s, struct store_numbers *b, struct span name, uint64_t n,
             uint64_t *ret)
{
	enum rc rc = RC_OK;

	pthread_mutex_lock(&s->numbers_mutex);
	if (b->end - b->next < n) {
		uint64_t size = n > BLOCK ? n : BLOCK;
		uint64_t first = 0;

		rc = take_block(s, name, size, &first);
		if (!rc)
			*b = (struct store_numbers){ first, first + size };
	}
	if (!rc) {
		*ret = b->next;
		b->next += n;
	}
	pthread_mutex_unlock(&s->numbers_mutex);
	return rc;
}

/* --- adding --- */

static enum rc
insert_content(struct engine_tx *etx, const struct store_content *c, size_t refs,
               uint64_t id)
{
	return sql_run(etx,
	               "INSERT INTO content (id, refs, form, size, sha256, stored, meta)"
	               " VALUES ($1, $2, $3, $4, $5, $6, $7)",
	               I(id), I(refs), I(c->form), I(c->size),
	               B(span_of((const char *)c->hash.b, sizeof(c->hash.b))),
	               B(buf_span(&c->stored)), B(buf_span(&c->meta)));
}

void
queue_write_members(const uint64_t *members, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t le = htole64(members[i]);

		buf_add(out, &le, sizeof(le));
	}
}

static void
read_members(struct span packed, struct arena *a, struct store_queue_entry *e)
{
	e->n_members = packed.n / sizeof(uint64_t);
	e->members = arena_array(a, e->n_members, uint64_t);
	for (size_t i = 0; i < e->n_members; i++) {
		uint64_t le;

		memcpy(&le, packed.p + i * sizeof(le), sizeof(le));
		e->members[i] = le64toh(le);
	}
}

static enum rc
insert_entry(struct engine_tx *etx, const struct store_queue_entry *e, uint64_t id,
             uint64_t content)
{
	AUTO_DONE(buf) struct buf members = BUF_INIT(0);
	enum rc rc;

	queue_write_members(e->members, e->n_members, &members);
	rc = sql_run(etx,
	             "INSERT INTO entry (" QUEUE_COLUMNS ", content, bulk) VALUES"
	             " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, 0,"
	             " $14, $15, $16, $17, $18)",
	             I(id), B(e->sender), B(e->hop), B(e->envelope_id), B(e->ret),
	             I(e->smtputf8), I(e->body_8bit), I(e->queued_ms), I(e->next_ms),
	             I(e->attempts), B(e->last_error), I(e->delay_warned), I(e->held),
	             I(e->token), I(e->junk), B(buf_span(&members)), I(content),
	             I(e->n_members > 0));
	for (size_t i = 0; !rc && i < e->n_rcpts; i++)
		rc = sql_run(etx,
		             "INSERT INTO rcpt (entry, seq, address, notify, orcpt)"
		             " VALUES ($1, $2, $3, $4, $5)",
		             I(id), I(i), B(e->rcpts[i].address), B(e->rcpts[i].notify),
		             B(e->rcpts[i].orcpt));
	return rc;
}

enum rc
store_queue_add(struct store *s, struct store_queue_entry *entries, size_t n,
                const struct store_content *content)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t content_id = 0;
	uint64_t first = 0;
	enum rc rc;

	if (n == 0)
		return RC_OK;
	rc = take_numbers(s, &s->content_numbers, SPAN("content_next"), 1, &content_id);
	if (!rc)
		rc = take_numbers(s, &s->entry_numbers, SPAN("entry_next"), n, &first);
	if (!rc)
		rc = queue_begin(s, true, &etx);
	if (!rc)
		rc = insert_content(etx, content, n, content_id);
	for (size_t i = 0; !rc && i < n; i++)
		rc = insert_entry(etx, &entries[i], first + i, content_id);
	if (!rc)
		rc = queue_commit_and_tell(s, &etx);
	for (size_t i = 0; !rc && i < n; i++) {
		entries[i].id = first + i;
		entries[i].size = store_content_size(content);
	}
	return rc;
}

void
queue_from_row(struct engine_stmt *st, struct arena *a, struct store_queue_entry *ret)
{
	*ret = (struct store_queue_entry){
		.id = col_u64(st, 0),
		.sender = arena_span(a, engine_bytes(st, 1)),
		.hop = arena_span(a, engine_bytes(st, 2)),
		.envelope_id = arena_span(a, engine_bytes(st, 3)),
		.ret = arena_span(a, engine_bytes(st, 4)),
		.smtputf8 = engine_int(st, 5) != 0,
		.body_8bit = engine_int(st, 6) != 0,
		.queued_ms = engine_int(st, 7),
		.next_ms = engine_int(st, 8),
		/* 9: due_ms */
		.attempts = col_u32(st, 10),
		.last_error = arena_span(a, engine_bytes(st, 11)),
		.delay_warned = engine_int(st, 12) != 0,
		.held = engine_int(st, 13) != 0,
		.lease = col_u64(st, 14),
		.token = col_u64(st, 15),
		.junk = engine_int(st, 16) != 0,
		/* 17: members */
		.size = col_u64(st, 18),
	};
	read_members(engine_bytes(st, 17), a, ret);
}

enum rc
queue_load_rcpts(struct engine_tx *etx, struct arena *a, struct store_queue_entry *e)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_queue_rcpt *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = sql_each(etx, &st,
	                      "SELECT address, notify, orcpt FROM rcpt WHERE entry = $1"
	                      " ORDER BY seq",
	                      I(e->id));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct store_queue_rcpt){
			.address = arena_span(a, engine_bytes(st, 0)),
			.notify = arena_span(a, engine_bytes(st, 1)),
			.orcpt = arena_span(a, engine_bytes(st, 2)),
		};
	}
	rc = sql_end(rc);
	e->rcpts = arena_array(a, n, struct store_queue_rcpt);
	if (n > 0)
		memcpy(e->rcpts, list, n * sizeof(*list));
	e->n_rcpts = n;
	free(list);
	return rc;
}

enum rc
store_queue_content(struct store *s, uint64_t id, struct buf *out)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT form, size, sha256, stored FROM content WHERE id ="
		             " (SELECT content FROM entry WHERE entry.id = $1)",
		             I(id));
	if (rc)
		return rc;
	return content_open(s, (enum content_form)engine_int(st, 0), col_u64(st, 1),
	                    engine_bytes(st, 2), engine_bytes(st, 3), 0, UINT64_MAX, out);
}

enum rc
store_queue_content_get(struct store *s, uint64_t id, struct store_content **ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_content *c;
	struct span hash;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(
			etx, &st,
			"SELECT form, size, sha256, stored, meta FROM content"
			" WHERE id = (SELECT content FROM entry WHERE entry.id = $1)",
			I(id));
	if (rc)
		return rc;
	hash = engine_bytes(st, 2);
	if (hash.n != sizeof(c->hash.b))
		return RC_IO;
	c = xcalloc(1, sizeof(*c));
	c->form = (enum content_form)engine_int(st, 0);
	c->size = col_u64(st, 1);
	memcpy(c->hash.b, hash.p, hash.n);
	buf_add_span(&c->stored, engine_bytes(st, 3));
	buf_add_span(&c->meta, engine_bytes(st, 4));
	engine_stmt_free(TAKE(st));
	engine_tx_free(TAKE(etx));
	rc = content_find_invite(s, c);
	if (rc) {
		store_content_free(c);
		return rc;
	}
	*ret = c;
	return RC_OK;
}

enum rc
queue_delete_entry(struct engine_tx *etx, uint64_t id)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint64_t content;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT content FROM entry WHERE id = $1 /* for update */",
	                     I(id));

	if (rc)
		return rc;
	content = col_u64(st, 0);
	engine_stmt_free(TAKE(st));
	rc = sql_run(etx, "DELETE FROM rcpt WHERE entry = $1", I(id));
	if (!rc)
		rc = sql_run(etx, "DELETE FROM entry WHERE id = $1", I(id));
	/* In this order, since another entry of the same content may go meanwhile. */
	if (!rc)
		rc = sql_run(etx, "UPDATE content SET refs = refs - 1 WHERE id = $1",
		             I(content));
	if (!rc)
		rc = sql_run(etx, "DELETE FROM content WHERE id = $1 AND refs <= 0",
		             I(content));
	return rc;
}

enum rc
store_queue_list(struct store *s, struct arena *a, struct store_queue_entry **ret,
                 size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_queue_entry *list = NULL;
	int64_t now = clock_wall_ms();
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT " QUEUE_COLUMNS ", (SELECT size FROM content"
		              " WHERE content.id = entry.content) FROM entry"
		              " ORDER BY queued_ms, id /* long */");
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		queue_from_row(st, a, &list[n]);
		if (engine_int(st, 9) <= now)
			list[n].lease = 0; /* it ran out */
		n++;
	}
	rc = sql_end(rc);
	for (size_t i = 0; !rc && i < n; i++)
		rc = queue_load_rcpts(etx, a, &list[i]);
	if (!rc) {
		*ret = arena_array(a, n, struct store_queue_entry);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

static enum rc
count_entries(struct engine_tx *etx, bool held, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT count(*) FROM entry WHERE bulk IN (0, 1)"
	                     " AND held = $1",
	                     I(held));

	if (!rc)
		*ret = col_u64(st, 0);
	return rc;
}

enum rc
store_queue_count(struct store *s, uint64_t *ret_waiting, uint64_t *ret_held)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t waiting = 0;
	uint64_t held = 0;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = count_entries(etx, false, &waiting);
	if (!rc)
		rc = count_entries(etx, true, &held);
	if (rc)
		return rc;
	*ret_waiting = waiting;
	*ret_held = held;
	return RC_OK;
}

enum rc
store_queue_hold(struct store *s, uint64_t id, bool held)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = sql_run_rows(etx, &rows, "UPDATE entry SET held = $2 WHERE id = $1",
		                  I(id), I(held));
	if (!rc && rows == 0)
		rc = RC_NOT_FOUND;
	if (rc)
		return rc;
	return held ? engine_commit(&etx) : queue_commit_and_tell(s, &etx);
}

enum rc
store_queue_remove(struct store *s, uint64_t id)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = queue_delete_entry(etx, id);
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_queue_hurry(struct store *s, int64_t now_ms)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = sql_run(etx,
		             "UPDATE entry SET next_ms = $1, due_ms = $1"
		             " WHERE lease = 0 AND due_ms > $1",
		             I(now_ms));
	return rc ? rc : queue_commit_and_tell(s, &etx);
}
