/* SPDX-License-Identifier: ISC
 *
 * copy.c - all of a store into another.
 *
 * User by user: the blobs that his contents name, then his rows; a user whose account is
 * whole in the target is done. Then the queue; then all is compared; the directory and
 * the end of the filling come last.
 */
#include "store/archive/copy.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "store/archive/digest.h"
#include "store/archive/dump.h"
#include "store/archive/fill.h"
#include "store/archive/loader.h"
#include "store/blobs.h"
#include "store/store_private.h"

#define TURNS_MAX 3 /* how often a user is copied who changes all the while */
#define LANES 4     /* users at a time: a row to a distant database is mostly waiting */

struct copy {
	struct store *from;
	struct store *to;
	copy_say_fn *say;
	void *arg;
	struct copy_report report;
	struct err *err;
	struct arena *a;
	struct dump_person *people;
	size_t n_people;
	struct span who;     /* for sentences */
	struct lanes *lanes; /* this is one of them; NULL: the whole */
};

/* What several copies of a struct copy share, a thread each. */
struct lanes {
	pthread_mutex_t mutex; /* for what is said */
	atomic_size_t next;    /* of the people */
	atomic_bool failed;
};

static void say(struct copy *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(struct copy *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!c->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->lanes)
		pthread_mutex_lock(&c->lanes->mutex);
	c->say(text, c->arg);
	if (c->lanes)
		pthread_mutex_unlock(&c->lanes->mutex);
}

static enum rc
fail(struct copy *c, enum rc rc, const char *what)
{
	if (!rc || (c->err && c->err->text[0]))
		return rc;
	return err_set(c->err, rc, "%.*s: %s: %s", SPAN_FMT(c->who), what, rc_str(rc));
}

/* -- blobs -- */

static enum rc
copy_blob(const struct sha256 *hash, uint64_t size, void *arg)
{
	struct copy *c = arg;
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct span name = span_of((const char *)hash->b, sizeof(hash->b));
	struct sha256 found;
	enum rc rc = blobs_read(c->from->blobs, name, size, 0, size, &raw);

	sha256_of(buf_span(&raw), &found);
	if (!rc && memcmp(found.b, hash->b, sizeof(found.b)) != 0)
		rc = RC_IO;
	if (rc == RC_IO) {
		/* It is lost here already: the copy is no worse. */
		AUTO_DONE(buf) struct buf hex = BUF_INIT(0);

		hex_encode(name, &hex);
		say(c, "%.*s: the content %.*s is missing or damaged in the source",
		    SPAN_FMT(c->who), SPAN_FMT(buf_span(&hex)));
		c->report.blobs_broken++;
		return RC_OK;
	}
	if (!rc)
		rc = blobs_put(c->to->blobs, hash, buf_span(&raw));
	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	c->report.blobs++;
	c->report.blob_bytes += size;
	return RC_OK;
}

static enum rc
check_blob(const struct sha256 *hash, uint64_t size, void *arg)
{
	struct copy *c = arg;
	enum rc rc = fill_check_blob(c->to, hash, size);

	if (rc == RC_IO && fill_check_blob(c->from, hash, size) == RC_IO)
		return RC_OK; /* told when it was copied */
	return rc;
}

/* -- users -- */

static enum rc
copy_rows(struct copy *c, uint64_t user, bool *ret_has_rows)
{
	AUTO(dump_user)
	struct dump_user *d = NULL;
	AUTO(loader)
	struct loader *l = NULL;
	struct dump_mark mark;
	enum rc rc = dump_user_new(c->from, user, &d, &mark);

	*ret_has_rows = rc != RC_NOT_FOUND;
	if (rc == RC_NOT_FOUND) /* never made whole, or purged but for this row */
		return RC_OK;
	if (rc)
		return rc;
	rc = dump_blobs(c->from, user, copy_blob, c);
	if (!rc)
		rc = loader_user(c->to, user, NULL, NULL, &l);
	if (!rc)
		rc = dump_user_rows(d, NULL, loader_rows(l));
	return rc ? rc : loader_end(l);
}

static enum rc
copy_user(struct copy *c, uint64_t user)
{
	bool done = false;
	enum rc rc = fill_has_user(c->to, user, &done);

	if (!rc && !done)
		rc = copy_rows(c, user, &done);
	return fail(c, rc, "cannot be copied");
}

static enum rc
compare_user(struct copy *c, uint64_t user, bool *ret_has_rows,
             const char **ret_difference)
{
	struct digest from;
	struct digest to;
	enum rc rc = digest_user(c->from, user, &from);

	*ret_has_rows = rc == RC_OK;
	*ret_difference = NULL;
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (!rc)
		rc = digest_user(c->to, user, &to);
	if (rc == RC_NOT_FOUND) {
		*ret_difference = "account";
		return RC_OK;
	}
	if (rc)
		return rc;
	*ret_difference = digest_difference(&from, &to);
	for (size_t i = 0; !*ret_difference && i < to.n; i++)
		c->report.rows += to.tables[i].sum.count;
	return *ret_difference ? RC_OK : dump_blobs(c->to, user, check_blob, c);
}

/* Who has changed since he was copied is copied again. */
static enum rc
verify_user(struct copy *c, uint64_t user)
{
	const char *difference = NULL;
	bool has_rows = false;
	enum rc rc = RC_OK;

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		rc = compare_user(c, user, &has_rows, &difference);
		if (rc || !difference) {
			c->report.users += !rc && has_rows;
			return fail(c, rc, "cannot be compared");
		}
		c->report.users_again++;
		say(c, "%.*s: %s has changed, once more", SPAN_FMT(c->who), difference);
		rc = copy_rows(c, user, &has_rows);
		if (rc)
			return fail(c, rc, "cannot be copied");
	}
	return err_set(c->err, RC_CONFLICT,
	               "%.*s changes all the while (%s): stop the servers of the source",
	               SPAN_FMT(c->who), difference);
}

/* -- all of them, some at a time -- */

typedef enum rc user_fn(struct copy *c, uint64_t user);

struct lane {
	pthread_t thread;
	struct copy copy; /* its own report and sentence */
	struct err err;
	user_fn *fn;
	bool started;
	enum rc rc;
};

static void *
run_lane(void *arg)
{
	struct lane *l = arg;
	struct copy *c = &l->copy;
	size_t i;

	while (!l->rc && !atomic_load(&c->lanes->failed) &&
	       (i = atomic_fetch_add(&c->lanes->next, 1)) < c->n_people) {
		c->who = c->people[i].address;
		l->rc = l->fn(c, c->people[i].id);
		if ((i + 1) % 1000 == 0)
			say(c, "%zu of %zu users", i + 1, c->n_people);
	}
	if (l->rc)
		atomic_store(&c->lanes->failed, true);
	return NULL;
}

static void
add_report(struct copy_report *to, const struct copy_report *r)
{
	to->users += r->users;
	to->rows += r->rows;
	to->blobs += r->blobs;
	to->blob_bytes += r->blob_bytes;
	to->blobs_broken += r->blobs_broken;
	to->users_again += r->users_again;
}

static enum rc
each_user(struct copy *c, user_fn *fn)
{
	struct lanes shared = { .next = 0 };
	struct lane list[LANES];
	enum rc rc = RC_OK;

	pthread_mutex_init(&shared.mutex, NULL);
	for (size_t i = 0; i < LANES; i++) {
		struct lane *l = &list[i];

		*l = (struct lane){ .copy = *c, .fn = fn };
		l->copy.lanes = &shared;
		l->copy.err = &l->err;
		l->copy.report = (struct copy_report){ 0 };
		/* The first one has the caller's own thread: no machine is too full for
		 * it. */
		l->started = i && !thread_start("copy", 0, run_lane, l, &l->thread);
	}
	run_lane(&list[0]);
	for (size_t i = 0; i < LANES; i++) {
		if (list[i].started)
			pthread_join(list[i].thread, NULL);
		add_report(&c->report, &list[i].copy.report);
		if (list[i].rc && !rc)
			rc = err_set(c->err, list[i].rc, "%s", list[i].err.text);
	}
	pthread_mutex_destroy(&shared.mutex);
	return rc;
}

static enum rc
verify_users(struct copy *c)
{
	uint64_t found = 0;
	enum rc rc = each_user(c, verify_user);

	c->who = SPAN("users");
	if (!rc)
		rc = fail(c, fill_count_users(c->to, &found), "cannot be counted");
	if (!rc && found != c->report.users)
		rc = err_set(c->err, RC_CONFLICT,
		             "the target has %" PRIu64 " users, the source %" PRIu64
		             ": remove the target and copy again",
		             found, c->report.users);
	return rc;
}

/* -- the others -- */

static enum rc
copy_queue(struct copy *c)
{
	AUTO(loader)
	struct loader *l = NULL;
	enum rc rc = dump_blobs(c->from, 0, copy_blob, c);

	if (!rc)
		rc = loader_queue(c->to, NULL, NULL, &l);
	if (!rc)
		rc = dump_queue(c->from, loader_rows(l));
	if (!rc)
		rc = loader_end(l);
	return fail(c, rc, "cannot be copied");
}

static enum rc
copy_directory(struct copy *c)
{
	AUTO(loader)
	struct loader *l = NULL;
	enum rc rc = loader_directory(c->to, NULL, NULL, &l);

	if (!rc)
		rc = dump_directory(c->from, true, loader_rows(l));
	if (!rc)
		rc = loader_end(l);
	return fail(c, rc, "cannot be copied");
}

static enum rc
digest_other(struct store *s, bool queue, struct digest *ret)
{
	AUTO(digester)
	struct digester *d = digester_new(NULL);
	enum rc rc = queue ? dump_queue(s, digester_rows(d))
	                   : dump_directory(s, true, digester_rows(d));

	if (!rc)
		*ret = *digester_result(d);
	return rc;
}

static enum rc
verify_other(struct copy *c, bool queue)
{
	struct digest from;
	struct digest to;
	const char *difference;
	enum rc rc = digest_other(c->from, queue, &from);

	if (!rc)
		rc = digest_other(c->to, queue, &to);
	if (!rc && queue)
		rc = dump_blobs(c->to, 0, check_blob, c);
	if (rc)
		return fail(c, rc, "cannot be compared");
	difference = digest_difference(&from, &to);
	for (size_t i = 0; i < to.n; i++)
		c->report.rows += to.tables[i].sum.count;
	return difference ? err_set(c->err, RC_CONFLICT,
	                            "%.*s has changed meanwhile (%s): stop the servers "
	                            "of the source",
	                            SPAN_FMT(c->who), difference)
	                  : RC_OK;
}

static enum rc
copy_all(struct copy *c)
{
	size_t n = c->n_people;
	enum rc rc = each_user(c, copy_user);

	c->who = SPAN("the queue");
	if (!rc)
		rc = copy_queue(c);
	if (!rc)
		say(c, "all is copied; comparing");
	if (!rc)
		rc = verify_users(c);
	c->who = SPAN("the queue");
	if (!rc)
		rc = verify_other(c, true);
	c->who = SPAN("the directory");
	if (!rc)
		rc = copy_directory(c);
	if (!rc)
		rc = verify_other(c, false);
	/* Who came to the source only now has no rows here. */
	if (!rc)
		rc = fail(c, dump_people(c->to, c->a, &c->people, &c->n_people),
		          "cannot be read");
	if (!rc && c->n_people != n)
		rc = err_set(c->err, RC_CONFLICT,
		             "users came or went meanwhile: stop the servers of the "
		             "source");
	return rc ? rc : fail(c, fill_end(c->to), "cannot be finished");
}

/* Opening makes a store where there is none: not from a mistyped name. */
static enum rc
open_source(const struct store_conf *conf, struct store **ret, struct err *err)
{
	char *path = xasprintf("%s/directory.db", conf->directory);
	bool missing = conf->engine == STORE_ENGINE_SQLITE && access(path, F_OK) != 0;

	free(path);
	if (missing)
		return err_set(err, RC_NOT_FOUND, "the source: there is no store in %s",
		               conf->directory);
	return store_open(conf, ret, err);
}

static enum rc
run(struct copy *c)
{
	bool goes_on = false;
	enum rc rc;

	if (c->from->id == c->to->id)
		return err_set(c->err, RC_INVALID,
		               "source and target are the same store");
	c->who = SPAN("the directory");
	rc = fail(c, dump_people(c->from, c->a, &c->people, &c->n_people),
	          "cannot be read");
	if (!rc)
		rc = fill_begin(c->to, c->from->id | 1, &goes_on, c->err);
	if (rc)
		return rc;
	say(c, goes_on ? "going on with %zu users" : "copying %zu users", c->n_people);
	return copy_all(c);
}

enum rc
copy_store(const struct store_conf *from, const struct store_conf *to,
           copy_say_fn *say_fn, void *arg, struct copy_report *ret, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct copy c = { .say = say_fn, .arg = arg, .err = err, .a = a };
	enum rc rc = open_source(from, &c.from, err);

	if (!rc)
		rc = store_open_unfinished(to, &c.to, err);
	if (!rc)
		rc = run(&c);
	store_close(c.to);
	store_close(c.from);
	if (!rc)
		*ret = c.report;
	return rc;
}
