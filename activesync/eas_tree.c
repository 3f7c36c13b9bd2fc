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
               const struct wbxml_node *schema, eas_pick_part_fn *part, void *arg,
               wbxml_tag tag)
{
	*p = (struct eas_pick){
		.w = to, .to = to, .schema = schema, .part = part, .arg = arg
	};
	if (schema || part) {
		wbxml_writer_init(&p->own, &p->doc);
		p->w = &p->own;
	}
	wbxml_start(p->w, tag);
}

/* As eas_tree_write(), but for what is to lie elsewhere. */
static void
write_picked(struct eas_pick *p, const struct wbxml_node *n)
{
	bool is_body = n->tag == WBXML_AIRSYNCBASE_BODY;

	if (!p->part || !n->first) {
		eas_tree_write(p->to, n);
		return;
	}
	wbxml_start(p->to, n->tag);
	for (const struct wbxml_node *k = n->first; k; k = k->next) {
		bool is_part =
			is_body && k->tag == WBXML_AIRSYNCBASE_DATA && k->text.n > 0;
		int number = is_part ? p->part(k->text, p->arg) : -1;

		if (number >= 0)
			wbxml_u64(p->to, WBXML_ITEMOPERATIONS_PART, (uint64_t)number);
		else
			write_picked(p, k);
	}
	wbxml_end(p->to);
}

static void
pick(struct eas_pick *p, const struct wbxml_node *root)
{
	wbxml_start(p->to, root->tag);
	for (const struct wbxml_node *n = root->first; n; n = n->next) {
		/* What stands on the answer's own page is no property. */
		if (!p->schema || n->tag >> 8 == root->tag >> 8 ||
		    wbxml_child(p->schema, n->tag))
			write_picked(p, n);
	}
	wbxml_end(p->to);
}

enum rc
eas_pick_end(struct eas_pick *p, bool keep, struct arena *a)
{
	struct wbxml_node *root;
	enum rc rc = RC_OK;

	wbxml_end(p->w);
	if (p->w != p->to && keep) {
		rc = wbxml_writer_ok(&p->own)
		             ? wbxml_parse(buf_span(&p->doc), NULL, a, &root)
		             : RC_TOO_BIG;
		if (rc == RC_OK)
			pick(p, root);
	}
	buf_done(&p->doc);
	return rc;
}
