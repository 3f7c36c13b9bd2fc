/* SPDX-License-Identifier: ISC
 *
 * control_device.c - what godwitctl can ask of devices.
 */
#include <inttypes.h>

#include "activesync/eas_stuck.h"
#include "mdm/mdm_policy.h"
#include "mdm/mdm_rules.h"
#include "push/push_list.h"
#include "server/control_private.h"
#include "store/store_collection.h"
#include "store/store_cursor.h"
#include "store/store_device.h"
#include "store/store_directory.h"

/* What of them is asked for; empty spans and 0: all. */
struct filter {
	struct span user;
	struct span state;
	struct span type;
	struct span protocol;
	int64_t unseen_since_ms;
};

static bool
is_wanted(const struct filter *f, const struct store_device *d)
{
	if (f->state.n && !span_ieq(f->state, span_str(store_device_state_str(d->state))))
		return false;
	if (f->type.n && !mdm_rules_match(f->type, d->type))
		return false;
	if (f->protocol.n && !span_ieq(f->protocol, d->protocol))
		return false;
	return f->unseen_since_ms == 0 || d->last_seen_ms < f->unseen_since_ms;
}

static void
list_device(struct control_request *r, const struct store_user *u,
            const struct store_device *d)
{
	const struct span cells[] = {
		u->address,  d->id,
		d->protocol, d->version,
		d->type,     d->model,
		d->os,       span_str(store_device_state_str(d->state))
	};
	for (size_t j = 0; j < ARRAY_LEN(cells); j++) {
		control_cell(r, cells[j].n ? cells[j] : SPAN("-"));
		control_tab(r);
	}
	control_cell_time(r, d->first_seen_ms);
	control_tab(r);
	control_cell_time(r, d->last_seen_ms);
	control_tab(r);
	control_cell(r, d->reason.n ? d->reason : SPAN("-"));
	control_end_row(r);
}

static enum rc
list_devices_of(struct control_request *r, const struct filter *f,
                const struct store_user *u)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device *devices = NULL;
	size_t n = 0;
	enum rc rc = store_read(control_store(r), u->id, &tx);
	if (rc == RC_OK)
		rc = store_device_list(tx, r->arena, &devices, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (is_wanted(f, &devices[i]))
			list_device(r, u, &devices[i]);
	}
	return rc;
}

static enum rc
read_filter(struct control_request *r, const struct span *args, size_t n,
            struct filter *ret)
{
	*ret = (struct filter){ 0 };
	for (size_t i = 0; i < n; i++) {
		bool more = i + 1 < n;
		if (span_is(args[i], "--state") && more)
			ret->state = args[++i];
		else if (span_is(args[i], "--type") && more)
			ret->type = args[++i];
		else if (span_is(args[i], "--protocol") && more)
			ret->protocol = args[++i];
		else if (span_is(args[i], "--unseen") && more &&
		         control_since(args[i + 1], &ret->unseen_since_ms))
			i++;
		else if (args[i].n && args[i].p[0] != '-' && ret->user.n == 0)
			ret->user = args[i];
		else
			return err_set(
				&r->err, RC_INVALID,
				"device list [ADDRESS] [--state STATE] [--type TYPE] "
				"[--protocol NAME] [--unseen 30d]");
	}
	return RC_OK;
}

enum rc
control_device_list(struct control_request *r, const struct span *args, size_t n)
{
	struct store_user *users = NULL;
	struct filter f;
	size_t count = 0;
	enum rc rc = read_filter(r, args, n, &f);
	if (rc != RC_OK)
		return rc;
	if (f.user.n > 0) {
		struct store_user one;
		rc = store_user_find(control_store(r), f.user, r->arena, &one);
		return rc == RC_OK ? list_devices_of(r, &f, &one)
		                   : control_explain(r, rc, f.user);
	}
	rc = store_user_list(control_store(r), SPAN(""), r->arena, &users, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = list_devices_of(r, &f, &users[i]);
	return rc;
}

enum rc
control_device_find(struct control_request *r, const struct span *args,
                    struct store_user *ret_user, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device *devices = NULL;
	size_t n = 0;
	enum rc rc = store_user_find(control_store(r), args[0], r->arena, ret_user);
	if (rc != RC_OK)
		return control_explain(r, rc, args[0]);
	rc = store_read(control_store(r), ret_user->id, &tx);
	if (rc == RC_OK)
		rc = store_device_list(tx, r->arena, &devices, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (!span_ieq(devices[i].id, args[1]))
			continue;
		*ret = devices[i];
		return RC_OK;
	}
	return control_explain(r, rc == RC_OK ? RC_NOT_FOUND : rc, args[1]);
}

/* -- one device, all that is known: rows of a name and a value -- */

static void
fact(struct control_request *r, const char *name, struct span value)
{
	buf_addf(&r->out, "%s\t", name);
	control_cell(r, value.n ? value : SPAN("-"));
	control_end_row(r);
}

static void
time_fact(struct control_request *r, const char *name, int64_t ms)
{
	buf_addf(&r->out, "%s\t", name);
	control_cell_time(r, ms);
	control_end_row(r);
}

static void
show_policy(struct control_request *r, const struct store_user *u,
            const struct store_device *d)
{
	struct mdm *m = server_mdm(r->server);
	struct mdm_policy policy;
	const char *text = "accepted";
	mdm_policy_get(m, u, &policy);
	if (!policy.enforce)
		text = "not demanded";
	else if (d->policy_key == 0)
		text = d->policy_key_pending ? "handed out, not accepted yet"
		                             : "not accepted";
	else if (!mdm_policy_is_current(m, u, d, d->policy_key))
		text = "an older one is accepted";
	fact(r, "policy", span_str(text));
}

static void
show_heartbeat(struct control_request *r, const struct store_heartbeat *h)
{
	if (h->kept_s)
		buf_addf(&r->out, "heartbeat kept\t%" PRIu32 " s\n", h->kept_s);
	if (h->cut_s) {
		buf_addf(&r->out, "heartbeat cut\t%" PRIu32 " s, ", h->cut_s);
		control_cell_time(r, h->changed_ms);
		control_end_row(r);
	}
	if (!h->kept_s && !h->cut_s)
		fact(r, "heartbeat", SPAN("nothing learned yet"));
	if (h->told_s)
		buf_addf(&r->out, "heartbeat told\t%" PRIu32 " s\n", h->told_s);
	if (h->misses)
		buf_addf(&r->out, "heartbeat doubts\t%" PRIu32 "\n", h->misses);
}

static void
show_wait(struct control_request *r, const struct store_user *u,
          const struct store_device *d)
{
	struct push_waiter w;
	if (!push_list_find(server_push(r->server), u->id, d->number, &w)) {
		fact(r, "waiting", SPAN("not on this server"));
		return;
	}
	buf_addf(&r->out, "waiting\t%s since %" PRIu64 " s, %" PRIu64 " s left\n",
	         push_kind_str(w.kind), w.age_ms / 1000, w.left_ms / 1000);
}

/* What the device could not take; godwitctl device release takes the number. */
static void
show_aside(struct control_request *r, struct store_tx *tx, uint32_t device,
           const struct store_collection *c)
{
	const uint32_t *uids;
	size_t n;
	if (eas_stuck_list(tx, device, c->id, r->arena, &uids, &n) != RC_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		buf_addf(&r->out, "set aside\t%" PRIu32 ":%" PRIu32 " in ", c->id,
		         uids[i]);
		control_cell(r, c->name);
		control_end_row(r);
	}
}

/* "sync/12" is the cursor of collection 12 (activesync/eas_cursor.h). */
static void
show_collection(struct control_request *r, struct store_tx *tx, uint32_t device,
                const struct store_cursor_info *i)
{
	static const char prefix[] = "sync/";
	struct store_collection c;
	uint32_t id;
	if (!span_starts(i->name, prefix) ||
	    parse_u32(span_sub(i->name, sizeof(prefix) - 1, i->name.n), UINT32_MAX,
	              &id) != RC_OK ||
	    store_collection_load(tx, id, r->arena, &c) != RC_OK)
		return;
	buf_add_str(&r->out, "syncs\t");
	control_cell(r, c.name);
	buf_addf(&r->out, " (%s), last change fetched ", store_class_str(c.class));
	control_cell_time(r, i->saved_ms);
	control_end_row(r);
	show_aside(r, tx, device, &c);
}

static enum rc
show_collections(struct control_request *r, const struct store_user *u,
                 const struct store_device *d)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_cursor_info *list = NULL;
	size_t n = 0;
	enum rc rc = store_read(control_store(r), u->id, &tx);
	if (rc == RC_OK)
		rc = store_cursor_list(tx, d->number, r->arena, &list, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		show_collection(r, tx, d->number, &list[i]);
	return rc;
}

enum rc
control_device_show(struct control_request *r, const struct span *args, size_t n UNUSED)
{
	struct store_user u;
	struct store_device d;
	enum rc rc = control_device_find(r, args, &u, &d);
	if (rc != RC_OK)
		return rc;
	fact(r, "user", u.address);
	fact(r, "device", d.id);
	fact(r, "protocol", d.protocol);
	fact(r, "version", d.version);
	fact(r, "type", d.type);
	fact(r, "model", d.model);
	fact(r, "system", d.os);
	fact(r, "user agent", d.user_agent);
	fact(r, "more", d.extra);
	fact(r, "state", span_str(store_device_state_str(d.state)));
	fact(r, "why", d.reason);
	time_fact(r, "first seen", d.first_seen_ms);
	time_fact(r, "last seen", d.last_seen_ms);
	show_policy(r, &u, &d);
	show_heartbeat(r, &d.heartbeat);
	show_wait(r, &u, &d);
	return show_collections(r, &u, &d);
}
