/* SPDX-License-Identifier: ISC
 *
 * test_eas_ping.c - Ping waits, is woken by what Sync would find, and by nothing else.
 */
#include "store/engine/engine.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

static char *
synced(struct eas_fixture *f, uint32_t folder)
{
	char *key;

	eas_sync(f, folder, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static const char *
ping(struct eas_fixture *f, unsigned seconds, uint32_t folder)
{
	f->can_wait = true;
	return eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>%u</HeartbeatInterval>"
		"<Folders><Folder><Id>%u</Id><Class>Email</Class></Folder></Folders>"
		"</Ping>",
		seconds, folder);
}

#define assert_waits(f)                                                                  \
	do {                                                                             \
		if (!(f)->waiting)                                                       \
			fail_msg("it does not wait: %s", (f)->xml);                      \
	} while (0)
#define assert_changed(f, folder)                                                        \
	assert_string_equal((f)->xml,                                                    \
	                    arena_printf((f)->a,                                         \
	                                 "<Ping><Status>2</Status><Folders><Folder>%u"   \
	                                 "</Folder></Folders></Ping>",                   \
	                                 (folder)))

static void
mail_wakes_a_ping_and_the_folder_is_named(void **state)
{
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
	assert_int_equal(f->wait_ms, 300000);
	eas_mail(f, f->inbox, NOW, "one");
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Ping");
	assert_changed(f, f->inbox);
}

/* Told by another node, over a bus that is late. */
static void
what_a_ping_has_seen_does_not_wake_it(void **state)
{
	struct eas_fixture *f = *state;
	struct store_moved moved = { .user = f->user, .collection = f->inbox };

	eas_mail(f, f->inbox, NOW, "one");
	synced(f, f->inbox);
	assert_ok(store_modseqs(f->store, &f->user, 1, &moved.modseq));
	ping(f, 300, f->inbox);
	assert_waits(f);
	push_wake(f->push, &moved, 1);
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 0);
	moved.modseq++;
	push_wake(f->push, &moved, 1);
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_stop_waiting(f);
}

static void
mail_before_the_ping_is_not_lost(void **state)
{
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	eas_mail(f, f->inbox, NOW, "one");
	ping(f, 300, f->inbox);
	assert_false(f->waiting);
	assert_changed(f, f->inbox);
}

static void
nothing_until_the_heartbeat_is_status_1(void **state)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(100);
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
	clock_fake_advance(300000);
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 0);
	eas_command_timeout(eas_command_find(SPAN("Ping")), &out);
	assert_true(span_eq(buf_span(&out), SPAN("\x03\x01\x6a\x00\x00\x0d\x45\x47\x03"
	                                         "1\x00\x01\x01")));
}

static void
own_changes_do_not_wake(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	f->can_wait = true;
	eas_sync(f, f->inbox, key,
	         arena_printf(
			 f->a,
			 "<Commands><Change><ServerId>%u:%u</ServerId><ApplicationData>"
			 "<Read xmlns=\"Email\">1</Read></ApplicationData></Change>"
			 "</Commands><GetChanges>0</GetChanges>",
			 f->inbox, uid));
	ping(f, 300, f->inbox);
	assert_waits(f);
	/* The same by another wakes. */
	eas_set_flags(f, f->inbox, uid, 0, STORE_FLAG_SEEN);
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_changed(f, f->inbox);
}

static void
other_folders_do_not_wake(void **state)
{
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	eas_mail(f, f->junk, NOW, "spam");
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 0);
}

static void
mail_outside_of_the_window_wakes_no_phone(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_sync(f, f->inbox, "0", "<Options><FilterType>1</FilterType></Options>");
	key = eas_key(f);
	eas_sync(f, f->inbox, key, "");
	ping(f, 300, f->inbox);
	eas_mail(f, f->inbox, NOW - 30 * EAS_DAY, "imported");
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_waits(f); /* Sync would find nothing */
	eas_stop_waiting(f);
}

static void
empty_ping_uses_what_the_last_one_said(void **state)
{
	struct eas_fixture *f = *state;

	f->can_wait = true;
	eas_run(f, "Ping", NULL);
	assert_has(f, "<Status>3</Status>");
	eas_run(f, "Ping",
	        "<Ping xmlns=\"Ping\"><HeartbeatInterval>300</HeartbeatInterval></Ping>");
	assert_has(f, "<Status>3</Status>");
	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
	eas_run(f, "Ping", NULL);
	assert_waits(f);
	assert_int_equal(f->wait_ms, 300000);
	eas_run(f, "Ping",
	        "<Ping xmlns=\"Ping\"><HeartbeatInterval>480</HeartbeatInterval></Ping>");
	assert_waits(f);
	assert_int_equal(f->wait_ms, 480000);
	eas_mail(f, f->inbox, NOW, "one");
	eas_run(f, "Ping", NULL);
	assert_changed(f, f->inbox);
}

static void
heartbeat_out_of_range_is_answered_with_the_limit(void **state)
{
	struct eas_fixture *f = *state;

	ping(f, 59, f->inbox);
	assert_has(f, "<Status>5</Status><HeartbeatInterval>60</HeartbeatInterval>");
	ping(f, 3541, f->inbox);
	assert_has(f, "<Status>5</Status><HeartbeatInterval>3540</HeartbeatInterval>");
}

static void
too_many_folders_and_twice_the_same_are_refused(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	f->can_wait = true;
	buf_add_str(
		&b,
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>300</HeartbeatInterval><Folders>");
	for (int i = 1; i <= 5; i++)
		buf_addf(&b, "<Folder><Id>%d</Id><Class>Email</Class></Folder>", i);
	buf_add_str(&b, "</Folders></Ping>");
	buf_add_char(&b, '\0');
	eas_run(f, "Ping", b.p);
	assert_has(f, "<Status>6</Status><MaxFolders>4</MaxFolders>");
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>300</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id></Folder><Folder><Id>%u</Id></Folder></Folders></Ping>",
		f->inbox, f->inbox);
	assert_has(f, "<Status>4</Status>");
	eas_run(f, "Ping",
	        "<Ping xmlns=\"Ping\"><HeartbeatInterval>soon</HeartbeatInterval></Ping>");
	assert_has(f, "<Status>4</Status>");
}

static void
folder_that_was_never_synced_is_watched_and_reported_once(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail(f, f->inbox, NOW, "old");
	ping(f, 300, f->inbox);
	assert_waits(f);
	eas_mail(f, f->inbox, NOW, "new");
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_changed(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_changed(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
}

static void
client_that_never_syncs_is_not_told_for_ever(void **state)
{
	struct eas_fixture *f = *state;
	int told = 0;

	synced(f, f->inbox);
	eas_mail(f, f->inbox, NOW, "one");
	for (int i = 0; i < 10; i++) {
		ping(f, 300, f->inbox);
		told += !f->waiting;
	}
	assert_in_range(told, 1, 4);
	assert_waits(f);
	/* Something newer is told again. */
	eas_mail(f, f->inbox, NOW, "two");
	ping(f, 300, f->inbox);
	assert_changed(f, f->inbox);
}

static void
ids_that_are_not_folders_are_passed_over(void **state)
{
	struct eas_fixture *f = *state;

	f->can_wait = true;
	synced(f, f->inbox);
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>300</HeartbeatInterval><Folders>"
		"<Folder><Id>UNKNOWN</Id><Class>Tasks</Class></Folder>"
		"<Folder><Id>4711</Id><Class>Email</Class></Folder>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_waits(f);
	eas_mail(f, f->inbox, NOW, "one");
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_changed(f, f->inbox);
}

static void
change_of_the_folder_tree_is_status_7(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	uint32_t id;

	eas_run(f, "FolderSync",
	        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>");
	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_create(tx, 0, SPAN("Projects"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Ping");
	assert_string_equal(f->xml, "<Ping><Status>7</Status></Ping>");
}

static void
hand_out_that_was_broken_off_is_reported(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail(f, f->inbox, NOW, "one");
	eas_mail(f, f->inbox, NOW, "two");
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, eas_key(f), "<WindowSize>1</WindowSize>");
	ping(f, 300, f->inbox);
	assert_changed(f, f->inbox);
}

struct said {
	unsigned reads;
	unsigned writes;
	char last[200];
};

static void
note_statement(const char *sql, void *arg)
{
	struct said *said = arg;

	if (strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "WITH", 4) == 0) {
		said->reads++;
		return;
	}
	said->writes++;
	snprintf(said->last, sizeof(said->last), "%s", sql);
}

/* A hundred thousand of them every quarter of an hour: no commit for any, and few round
 * trips. */
static void
ping_again_with_nothing_new_writes_nothing(void **state)
{
	struct eas_fixture *f = *state;
	struct said said = { 0 };

	eas_mail(f, f->inbox, NOW, "one");
	synced(f, f->inbox);
	ping(f, 300, f->inbox);
	assert_waits(f);
	eas_stop_waiting(f);

	engine_watch(note_statement, &said);
	ping(f, 300, f->inbox);
	engine_watch(NULL, NULL);
	assert_waits(f);
	eas_stop_waiting(f);
	if (said.writes > 0)
		fail_msg("%u writes: %s", said.writes, said.last);
	/* The user; account and device; the device's cursors; the folder. */
	assert_in_range(said.reads, 2, 4);

	said.reads = 0;
	engine_watch(note_statement, &said);
	eas_run(f, "Ping", NULL);
	engine_watch(NULL, NULL);
	assert_waits(f);
	eas_stop_waiting(f);
	if (said.writes > 0)
		fail_msg("%u writes: %s", said.writes, said.last);
	/* What to wait for must be read first: twice account and cursors. */
	assert_in_range(said.reads, 2, 6);
}

struct intruder {
	struct eas_fixture *f;
	unsigned countdown; /* statements from now; 0: done */
	bool makes_folder;
};

/* Mail, or a folder, while the request is between two statements. */
static void
intrude(const char *sql, void *arg)
{
	struct intruder *in = arg;
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx = NULL;
	char name[40];
	uint32_t id;

	(void)sql;
	if (in->countdown == 0 || --in->countdown > 0)
		return;
	if (!in->makes_folder) {
		eas_mail(in->f, in->f->inbox, NOW, "now");
		return;
	}
	assert_ok(store_write(in->f->store, in->f->user, &who, &tx));
	snprintf(name, sizeof(name), "New %llu", (unsigned long long)store_tx_modseq(tx));
	assert_ok(store_collection_create(tx, 0, span_str(name), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
}

/* Between the looks of a Ping whose folders are in it, and of one without a body, which
 * has to find out first what to wait for. */
static bool
comes_to_its_device(struct eas_fixture *f, bool is_empty, bool makes_folder, unsigned at)
{
	struct intruder in = { f, at, makes_folder };

	f->woken = 0;
	engine_watch(intrude, &in);
	if (is_empty)
		eas_run(f, "Ping", NULL);
	else
		ping(f, 300, f->inbox);
	engine_watch(NULL, NULL);
	if (in.countdown > 0) /* the request had no such moment */
		return false;
	loop_run_once(f->loop, false);
	if (f->waiting && f->woken)
		eas_resume(f, "Ping");
	if (f->waiting)
		fail_msg("statement %u, empty %d: it waits on", at, is_empty);
	if (makes_folder)
		assert_string_equal(f->xml, "<Ping><Status>7</Status></Ping>");
	else
		assert_changed(f, f->inbox);
	return true;
}

static void
what_comes_at_any_moment_of_a_ping_is_not_lost(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->inbox);
	unsigned moments = 0;

	for (int kind = 0; kind < 2; kind++) {
		for (unsigned at = 1;; at++) {
			ping(f, 300, f->inbox); /* the row is as it will be */
			assert_waits(f);
			eas_stop_waiting(f);
			if (!comes_to_its_device(f, kind == 1, false, at))
				break;
			moments++;
			eas_sync(f, f->inbox, key, "");
			key = eas_key(f);
		}
		eas_stop_waiting(f);
	}
	assert_true(moments >= 5);
}

static void
folder_that_comes_at_any_moment_of_a_ping_is_told(void **state)
{
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	for (unsigned at = 1; at <= 3; at++) {
		eas_run(f, "FolderSync",
		        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey>"
		        "</FolderSync>");
		eas_runf(f, "FolderSync", /* it shows that it has the answer */
		         "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
		         "</FolderSync>",
		         eas_key(f));
		ping(f, 300, f->inbox);
		assert_waits(f);
		eas_stop_waiting(f);
		assert_true(comes_to_its_device(f, false, true, at));
	}
	eas_stop_waiting(f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(mail_wakes_a_ping_and_the_folder_is_named),
		T(what_a_ping_has_seen_does_not_wake_it),
		T(mail_before_the_ping_is_not_lost),
		T(nothing_until_the_heartbeat_is_status_1),
		T(ping_again_with_nothing_new_writes_nothing),
		T(what_comes_at_any_moment_of_a_ping_is_not_lost),
		T(folder_that_comes_at_any_moment_of_a_ping_is_told),
		T(own_changes_do_not_wake),
		T(other_folders_do_not_wake),
		T(mail_outside_of_the_window_wakes_no_phone),
		T(empty_ping_uses_what_the_last_one_said),
		T(heartbeat_out_of_range_is_answered_with_the_limit),
		T(too_many_folders_and_twice_the_same_are_refused),
		T(folder_that_was_never_synced_is_watched_and_reported_once),
		T(client_that_never_syncs_is_not_told_for_ever),
		T(ids_that_are_not_folders_are_passed_over),
		T(change_of_the_folder_tree_is_status_7),
		T(hand_out_that_was_broken_off_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
