/* SPDX-License-Identifier: ISC
 *
 * xml_read.c - XML 1.0 through libxml2's tree, with everything dangerous switched off.
 */
#include "format/xml_read.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"

struct xml_read {
	xmlDoc *doc;
};

enum rc
xml_read_new(struct span doc, size_t max, struct xml_read **ret)
{
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
	                    XML_PARSE_NOCDATA;
	struct xml_read *x;
	xmlDoc *d;

	if (doc.n > max || doc.n > INT_MAX)
		return RC_TOO_BIG;
	/* Checked before the parser sees it: no declarations, so no entities of its own.
	 */
	if (span_ifind(doc, SPAN("<!DOCTYPE")) < doc.n || doc.n == 0)
		return RC_INVALID;
	d = xmlReadMemory(doc.p, (int)doc.n, NULL, NULL, options);
	if (!d)
		return RC_INVALID;
	if (d->intSubset || !xmlDocGetRootElement(d)) {
		xmlFreeDoc(d);
		return RC_INVALID;
	}
	x = xcalloc(1, sizeof(*x));
	x->doc = d;
	*ret = x;
	return RC_OK;
}

void
xml_read_free(struct xml_read *x)
{
	if (!x)
		return;
	xmlFreeDoc(x->doc);
	free(x);
}

static xmlNode *
find_named(xmlNode *n, struct span name)
{
	for (; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE && span_is(name, (const char *)n->name))
			return n;
	}
	return NULL;
}

/* The first at the path, or NULL. */
static xmlNode *
find_path(const struct xml_read *x, const char *path)
{
	xmlNode *n = xmlDocGetRootElement(x->doc);
	struct span rest = span_str(path), name;

	while (n && span_cut(&rest, '/', &name)) {
		n = find_named(n, name);
		if (n && rest.n > 0)
			n = n->children;
	}
	return n;
}

struct span
xml_read_text(const struct xml_read *x, const char *path, struct arena *a)
{
	xmlNode *n = find_path(x, path);
	xmlChar *text;
	struct span s;

	if (!n)
		return SPAN("");
	text = xmlNodeGetContent(n);
	s = arena_span(a, span_str((const char *)text));
	xmlFree(text);
	return s;
}

size_t
xml_read_count(const struct xml_read *x, const char *path)
{
	size_t count = 0;

	for (xmlNode *n = find_path(x, path); n; count++)
		n = find_named(n->next, span_str((const char *)n->name));
	return count;
}
