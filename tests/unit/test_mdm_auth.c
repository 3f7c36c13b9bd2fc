/* SPDX-License-Identifier: ISC
 *
 * test_mdm_auth.c - signing in: names, remembered passwords, guessing slowed down.
 */
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
	assert_in_range(hashed(f) - before, 1, f->mdm->hashing_max);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
