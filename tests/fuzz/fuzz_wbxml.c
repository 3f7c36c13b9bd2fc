/* SPDX-License-Identifier: ISC
 *
 * fuzz_wbxml.c - what parses is written, parsed again, and must be the same tree; the XML
 * of a tree must give the tree back, too.
 */
#include <stdlib.h>

#include "format/utf8_clean.h"
#include "format/wbxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_node(struct wbxml_writer *w, const struct wbxml_node *n)
{
	wbxml_start(w, n->tag);
	if (n->text.n == 0)
		return;
	if (utf8_is_clean(n->text) && !wbxml_tag_is_opaque(n->tag))
		wbxml_content(w, n->text);
	else
		wbxml_opaque(w, n->text);
}

static void
write_tree(struct wbxml_writer *w, const struct wbxml_node *root)
{
	const struct wbxml_node *n = root;

	while (n) {
		write_node(w, n);
		if (n->first) {
			n = n->first;
			continue;
		}
		wbxml_end(w);
		while (n != root && !n->next) {
			n = n->parent;
			wbxml_end(w);
		}
		n = n == root ? NULL : n->next;
	}
}

static bool
is_same(const struct wbxml_node *x, const struct wbxml_node *y)
{
	if (!x || !y)
		return x == y;
	if (x->tag != y->tag || !span_eq(x->text, y->text))
		return false;
	const struct wbxml_node *c = x->first, *d = y->first;
	for (; c && d; c = c->next, d = d->next) {
		if (!is_same(c, d))
			return false;
	}
	return c == d;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf again = BUF_INIT(0);
	AUTO_DONE(buf) struct buf xml = BUF_INIT(0);
	AUTO_DONE(buf) struct buf from_xml = BUF_INIT(0);
	struct wbxml_limits limits = { .depth_max = 32, .nodes_max = 1000 };
	struct wbxml_node *root, *root2;
	struct wbxml_writer w;

	if (wbxml_parse(span_of((const char *)data, size), &limits, a, &root) != RC_OK)
		return 0;
	wbxml_writer_init(&w, &again);
	write_tree(&w, root);
	if (!wbxml_writer_ok(&w) ||
	    wbxml_parse(buf_span(&again), &limits, a, &root2) != RC_OK ||
	    !is_same(root, root2))
		abort();
	wbxml_dump(root, &xml);
	if (wbxml_from_xml(buf_span(&xml), &from_xml, NULL) != RC_OK ||
	    wbxml_parse(buf_span(&from_xml), &limits, a, &root2) != RC_OK ||
	    !is_same(root, root2))
		abort();
	return 0;
}
