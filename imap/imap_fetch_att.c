/* SPDX-License-Identifier: ISC
 *
 * imap_fetch_att.c - reads the items of FETCH (RFC 9051 6.4.5, RFC 3516, RFC 7162).
 */
#include "imap/imap_fetch.h"
#include "imap/imap_write.h"

#define ATTS_MAX 200
#define FIELDS_MAX 500

static struct fetch_att *
add_att(struct imap_run *r, struct fetch *f, enum fetch_kind kind, const char *label)
{
	struct fetch_att *att = arena_new_of(r->arena, struct fetch_att);

	att->kind = kind;
	att->label = label;
	*f->last = att;
	f->last = &att->next;
	f->has_uid |= kind == FETCH_UID;
	f->has_flags |= kind == FETCH_FLAGS;
	f->has_modseq |= kind == FETCH_MODSEQ;
	return att;
}

/* "1.2.3" with what follows still to be read; *ret_dot: a dot stood behind it. */
static bool
read_number(struct imap_read *rd, struct span *ret, bool *ret_dot)
{
	size_t from = rd->at, end = from;

	*ret_dot = false;
	while (imap_read_peek(rd) >= '1' && imap_read_peek(rd) <= '9') {
		uint32_t v;
		if (!imap_read_u32(rd, &v))
			return false;
		end = rd->at;
		*ret_dot = imap_read_if(rd, '.');
		if (!*ret_dot)
			break;
	}
	*ret = span_sub(rd->in, from, end);
	return true;
}

static bool
read_fields(struct imap_run *r, struct fetch_att *att)
{
	struct imap_read *rd = &r->rd;

	if (!imap_read_sp(rd) || !imap_read_char(rd, '('))
		return false;
	att->fields = arena_array(r->arena, FIELDS_MAX, struct span);
	do {
		if (att->n_fields == FIELDS_MAX)
			return imap_read_fail(rd, "Too many header fields");
		if (!imap_read_astring(rd, &att->fields[att->n_fields++]))
			return false;
	} while (imap_read_if(rd, ' '));
	return imap_read_char(rd, ')');
}

/* What stands between "[" and "]" (RFC 9051 9, section-spec). */
static bool
read_section(struct imap_run *r, struct fetch_att *att)
{
	struct imap_read *rd = &r->rd;
	bool dot;

	if (!imap_read_char(rd, '[') || !read_number(rd, &att->number, &dot))
		return false;
	if (imap_read_if(rd, ']'))
		return !dot || imap_read_fail(rd, "Invalid section");
	if ((att->number.n > 0 && !dot) || att->kind != FETCH_SECTION)
		return imap_read_fail(rd, "Invalid section");
	if (imap_read_if_word(rd, "HEADER.FIELDS.NOT"))
		att->text = FETCH_TEXT_FIELDS_NOT;
	else if (imap_read_if_word(rd, "HEADER.FIELDS"))
		att->text = FETCH_TEXT_FIELDS;
	else if (imap_read_if_word(rd, "HEADER"))
		att->text = FETCH_TEXT_HEADER;
	else if (imap_read_if_word(rd, "TEXT"))
		att->text = FETCH_TEXT_TEXT;
	else if (att->number.n > 0 && imap_read_if_word(rd, "MIME"))
		att->text = FETCH_TEXT_MIME;
	else
		return imap_read_fail(rd, "Invalid section");
	bool fields =
		att->text == FETCH_TEXT_FIELDS || att->text == FETCH_TEXT_FIELDS_NOT;
	if (fields && !read_fields(r, att))
		return false;
	return imap_read_char(rd, ']');
}

/* "<0.1024>" */
static bool
read_partial(struct imap_run *r, struct fetch_att *att)
{
	struct imap_read *rd = &r->rd;

	if (!imap_read_if(rd, '<'))
		return true;
	att->partial = true;
	if (!imap_read_u64(rd, &att->from) || !imap_read_char(rd, '.') ||
	    !imap_read_u64(rd, &att->count) || !imap_read_char(rd, '>'))
		return false;
	return att->count > 0 || imap_read_fail(rd, "Number above zero expected");
}

/* "BODY[1.HEADER.FIELDS (From To)]<0>" */
static void
make_label(struct imap_run *r, struct fetch_att *att, const char *name)
{
	static const char *const texts[] = {
		"", "HEADER", "HEADER.FIELDS (", "HEADER.FIELDS.NOT (", "TEXT", "MIME"
	};
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "%s[%.*s%s%s", name, SPAN_FMT(att->number),
	         att->number.n > 0 && att->text != FETCH_TEXT_ALL ? "." : "",
	         texts[att->text]);
	for (size_t i = 0; i < att->n_fields; i++) {
		if (i > 0)
			buf_add_char(&b, ' ');
		/* As an atom where it may be one: some clients compare the text. */
		struct imap_read rd;
		struct span atom;
		imap_read_init(&rd, att->fields[i], NULL, false);
		if (imap_read_atom(&rd, &atom) && atom.n == att->fields[i].n)
			buf_add_span(&b, atom);
		else
			imap_write_string(&b, att->fields[i], false);
	}
	buf_add_str(&b, att->n_fields ? ")]" : "]");
	if (att->partial && att->kind != FETCH_BINARY_SIZE)
		buf_addf(&b, "<%llu>", (unsigned long long)att->from);
	att->label = arena_strndup(r->arena, buf_span(&b));
}

static bool
read_section_att(struct imap_run *r, struct fetch *f, enum fetch_kind kind, bool peek,
                 const char *name)
{
	struct fetch_att *att = add_att(r, f, kind, name);

	att->peek = peek;
	if (!read_section(r, att) || (kind != FETCH_BINARY_SIZE && !read_partial(r, att)))
		return false;
	f->marks_seen |= !peek;
	make_label(r, att, name);
	return true;
}

/* RFC822, RFC822.HEADER, RFC822.TEXT (RFC 3501 6.4.5) */
static void
add_rfc822(struct imap_run *r, struct fetch *f, enum fetch_text text, const char *label)
{
	struct fetch_att *att = add_att(r, f, FETCH_SECTION, label);

	att->text = text;
	att->peek = text == FETCH_TEXT_HEADER;
	f->marks_seen |= !att->peek;
}

static bool
read_att(struct imap_run *r, struct fetch *f)
{
	static const struct {
		const char *name;
		enum fetch_kind kind;
	} plain[] = {
		{ "UID", FETCH_UID },
		{ "FLAGS", FETCH_FLAGS },
		{ "INTERNALDATE", FETCH_INTERNALDATE },
		{ "RFC822.SIZE", FETCH_SIZE },
		{ "ENVELOPE", FETCH_ENVELOPE },
		{ "BODYSTRUCTURE", FETCH_BODYSTRUCTURE },
	};
	struct span word;

	if (!imap_read_word(&r->rd, &word))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!span_iis(word, plain[i].name))
			continue;
		/* UID FETCH has put UID in already; twice it would stand in the answer.
		 */
		if (plain[i].kind != FETCH_UID || !f->has_uid)
			add_att(r, f, plain[i].kind, plain[i].name);
		return true;
	}
	bool section = imap_read_peek(&r->rd) == '[';
	if (span_iis(word, "BODY") && !section)
		add_att(r, f, FETCH_BODY, "BODY");
	else if (span_iis(word, "BODY"))
		return read_section_att(r, f, FETCH_SECTION, false, "BODY");
	else if (span_iis(word, "BODY.PEEK"))
		return read_section_att(r, f, FETCH_SECTION, true, "BODY");
	else if (span_iis(word, "BINARY"))
		return read_section_att(r, f, FETCH_BINARY, false, "BINARY");
	else if (span_iis(word, "BINARY.PEEK"))
		return read_section_att(r, f, FETCH_BINARY, true, "BINARY");
	else if (span_iis(word, "BINARY.SIZE"))
		return read_section_att(r, f, FETCH_BINARY_SIZE, true, "BINARY.SIZE");
	else if (span_iis(word, "RFC822"))
		add_rfc822(r, f, FETCH_TEXT_ALL, "RFC822");
	else if (span_iis(word, "RFC822.HEADER"))
		add_rfc822(r, f, FETCH_TEXT_HEADER, "RFC822.HEADER");
	else if (span_iis(word, "RFC822.TEXT"))
		add_rfc822(r, f, FETCH_TEXT_TEXT, "RFC822.TEXT");
	else if (span_iis(word, "MODSEQ"))
		add_att(r, f, FETCH_MODSEQ, "MODSEQ");
	else
		return imap_read_fail(&r->rd, "Unknown item of FETCH");
	return true;
}

static bool
read_macro(struct imap_run *r, struct fetch *f)
{
	bool all = imap_read_if_word(&r->rd, "ALL");
	bool full = !all && imap_read_if_word(&r->rd, "FULL");

	if (!all && !full && !imap_read_if_word(&r->rd, "FAST"))
		return false;
	add_att(r, f, FETCH_FLAGS, "FLAGS");
	add_att(r, f, FETCH_INTERNALDATE, "INTERNALDATE");
	add_att(r, f, FETCH_SIZE, "RFC822.SIZE");
	if (all || full)
		add_att(r, f, FETCH_ENVELOPE, "ENVELOPE");
	if (full)
		add_att(r, f, FETCH_BODY, "BODY");
	return true;
}

bool
imap_fetch_read_atts(struct imap_run *r, struct fetch *f)
{
	f->last = &f->atts;
	if (r->by_uid)
		add_att(r, f, FETCH_UID, "UID");
	if (read_macro(r, f))
		return true;
	if (!imap_read_if(&r->rd, '('))
		return read_att(r, f);
	unsigned n = 0;
	do {
		if (++n > ATTS_MAX)
			return imap_read_fail(&r->rd, "Too many items");
		if (!read_att(r, f))
			return false;
	} while (imap_read_if(&r->rd, ' '));
	return imap_read_char(&r->rd, ')');
}
