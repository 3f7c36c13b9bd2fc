/* SPDX-License-Identifier: ISC
 *
 * backup_manifest.c - what a backup holds, as a text.
 *
 *   godwit-backup 1
 *   kind increment             or full
 *   scope all                  or users
 *   store 00c0ffee00c0ffee
 *   made_ms 1763760314123
 *   parent 1 <sha256 of its manifest>      or 0 0
 *   directory <size> <sha256>              scope all
 *   queue <size> <sha256>
 *   user <number> <kind> <size> <sha256> <modseq> <content_next> <swept> <sha256>
 * <address> end <sha256 of all lines before>
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/backup_private.h"

const char *
backup_kind_str(enum backup_kind k)
{
	static const char *const names[] = {
#define X(name, text) [BACKUP_##name] = text,
		BACKUP_KIND_LIST(X)
#undef X
	};

	return names[k];
}

static void
put_hash(struct buf *out, const struct sha256 *h)
{
	hex_encode(span_of((const char *)h->b, sizeof(h->b)), out);
}

static void
put_file(struct buf *out, const char *name, const struct backup_file *f)
{
	buf_addf(out, "%s %" PRIu64 " ", name, f->size);
	put_hash(out, &f->sum);
	buf_add_char(out, '\n');
}

void
backup_manifest_write(const struct backup_run *r, struct buf *out)
{
	struct sha256 sum;

	buf_addf(out, "godwit-backup 1\nkind %s\nscope %s\nstore %016" PRIx64 "\n",
	         r->full ? "full" : "increment", r->all ? "all" : "users", r->store);
	buf_addf(out, "made_ms %" PRId64 "\nparent %u ", r->made_ms, r->parent);
	put_hash(out, &r->parent_sum);
	buf_add_char(out, '\n');
	if (r->all) {
		put_file(out, "directory", &r->directory);
		put_file(out, "queue", &r->queue);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct backup_entry *e = &r->entries[i];

		buf_addf(out, "user %" PRIu64 " %s %" PRIu64 " ", e->user,
		         backup_kind_str(e->kind), e->file.size);
		put_hash(out, &e->file.sum);
		buf_addf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " ", e->mark.modseq,
		         e->mark.content_next, e->mark.swept);
		put_hash(out, &e->small);
		buf_addf(out, " %.*s\n", SPAN_FMT(e->address));
	}
	sha256_of(buf_span(out), &sum);
	buf_add_str(out, "end ");
	put_hash(out, &sum);
	buf_add_char(out, '\n');
}

/* -- reading -- */

/* "name a b c": what is behind the name, cut into words. */
struct line {
	struct span rest;
	bool bad;
};

static bool
next_line(struct span *text, const char *name, struct line *ret)
{
	struct span copy = *text;
	struct span line;
	struct span first;

	if (span_find(copy, 0, '\n') == copy.n || !span_cut(&copy, '\n', &line) ||
	    !span_cut(&line, ' ', &first) || !span_is(first, name))
		return false;
	*ret = (struct line){ .rest = line };
	*text = copy;
	return true;
}

static struct span
take_word(struct line *l)
{
	struct span w = SPAN("");

	if (!span_cut(&l->rest, ' ', &w) || w.n == 0)
		l->bad = true;
	return w;
}

static uint64_t
take_u64(struct line *l, uint64_t max)
{
	uint64_t v = 0;

	if (parse_u64(take_word(l), max, &v) != RC_OK)
		l->bad = true;
	return l->bad ? 0 : v;
}

static void
take_hash(struct line *l, struct sha256 *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(sizeof(ret->b));

	if (hex_decode(take_word(l), &b) != RC_OK || buf_len(&b) != sizeof(ret->b)) {
		l->bad = true;
		return;
	}
	memcpy(ret->b, b.p, sizeof(ret->b));
}

static bool
take_choice(struct span *text, const char *name, const char *yes, const char *no,
            bool *ret)
{
	struct line l;

	if (!next_line(text, name, &l))
		return false;
	*ret = span_is(l.rest, yes);
	return *ret || span_is(l.rest, no);
}

static bool
take_file(struct span *text, const char *name, struct backup_file *ret)
{
	struct line l;

	if (!next_line(text, name, &l))
		return false;
	ret->size = take_u64(&l, INT64_MAX);
	take_hash(&l, &ret->sum);
	return !l.bad && l.rest.n == 0;
}

static bool
take_head(struct span *text, struct backup_run *r)
{
	struct line l;

	if (!next_line(text, "godwit-backup", &l) || !span_is(l.rest, "1") ||
	    !take_choice(text, "kind", "full", "increment", &r->full) ||
	    !take_choice(text, "scope", "all", "users", &r->all) ||
	    !next_line(text, "store", &l) || parse_hex64(l.rest, &r->store) != RC_OK ||
	    !next_line(text, "made_ms", &l) || parse_i64(l.rest, &r->made_ms) != RC_OK ||
	    !next_line(text, "parent", &l))
		return false;
	r->parent = (unsigned)take_u64(&l, INT32_MAX);
	take_hash(&l, &r->parent_sum);
	if (l.bad || l.rest.n > 0 || r->full != (r->parent == 0))
		return false;
	return !r->all || (take_file(text, "directory", &r->directory) &&
	                   take_file(text, "queue", &r->queue));
}

static bool
take_entry(struct line *l, struct backup_entry *e)
{
	struct span kind;

	e->user = take_u64(l, INT64_MAX);
	kind = take_word(l);
	for (e->kind = BACKUP_FULL; e->kind <= BACKUP_KEPT; e->kind++) {
		if (span_is(kind, backup_kind_str(e->kind)))
			break;
	}
	e->file.size = take_u64(l, INT64_MAX);
	take_hash(l, &e->file.sum);
	e->mark.modseq = take_u64(l, INT64_MAX);
	e->mark.content_next = take_u64(l, INT64_MAX);
	e->mark.swept = take_u64(l, INT64_MAX);
	take_hash(l, &e->small);
	e->address = l->rest;
	return !l->bad && e->kind <= BACKUP_KEPT && e->address.n > 0;
}

/* The sum at the end, of all before it. */
static bool
check_end(struct span text, struct span rest)
{
	struct sha256 said = { { 0 } };
	struct sha256 found;
	struct line l;
	struct span before = span_sub(text, 0, text.n - rest.n);

	if (!next_line(&rest, "end", &l))
		return false;
	take_hash(&l, &said);
	sha256_of(before, &found);
	return !l.bad && l.rest.n == 0 && rest.n == 0 &&
	       memcmp(said.b, found.b, sizeof(found.b)) == 0;
}

enum rc
backup_manifest_read(struct span text, struct arena *a, struct backup_run *ret)
{
	struct backup_run r = { .number = 0 };
	struct span rest = text;
	uint64_t last = 0;
	struct line l;
	size_t lines = 0;

	if (!utf8_is_valid(text) || !take_head(&rest, &r))
		return RC_INVALID;
	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	if (a)
		r.entries = arena_array(a, lines, struct backup_entry);
	r.bytes = r.directory.size + r.queue.size;
	while (next_line(&rest, "user", &l)) {
		struct backup_entry e;

		if (!take_entry(&l, &e) || (r.n > 0 && e.user <= last) ||
		    (r.full && e.kind != BACKUP_FULL))
			return RC_INVALID;
		if (a)
			r.entries[r.n] = e;
		last = e.user;
		r.bytes += e.file.size;
		r.n++;
	}
	if (!check_end(text, rest))
		return RC_INVALID;
	*ret = r;
	return RC_OK;
}

/* -- finding -- */

struct backup_run *
backup_run_find(struct backup_run *runs, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++) {
		if (runs[i].number == number)
			return &runs[i];
	}
	return NULL;
}

const struct backup_entry *
backup_entry_find(const struct backup_run *r, uint64_t user)
{
	size_t from = 0;
	size_t to = r->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (r->entries[mid].user == user)
			return &r->entries[mid];
		if (r->entries[mid].user < user)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

const struct backup_entry *
backup_entry_before(struct backup_run *runs, size_t n, const struct backup_run *r,
                    uint64_t user, const struct backup_run **ret_run)
{
	while (r) {
		const struct backup_entry *e = backup_entry_find(r, user);

		*ret_run = r;
		if (e)
			return e;
		/* One of all users without him: he was not there. */
		if (r->all || r->parent == 0)
			return NULL;
		r = backup_run_find(runs, n, r->parent);
	}
	return NULL;
}
