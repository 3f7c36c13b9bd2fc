/* SPDX-License-Identifier: ISC
 *
 * eas_private.h - what the files of the ActiveSync server share.
 */
#ifndef ACTIVESYNC_EAS_PRIVATE_H
#define ACTIVESYNC_EAS_PRIVATE_H

#include <pthread.h>

#include "activesync/eas.h"
#include "activesync/eas_command.h"
#include "activesync/eas_status.h"
#include "base/cert.h"
#include "base/htab.h"
#include "base/spread.h"

#define EAS_PATH "/Microsoft-Server-ActiveSync"
#define EAS_CHALLENGE "Basic realm=\"Godwit\", charset=\"UTF-8\""
#define EAS_VALIDATE "validate" /* pseudo device of account set-up (AOSP, Samsung) */

struct eas_beat_notes;
struct eas_eager;

struct eas {
	struct eas_conf own;         /* a copy: the configuration may be loaded anew */
	const struct eas_conf *conf; /* &own */
	struct eas_deps deps;
	pthread_mutex_t lock; /* of waits */
	struct htab waits;    /* (user, device) -> its one long poll */
	size_t waiting;
	struct spread spread;     /* of the ends of long polls */
	struct cert_roots *roots; /* for ValidateCert */
	struct eas_beat_notes *beats;
	struct eas_eager *eager;
};

/* A writer on c->out. */
void eas_answer_begin(struct eas_call *c, struct wbxml_writer *w);
/* Appends what part has rendered for inside the open element of w. part was started on
 * the page where w stands now (AirSync's). */
void eas_wbxml_append(struct wbxml_writer *w, const struct wbxml_writer *part);
/* <Root><Status>n</Status></Root> of c's command. */
void eas_answer_status(struct eas_call *c, unsigned status);
/* HTTP status without a body. */
void eas_answer_http(struct eas_call *c, int status);
/* A result that has no place in the command's own answer: 503 with Retry-After for
 * RC_AGAIN, else the command's status, or HTTP 500 where it has none. Where a status says
 * "retry later" too (111), clients take a message or a folder for failed at it (AOSP's
 * Outbox); at 503 they keep it and come again. */
void eas_answer_rc(struct eas_call *c, enum rc rc);
/* For a 503. */
uint64_t eas_retry_after_s(void);

/* Transactions as this call's device; who: false writes as nobody, so that the device
 * itself is told of it too. A writer ends c->look. */
enum rc eas_write(struct eas_call *c, bool as_device, struct store_tx **ret) MUST_CHECK;
enum rc eas_read(struct eas_call *c, struct store_tx **ret) MUST_CHECK;
void eas_end_look(struct eas_call *c);
/* Subscribes c->wait; call it before comparing: it ends c->look. collections is copied.
 */
void eas_call_subscribe(struct eas_call *c, const uint32_t *collections, size_t n,
                        uint64_t timeout_ms);
/* Nothing to answer yet: waits on with c->wait. modseq: the user's when the store was
 * compared. */
void eas_call_wait(struct eas_call *c, uint64_t modseq);
/* Device facts from a settings:DeviceInformation/Set (MS-ASCMD 2.2.3.45), kept in the
 * registry. */
enum rc
eas_device_information(struct eas_call *c, const struct wbxml_node *info) MUST_CHECK;

/* The commands, one file each. */
eas_start_fn eas_sync_start;
eas_start_fn eas_sync_watch;
eas_start_fn eas_sendmail_start;
eas_start_fn eas_smart_start;
eas_start_fn eas_attachment_start;
eas_start_fn eas_folders_start;
eas_start_fn eas_hierarchy_start;
eas_start_fn eas_folder_create_start;
eas_start_fn eas_folder_update_start;
eas_start_fn eas_folder_delete_start;
eas_start_fn eas_move_start;
eas_start_fn eas_estimate_start;
eas_start_fn eas_ping_start;
eas_start_fn eas_ping_watch;
eas_start_fn eas_items_start;
eas_start_fn eas_respond_start;
eas_start_fn eas_provision_start;
eas_start_fn eas_settings_start;
eas_start_fn eas_search_start;
eas_start_fn eas_find_start;
eas_start_fn eas_resolve_start;
eas_start_fn eas_validate_start;

/* eas_command.c */
void eas_command_register_metrics(void);

/* eas_ping.c */
void eas_ping_timeout(struct buf *out);

/* eas_request.c */
void eas_request_handler(struct http_request *r, void *eas);
void eas_request_register_metrics(void);
/* eas_autodiscover.c */
void eas_autodiscover_handler(struct http_request *r, void *eas);

#endif
