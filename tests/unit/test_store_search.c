/* SPDX-License-Identifier: ISC
 *
 * test_store_search.c - items are found by their words, and by nothing else.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_deliver.h"
#include "store/store_private.h"
#include "store/store_search.h"
#include "tests/unit/store_fixture.h"

static uint32_t
add_mail_to(struct fixture *f, uint64_t user, uint32_t collection, const char *text)
{
	struct store_actor who = { .protocol = "smtp" };
	struct store_item_new item = { .received_ms = clock_wall_ms() };
	struct store_content *c;
	struct store_tx *tx;
	uint32_t uid;

	assert_ok(store_content_new_mail(f->s, span_str(text), &c));
	assert_ok(store_write(f->s, user, &who, &tx));
	assert_ok(store_item_add(tx, collection, c, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	store_content_free(c);
	return uid;
}

static uint32_t
add_mail(struct fixture *f, const char *text)
{
	return add_mail_to(f, f->user, f->inbox, text);
}

static void
catch_up(struct fixture *f, uint64_t user)
{
	bool done = false;

	assert_ok(store_search_catch_up(f->s, user, 60000, &done));
	assert_true(done);
}

/* "uid uid ..." of what is found in the collection, newest first. */
static const char *
search_in(struct fixture *f, uint64_t user, uint32_t collection,
          struct store_search_node *root)
{
	struct store_search_query q = { .root = root,
		                        .collections = &collection,
		                        .n_collections = 1 };
	struct store_search_hit *hits;
	struct store_tx *tx;
	const char *s = "";
	size_t n;

	catch_up(f, user);
	assert_ok(store_read(f->s, user, &tx));
	assert_ok(store_search(tx, &q, f->a, &hits, &n));
	assert_ok(store_commit(&tx));
	for (size_t i = 0; i < n; i++)
		s = arena_printf(f->a, "%s%s%u", s, i ? " " : "", hits[i].uid);
	return s;
}

static struct store_search_node
text(const char *words)
{
	return (struct store_search_node){ .op = STORE_SEARCH_TEXT,
		                           .text = span_str(words),
		                           .fields = STORE_SEARCH_ALL };
}

static const char *
find(struct fixture *f, const char *words)
{
	struct store_search_node n = text(words);

	return search_in(f, f->user, f->inbox, &n);
}

static const char *
find_prefix(struct fixture *f, const char *words)
{
	struct store_search_node n = text(words);

	n.prefix = true;
	return search_in(f, f->user, f->inbox, &n);
}

static const char *
find_phrase(struct fixture *f, const char *words)
{
	struct store_search_node n = text(words);

	n.phrase = true;
	return search_in(f, f->user, f->inbox, &n);
}

static const char *
find_field(struct fixture *f, enum store_search_field field, const char *words)
{
	struct store_search_node n = text(words);

	n.fields = 1U << field;
	return search_in(f, f->user, f->inbox, &n);
}

static const char report[] =
	"From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <jm@example.net>\r\n"
	"To: Alice <alice@example.org>, bob@example.org\r\n"
	"Cc: carol@example.com\r\n"
	"Subject: Quarterly report for =?utf-8?b?5p2x5Lqs6YO9?=\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n"
	"\r\n"
	"--b\r\n"
	"Content-Type: text/html; charset=utf-8\r\n"
	"\r\n"
	"<p>Please see the <b>attached</b> spread&shy;sheet. &copy; Caf\xc3\xa9</p>"
	"<script>var hidden;</script>\r\n"
	"--b\r\n"
	"Content-Type: application/pdf; name=\"Budget_2026.pdf\"\r\n"
	"Content-Disposition: attachment\r\n"
	"\r\n"
	"secret bytes\r\n"
	"--b--\r\n";

static void
a_mail_is_found_by_its_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add_mail(f, report), 1);
	add_mail(f, "Subject: other\r\n\r\nThe report is on the way to Kyoto.\r\n");
	assert_string_equal(find(f, "quarterly"), "1");
	assert_string_equal(find(f, "REPORT"), "2 1");
	assert_string_equal(find(f, "report attached"), "1");
	assert_string_equal(find(f, "report nowhere"), "");
	assert_string_equal(find(f, "muller"), "1");
	assert_string_equal(find(f, "Jürgen"), "1");
	assert_string_equal(find(f, "cafe"), "1");
	assert_string_equal(find(f, "spreadsheet"), "1");
	assert_string_equal(find(f, "hidden"), "");
	assert_string_equal(find(f, "secret"), "");
	assert_string_equal(find(f, "budget"), "1");
	assert_string_equal(find(f, "budget_2026.pdf"), "1");
	assert_string_equal(find(f, "carol@example.com"), "1");
	assert_string_equal(find(f, "carol@example.org"), "");
	assert_string_equal(find(f, "***"), "");
	assert_string_equal(find(f, ""), "");
}

static void
words_may_go_on_and_phrases_stand_together(void **state)
{
	struct fixture *f = *state;

	add_mail(f, report);
	add_mail(f, "Subject: other\r\n\r\nOn the way to the report desk\r\n");
	assert_string_equal(find(f, "quart"), "");
	assert_string_equal(find_prefix(f, "quart rep"), "1");
	assert_string_equal(find_prefix(f, "on"), "2");
	assert_string_equal(find_phrase(f, "the report"), "2");
	assert_string_equal(find_phrase(f, "the way to the report"), "2");
	assert_string_equal(find_phrase(f, "way the"), "");
	assert_string_equal(find_phrase(f, "report the"), "");
	assert_string_equal(find_phrase(f, "quarterly report for"), "1");
}

static void
scripts_without_spaces_are_found_by_any_piece(void **state)
{
	struct fixture *f = *state;

	add_mail(f, report);
	add_mail(f, "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	            "明天下午在东京开会议, iPhone手机壳\r\n");
	assert_string_equal(find(f, "東京都"), "1");
	assert_string_equal(find(f, "京都"), "1");
	assert_string_equal(find(f, "都"), "1");
	assert_string_equal(find(f, "東都"), "");
	assert_string_equal(find(f, "下午"), "2");
	assert_string_equal(find(f, "天"), "2");
	assert_string_equal(find(f, "会议"), "2");
	assert_string_equal(find(f, "京"), "2 1");
	assert_string_equal(find(f, "下午 会议"), "2");
	assert_string_equal(find(f, "会议　下午"), "2"); /* an ideographic space */
	assert_string_equal(find(f, "iphone手机"), "2");
	assert_string_equal(find(f, "午下"), "");
}

static void
fields_are_apart(void **state)
{
	struct fixture *f = *state;

	add_mail(f, report);
	add_mail(f, "From: report@example.org\r\nSubject: alice\r\n\r\njm was here\r\n");
	assert_string_equal(find_field(f, STORE_SEARCH_FROM, "report"), "2");
	assert_string_equal(find_field(f, STORE_SEARCH_SUBJECT, "report"), "1");
	assert_string_equal(find_field(f, STORE_SEARCH_TO, "alice"), "1");
	assert_string_equal(find_field(f, STORE_SEARCH_SUBJECT, "alice"), "2");
	assert_string_equal(find_field(f, STORE_SEARCH_CC, "carol"), "1");
	assert_string_equal(find_field(f, STORE_SEARCH_BODY, "jm"), "2");
	assert_string_equal(find_field(f, STORE_SEARCH_FROM, "jm@example.net"), "1");
	assert_string_equal(find_field(f, STORE_SEARCH_ATTACHMENT, "pdf"), "1");
	assert_string_equal(find_field(f, STORE_SEARCH_BODY, "pdf"), "");
}

static bool
is_flagged(const struct store_item *item, void *arg UNUSED)
{
	return (item->flags & STORE_FLAG_FLAGGED) != 0;
}

static void
a_query_is_a_tree(void **state)
{
	struct fixture *f = *state;
	struct store_search_node a = text("apple"), b = text("pear"), c = text("plum");
	struct store_search_node not_b = { .op = STORE_SEARCH_NOT, .left = &b };
	struct store_search_node and = { .op = STORE_SEARCH_AND,
		                         .left = &a,
		                         .right = &not_b };
	struct store_search_node or
		= { .op = STORE_SEARCH_OR, .left = &and, .right = &c };
	struct store_search_node has = { .op = STORE_SEARCH_HAS_ATTACHMENT };
	struct store_search_node flagged = { .op = STORE_SEARCH_TEST,
		                             .test = is_flagged };
	struct store_item_change flag = { .flags_on = STORE_FLAG_FLAGGED };
	struct store_tx *tx;

	add_mail(f, "Subject: apple\r\n\r\n\r\n");
	add_mail(f, "Subject: apple pear\r\n\r\n\r\n");
	add_mail(f, "Subject: pear plum\r\n\r\n\r\n");
	add_mail(f, report);
	assert_string_equal(search_in(f, f->user, f->inbox, &and), "1");
	assert_string_equal(search_in(f, f->user, f->inbox, & or), "3 1");
	assert_string_equal(search_in(f, f->user, f->inbox, &not_b), "4 1");
	assert_string_equal(search_in(f, f->user, f->inbox, &has), "4");
	assert_string_equal(search_in(f, f->user, f->inbox, NULL), "4 3 2 1");
	tx = fixture_write(f, 0);
	assert_ok(store_item_update(tx, f->inbox, 2, &flag, NULL));
	assert_ok(store_commit(&tx));
	assert_string_equal(search_in(f, f->user, f->inbox, &flagged), "2");
}

static void
contacts_events_tasks_and_notes_are_found(void **state)
{
	struct fixture *f = *state;

	fixture_add(f, f->inbox,
	            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Jane Doe\r\nN:Doe;Jane;;;\r\n"
	            "EMAIL:jane@example.com\r\nTEL;TYPE=cell:+49 170 555\r\n"
	            "NOTE:likes sailing\r\nEND:VCARD\r\n");
	fixture_add(f, f->inbox,
	            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\n"
	            "UID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T090000Z\r\n"
	            "DTEND:20260101T100000Z\r\nSUMMARY:Harbour tour\r\n"
	            "LOCATION:Pier 7\r\nDESCRIPTION:Bring a coat\r\nEND:VEVENT\r\n"
	            "END:VCALENDAR\r\n");
	fixture_add(f, f->inbox,
	            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\n"
	            "UID:2\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Paint the boat\r\n"
	            "END:VTODO\r\nEND:VCALENDAR\r\n");
	fixture_add(f, f->inbox,
	            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VJOURNAL\r\n"
	            "UID:3\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Knots\r\n"
	            "DESCRIPTION:bowline and sheet bend\r\nEND:VJOURNAL\r\n"
	            "END:VCALENDAR\r\n");
	fixture_add(f, f->inbox, "neither of them");
	assert_string_equal(find(f, "jane doe"), "1");
	assert_string_equal(find(f, "jane@example.com"), "1");
	assert_string_equal(find(f, "sailing"), "1");
	assert_string_equal(find(f, "170"), "1");
	assert_string_equal(find(f, "harbour"), "2");
	assert_string_equal(find(f, "pier coat"), "2");
	assert_string_equal(find(f, "boat"), "3");
	assert_string_equal(find(f, "bowline"), "4");
	assert_string_equal(find(f, "neither"), "");
	assert_string_equal(find_field(f, STORE_SEARCH_SUBJECT, "knots"), "4");
}

/* Statements that the index's tables are in. */
struct watch {
	unsigned search;
	unsigned writes;
};

static void
on_statement(const char *sql, void *arg)
{
	struct watch *w = arg;

	if (strstr(sql, "search_")) {
		w->search++;
		w->writes += strstr(sql, "INSERT INTO search_word") != NULL;
	}
}

static void
a_delivery_knows_nothing_of_the_index(void **state)
{
	struct fixture *f = *state;
	struct watch w = { 0 };
	struct store_item_change seen = { .flags_on = STORE_FLAG_SEEN };
	struct store_tx *tx;
	uint32_t uid;

	add_mail(f, report);
	assert_string_equal(find(f, "quarterly"), "1");
	engine_watch(on_statement, &w);
	add_mail(f, report);
	tx = fixture_write(f, 0);
	assert_ok(store_item_update(tx, f->inbox, 1, &seen, NULL));
	assert_ok(store_item_move(tx, f->inbox, 1, f->trash, &uid));
	assert_ok(store_commit(&tx));
	assert_int_equal(w.search, 0);
	engine_watch(NULL, NULL);
	assert_string_equal(find(f, "quarterly"), "2");
}

static void
moves_and_copies_cost_the_index_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_search_node n = text("quarterly");
	struct watch w = { 0 };
	struct store_tx *tx;
	uint32_t moved, copied;

	add_mail(f, report);
	assert_string_equal(find(f, "quarterly"), "1");
	tx = fixture_write(f, 0);
	assert_ok(store_item_move(tx, f->inbox, 1, f->trash, &moved));
	assert_ok(store_item_copy(tx, f->trash, moved, f->inbox, &copied));
	assert_ok(store_commit(&tx));
	engine_watch(on_statement, &w);
	assert_string_equal(find(f, "quarterly"), arena_printf(f->a, "%u", copied));
	assert_string_equal(search_in(f, f->user, f->trash, &n),
	                    arena_printf(f->a, "%u", moved));
	assert_int_equal(w.writes, 0);
	engine_watch(NULL, NULL);
}

static uint64_t
count(struct fixture *f, const char *sql, uint64_t user, const char *word)
{
	const struct engine_arg args[] = { I(user), B(span_str(word)) };
	struct engine_tx *etx;
	struct engine_stmt *st = NULL;
	uint64_t n;

	assert_ok(engine_begin(f->s->engine, ENGINE_SHARD, store_shard_of(f->s, user),
	                       false, &etx));
	assert_ok(engine_prepare(etx, sql, args, word ? 2 : 1, &st));
	assert_ok(engine_step(st));
	n = col_u64(st, 0);
	engine_stmt_free(st);
	engine_tx_free(etx);
	return n;
}

static void
what_was_deleted_is_not_found_and_leaves_the_index(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx;
	uint64_t removed;

	clock_fake_start(INT64_C(1700000000000));
	add_mail(f, report);
	add_mail(f, "Subject: report\r\n\r\nstays\r\n");
	assert_string_equal(find(f, "report"), "2 1");
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, f->inbox, 1));
	assert_ok(store_commit(&tx));
	assert_string_equal(find(f, "report"), "2");
	assert_string_equal(find(f, "quarterly"), "");
	clock_fake_advance(f->conf.retention_ms + 1000);
	assert_ok(store_sweep(f->s, &removed));
	assert_true(removed > 0);
	assert_string_equal(find(f, "report"), "2");
	clock_fake_stop();
	assert_int_equal(count(f, "SELECT count(*) FROM search_word WHERE owner = $1",
	                       f->user, NULL),
	                 2);
}

static void
a_user_finds_nothing_of_anothers(void **state)
{
	struct fixture *f = *state;
	struct store_search_node n = text("quarterly");
	uint64_t b = fixture_user(f, "b");
	uint32_t inbox = fixture_folder(f, b, STORE_ROLE_INBOX);

	add_mail(f, report);
	assert_string_equal(search_in(f, b, inbox, &n), "");
	assert_string_equal(find(f, "quarterly"), "1");
	add_mail_to(f, b, inbox, "Subject: other\r\n\r\nmine\r\n");
	assert_string_equal(search_in(f, b, inbox, &n), "");
	n = text("mine");
	assert_string_equal(search_in(f, b, inbox, &n), "1");
	assert_string_equal(find(f, "mine"), "");
}

static void
run_sql(struct fixture *f, const char *sql)
{
	/* Not every statement has the second and third. */
	size_t n = strstr(sql, "$3") ? 3 : strstr(sql, "$2") ? 2 : 1;
	const struct engine_arg args[] = { I(f->user), B(SPAN("quarterly")),
		                           B(SPAN("stale")) };
	struct engine_tx *etx;

	assert_ok(engine_begin(f->s->engine, ENGINE_SHARD, store_shard_of(f->s, f->user),
	                       true, &etx));
	assert_ok(engine_run(etx, sql, args, n, NULL));
	assert_ok(engine_commit(&etx));
}

static void
an_index_that_is_lost_or_old_is_made_anew(void **state)
{
	struct fixture *f = *state;

	add_mail(f, report);
	assert_string_equal(find(f, "quarterly"), "1");
	run_sql(f, "DELETE FROM search_word WHERE owner = $1");
	run_sql(f, "DELETE FROM search_state WHERE owner = $1");
	assert_string_equal(find(f, "quarterly"), "1");
	run_sql(f, "UPDATE search_word SET word = $3 WHERE owner = $1 AND word = $2");
	assert_string_equal(find(f, "stale"), "1");
	run_sql(f, "UPDATE search_state SET version = 0 WHERE owner = $1");
	assert_string_equal(find(f, "stale"), "");
	assert_string_equal(find(f, "quarterly"), "1");
	run_sql(f, "UPDATE search_state SET restored = 7 WHERE owner = $1");
	assert_string_equal(find(f, "quarterly"), "1");
}

static void
a_large_mailbox_is_read_in_several_calls(void **state)
{
	struct fixture *f = *state;
	unsigned calls = 0;
	bool done = false;

	for (int i = 0; i < 150; i++)
		add_mail(f, arena_printf(f->a, "Subject: mail number%d\r\n\r\nx\r\n", i));
	clock_fake_start(INT64_C(1700000000000));
	for (; !done && calls < 10; calls++)
		assert_ok(store_search_catch_up(f->s, f->user, 0, &done));
	clock_fake_stop();
	assert_true(done);
	assert_true(calls > 2);
	assert_string_equal(find(f, "number0"), "1");
	assert_string_equal(find(f, "number149"), "150");
}

static void
rows_of_a_word_become_one(void **state)
{
	struct fixture *f = *state;
	uint64_t rows;

	for (int i = 0; i < 70; i++) {
		add_mail(f, arena_printf(f->a, "Subject: common n%d\r\n\r\nx\r\n", i));
		catch_up(f, f->user);
	}
	rows = count(f, "SELECT count(*) FROM search_word WHERE owner = $1 AND word = $2",
	             f->user, "common");
	assert_in_range(rows, 1, 33);
	assert_int_equal(strlen(find(f, "common")), 9 * 2 + 61 * 3 - 1);
}

static void
after_any_failure_all_is_found(void **state)
{
	struct fixture *f = *state;
	bool done;

	for (int i = 0; i < 3; i++)
		add_mail(f, report);
	for (unsigned n = 1;; n++) {
		run_sql(f, "UPDATE search_state SET version = 0 WHERE owner = $1");
		engine_fail_after(n);
		done = false;
		if (store_search_catch_up(f->s, f->user, 60000, &done) == RC_OK)
			assert_true(done);
		if (engine_fail_pending()) {
			engine_fail_after(0);
			break;
		}
		assert_string_equal(find(f, "quarterly"), "3 2 1");
		assert_string_equal(find_phrase(f, "the attached"), "3 2 1");
	}
}

/* -- against an independent scan -- */

#define DOCS 60
#define DOC_WORDS 8

static const char *const vocabulary[] = { "ant", "ante", "bee", "been", "cat", "dog" };

struct doc {
	size_t words[DOC_WORDS];
};

static bool
naive(const struct doc *d, const size_t *words, size_t n, bool prefix, bool phrase)
{
	size_t hits = 0;

	for (size_t at = 0; phrase && at + n <= DOC_WORDS; at++) {
		if (memcmp(&d->words[at], words, n * sizeof(*words)) == 0)
			return true;
	}
	for (size_t w = 0; !phrase && w < n; w++) {
		const char *want = vocabulary[words[w]];

		for (size_t i = 0; i < DOC_WORDS; i++) {
			const char *have = vocabulary[d->words[i]];

			if (prefix ? strncmp(have, want, strlen(want)) == 0
			           : strcmp(have, want) == 0) {
				hits++;
				break;
			}
		}
	}
	return !phrase && hits == n;
}

static void
answers_are_those_of_a_scan(void **state)
{
	struct fixture *f = *state;
	static struct doc docs[DOCS];
	unsigned seed = 1;

	for (size_t i = 0; i < DOCS; i++) {
		const char *body = "";

		for (size_t j = 0; j < DOC_WORDS; j++) {
			seed = seed * 1103515245 + 12345;
			docs[i].words[j] = (seed >> 16) % ARRAY_LEN(vocabulary);
			body = arena_printf(f->a, "%s %s", body,
			                    vocabulary[docs[i].words[j]]);
		}
		add_mail(f, arena_printf(f->a, "Subject:\r\n\r\n%s\r\n", body));
		if (i % 7 == 0)
			catch_up(f, f->user);
	}
	for (int round = 0; round < 150; round++) {
		size_t words[3], n = 1 + (size_t)round % 3;
		int kind = round / 3 % 3;
		const char *query = "", *want = "", *got;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			words[i] = (seed >> 16) % ARRAY_LEN(vocabulary);
			query = arena_printf(f->a, "%s %s", query, vocabulary[words[i]]);
		}
		for (size_t i = DOCS; i-- > 0;) {
			if (naive(&docs[i], words, n, kind == 1, kind == 2))
				want = arena_printf(f->a, "%s%s%zu", want,
				                    *want ? " " : "", i + 1);
		}
		got = kind == 0   ? find(f, query)
		      : kind == 1 ? find_prefix(f, query)
		                  : find_phrase(f, query);
		if (strcmp(got, want) != 0)
			fail_msg("%d \"%s\": got %s, want %s", kind, query, got, want);
	}
}

static void
too_many_words_are_refused(void **state)
{
	struct fixture *f = *state;
	struct store_search_node n = text("");
	struct store_search_query q = { .root = &n };
	struct store_search_hit *hits;
	struct store_tx *tx;
	const char *s = "";
	size_t n_hits;

	for (int i = 0; i <= STORE_SEARCH_WORDS_MAX; i++)
		s = arena_printf(f->a, "%s w%d", s, i);
	n.text = span_str(s);
	tx = fixture_read(f);
	assert_rc(store_search(tx, &q, f->a, &hits, &n_hits), RC_TOO_BIG);
	store_tx_free(tx);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mail_is_found_by_its_words),
		TEST(words_may_go_on_and_phrases_stand_together),
		TEST(scripts_without_spaces_are_found_by_any_piece),
		TEST(fields_are_apart),
		TEST(a_query_is_a_tree),
		TEST(contacts_events_tasks_and_notes_are_found),
		TEST(a_delivery_knows_nothing_of_the_index),
		TEST(moves_and_copies_cost_the_index_nothing),
		TEST(what_was_deleted_is_not_found_and_leaves_the_index),
		TEST(a_user_finds_nothing_of_anothers),
		TEST(an_index_that_is_lost_or_old_is_made_anew),
		TEST(a_large_mailbox_is_read_in_several_calls),
		TEST(rows_of_a_word_become_one),
		TEST(after_any_failure_all_is_found),
		TEST(answers_are_those_of_a_scan),
		TEST(too_many_words_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
