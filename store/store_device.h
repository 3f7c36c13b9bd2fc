/* SPDX-License-Identifier: ISC
 *
 * store_device.h - the registry of devices. A device is (user, protocol's own id string).
 * It lies in the user's shard.
 */
#ifndef STORE_STORE_DEVICE_H
#define STORE_STORE_DEVICE_H

#include "store/store.h"

#define STORE_DEVICE_STATE_LIST(X)                                                       \
	X(ALLOWED, "allowed")                                                            \
	X(QUARANTINED, "quarantined")                                                    \
	X(BLOCKED, "blocked")                                                            \
	X(WIPE_PENDING, "wipe pending")                                                  \
	X(WIPED, "wiped")                                                                \
	X(ACCOUNT_WIPE_PENDING, "account wipe pending")                                  \
	X(ACCOUNT_WIPED, "account wiped")

enum store_device_state {
#define X(name, text) STORE_DEVICE_##name,
	STORE_DEVICE_STATE_LIST(X)
#undef X
};
const char *store_device_state_str(enum store_device_state s);

/*
 * How long a silent connection of the device lives on its way through networks, as far as
 * it showed (activesync/eas_beat.h).
 */
struct store_heartbeat {
	uint32_t kept_s; /* the longest silence after which an answer arrived; 0: none yet
	                  */
	uint32_t cut_s;  /* the shortest known after which none did; 0: none known */
	uint32_t told_s; /* the limit that the device was told last; 0: none */
	uint32_t misses; /* signs of a cut, since the last sign of the opposite */
	int64_t changed_ms; /* cut_s was set */
};

struct store_device {
	uint32_t number; /* within the user, from 1; never used again */
	struct span id;  /* the protocol's own: DeviceId, SyncML's LocURI; 1-128 bytes */
	struct span protocol; /* "activesync" */
	struct span type;     /* "iPhone" */
	struct span model;
	struct span os;
	struct span user_agent;
	struct span version; /* of the protocol, as last spoken: "16.1" */
	enum store_device_state state;
	enum store_device_state state_before; /* of a wipe that is pending */
	int64_t wipe_sent_ms; /* when it was told of that wipe last; 0: not yet */
	bool by_admin;        /* an admin has put it into that state, not the rules */
	struct span reason;   /* why it is in that state */
	uint32_t policy_key;  /* last acknowledged, 0: none */
	uint32_t policy_key_pending; /* handed out in phase one, 0: none */
	uint32_t policy_version;     /* of the policy that policy_key stands for */
	int64_t first_seen_ms;
	int64_t last_seen_ms;
	struct store_heartbeat heartbeat;
	struct span extra; /* JSON of further facts (IMEI, phone number, language) */
};

/* Spans in a. */
enum rc store_device_find(struct store_tx *tx, struct span protocol, struct span id,
                          struct arena *a, struct store_device *ret) MUST_CHECK;
/* store_read() and store_device_find() at one go, which is a round trip less.
 * RC_NOT_FOUND: no such user, or device. */
enum rc store_device_read(struct store *s, uint64_t user, struct span protocol,
                          struct span id, struct arena *a, struct store_tx **ret_tx,
                          struct store_device *ret) MUST_CHECK;
enum rc store_device_load(struct store_tx *tx, uint32_t number, struct arena *a,
                          struct store_device *ret) MUST_CHECK;
/* Inserts (number 0; *ret_number is given) or replaces the row. */
enum rc store_device_save(struct store_tx *tx, const struct store_device *d,
                          uint32_t *ret_number) MUST_CHECK;
/* Only what was learned of its connections. RC_NOT_FOUND: no such device. */
enum rc store_device_set_heartbeat(struct store_tx *tx, uint32_t number,
                                   const struct store_heartbeat *h) MUST_CHECK;
/* With its cursors and its recovery password. */
enum rc store_device_delete(struct store_tx *tx, uint32_t number) MUST_CHECK;
/* What holds for a user's devices beside the configuration; kept with the account. */
enum store_device_default {
	STORE_DEVICE_DEFAULT_CONF, /* as configured */
	STORE_DEVICE_DEFAULT_ALLOW,
	STORE_DEVICE_DEFAULT_QUARANTINE,
	STORE_DEVICE_DEFAULT_BLOCK,
};
struct store_device_rules {
	int64_t limit; /* devices that may be registered; -1: as configured, 0: any */
	enum store_device_default unknown; /* the state of new ones */
};
enum rc
store_device_rules_load(struct store_tx *tx, struct store_device_rules *ret) MUST_CHECK;
enum rc store_device_rules_save(struct store_tx *tx,
                                const struct store_device_rules *r) MUST_CHECK;
enum rc store_device_list(struct store_tx *tx, struct arena *a, struct store_device **ret,
                          size_t *ret_n) MUST_CHECK;

#endif
