/* SPDX-License-Identifier: ISC
 *
 * eas_tree.h - properties that a class wrote, looked at again as a tree: to leave some
 * out, or to say them in an older way.
 */
#ifndef ACTIVESYNC_EAS_TREE_H
#define ACTIVESYNC_EAS_TREE_H

#include "format/wbxml.h"

/* The node with all below it, as the writer's next element. Octets that text cannot carry
 * travel as OPAQUE. */
void eas_tree_write(struct wbxml_writer *w, const struct wbxml_node *n);

#endif
