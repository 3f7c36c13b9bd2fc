/* SPDX-License-Identifier: ISC
 *
 * eas_draft.c - ApplicationData of a draft as a message: [MS-ASEMAIL] 3.2.5,
 * [MS-ASAIRS] 2.2.2.
 */
#include "activesync/eas_draft.h"

#include "activesync/eas_compose.h"
#include "activesync/eas_email.h"
#include "activesync/eas_id.h"

struct draft {
	struct eas_call *c;
	const struct wbxml_node *data;
	const struct eas_message *old; /* NULL: an Add */
	struct buf body;               /* UTF-8 */
	enum eas_body_type type;
};

bool
eas_draft_is_content(const struct wbxml_node *data)
{
	static const wbxml_tag tags[] = {
		WBXML_EMAIL_TO,         WBXML_EMAIL_CC,
		WBXML_EMAIL2_BCC,       WBXML_EMAIL_SUBJECT,
		WBXML_EMAIL_REPLYTO,    WBXML_EMAIL_IMPORTANCE,
		WBXML_AIRSYNCBASE_BODY, WBXML_AIRSYNCBASE_ATTACHMENTS,
	};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (wbxml_child(data, tags[i]))
			return true;
	}
	return false;
}

static enum rc
take_body(struct draft *d)
{
	const struct wbxml_node *body = wbxml_child(d->data, WBXML_AIRSYNCBASE_BODY);
	uint32_t type = EAS_BODY_PLAIN;
	enum rc rc;

	d->type = EAS_BODY_PLAIN;
	if (!body && d->old) {
		d->type = eas_body_native(d->old);
		return eas_body_text(d->old, d->type, SIZE_MAX / 8, &d->body);
	}
	if (!body)
		return RC_OK;
	rc = wbxml_child_u32(body, WBXML_AIRSYNCBASE_TYPE, 4, &type);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return RC_INVALID;
	if (type == EAS_BODY_RTF || type == 0 ||
	    wbxml_next(wbxml_child(body, WBXML_AIRSYNCBASE_TYPE), WBXML_AIRSYNCBASE_TYPE))
		return RC_INVALID;
	d->type = (enum eas_body_type)type;
	buf_add_span(&d->body, wbxml_child_text(body, WBXML_AIRSYNCBASE_DATA));
	return RC_OK;
}

static void
add_headers(struct draft *d, struct buf *out)
{
	const struct wbxml_node *data = d->data;
	struct arena *a = d->c->arena;
	struct span v = wbxml_child_text(data, WBXML_EMAIL_IMPORTANCE);
	AUTO_DONE(buf) struct buf from = BUF_INIT(2048);

	buf_addf(&from, "%.*s<%.*s>", 0, "", SPAN_FMT(d->c->user.address));
	if (d->c->user.name.n > 0) {
		buf_clear(&from);
		buf_add_char(&from, '"');
		for (size_t i = 0; i < d->c->user.name.n; i++) {
			if (d->c->user.name.p[i] != '"' && d->c->user.name.p[i] != '\\')
				buf_add_char(&from, d->c->user.name.p[i]);
		}
		buf_addf(&from, "\" <%.*s>", SPAN_FMT(d->c->user.address));
	}
	eas_compose_addresses(out, "From", buf_span(&from), a);
	eas_compose_addresses(out, "To", wbxml_child_text(data, WBXML_EMAIL_TO), a);
	eas_compose_addresses(out, "Cc", wbxml_child_text(data, WBXML_EMAIL_CC), a);
	eas_compose_addresses(out, "Bcc", wbxml_child_text(data, WBXML_EMAIL2_BCC), a);
	eas_compose_addresses(out, "Reply-To",
	                      wbxml_child_text(data, WBXML_EMAIL_REPLYTO), a);
	eas_compose_text(out, "Subject", wbxml_child_text(data, WBXML_EMAIL_SUBJECT));
	eas_compose_stamp(out, d->c->user.address);
	if (span_is(v, "2"))
		buf_add_str(out, "Importance: high\r\n");
	else if (span_is(v, "0"))
		buf_add_str(out, "Importance: low\r\n");
	buf_add_str(out, "MIME-Version: 1.0\r\n");
}

static bool
is_deleted(const struct wbxml_node *list, uint32_t part)
{
	const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNCBASE_DELETE);
	struct eas_id id;

	for (; n; n = wbxml_next(n, WBXML_AIRSYNCBASE_DELETE)) {
		struct span ref = wbxml_child_text(n, WBXML_AIRSYNCBASE_FILEREFERENCE);

		if (eas_id_parse(ref, 3, &id) == RC_OK && id.part == part)
			return true;
	}
	return false;
}

/* Parts of the old message that stay, byte for byte. */
static enum rc
add_kept(struct draft *d, const char *boundary, struct buf *out)
{
	const struct wbxml_node *list =
		wbxml_child(d->data, WBXML_AIRSYNCBASE_ATTACHMENTS);
	const struct eas_message *m = d->old;
	enum rc rc = RC_OK;

	for (uint32_t i = 0; m && rc == RC_OK; i++) {
		const struct mime_part *p = eas_email_part(m->root, i);
		bool is_attachment = false;

		if (!p)
			break;
		for (size_t k = 0; k < m->view.n_attachments; k++)
			is_attachment |= m->view.attachments[k] == p;
		if (!is_attachment || is_deleted(list, i) || p == m->root)
			continue;
		buf_addf(out, "--%s\r\n", boundary);
		rc = store_content_read(m->tx, m->item->content, p->header_at,
		                        p->body_at + p->body_len - p->header_at, out);
		buf_add_str(out, "\r\n");
	}
	return rc;
}

static void
add_new(struct draft *d, const char *boundary, struct buf *out)
{
	const struct wbxml_node *list =
		wbxml_child(d->data, WBXML_AIRSYNCBASE_ATTACHMENTS);
	const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNCBASE_ADD);

	for (; n; n = wbxml_next(n, WBXML_AIRSYNCBASE_ADD)) {
		struct eas_compose_file f = {
			.type = wbxml_child_text(n, WBXML_AIRSYNCBASE_CONTENTTYPE),
			.name = wbxml_child_text(n, WBXML_AIRSYNCBASE_DISPLAYNAME),
			.content_id = wbxml_child_text(n, WBXML_AIRSYNCBASE_CONTENTID),
			.bytes = wbxml_child_text(n, WBXML_AIRSYNCBASE_CONTENT),
		};

		f.is_inline =
			span_is(wbxml_child_text(n, WBXML_AIRSYNCBASE_ISINLINE), "1");
		buf_addf(out, "--%s\r\n", boundary);
		eas_compose_part_file(out, &f);
	}
}

static bool
has_files(const struct draft *d)
{
	const struct wbxml_node *list =
		wbxml_child(d->data, WBXML_AIRSYNCBASE_ATTACHMENTS);

	return wbxml_child(list, WBXML_AIRSYNCBASE_ADD) ||
	       (d->old && d->old->view.n_attachments > 0);
}

static enum rc
compose(struct draft *d, struct buf *out)
{
	const char *subtype, *boundary;
	enum rc rc = take_body(d);

	if (rc != RC_OK)
		return rc;
	if (d->type == EAS_BODY_MIME) { /* a whole message, as S/MIME clients send */
		if (buf_len(&d->body) == 0)
			return RC_INVALID;
		eas_compose_crlf(buf_span(&d->body), out);
		return RC_OK;
	}
	add_headers(d, out);
	subtype = d->type == EAS_BODY_HTML ? "html" : "plain";
	if (!has_files(d)) {
		eas_compose_part_text(out, subtype, buf_span(&d->body));
		return RC_OK;
	}
	boundary = eas_compose_boundary(d->c->arena);
	buf_addf(out, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n",
	         boundary, boundary);
	eas_compose_part_text(out, subtype, buf_span(&d->body));
	rc = add_kept(d, boundary, out);
	add_new(d, boundary, out);
	buf_addf(out, "--%s--\r\n", boundary);
	return rc;
}

enum rc
eas_draft_compose(struct eas_call *c, struct store_tx *tx, const struct store_item *old,
                  const struct wbxml_node *data, struct buf *out)
{
	struct draft d = { .c = c, .data = data };
	struct eas_message m;
	enum rc rc = RC_OK;

	if (old) {
		rc = eas_message_open(tx, old, c->arena, &m);
		d.old = &m;
	}
	if (rc == RC_OK)
		rc = compose(&d, out);
	buf_done(&d.body);
	if (rc == RC_OK && !buf_ok(out))
		rc = RC_TOO_BIG;
	return rc;
}
