/* SPDX-License-Identifier: ISC
 *
 * mdm_auth.h - who is it: sign-in by name and password, for every door.
 *
 * yescrypt costs tens of milliseconds, and phones send Basic credentials with each
 * request: a checked pair is remembered as a keyed hash until the password changes or a
 * time is up. Wrong passwords are slowed down by address and name.
 *
 * So there are two ways: who is remembered, or may not try, is answered by a worker at
 * once; the others wait for a few hashing threads in a queue that holds no worker
 * (mdm_hashing.h).
 */
#ifndef MDM_MDM_AUTH_H
#define MDM_MDM_AUTH_H

#include <stdatomic.h>

#include "base/conf.h"
#include "base/encode.h"
#include "base/job.h"
#include "base/log.h"
#include "mdm/mdm_hashing.h"
#include "mdm/mdm_throttle.h"
#include "store/store_directory.h"

struct mdm;

#define MDM_KEY_SIZE 32

extern const struct conf_section mdm_conf_section; /* "access" */

struct mdm_conf {
	int default_state; /* enum: allow, quarantine, whitelist */
	uint64_t auth_cache_ms;
	int64_t auth_failures_max; /* of an address within auth_failures_ms */
	uint64_t auth_failures_ms;
	int64_t password_cost;   /* yescrypt's, for new passwords */
	int64_t hashing_threads; /* 0: a core fewer than there are */
	int64_t hashing_queue;   /* sign-ins that may wait for them */
	char *remember_key;      /* the file of the supervisor's; see mdm_set_key() */
	int64_t devices_max;     /* of a user; 0: no limit */
	struct conf_list allowed_devices; /* ids */
	struct conf_list allowed_types;   /* of devices; a '*' ends what only begins so */
	struct conf_list quarantined_types;
	struct conf_list blocked_types;
	char *quarantine_subject; /* may be NULL, as the next */
	char *quarantine_text;
};

enum rc
mdm_new(struct store *s, const struct mdm_conf *conf, struct mdm **ret) MUST_CHECK;
/* What remembered passwords are keyed with beyond this process (MDM_KEY_SIZE bytes): they
 * are then kept in the store for the next start, and for other nodes with that key.
 * Before the first sign-in. */
void mdm_set_key(struct mdm *m, const uint8_t *key);
/* Nothing is hashed any more, who waits is told RC_AGAIN. While the loops and workers are
 * still there. */
void mdm_stop(struct mdm *m);
void mdm_free(struct mdm *m);
struct store *mdm_store(const struct mdm *m);

struct mdm_sign_in;
typedef void mdm_sign_in_fn(struct mdm_sign_in *s);

/* A sign-in under way; embedded, or in an arena. What it points to must stay until fn is
 * called. */
struct mdm_sign_in {
	/* Asked; as for mdm_sign_in(). */
	struct span name;
	struct span password;
	struct span hint_domain;
	const char *peer;
	const char *protocol;
	struct arena *arena; /* nobody else uses it meanwhile */
	/* Or NULL. Who is let in without a hash needs no way through the loop: then(s)
	 * runs in the worker, on the user's strand, with the answer; fn comes after it.
	 */
	mdm_sign_in_fn *then;
	/* Answered. */
	enum rc rc;
	struct store_user user;
	bool has_gone_on; /* then() was called */
	uint64_t wait_ms; /* with RC_AGAIN; spread, so that not all come back at once */

	/* mdm_auth.c's own */
	struct mdm *mdm;
	struct jobs *jobs;
	struct loop *loop;
	mdm_sign_in_fn *fn;
	struct mdm_hash_job hash;
	struct mdm_attempt keys;
	struct sha256 digest; /* of the password, with all that makes it void */
	struct span address;
	const char *why;    /* the user cannot sign in whatever the password is */
	const char *stored; /* the password's hash */
	bool is_slowed;     /* too many failures */
	bool must_hash;
	bool has_passed; /* by its hash: to be kept */
	atomic_bool cancelled;
};

/* In l's thread: fn(s) runs there once, never from inside this call. */
void mdm_sign_in_start(struct mdm *m, struct mdm_sign_in *s, struct jobs *jobs,
                       struct loop *l, mdm_sign_in_fn *fn);
/* Nobody waits for it any more: fn comes soon, without a hash made in vain. In l's
 * thread, before fn. */
void mdm_sign_in_cancel(struct mdm_sign_in *s);

/*
 * The same at one go, for who has no loop: it holds the worker until the hash is made.
 * Workers only. user: "alice@example.org", or "DOMAIN\alice", or "alice" (then it is
 * looked for in hint_domain, and else in the only domain there is). RC_OK; RC_DENIED:
 * wrong, unknown or disabled (the same for all); RC_AGAIN: too many failures,
 * *ret_wait_ms tells how long. peer is an address. Spans of *ret_user lie in a.
 * ret_wait_ms may be NULL.
 */
enum rc mdm_sign_in(struct mdm *m, struct span user, struct span password,
                    struct span hint_domain, const char *peer, const char *protocol,
                    struct arena *a, struct store_user *ret_user,
                    uint64_t *ret_wait_ms) MUST_CHECK;
/* Hashes and sets; the remembered pairs are void at once. */
enum rc
mdm_set_password(struct mdm *m, struct span address, struct span password) MUST_CHECK;
/* password -> hash with the configured cost, free()d by the caller. */
enum rc mdm_hash(struct mdm *m, struct span password, char **ret) MUST_CHECK;

#endif
