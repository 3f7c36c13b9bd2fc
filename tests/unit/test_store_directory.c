/* SPDX-License-Identifier: ISC
 *
 * test_store_directory.c - domains, users, aliases, and where mail goes.
 */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

static void
addresses_get_one_form(void **state)
{
	static const struct {
		const char *in;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ "Alice@Example.ORG", "alice@example.org" },
		{ "a@b@example.org", "a@b@example.org" },
		{ "x@example.org.", "x@example.org" },
		{ "J\xc3\xb6rg@B\xc3\x9c"
		  "CHER.example",
		  "j\xc3\xb6rg@xn--bcher-kva.example" },
		{ "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a",
		  "\xe7\x94\xa8\xe6\x88\xb7@xn--fsqu00a.xn--4rr70v" },
		{ "a@localhost", "a@localhost" },
		{ "a+b@x-y.example", "a+b@x-y.example" },
		{ "\"john doe\"@example.org", "\"john doe\"@example.org" },
		{ "", NULL },
		{ "alice", NULL },
		{ "@example.org", NULL },
		{ "a@", NULL },
		{ "a@.org", NULL },
		{ "a@b..c", NULL },
		{ "a@-b.c", NULL },
		{ "a@b-.c", NULL },
		{ "a@b_c", NULL },
		{ "a@[127.0.0.1]", NULL },
		{ "a\x01@b.c", NULL },
		{ "\xff@b.c", NULL },
		{ "a@b.c/d", NULL },
	};
	struct fixture *f = *state;
	char local[70];
	struct span whole;
	struct span l;
	struct span d;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum rc rc = store_address_normalise(span_str(cases[i].in), f->a, &whole,
		                                     &l, &d);

		if (rc != (cases[i].want ? RC_OK : RC_INVALID))
			fail_msg("'%s': %s", cases[i].in, rc_str(rc));
		if (rc == RC_OK && !span_is(whole, cases[i].want))
			fail_msg("'%s': '%.*s'", cases[i].in, SPAN_FMT(whole));
		if (rc == RC_OK)
			assert_int_equal(l.n + 1 + d.n, whole.n);
	}
	memset(local, 'x', sizeof(local));
	memcpy(local + 64, "@b.c", 4);
	assert_ok(store_address_normalise(span_of(local, 68), f->a, &whole, &l, &d));
	memcpy(local + 64, "x@b.c", 5);
	assert_rc(store_address_normalise(span_of(local, 69), f->a, &whole, &l, &d),
	          RC_INVALID);
}

static void
domains_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct span *list;
	size_t n;

	assert_rc(store_domain_add(f->s, SPAN("EXAMPLE.org")), RC_EXISTS);
	assert_rc(store_domain_add(f->s, SPAN("not a domain")), RC_INVALID);
	assert_ok(store_domain_add(f->s, SPAN("B\xc3\xbc"
	                                      "cher.example")));
	assert_ok(store_domain_find(f->s, SPAN("xn--bcher-kva.example")));
	assert_rc(store_domain_find(f->s, SPAN("other.example")), RC_NOT_FOUND);
	assert_rc(store_domain_find(f->s, SPAN("!")), RC_NOT_FOUND);
	assert_ok(store_domain_list(f->s, f->a, &list, &n));
	assert_int_equal(n, 2);
	assert_true(span_is(list[0], "example.org"));
	assert_true(span_is(list[1], "xn--bcher-kva.example"));
	assert_rc(store_domain_remove(f->s, SPAN("example.org")), RC_CONFLICT);
	assert_ok(store_domain_remove(f->s, SPAN("xn--bcher-kva.example")));
	assert_rc(store_domain_remove(f->s, SPAN("xn--bcher-kva.example")), RC_NOT_FOUND);
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	assert_ok(store_alias_add(f->s, SPAN("x@example.org"), SPAN("y@other.example")));
	assert_rc(store_domain_remove(f->s, SPAN("example.org")), RC_CONFLICT);
	assert_ok(
		store_alias_remove(f->s, SPAN("x@example.org"), SPAN("y@other.example")));
	assert_ok(store_domain_remove(f->s, SPAN("example.org")));
}

static uint64_t
modseq_of(struct fixture *f, uint64_t user)
{
	uint64_t modseq;

	assert_ok(store_modseqs(f->s, &user, 1, &modseq));
	return modseq;
}

/* Also who misses the news of it finds that he is behind (push_bus.h). */
static void
a_change_of_who_may_come_in_moves_the_user(void **state)
{
	struct fixture *f = *state;
	uint64_t id, before;

	assert_ok(store_user_add(f->s, SPAN("bob@example.org"), SPAN(""), SPAN("$y$hash"),
	                         &id));
	before = modseq_of(f, id);
	assert_ok(store_user_set_password(f->s, SPAN("bob@example.org"), SPAN("$y$new")));
	assert_true(modseq_of(f, id) > before);
	before = modseq_of(f, id);
	assert_ok(store_user_set_disabled(f->s, SPAN("bob@example.org"), true));
	assert_true(modseq_of(f, id) > before);
	before = modseq_of(f, id);
	assert_ok(store_user_remove(f->s, SPAN("bob@example.org")));
	assert_true(modseq_of(f, id) > before);
}

static void
a_user_is_found_and_changed(void **state)
{
	struct fixture *f = *state;
	struct store_user u;
	struct store_user *list;
	uint64_t id;
	uint64_t version;
	size_t n;

	assert_ok(store_user_add(f->s, SPAN("Bob@Example.org"), SPAN("Bob B."),
	                         SPAN("$y$hash"), &id));
	assert_rc(store_user_add(f->s, SPAN("bob@example.org"), SPAN(""), SPAN(""), &id),
	          RC_EXISTS);
	assert_rc(
		store_user_add(f->s, SPAN("bob@other.example"), SPAN(""), SPAN(""), &id),
		RC_NOT_FOUND);
	assert_rc(store_user_add(f->s, SPAN("bob"), SPAN(""), SPAN(""), &id), RC_INVALID);
	assert_rc(
		store_user_add(f->s, SPAN("c@example.org"), SPAN("\xff"), SPAN(""), &id),
		RC_INVALID);
	assert_ok(store_user_find(f->s, SPAN("BOB@example.org"), f->a, &u));
	assert_true(span_is(u.address, "bob@example.org"));
	assert_true(span_is(u.name, "Bob B."));
	assert_true(span_is(u.password, "$y$hash"));
	assert_false(u.disabled);
	version = u.password_version;
	assert_ok(store_user_set_password(f->s, SPAN("bob@example.org"), SPAN("$y$new")));
	assert_ok(store_user_set_disabled(f->s, SPAN("bob@example.org"), true));
	assert_ok(store_user_load(f->s, u.id, f->a, &u));
	assert_true(span_is(u.password, "$y$new"));
	assert_true(u.password_version > version);
	assert_true(u.disabled);
	assert_rc(store_user_set_password(f->s, SPAN("no@example.org"), SPAN("x")),
	          RC_NOT_FOUND);
	assert_rc(store_user_load(f->s, 4711, f->a, &u), RC_NOT_FOUND);
	assert_rc(store_user_find(f->s, SPAN("nonsense"), f->a, &u), RC_NOT_FOUND);
	assert_ok(store_user_list(f->s, SPAN(""), f->a, &list, &n));
	assert_int_equal(n, 2);
	assert_ok(store_user_list(f->s, SPAN("other.example"), f->a, &list, &n));
	assert_int_equal(n, 0);
	assert_ok(store_user_list(f->s, SPAN("Example.org"), f->a, &list, &n));
	assert_int_equal(n, 2);
	assert_true(span_is(list[0].address, "a@example.org"));
}

static void
a_removed_user_is_gone_and_the_address_free(void **state)
{
	struct fixture *f = *state;
	struct store_route *routes;
	struct store_user u;
	uint64_t id = 0;
	size_t n;

	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	assert_rc(store_user_remove(f->s, SPAN("a@example.org")), RC_NOT_FOUND);
	assert_rc(store_user_find(f->s, SPAN("a@example.org"), f->a, &u), RC_NOT_FOUND);
	assert_rc(store_user_load(f->s, f->user, f->a, &u), RC_NOT_FOUND);
	assert_rc(store_route_find(f->s, SPAN("a@example.org"), f->a, &routes, &n),
	          RC_NOT_FOUND);
	assert_ok(store_user_add(f->s, SPAN("a@example.org"), SPAN(""), SPAN(""), &id));
	assert_int_not_equal(id, f->user);
}

/* The addresses of a route, "user" ones with a star, sorted by finding. */
static char *
route(struct fixture *f, const char *address)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_route *list;
	size_t n;
	enum rc rc = store_route_find(f->s, span_str(address), f->a, &list, &n);

	if (rc)
		return arena_strdup(f->a, rc_str(rc));
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(&b, ' ');
		if (list[i].user)
			buf_add_char(&b, '*');
		buf_add_span(&b, list[i].address);
	}
	return arena_strndup(f->a, buf_span(&b));
}

static void
alias(struct fixture *f, const char *from, const char *to)
{
	assert_ok(store_alias_add(f->s, span_str(from), span_str(to)));
}

static void
mail_finds_its_way(void **state)
{
	struct fixture *f = *state;

	(void)fixture_user(f, "bob");
	alias(f, "info@example.org", "a@example.org");
	alias(f, "team@example.org", "info@example.org");
	alias(f, "team@example.org", "bob@example.org");
	alias(f, "team@example.org", "ext@other.example");
	alias(f, "team@example.org", "gone@example.org");
	alias(f, "all@example.org", "team@example.org");
	alias(f, "all@example.org", "bob@example.org");
	alias(f, "dead@example.org", "gone@example.org");
	/* A copy for bob, and one for the outside. */
	alias(f, "bob@example.org", "bob@example.org");
	alias(f, "bob@example.org", "bob@phone.example");

	assert_string_equal(route(f, "A@example.org"), "*a@example.org");
	assert_string_equal(route(f, "a+tag@example.org"), "*a@example.org");
	assert_string_equal(route(f, "info+tag@example.org"), "*a@example.org");
	assert_string_equal(route(f, "bob@example.org"),
	                    "*bob@example.org bob@phone.example");
	assert_string_equal(route(f, "all@example.org"),
	                    "*bob@example.org bob@phone.example ext@other.example "
	                    "*a@example.org");
	assert_string_equal(route(f, "dead@example.org"), "not found");
	assert_string_equal(route(f, "gone@example.org"), "not found");
	assert_string_equal(route(f, "a@other.example"), "denied");
	assert_string_equal(route(f, "nonsense"), "invalid input");

	alias(f, "@example.org", "a@example.org");
	assert_string_equal(route(f, "gone@example.org"), "*a@example.org");
	assert_string_equal(route(f, "bob+x@example.org"),
	                    "*bob@example.org bob@phone.example");
}

static void
loops_of_aliases_end(void **state)
{
	struct fixture *f = *state;
	char from[32];
	char to[32];

	alias(f, "x@example.org", "y@example.org");
	alias(f, "y@example.org", "x@example.org");
	assert_string_equal(route(f, "x@example.org"), rc_str(RC_CONFLICT));
	for (int i = 0; i < 11; i++) {
		snprintf(from, sizeof(from), "l%d@example.org", i);
		snprintf(to, sizeof(to), "l%d@example.org", i + 1);
		alias(f, from, to);
	}
	alias(f, "l11@example.org", "a@example.org");
	assert_string_equal(route(f, "l2@example.org"), "*a@example.org");
	assert_string_equal(route(f, "l0@example.org"), rc_str(RC_CONFLICT));
	/* Met twice, but not within itself: no loop. */
	alias(f, "two@example.org", "l9@example.org");
	alias(f, "two@example.org", "l10@example.org");
	assert_string_equal(route(f, "two@example.org"), "*a@example.org");
}

static void
a_group_has_each_member_once_and_has_a_limit(void **state)
{
	struct fixture *f = *state;
	struct store_route *list;
	char name[32];
	size_t n;

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "m%02d", i);
		(void)fixture_user(f, name);
		snprintf(name, sizeof(name), "m%02d@example.org", i);
		if (i < 30)
			alias(f, "low@example.org", name);
		if (i >= 20)
			alias(f, "high@example.org", name);
	}
	alias(f, "all@example.org", "high@example.org");
	alias(f, "all@example.org", "low@example.org");
	alias(f, "all@example.org", "m07@example.org");
	assert_ok(store_route_find(f->s, SPAN("all@example.org"), f->a, &list, &n));
	assert_int_equal(n, 40);
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(list[i].user, 0);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(list[i].user, list[k].user);
	}
	fixture_close(f);
	f->conf.group_max = 39;
	fixture_open(f);
	assert_rc(store_route_find(f->s, SPAN("all@example.org"), f->a, &list, &n),
	          RC_TOO_BIG);
	assert_ok(store_route_find(f->s, SPAN("low@example.org"), f->a, &list, &n));
	assert_int_equal(n, 30);
}

static void
aliases_are_listed_and_removed(void **state)
{
	struct fixture *f = *state;
	struct store_alias *list;
	size_t n;

	alias(f, "Info@example.org", "A@Example.org");
	assert_rc(store_alias_add(f->s, SPAN("info@example.org"), SPAN("a@example.org")),
	          RC_EXISTS);
	assert_rc(store_alias_add(f->s, SPAN("x@other.example"), SPAN("a@example.org")),
	          RC_NOT_FOUND);
	alias(f, "@Example.org", "a@example.org");
	assert_ok(store_alias_list(f->s, SPAN(""), f->a, &list, &n));
	assert_int_equal(n, 2);
	assert_true(span_is(list[0].address, "@example.org"));
	assert_true(span_is(list[1].target, "a@example.org"));
	assert_ok(store_alias_remove(f->s, SPAN("INFO@example.org"),
	                             SPAN("a@example.org")));
	assert_rc(
		store_alias_remove(f->s, SPAN("info@example.org"), SPAN("a@example.org")),
		RC_NOT_FOUND);
	assert_ok(store_alias_list(f->s, SPAN("example.org"), f->a, &list, &n));
	assert_int_equal(n, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(addresses_get_one_form),
		TEST(domains_come_and_go),
		TEST(a_user_is_found_and_changed),
		TEST(a_change_of_who_may_come_in_moves_the_user),
		TEST(a_removed_user_is_gone_and_the_address_free),
		TEST(mail_finds_its_way),
		TEST(loops_of_aliases_end),
		TEST(a_group_has_each_member_once_and_has_a_limit),
		TEST(aliases_are_listed_and_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
