/* SPDX-License-Identifier: ISC
 *
 * test_eas_sync.c - what Sync hands out: order, windows, changes, replay of keys.
 */
#include "store/engine/engine.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

static char *
first_key(struct eas_fixture *f, uint32_t folder, const char *options)
{
	eas_sync(f, folder, "0", options);
	assert_has(f, "<Status>1</Status>");
	return eas_key(f);
}

static void
first_answer_has_a_key_and_no_items(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail(f, f->inbox, NOW, "one");
	eas_sync(f, f->inbox, "0", "");
	assert_int_equal(f->http_status, 200);
	assert_has(f, "<Status>1</Status>");
	assert_has_not(f, "<Add>");
	assert_string_not_equal(eas_value(f, "SyncKey", 0), "0");
}

static void
newest_mail_comes_first_in_windows_with_more_between_status_and_commands(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_mail(f, f->inbox, NOW - 3000, "oldest");
	eas_mail(f, f->inbox, NOW - 2000, "middle");
	eas_mail(f, f->inbox, NOW - 1000, "newest");
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(eas_value(f, "Subject", 0), "newest");
	assert_string_equal(eas_value(f, "Subject", 1), "middle");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_has(f, "<Status>1</Status><MoreAvailable/><Commands>");
	eas_sync(f, f->inbox, eas_key(f), "<WindowSize>2</WindowSize>");
	assert_string_equal(eas_value(f, "Subject", 0), "oldest");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has_not(f, "MoreAvailable");
}

static void
nothing_new_is_an_empty_answer_and_the_key_stays(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_mail(f, f->inbox, NOW, "one");
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "");
	key = eas_key(f);
	for (int i = 0; i < 3; i++) {
		eas_sync(f, f->inbox, key, "");
		assert_int_equal(f->http_status, 200);
		assert_string_equal(f->xml, "");
	}
	eas_mail(f, f->inbox, NOW, "two");
	eas_sync(f, f->inbox, key, "");
	assert_string_equal(eas_value(f, "Subject", 0), "two");
}

static void
changes_of_others_come_as_changes_and_deletes(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t one = eas_mail(f, f->inbox, NOW, "one");
	uint32_t two = eas_mail(f, f->inbox, NOW, "two");
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);

	eas_sync(f, f->inbox, key, "");
	key = eas_key(f);
	eas_set_flags(f, f->inbox, one, STORE_FLAG_SEEN | STORE_FLAG_FLAGGED, 0);
	eas_expunge(f, f->inbox, two);
	eas_sync(f, f->inbox, key, "");
	assert_int_equal(eas_count(f, "<Change>"), 1);
	assert_int_equal(eas_count(f, "<Delete>"), 1);
	assert_has(f, "<Read>1</Read><Flag><Status>2</Status>");
	assert_has_not(f, "<Body>"); /* a received mail's text does not change */
}

static void
mail_that_came_during_the_hand_out_goes_before_the_rest(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	for (int i = 0; i < 4; i++)
		eas_mail(f, f->inbox, NOW + i, arena_printf(f->a, "old%d", i));
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "<WindowSize>1</WindowSize>");
	assert_string_equal(eas_value(f, "Subject", 0), "old3");
	eas_mail(f, f->inbox, NOW + 9, "fresh");
	eas_sync(f, f->inbox, eas_key(f), "<WindowSize>2</WindowSize>");
	assert_string_equal(eas_value(f, "Subject", 0), "fresh");
	assert_string_equal(eas_value(f, "Subject", 1), "old2");
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_string_equal(eas_value(f, "Subject", 0), "old1");
}

static void
item_not_handed_out_yet_is_neither_changed_nor_deleted(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t one = eas_mail(f, f->inbox, NOW, "one");
	uint32_t two = eas_mail(f, f->inbox, NOW, "two");
	char *key;

	eas_mail(f, f->inbox, NOW, "three");
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "<WindowSize>1</WindowSize>");
	key = eas_key(f);
	eas_set_flags(f, f->inbox, two, STORE_FLAG_SEEN, 0);
	eas_expunge(f, f->inbox, one);
	eas_sync(f, f->inbox, key, "");
	assert_int_equal(eas_count(f, "<Change>"), 0);
	assert_int_equal(eas_count(f, "<Delete>"), 0);
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has(f, "<Read>1</Read>");
}

static void
lost_answer_is_given_again_under_a_new_key(void **state)
{
	struct eas_fixture *f = *state;
	char *key, *lost, *again;

	eas_mail(f, f->inbox, NOW, "one");
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "");
	lost = eas_key(f);
	assert_int_equal(eas_count(f, "<Add>"), 1);
	eas_mail(f, f->inbox, NOW, "two");
	eas_sync(f, f->inbox, key, "");
	again = eas_key(f);
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_string_not_equal(lost, again);
	eas_sync(f, f->inbox, again, "");
	assert_string_equal(f->xml, "");
	/* The answer that never arrived cannot be built upon: nothing is lost that way.
	 */
	eas_sync(f, f->inbox, lost, "");
	assert_has(f, "<Status>3</Status>");
}

static void
unknown_keys_get_status_3(void **state)
{
	static const char *const keys[] = { "1", "99999999999999999999", "abc", "-1",
		                            "18446744073709551615" };
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		eas_sync(f, f->inbox, keys[i], "");
		if (!strstr(f->xml, "<Status>3</Status>"))
			fail_msg("key %s: %s", keys[i], f->xml);
	}
}

static void
key_of_another_device_is_unknown(void **state)
{
	struct eas_fixture *f = *state;
	char *key = first_key(f, f->inbox, "");

	f->device = "PHONE2";
	eas_sync(f, f->inbox, key, "");
	assert_has(f, "<Status>3</Status>");
}

static void
second_first_sync_gives_the_same_key_until_it_was_used(void **state)
{
	struct eas_fixture *f = *state;
	char *a, *b, *c;

	eas_mail(f, f->inbox, NOW, "one");
	a = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	b = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	assert_string_equal(a, b);
	eas_sync(f, f->inbox, a, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	/* Once used, a first Sync starts over; the chain that runs is not cut off by it.
	 */
	a = eas_key(f);
	c = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	assert_string_not_equal(b, c);
	eas_mail(f, f->inbox, NOW, "two");
	eas_sync(f, f->inbox, a, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_string_equal(eas_value(f, "Subject", 0), "two");
}

static void
folder_that_is_not_there_gets_status_12(void **state)
{
	struct eas_fixture *f = *state;

	eas_sync(f, 4711, "0", "");
	assert_has(f, "<Status>12</Status>");
	eas_sync(f, 4711, "5", "");
	assert_has(f, "<Status>12</Status>");
}

static void
several_folders_share_the_window_of_the_request(void **state)
{
	struct eas_fixture *f = *state;
	char *k1, *k2;

	for (int i = 0; i < 3; i++) {
		eas_mail(f, f->inbox, NOW, arena_printf(f->a, "in%d", i));
		eas_mail(f, f->junk, NOW, arena_printf(f->a, "junk%d", i));
	}
	k1 = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	k2 = first_key(f, f->junk, EAS_OPTIONS_PLAIN);
	eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections>"
		"<Collection><SyncKey>%s</SyncKey><CollectionId>%u</CollectionId></Collection>"
		"<Collection><SyncKey>%s</SyncKey><CollectionId>%u</CollectionId></Collection>"
		"</Collections><WindowSize>4</WindowSize></Sync>",
		k1, f->inbox, k2, f->junk);
	assert_int_equal(eas_count(f, "<Add>"), 4);
	assert_int_equal(eas_count(f, "<MoreAvailable/>"), 1);
	eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections>"
		"<Collection><SyncKey>%s</SyncKey><CollectionId>%u</CollectionId></Collection>"
		"<Collection><SyncKey>%s</SyncKey><CollectionId>%u</CollectionId></Collection>"
		"</Collections></Sync>",
		eas_value(f, "SyncKey", 0), f->inbox, eas_value(f, "SyncKey", 1),
		f->junk);
	assert_int_equal(eas_count(f, "<Add>"), 2);
	/* Only the folder that has something is in the answer. */
	assert_int_equal(eas_count(f, "<Collection>"), 1);
}

static void
empty_and_partial_requests_use_what_the_last_one_said(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_run(f, "Sync", NULL);
	assert_has(f, "<Sync><Status>13</Status></Sync>");
	key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, key, "");
	assert_string_equal(f->xml, "");
	eas_run(f, "Sync", NULL);
	assert_string_equal(f->xml, "");
	eas_mail(f, f->inbox, NOW, "one");
	eas_run(f, "Sync", NULL);
	assert_string_equal(eas_value(f, "Subject", 0), "one");
	key = eas_key(f);
	/* Partial: another folder, the inbox from the cache. */
	eas_sync(f, f->inbox, key, "");
	assert_string_equal(f->xml, "");
	eas_mail(f, f->inbox, NOW, "two");
	eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>0</SyncKey>"
		"<CollectionId>%u</CollectionId></Collection></Collections><Partial/></Sync>",
		f->junk);
	assert_int_equal(eas_count(f, "<Collection>"), 2);
	assert_string_equal(eas_value(f, "Subject", 0), "two");
}

static void
malformed_requests_get_their_status(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_run(f, "Sync", "<Sync xmlns=\"AirSync\"/>");
	assert_has(f, "<Status>4</Status>");
	eas_run(f, "Sync", "<Ping xmlns=\"Ping\"/>");
	assert_has(f, "<Status>4</Status>");
	eas_sync(f, f->inbox, "0", "<WindowSize>many</WindowSize>");
	assert_has(f, "<Status>4</Status>");
	eas_run(f, "Sync",
	        "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>0</SyncKey>"
	        "<CollectionId>1</CollectionId></Collection></Collections><Wait>5</Wait>"
	        "<HeartbeatInterval>300</HeartbeatInterval></Sync>");
	assert_has(f, "<Status>4</Status>");
	buf_add_str(&b, "<Sync xmlns=\"AirSync\"><Collections>");
	for (int i = 0; i < 301; i++)
		buf_addf(&b,
		         "<Collection><SyncKey>0</SyncKey><CollectionId>%d"
		         "</CollectionId></Collection>",
		         i + 1);
	buf_add_str(&b, "</Collections></Sync>");
	buf_add_char(&b, '\0');
	eas_run(f, "Sync", b.p);
	assert_has(f, "<Status>15</Status>");
	eas_run_bytes(f, "Sync", SPAN("\x03\x01\x6a\x00\x45\x5c"));
	assert_int_equal(f->http_status, 400);
	eas_run_bytes(f, "Sync", SPAN("<Sync/>"));
	assert_int_equal(f->http_status, 400);
}

static void
wait_out_of_range_is_answered_with_the_limit(void **state)
{
	struct eas_fixture *f = *state;
	static const struct {
		const char *ask, *limit;
	} cases[] = {
		{ "<Wait>0</Wait>", "<Limit>1</Limit>" },
		{ "<Wait>60</Wait>", "<Limit>59</Limit>" },
		{ "<HeartbeatInterval>59</HeartbeatInterval>", "<Limit>60</Limit>" },
		{ "<HeartbeatInterval>3541</HeartbeatInterval>", "<Limit>3540</Limit>" },
	};

	f->can_wait = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		eas_runf(
			f, "Sync",
			"<Sync xmlns=\"AirSync\"><Collections><Collection>"
			"<SyncKey>0</SyncKey><CollectionId>%u</CollectionId></Collection>"
			"</Collections>%s</Sync>",
			f->inbox, cases[i].ask);
		if (!strstr(f->xml, "<Status>14</Status>") ||
		    !strstr(f->xml, cases[i].limit))
			fail_msg("%s: %s", cases[i].ask, f->xml);
	}
}

static const char *
sync_wait(struct eas_fixture *f, const char *key)
{
	return eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>%s</SyncKey>"
		"<CollectionId>%u</CollectionId></Collection></Collections>"
		"<HeartbeatInterval>600</HeartbeatInterval></Sync>",
		key, f->inbox);
}

static void
sync_with_wait_is_woken_by_mail_and_brings_it(void **state)
{
	struct eas_fixture *f = *state;
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);

	f->can_wait = true;
	sync_wait(f, key);
	assert_true(f->waiting);
	assert_int_equal(f->wait_ms, 600000);
	eas_mail(f, f->inbox, NOW, "one");
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Sync");
	assert_false(f->waiting);
	assert_string_equal(eas_value(f, "Subject", 0), "one");
	/* Mail that is there already is not waited for. */
	sync_wait(f, eas_key(f));
	assert_true(f->waiting);
	eas_stop_waiting(f);
	eas_mail(f, f->inbox, NOW, "two");
	eas_run(f, "Sync", NULL);
	assert_false(f->waiting);
	assert_string_equal(eas_value(f, "Subject", 0), "two");
}

static void
sync_that_waited_says_nothing_after_the_device_went_on(void **state)
{
	struct eas_fixture *f = *state;
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN), *next;

	f->can_wait = true;
	sync_wait(f, key);
	assert_true(f->waiting);
	eas_mail(f, f->inbox, NOW, "one");
	/* Another connection is faster. */
	eas_sync(f, f->inbox, key, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	next = eas_key(f);
	eas_resume(f, "Sync");
	assert_false(f->waiting);
	assert_string_equal(f->xml, "");
	/* And what it got stays good. */
	eas_sync(f, f->inbox, next, "");
	assert_string_equal(f->xml, "");
}

static void
sync_with_wait_ends_when_a_folder_comes(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	uint32_t id;

	f->can_wait = true;
	eas_run(f, "FolderSync",
	        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>");
	sync_wait(f, key);
	assert_true(f->waiting);
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_create(tx, 0, SPAN("Projects"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Sync");
	assert_has(f, "<Sync><Status>12</Status></Sync>");
}

static void
count_statement(const char *sql UNUSED, void *arg)
{
	++*(unsigned *)arg;
}

/* Each is a round trip where the database is elsewhere. */
static void
sync_that_finds_nothing_asks_three_times(void **state)
{
	struct eas_fixture *f = *state;
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	unsigned n = 0;

	f->can_wait = true;
	sync_wait(f, key);
	assert_true(f->waiting);
	eas_stop_waiting(f);
	engine_watch(count_statement, &n);
	sync_wait(f, key);
	engine_watch(NULL, NULL);
	assert_true(f->waiting);
	eas_stop_waiting(f);
	/* The user, by the fixture; account and device; cursors; the folder. */
	assert_int_equal(n, 4);

	eas_sync(f, f->inbox, key, "");
	n = 0;
	engine_watch(count_statement, &n);
	eas_sync(f, f->inbox, key, "");
	engine_watch(NULL, NULL);
	assert_string_equal(f->xml, "");
	assert_int_equal(n, 4);
}

struct intruder {
	struct eas_fixture *f;
	unsigned countdown; /* statements from now; 0: done */
	unsigned made;
};

/* Makes a folder while the request is between two statements. */
static void
intrude(const char *sql, void *arg)
{
	struct intruder *in = arg;
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx = NULL;
	char name[16];
	uint32_t id;

	(void)sql;
	if (in->countdown == 0 || --in->countdown > 0)
		return;
	snprintf(name, sizeof(name), "Folder %u", in->made++);
	assert_ok(store_write(in->f->store, in->f->user, &who, &tx));
	assert_ok(store_collection_create(tx, 0, span_str(name), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
}

static void
a_folder_that_comes_at_any_moment_of_a_sync_ends_its_wait(void **state)
{
	struct eas_fixture *f = *state;
	struct intruder in = { .f = f };
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);
	unsigned at = 0, told = 0;

	f->can_wait = true;
	do {
		eas_run(f, "FolderSync",
		        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey>"
		        "</FolderSync>");
		/* The row of the request is as it will be: the next one only reads, and
		 * the intruder may write. */
		sync_wait(f, key);
		assert_true(f->waiting);
		eas_stop_waiting(f);
		f->woken = 0;
		in.countdown = ++at;
		engine_watch(intrude, &in);
		sync_wait(f, key);
		engine_watch(NULL, NULL);
		if (in.countdown > 0) /* the request had no such moment */
			break;
		loop_run_once(f->loop, false);
		if (f->waiting && f->woken)
			eas_resume(f, "Sync");
		/* What was there before the request looked at the tree is no news. */
		if (f->waiting && told == 0) {
			eas_stop_waiting(f);
			continue;
		}
		assert_has(f, "<Sync><Status>12</Status></Sync>");
		told++;
	} while (true);
	assert_true(told > 1);
	eas_stop_waiting(f);
}

static void
fetch_in_a_sync_brings_the_item(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = first_key(f, f->inbox, EAS_OPTIONS_PLAIN);

	eas_sync(f, f->inbox, key, "");
	eas_sync(f, f->inbox, eas_key(f),
	         arena_printf(f->a,
	                      "<Commands><Fetch><ServerId>%u:%u</ServerId></Fetch>"
	                      "<Fetch><ServerId>%u:999</ServerId></Fetch></Commands>",
	                      f->inbox, uid, f->inbox));
	assert_has(f, "<Responses><Fetch>");
	assert_string_equal(eas_value(f, "Subject", 0), "one");
	assert_has(f, ":999</ServerId><Status>8</Status>");
}

static void
answer_stops_at_its_size_limit_and_goes_on_in_the_next(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	size_t seen = 0;
	char *key;

	buf_add_str(&raw, "Subject: big\r\n\r\n");
	for (int i = 0; i < 6000; i++)
		buf_add_str(&raw,
		            "0123456789 0123456789 0123456789 0123456789 012345\r\n");
	for (int i = 0; i < 6; i++)
		eas_mail_raw(f, f->inbox, NOW, buf_span(&raw));
	key = first_key(f, f->inbox,
	                "<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>"
	                "</BodyPreference></Options>");
	for (int i = 0; i < 6; i++) {
		eas_sync(f, f->inbox, key, "");
		assert_true(buf_len(&f->body) < f->conf.response_max + 400000);
		assert_true(eas_count(f, "<Add>") >= 1 && eas_count(f, "<Add>") < 6);
		seen += eas_count(f, "<Add>");
		key = eas_key(f);
		if (!strstr(f->xml, "MoreAvailable"))
			break;
	}
	assert_int_equal(seen, 6);
}

static void
class_stands_in_the_answer_at_12_1_only(void **state)
{
	struct eas_fixture *f = *state;

	eas_sync(f, f->inbox, "0", "");
	assert_has_not(f, "<Class>");
	f->version = 121;
	eas_sync(f, f->inbox, "0", "");
	assert_has(f, "<Collection><Class>Email</Class><SyncKey>");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(first_answer_has_a_key_and_no_items),
		T(newest_mail_comes_first_in_windows_with_more_between_status_and_commands),
		T(nothing_new_is_an_empty_answer_and_the_key_stays),
		T(changes_of_others_come_as_changes_and_deletes),
		T(mail_that_came_during_the_hand_out_goes_before_the_rest),
		T(item_not_handed_out_yet_is_neither_changed_nor_deleted),
		T(lost_answer_is_given_again_under_a_new_key),
		T(unknown_keys_get_status_3),
		T(key_of_another_device_is_unknown),
		T(second_first_sync_gives_the_same_key_until_it_was_used),
		T(folder_that_is_not_there_gets_status_12),
		T(several_folders_share_the_window_of_the_request),
		T(empty_and_partial_requests_use_what_the_last_one_said),
		T(malformed_requests_get_their_status),
		T(wait_out_of_range_is_answered_with_the_limit),
		T(sync_with_wait_is_woken_by_mail_and_brings_it),
		T(sync_that_waited_says_nothing_after_the_device_went_on),
		T(sync_with_wait_ends_when_a_folder_comes),
		T(a_folder_that_comes_at_any_moment_of_a_sync_ends_its_wait),
		T(sync_that_finds_nothing_asks_three_times),
		T(fetch_in_a_sync_brings_the_item),
		T(answer_stops_at_its_size_limit_and_goes_on_in_the_next),
		T(class_stands_in_the_answer_at_12_1_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
