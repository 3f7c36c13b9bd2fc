/* SPDX-License-Identifier: ISC
 *
 * eas_legacy.h - protocol 2.5, which knows no AirSyncBase: its words for bodies and
 * attachments, translated from and to those that the classes speak.
 */
#ifndef ACTIVESYNC_EAS_LEGACY_H
#define ACTIVESYNC_EAS_LEGACY_H

#include "activesync/eas_class.h"

/* Is it a version without AirSyncBase? */
static inline bool
eas_is_legacy(uint16_t version)
{
	return version < 120;
}

/* A Sync request's tree, changed in place; what is made lies in a. */
void eas_legacy_read(struct wbxml_node *root, struct arena *a);
/* Truncation (MS-ASCMD 2.2.3.187) as preferences of the body. */
void eas_legacy_options(const struct wbxml_node *options, struct eas_options *o);
/* What fn, of the class, writes for the item, in the words of 2.5. */
enum rc
eas_legacy_write(struct eas_call *c, eas_class_write_fn *fn, struct store_tx *tx,
                 const struct store_item *item, const struct eas_options *o, size_t limit,
                 struct arena *a, struct wbxml_writer *w) MUST_CHECK;

#endif
