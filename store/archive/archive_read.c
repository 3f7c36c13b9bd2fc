/* SPDX-License-Identifier: ISC
 *
 * archive_read.c - a strict reader of archives: what is not as it must be is refused.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/archive_private.h"

#define LINES_MAX (TABLE_COLUMNS_MAX + 1)

enum state { AT_START, AT_SECTION, IN_ROWS, IN_BLOB, AT_END };

struct archive_reader {
	struct codec *codec;
	archive_read_fn *fn;
	void *arg;
	enum state state;
	enum rc failed;
	struct archive_view view;
	struct buf head; /* the text that view.head shows */
	struct buf raw;  /* of the frame */
	struct buf stored;
	struct span rest; /* of raw, not given out yet */
	struct buf last;  /* the key columns of the row before, encoded */
	struct sha256_sum *sum;
	struct sha256_sum *all;
	uint64_t count;
	uint64_t sections;
};

struct archive_reader *
archive_reader_new(struct codec *codec, archive_read_fn *fn, void *arg)
{
	struct archive_reader *r = xcalloc(1, sizeof(*r));

	r->codec = codec;
	r->fn = fn;
	r->arg = arg;
	r->sum = sha256_sum_new();
	r->all = sha256_sum_new();
	return r;
}

void
archive_reader_free(struct archive_reader *r)
{
	if (!r)
		return;
	sha256_sum_free(r->sum);
	sha256_sum_free(r->all);
	buf_done(&r->head);
	buf_done(&r->raw);
	buf_done(&r->stored);
	buf_done(&r->last);
	free(r);
}

const struct archive_view *
archive_view(const struct archive_reader *r)
{
	return &r->view;
}

/* -- bytes -- */

static enum rc
bad(struct archive_reader *r, struct err *err, const char *what)
{
	return err_set(err, RC_INVALID, "damaged at byte %" PRIu64 ": %s", r->view.at,
	               what);
}

static enum rc
read_exactly(struct archive_reader *r, struct buf *out, size_t n, struct err *err)
{
	buf_clear(out);
	/* In pieces: a length that lies takes no more memory than there are bytes. */
	while (buf_len(out) < n) {
		size_t want =
			n - buf_len(out) < FRAME_FULL ? n - buf_len(out) : FRAME_FULL;
		char *p = buf_reserve(out, want);
		size_t got = 0;
		enum rc rc = r->fn(p, want, &got, r->arg);

		if (rc)
			return err_set(err, rc, "cannot be read: %s", rc_str(rc));
		if (got == 0)
			return bad(r, err, "it ends here, in the middle");
		buf_commit(out, got);
		r->view.at += got;
	}
	return RC_OK;
}

static uint32_t
get_u32(const char *p)
{
	uint32_t le;

	memcpy(&le, p, sizeof(le));
	return le32toh(le);
}

enum rc
archive_get_u64(struct span *rest, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < rest->n && i < 10; i++) {
		uint64_t byte = (unsigned char)rest->p[i];

		if (i == 9 && byte > 1)
			break;
		v |= (byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if (byte == 0 && i > 0)
			break;
		*rest = span_sub(*rest, i + 1, rest->n);
		*ret = v;
		return RC_OK;
	}
	return RC_INVALID;
}

/* Into raw and rest. */
static enum rc
read_frame(struct archive_reader *r, char *ret_type, struct err *err)
{
	AUTO_DONE(buf) struct buf head = BUF_INIT(0);
	uint32_t raw_n;
	uint32_t stored_n;
	char flags;
	enum rc rc = read_exactly(r, &head, FRAME_HEAD, err);

	if (rc)
		return rc;
	*ret_type = head.p[0];
	flags = head.p[1];
	raw_n = get_u32(head.p + 2);
	stored_n = get_u32(head.p + 6);
	if (flags != 0 && flags != FRAME_PACKED)
		return bad(r, err, "a frame with unknown flags");
	if (raw_n > FRAME_MAX || (flags == 0 ? stored_n != raw_n : stored_n >= raw_n))
		return bad(r, err, "the length of a frame");
	rc = read_exactly(r, flags ? &r->stored : &r->raw, stored_n, err);
	if (rc)
		return rc;
	if (flags) {
		buf_clear(&r->raw);
		if (codec_unpack(r->codec, buf_span(&r->stored), raw_n, &r->raw) != RC_OK)
			return bad(r, err, "a frame that cannot be unpacked");
	}
	r->rest = buf_span(&r->raw);
	return RC_OK;
}

static bool
take_sum(struct span text, struct archive_sum *ret)
{
	if (archive_get_u64(&text, &ret->count) != RC_OK || text.n != sizeof(ret->hash.b))
		return false;
	memcpy(ret->hash.b, text.p, text.n);
	return true;
}

/* -- heads -- */

/* "name value\n" */
static bool
take_line(struct span *rest, const char *name, struct span *ret)
{
	size_t n = strlen(name);
	struct span line;

	if (span_find(*rest, 0, '\n') == rest->n || !span_cut(rest, '\n', &line) ||
	    !span_starts(line, name) || line.n <= n || line.p[n] != ' ')
		return false;
	*ret = span_sub(line, n + 1, line.n);
	return true;
}

static bool
take_number(struct span *rest, const char *name, uint64_t max, uint64_t *ret)
{
	struct span s;

	return take_line(rest, name, &s) && parse_u64(s, max, ret) == RC_OK;
}

static bool
take_kind(struct span *rest, enum archive_kind *ret)
{
	struct span s;

	if (!take_line(rest, "kind", &s))
		return false;
	for (enum archive_kind k = ARCHIVE_USER; k <= ARCHIVE_BLOB; k++) {
		if (span_is(s, archive_kind_str(k))) {
			*ret = k;
			return true;
		}
	}
	return false;
}

static bool
parse_head(struct span text, struct archive_head *ret)
{
	struct archive_head h = { .address = SPAN("") };
	uint64_t format;
	uint64_t increment;
	struct span s;

	if (!utf8_is_valid(text) ||
	    !take_number(&text, "format", ARCHIVE_FORMAT, &format) ||
	    !take_kind(&text, &h.kind) ||
	    !take_number(&text, "increment", 1, &increment) ||
	    !take_line(&text, "store", &s) || parse_hex64(s, &h.store) != RC_OK ||
	    !take_line(&text, "made_ms", &s) || parse_i64(s, &h.made_ms) != RC_OK)
		return false;
	h.increment = increment == 1;
	if (h.kind == ARCHIVE_USER &&
	    (!take_number(&text, "user", INT64_MAX, &h.user) ||
	     !take_line(&text, "address", &h.address) ||
	     !take_number(&text, "modseq", INT64_MAX, &h.modseq) ||
	     !take_number(&text, "content_next", INT64_MAX, &h.content_next) ||
	     !take_number(&text, "swept", INT64_MAX, &h.swept)))
		return false;
	*ret = h;
	return text.n == 0;
}

static enum rc
read_head(struct archive_reader *r, struct err *err)
{
	struct span format;
	struct span text;
	char type;
	enum rc rc = read_exactly(r, &r->head, strlen(ARCHIVE_MAGIC), err);

	if (!rc && !span_is(buf_span(&r->head), ARCHIVE_MAGIC))
		return err_set(err, RC_INVALID, "is no archive of godwit's");
	if (!rc)
		rc = read_frame(r, &type, err);
	if (rc)
		return rc;
	if (type != FRAME_OF_HEAD || r->rest.n > FRAME_TEXT_MAX)
		return bad(r, err, "no head");
	text = r->rest;
	if (take_line(&text, "format", &format) && !span_is(format, "1"))
		return err_set(err, RC_UNSUPPORTED,
		               "of format %.*s, which this version does not know",
		               SPAN_FMT(span_sub(format, 0, 20)));
	buf_clear(&r->head);
	buf_add_span(&r->head, r->rest);
	if (!parse_head(buf_span(&r->head), &r->view.head))
		return bad(r, err, "the head");
	sha256_sum_add(r->all, r->rest);
	r->state = AT_SECTION;
	return RC_OK;
}

/* -- sections -- */

static bool
is_name(struct span s)
{
	if (s.n == 0 || s.n > ARCHIVE_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && s.p[i] != '_' &&
		    !(i > 0 && s.p[i] >= '0' && s.p[i] <= '9'))
			return false;
	}
	return true;
}

static bool
take_type(struct span s, enum engine_type *ret)
{
	for (enum engine_type t = ENGINE_INT; t < ENGINE_NULL; t++) {
		if (span_is(s, table_type_str(t))) {
			*ret = t;
			return true;
		}
	}
	return false;
}

/* "name TYPE [key]" */
static bool
parse_column(struct span line, struct archive_view *v)
{
	struct archive_column *c = &v->columns[v->n_columns];
	struct span name;
	struct span type;

	if (v->n_columns == TABLE_COLUMNS_MAX || !span_cut(&line, ' ', &name) ||
	    !is_name(name) || !span_cut(&line, ' ', &type) || !take_type(type, &c->type))
		return false;
	c->is_key = span_is(line, "key");
	if (line.n > 0 && !c->is_key)
		return false;
	memcpy(c->name, name.p, name.n);
	c->name[name.n] = '\0';
	for (size_t i = 0; i < v->n_columns; i++) {
		if (strcmp(v->columns[i].name, c->name) == 0)
			return false;
	}
	v->n_columns++;
	return true;
}

/* Of runs everything is a number, and the last key is what runs. */
static bool
check_runs(const struct archive_view *v)
{
	size_t keys = 0;

	for (size_t i = 0; i < v->n_columns; i++) {
		if (v->columns[i].type != ENGINE_INT)
			return false;
		keys += v->columns[i].is_key;
	}
	return keys > 0;
}

static bool
parse_table(struct archive_view *v, struct span name, struct span text)
{
	struct span line;

	if (!is_name(name))
		return false;
	memcpy(v->name, name.p, name.n);
	v->name[name.n] = '\0';
	v->n_columns = 0;
	while (span_cut(&text, '\n', &line)) {
		if (!parse_column(line, v))
			return false;
	}
	return v->n_columns > 0 && (v->part == ARCHIVE_PART_ROWS || check_runs(v));
}

static bool
parse_blob(struct archive_view *v, struct span hex, struct span text)
{
	AUTO_DONE(buf) struct buf hash = BUF_INIT(64);

	if (hex_decode(hex, &hash) != RC_OK || buf_len(&hash) != sizeof(v->blob.b) ||
	    !take_number(&text, "size", INT64_MAX, &v->blob_size) || text.n > 0)
		return false;
	memcpy(v->blob.b, hash.p, sizeof(v->blob.b));
	return true;
}

static bool
parse_section(struct archive_view *v, struct span text)
{
	struct span first;
	struct span part;

	if (text.n == 0 || text.n > FRAME_TEXT_MAX || text.p[text.n - 1] != '\n' ||
	    !span_cut(&text, '\n', &first) || !span_cut(&first, ' ', &part))
		return false;
	for (v->part = ARCHIVE_PART_ROWS; v->part <= ARCHIVE_PART_BLOB; v->part++) {
		if (!span_is(part, archive_part_str(v->part)))
			continue;
		if (v->part == ARCHIVE_PART_BLOB)
			return v->head.kind == ARCHIVE_BLOB && parse_blob(v, first, text);
		return v->head.kind != ARCHIVE_BLOB && parse_table(v, first, text);
	}
	return false;
}

static enum rc
end_archive(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	struct archive_sum found = { .count = r->sections };
	struct archive_sum said = { 0 };

	sha256_sum_end(r->all, &found.hash);
	if (!take_sum(r->rest, &said) || said.count != found.count ||
	    memcmp(said.hash.b, found.hash.b, sizeof(found.hash.b)) != 0)
		return bad(r, err, "the sum of the archive is wrong");
	r->view.sum = found;
	r->state = AT_END;
	*ret = ARCHIVE_EV_END;
	return RC_OK;
}

static enum rc
next_section(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	char type;
	enum rc rc = read_frame(r, &type, err);

	if (rc)
		return rc;
	if (type == FRAME_OF_END)
		return end_archive(r, ret, err);
	if (type != FRAME_OF_SECTION || !parse_section(&r->view, r->rest))
		return bad(r, err, "the beginning of a section");
	sha256_sum_add(r->sum, r->rest);
	r->count = 0;
	buf_clear(&r->last);
	r->rest = SPAN("");
	r->state = r->view.part == ARCHIVE_PART_BLOB ? IN_BLOB : IN_ROWS;
	*ret = ARCHIVE_EV_SECTION;
	return RC_OK;
}

static enum rc
end_section(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	struct archive_sum found = { .count = r->count };
	struct archive_sum said = { 0 };

	sha256_sum_end(r->sum, &found.hash);
	if (!take_sum(r->rest, &said) || said.count != found.count ||
	    memcmp(said.hash.b, found.hash.b, sizeof(found.hash.b)) != 0)
		return bad(r, err, "the sum of a section is wrong");
	if (r->state == IN_BLOB && found.count != r->view.blob_size)
		return bad(r, err, "a blob of another size");
	sha256_sum_add(r->all, r->rest);
	r->view.sum = found;
	r->sections++;
	r->rest = SPAN("");
	r->state = AT_SECTION;
	*ret = ARCHIVE_EV_SECTION_END;
	return RC_OK;
}

/* -- rows -- */

static bool
take_value(struct span *rest, enum engine_type type, struct engine_arg *ret)
{
	uint64_t n;

	*ret = (struct engine_arg){ .type = type };
	if (archive_get_u64(rest, &n) != RC_OK)
		return false;
	if (type == ENGINE_INT) {
		ret->i = unzigzag(n);
		return true;
	}
	if (n > rest->n)
		return false;
	ret->s = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	/* PostgreSQL takes no other text. */
	return type != ENGINE_TEXT ||
	       (utf8_is_valid(ret->s) && span_find(ret->s, 0, '\0') == ret->s.n);
}

static int
compare_value(const struct engine_arg *a, const struct engine_arg *b)
{
	if (a->type == ENGINE_INT)
		return a->i < b->i ? -1 : a->i > b->i;
	return span_cmp(a->s, b->s);
}

/* last holds the key columns of the row before; of a run its end. */
static bool
is_rising(struct archive_reader *r)
{
	struct archive_view *v = &r->view;
	struct span rest = buf_span(&r->last);
	int order = 0;
	size_t keys = 0;

	for (size_t i = 0; i < v->n_columns; i++) {
		struct engine_arg before;

		if (!v->columns[i].is_key)
			continue;
		keys++;
		if (r->count == 0 || order != 0)
			continue;
		if (!take_value(&rest, v->columns[i].type, &before))
			return false;
		order = compare_value(&before, &v->values[i]);
	}
	/* Without a key there is one row at most. */
	return r->count == 0 || (keys > 0 && order < 0);
}

static void
keep_key(struct archive_reader *r)
{
	struct archive_view *v = &r->view;
	size_t last = v->n_columns;

	for (size_t i = 0; i < v->n_columns; i++)
		last = v->columns[i].is_key ? i : last;
	buf_clear(&r->last);
	for (size_t i = 0; i < v->n_columns; i++) {
		const struct engine_arg *a = &v->values[i];

		if (!v->columns[i].is_key)
			continue;
		if (a->type == ENGINE_INT) {
			bool runs = v->part == ARCHIVE_PART_RUNS && i == last;

			archive_put_u64(&r->last, zigzag(runs ? v->run_to : a->i));
		} else {
			archive_put_u64(&r->last, a->s.n);
			buf_add_span(&r->last, a->s);
		}
	}
}

static const struct engine_arg *
last_key(const struct archive_view *v)
{
	const struct engine_arg *last = NULL;

	for (size_t i = 0; i < v->n_columns; i++) {
		if (v->columns[i].is_key)
			last = &v->values[i];
	}
	return last;
}

static enum rc
next_row(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	struct archive_view *v = &r->view;
	uint64_t to = 0;

	if (v->part == ARCHIVE_PART_RUNS) {
		if (archive_get_u64(&r->rest, &to) != RC_OK)
			return bad(r, err, "a run");
		v->run_to = unzigzag(to);
	}
	for (size_t i = 0; i < v->n_columns; i++) {
		if (!take_value(&r->rest, v->columns[i].type, &v->values[i]))
			return bad(r, err, "a row");
	}
	if (!is_rising(r) || (v->part == ARCHIVE_PART_RUNS && last_key(v)->i > v->run_to))
		return bad(r, err, "rows in a wrong order");
	keep_key(r);
	r->count++;
	*ret = v->part == ARCHIVE_PART_RUNS ? ARCHIVE_EV_RUN : ARCHIVE_EV_ROW;
	return RC_OK;
}

/* The next frame of rows, or the section's end. */
static enum rc
more_rows(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	char type;
	enum rc rc = read_frame(r, &type, err);

	if (rc)
		return rc;
	if (type == FRAME_OF_SECTION_END)
		return end_section(r, ret, err);
	if (type != FRAME_OF_ROWS || r->rest.n == 0)
		return bad(r, err, "no rows where rows must be");
	sha256_sum_add(r->sum, r->rest);
	return next_row(r, ret, err);
}

static enum rc
next_bytes(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	char type;
	enum rc rc = read_frame(r, &type, err);

	if (rc)
		return rc;
	if (type == FRAME_OF_SECTION_END)
		return end_section(r, ret, err);
	if (type != FRAME_OF_BYTES || r->rest.n == 0)
		return bad(r, err, "no bytes where a blob's must be");
	sha256_sum_add(r->sum, r->rest);
	r->count += r->rest.n;
	if (r->count > r->view.blob_size)
		return bad(r, err, "a blob that is too long");
	r->view.bytes = r->rest;
	*ret = ARCHIVE_EV_BYTES;
	return RC_OK;
}

static enum rc
next(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	switch (r->state) {
	case AT_START:
		*ret = ARCHIVE_EV_HEAD;
		return read_head(r, err);
	case AT_SECTION:
		return next_section(r, ret, err);
	case IN_ROWS:
		return r->rest.n > 0 ? next_row(r, ret, err) : more_rows(r, ret, err);
	case IN_BLOB:
		return next_bytes(r, ret, err);
	case AT_END:
		break;
	}
	return err_set(err, RC_INVALID, "the archive has ended");
}

enum rc
archive_next(struct archive_reader *r, enum archive_event *ret, struct err *err)
{
	enum archive_event ev = ARCHIVE_EV_END;
	enum rc rc = r->failed ? r->failed : next(r, &ev, err);

	r->failed = rc;
	if (!rc)
		*ret = ev;
	return rc;
}
