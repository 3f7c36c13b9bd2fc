/* SPDX-License-Identifier: ISC
 *
 * eas_tree.h - properties that a class wrote, looked at again as a tree: to leave some
 * out, or to say them in an older way.
 */
#ifndef ACTIVESYNC_EAS_TREE_H
#define ACTIVESYNC_EAS_TREE_H

#include "format/wbxml.h"

/* Takes what a Body holds to another place, as part of the answer: its number, or -1. */
typedef int eas_pick_part_fn(struct span data, void *arg);

/*
 * Properties of which a client wants some (MS-ASCMD 2.2.3.158), or the bodies elsewhere
 * (2.2.1.10.1): written to p->w, they are w's own when schema and part are NULL, else a
 * document apart, of which eas_pick_end() gives w what schema names, with the number of
 * a part in place of the Data of each Body. Both open and close the element tag.
 */
struct eas_pick {
	struct wbxml_writer *w;
	struct wbxml_writer own;
	struct buf doc;
	struct wbxml_writer *to;
	const struct wbxml_node *schema;
	eas_pick_part_fn *part;
	void *arg;
};
void eas_pick_begin(struct eas_pick *p, struct wbxml_writer *to,
                    const struct wbxml_node *schema, eas_pick_part_fn *part, void *arg,
                    wbxml_tag tag);
/* Also after a failure; keep false: nothing is to be given. */
enum rc eas_pick_end(struct eas_pick *p, bool keep, struct arena *a) MUST_CHECK;

/* The node with all below it, as the writer's next element. Octets that text cannot carry
 * travel as OPAQUE. */
void eas_tree_write(struct wbxml_writer *w, const struct wbxml_node *n);

#endif
