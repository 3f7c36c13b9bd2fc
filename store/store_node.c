/* SPDX-License-Identifier: ISC
 *
 * store_node.c - joining, beating, calling others dead.
 */
#include "store/store_node.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_directory_private.h"
#include "store/store_queue.h"

/* This node thinks itself alive for a little less than the others do. */
#define LIVE_MS (STORE_NODE_DEAD_MS - 1000)
/* Rows of nodes that do not come back are shown for so long. */
#define GONE_MS INT64_C(604800000)
#define TEXT_MAX 200

#define COLUMNS "name, life, state, beat, version, host, started_ms, seen_ms"

/* Of another node: what it was at, and since when by our clock. */
struct node_watch {
	uint64_t life;
	uint64_t beat;
	uint64_t since_ms;
	bool met; /* in the present look */
};

struct node_row {
	struct store_node node;
	uint64_t beat;
};

const char *
store_node_state_str(enum store_node_state s)
{
	static const char *const names[] = {
#define X(name, text) [STORE_NODE_##name] = text,
		STORE_NODE_STATE_LIST(X)
#undef X
	};
	return (unsigned)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

bool
store_is_shared(const struct store *s)
{
	return s->conf.engine == STORE_ENGINE_POSTGRESQL;
}

uint64_t
store_node_life(const struct store *s)
{
	return atomic_load(&s->node.life);
}

bool
store_node_is_live(const struct store *s)
{
	if (!s->node.name || !store_is_shared(s))
		return true;
	return atomic_load(&s->node.life) != 0 &&
	       clock_mono_ms() < atomic_load(&s->node.live_until_ms);
}

static void
begin_life(struct store *s, uint64_t life, uint64_t asked_ms)
{
	atomic_store(&s->node.live_until_ms, asked_ms + LIVE_MS);
	atomic_store(&s->node.life, life);
}

/* --- rows --- */

static enum rc
read_rows(struct engine_tx *etx, struct arena *a, struct node_row **ret, size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct node_row *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = sql_each(etx, &st, "SELECT " COLUMNS " FROM node ORDER BY name");

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct node_row){
			.node.name = arena_span(a, engine_bytes(st, 0)),
			.node.life = col_u64(st, 1),
			.node.state = (enum store_node_state)engine_int(st, 2),
			.beat = col_u64(st, 3),
			.node.version = arena_span(a, engine_bytes(st, 4)),
			.node.host = arena_span(a, engine_bytes(st, 5)),
			.node.started_ms = engine_int(st, 6),
			.node.seen_ms = engine_int(st, 7),
		};
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct node_row);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

static enum rc
load_rows(struct store *s, struct arena *a, struct node_row **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, false, &etx);

	return rc ? rc : read_rows(etx, a, ret, ret_n);
}

/* --- joining --- */

static enum rc
take_life(struct engine_tx *etx, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(
		etx, &st,
		"SELECT value FROM meta WHERE name = 'life_next' /* for update */");

	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	*ret = col_u64(st, 0);
	return sql_run(etx, "UPDATE meta SET value = value + 1 WHERE name = 'life_next'");
}

static enum rc
write_row(struct store *s, uint64_t *ret_life)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	int64_t now = clock_wall_ms();
	uint64_t life = 0;
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = take_life(etx, &life);
	if (!rc)
		rc = sql_run(etx, "DELETE FROM node WHERE state <> $1 AND seen_ms < $2",
		             I(STORE_NODE_ALIVE), I(now - GONE_MS));
	if (!rc)
		rc = sql_run(etx,
		             "INSERT INTO node (" COLUMNS
		             ") VALUES ($1, $2, $3, 0, $4, $5, $6, $6)"
		             " ON CONFLICT (name) DO UPDATE SET life = excluded.life,"
		             " state = excluded.state, beat = excluded.beat,"
		             " version = excluded.version, host = excluded.host,"
		             " started_ms = excluded.started_ms,"
		             " seen_ms = excluded.seen_ms",
		             T(span_str(s->node.name)), I(life), I(STORE_NODE_ALIVE),
		             T(SPAN(GODWIT_VERSION)), T(span_str(s->node.host)), I(now));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*ret_life = life;
	return rc;
}

static enum rc
join(struct store *s)
{
	uint64_t asked_ms = clock_mono_ms();
	uint64_t life = 0;
	enum rc rc = write_row(s, &life);

	if (rc)
		return rc;
	begin_life(s, life, asked_ms);
	log_info(NULL, "store.node joined", "name=%s life=%" PRIu64, s->node.name, life);
	return store_queue_reclaim(s);
}

enum rc
store_node_join(struct store *s, struct span name, struct span host)
{
	name = utf8_prefix(name, TEXT_MAX);
	host = utf8_prefix(host, TEXT_MAX);
	if (name.n == 0 || !utf8_is_valid(name) || !utf8_is_valid(host))
		return RC_INVALID;
	free(s->node.name);
	free(s->node.host);
	s->node.name = xstrndup(name.p, name.n);
	s->node.host = xstrndup(host.p, host.n);
	return join(s);
}

enum rc
store_node_leave(struct store *s)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t life = atomic_exchange(&s->node.life, 0);
	enum rc rc;

	if (life == 0)
		return RC_OK;
	rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);
	if (!rc)
		rc = sql_run(etx,
		             "UPDATE node SET state = $2, seen_ms = $3"
		             " WHERE life = $1",
		             I(life), I(STORE_NODE_STOPPED), I(clock_wall_ms()));
	if (!rc)
		rc = engine_commit(&etx);
	return rc ? rc : store_queue_reclaim(s);
}

/* --- watching the others --- */

static struct node_watch *
find_watch(struct store *s, uint64_t life)
{
	for (size_t i = 0; i < s->node.n_watches; i++) {
		if (s->node.watches[i].life == life)
			return &s->node.watches[i];
	}
	return NULL;
}

/* True: it has been still for too long. */
static bool
watch(struct store *s, const struct node_row *row, uint64_t now)
{
	struct node_watch *w = find_watch(s, row->node.life);

	if (!w) {
		s->node.watches = xreallocarray(s->node.watches, s->node.n_watches + 1,
		                                sizeof(*s->node.watches));
		w = &s->node.watches[s->node.n_watches++];
		*w = (struct node_watch){ .life = row->node.life,
			                  .beat = row->beat,
			                  .since_ms = now };
	}
	w->met = true;
	if (w->beat != row->beat) {
		w->beat = row->beat;
		w->since_ms = now;
	}
	return now - w->since_ms >= STORE_NODE_DEAD_MS;
}

static void
forget_others(struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->node.n_watches; i++) {
		if (s->node.watches[i].met)
			s->node.watches[n++] = s->node.watches[i];
	}
	s->node.n_watches = n;
	for (size_t i = 0; i < n; i++)
		s->node.watches[i].met = false;
}

/* Unless it has moved meanwhile. */
static enum rc
call_dead(struct store *s, const struct node_row *row)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);

	if (!rc)
		rc = sql_run_rows(etx, &rows,
		                  "UPDATE node SET state = $3 WHERE life = $1"
		                  " AND beat = $2 AND state = $4",
		                  I(row->node.life), I(row->beat), I(STORE_NODE_DEAD),
		                  I(STORE_NODE_ALIVE));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc && rows > 0)
		log_warn(NULL, "store.node dead", "name=%s life=%" PRIu64,
		         LOG_STR(row->node.name), row->node.life);
	return rc;
}

static enum rc
watch_all(struct store *s, const struct node_row *rows, size_t n)
{
	uint64_t now = clock_mono_ms();
	uint64_t life = store_node_life(s);
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < n; i++) {
		const struct store_node *other = &rows[i].node;

		if (other->state == STORE_NODE_ALIVE && other->life != life &&
		    watch(s, &rows[i], now))
			rc = call_dead(s, &rows[i]);
	}
	forget_others(s);
	return rc;
}

/* --- beating --- */

static enum rc
beat(struct store *s, uint64_t life, struct arena *a, uint64_t *ret_rows,
     struct node_row **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);

	if (!rc)
		rc = sql_run_rows(etx, ret_rows,
		                  "UPDATE node SET beat = beat + 1, seen_ms = $3"
		                  " WHERE life = $1 AND state = $2",
		                  I(life), I(STORE_NODE_ALIVE), I(clock_wall_ms()));
	if (!rc)
		rc = read_rows(etx, a, ret, ret_n);
	return rc ? rc : engine_commit(&etx);
}

/* The name is another's: until that one is gone there are two of one name. */
static bool
is_taken(const struct store *s, const struct node_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].node.state == STORE_NODE_ALIVE &&
		    span_is(rows[i].node.name, s->node.name))
			return true;
	}
	return false;
}

/* Not among the living: called dead while it was away, or another has the name. */
static enum rc
come_back(struct store *s, const struct node_row *rows, size_t n)
{
	if (!is_taken(s, rows, n))
		return join(s);
	log_error(NULL, "store.node name-taken",
	          "name=%s why=\"another node uses it: set server.node\"", s->node.name);
	return RC_OK;
}

static enum rc
beat_once(struct store *s)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct node_row *rows = NULL;
	uint64_t asked_ms = clock_mono_ms();
	uint64_t life = store_node_life(s);
	uint64_t changed = 0;
	size_t n = 0;
	enum rc rc = beat(s, life, a, &changed, &rows, &n);

	if (rc)
		return rc;
	if (changed > 0) {
		begin_life(s, life, asked_ms);
	} else {
		if (life != 0)
			log_warn(NULL, "store.node lost", "name=%s life=%" PRIu64,
			         s->node.name, life);
		atomic_store(&s->node.life, 0);
		rc = come_back(s, rows, n);
	}
	if (!rc)
		rc = watch_all(s, rows, n);
	return rc ? rc : store_queue_reclaim(s);
}

enum rc
store_node_beat(struct store *s)
{
	enum rc rc;

	if (!s->node.name || !store_is_shared(s))
		return RC_OK;
	engine_set_urgent(true);
	rc = beat_once(s);
	engine_set_urgent(false);
	return rc;
}

/* --- looking --- */

enum rc
store_node_is_over(struct store *s, uint64_t life, bool *ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct node_row *rows = NULL;
	size_t n = 0;
	bool over = true;
	enum rc rc = load_rows(s, a, &rows, &n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].node.life == life && rows[i].node.state == STORE_NODE_ALIVE)
			over = false;
	}
	if (!rc)
		*ret = over;
	return rc;
}

enum rc
store_node_list(struct store *s, struct arena *a, struct store_node **ret, size_t *ret_n)
{
	struct node_row *rows = NULL;
	size_t n = 0;
	enum rc rc = load_rows(s, a, &rows, &n);

	if (rc)
		return rc;
	*ret = arena_array(a, n, struct store_node);
	for (size_t i = 0; i < n; i++) {
		(*ret)[i] = rows[i].node;
		/* It does not beat where nobody listens. */
		if (!store_is_shared(s) && rows[i].node.life == store_node_life(s))
			(*ret)[i].seen_ms = clock_wall_ms();
	}
	*ret_n = n;
	return RC_OK;
}
