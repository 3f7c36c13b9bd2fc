/* SPDX-License-Identifier: ISC
 *
 * test_mdm_auth.c - signing in: names, remembered passwords, guessing slowed down.
 */
#include <assert.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/unit/mdm_fixture.h"

static struct mdm_fixture fixture;

static int
set_up(void **state)
{
	fixture.conf.auth_cache_ms = 3600 * 1000;
	mdm_fixture_begin(&fixture);
	clock_fake_start(1000000000000);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	mdm_fixture_end(*state);
	return 0;
}

static enum rc
sign_in_from(struct mdm_fixture *f, const char *peer, const char *name,
             const char *password, uint64_t *ret_wait_ms)
{
	struct store_user user = { 0 };
	enum rc rc = mdm_sign_in(f->mdm, span_str(name), span_str(password), SPAN(""),
	                         peer, "test", f->arena, &user, ret_wait_ms);
	if (rc == RC_OK)
		assert_int_equal(user.id, f->alice.id);
	return rc;
}

static enum rc
sign_in(struct mdm_fixture *f, const char *name, const char *password)
{
	return sign_in_from(f, "192.0.2.1", name, password, NULL);
}

static uint64_t
hashed(struct mdm_fixture *f)
{
	return atomic_load(&f->mdm->hashed);
}

static void
all_forms_of_the_name_sign_in(void **state)
{
	static const char *const names[] = {
		"alice@example.org", "Alice@Example.ORG",  "alice",
		"EXAMPLE\\alice",    "example.org\\alice", "X\\alice@example.org"
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		print_message("name %s\n", names[i]);
		assert_int_equal(sign_in(*state, names[i], "wonderland"), RC_OK);
	}
}

static void
a_short_name_takes_the_hinted_domain_when_there_are_several(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_user user;
	assert_int_equal(store_domain_add(f->store, SPAN("example.net")), RC_OK);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_DENIED);
	assert_int_equal(mdm_sign_in(f->mdm, SPAN("alice"), SPAN("wonderland"),
	                             SPAN("example.org"), "192.0.2.9", "test", f->arena,
	                             &user, NULL),
	                 RC_OK);
	assert_int_equal(user.id, f->alice.id);
}

static void
wrong_unknown_and_strange_are_denied_alike(void **state)
{
	assert_int_equal(sign_in(*state, "alice@example.org", "queen"), RC_DENIED);
	assert_int_equal(sign_in(*state, "bob@example.org", "wonderland"), RC_DENIED);
	assert_int_equal(sign_in(*state, "alice@elsewhere.org", "wonderland"), RC_DENIED);
	assert_int_equal(sign_in(*state, "", "wonderland"), RC_DENIED);
	assert_int_equal(sign_in(*state, "@", ""), RC_DENIED);
}

static void
an_unknown_name_costs_the_same_hash(void **state)
{
	struct mdm_fixture *f = *state;
	uint64_t before = hashed(f);
	sign_in(f, "bob@example.org", "x");
	assert_int_equal(hashed(f), before + 1);
	sign_in(f, "alice@example.org", "x");
	assert_int_equal(hashed(f), before + 2);
}

static void
a_checked_password_is_remembered_for_its_time(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	uint64_t before = hashed(f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), before);
	assert_int_equal(sign_in(f, "alice", "wonderlanD"), RC_DENIED);
	clock_fake_advance(3600 * 1000);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), before + 2);
}

static void
a_new_password_makes_the_old_one_void_at_once(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(sign_in(f, "alice", "looking-glass"), RC_DENIED);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"),
	                                  SPAN("looking-glass")),
	                 RC_OK);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_DENIED);
	assert_int_equal(sign_in(f, "alice", "looking-glass"), RC_OK);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("bob@example.org"), SPAN("x")),
	                 RC_NOT_FOUND);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("")),
	                 RC_INVALID);
}

static void
a_user_who_comes_after_the_first_try_may_sign_in(void **state)
{
	struct mdm_fixture *f = *state;
	uint64_t id;
	struct store_user user;
	char *hash;
	assert_int_equal(sign_in(f, "bob@example.org", "builder"), RC_DENIED);
	assert_int_equal(mdm_hash(f->mdm, SPAN("builder"), &hash), RC_OK);
	assert_int_equal(store_user_add(f->store, SPAN("bob@example.org"), SPAN(""),
	                                span_str(hash), &id),
	                 RC_OK);
	free(hash);
	assert_int_equal(mdm_sign_in(f->mdm, SPAN("bob@example.org"), SPAN("builder"),
	                             SPAN(""), "192.0.2.1", "test", f->arena, &user,
	                             NULL),
	                 RC_OK);
	assert_int_equal(user.id, id);
}

static void
a_removed_user_is_out_at_once(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(store_user_remove(f->store, SPAN("alice@example.org")), RC_OK);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_DENIED);
}

static void
guess(struct mdm_fixture *f, const char *peer, const char *name, int n)
{
	for (int i = 0; i < n; i++) {
		char password[32];
		snprintf(password, sizeof(password), "guess-%d", i);
		assert_int_equal(sign_in_from(f, peer, name, password, NULL), RC_DENIED);
	}
}

static void
an_address_that_guesses_must_wait(void **state)
{
	struct mdm_fixture *f = *state;
	uint64_t wait_ms = 0;
	guess(f, "192.0.2.66", "alice", 3);
	guess(f, "192.0.2.66", "bob", 2);
	uint64_t before = hashed(f);
	/* Even the right one: nothing is learnt while waiting. */
	assert_int_equal(sign_in_from(f, "192.0.2.66", "alice", "wonderland", &wait_ms),
	                 RC_AGAIN);
	assert_in_range(wait_ms, 1, 60000);
	assert_int_equal(hashed(f), before);
	clock_fake_advance(wait_ms);
	assert_int_equal(sign_in_from(f, "192.0.2.66", "alice", "wonderland", NULL),
	                 RC_OK);
}

static void
an_ipv6_neighbour_counts_as_the_same_address(void **state)
{
	struct mdm_fixture *f = *state;
	guess(f, "2001:db8::1", "alice", 5);
	assert_int_equal(sign_in_from(f, "2001:db8::2", "alice", "wonderland", NULL),
	                 RC_AGAIN);
	assert_int_equal(sign_in_from(f, "2001:db8:0:1::2", "alice", "wonderland", NULL),
	                 RC_OK);
}

static void
a_known_phone_is_not_locked_out_by_its_neighbour(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(sign_in_from(f, "192.0.2.7", "alice", "wonderland", NULL),
	                 RC_OK);
	guess(f, "192.0.2.7", "bob", 5);
	assert_int_equal(sign_in_from(f, "192.0.2.7", "carol", "x", NULL), RC_AGAIN);
	assert_int_equal(sign_in_from(f, "192.0.2.7", "alice", "wonderland", NULL),
	                 RC_OK);
	/* ... but is slowed when it guesses itself. */
	guess(f, "192.0.2.7", "alice", 5);
	assert_int_equal(sign_in_from(f, "192.0.2.7", "alice", "wonderland", NULL),
	                 RC_AGAIN);
}

static void
the_same_wrong_password_counts_once_and_costs_once(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(sign_in(f, "alice", "old"), RC_DENIED);
	uint64_t before = hashed(f);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sign_in(f, "alice", "old"), RC_DENIED);
	assert_int_equal(hashed(f), before);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
}

static void
a_name_that_many_addresses_guess_at_must_wait_where_it_is_new(void **state)
{
	struct mdm_fixture *f = *state;
	char peer[32];
	assert_int_equal(sign_in_from(f, "198.51.100.1", "alice", "wonderland", NULL),
	                 RC_OK);
	for (int i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "203.0.113.%d", i);
		guess(f, peer, "alice", 1);
	}
	assert_int_equal(sign_in_from(f, "203.0.113.200", "alice", "wonderland", NULL),
	                 RC_AGAIN);
	assert_int_equal(sign_in_from(f, "198.51.100.1", "alice", "wonderland", NULL),
	                 RC_OK);
}

struct race {
	struct mdm_fixture *f;
	enum rc rc;
};

static void *
sign_in_once(void *arg)
{
	struct race *r = arg;
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_user user;
	r->rc = mdm_sign_in(r->f->mdm, SPAN("alice"), SPAN("wonderland"), SPAN(""),
	                    "192.0.2.1", "test", a, &user, NULL);
	return NULL;
}

static void
a_client_with_many_connections_hashes_few_times(void **state)
{
	struct mdm_fixture *f = *state;
	pthread_t threads[8];
	struct race races[8];
	uint64_t before = hashed(f);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		races[i] = (struct race){ .f = f };
		pthread_create(&threads[i], NULL, sign_in_once, &races[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(races[i].rc, RC_OK);
	}
	assert_in_range(hashed(f) - before, 1, f->mdm->hashing_threads);
}

/* --- a crowd --- */

/* A loop and a worker for sign-ins that wait; the hashing threads are held by jobs of
 * ours until the gate opens. */
struct crowd {
	struct mdm_fixture *f;
	struct loop *loop;
	struct jobs *jobs;
	struct mdm_hash_job holders[64];
	sem_t is_held, may_go;
	unsigned answered;
	unsigned ok;
	unsigned again;
	uint64_t wait_min_ms, wait_max_ms;
};

struct comer {
	struct mdm_sign_in ask;
	struct crowd *crowd;
	struct arena *a;
	char peer[32];
};

static struct crowd *the_crowd;

static void
hold(struct mdm_hash_job *j UNUSED)
{
	sem_post(&the_crowd->is_held);
	while (sem_wait(&the_crowd->may_go) != 0)
		;
}

static void
do_not_hold(struct mdm_hash_job *j UNUSED)
{
}

static void
crowd_begin(struct crowd *c, struct mdm_fixture *f)
{
	*c = (struct crowd){ .f = f, .wait_min_ms = UINT64_MAX };
	the_crowd = c;
	sem_init(&c->is_held, 0, 0);
	sem_init(&c->may_go, 0, 0);
	assert_int_equal(loop_new("crowd", &c->loop), RC_OK);
	assert_int_equal(jobs_new(1, &c->jobs), RC_OK);
	for (unsigned i = 0; i < f->mdm->hashing_threads; i++) {
		c->holders[i] = (struct mdm_hash_job){ .address = 1000 + i,
			                               .work = hold,
			                               .drop = do_not_hold };
		assert_int_equal(mdm_hashing_add(f->mdm->hashing, &c->holders[i]), RC_OK);
		while (sem_wait(&c->is_held) != 0)
			;
	}
}

static void
crowd_open_gate(struct crowd *c)
{
	for (unsigned i = 0; i < c->f->mdm->hashing_threads; i++)
		sem_post(&c->may_go);
}

static void
crowd_end(struct crowd *c)
{
	mdm_stop(c->f->mdm);
	jobs_free(c->jobs);
	loop_free(c->loop);
	sem_destroy(&c->is_held);
	sem_destroy(&c->may_go);
}

static void
on_answer(struct mdm_sign_in *ask)
{
	struct comer *m = container_of(ask, struct comer, ask);
	struct crowd *c = m->crowd;
	c->answered++;
	c->ok += ask->rc == RC_OK;
	c->again += ask->rc == RC_AGAIN;
	if (ask->rc == RC_AGAIN && ask->wait_ms < c->wait_min_ms)
		c->wait_min_ms = ask->wait_ms;
	if (ask->rc == RC_AGAIN && ask->wait_ms > c->wait_max_ms)
		c->wait_max_ms = ask->wait_ms;
	arena_free(m->a);
	free(m);
}

static atomic_uint went_on;

static void
go_on(struct mdm_sign_in *ask)
{
	assert(ask->rc == RC_OK && ask->user.id == the_crowd->f->alice.id);
	assert(!loop_current());
	atomic_fetch_add(&went_on, 1);
}

/* From an address of its own. */
static struct comer *
come(struct crowd *c, unsigned number, const char *password)
{
	struct comer *m = xcalloc(1, sizeof(*m));
	m->crowd = c;
	m->a = arena_new();
	snprintf(m->peer, sizeof(m->peer), "10.0.%u.%u", number / 250, number % 250);
	m->ask.name = SPAN("alice@example.org");
	m->ask.password = span_str(password);
	m->ask.hint_domain = SPAN("");
	m->ask.peer = m->peer;
	m->ask.protocol = "test";
	m->ask.arena = m->a;
	m->ask.then = go_on;
	mdm_sign_in_start(c->f->mdm, &m->ask, c->jobs, c->loop, on_answer);
	return m;
}

static void
crowd_until(struct crowd *c, unsigned answered, size_t waiting)
{
	while (c->answered != answered ||
	       mdm_hashing_waiting(c->f->mdm->hashing) != waiting)
		loop_run_once(c->loop, false);
}

static void
set_flag(void *arg)
{
	*(bool *)arg = true;
}

static void
nothing(void *arg UNUSED)
{
}

/* Who has signed in before is not among those of whom only a few may wait for a name. */
static void
make_known(struct mdm_fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char peer[32];
		snprintf(peer, sizeof(peer), "10.0.%u.%u", i / 250, i % 250);
		assert_int_equal(sign_in_from(f, peer, "alice", "wonderland", NULL),
		                 RC_OK);
	}
}

static void
a_crowd_that_waits_for_hashes_holds_no_worker(void **state)
{
	enum { N = 300 };
	struct mdm_fixture *f = *state;
	struct crowd c;
	bool done = false;
	make_known(f, N);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("new")),
	                 RC_OK);
	crowd_begin(&c, f);
	for (unsigned i = 0; i < N; i++)
		come(&c, i, "new");
	crowd_until(&c, 0, N);
	/* The one worker there is serves others meanwhile. */
	job_run(c.jobs, 0, c.loop, nothing, set_flag, &done);
	while (!done)
		loop_run_once(c.loop, false);
	assert_int_equal(c.answered, 0);
	uint64_t before = hashed(f);
	crowd_open_gate(&c);
	crowd_until(&c, N, 0);
	assert_int_equal(c.ok, N);
	/* The first has it remembered for those behind it. */
	assert_in_range(hashed(f) - before, 1, f->mdm->hashing_threads);
	crowd_end(&c);
}

/* Without a way through the loop; who is hashed or refused does not. */
static void
who_is_remembered_goes_on_in_the_worker(void **state)
{
	struct mdm_fixture *f = *state;
	struct crowd c;
	make_known(f, 1);
	crowd_begin(&c, f);
	atomic_store(&went_on, 0);
	come(&c, 1, "wonderland");
	crowd_until(&c, 1, 0);
	assert_int_equal(c.ok, 1);
	assert_int_equal(atomic_load(&went_on), 1);
	come(&c, 1, "wrong");
	crowd_until(&c, 1, 1);
	crowd_open_gate(&c);
	crowd_until(&c, 2, 0);
	assert_int_equal(c.ok, 1);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("new")),
	                 RC_OK);
	come(&c, 1, "new");
	crowd_until(&c, 3, 0);
	assert_int_equal(c.ok, 2);
	assert_int_equal(atomic_load(&went_on), 1);
	crowd_end(&c);
}

static void
who_finds_the_queue_full_is_told_when_to_come(void **state)
{
	enum { N = 50, ROOM = 20 };
	struct mdm_fixture *f = *state;
	struct crowd c;
	mdm_free(f->mdm);
	f->conf.hashing_queue = ROOM;
	assert_int_equal(mdm_new(f->store, &f->conf, &f->mdm), RC_OK);
	make_known(f, N);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("new")),
	                 RC_OK);
	crowd_begin(&c, f);
	for (unsigned i = 0; i < N; i++)
		come(&c, i, "new");
	crowd_until(&c, N - ROOM, ROOM);
	assert_int_equal(c.again, N - ROOM);
	/* Not all at the same time. */
	assert_true(c.wait_min_ms >= 1000);
	assert_true(c.wait_max_ms > c.wait_min_ms);
	crowd_open_gate(&c);
	crowd_until(&c, N, 0);
	assert_int_equal(c.ok, ROOM);
	crowd_end(&c);
}

static void
who_goes_away_meanwhile_costs_no_hash(void **state)
{
	struct mdm_fixture *f = *state;
	struct crowd c;
	crowd_begin(&c, f);
	uint64_t before = hashed(f);
	struct comer *waiting = come(&c, 1, "wonderland");
	crowd_until(&c, 0, 1);
	struct comer *early = come(&c, 2, "wonderland");
	mdm_sign_in_cancel(&early->ask); /* not even in the queue yet */
	mdm_sign_in_cancel(&waiting->ask);
	crowd_until(&c, 2, 0);
	crowd_open_gate(&c);
	assert_int_equal(c.again, 2);
	assert_int_equal(hashed(f), before);
	crowd_end(&c);
}

static void
guesses_that_wait_together_count_one_after_the_other(void **state)
{
	static const char *const guesses[] = { "1", "2", "3", "4", "5", "6", "7", "8" };
	struct mdm_fixture *f = *state;
	struct crowd c;
	crowd_begin(&c, f);
	uint64_t before = hashed(f);
	/* All of one address, asked before the first is known to be wrong. */
	for (size_t i = 0; i < ARRAY_LEN(guesses); i++)
		come(&c, 9, guesses[i]);
	crowd_until(&c, 0, ARRAY_LEN(guesses));
	crowd_open_gate(&c);
	crowd_until(&c, ARRAY_LEN(guesses), 0);
	assert_int_equal(c.ok, 0);
	/* auth_failures_max is 5; as many as hash at a time may be on their way. */
	assert_in_range(hashed(f) - before, 5, 5 + f->mdm->hashing_threads - 1);
	crowd_end(&c);
}

static void
stopping_tells_who_waits(void **state)
{
	struct mdm_fixture *f = *state;
	struct crowd c;
	crowd_begin(&c, f);
	come(&c, 1, "wonderland");
	crowd_until(&c, 0, 1);
	crowd_open_gate(&c);
	mdm_stop(f->mdm);
	while (c.answered == 0)
		loop_run_once(c.loop, false);
	/* It had its turn before the stop, or none. */
	assert_int_equal(c.ok + c.again, 1);
	crowd_end(&c);
}

/* --- over restarts --- */

static void
restart(struct mdm_fixture *f, const uint8_t *key)
{
	mdm_free(f->mdm);
	assert_int_equal(mdm_new(f->store, &f->conf, &f->mdm), RC_OK);
	if (key)
		mdm_set_key(f->mdm, key);
}

static const uint8_t one_key[MDM_KEY_SIZE] = { 1 }, other_key[MDM_KEY_SIZE] = { 2 };

static void
a_checked_password_is_remembered_over_a_restart(void **state)
{
	struct mdm_fixture *f = *state;
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), 1);
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), 0);
	assert_int_equal(sign_in(f, "alice", "wonderlanD"), RC_DENIED);
	assert_int_equal(hashed(f), 1);
	/* Another node, with a key of its own. */
	restart(f, other_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), 1);
	/* ... which did not take the place of the first one's. */
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), 0);
}

static void
without_a_key_nothing_is_kept(void **state)
{
	struct mdm_fixture *f = *state;
	restart(f, NULL);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	restart(f, NULL);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	assert_int_equal(hashed(f), 1);
}

static void
what_is_kept_is_void_with_the_password_and_in_time(void **state)
{
	struct mdm_fixture *f = *state;
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	restart(f, one_key);
	assert_int_equal(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN("new")),
	                 RC_OK);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_DENIED);
	assert_int_equal(hashed(f), 1);
	assert_int_equal(sign_in(f, "alice", "new"), RC_OK);
	clock_fake_advance(3600 * 1000);
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "new"), RC_OK);
	assert_int_equal(hashed(f), 1);
	restart(f, one_key);
	assert_int_equal(
		store_user_set_disabled(f->store, SPAN("alice@example.org"), true),
		RC_OK);
	assert_int_equal(sign_in(f, "alice", "new"), RC_DENIED);
}

/* What somebody finds who has the database. */
static void
the_kept_digest_is_not_one_that_can_be_made_from_the_database(void **state)
{
	struct mdm_fixture *f = *state;
	struct mdm_checked *stranger = mdm_checked_new(f->store, 1000);
	restart(f, one_key);
	assert_int_equal(sign_in(f, "alice", "wonderland"), RC_OK);
	/* All but the key is known to him. */
	struct sha256 guess = mdm_checked_digest(stranger, &f->alice, SPAN("wonderland"));
	struct sha256 ours =
		mdm_checked_digest(f->mdm->checked, &f->alice, SPAN("wonderland"));
	assert_memory_not_equal(guess.b, ours.b, sizeof(ours.b));
	mdm_checked_free(stranger);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(all_forms_of_the_name_sign_in),
		CASE(a_short_name_takes_the_hinted_domain_when_there_are_several),
		CASE(wrong_unknown_and_strange_are_denied_alike),
		CASE(an_unknown_name_costs_the_same_hash),
		CASE(a_checked_password_is_remembered_for_its_time),
		CASE(a_new_password_makes_the_old_one_void_at_once),
		CASE(a_user_who_comes_after_the_first_try_may_sign_in),
		CASE(a_removed_user_is_out_at_once),
		CASE(an_address_that_guesses_must_wait),
		CASE(an_ipv6_neighbour_counts_as_the_same_address),
		CASE(a_known_phone_is_not_locked_out_by_its_neighbour),
		CASE(the_same_wrong_password_counts_once_and_costs_once),
		CASE(a_name_that_many_addresses_guess_at_must_wait_where_it_is_new),
		CASE(a_client_with_many_connections_hashes_few_times),
		CASE(a_crowd_that_waits_for_hashes_holds_no_worker),
		CASE(who_is_remembered_goes_on_in_the_worker),
		CASE(who_finds_the_queue_full_is_told_when_to_come),
		CASE(who_goes_away_meanwhile_costs_no_hash),
		CASE(guesses_that_wait_together_count_one_after_the_other),
		CASE(stopping_tells_who_waits),
		CASE(a_checked_password_is_remembered_over_a_restart),
		CASE(without_a_key_nothing_is_kept),
		CASE(what_is_kept_is_void_with_the_password_and_in_time),
		CASE(the_kept_digest_is_not_one_that_can_be_made_from_the_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
