/* SPDX-License-Identifier: ISC
 *
 * test_log.c - lines as logfmt and JSON, to stderr and to the journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define STAMP "2026-11-21T22:18:00.123Z"

static char last[16384];
static size_t n_lines;

static void
keep(enum log_level level UNUSED, const char *line, void *arg UNUSED)
{
	snprintf(last, sizeof(last), "%s", line);
	n_lines++;
}

static int
set_up(void **state UNUSED)
{
	clock_fake_start(1795299480123);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	log_set_sink(keep, NULL);
	n_lines = 0;
	last[0] = '\0';
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	log_set_sink(NULL, NULL);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	clock_fake_stop();
	return 0;
}

static void
a_line_has_time_level_event_and_fields(void **state UNUSED)
{
	log_info(NULL, "eas.ping wake", "folders=%d waited_ms=%d", 2, 30);
	assert_string_equal(last, "ts=" STAMP " level=info event=\"eas.ping wake\" "
	                          "folders=2 waited_ms=30");
	log_error(NULL, "store", "%s", "");
	assert_string_equal(last, "ts=" STAMP " level=error event=store");
}

static void
contexts_go_before_the_line_outermost_first(void **state UNUSED)
{
	struct log_ctx session;
	struct log_ctx command;

	log_ctx_init(&session, NULL, "sess=%d", 7);
	log_ctx_init(&command, &session, NULL);
	log_ctx_add(&session, "user=%s", "ann");
	log_info(&command, "x", "a=1");
	assert_string_equal(last, "ts=" STAMP " level=info event=x sess=7 user=ann a=1");
	log_ctx_add(&command, "cmd=%s", "Sync");
	log_info(&command, "x", "a=1");
	assert_string_equal(last, "ts=" STAMP
	                          " level=info event=x sess=7 user=ann cmd=Sync a=1");
	log_ctx_done(&command);
	log_ctx_done(&session);
}

static void
what_is_below_the_level_is_not_made(void **state UNUSED)
{
	log_debug(NULL, "x", "a=1");
	assert_int_equal(n_lines, 0);
	assert_false(log_is_on(LOG_LEVEL_DEBUG));
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	log_debug(NULL, "x", "a=1");
	assert_int_equal(n_lines, 1);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	log_warn(NULL, "x", "a=1");
	assert_int_equal(n_lines, 1);
}

static void
values_are_quoted_only_where_needed(void **state UNUSED)
{
	static const struct {
		struct span value;
		const char *text;
	} cases[] = {
		{ SPAN("plain@example.org"), "plain@example.org" },
		{ SPAN(""), "\"\"" },
		{ SPAN("two words"), "\"two words\"" },
		{ SPAN("a=b"), "\"a=b\"" },
		{ SPAN("q\"\\"), "\"q\\\"\\\\\"" },
		{ SPAN("a\r\nb\t"), "\"a\\r\\nb\\t\"" },
		{ SPAN("\x1b[2J\0\x7f"), "\"\\x1b[2J\\x00\\x7f\"" },
		{ SPAN("\xc2\x9b"), "\"\\xc2\\x9b\"" }, /* CSI of C1 */
		{ SPAN("\x9b"), "\"\\x9b\"" },
		{ SPAN("\xe4\xb8\xad"), "\"\xe4\xb8\xad\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(LOG_STR(cases[i].value), cases[i].text);
}

static void
long_values_are_cut_and_fit(void **state UNUSED)
{
	char bad[300];
	const char *text;

	memset(bad, 'x', sizeof(bad));
	text = LOG_STR(span_of(bad, 200));
	assert_int_equal(strlen(text), 200);
	text = LOG_STR(span_of(bad, 201));
	assert_int_equal(strlen(text), 205);
	assert_string_equal(text + 199, "xx...\"" + 0);
	memset(bad, 1, sizeof(bad));
	text = LOG_STR(span_of(bad, sizeof(bad)));
	assert_int_equal(strlen(text), 805);
	assert_string_equal(text + 797, "\\x01...\"" + 0);
}

static void
sixteen_values_fit_one_call(void **state UNUSED)
{
	const char *all[16];

	for (size_t i = 0; i < 16; i++) {
		char c = (char)('a' + i);

		all[i] = LOG_STR(span_of(&c, 1));
	}
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(all[i][0], 'a' + i);
}

static void
no_control_character_reaches_the_line(void **state UNUSED)
{
	log_info(NULL, "x\ny", "a=%s", "1\r\nts=0 level=error\x1b[2J\xc2\x9b\xff");
	assert_string_equal(last, "ts=" STAMP " level=info event=\"x\\ny\" "
	                          "a=1\\r\\nts=0 level=error\\x1b[2J\\xc2\\x9b\\xff");
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_TARGET_STDERR);
	log_info(NULL, "x\ny", "a=%s", "1\r\n\x1b\xc2\x9b\xff");
	assert_string_equal(last, "{\"ts\":\"" STAMP "\",\"level\":\"info\","
	                          "\"event\":\"x\\ny\","
	                          "\"a\":\"1\\r\\n\\u001b\\u009b\xef\xbf\xbd\"}");
}

static void
fields_become_members_of_json(void **state UNUSED)
{
	static const struct {
		const char *fields, *members;
	} cases[] = {
		{ "a=1 b=-20 c=x", ",\"a\":1,\"b\":-20,\"c\":\"x\"" },
		{ "a=true b=false c=null", ",\"a\":true,\"b\":false,\"c\":\"null\"" },
		{ "a=007 b=1.5 c=- d=1234567890123456",
		  ",\"a\":\"007\",\"b\":\"1.5\",\"c\":\"-\",\"d\":\"1234567890123456\"" },
		{ "a=\"two words\" b=\"\" c=\"5\"",
		  ",\"a\":\"two words\",\"b\":\"\",\"c\":\"5\"" },
		{ "a=\"q\\\"\\\\ \\r\\n\\t\\x1b\\xc3\\xa4\" b=2",
		  ",\"a\":\"q\\\"\\\\ \\r\\n\\t\\u001b\xc3\xa4\",\"b\":2" },
		{ "a= b=2", ",\"a\":\"\",\"b\":2" },
		{ "some words a=1", ",\"a\":1,\"text\":\"some words\"" },
		{ "=x a=1", ",\"a\":1,\"text\":\"=x\"" },
		{ "a=1 a=2", ",\"a\":2" },
		{ "ts=1 level=x event=y text=z",
		  ",\"ts_\":1,\"level_\":\"x\",\"event_\":\"y\",\"text_\":\"z\"" },
		{ "a=\"open", ",\"a\":\"open\"" },
		{ "a=\"open\\", ",\"a\":\"open\\\\\"" },
		{ "a=\"x\\x1", ",\"a\":\"xx1\"" },
		{ "  a=1   b=2  ", ",\"a\":1,\"b\":2" },
	};

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_TARGET_STDERR);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *expected = xasprintf("{\"ts\":\"" STAMP "\",\"level\":\"info\","
		                           "\"event\":\"e\"%s}",
		                           cases[i].members);

		log_info(NULL, "e", "%s", cases[i].fields);
		assert_string_equal(last, expected);
		free(expected);
	}
}

static void
values_of_log_str_come_through_json_unchanged(void **state UNUSED)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_TARGET_STDERR);
	log_info(NULL, "e", "a=%s b=%s", LOG_STR(SPAN("x=\"1\" y\\n\r\n\xc3\xa4\x01")),
	         LOG_STR(SPAN("end")));
	assert_string_equal(last,
	                    "{\"ts\":\"" STAMP "\",\"level\":\"info\",\"event\":\"e\","
	                    "\"a\":\"x=\\\"1\\\" y\\\\n\\r\\n\xc3\xa4\\u0001\","
	                    "\"b\":\"end\"}");
}

static void
too_long_a_line_is_cut_and_says_so(void **state UNUSED)
{
	char *big = xmalloc(10001);

	memset(big, 'x', 10000);
	big[10000] = '\0';
	log_info(NULL, "e", "a=\"%s\"", big);
	assert_true(strlen(last) < 4300);
	assert_non_null(strstr(last, "xxx\" cut=true"));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, LOG_TARGET_STDERR);
	log_info(NULL, "e", "a=\"%s\"", big);
	assert_true(strlen(last) < 4300);
	assert_non_null(strstr(last, "xxx\",\"cut\":true}"));
	free(big);
}

static void
stderr_gets_whole_lines(void **state UNUSED)
{
	int saved = dup(STDERR_FILENO);
	char text[256];
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	log_set_sink(NULL, NULL);
	fflush(stderr);
	dup2(ends[1], STDERR_FILENO);
	log_info(NULL, "x", "a=1");
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "ts=" STAMP " level=info event=x a=1\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

static int
bind_journal(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
the_journal_gets_its_own_fields_and_stderr_when_it_is_gone(void **state UNUSED)
{
	char dir[] = "/tmp/godwit-log-XXXXXX";
	char text[512];
	char *path;
	int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;
	int fd;

	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/socket", dir);
	fd = bind_journal(path);
	log_set_sink(NULL, NULL);
	log_set_journal(path);
	log_warn(NULL, "x", "a=%s", "1\nPRIORITY=0");
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "PRIORITY=4\nSYSLOG_IDENTIFIER=godwitd\n"
	                          "MESSAGE=ts=" STAMP " level=warn event=x "
	                          "a=1\\nPRIORITY=0\n");
	close(fd);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_warn(NULL, "y", "a=2");
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "ts=" STAMP " level=warn event=y a=2\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
	log_set_journal(NULL);
	unlink(path);
	rmdir(dir);
	free(path);
}

static void *
log_much(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info(arg, "t", "i=%d s=%s", i, LOG_STR(SPAN("a b")));
	return NULL;
}

static void
threads_log_side_by_side(void **state UNUSED)
{
	struct log_ctx ctx;
	pthread_t threads[4];

	log_ctx_init(&ctx, NULL, "sess=1");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_much, &ctx), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(n_lines, 2000);
	log_ctx_done(&ctx);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_line_has_time_level_event_and_fields),
		LOG_TEST(contexts_go_before_the_line_outermost_first),
		LOG_TEST(what_is_below_the_level_is_not_made),
		LOG_TEST(values_are_quoted_only_where_needed),
		LOG_TEST(long_values_are_cut_and_fit),
		LOG_TEST(sixteen_values_fit_one_call),
		LOG_TEST(no_control_character_reaches_the_line),
		LOG_TEST(fields_become_members_of_json),
		LOG_TEST(values_of_log_str_come_through_json_unchanged),
		LOG_TEST(too_long_a_line_is_cut_and_says_so),
		LOG_TEST(stderr_gets_whole_lines),
		LOG_TEST(the_journal_gets_its_own_fields_and_stderr_when_it_is_gone),
		LOG_TEST(threads_log_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
