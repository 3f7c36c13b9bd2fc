/* SPDX-License-Identifier: ISC
 *
 * mime_view.c - which parts of a message a mail program shows, and which it lists.
 */
#include "format/mime_text.h"

#include <assert.h>

/* Text that is meant to be read in place. */
static bool
is_body(const struct mime_part *p)
{
	if (!mime_is(p, "text", "plain") && !mime_is(p, "text", "html"))
		return false;
	if (p->disposition.p && span_is(p->disposition, "attachment"))
		return false;
	/* A message that is one text may well give it a name. */
	return !p->parent || (mime_param_get(p->disposition_params, "filename").n == 0 &&
	                      mime_param_get(p->params, "name").n == 0);
}

/* True when some multipart/alternative holds both: they say the same thing twice. */
static bool
are_alternatives(const struct mime_part *x, const struct mime_part *y)
{
	for (const struct mime_part *p = x->parent; p; p = p->parent) {
		if (!mime_is(p, "multipart", "alternative"))
			continue;
		for (const struct mime_part *q = y->parent; q; q = q->parent) {
			if (p == q)
				return true;
		}
	}
	return false;
}

/* The first part in p that is shown or listed; an attached message is one part. */
static struct mime_part *
first_leaf(struct mime_part *p)
{
	while (mime_is(p, "multipart", NULL) && p->first)
		p = p->first;
	return p;
}

static struct mime_part *
next_leaf(struct mime_part *p)
{
	while (p && !p->next)
		p = p->parent;
	return p ? first_leaf(p->next) : NULL;
}

void
mime_view_make(struct mime_part *root, struct arena *a, struct mime_view *ret)
{
	struct mime_view view = { 0 };
	size_t n = 0;

	assert(root);
	for (struct mime_part *p = first_leaf(root); p; p = next_leaf(p))
		n++;
	view.attachments = arena_array(a, n, struct mime_part *);
	for (struct mime_part *p = first_leaf(root); p; p = next_leaf(p)) {
		bool is_html = mime_is(p, "text", "html");
		struct mime_part *other = is_html ? view.plain : view.html;
		struct mime_part **slot = is_html ? &view.html : &view.plain;
		if (is_body(p) && !*slot && (!other || are_alternatives(p, other)))
			*slot = p;
		else
			view.attachments[view.n_attachments++] = p;
		if (mime_is(p, "application", "pkcs7-mime") ||
		    mime_is(p, "application", "x-pkcs7-mime") ||
		    (p->parent && mime_is(p->parent, "multipart", "signed")))
			view.is_signed = true;
	}
	/* The signed part may be a multipart itself. */
	for (struct mime_part *p = root; p && mime_is(p, "multipart", NULL);
	     p = p->first) {
		if (mime_is(p, "multipart", "signed"))
			view.is_signed = true;
	}
	*ret = view;
}
