/* SPDX-License-Identifier: ISC
 *
 * wbxml_dump.c - ActiveSync documents as XML and back, for wire logs, tests and tools.
 *
 * A page is the default namespace of its elements. Content that XML cannot carry is
 * base64 with encoding="base64"; so is the text of elements that have children too. A
 * token that the tables do not have is an element named T and its four hex digits.
 */
#include <libxml/parser.h>

#include "base/encode.h"
#include "format/utf8_clean.h"
#include "format/wbxml_private.h"

static void
add_name(struct buf *out, wbxml_tag tag)
{
	const char *full = wbxml_tag_name(tag);

	if (full)
		buf_add_str(out, strchr(full, ':') + 1);
	else
		buf_addf(out, "T%04X", tag);
}

/* As XML text; a bare CR would not come back from a parser. */
static void
add_xml_text(struct buf *out, struct span s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\r')
			continue;
		buf_add_xml(out, span_sub(s, from, i));
		buf_add_str(out, "&#13;");
		from = i + 1;
	}
	buf_add_xml(out, span_sub(s, from, s.n));
}

static void
indent(struct buf *out, size_t depth)
{
	buf_add_char(out, '\n');
	for (size_t i = 0; i < depth; i++)
		buf_add_char(out, '\t');
}

/* The start tag with its text; "<x/>" when there is nothing in it. */
static void
dump_open(const struct wbxml_node *n, struct buf *out)
{
	bool binary = n->text.n > 0 && (n->first || !utf8_is_clean(n->text));
	uint8_t page = (uint8_t)(n->tag >> 8);

	buf_add_char(out, '<');
	add_name(out, n->tag);
	if (!n->parent || n->parent->tag >> 8 != page) {
		const char *ns = wbxml_page_name(page);
		if (ns)
			buf_addf(out, " xmlns=\"%s\"", ns);
		else
			buf_addf(out, " xmlns=\"page%u\"", page);
	}
	if (binary)
		buf_add_str(out, " encoding=\"base64\"");
	if (!n->first && n->text.n == 0) {
		buf_add_str(out, "/>");
		return;
	}
	buf_add_char(out, '>');
	if (binary)
		base64_encode(n->text, out);
	else
		add_xml_text(out, n->text);
}

static void
dump_close(const struct wbxml_node *n, struct buf *out)
{
	if (!n->first && n->text.n == 0)
		return;
	buf_add_str(out, "</");
	add_name(out, n->tag);
	buf_add_char(out, '>');
}

void
wbxml_dump(const struct wbxml_node *root, struct buf *out)
{
	const struct wbxml_node *n = root;
	size_t depth = 0;

	dump_open(n, out);
	while (n) {
		if (n->first) {
			n = n->first;
			indent(out, ++depth);
			dump_open(n, out);
			continue;
		}
		dump_close(n, out);
		while (n != root && !n->next) {
			n = n->parent;
			indent(out, --depth);
			dump_close(n, out);
		}
		if (n == root)
			break;
		n = n->next;
		indent(out, depth);
		dump_open(n, out);
	}
	buf_add_char(out, '\n');
}

#define XML_DEPTH_MAX 200

/* The open elements of an XML document on its way to WBXML. */
struct frame {
	wbxml_tag tag;
	bool has_children;
	bool is_base64;
	size_t text_at; /* where its characters begin in texts */
};

struct reader {
	struct wbxml_writer w;
	struct buf texts; /* characters of all open elements */
	struct frame frames[XML_DEPTH_MAX];
	size_t depth;
	struct err *err;
	enum rc rc;
};

static void
refuse(struct reader *r, const char *what, const char *name)
{
	if (r->rc == RC_OK)
		r->rc = err_set(r->err, RC_INVALID, "%s: %s", what, name);
}

static wbxml_tag
tag_of(const char *page, const char *name)
{
	uint64_t number;

	if (name[0] == 'T' && strlen(name) == 5 &&
	    parse_hex64(span_str(name + 1), &number) == RC_OK &&
	    (number & 0xff) >= 0x05 && (number & 0xff) < 0x40)
		return (wbxml_tag)number;
	return wbxml_tag_find(page, name);
}

static void
on_start(void *arg, const xmlChar *name, const xmlChar *prefix UNUSED, const xmlChar *uri,
         int n_namespaces UNUSED, const xmlChar **namespaces UNUSED, int n_attributes,
         int n_defaulted UNUSED, const xmlChar **attributes)
{
	struct reader *r = arg;
	wbxml_tag tag = tag_of(uri ? (const char *)uri : "", (const char *)name);

	if (r->rc != RC_OK)
		return;
	if (tag == 0 || r->depth == XML_DEPTH_MAX) {
		refuse(r, tag ? "too deep" : "no such element", (const char *)name);
		return;
	}
	if (r->depth > 0)
		r->frames[r->depth - 1].has_children = true;
	struct frame *f = &r->frames[r->depth++];
	*f = (struct frame){ .tag = tag, .text_at = buf_len(&r->texts) };
	/* localname, prefix, URI, value, end */
	for (int i = 0; i < n_attributes; i++) {
		const xmlChar **at = attributes + (ptrdiff_t)i * 5;
		struct span value = span_of((const char *)at[3], (size_t)(at[4] - at[3]));
		if (strcmp((const char *)at[0], "encoding") == 0 &&
		    span_is(value, "base64"))
			f->is_base64 = true;
		else
			refuse(r, "unknown attribute", (const char *)at[0]);
	}
	wbxml_start(&r->w, tag);
}

static void
add_base64(struct reader *r, struct span text)
{
	AUTO_DONE(buf) struct buf dense = BUF_INIT(0);
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);

	for (size_t i = 0; i < text.n; i++) {
		if (!strchr(" \t\r\n", text.p[i]))
			buf_add_char(&dense, text.p[i]);
	}
	if (base64_decode(buf_span(&dense), &bytes) != RC_OK)
		refuse(r, "not base64", "content");
	else if (buf_len(&bytes) > 0)
		wbxml_opaque(&r->w, buf_span(&bytes));
}

static void
on_end(void *arg, const xmlChar *name, const xmlChar *prefix UNUSED,
       const xmlChar *uri UNUSED)
{
	struct reader *r = arg;

	if (r->rc != RC_OK)
		return;
	struct frame *f = &r->frames[--r->depth];
	struct span text = span_sub(buf_span(&r->texts), f->text_at, buf_len(&r->texts));
	if (f->is_base64)
		add_base64(r, text);
	else if (f->has_children && span_trim(text).n > 0)
		refuse(r, "text between elements", (const char *)name);
	else if (!f->has_children && text.n > 0 && wbxml_tag_is_opaque(f->tag))
		wbxml_opaque(&r->w, text);
	else if (!f->has_children)
		wbxml_content(&r->w, text);
	buf_truncate(&r->texts, f->text_at);
	wbxml_end(&r->w);
}

static void
on_text(void *arg, const xmlChar *text, int n)
{
	struct reader *r = arg;

	if (r->rc == RC_OK && r->depth > 0)
		buf_add(&r->texts, text, (size_t)n);
}

static void
on_error(void *arg, xmlErrorPtr error)
{
	struct reader *r = arg;

	/* That "AirSync" is a relative namespace name is only a warning. */
	if (r->rc == RC_OK && error->level >= XML_ERR_ERROR)
		r->rc = err_set(r->err, RC_INVALID, "line %d: %s", error->line,
		                error->message ? error->message : "not XML");
}

enum rc
wbxml_from_xml(struct span xml, struct buf *out, struct err *err)
{
	struct reader r = { .err = err, .rc = RC_OK };
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.ignorableWhitespace = on_text,
		.serror = on_error,
	};

	if (xml.n > INT32_MAX)
		return err_set(err, RC_TOO_BIG, "%zu bytes of XML", xml.n);
	buf_init(&r.texts, 0);
	wbxml_writer_init(&r.w, out);
	xmlParserCtxtPtr context = xmlCreatePushParserCtxt(&sax, &r, NULL, 0, NULL);
	if (!context)
		return err_set(err, RC_IO, "no XML parser");
	xmlCtxtUseOptions(context, XML_PARSE_NONET | XML_PARSE_HUGE);
	xmlParseChunk(context, xml.p, (int)xml.n, 1);
	if (r.rc == RC_OK && !context->wellFormed)
		r.rc = err_set(err, RC_INVALID, "not well-formed XML");
	/* libxml2 makes a document behind a SAX parser's back to hold entity
	 * declarations. */
	if (context->myDoc)
		xmlFreeDoc(context->myDoc);
	xmlFreeParserCtxt(context);
	buf_done(&r.texts);
	if (r.rc == RC_OK && !wbxml_writer_ok(&r.w))
		r.rc = err_set(err, RC_TOO_BIG, "the WBXML does not fit");
	return r.rc;
}
