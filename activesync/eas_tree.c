/* SPDX-License-Identifier: ISC
 *
 * eas_tree.c - elements written again.
 */
#include "activesync/eas_tree.h"

#include "format/utf8_clean.h"

/* As deep as the parser lets a tree be. */
void
eas_tree_write(struct wbxml_writer *w, const struct wbxml_node *n)
{
	if (!n->first && n->text.n == 0) {
		wbxml_empty(w, n->tag);
	} else if (!n->first && utf8_is_clean(n->text)) {
		wbxml_text(w, n->tag, n->text);
	} else {
		wbxml_start(w, n->tag);
		if (!n->first)
			wbxml_opaque(w, n->text);
		for (const struct wbxml_node *k = n->first; k; k = k->next)
			eas_tree_write(w, k);
		wbxml_end(w);
	}
}
