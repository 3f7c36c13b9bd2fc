/* SPDX-License-Identifier: ISC
 *
 * test_metric.c - counters and histograms as Prometheus reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>

#include "base/metric.h"

static struct metric mails =
	METRIC_COUNTER("test_mails_total", "Mails\nwith a \\ in it.");
static struct metric open_imap = {
	.type = METRIC_TYPE_GAUGE,
	.name = "test_open",
	.labels = "protocol=\"imap\"",
	.help = "Open sessions.",
};
static struct metric open_http = {
	.type = METRIC_TYPE_GAUGE,
	.name = "test_open",
	.labels = "protocol=\"http\"",
	.help = "Open sessions.",
};
static struct metric wait_time = METRIC_HISTOGRAM("test_wait_seconds", "Waiting.");
static struct metric labelled = {
	.type = METRIC_TYPE_HISTOGRAM,
	.name = "test_run_seconds",
	.labels = "job=\"x\"",
	.help = "Running.",
};

static char *
written(void)
{
	struct buf b = BUF_INIT(0);

	metric_write(&b);
	return buf_take_str(&b);
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("no \"%s\" in\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static size_t
times(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void
a_name_stands_once_with_all_its_labels(void **state UNUSED)
{
	char *text;

	metric_register(&open_imap);
	metric_register(&mails);
	metric_register(&open_http);
	metric_register(&mails); /* harmless */
	metric_add(&mails, 3);
	metric_add(&mails, 4);
	metric_set(&open_imap, 9);
	metric_add(&open_imap, -2);
	metric_set(&open_http, -1);
	text = written();
	assert_has(text, "# HELP test_mails_total Mails\\nwith a \\\\ in it.\n"
	                 "# TYPE test_mails_total counter\n"
	                 "test_mails_total 7\n");
	assert_has(text, "# HELP test_open Open sessions.\n"
	                 "# TYPE test_open gauge\n"
	                 "test_open{protocol=\"imap\"} 7\n"
	                 "test_open{protocol=\"http\"} -1\n");
	assert_int_equal(times(text, "# TYPE test_open"), 1);
	assert_int_equal(times(text, "test_mails_total 7"), 1);
	free(text);
}

static void
an_observation_lies_in_the_first_bucket_that_holds_it(void **state UNUSED)
{
	char *text;

	metric_register(&wait_time);
	metric_observe_us(&wait_time, 0);
	metric_observe_us(&wait_time, 1);
	metric_observe_us(&wait_time, 2);
	metric_observe_us(&wait_time, 3);
	metric_observe_us(&wait_time, 4194304);
	metric_observe_us(&wait_time, 4194305);
	metric_observe_us(&wait_time, 900000000);
	text = written();
	assert_has(text, "# TYPE test_wait_seconds histogram\n"
	                 "test_wait_seconds_bucket{le=\"0.000001\"} 2\n"
	                 "test_wait_seconds_bucket{le=\"0.000002\"} 3\n"
	                 "test_wait_seconds_bucket{le=\"0.000004\"} 4\n");
	assert_has(text, "test_wait_seconds_bucket{le=\"2.097152\"} 4\n"
	                 "test_wait_seconds_bucket{le=\"4.194304\"} 5\n"
	                 "test_wait_seconds_bucket{le=\"+Inf\"} 7\n"
	                 "test_wait_seconds_sum 908.388615\n"
	                 "test_wait_seconds_count 7\n");
	assert_int_equal(times(text, "test_wait_seconds_bucket"), METRIC_BUCKETS);
	free(text);
}

static void
labels_of_a_histogram_stand_before_le(void **state UNUSED)
{
	char *text;

	metric_register(&labelled);
	metric_observe_us(&labelled, 1500000);
	text = written();
	assert_has(text, "test_run_seconds_bucket{job=\"x\",le=\"+Inf\"} 1\n"
	                 "test_run_seconds_sum{job=\"x\"} 1.500000\n"
	                 "test_run_seconds_count{job=\"x\"} 1\n");
	free(text);
}

static void
quantiles_lie_in_the_bucket_of_their_rank(void **state UNUSED)
{
	static struct metric times = METRIC_HISTOGRAM("test_quantile_seconds", "Q.");
	uint64_t counts[METRIC_BUCKETS];

	metric_register(&times);
	assert_null(metric_find("test_quantile_seconds", "job=\"x\""));
	assert_ptr_equal(metric_find("test_quantile_seconds", NULL), &times);
	metric_counts(&times, counts);
	assert_true(metric_quantile_us(counts, 0.5) == 0);
	for (int i = 0; i < 98; i++)
		metric_observe_us(&times, 100); /* 64 to 128 */
	metric_observe_us(&times, 1000);        /* 512 to 1024 */
	metric_observe_us(&times, 1000);
	metric_counts(&times, counts);
	assert_true(metric_quantile_us(counts, 0.49) == 96);
	assert_true(metric_quantile_us(counts, 0.98) == 128);
	assert_true(metric_quantile_us(counts, 0.99) == 768);
	assert_true(metric_quantile_us(counts, 1) == 1024);
	assert_int_equal(metric_value(&times), 98 * 100 + 2 * 1000);
}

static void *
count_up(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		metric_register(arg);
		metric_add(arg, 1);
	}
	return NULL;
}

static void
threads_lose_no_count(void **state UNUSED)
{
	static struct metric shared = METRIC_COUNTER("test_shared_total", "Shared.");
	pthread_t threads[4];
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	text = written();
	assert_int_equal(times(text, "\ntest_shared_total 40000\n"), 1);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stands_once_with_all_its_labels),
		cmocka_unit_test(an_observation_lies_in_the_first_bucket_that_holds_it),
		cmocka_unit_test(labels_of_a_histogram_stand_before_le),
		cmocka_unit_test(quantiles_lie_in_the_bucket_of_their_rank),
		cmocka_unit_test(threads_lose_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
