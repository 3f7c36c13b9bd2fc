/* SPDX-License-Identifier: ISC
 *
 * pim_note.h - a note: MS-ASNOTE's fields on a VJOURNAL; text/plain and vNote 1.1.
 */
#ifndef FORMAT_PIM_NOTE_H
#define FORMAT_PIM_NOTE_H

#include "format/pim.h"

struct pim_note {
	const char *uid;
	const char *subject;
	struct pim_body body;
	pim_strings categories;
	const char *message_class; /* NULL: "IPM.StickyNote" */
	struct pim_time created;
	struct pim_time last_modified;

	struct vobj *cal;
	struct vobj *obj;
};

struct pim_note *pim_note_new(struct arena *a);
/* A VJOURNAL, or a vNote. */
enum rc
pim_note_parse(struct span text, struct arena *a, struct pim_note **ret) MUST_CHECK;
enum rc pim_note_of(struct vobj *cal, struct arena *a, struct pim_note **ret) MUST_CHECK;
struct vobj *pim_note_tree(const struct pim_note *n, struct arena *a);
void pim_note_write(const struct pim_note *n, struct buf *out);

/*
 * text/plain, as SyncML's phones have notes: the whole is the body, its first line also
 * the subject. Giving back a text whose body is as it was leaves the subject alone.
 */
void pim_note_set_text(struct pim_note *n, struct span text, struct arena *a);
void pim_note_text(const struct pim_note *n, struct buf *out);
void pim_note_vnote(const struct pim_note *n, struct buf *out);

#endif
