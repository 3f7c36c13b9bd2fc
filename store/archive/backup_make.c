/* SPDX-License-Identifier: ISC
 *
 * backup_make.c - a backup from a source into a folder.
 *
 * Each archive is read again, strictly, as soon as it is written: so its contents are
 * known to be readable, and which blobs it names. Blobs that the folder has already
 * (they are named by their bytes and never change) are not fetched again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/archive/backup_private.h"

struct make {
	const struct backup_make_conf *conf;
	struct backup_source *source;
	struct arena *a;
	struct backup_run *runs;
	size_t n_runs;
	struct backup_run *parent; /* NULL: full */
	struct backup_run run;
	char *folder;     /* "000002.part" */
	bool disk_failed; /* of the backup itself */
	bool lost_blob;   /* of the user that is read: gone since his snapshot */
	struct backup_report report;
	struct err *err;
};

static void say(struct make *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(struct make *m, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!m->conf->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->conf->say(text, m->conf->arg);
}

/* -- files -- */

/* What a source writes: a file under a name of its own until it is whole. */
typedef enum rc fetch_fn(struct make *m, struct backup_out *o, const void *what);

static enum rc
fetch_file(struct make *m, const char *path, fetch_fn *fetch, const void *what,
           struct backup_file *ret)
{
	struct backup_out o;
	enum rc rc = backup_out_open(&o, path, m->err);

	if (rc)
		return rc;
	rc = fetch(m, &o, what);
	if (rc) {
		m->disk_failed |= o.failed;
		backup_out_drop(&o);
		unlink(path);
		return *m->err->text ? rc
		                     : err_set(m->err, rc, "%s: %s", path, rc_str(rc));
	}
	rc = backup_out_close(&o, path, ret, m->err);
	if (!rc)
		m->report.bytes += ret->size;
	return rc;
}

static enum rc
fetch_directory(struct make *m, struct backup_out *o, const void *what UNUSED)
{
	return m->source->ops->directory(m->source, backup_out_write, o, m->err);
}

static enum rc
fetch_queue(struct make *m, struct backup_out *o, const void *what UNUSED)
{
	return m->source->ops->queue(m->source, backup_out_write, o, m->err);
}

struct want_user {
	uint64_t user;
	const struct dump_mark *since;
};

static enum rc
fetch_user(struct make *m, struct backup_out *o, const void *what)
{
	const struct want_user *w = what;

	return m->source->ops->user(m->source, w->user, w->since, backup_out_write, o,
	                            m->err);
}

struct want_blob {
	const struct sha256 *hash;
	uint64_t size;
};

static enum rc
fetch_blob(struct make *m, struct backup_out *o, const void *what)
{
	const struct want_blob *w = what;

	return m->source->ops->blob(m->source, w->hash, w->size, backup_out_write, o,
	                            m->err);
}

/* -- blobs -- */

static enum rc
make_folder(const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return RC_OK;
	return err_set(err, RC_IO, "%s: %s", path, strerror(errno));
}

static enum rc
keep_blob(struct make *m, const char *path, const struct want_blob *w)
{
	char *part = xasprintf("%s/blob", m->folder);
	struct backup_file f;
	enum rc rc = fetch_file(m, part, fetch_blob, w, &f);

	if (!rc)
		rc = backup_scan_blob(part, w->hash, m->err);
	if (!rc && rename(part, path) != 0)
		rc = err_set(m->err, RC_IO, "%s: %s", path, strerror(errno));
	free(part);
	if (!rc)
		m->report.blobs++;
	return rc;
}

/* A blob that cannot be read may have been swept away since the snapshot: then another
 * snapshot does not name it. */
static enum rc
need_blob(const struct sha256 *hash, uint64_t size, void *arg)
{
	struct make *m = arg;
	struct want_blob w = { hash, size };
	char *path = backup_path_of_blob(m->conf->dir, hash);
	char *slash = strrchr(path, '/');
	enum rc rc = RC_OK;

	if (access(path, F_OK) != 0) {
		*slash = '\0';
		rc = make_folder(path, m->err);
		*slash = '/';
		if (!rc)
			rc = keep_blob(m, path, &w);
		if (rc && !m->disk_failed) {
			m->lost_blob = true;
			say(m, "%s", m->err->text);
			m->err->text[0] = '\0';
			rc = RC_OK;
		}
	}
	free(path);
	return rc;
}

/* -- users -- */

static bool
is_wanted(const struct make *m, const struct dump_person *p)
{
	if (m->conf->n_users == 0)
		return true;
	for (size_t i = 0; i < m->conf->n_users; i++) {
		if (p->removed_ms == 0 && span_ieq(p->address, m->conf->users[i]))
			return true;
	}
	return false;
}

/* The mark of the backup before, where an increment on it is possible. */
static const struct backup_entry *
entry_before(struct make *m, uint64_t user)
{
	const struct backup_run *r;

	return m->parent ? backup_entry_before(m->runs, m->n_runs, m->parent, user, &r)
	                 : NULL;
}

static enum rc
read_user(struct make *m, const struct dump_person *p, const struct backup_entry *before,
          const char *path, struct backup_entry *ret)
{
	struct want_user w = { p->id, before ? &before->mark : NULL };
	struct backup_scan scan;
	enum rc rc = fetch_file(m, path, fetch_user, &w, &ret->file);

	if (!rc)
		rc = backup_scan_file(path, &ret->file, m->a, need_blob, m, &scan,
		                      m->err);
	if (rc)
		return rc;
	if (scan.head.kind != ARCHIVE_USER || scan.head.user != p->id ||
	    (scan.head.increment && !before) || scan.head.store != m->run.store)
		return err_set(m->err, RC_INVALID,
		               "%s: another archive came than asked for", path);
	ret->user = p->id;
	ret->address = scan.address;
	ret->kind = scan.head.increment ? BACKUP_INCREMENT : BACKUP_FULL;
	ret->mark = (struct dump_mark){ scan.head.modseq, scan.head.content_next,
		                        scan.head.swept };
	ret->small = scan.small;
	if (before && scan.head.increment && !scan.has_log &&
	    memcmp(before->small.b, scan.small.b, sizeof(scan.small.b)) == 0) {
		unlink(path);
		m->report.bytes -= ret->file.size;
		ret->kind = BACKUP_SAME;
		ret->file = (struct backup_file){ .size = 0 };
	}
	return RC_OK;
}

/* Who cannot be read now (a restore holds him) stays as the backup before has him. */
static void
keep_user(struct make *m, const struct dump_person *p, const struct backup_entry *before)
{
	struct backup_entry *e = &m->run.entries[m->run.n];

	m->report.faults++;
	say(m, "%.*s: %s", SPAN_FMT(p->address),
	    before ? "is being restored: kept as the backup before has it"
	           : "is being restored: left out");
	if (!before)
		return;
	*e = *before;
	e->kind = BACKUP_KEPT;
	e->file = (struct backup_file){ .size = 0 };
	m->run.n++;
}

static enum rc
back_up_user(struct make *m, const struct dump_person *p)
{
	const struct backup_entry *before = entry_before(m, p->id);
	struct backup_entry *e = &m->run.entries[m->run.n];
	char *path = xasprintf("%s/user-%" PRIu64, m->folder, p->id);
	enum rc rc = RC_OK;

	/* Once more: where a blob was swept away, or the source has stumbled. */
	for (int turn = 0; turn < 2; turn++) {
		m->lost_blob = false;
		m->err->text[0] = '\0';
		rc = read_user(m, p, before, path, e);
		if (rc == RC_NOT_FOUND || rc == RC_AGAIN || m->disk_failed ||
		    (!rc && !m->lost_blob))
			break;
	}
	free(path);
	if (rc == RC_NOT_FOUND) { /* purged meanwhile */
		m->err->text[0] = '\0';
		return RC_OK;
	}
	if (rc == RC_AGAIN) {
		m->err->text[0] = '\0';
		keep_user(m, p, before);
		return RC_OK;
	}
	if (rc)
		return rc;
	if (m->lost_blob) {
		m->report.faults++;
		say(m, "%.*s: a content is lost", SPAN_FMT(p->address));
	}
	m->run.n++;
	m->report.users++;
	m->report.changed += e->kind != BACKUP_SAME;
	return RC_OK;
}

/* -- the others -- */

static enum rc
back_up_other(struct make *m, const char *name, fetch_fn *fetch, enum archive_kind kind,
              struct backup_file *ret)
{
	char *path = xasprintf("%s/%s", m->folder, name);
	struct backup_scan scan;
	enum rc rc = fetch_file(m, path, fetch, NULL, ret);

	m->lost_blob = false;
	if (!rc)
		rc = backup_scan_file(path, ret, m->a, need_blob, m, &scan, m->err);
	if (!rc && scan.head.kind != kind)
		rc = err_set(m->err, RC_INVALID,
		             "%s: another archive came than asked for", path);
	/* What left the queue since needs its content no more. */
	free(path);
	return rc;
}

/* -- the run -- */

static enum rc
clear_folder(const char *path, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return errno == ENOENT
		               ? RC_OK
		               : err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return rmdir(path) == 0 ? RC_OK
	                        : err_set(err, RC_IO, "%s: %s", path, strerror(errno));
}

static enum rc
lock_folder(const char *dir, int *ret, struct err *err)
{
	char *path = xasprintf("%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum rc rc = RC_OK;

	if (fd < 0)
		rc = err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = err_set(err, RC_EXISTS, "%s: another backup is being made", dir);
	free(path);
	if (rc && fd >= 0)
		close(fd);
	if (!rc)
		*ret = fd;
	return rc;
}

/* The last one, if it is of this store: of another store, or of this one before a
 * restore of all of it, nothing can go on. */
static struct backup_run *
find_parent(const struct make *m)
{
	struct backup_run *last = m->n_runs > 0 ? &m->runs[m->n_runs - 1] : NULL;

	if (m->conf->full || !last || last->store != m->run.store)
		return NULL;
	return last;
}

static enum rc
write_manifest(struct make *m)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	char *path = xasprintf("%s/manifest", m->folder);
	struct backup_out o;
	enum rc rc = backup_out_open(&o, path, m->err);

	backup_manifest_write(&m->run, &text);
	if (!rc) {
		rc = backup_out_write(buf_span(&text), &o);
		if (rc) {
			err_set(m->err, rc, "%s: %s", path, strerror(errno));
			backup_out_drop(&o);
		} else {
			rc = backup_out_close(&o, path, NULL, m->err);
		}
	}
	free(path);
	return rc;
}

/* All folders in which blobs got their names. */
static enum rc
sync_blobs(const char *dir)
{
	char *path = xasprintf("%s/blobs", dir);
	enum rc rc = backup_sync_folder(path);

	for (unsigned i = 0; !rc && i < 256; i++) {
		char *sub = xasprintf("%s/%02x", path, i);

		if (access(sub, F_OK) == 0)
			rc = backup_sync_folder(sub);
		free(sub);
	}
	free(path);
	return rc;
}

static enum rc
finish(struct make *m)
{
	char *path = backup_path_of_run(m->conf->dir, m->run.number, "");
	enum rc rc = write_manifest(m);

	if (!rc)
		rc = backup_sync_folder(m->folder);
	if (!rc)
		rc = sync_blobs(m->conf->dir);
	if (!rc && rename(m->folder, path) != 0)
		rc = RC_IO;
	if (!rc)
		rc = backup_sync_folder(m->conf->dir);
	if (rc && !*m->err->text)
		err_set(m->err, rc, "%s: %s", path, strerror(errno));
	free(path);
	return rc;
}

static enum rc
back_up_all(struct make *m, const struct dump_person *people, size_t n)
{
	size_t wanted = 0;
	enum rc rc = RC_OK;

	m->run.entries = arena_array(m->a, n, struct backup_entry);
	if (m->run.all)
		rc = back_up_other(m, "directory", fetch_directory, ARCHIVE_DIRECTORY,
		                   &m->run.directory);
	if (!rc && m->run.all)
		rc = back_up_other(m, "queue", fetch_queue, ARCHIVE_QUEUE, &m->run.queue);
	for (size_t i = 0; !rc && i < n; i++) {
		if (!is_wanted(m, &people[i]))
			continue;
		wanted++;
		rc = back_up_user(m, &people[i]);
	}
	if (!rc && wanted < m->conf->n_users)
		rc = err_set(m->err, RC_NOT_FOUND,
		             "%zu of the users that were named are not there",
		             m->conf->n_users - wanted);
	return rc ? rc : finish(m);
}

static enum rc
make(struct make *m)
{
	struct dump_person *people = NULL;
	size_t n = 0;
	enum rc rc = backup_list(m->conf->dir, m->a, &m->runs, &m->n_runs, m->err);

	if (!rc)
		rc = m->source->ops->begin(m->source, m->a, &m->run.store, &people, &n,
		                           m->err);
	if (rc)
		return rc;
	m->parent = find_parent(m);
	m->run.full = m->parent == NULL;
	m->run.all = m->conf->n_users == 0;
	m->run.made_ms = clock_wall_ms();
	m->run.number = m->n_runs > 0 ? m->runs[m->n_runs - 1].number + 1 : 1;
	if (m->parent) {
		rc = backup_load(m->conf->dir, m->runs, m->n_runs, m->parent, m->a,
		                 m->err);
		if (rc)
			return rc;
		m->run.parent = m->parent->number;
		m->run.parent_sum = m->parent->sum;
	}
	m->folder = xasprintf("%s/%06u.part", m->conf->dir, m->run.number);
	rc = clear_folder(m->folder, m->err);
	if (!rc)
		rc = make_folder(m->folder, m->err);
	if (!rc)
		rc = back_up_all(m, people, n);
	m->report.run = m->run.number;
	m->report.full = m->run.full;
	free(m->folder);
	return rc;
}

enum rc
backup_make(struct backup_source *source, const struct backup_make_conf *conf,
            struct backup_report *ret, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct err why = { "" };
	struct make m = { .conf = conf, .source = source, .a = a, .err = &why };
	char *blobs = xasprintf("%s/blobs", conf->dir);
	int lock = -1;
	enum rc rc = make_folder(conf->dir, &why);

	if (!rc)
		rc = lock_folder(conf->dir, &lock, &why);
	if (!rc)
		rc = make_folder(blobs, &why);
	if (!rc)
		rc = make(&m);
	if (lock >= 0)
		close(lock);
	free(blobs);
	if (rc)
		return err_set(err, rc, "%s", *why.text ? why.text : rc_str(rc));
	*ret = m.report;
	return RC_OK;
}
