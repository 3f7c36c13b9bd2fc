/* SPDX-License-Identifier: ISC
 *
 * control_backup.c - backups and restores of the running server, for godwitctl.
 *
 * The server may write nowhere but in its store, so it hands archives out and takes them
 * in over the socket; the files are godwitctl's. A command has the connection and a
 * worker for itself, and blocks at the pace of the client:
 *
 *   backup directory | queue | user NUMBER [MODSEQ CONTENT_NEXT SWEPT] | blob HASH SIZE
 *       answer: "OK" and an archive, or "ERR result: sentence"
 *   restore user NUMBER PASSWORD_VERSION DISABLED NAME PASSWORD TABLE=COUNT=HASH...
 * ADDRESS answer: "SAME": he has this mail already; or "GO": then archives of blobs and
 * the user's are sent, and the answer is "OK" or "ERR ..."
 *
 * An archive that breaks off is told by its missing end.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/control.h"
#include "store/archive/backup.h"
#include "store/archive/pump.h"
#include "store/archive/send.h"

#define STALL_MS 120000 /* a client that neither reads nor writes is given up */

struct channel {
	int fd;
	bool has_begun; /* "OK" is out */
};

/* -- the socket -- */

static bool
wait_for(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };
	int n;
	do
		n = poll(&p, 1, STALL_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static enum rc
write_all(int fd, struct span bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT))
				return RC_IO;
			continue;
		}
		if (n <= 0)
			return RC_IO;
		bytes = span_sub(bytes, (size_t)n, bytes.n);
	}
	return RC_OK;
}

static enum rc
write_archive(struct span bytes, void *arg)
{
	struct channel *c = arg;
	enum rc rc = c->has_begun ? RC_OK : write_all(c->fd, SPAN("OK\n"));
	c->has_begun = true;
	return rc != RC_OK ? rc : write_all(c->fd, bytes);
}

static enum rc
read_archive(char *p, size_t n, size_t *ret_n, void *arg)
{
	struct channel *c = arg;
	for (;;) {
		ssize_t got = read(c->fd, p, n);
		if (got >= 0) {
			*ret_n = (size_t)got;
			return RC_OK;
		}
		if (errno == EAGAIN && wait_for(c->fd, POLLIN))
			continue;
		if (errno != EINTR)
			return RC_IO;
	}
}

/* The result first, so that the client can tell them apart. */
static void
answer(struct channel *c, enum rc rc, const struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	if (rc == RC_OK)
		buf_add_str(&b, "OK\n");
	else
		buf_addf(&b, "ERR %s: %s\n", rc_str(rc), *err->text ? err->text : "");
	/* A client that is gone needs none. */
	if (write_all(c->fd, buf_span(&b)) != RC_OK)
		log_debug(NULL, "control.stream gone", "fd=%d", c->fd);
}

/* -- backups -- */

enum rc
control_backup_begin(struct control_request *r, const struct span *args UNUSED,
                     size_t n UNUSED)
{
	struct store *s = server_store(r->server);
	struct dump_person *people = NULL;
	size_t count = 0;
	enum rc rc = dump_people(s, r->arena, &people, &count);
	buf_addf(&r->out, "%016" PRIx64 "\n", send_store_id(s));
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		buf_addf(&r->out, "%" PRIu64 "\t%.*s\t%" PRId64 "\n", people[i].id,
		         SPAN_FMT(people[i].address), people[i].removed_ms);
	return rc;
}

static enum rc
back_up_user(struct control_request *r, struct channel *c)
{
	const struct span *w = r->words;
	struct dump_mark since;
	uint64_t user;
	if ((r->n_words != 3 && r->n_words != 6) ||
	    parse_u64(w[2], INT64_MAX, &user) != RC_OK)
		return RC_INVALID;
	if (r->n_words == 3)
		return send_user(server_store(r->server), user, NULL, write_archive, c);
	if (parse_u64(w[3], INT64_MAX, &since.modseq) != RC_OK ||
	    parse_u64(w[4], INT64_MAX, &since.content_next) != RC_OK ||
	    parse_u64(w[5], INT64_MAX, &since.swept) != RC_OK)
		return RC_INVALID;
	return send_user(server_store(r->server), user, &since, write_archive, c);
}

static bool
take_hash(struct span hex, struct sha256 *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(sizeof(ret->b));
	if (hex_decode(hex, &b) != RC_OK || buf_len(&b) != sizeof(ret->b))
		return false;
	memcpy(ret->b, b.p, sizeof(ret->b));
	return true;
}

static enum rc
back_up_blob(struct control_request *r, struct channel *c)
{
	struct sha256 hash;
	uint64_t size;
	if (r->n_words != 4 || !take_hash(r->words[2], &hash) ||
	    parse_u64(r->words[3], INT64_MAX, &size) != RC_OK)
		return RC_INVALID;
	return send_blob(server_store(r->server), &hash, size, write_archive, c);
}

static void
back_up(struct control_request *r, struct channel *c)
{
	struct store *s = server_store(r->server);
	struct span what = r->n_words > 1 ? r->words[1] : SPAN("");
	enum rc rc = RC_UNSUPPORTED;
	if (span_is(what, "directory"))
		rc = send_directory(s, write_archive, c);
	else if (span_is(what, "queue"))
		rc = send_queue(s, write_archive, c);
	else if (span_is(what, "user"))
		rc = back_up_user(r, c);
	else if (span_is(what, "blob"))
		rc = back_up_blob(r, c);
	if (rc != RC_OK && !c->has_begun)
		answer(c, rc, &r->err);
	if (rc != RC_OK)
		log_warn(NULL, "control.backup", "what=%s rc=%s", LOG_STR(what),
		         LOG_STR(span_str(rc_str(rc))));
	else
		log_debug(NULL, "control.backup", "what=%s arg=%s", LOG_STR(what),
		          LOG_STR(r->n_words > 2 ? r->words[2] : SPAN("-")));
}

/* -- restores -- */

/* "table=count=hash" */
static bool
take_sum(struct span word, struct digest *d)
{
	struct span name, count;
	const struct table *t;
	if (d->n == DIGEST_TABLES_MAX || !span_cut(&word, '=', &name) ||
	    !span_cut(&word, '=', &count))
		return false;
	t = table_find(ENGINE_SHARD, name);
	if (!t || parse_u64(count, UINT64_MAX, &d->tables[d->n].sum.count) != RC_OK ||
	    !take_hash(word, &d->tables[d->n].sum.hash))
		return false;
	d->tables[d->n++].table = t->name;
	return true;
}

static bool
take_person(struct control_request *r, struct restore_person *p, struct digest *mail)
{
	const struct span *w = r->words;
	uint64_t disabled;
	if (r->n_words < 8 || parse_u64(w[2], INT64_MAX, &p->id) != RC_OK ||
	    parse_u64(w[3], INT64_MAX, &p->password_version) != RC_OK ||
	    parse_u64(w[4], 1, &disabled) != RC_OK)
		return false;
	p->disabled = disabled == 1;
	p->name = w[5];
	p->password = w[6];
	p->address = w[r->n_words - 1];
	mail->n = 0;
	for (size_t i = 7; i + 1 < r->n_words; i++) {
		if (!take_sum(w[i], mail))
			return false;
	}
	return true;
}

/* Blobs, and then the user. */
static enum rc
take_archives(struct control_request *r, struct channel *c,
              struct backup_store_target *target)
{
	bool done = false;
	enum rc rc = RC_OK;
	while (rc == RC_OK && !done) {
		AUTO(codec)
		struct codec *codec = codec_new();
		AUTO(archive_reader)
		struct archive_reader *reader =
			archive_reader_new(codec, read_archive, c);
		struct rows_out *rows = NULL;
		enum archive_event ev;
		rc = archive_next(reader, &ev, &r->err);
		if (rc != RC_OK)
			break;
		if (archive_view(reader)->head.kind == ARCHIVE_BLOB) {
			rc = send_take_blob(target->s, reader, &r->err);
			continue;
		}
		done = true;
		if (archive_view(reader)->head.kind != ARCHIVE_USER)
			return err_set(&r->err, RC_INVALID, "is no user's archive");
		rc = target->base.ops->rows(&target->base, &rows, &r->err);
		if (rc == RC_OK)
			rc = pump_rows(reader, rows, &r->err);
		if (rc == RC_OK)
			rc = target->base.ops->end(&target->base, &r->err);
	}
	return rc;
}

static enum rc
restore(struct control_request *r, struct channel *c, struct backup_store_target *target)
{
	struct restore_person person;
	struct digest mail;
	bool same = false;
	enum rc rc;
	if (r->n_words < 2 || !span_is(r->words[1], "user") ||
	    !take_person(r, &person, &mail))
		return err_set(&r->err, RC_INVALID, "restore user ...");
	rc = target->base.ops->begin(&target->base, &person, &mail, &same, &r->err);
	if (rc == RC_OK && !same)
		rc = write_all(c->fd, SPAN("GO\n"));
	if (rc == RC_OK && !same)
		rc = take_archives(r, c, target);
	if (rc == RC_OK)
		log_info(NULL, "control.restore", "address=%s same=%d",
		         LOG_STR(person.address), same);
	else
		log_warn(NULL, "control.restore", "address=%s rc=%s why=%s",
		         LOG_STR(person.address), LOG_STR(span_str(rc_str(rc))),
		         LOG_STR(span_str(r->err.text)));
	if (rc == RC_OK && same)
		return write_all(c->fd, SPAN("SAME\n"));
	if (rc == RC_OK)
		answer(c, rc, &r->err);
	return rc;
}

static void
restore_and_answer(struct control_request *r, struct channel *c)
{
	struct backup_store_target target;
	backup_target_of_store(&target, server_store(r->server));
	enum rc rc = restore(r, c, &target);
	backup_target_done(&target);
	if (rc != RC_OK)
		answer(c, rc, &r->err);
}

bool
control_is_stream(const struct control_request *r)
{
	return r->n_words > 1 &&
	       (span_is(r->words[0], "restore") ||
	        (span_is(r->words[0], "backup") && !span_is(r->words[1], "begin")));
}

void
control_stream_run(struct control_request *r, int fd)
{
	struct channel c = { .fd = fd };
	if (span_is(r->words[0], "restore"))
		restore_and_answer(r, &c);
	else
		back_up(r, &c);
}
