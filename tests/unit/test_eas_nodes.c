/* SPDX-License-Identifier: ISC
 *
 * test_eas_nodes.c - the same request of a device on two nodes at the same moment: the
 * second comes while the first has read and not yet written.
 */
#include "store/engine/engine.h"
#include "store/store_node.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

/* The other node's request: runs when the first has read the cursor's row. */
static struct {
	struct eas_fixture *f;
	const char *xml; /* NULL: there is none, or it has run */
	const char *command;
	char *answer; /* in f->a */
	unsigned skip;
} other;

static void
on_statement(const char *sql, void *arg UNUSED)
{
	struct eas_fixture *f = other.f;
	const char *xml = other.xml;

	/* Only where a read is under way: a write has the store to itself. */
	if (!xml || !strstr(sql, "FROM sync_cursor") || other.skip-- > 0)
		return;
	other.xml = NULL;
	eas_run(f, other.command, xml);
	other.answer = arena_strdup(f->a, f->xml);
}

/* Runs the request twice at once; f->xml is the answer of the one that was late. */
static void
run_both(struct eas_fixture *f, const char *command, const char *xml, unsigned skip)
{
	other.f = f;
	other.xml = xml;
	other.command = command;
	other.answer = NULL;
	other.skip = skip;
	engine_watch(on_statement, NULL);
	eas_run(f, command, xml);
	engine_watch(NULL, NULL);
	assert_non_null(other.answer);
}

static const char *
text_of(struct eas_fixture *f, const char *xml, const char *name)
{
	char *mine = f->xml;
	const char *value;

	f->xml = (char *)(uintptr_t)xml;
	value = eas_value(f, name, 0);
	f->xml = mine;
	return value;
}

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
sync_xml(struct eas_fixture *f, uint32_t folder, const char *key, const char *inner)
{
	return arena_printf(f->a,
	                    "<Sync xmlns=\"AirSync\"><Collections><Collection>"
	                    "<SyncKey>%s</SyncKey><CollectionId>%u</CollectionId>%s"
	                    "</Collection></Collections></Sync>",
	                    key, folder, inner);
}

/* Whichever of the two answers the device has read: it goes on, and misses nothing. */
static void
go_on(struct eas_fixture *f, const char *key)
{
	uint32_t uid = eas_mail(f, f->inbox, NOW, "later");

	eas_sync(f, f->inbox, key, "");
	assert_string_equal(eas_value(f, "Status", 0), "1");
	assert_has(f, arena_printf(f->a, "<ServerId>%u:%u</ServerId>", f->inbox, uid));
	assert_int_equal(eas_count(f, "<Add>"), 1);
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_string_equal(f->xml, "");
}

static void
two_answers(struct eas_fixture *f, bool use_first)
{
	char *key = synced(f, f->inbox);
	const char *first;
	const char *second;

	eas_mail(f, f->inbox, NOW, "one");
	run_both(f, "Sync", sync_xml(f, f->inbox, key, ""), 0);
	first = text_of(f, other.answer, "SyncKey");
	second = eas_value(f, "SyncKey", 0);
	assert_string_not_equal(first, second);
	assert_non_null(strstr(other.answer, "<Add>"));
	assert_has(f, "<Add>");
	go_on(f, use_first ? first : second);
	/* The other key is no state of this device any more. */
	eas_sync(f, f->inbox, use_first ? second : first, "");
	assert_has(f, "<Status>3</Status>");
}

static void
of_two_answers_the_device_may_have_read_the_first(void **state)
{
	two_answers(*state, true);
}

static void
of_two_answers_the_device_may_have_read_the_second(void **state)
{
	two_answers(*state, false);
}

/* What came in between the two answers is in the second only. */
static void
who_read_the_first_answer_hears_of_what_only_the_second_had(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->inbox);
	const char *first;
	uint32_t uid;

	eas_mail(f, f->inbox, NOW, "one");
	eas_sync(f, f->inbox, key, "");
	first = eas_key(f);
	uid = eas_mail(f, f->inbox, NOW, "two");
	eas_sync(f, f->inbox, key, ""); /* the same again, from elsewhere */
	assert_int_equal(eas_count(f, "<Add>"), 2);
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>120</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_has(f, "<Status>2</Status>");
	eas_sync(f, f->inbox, first, "");
	assert_has(f, arena_printf(f->a, "<ServerId>%u:%u</ServerId>", f->inbox, uid));
	assert_int_equal(eas_count(f, "<Add>"), 1);
}

static void
a_clients_change_is_applied_once(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);
	const char *xml = sync_xml(f, f->inbox, key,
	                           arena_printf(f->a,
	                                        "<DeletesAsMoves>1</DeletesAsMoves>"
	                                        "<Commands><Delete><ServerId>%u:%u"
	                                        "</ServerId></Delete></Commands>",
	                                        f->inbox, uid));

	run_both(f, "Sync", xml, 0);
	assert_has_not(f, "<Responses>"); /* no failure is told */
	assert_null(strstr(other.answer, "<Responses>"));
	assert_int_equal(eas_exists(f, f->inbox), 0);
	assert_int_equal(eas_exists(f, f->trash), 1);
	go_on(f, eas_value(f, "SyncKey", 0));
}

static void
a_first_sync_twice_at_once_ends_in_one_partnership(void **state)
{
	struct eas_fixture *f = *state;

	run_both(f, "Sync", sync_xml(f, f->inbox, "0", ""), 0);
	assert_string_equal(text_of(f, other.answer, "SyncKey"),
	                    eas_value(f, "SyncKey", 0));
	go_on(f, eas_value(f, "SyncKey", 0));
}

static void
the_tree_twice_at_once_is_one_tree(void **state)
{
	static const char *const request =
		"<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey></FolderSync>";
	struct eas_fixture *f = *state;
	const char *key;
	const char *keys[2];

	run_both(f, "FolderSync", arena_printf(f->a, request, "0"), 0);
	key = eas_value(f, "SyncKey", 0);
	assert_string_equal(text_of(f, other.answer, "SyncKey"), key);
	for (int i = 0; i < 2; i++) {
		AUTO(store_tx)
		struct store_tx *tx = NULL;
		struct store_actor who = { .protocol = "imap" };
		uint32_t id;

		assert_ok(store_write(f->store, f->user, &who, &tx));
		assert_ok(store_collection_create(
			tx, 0, span_str(arena_printf(f->a, "folder %d", i)),
			STORE_CLASS_MAIL, STORE_ROLE_NONE, &id));
		assert_ok(store_commit(&tx));
		run_both(f, "FolderSync", arena_printf(f->a, request, key), 0);
		assert_has(f, "<Count>1</Count>");
		keys[0] = text_of(f, other.answer, "SyncKey");
		keys[1] = eas_value(f, "SyncKey", 0);
		assert_string_not_equal(keys[0], keys[1]);
		key = keys[i];
		eas_runf(f, "FolderSync", request, key);
		assert_has(f, "<Status>1</Status>");
		assert_has(f, "<Count>0</Count>");
		key = eas_value(f, "SyncKey", 0);
	}
}

#define SEND                                                                             \
	"<SendMail xmlns=\"ComposeMail\"><ClientId>c1</ClientId><Mime>To: "              \
	"x@example.net\n\nhello\n</Mime></SendMail>"

/* While the first is handing it in, the device asks another node. */
static bool first_dies;
static int other_status;

static enum rc
submit_and_ask_elsewhere(void *arg, const struct mail_submit_request *q UNUSED,
                         struct err *err UNUSED)
{
	struct eas_fixture *f = arg;

	f->n_sent++;
	if (f->n_sent > 1)
		return RC_OK;
	if (first_dies)
		assert_ok(store_node_leave(f->store));
	assert_ok(store_node_join(f->store, SPAN("other"), SPAN("")));
	eas_run(f, "SendMail", SEND);
	other_status = f->http_status;
	return RC_OK;
}

static void
send_on_two(struct eas_fixture *f, bool dies)
{
	first_dies = dies;
	f->eas->deps.submit = (struct mail_submit){ submit_and_ask_elsewhere, f };
	assert_ok(store_node_join(f->store, SPAN("one"), SPAN("")));
	eas_run(f, "SendMail", SEND);
}

static void
a_message_that_another_node_is_sending_is_asked_for_again_later(void **state)
{
	struct eas_fixture *f = *state;

	send_on_two(f, false);
	assert_int_equal(other_status, 503);
	assert_int_equal(f->n_sent, 1);
	assert_int_equal(f->http_status, 200);
	/* It asks again, and hears that it was sent. */
	eas_run(f, "SendMail", SEND);
	assert_int_equal(f->http_status, 200);
	assert_string_equal(f->xml, "");
	assert_int_equal(f->n_sent, 1);
}

static void
what_a_dead_node_had_begun_to_send_is_sent(void **state)
{
	struct eas_fixture *f = *state;

	send_on_two(f, true);
	assert_int_equal(other_status, 200);
	assert_int_equal(f->n_sent, 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		TEST(of_two_answers_the_device_may_have_read_the_first),
		TEST(of_two_answers_the_device_may_have_read_the_second),
		TEST(who_read_the_first_answer_hears_of_what_only_the_second_had),
		TEST(a_clients_change_is_applied_once),
		TEST(a_first_sync_twice_at_once_ends_in_one_partnership),
		TEST(the_tree_twice_at_once_is_one_tree),
		TEST(a_message_that_another_node_is_sending_is_asked_for_again_later),
		TEST(what_a_dead_node_had_begun_to_send_is_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
