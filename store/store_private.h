/* SPDX-License-Identifier: ISC
 *
 * store_private.h - shared by the files of store/.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/encode.h"
#include "store/engine/engine.h"
#include "store/store_device.h"
#include "store/store_item.h"
#include "store/store_queue.h"

struct blobs;
struct codec;

struct node_watch;

/* Numbers that were taken and not given out: next <= n < end. */
struct store_numbers {
	uint64_t next;
	uint64_t end;
};

struct store {
	struct engine *engine;
	struct store_conf conf; /* its strings are our copies */
	struct blobs *blobs;
	struct codec *codec;
	unsigned shards;
	uint64_t id; /* at random, for life */
	store_commit_fn *on_commit;
	void *on_commit_arg;
	store_queue_fn *on_queue;
	void *on_queue_arg;
	pthread_mutex_t sweep_mutex; /* one sweep at a time */
	pthread_mutex_t numbers_mutex;
	struct store_numbers entry_numbers; /* of the queue */
	struct store_numbers content_numbers;
	struct {
		char *name; /* NULL: nobody joined */
		char *host;
		_Atomic uint64_t life;          /* 0: none */
		_Atomic uint64_t live_until_ms; /* the others may call it dead after it */
		struct node_watch *watches;     /* of the thread that beats */
		size_t n_watches;
	} node;
};

/* SQL: sql_run(tx, "... $1 ...", I(number), T(text), B(bytes)) */
#define I(v) engine_arg_int((int64_t)(v))
#define T(s) engine_arg_text(s)
#define B(s) engine_arg_bytes(s)
#define SQL_ARGS(...)                                                                    \
	(const struct engine_arg[]){ __VA_ARGS__ },                                      \
		sizeof((const struct engine_arg[]){ __VA_ARGS__ }) /                     \
			sizeof(struct engine_arg)
/* Runs to the end. */
#define sql_run(etx, sql, ...) engine_run((etx), (sql), SQL_ARGS(__VA_ARGS__), NULL)
/* The same; *ret_rows: how many rows were changed. */
#define sql_run_rows(etx, ret_rows, sql, ...)                                            \
	engine_run((etx), (sql), SQL_ARGS(__VA_ARGS__), (ret_rows))
/* Prepared and bound; step it. */
#define sql_each(etx, ret_st, sql, ...)                                                  \
	engine_prepare((etx), (sql), SQL_ARGS(__VA_ARGS__), (ret_st))
/* On the first row: RC_OK, or RC_NOT_FOUND. The statement is to be freed in both cases.
 */
#define sql_one(etx, ret_st, sql, ...)                                                   \
	sql_first(engine_prepare((etx), (sql), SQL_ARGS(__VA_ARGS__), (ret_st)), (ret_st))

static inline enum rc
sql_first(enum rc rc, struct engine_stmt **st)
{
	return rc ? rc : engine_step(*st);
}

/* The loop over rows ended so: RC_NOT_FOUND is the good end. */
static inline enum rc
sql_end(enum rc rc)
{
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A result column as a number of ours. */
static inline uint64_t
col_u64(struct engine_stmt *st, unsigned i)
{
	return (uint64_t)engine_int(st, i);
}

static inline uint32_t
col_u32(struct engine_stmt *st, unsigned i)
{
	return (uint32_t)engine_int(st, i);
}

/* Modseqs above from and below to were given out and are lost. */
struct lost_span {
	uint64_t from;
	uint64_t to;
};
#define LOST_MAX 8

/* store_lost.c: in the account's row 16 bytes a span, in rising order. RC_IO: damaged. */
enum rc lost_read(struct span bytes, struct lost_span *ret, size_t *ret_n) MUST_CHECK;
/* bytes with one more span, above all others; when there are LOST_MAX, the two lowest
 * become one. */
enum rc
lost_add(struct span bytes, uint64_t from, uint64_t to, struct buf *out) MUST_CHECK;

/* store_schema.c */
extern const struct engine_schema store_schemas[ENGINE_DB_N];

/*
 * A collection's counters while a write transaction works on its items: read once,
 * written at the end.
 */
struct tx_counters {
	uint32_t collection;
	uint32_t uid_next;
	uint64_t modseq;
	int64_t n_items;
	int64_t n_unseen;
	int64_t n_bytes;
	bool dirty;
};

/* What a snapshot was asked for before it was needed: store_cursor_expect(),
 * store_collection_expect(). All of it lies in the asker's arena. */
#define EXPECT_MAX 8 /* as STORE_EXPECT_MAX says */
struct tx_collection;
struct store_cursor;
struct tx_expected {
	uint32_t device;
	size_t n_cursors;
	const char *names[EXPECT_MAX];
	struct store_cursor *cursors[EXPECT_MAX]; /* NULL: there is none */
	size_t n_collections;
	uint32_t ids[EXPECT_MAX];
	struct tx_collection *collections[EXPECT_MAX]; /* NULL: there is none */
};

struct store_tx {
	struct store *s;
	struct engine_tx *etx;
	bool etx_is_shared; /* a delivery's: one engine transaction for several users */
	bool write;
	uint64_t user;
	struct store_actor who;

	uint64_t modseq; /* the account row */
	uint64_t tree_modseq;
	uint64_t tree_floor; /* the tree's log is complete above it */
	uint32_t collection_next;
	uint32_t device_next;
	uint32_t epoch_last;
	uint64_t content_next;
	uint64_t swept;
	struct lost_span lost[LOST_MAX];
	size_t n_lost;
	struct tx_oof { /* store_oof.c writes it */
		int64_t state;
		int64_t from_ms;
		int64_t until_ms;
		uint64_t version;
	} oof;
	uint64_t n_conversations;        /* store_conversation.c writes it */
	struct store_device_rules rules; /* store_device.c writes them */
	bool account_dirty;
	struct tx_expected *expected; /* of a reader; NULL: nothing */
	struct {
		uint32_t collection; /* that a reader loaded last; 0: none */
		uint64_t log_floor;
		uint64_t modseq;
	} last;

	struct tx_counters *counters;
	size_t n_counters;
	struct store_moved *moved;
	size_t n_moved;
};

/* store.c: also one that a copy or a restore has only half filled (archive/fill.h). */
enum rc store_open_unfinished(const struct store_conf *conf, struct store **ret,
                              struct err *err) MUST_CHECK;

/* store_tx.c */
unsigned store_shard_of(const struct store *s, uint64_t user);
/* A write transaction on an engine transaction that the caller commits. */
enum rc store_tx_join(struct store *s, struct engine_tx *etx, uint64_t user,
                      const struct store_actor *who, struct store_tx **ret) MUST_CHECK;
/* A reader whose first statement is the caller's: its columns from first on are
 * ACCOUNT_COLUMNS, and are handed over by store_tx_set_account(). */
#define ACCOUNT_COLUMNS                                                                  \
	"modseq, tree_modseq, tree_floor, collection_next, content_next, device_next,"   \
	" epoch_last, hold, swept, lost, oof_state, oof_from_ms, oof_until_ms,"          \
	" oof_version, n_conversations, device_limit, device_unknown"
enum rc store_tx_open(struct store *s, uint64_t user, struct store_tx **ret) MUST_CHECK;
enum rc store_tx_set_account(struct store_tx *tx, struct engine_stmt *st,
                             unsigned first) MUST_CHECK;
/* Where a reader keeps what it expects; NULL: a writer. */
struct tx_expected *store_tx_expected(struct store_tx *tx, struct arena *a);
/* Makes the row of a new user and its default collections; retries keep what is there. */
enum rc store_account_make(struct store *s, uint64_t user) MUST_CHECK;
/* Writes what the transaction holds back: counters and the account row. */
enum rc store_tx_flush(struct store_tx *tx) MUST_CHECK;
/* The next number of the user's counter. */
uint64_t store_tx_next_modseq(struct store_tx *tx);
void
store_tx_moved(struct store_tx *tx, uint32_t collection, uint64_t modseq, bool added);
/* RC_NOT_FOUND: no such collection. Valid until the next call of this or of flush. */
enum rc store_tx_counters(struct store_tx *tx, uint32_t collection,
                          struct tx_counters **ret) MUST_CHECK;
void store_tx_forget_counters(struct store_tx *tx);

/* store_oof.c: are the user's automatic replies on? Asks nothing of the database. */
bool store_tx_oof_is_on(const struct store_tx *tx, int64_t now_ms);

/* store_collection.c */
/* Of a collection that this reader has loaded: where its change log begins, and its
 * modseq. False: it is not known. */
bool store_collection_log(const struct store_tx *tx, uint32_t id, uint64_t *ret_floor,
                          uint64_t *ret_modseq);
enum rc store_collection_make_defaults(struct store_tx *tx) MUST_CHECK;

/* How a content lies in its row. */
enum content_form {
	CONTENT_INLINE, /* as is */
	CONTENT_INLINE_ZSTD,
	CONTENT_BLOB, /* in a blob, which knows its own form */
};

struct store_content {
	enum content_form form;
	struct sha256 hash; /* of the raw bytes */
	uint64_t size;      /* raw */
	struct buf stored;  /* inline bytes */
	struct buf meta;
	struct store_invite *invite; /* of a mail about a meeting, else NULL */
};

/* store_content.c: without touching anything, for bytes that are made inside of a
 * transaction; they lie in the row. */
struct store_content *content_new_inline(struct store *s, struct span raw);
/* Of a mail that comes out of the queue: what it says of a meeting, if its meta tells of
 * a calendar in it. */
enum rc content_find_invite(struct store *s, struct store_content *c) MUST_CHECK;
/* The caller counts. RC_OK and *ret_id with one reference. */
enum rc content_insert(struct store_tx *tx, const struct store_content *c,
                       uint64_t *ret_id) MUST_CHECK;
enum rc content_ref(struct store_tx *tx, uint64_t id) MUST_CHECK;
enum rc content_unref(struct store_tx *tx, uint64_t id) MUST_CHECK;
/* True when the row holds the same bytes and meta. */
enum rc content_is_same(struct store_tx *tx, uint64_t id, const struct store_content *c,
                        bool *ret) MUST_CHECK;
/* Bytes at..at+n of a row's content appended to out; also used for the queue. */
enum rc
content_open(struct store *s, enum content_form form, uint64_t size, struct span hash,
             struct span stored, uint64_t at, uint64_t n, struct buf *out) MUST_CHECK;

/* Columns of store_item_columns, from first. */
#define ITEM_COLUMNS                                                                      \
	"collection, uid, created, modseq, flags, keywords, received_ms, size, content, " \
	"writer, writer_saw, props, creator, received_was, received_moved, object"
#define ITEM_COLUMN_CREATOR 12
/* Spans show the statement's row; NULL arena: no copy. */
void store_item_from_row(struct engine_stmt *st, struct arena *a, struct store_item *ret);

/* A growing array in C memory: room for one more of size bytes. */
void *grow(void *p, size_t n, size_t *cap, size_t size);

#endif
