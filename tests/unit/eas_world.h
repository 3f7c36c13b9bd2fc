/* SPDX-License-Identifier: ISC
 *
 * eas_world.h - one account that two phones and the other protocols edit at random.
 */
#ifndef TESTS_UNIT_EAS_WORLD_H
#define TESTS_UNIT_EAS_WORLD_H

#include "tests/unit/eas_phone.h"

#define WORLD_PHONES 2
#define WORLD_MARKS 20000
#define WORLD_FOLDERS 24 /* beyond that no new ones are made */

/* What is known of an item by its title, wherever it went. */
struct world_mark {
	bool made;        /* somebody saw to it that it is there, or sent it off */
	bool may_be_gone; /* somebody removed it, or wanted to */
	bool may_be_sent;
	unsigned found;
};

struct world {
	struct eas_fixture *f;
	struct phone phones[WORLD_PHONES];
	uint64_t seed;
	unsigned n_marks, n_values;
	struct world_mark marks[WORLD_MARKS];
	unsigned edits[STORE_CLASS_NOTES + 1]; /* Changes by the phones, of each class */
	unsigned restarts;
};

uint32_t world_pick(struct world *w, uint32_t n);
/* A title that nothing has had yet; its number in marks. */
unsigned world_mark_new(struct world *w, char title[PHONE_TEXT]);
struct world_mark *world_mark(struct world *w, const char *title);
void world_value(struct world *w, char value[PHONE_TEXT]);
/* All items of the collection and of those below it may be gone. */
void world_tree_may_be_gone(struct world *w, struct store_tx *tx, uint32_t id);

/* eas_world_others.c: what IMAP and SyncML do to the store. */
void world_others_mail(struct world *w);
void world_others_draft(struct world *w);
void world_others_pim(struct world *w);
void world_others_folder(struct world *w);

/* eas_world_users.c: what the phones' users do; lose: the answer to it. */
struct phone_folder *world_folder(struct world *w, struct phone *p);
void world_user_adds(struct world *w, struct phone *p, struct phone_folder *fo);
void world_user_changes(struct world *w, struct phone *p, struct phone_folder *fo);
void world_user_deletes(struct world *w, struct phone_folder *fo);
void world_user_moves(struct world *w, struct phone *p, bool lose);
void world_user_edits_folders(struct world *w, struct phone *p, bool lose);
void world_user_sends(struct world *w, struct phone *p, bool lose);

#endif
