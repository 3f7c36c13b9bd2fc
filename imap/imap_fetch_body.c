/* SPDX-License-Identifier: ISC
 *
 * imap_fetch_body.c - sections of a message (RFC 9051 6.4.5.1) and BINARY (RFC 3516).
 *
 * A section is mostly a range of the message's bytes, known from the structure that the
 * store keeps: it is read from there piece by piece as the client takes it.
 */
#include "format/mime_text.h"
#include "imap/imap_fetch.h"
#include "imap/imap_write.h"

/* Bytes at..at+n of the content. */
struct range {
	uint64_t at;
	uint64_t n;
};

enum rc
imap_fetch_structure(struct store_tx *tx, const struct store_item *item, struct arena *a,
                     struct mime_part **ret)
{
	struct span meta;

	enum rc rc = store_content_meta(tx, item->content, a, &meta);
	if (rc == RC_OK && mime_meta_read(meta, a, ret) == RC_OK)
		return RC_OK;
	if (rc)
		return rc;
	/* No record, or of a version that we do not read: from the bytes. */
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	rc = store_content_read(tx, item->content, 0, item->size, &raw);
	if (rc)
		return rc;
	*ret = mime_parse(arena_span(a, buf_span(&raw)), &(struct mime_limits){ 0 }, a);
	return RC_OK;
}

static enum rc
structure(struct store_tx *tx, struct fetch *f)
{
	if (f->root)
		return RC_OK;
	return imap_fetch_structure(tx, &f->items[f->at_item].item, f->scratch, &f->root);
}

/* The message in a message/rfc822 part, or NULL. */
static const struct mime_part *
inner_message(const struct mime_part *p)
{
	return span_is(p->type, "message") ? p->first : NULL;
}

/* RC_NOT_FOUND: the message has no such section. FIELDS are in the HEADER's range. */
static enum rc
find_range(struct store_tx *tx, struct fetch *f, const struct fetch_att *att,
           struct range *ret)
{
	uint64_t size = f->items[f->at_item].item.size;

	if (att->number.n == 0 && att->text == FETCH_TEXT_ALL) {
		*ret = (struct range){ 0, size };
		return RC_OK;
	}
	enum rc rc = structure(tx, f);
	if (rc)
		return rc;
	const struct mime_part *p = f->root;
	if (att->number.n > 0)
		p = mime_part_find(f->root, att->number);
	if (!p)
		return RC_NOT_FOUND;
	if (att->number.n > 0 && att->text == FETCH_TEXT_ALL) {
		*ret = (struct range){ p->body_at, p->body_len };
		return RC_OK;
	}
	if (att->text == FETCH_TEXT_MIME) {
		*ret = (struct range){ p->header_at, p->header_len };
		return RC_OK;
	}
	if (att->number.n > 0)
		p = inner_message(p);
	if (!p)
		return RC_NOT_FOUND;
	*ret = (struct range){ p->header_at, p->header_len };
	if (att->text == FETCH_TEXT_TEXT)
		*ret = (struct range){ p->body_at,
			               att->number.n ? p->body_len : size - p->body_at };
	return RC_OK;
}

/* The part of n bytes that <from.count> names. */
static struct range
clamp(const struct fetch_att *att, struct range all)
{
	if (!att->partial)
		return all;
	uint64_t from = att->from < all.n ? att->from : all.n;
	uint64_t left = all.n - from;

	return (struct range){ all.at + from, att->count < left ? att->count : left };
}

struct field_filter {
	const struct fetch_att *att;
	struct buf *out;
};

static bool
filter_field(struct span name, struct span value UNUSED, struct span whole, void *arg)
{
	struct field_filter *ff = arg;
	bool named = false;

	for (size_t i = 0; i < ff->att->n_fields && !named; i++)
		named = span_ieq(name, ff->att->fields[i]);
	if (named == (ff->att->text == FETCH_TEXT_FIELDS))
		buf_add_span(ff->out, whole);
	return true;
}

static enum rc
write_fields(struct imap_run *r, struct store_tx *tx, struct fetch *f,
             const struct fetch_att *att, struct range header)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf fields = BUF_INIT(0);
	struct field_filter ff = { att, &fields };

	enum rc rc = store_content_read(tx, f->items[f->at_item].item.content, header.at,
	                                header.n, &raw);
	if (rc)
		return rc;
	mime_header_each(buf_span(&raw), filter_field, &ff);
	/* The last line of a message that is a header alone may have no end. */
	if (fields.len > 0 && fields.p[fields.len - 1] != '\n')
		buf_add_str(&fields, "\r\n");
	buf_add_str(&fields, "\r\n");
	struct range part = clamp(att, (struct range){ 0, fields.len });
	buf_addf(&r->out, " {%zu}\r\n", (size_t)part.n);
	buf_add(&r->out, fields.p + part.at, (size_t)part.n);
	return RC_OK;
}

static bool
is_encoded(const struct mime_part *p)
{
	return span_is(p->encoding, "base64") ||
	       span_is(p->encoding, "quoted-printable") ||
	       span_is(p->encoding, "x-uuencode") || span_is(p->encoding, "uuencode") ||
	       span_is(p->encoding, "x-uue");
}

static bool
is_plain(const struct mime_part *p)
{
	return p->encoding.n == 0 || span_is(p->encoding, "7bit") ||
	       span_is(p->encoding, "8bit") || span_is(p->encoding, "binary");
}

static bool
is_composite(const struct mime_part *p)
{
	return span_is(p->type, "multipart") || inner_message(p) != NULL;
}

/* Decodes the part into f->decoded; false when it stands as it is. */
static enum rc
decode(struct store_tx *tx, struct fetch *f, const struct mime_part *p, bool *ret)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);

	*ret = false;
	if (is_composite(p) || is_plain(p))
		return RC_OK;
	if (!is_encoded(p))
		return RC_UNSUPPORTED;
	enum rc rc = store_content_read(tx, f->items[f->at_item].item.content, p->body_at,
	                                p->body_len, &raw);
	if (rc)
		return rc;
	buf_clear(&f->decoded);
	mime_decode_body(p, buf_span(&raw), &f->decoded);
	*ret = true;
	return RC_OK;
}

static void
leave_literal(struct imap_run *r, struct fetch *f, struct range part, bool from_decoded)
{
	/* RFC 3516 4.1: a literal8 where NULs may be; others are as good. */
	if (from_decoded &&
	    memchr(f->decoded.p ? f->decoded.p : "", '\0', f->decoded.len))
		buf_add_str(&r->out, " ~");
	else
		buf_add_char(&r->out, ' ');
	buf_addf(&r->out, "{%llu}\r\n", (unsigned long long)part.n);
	f->left_at = part.at;
	f->left = part.n;
	f->from_decoded = from_decoded;
}

static enum rc
write_binary(struct imap_run *r, struct store_tx *tx, struct fetch *f,
             const struct fetch_att *att, struct range all)
{
	bool decoded = false;

	if (att->number.n > 0) {
		enum rc rc =
			decode(tx, f, mime_part_find(f->root, att->number), &decoded);
		if (rc == RC_UNSUPPORTED) {
			/* RFC 3516 4.3: the tagged answer says so. */
			f->bad_encoding = true;
			buf_add_str(&r->out, att->kind == FETCH_BINARY ? " NIL" : " 0");
			return RC_OK;
		}
		if (rc)
			return rc;
	}
	if (decoded)
		all = (struct range){ 0, f->decoded.len };
	if (att->kind == FETCH_BINARY)
		leave_literal(r, f, clamp(att, all), decoded);
	else
		buf_addf(&r->out, " %llu", (unsigned long long)all.n);
	return RC_OK;
}

enum rc
imap_fetch_write_section(struct imap_run *r, struct store_tx *tx, struct fetch *f,
                         const struct fetch_att *att)
{
	struct range all;

	buf_add_str(&r->out, att->label);
	enum rc rc = find_range(tx, f, att, &all);
	if (rc == RC_NOT_FOUND) {
		buf_add_str(&r->out, att->kind == FETCH_BINARY_SIZE ? " 0" : " NIL");
		return RC_OK;
	}
	if (rc)
		return rc;
	if (att->kind != FETCH_SECTION)
		return write_binary(r, tx, f, att, all);
	if (att->text == FETCH_TEXT_FIELDS || att->text == FETCH_TEXT_FIELDS_NOT)
		return write_fields(r, tx, f, att, all);
	leave_literal(r, f, clamp(att, all), false);
	return RC_OK;
}
