/* SPDX-License-Identifier: ISC
 *
 * eas_sync.h - one Sync request on its way through the parser, the client's changes, the
 * server's changes and the answer (MS-ASCMD 2.2.1.21).
 */
#ifndef ACTIVESYNC_EAS_SYNC_H
#define ACTIVESYNC_EAS_SYNC_H

#include "activesync/eas_class.h"
#include "activesync/eas_cursor.h"
#include "activesync/eas_private.h"

#define EAS_SYNC_COLLECTIONS_MAX 300
#define EAS_SYNC_CACHE "sync-request"
#define EAS_WINDOW_DEFAULT 100
#define EAS_WINDOW_MAX 512 /* MS-ASCMD 2.2.3.199 */

/* The outcome of one command of the client. */
struct eas_sync_result {
	wbxml_tag kind; /* WBXML_AIRSYNC_ADD, _CHANGE, _DELETE */
	const struct wbxml_node *node;
	uint64_t hash; /* of the command's bytes: recognised when it comes again */
	unsigned status;
	uint32_t uid; /* of an Add */
	bool sent;    /* an Add with Send: there is no item */
	struct eas_sync_result *next;
};

/* What of the cursor's row a request matched. */
enum eas_sync_key {
	EAS_SYNC_KEY_FIRST, /* 0: a new partnership with the collection */
	EAS_SYNC_KEY_CURRENT,
	EAS_SYNC_KEY_PREVIOUS, /* the last answer was lost: replay */
};

struct eas_sync_collection {
	/* What the request says. */
	uint32_t id; /* 0: not a number of ours */
	struct span id_text;
	uint64_t key; /* UINT64_MAX: not a number of ours */
	bool get_changes;
	bool deletes_as_moves;
	bool has_conversation_mode;
	bool conversation_mode;
	uint32_t window;
	bool has_options;
	struct eas_options options;
	const struct wbxml_node *supported; /* NULL: none */
	const struct wbxml_node *commands;  /* NULL: none */
	bool cached;                        /* taken from the cached request (Partial) */

	/* What was found and done. */
	unsigned status;
	enum eas_sync_key match;
	const struct eas_class *class; /* of folder */
	struct store_collection folder;
	struct store_cursor row;         /* as it was; key 0: there was none */
	struct eas_cursor cursor;        /* worked on */
	struct eas_sync_result *results; /* in the order of the request */
	struct buf out;        /* the rendered Commands, AirSync page at both ends */
	struct wbxml_writer w; /* on out */
	size_t n_out;
	uint32_t last_uid;  /* of the last Add or Change in out */
	uint32_t set_aside; /* just now: the device cannot take that item */
	struct buf fetched; /* the rendered Fetch answers, likewise */
	struct wbxml_writer fw;
	bool has_fetch;
	bool commands_open; /* <Commands> was begun in out */
	bool is_unread;     /* its conversations could not be noted in time: next time */
	bool more;
	uint64_t new_key; /* 0: the old one stays */
	bool save;        /* the row is to be written */
};

struct eas_sync {
	struct eas_call *c;
	struct store_tx *look; /* the snapshot that is read from; NULL: the next one */
	struct eas_sync_collection *collections;
	size_t n;
	bool partial;
	bool is_wait;
	uint32_t wait_s;    /* of Wait or HeartbeatInterval; 0: none */
	uint32_t granted_s; /* of it */
	uint32_t window;    /* of all collections together */
	uint64_t tree;      /* modseq of the tree when the cached request was made */
	uint64_t tree_seen; /* the user's modseq when the tree was looked at last */
	uint64_t served;    /* and when the folders were */
	uint64_t restored;  /* store_tx_restored() */
	bool has_commands;
	bool is_stale; /* resumed, but the cached request is another one now */
	size_t bytes;  /* rendered so far */
};

/* eas_sync_parse.c: RC_INVALID: Status 4; RC_TOO_BIG: 15. */
enum rc eas_sync_parse(struct eas_sync *s, const struct wbxml_node *root) MUST_CHECK;
/* The Options of a <Collection> that are not for SMS; *ret NULL: none. RC_INVALID: there
 * are others than one for mail and one for SMS (MS-ASCMD 2.2.3.27.5). */
enum rc eas_options_find(const struct wbxml_node *collection,
                         const struct wbxml_node **ret) MUST_CHECK;
/* The Options element, MS-ASCMD 2.2.3.125; what it leaves out has its default.
 * RC_UNSUPPORTED: as eas_body_part_parse(). */
enum rc eas_options_parse(const struct wbxml_node *n, struct eas_options *ret) MUST_CHECK;
/* Of Options; RC_UNSUPPORTED: a Type other than HTML (Status 164). */
enum rc eas_body_part_parse(const struct wbxml_node *n, struct eas_options *o) MUST_CHECK;
/* ConversationMode of a <Collection>, which comes with 14.0; left out it stays as it was.
 */
void eas_conversation_mode_parse(const struct eas_call *c, const struct wbxml_node *n,
                                 struct eas_sync_collection *co);
enum rc eas_body_prefs_parse(const struct wbxml_node *n, wbxml_tag tag,
                             struct eas_options *o) MUST_CHECK;

/* eas_sync_cache.c: the request as it is kept for empty and partial ones. */
void eas_sync_cache_write(const struct eas_sync *s, struct buf *out);
/* Adds what the request itself does not name. RC_NOT_FOUND: nothing is cached. A resumed
 * request whose row is not the one it waited with is stale. */
enum rc eas_sync_cache_load(struct eas_sync *s, struct store_tx *tx) MUST_CHECK;

/* eas_sync_client.c: applies the commands of all collections, durable on return. Failures
 * of single commands are in their results. RC_CONFLICT: another node answered the device
 * meanwhile, nothing of the collection was applied. */
enum rc eas_sync_client(struct eas_sync *s) MUST_CHECK;
/* Results of an earlier request as the row keeps them. */
void
eas_sync_results_write(uint64_t key, const struct eas_sync_result *r, struct buf *out);

/* eas_sync_server.c: what the device does not have yet, into co->out. */
enum rc eas_sync_server(struct eas_sync *s, struct eas_sync_collection *co,
                        struct store_tx *tx) MUST_CHECK;

/* Notes the conversations of the folder where the device wants them whole. Nothing may be
 * open. *ret_done: see store_thread_catch_up(). */
enum rc eas_sync_note_threads(struct eas_call *c, const struct eas_cursor *cur,
                              uint32_t collection, bool *ret_done) MUST_CHECK;

/* eas_sync.c: finds the row and matches the key; sets co->status when it does not. */
enum rc eas_sync_match(struct eas_sync *s, struct eas_sync_collection *co,
                       struct store_tx *tx) MUST_CHECK;

#endif
