/* SPDX-License-Identifier: ISC
 *
 * test_eas_stuck.c - a device that chokes on one item goes on with the others.
 */
#include "activesync/eas_stuck.h"

#include "store/store_audit.h"
#include "tests/unit/eas_fixture.h"

#define N 40
#define BAD 17

struct phone {
	struct eas_fixture *f;
	char *key;
	uint32_t bad; /* with this item in an answer it falls over, and comes again */
	size_t requests;
	bool has[1000];
	size_t n_has;
};

static bool
names(struct eas_fixture *f, uint32_t uid)
{
	return strstr(f->xml, arena_printf(f->a, "<ServerId>%u:%u</ServerId>", f->inbox,
	                                   uid)) != NULL;
}

/* One Sync; false: there was nothing. */
static bool
sync_once(struct phone *p)
{
	struct eas_fixture *f = p->f;

	clock_fake_advance(30000);
	p->requests++;
	eas_sync(f, f->inbox, p->key, EAS_OPTIONS_PLAIN);
	if (f->xml[0] == '\0')
		return false;
	if (p->bad != 0 && names(f, p->bad))
		return true;
	for (uint32_t uid = 1; uid < 1000; uid++) {
		if (!names(f, uid) || !strstr(f->xml, "<Add>"))
			continue;
		assert_false(p->has[uid]); /* none comes twice */
		p->has[uid] = true;
		p->n_has++;
	}
	p->key = eas_key(f);
	return true;
}

static void
begin(struct phone *p, struct eas_fixture *f)
{
	*p = (struct phone){ .f = f };
	for (int i = 0; i < N; i++)
		eas_mail(f, f->inbox, EAS_NOW - 1000, "mail");
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	p->key = eas_key(f);
}

static size_t
audited(struct eas_fixture *f, const char *action)
{
	const struct store_audit_query q = { .action = span_str(action), .limit = 100 };
	struct store_audit *list;
	size_t n;

	assert_ok(store_audit_list(f->store, &q, f->a, &list, &n));
	return n;
}

static void
the_one_item_is_set_aside_and_all_others_come(void **state)
{
	struct eas_fixture *f = *state;
	struct phone p;

	begin(&p, f);
	p.bad = BAD;
	while (sync_once(&p))
		assert_true(p.requests < 100);
	assert_int_equal(p.n_has, N - 1);
	assert_false(p.has[BAD]);
	assert_int_equal(audited(f, "device.item_set_aside"), 1);
	print_message("%zu requests\n", p.requests);
	/* What comes later is sent as ever, many at a time. */
	for (int i = 0; i < N; i++)
		eas_mail(f, f->inbox, EAS_NOW, "later");
	p.requests = 0;
	while (sync_once(&p))
		continue;
	assert_int_equal(p.n_has, 2 * N - 1);
	assert_true(p.requests < 10);
	/* Changes of it do not wake the device. */
	eas_set_flags(f, f->inbox, BAD, STORE_FLAG_SEEN, 0);
	f->can_wait = true;
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>600</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_true(f->waiting);
}

static void
an_admin_can_have_it_sent_again(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_actor who = { .protocol = "control" };
	const uint32_t *uids;
	struct phone p;
	size_t n;

	begin(&p, f);
	p.bad = BAD;
	while (sync_once(&p))
		assert_true(p.requests < 100);
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(eas_stuck_list(tx, 1, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, 1);
	assert_int_equal(uids[0], BAD);
	assert_rc(eas_stuck_release(tx, 1, f->inbox, BAD + 1, f->a), RC_NOT_FOUND);
	assert_ok(eas_stuck_release(tx, 1, f->inbox, BAD, f->a));
	assert_ok(store_commit(&tx));
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>600</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_has(f, "<Status>2</Status>");
	p.bad = 0;
	assert_true(sync_once(&p));
	assert_true(p.has[BAD]);
	assert_false(sync_once(&p));
	assert_int_equal(p.n_has, N);
}

static void
a_bad_line_sets_nothing_aside(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_mail(f, f->inbox, EAS_NOW, "one");
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	/* Many losses, but within a minute. */
	for (int i = 0; i < 30; i++) {
		clock_fake_advance(2000);
		eas_sync(f, f->inbox, key, EAS_OPTIONS_PLAIN);
		assert_has(f, "<Subject>one</Subject>");
	}
	assert_int_equal(audited(f, "device.item"), 0);
}

static void
a_new_start_does_not_bring_it_back(void **state)
{
	struct eas_fixture *f = *state;
	struct phone p;

	begin(&p, f);
	p.bad = BAD;
	while (sync_once(&p))
		assert_true(p.requests < 100);
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	p = (struct phone){ .f = f, .key = eas_key(f), .bad = BAD };
	while (sync_once(&p))
		assert_true(p.requests < 10);
	assert_int_equal(p.n_has, N - 1);
}

static void
what_is_gone_is_deleted_and_forgotten(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const uint32_t *uids;
	struct phone p;
	size_t n;

	begin(&p, f);
	p.bad = BAD;
	while (sync_once(&p))
		assert_true(p.requests < 100);
	p.bad = 0;
	eas_expunge(f, f->inbox, BAD);
	assert_true(sync_once(&p));
	assert_has(f, "<Delete>");
	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(eas_stuck_list(tx, 1, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_one_item_is_set_aside_and_all_others_come),
		TEST(an_admin_can_have_it_sent_again),
		TEST(a_bad_line_sets_nothing_aside),
		TEST(a_new_start_does_not_bring_it_back),
		TEST(what_is_gone_is_deleted_and_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
