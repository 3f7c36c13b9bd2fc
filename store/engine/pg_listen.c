/* SPDX-License-Identifier: ISC
 *
 * pg_listen.c - LISTEN and NOTIFY on a connection of its own.
 *
 * Only libpq's calls that do not block are used, so that a server that has gone silent
 * holds nobody for longer than PG_LISTEN_WAIT_MS, and a stop not at all.
 */
#include "store/engine/pg_listen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/engine/engine_pg.h"

struct pg_listen {
	PGconn *h;
	struct pg_listen_conf conf; /* channel is our copy, conninfo is not kept */
};

static enum rc
fail(const struct pg_listen *l, enum rc rc, struct err *err)
{
	const char *text = PQerrorMessage(l->h);

	return err_set(err, rc, "PostgreSQL: %.*s", (int)strcspn(text, "\n"),
	               *text ? text : "the connection is lost");
}

/* Until the socket is ready for what events say. */
static enum rc
wait_for(const struct pg_listen *l, short events, uint64_t until_ms, struct err *err)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = PQsocket(l->h), .events = events },
			{ .fd = l->conf.stop_fd, .events = POLLIN },
		};
		uint64_t now = clock_kernel_ms();
		int n = now < until_ms ? poll(fds, ARRAY_LEN(fds), (int)(until_ms - now))
		                       : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, RC_IO, "poll: %s", strerror(errno));
		if (n == 0)
			return err_set(err, RC_AGAIN,
			               "PostgreSQL does not answer within %d s",
			               PG_LISTEN_WAIT_MS / 1000);
		if (fds[1].revents)
			return err_set(err, RC_AGAIN, "stopped");
		return RC_OK;
	}
}

static enum rc
finish_connect(struct pg_listen *l, struct err *err)
{
	uint64_t until_ms = clock_kernel_ms() + PG_LISTEN_WAIT_MS;
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	enum rc rc;

	if (PQstatus(l->h) == CONNECTION_BAD)
		return fail(l, RC_AGAIN, err);
	while (next != PGRES_POLLING_OK) {
		if (next == PGRES_POLLING_FAILED)
			return fail(l, RC_AGAIN, err);
		rc = wait_for(l, next == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		              until_ms, err);
		if (rc)
			return rc;
		next = PQconnectPoll(l->h);
	}
	return PQsetnonblocking(l->h, 1) == 0 ? RC_OK : fail(l, RC_AGAIN, err);
}

static enum rc
hand_over(struct pg_listen *l, struct err *err)
{
	PGnotify *n;

	if (!PQconsumeInput(l->h))
		return fail(l, RC_AGAIN, err);
	while ((n = PQnotifies(l->h)) != NULL) {
		l->conf.fn(span_str(n->extra), l->conf.arg);
		PQfreemem(n);
	}
	/* A server that goes away says so before it closes. */
	return PQstatus(l->h) == CONNECTION_OK ? RC_OK : fail(l, RC_AGAIN, err);
}

static enum rc
flush(struct pg_listen *l, uint64_t until_ms, struct err *err)
{
	int left;
	enum rc rc;

	while ((left = PQflush(l->h)) == 1) {
		/* What the server sends must be read, or it may stop reading. */
		rc = wait_for(l, POLLIN | POLLOUT, until_ms, err);
		if (!rc)
			rc = hand_over(l, err);
		if (rc)
			return rc;
	}
	return left == 0 ? RC_OK : fail(l, RC_AGAIN, err);
}

/* The result of what was sent. */
static enum rc
finish_command(struct pg_listen *l, struct err *err)
{
	uint64_t until_ms = clock_kernel_ms() + PG_LISTEN_WAIT_MS;
	enum rc rc = flush(l, until_ms, err);
	PGresult *r;

	for (;;) {
		while (!rc && PQisBusy(l->h)) {
			rc = wait_for(l, POLLIN, until_ms, err);
			if (!rc)
				rc = hand_over(l, err);
		}
		if (rc)
			return rc;
		r = PQgetResult(l->h);
		if (!r)
			return hand_over(l, err);
		if (PQresultStatus(r) != PGRES_COMMAND_OK &&
		    PQresultStatus(r) != PGRES_TUPLES_OK) {
			const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

			rc = state ? rc_from_pg(state) : RC_AGAIN;
			fail(l, rc, err);
		}
		PQclear(r);
	}
}

static enum rc
run(struct pg_listen *l, const char *sql, struct err *err)
{
	return PQsendQuery(l->h, sql) ? finish_command(l, err) : fail(l, RC_AGAIN, err);
}

static enum rc
start_listening(struct pg_listen *l, struct err *err)
{
	char *name = PQescapeIdentifier(l->h, l->conf.channel, strlen(l->conf.channel));
	char *listen = name ? xasprintf("LISTEN %s", name) : NULL;
	enum rc rc;

	if (!name)
		return fail(l, RC_IO, err);
	/* A lost notification costs a comparison, so nobody waits for the disk. What
	 * holds the queue of all listeners up is a listener inside a transaction: there
	 * is none here. */
	rc = run(l, "SET synchronous_commit = off", err);
	if (!rc)
		rc = run(l, listen, err);
	free(listen);
	PQfreemem(name);
	return rc;
}

static void
ignore_notice(void *arg UNUSED, const char *text UNUSED)
{
}

enum rc
pg_listen_open(const struct pg_listen_conf *conf, struct pg_listen **ret, struct err *err)
{
	char *conninfo = NULL;
	struct pg_listen *l;
	enum rc rc = pg_conninfo_load(conf->conninfo, &conninfo, err);

	if (rc)
		return rc;
	/* As for the pool; a dead server is to be noticed while nothing comes in. */
	const char *const keywords[] = { "tcp_user_timeout",
		                         "keepalives_idle",
		                         "keepalives_interval",
		                         "keepalives_count",
		                         "gssencmode",
		                         "sslcert",
		                         "fallback_application_name",
		                         "dbname",
		                         "client_encoding",
		                         NULL };
	const char *const values[] = { "15000",      "10",      "5",
		                       "3",          "disable", "/dev/null/none",
		                       "godwit bus", conninfo,  "UTF8",
		                       NULL };
	_Static_assert(ARRAY_LEN(keywords) == ARRAY_LEN(values), "pairs");

	l = xcalloc(1, sizeof(*l));
	l->conf = *conf;
	l->conf.conninfo = NULL;
	l->conf.channel = xstrdup(conf->channel);
	l->h = PQconnectStartParams(keywords, values, 1);
	free(conninfo);
	PQsetNoticeProcessor(l->h, ignore_notice, NULL);
	rc = finish_connect(l, err);
	if (!rc)
		rc = start_listening(l, err);
	if (rc) {
		pg_listen_close(l);
		return rc;
	}
	*ret = l;
	return RC_OK;
}

void
pg_listen_close(struct pg_listen *l)
{
	if (!l)
		return;
	PQfinish(l->h);
	free((char *)(uintptr_t)l->conf.channel);
	free(l);
}

int
pg_listen_fd(const struct pg_listen *l)
{
	return PQsocket(l->h);
}

enum rc
pg_listen_receive(struct pg_listen *l, struct err *err)
{
	return hand_over(l, err);
}

enum rc
pg_listen_notify(struct pg_listen *l, const char *payload, struct err *err)
{
	const char *const values[] = { l->conf.channel, payload };

	if (strlen(payload) > PG_LISTEN_PAYLOAD_MAX)
		return err_set(err, RC_TOO_BIG, "a payload of %zu bytes",
		               strlen(payload));
	if (!PQsendQueryParams(l->h, "SELECT pg_notify($1, $2)", 2, NULL, values, NULL,
	                       NULL, 0))
		return fail(l, RC_AGAIN, err);
	return finish_command(l, err);
}
