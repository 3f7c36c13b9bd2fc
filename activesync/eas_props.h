/* SPDX-License-Identifier: ISC
 *
 * eas_props.h - the lines "name=value" in an item's props: follow-up flag, categories.
 *
 * What IMAP has no word for is kept there. A name may stand more than once; names that
 * are not known here are kept. CR, LF and '%' of a value are written as %XX.
 */
#ifndef ACTIVESYNC_EAS_PROPS_H
#define ACTIVESYNC_EAS_PROPS_H

#include "base/arena.h"
#include "base/buf.h"

/* The n-th value of a name, decoded, in a; p NULL: none. */
struct span eas_props_get(struct span props, const char *name, size_t n, struct arena *a);
/* Adds a line. */
void eas_props_add(struct buf *b, const char *name, struct span value);
/* Copies all lines but those whose name begins with prefix. */
void eas_props_copy_without(struct buf *b, struct span props, const char *prefix);

#endif
