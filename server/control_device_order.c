/* SPDX-License-Identifier: ISC
 *
 * control_device_order.c - what godwitctl can have done to devices.
 */
#include <inttypes.h>

#include "activesync/eas_id.h"
#include "activesync/eas_stuck.h"
#include "mdm/mdm_access.h"
#include "server/control_private.h"
#include "store/store_directory.h"

static enum rc
say(struct control_request *r, enum rc rc, const struct store_device *d)
{
	if (rc == RC_CONFLICT)
		return err_set(&r->err, rc, "%.*s: no wipe is pending", SPAN_FMT(d->id));
	if (rc == RC_UNSUPPORTED)
		return err_set(
			&r->err, rc,
			"%.*s speaks %.*s; only with 16.1 can a device wipe its "
			"account alone (without --account-only all of it is wiped)",
			SPAN_FMT(d->id), SPAN_FMT(d->version));
	return control_explain(r, rc, d->id);
}

static enum rc
set_device(struct control_request *r, const struct span *args, size_t n,
           enum store_device_state state)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	return say(r,
	           mdm_device_set_state(server_mdm(r->server), u.id, d.number, state,
	                                n > 2 ? args[2] : SPAN("by an admin"), &r->by),
	           &d);
}

/* Also before it comes for the first time. */
enum rc
control_device_approve(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? set_device(r, args, n, STORE_DEVICE_ALLOWED) : rc;
	rc = store_user_find(control_store(r), args[0], r->arena, &u);
	if (rc != RC_OK)
		return control_explain(r, rc, args[0]);
	d.id = args[1];
	return say(r,
	           mdm_device_add(server_mdm(r->server), u.id, SPAN("activesync"), d.id,
	                          n > 2 ? args[2] : SPAN("listed by an admin"), &r->by),
	           &d);
}

enum rc
control_device_block(struct control_request *r, const struct span *args, size_t n)
{
	return set_device(r, args, n, STORE_DEVICE_BLOCKED);
}

enum rc
control_device_unblock(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	if (d.state != STORE_DEVICE_BLOCKED && d.state != STORE_DEVICE_WIPED &&
	    d.state != STORE_DEVICE_ACCOUNT_WIPED)
		return err_set(&r->err, RC_CONFLICT, "%.*s is not blocked, it is %s",
		               SPAN_FMT(d.id), store_device_state_str(d.state));
	return set_device(r, args, n, STORE_DEVICE_ALLOWED);
}

enum rc
control_device_quarantine(struct control_request *r, const struct span *args, size_t n)
{
	return set_device(r, args, n, STORE_DEVICE_QUARANTINED);
}

/* wipe ADDRESS DEVICE [--account-only] [WHY] */
enum rc
control_device_wipe(struct control_request *r, const struct span *args, size_t n)
{
	struct span rest[3] = { args[0], args[1], SPAN("by an admin") };
	bool account = false;
	size_t k = 2;
	for (size_t i = 2; i < n; i++) {
		if (span_is(args[i], "--account-only"))
			account = true;
		else if (k < ARRAY_LEN(rest) && args[i].n && args[i].p[0] != '-')
			rest[k++] = args[i];
		else
			return err_set(
				&r->err, RC_INVALID,
				"device wipe ADDRESS DEVICE [--account-only] [WHY]");
	}
	return set_device(r, rest, ARRAY_LEN(rest),
	                  account ? STORE_DEVICE_ACCOUNT_WIPE_PENDING
	                          : STORE_DEVICE_WIPE_PENDING);
}

enum rc
control_device_cancel(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	return say(r,
	           mdm_device_cancel_wipe(server_mdm(r->server), u.id, d.number, &r->by),
	           &d);
}

enum rc
control_device_forget(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	if (mdm_is_wipe(d.state))
		return err_set(&r->err, RC_CONFLICT,
		               "%.*s: a wipe is pending, which would be forgotten too; "
		               "cancel it first",
		               SPAN_FMT(d.id));
	return say(r, mdm_device_remove(server_mdm(r->server), u.id, d.number, &r->by),
	           &d);
}

/* release ADDRESS DEVICE FOLDER:ITEM: what was set aside is sent again. */
enum rc
control_device_release(struct control_request *r, const struct span *args,
                       size_t n UNUSED)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "control" };
	struct store_user u;
	struct store_device d;
	struct eas_id id;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	if (eas_id_parse(args[2], 2, &id) != RC_OK)
		return err_set(&r->err, RC_INVALID,
		               "%.*s is no item; device show tells which are set aside",
		               SPAN_FMT(args[2]));
	rc = store_write(control_store(r), u.id, &who, &tx);
	if (rc == RC_OK)
		rc = eas_stuck_release(tx, d.number, id.collection, id.uid, r->arena);
	if (rc == RC_OK) {
		store_tx_access_moved(tx); /* a Ping of its looks again */
		rc = store_commit(&tx);
	}
	if (rc == RC_OK)
		mdm_audit(server_mdm(r->server), &r->by, "device.item_released", u.id,
		          d.id, "item=%.*s", SPAN_FMT(args[2]));
	return control_explain(r, rc, args[2]);
}

/* -- what holds for a user -- */

static const char *const unknown_texts[] = { "default", "allow", "quarantine", "block" };

static void
show_rules(struct control_request *r, const struct store_user *u,
           const struct store_device_rules *rules)
{
	int64_t limit =
		rules->limit >= 0 ? rules->limit : mdm_devices_max(server_mdm(r->server));
	control_cell(r, u->address);
	if (limit > 0)
		buf_addf(&r->out, "\t%" PRId64, limit);
	else
		buf_add_str(&r->out, "\tnone");
	buf_addf(&r->out, "\t%s\t%s\n", rules->limit >= 0 ? "own" : "default",
	         unknown_texts[rules->unknown]);
}

static enum rc
load_rules(struct control_request *r, struct span address, struct store_user *ret_user,
           struct store_device_rules *ret)
{
	enum rc rc = store_user_find(control_store(r), address, r->arena, ret_user);
	if (rc == RC_OK)
		rc = mdm_device_rules(server_mdm(r->server), ret_user->id, ret);
	return control_explain(r, rc, address);
}

static enum rc
save_rules(struct control_request *r, const struct store_user *u,
           const struct store_device_rules *rules)
{
	enum rc rc = mdm_device_set_rules(server_mdm(r->server), u->id, rules, &r->by);
	return control_explain(r, rc, u->address);
}

/* limit ADDRESS [N|none|default] */
enum rc
control_device_limit(struct control_request *r, const struct span *args, size_t n)
{
	struct store_device_rules rules;
	struct store_user u;
	uint32_t limit;
	enum rc rc = load_rules(r, args[0], &u, &rules);
	if (rc != RC_OK)
		return rc;
	if (n < 2) {
		show_rules(r, &u, &rules);
		return RC_OK;
	}
	if (span_is(args[1], "default"))
		rules.limit = -1;
	else if (span_is(args[1], "none"))
		rules.limit = 0;
	else if (parse_u32(args[1], 100000, &limit) == RC_OK && limit > 0)
		rules.limit = limit;
	else
		return err_set(&r->err, RC_INVALID,
		               "a limit is 1 to 100000, none, or default");
	return save_rules(r, &u, &rules);
}

/* unknown ADDRESS allow|quarantine|block|default */
enum rc
control_device_unknown(struct control_request *r, const struct span *args, size_t n)
{
	struct store_device_rules rules;
	struct store_user u;
	enum rc rc = load_rules(r, args[0], &u, &rules);
	if (rc != RC_OK)
		return rc;
	if (n < 2) {
		show_rules(r, &u, &rules);
		return RC_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown_texts); i++) {
		if (!span_is(args[1], unknown_texts[i]))
			continue;
		rules.unknown = (enum store_device_default)i;
		return save_rules(r, &u, &rules);
	}
	return err_set(&r->err, RC_INVALID, "allow, quarantine, block or default");
}
