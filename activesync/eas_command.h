/* SPDX-License-Identifier: ISC
 *
 * eas_command.h - the table of commands, and running one of them in a worker.
 *
 * eas_command_run() is the seam between HTTP and the protocol: it takes who asks, the
 * parsed query and the body's bytes, and leaves an answer or a wait. It needs no socket.
 */
#ifndef ACTIVESYNC_EAS_COMMAND_H
#define ACTIVESYNC_EAS_COMMAND_H

#include "activesync/eas_query.h"
#include "base/buf.h"
#include "base/log.h"
#include "format/wbxml.h"
#include "mdm/mdm_policy.h"
#include "push/push_wait.h"

struct eas;
struct eas_call;
struct eas_sign_in;

/* What a command's row says of it. */
enum eas_command_flag {
	EAS_COMMAND_EMPTY = 1 << 0,         /* a request without body is one */
	EAS_COMMAND_UNPROVISIONED = 1 << 1, /* runs before a policy was taken */
	EAS_COMMAND_RAW = 1 << 2,        /* below 14.0 the body is a message, not WBXML */
	EAS_COMMAND_ANY_DEVICE = 1 << 3, /* runs for the pseudo device "validate" */
	EAS_COMMAND_UNSUPPORTED = 1 << 4, /* known, answered with Status 137, not shown */
	EAS_COMMAND_QUARANTINE = 1 << 5,  /* eas_quarantine.h answers a device there */
	EAS_COMMAND_LOOK = 1 << 6,        /* goes on with c->look */
};

typedef void eas_start_fn(struct eas_call *c);

struct eas_command {
	const char *name;
	uint8_t code; /* MS-ASHTTP 2.2.1.1.1.1.2 */
	uint16_t version_min;
	uint16_t version_max;
	unsigned flags;
	wbxml_tag root;   /* of its answers; 0: they have no XML */
	wbxml_tag status; /* child of root */
	eas_start_fn *start;
	/* NULL, or subscribes to what the request itself names to wait for, before the
	 * first look at the store: then one snapshot will do for all of it. */
	eas_start_fn *watch;
};

/* One request in a worker; all of it lives as long as the job. */
struct eas_call {
	struct eas *eas;
	struct arena *arena;
	const struct log_ctx *log;
	const struct eas_command *command; /* set by eas_command_run() */
	struct eas_query query;
	struct span body;
	struct span user_agent;
	const char *peer;
	uint32_t connection; /* http_connection_id() */
	struct store_user user;
	struct store_device device; /* set by eas_command_run(); number 0: "validate" */
	/* The snapshot in which the device was found to be let in, for commands with
	 * EAS_COMMAND_LOOK; NULL: it has been used, or is too old by now. */
	struct store_tx *look;
	struct mdm_policy policy;
	struct wbxml_node *root; /* of the body; NULL when there is none */
	bool quarantined;
	bool by_key;                 /* could not sign in: is there for its wipe alone */
	enum rc key_rc;              /* of the look for that */
	struct eas_sign_in *refused; /* its sign-in */
	bool resumed; /* woken from a wait: the cached request counts, body is empty */

	/* Where a wait is to fire; loop NULL: the caller cannot wait. */
	struct loop *loop;
	push_wait_fn *on_wake;
	void *wake_arg;

	/* The answer. */
	int http_status;
	struct buf out;
	const char *content_type; /* NULL: WBXML */
	uint64_t retry_after_s;
	const char *throttle; /* of X-MS-ASThrottle; NULL: none */
	/* Or: nothing yet. wait is the caller's from now on (also when waiting is false:
	 * then it only has to be freed, in the loop). */
	bool waiting;
	uint32_t access_moves; /* push_access_moves() before access was looked at */
	uint64_t moved_us;   /* resumed: when what woke it was published; 0: not known */
	uint64_t wait_token; /* of what is waited for; given back when it is resumed */
	uint64_t wait_ms;    /* granted */
	uint32_t asked_s;    /* by the device, of which wait_ms was granted */
	struct push_wait *wait;
};

/* The row of a name (case ignored), or NULL. */
const struct eas_command *eas_command_find(struct span name);
/* The name for a code of the base64 query, or NULL. */
const char *eas_command_name(uint8_t code);
/* "Sync,SendMail,...": what OPTIONS shows, from the table. */
void eas_command_list(struct buf *out);
/* "14.0,14.1,...": likewise. */
void eas_version_list(struct buf *out);

/* user, query and body are set; the rest is empty. Workers only. */
void eas_command_run(struct eas_call *c);
/* What a wait that ran out answers; touches nothing but c->out and http_status. */
void eas_command_timeout(const struct eas_command *cmd, struct buf *out);

#endif
