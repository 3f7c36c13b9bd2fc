/* SPDX-License-Identifier: ISC
 *
 * engine_sqlite.c - the embedded engine: a few SQLite files, opened when first used.
 *
 * SQLite before 3.51.3 may corrupt a WAL when two connections write or checkpoint at the
 * same moment, so each file has exactly one that does; readers are read-only and do not
 * checkpoint on close. synchronous=FULL: a commit that returned is on the disk. No mmap:
 * a read error must be a result, not a signal.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/engine/engine_sqlite.h"

#define BUSY_MS 5000
/* A read connection that was not needed for so long is closed. */
#define SPARE_US UINT64_C(10000000)

static const struct engine_ops ops;

static struct engine_sqlite *
sqlite_of(struct engine *e)
{
	return container_of(e, struct engine_sqlite, base);
}

static struct sqlite_tx *
tx_of(struct engine_tx *tx)
{
	return container_of(tx, struct sqlite_tx, base);
}

static int
note_wal_pages(void *arg, sqlite3 *h UNUSED, const char *name UNUSED, int pages)
{
	struct sqlite_conn *c = arg;

	c->wal_pages = pages;
	return SQLITE_OK;
}

static void
conn_close(struct sqlite_conn *c)
{
	if (!c)
		return;
	sqlite_conn_forget(c);
	if (sqlite3_close(c->h) != SQLITE_OK)
		log_error(NULL, "store.engine close", "file=%s text=%s",
		          LOG_STR(span_str(c->db->path)),
		          LOG_STR(span_str(sqlite3_errmsg(c->h))));
	free(c);
}

static const char writer_setup[] = "PRAGMA journal_mode = WAL;"
				   "PRAGMA synchronous = FULL;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA foreign_keys = OFF;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA trusted_schema = OFF;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA cache_size = -8192;";
static const char reader_setup[] = "PRAGMA query_only = ON;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA trusted_schema = OFF;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA cache_size = -2048;";

static enum rc
conn_open(struct sqlite_db *db, bool write, struct sqlite_conn **ret)
{
	int flags =
		SQLITE_OPEN_NOMUTEX | (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
	                                     : SQLITE_OPEN_READONLY);
	struct sqlite_conn *c = xcalloc(1, sizeof(*c));
	enum rc rc;

	c->db = db;
	rc = rc_from_sqlite(sqlite3_open_v2(db->path, &c->h, flags, NULL));
	if (rc) {
		log_error(NULL, "store.engine open", "file=%s text=%s",
		          LOG_STR(span_str(db->path)),
		          LOG_STR(span_str(c->h ? sqlite3_errmsg(c->h) : "no memory")));
		conn_close(c);
		return rc;
	}
	sqlite3_extended_result_codes(c->h, 1);
	sqlite3_busy_timeout(c->h, BUSY_MS);
	sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Else a statement that a partial index may serve is parsed anew with each value.
	 */
	sqlite3_db_config(c->h, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	if (!write)
		sqlite3_db_config(c->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = sqlite_conn_exec(c, write ? writer_setup : reader_setup);
	if (rc) {
		conn_close(c);
		return rc;
	}
	if (write)
		sqlite3_wal_hook(c->h, note_wal_pages, c);
	*ret = c;
	return RC_OK;
}

static enum rc
schema_version(struct sqlite_conn *c, size_t *ret)
{
	sqlite3_stmt *h = NULL;
	int code = sqlite3_prepare_v2(c->h, "PRAGMA user_version", -1, &h, NULL);
	enum rc rc;

	if (code == SQLITE_OK)
		code = sqlite3_step(h);
	rc = sqlite_conn_rc(c, code);
	if (!rc)
		*ret = (size_t)sqlite3_column_int64(h, 0);
	sqlite3_finalize(h);
	return rc;
}

static enum rc
append_only(struct sqlite_conn *c, struct span table)
{
	static const char *const verbs[] = { "UPDATE", "DELETE" };
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < ARRAY_LEN(verbs); i++) {
		char *text =
			xasprintf("CREATE TRIGGER %.*s_no_%s BEFORE %s ON %.*s BEGIN"
		                  " SELECT RAISE(ABORT, 'append only'); END",
		                  SPAN_FMT(table), verbs[i], verbs[i], SPAN_FMT(table));

		rc = sqlite_conn_exec(c, text);
		free(text);
	}
	return rc;
}

/* "clustered" means WITHOUT ROWID here: the table is its primary key's tree. */
static enum rc
schema_run(struct sqlite_conn *c, const char *sql)
{
	size_t n = strlen(sql);
	bool clustered = span_ends(span_of(sql, n), "/* clustered */");
	char *text = xasprintf("%s%s", sql, clustered ? " WITHOUT ROWID" : "");
	struct span table = engine_append_only(sql);
	enum rc rc = sqlite_conn_exec(c, text);

	free(text);
	return !rc && table.n ? append_only(c, table) : rc;
}

static enum rc
schema_step(struct sqlite_conn *c, const struct engine_schema *schema, size_t step)
{
	enum rc rc = sqlite_conn_exec(c, "BEGIN IMMEDIATE");
	char *version;

	for (const char *const *sql = schema->steps[step]; !rc && *sql; sql++)
		rc = schema_run(c, *sql);
	version = xasprintf("PRAGMA user_version = %zu", step + 1);
	if (!rc)
		rc = sqlite_conn_exec(c, version);
	free(version);
	if (!rc)
		rc = sqlite_conn_exec(c, "COMMIT");
	if (rc && !sqlite3_get_autocommit(c->h))
		sqlite_conn_rollback(c);
	return rc;
}

static enum rc
schema_upgrade(struct sqlite_db *db)
{
	const struct engine_schema *schema = &db->e->schema[db->kind];
	size_t version = 0;
	enum rc rc = schema_version(db->writer, &version);

	if (!rc && version > schema->n_steps) {
		log_error(NULL, "store.engine newer", "file=%s version=%zu known=%zu",
		          LOG_STR(span_str(db->path)), version, schema->n_steps);
		return RC_UNSUPPORTED;
	}
	for (; !rc && version < schema->n_steps; version++)
		rc = schema_step(db->writer, schema, version);
	return rc;
}

static enum rc
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Opens the writer, and with it the file, once. */
static enum rc
db_open(struct sqlite_db *db)
{
	enum rc rc = RC_OK;

	if (atomic_load_explicit(&db->is_open, memory_order_acquire))
		return RC_OK;
	pthread_mutex_lock(&db->open_mutex);
	if (!atomic_load(&db->is_open)) {
		rc = conn_open(db, true, &db->writer);
		if (!rc)
			rc = schema_upgrade(db);
		if (!rc)
			rc = sync_directory(db->e->directory);
		if (!rc)
			rc = sqlite_group_start(db);
		if (!rc)
			atomic_store_explicit(&db->is_open, true, memory_order_release);
		else
			conn_close(TAKE(db->writer));
	}
	pthread_mutex_unlock(&db->open_mutex);
	return rc;
}

static struct sqlite_conn *
reader_get_idle(struct sqlite_db *db)
{
	struct sqlite_conn *c = NULL;

	pthread_mutex_lock(&db->mutex);
	if (!list_is_empty(&db->readers)) {
		c = list_first(&db->readers, struct sqlite_conn, link);
		list_remove(&c->link);
		db->n_readers--;
	}
	if (db->n_readers < db->n_spare)
		db->n_spare = db->n_readers;
	pthread_mutex_unlock(&db->mutex);
	return c;
}

/* With db->mutex: one that was not needed for a while, or NULL. */
static struct sqlite_conn *
reader_take_spare(struct sqlite_db *db)
{
	uint64_t now = clock_mono_us();
	bool is_over = now - db->spare_since_us >= SPARE_US;
	struct sqlite_conn *c = NULL;

	if (is_over && db->n_spare > db->e->readers) {
		c = list_entry(db->readers.prev, struct sqlite_conn, link);
		list_remove(&c->link);
		db->n_readers--;
		db->n_spare--;
	} else if (is_over) {
		db->n_spare = db->n_readers;
		db->spare_since_us = now;
	}
	return c;
}

/* Opening one costs a parse of the schema and of each statement, so all that are in use
 * at times are kept; of those beyond the first few, without their pages. */
static void
reader_put(struct sqlite_db *db, struct sqlite_conn *c)
{
	struct sqlite_conn *spare;

	pthread_mutex_lock(&db->mutex);
	if (db->n_readers >= db->e->readers) {
		pthread_mutex_unlock(&db->mutex);
		sqlite3_db_release_memory(c->h);
		pthread_mutex_lock(&db->mutex);
	}
	list_push_front(&db->readers, &c->link);
	db->n_readers++;
	spare = reader_take_spare(db);
	pthread_mutex_unlock(&db->mutex);
	conn_close(spare);
}

/* As many as are asked for: waiting for one could deadlock. */
static enum rc
read_begin(struct sqlite_tx *tx)
{
	struct sqlite_conn *c = reader_get_idle(tx->db);
	enum rc rc = RC_OK;

	if (!c)
		rc = conn_open(tx->db, false, &c);
	if (rc)
		return rc;
	rc = sqlite_conn_run(c, "BEGIN");
	if (rc) {
		conn_close(c);
		return rc;
	}
	tx->conn = c;
	return RC_OK;
}

static enum rc
sqlite_begin(struct engine *base, enum engine_db kind, unsigned shard, bool write,
             struct engine_tx **ret)
{
	struct engine_sqlite *e = sqlite_of(base);
	struct sqlite_tx *tx;
	enum rc rc;

	assert(kind != ENGINE_SHARD || shard < e->n_dbs - ENGINE_SHARD);
	tx = xcalloc(1, sizeof(*tx));
	tx->db = &e->dbs[kind == ENGINE_SHARD ? ENGINE_SHARD + shard : (unsigned)kind];
	rc = db_open(tx->db);
	if (!rc) {
		if (write)
			tx->conn = tx->db->writer;
		rc = write ? sqlite_group_begin(tx) : read_begin(tx);
	}
	if (rc) {
		free(tx);
		return rc;
	}
	*ret = &tx->base;
	return RC_OK;
}

static enum rc
sqlite_finish(struct engine_tx *base)
{
	struct sqlite_tx *tx = tx_of(base);
	enum rc rc = RC_OK;

	if (base->write) {
		rc = sqlite_group_wait(tx);
	} else if (sqlite3_get_autocommit(tx->conn->h) ||
	           sqlite_conn_run(tx->conn, "COMMIT") == RC_OK) {
		reader_put(tx->db, tx->conn);
	} else {
		conn_close(tx->conn);
	}
	free(tx);
	return rc;
}

static void
sqlite_rollback(struct engine_tx *base)
{
	struct sqlite_tx *tx = tx_of(base);

	sqlite_group_leave(tx);
	free(tx);
}

static enum rc
run_in_tx(struct engine_tx *base, const char *sql)
{
	struct sqlite_tx *tx = tx_of(base);
	enum rc rc = tx->broken ? tx->broken : sqlite_conn_run(tx->conn, sql);

	if (rc)
		sqlite_group_check(tx, rc);
	return rc;
}

static enum rc
sqlite_savepoint(struct engine_tx *tx)
{
	return run_in_tx(tx, "SAVEPOINT part");
}

static enum rc
sqlite_release(struct engine_tx *tx)
{
	return run_in_tx(tx, "RELEASE part");
}

static enum rc
sqlite_rollback_to(struct engine_tx *tx)
{
	enum rc rc = run_in_tx(tx, "ROLLBACK TO part");

	return rc ? rc : run_in_tx(tx, "RELEASE part");
}

static enum rc
check_file(struct sqlite_db *db, struct err *err)
{
	struct sqlite_conn *c = NULL;
	sqlite3_stmt *h = NULL;
	const char *text = NULL;
	enum rc rc = db_open(db);
	int code;

	if (!rc)
		rc = conn_open(db, false, &c);
	if (rc)
		return err_set(err, rc, "%s cannot be opened", db->path);
	code = sqlite3_prepare_v2(c->h, "PRAGMA integrity_check(1)", -1, &h, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(h);
	if (code == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(h, 0);
	if (!text)
		rc = err_set(err, RC_IO, "%s: %s", db->path, sqlite3_errmsg(c->h));
	else if (strcmp(text, "ok") != 0)
		rc = err_set(err, RC_IO, "%s: %s", db->path, text);
	sqlite3_finalize(h);
	conn_close(c);
	return rc;
}

static enum rc
sqlite_check(struct engine *base, struct err *err)
{
	struct engine_sqlite *e = sqlite_of(base);
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < e->n_dbs; i++) {
		if (atomic_load(&e->dbs[i].is_open) || access(e->dbs[i].path, F_OK) == 0)
			rc = check_file(&e->dbs[i], err);
	}
	return rc;
}

static void
sqlite_stats(const struct engine *base, struct engine_stats *ret)
{
	const struct engine_sqlite *e =
		container_of(base, const struct engine_sqlite, base);

	ret->commits = atomic_load(&e->commits);
	ret->members = atomic_load(&e->members);
	ret->parsed = atomic_load(&e->parsed);
	ret->round_trips = 0;
}

static void
db_close(struct sqlite_db *db)
{
	sqlite_group_stop(db);
	while (!list_is_empty(&db->readers)) {
		struct sqlite_conn *c =
			list_first(&db->readers, struct sqlite_conn, link);

		list_remove(&c->link);
		conn_close(c);
	}
	conn_close(db->writer); /* the last one: checkpoints and removes the WAL */
	pthread_cond_destroy(&db->committer_wake);
	pthread_mutex_destroy(&db->mutex);
	pthread_mutex_destroy(&db->open_mutex);
	free(db->path);
}

static void
sqlite_close(struct engine *base)
{
	struct engine_sqlite *e = sqlite_of(base);

	for (size_t i = 0; i < e->n_dbs; i++)
		db_close(&e->dbs[i]);
	free(e->dbs);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	free(e->directory);
	free(e);
}

static void
db_init(struct engine_sqlite *e, size_t i)
{
	struct sqlite_db *db = &e->dbs[i];

	db->e = e;
	db->kind = i < ENGINE_SHARD ? (enum engine_db)i : ENGINE_SHARD;
	if (i == ENGINE_DIRECTORY)
		db->path = xasprintf("%s/directory.db", e->directory);
	else if (i == ENGINE_QUEUE)
		db->path = xasprintf("%s/queue.db", e->directory);
	else if (i == ENGINE_BLOBS)
		db->path = xasprintf("%s/blobs.db", e->directory);
	else
		db->path = xasprintf("%s/shard-%03zu.db", e->directory, i - ENGINE_SHARD);
	pthread_mutex_init(&db->open_mutex, NULL);
	pthread_mutex_init(&db->mutex, NULL);
	pthread_cond_init(&db->committer_wake, NULL);
	list_init(&db->readers);
	list_init(&db->waiters);
}

/* One process only: the WAL index and the turns are this process's. */
static enum rc
lock_directory(struct engine_sqlite *e, struct err *err)
{
	char *path = xasprintf("%s/lock", e->directory);
	enum rc rc = RC_OK;

	e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (e->lock_fd < 0)
		rc = err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	else if (flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0)
		rc = err_set(err, errno == EWOULDBLOCK ? RC_EXISTS : RC_IO,
		             "%s: held by another process", path);
	free(path);
	return rc;
}

enum rc
engine_sqlite_open(const struct engine_conf *conf, struct engine **ret, struct err *err)
{
	struct engine_sqlite *e;
	enum rc rc;

	if (!sqlite3_threadsafe())
		return err_set(err, RC_UNSUPPORTED,
		               "this SQLite is built without threads");
	if (mkdir(conf->directory, 0700) != 0 && errno != EEXIST)
		return err_set(err, RC_IO, "%s: %s", conf->directory, strerror(errno));
	e = xcalloc(1, sizeof(*e));
	e->base.ops = &ops;
	e->directory = xstrdup(conf->directory);
	e->lock_fd = -1;
	e->readers = conf->readers;
	e->window_us = conf->group_window_ms * 1000;
	memcpy(e->schema, conf->schema, sizeof(e->schema));
	rc = lock_directory(e, err);
	if (!rc) {
		e->n_dbs = ENGINE_SHARD + conf->shards;
		e->dbs = xcalloc(e->n_dbs, sizeof(*e->dbs));
		for (size_t i = 0; i < e->n_dbs; i++)
			db_init(e, i);
	}
	for (size_t i = 0; !rc && i <= ENGINE_QUEUE; i++) {
		rc = db_open(&e->dbs[i]);
		if (rc)
			err_set(err, rc, "%s cannot be opened: %s", e->dbs[i].path,
			        rc_str(rc));
	}
	if (rc) {
		sqlite_close(&e->base);
		return rc;
	}
	*ret = &e->base;
	return RC_OK;
}

static const struct engine_ops ops = {
	.close = sqlite_close,
	.begin = sqlite_begin,
	.submit = sqlite_group_submit,
	.finish = sqlite_finish,
	.rollback = sqlite_rollback,
	.savepoint = sqlite_savepoint,
	.release = sqlite_release,
	.rollback_to = sqlite_rollback_to,
	.prepare = sqlite_stmt_prepare,
	.step = sqlite_stmt_step,
	.get_int = sqlite_stmt_int,
	.get_bytes = sqlite_stmt_bytes,
	.stmt_free = sqlite_stmt_free,
	.changed_rows = sqlite_changed_rows,
	.check = sqlite_check,
	.stats = sqlite_stats,
	.explain = sqlite_explain,
};
