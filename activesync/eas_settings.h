/* SPDX-License-Identifier: ISC
 *
 * eas_settings.h - the parts of Settings (MS-ASCMD 2.2.1.18) that have a file of their
 * own.
 */
#ifndef ACTIVESYNC_EAS_SETTINGS_H
#define ACTIVESYNC_EAS_SETTINGS_H

#include "activesync/eas_pim.h"
#include "activesync/eas_private.h"

/* <Oof>: does what it says and writes its answer. A failure of the store leaves nothing
 * written. */
enum rc eas_settings_oof(struct eas_call *c, const struct wbxml_node *oof,
                         struct wbxml_writer *w) MUST_CHECK;

#endif
