/* SPDX-License-Identifier: ISC
 *
 * mdm_checked.c - passwords that were checked: remembered as keyed digests.
 */
#include "mdm/mdm_checked.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/store_checked.h"

/* Remembered users; above it the one not seen for longest is forgotten. */
#define USERS_MAX 200000

static struct metric metric_kept = METRIC_COUNTER(
	"godwit_mdm_passwords_kept_total", "Checked passwords written to the store.");

struct entry {
	struct hnode node; /* by user */
	struct list link;  /* the one used last stands first */
	uint64_t user;
	uint64_t until_ms; /* of clock_mono_ms() */
	struct sha256 digest;
};

struct mdm_checked {
	struct store *store;
	uint64_t life_ms;
	uint8_t key[MDM_KEY_SIZE];
	uint64_t key_id;
	bool is_kept;         /* in the store */
	pthread_mutex_t lock; /* over the entries */
	struct htab entries;
	struct list order;
};

static void
forget(struct mdm_checked *c, struct entry *e)
{
	htab_remove(&c->entries, &e->node);
	list_remove(&e->link);
	mem_wipe(&e->digest, sizeof(e->digest));
	free(e);
}

struct mdm_checked *
mdm_checked_new(struct store *s, uint64_t life_ms)
{
	struct mdm_checked *c = xcalloc(1, sizeof(*c));

	c->store = s;
	c->life_ms = life_ms;
	random_bytes(c->key, sizeof(c->key));
	htab_init(&c->entries);
	list_init(&c->order);
	pthread_mutex_init(&c->lock, NULL);
	metric_register(&metric_kept);
	return c;
}

void
mdm_checked_free(struct mdm_checked *c)
{
	if (!c)
		return;
	while (!list_is_empty(&c->order))
		forget(c, list_first(&c->order, struct entry, link));
	htab_done(&c->entries);
	pthread_mutex_destroy(&c->lock);
	mem_wipe(c, sizeof(*c));
	free(c);
}

void
mdm_checked_set_key(struct mdm_checked *c, const uint8_t key[MDM_KEY_SIZE])
{
	struct span secret = span_of((const char *)key, MDM_KEY_SIZE);
	struct sha256 derived;

	hmac_sha256(secret, SPAN("godwit checked password"), &derived);
	memcpy(c->key, derived.b, sizeof(c->key));
	/* Which key it is may be known: it says nothing of the key itself. */
	hmac_sha256(secret, SPAN("godwit key id"), &derived);
	memcpy(&c->key_id, derived.b, sizeof(c->key_id));
	c->key_id &= INT64_MAX;
	mem_wipe(&derived, sizeof(derived));
	c->is_kept = c->life_ms > 0;
}

struct sha256
mdm_checked_digest(const struct mdm_checked *c, const struct store_user *user,
                   struct span password)
{
	struct sha256 digest;
	AUTO_DONE(buf) struct buf b = { 0 };

	/* At once, so that no copy is left behind where it grows. */
	buf_reserve(&b, 64 + password.n + user->password.n);
	buf_add(&b, &user->id, sizeof(user->id));
	buf_add(&b, &user->password_version, sizeof(user->password_version));
	buf_add(&b, &password.n, sizeof(password.n));
	buf_add_span(&b, password);
	buf_add_span(&b, user->password);
	hmac_sha256(span_of((const char *)c->key, sizeof(c->key)), buf_span(&b), &digest);
	mem_wipe(b.p, b.cap);
	return digest;
}

static struct span
sha_span(const struct sha256 *s)
{
	return span_of((const char *)s->b, sizeof(s->b));
}

static struct entry *
find(struct mdm_checked *c, uint64_t user)
{
	struct hnode *n = htab_find(&c->entries, hash_u64(user));

	for (; n; n = htab_next(n)) {
		struct entry *e = container_of(n, struct entry, node);

		if (e->user == user)
			return e;
	}
	return NULL;
}

bool
mdm_checked_has(struct mdm_checked *c, uint64_t user, const struct sha256 *digest)
{
	bool is_same = false;

	pthread_mutex_lock(&c->lock);
	struct entry *e = find(c, user);
	if (e && clock_mono_ms() >= e->until_ms) {
		forget(c, e);
	} else if (e) {
		is_same = secret_eq(sha_span(&e->digest), sha_span(digest));
		list_remove(&e->link);
		list_push_front(&c->order, &e->link);
	}
	pthread_mutex_unlock(&c->lock);
	return is_same;
}

static uint64_t
some_life_ms(const struct mdm_checked *c)
{
	return c->life_ms - random_below(c->life_ms / 4 + 1);
}

static void
add_for(struct mdm_checked *c, uint64_t user, const struct sha256 *digest,
        uint64_t life_ms)
{
	pthread_mutex_lock(&c->lock);
	struct entry *e = find(c, user);
	if (!e) {
		if (c->entries.count >= USERS_MAX)
			forget(c, list_entry(c->order.prev, struct entry, link));
		e = xcalloc(1, sizeof(*e));
		e->user = user;
		list_init(&e->link);
		htab_add(&c->entries, &e->node, hash_u64(user));
		list_push_front(&c->order, &e->link);
	}
	e->digest = *digest;
	e->until_ms = clock_mono_ms() + life_ms;
	pthread_mutex_unlock(&c->lock);
}

void
mdm_checked_add(struct mdm_checked *c, uint64_t user, const struct sha256 *digest)
{
	if (c->life_ms > 0)
		add_for(c, user, digest, some_life_ms(c));
}

bool
mdm_checked_load(struct mdm_checked *c, uint64_t user, const struct sha256 *digest)
{
	struct store_checked kept;
	int64_t left;

	if (!c->is_kept ||
	    store_checked_load(c->store, user, c->key_id, &kept) != RC_OK ||
	    !secret_eq(sha_span(&kept.digest), sha_span(digest)))
		return false;
	left = kept.until_ms - clock_wall_ms();
	/* What this server would not have written counts no longer than what it would. */
	if (left > (int64_t)c->life_ms)
		left = (int64_t)c->life_ms;
	if (left <= 0)
		return false;
	add_for(c, user, digest, (uint64_t)left);
	return true;
}

void
mdm_checked_save(struct mdm_checked *c, uint64_t user, const struct sha256 *digest)
{
	struct store_checked kept = { .digest = *digest };
	enum rc rc;

	if (!c->is_kept)
		return;
	kept.until_ms = clock_wall_ms() + (int64_t)some_life_ms(c);
	rc = store_checked_save(c->store, user, c->key_id, &kept);
	/* Not done: one hash more after the next start. */
	if (rc == RC_OK)
		metric_add(&metric_kept, 1);
}
