/* SPDX-License-Identifier: ISC
 *
 * test_eas_idle.c - what the server holds for a phone that waits, counted in bytes.
 *
 * Phones over TLS, each through sign-in to a parked Ping, by all the server's own code.
 * The bounds are a little above what it is; docs/internals/idle-phone.md tells the parts.
 */
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "activesync/eas_waits.h"
#include "base/encode.h"
#include "http/http_private.h"
#include "tests/fake/mem_used.h"
#include "tests/fake/test_cert.h"
#include "tests/unit/eas_fixture.h"

#define PHONES 48
#define ROUND 8
#define PASSWORD "wonderland"

struct rig {
	struct eas_fixture *f;
	struct jobs *jobs;
	struct eas *eas;
	struct http_server *http;
	struct tls_server *tls;
	SSL_CTX *ctx;
	struct buf body;
	unsigned n_phones;
	int fd[PHONES];
};

static void
turn(struct rig *r)
{
	loop_run_once(r->f->loop, false);
	/* Workers have a word, too. */
	if (poll(NULL, 0, 1) < 0)
		fail();
}

/* A phone's words to its first answer, or until it waits; then the client's half of TLS
 * is forgotten, so that only the server's is counted. */
static void
phone_pings(struct rig *r, const char *version)
{
	unsigned i = r->n_phones++;
	size_t waiting = eas_waiting(r->eas);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	SSL *ssl = SSL_new(r->ctx);
	int fd[2], n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	r->fd[i] = fd[0];
	http_server_accept(r->http, r->f->loop, fd[1], r->tls);
	SSL_set_fd(ssl, fd[0]);
	if (strcmp(version, "1.2") == 0)
		SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	while ((n = SSL_connect(ssl)) != 1) {
		assert_int_equal(SSL_get_error(ssl, n), SSL_ERROR_WANT_READ);
		turn(r);
	}
	buf_addf(
		&out,
		"POST /Microsoft-Server-ActiveSync?Cmd=Ping&User=alice%%40example.org&"
		"DeviceId=PHONE%u&DeviceType=iPhone HTTP/1.1\r\nHost: mail.example.org\r\n"
		"Authorization: Basic ",
		i);
	base64_encode(SPAN("alice@example.org:" PASSWORD), &out);
	buf_addf(
		&out,
		"\r\nMS-ASProtocolVersion: 16.1\r\nX-MS-PolicyKey: 0\r\n"
		"User-Agent: Apple-iPhone15C2/2107.93\r\nAccept: */*\r\n"
		"Accept-Language: en-us\r\nAccept-Encoding: gzip, deflate, br\r\n"
		"Content-Type: application/vnd.ms-sync.wbxml\r\nConnection: keep-alive\r\n"
		"Content-Length: %zu\r\n\r\n",
		r->body.len);
	buf_add_span(&out, buf_span(&r->body));
	assert_int_equal(SSL_write(ssl, out.p, (int)out.len), out.len);
	while (eas_waiting(r->eas) == waiting)
		turn(r);
	SSL_free(ssl);
}

static void
rig_begin(struct rig *r, struct eas_fixture *f)
{
	struct http_conf hc = { .header_max = 16384,
		                .headers_max = 100,
		                .body_max = 1 << 20,
		                .idle_ms = 60000,
		                .request_ms = 60000,
		                .body_rate_min = 1,
		                .streams_max = 8 };
	struct eas_deps deps = f->eas->deps;
	struct tls_cert cert;
	struct err err = { "" };

	*r = (struct rig){ .f = f };
	assert_ok(mdm_set_password(f->mdm, SPAN("alice@example.org"), SPAN(PASSWORD)));
	assert_ok(jobs_new(2, &r->jobs));
	deps.jobs = r->jobs;
	assert_ok(eas_new(&f->conf, &deps, &r->eas));
	assert_ok(http_server_new(&hc, &r->http));
	eas_route(r->eas, r->http);
	test_cert_make("mail", "mail.example.org");
	cert = (struct tls_cert){ test_path("mail", "pem"), test_path("mail", "key") };
	if (tls_server_new(&cert, 1, &r->tls, &err) != RC_OK)
		fail_msg("%s", err.text);
	r->ctx = SSL_CTX_new(TLS_client_method());
	assert_ok(wbxml_from_xml(
		span_str(arena_printf(
			f->a,
			"<Ping xmlns=\"Ping\"><HeartbeatInterval>900</HeartbeatInterval>"
			"<Folders><Folder><Id>%u</Id><Class>Email</Class></Folder>"
			"</Folders></Ping>",
			f->inbox)),
		&r->body, &err));
}

static void
rig_end(struct rig *r)
{
	http_server_abort(r->http, r->f->loop);
	for (int i = 0; i < 20; i++)
		turn(r);
	for (unsigned i = 0; i < r->n_phones; i++)
		close(r->fd[i]);
	jobs_free(r->jobs);
	for (int i = 0; i < 20; i++)
		loop_run_once(r->f->loop, false);
	http_server_free(r->http);
	eas_free(r->eas);
	tls_server_free(r->tls);
	SSL_CTX_free(r->ctx);
	buf_done(&r->body);
}

/* The least of some rounds: caches, statements and tables grow now and then. */
static size_t
bytes_each(struct rig *r, const char *version)
{
	size_t least = SIZE_MAX;

	for (int round = 0; round < PHONES / ROUND; round++) {
		size_t before = mem_used(), more;

		for (int i = 0; i < ROUND; i++)
			phone_pings(r, version);
		more = mem_used() - before;
		if (more < least)
			least = more;
	}
	return least / ROUND;
}

static void
a_phone_that_waits_is_small(void **state)
{
	struct rig r;
	size_t each;

	rig_begin(&r, *state);
	each = bytes_each(&r, "1.3");
	assert_int_equal(eas_waiting(r.eas), PHONES);
	print_message("%zu bytes each\n", each);
	assert_in_range(each, 1000, 2200);
	rig_end(&r);
}

/* OpenSSL's connection stays there; ours is no larger for it. */
static void
an_old_phone_that_waits_costs_what_openssl_holds(void **state)
{
	struct rig r;
	size_t each;

	rig_begin(&r, *state);
	each = bytes_each(&r, "1.2");
	print_message("%zu bytes each\n", each);
	assert_in_range(each, 8000, 20000);
	rig_end(&r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(a_phone_that_waits_is_small),
		T(an_old_phone_that_waits_costs_what_openssl_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
