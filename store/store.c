/* SPDX-License-Identifier: ISC
 *
 * store.c - opening and closing, options, names.
 */
#include "store/store.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/blobs.h"
#include "store/store_device.h"
#include "store/store_private.h"

static const char *const engines[] = { "sqlite", "postgresql", NULL };
static const char *const blob_kinds[] = { "auto", "files", "database", NULL };

static const struct conf_option options[] = {
	{ "directory", CONF_STRING, offsetof(struct store_conf, directory),
	  "/var/lib/godwit", 0, 0, NULL,
	  "Where the data lies. One server at a time may use it." },
	{ "engine", CONF_ENUM, offsetof(struct store_conf, engine), "sqlite", 0, 0,
	  engines, "The database: files of this machine, or a PostgreSQL server." },
	{ "postgresql", CONF_STRING, offsetof(struct store_conf, postgresql), "", 0, 0,
	  NULL,
	  "How PostgreSQL is reached, as libpq has it: \"host=db1 dbname=godwit user=godwit\". "
	  "A value that begins with / names a file that holds it, password and all, in one "
	  "line. The database has the encoding UTF8, and the user may make schemas in it." },
	{ "postgresql_connections", CONF_INT,
	  offsetof(struct store_conf, postgresql_connections), "20", 2, 1000, NULL,
	  "Connections to PostgreSQL that are kept open at most; for moments twice as many." },
	{ "blobs", CONF_ENUM, offsetof(struct store_conf, blobs), "auto", 0, 0,
	  blob_kinds,
	  "Where contents over inline_max lie: in files under the directory, or in the "
	  "database. auto: in files with SQLite, in the database with PostgreSQL." },
	{ "shards", CONF_INT, offsetof(struct store_conf, shards), "16", 1, 256, NULL,
	  "SQLite files that users are spread over. Fixed when the store is made; later values "
	  "are not looked at." },
	{ "group_window", CONF_TIME, offsetof(struct store_conf, group_window_ms), "2ms",
	  0, 1000, NULL,
	  "A commit that others share waits at most so long for more of them while they keep "
	  "coming." },
	{ "inline_max", CONF_SIZE, offsetof(struct store_conf, inline_max), "32K", 0,
	  1048576, NULL,
	  "Messages up to this size lie in the user's rows, larger ones apart." },
	{ "message_max", CONF_SIZE, offsetof(struct store_conf, message_max), "50M", 1024,
	  1073741824, NULL, "The largest message, contact or event that is stored." },
	{ "retention", CONF_TIME, offsetof(struct store_conf, retention_ms), "30d", 0, 0,
	  NULL,
	  "What was deleted is kept so long; a device that was away longer starts afresh." },
	{ "group_max", CONF_INT, offsetof(struct store_conf, group_max), "20000", 1,
	  1000000, NULL,
	  "Members that the group behind one address may have, groups within groups "
	  "counted; mail to a larger one is refused." },
	{ "readers", CONF_INT, offsetof(struct store_conf, readers), "4", 1, 64, NULL,
	  "Read connections kept for each SQLite file, with their pages; more are opened "
	  "when they are needed, and closed when they are not for a while." },
};

const struct conf_section store_conf_section = {
	.name = "store",
	.help = "Where and how users' data is kept.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct store_conf),
};

const char *
store_class_str(enum store_class c)
{
	static const char *const names[] = {
#define X(name, text) [STORE_CLASS_##name] = text,
		STORE_CLASS_LIST(X)
#undef X
	};
	return (unsigned)c < ARRAY_LEN(names) ? names[c] : "unknown";
}

const char *
store_role_str(enum store_role r)
{
	static const char *const names[] = {
#define X(name, text) [STORE_ROLE_##name] = text,
		STORE_ROLE_LIST(X)
#undef X
	};
	return (unsigned)r < ARRAY_LEN(names) ? names[r] : "unknown";
}

const char *
store_device_state_str(enum store_device_state s)
{
	static const char *const names[] = {
#define X(name, text) [STORE_DEVICE_##name] = text,
		STORE_DEVICE_STATE_LIST(X)
#undef X
	};
	return (unsigned)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

static enum rc
read_meta_value(struct engine_tx *etx, struct span name, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st, "SELECT value FROM meta WHERE name = $1", T(name));

	if (!rc)
		*ret = col_u64(st, 0);
	return rc;
}

/* The number of shards is what the store was made with: users are spread by it. A store
 * has a number of its own, by which backups know it. *ret_mark: of a store that is being
 * filled; 0: it is whole. */
static enum rc
read_meta(struct store *s, uint64_t *ret_mark)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t shards = 0;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);

	if (!rc)
		rc = sql_run(etx,
		             "INSERT INTO meta (name, value)"
		             " VALUES ('shards', $1), ('store_id', $2)"
		             " ON CONFLICT (name) DO NOTHING",
		             I(s->conf.shards), I(random_u64() >> 1));
	if (!rc)
		rc = read_meta_value(etx, SPAN("shards"), &shards);
	if (!rc)
		rc = read_meta_value(etx, SPAN("store_id"), &s->id);
	if (!rc)
		rc = sql_end(read_meta_value(etx, SPAN("unfinished"), ret_mark));
	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	s->shards = (unsigned)shards;
	return engine_commit(&etx);
}

static enum rc
open_engine(struct store *s, unsigned shards, struct err *err)
{
	struct engine_conf conf = {
		.directory = s->conf.directory,
		.shards = shards,
		.readers = (unsigned)s->conf.readers,
		.group_window_ms = s->conf.group_window_ms,
		.conninfo = s->conf.postgresql,
		.connections = (unsigned)s->conf.postgresql_connections,
	};

	memcpy(conf.schema, store_schemas, sizeof(conf.schema));
	switch ((enum store_engine)s->conf.engine) {
	case STORE_ENGINE_SQLITE:
		return engine_sqlite_open(&conf, &s->engine, err);
	case STORE_ENGINE_POSTGRESQL:
		return engine_pg_open(&conf, &s->engine, err);
	}
	return err_set(err, RC_INVALID, "store.engine: %d", s->conf.engine);
}

static bool
blobs_in_database(const struct store_conf *c)
{
	if (c->blobs == STORE_BLOBS_AUTO)
		return c->engine == STORE_ENGINE_POSTGRESQL;
	return c->blobs == STORE_BLOBS_DATABASE;
}

static enum rc
open_blobs(struct store *s, struct err *err)
{
	char *path;
	enum rc rc;

	if (blobs_in_database(&s->conf)) {
		blobs_open_database(s->engine, s->codec, &s->blobs);
		return RC_OK;
	}
	if (mkdir(s->conf.directory, 0700) != 0 && errno != EEXIST)
		return err_set(err, RC_IO, "%s: %s", s->conf.directory, strerror(errno));
	path = xasprintf("%s/blobs", s->conf.directory);
	rc = blobs_open_files(path, s->codec, &s->blobs);
	if (rc)
		err_set(err, rc, "%s cannot be made", path);
	free(path);
	return rc;
}

static enum rc
open_store(const struct store_conf *conf, bool unfinished, struct store **ret,
           struct err *err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	uint64_t mark = 0;
	enum rc rc;

	s->conf = *conf;
	s->conf.directory = xstrdup(conf->directory);
	s->conf.postgresql = xstrdup(conf->postgresql ? conf->postgresql : "");
	/* Shards are servers there, of which one can be named by now. */
	if (conf->engine == STORE_ENGINE_POSTGRESQL)
		s->conf.shards = 1;
	s->codec = codec_new();
	pthread_mutex_init(&s->sweep_mutex, NULL);
	pthread_mutex_init(&s->numbers_mutex, NULL);
	rc = open_engine(s, (unsigned)s->conf.shards, err);
	if (!rc) {
		rc = read_meta(s, &mark);
		if (!rc && s->shards != (unsigned)s->conf.shards) {
			engine_close(TAKE(s->engine));
			rc = open_engine(s, s->shards, err);
		} else if (rc) {
			err_set(err, rc, "%s: the directory cannot be read: %s",
			        conf->directory, rc_str(rc));
		}
	}
	if (!rc && mark != 0 && !unfinished)
		rc = err_set(err, RC_CONFLICT,
		             "this store is only half filled: finish the copy or the "
		             "restore into it, or remove it");
	if (!rc)
		rc = open_blobs(s, err);
	if (rc) {
		store_close(s);
		return rc;
	}
	*ret = s;
	return RC_OK;
}

enum rc
store_open(const struct store_conf *conf, struct store **ret, struct err *err)
{
	return open_store(conf, false, ret, err);
}

enum rc
store_open_unfinished(const struct store_conf *conf, struct store **ret, struct err *err)
{
	return open_store(conf, true, ret, err);
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	blobs_close(s->blobs);
	engine_close(s->engine);
	codec_free(s->codec);
	pthread_mutex_destroy(&s->sweep_mutex);
	pthread_mutex_destroy(&s->numbers_mutex);
	free(s->node.name);
	free(s->node.host);
	free(s->node.watches);
	free(s->conf.directory);
	free(s->conf.postgresql);
	free(s);
}

void
store_on_commit(struct store *s, store_commit_fn *fn, void *arg)
{
	s->on_commit = fn;
	s->on_commit_arg = arg;
}

void
store_queue_on_change(struct store *s, store_queue_fn *fn, void *arg)
{
	s->on_queue = fn;
	s->on_queue_arg = arg;
}

void
store_stats(const struct store *s, struct store_stats *ret)
{
	struct engine_stats e;

	engine_stats(s->engine, &e);
	*ret = (struct store_stats){
		.transactions = e.members,
		.statements = e.statements,
		.parsed = e.parsed,
		.round_trips = e.round_trips,
	};
}

enum rc
store_check(struct store *s, struct err *err)
{
	return engine_check(s->engine, err);
}

void *
grow(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	*cap = *cap ? *cap * 2 : 16;
	return xreallocarray(p, *cap, size);
}
