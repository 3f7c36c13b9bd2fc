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

void
eas_pick_begin(struct eas_pick *p, struct wbxml_writer *to,
               const struct wbxml_node *schema, wbxml_tag tag)
{
	*p = (struct eas_pick){ .w = to, .to = to, .schema = schema };
	if (schema) {
		wbxml_writer_init(&p->own, &p->doc);
		p->w = &p->own;
	}
	wbxml_start(p->w, tag);
}

static void
pick(struct eas_pick *p, const struct wbxml_node *root)
{
	wbxml_start(p->to, root->tag);
	for (const struct wbxml_node *n = root->first; n; n = n->next) {
		/* What stands on the answer's own page is no property. */
		if (n->tag >> 8 == root->tag >> 8 || wbxml_child(p->schema, n->tag))
			eas_tree_write(p->to, n);
	}
	wbxml_end(p->to);
}

enum rc
eas_pick_end(struct eas_pick *p, bool keep, struct arena *a)
{
	struct wbxml_node *root;
	enum rc rc = RC_OK;

	wbxml_end(p->w);
	if (p->schema && keep) {
		rc = wbxml_writer_ok(&p->own)
		             ? wbxml_parse(buf_span(&p->doc), NULL, a, &root)
		             : RC_TOO_BIG;
		if (rc == RC_OK)
			pick(p, root);
	}
	buf_done(&p->doc);
	return rc;
}
