/* SPDX-License-Identifier: ISC
 *
 * test_smtp_delivery.c - which servers of a domain are asked, and in which order. The
 * name server is a table of the test, linked in place of base/dns.c.
 */
#include "base/mem.h"
#include "smtp/smtp_delivery.h"
#include "tests/fake/smtp_rig.h"

#include <unistd.h>

/* -- the name server -- */

struct fact {
	const char *name;
	enum dns_type type;
	enum dns_result result;
	unsigned preference;
	const char *data; /* of A: the last byte of 127.0.0.x */
};

static const struct fact *facts;
static size_t n_facts;
static char asked[1000];

struct dns_query {
	struct loop_timer timer;
	const char *name;
	enum dns_type type;
	dns_fn *fn;
	void *arg;
};

struct dns {
	struct loop *loop;
};

enum rc
dns_new(struct loop *l, const struct dns_conf *conf, struct dns **ret, struct err *err)
{
	(void)conf;
	(void)err;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->loop = l;
	return RC_OK;
}

void
dns_free(struct dns *d)
{
	free(d);
}

struct loop *
dns_loop(const struct dns *d)
{
	return d->loop;
}

static void
answer(void *arg)
{
	struct dns_query *q = arg;
	struct dns_record records[8] = { 0 };
	char bytes[8][4];
	struct dns_answer a = { .result = DNS_RESULT_NO_NAME, .records = records };
	for (size_t i = 0; i < n_facts; i++) {
		const struct fact *f = &facts[i];
		if (strcmp(f->name, q->name) != 0)
			continue;
		if (a.result == DNS_RESULT_NO_NAME)
			a.result = DNS_RESULT_NO_DATA;
		if (f->type != q->type)
			continue;
		a.result = f->result;
		if (f->result != DNS_RESULT_OK)
			break;
		memcpy(bytes[a.n], (char[]){ 127, 0, 0, f->data[0] }, 4);
		records[a.n].preference = (uint16_t)f->preference;
		records[a.n].data =
			f->type == DNS_A ? span_of(bytes[a.n], 4) : span_str(f->data);
		a.n++;
	}
	size_t n = strlen(asked);
	snprintf(asked + n, sizeof(asked) - n, "%s/%d ", q->name, (int)q->type);
	dns_fn *fn = q->fn;
	void *fn_arg = q->arg;
	free((char *)(uintptr_t)q->name);
	free(q);
	fn(&a, fn_arg);
}

struct dns_query *
dns_lookup(struct dns *d, const char *name, enum dns_type type, dns_fn *fn, void *arg)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));
	q->name = xstrdup(name);
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	loop_timer_init(&q->timer, d->loop, answer, q);
	loop_timer_set(&q->timer, 0);
	return q;
}

void
dns_cancel(struct dns_query *q)
{
	loop_timer_clear(&q->timer);
	free((char *)(uintptr_t)q->name);
	free(q);
}

/* -- the attempt -- */

struct attempt {
	struct smtp_rig *rig;
	struct dns *dns;
	struct remote remotes[3]; /* 127.0.0.1, .2, .3 */
	struct smtp_delivery_conf conf;
	struct smtp_job job;
	struct smtp_outcome rcpt;
	struct smtp_delivery *delivery;
	bool done;
};

static void
on_done(void *arg)
{
	struct attempt *t = arg;
	assert_false(t->done);
	t->done = true;
	smtp_delivery_free(TAKE(t->delivery));
}

static void
begin(struct attempt *t, void **state)
{
	*t = (struct attempt){ .rig = *state };
	asked[0] = 0;
	assert_ok(dns_new(t->rig->loop, NULL, &t->dns, NULL));
	remote_open(&t->remotes[0], t->rig, 1, 0);
	remote_open(&t->remotes[1], t->rig, 2, t->remotes[0].port);
	remote_open(&t->remotes[2], t->rig, 3, t->remotes[0].port);
	t->conf = (struct smtp_delivery_conf){ .loop = t->rig->loop,
		                               .dns = t->dns,
		                               .hostname = "mx.example.org",
		                               .relay = "",
		                               .port = t->remotes[0].port,
		                               .deadline_ms = 60000 };
	t->rcpt.address = SPAN("x@far.example");
	t->job = (struct smtp_job){ .arena = t->rig->a,
		                    .hostname = "mx.example.org",
		                    .sender = SPAN("alice@example.org"),
		                    .message = SPAN("Subject: x\r\n\r\n"),
		                    .rcpts = &t->rcpt,
		                    .n_rcpts = 1 };
}

static void
run(struct attempt *t, const struct fact *table, size_t n)
{
	facts = table;
	n_facts = n;
	t->delivery =
		smtp_delivery_new(&t->conf, SPAN("far.example"), &t->job, on_done, t);
	assert_false(t->done);
	RIG_UNTIL(t->rig, t->done);
}

static void
end(struct attempt *t)
{
	for (int i = 0; i < 3; i++)
		remote_close(&t->remotes[i]);
	dns_free(t->dns);
}

static void
servers_are_asked_by_preference(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_MX, DNS_RESULT_OK, 20, "b.far.example" },
		{ "far.example", DNS_MX, DNS_RESULT_OK, 10, "a.far.example" },
		{ "far.example", DNS_MX, DNS_RESULT_OK, 30, "c.far.example" },
		{ "a.far.example", DNS_A, DNS_RESULT_OK, 0, "\1" },
		{ "b.far.example", DNS_A, DNS_RESULT_OK, 0, "\2" },
		{ "c.far.example", DNS_A, DNS_RESULT_OK, 0, "\3" },
	};
	struct attempt t;
	begin(&t, state);
	t.remotes[0].greeting = "421 4.3.2 busy\r\n";
	run(&t, table, ARRAY_LEN(table));
	assert_int_equal(t.rcpt.state, SMTP_SENT_RELAYED);
	assert_true(span_is(t.rcpt.remote, "b.far.example"));
	assert_int_equal(t.remotes[0].connections, 1);
	assert_int_equal(t.remotes[1].messages, 1);
	assert_int_equal(t.remotes[2].connections, 0);
	end(&t);
}

static void
a_domain_without_mx_is_its_own_server(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_A, DNS_RESULT_OK, 0, "\2" },
	};
	struct attempt t;
	begin(&t, state);
	run(&t, table, ARRAY_LEN(table));
	assert_int_equal(t.rcpt.state, SMTP_SENT_RELAYED);
	assert_int_equal(t.remotes[1].messages, 1);
	end(&t);
}

static void
all_addresses_of_a_server_are_tried(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_MX, DNS_RESULT_OK, 10, "a.far.example" },
		{ "a.far.example", DNS_A, DNS_RESULT_OK, 0, "\1" },
		{ "a.far.example", DNS_A, DNS_RESULT_OK, 0, "\2" },
	};
	struct attempt t;
	begin(&t, state);
	t.remotes[0].greeting = "554 5.3.2 no\r\n";
	run(&t, table, ARRAY_LEN(table));
	assert_int_equal(t.rcpt.state, SMTP_SENT_RELAYED);
	assert_int_equal(t.remotes[1].messages, 1);
	end(&t);
}

struct finding {
	struct fact fact;
	enum smtp_sent state;
	const char *status;
};

static void
what_dns_says_decides_without_a_server(void **state)
{
	static const struct finding cases[] = {
		/* RFC 7505 */
		{ { "far.example", DNS_MX, DNS_RESULT_OK, 0, "" },
		  SMTP_SENT_FAILED,
		  "5.1.10" },
		{ { "other.example", DNS_MX, DNS_RESULT_OK, 0, "x" },
		  SMTP_SENT_FAILED,
		  "5.1.2" },
		{ { "far.example", DNS_MX, DNS_RESULT_FAIL, 0, "" },
		  SMTP_SENT_LATER,
		  "4.4.3" },
		{ { "far.example", DNS_MX, DNS_RESULT_OK, 5, "none.example" },
		  SMTP_SENT_FAILED,
		  "5.4.4" },
		{ { "far.example", DNS_A, DNS_RESULT_FAIL, 0, "" },
		  SMTP_SENT_LATER,
		  "4.4.3" },
		/* We are its best server, and know nothing of it. */
		{ { "far.example", DNS_MX, DNS_RESULT_OK, 5, "MX.example.org" },
		  SMTP_SENT_FAILED,
		  "5.4.6" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attempt t;
		begin(&t, state);
		run(&t, &cases[i].fact, 1);
		if (t.rcpt.state != cases[i].state ||
		    !span_is(t.rcpt.status, cases[i].status))
			fail_msg("case %zu: %s, %.*s (%.*s)", i,
			         smtp_sent_str(t.rcpt.state), SPAN_FMT(t.rcpt.status),
			         SPAN_FMT(t.rcpt.note));
		end(&t);
	}
}

static void
of_servers_only_better_ones_than_ourselves_are_asked(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_MX, DNS_RESULT_OK, 30, "c.far.example" },
		{ "far.example", DNS_MX, DNS_RESULT_OK, 20, "mx.example.org" },
		{ "far.example", DNS_MX, DNS_RESULT_OK, 20, "b.far.example" },
		{ "far.example", DNS_MX, DNS_RESULT_OK, 10, "a.far.example" },
		{ "a.far.example", DNS_A, DNS_RESULT_OK, 0, "\1" },
		{ "b.far.example", DNS_A, DNS_RESULT_OK, 0, "\2" },
		{ "c.far.example", DNS_A, DNS_RESULT_OK, 0, "\3" },
	};
	struct attempt t;
	begin(&t, state);
	t.remotes[0].greeting = "421 4.3.2 busy\r\n";
	run(&t, table, ARRAY_LEN(table));
	assert_int_equal(t.rcpt.state, SMTP_SENT_LATER);
	assert_true(span_is(t.rcpt.status, "4.4.1"));
	assert_int_equal(t.remotes[1].connections + t.remotes[2].connections, 0);
	end(&t);
}

static void
after_broken_tls_the_same_server_is_asked_without(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_A, DNS_RESULT_OK, 0, "\1" },
	};
	static const struct remote_rule rules[] = {
		{ "EHLO", "250-far\r\n250 STARTTLS\r\n" },
		{ "STARTTLS", "220 go\r\n" },
	};
	struct attempt t;
	struct tls_client *tls;
	begin(&t, state);
	REMOTE_RULES(&t.remotes[0], rules);
	assert_ok(tls_client_new(NULL, false, &tls, NULL));
	t.conf.tls = tls;
	facts = table;
	n_facts = 1;
	t.delivery = smtp_delivery_new(&t.conf, SPAN("far.example"), &t.job, on_done, &t);
	RIG_UNTIL(t.rig, remote_saw(&t.remotes[0], "STARTTLS"));
	close(t.remotes[0].fd);
	t.remotes[0].fd = -1;
	buf_clear(&t.remotes[0].in);
	RIG_UNTIL(t.rig, t.done);
	assert_int_equal(t.rcpt.state, SMTP_SENT_RELAYED);
	assert_int_equal(t.remotes[0].connections, 2);
	tls_client_free(tls);
	end(&t);
}

static void
a_relay_is_asked_instead_of_mx(void **state)
{
	struct attempt t;
	begin(&t, state);
	char relay[64];
	snprintf(relay, sizeof(relay), "127.0.0.3:%u", t.remotes[2].port);
	t.conf.relay = relay;
	run(&t, NULL, 0);
	assert_int_equal(t.rcpt.state, SMTP_SENT_RELAYED);
	assert_int_equal(t.remotes[2].messages, 1);
	assert_string_equal(asked, "");
	end(&t);
}

static void
a_relay_without_an_address_bounces_nothing(void **state)
{
	struct attempt t;
	begin(&t, state);
	t.conf.relay = "typo.example:25";
	run(&t, NULL, 0);
	assert_int_equal(t.rcpt.state, SMTP_SENT_LATER);
	end(&t);
}

static void
an_attempt_has_a_deadline(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_A, DNS_RESULT_OK, 0, "\1" },
	};
	struct attempt t;
	begin(&t, state);
	t.conf.deadline_ms = 50;
	t.remotes[0].greeting = ""; /* says nothing */
	run(&t, table, 1);
	assert_int_equal(t.rcpt.state, SMTP_SENT_LATER);
	assert_true(span_is(t.rcpt.status, "4.4.7"));
	end(&t);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* A node that slept, and whose message may be another's by now. */
static bool
goes_on_for_a_while(void *arg)
{
	int *left = arg;

	return (*left)-- > 0;
}

static void
who_may_not_go_on_calls_nobody_and_ends_no_message(void **state)
{
	static const struct fact table[] = {
		{ "far.example", DNS_A, DNS_RESULT_OK, 0, "\2" },
	};
	for (int asked_times = 0; asked_times < 3; asked_times++) {
		struct attempt t;
		int left = asked_times;
		begin(&t, state);
		t.job.may_go_on = goes_on_for_a_while;
		t.job.may_arg = &left;
		run(&t, table, ARRAY_LEN(table));
		RIG_UNTIL(t.rig, t.remotes[1].fd < 0);
		if (asked_times < 2) {
			assert_int_equal(t.rcpt.state, SMTP_SENT_LATER);
			assert_true(span_is(t.rcpt.status, "4.3.2"));
		}
		assert_int_equal(t.remotes[1].connections, asked_times > 0);
		assert_int_equal(t.remotes[1].messages, asked_times > 1);
		end(&t);
	}
}

int
main(void)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		RIG_TEST(servers_are_asked_by_preference),
		RIG_TEST(a_domain_without_mx_is_its_own_server),
		RIG_TEST(all_addresses_of_a_server_are_tried),
		RIG_TEST(what_dns_says_decides_without_a_server),
		RIG_TEST(of_servers_only_better_ones_than_ourselves_are_asked),
		RIG_TEST(after_broken_tls_the_same_server_is_asked_without),
		RIG_TEST(a_relay_is_asked_instead_of_mx),
		RIG_TEST(a_relay_without_an_address_bounces_nothing),
		RIG_TEST(an_attempt_has_a_deadline),
		RIG_TEST(who_may_not_go_on_calls_nobody_and_ends_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
