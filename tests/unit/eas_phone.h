/* SPDX-License-Identifier: ISC
 *
 * eas_phone.h - a simulated phone over the fixture: it holds what it was told, says what
 * its user did, loses answers, asks again.
 *
 * An item has a title that never changes and is nobody else's (what is there twice is
 * seen by it) and a value that every edit makes new. The same fields for all classes:
 *
 *            title               value       more
 *   mail     Subject             Body        Read, Flag, IsDraft
 *   contact  FirstName           LastName    JobTitle
 *   event    Location            Subject     Body, StartTime, a series and its instances
 *   task     Subject             Body        Complete
 *   note     Subject             Body        a Category
 *
 * All but titles can be emptied.
 */
#ifndef TESTS_UNIT_EAS_PHONE_H
#define TESTS_UNIT_EAS_PHONE_H

#include "activesync/eas_class.h"
#include "tests/unit/eas_fixture.h"

#define PHONE_FOLDERS 96
#define PHONE_COMMANDS 6
#define PHONE_INSTANCES 5 /* of a series, a day each */
#define PHONE_TEXT 16

struct phone_item {
	bool here;
	bool read, flagged, draft, complete, series;
	char title[PHONE_TEXT];
	char value[PHONE_TEXT];
	char more[PHONE_TEXT];
	int64_t start; /* of an event */
	/* "": as the series; "-": deleted; else its subject. */
	char instances[PHONE_INSTANCES][PHONE_TEXT];
};

/* What the user did and the server has not confirmed. */
struct phone_command {
	wbxml_tag kind; /* Add, Change, Delete */
	uint32_t uid;   /* 0: Add */
	char id[24];    /* the ClientId of an Add */
	char *xml;
	bool is_send;
	bool is_instance; /* a Delete of one instance */
	struct phone_item after;
};

struct phone_folder {
	uint32_t id; /* 0: a free place */
	struct phone *phone;
	uint32_t parent;
	unsigned type;
	char name[32];
	const struct eas_class *class;
	char key[24];
	struct phone_item *items; /* by uid */
	uint32_t n_items;
	struct phone_command commands[PHONE_COMMANDS];
	size_t n_commands;
};

struct phone {
	struct eas_fixture *f;
	const char *device;
	uint16_t version;
	char tree_key[24];
	struct phone_folder folders[PHONE_FOLDERS];
	/* A request beside Sync whose answer was lost; nothing else is said before it. */
	char *open_command, *open_xml;
	unsigned client_ids;
	unsigned lost, conflicts, gone, sent; /* sent: drafts, by the answers */
	unsigned bad_keys;                    /* of the tree */
	uint64_t n_requests;
	/* Told of each Add that the phone forgets before it was answered; may be NULL. */
	void (*on_dropped)(const struct phone_item *i, void *arg);
	void *arg;
};

/* How an item looks in one line; in a. */
char *phone_item_str(const struct phone_item *i, struct arena *a);

void
phone_init(struct phone *p, struct eas_fixture *f, const char *device, uint16_t version);
void phone_done(struct phone *p);
struct phone_folder *phone_folder(struct phone *p, uint32_t id);
struct phone_item *phone_item(struct phone_folder *fo, uint32_t uid);
/* Drops what it holds of the folder: it starts anew with key 0. */
void phone_restart(struct phone_folder *fo);

/* FolderSync; whole: with key 0. True when something was new. */
bool phone_sync_folders(struct phone *p, bool whole, bool lose);
/* One Sync of a folder, with its commands. True when the answer said something. */
bool phone_sync(struct phone *p, struct phone_folder *fo, unsigned window, bool lose);
/* A command that is no Sync; lose: its answer, and phone_retry() asks again. */
void phone_ask(struct phone *p, const char *command, char *xml, bool lose);
bool phone_retry(struct phone *p, bool lose);

/* --- eas_phone_edit.c: what the user does --- */

/* ApplicationData of an item as a phone of this version sends it, in a. */
char *phone_data(const struct phone *p, const struct eas_class *class,
                 const struct phone_item *i, struct arena *a);
/* Into what is held; what is not named stays only where the class says so (mail). */
void phone_take_data(const struct eas_class *class, const struct wbxml_node *data,
                     struct phone_item *i);
/* Each is queued, and false when there is no room or a command on the item waits. */
bool phone_add(struct phone *p, struct phone_folder *fo, const struct phone_item *i);
bool phone_change(struct phone *p, struct phone_folder *fo, uint32_t uid,
                  const struct phone_item *after);
bool phone_change_part(struct phone *p, struct phone_folder *fo, uint32_t uid,
                       const struct phone_item *after);
bool phone_delete(struct phone_folder *fo, uint32_t uid);
bool phone_send_draft(struct phone *p, struct phone_folder *fo, uint32_t uid);
/* 16.1: one instance; subject "-": deleted. */
bool phone_change_instance(struct phone *p, struct phone_folder *fo, uint32_t uid,
                           unsigned instance, const char *subject);

#endif
