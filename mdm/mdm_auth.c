/* SPDX-License-Identifier: ISC
 *
 * mdm_auth.c - sign-in: throttle, remembered passwords, yescrypt, one answer for all
 * no's.
 *
 * Unknown and disabled users cost the same yescrypt as known ones, so that time does not
 * tell who there is. Only so many hash at a time; who would have to wait behind a crowd
 * is sent away for a moment, since workers that wait serve nobody.
 */
#include "mdm/mdm_auth.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/password.h"
#include "mdm/mdm_private.h"

/* Remembered users; above it the one not seen for longest is forgotten. */
#define CACHE_MAX 200000
#define CROWD_MAX 16 /* threads that wait for their turn to hash */
#define CROWD_WAIT_MS 1000
#define NAME_MAX_LEN 320
#define PASSWORD_MAX_LEN 1024

static struct metric metric_hashed = METRIC_COUNTER("godwit_mdm_password_checks_total",
                                                    "Passwords hashed by yescrypt.");
static struct metric metric_denied =
	METRIC_COUNTER("godwit_mdm_sign_in_denied_total", "Sign-ins refused.");

static unsigned
cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 1 ? (unsigned)n : 1;
}

enum rc
mdm_new(struct store *s, const struct mdm_conf *conf, struct mdm **ret)
{
	char *dummy;
	char secret[16];
	random_bytes(secret, sizeof(secret));
	enum rc rc =
		password_hash(span_of("x", 1), (unsigned)conf->password_cost, &dummy);
	if (rc != RC_OK)
		return rc;
	struct mdm *m = xcalloc(1, sizeof(*m));
	m->store = s;
	m->conf = *conf;
	m->dummy = dummy;
	m->throttle = mdm_throttle_new(conf->auth_failures_max, conf->auth_failures_ms);
	m->hashing_max = cores() > 1 ? cores() - 1 : 1;
	random_bytes(m->key, sizeof(m->key));
	htab_init(&m->cache);
	list_init(&m->cache_order);
	pthread_mutex_init(&m->cache_lock, NULL);
	pthread_mutex_init(&m->hash_lock, NULL);
	pthread_cond_init(&m->hash_free, NULL);
	pthread_mutex_init(&m->policy_lock, NULL);
	metric_register(&metric_hashed);
	metric_register(&metric_denied);
	*ret = m;
	return RC_OK;
}

static void
forget(struct mdm *m, struct mdm_checked *c)
{
	htab_remove(&m->cache, &c->node);
	list_remove(&c->link);
	mem_wipe(&c->digest, sizeof(c->digest));
	free(c);
}

void
mdm_free(struct mdm *m)
{
	if (!m)
		return;
	while (!list_is_empty(&m->cache_order))
		forget(m, list_first(&m->cache_order, struct mdm_checked, link));
	htab_done(&m->cache);
	mdm_throttle_free(m->throttle);
	pthread_mutex_destroy(&m->cache_lock);
	pthread_mutex_destroy(&m->hash_lock);
	pthread_cond_destroy(&m->hash_free);
	pthread_mutex_destroy(&m->policy_lock);
	mem_wipe(m->key, sizeof(m->key));
	free(m->dummy);
	free(m);
}

struct store *
mdm_store(const struct mdm *m)
{
	return m->store;
}

/* --- yescrypt, a few at a time --- */

/* RC_AGAIN: behind a crowd, and no turn came in CROWD_WAIT_MS. */
static enum rc
begin_hash(struct mdm *m)
{
	struct timespec until;
	int e = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CROWD_WAIT_MS / 1000;
	pthread_mutex_lock(&m->hash_lock);
	bool crowd = m->hash_waiting >= CROWD_MAX;
	m->hash_waiting++;
	while (m->hashing >= m->hashing_max && e != ETIMEDOUT) {
		if (crowd)
			e = pthread_cond_timedwait(&m->hash_free, &m->hash_lock, &until);
		else
			pthread_cond_wait(&m->hash_free, &m->hash_lock);
	}
	m->hash_waiting--;
	enum rc rc = m->hashing < m->hashing_max ? RC_OK : RC_AGAIN;
	if (rc == RC_OK)
		m->hashing++;
	pthread_mutex_unlock(&m->hash_lock);
	return rc;
}

static void
end_hash(struct mdm *m)
{
	pthread_mutex_lock(&m->hash_lock);
	m->hashing--;
	pthread_cond_signal(&m->hash_free);
	pthread_mutex_unlock(&m->hash_lock);
}

static void
note_hashed(struct mdm *m)
{
	atomic_fetch_add(&m->hashed, 1);
	metric_add(&metric_hashed, 1);
}

enum rc
mdm_hash(struct mdm *m, struct span password, char **ret)
{
	if (password.n == 0 || password.n > PASSWORD_MAX_LEN)
		return RC_INVALID;
	return password_hash(password, (unsigned)m->conf.password_cost, ret);
}

/* --- remembered passwords --- */

/* Keyed, over all that makes it void: the user, the version and the hash. */
static struct sha256
digest_of(const struct mdm *m, const struct store_user *user, struct span password)
{
	struct sha256 digest;
	AUTO_DONE(buf) struct buf b = { 0 };
	buf_add(&b, &user->id, sizeof(user->id));
	buf_add(&b, &user->password_version, sizeof(user->password_version));
	buf_add(&b, &password.n, sizeof(password.n));
	buf_add_span(&b, password);
	buf_add_span(&b, user->password);
	hmac_sha256(span_of((const char *)m->key, sizeof(m->key)), buf_span(&b), &digest);
	mem_wipe(b.p, b.cap);
	return digest;
}

static struct span
sha_span(const struct sha256 *s)
{
	return span_of((const char *)s->b, sizeof(s->b));
}

static struct mdm_checked *
find_checked(struct mdm *m, uint64_t user)
{
	struct hnode *n = htab_find(&m->cache, hash_u64(user));
	for (; n; n = htab_next(n)) {
		struct mdm_checked *c = container_of(n, struct mdm_checked, node);
		if (c->user == user)
			return c;
	}
	return NULL;
}

static bool
is_remembered(struct mdm *m, uint64_t user, const struct sha256 *digest)
{
	bool is_same = false;
	pthread_mutex_lock(&m->cache_lock);
	struct mdm_checked *c = find_checked(m, user);
	if (c && clock_mono_ms() >= c->until_ms) {
		forget(m, c);
	} else if (c) {
		is_same = secret_eq(sha_span(&c->digest), sha_span(digest));
		list_remove(&c->link);
		list_push_front(&m->cache_order, &c->link);
	}
	pthread_mutex_unlock(&m->cache_lock);
	return is_same;
}

static void
remember(struct mdm *m, uint64_t user, const struct sha256 *digest)
{
	if (m->conf.auth_cache_ms == 0)
		return;
	pthread_mutex_lock(&m->cache_lock);
	struct mdm_checked *c = find_checked(m, user);
	if (!c) {
		if (m->cache.count >= CACHE_MAX)
			forget(m,
			       list_entry(m->cache_order.prev, struct mdm_checked, link));
		c = xcalloc(1, sizeof(*c));
		c->user = user;
		list_init(&c->link);
		htab_add(&m->cache, &c->node, hash_u64(user));
		list_push_front(&m->cache_order, &c->link);
	}
	c->digest = *digest;
	c->until_ms = clock_mono_ms() + m->conf.auth_cache_ms;
	pthread_mutex_unlock(&m->cache_lock);
}

/* --- names --- */

static bool
is_our_domain(struct mdm *m, struct span domain)
{
	return domain.n > 0 && store_domain_find(m->store, domain) == RC_OK;
}

/* "DOMAIN\alice", "alice", "alice@example.org" -> an address, as far as it can be told.
 */
static struct span
address_of(struct mdm *m, struct span user, struct span hint, struct arena *a)
{
	struct span prefix = { 0 };
	size_t slash = span_find(user, 0, '\\');
	if (slash < user.n) {
		prefix = span_sub(user, 0, slash);
		user = span_sub(user, slash + 1, user.n);
	}
	if (span_find(user, 0, '@') < user.n)
		return user;
	struct span domain = is_our_domain(m, prefix) ? prefix
	                     : is_our_domain(m, hint) ? hint
	                                              : (struct span){ 0 };
	if (domain.n == 0) {
		struct span *all;
		size_t n;
		if (store_domain_list(m->store, a, &all, &n) != RC_OK || n != 1)
			return user;
		domain = all[0];
	}
	char *address = arena_printf(a, "%.*s@%.*s", SPAN_FMT(user), SPAN_FMT(domain));
	return span_str(address);
}

/* --- sign-in --- */

struct attempt {
	struct mdm_attempt keys;
	struct sha256 digest; /* of the password, with all that makes it void */
	struct span address;
	struct span password;
	const char *peer;
	const char *protocol;
};

static enum rc
deny(struct mdm *m, const struct attempt *t, const char *why)
{
	metric_add(&metric_denied, 1);
	mdm_throttle_failed(m->throttle, &t->keys);
	log_info(NULL, "mdm.sign_in_denied", "user=%s peer=%s protocol=%s why=%s",
	         LOG_STR(t->address), t->peer, t->protocol, why);
	return RC_DENIED;
}

/* The password of a user who may sign in, for those of whom it is not remembered. */
static enum rc
check_password(struct mdm *m, const struct attempt *t, const struct store_user *user,
               struct arena *a)
{
	enum rc rc = begin_hash(m);
	if (rc != RC_OK)
		return rc;
	/* The same client's other connection may have had its turn meanwhile. */
	if (!is_remembered(m, user->id, &t->digest)) {
		rc = password_check(t->password, arena_strndup(a, user->password));
		note_hashed(m);
		/* Before the turn goes on: who waits for it asks again. */
		if (rc == RC_OK)
			remember(m, user->id, &t->digest);
	}
	end_hash(m);
	if (rc != RC_OK)
		return deny(m, t, rc == RC_DENIED ? "password" : "hash");
	log_info(NULL, "mdm.sign_in", "user=%s peer=%s protocol=%s",
	         LOG_STR(user->address), t->peer, t->protocol);
	return RC_OK;
}

/* The same work for somebody who is not there. */
static enum rc
check_nobody(struct mdm *m, const struct attempt *t, const char *why)
{
	enum rc rc = begin_hash(m);
	if (rc != RC_OK)
		return rc;
	rc = password_check(t->password, m->dummy);
	note_hashed(m);
	end_hash(m);
	return deny(m, t, rc == RC_INVALID ? "hash" : why);
}

static enum rc
check_throttled(struct mdm *m, const struct attempt *t, const struct store_user *user,
                struct arena *a, uint64_t *ret_wait_ms)
{
	uint64_t wait_ms = 0;
	switch (mdm_throttle_ask(m->throttle, &t->keys, &wait_ms)) {
	case MDM_VERDICT_CHECK:
		break;
	case MDM_VERDICT_SAME:
		metric_add(&metric_denied, 1);
		return RC_DENIED;
	case MDM_VERDICT_WAIT:
		log_debug(NULL, "mdm.sign_in_slowed",
		          "user=%s peer=%s protocol=%s wait_ms=%" PRIu64,
		          LOG_STR(t->address), t->peer, t->protocol, wait_ms);
		*ret_wait_ms = wait_ms;
		return RC_AGAIN;
	}
	if (user->id == 0)
		return check_nobody(m, t, "unknown");
	if (user->disabled || user->password.n == 0)
		return check_nobody(m, t, "disabled");
	enum rc rc = RC_OK;
	if (!is_remembered(m, user->id, &t->digest))
		rc = check_password(m, t, user, a);
	if (rc == RC_OK)
		mdm_throttle_passed(m->throttle, &t->keys);
	return rc;
}

enum rc
mdm_sign_in(struct mdm *m, struct span name, struct span password,
            struct span hint_domain, const char *peer, const char *protocol,
            struct arena *a, struct store_user *ret_user, uint64_t *ret_wait_ms)
{
	if (name.n == 0 || name.n > NAME_MAX_LEN || password.n > PASSWORD_MAX_LEN)
		return RC_DENIED;
	struct attempt t = { .address = address_of(m, name, hint_domain, a),
		             .password = password,
		             .peer = peer,
		             .protocol = protocol };
	struct span normal, local, domain;
	if (store_address_normalise(t.address, a, &normal, &local, &domain) == RC_OK)
		t.address = normal;

	struct store_user nobody = { .password = SPAN("") }, user = nobody;
	enum rc rc = store_user_find(m->store, t.address, a, &user);
	if (rc == RC_NOT_FOUND || rc == RC_INVALID || rc == RC_TOO_BIG)
		user = nobody;
	else if (rc != RC_OK)
		return rc;

	uint64_t guess, wait_ms = CROWD_WAIT_MS;
	t.digest = digest_of(m, &user, password);
	memcpy(&guess, t.digest.b, sizeof(guess));
	t.keys = mdm_attempt_of(m->throttle, peer, t.address, guess);
	rc = check_throttled(m, &t, &user, a, &wait_ms);
	if (rc == RC_OK)
		*ret_user = user;
	if (rc == RC_AGAIN && ret_wait_ms)
		*ret_wait_ms = wait_ms;
	return rc;
}

enum rc
mdm_set_password(struct mdm *m, struct span address, struct span password)
{
	char *hash;
	enum rc rc = mdm_hash(m, password, &hash);
	if (rc != RC_OK)
		return rc;
	rc = store_user_set_password(m->store, address, span_str(hash));
	free(hash);
	/* What is remembered of the old one is void by the user's password_version. */
	if (rc == RC_OK)
		log_info(NULL, "mdm.password_set", "user=%s", LOG_STR(address));
	return rc;
}
