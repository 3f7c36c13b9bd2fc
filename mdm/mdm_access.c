/* SPDX-License-Identifier: ISC
 *
 * mdm_access.c - devices: registering, noting when seen, and the one access decision.
 */
#include "mdm/mdm_access.h"

#include "base/clock.h"
#include "base/htab.h"
#include "mdm/mdm_private.h"

/* last_seen is written at most so often, since it costs a commit, and a phone comes each
 * quarter of an hour; less up to half of it, as the device is, so that a crowd does not
 * come back with a commit each. */
#define SEEN_EVERY_MS (6 * 3600 * 1000)
#define FACT_MAX 256
#define EXTRA_MAX 4096

const char *
mdm_access_str(enum mdm_access a)
{
	static const char *const texts[] = {
#define X(name, text) [MDM_ACCESS_##name] = text,
		MDM_ACCESS_LIST(X)
#undef X
	};
	return texts[a];
}

static enum mdm_access
access_of(enum store_device_state state)
{
	switch (state) {
	case STORE_DEVICE_ALLOWED:
		return MDM_ACCESS_ALLOW;
	case STORE_DEVICE_QUARANTINED:
		return MDM_ACCESS_QUARANTINE;
	case STORE_DEVICE_WIPE_PENDING:
	case STORE_DEVICE_ACCOUNT_WIPE_PENDING:
		return MDM_ACCESS_WIPE;
	case STORE_DEVICE_BLOCKED:
	case STORE_DEVICE_WIPED: /* until an admin lets it in again */
	case STORE_DEVICE_ACCOUNT_WIPED:
		break;
	}
	return MDM_ACCESS_BLOCK;
}

/* --- facts --- */

/* Protocols put the id into logs, keys and paths: printable ASCII without space. */
bool
mdm_is_device_id(struct span id)
{
	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] <= 0x20 || id.p[i] >= 0x7f)
			return false;
	}
	return id.n >= 1 && id.n <= 128;
}

/* True when the fact was told and is another than the registry has. */
static bool
update_fact(struct span *kept, struct span told, size_t max, struct arena *a)
{
	told = utf8_prefix(told, max);
	if (told.n == 0 || !utf8_is_valid(told) || span_eq(*kept, told))
		return false;
	*kept = arena_span(a, told);
	return true;
}

static bool
update_facts(struct store_device *d, const struct mdm_device_facts *f, struct arena *a)
{
	bool changed = update_fact(&d->type, f->type, FACT_MAX, a);
	changed |= update_fact(&d->model, f->model, FACT_MAX, a);
	changed |= update_fact(&d->os, f->os, FACT_MAX, a);
	changed |= update_fact(&d->user_agent, f->user_agent, FACT_MAX, a);
	changed |= update_fact(&d->version, f->version, FACT_MAX, a);
	/* Half of a JSON text is none. */
	if (f->extra.n <= EXTRA_MAX)
		changed |= update_fact(&d->extra, f->extra, EXTRA_MAX, a);
	return changed;
}

/* --- the registry --- */

/* How many devices the user may have; 0: any number. */
static int64_t
limit_of(const struct mdm *m, const struct store_device_rules *user)
{
	return user->limit >= 0 ? user->limit : m->conf.devices_max;
}

static enum rc
make_device(struct mdm *m, struct store_tx *tx, const struct mdm_device_facts *f,
            struct arena *a, struct store_device *d)
{
	struct store_device_rules rules;
	struct store_device *all;
	size_t n;
	enum rc rc = store_device_list(tx, a, &all, &n);
	if (rc == RC_OK)
		rc = store_device_rules_load(tx, &rules);
	if (rc != RC_OK)
		return rc;
	if (limit_of(m, &rules) > 0 && (int64_t)n >= limit_of(m, &rules))
		return RC_TOO_BIG;
	struct mdm_ruling r = mdm_rules_judge(m->rules, f->id, f->type, &rules);
	*d = (struct store_device){ .id = f->id, .protocol = f->protocol };
	d->first_seen_ms = d->last_seen_ms = clock_wall_ms();
	d->state = r.state;
	d->reason = r.reason;
	return RC_OK;
}

/* The rules have changed since the device was judged by them? What is not said of it by
 * name only lets it in: nobody loses a device by a new default. */
static enum rc
judge_anew(struct mdm *m, struct store_tx *tx, struct store_device *d, bool *ret)
{
	struct store_device_rules rules;
	*ret = false;
	if (d->by_admin || d->state > STORE_DEVICE_BLOCKED)
		return RC_OK;
	enum rc rc = store_device_rules_load(tx, &rules);
	if (rc != RC_OK)
		return rc;
	struct mdm_ruling r = mdm_rules_judge(m->rules, d->id, d->type, &rules);
	if (r.state == d->state || (!r.is_explicit && r.state != STORE_DEVICE_ALLOWED))
		return RC_OK;
	d->state = r.state;
	d->reason = r.reason;
	*ret = true;
	return RC_OK;
}

static bool
is_seen_lately(const struct store_device *d)
{
	int64_t ago = clock_wall_ms() - d->last_seen_ms;
	int64_t spread = (int64_t)(hash_bytes(d->id) % (SEEN_EVERY_MS / 2));
	return ago >= 0 && ago < SEEN_EVERY_MS - spread;
}

/* RC_NOT_FOUND: it must be written. */
static enum rc
find_unchanged(struct mdm *m, uint64_t user, const struct mdm_device_facts *f,
               struct arena *a, struct store_tx **ret_look, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;
	enum rc rc = store_device_read(m->store, user, f->protocol, f->id, a, &tx, &d);
	if (rc != RC_OK)
		return rc;
	bool moved;
	if (update_facts(&d, f, a) || !is_seen_lately(&d))
		return RC_NOT_FOUND;
	rc = judge_anew(m, tx, &d, &moved);
	if (rc == RC_OK && moved)
		rc = RC_NOT_FOUND;
	if (rc != RC_OK)
		return rc;
	*ret = d;
	if (ret_look)
		*ret_look = TAKE(tx);
	return RC_OK;
}

/* A device came, or the rules have moved it. */
static void
tell(struct mdm *m, uint64_t user, const struct store_device *d, bool is_new,
     const char *peer)
{
	const char *state = store_device_state_str(d->state);
	if (!peer)
		peer = "-";
	const struct mdm_actor by = { is_new ? SPAN("device") : SPAN("rules"),
		                      span_str(peer) };
	mdm_audit(m, &by, is_new ? "device.new" : "device.ruled", user, d->id,
	          "type=%.*s state=%s%s%.*s", SPAN_FMT(d->type), state,
	          d->reason.n ? " why=" : "", SPAN_FMT(d->reason));
	if (is_new)
		log_info(NULL, "mdm.device_new",
		         "user=%llu dev=%u id=%s protocol=%s type=%s state=%s peer=%s",
		         (unsigned long long)user, d->number, LOG_STR(d->id),
		         LOG_STR(d->protocol), LOG_STR(d->type), LOG_STR(span_str(state)),
		         peer);
}

static enum rc
write_device(struct mdm *m, uint64_t user, const struct mdm_device_facts *f,
             struct arena *a, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "mdm" };
	struct store_device d;
	bool moved = false;
	enum rc rc = store_write(m->store, user, &who, &tx);
	if (rc != RC_OK)
		return rc;
	rc = store_device_find(tx, f->protocol, f->id, a, &d);
	bool is_new = rc == RC_NOT_FOUND;
	if (is_new)
		rc = make_device(m, tx, f, a, &d);
	if (rc != RC_OK)
		return rc;
	update_facts(&d, f, a);
	d.last_seen_ms = clock_wall_ms();
	if (d.first_seen_ms == 0) /* an admin had listed it */
		d.first_seen_ms = d.last_seen_ms;
	if (!is_new)
		rc = judge_anew(m, tx, &d, &moved);
	if (rc == RC_OK)
		rc = store_device_save(tx, &d, &d.number);
	if (rc == RC_OK && moved)
		store_tx_access_moved(tx);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc != RC_OK)
		return rc;
	if (is_new || moved)
		tell(m, user, &d, is_new, f->peer);
	*ret = d;
	return RC_OK;
}

/* --- the decision --- */

enum rc
mdm_access(struct mdm *m, const struct store_user *user,
           const struct mdm_device_facts *facts, struct arena *a,
           struct store_tx **ret_look, struct store_device *ret_device,
           enum mdm_access *ret_access, struct span *ret_reason)
{
	struct store_device d;
	if (ret_look)
		*ret_look = NULL;
	if (!mdm_is_device_id(facts->id) || facts->protocol.n == 0)
		return RC_INVALID;
	enum rc rc = find_unchanged(m, user->id, facts, a, ret_look, &d);
	if (rc == RC_NOT_FOUND)
		rc = write_device(m, user->id, facts, a, &d);
	if (rc == RC_TOO_BIG) {
		const struct mdm_actor by = { SPAN("device"),
			                      span_str(facts->peer ? facts->peer : "-") };
		mdm_audit_once(m, &by, "device.over_limit", user->id, facts->id,
		               "one more than the user may have");
	}
	if (rc != RC_OK)
		return rc;
	*ret_device = d;
	/* Who left the house has a device that is to be wiped all the same. */
	bool out = user->disabled && !mdm_is_wipe(d.state);
	*ret_access = out ? MDM_ACCESS_BLOCK : access_of(d.state);
	if (out)
		*ret_reason = SPAN("the user is disabled");
	else
		*ret_reason = d.reason;
	return RC_OK;
}
