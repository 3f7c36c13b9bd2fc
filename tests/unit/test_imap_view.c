/* SPDX-License-Identifier: ISC
 *
 * test_imap_view.c - what two sessions see of each other's changes: numbers that stay
 * true, EXPUNGE where it may come, IDLE, CONDSTORE and QRESYNC.
 */
#include <stdatomic.h>

#include "base/mem.h"
#include "store/archive/backup.h"
#include "store/engine/engine.h"
#include "store/store_collection.h"
#include "tests/unit/imap_fixture.h"

/* Five messages in INBOX, and both sessions have it selected. */
static int
setup(void **state)
{
	struct imap_fixture *f = imap_fixture_begin();

	for (int i = 1; i <= 5; i++) {
		char subject[16];
		snprintf(subject, sizeof(subject), "m%d", i);
		imap_add(&f->a, "INBOX", "()", subject);
	}
	imap_client_do(&f->a, "SELECT INBOX");
	imap_client_do(&f->b, "SELECT INBOX");
	*state = f;
	return 0;
}

/* Another node: changes message 1 when a session here has read and not yet written. */
static struct imap_fixture *_Atomic other;

static void
on_statement(const char *sql, void *arg UNUSED)
{
	struct imap_fixture *f;
	struct store_actor who = { .protocol = "other" };
	struct store_item_change change = {
		.flags_on = STORE_FLAG_FLAGGED,
		.set_keywords = true,
		.keywords = SPAN("elsewhere"),
	};
	struct store_collection inbox;
	struct store_tx *tx = NULL;
	struct arena *a;
	uint64_t modseq;

	if (!strstr(sql, "FROM item") || !(f = atomic_exchange(&other, NULL)))
		return;
	a = arena_new();
	if (store_write(f->rig.store, f->rig.user, &who, &tx) ||
	    store_collection_find_role(tx, STORE_ROLE_INBOX, a, &inbox) ||
	    store_item_update(tx, inbox.id, 1, &change, &modseq) || store_commit(&tx))
		abort();
	arena_free(a);
}

static int
setup_with_other(void **state)
{
	engine_watch(on_statement, NULL); /* before there are threads */
	return setup(state);
}

static int
teardown_with_other(void **state)
{
	int rc = imap_fixture_teardown(state);

	engine_watch(NULL, NULL);
	return rc;
}

/* The modseq that text names behind what. */
static unsigned long long
number_after(const char *text, const char *what)
{
	const char *p = strstr(text, what);

	if (!p)
		fail_msg("no %s in %s", what, text);
	return strtoull(p + strlen(what), NULL, 10);
}

static void
select_tells_what_a_client_must_know(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_do(&f->a, "SELECT INBOX"), "* OK [CLOSED]", "* FLAGS (",
	       "* OK [PERMANENTFLAGS (", "\\*)]", "* 5 EXISTS", "* 0 RECENT",
	       "* OK [UNSEEN 1]", "* OK [UIDVALIDITY ", "* OK [UIDNEXT 6]",
	       "* OK [HIGHESTMODSEQ ", "OK [READ-WRITE]");
	expect(imap_client_do(&f->a, "EXAMINE Sent"), "* 0 EXISTS", "OK [READ-ONLY]");
	expect(imap_client_do(&f->a, "SELECT Nowhere"), "NO [NONEXISTENT]");
	expect(imap_client_do(&f->a, "FETCH 1 UID"), "BAD ");
	imap_client_do(&f->a, "ENABLE IMAP4rev2");
	const char *s = imap_client_do(&f->a, "SELECT inbox");
	expect(s, "* LIST () \"/\" \"INBOX\"");
	expect_no(s, "RECENT");
}

static void
new_mail_is_told_at_the_next_command(void **state)
{
	struct imap_fixture *f = *state;

	imap_add(&f->a, "INBOX", "()", "m6");
	expect(imap_client_do(&f->b, "NOOP"), "* 6 EXISTS", "OK");
	expect_no(imap_client_do(&f->b, "NOOP"), "EXISTS");
}

static void
flags_of_another_session_are_told_and_ones_own_once(void **state)
{
	struct imap_fixture *f = *state;

	const char *s = imap_client_do(&f->a, "STORE 2 +FLAGS (\\Flagged work)");
	expect(s, "* FLAGS (", "work)", "* 2 FETCH (UID 2 FLAGS (\\Flagged work))", "OK");
	expect_no(strstr(s, "* 2 FETCH") + 5, "* 2 FETCH");
	expect(imap_client_do(&f->b, "NOOP"), "* 2 FETCH (UID 2 FLAGS (\\Flagged work))",
	       "OK");
	s = imap_client_do(&f->a, "STORE 3 +FLAGS.SILENT (\\Seen)");
	expect_no(s, "FETCH");
	expect_no(imap_client_do(&f->a, "NOOP"), "FETCH");
	expect(imap_client_do(&f->b, "NOOP"), "* 3 FETCH (UID 3 FLAGS (\\Seen))", "OK");
}

static void
expunges_wait_until_numbers_may_change(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "STORE 2,4 +FLAGS.SILENT (\\Deleted)");
	expect(imap_client_do(&f->a, "EXPUNGE"), "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n", "OK");
	const char *s = imap_client_do(&f->b, "FETCH 1:5 (UID)");
	expect(s, "* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)", "* 5 FETCH (UID 5)",
	       "OK [EXPUNGEISSUED]");
	expect_no(s, "EXPUNGE\r\n");
	s = imap_client_do(&f->b, "STORE 5 +FLAGS (\\Seen)");
	expect(s, "* 5 FETCH (UID 5 FLAGS (\\Seen))");
	expect_no(s, "EXPUNGE\r\n");
	expect_no(imap_client_do(&f->b, "SEARCH ALL"), "EXPUNGE\r\n");
	/* New mail may be told while numbers are held: it goes behind them. */
	imap_add(&f->a, "INBOX", "()", "m6");
	s = imap_client_do(&f->b, "FETCH 5 (UID)");
	expect(s, "* 5 FETCH (UID 5)", "* 6 EXISTS");
	expect_no(s, "EXPUNGE\r\n");
	s = imap_client_do(&f->b, "UID FETCH 5 (FLAGS)");
	expect(s, "* 5 FETCH (UID 5 FLAGS (\\Seen))", "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n",
	       "OK");
	expect(imap_client_do(&f->b, "FETCH 1:* (UID)"), "* 1 FETCH (UID 1)",
	       "* 2 FETCH (UID 3)", "* 3 FETCH (UID 5)", "* 4 FETCH (UID 6)", "OK");
}

static void
uid_expunge_takes_only_the_uids_named(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "STORE 1:4 +FLAGS.SILENT (\\Deleted)");
	const char *s = imap_client_do(&f->a, "UID EXPUNGE 2,4:9");
	expect(s, "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n", "OK");
	expect(imap_client_do(&f->a, "UID SEARCH ALL"), "* SEARCH 1 3 5\r\n");
	expect(imap_client_do(&f->a, "CLOSE"), "OK");
	expect(imap_client_do(&f->b, "NOOP"), "EXPUNGE", "OK");
	expect(imap_client_do(&f->b, "UID SEARCH ALL"), "* SEARCH 5\r\n");
	expect(imap_client_do(&f->a, "FETCH 1 UID"), "BAD ");
}

static void
unselect_and_examine_expunge_nothing(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	expect(imap_client_do(&f->a, "UNSELECT"), "OK");
	imap_client_do(&f->a, "EXAMINE INBOX");
	expect(imap_client_do(&f->a, "EXPUNGE"), "NO [READ-ONLY]");
	expect(imap_client_do(&f->a, "STORE 1 FLAGS ()"), "NO [READ-ONLY]");
	expect_no(imap_client_do(&f->a, "FETCH 2 BODY[]"), "\\Seen");
	expect(imap_client_do(&f->a, "CLOSE"), "OK");
	expect(imap_client_do(&f->a, "STATUS INBOX (MESSAGES DELETED)"),
	       "(MESSAGES 5 DELETED 1)");
}

static void
fetching_the_text_marks_it_seen(void **state)
{
	struct imap_fixture *f = *state;

	expect_no(imap_client_do(&f->a, "FETCH 1 BODY.PEEK[]"), "\\Seen");
	const char *s = imap_client_do(&f->a, "FETCH 1:2 BODY[TEXT]");
	expect(s, "* 1 FETCH (BODY[TEXT] {13}\r\nText of m1.\r\n FLAGS (\\Seen))",
	       "* 2 FETCH (BODY[TEXT] ", "FLAGS (\\Seen))", "OK");
	expect_no(imap_client_do(&f->a, "FETCH 1 RFC822.TEXT"), "\\Seen");
	expect(imap_client_do(&f->a, "FETCH 3 (FLAGS BODY[TEXT])"),
	       "FLAGS (\\Seen) BODY[TEXT]");
	expect(imap_client_do(&f->b, "NOOP"), "* 1 FETCH (UID 1 FLAGS (\\Seen))",
	       "* 2 FETCH (UID 2 FLAGS (\\Seen))", "* 3 FETCH", "OK");
}

static void
idle_tells_of_mail_flags_and_expunges(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_send(&f->b, "i IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	imap_add(&f->a, "INBOX", "()", "m6");
	expect(imap_client_line(&f->b), "* 6 EXISTS");
	imap_client_do(&f->a, "NOOP");
	/* The map was forgotten in between: it is made again for these. */
	imap_client_do(&f->a, "STORE 4 +FLAGS.SILENT (\\Deleted)");
	expect(imap_client_line(&f->b), "* 4 FETCH (UID 4 FLAGS (\\Deleted))");
	imap_client_do(&f->a, "EXPUNGE");
	expect(imap_client_line(&f->b), "* 4 EXPUNGE");
	imap_client_do(&f->a, "STORE 5 +FLAGS.SILENT (\\Seen)");
	expect(imap_client_line(&f->b), "* 5 FETCH (UID 6 FLAGS (\\Seen))");
	imap_client_send(&f->b, "DONE\r\n");
	expect(imap_client_line(&f->b), "i OK ");
	expect(imap_client_do(&f->b, "FETCH 4:* (UID)"), "* 4 FETCH (UID 5)",
	       "* 5 FETCH (UID 6)");
}

static void
what_changed_before_idle_is_told_when_it_begins(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->a, "EXPUNGE");
	imap_add(&f->a, "INBOX", "()", "m6");
	imap_client_send(&f->b, "i IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	expect(imap_client_line(&f->b), "* 1 EXPUNGE");
	expect(imap_client_line(&f->b), "* 5 EXISTS");
	imap_client_send(&f->b, "LOGOUT\r\n");
	expect(imap_client_line(&f->b), "i BAD ");
	expect(imap_client_do(&f->b, "NOOP"), "OK");
}

static void
idle_without_a_mailbox_waits_for_done(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->b, "UNSELECT");
	imap_client_send(&f->b, "i IDLE\r\nDONE\r\nj NOOP\r\n");
	expect(imap_client_line(&f->b), "+ ");
	expect(imap_client_line(&f->b), "i OK ");
	expect(imap_client_line(&f->b), "j OK ");
}

static void
a_mailbox_deleted_by_another_ends_the_session(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "CREATE Short");
	imap_client_do(&f->b, "SELECT Short");
	imap_client_send(&f->b, "i IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	expect(imap_client_do(&f->a, "DELETE Short"), "OK");
	expect(imap_client_line(&f->b), "* BYE ");
	imap_client_do(&f->a, "CREATE Mine");
	imap_client_do(&f->a, "SELECT Mine");
	expect(imap_client_do(&f->a, "DELETE Mine"), "* OK [CLOSED]", "OK");
	expect(imap_client_do(&f->a, "FETCH 1 UID"), "BAD ");
}

static void
numbers_that_are_not_there_are_bad_and_uids_are_not(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_do(&f->a, "FETCH 6 UID"), "BAD ");
	expect(imap_client_do(&f->a, "FETCH 1:6 UID"), "BAD ");
	expect(imap_client_do(&f->a, "STORE 9 FLAGS ()"), "BAD ");
	expect(imap_client_do(&f->a, "COPY 9 Sent"), "BAD ");
	const char *s = imap_client_do(&f->a, "UID FETCH 6:8 UID");
	expect(s, " OK ");
	expect_no(s, "FETCH (");
	expect(imap_client_do(&f->a, "UID FETCH 9:* UID"), "* 5 FETCH (UID 5)", "OK");
	imap_client_do(&f->a, "SELECT Sent");
	s = imap_client_do(&f->a, "FETCH 1:* UID");
	expect(s, " OK ");
	expect(imap_client_do(&f->a, "UID FETCH 1:* UID"), " OK ");
}

static void
condstore_keeps_a_change_from_going_over_a_newer_one(void **state)
{
	struct imap_fixture *f = *state;

	const char *s = imap_client_do(&f->a, "FETCH 1:2 (MODSEQ)");
	expect(s, "* OK [HIGHESTMODSEQ ", "* 1 FETCH (MODSEQ (", "* 2 FETCH (MODSEQ (");
	unsigned long long old = number_after(s, "* 2 FETCH (MODSEQ (");
	imap_client_do(&f->b, "STORE 1 +FLAGS (\\Answered)");
	s = imap_client_do(&f->a,
	                   "STORE 1,2 (UNCHANGEDSINCE %llu) +FLAGS.SILENT (\\Seen)", old);
	expect(s, "* 2 FETCH (UID 2 MODSEQ (", "OK [MODIFIED 1] ");
	expect(imap_client_do(&f->a, "FETCH 1:2 (FLAGS)"),
	       "* 1 FETCH (FLAGS (\\Answered))", "* 2 FETCH (FLAGS (\\Seen))");
	s = imap_client_do(&f->a, "UID STORE 1 (UNCHANGEDSINCE 0) FLAGS ()");
	expect(s, "OK [MODIFIED 1]");
	s = imap_client_do(&f->a, "FETCH 1:* (FLAGS) (CHANGEDSINCE %llu)", old);
	expect(s, "* 1 FETCH (FLAGS (\\Answered) MODSEQ (",
	       "* 2 FETCH (FLAGS (\\Seen) MODSEQ (");
	expect(imap_client_do(&f->a, "SEARCH MODSEQ %llu", old + 1), "* SEARCH ", "1 2",
	       "(MODSEQ ");
}

static void
restore_alice(struct imap_fixture *f, const char *dir)
{
	struct backup_store_target target;
	struct err err = { "" };
	bool same = true;

	backup_target_of_store(&target, f->rig.store);
	if (backup_restore_user(dir, 0, SPAN(IMAP_RIG_USER), &target.base, &same, &err) !=
	    RC_OK)
		fail_msg("%s", err.text);
	backup_target_done(&target);
	assert_false(same);
}

static void
who_knows_of_what_a_restore_has_lost_hears_of_everything(void **state)
{
	struct imap_fixture *f = *state;
	char *dir = xasprintf("%s/backup", f->rig.dir);
	struct backup_make_conf conf = { .dir = dir };
	struct backup_store_source source;
	struct backup_report report;
	struct imap_client c;
	struct err err = { "" };

	const char *s = imap_client_do(&f->a, "SELECT INBOX");
	unsigned long long epoch = number_after(s, "[UIDVALIDITY ");
	unsigned long long then = number_after(s, "[HIGHESTMODSEQ ");
	backup_source_of_store(&source, f->rig.store);
	assert_int_equal(backup_make(&source.base, &conf, &report, &err), RC_OK);
	imap_client_do(&f->a, "STORE 2 +FLAGS.SILENT (\\Flagged)");
	imap_add(&f->a, "INBOX", "()", "lost");
	imap_client_do(&f->a, "UID STORE 1 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->a, "EXPUNGE");
	unsigned long long lost = number_after(
		imap_client_do(&f->b, "STATUS INBOX (HIGHESTMODSEQ)"), "(HIGHESTMODSEQ ");
	imap_client_send(&f->a, "i IDLE\r\n");
	expect(imap_client_line(&f->a), "+ ");
	restore_alice(f, dir);
	/* A view of what is no more cannot be brought up to date. */
	expect(imap_client_line(&f->a), "* BYE ");

	imap_client_login(&c, &f->rig);
	imap_client_do(&c, "ENABLE QRESYNC");
	/* Who has seen nothing of it hears of nothing. */
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu))", epoch, then);
	expect(s, "* 5 EXISTS");
	expect_no(s, "VANISHED");
	expect_no(s, "FETCH");
	assert_true(number_after(s, "[HIGHESTMODSEQ ") > lost);
	assert_true(number_after(s, "[UIDVALIDITY ") == epoch);
	unsigned long long next = number_after(s, "[UIDNEXT ");
	assert_true(next > 7);
	/* Who has, of everything: all messages, and one range of what is not there. */
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu))", epoch, lost);
	char *gone = xasprintf("* VANISHED (EARLIER) 6:%llu\r\n", next - 1);
	expect(s, gone, "* 1 FETCH (UID 1 ", "* 2 FETCH (UID 2 ", "* 5 FETCH (UID 5 ");
	free(gone);
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu 2,5:7))", epoch, lost);
	expect(s, "* VANISHED (EARLIER) 6:7\r\n", "FETCH (UID 2 ", "FETCH (UID 5 ");
	expect_no(s, "UID 1 ");
	s = imap_client_do(&c, "FETCH 1:* (FLAGS) (CHANGEDSINCE %llu)", lost);
	expect(s, "* 1 FETCH (", "* 2 FETCH (", "* 5 FETCH (", "OK");
	expect(imap_client_do(&c, "UID FETCH 4:9 (FLAGS) (CHANGEDSINCE %llu VANISHED)",
	                      lost),
	       "* VANISHED (EARLIER) 6:9\r\n", "UID 4", "UID 5", "OK");
	expect(imap_client_do(&c, "SEARCH MODSEQ %llu", lost), "* SEARCH 1 2 3 4 5 ");
	/* And it may change nothing by what it remembers. */
	expect(imap_client_do(&c, "STORE 2 (UNCHANGEDSINCE %llu) +FLAGS (\\Seen)", lost),
	       "OK [MODIFIED 2]");
	expect(imap_client_do(&c, "STORE 2 (UNCHANGEDSINCE %llu) +FLAGS (\\Seen)", then),
	       "* 2 FETCH ", "OK");
	imap_client_close(&c);
	free(dir);
}

static void
qresync_tells_what_vanished_and_what_changed(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;

	const char *s = imap_client_do(&f->a, "SELECT INBOX");
	unsigned long long epoch = number_after(s, "[UIDVALIDITY ");
	unsigned long long modseq = number_after(s, "[HIGHESTMODSEQ ");
	imap_client_do(&f->a, "STORE 2:3 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->a, "EXPUNGE");
	imap_client_do(&f->a, "UID STORE 5 +FLAGS.SILENT (\\Seen)");
	imap_add(&f->a, "INBOX", "()", "m6");

	imap_client_login(&c, &f->rig);
	expect(imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu))", epoch, modseq),
	       "BAD ");
	expect(imap_client_do(&c, "ENABLE QRESYNC"), "* ENABLED QRESYNC");
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu))", epoch, modseq);
	expect(s, "* 4 EXISTS", "* VANISHED (EARLIER) 2:3\r\n",
	       "* 3 FETCH (UID 5 MODSEQ (", "FLAGS (\\Seen))",
	       "* 4 FETCH (UID 6 MODSEQ (", "OK");
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu 1:2,5 (1,2 1,2)))",
	                   epoch, modseq);
	expect(s, "* VANISHED (EARLIER) 2\r\n", "* 3 FETCH (UID 5");
	expect_no(s, "UID 6");
	s = imap_client_do(&c, "SELECT INBOX (QRESYNC (%llu %llu))", epoch + 1, modseq);
	expect_no(s, "VANISHED");
	s = imap_client_do(&c, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %llu VANISHED)",
	                   modseq);
	expect(s, "* VANISHED (EARLIER) 2:3\r\n", "UID 5", "UID 6", "OK");
	imap_client_do(&f->a, "UID STORE 1 +FLAGS.SILENT (\\Deleted)");
	expect(imap_client_do(&f->a, "EXPUNGE"), "* 1 EXPUNGE");
	expect(imap_client_do(&c, "NOOP"), "* VANISHED 1\r\n", "OK");
	imap_client_do(&c, "UID STORE 4 +FLAGS.SILENT (\\Deleted)");
	expect(imap_client_do(&c, "EXPUNGE"), "* VANISHED 4\r\n", "OK [HIGHESTMODSEQ ");
	imap_client_close(&c);
}

static void
messages_are_copied_and_moved_with_their_flags(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "STORE 2 +FLAGS.SILENT (\\Seen work)");
	expect(imap_client_do(&f->a, "COPY 2:3 Trash"), "OK [COPYUID ", " 2:3 1:2] ");
	expect(imap_client_do(&f->a, "UID COPY 77 Trash"), " OK Copy");
	expect(imap_client_do(&f->a, "COPY 1 Nowhere"), "NO [TRYCREATE]");
	const char *s = imap_client_do(&f->a, "MOVE 1,4 Trash");
	expect(s, "* OK [COPYUID ", " 1,4 3:4] ", "* 4 EXPUNGE\r\n* 1 EXPUNGE\r\n",
	       "OK Move");
	expect(imap_client_do(&f->b, "NOOP"), "* 4 EXPUNGE\r\n* 1 EXPUNGE\r\n",
	       "* 1 FETCH (UID 2");
	imap_client_do(&f->b, "SELECT Trash");
	s = imap_client_do(&f->b,
	                   "FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (Subject)])");
	expect(s, "* 1 FETCH (UID 1 FLAGS (\\Seen work) BODY", "m2", "* 2 FETCH", "m3",
	       "* 3 FETCH", "m1", "* 4 FETCH", "m4");
	expect(imap_client_do(&f->b, "COPY 1 Trash"), "* 5 EXISTS", "OK [COPYUID ");
}

static void
a_copy_of_expunged_messages_copies_none(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->b, "STORE 3 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->b, "EXPUNGE");
	expect(imap_client_do(&f->a, "FETCH 1 UID"), "OK");
	expect(imap_client_do(&f->a, "COPY 2:4 Trash"), "NO [EXPUNGEISSUED]");
	expect(imap_client_do(&f->a, "STATUS Trash (MESSAGES)"), "(MESSAGES 0)");
	imap_client_do(&f->b, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->b, "EXPUNGE");
	expect(imap_client_do(&f->a, "UID COPY 1:4 Trash"), "OK [COPYUID ", " 2,4 1:2] ");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, imap_fixture_teardown)

static void
what_another_node_changed_meanwhile_is_told_with_seen(void **state)
{
	struct imap_fixture *f = *state;

	atomic_store(&other, f);
	expect(imap_client_do(&f->a, "FETCH 1 BODY[]"), "\\Flagged", "\\Seen",
	       "elsewhere", "OK");
	assert_null(atomic_load(&other));
	expect_no(imap_client_do(&f->a, "NOOP"), "FETCH");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(select_tells_what_a_client_must_know),
		T(new_mail_is_told_at_the_next_command),
		T(flags_of_another_session_are_told_and_ones_own_once),
		T(expunges_wait_until_numbers_may_change),
		T(uid_expunge_takes_only_the_uids_named),
		T(unselect_and_examine_expunge_nothing),
		T(fetching_the_text_marks_it_seen),
		T(idle_tells_of_mail_flags_and_expunges),
		T(what_changed_before_idle_is_told_when_it_begins),
		T(idle_without_a_mailbox_waits_for_done),
		T(a_mailbox_deleted_by_another_ends_the_session),
		T(numbers_that_are_not_there_are_bad_and_uids_are_not),
		T(condstore_keeps_a_change_from_going_over_a_newer_one),
		T(who_knows_of_what_a_restore_has_lost_hears_of_everything),
		T(qresync_tells_what_vanished_and_what_changed),
		T(messages_are_copied_and_moved_with_their_flags),
		T(a_copy_of_expunged_messages_copies_none),
		cmocka_unit_test_setup_teardown(
			what_another_node_changed_meanwhile_is_told_with_seen,
			setup_with_other, teardown_with_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
