/* SPDX-License-Identifier: ISC
 *
 * store_oof.h - what a user's mailbox answers by itself while its user is away ("out of
 * office"), and whom it has answered.
 *
 * Whether answers are on now stands in the account's row, which every delivery reads
 * anyway (store_delivery.oof): who has them off pays nothing for them.
 */
#ifndef STORE_STORE_OOF_H
#define STORE_STORE_OOF_H

#include "store/store.h"

enum store_oof_state {
	STORE_OOF_OFF,
	STORE_OOF_ON,
	STORE_OOF_TIMED, /* from_ms <= now < until_ms */
};

#define STORE_OOF_AUDIENCE_LIST(X)                                                       \
	X(INTERNAL, "internal") /* addresses of our domains */                           \
	X(KNOWN, "known")       /* others, who stand in the user's contacts */           \
	X(UNKNOWN, "unknown")

enum store_oof_audience {
#define X(name, text) STORE_OOF_##name,
	STORE_OOF_AUDIENCE_LIST(X)
#undef X
};
#define STORE_OOF_AUDIENCES 3
const char *store_oof_audience_str(enum store_oof_audience a);

#define STORE_OOF_TEXT_MAX ((size_t)64 << 10)

struct store_oof_message {
	bool enabled;
	bool is_html;
	struct span text; /* UTF-8 */
};

struct store_oof {
	enum store_oof_state state;
	int64_t from_ms; /* of TIMED; both or none */
	int64_t until_ms;
	struct store_oof_message message[STORE_OOF_AUDIENCES];
	uint64_t version; /* moves whenever anything above does; 0: never set */
};

/* All off for who never set it. Spans in a. */
enum rc
store_oof_load(struct store_tx *tx, struct arena *a, struct store_oof *ret) MUST_CHECK;
/* Of o all but the version, which this gives; whom the mailbox answered before hears from
 * it again when something changed. RC_INVALID: times that are none, or no UTF-8;
 * RC_TOO_BIG: a text over STORE_OOF_TEXT_MAX. */
enum rc store_oof_save(struct store_tx *tx, const struct store_oof *o) MUST_CHECK;
/* Is an answer due at now_ms? */
bool store_oof_is_on(const struct store_oof *o, int64_t now_ms);

/* How a sender is remembered. */
struct store_oof_sender {
	struct span address;
	uint64_t version; /* of the text that it gets */
	int64_t now_ms;
	int64_t again_ms;  /* who was answered after it is not answered again */
	int64_t since_ms;  /* the day's count begins here ... */
	uint32_t many_max; /* ... and ends here */
};

/*
 * RC_OK: the sender is to be answered, and that is remembered when the transaction is
 * committed; whoever asks next, on whatever node, gets RC_EXISTS. RC_TOO_BIG: so many
 * were answered since since_ms that no more shall be.
 */
enum rc store_oof_take(struct store_tx *tx, const struct store_oof_sender *q) MUST_CHECK;
/* The answer could not be sent after all. */
enum rc store_oof_forget(struct store_tx *tx, struct span address) MUST_CHECK;

/* Remembered no longer than so by the sweep. */
#define STORE_OOF_KEPT_MS (INT64_C(100) * 24 * 3600 * 1000)

#endif
