/* SPDX-License-Identifier: ISC
 *
 * eas_beat.c - from the ends of waits to the heartbeat that a device's network keeps.
 *
 * kept_s only grows and cut_s only falls, until a sign of the opposite comes. Between the
 * two the limit is their geometric mean, which closes in on the truth in about six steps
 * from half an hour. A day after the last cut the device may have what it wishes once
 * more: networks change.
 */
#include "activesync/eas_beat.h"

#include <stdlib.h>

#include "activesync/eas_private.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "store/store_device.h"

/* A device that got an answer comes again within so long; it need not even be awake. */
#define PROMPT_MS 15000
/* So much longer than the heartbeat some wait for its answer (AOSP: 5 s). Who comes anew
 * sooner got it. */
#define OWN_CLOCK_MS 4000
/* One that got none comes when its own clock has run out, and it has noticed. */
#define PATIENCE_MS 180000
/* A connection that was reset is made anew at once by who still wants it. */
#define ANEW_MS 60000
/* Shorter silences break for other reasons. */
#define SILENCE_MIN_S 30
/* Signs of a cut that are believed: of a silence longer than was ever kept, and of one
 * that was kept before. A doubtful sign counts one, a clear one two. */
#define BELIEF_NEW 2
#define BELIEF_KEPT 4
#define RETRY_MS (INT64_C(24) * 3600 * 1000)
#define NOTES_MAX 100000

uint64_t
eas_beat_network(const char *peer)
{
	struct span s = span_str(peer);
	bool v6 = span_find(s, 0, ':') < s.n;
	size_t at = 0;

	/* /24 and /64 */
	for (unsigned groups = v6 ? 4 : 3; groups > 0 && at < s.n; groups--)
		at = span_find(s, at, v6 ? ':' : '.') + 1;
	return hash_bytes(span_sub(s, 0, at < s.n ? at : s.n));
}

enum eas_beat_sign
eas_beat_read(const struct eas_beat_note *n, uint32_t connection, uint64_t network,
              uint64_t now_ms)
{
	uint64_t pause_ms = now_ms - n->ended_ms;
	uint64_t own_clock_ms = n->asked_s > n->lasted_s
	                                ? (n->asked_s - n->lasted_s) * UINT64_C(1000)
	                                : 0;

	bool is_timely =
		pause_ms >= own_clock_ms && pause_ms <= own_clock_ms + PATIENCE_MS;
	bool is_comparable = n->lasted_s >= SILENCE_MIN_S && network == n->network;

	switch (n->end) {
	case EAS_BEAT_RESET:
		return is_comparable && pause_ms <= ANEW_MS ? EAS_BEAT_MAYBE_CUT
		                                            : EAS_BEAT_NOTHING;
	case EAS_BEAT_SILENT:
		/* Sooner: it was off the air, and came back to it. */
		return is_comparable && is_timely ? EAS_BEAT_CUT : EAS_BEAT_NOTHING;
	case EAS_BEAT_ANSWERED:
		break;
	}
	if (connection == n->connection || pause_ms <= OWN_CLOCK_MS ||
	    (pause_ms <= PROMPT_MS && own_clock_ms > PROMPT_MS))
		return EAS_BEAT_KEPT;
	/* Elsewhere, or so late that it was off: nobody knows. */
	if (!is_comparable || pause_ms > own_clock_ms + PATIENCE_MS)
		return EAS_BEAT_NOTHING;
	return is_timely && pause_ms > PROMPT_MS ? EAS_BEAT_CUT : EAS_BEAT_MAYBE_CUT;
}

/* Worth a commit: not every second more. */
static bool
is_much_more(uint32_t s, uint32_t than_s)
{
	return s >= than_s + 30 && s - than_s >= than_s / 8;
}

static bool
learn_kept(struct store_heartbeat *h, uint32_t s)
{
	bool changed = h->misses > 0;

	h->misses = 0;
	if (h->cut_s > 0 && s >= h->cut_s) {
		h->cut_s = h->told_s = 0;
		changed = true;
	}
	if (is_much_more(s, h->kept_s) || (h->cut_s > 0 && s > h->kept_s && changed)) {
		h->kept_s = s;
		changed = true;
	}
	return changed;
}

static bool
learn_cut(struct store_heartbeat *h, uint32_t s, unsigned weight, int64_t wall_ms)
{
	h->misses += weight;
	if (h->misses < (s <= h->kept_s ? BELIEF_KEPT : BELIEF_NEW))
		return true;
	h->misses = 0;
	if (s <= h->kept_s)
		h->kept_s = 0; /* another network by now */
	if (h->cut_s == 0 || s < h->cut_s)
		h->cut_s = s;
	h->told_s = 0;
	h->changed_ms = wall_ms;
	return true;
}

bool
eas_beat_learn(struct store_heartbeat *h, enum eas_beat_sign sign, uint32_t lasted_s,
               int64_t wall_ms)
{
	switch (sign) {
	case EAS_BEAT_KEPT:
		return learn_kept(h, lasted_s);
	case EAS_BEAT_CUT:
		return learn_cut(h, lasted_s, 2, wall_ms);
	case EAS_BEAT_MAYBE_CUT:
		return learn_cut(h, lasted_s, 1, wall_ms);
	case EAS_BEAT_NOTHING:
		break;
	}
	return false;
}

static uint32_t
square_root(uint64_t v)
{
	uint64_t r = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
		if ((r | bit) * (r | bit) <= v)
			r |= bit;
	}
	return (uint32_t)r;
}

uint32_t
eas_beat_limit(const struct store_heartbeat *h, uint32_t floor_s, int64_t wall_ms)
{
	uint32_t low = h->kept_s > floor_s ? h->kept_s : floor_s;

	if (h->cut_s == 0 || wall_ms - h->changed_ms >= RETRY_MS)
		return 0;
	if (h->cut_s <= low)
		return floor_s;
	if (h->cut_s - low <= 30 || h->cut_s - low <= low / 8)
		return low;
	return square_root((uint64_t)low * h->cut_s);
}

/* --- notes --- */

struct note {
	struct hnode node;
	struct list link; /* the oldest first */
	struct eas_beat_note n;
};

struct eas_beat_notes {
	pthread_mutex_t lock;
	struct htab table;
	struct list by_age;
};

struct eas_beat_notes *
eas_beat_notes_new(void)
{
	struct eas_beat_notes *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	htab_init(&t->table);
	list_init(&t->by_age);
	return t;
}

static void
forget(struct eas_beat_notes *t, struct note *n)
{
	htab_remove(&t->table, &n->node);
	list_remove(&n->link);
	free(n);
}

void
eas_beat_notes_free(struct eas_beat_notes *t)
{
	if (!t)
		return;
	list_each_safe(n, &t->by_age, struct note, link)
		forget(t, n);
	htab_done(&t->table);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static uint64_t
key_of(uint64_t user, uint32_t device)
{
	return hash_u64(user ^ (uint64_t)device << 40);
}

static struct note *
find_note(struct eas_beat_notes *t, uint64_t user, uint32_t device)
{
	for (struct hnode *h = htab_find(&t->table, key_of(user, device)); h;
	     h = htab_next(h)) {
		struct note *n = container_of(h, struct note, node);

		if (n->n.user == user && n->n.device == device)
			return n;
	}
	return NULL;
}

/* A device that was silent for longer than any clock of its own says nothing any more. */
static bool
is_stale(const struct note *n, uint64_t now_ms)
{
	return now_ms - n->n.ended_ms >
	       n->n.asked_s * UINT64_C(1000) + PATIENCE_MS + ANEW_MS;
}

void
eas_beat_note(struct eas_beat_notes *t, const struct eas_beat_note *of)
{
	struct note *n = xcalloc(1, sizeof(*n));
	struct note *old;

	n->n = *of;
	pthread_mutex_lock(&t->lock);
	old = find_note(t, of->user, of->device);
	if (old)
		forget(t, old);
	list_each_safe(i, &t->by_age, struct note, link) {
		if (t->table.count < NOTES_MAX && !is_stale(i, of->ended_ms))
			break;
		forget(t, i);
	}
	htab_add(&t->table, &n->node, key_of(of->user, of->device));
	list_push_back(&t->by_age, &n->link);
	pthread_mutex_unlock(&t->lock);
}

bool
eas_beat_take(struct eas_beat_notes *t, uint64_t user, uint32_t device,
              struct eas_beat_note *ret)
{
	struct note *n;

	pthread_mutex_lock(&t->lock);
	n = find_note(t, user, device);
	if (n) {
		*ret = n->n;
		forget(t, n);
	}
	pthread_mutex_unlock(&t->lock);
	return n != NULL;
}

/* --- in commands --- */

/* What cannot be saved now is learned another time. */
static void
save(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = eas_write(c, true, &tx);

	if (rc == RC_OK)
		rc = store_device_set_heartbeat(tx, c->device.number,
		                                &c->device.heartbeat);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc != RC_OK)
		log_info(c->log, "eas.heartbeat not saved", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
}

void
eas_beat_meet(struct eas_call *c)
{
	struct store_heartbeat *h = &c->device.heartbeat;
	struct eas_beat_note n;
	enum eas_beat_sign sign;

	if (c->resumed || c->device.number == 0 || !c->eas->conf->heartbeat_learn ||
	    !eas_beat_take(c->eas->beats, c->user.id, c->device.number, &n))
		return;
	sign = eas_beat_read(&n, c->connection, eas_beat_network(c->peer),
	                     clock_mono_ms());
	if (!eas_beat_learn(h, sign, n.lasted_s, clock_wall_ms()))
		return;
	log_info(c->log, "eas.heartbeat",
	         "sign=%s lasted_s=%u kept_s=%u cut_s=%u misses=%u",
	         sign == EAS_BEAT_KEPT ? "kept" : "cut", n.lasted_s, h->kept_s, h->cut_s,
	         h->misses);
	save(c);
}

bool
eas_beat_grant(struct eas_call *c, uint32_t asked_s, uint32_t *ret_s)
{
	const struct eas_conf *conf = c->eas->conf;
	const struct store_heartbeat *h = &c->device.heartbeat;
	uint64_t floor_ms = conf->heartbeat_floor_ms > conf->heartbeat_min_ms
	                            ? conf->heartbeat_floor_ms
	                            : conf->heartbeat_min_ms;
	uint32_t limit_s = 0;

	c->asked_s = asked_s;
	if (conf->heartbeat_learn)
		limit_s = eas_beat_limit(h, (uint32_t)(floor_ms / 1000), clock_wall_ms());
	*ret_s = limit_s > 0 && limit_s < asked_s ? limit_s : asked_s;
	return *ret_s == asked_s || h->told_s == limit_s;
}

void
eas_beat_told(struct eas_call *c, uint32_t limit_s)
{
	c->device.heartbeat.told_s = limit_s;
	save(c);
}
