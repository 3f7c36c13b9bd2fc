/* SPDX-License-Identifier: ISC
 *
 * eas_cursor.h - what a device has of one collection: the meaning of a SyncKey.
 *
 * The device holds
 * - of what was there at the snapshot: the items with uid >= backfill_uid (all of them
 * when backfilling is over),
 * - everything born after the snapshot and up to modseq,
 * both cut to what was received at or after window_from, in the state of modseq. What it
 * made itself it knows too: the log leaves that out by its device number. The cost of an
 * answer is that of the changes behind modseq, whatever the size of the folder. With
 * ConversationMode it holds a list of others beside them (eas_gather.h).
 */
#ifndef ACTIVESYNC_EAS_CURSOR_H
#define ACTIVESYNC_EAS_CURSOR_H

#include "store/store_change.h"
#include "store/store_cursor.h"

#define EAS_BODY_PREFS_MAX 4
#define EAS_RECHECK_MAX 1000
#define EAS_SUPPORTED_MAX 128
#define EAS_ASIDE_MAX 100
#define EAS_NO_TRUNCATION UINT32_MAX

enum eas_body_type {
	EAS_BODY_PLAIN = 1,
	EAS_BODY_HTML = 2,
	EAS_BODY_RTF = 3,
	EAS_BODY_MIME = 4,
};

struct eas_body_pref { /* MS-ASAIRS 2.2.2.12 */
	uint8_t type;
	uint32_t truncation; /* EAS_NO_TRUNCATION: none */
	bool all_or_none;
	uint16_t preview; /* characters; 0: none */
};

struct eas_options {    /* MS-ASCMD 2.2.3.125 */
	uint8_t filter; /* FilterType */
	uint8_t mime_support;
	uint8_t mime_truncation; /* 8: none */
	uint8_t conflict;        /* 0: the client wins, 1: the server */
	size_t n_prefs;
	struct eas_body_pref prefs[EAS_BODY_PREFS_MAX];
	struct eas_body_pref part; /* BodyPartPreference; type 0: none */
	bool sms;                  /* text messages too (MS-ASMS) */
};

#define EAS_OPTIONS_DEFAULT ((struct eas_options){ .mime_truncation = 8, .conflict = 1 })

enum eas_edge {
	EAS_EDGE_NONE,
	EAS_EDGE_LEAVE, /* items fall out of the window: soft deletes */
	EAS_EDGE_ENTER, /* the window grew: adds */
};

/* Of answers that the device asks for again and again; all 0 when it goes on. */
struct eas_loop {
	uint32_t replays; /* of the key before, in a row */
	uint32_t alone;   /* so often the answer had one and the same item alone */
	uint32_t n;       /* items in the last one */
	uint32_t uid;     /* the only one, where it was an Add or a Change */
	uint32_t cap;     /* no more items than that in the next one; 0: any */
	int64_t since_ms; /* of the first replay */
};

struct eas_cursor {
	uint64_t modseq;
	bool backfilling;
	uint64_t snapshot;
	uint32_t backfill_uid; /* 0: from the top */
	int64_t window_from;   /* ms; 0: everything */
	int64_t low;           /* the lowest window_from since modseq was reached */
	enum eas_edge edge;    /* a shift of the window that is being told */
	int64_t edge_from;     /* from <= received < to */
	int64_t edge_to;
	uint64_t edge_modseq; /* of what was born up to here */
	uint32_t edge_uid;    /* told up to here */
	struct eas_options options;
	/* Items that it moved here and must be told of once, as a change: it may not have
	 * seen their flags, or they lie outside its window. Ascending. */
	uint32_t *recheck;
	size_t n_recheck;
	/* The children of <Supported> at the first key (MS-ASCMD 2.2.3.179): what the
	 * device knows; of what it does not know, a Change that leaves it out says
	 * nothing. */
	bool has_supported;
	uint32_t *supported; /* wbxml_tags */
	size_t n_supported;
	/* eas_stuck.h: items that it cannot take, and those that it shall be added again.
	 * Ascending. */
	struct eas_loop loop;
	uint32_t *aside;
	size_t n_aside;
	uint32_t *again;
	size_t n_again;
	/* eas_gather.h: ConversationMode, and what it has of conversations before the
	 * window, ascending; in line with the folder at that modseq and that window. */
	bool gathers;
	uint32_t *gathered;
	size_t n_gathered;
	size_t gathered_cap;
	uint64_t gathered_upto; /* 0: never */
	int64_t gathered_from;
	bool edge_gathers; /* it did when the shift of the window began */
};

/* A cursor for a collection that is handed out from now on; nothing was handed out yet.
 */
void eas_cursor_start(struct eas_cursor *cur, uint64_t snapshot);
/* True while it is as eas_cursor_start() made it. */
bool eas_cursor_is_fresh(const struct eas_cursor *cur);
void eas_cursor_write(const struct eas_cursor *cur, struct buf *out);
/* RC_INVALID: none of ours (an older format). Arrays lie in a. */
enum rc
eas_cursor_read(struct span state, struct arena *a, struct eas_cursor *ret) MUST_CHECK;

/* "sync/12" */
#define EAS_CURSOR_NAME_SIZE 24
const char *eas_cursor_name(uint32_t collection, char ret[EAS_CURSOR_NAME_SIZE]);

/* The device will be told of uid; more than EAS_RECHECK_MAX are not noted. */
void eas_cursor_add_recheck(struct eas_cursor *cur, uint32_t uid, struct arena *a);
void eas_cursor_drop_recheck(struct eas_cursor *cur, uint32_t uid);
/*
 * In a write transaction: the device moved item (as it was in its old folder) to uid in
 * collection and was told so. When it may not know the item's present flags, or the item
 * lies outside of its window there, all states of the target's row take a note. RC_OK
 * too when there is no row.
 */
enum rc
eas_cursor_note_move(struct store_tx *tx, uint32_t device, const struct store_item *item,
                     uint32_t collection, uint32_t uid, struct arena *a) MUST_CHECK;

/* Where the window of a FilterType begins now, rounded down to a day; 0: unlimited. 8:
 * above EAS_TASK_DONE_MS. MS-ASCMD 2.2.3.68.2. */
int64_t eas_filter_from(uint8_t filter, int64_t now_ms);

/*
 * Begins to tell a shift when the window has moved since; window_from is the new one
 * then. Only when the changes of the log were told to their end: the shift is of what the
 * device has by then.
 */
void eas_cursor_shift_window(struct eas_cursor *cur, int64_t now_ms);

/* True for an item of the initial hand-out, or of a window that grew, whose turn has not
 * come. */
bool eas_cursor_is_ahead(const struct eas_cursor *cur, const struct store_item *item);
bool eas_cursor_is_backfilled_later(const struct eas_cursor *cur,
                                    const struct store_item *item);

/* What a change of the device's own view of the log means for it. */
enum eas_verdict {
	EAS_VERDICT_SKIP,
	EAS_VERDICT_ADD,
	EAS_VERDICT_CHANGE,
	EAS_VERDICT_DELETE,
	EAS_VERDICT_SOFT_DELETE,
};
enum eas_verdict
eas_cursor_judge(const struct eas_cursor *cur, const struct store_change *ch);
/* The same for an item of recheck as it is now. */
enum eas_verdict
eas_cursor_judge_moved(const struct eas_cursor *cur, const struct store_item *item);

struct eas_gather;
/* The same for an item of the window's shift. */
enum eas_verdict
eas_cursor_judge_edge(const struct eas_cursor *cur, const struct eas_gather *g,
                      const struct store_item *item);

/*
 * Counts what a Sync would hand out, at most max; enough for Ping (max 1) and
 * GetItemEstimate. edges: window shifts count too.
 */
enum rc
eas_cursor_pending(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                   uint32_t device, size_t max, bool edges, size_t *ret) MUST_CHECK;

#endif
