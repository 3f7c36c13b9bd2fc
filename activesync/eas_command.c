/* SPDX-License-Identifier: ISC
 *
 * eas_command.c - the table of commands: [MS-ASHTTP] 2.2.1.1.1.1.2, and what must be true
 * before one runs: [MS-ASCMD] 2.2.2, [MS-ASPROV] 3.1.5.2.
 */
#include "activesync/eas_command.h"

#include <assert.h>
#include <stdio.h>

#include "activesync/eas_beat.h"
#include "activesync/eas_eager.h"
#include "activesync/eas_private.h"
#include "activesync/eas_quarantine.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/metric.h"

static const uint16_t versions[] = { 25, 120, 121, 140, 141, 160, 161 };

/* The database is away: so long, up to twice of it, so that not all come at once. */
#define RETRY_AFTER_S 15

/* Of an answer, to know it again. */
#define HASHED_MAX 4096

#define V_ALL 25, 161
#define V_12 120, 161
#define V_OLD 25, 121
#define V_14 140, 161

static const struct eas_command commands[] = {
	{ "Sync", 0, V_ALL, EAS_COMMAND_EMPTY | EAS_COMMAND_QUARANTINE | EAS_COMMAND_LOOK,
	  WBXML_AIRSYNC_SYNC, WBXML_AIRSYNC_STATUS, eas_sync_start, eas_sync_watch },
	{ "SendMail", 1, V_ALL, EAS_COMMAND_RAW, WBXML_COMPOSEMAIL_SENDMAIL,
	  WBXML_COMPOSEMAIL_STATUS, eas_sendmail_start, NULL },
	{ "SmartForward", 2, V_ALL, EAS_COMMAND_RAW, WBXML_COMPOSEMAIL_SMARTFORWARD,
	  WBXML_COMPOSEMAIL_STATUS, eas_smart_start, NULL },
	{ "SmartReply", 3, V_ALL, EAS_COMMAND_RAW, WBXML_COMPOSEMAIL_SMARTREPLY,
	  WBXML_COMPOSEMAIL_STATUS, eas_smart_start, NULL },
	{ "GetAttachment", 4, V_OLD, EAS_COMMAND_EMPTY, 0, 0, eas_attachment_start,
	  NULL },
	{ "GetHierarchy", 5, V_OLD, EAS_COMMAND_EMPTY, 0, 0, eas_hierarchy_start, NULL },
	{ "FolderSync", 9, V_ALL, EAS_COMMAND_ANY_DEVICE | EAS_COMMAND_QUARANTINE,
	  WBXML_FOLDERHIERARCHY_FOLDERSYNC, WBXML_FOLDERHIERARCHY_STATUS,
	  eas_folders_start, NULL },
	{ "FolderCreate", 10, V_ALL, 0, WBXML_FOLDERHIERARCHY_FOLDERCREATE,
	  WBXML_FOLDERHIERARCHY_STATUS, eas_folder_create_start, NULL },
	{ "FolderDelete", 11, V_ALL, 0, WBXML_FOLDERHIERARCHY_FOLDERDELETE,
	  WBXML_FOLDERHIERARCHY_STATUS, eas_folder_delete_start, NULL },
	{ "FolderUpdate", 12, V_ALL, 0, WBXML_FOLDERHIERARCHY_FOLDERUPDATE,
	  WBXML_FOLDERHIERARCHY_STATUS, eas_folder_update_start, NULL },
	{ "MoveItems", 13, V_ALL, 0, WBXML_MOVE_MOVEITEMS, WBXML_MOVE_STATUS,
	  eas_move_start, NULL },
	{ "GetItemEstimate", 14, V_ALL, EAS_COMMAND_QUARANTINE,
	  WBXML_GETITEMESTIMATE_GETITEMESTIMATE, WBXML_GETITEMESTIMATE_STATUS,
	  eas_estimate_start, NULL },
	{ "MeetingResponse", 15, V_ALL, 0, WBXML_MEETINGRESPONSE_MEETINGRESPONSE,
	  WBXML_MEETINGRESPONSE_STATUS, eas_respond_start, NULL },
	{ "Search", 16, V_12, 0, WBXML_SEARCH_SEARCH, WBXML_SEARCH_STATUS,
	  eas_search_start, NULL },
	{ "Settings", 17, V_12, EAS_COMMAND_ANY_DEVICE, WBXML_SETTINGS_SETTINGS,
	  WBXML_SETTINGS_STATUS, eas_settings_start, NULL },
	{ "Ping", 18, V_ALL,
	  EAS_COMMAND_EMPTY | EAS_COMMAND_QUARANTINE | EAS_COMMAND_LOOK, WBXML_PING_PING,
	  WBXML_PING_STATUS, eas_ping_start, eas_ping_watch },
	{ "ItemOperations", 19, V_12, EAS_COMMAND_QUARANTINE,
	  WBXML_ITEMOPERATIONS_ITEMOPERATIONS, WBXML_ITEMOPERATIONS_STATUS,
	  eas_items_start, NULL },
	{ "Provision", 20, V_ALL, EAS_COMMAND_UNPROVISIONED | EAS_COMMAND_ANY_DEVICE,
	  WBXML_PROVISION_PROVISION, WBXML_PROVISION_STATUS, eas_provision_start, NULL },
	{ "ResolveRecipients", 21, V_ALL, 0, WBXML_RESOLVERECIPIENTS_RESOLVERECIPIENTS,
	  WBXML_RESOLVERECIPIENTS_STATUS, eas_resolve_start, NULL },
	{ "ValidateCert", 22, V_ALL, 0, WBXML_VALIDATECERT_VALIDATECERT,
	  WBXML_VALIDATECERT_STATUS, eas_validate_start, NULL },
	{ "Find", 23, 161, 161, 0, WBXML_FIND_FIND, WBXML_FIND_STATUS, eas_find_start,
	  NULL },
};

/* Beside the rows of the table. */
static struct metric command_metrics[ARRAY_LEN(commands)];
static char command_labels[ARRAY_LEN(commands)][40];
static struct metric command_time =
	METRIC_HISTOGRAM("godwit_activesync_command_seconds",
                         "Time that a command takes, once it has a worker.");

void
eas_command_register_metrics(void)
{
	metric_register(&command_time);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct metric *m = &command_metrics[i];

		if (m->name)
			continue;
		snprintf(command_labels[i], sizeof(command_labels[i]), "command=\"%s\"",
		         commands[i].name);
		m->type = METRIC_TYPE_COUNTER;
		m->name = "godwit_activesync_commands_total";
		m->labels = command_labels[i];
		m->help = "Commands of devices.";
		metric_register(m);
	}
}

const struct eas_command *
eas_command_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (span_iis(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

const char *
eas_command_name(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].code == code)
			return commands[i].name;
	}
	return NULL;
}

void
eas_command_list(struct buf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].flags & EAS_COMMAND_UNSUPPORTED)
			continue;
		buf_addf(out, "%s%s", comma, commands[i].name);
		comma = ",";
	}
}

void
eas_version_list(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		buf_addf(out, "%s%u.%u", i > 0 ? "," : "", versions[i] / 10,
		         versions[i] % 10);
}

static bool
is_version(uint16_t v)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (versions[i] == v)
			return true;
	}
	return false;
}

void
eas_answer_begin(struct eas_call *c, struct wbxml_writer *w)
{
	buf_clear(&c->out);
	c->http_status = 200;
	wbxml_writer_init(w, &c->out);
}

void
eas_answer_status(struct eas_call *c, unsigned status)
{
	struct wbxml_writer w;

	eas_answer_begin(c, &w);
	wbxml_start(&w, c->command->root);
	wbxml_u64(&w, c->command->status, status);
	wbxml_end(&w);
}

void
eas_answer_http(struct eas_call *c, int status)
{
	buf_clear(&c->out);
	c->http_status = status;
}

uint64_t
eas_retry_after_s(void)
{
	return RETRY_AFTER_S + random_below(RETRY_AFTER_S + 1);
}

void
eas_answer_rc(struct eas_call *c, enum rc rc)
{
	log_warn(c->log, "eas.command failed", "cmd=%s rc=%s", c->command->name,
	         LOG_STR(span_str(rc_str(rc))));
	c->waiting = false;
	if (rc == RC_AGAIN) {
		eas_answer_http(c, 503);
		c->retry_after_s = eas_retry_after_s();
	} else if (c->command->root == 0) {
		eas_answer_http(c, 500);
	} else {
		eas_answer_status(c, eas_status_from_rc(c->command, rc));
	}
}

void
eas_wbxml_append(struct wbxml_writer *w, const struct wbxml_writer *part)
{
	assert(w->page == WBXML_PAGE_AIRSYNC);
	if (buf_len(part->out) == 0)
		return;
	if (w->tag_open) { /* the open element gets content */
		w->out->p[w->tag_at] |= 0x40;
		w->tag_open = false;
	}
	buf_add_span(w->out, buf_span(part->out));
	w->page = part->page;
}

enum rc
eas_read(struct eas_call *c, struct store_tx **ret)
{
	return store_read(c->eas->deps.store, c->user.id, ret);
}

void
eas_end_look(struct eas_call *c)
{
	store_tx_free(TAKE(c->look));
}

enum rc
eas_write(struct eas_call *c, bool as_device, struct store_tx **ret)
{
	struct store_actor who = {
		.device = as_device ? c->device.number : 0,
		.protocol = "activesync",
	};

	eas_end_look(c);
	return store_write(c->eas->deps.store, c->user.id, &who, ret);
}

void
eas_call_subscribe(struct eas_call *c, const uint32_t *collections, size_t n,
                   uint64_t timeout_ms)
{
	struct push_wait_spec spec = {
		.user = c->user.id,
		.collections = collections,
		.n_collections = n,
		.timeout_ms = timeout_ms > 0 ? timeout_ms : 1,
		.kind = c->command->start == eas_ping_start ? PUSH_KIND_PING
		                                            : PUSH_KIND_SYNC,
		.device = c->device.number,
		.unarmed = true,
		.loop = c->loop,
		.fn = c->on_wake,
		.arg = c->wake_arg,
	};

	assert(c->loop);
	eas_end_look(c);
	push_wait_free(TAKE(c->wait)); /* for what the request named, which is not it */
	c->wait = push_wait_new(c->eas->deps.push, &spec);
}

void
eas_call_wait(struct eas_call *c, uint64_t modseq)
{
	push_wait_saw(c->wait, modseq);
	c->waiting = true;
}

/* From 14.0 on in the body, before in HTTP (MS-ASCMD 2.2.2, MS-ASPROV 3.2.5.2). */
static void
refuse(struct eas_call *c, unsigned status, int http_status)
{
	log_info(c->log, "eas.command refused", "cmd=%s status=%u", c->command->name,
	         status);
	if (c->query.version >= 140 && c->command->root != 0)
		eas_answer_status(c, status);
	else
		eas_answer_http(c, http_status);
}

/* On waking there is no news of the device to note; is it still let in? */
static bool
is_still_allowed(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;

	if (!c->resumed || eas_read(c, &tx) != RC_OK ||
	    store_device_load(tx, c->device.number, c->arena, &d) != RC_OK)
		return false;
	c->device = d;
	if (d.state != STORE_DEVICE_ALLOWED || c->user.disabled)
		return false;
	c->look = TAKE(tx);
	return true;
}

static bool
has_been_removed(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;

	return eas_read(c, &tx) == RC_OK &&
	       store_device_load(tx, c->device.number, c->arena, &d) == RC_NOT_FOUND;
}

/* What a device in quarantine may say besides: what it is, and that it takes the policy.
 */
static bool
is_heard_in_quarantine(const struct eas_call *c)
{
	if (c->command->flags & (EAS_COMMAND_QUARANTINE | EAS_COMMAND_UNPROVISIONED))
		return true;
	if (c->command->start != eas_settings_start || !c->root)
		return false;
	for (const struct wbxml_node *n = c->root->first; n; n = n->next) {
		if (n->tag != WBXML_SETTINGS_DEVICEINFORMATION)
			return false;
	}
	return true;
}

/* RC_OK: let in, as *ret says. Else the answer is written. */
static enum rc
ask_access(struct eas_call *c, enum mdm_access *ret, struct span *ret_reason)
{
	struct mdm_device_facts facts = {
		.protocol = SPAN("activesync"),
		.id = c->query.device_id,
		.type = c->query.device_type,
		.user_agent = c->user_agent,
		.version = span_str(eas_version_str(c->query.version, c->arena)),
		.peer = c->peer,
	};
	enum rc rc;

	facts.model = facts.os = facts.extra = SPAN("");
	rc = mdm_access(c->eas->deps.mdm, &c->user, &facts, c->arena, &c->look,
	                &c->device, ret, ret_reason);
	if (rc == RC_TOO_BIG)
		refuse(c, EAS_STATUS_TOO_MANY_DEVICES, 403);
	else if (rc == RC_INVALID)
		refuse(c, EAS_STATUS_DEVICE_ID, 400);
	else if (rc != RC_OK)
		eas_answer_rc(c, rc);
	return rc;
}

/* Only Provision is heard, and says what to do; where the device now speaks a version
 * that has no word for it (MS-ASPROV 2.2.2.1), it stays out. */
static bool
check_wipe(struct eas_call *c)
{
	if (c->device.state == STORE_DEVICE_ACCOUNT_WIPE_PENDING &&
	    c->query.version < 161)
		refuse(c, EAS_STATUS_DEVICE_BLOCKED, 403);
	else if (c->command->flags & EAS_COMMAND_UNPROVISIONED)
		return true;
	else
		refuse(c, EAS_STATUS_WIPE_REQUESTED, 449);
	return false;
}

/* A remembered pair of id and password is not enough: is this device let in? */
static bool
check_device(struct eas_call *c)
{
	enum mdm_access access;
	struct span reason;

	if (span_iis(c->query.device_id, EAS_VALIDATE)) {
		if (c->command->flags & EAS_COMMAND_ANY_DEVICE)
			return true;
		refuse(c, EAS_STATUS_DEVICE_ID, 403);
		return false;
	}
	if (is_still_allowed(c))
		return true;
	if (c->resumed && has_been_removed(c)) {
		/* Nothing of what the request told is known any more: it says it again.
		 */
		eas_command_timeout(c->command, &c->out);
		c->http_status = 200;
		return false;
	}
	if (ask_access(c, &access, &reason) != RC_OK)
		return false;
	if (c->by_key && access != MDM_ACCESS_WIPE) { /* cancelled meanwhile */
		eas_answer_http(c, 401);
		return false;
	}
	if (access == MDM_ACCESS_ALLOW)
		return true;
	if (access == MDM_ACCESS_WIPE)
		return check_wipe(c);
	c->quarantined = access == MDM_ACCESS_QUARANTINE;
	if (c->quarantined && is_heard_in_quarantine(c))
		return true;
	log_info(c->log, "eas.device refused", "access=%s reason=%s",
	         mdm_access_str(access), LOG_STR(reason));
	refuse(c,
	       c->user.disabled ? EAS_STATUS_ACCOUNT_DISABLED : EAS_STATUS_DEVICE_BLOCKED,
	       403);
	return false;
}

static bool
check_policy(struct eas_call *c)
{
	unsigned status = EAS_STATUS_INVALID_POLICY_KEY;

	mdm_policy_get(c->eas->deps.mdm, &c->user, &c->policy);
	if ((c->command->flags & EAS_COMMAND_UNPROVISIONED) || !c->policy.enforce ||
	    c->device.number == 0 || c->quarantined)
		return true;
	/* What it showed when it began to wait was the key of the policy then. */
	if (c->resumed)
		c->query.policy_key = c->device.policy_key;
	if (mdm_policy_is_current(c->eas->deps.mdm, &c->user, &c->device,
	                          c->query.policy_key))
		return true;
	if (c->query.policy_key == 0 || c->device.policy_key == 0)
		status = EAS_STATUS_NOT_PROVISIONED;
	else if (c->query.policy_key == c->device.policy_key)
		status = EAS_STATUS_POLICY_REFRESH;
	refuse(c, status, 449);
	return false;
}

/* The body as a tree. Bad WBXML is HTTP 400, whatever the command. */
static bool
parse_body(struct eas_call *c)
{
	enum rc rc;

	if ((c->command->flags & EAS_COMMAND_RAW) && c->query.version < 140)
		return true;
	if (c->body.n == 0) {
		if (c->command->flags & EAS_COMMAND_EMPTY)
			return true;
		eas_answer_http(c, 400);
		return false;
	}
	rc = wbxml_parse(c->body, NULL, c->arena, &c->root);
	if (rc == RC_OK)
		return true;
	log_info(c->log, "eas.body refused", "cmd=%s bytes=%zu rc=%s", c->command->name,
	         c->body.n, LOG_STR(span_str(rc_str(rc))));
	eas_answer_http(c, 400);
	return false;
}

/* A wipe must get through whatever the device does. */
static bool
is_sent_away(struct eas_call *c, uint64_t key)
{
	uint64_t wait_ms;

	if (c->resumed || (c->command->flags & EAS_COMMAND_UNPROVISIONED))
		return false;
	wait_ms = eas_eager_ask(c->eas->eager, key, &c->throttle);
	if (wait_ms == 0)
		return false;
	eas_answer_http(c, 503);
	c->retry_after_s = wait_ms / 1000 + 1;
	return true;
}

/* What was answered at once counts; the beginning of a long answer tells it. */
static void
note_eagerness(struct eas_call *c, uint64_t key)
{
	const struct eas_eager_limits limits = { c->eas->conf->commands_max,
		                                 c->eas->conf->repeats_max };
	const struct mdm_actor by = { SPAN("server"), span_str(c->peer ? c->peer : "-") };
	uint64_t asked = hash_bytes(c->body) ^ hash_bytes(c->query.command);
	uint64_t got = hash_bytes(span_sub(buf_span(&c->out), 0, HASHED_MAX)) ^
	               hash_u64(buf_len(&c->out) ^ (uint64_t)c->http_status << 32);

	if (c->resumed || c->waiting ||
	    !eas_eager_note(c->eas->eager, &limits, key, asked, got))
		return;
	log_warn(c->log, "eas.device too eager", "cmd=%s", c->command->name);
	mdm_audit_once(c->eas->deps.mdm, &by, "device.throttled", c->user.id,
	               c->query.device_id, "it asks too often for what it gets");
}

/* The answer, or a wait. */
static void
run(struct eas_call *c)
{
	c->access_moves = push_access_moves(c->eas->deps.push);
	if (!parse_body(c))
		return;
	if (c->command->watch && c->loop && !c->resumed)
		c->command->watch(c);
	if (!check_device(c))
		return;
	eas_beat_meet(c);
	if (!check_policy(c))
		return;
	if (c->quarantined || !(c->command->flags & EAS_COMMAND_LOOK))
		eas_end_look(c);
	if (c->command->flags & EAS_COMMAND_UNSUPPORTED)
		refuse(c, EAS_STATUS_NOT_SUPPORTED, 501);
	else if (c->quarantined && (c->command->flags & EAS_COMMAND_QUARANTINE))
		eas_quarantine_start(c);
	else if (c->resumed && c->wait_token == EAS_QUARANTINE_TOKEN)
		eas_quarantine_end(c);
	else
		c->command->start(c);
	if (!buf_ok(&c->out)) {
		c->waiting = false;
		eas_answer_http(c, 500);
	}
}

void
eas_command_run(struct eas_call *c)
{
	uint64_t began = clock_mono_us(), key;

	c->command = eas_command_find(c->query.command);
	if (!c->command) {
		eas_answer_http(c, 501); /* MS-ASHTTP 2.2.2.1.1 */
		return;
	}
	if (c->query.version == 0) /* 2.5 clients leave it out; the oldest we have */
		c->query.version = versions[0];
	if (!is_version(c->query.version)) {
		eas_answer_http(c, 400);
		return;
	}
	if (c->query.version < c->command->version_min ||
	    c->query.version > c->command->version_max) {
		eas_answer_http(c, 501);
		return;
	}
	if (c->query.device_id.n == 0) {
		refuse(c, EAS_STATUS_DEVICE_ID, 400);
		return;
	}
	if (!c->resumed)
		metric_add(&command_metrics[c->command - commands], 1);
	key = eas_eager_key(c->user.id, c->query.device_id);
	if (is_sent_away(c, key))
		return;
	run(c);
	eas_end_look(c);
	note_eagerness(c, key);
	metric_observe_us(&command_time, clock_mono_us() - began);
	log_info(c->log, "eas.command",
	         "cmd=%s v=%u http=%d bytes_in=%zu bytes_out=%zu "
	         "us=%llu%s",
	         c->command->name, c->query.version, c->waiting ? 0 : c->http_status,
	         c->body.n, buf_len(&c->out),
	         (unsigned long long)(clock_mono_us() - began),
	         c->waiting ? " waits=1" : "");
}

void
eas_command_timeout(const struct eas_command *cmd, struct buf *out)
{
	if (cmd->start == eas_ping_start)
		eas_ping_timeout(out);
}
