/* SPDX-License-Identifier: ISC
 *
 * load_conn.c - a client's socket with an address of its own, and TLS over it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load.h"

static char scratch[65536];

void
load_conn_init(struct load_conn *c, struct load *l, const struct load_conn_ops *ops,
               void *owner)
{
	*c = (struct load_conn){ .load = l, .ops = ops, .owner = owner, .fd = -1 };
	buf_init(&c->in, 0);
	buf_init(&c->out, 0);
}

/* Forgets the connection, without a word to the peer. */
static void
forget(struct load_conn *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->life++;
	c->state = LOAD_CLOSED;
	c->broken = false;
	c->ticketed = false;
	buf_done(&c->in);
	buf_done(&c->out);
}

static void
end(struct load_conn *c, const char *why)
{
	if (c->state == LOAD_CLOSED)
		return;
	forget(c);
	ERR_clear_error();
	c->ops->on_end(c->owner, why);
}

static void
end_ssl(struct load_conn *c, int ret)
{
	int e = SSL_get_error(c->ssl, ret);
	int saved = errno;
	const char *text = NULL;
	if (e == SSL_ERROR_ZERO_RETURN) {
		end(c, "closed by the server");
		return;
	}
	if (e == SSL_ERROR_SSL)
		text = ERR_reason_error_string(ERR_peek_error());
	if (!text)
		text = saved ? strerror(saved) : "closed by the server";
	end(c, text);
}

static bool
is_patient(struct load_conn *c, int ret)
{
	int e = SSL_get_error(c->ssl, ret);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

/* -- sending -- */

static void
flush(struct load_conn *c)
{
	while (c->out.len > 0 && c->state == LOAD_OPEN && !c->broken) {
		ssize_t n;
		if (c->ssl) {
			ERR_clear_error();
			n = SSL_write(c->ssl, c->out.p, (int)c->out.len);
			if (n <= 0 && is_patient(c, (int)n))
				return;
		} else {
			n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
			if (n < 0 && errno == EAGAIN)
				return;
		}
		if (n <= 0) {
			/* The event that says why is on its way. */
			c->broken = true;
			return;
		}
		buf_drop(&c->out, (size_t)n);
	}
	if (c->out.len == 0)
		buf_done(&c->out);
}

void
load_conn_write(struct load_conn *c, struct span bytes)
{
	buf_add_span(&c->out, bytes);
	flush(c);
}

/* -- receiving -- */

/* Gives what was read to the owner, as often as it uses some, and keeps the rest. */
static void
give(struct load_conn *c, size_t n)
{
	struct span rest = span_of(scratch, n);
	bool kept = c->in.len > 0;
	unsigned life = c->life;
	if (kept) {
		buf_add(&c->in, scratch, n);
		rest = buf_span(&c->in);
	}
	while (rest.n > 0) {
		size_t used = c->ops->on_input(c->owner, rest);
		if (c->life != life)
			return; /* cut, perhaps opened anew */
		rest = span_sub(rest, used, rest.n);
		if (used == 0)
			break;
	}
	if (kept)
		buf_drop(&c->in, c->in.len - rest.n);
	else
		buf_add(&c->in, rest.p, rest.n);
	if (c->in.len == 0)
		buf_done(&c->in);
}

static void
receive(struct load_conn *c)
{
	while (c->state == LOAD_OPEN) {
		ssize_t n;
		unsigned life = c->life;
		if (c->ssl) {
			ERR_clear_error();
			errno = 0;
			n = SSL_read(c->ssl, scratch, sizeof(scratch));
			if (n <= 0) {
				if (!is_patient(c, (int)n))
					end_ssl(c, (int)n);
				else if (c->ticketed && c->ops->on_ticket)
					c->ops->on_ticket(c->owner);
				return;
			}
		} else {
			n = recv(c->fd, scratch, sizeof(scratch), 0);
			if (n < 0 && errno == EAGAIN)
				return;
			if (n <= 0) {
				end(c, n < 0 ? strerror(errno) : "closed by the server");
				return;
			}
		}
		give(c, (size_t)n);
		if (c->life != life)
			return;
	}
}

static void
shake_hands(struct load_conn *c)
{
	ERR_clear_error();
	errno = 0;
	int n = SSL_do_handshake(c->ssl);
	if (n <= 0) {
		if (!is_patient(c, n))
			end_ssl(c, n);
		return;
	}
	c->state = LOAD_OPEN;
	c->ops->on_open(c->owner);
}

static void
on_event(void *arg, uint32_t events)
{
	struct load_conn *c = arg;
	unsigned life = c->life;
	if (c->state == LOAD_CONNECTING) {
		int e = 0;
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &(socklen_t){ sizeof(e) });
		if (e) {
			end(c, strerror(e));
			return;
		}
		c->state = c->ssl ? LOAD_HANDSHAKE : LOAD_OPEN;
		if (!c->ssl)
			c->ops->on_open(c->owner);
	}
	if (c->state == LOAD_HANDSHAKE && c->life == life)
		shake_hands(c);
	if (c->state == LOAD_OPEN && c->life == life)
		receive(c);
	if (c->state == LOAD_OPEN && c->life == life)
		flush(c);
	if (c->broken && c->life == life)
		end(c, "write failed");
}

/* -- life -- */

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct load_conn *c = SSL_get_app_data(ssl);
	c->ticketed = true;
	if (!c->load->conf->resume)
		return 0;
	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

/* Whose certificate it is was not asked: looking at the chain would cost the client more
 * than the handshake costs the server. */
static int
take_any(X509_STORE_CTX *chain UNUSED, void *arg UNUSED)
{
	return 1;
}

SSL_CTX *
load_tls_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	                                            SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return ctx;
}

static bool
start_tls(struct load_conn *c, enum load_conn_how how)
{
	static const unsigned char h1[] = "\x08http/1.1";
	static const unsigned char h2[] = "\x02h2";
	c->ssl = SSL_new(c->load->tls);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		return false;
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	SSL_set_tlsext_host_name(c->ssl, "localhost");
	if (how == LOAD_TLS_H2)
		SSL_set_alpn_protos(c->ssl, h2, sizeof(h2) - 1);
	else
		SSL_set_alpn_protos(c->ssl, h1, sizeof(h1) - 1);
	if (c->session && c->load->conf->resume)
		SSL_set_session(c->ssl, c->session);
	return true;
}

bool
load_conn_open(struct load_conn *c, uint32_t source, uint16_t port,
               enum load_conn_how how)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(source) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	/* The port is chosen by connect(): each source address has all of them for each
	 * of the server's ports. */
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->io = (struct load_io){ on_event, c };
	c->state = LOAD_CONNECTING;
	if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
	    (how == LOAD_PLAIN || start_tls(c, how)) &&
	    (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0 ||
	     errno == EINPROGRESS) &&
	    load_loop_watch(&c->load->loop, c->fd, &c->io))
		return true;
	int e = errno;
	forget(c);
	errno = e;
	return false;
}

void
load_conn_cut(struct load_conn *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	if (c->fd >= 0)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	forget(c);
}

void
load_conn_done(struct load_conn *c)
{
	load_conn_cut(c);
	SSL_SESSION_free(c->session);
	c->session = NULL;
}
