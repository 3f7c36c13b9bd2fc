/* SPDX-License-Identifier: ISC
 *
 * test_imap_fault.c - a store that fails at the wrong moment (linked with --wrap).
 */
#include <stdatomic.h>

#include "base/mem.h"
#include "tests/unit/imap_fixture.h"

enum rc __real_store_content_read(struct store_tx *tx, uint64_t content, uint64_t at,
                                  uint64_t n, struct buf *out);
enum rc __wrap_store_content_read(struct store_tx *tx, uint64_t content, uint64_t at,
                                  uint64_t n, struct buf *out);
enum rc __real_store_commit(struct store_tx **tx);
enum rc __wrap_store_commit(struct store_tx **tx);

/* Of each period calls the last fails with rc; 0: none. A failure writes half first. */
static struct {
	atomic_int period;
	atomic_int calls;
	atomic_int rc;
} reads, commits;

static atomic_size_t bytes_read;

static bool
is_due(int period, atomic_int *calls)
{
	return period > 0 && ++*calls % period == 0;
}

enum rc
__wrap_store_content_read(struct store_tx *tx, uint64_t content, uint64_t at, uint64_t n,
                          struct buf *out)
{
	bool fails = is_due(reads.period, &reads.calls);
	enum rc rc = __real_store_content_read(tx, content, at, fails ? n / 2 : n, out);

	bytes_read += n;
	return fails ? (enum rc)reads.rc : rc;
}

enum rc
__wrap_store_commit(struct store_tx **tx)
{
	if (!is_due(commits.period, &commits.calls))
		return __real_store_commit(tx);
	store_tx_free(TAKE(*tx));
	return (enum rc)commits.rc;
}

#define MESSAGE 700000

static char *
make_message(void)
{
	char *raw = xmalloc(MESSAGE + 1);

	for (size_t i = 0; i < MESSAGE; i++)
		raw[i] = i % 70 == 69 ? '\n' : (char)('a' + i * 11 / 70 % 26);
	memcpy(raw, "A: b\r\n\r\n", 8);
	raw[MESSAGE] = '\0';
	return raw;
}

static int
setup(void **state)
{
	struct imap_fixture *f = imap_fixture_begin();
	char *raw = make_message();

	expect(imap_client_append(&f->a, "INBOX", "()", span_of(raw, MESSAGE)), " OK ");
	free(raw);
	imap_client_do(&f->a, "SELECT INBOX");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	reads.period = reads.calls = 0;
	commits.period = commits.calls = 0;
	return imap_fixture_teardown(state);
}

static void
a_read_that_must_be_tried_again_goes_on_where_it_was(void **state)
{
	struct imap_fixture *f = *state;
	char *raw = make_message();

	reads.rc = RC_AGAIN;
	reads.period = 2;
	const char *s = imap_client_do(
		&f->a, "FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (A)] BODY.PEEK[] FLAGS)");
	expect(s,
	       "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (A)] {8}\r\nA: b\r\n\r\n BODY[] {700000}\r\n",
	       " FLAGS ())\r\n", " OK ");
	assert_memory_equal(strstr(s, "{700000}\r\n") + 10, raw, MESSAGE);
	assert_true(reads.calls > 10);
	free(raw);
}

static void
what_a_client_does_not_fetch_is_not_read(void **state)
{
	struct imap_fixture *f = *state;

	for (int i = 0; i < 9; i++)
		imap_client_do(&f->a, "COPY 1 INBOX");
	bytes_read = 0;
	imap_client_send(&f->a, "x FETCH 1:* BODY.PEEK[]\r\n");
	imap_client_line(&f->a);
	/* Another session of the user has its turn between any two slices. */
	for (int i = 0; i < 100; i++)
		expect(imap_client_do(&f->b, "STATUS Trash (MESSAGES)"), " OK ");
	/* What the socket took, two slices, one that was ready. */
	assert_true(bytes_read < MESSAGE * 10 / 3);
	const char *line;
	while ((line = imap_client_line(&f->a)) && strncmp(line, "x OK ", 5) != 0)
		;
	assert_non_null(line);
	assert_int_equal(bytes_read, MESSAGE * 10);
}

static void
a_read_that_fails_before_anything_was_sent_is_a_no(void **state)
{
	struct imap_fixture *f = *state;

	reads.rc = RC_IO;
	reads.period = 1;
	const char *s = imap_client_do(&f->a, "FETCH 1 BODY.PEEK[]");
	expect(s, " NO [SERVERBUG]");
	expect_no(s, "FETCH (");
	expect(imap_client_do(&f->a, "SEARCH BODY x"), " NO [SERVERBUG]");
	reads.period = 0;
	expect(imap_client_do(&f->a, "FETCH 1 BODY.PEEK[]<0.4>"), "{4}\r\nA: b)", " OK ");
}

static void
a_read_that_fails_in_a_literal_ends_the_connection(void **state)
{
	struct imap_fixture *f = *state;

	reads.rc = RC_IO;
	reads.period = 4;
	const char *s = imap_client_do(&f->a, "FETCH 1 BODY.PEEK[]");
	expect(s, "{700000}\r\n");
	expect_no(s, " OK Fetch");
	expect_no(s, " NO ");
	assert_null(imap_client_line(&f->a));
	expect(imap_client_do(&f->b, "NOOP"), " OK ");
}

static void
a_commit_that_fails_is_never_an_ok(void **state)
{
	struct imap_fixture *f = *state;
	static const char *const writes[] = {
		"APPEND INBOX {8+}\r\nA: b\r\n\r\n",
		"STORE 1 +FLAGS (\\Flagged)",
		"COPY 1 Trash",
		"MOVE 1 Trash",
		"CREATE x",
		"UNSUBSCRIBE Junk",
		"RENAME INBOX Old",
	};

	commits.rc = RC_AGAIN;
	commits.period = 1;
	for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
		const char *s = imap_client_do(&f->a, "%s", writes[i]);
		expect(s, " NO [UNAVAILABLE]");
		expect_no(s, "* ");
	}
	/* The text may not be given when it could not be marked as seen. */
	expect_no(imap_client_do(&f->a, "FETCH 1 BODY[]<0.4>"), "A: b");
	commits.period = 0;
	const char *s = imap_client_do(&f->a, "FETCH 1 (FLAGS)");
	expect(s, "FLAGS ())");
	expect(imap_client_do(&f->a, "STATUS Trash (MESSAGES)"), "(MESSAGES 0)");
	imap_client_do(&f->a, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	commits.period = 1;
	commits.calls = 0;
	expect(imap_client_do(&f->a, "EXPUNGE"), " NO [UNAVAILABLE]");
	expect(imap_client_do(&f->a, "CLOSE"), " NO [UNAVAILABLE]");
	commits.period = 0;
	expect(imap_client_do(&f->a, "EXPUNGE"), "* 1 EXPUNGE", " OK ");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_read_that_must_be_tried_again_goes_on_where_it_was),
		T(what_a_client_does_not_fetch_is_not_read),
		T(a_read_that_fails_before_anything_was_sent_is_a_no),
		T(a_read_that_fails_in_a_literal_ends_the_connection),
		T(a_commit_that_fails_is_never_an_ok),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
