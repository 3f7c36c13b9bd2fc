/* SPDX-License-Identifier: ISC
 *
 * imap_bodystructure.c - ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 7.5.2).
 */
#include "imap/imap_bodystructure.h"
#include "imap/imap_write.h"

/* The empty span of a header that is there is an empty string, except where none makes
 * sense. */
static struct span
or_nil(struct span s)
{
	return s.n > 0 ? s : span_of(NULL, 0);
}

static void
write_addresses(struct buf *out, const struct mime_address *list, bool utf8)
{
	if (!list) {
		buf_add_str(out, "NIL");
		return;
	}
	buf_add_char(out, '(');
	for (const struct mime_address *a = list; a; a = a->next) {
		buf_add_char(out, '(');
		imap_write_nstring(out, or_nil(a->name), utf8);
		buf_add_char(out, ' ');
		imap_write_nstring(out, or_nil(a->route), utf8);
		buf_add_char(out, ' ');
		/* A host of NIL is a group's start (with its name) or its end. */
		if (a->host.n == 0)
			imap_write_nstring(out, or_nil(a->mailbox), utf8);
		else
			imap_write_string(out, a->mailbox, utf8);
		buf_add_char(out, ' ');
		imap_write_nstring(out, or_nil(a->host), utf8);
		buf_add_char(out, ')');
	}
	buf_add_char(out, ')');
}

void
imap_envelope_write(struct buf *out, const struct mime_envelope *e, bool utf8)
{
	if (!e) {
		buf_add_str(out, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
		return;
	}
	buf_add_char(out, '(');
	imap_write_nstring(out, e->date, utf8);
	buf_add_char(out, ' ');
	imap_write_nstring(out, e->subject, utf8);
	/* RFC 9051 7.5.2: Sender and Reply-To that are absent or empty are as From. */
	const struct mime_address *const lists[] = {
		e->from,
		e->sender ? e->sender : e->from,
		e->reply_to ? e->reply_to : e->from,
		e->to,
		e->cc,
		e->bcc,
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		buf_add_char(out, ' ');
		write_addresses(out, lists[i], utf8);
	}
	buf_add_char(out, ' ');
	imap_write_nstring(out, e->in_reply_to, utf8);
	buf_add_char(out, ' ');
	imap_write_nstring(out, e->message_id, utf8);
	buf_add_char(out, ')');
}

static void
write_params(struct buf *out, const struct mime_param *p, bool utf8)
{
	if (!p) {
		buf_add_str(out, "NIL");
		return;
	}
	for (char c = '('; p; p = p->next, c = ' ') {
		buf_add_char(out, c);
		imap_write_string(out, p->name, utf8);
		buf_add_char(out, ' ');
		imap_write_string(out, p->value, utf8);
	}
	buf_add_char(out, ')');
}

static void
write_disposition(struct buf *out, const struct mime_part *p, bool utf8)
{
	if (p->disposition.n == 0) {
		buf_add_str(out, " NIL");
		return;
	}
	buf_add_str(out, " (");
	imap_write_string(out, p->disposition, utf8);
	buf_add_char(out, ' ');
	write_params(out, p->disposition_params, utf8);
	buf_add_char(out, ')');
}

/* "en, de" is a list of two (RFC 9051 9, body-fld-lang). */
static void
write_language(struct buf *out, struct span tags, bool utf8)
{
	struct span tag;
	char c = '(';

	buf_add_char(out, ' ');
	while (span_cut(&tags, ',', &tag)) {
		tag = span_trim(tag);
		if (tag.n == 0)
			continue;
		buf_add_char(out, c);
		imap_write_string(out, tag, utf8);
		c = ' ';
	}
	buf_add_str(out, c == '(' ? "NIL" : ")");
}

/* What follows the disposition is the same for all kinds. */
static void
write_extension(struct buf *out, const struct mime_part *p, bool utf8)
{
	write_disposition(out, p, utf8);
	write_language(out, p->language, utf8);
	buf_add_char(out, ' ');
	imap_write_nstring(out, or_nil(p->location), utf8);
}

/* The grammar wants a part in each multipart and in each message. */
static void
write_empty_part(struct buf *out, bool extended)
{
	buf_add_str(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0");
	buf_add_str(out, extended ? " NIL NIL NIL NIL)" : ")");
}

static void
write_multipart(struct buf *out, const struct mime_part *p, bool extended, bool utf8)
{
	buf_add_char(out, '(');
	for (const struct mime_part *c = p->first; c; c = c->next)
		imap_bodystructure_write(out, c, extended, utf8);
	if (!p->first)
		write_empty_part(out, extended);
	buf_add_char(out, ' ');
	imap_write_string(out, p->subtype, utf8);
	if (extended) {
		buf_add_char(out, ' ');
		write_params(out, p->params, utf8);
		write_extension(out, p, utf8);
	}
	buf_add_char(out, ')');
}

static bool
is_message(const struct mime_part *p)
{
	return mime_is(p, "message", "rfc822") || mime_is(p, "message", "global");
}

void
imap_bodystructure_write(struct buf *out, const struct mime_part *p, bool extended,
                         bool utf8)
{
	if (span_is(p->type, "multipart")) {
		write_multipart(out, p, extended, utf8);
		return;
	}
	buf_add_char(out, '(');
	imap_write_string(out, p->type, utf8);
	buf_add_char(out, ' ');
	imap_write_string(out, p->subtype, utf8);
	buf_add_char(out, ' ');
	write_params(out, p->params, utf8);
	buf_add_char(out, ' ');
	imap_write_nstring(out, or_nil(p->id), utf8);
	buf_add_char(out, ' ');
	imap_write_nstring(out, or_nil(p->description), utf8);
	buf_add_char(out, ' ');
	imap_write_string(out, p->encoding, utf8);
	buf_addf(out, " %llu", (unsigned long long)p->body_len);
	if (is_message(p)) {
		const struct mime_part *inner = p->first;
		buf_add_char(out, ' ');
		imap_envelope_write(out, inner ? inner->envelope : NULL, utf8);
		buf_add_char(out, ' ');
		if (inner)
			imap_bodystructure_write(out, inner, extended, utf8);
		else
			write_empty_part(out, extended);
		buf_addf(out, " %u", p->body_lines);
	} else if (span_is(p->type, "text")) {
		buf_addf(out, " %u", p->body_lines);
	}
	if (extended) {
		buf_add_char(out, ' ');
		imap_write_nstring(out, or_nil(p->md5), utf8);
		write_extension(out, p, utf8);
	}
	buf_add_char(out, ')');
}
