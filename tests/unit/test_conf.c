/* SPDX-License-Identifier: ISC
 *
 * test_conf.c - reading, refusing, dumping and documenting the configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/conf.h"
#include "base/mem.h"

enum mode { MODE_OPEN, MODE_CLOSED };

struct mail_conf {
	bool enabled;
	int64_t threads;
	uint64_t size_max;
	uint64_t timeout_ms;
	char *greeting;
	struct conf_list listen;
	int mode;
};

static const char *const modes[] = { "open", "closed", NULL };

static const struct conf_option mail_options[] = {
	{ "enabled", CONF_BOOL, offsetof(struct mail_conf, enabled), "yes", 0, 0, NULL,
	  "Whether mail is taken at all." },
	{ "threads", CONF_INT, offsetof(struct mail_conf, threads), "4", -1, 64, NULL,
	  "How many threads work." },
	{ "size_max", CONF_SIZE, offsetof(struct mail_conf, size_max), "32M", 1024,
	  1 << 30, NULL, "The largest message." },
	{ "timeout", CONF_TIME, offsetof(struct mail_conf, timeout_ms), "90s", 1,
	  86400000, NULL, "How long a silent peer is kept; .5 of it is what \\ means." },
	{ "greeting", CONF_STRING, offsetof(struct mail_conf, greeting), "hello \"you\"",
	  0, 0, NULL, "The first line." },
	{ "listen", CONF_LIST, offsetof(struct mail_conf, listen), "*:25, [::1]:587", 0,
	  0, NULL, "Where to listen." },
	{ "mode", CONF_ENUM, offsetof(struct mail_conf, mode), "open", 0, 0, modes,
	  "Who may come in." },
};

static enum rc
check_mail(const void *section, struct err *err)
{
	const struct mail_conf *m = section;

	if (m->mode == MODE_CLOSED && m->listen.n)
		return err_set(err, RC_CONFLICT, "closed, but listens");
	return RC_OK;
}

struct small_conf {
	int64_t level;
	uint64_t free_ms;
};

static const struct conf_option small_options[] = {
	{ "level", CONF_INT, offsetof(struct small_conf, level), "7", 0, 0, NULL,
	  "A level." },
	{ "free", CONF_TIME, offsetof(struct small_conf, free_ms), "0s", 0, 0, NULL,
	  "Free." },
};

static const struct conf_section mail_section = {
	"mail",
	"All about mail.",
	mail_options,
	ARRAY_LEN(mail_options),
	sizeof(struct mail_conf),
	check_mail,
};
static const struct conf_section small_section = {
	"small",
	"A small one.",
	small_options,
	ARRAY_LEN(small_options),
	sizeof(struct small_conf),
	NULL,
};
static const struct conf_section *const sections[] = { &mail_section, &small_section };

/* Loads text from a file; err's text then begins with "FILE". */
static enum rc
load(struct span text, struct conf **ret, struct err *err)
{
	char path[] = "/tmp/godwit-conf-XXXXXX";
	int fd = mkstemp(path);
	size_t n = sizeof(path) - 1;
	enum rc rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	close(fd);
	err->text[0] = '\0';
	rc = conf_load(path, sections, ARRAY_LEN(sections), ret, err);
	unlink(path);
	if (span_starts(span_str(err->text), path)) {
		memmove(err->text + 4, err->text + n, strlen(err->text + n) + 1);
		memcpy(err->text, "FILE", 4);
	}
	return rc;
}

static struct conf *
load_good(const char *text)
{
	struct conf *c = NULL;
	struct err err;
	enum rc rc = load(span_str(text), &c, &err);

	if (rc != RC_OK)
		print_error("%s\n", err.text);
	assert_int_equal(rc, RC_OK);
	return c;
}

static void
assert_defaults(const struct conf *c)
{
	const struct mail_conf *m = conf_get(c, "mail");
	const struct small_conf *s = conf_get(c, "small");

	assert_true(m->enabled);
	assert_int_equal(m->threads, 4);
	assert_int_equal(m->size_max, 32 << 20);
	assert_int_equal(m->timeout_ms, 90000);
	assert_string_equal(m->greeting, "hello \"you\"");
	assert_int_equal(m->listen.n, 2);
	assert_string_equal(m->listen.items[0], "*:25");
	assert_string_equal(m->listen.items[1], "[::1]:587");
	assert_int_equal(m->mode, MODE_OPEN);
	assert_int_equal(s->level, 7);
}

static void
without_a_file_all_is_default(void **state UNUSED)
{
	struct conf *c;
	struct err err;

	assert_int_equal(conf_load(NULL, sections, ARRAY_LEN(sections), &c, &err), RC_OK);
	assert_defaults(c);
	conf_free(c);
	c = load_good("");
	assert_defaults(c);
	conf_free(c);
	c = load_good("# nothing\n\nmail { }\n");
	assert_defaults(c);
	conf_free(c);
}

static void
a_file_says_every_kind_of_value(void **state UNUSED)
{
	struct conf *c = load_good("# comment\n"
	                           "mail {\n"
	                           "	enabled = off # why not\n"
	                           "	threads = -1\n"
	                           "	size_max = 64k\n"
	                           "	timeout = 15m\n"
	                           "	greeting = 'it is $HOME'\n"
	                           "	listen = { 127.0.0.1:2525, \"a, b\",\n"
	                           "		[::1]:25 }\n"
	                           "	mode = \"open\"\n"
	                           "}\n"
	                           "small { level = 9223372036854775807 }\n");
	const struct mail_conf *m = conf_get(c, "mail");
	const struct small_conf *s = conf_get(c, "small");

	assert_false(m->enabled);
	assert_int_equal(m->threads, -1);
	assert_int_equal(m->size_max, 65536);
	assert_int_equal(m->timeout_ms, 900000);
	assert_string_equal(m->greeting, "it is $HOME");
	assert_int_equal(m->listen.n, 3);
	assert_string_equal(m->listen.items[0], "127.0.0.1:2525");
	assert_string_equal(m->listen.items[1], "a, b");
	assert_string_equal(m->listen.items[2], "[::1]:25");
	assert_true(s->level == INT64_MAX);
	conf_free(c);
}

static void
times_and_sizes_know_their_units(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} times[] = {
		{ "500ms", 500 },    { "30s", 30000 }, { "2h", 7200000 },
		{ "7d", 604800000 }, { "30", 30000 },  { "0", 0 },
		{ "1M", 60000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char *text = xasprintf("small { free = %s }", times[i].text);
		struct conf *c = load_good(text);
		const struct small_conf *s = conf_get(c, "small");

		assert_int_equal(s->free_ms, times[i].ms);
		conf_free(c);
		free(text);
	}
}

static void
what_is_wrong_is_told_with_file_line_and_option(void **state UNUSED)
{
	static const struct {
		const char *text, *err;
	} cases[] = {
		{ "mail {\n\tthreads = 65\n}\n",
		  "FILE:2: section mail: option threads: 65 is not within -1 to 64" },
		{ "mail {\n\tthreads = few\n}\n", "FILE:2: section mail: option threads: "
		                                  "\"few\" is not right here, expected: "
		                                  "number, -1 to 64" },
		{ "mail {\n\n\tsize_max = 2G\n}\n",
		  "FILE:3: section mail: option size_max: 2G is not within 1K to 1G" },
		{ "mail { size_max = 99999999999999999999 }",
		  "FILE:1: section mail: option size_max: \"99999999999999999999\" is "
		  "not "
		  "right here" },
		{ "mail { size_max = 9999999999T }",
		  "FILE:1: section mail: option size_max: \"9999999999T\" is not right "
		  "here" },
		{ "mail { timeout = 5y }",
		  "FILE:1: section mail: option timeout: \"5y\" is not right here, "
		  "expected: "
		  "time (such as 500ms, 30s, 15m, 2h, 7d), 1ms to 1d" },
		{ "mail { timeout = 0 }",
		  "FILE:1: section mail: option timeout: 0ms is not within 1ms to 1d" },
		{ "mail { enabled = maybe }", "FILE:1: section mail: option enabled: "
		                              "\"maybe\" is not right here, expected: "
		                              "true or false" },
		{ "mail { mode = ajar }", "FILE:1: section mail: option mode: \"ajar\" "
		                          "is not right here, expected: one "
		                          "of open, closed" },
		{ "mail {\n\tthreads = 1\n\n\tthreads = 2\n}\n",
		  "FILE:4: section mail: option threads is given twice" },
		{ "mail {\n}\nsmall {\n}\nmail {\n}\n",
		  "FILE:6: section mail is given twice" },
		{ "mail {\n\tspeed = 5\n}\n",
		  "FILE:2: section mail: no such option 'speed'" },
		{ "\nmale {\n}\n", "FILE:2: no such option 'male'" },
		{ "mail {\n\tthreads = \n}\n", "FILE:3: section mail: " },
		{ "mail {\n\tthreads =", "FILE:2: section mail: unexpected end of file" },
		{ "mail {\n\tgreeting =\n",
		  "FILE:2: section mail: unexpected end of file" },
		{ "mail { greeting = \"open", "FILE:" },
		{ "mail { } /* open", "FILE:" },
		{ "mail", "FILE:1: unexpected end of file" },
		{ "mail { } }", "FILE:1: " },
		{ "mail { listen = { a, b }\nlisten = { c } }",
		  "FILE:2: section mail: option listen is given twice" },
		{ "mail { listen = { a }\nlisten = { } }",
		  "FILE:2: section mail: a list is given twice" },
		{ "mail {\n\tthreads = 1\n",
		  "FILE:2: section mail: unexpected end of file" },
		{ "mail { threads = { 1, 2 } }", "FILE:1: section mail: " },
		{ "mail = 5\n", "FILE:1: " },
		{ "mail { mode = closed }", "FILE: section mail: closed, but listens" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = NULL;
		struct err err;
		enum rc rc = load(span_str(cases[i].text), &c, &err);

		if (rc == RC_OK || !span_starts(span_str(err.text), cases[i].err))
			print_error("case %zu: %s: %s\n", i, rc_str(rc), err.text);
		assert_int_not_equal(rc, RC_OK);
		assert_true(span_starts(span_str(err.text), cases[i].err));
		assert_null(c);
	}
}

static void
files_that_are_none_are_refused(void **state UNUSED)
{
	struct conf *c = NULL;
	struct err err;
	char *big = xmalloc((1 << 20) + 8192);

	assert_int_equal(conf_load("/nonexistent/godwit.conf", sections, 2, &c, &err),
	                 RC_NOT_FOUND);
	assert_string_equal(err.text,
	                    "/nonexistent/godwit.conf: No such file or directory");
	assert_int_equal(conf_load("/tmp", sections, 2, &c, &err), RC_IO);
	assert_int_equal(load(SPAN("mail { }\0"), &c, &err), RC_INVALID);
	memset(big, '\n', (1 << 20) + 8192);
	assert_int_equal(load(span_of(big, (1 << 20) + 8192), &c, &err), RC_TOO_BIG);
	assert_null(c);
	free(big);
}

static char *
dump(const struct conf *c)
{
	struct buf b = BUF_INIT(0);

	conf_dump(c, &b);
	return buf_take_str(&b);
}

static void
a_dump_reads_back_as_the_same(void **state UNUSED)
{
	struct conf *a = load_good("mail { greeting = \"q\\\" b\\\\ ${X} ' \\n # }\"\n"
	                           "listen = {} size_max = 1025 timeout = 1500ms }\n"
	                           "small { level = -5 }");
	const struct mail_conf *m;
	struct conf *b;
	char *first = dump(a);
	char *second;

	assert_non_null(strstr(first, "\tsize_max = 1025\n"));
	assert_non_null(strstr(first, "\ttimeout = 1500ms\n"));
	assert_non_null(strstr(first, "\tlisten = {}\n"));
	b = load_good(first);
	m = conf_get(b, "mail");
	assert_string_equal(m->greeting, "q\" b\\  ' \n # }");
	assert_int_equal(m->listen.n, 0);
	second = dump(b);
	assert_string_equal(first, second);
	free(first);
	free(second);
	conf_free(a);
	conf_free(b);
	/* A dollar from single quotes must not be read as the environment's later. */
	a = load_good("mail { greeting = '${HOME}' }");
	first = dump(a);
	b = load_good(first);
	m = conf_get(b, "mail");
	assert_string_equal(m->greeting, "${HOME}");
	free(first);
	conf_free(a);
	conf_free(b);
}

/* The sample with the comment signs of its options taken away. */
static char *
uncommented(char *sample)
{
	for (char *p = sample; (p = strstr(p, "\t#")); p++) {
		if (p[2] != ' ')
			p[1] = ' ';
	}
	return sample;
}

static void
the_sample_is_all_defaults_with_and_without_its_signs(void **state UNUSED)
{
	struct buf b = BUF_INIT(0);
	struct conf *c;
	char *sample;

	conf_sample(sections, ARRAY_LEN(sections), &b);
	sample = buf_take_str(&b);
	assert_non_null(strstr(sample, "# All about mail.\nmail {\n"));
	assert_non_null(strstr(sample, "\t# Whether mail is taken at all.\n"
	                               "\t# Type: true or false\n"
	                               "\t#enabled = true\n"));
	assert_non_null(strstr(sample, "\t#listen = { \"*:25\", \"[::1]:587\" }\n"));
	c = load_good(sample);
	assert_defaults(c);
	conf_free(c);
	c = load_good(uncommented(sample));
	assert_defaults(c);
	conf_free(c);
	free(sample);
}

static void
long_help_is_wrapped_in_the_sample(void **state UNUSED)
{
	static const struct conf_option options[] = {
		{ "level", CONF_INT, 0, "7", 0, 0, NULL,
		  "Many words that do not fit on one line of the sample file, and so "
		  "they are "
		  "put on as many lines as they need to be, each behind its own sign." },
	};
	static const struct conf_section one = { "one", "One.", options, 1, 8, NULL };
	static const struct conf_section *const all[] = { &one };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span rest, line;
	size_t lines = 0;

	conf_sample(all, 1, &b);
	rest = buf_span(&b);
	while (span_cut(&rest, '\n', &line)) {
		assert_true(line.n <= 78);
		lines += span_starts(line, "\t# ");
	}
	assert_int_equal(lines, 4);
}

static void
the_manual_page_escapes_what_mdoc_would_obey(void **state UNUSED)
{
	struct buf b = BUF_INIT(0);
	char *text;

	conf_mdoc(sections, ARRAY_LEN(sections), &b);
	text = buf_take_str(&b);
	assert_non_null(strstr(text,
	                       ".Ss Section mail\nAll about mail.\n.Bl -tag -width Ds\n"
	                       ".It Ic enabled\n"));
	assert_non_null(strstr(text, "what \\e means."));
	assert_non_null(strstr(text, "Default: { \"*:25\", \"[::1]:587\" }\n"));
	assert_non_null(strstr(text, ".El\n.Ss Section small\n"));
	free(text);
}

static void
a_tool_reads_the_sections_that_it_knows(void **state UNUSED)
{
	static const char text[] =
		"other { a = \"}\" list = { \"x\", \"y\" } empty = {} n = 5m }\n"
		"small {\n level = 3\n unknown = { \"a\" }\n free = 2s }\n"
		"mail { enabled = no }\n";
	static const char bad[] = "other { a = 1 }\nsmall { level = many }\n";
	char path[] = "/tmp/godwit-conf-XXXXXX";
	struct err err = { "" };
	struct conf *c = NULL;
	int fd = mkstemp(path);
	const struct small_conf *small;
	enum rc rc;

	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(conf_load(path, sections + 1, 1, &c, &err), RC_INVALID);
	rc = conf_load_some(path, sections + 1, 1, &c, &err);
	if (rc != RC_OK)
		fail_msg("%s", err.text);
	small = conf_get(c, "small");
	assert_int_equal(small->level, 3);
	assert_int_equal(small->free_ms, 2000);
	conf_free(c);
	/* What it knows is judged as ever. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bad, sizeof(bad) - 1, 0), sizeof(bad) - 1);
	assert_int_equal(conf_load_some(path, sections + 1, 1, &c, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "level"));
	close(fd);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_all_is_default),
		cmocka_unit_test(a_file_says_every_kind_of_value),
		cmocka_unit_test(times_and_sizes_know_their_units),
		cmocka_unit_test(what_is_wrong_is_told_with_file_line_and_option),
		cmocka_unit_test(files_that_are_none_are_refused),
		cmocka_unit_test(a_dump_reads_back_as_the_same),
		cmocka_unit_test(the_sample_is_all_defaults_with_and_without_its_signs),
		cmocka_unit_test(long_help_is_wrapped_in_the_sample),
		cmocka_unit_test(the_manual_page_escapes_what_mdoc_would_obey),
		cmocka_unit_test(a_tool_reads_the_sections_that_it_knows),
	};

	unsetenv("X");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
