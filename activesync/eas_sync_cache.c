/* SPDX-License-Identifier: ISC
 *
 * eas_sync_cache.c - the last Sync request of a device: [MS-ASCMD] 2.2.1.21.1, 2.2.3.131.
 *
 * Options need not be kept here: they are in each collection's cursor.
 */
#include "activesync/eas_pack.h"
#include "activesync/eas_sync.h"

#define FORMAT 2

void
eas_sync_cache_write(const struct eas_sync *s, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->collections[i].id != 0 && s->collections[i].key != UINT64_MAX;
	eas_pack_u64(out, FORMAT);
	eas_pack_u64(out, s->restored);
	eas_pack_u64(out, s->is_wait);
	eas_pack_u64(out, s->wait_s);
	eas_pack_u64(out, s->window);
	eas_pack_u64(out, s->tree);
	eas_pack_u64(out, n);
	for (size_t i = 0; i < s->n; i++) {
		const struct eas_sync_collection *co = &s->collections[i];

		if (co->id == 0 || co->key == UINT64_MAX)
			continue;
		eas_pack_u64(out, co->id);
		eas_pack_u64(out, co->key);
		eas_pack_u64(out, co->window);
		eas_pack_u64(out,
		             (co->get_changes ? 1 : 0) | (co->deletes_as_moves ? 2 : 0));
	}
}

static bool
is_named(const struct eas_sync *s, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (s->collections[i].id == id)
			return true;
	}
	return false;
}

static enum rc
read_collections(struct eas_sync *s, struct eas_unpack *u)
{
	uint64_t n = eas_unpack_u64(u);
	size_t named = s->n;

	struct eas_sync_collection *list;

	if (u->failed || n > EAS_SYNC_COLLECTIONS_MAX)
		return RC_NOT_FOUND;
	list = arena_array(s->c->arena, s->n + n, struct eas_sync_collection);
	if (s->n > 0)
		memcpy(list, s->collections, s->n * sizeof(*list));
	s->collections = list;
	for (uint64_t i = 0; i < n; i++) {
		struct eas_sync_collection *co = &s->collections[s->n];
		uint64_t flags;

		*co = (struct eas_sync_collection){ .status = EAS_STATUS_OK,
			                            .cached = true };
		co->id = eas_unpack_u32(u);
		co->key = eas_unpack_u64(u);
		co->window = eas_unpack_u32(u);
		flags = eas_unpack_u64(u);
		co->get_changes = (flags & 1) != 0;
		co->deletes_as_moves = (flags & 2) != 0;
		co->id_text = span_str(arena_printf(s->c->arena, "%u", co->id));
		if (!is_named(s, named, co->id))
			s->n++;
	}
	return u->failed ? RC_NOT_FOUND : RC_OK;
}

enum rc
eas_sync_cache_load(struct eas_sync *s, struct store_tx *tx)
{
	struct eas_unpack u = { .rest = SPAN("") };
	struct store_cursor row;
	bool is_wait;
	uint32_t wait_s, window;
	enum rc rc;

	rc = store_cursor_load(tx, s->c->device.number, EAS_SYNC_CACHE, s->c->arena,
	                       &row);
	if (rc != RC_OK)
		return rc;
	u.rest = row.state;
	if (eas_unpack_u64(&u) != FORMAT)
		return RC_NOT_FOUND;
	/* Restored since: the keys here are those of the backup, and the device may have
	 * newer ones, which it must show. */
	if (eas_unpack_u64(&u) != store_tx_restored(tx))
		return RC_NOT_FOUND;
	is_wait = eas_unpack_u64(&u) != 0;
	wait_s = eas_unpack_u32(&u);
	window = eas_unpack_u32(&u);
	s->tree = eas_unpack_u64(&u);
	s->is_stale = s->c->resumed && hash_bytes(row.state) != s->c->wait_token;
	/* A partial request's own words win. */
	if (!s->partial) {
		s->is_wait = is_wait;
		s->wait_s = wait_s;
		s->window = window;
	}
	return read_collections(s, &u);
}
