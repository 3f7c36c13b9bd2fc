/* SPDX-License-Identifier: ISC
 *
 * mdm_auth.c - sign-in: throttle, remembered passwords, yescrypt, one answer for all
 * no's.
 *
 * Unknown and disabled users cost the same yescrypt as known ones, so that time does not
 * tell who there is. An attempt is begun in a worker (begin), hashed, if it must be, in a
 * thread for that (check), and answered in the loop of who asked.
 */
#include "mdm/mdm_auth.h"

#include <inttypes.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/password.h"
#include "mdm/mdm_private.h"

#define NAME_MAX_LEN 320
#define PASSWORD_MAX_LEN 1024
/* Attempts on one name that may wait, but for those who have signed in there before. */
#define NAME_WAITING_MAX 8
/* Who finds the queue full comes back after its length in time and up to this. */
#define SPREAD_MS 5000
#define WAIT_MIN_MS 1000

static struct metric metric_hashed = METRIC_COUNTER("godwit_mdm_password_checks_total",
                                                    "Passwords hashed by yescrypt.");
static struct metric metric_denied =
	METRIC_COUNTER("godwit_mdm_sign_in_denied_total", "Sign-ins refused.");
static struct metric metric_full =
	METRIC_COUNTER("godwit_mdm_sign_in_put_off_total",
                       "Sign-ins that found the queue for hashing full.");

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
	struct mdm *m = xcalloc(1, sizeof(*m));
	m->store = s;
	m->conf = *conf;
	/* Not ours to keep. */
	m->conf.remember_key = m->conf.quarantine_text = m->conf.quarantine_subject =
		NULL;
	m->rules = mdm_rules_new(conf);
	m->policy_arena = arena_new();
	m->quarantine_text = xstrdup(conf->quarantine_text ? conf->quarantine_text : "");
	m->quarantine_subject =
		xstrdup(conf->quarantine_subject ? conf->quarantine_subject : "");
	m->checked = mdm_checked_new(s, conf->auth_cache_ms);
	m->throttle = mdm_throttle_new(conf->auth_failures_max, conf->auth_failures_ms);
	pthread_mutex_init(&m->policy_lock, NULL);
	pthread_mutex_init(&m->told_lock, NULL);
	m->hashing_threads = (unsigned)conf->hashing_threads;
	if (m->hashing_threads == 0)
		m->hashing_threads = cores() > 1 ? cores() - 1 : 1;
	enum rc rc =
		password_hash(span_of("x", 1), (unsigned)conf->password_cost, &m->dummy);
	if (rc == RC_OK)
		rc = mdm_hashing_new(m->hashing_threads,
		                     conf->hashing_queue ? (size_t)conf->hashing_queue
		                                         : 1000,
		                     NAME_WAITING_MAX, &m->hashing);
	if (rc != RC_OK) {
		mdm_free(m);
		return rc;
	}
	metric_register(&metric_hashed);
	metric_register(&metric_denied);
	metric_register(&metric_full);
	*ret = m;
	return RC_OK;
}

void
mdm_stop(struct mdm *m)
{
	mdm_hashing_stop(m->hashing);
}

void
mdm_free(struct mdm *m)
{
	if (!m)
		return;
	mdm_hashing_free(m->hashing);
	mdm_checked_free(m->checked);
	mdm_throttle_free(m->throttle);
	pthread_mutex_destroy(&m->policy_lock);
	pthread_mutex_destroy(&m->told_lock);
	mdm_rules_free(m->rules);
	arena_free(m->policy_arena);
	free(m->dummy);
	free(m->quarantine_text);
	free(m->quarantine_subject);
	free(m);
}

void
mdm_set_key(struct mdm *m, const uint8_t *key)
{
	mdm_checked_set_key(m->checked, key);
}

struct store *
mdm_store(const struct mdm *m)
{
	return m->store;
}

enum rc
mdm_hash(struct mdm *m, struct span password, char **ret)
{
	if (password.n == 0 || password.n > PASSWORD_MAX_LEN)
		return RC_INVALID;
	return password_hash(password, (unsigned)m->conf.password_cost, ret);
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

/* --- an attempt --- */

static enum rc
deny(struct mdm_sign_in *s, const char *why)
{
	metric_add(&metric_denied, 1);
	mdm_throttle_failed(s->mdm->throttle, &s->keys);
	log_info(NULL, "mdm.sign_in_denied", "user=%s peer=%s protocol=%s why=%s",
	         LOG_STR(s->address), s->peer, s->protocol, why);
	return RC_DENIED;
}

static enum rc
ask_throttle(struct mdm_sign_in *s)
{
	switch (mdm_throttle_ask(s->mdm->throttle, &s->keys, &s->wait_ms)) {
	case MDM_VERDICT_CHECK:
		return RC_OK;
	case MDM_VERDICT_SAME:
		metric_add(&metric_denied, 1);
		return RC_DENIED;
	case MDM_VERDICT_WAIT:
		break;
	}
	s->is_slowed = true;
	log_debug(NULL, "mdm.sign_in_slowed",
	          "user=%s peer=%s protocol=%s wait_ms=%" PRIu64, LOG_STR(s->address),
	          s->peer, s->protocol, s->wait_ms);
	return RC_AGAIN;
}

static enum rc
find_user(struct mdm_sign_in *s)
{
	struct mdm *m = s->mdm;
	const struct store_user nobody = { .password = SPAN("") };
	struct span normal, local, domain;
	s->address = address_of(m, s->name, s->hint_domain, s->arena);
	if (store_address_normalise(s->address, s->arena, &normal, &local, &domain) ==
	    RC_OK)
		s->address = normal;
	enum rc rc = store_user_find(m->store, s->address, s->arena, &s->user);
	if (rc == RC_OK && (s->user.disabled || s->user.password.n == 0))
		s->why = "disabled";
	if (rc == RC_NOT_FOUND || rc == RC_INVALID || rc == RC_TOO_BIG) {
		s->user = nobody;
		s->why = "unknown";
		rc = RC_OK;
	}
	return rc;
}

/* In a worker, up to the hash. RC_OK with must_hash: it goes on there. */
static enum rc
begin(struct mdm_sign_in *s)
{
	struct mdm *m = s->mdm;
	uint64_t guess;
	if (s->name.n == 0 || s->name.n > NAME_MAX_LEN ||
	    s->password.n > PASSWORD_MAX_LEN)
		return RC_DENIED;
	enum rc rc = find_user(s);
	if (rc != RC_OK)
		return rc;
	s->digest = mdm_checked_digest(m->checked, &s->user, s->password);
	memcpy(&guess, s->digest.b, sizeof(guess));
	s->keys = mdm_attempt_of(m->throttle, s->peer, s->address, guess);
	rc = ask_throttle(s);
	if (s->is_slowed)
		mdm_audit_slowed(m, s->address, s->peer, s->keys.address);
	if (rc != RC_OK)
		return rc;
	/* Looked for in any case: a name that is not there must not be quicker. */
	if ((mdm_checked_has(m->checked, s->user.id, &s->digest) ||
	     mdm_checked_load(m->checked, s->user.id, &s->digest)) &&
	    !s->why) {
		mdm_throttle_passed(m->throttle, &s->keys);
		return RC_OK;
	}
	s->stored = s->why ? m->dummy : arena_strndup(s->arena, s->user.password);
	s->must_hash = true;
	s->hash.address = s->keys.address;
	s->hash.name = mdm_throttle_is_known(m->throttle, &s->keys) ? 0 : s->keys.name;
	return RC_OK;
}

/* In a hashing thread. */
static enum rc
check(struct mdm_sign_in *s)
{
	struct mdm *m = s->mdm;
	if (atomic_load(&s->cancelled))
		return RC_AGAIN;
	/* The same client's other connection may have had its turn meanwhile, and others
	 * may have guessed. */
	if (!s->why && mdm_checked_has(m->checked, s->user.id, &s->digest))
		return RC_OK;
	enum rc rc = ask_throttle(s);
	if (rc != RC_OK)
		return rc;
	rc = password_check(s->password, s->stored);
	atomic_fetch_add(&m->hashed, 1);
	metric_add(&metric_hashed, 1);
	if (s->why || rc != RC_OK)
		return deny(s, rc != RC_OK && rc != RC_DENIED ? "hash"
		               : s->why                       ? s->why
		                                              : "password");
	mdm_checked_add(m->checked, s->user.id, &s->digest);
	mdm_throttle_passed(m->throttle, &s->keys);
	s->has_passed = true;
	log_info(NULL, "mdm.sign_in", "user=%s peer=%s protocol=%s",
	         LOG_STR(s->user.address), s->peer, s->protocol);
	return RC_OK;
}

/* The queue is full, or was left. */
static enum rc
put_off(struct mdm_sign_in *s)
{
	uint64_t delay = mdm_hashing_delay_ms(s->mdm->hashing);
	s->wait_ms = (delay < WAIT_MIN_MS ? WAIT_MIN_MS : delay) +
	             random_below(SPREAD_MS + delay);
	metric_add(&metric_full, 1);
	log_info(NULL, "mdm.sign_in_put_off",
	         "user=%s peer=%s protocol=%s wait_ms=%" PRIu64, LOG_STR(s->address),
	         s->peer, s->protocol, s->wait_ms);
	return RC_AGAIN;
}

/* --- without a thread that waits --- */

struct keep {
	struct mdm *mdm;
	uint64_t user;
	struct sha256 digest;
};

static void
keep_work(void *arg)
{
	struct keep *k = arg;
	mdm_checked_save(k->mdm->checked, k->user, &k->digest);
	mem_wipe(k, sizeof(*k));
	free(k);
}

static void
answer(void *arg)
{
	struct mdm_sign_in *s = arg;
	if (s->has_passed) {
		/* Nobody waits for that. */
		struct keep *k = xcalloc(1, sizeof(*k));
		*k = (struct keep){ s->mdm, s->user.id, s->digest };
		job_submit(s->jobs, s->user.id, keep_work, k);
	}
	s->fn(s); /* s may be gone after it */
}

static void
on_turn(struct mdm_hash_job *j)
{
	struct mdm_sign_in *s = container_of(j, struct mdm_sign_in, hash);
	s->rc = check(s);
	loop_post(s->loop, answer, s);
}

static void
on_dropped(struct mdm_hash_job *j)
{
	struct mdm_sign_in *s = container_of(j, struct mdm_sign_in, hash);
	s->rc = put_off(s);
	loop_post(s->loop, answer, s);
}

static void
go_on(void *arg)
{
	struct mdm_sign_in *s = arg;
	s->has_gone_on = true;
	s->then(s);
}

static void
begin_work(void *arg)
{
	struct mdm_sign_in *s = arg;
	s->rc = atomic_load(&s->cancelled) ? RC_AGAIN : begin(s);
	if (s->rc == RC_OK && !s->must_hash && s->then)
		job_next(s->user.id, go_on);
}

static void
begin_done(void *arg)
{
	struct mdm_sign_in *s = arg;
	if (s->must_hash && atomic_load(&s->cancelled)) {
		s->rc = RC_AGAIN;
	} else if (s->must_hash) {
		s->hash.work = on_turn;
		s->hash.drop = on_dropped;
		if (mdm_hashing_add(s->mdm->hashing, &s->hash) == RC_OK)
			return;
		s->rc = put_off(s);
	}
	answer(s);
}

void
mdm_sign_in_start(struct mdm *m, struct mdm_sign_in *s, struct jobs *jobs, struct loop *l,
                  mdm_sign_in_fn *fn)
{
	s->mdm = m;
	s->jobs = jobs;
	s->loop = l;
	s->fn = fn;
	atomic_init(&s->cancelled, false);
	/* Attempts on one name one after the other, up to the hash. */
	job_run(jobs, hash_bytes(s->name) | 1, l, begin_work, begin_done, s);
}

void
mdm_sign_in_cancel(struct mdm_sign_in *s)
{
	atomic_store(&s->cancelled, true);
	if (mdm_hashing_cancel(s->mdm->hashing, &s->hash)) {
		s->rc = RC_AGAIN;
		loop_post(s->loop, answer, s);
	}
}

/* --- with one --- */

struct held {
	struct mdm_sign_in s;
	sem_t done;
};

static void
on_held_turn(struct mdm_hash_job *j)
{
	struct held *h = container_of(j, struct held, s.hash);
	h->s.rc = check(&h->s);
	sem_post(&h->done);
}

static void
on_held_dropped(struct mdm_hash_job *j)
{
	struct held *h = container_of(j, struct held, s.hash);
	h->s.rc = put_off(&h->s);
	sem_post(&h->done);
}

static void
wait_for_hash(struct held *h)
{
	h->s.hash.work = on_held_turn;
	h->s.hash.drop = on_held_dropped;
	sem_init(&h->done, 0, 0);
	if (mdm_hashing_add(h->s.mdm->hashing, &h->s.hash) != RC_OK)
		h->s.rc = put_off(&h->s);
	else
		while (sem_wait(&h->done) != 0)
			;
	sem_destroy(&h->done);
	if (h->s.has_passed)
		mdm_checked_save(h->s.mdm->checked, h->s.user.id, &h->s.digest);
}

enum rc
mdm_sign_in(struct mdm *m, struct span name, struct span password,
            struct span hint_domain, const char *peer, const char *protocol,
            struct arena *a, struct store_user *ret_user, uint64_t *ret_wait_ms)
{
	struct held h = { .s = { .name = name,
		                 .password = password,
		                 .hint_domain = hint_domain,
		                 .peer = peer,
		                 .protocol = protocol,
		                 .arena = a,
		                 .mdm = m } };
	h.s.rc = begin(&h.s);
	if (h.s.must_hash)
		wait_for_hash(&h);
	if (h.s.rc == RC_OK)
		*ret_user = h.s.user;
	if (h.s.rc == RC_AGAIN && ret_wait_ms)
		*ret_wait_ms = h.s.wait_ms;
	return h.s.rc;
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
