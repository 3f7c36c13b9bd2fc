/* SPDX-License-Identifier: ISC
 *
 * fuzz_wbxml_diff.c - what our parser takes, libwbxml must take and see the same
 * elements.
 *
 * Our parser is also the guard: libwbxml 0.11.8 aborts on large entities and overflows
 * the stack on deep nesting, and neither gets past it.
 */
#include <stdlib.h>
#include <wbxml/wbxml.h>

#include "format/wbxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tags that one of the two tables does not have end the comparison. */
static bool
is_comparable(const struct wbxml_node *n)
{
	if (!wbxml_tag_name(n->tag))
		return false;
	/* Content is compared elsewhere: libwbxml copies it into XML unchecked. */
	return n->text.n == 0;
}

/*
 * WAP-192-WBXML 5.3 allows one SWITCH_PAGE, just before a tag. We take more of them, and
 * elsewhere, as clients' writers make them; libwbxml misreads what follows. The document
 * has been parsed, so that its tokens are whole.
 */
static bool
has_stray_switch(const uint8_t *p, const uint8_t *end)
{
	for (int numbers = 0; numbers < 4; p++) {
		if (numbers == 0 || !(*p & 0x80))
			numbers++;
	}
	while (p < end) {
		uint8_t token = *p++;
		uint32_t n = 0;
		if (token == 0x00) {
			p++;
			if (p == end || (*p & 0x3f) < 0x05 || *p & 0x80)
				return true;
		} else if (token == 0x03) {
			p += strlen((const char *)p) + 1;
		} else if (token == 0xc3) {
			do
				n = n << 7 | (*p & 0x7f);
			while (*p++ & 0x80);
			p += n;
		}
	}
	return false;
}

/* Counts the elements of the tree, or 0 when it cannot be compared. */
static size_t
count_ours(const struct wbxml_node *root)
{
	const struct wbxml_node *n = root;
	size_t count = 0;

	while (n) {
		if (!is_comparable(n))
			return 0;
		count++;
		if (n->first) {
			n = n->first;
			continue;
		}
		while (n != root && !n->next)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
	return count;
}

/* Start tags in libwbxml's XML: '<' that is followed by a name. */
static size_t
count_theirs(const WB_UTINY *xml, WB_ULONG n)
{
	size_t count = 0;

	for (WB_ULONG i = 0; i + 1 < n; i++) {
		if (xml[i] == '<' && xml[i + 1] != '/' && xml[i + 1] != '?' &&
		    xml[i + 1] != '!')
			count++;
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct wbxml_limits limits = { .depth_max = 32, .nodes_max = 1000 };
	struct wbxml_node *root;
	WBXMLConvWBXML2XML *conv = NULL;
	WB_UTINY *xml = NULL;
	WB_ULONG n = 0;

	if (size > 1 << 16 ||
	    wbxml_parse(span_of((const char *)data, size), &limits, a, &root) != RC_OK)
		return 0;
	size_t ours = count_ours(root);
	if (ours == 0 || has_stray_switch(data, data + size) ||
	    wbxml_conv_wbxml2xml_create(&conv) != WBXML_OK)
		return 0;
	wbxml_conv_wbxml2xml_set_language(conv, WBXML_LANG_ACTIVESYNC);
	wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_COMPACT);
	WB_UTINY *copy = (WB_UTINY *)arena_span(a, span_of((const char *)data, size)).p;
	if (wbxml_conv_wbxml2xml_run(conv, copy, (WB_ULONG)size, &xml, &n) != WBXML_OK ||
	    count_theirs(xml, n) != ours)
		abort();
	free(xml);
	wbxml_conv_wbxml2xml_destroy(conv);
	return 0;
}
