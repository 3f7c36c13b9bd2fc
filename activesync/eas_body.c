/* SPDX-License-Identifier: ISC
 *
 * eas_body.c - choosing, converting and cutting bodies: [MS-ASAIRS] 2.2.2.9, 2.2.2.12.
 */
#include "activesync/eas_body.h"

#include "format/utf8_clean.h"

#define HEADER_MAX (256 * 1024)
/* A message up to that is read at once: the store unpacks and checks as much anyway,
 * whatever part of it is asked for. */
#define WHOLE_MAX (256 * 1024)
#define SOURCE_SLACK (64 * 1024)

enum rc
eas_message_open(struct store_tx *tx, const struct store_item *item, struct arena *a,
                 struct eas_message *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(HEADER_MAX);
	struct eas_message m = { .tx = tx, .item = item };
	struct span meta;
	uint64_t n;
	enum rc rc;

	rc = store_content_meta(tx, item->content, a, &meta);
	if (rc == RC_OK)
		rc = mime_meta_read(meta, a, &m.root);
	if (rc != RC_OK)
		return rc;
	mime_view_make(m.root, a, &m.view);
	n = m.root->body_at < HEADER_MAX ? m.root->body_at : HEADER_MAX;
	if (item->size <= WHOLE_MAX)
		n = item->size;
	rc = store_content_read(tx, item->content, 0, n, &b);
	if (rc != RC_OK)
		return rc;
	m.header = arena_span(a, buf_span(&b));
	if (item->size <= WHOLE_MAX) {
		m.whole = m.header;
		m.header = span_sub(m.whole, 0, m.root->body_at);
	}
	*ret = m;
	return RC_OK;
}

/* n bytes from at: of what was read already, or into raw. */
static enum rc
read_part(const struct eas_message *m, uint64_t at, uint64_t n, struct buf *raw,
          struct span *ret)
{
	enum rc rc = RC_OK;

	if (m->whole.n > 0) {
		*ret = span_sub(m->whole, at, at + n);
		return RC_OK;
	}
	rc = store_content_read(m->tx, m->item->content, at, n, raw);
	*ret = buf_span(raw);
	return rc;
}

enum eas_body_type
eas_body_native(const struct eas_message *m)
{
	return m->view.html ? EAS_BODY_HTML : EAS_BODY_PLAIN;
}

/* Bytes of the part to read so that about want bytes of text come out. */
static uint64_t
source_bytes(const struct mime_part *p, uint64_t want)
{
	uint64_t n = want > UINT32_MAX ? p->body_len : want * 3 + SOURCE_SLACK;

	return n < p->body_len ? n : p->body_len;
}

static uint64_t
decoded_estimate(const struct mime_part *p)
{
	return span_is(p->encoding, "base64") ? p->body_len / 4 * 3 : p->body_len;
}

/*
 * The text of the body as type; at least want bytes of it when there are so many.
 * *ret_whole: out is all of it; otherwise *ret_estimate is a guess (2.2.2.23.2 calls it
 * informational).
 */
static enum rc
make_text(const struct eas_message *m, enum eas_body_type type, uint64_t want,
          struct buf *out, bool *ret_whole, uint64_t *ret_estimate)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	const struct mime_part *plain = m->view.plain, *html = m->view.html;
	const struct mime_part *from;
	struct span bytes;
	uint64_t n;
	enum rc rc;

	if (type == EAS_BODY_HTML)
		from = html ? html : plain;
	else
		from = plain ? plain : html;
	if (!from) {
		*ret_whole = true;
		*ret_estimate = 0;
		return RC_OK;
	}
	n = source_bytes(from, want);
	rc = read_part(m, from->body_at, n, &raw, &bytes);
	if (rc != RC_OK)
		return rc;
	mime_decode_text(from, bytes, &text);
	if (type == EAS_BODY_HTML && from == plain)
		text_to_html(buf_span(&text), out);
	else if (type == EAS_BODY_PLAIN && from == html)
		html_to_text(buf_span(&text), out);
	else
		buf_move(out, &text);
	if (!buf_ok(out))
		return RC_TOO_BIG;
	*ret_whole = n == from->body_len;
	*ret_estimate = *ret_whole ? buf_len(out) : decoded_estimate(from);
	return RC_OK;
}

enum rc
eas_body_text(const struct eas_message *m, enum eas_body_type type, size_t limit,
              struct buf *out)
{
	uint64_t estimate;
	bool whole;
	struct span cut;
	enum rc rc = make_text(m, type, limit, out, &whole, &estimate);

	if (rc == RC_OK && buf_len(out) > limit) {
		cut = utf8_prefix(buf_span(out), limit);
		buf_truncate(out, cut.n);
	}
	return rc;
}

/* MS-ASCMD 2.2.3.111 */
static uint32_t
mime_limit(uint8_t truncation)
{
	static const uint32_t sizes[] = {
		0, 4096, 5120, 7168, 10240, 20480, 51200, 102400
	};

	return truncation < ARRAY_LEN(sizes) ? sizes[truncation] : EAS_NO_TRUNCATION;
}

static const struct eas_body_pref *
find_pref(const struct eas_options *o, uint8_t type)
{
	for (size_t i = 0; i < o->n_prefs; i++) {
		if (o->prefs[i].type == type)
			return &o->prefs[i];
	}
	return NULL;
}

/* MIMESupport: 0 never, 1 for S/MIME only, 2 always (MS-ASCMD 2.2.3.110.3). A client that
 * asks for nothing but MIME gets it whatever it says there. */
static bool
wants_mime(const struct eas_message *m, const struct eas_options *o)
{
	if (o->n_prefs == 1 && o->prefs[0].type == EAS_BODY_MIME)
		return true;
	if (o->n_prefs > 0 && !find_pref(o, EAS_BODY_MIME))
		return false;
	return o->mime_support == 2 || (o->mime_support == 1 && m->view.is_signed);
}

static void
write_preview(const struct eas_message *m, unsigned chars, struct arena *a,
              struct eas_body *ret)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf flat = BUF_INIT(4096);
	uint64_t estimate;
	struct span s;
	bool whole;

	ret->preview = SPAN("");
	if (make_text(m, EAS_BODY_PLAIN, chars * UINT64_C(8), &text, &whole, &estimate) !=
	    RC_OK)
		return;
	s = span_trim(buf_span(&text));
	while (s.n > 0 && chars > 0) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n == 0)
			break;
		if (cp > ' ')
			buf_add(&flat, s.p, n);
		else if (buf_len(&flat) > 0 && flat.p[flat.len - 1] != ' ')
			buf_add_char(&flat, ' ');
		else
			chars++; /* runs of space count once */
		s = span_sub(s, n, s.n);
		chars--;
	}
	ret->preview = arena_span(a, span_trim(buf_span(&flat)));
}

static enum rc
make_mime(const struct eas_message *m, const struct eas_options *o, size_t limit,
          struct eas_body *ret)
{
	const struct eas_body_pref *pref = find_pref(o, EAS_BODY_MIME);
	uint64_t cut = mime_limit(o->mime_truncation);
	uint64_t n = m->item->size;
	enum rc rc;

	if (pref && pref->truncation < cut)
		cut = pref->truncation;
	ret->type = EAS_BODY_MIME;
	ret->estimated = n;
	if (cut > limit)
		cut = limit;
	if (n > cut) {
		ret->truncated = true;
		n = pref && pref->all_or_none ? 0 : cut;
	}
	ret->has_data = n > 0;
	rc = store_content_read(m->tx, m->item->content, 0, n, &ret->data);
	return rc;
}

static enum rc
try_text(const struct eas_message *m, const struct eas_body_pref *pref, size_t limit,
         struct eas_body *ret)
{
	uint64_t want = pref->truncation < limit ? pref->truncation : limit;
	bool whole;
	enum rc rc;

	ret->type = (enum eas_body_type)pref->type;
	rc = make_text(m, ret->type, want, &ret->data, &whole, &ret->estimated);
	if (rc != RC_OK)
		return rc;
	if (whole && buf_len(&ret->data) <= want) {
		ret->has_data = true;
		return RC_OK;
	}
	ret->truncated = true;
	if (ret->estimated <= want)
		ret->estimated = want + 1;
	if (pref->all_or_none) {
		buf_clear(&ret->data);
		return RC_OK;
	}
	if (buf_len(&ret->data) > want)
		buf_truncate(&ret->data, utf8_prefix(buf_span(&ret->data), want).n);
	ret->has_data = buf_len(&ret->data) > 0;
	return RC_OK;
}

/*
 * 2.2.2.3.2: the native type's preference first, then the others in the client's order;
 * one with AllOrNone that would have to be cut is passed over.
 */
static enum rc
make_preferred(const struct eas_message *m, const struct eas_options *o, size_t limit,
               struct eas_body *ret)
{
	static const struct eas_body_pref plain = { .type = EAS_BODY_PLAIN,
		                                    .truncation = 32768 };
	const struct eas_body_pref *order[EAS_BODY_PREFS_MAX + 1];
	const struct eas_body_pref *native = find_pref(o, (uint8_t)eas_body_native(m));
	size_t n = 0;
	enum rc rc;

	if (native)
		order[n++] = native;
	for (size_t i = 0; i < o->n_prefs; i++) {
		if (&o->prefs[i] != native && (o->prefs[i].type == EAS_BODY_PLAIN ||
		                               o->prefs[i].type == EAS_BODY_HTML))
			order[n++] = &o->prefs[i];
	}
	if (n == 0)
		order[n++] = &plain;
	for (size_t i = 0; i < n; i++) {
		buf_clear(&ret->data);
		ret->truncated = ret->has_data = false;
		rc = try_text(m, order[i], limit, ret);
		if (rc != RC_OK || !ret->truncated || !order[i]->all_or_none)
			return rc;
	}
	return RC_OK;
}

enum rc
eas_body_make(const struct eas_message *m, const struct eas_options *o, uint16_t version,
              size_t limit, struct arena *a, struct eas_body *ret)
{
	struct eas_body b = { .type = EAS_BODY_PLAIN };
	const struct eas_body_pref *pref;
	enum rc rc;

	if (eas_options_is_part_alone(o, version)) {
		*ret = (struct eas_body){ .left_out = true };
		return RC_OK;
	}
	rc = wants_mime(m, o) ? make_mime(m, o, limit, &b)
	                      : make_preferred(m, o, limit, &b);
	if (rc == RC_OK && !buf_ok(&b.data))
		rc = RC_TOO_BIG;
	if (rc != RC_OK) {
		buf_done(&b.data);
		return rc;
	}
	pref = find_pref(o, (uint8_t)b.type);
	if (pref && pref->preview > 0 && version >= 140)
		write_preview(m, pref->preview, a, &b);
	*ret = b;
	return RC_OK;
}

void
eas_body_done(struct eas_body *b)
{
	buf_done(&b->data);
}

void
eas_body_write(struct wbxml_writer *w, const struct eas_body *b, int part)
{
	if (b->left_out)
		return;
	wbxml_start(w, WBXML_AIRSYNCBASE_BODY);
	wbxml_u64(w, WBXML_AIRSYNCBASE_TYPE, b->type);
	wbxml_u64(w, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE, b->estimated);
	if (b->truncated)
		wbxml_u64(w, WBXML_AIRSYNCBASE_TRUNCATED, 1);
	if (part >= 0) {
		wbxml_u64(w, WBXML_ITEMOPERATIONS_PART, (uint64_t)part);
	} else if (b->has_data) {
		/* Octets that text cannot carry unchanged travel as OPAQUE. */
		if (b->type == EAS_BODY_MIME && !utf8_is_clean(buf_span(&b->data))) {
			wbxml_start(w, WBXML_AIRSYNCBASE_DATA);
			wbxml_opaque(w, buf_span(&b->data));
			wbxml_end(w);
		} else {
			wbxml_text(w, WBXML_AIRSYNCBASE_DATA, buf_span(&b->data));
		}
	}
	if (b->preview.p)
		wbxml_text(w, WBXML_AIRSYNCBASE_PREVIEW, b->preview);
	wbxml_end(w);
}
