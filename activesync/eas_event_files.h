/* SPDX-License-Identifier: ISC
 *
 * eas_event_files.h - attachments of events, from 16.0 on (MS-ASAIRS 2.2.2.8).
 *
 * The number in a FileReference is made of the file's name and bytes, so that it never
 * comes to mean another file of the same event.
 */
#ifndef ACTIVESYNC_EAS_EVENT_FILES_H
#define ACTIVESYNC_EAS_EVENT_FILES_H

#include "activesync/eas_id.h"
#include "activesync/eas_pim.h"
#include "format/pim_event.h"

uint32_t eas_event_file_number(struct span name, struct span bytes);
/* In the series or one of its exceptions; NULL: there is none. */
const struct pim_attachment *eas_event_file(const struct pim_event *e, uint32_t number);
/* <airsyncbase:Attachments>, when there are any; id: of the item. */
void eas_event_files_write(const struct pim_event *e, struct eas_id id,
                           struct wbxml_writer *w);
/* What Add and Delete of the command make of them; what is not named stays. RC_TOO_BIG:
 * more than 10 MB together. */
enum rc
eas_event_files_take(const struct eas_edit_request *q, struct pim_event *e) MUST_CHECK;

/*
 * The answer to an Add or Change with new files, of mail drafts too: what each of them is
 * called from now on (MS-ASAIRS 2.2.2.14), within ApplicationData. item: the one that was
 * changed.
 */
bool eas_event_files_are_new(uint16_t version, const struct wbxml_node *command);
void eas_event_files_answer(struct eas_call *c, const struct wbxml_node *command,
                            struct eas_id item, bool is_mail, struct wbxml_writer *w);

#endif
