/* SPDX-License-Identifier: ISC
 *
 * eas_stuck.c - devices that choke on one item: finding it, and setting it aside.
 */
#include "activesync/eas_stuck.h"

static bool
has(const uint32_t *list, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == uid)
			return true;
	}
	return false;
}

static void
drop(uint32_t *list, size_t *n, uint32_t uid)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (list[i] != uid)
			list[kept++] = list[i];
	}
	*n = kept;
}

static void
add(uint32_t **list, size_t *n, uint32_t uid, struct arena *a)
{
	uint32_t *longer;
	size_t at = 0;

	if (has(*list, *n, uid) || *n >= EAS_ASIDE_MAX)
		return;
	longer = arena_array(a, *n + 1, uint32_t);
	while (at < *n && (*list)[at] < uid)
		at++;
	for (size_t i = 0; i < *n; i++)
		longer[i + (i >= at)] = (*list)[i];
	longer[at] = uid;
	*list = longer;
	++*n;
}

bool
eas_stuck_is_aside(const struct eas_cursor *cur, uint32_t uid)
{
	return has(cur->aside, cur->n_aside, uid);
}

uint32_t
eas_stuck_replayed(struct eas_cursor *cur, const struct eas_cursor *lost, int64_t now_ms,
                   struct arena *a)
{
	struct eas_loop l = lost->loop;
	uint32_t uid = 0;

	for (size_t i = 0; i < lost->n_aside; i++)
		add(&cur->aside, &cur->n_aside, lost->aside[i], a);
	if (l.replays++ == 0)
		l.since_ms = now_ms;
	l.alone = l.n == 1 && l.uid != 0 ? l.alone + 1 : 0;
	/* Once is a bad line. */
	if (l.replays >= 2 && l.n > 0)
		l.cap = l.n > 4 ? l.n / 4 : 1;
	if (l.alone >= EAS_STUCK_TRIES && now_ms - l.since_ms >= EAS_STUCK_MS &&
	    cur->n_aside < EAS_ASIDE_MAX) {
		uid = l.uid;
		add(&cur->aside, &cur->n_aside, uid, a);
		drop(cur->again, &cur->n_again, uid);
		l = (struct eas_loop){ 0 };
	}
	cur->loop = l;
	return uid;
}

void
eas_stuck_went_on(struct eas_cursor *cur, uint32_t window)
{
	uint32_t cap = cur->loop.cap;

	cur->loop = (struct eas_loop){ .cap = cap * 2 < window ? cap * 2 : 0 };
}

void
eas_stuck_sent(struct eas_cursor *cur, uint32_t n, uint32_t uid)
{
	struct eas_loop *l = &cur->loop;

	if (l->uid != uid)
		l->alone = 0;
	l->n = n;
	l->uid = n == 1 ? uid : 0;
}

void
eas_stuck_forget(struct eas_cursor *cur, uint32_t uid)
{
	drop(cur->aside, &cur->n_aside, uid);
	drop(cur->again, &cur->n_again, uid);
}

/* One of the states that a row has. */
static enum rc
release(struct span *state, uint32_t uid, struct arena *a, bool *ret_found)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct eas_cursor cur;
	enum rc rc;

	if (state->n == 0)
		return RC_OK;
	rc = eas_cursor_read(*state, a, &cur);
	if (rc != RC_OK)
		return rc == RC_INVALID ? RC_OK : rc;
	*ret_found |= eas_stuck_is_aside(&cur, uid);
	drop(cur.aside, &cur.n_aside, uid);
	add(&cur.again, &cur.n_again, uid, a);
	eas_cursor_write(&cur, &b);
	*state = arena_span(a, buf_span(&b));
	return RC_OK;
}

enum rc
eas_stuck_release(struct store_tx *tx, uint32_t device, uint32_t collection, uint32_t uid,
                  struct arena *a)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row;
	bool found = false;
	enum rc rc;

	eas_cursor_name(collection, name);
	rc = store_cursor_load(tx, device, name, a, &row);
	if (rc == RC_OK)
		rc = release(&row.state, uid, a, &found);
	if (rc == RC_OK && !found)
		rc = RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = release(&row.prev_state, uid, a, &found);
	if (rc == RC_OK)
		rc = release(&row.twin_state, uid, a, &found);
	return rc == RC_OK ? store_cursor_swap(tx, device, name, &row) : rc;
}

enum rc
eas_stuck_list(struct store_tx *tx, uint32_t device, uint32_t collection, struct arena *a,
               const uint32_t **ret, size_t *ret_n)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row;
	struct eas_cursor cur;
	enum rc rc;

	*ret = NULL;
	*ret_n = 0;
	rc = store_cursor_load(tx, device, eas_cursor_name(collection, name), a, &row);
	if (rc != RC_OK)
		return rc;
	rc = eas_cursor_read(row.state, a, &cur);
	if (rc != RC_OK)
		return rc == RC_INVALID ? RC_OK : rc;
	*ret = cur.aside;
	*ret_n = cur.n_aside;
	return RC_OK;
}
