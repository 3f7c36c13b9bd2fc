/* SPDX-License-Identifier: ISC
 *
 * test_push_bus_conf.c - the section "bus": what is refused, and which bus comes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "push/push_bus.h"

static const struct conf_section *const sections[] = { &store_conf_section,
	                                               &push_bus_conf_section };

/* The configuration of this text. */
static enum rc
load(const char *text, struct conf **ret, struct err *err)
{
	char path[] = "/tmp/godwit-test-XXXXXX";
	int fd = mkstemp(path);
	size_t n = strlen(text);
	enum rc rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
	rc = conf_load(path, sections, ARRAY_LEN(sections), ret, err);
	unlink(path);
	return rc;
}

static void
what_cannot_be_is_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "bus { driver = nats }", "url" },
		{ "bus { driver = carrier }", "driver" },
		{ "bus { certificate = \"/x\" }", "key" },
		{ "bus { subject = \"a b\" }", "subject" },
		{ "bus { subject = \"\" }", "subject" },
		{ "bus { sweep = 10ms }", "sweep" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { "" };
		struct conf *c = NULL;

		if (load(cases[i].text, &c, &err) != RC_INVALID ||
		    !strstr(err.text, cases[i].word))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

/* Opens it over a hub; the driver's name, "none", or "refused". */
static void
check_driver(const char *text, const char *want, const char *word)
{
	AUTO(conf)
	struct conf *c = NULL;
	struct err err = { "" };
	struct push_bus *bus = NULL;
	struct push_bus_stats stats;
	struct push *push;
	const char *got = "refused";

	assert_int_equal(load(text, &c, &err), RC_OK);
	assert_int_equal(push_new(&push), RC_OK);
	if (push_bus_open(conf_get(c, "bus"), conf_get(c, "store"), NULL, push, &bus,
	                  &err) == RC_OK) {
		got = "none";
		if (bus) {
			push_bus_stats(bus, &stats);
			got = stats.driver;
		}
	}
	if (strcmp(got, want) != 0 || !strstr(err.text, word))
		fail_msg("%s: %s, %s", text, got, err.text);
	push_bus_free(bus);
	push_free(push);
}

static void
the_driver_is_that_of_the_configuration(void **state)
{
	(void)state;
	check_driver("", "none", "");
	check_driver("bus { driver = none } store { engine = postgresql }", "none", "");
	/* None of these servers is there: that is no error. */
	check_driver("store { engine = postgresql postgresql = \"host=/nowhere\" }",
	             "postgresql", "");
	check_driver("bus { driver = postgresql url = \"host=/nowhere\" }", "postgresql",
	             "");
	check_driver("bus { driver = nats url = \"nats://127.0.0.1:1\" }", "nats", "");
	check_driver(
		"bus { driver = nats url = \"nats://a:b@127.0.0.1:1, 127.0.0.2:1\" }",
		"nats", "");
}

static void
what_the_driver_cannot_use_is_refused(void **state)
{
	(void)state;
	check_driver("bus { driver = postgresql }", "refused", "bus.url");
	check_driver("bus { driver = nats url = \"nats://a:b@\" }", "refused",
	             "number 1");
	check_driver("bus { driver = nats url = \",\" }", "refused", "empty");
	check_driver("bus { driver = nats url = \"/nowhere/url\" }", "refused",
	             "/nowhere/url");
	check_driver("bus { driver = nats url = \"tls://bus\" ca = \"/nowhere.pem\" }",
	             "refused", "/nowhere.pem");
	check_driver("bus { driver = nats url = \"tls://bus\" certificate = \"/no.pem\" "
	             "key = \"/no.key\" }",
	             "refused", "/no.pem");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_refused_with_a_sentence),
		cmocka_unit_test(the_driver_is_that_of_the_configuration),
		cmocka_unit_test(what_the_driver_cannot_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
