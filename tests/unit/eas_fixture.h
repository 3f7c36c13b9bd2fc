/* SPDX-License-Identifier: ISC
 *
 * eas_fixture.h - ActiveSync commands over a real store in a temporary directory, no
 * sockets.
 *
 * Requests are XML as wbxml_from_xml() reads it; answers come back as one line of XML
 * without namespaces, "<Ping><Status>1</Status></Ping>".
 */
#ifndef TESTS_UNIT_EAS_FIXTURE_H
#define TESTS_UNIT_EAS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "activesync/eas_private.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_change.h"
#include "store/store_device.h"
#include "store/store_directory.h"

#define assert_rc(call, want) assert_string_equal(rc_str(call), rc_str(want))
#define assert_ok(call) assert_rc(call, RC_OK)

#define EAS_NOW INT64_C(1795300000000) /* 2026-11-21 */
#define EAS_DAY INT64_C(86400000)

struct eas_fixture {
	char dir[64];
	char *database; /* on PostgreSQL, see engine_fixture.h */
	struct store *store;
	struct push *push;
	struct loop *loop;
	struct jobs *jobs;
	struct mdm *mdm;
	struct mdm_conf mdm_conf;
	struct eas_conf conf;
	struct eas *eas;
	struct arena *a;
	uint64_t user;
	uint32_t inbox, drafts, sent, trash, junk;

	/* Of the next request. */
	const char *device;
	uint16_t version;
	uint32_t policy_key;
	bool multipart;
	const char *attachment; /* AttachmentName of the query */
	const char *query;      /* NULL, or one as devices send it, for its parameters */
	bool can_wait;
	unsigned fail_after; /* the n-th call of the database in the command fails; 0:
	                        none */

	/* Of the last answer. */
	int http_status;
	char *xml; /* "" for an empty body */
	struct buf body;
	bool waiting;
	bool has_failed; /* that call */
	uint64_t wait_ms;
	uint64_t wait_token;
	uint32_t wait_device;
	struct push_wait *wait;
	int woken; /* how often a wait fired with CHANGED */

	/* The fake way out for mail. */
	size_t n_sent;
	char *sent_message; /* the last */
	char *sent_before;  /* and the one before */
	enum rc sent_rc;    /* what it answers */
};

int eas_setup(void **state);
int eas_teardown(void **state);
/* Forgets all that is only in memory, as a new start of the server does. */
void eas_restart(struct eas_fixture *f);
/* Sets the policy to one that is enforced. */
void eas_enforce(struct eas_fixture *f);

/* Runs a command; xml NULL: no body. Returns f->xml. */
const char *eas_run(struct eas_fixture *f, const char *command, const char *xml);
const char *eas_runf(struct eas_fixture *f, const char *command, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The same with bytes. */
const char *eas_run_bytes(struct eas_fixture *f, const char *command, struct span body);
/* What a wait does when it fired: looks again. */
const char *eas_resume(struct eas_fixture *f, const char *command);
/* Lets the wait go, as a client that goes away does. */
void eas_stop_waiting(struct eas_fixture *f);

/* Text of the n-th <name> of the last answer, or "" ; in f->a. */
const char *eas_value(struct eas_fixture *f, const char *name, size_t n);
size_t eas_count(struct eas_fixture *f, const char *needle);
#define assert_has(f, needle)                                                            \
	do {                                                                             \
		if (!strstr((f)->xml, (needle)))                                         \
			fail_msg("%s is not in %s", (needle), (f)->xml);                 \
	} while (0)
#define assert_has_not(f, needle)                                                        \
	do {                                                                             \
		if (strstr((f)->xml, (needle)))                                          \
			fail_msg("%s is in %s", (needle), (f)->xml);                     \
	} while (0)

/* A mail in the folder, as SMTP would deliver it; returns its uid. */
uint32_t eas_mail(struct eas_fixture *f, uint32_t folder, int64_t received_ms,
                  const char *subject);
uint32_t eas_mail_raw(struct eas_fixture *f, uint32_t folder, int64_t received_ms,
                      struct span raw);
/* Changes by somebody else (IMAP). */
void eas_set_flags(struct eas_fixture *f, uint32_t folder, uint32_t uid, uint32_t on,
                   uint32_t off);
void eas_expunge(struct eas_fixture *f, uint32_t folder, uint32_t uid);
/* RC_NOT_FOUND when it is gone; spans in f->a. */
enum rc
eas_item(struct eas_fixture *f, uint32_t folder, uint32_t uid, struct store_item *ret);
uint32_t eas_exists(struct eas_fixture *f, uint32_t folder);
uint32_t eas_folder(struct eas_fixture *f, enum store_role role);

/* One Sync of one folder: its SyncKey, then inner (Options, Commands ...). The new key is
 * kept for eas_sync_next(). */
const char *
eas_sync(struct eas_fixture *f, uint32_t folder, const char *key, const char *inner);
/* The key of the last answer. */
char *eas_key(struct eas_fixture *f);

#define EAS_OPTIONS_PLAIN                                                                \
	"<Options><FilterType>0</FilterType><BodyPreference xmlns=\"AirSyncBase\">"      \
	"<Type>1</Type><TruncationSize>200</TruncationSize></BodyPreference></Options>"

#endif
