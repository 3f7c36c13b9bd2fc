/* SPDX-License-Identifier: ISC
 *
 * test_tickets.c - the secrets of TLS tickets move on with time.
 */
#include "server/tickets.h"

#include "base/clock.h"
#include "store/store_secret.h"
#include "tests/fake/test_cert.h"
#include "tests/unit/mdm_fixture.h"

#define EPOCH_MS (3600 * 1000)
#define START_MS (INT64_C(1000) * EPOCH_MS)

struct rig {
	struct mdm_fixture f;
	struct loop *loop;
	struct jobs *jobs;
	struct tls_server *tls;
	struct tickets *tickets;
};

static int
set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct err err;

	clock_fake_start(START_MS);
	mdm_fixture_begin(&r->f);
	test_cert_make("mail", "mail.example.org");
	struct tls_cert cert = { test_path("mail", "pem"), test_path("mail", "key") };
	assert_int_equal(tls_server_new(&cert, 1, &r->tls, &err), RC_OK);
	assert_int_equal(loop_new("rig", &r->loop), RC_OK);
	assert_int_equal(jobs_new(1, &r->jobs), RC_OK);
	r->tickets = tickets_new(r->f.store, r->jobs, r->loop, r->tls, EPOCH_MS);
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	jobs_free(r->jobs);
	tickets_free(r->tickets);
	loop_free(r->loop);
	tls_server_free(r->tls);
	mdm_fixture_end(&r->f);
	free(r);
	return 0;
}

/* What is in the database for the epoch, without making the ones around it anew. */
static struct store_secret
secret_of(struct rig *r, uint64_t first, uint64_t epoch)
{
	struct store_secret all[16];

	assert_int_equal(store_secret_load(r->f.store, "tls.ticket", first, epoch, all),
	                 RC_OK);
	return all[epoch - first];
}

static void
the_secrets_of_three_epochs_lie_in_the_database(void **state)
{
	struct rig *r = *state;
	struct store_secret before = secret_of(r, 999, 1001);
	struct tickets *node =
		tickets_new(r->f.store, r->jobs, r->loop, r->tls, EPOCH_MS);
	struct store_secret after = secret_of(r, 999, 1001);

	/* A second node takes what is there. */
	assert_memory_equal(before.bytes, after.bytes, sizeof(before.bytes));
	tickets_free(node);
}

static void
a_passed_epochs_secret_is_removed_by_the_timer(void **state)
{
	struct rig *r = *state;
	struct store_secret second = secret_of(r, 999, 1000);
	struct store_secret last = secret_of(r, 999, 1001);

	clock_fake_advance(EPOCH_MS);
	loop_run_once(r->loop, false); /* the timer: the job is under way */
	loop_run_once(r->loop, true);  /* done */
	struct store_secret same = secret_of(r, 1000, 1001);
	assert_memory_equal(same.bytes, last.bytes, sizeof(same.bytes));
	clock_fake_advance(EPOCH_MS);
	loop_run_once(r->loop, false);
	loop_run_once(r->loop, true);
	/* It is made anew: the one that was there is gone. */
	struct store_secret gone = secret_of(r, 1000, 1000);
	assert_memory_not_equal(gone.bytes, second.bytes, sizeof(gone.bytes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(the_secrets_of_three_epochs_lie_in_the_database),
		CASE(a_passed_epochs_secret_is_removed_by_the_timer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
