/* SPDX-License-Identifier: ISC
 *
 * mdm_device.c - what is done to devices, and the audit of it.
 *
 * The audit table lies in the directory, the device in its user's shard: two commits. The
 * audit's comes first, so that nothing is done that it does not know; what then could not
 * be done is said behind it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/htab.h"
#include "mdm/mdm_access.h"
#include "mdm/mdm_private.h"
#include "store/store_audit.h"
#include "store/store_directory.h"

#define REASON_MAX 256
#define DETAIL_MAX 1000
#define TOLD_MS (3600 * 1000)
#define LIMIT_MAX 100000

/* --- the audit --- */

static enum rc
audit_row(struct mdm *m, const struct store_audit *row)
{
	enum rc rc = store_audit_add(m->store, row);
	log_info(NULL, "mdm.audit",
	         "action=%s user=%s id=%s actor=%s origin=%s detail=%s rc=%s",
	         LOG_STR(row->action), LOG_STR(row->subject), LOG_STR(row->object),
	         LOG_STR(row->actor), LOG_STR(row->origin), LOG_STR(row->detail),
	         LOG_STR(span_str(rc_str(rc))));
	return rc;
}

static enum rc
audit(struct mdm *m, const struct mdm_actor *by, const char *action, uint64_t user,
      struct span device, struct span detail)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_user u = { .address = SPAN("") };
	/* A user who is gone is named by number. */
	if (user != 0 && store_user_load(m->store, user, a, &u) != RC_OK)
		u.address = span_str(arena_printf(a, "user %" PRIu64, user));
	const struct store_audit row = {
		.actor = by->who,
		.origin = by->where,
		.action = span_str(action),
		.subject = u.address,
		.object = device,
		.detail = detail,
	};
	return audit_row(m, &row);
}

static void
say_fault(enum rc rc)
{
	if (rc != RC_OK)
		log_error(NULL, "mdm.audit fault", "rc=%s",
		          LOG_STR(span_str(rc_str(rc))));
}

void
mdm_audit(struct mdm *m, const struct mdm_actor *by, const char *action, uint64_t user,
          struct span device, const char *detail, ...)
{
	char text[DETAIL_MAX];
	va_list ap;
	va_start(ap, detail);
	int n = vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	say_fault(audit(m, by, action, user, device, span_of(text, len)));
}

/* Was it told within the last hour? Two that share a place are told once too often. */
static bool
is_told(struct mdm *m, uint64_t what)
{
	struct mdm_told *t = &m->told[what % MDM_TOLD];
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&m->told_lock);
	bool told = t->what == what && now - t->at_ms < TOLD_MS;
	if (!told)
		*t = (struct mdm_told){ .what = what, .at_ms = now };
	pthread_mutex_unlock(&m->told_lock);
	return told;
}

bool
mdm_audit_once(struct mdm *m, const struct mdm_actor *by, const char *action,
               uint64_t user, struct span device, const char *detail)
{
	uint64_t what = hash_u64(user) ^ hash_bytes(device) * 3 ^
	                hash_bytes(span_str(action)) * 5;
	if (is_told(m, what))
		return false;
	say_fault(audit(m, by, action, user, device, span_str(detail)));
	return true;
}

void
mdm_audit_slowed(struct mdm *m, struct span name, const char *peer, uint64_t key)
{
	if (is_told(m, key))
		return;
	const struct store_audit row = {
		.actor = SPAN("anyone"),
		.origin = span_str(peer),
		.action = SPAN("sign_in.slowed"),
		.subject = name,
		.object = SPAN(""),
		.detail = SPAN("too many wrong passwords from there; this name last"),
	};
	say_fault(audit_row(m, &row));
}

/* --- states --- */

bool
mdm_is_wipe(enum store_device_state s)
{
	return s == STORE_DEVICE_WIPE_PENDING || s == STORE_DEVICE_ACCOUNT_WIPE_PENDING;
}

static const char *
action_of(enum store_device_state s)
{
	switch (s) {
	case STORE_DEVICE_ALLOWED:
		return "device.allowed";
	case STORE_DEVICE_QUARANTINED:
		return "device.quarantined";
	case STORE_DEVICE_BLOCKED:
		return "device.blocked";
	case STORE_DEVICE_WIPE_PENDING:
		return "device.wipe_ordered";
	case STORE_DEVICE_ACCOUNT_WIPE_PENDING:
		return "device.account_wipe_ordered";
	case STORE_DEVICE_WIPED:
		return "device.wiped";
	case STORE_DEVICE_ACCOUNT_WIPED:
		return "device.account_wiped";
	}
	return "device.state";
}

/* One order on one device. */
struct order {
	struct mdm *m;
	uint64_t user;
	uint32_t device;
	enum store_device_state state;
	struct span reason;
	const char *action;
	const struct mdm_actor *by;
	bool cancels; /* back to what the row says */
};

/* Can it be done to a device like that? */
static enum rc
judge(const struct order *o, const struct store_device *d)
{
	if (o->cancels && !mdm_is_wipe(d->state))
		return RC_CONFLICT;
	/* MS-ASPROV 2.2.2.1: AccountOnlyRemoteWipe is of 16.1. */
	if (o->state == STORE_DEVICE_ACCOUNT_WIPE_PENDING && !o->cancels &&
	    !span_is(d->version, "16.1"))
		return RC_UNSUPPORTED;
	return RC_OK;
}

static enum rc
look(const struct order *o, struct arena *a, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_read(o->m->store, o->user, &tx);
	if (rc == RC_OK)
		rc = store_device_load(tx, o->device, a, ret);
	return rc == RC_OK ? judge(o, ret) : rc;
}

static enum rc
change(const struct order *o, struct arena *a)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "mdm" };
	struct store_device d;
	enum rc rc = store_write(o->m->store, o->user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_load(tx, o->device, a, &d);
	if (rc == RC_OK)
		rc = judge(o, &d);
	if (rc != RC_OK)
		return rc;
	if (mdm_is_wipe(o->state) && !mdm_is_wipe(d.state))
		d.state_before = d.state;
	if (!o->cancels && mdm_is_wipe(o->state))
		d.wipe_sent_ms = 0;
	d.state = o->cancels ? d.state_before : o->state;
	if (!o->cancels && !mdm_is_wipe(o->state))
		d.by_admin = true;
	/* Its key has served its purpose. */
	if (o->state == STORE_DEVICE_WIPED || o->state == STORE_DEVICE_ACCOUNT_WIPED)
		d.policy_key = d.policy_key_pending = 0;
	d.reason = utf8_prefix(o->reason, REASON_MAX);
	rc = store_device_save(tx, &d, &d.number);
	if (rc != RC_OK)
		return rc;
	store_tx_access_moved(tx); /* a Ping of its hears of it */
	return store_commit(&tx);
}

static enum rc
carry_out(const struct order *o)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_device d;
	enum rc rc = look(o, a, &d);
	if (rc != RC_OK)
		return rc;
	char *detail = arena_printf(a, "from=%s reason=%.*s",
	                            store_device_state_str(d.state), SPAN_FMT(o->reason));
	rc = audit(o->m, o->by, o->action, o->user, d.id, span_str(detail));
	if (rc != RC_OK)
		return rc;
	rc = change(o, a);
	if (rc != RC_OK)
		mdm_audit(o->m, o->by, "device.not_done", o->user, d.id,
		          "action=%s rc=%s", o->action, rc_str(rc));
	return rc;
}

enum rc
mdm_device_set_state(struct mdm *m, uint64_t user, uint32_t device,
                     enum store_device_state state, struct span reason,
                     const struct mdm_actor *by)
{
	const struct order o = { .m = m,
		                 .user = user,
		                 .device = device,
		                 .state = state,
		                 .reason = reason,
		                 .action = action_of(state),
		                 .by = by };
	return carry_out(&o);
}

enum rc
mdm_device_cancel_wipe(struct mdm *m, uint64_t user, uint32_t device,
                       const struct mdm_actor *by)
{
	const struct order o = { .m = m,
		                 .user = user,
		                 .device = device,
		                 .reason = SPAN("the wipe was cancelled"),
		                 .action = "device.wipe_cancelled",
		                 .by = by,
		                 .cancels = true };
	return carry_out(&o);
}

enum rc
mdm_device_add(struct mdm *m, uint64_t user, struct span protocol, struct span id,
               struct span reason, const struct mdm_actor *by)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "mdm" };
	struct store_device d;
	if (!mdm_is_device_id(id))
		return RC_INVALID;
	enum rc rc = audit(m, by, "device.listed", user, id, reason);
	if (rc == RC_OK)
		rc = store_write(m->store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_find(tx, protocol, id, a, &d);
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? RC_EXISTS : rc;
	d = (struct store_device){ .id = id,
		                   .protocol = protocol,
		                   .state = STORE_DEVICE_ALLOWED,
		                   .by_admin = true,
		                   .reason = utf8_prefix(reason, REASON_MAX) };
	rc = store_device_save(tx, &d, &d.number);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

enum rc
mdm_device_remove(struct mdm *m, uint64_t user, uint32_t device,
                  const struct mdm_actor *by)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "mdm" };
	const struct order o = { .m = m, .user = user, .device = device };
	struct store_device d;
	enum rc rc = look(&o, a, &d);
	if (rc == RC_OK)
		rc = audit(m, by, "device.removed", user, d.id,
		           span_str(arena_printf(a, "state=%s",
		                                 store_device_state_str(d.state))));
	if (rc == RC_OK)
		rc = store_write(m->store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_delete(tx, device);
	if (rc != RC_OK)
		return rc;
	store_tx_access_moved(tx);
	return store_commit(&tx);
}

/* --- what holds for a user's devices --- */

enum rc
mdm_device_rules(struct mdm *m, uint64_t user, struct store_device_rules *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_read(m->store, user, &tx);
	return rc == RC_OK ? store_device_rules_load(tx, ret) : rc;
}

enum rc
mdm_device_set_rules(struct mdm *m, uint64_t user, const struct store_device_rules *r,
                     const struct mdm_actor *by)
{
	static const char *const texts[] = { "as configured", "allow", "quarantine",
		                             "block" };
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "mdm" };
	if (r->limit < -1 || r->limit > LIMIT_MAX ||
	    r->unknown > STORE_DEVICE_DEFAULT_BLOCK)
		return RC_INVALID;
	char *limit = r->limit < 0 ? arena_printf(a, "as configured")
	                           : arena_printf(a, "%" PRId64, r->limit);
	char *detail =
		arena_printf(a, "limit=%s unknown devices=%s", limit, texts[r->unknown]);
	enum rc rc = audit(m, by, "user.device_rules", user, SPAN(""), span_str(detail));
	if (rc == RC_OK)
		rc = store_write(m->store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_rules_save(tx, r);
	if (rc != RC_OK)
		return rc;
	store_tx_access_moved(tx); /* who waits in quarantine may be let in */
	return store_commit(&tx);
}

int64_t
mdm_devices_max(const struct mdm *m)
{
	return m->conf.devices_max;
}

/* --- wipes --- */

enum rc
mdm_wipe_sent(struct mdm *m, uint64_t user, uint32_t device, const struct mdm_actor *by)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "mdm" };
	struct store_device d;
	enum rc rc = store_write(m->store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_device_load(tx, device, a, &d);
	if (rc == RC_OK && !mdm_is_wipe(d.state))
		rc = RC_CONFLICT;
	if (rc != RC_OK)
		return rc;
	bool account = d.state == STORE_DEVICE_ACCOUNT_WIPE_PENDING;
	d.wipe_sent_ms = clock_wall_ms();
	rc = store_device_save(tx, &d, &d.number);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK)
		mdm_audit_once(m, by, "device.wipe_sent", user, d.id,
		               account ? "of the account only" : "of all its data");
	return rc;
}

enum rc
mdm_wipe_by_key(struct mdm *m, struct span address, struct span protocol, struct span id,
                uint32_t policy_key, const char *peer, struct arena *a,
                struct store_user *ret_user)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_user u;
	struct store_device d;
	enum rc rc = store_user_find(m->store, address, a, &u);
	if (rc == RC_OK)
		rc = store_read(m->store, u.id, &tx);
	if (rc == RC_OK)
		rc = store_device_find(tx, protocol, id, a, &d);
	if (rc == RC_NOT_FOUND || rc == RC_INVALID || rc == RC_TOO_BIG)
		return RC_DENIED;
	if (rc != RC_OK)
		return rc;
	if (!mdm_is_wipe(d.state))
		return RC_DENIED;
	if (policy_key == 0 || d.policy_key != policy_key) {
		const struct mdm_actor by = { SPAN("anyone"), span_str(peer) };
		mdm_audit_once(m, &by, "device.wipe_refused", u.id, id,
		               "neither signed in nor the device's policy key");
		return RC_DENIED;
	}
	*ret_user = u;
	return RC_OK;
}

const char *
mdm_quarantine_text(const struct mdm *m)
{
	return m->quarantine_text;
}

const char *
mdm_quarantine_subject(const struct mdm *m)
{
	return m->quarantine_subject;
}
