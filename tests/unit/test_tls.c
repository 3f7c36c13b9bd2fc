/* SPDX-License-Identifier: ISC
 *
 * test_tls.c - TLS contexts, and streams that speak TLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/listener.h"
#include "tests/fake/stream_rig.h"
#include "tests/fake/test_cert.h"

/* A server stream in a rig, and an OpenSSL client on the rig's peer socket. */
struct duo {
	struct rig r;
	struct tls_server *server;
	SSL_CTX *ctx;
	SSL *client;
	char got[65536];
	size_t got_n;
	bool closed; /* close_notify came */
	bool failed;
};

static enum tls_records records; /* of the group that runs */

static struct tls_server *
new_server(const char *const *stems, size_t n)
{
	struct tls_cert certs[4];
	struct tls_server *t = NULL;
	struct err err = { "" };

	for (size_t i = 0; i < n; i++) {
		certs[i].cert_file = test_path(stems[i], "pem");
		certs[i].key_file = test_path(stems[i], "key");
	}
	if (tls_server_new(certs, n, &t, &err) != RC_OK)
		fail_msg("%s", err.text);
	tls_server_set_records(t, records);
	return t;
}

static struct tls_server *
one_server(void)
{
	return new_server((const char *const[]){ "mail" }, 1);
}

static void
client_init(struct duo *d, int max_version)
{
	d->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(d->ctx, max_version);
	SSL_CTX_set_mode(d->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	d->client = SSL_new(d->ctx);
	SSL_set_fd(d->client, d->r.peer);
	SSL_set_connect_state(d->client);
}

/* An accepted TLS stream on fd[0]; the handshake has not begun. */
static void
duo_start_on(struct duo *d, const int fd[2], struct tls_server *server, struct span alpn,
             const struct stream_limits *limits)
{
	memset(d, 0, sizeof(*d));
	rig_start(&d->r, NULL);
	d->r.peer = fd[1];
	d->server = server;
	d->r.s = stream_accept(d->r.loop, fd[0], server, alpn, limits, &rig_ops, &d->r);
	client_init(d, 0);
}

static void
duo_start(struct duo *d, struct tls_server *server, struct span alpn,
          const struct stream_limits *limits)
{
	int fd[2];

	rig_tcp_pair(fd);
	duo_start_on(d, fd, server, alpn, limits);
}

static void
duo_done(struct duo *d)
{
	SSL_free(d->client);
	SSL_CTX_free(d->ctx);
	rig_done(&d->r);
	tls_server_free(d->server);
}

/* The client's turn: shakes hands and reads. */
static bool
step(struct duo *d)
{
	size_t n;

	ERR_clear_error();
	while (SSL_read_ex(d->client, d->got + d->got_n, sizeof(d->got) - d->got_n, &n) ==
	       1)
		d->got_n += n;
	if (d->got_n == sizeof(d->got))
		return true;
	switch (SSL_get_error(d->client, 0)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	case SSL_ERROR_ZERO_RETURN:
		d->closed = true;
		break;
	default:
		d->failed = true;
		break;
	}
	return true;
}

#define DUO_UNTIL(d, cond) RIG_UNTIL(&(d)->r, step(d) && (cond))

static void
client_write(struct duo *d, const char *p, size_t n)
{
	size_t written;

	while (n > 0) {
		ERR_clear_error();
		if (SSL_write_ex(d->client, p, n, &written) == 1) {
			p += written;
			n -= written;
			continue;
		}
		assert_int_not_equal(SSL_get_error(d->client, 0), SSL_ERROR_SSL);
		loop_run_once(d->r.loop, false);
	}
}

/* --- streams --- */

static void
a_tls_stream_opens_after_the_handshake_and_talks(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	d.r.on_input = rig_echo;
	rig_idle(&d.r);
	assert_string_equal(d.r.trace, "");
	assert_false(stream_is_tls(d.r.s));
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_true(stream_is_tls(d.r.s));
	assert_string_equal(stream_tls_str(d.r.s), "TLSv1.3 TLS_AES_128_GCM_SHA256");
	assert_int_equal(stream_alpn(d.r.s).n, 0);
	client_write(&d, "hello", 5);
	DUO_UNTIL(&d, d.got_n == 5);
	assert_memory_equal(d.got, "hello", 5);
	rig_idle(&d.r);
	assert_null(d.r.s->ssl);
	assert_int_equal(stream_memory(d.r.s), sizeof(struct stream) +
	                                               strlen(stream_peer(d.r.s)) + 1 +
	                                               tls_record_memory());
	/* A phone holds it for hours. */
	assert_true(stream_memory(d.r.s) < 640);
	duo_done(&d);
}

static void
tls_1_2_is_taken_and_older_is_not(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	SSL_set_max_proto_version(d.client, TLS1_2_VERSION);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_true(strncmp(stream_tls_str(d.r.s), "TLSv1.2 ECDHE-", 14) == 0);
	duo_done(&d);

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	SSL_set_security_level(d.client, 0);
	SSL_set_min_proto_version(d.client, TLS1_VERSION);
	SSL_set_max_proto_version(d.client, TLS1_1_VERSION);
	DUO_UNTIL(&d, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_TLS);
	assert_string_equal(d.r.trace, "end:TLS ");
	duo_done(&d);
}

static void
plaintext_on_a_tls_port_ends_with_a_reason(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	rig_send(&d.r, "GET / HTTP/1.0\r\n\r\n");
	RIG_UNTIL(&d.r, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_TLS);
	assert_string_equal(d.r.detail, "http request");
	duo_done(&d);

	/* A port scanner is no TLS error. */
	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	SSL_set_fd(d.client, -1);
	rig_hang_up(&d.r);
	RIG_UNTIL(&d.r, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_EOF);
	duo_done(&d);
}

static void
a_handshake_that_stalls_times_out(void **state UNUSED)
{
	struct stream_limits limits = { .input_max = 100, .handshake_ms = 5000 };
	struct duo d;

	clock_fake_start(0);
	duo_start(&d, one_server(), SPAN(""), &limits);
	rig_idle(&d.r);
	clock_fake_advance(4999);
	rig_idle(&d.r);
	assert_false(d.r.ended);
	clock_fake_advance(1);
	rig_idle(&d.r);
	assert_int_equal(d.r.why, STREAM_END_TIMEOUT);
	duo_done(&d);
	clock_fake_stop();
}

static void
alpn_is_chosen_by_the_servers_order_or_refused(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN("\2h2\10http/1.1"), &RIG_LIMITS);
	SSL_set_alpn_protos(d.client, (const unsigned char *)"\10http/1.1\2h2", 12);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_true(span_is(stream_alpn(d.r.s), "h2"));
	duo_done(&d);

	duo_start(&d, one_server(), SPAN("\2h2\10http/1.1"), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_int_equal(stream_alpn(d.r.s).n, 0);
	duo_done(&d);

	duo_start(&d, one_server(), SPAN("\2h2"), &RIG_LIMITS);
	SSL_set_alpn_protos(d.client, (const unsigned char *)"\4imap", 5);
	DUO_UNTIL(&d, d.failed);
	assert_int_equal(d.r.why, STREAM_END_TLS);
	duo_done(&d);
}

/* One byte of input at a time: what OpenSSL holds does not show on the socket. */
static void
bytes_that_openssl_holds_come_though_the_socket_is_quiet(void **state UNUSED)
{
	struct stream_limits limits = { .input_max = 1000 };
	char block[16000];
	struct duo d;

	memset(block, 'q', sizeof(block));
	duo_start(&d, one_server(), SPAN(""), &limits);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	d.r.keep = true;
	client_write(&d, block, sizeof(block));
	for (int i = 0; i < 16; i++) {
		RIG_UNTIL(&d.r, stream_input(d.r.s).n == 1000);
		assert_memory_equal(stream_input(d.r.s).p, block, 1000);
		if (i == 7) {
			/* The same over a pause. */
			stream_pause(d.r.s);
			stream_consume(d.r.s, 1000);
			rig_idle(&d.r);
			assert_int_equal(stream_input(d.r.s).n, 0);
			stream_resume(d.r.s);
			assert_int_equal(stream_input(d.r.s).n, 0);
		} else {
			stream_consume(d.r.s, 1000);
		}
	}
	rig_idle(&d.r);
	assert_int_equal(stream_input(d.r.s).n, 0);
	duo_done(&d);
}

static void
closing_sends_close_notify_after_the_output(void **state UNUSED)
{
	enum { SIZE = 60000 };
	char *block = xcalloc(1, SIZE);
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	stream_write(d.r.s, span_of(block, SIZE));
	stream_close(d.r.s);
	DUO_UNTIL(&d, d.closed);
	assert_int_equal(d.got_n, SIZE);
	RIG_UNTIL(&d.r, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_CLOSED);
	assert_false(d.failed);
	free(block);
	duo_done(&d);
}

static void
the_peers_close_notify_or_bare_fin_is_its_end(void **state UNUSED)
{
	struct duo d;

	/* 0: close_notify, 1: close_notify and FIN, 2: FIN; the last two while paused
	 * too. */
	for (int mode = 0; mode < 5; mode++) {
		duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
		DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
		if (mode < 3)
			client_write(&d, "bye", 3);
		else
			stream_pause(d.r.s);
		rig_idle(&d.r);
		if (mode == 0 || mode == 1 || mode == 3)
			SSL_shutdown(d.client);
		if (mode != 0)
			rig_hang_up(&d.r);
		RIG_UNTIL(&d.r, d.r.ended);
		assert_string_equal(d.r.trace,
		                    mode < 3 ? "open input end:EOF " : "open end:EOF ");
		duo_done(&d);
	}
}

static void
a_reset_ends_a_paused_tls_stream(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	stream_pause(d.r.s);
	client_write(&d, "x", 1);
	rig_idle(&d.r);
	assert_true(rig_turns_in_ms(&d.r, 30) < 5);
	rig_reset(&d.r);
	RIG_UNTIL(&d.r, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_ERROR);
	duo_done(&d);
}

/* Some clients wait for ours before they close the socket. */
static void
a_close_notify_ends_a_paused_tls_stream(void **state UNUSED)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct duo d;

		duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
		SSL_set_max_proto_version(d.client, version);
		DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
		stream_pause(d.r.s);
		rig_idle(&d.r);
		assert_int_equal(SSL_shutdown(d.client), 0);
		RIG_UNTIL(&d.r, d.r.ended);
		assert_string_equal(d.r.trace, "open end:EOF ");
		duo_done(&d);
	}
}

static void
a_few_bytes_do_not_wake_a_paused_tls_stream(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	stream_pause(d.r.s);
	rig_idle(&d.r);
	client_write(&d, "next", 4);
	rig_idle(&d.r);
	assert_string_equal(d.r.trace, "open ");
	client_write(&d, " and more", 9);
	SSL_shutdown(d.client);
	rig_idle(&d.r);
	assert_string_equal(d.r.trace, "open ");
	stream_resume(d.r.s);
	RIG_UNTIL(&d.r, d.r.ended);
	assert_string_equal(d.r.got, "next and more");
	assert_int_equal(d.r.why, STREAM_END_EOF);
	duo_done(&d);
}

static void
garbage_after_the_handshake_ends_the_stream_after_its_input(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	client_write(&d, "good", 4);
	rig_send(&d.r, "this is no TLS record at all");
	RIG_UNTIL(&d.r, d.r.ended);
	assert_string_equal(d.r.trace, "open input end:TLS ");
	assert_string_equal(d.r.got, "good");
	duo_done(&d);
}

static char
flood_byte(size_t i)
{
	return (char)(i * 31 + i / 256 * 7);
}

/*
 * Both directions full, small socket buffers, and the client changes keys again and again
 * and asks the server to change its own: then reading must write and writing must read.
 */
static void
full_both_ways_with_key_updates_nothing_is_lost(void **state UNUSED)
{
	enum { SIZE = 2000000 };
	struct stream_limits limits = { .input_max = 20000 };
	struct duo d;
	size_t sent = 0, echoed = 0, turns = 0;
	char out[5000];
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
	duo_start_on(&d, fd, one_server(), SPAN(""), &limits);
	d.r.on_input = rig_echo;
	while (echoed < SIZE) {
		size_t n = SIZE - sent < sizeof(out) ? SIZE - sent : sizeof(out);
		size_t written;

		for (size_t i = 0; i < n; i++)
			out[i] = flood_byte(sent + i);
		ERR_clear_error();
		written = 0;
		if (n > 0 && SSL_write_ex(d.client, out, n, &written) != 1)
			assert_int_not_equal(SSL_get_error(d.client, 0), SSL_ERROR_SSL);
		sent += written;
		loop_run_once(d.r.loop, false);
		/* The client reads seldom, so that the server's socket is full mostly. */
		if (turns++ % 7 == 0)
			step(&d);
		/* Never in the middle of a record: the client is a bare OpenSSL 3.0. */
		if (turns % 50 == 0 && written > 0)
			SSL_key_update(d.client, SSL_KEY_UPDATE_REQUESTED);
		if (d.failed || d.r.ended)
			fail_msg("after %zu of %zu: %s %s", echoed, sent, d.r.trace,
			         d.r.detail);
		for (size_t i = 0; i < d.got_n; i++)
			assert_int_equal(d.got[i], flood_byte(echoed + i));
		echoed += d.got_n;
		d.got_n = 0;
	}
	assert_int_equal(echoed, SIZE);
	duo_done(&d);
}

static void
corked_writes_share_a_record(void **state UNUSED)
{
	struct duo d;
	char raw[1000];
	ssize_t n;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	rig_idle(&d.r);
	step(&d);
	stream_cork(d.r.s);
	stream_write(d.r.s, SPAN("aaaa"));
	rig_idle(&d.r);
	stream_write(d.r.s, SPAN("bbbb"));
	stream_uncork(d.r.s);
	rig_idle(&d.r);
	n = recv(d.r.peer, raw, sizeof(raw), MSG_PEEK);
	/* One header of 5, 8 bytes, their type, a tag of 16: RFC 8446 5.2. */
	assert_int_equal(n, 5 + 8 + 1 + 16);
	DUO_UNTIL(&d, d.got_n == 8);
	duo_done(&d);
}

/* --- resumption --- */

/* One connection; session: what to begin with, replaced by what it ends with. */
static bool
visit_resumes(struct tls_server *server, int version, const char *sni,
              SSL_SESSION **session)
{
	struct duo d;
	bool resumed;

	duo_start(&d, server, SPAN(""), &RIG_LIMITS);
	d.server = NULL;
	d.r.on_input = rig_echo;
	if (version != 0)
		SSL_set_max_proto_version(d.client, version);
	if (sni != NULL)
		SSL_set_tlsext_host_name(d.client, sni);
	if (*session != NULL)
		SSL_set_session(d.client, *session);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	client_write(&d, "x", 1);
	DUO_UNTIL(&d, d.got_n == 1);
	resumed = SSL_session_reused(d.client) == 1;
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(d.client);
	assert_non_null(*session);
	SSL_shutdown(d.client); /* else OpenSSL holds the session for a bad one */
	duo_done(&d);
	return resumed;
}

/* What epoch's secret would be. */
static void
set_epoch(struct tls_server *server, uint8_t epoch)
{
	struct tls_ticket_secret secrets[3] = { { { (uint8_t)(epoch - 1) } },
		                                { { epoch } },
		                                { { (uint8_t)(epoch + 1) } } };

	tls_server_set_tickets(server, secrets, 3, 1, 3600);
}

static const int both_versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void
a_client_resumes_its_session_without_the_servers_memory(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(both_versions); i++) {
		struct tls_server *server = one_server();
		SSL_SESSION *session = NULL;

		print_message("version %x\n", (unsigned)both_versions[i]);
		assert_false(visit_resumes(server, both_versions[i], NULL, &session));
		assert_true(visit_resumes(server, both_versions[i], NULL, &session));
		/* ... and again, with what it was given then. */
		assert_true(visit_resumes(server, both_versions[i], NULL, &session));
		SSL_SESSION_free(session);
		tls_server_free(server);
	}
}

static void
a_session_resumes_on_another_node_and_after_a_restart(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(both_versions); i++) {
		struct tls_server *one = one_server(), *two = one_server();
		SSL_SESSION *session = NULL;

		set_epoch(one, 10);
		assert_false(visit_resumes(one, both_versions[i], NULL, &session));
		/* Secrets that it does not share. */
		assert_false(visit_resumes(two, both_versions[i], NULL, &session));
		assert_false(visit_resumes(one, both_versions[i], NULL, &session));
		set_epoch(two, 10);
		tls_server_free(one);
		assert_true(visit_resumes(two, both_versions[i], NULL, &session));
		SSL_SESSION_free(session);
		tls_server_free(two);
	}
}

static void
a_ticket_lives_through_one_renewal_of_the_keys_and_not_two(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(both_versions); i++) {
		struct tls_server *server = one_server();
		SSL_SESSION *session = NULL, *old;

		set_epoch(server, 10);
		assert_false(visit_resumes(server, both_versions[i], NULL, &session));
		old = SSL_SESSION_dup(session);
		set_epoch(server, 11);
		assert_true(visit_resumes(server, both_versions[i], NULL, &session));
		set_epoch(server, 12);
		assert_false(visit_resumes(server, both_versions[i], NULL, &old));
		/* The one that was taken in epoch 11 was renewed then. */
		assert_true(visit_resumes(server, both_versions[i], NULL, &session));
		SSL_SESSION_free(session);
		SSL_SESSION_free(old);
		tls_server_free(server);
	}
}

static void
a_clock_that_is_behind_takes_the_next_epochs_tickets(void **state UNUSED)
{
	struct tls_server *ahead = one_server(), *behind = one_server();
	SSL_SESSION *session = NULL;

	set_epoch(ahead, 11);
	set_epoch(behind, 10);
	assert_false(visit_resumes(ahead, 0, NULL, &session));
	assert_true(visit_resumes(behind, 0, NULL, &session));
	SSL_SESSION_free(session);
	tls_server_free(ahead);
	tls_server_free(behind);
}

static void
a_reload_keeps_tickets_unless_the_private_key_is_another(void **state UNUSED)
{
	struct tls_server *server;
	SSL_SESSION *session = NULL;
	struct err err;

	test_cert_make("renewed", "renewed.example");
	server = new_server((const char *const[]){ "renewed" }, 1);
	set_epoch(server, 10);
	assert_false(visit_resumes(server, 0, NULL, &session));
	assert_int_equal(tls_server_reload(server, &err), RC_OK);
	assert_true(visit_resumes(server, 0, NULL, &session));
	test_cert_make("renewed", "renewed.example");
	assert_int_equal(tls_server_reload(server, &err), RC_OK);
	assert_false(visit_resumes(server, 0, NULL, &session));
	assert_true(visit_resumes(server, 0, NULL, &session));
	SSL_SESSION_free(session);
	tls_server_free(server);
}

/* The names of one server are equals; a stranger's certificate is no part of it. */
static void
tickets_of_a_server_with_another_first_certificate_are_not_taken(void **state UNUSED)
{
	struct tls_server *mail = new_server((const char *const[]){ "mail", "push" }, 2);
	struct tls_server *push = new_server((const char *const[]){ "push" }, 1);
	SSL_SESSION *session = NULL;

	set_epoch(mail, 10);
	set_epoch(push, 10);
	assert_false(visit_resumes(mail, 0, "push.example.org", &session));
	assert_true(visit_resumes(mail, 0, "push.example.org", &session));
	assert_false(visit_resumes(push, 0, "push.example.org", &session));
	SSL_SESSION_free(session);
	tls_server_free(mail);
	tls_server_free(push);
}

static void
early_data_is_not_taken(void **state UNUSED)
{
	struct tls_server *server = one_server();
	SSL_SESSION *session = NULL;

	assert_false(visit_resumes(server, TLS1_3_VERSION, NULL, &session));
	assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
	SSL_SESSION_free(session);
	tls_server_free(server);
}

/* With each cipher, and after each number of tickets: none is sent to whom resumes. */
static void
openssl_is_given_up_with_each_suite_of_tls_1_3(void **state UNUSED)
{
	static const char *const suites[] = { "TLS_AES_128_GCM_SHA256",
		                              "TLS_AES_256_GCM_SHA384",
		                              "TLS_CHACHA20_POLY1305_SHA256" };
	struct tls_server *server = one_server();

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		SSL_SESSION *session = NULL;

		for (int round = 0; round < 3; round++) {
			struct duo d;

			duo_start(&d, server, SPAN("\2h2"), &RIG_LIMITS);
			assert_int_equal(SSL_set_ciphersuites(d.client, suites[i]), 1);
			SSL_set_alpn_protos(d.client, (const unsigned char *)"\2h2", 3);
			if (session != NULL)
				SSL_set_session(d.client, session);
			d.r.on_input = rig_echo;
			DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
			assert_null(d.r.s->ssl);
			assert_null(d.r.s->hello);
			assert_string_equal(stream_tls_str(d.r.s) + 8, suites[i]);
			assert_true(span_is(stream_alpn(d.r.s), "h2"));
			client_write(&d, "hello", 5);
			DUO_UNTIL(&d, d.got_n == 5);
			assert_int_equal(SSL_session_reused(d.client), round > 0);
			SSL_SESSION_free(session);
			session = SSL_get1_session(d.client);
			SSL_shutdown(d.client);
			DUO_UNTIL(&d, d.r.ended);
			assert_int_equal(d.r.why, STREAM_END_EOF);
			d.server = NULL;
			duo_done(&d);
		}
		SSL_SESSION_free(session);
	}
	tls_server_free(server);
}

static void
tls_1_2_goes_on_with_openssl(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN("\2h2"), &RIG_LIMITS);
	SSL_set_max_proto_version(d.client, TLS1_2_VERSION);
	SSL_set_alpn_protos(d.client, (const unsigned char *)"\2h2", 3);
	d.r.on_input = rig_echo;
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_non_null(d.r.s->ssl);
	assert_true(span_is(stream_alpn(d.r.s), "h2"));
	client_write(&d, "hello", 5);
	DUO_UNTIL(&d, d.got_n == 5);
	duo_done(&d);
}

static void
tls_1_3_goes_on_with_openssl_by_order(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN("\2h2"), &RIG_LIMITS);
	SSL_set_alpn_protos(d.client, (const unsigned char *)"\2h2", 3);
	d.r.on_input = rig_echo;
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	assert_non_null(d.r.s->ssl);
	assert_null(d.r.s->record);
	assert_string_equal(stream_tls_str(d.r.s), "TLSv1.3 TLS_AES_128_GCM_SHA256");
	assert_true(span_is(stream_alpn(d.r.s), "h2"));
	client_write(&d, "hello", 5);
	DUO_UNTIL(&d, d.got_n == 5);
	duo_done(&d);
}

/* Bytes of a record come one by one; what is not whole yet is all that is held. */
static void
records_in_pieces_are_put_together(void **state UNUSED)
{
	struct duo d;
	char raw[4096];
	BIO *wire = BIO_new(BIO_s_mem());
	size_t idle;
	int fd[2], n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	duo_start_on(&d, fd, one_server(), SPAN(""), &RIG_LIMITS);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	rig_idle(&d.r);
	step(&d);
	idle = stream_memory(d.r.s);
	BIO_up_ref(wire);
	SSL_set0_wbio(d.client, wire);
	client_write(&d, "first", 5);
	client_write(&d, "second", 6);
	n = BIO_read(wire, raw, sizeof(raw));
	assert_true(n > 50);
	for (int i = 0; i < n; i++) {
		assert_int_equal(send(d.r.peer, raw + i, 1, 0), 1);
		rig_idle(&d.r);
		assert_true(stream_memory(d.r.s) < idle + 100);
	}
	assert_string_equal(d.r.got, "firstsecond");
	assert_int_equal(stream_memory(d.r.s), idle);
	BIO_free(wire);
	duo_done(&d);
}

/* --- STARTTLS --- */

static struct tls_server *starttls_server;

static void
on_command(struct rig *r)
{
	struct span in = stream_input(r->s);

	if (span_starts(in, "STARTTLS\r\n")) {
		stream_consume(r->s, 10);
		stream_write(r->s, SPAN("220 go ahead\r\n"));
		stream_starttls_server(r->s, starttls_server);
		return;
	}
	memcpy(r->got + r->got_n, in.p, in.n);
	r->got_n += in.n;
	stream_consume(r->s, in.n);
}

static void
starttls_drops_what_was_said_before_it(void **state UNUSED)
{
	struct duo d = { 0 };

	starttls_server = one_server();
	rig_tcp(&d.r, &RIG_LIMITS);
	d.r.on_input = on_command;
	rig_send(&d.r, "STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n");
	RIG_UNTIL(&d.r, rig_received(&d.r, "220 go ahead\r\n"));
	client_init(&d, 0);
	DUO_UNTIL(&d, SSL_is_init_finished(d.client));
	client_write(&d, "EHLO x\r\n", 8);
	RIG_UNTIL(&d.r, d.r.got_n > 0);
	assert_string_equal(d.r.got, "EHLO x\r\n");
	assert_true(stream_is_tls(d.r.s));
	assert_string_equal(d.r.trace, "open input open input ");
	duo_done(&d);
	tls_server_free(starttls_server);
}

/* Two streams on one loop: a client and a server of ours. */
struct both {
	struct rig client, server;
	struct tls_client *tls;
	const char *host;
};

static struct both *both_now;

static void
on_greeting(struct rig *r)
{
	struct span in = stream_input(r->s);

	if (span_starts(in, "220")) {
		stream_consume(r->s, in.n);
		stream_starttls_client(r->s, both_now->tls, both_now->host);
		return;
	}
	memcpy(r->got + r->got_n, in.p, in.n);
	r->got_n += in.n;
	stream_consume(r->s, in.n);
}

static void
both_start(struct both *b, const char *ca, bool verify, const char *host)
{
	struct err err = { "" };
	int fd[2];

	both_now = b;
	b->host = host;
	if (tls_client_new(ca, verify, &b->tls, &err) != RC_OK)
		fail_msg("%s", err.text);
	starttls_server = one_server();
	rig_tcp_pair(fd);
	rig_start(&b->server, NULL);
	rig_accept(&b->server, fd[0], &RIG_LIMITS);
	rig_start(&b->client, b->server.loop);
	rig_accept(&b->client, fd[1], &RIG_LIMITS);
	b->server.on_input = on_command;
	b->client.on_input = on_greeting;
	stream_write(b->client.s, SPAN("STARTTLS\r\n"));
}

static void
both_done(struct both *b)
{
	rig_done(&b->client);
	rig_done(&b->server);
	tls_client_free(b->tls);
	tls_server_free(starttls_server);
}

static void
a_client_checks_name_and_chain(void **state UNUSED)
{
	static const struct {
		const char *ca, *host;
		bool verify, good;
	} cases[] = {
		{ "mail", "mail.example.org", true, true },
		{ "mail", "MAIL.example.org", true, true },
		{ "mail", "127.0.0.1", true, true },
		{ "mail", "other.example.org", true, false },
		{ "mail", "127.0.0.2", true, false },
		{ "wild", "mail.example.org", true, false },
		{ NULL, "mail.example.org", true, false },
		{ NULL, "anything.at.all", false, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *ca = cases[i].ca ? test_path(cases[i].ca, "pem") : NULL;
		struct both b;

		both_start(&b, ca, cases[i].verify, cases[i].host);
		RIG_UNTIL(&b.server, b.client.ended || stream_is_tls(b.client.s));
		if (b.client.ended == cases[i].good)
			fail_msg("%s: %s %s", cases[i].host, b.client.trace,
			         b.client.detail);
		if (b.client.ended) {
			assert_int_equal(b.client.why, STREAM_END_TLS);
			assert_non_null(
				strstr(b.client.detail, "certificate verify failed: "));
			RIG_UNTIL(&b.server, b.server.ended);
			assert_int_equal(b.server.why, STREAM_END_TLS);
		} else {
			stream_write(b.server.s, SPAN("250 ok"));
			RIG_UNTIL(&b.server, b.client.got_n == 6);
		}
		both_done(&b);
	}
}

static void
a_stream_may_speak_tls_from_the_first_byte(void **state UNUSED)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t n = sizeof(to);
	struct tls_server *server = one_server();
	struct tls_client *tls;
	struct rig client, peer;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(tls_client_new(test_path("mail", "pem"), true, &tls, NULL),
	                 RC_OK);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(bind(l, (struct sockaddr *)&to, n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&to, &n), 0);
	rig_start(&client, NULL);
	client.s = stream_connect(client.loop, (struct sockaddr *)&to, n, &RIG_LIMITS,
	                          &rig_ops, &client);
	stream_starttls_client(client.s, tls, "mail.example.org");
	stream_write(client.s, SPAN("secret"));
	rig_start(&peer, client.loop);
	peer.s = stream_accept(peer.loop, accept4(l, NULL, NULL, SOCK_NONBLOCK), server,
	                       SPAN(""), &RIG_LIMITS, &rig_ops, &peer);
	RIG_UNTIL(&client, peer.got_n == 6);
	assert_string_equal(peer.got, "secret");
	assert_string_equal(client.trace, "open drain ");
	close(l);
	rig_done(&peer);
	rig_done(&client);
	tls_client_free(tls);
	tls_server_free(server);
}

/* --- contexts --- */

static void
shown_name(struct tls_server *server, const char *sni, char ret[64])
{
	struct duo d;

	duo_start(&d, server, SPAN(""), &RIG_LIMITS);
	if (sni != NULL)
		SSL_set_tlsext_host_name(d.client, sni);
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	X509_NAME_get_text_by_NID(
		X509_get_subject_name(SSL_get0_peer_certificate(d.client)),
		NID_commonName, ret, 64);
	d.server = NULL;
	duo_done(&d);
}

static void
the_certificate_is_chosen_by_server_name(void **state UNUSED)
{
	static const struct {
		const char *sni, *cert;
	} cases[] = {
		{ "mail.example.org", "mail" },
		{ "push.example.org", "push" },
		{ "PUSH.Example.ORG", "push" },
		{ "a.wild.example.org", "wild" },
		{ "b.wild.example.org", "wild" },
		{ "exact.wild.example.org", "push" },
		{ "a.b.wild.example.org", "mail" },
		{ "wild.example.org", "mail" },
		{ ".wild.example.org", "mail" },
		{ "unknown.example.net", "mail" },
		{ NULL, "mail" },
	};
	struct tls_server *t =
		new_server((const char *const[]){ "mail", "wild", "push" }, 3);
	char name[64];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		shown_name(t, cases[i].sni, name);
		if (strcmp(name, cases[i].cert) != 0)
			fail_msg("%s: %s", cases[i].sni ? cases[i].sni : "(none)", name);
	}
	tls_server_free(t);
}

static void
a_reload_shows_new_certificates_and_drops_nobody(void **state UNUSED)
{
	struct tls_server *t;
	struct duo old;
	char name[64];

	test_cert_make("turn", "turn.example.org");
	t = new_server((const char *const[]){ "turn", "push" }, 2);
	duo_start(&old, t, SPAN(""), &RIG_LIMITS);
	old.r.on_input = rig_echo;
	DUO_UNTIL(&old, strcmp(old.r.trace, "open ") == 0);

	/* The new files carry another name inside. */
	test_cert_make("turned", "turned.example.org");
	assert_int_equal(rename(test_path("turned", "pem"), test_path("turn", "pem")), 0);
	/* Certificate and key do not fit: the old ones stay. */
	{
		struct err err = { "" };

		assert_int_equal(tls_server_reload(t, &err), RC_INVALID);
		assert_non_null(strstr(err.text, "turn.key"));
	}
	shown_name(t, NULL, name);
	assert_string_equal(name, "turn");
	assert_int_equal(rename(test_path("turned", "key"), test_path("turn", "key")), 0);
	assert_int_equal(tls_server_reload(t, NULL), RC_OK);
	shown_name(t, NULL, name);
	assert_string_equal(name, "turned");
	shown_name(t, "push.example.org", name);
	assert_string_equal(name, "push");

	client_write(&old, "still here", 10);
	DUO_UNTIL(&old, old.got_n == 10);
	duo_done(&old);
}

static void
a_stream_outlives_its_server_context(void **state UNUSED)
{
	struct duo d;

	/* Freed in the middle of the handshake. */
	duo_start(&d, new_server((const char *const[]){ "mail", "push" }, 2), SPAN(""),
	          &RIG_LIMITS);
	SSL_set_tlsext_host_name(d.client, "push.example.org");
	DUO_UNTIL(&d, d.r.s->ssl != NULL);
	tls_server_free(TAKE(d.server));
	DUO_UNTIL(&d, strcmp(d.r.trace, "open ") == 0);
	duo_done(&d);
}

/* --- a crowd --- */

static bool made_connection;

static void
note_connection(struct rig *r)
{
	made_connection = r->s->ssl != NULL;
}

static void
a_peer_that_has_gone_costs_no_handshake(void **state UNUSED)
{
	static rig_fn *const ways[] = { rig_hang_up, rig_reset };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct duo d;

		duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
		d.r.on_end = note_connection;
		made_connection = true;
		rig_idle(&d.r);
		step(&d); /* it says hello ... */
		ways[i](&d.r);
		RIG_UNTIL(&d.r, d.r.ended);
		assert_false(made_connection);
		duo_done(&d);
	}
}

static void
who_waits_for_a_turn_notices_that_his_peer_has_gone(void **state UNUSED)
{
	struct duo d;

	duo_start(&d, one_server(), SPAN(""), &RIG_LIMITS);
	d.r.on_end = note_connection;
	made_connection = true;
	rig_idle(&d.r);
	/* As if a crowd were before it. */
	loop_heavy(d.r.loop, &d.r.s->hello->turn, false);
	loop_heavy_clear(d.r.loop, &d.r.s->hello->turn);
	step(&d);
	rig_hang_up(&d.r);
	RIG_UNTIL(&d.r, d.r.ended);
	assert_int_equal(d.r.why, STREAM_END_EOF);
	assert_int_equal(loop_heavy_waiting(d.r.loop), 0);
	assert_false(made_connection);
	duo_done(&d);
}

enum { CROWD = 24 };

static void
hands_are_shaken_in_order_and_a_few_a_turn(void **state UNUSED)
{
	struct tls_server *server = one_server();
	struct duo *first = xcalloc(CROWD, sizeof(*first));
	struct loop *l;
	size_t open = 0;

	clock_fake_start(0); /* so that only the number counts */
	assert_int_equal(loop_new("crowd", &l), RC_OK);
	for (size_t i = 0; i < CROWD; i++) {
		struct duo *d = &first[i];
		int fd[2];

		rig_tcp_pair(fd);
		rig_start(&d->r, l);
		d->r.peer = fd[1];
		d->r.s = stream_accept(l, fd[0], server, SPAN(""), &RIG_LIMITS, &rig_ops,
		                       &d->r);
		client_init(d, 0);
	}
	for (int i = 0; i < 5; i++)
		loop_run_once(l, false);
	for (size_t i = 0; i < CROWD; i++)
		step(&first[i]);
	loop_run_once(l, false);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(first[i].r.s->ssl != NULL, i < LOOP_HEAVY_MAX);
	assert_int_equal(loop_heavy_waiting(l), CROWD - LOOP_HEAVY_MAX);
	/* A stream that is freed in the line leaves it. */
	stream_free(TAKE(first[CROWD - 1].r.s));
	assert_int_equal(loop_heavy_waiting(l), CROWD - LOOP_HEAVY_MAX - 1);
	while (open < CROWD - 1) {
		open = 0;
		loop_run_once(l, false);
		for (size_t i = 0; i < CROWD - 1; i++) {
			step(&first[i]);
			open += strcmp(first[i].r.trace, "open ") == 0;
		}
	}
	for (size_t i = 0; i < CROWD; i++)
		duo_done(&first[i]);
	loop_free(l);
	tls_server_free(server);
	free(first);
	clock_fake_stop();
}

/* --- on loops of their own threads --- */

struct conn {
	struct stream *s;
};

static atomic_int conns_n;

static void
conn_on_input(void *owner)
{
	struct conn *c = owner;
	struct span in = stream_input(c->s);

	stream_write(c->s, in);
	stream_consume(c->s, in.n);
}

static void
conn_on_end(void *owner, enum stream_end why UNUSED, const char *detail UNUSED)
{
	struct conn *c = owner;

	stream_free(c->s);
	free(c);
	atomic_fetch_sub(&conns_n, 1);
}

static void
conn_accept(struct loop *l, int fd, void *arg)
{
	static const struct stream_ops ops = { .on_input = conn_on_input,
		                               .on_end = conn_on_end };
	struct conn *c = xcalloc(1, sizeof(*c));

	atomic_fetch_add(&conns_n, 1);
	c->s = stream_accept(l, fd, arg, SPAN(""), &RIG_LIMITS, &ops, c);
}

/* Shakes hands, has four bytes echoed and says goodbye, all blocking. */
static void
visit(SSL_CTX *ctx, const struct sockaddr_storage *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(ctx);
	char got[4];

	assert_int_equal(
		connect(fd, (const struct sockaddr *)to, sizeof(struct sockaddr_in)), 0);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	assert_int_equal(SSL_write(ssl, "ping", 4), 4);
	assert_int_equal(SSL_read(ssl, got, 4), 4);
	assert_memory_equal(got, "ping", 4);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static void
connections_on_two_loops_live_through_reloads(void **state UNUSED)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct tls_server *t = one_server();
	struct sockaddr_storage to;
	struct listener *listener;
	struct loops *ls;
	int fds[2];
	size_t n;

	assert_int_equal(loops_new(2, &ls), RC_OK);
	assert_int_equal(listener_bind("127.0.0.1:0", NULL, 2, fds, &n, NULL), RC_OK);
	assert_int_equal(
		getsockname(fds[0], (struct sockaddr *)&to, &(socklen_t){ sizeof(to) }),
		0);
	assert_int_equal(listener_new(ls, fds, n, 0, conn_accept, t, &listener), RC_OK);
	for (int i = 0; i < 60; i++) {
		if (i % 5 == 0)
			assert_int_equal(tls_server_reload(t, NULL), RC_OK);
		visit(ctx, &to);
	}
	listener_free(listener);
	while (atomic_load(&conns_n) > 0)
		poll(NULL, 0, 1);
	loops_free(ls);
	tls_server_free(t);
	SSL_CTX_free(ctx);
}

static void
wrong_files_are_named(void **state UNUSED)
{
	const struct tls_cert missing = { "/nonexistent/cert.pem",
		                          "/nonexistent/key.pem" };
	struct tls_cert swapped = { test_path("mail", "pem"), test_path("push", "key") };
	struct tls_server *t;
	struct tls_client *c;
	struct err err = { "" };

	assert_int_equal(tls_server_new(&missing, 1, &t, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "/nonexistent/cert.pem"));
	assert_int_equal(tls_server_new(&swapped, 1, &t, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "push.key"));
	assert_int_equal(tls_server_new(NULL, 0, &t, &err), RC_INVALID);
	assert_int_equal(tls_client_new("/nonexistent/ca.pem", true, &c, &err),
	                 RC_INVALID);
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

static int
make_certs(void **state UNUSED)
{
	test_cert_make("mail", "mail.example.org,IP:127.0.0.1");
	test_cert_make("wild", "*.wild.example.org");
	test_cert_make("push", "push.example.org,exact.wild.example.org");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tls_stream_opens_after_the_handshake_and_talks),
		cmocka_unit_test(tls_1_2_is_taken_and_older_is_not),
		cmocka_unit_test(plaintext_on_a_tls_port_ends_with_a_reason),
		cmocka_unit_test(a_handshake_that_stalls_times_out),
		cmocka_unit_test(alpn_is_chosen_by_the_servers_order_or_refused),
		cmocka_unit_test(
			bytes_that_openssl_holds_come_though_the_socket_is_quiet),
		cmocka_unit_test(closing_sends_close_notify_after_the_output),
		cmocka_unit_test(the_peers_close_notify_or_bare_fin_is_its_end),
		cmocka_unit_test(a_reset_ends_a_paused_tls_stream),
		cmocka_unit_test(a_close_notify_ends_a_paused_tls_stream),
		cmocka_unit_test(a_few_bytes_do_not_wake_a_paused_tls_stream),
		cmocka_unit_test(
			garbage_after_the_handshake_ends_the_stream_after_its_input),
		cmocka_unit_test(full_both_ways_with_key_updates_nothing_is_lost),
		cmocka_unit_test(corked_writes_share_a_record),
		cmocka_unit_test(a_client_resumes_its_session_without_the_servers_memory),
		cmocka_unit_test(a_session_resumes_on_another_node_and_after_a_restart),
		cmocka_unit_test(
			a_ticket_lives_through_one_renewal_of_the_keys_and_not_two),
		cmocka_unit_test(a_clock_that_is_behind_takes_the_next_epochs_tickets),
		cmocka_unit_test(
			a_reload_keeps_tickets_unless_the_private_key_is_another),
		cmocka_unit_test(
			tickets_of_a_server_with_another_first_certificate_are_not_taken),
		cmocka_unit_test(early_data_is_not_taken),
		cmocka_unit_test(openssl_is_given_up_with_each_suite_of_tls_1_3),
		cmocka_unit_test(tls_1_2_goes_on_with_openssl),
		cmocka_unit_test(records_in_pieces_are_put_together),
		cmocka_unit_test(starttls_drops_what_was_said_before_it),
		cmocka_unit_test(a_client_checks_name_and_chain),
		cmocka_unit_test(a_stream_may_speak_tls_from_the_first_byte),
		cmocka_unit_test(the_certificate_is_chosen_by_server_name),
		cmocka_unit_test(a_reload_shows_new_certificates_and_drops_nobody),
		cmocka_unit_test(a_stream_outlives_its_server_context),
		cmocka_unit_test(a_peer_that_has_gone_costs_no_handshake),
		cmocka_unit_test(who_waits_for_a_turn_notices_that_his_peer_has_gone),
		cmocka_unit_test(hands_are_shaken_in_order_and_a_few_a_turn),
		cmocka_unit_test(connections_on_two_loops_live_through_reloads),
		cmocka_unit_test(wrong_files_are_named),
	};

	const struct CMUnitTest by_openssl[] = {
		cmocka_unit_test(tls_1_3_goes_on_with_openssl_by_order),
		cmocka_unit_test(alpn_is_chosen_by_the_servers_order_or_refused),
		cmocka_unit_test(
			bytes_that_openssl_holds_come_though_the_socket_is_quiet),
		cmocka_unit_test(closing_sends_close_notify_after_the_output),
		cmocka_unit_test(the_peers_close_notify_or_bare_fin_is_its_end),
		cmocka_unit_test(a_reset_ends_a_paused_tls_stream),
		cmocka_unit_test(a_close_notify_ends_a_paused_tls_stream),
		cmocka_unit_test(a_few_bytes_do_not_wake_a_paused_tls_stream),
		cmocka_unit_test(
			garbage_after_the_handshake_ends_the_stream_after_its_input),
		cmocka_unit_test(full_both_ways_with_key_updates_nothing_is_lost),
		cmocka_unit_test(corked_writes_share_a_record),
		cmocka_unit_test(a_client_resumes_its_session_without_the_servers_memory),
		cmocka_unit_test(a_session_resumes_on_another_node_and_after_a_restart),
		cmocka_unit_test(
			a_reload_keeps_tickets_unless_the_private_key_is_another),
		cmocka_unit_test(early_data_is_not_taken),
		cmocka_unit_test(starttls_drops_what_was_said_before_it),
		cmocka_unit_test(a_reload_shows_new_certificates_and_drops_nobody),
		cmocka_unit_test(a_stream_outlives_its_server_context),
		cmocka_unit_test(connections_on_two_loops_live_through_reloads),
	};
	int failed = cmocka_run_group_tests(tests, make_certs, NULL);

	records = TLS_RECORDS_OPENSSL;
	return failed + cmocka_run_group_tests(by_openssl, make_certs, NULL);
}
