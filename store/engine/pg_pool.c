/* SPDX-License-Identifier: ISC
 *
 * pg_pool.c - connections to PostgreSQL: opened when needed, bounded, dropped when lost.
 *
 * A thread that has a connection and asks for another (a read within a write, a blob
 * within a read) may go past the bound, up to twice of it: if it had to wait for those
 * who wait for the same, all would stand still.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/engine/engine_pg.h"

#define BACK_OFF_FIRST_MS 100
#define BACK_OFF_MAX_MS 1000
#define CONNINFO_MAX 4096
#define SETTINGS "SET lock_timeout = '10s'; SET jit = off"

static struct metric connections = METRIC_GAUGE(
	"godwit_store_connections", "Connections to PostgreSQL that are open.");
static struct metric failures =
	METRIC_COUNTER("godwit_store_connection_failures_total",
                       "Connections to PostgreSQL that were lost or not made.");
static struct metric waits =
	METRIC_COUNTER("godwit_store_connection_waits_total",
                       "How often all connections to PostgreSQL were in use.");

static _Thread_local unsigned held; /* connections of this thread, about */

/* Not base/clock.h: tests stop that, the server does not stop. */
static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* PostgreSQL 15, appendix A. Classes first, then what stands out of its class. */
enum rc
rc_from_pg(const char *sqlstate)
{
	static const struct {
		const char *prefix;
		enum rc rc;
	} codes[] = {
		{ "00", RC_OK },        { "02", RC_NOT_FOUND },
		{ "08", RC_AGAIN },     /* connection */
		{ "22", RC_INVALID },   /* data */
		{ "23", RC_EXISTS },    /* integrity */
		{ "42P06", RC_EXISTS }, /* schema, table or object is there already */
		{ "42P07", RC_EXISTS }, { "42710", RC_EXISTS },
		{ "25006", RC_DENIED }, /* read-only transaction */
		{ "25P03", RC_AGAIN },  /* idle in transaction for too long */
		{ "28", RC_DENIED },    /* authorization */
		{ "40", RC_AGAIN },     /* serialization failure, deadlock */
		{ "42501", RC_DENIED }, { "53200", RC_AGAIN }, /* memory */
		{ "53300", RC_AGAIN },                         /* too many connections */
		{ "54", RC_TOO_BIG },   { "55P03", RC_AGAIN }, /* lock not available */
		{ "57", RC_AGAIN }, /* cancelled, shut down, starting up */
		{ "72", RC_AGAIN }, /* snapshot too old */
	};

	if (!*sqlstate)
		return RC_OK;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strncmp(sqlstate, codes[i].prefix, strlen(codes[i].prefix)) == 0)
			return codes[i].rc;
	}
	return RC_IO;
}

/* libpq's messages end in a newline and may have several lines: the first. */
static struct span
first_line(const char *text)
{
	return span_of(text, strcspn(text, "\n"));
}

bool
pg_conn_is_lost(const struct pg_conn *c)
{
	return PQstatus(c->h) != CONNECTION_OK;
}

enum rc
pg_conn_rc(struct pg_conn *c, const PGresult *r)
{
	ExecStatusType status = PQresultStatus(r); /* of NULL: PGRES_FATAL_ERROR */
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	enum rc rc;

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	    status == PGRES_EMPTY_QUERY)
		return RC_OK;
	if (!state || !*state || pg_conn_is_lost(c))
		rc = RC_AGAIN;
	else
		rc = rc_from_pg(state);
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = RC_IO;
	if (rc == RC_IO || rc == RC_DENIED || rc == RC_INVALID)
		log_error(NULL, "store.engine fault", "state=%s text=%s",
		          state ? state : "-",
		          LOG_STR(first_line(r ? PQresultErrorMessage(r)
		                               : PQerrorMessage(c->h))));
	else if (rc == RC_AGAIN)
		log_warn(NULL, "store.engine again", "state=%s text=%s",
		         state ? state : "-",
		         LOG_STR(first_line(r ? PQresultErrorMessage(r)
		                              : PQerrorMessage(c->h))));
	return rc;
}

enum rc
pg_conn_exec(struct pg_conn *c, const char *sql)
{
	PGresult *r = PQexec(c->h, sql);
	enum rc rc = pg_conn_rc(c, r);

	PQclear(r);
	return rc;
}

enum rc
pg_conninfo_load(const char *option, char **ret, struct err *err)
{
	char text[CONNINFO_MAX];
	FILE *f;
	size_t n;

	if (option[0] != '/') {
		*ret = xstrdup(option);
		return RC_OK;
	}
	f = fopen(option, "re");
	if (!f)
		return err_set(err, RC_IO, "conninfo of PostgreSQL: %s: %s", option,
		               strerror(errno));
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	if (n == sizeof(text) - 1)
		return err_set(err, RC_TOO_BIG, "conninfo of PostgreSQL: %s is too long",
		               option);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	*ret = xstrdup(text);
	return RC_OK;
}

static void
ignore_notice(void *arg UNUSED, const char *text UNUSED)
{
}

/* What is acknowledged must be on the disk, and bytes must come back as they were. */
static enum rc
check_server(struct pg_conn *c, struct err *err)
{
	PGresult *r = PQexec(c->h, "SELECT current_setting('fsync'),"
	                           " current_setting('synchronous_commit'),"
	                           " current_setting('server_encoding')");
	enum rc rc = pg_conn_rc(c, r);

	if (rc)
		err_set(err, rc, "PostgreSQL: %.*s",
		        SPAN_FMT(first_line(PQerrorMessage(c->h))));
	else if (strcmp(PQgetvalue(r, 0, 0), "on") != 0)
		rc = err_set(err, RC_UNSUPPORTED,
		             "PostgreSQL runs with fsync=off: what is acknowledged could "
		             "be lost");
	else if (strcmp(PQgetvalue(r, 0, 1), "off") == 0)
		rc = err_set(err, RC_UNSUPPORTED,
		             "PostgreSQL runs with synchronous_commit=off: what is "
		             "acknowledged could be lost");
	else if (strcmp(PQgetvalue(r, 0, 2), "UTF8") != 0)
		rc = err_set(err, RC_UNSUPPORTED,
		             "the PostgreSQL database has the encoding %s, not UTF8",
		             PQgetvalue(r, 0, 2));
	PQclear(r);
	return rc;
}

static void
conn_close(struct pg_conn *c)
{
	if (!c)
		return;
	pg_conn_forget(c);
	PQfinish(c->h);
	free(c);
}

static enum rc
conn_open(struct engine_pg *e, struct pg_conn **ret, struct err *err)
{
	/* The conninfo is expanded in place: what stands before it are defaults. No
	 * certificate in the home of whoever started us is looked for. */
	const char *const pairs[][2] = {
		{ "connect_timeout", "5" },
		{ "tcp_user_timeout", "15000" },
		{ "keepalives_idle", "15" },
		{ "gssencmode", "disable" },
		{ "sslcert", "/dev/null/none" },
		{ "fallback_application_name", "godwit" },
		{ "dbname", e->conninfo },
		{ "client_encoding", "UTF8" },
	};
	const char *keywords[ARRAY_LEN(pairs) + 1] = { NULL };
	const char *values[ARRAY_LEN(pairs) + 1] = { NULL };
	struct pg_conn *c = xcalloc(1, sizeof(*c));
	enum rc rc = RC_OK;

	list_init(&c->link);
	c->slot = random_u64() >> 1;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		keywords[i] = pairs[i][0];
		values[i] = pairs[i][1];
	}
	c->h = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(c->h) != CONNECTION_OK) {
		err_set(err, RC_AGAIN, "PostgreSQL: %.*s",
		        SPAN_FMT(first_line(PQerrorMessage(c->h))));
		log_error(NULL, "store.engine connect", "text=%s",
		          LOG_STR(first_line(PQerrorMessage(c->h))));
		rc = RC_AGAIN;
	} else {
		PQsetNoticeProcessor(c->h, ignore_notice, NULL);
		rc = check_server(c, err);
	}
	/* Nobody waits for a lock much longer than for a connection; short statements
	 * gain nothing from being compiled. */
	if (!rc)
		rc = pg_conn_exec(c, e->has_slots ? SETTINGS "; " PG_COMMIT_SWEEP
		                                  : SETTINGS);
	if (rc) {
		metric_add(&failures, 1);
		conn_close(c);
		return rc;
	}
	*ret = c;
	return RC_OK;
}

/* Under the mutex. */
static void
count_open(struct engine_pg *e, int by)
{
	e->n_open = (unsigned)((int)e->n_open + by);
	metric_set(&connections, e->n_open);
}

/* Under the mutex. Several that fail at once are one failure. */
static void
back_off(struct engine_pg *e)
{
	uint64_t now = now_ms();

	if (e->back_off_ms > 0 && now < e->retry_at_ms)
		return;
	e->back_off_ms = e->back_off_ms ? e->back_off_ms * 2 : BACK_OFF_FIRST_MS;
	if (e->back_off_ms > BACK_OFF_MAX_MS)
		e->back_off_ms = BACK_OFF_MAX_MS;
	e->retry_at_ms = now + e->back_off_ms;
}

/* Under the mutex, a place being taken: lets it go and connects. */
static enum rc
open_one(struct engine_pg *e, struct pg_conn **ret)
{
	enum rc rc;

	if (e->back_off_ms > 0 && now_ms() < e->retry_at_ms)
		return RC_AGAIN;
	count_open(e, 1);
	pthread_mutex_unlock(&e->mutex);
	rc = conn_open(e, ret, NULL);
	pthread_mutex_lock(&e->mutex);
	if (!rc) {
		e->back_off_ms = 0;
		return RC_OK;
	}
	count_open(e, -1);
	pthread_cond_signal(&e->freed);
	back_off(e);
	return rc;
}

/* Reads the end of the transaction before; false: the connection is no good. */
static bool
is_ready(struct pg_conn *c)
{
	PGresult *r;

	if (c->ending) {
		while ((r = PQgetResult(c->h)) != NULL)
			PQclear(r);
		c->ending = false;
	}
	return !pg_conn_is_lost(c) && PQtransactionStatus(c->h) == PQTRANS_IDLE;
}

/* Under the mutex. */
static enum rc
take_one(struct engine_pg *e, struct pg_conn **ret)
{
	struct timespec until;
	enum rc rc = RC_OK;
	bool past_bound = held > 0 || engine_is_urgent();
	bool waited = false;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(e->wait_ms % 1000) * 1000000;
	until.tv_sec += e->wait_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	for (;;) {
		if (!list_is_empty(&e->idle)) {
			*ret = list_first(&e->idle, struct pg_conn, link);
			list_remove(&(*ret)->link);
			return RC_OK;
		}
		if (e->n_open < (past_bound ? e->n_max * 2 : e->n_max))
			return open_one(e, ret);
		if (!waited)
			metric_add(&waits, 1);
		waited = true;
		if (rc) {
			log_warn(NULL, "store.engine busy", "connections=%u", e->n_open);
			return RC_AGAIN;
		}
		if (pthread_cond_timedwait(&e->freed, &e->mutex, &until) == ETIMEDOUT)
			rc = RC_AGAIN; /* a last look */
	}
}

void
pg_pool_init(struct engine_pg *e)
{
	pthread_condattr_t attr;

	metric_register(&connections);
	metric_register(&failures);
	metric_register(&waits);
	pthread_mutex_init(&e->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->freed, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&e->idle);
}

enum rc
pg_pool_first(struct engine_pg *e, struct pg_conn **ret, struct err *err)
{
	enum rc rc = RC_OK;

	if (list_is_empty(&e->idle)) {
		rc = conn_open(e, ret, err);
		if (!rc)
			count_open(e, 1);
	} else {
		*ret = list_first(&e->idle, struct pg_conn, link);
		list_remove(&(*ret)->link);
	}
	held += !rc;
	return rc;
}

enum rc
pg_pool_get(struct engine_pg *e, struct pg_conn **ret)
{
	struct pg_conn *c = NULL;
	enum rc rc;

	for (;;) {
		pthread_mutex_lock(&e->mutex);
		rc = take_one(e, &c);
		pthread_mutex_unlock(&e->mutex);
		if (rc)
			return rc;
		assert(c);
		if (is_ready(c))
			break;
		held++;
		pg_pool_put(e, c);
	}
	held++;
	*ret = c;
	return RC_OK;
}

void
pg_pool_put(struct engine_pg *e, struct pg_conn *c)
{
	struct list dead;
	bool lost = pg_conn_is_lost(c);
	bool keep = !lost && (c->ending || PQtransactionStatus(c->h) == PQTRANS_IDLE);

	if (held > 0)
		held--;
	list_init(&dead);
	if (lost)
		metric_add(&failures, 1);
	pthread_mutex_lock(&e->mutex);
	if (keep && e->n_open <= e->n_max) {
		list_push_front(&e->idle, &c->link);
	} else {
		list_push_back(&dead, &c->link);
		count_open(e, -1);
	}
	while (lost && !list_is_empty(&e->idle)) {
		struct list *l = e->idle.next;

		list_remove(l);
		list_push_back(&dead, l);
		count_open(e, -1);
	}
	pthread_cond_signal(&e->freed);
	pthread_mutex_unlock(&e->mutex);
	while (!list_is_empty(&dead)) {
		c = list_first(&dead, struct pg_conn, link);
		list_remove(&c->link);
		conn_close(c);
	}
}

void
pg_pool_close(struct engine_pg *e)
{
	while (!list_is_empty(&e->idle)) {
		struct pg_conn *c = list_first(&e->idle, struct pg_conn, link);

		list_remove(&c->link);
		count_open(e, -1);
		conn_close(c);
	}
	assert(e->n_open == 0); /* all transactions have ended */
}
