/* SPDX-License-Identifier: ISC
 *
 * test_dns.c - reading of DNS messages, and look-ups against a server on this loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/dns.h"
#include "base/dns_wire.h"

/* --- messages --- */

static void
add_u16(struct buf *b, unsigned v)
{
	buf_add_char(b, (char)(v >> 8));
	buf_add_char(b, (char)v);
}

static void
add_name(struct buf *b, const char *name)
{
	struct span rest = span_str(name), label;

	while (span_cut(&rest, '.', &label)) {
		buf_add_char(b, (char)label.n);
		buf_add_span(b, label);
	}
	buf_add_char(b, '\0');
}

static void
add_header(struct buf *b, unsigned questions, unsigned answers)
{
	add_u16(b, 0x1234);
	add_u16(b, 0x8180);
	add_u16(b, questions);
	add_u16(b, answers);
	add_u16(b, 0);
	add_u16(b, 0);
}

/* A record of the name at offset 12, the question's. */
static void
add_record(struct buf *b, unsigned type, struct span rdata)
{
	add_u16(b, 0xc00c);
	add_u16(b, type);
	add_u16(b, 1);
	add_u16(b, 0);
	add_u16(b, 300);
	add_u16(b, (unsigned)rdata.n);
	buf_add_span(b, rdata);
}

static void
add_question(struct buf *b, const char *name, unsigned type)
{
	add_name(b, name);
	add_u16(b, type);
	add_u16(b, 1);
}

static enum rc
parse(const struct buf *b, enum dns_type type, struct arena *a, struct dns_record **ret,
      size_t *ret_n)
{
	/* In memory of its own size, for the sanitizer. */
	char *p = malloc(b->len + 1);
	enum rc rc;

	memcpy(p, b->p, b->len);
	p = realloc(p, b->len ? b->len : 1);
	rc = dns_wire_parse(span_of(p, b->len), type, a, ret, ret_n);
	free(p);
	return rc;
}

static void
mail_exchangers_are_sorted_and_names_expanded(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *r;
	size_t n;

	add_header(&b, 1, 5);
	add_question(&b, "example.org", DNS_MX);
	/* The name is "mx2" and a pointer to example.org. */
	add_record(&b, DNS_MX, SPAN("\0\24\3mx2\300\14"));
	add_record(&b, DNS_MX, SPAN("\0\12\3mx1\300\14"));
	add_record(&b, DNS_MX, SPAN("\0\24\3mx3\7example\3net\0"));
	add_record(&b, DNS_A, SPAN("\300\0\2\1"));
	add_record(&b, DNS_MX, SPAN("\0\12\3mx0\300\14"));
	assert_int_equal(parse(&b, DNS_MX, a, &r, &n), RC_OK);
	assert_int_equal(n, 4);
	assert_true(span_is(r[0].data, "mx1.example.org"));
	assert_true(span_is(r[1].data, "mx0.example.org"));
	assert_true(span_is(r[2].data, "mx2.example.org"));
	assert_true(span_is(r[3].data, "mx3.example.net"));
	assert_int_equal(r[0].preference, 10);
	assert_int_equal(r[3].preference, 20);
}

static void
a_null_mx_has_an_empty_name(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *r;
	size_t n;

	add_header(&b, 1, 1);
	add_question(&b, "example.org", DNS_MX);
	add_record(&b, DNS_MX, SPAN("\0\0\0")); /* RFC 7505 3 */
	assert_int_equal(parse(&b, DNS_MX, a, &r, &n), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(r[0].data.n, 0);
}

static void
strings_of_a_txt_are_joined(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *r;
	size_t n;

	add_header(&b, 1, 2);
	add_question(&b, "example.org", DNS_TXT);
	add_record(&b, DNS_TXT, SPAN("\7v=spf1 \0\4-all"));
	add_record(&b, DNS_TXT, SPAN("\7v=spf")); /* cut: left out */
	assert_int_equal(parse(&b, DNS_TXT, a, &r, &n), RC_OK);
	assert_int_equal(n, 1);
	assert_true(span_is(r[0].data, "v=spf1 -all"));
}

static void
records_of_a_wrong_size_or_odd_name_are_left_out(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *r;
	size_t n;

	add_header(&b, 1, 4);
	add_question(&b, "example.org", DNS_MX);
	add_record(&b, DNS_MX, SPAN("\0\1\3a b\0"));
	add_record(&b, DNS_MX, SPAN("\0\2\3a\0b\0"));
	add_record(&b, DNS_MX, SPAN("\0\3\3abc\0x"));
	add_record(&b, DNS_MX, SPAN("\0\4\3abc\0"));
	assert_int_equal(parse(&b, DNS_MX, a, &r, &n), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(r[0].preference, 4);
	buf_clear(&b);
	add_header(&b, 1, 2);
	add_question(&b, "example.org", DNS_A);
	add_record(&b, DNS_A, SPAN("\1\2\3"));
	add_record(&b, DNS_A, SPAN("\1\2\3\4"));
	assert_int_equal(parse(&b, DNS_A, a, &r, &n), RC_OK);
	assert_int_equal(n, 1);
}

static void
a_message_that_is_cut_or_loops_is_refused(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *r;
	size_t n, full;

	add_header(&b, 1, 1);
	add_question(&b, "example.org", DNS_MX);
	add_record(&b, DNS_MX, SPAN("\0\12\3mx1\300\14"));
	full = b.len;
	for (size_t cut = 0; cut < full; cut++) {
		b.len = cut;
		assert_int_equal(parse(&b, DNS_MX, a, &r, &n), RC_INVALID);
	}
	b.len = full;
	assert_int_equal(parse(&b, DNS_MX, a, &r, &n), RC_OK);
	/* A name that points to itself. */
	buf_clear(&b);
	add_header(&b, 1, 0);
	add_u16(&b, 0xc00c);
	add_u16(&b, DNS_A);
	add_u16(&b, 1);
	assert_int_equal(parse(&b, DNS_A, a, &r, &n), RC_INVALID);
}

static void
names_that_cannot_be_asked_for_are_known(void **state UNUSED)
{
	static const char *const good[] = { "a", "example.org", "_dmarc.example.org",
		                            "1.0.0.127.in-addr.arpa",
		                            "1.0/25.2.0.192.in-addr.arpa" };
	static const char *const bad[] = { "",   ".",    "a..b",           "a b.org",
		                           ".a", "a.\n", "ex\xc3\xa4.org", "a.." };
	char longest[300];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(dns_wire_is_name(span_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(dns_wire_is_name(span_str(bad[i])));
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 50 == 49 ? '.' : 'x';
	assert_true(dns_wire_is_name(span_of(longest, 253)));
	assert_false(dns_wire_is_name(span_of(longest, 254)));
	memset(longest, 'x', sizeof(longest));
	assert_true(dns_wire_is_name(span_of(longest, 63)));
	assert_false(dns_wire_is_name(span_of(longest, 64)));
}

/* --- look-ups --- */

struct world {
	struct loop *loop;
	struct dns *dns;
	int fd; /* of the server */
	struct loop_watch *watch;
	unsigned asked;
	bool mute;
};

struct result {
	unsigned calls;
	enum dns_result result;
	bool secure;
	size_t n;
	char first[64];
	size_t first_n;
	struct dns *free_dns;
	struct dns_query *cancel;
};

static void
on_answer(const struct dns_answer *a, void *arg)
{
	struct result *r = arg;

	r->calls++;
	r->result = a->result;
	r->secure = a->secure;
	r->n = a->n;
	if (a->n > 0) {
		r->first_n = a->records[0].data.n;
		memcpy(r->first, a->records[0].data.p, a->records[0].data.n);
	}
	if (r->cancel != NULL)
		dns_cancel(r->cancel);
	if (r->free_dns != NULL)
		dns_free(r->free_dns);
}

/* The zone: by the first label of the question. */
static void
answer(struct buf *b, struct span label, unsigned type, unsigned *rcode, unsigned *n)
{
	*n = 1;
	if (span_iis(label, "nowhere")) {
		*rcode = 3;
		*n = 0;
	} else if (span_iis(label, "broken")) {
		*rcode = 2;
		*n = 0;
	} else if (type == DNS_A && span_iis(label, "host")) {
		add_record(b, DNS_A, SPAN("\300\0\2\7"));
	} else if (type == DNS_MX && span_iis(label, "mail")) {
		*n = 2;
		add_record(b, DNS_MX, SPAN("\0\24\3mx2\300\14"));
		add_record(b, DNS_MX, SPAN("\0\12\3mx1\300\14"));
	} else if (type == DNS_PTR) {
		add_record(b, DNS_PTR, SPAN("\4host\7example\3org\0"));
	} else {
		*n = 0;
	}
}

static void
on_question(int fd, unsigned io UNUSED, void *arg)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct world *w = arg;
	struct sockaddr_storage from;
	socklen_t from_n = sizeof(from);
	char q[512];
	ssize_t n = recvfrom(fd, q, sizeof(q), 0, (struct sockaddr *)&from, &from_n);
	unsigned rcode = 0, answers, type;
	size_t end = 12;

	if (n < 17)
		return;
	w->asked++;
	if (w->mute)
		return;
	while (q[end] != '\0')
		end += 1 + (size_t)(unsigned char)q[end];
	type = (unsigned)(unsigned char)q[end + 1] << 8 | (unsigned char)q[end + 2];
	buf_add(&b, q, end + 5);
	answer(&b, span_of(q + 13, (size_t)(unsigned char)q[12]), type, &rcode, &answers);
	b.p[2] = (char)0x81;
	b.p[3] = (char)(0x80 | rcode);
	b.p[4] = 0;
	b.p[5] = 1;
	memset(b.p + 6, 0, 6);
	b.p[7] = (char)answers;
	(void)!sendto(fd, b.p, b.len, 0, (struct sockaddr *)&from, from_n);
}

static void
world_start(struct world *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	char server[64];
	struct dns_conf conf = { .server = server };
	struct err err = { "" };

	*w = (struct world){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	assert_int_equal(bind(w->fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(w->fd, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(loop_new("dns", &w->loop), RC_OK);
	w->watch = loop_watch_new(w->loop, w->fd, on_question, w);
	loop_watch_set(w->watch, LOOP_IO_READ);
	snprintf(server, sizeof(server), "127.0.0.1@%u", ntohs(a.sin_port));
	if (dns_new(w->loop, &conf, &w->dns, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static void
world_done(struct world *w)
{
	dns_free(w->dns);
	loop_watch_free(w->watch);
	loop_free(w->loop);
	close(w->fd);
}

static struct result
look_up(struct world *w, const char *name, enum dns_type type)
{
	struct result r = { 0 };

	assert_non_null(dns_lookup(w->dns, name, type, on_answer, &r));
	assert_int_equal(r.calls, 0);
	while (r.calls == 0)
		loop_run_once(w->loop, true);
	assert_int_equal(r.calls, 1);
	return r;
}

static void
each_kind_of_answer_arrives(void **state UNUSED)
{
	struct world w;
	struct result r;

	world_start(&w);
	assert_ptr_equal(dns_loop(w.dns), w.loop);
	r = look_up(&w, "host.example.org", DNS_A);
	assert_int_equal(r.result, DNS_RESULT_OK);
	assert_int_equal(r.first_n, 4);
	assert_memory_equal(r.first, "\300\0\2\7", 4);
	assert_false(r.secure);
	r = look_up(&w, "mail.example.org.", DNS_MX);
	assert_int_equal(r.n, 2);
	assert_memory_equal(r.first, "mx1.mail.example.org", r.first_n);
	r = look_up(&w, "1.2.0.192.in-addr.arpa", DNS_PTR);
	assert_int_equal(r.result, DNS_RESULT_OK);
	assert_memory_equal(r.first, "host.example.org", r.first_n);
	r = look_up(&w, "nowhere.example.org", DNS_A);
	assert_int_equal(r.result, DNS_RESULT_NO_NAME);
	r = look_up(&w, "mail.example.org", DNS_AAAA);
	assert_int_equal(r.result, DNS_RESULT_NO_DATA);
	r = look_up(&w, "broken.example.org", DNS_MX);
	assert_int_equal(r.result, DNS_RESULT_FAIL);
	world_done(&w);
}

static void
an_answer_from_the_cache_comes_from_the_loop_too(void **state UNUSED)
{
	struct world w;
	struct result r;
	unsigned asked;

	world_start(&w);
	look_up(&w, "host.example.org", DNS_A);
	asked = w.asked;
	r = look_up(&w, "host.example.org", DNS_A); /* checks that it waits */
	assert_int_equal(r.result, DNS_RESULT_OK);
	assert_int_equal(w.asked, asked);
	world_done(&w);
}

static void
a_name_that_cannot_be_asked_for_has_no_server(void **state UNUSED)
{
	struct world w;
	struct result r;

	world_start(&w);
	r = look_up(&w, "no such host", DNS_A);
	assert_int_equal(r.result, DNS_RESULT_NO_NAME);
	assert_int_equal(w.asked, 0);
	world_done(&w);
}

static void
a_cancelled_query_is_silent(void **state UNUSED)
{
	struct world w;
	struct result gone = { 0 }, r = { 0 }, bad = { 0 };

	world_start(&w);
	dns_cancel(dns_lookup(w.dns, "host.example.org", DNS_A, on_answer, &gone));
	dns_cancel(dns_lookup(w.dns, "a b", DNS_A, on_answer, &bad));
	dns_cancel(NULL);
	/* One callback may cancel another that is due. */
	look_up(&w, "host.example.org", DNS_A);
	dns_lookup(w.dns, "host.example.org", DNS_A, on_answer, &r);
	r.cancel = dns_lookup(w.dns, "host.example.org", DNS_A, on_answer, &gone);
	while (r.calls == 0)
		loop_run_once(w.loop, true);
	for (int i = 0; i < 10; i++)
		loop_run_once(w.loop, false);
	assert_int_equal(gone.calls, 0);
	assert_int_equal(bad.calls, 0);
	world_done(&w);
}

static void
open_queries_go_silently_with_the_resolver(void **state UNUSED)
{
	struct world w;
	struct result open = { 0 }, last = { 0 };

	world_start(&w);
	w.mute = true;
	dns_lookup(w.dns, "host.example.org", DNS_A, on_answer, &open);
	while (w.asked == 0)
		loop_run_once(w.loop, true);
	w.mute = false;
	/* Freed inside a callback. */
	last.free_dns = w.dns;
	dns_lookup(w.dns, "mail.example.org", DNS_MX, on_answer, &last);
	while (last.calls == 0)
		loop_run_once(w.loop, true);
	w.dns = NULL;
	for (int i = 0; i < 10; i++)
		loop_run_once(w.loop, false);
	assert_int_equal(open.calls, 0);
	world_done(&w);
}

static void
a_server_that_does_not_answer_is_a_failure_in_time(void **state UNUSED)
{
	struct world w;
	struct result r = { 0 };

	clock_fake_start(0);
	world_start(&w);
	w.mute = true;
	dns_lookup(w.dns, "host.example.org", DNS_A, on_answer, &r);
	while (w.asked == 0)
		loop_run_once(w.loop, true);
	clock_fake_advance(19999);
	loop_run_once(w.loop, false);
	assert_int_equal(r.calls, 0);
	clock_fake_advance(1);
	loop_run_once(w.loop, false);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.result, DNS_RESULT_FAIL);
	world_done(&w);
	clock_fake_stop();
}

static void
a_wrong_server_is_refused(void **state UNUSED)
{
	struct dns_conf conf = { .server = "not an address" };
	AUTO(loop)
	struct loop *l = NULL;
	struct err err = { "" };
	struct dns *d;

	assert_int_equal(loop_new("dns", &l), RC_OK);
	assert_int_equal(dns_new(l, &conf, &d, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "not an address"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_exchangers_are_sorted_and_names_expanded),
		cmocka_unit_test(a_null_mx_has_an_empty_name),
		cmocka_unit_test(strings_of_a_txt_are_joined),
		cmocka_unit_test(records_of_a_wrong_size_or_odd_name_are_left_out),
		cmocka_unit_test(a_message_that_is_cut_or_loops_is_refused),
		cmocka_unit_test(names_that_cannot_be_asked_for_are_known),
		cmocka_unit_test(each_kind_of_answer_arrives),
		cmocka_unit_test(an_answer_from_the_cache_comes_from_the_loop_too),
		cmocka_unit_test(a_name_that_cannot_be_asked_for_has_no_server),
		cmocka_unit_test(a_cancelled_query_is_silent),
		cmocka_unit_test(open_queries_go_silently_with_the_resolver),
		cmocka_unit_test(a_server_that_does_not_answer_is_a_failure_in_time),
		cmocka_unit_test(a_wrong_server_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
