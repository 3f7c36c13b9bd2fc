/* SPDX-License-Identifier: ISC
 *
 * smtp_rig.c - a whole smtp/ for tests.
 */
#include "tests/fake/smtp_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/smtp_answer.h"
#include "store/store_node.h"

static const struct conf_section *const sections[] = { &smtp_conf_section,
	                                               &mdm_conf_section,
	                                               &store_conf_section };

uint64_t
rig_real_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
rig_user(struct smtp_rig *r, const char *address)
{
	uint64_t id = 0;
	assert_ok(store_user_add(r->store, span_str(address), SPAN(""), SPAN(""), &id));
	return id;
}

static void
open_parts(struct smtp_rig *r)
{
	struct err err = { "" };
	struct mdm_conf access =
		*(const struct mdm_conf *)conf_get(r->defaults, "access");
	access.password_cost = 1;
	r->store_conf = *(const struct store_conf *)conf_get(r->defaults, "store");
	r->store_conf.directory = r->directory;
	r->store_conf.shards = 2;
	if (store_open(&r->store_conf, &r->store, &err))
		fail_msg("store_open: %s", err.text);
	assert_ok(mdm_new(r->store, &access, &r->mdm));
	assert_ok(jobs_new(4, &r->jobs));
	assert_ok(loop_new("rig", &r->loop));
}

int
rig_setup(void **state)
{
	struct smtp_rig *r = xcalloc(1, sizeof(*r));
	r->listener = -1;
	list_init(&r->remotes);
	snprintf(r->directory, sizeof(r->directory), "/tmp/godwit-smtp-XXXXXX");
	if (!mkdtemp(r->directory))
		return -1;
	r->a = arena_new();
	if (conf_load(NULL, sections, ARRAY_LEN(sections), &r->defaults, NULL))
		return -1;
	r->conf = *(const struct smtp_conf *)conf_get(r->defaults, "smtp");
	r->conf.hostname = arena_strdup(r->a, "mx.example.org");
	r->conf.plaintext_auth = true;
	open_parts(r);
	assert_ok(store_domain_add(r->store, SPAN("example.org")));
	r->alice = rig_user(r, "alice@example.org");
	r->bob = rig_user(r, "bob@example.org");
	assert_ok(mdm_set_password(r->mdm, SPAN("alice@example.org"), SPAN("secret")));
	assert_ok(store_alias_add(r->store, SPAN("ally@example.org"),
	                          SPAN("alice@example.org")));
	assert_ok(store_alias_add(r->store, SPAN("both@example.org"),
	                          SPAN("alice@example.org")));
	assert_ok(store_alias_add(r->store, SPAN("both@example.org"),
	                          SPAN("bob@example.org")));
	*state = r;
	return 0;
}

void
rig_start(struct smtp_rig *r)
{
	struct err err = { "" };
	struct smtp_deps deps = { r->store, r->mdm, r->jobs, r->tls, r->loop };
	if (smtp_new(&r->conf, &deps, &r->smtp, &err))
		fail_msg("smtp_new: %s", err.text);
	assert_ok(store_node_join(r->store, SPAN("rig"), SPAN("")));
}

void
rig_stop(struct smtp_rig *r)
{
	if (!r->smtp)
		return;
	smtp_abort(r->smtp, r->loop);
	while (jobs_pending(r->jobs)) {
		if (clock_is_fake()) /* bulk jobs wait for calm */
			clock_fake_advance(1);
		rig_turn(r);
	}
	for (int i = 0; i < 3; i++)
		rig_turn(r);
	smtp_free(TAKE(r->smtp));
}

int
rig_teardown(void **state)
{
	struct smtp_rig *r = *state;
	/* A test that failed has left them behind on a stack that is gone. */
	list_init(&r->remotes);
	rig_stop(r);
	if (r->listener >= 0)
		close(r->listener);
	jobs_free(r->jobs);
	loop_free(r->loop);
	tls_server_free(r->tls);
	mdm_free(r->mdm);
	store_close(r->store);
	conf_free(r->defaults);
	arena_free(r->a);
	char *command = xasprintf("rm -rf '%s'", r->directory);
	int status = system(command);
	free(command);
	free(r);
	return status;
}

static int
listen_on(unsigned last, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(0x7f000000u + last);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 20), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

uint16_t
rig_listen(struct smtp_rig *r, enum smtp_door door)
{
	uint16_t port;
	r->listener = listen_on(1, 0, &port);
	r->listener_door = door;
	return port;
}

/* -- remotes -- */

void
remote_open(struct remote *m, struct smtp_rig *r, unsigned last, uint16_t port)
{
	*m = (struct remote){ .fd = -1, .greeting = "220 remote ESMTP\r\n" };
	m->listener = listen_on(last, port, &m->port);
	list_push_back(&r->remotes, &m->link);
}

void
remote_close(struct remote *m)
{
	list_remove(&m->link);
	if (m->fd >= 0)
		close(m->fd);
	close(m->listener);
	buf_done(&m->in);
	buf_done(&m->seen);
	buf_done(&m->mail);
}

bool
remote_saw(const struct remote *m, const char *text)
{
	return span_ifind(buf_span(&m->seen), span_str(text)) < buf_len(&m->seen);
}

static void
remote_hang_up(struct remote *m)
{
	close(m->fd);
	m->fd = -1;
	m->in_data = false;
	buf_clear(&m->in);
}

static void
remote_say(struct remote *m, const char *text)
{
	if (!text)
		remote_hang_up(m);
	else if (send(m->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		remote_hang_up(m);
}

static const char *
remote_rule(const struct remote *m, struct span line)
{
	for (size_t i = 0; i < m->n_rules; i++)
		if (span_istarts(line, m->rules[i].on))
			return m->rules[i].say;
	if (span_iis(line, "DATA"))
		return "354 go\r\n";
	return span_iis(line, "QUIT") ? "221 bye\r\n" : "250 ok\r\n";
}

static void
remote_line(struct remote *m, struct span line)
{
	if (m->in_data && !span_is(line, ".")) {
		buf_add_span(&m->mail, line);
		buf_add_str(&m->mail, "\r\n");
		return;
	}
	buf_add_span(&m->seen, line);
	buf_add_str(&m->seen, "\n");
	const char *say = remote_rule(m, line);
	if (m->in_data) {
		m->in_data = false;
		m->messages++;
	} else if (span_iis(line, "DATA") && say && say[0] == '3') {
		m->in_data = true;
		buf_clear(&m->mail);
	}
	m->deaf = span_iis(line, "STARTTLS") && say && say[0] == '2';
	remote_say(m, say);
}

static void
remote_turn(struct remote *m)
{
	char bytes[4096];
	if (m->fd < 0) {
		m->fd = accept4(m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (m->fd < 0)
			return;
		m->connections++;
		m->deaf = false;
		remote_say(m, m->greeting);
	}
	while (m->fd >= 0 && !m->deaf) {
		ssize_t n = recv(m->fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			remote_hang_up(m);
			return;
		}
		buf_add(&m->in, bytes, (size_t)n);
		for (;;) {
			struct span in = buf_span(&m->in);
			size_t lf = span_find(in, 0, '\n');
			if (m->fd < 0 || lf == in.n)
				break;
			assert_true(lf > 0 && in.p[lf - 1] == '\r');
			remote_line(m, span_sub(in, 0, lf - 1));
			if (m->fd >= 0)
				buf_drop(&m->in, lf + 1);
		}
	}
}

void
rig_turn(struct smtp_rig *r)
{
	loop_run_once(r->loop, false);
	if (r->listener >= 0) {
		int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			smtp_accept(r->smtp, r->loop, fd, r->listener_door);
	}
	list_each(m, &r->remotes, struct remote, link)
		remote_turn(m);
}

/* -- what is stored -- */

struct pick {
	struct store_tx *tx;
	size_t n;
	size_t at;
	struct buf out;
	bool found;
};

static bool
pick_mail(const struct store_item *item, void *arg)
{
	struct pick *p = arg;
	if (p->at++ != p->n)
		return true;
	assert_ok(store_content_read(p->tx, item->content, 0, UINT64_MAX, &p->out));
	p->found = true;
	return false;
}

size_t
rig_count(struct smtp_rig *r, uint64_t user, enum store_role folder)
{
	struct store_collection c;
	struct store_tx *tx = NULL;
	assert_ok(store_read(r->store, user, &tx));
	assert_ok(store_collection_find_role(tx, folder, r->a, &c));
	assert_ok(store_commit(&tx));
	return c.exists;
}

const char *
rig_mail(struct smtp_rig *r, uint64_t user, enum store_role folder, size_t n)
{
	struct store_collection c;
	struct pick p = { .n = n };
	assert_ok(store_read(r->store, user, &p.tx));
	assert_ok(store_collection_find_role(p.tx, folder, r->a, &c));
	assert_ok(store_item_each(p.tx, c.id, 1, UINT32_MAX, pick_mail, &p));
	assert_ok(store_commit(&p.tx));
	if (!p.found)
		fail_msg("there is no mail %zu, only %zu", n, p.at);
	const char *text = arena_strndup(r->a, buf_span(&p.out));
	buf_done(&p.out);
	return text;
}

struct store_queue_entry *
rig_queue(struct smtp_rig *r, size_t *ret_n)
{
	struct store_queue_entry *list;
	assert_ok(store_queue_list(r->store, r->a, &list, ret_n));
	return list;
}

/* -- clients -- */

void
peer_open(struct rig_peer *p, struct smtp_rig *r, enum smtp_door door)
{
	int fd[2];
	*p = (struct rig_peer){ .rig = r };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
		0);
	p->fd = fd[1];
	smtp_accept(r->smtp, r->loop, fd[0], door);
}

void
peer_connect(struct rig_peer *p, struct smtp_rig *r, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	*p = (struct rig_peer){ .rig = r };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
}

void
peer_close(struct rig_peer *p)
{
	close(p->fd);
	buf_done(&p->in);
}

static void
peer_receive(struct rig_peer *p)
{
	char bytes[4096];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), 0);
	if (n > 0)
		buf_add(&p->in, bytes, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		p->eof = true;
}

void
peer_send(struct rig_peer *p, struct span bytes)
{
	uint64_t start = rig_real_ms();
	while (bytes.n) {
		ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n > 0) {
			bytes = span_sub(bytes, (size_t)n, bytes.n);
		} else {
			rig_turn(p->rig);
			if (errno != EAGAIN || rig_real_ms() - start > 20000)
				fail_msg("send: %s", strerror(errno));
		}
	}
}

static bool
take_reply(struct rig_peer *p)
{
	struct smtp_answer a;
	size_t used;
	enum rc rc = smtp_answer_next(buf_span(&p->in), &a, &used);
	if (rc == RC_AGAIN)
		return false;
	/* 334 has an empty text; 220 to 555 are all the codes there are. */
	assert_ok(rc);
	snprintf(p->reply, sizeof(p->reply), "%.*s", SPAN_FMT(a.lines));
	buf_drop(&p->in, used);
	return true;
}

const char *
peer_reply(struct rig_peer *p)
{
	uint64_t start = rig_real_ms();
	while (!take_reply(p)) {
		rig_turn(p->rig);
		peer_receive(p);
		if (take_reply(p))
			break;
		if (p->eof)
			fail_msg("the connection ended instead of a reply");
		if (rig_real_ms() - start > 20000)
			fail_msg("no reply comes");
	}
	return p->reply;
}

void
peer_expect(struct rig_peer *p, const char *start)
{
	peer_reply(p);
	if (strncmp(p->reply, start, strlen(start)) != 0)
		fail_msg("expected %s, got %s", start, p->reply);
}

void
peer_say(struct rig_peer *p, const char *text, const char *start)
{
	peer_send(p, span_str(text));
	peer_reply(p);
	if (strncmp(p->reply, start, strlen(start)) != 0)
		fail_msg("%s: expected %s, got %s", text, start, p->reply);
}

void
peer_expect_end(struct rig_peer *p)
{
	uint64_t start = rig_real_ms();
	while (!p->eof) {
		rig_turn(p->rig);
		peer_receive(p);
		if (rig_real_ms() - start > 20000)
			fail_msg("the connection does not end");
	}
	if (buf_len(&p->in))
		fail_msg("before the end came %.*s", SPAN_FMT(buf_span(&p->in)));
}

void
peer_ready(struct rig_peer *p, struct smtp_rig *r, enum smtp_door door)
{
	peer_open(p, r, door);
	peer_expect(p, "220 mx.example.org");
	peer_say(p, door == SMTP_DOOR_LMTP ? "LHLO c.example\r\n" : "EHLO c.example\r\n",
	         "250-mx.example.org");
	if (door == SMTP_DOOR_SUBMIT)
		peer_say(p, "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "235");
}
