/* SPDX-License-Identifier: ISC
 *
 * stream_io.c - a stream's bytes: from the socket into its input, from its output queue
 * into the socket, plain or through OpenSSL.
 *
 * OpenSSL writes through a BIO of ours that takes everything: what the socket does not
 * take lies in the stream (wire) until it does. So no SSL call ever wants to write, none
 * must be repeated with the same bytes, and a KeyUpdate that the peer asks for in the
 * middle of our full socket does no harm (OpenSSL 3.0 fails with "bad length" then).
 */
#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/stream_private.h"

/* What one stream may read in one turn before the others get theirs. */
#define READ_SHARE (64 * 1024)
/* After a TLS record shorter than this the socket is taken for empty. */
#define SHORT_RECORD 4096
/* A TLS record holds no more: RFC 8446 5.1. */
#define RECORD_MAX 16384
#define IOV_MAX_USED 16
/* Bytes a second that keep a slow reader alive. */
#define STALL_RATE 128
/* Small writes are gathered in pieces of about this size. */
#define PIECE 4096

void
stream_credit(struct stream *s, size_t n)
{
	uint64_t now = loop_now_ms(s->loop);
	uint64_t worth = n * 1000 / STALL_RATE;

	if (s->stalled && worth < now - s->active_ms)
		s->active_ms += worth;
	else
		s->active_ms = now;
}

void
stream_fail(struct stream *s, enum stream_end why, const char *detail)
{
	if (s->fail)
		return;
	s->fail = true;
	s->why = why;
	s->detail = xstrdup(detail);
}

void
stream_fail_errno(struct stream *s, int e)
{
	stream_fail(s, e == ETIMEDOUT ? STREAM_END_TIMEOUT : STREAM_END_ERROR,
	            strerror(e));
}

void
stream_fail_ssl(struct stream *s, int ssl_error)
{
	char text[256];
	int e = errno;

	s->broken = true;
	if (ssl_error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
		if (e == 0)
			s->eof = true;
		else
			stream_fail_errno(s, e);
		return;
	}
	stream_fail(s, STREAM_END_TLS, tls_take_error(s->ssl, text, sizeof(text)));
}

/* --- input --- */

void
stream_drop_input(struct stream *s)
{
	free(s->in);
	s->in = NULL;
	s->in_off = s->in_len = s->in_cap = 0;
	s->say_input = false;
}

static void
append_input(struct stream *s, const char *p, size_t n)
{
	if (s->in_off > 0 && s->in_cap - s->in_off - s->in_len < n) {
		memmove(s->in, s->in + s->in_off, s->in_len);
		s->in_off = 0;
	}
	if (s->in_cap - s->in_off - s->in_len < n) {
		size_t want = s->in_len + n;

		/* The first piece fits exactly; what goes on growing doubles. */
		if (s->in != NULL && want < 2 * (size_t)s->in_cap)
			want = 2 * (size_t)s->in_cap;
		s->in = xrealloc(s->in, want);
		s->in_cap = (uint32_t)want;
	}
	memcpy(s->in + s->in_off + s->in_len, p, n);
	s->in_len += (uint32_t)n;
	s->say_input = true;
}

/* Bytes read, or 0 for none now, the end, or a failure. */
static size_t
read_plain(struct stream *s, char *p, size_t room)
{
	ssize_t n;

	do
		n = recv(stream_fd(s), p, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (size_t)n;
	if (n == 0)
		s->eof = true;
	else if (errno != EAGAIN)
		stream_fail_errno(s, errno);
	return 0;
}

static size_t
read_tls(struct stream *s, char *p, size_t room)
{
	size_t n;
	int e;

	if (s->broken)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(s->ssl, p, room, &n) == 1)
		return n;
	e = SSL_get_error(s->ssl, 0);
	switch (e) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		s->eof = true;
		break;
	default:
		stream_fail_ssl(s, e);
		break;
	}
	return 0;
}

void
stream_read_input(struct stream *s, bool to_end)
{
	char *scratch = loop_scratch(s->loop);
	size_t share = READ_SHARE;

	s->more = false;
	while (s->in_len < s->input_max) {
		size_t room = s->input_max - s->in_len;
		size_t n;

		if (share == 0) {
			s->more = true;
			return;
		}
		if (room > LOOP_SCRATCH)
			room = LOOP_SCRATCH;
		if (room > share)
			room = share;
		n = s->secured ? read_tls(s, scratch, room)
		               : read_plain(s, scratch, room);
		if (n == 0)
			return;
		append_input(s, scratch, n);
		if (!s->stalled)
			s->active_ms = loop_now_ms(s->loop);
		share -= n;
		if (to_end)
			continue;
		/* epoll is level-triggered then: it tells if this was a wrong guess. */
		if (s->secured ? n < SHORT_RECORD && n < room && SSL_pending(s->ssl) == 0
		               : n < room)
			return;
	}
	s->more = true; /* OpenSSL may hold bytes that the input has no room for */
}

/* --- output --- */

static void
free_piece(struct stream_out *o)
{
	buf_done(&o->b);
	free(o);
}

void
stream_drop_output(struct stream *s)
{
	while (s->out != NULL) {
		struct stream_out *o = s->out;

		s->out = o->next;
		free_piece(o);
	}
	if (s->wire != NULL)
		free_piece(s->wire);
	s->wire = NULL;
	s->out_last = NULL;
	s->out_len = s->plain_left = 0;
	s->blocked = false;
}

static void
push_piece(struct stream *s, struct stream_out *o)
{
	if (s->out_last != NULL)
		s->out_last->next = o;
	else
		s->out = o;
	s->out_last = o;
}

/* True when the caller has nothing to say any more, or nobody to say it to. */
static bool
is_mute(const struct stream *s)
{
	return s->closing || s->fail || s->state >= STREAM_STATE_LINGER;
}

void
stream_write(struct stream *s, struct span bytes)
{
	struct stream_out *o = s->out_last;

	if (bytes.n == 0 || is_mute(s))
		return;
	if (o == NULL || (o->b.cap - o->b.len < bytes.n && o->b.len + bytes.n > PIECE)) {
		o = xcalloc(1, sizeof(*o));
		push_piece(s, o);
	}
	buf_add_span(&o->b, bytes);
	s->out_len += bytes.n;
	loop_soon(s->loop, &s->soon);
}

void
stream_write_buf(struct stream *s, struct buf *b)
{
	struct stream_out *o = s->out_last;
	size_t max = b->max;

	if (is_mute(s)) {
		buf_done(b);
		return;
	}
	if (!buf_ok(b)) {
		/* Half an answer would be taken for a whole one. */
		stream_fail(s, STREAM_END_ERROR, "output over its limit");
		loop_soon(s->loop, &s->soon);
		buf_done(b);
		return;
	}
	if (b->len < 512 && o != NULL && o->b.cap - o->b.len >= b->len) {
		stream_write(s, buf_span(b));
		buf_done(b);
		return;
	}
	if (b->len == 0) {
		buf_done(b);
		return;
	}
	o = xcalloc(1, sizeof(*o));
	o->b = *b;
	o->b.max = 0;
	buf_init(b, max);
	s->out_len += o->b.len;
	push_piece(s, o);
	loop_soon(s->loop, &s->soon);
}

/* n bytes of the queue have been written. */
static void
drop_written(struct stream *s, size_t n)
{
	assert(n <= s->out_len);
	s->out_len -= n;
	stream_credit(s, n);
	while (n > 0) {
		struct stream_out *o = s->out;
		size_t left = o->b.len - o->off;

		if (n < left) {
			o->off += n;
			return;
		}
		n -= left;
		s->out = o->next;
		if (s->out == NULL)
			s->out_last = NULL;
		free_piece(o);
	}
}

/* Bytes written, or 0 when the socket takes none or fails. At most max. */
static size_t
write_plain(struct stream *s, size_t max)
{
	struct iovec iov[IOV_MAX_USED];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	for (struct stream_out *o = s->out;
	     o != NULL && msg.msg_iovlen < IOV_MAX_USED && max > 0; o = o->next) {
		struct iovec *v = &iov[msg.msg_iovlen++];

		v->iov_base = o->b.p + o->off;
		v->iov_len = o->b.len - o->off;
		if (v->iov_len > max)
			v->iov_len = max;
		max -= v->iov_len;
	}
	do
		n = sendmsg(stream_fd(s), &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN)
		stream_fail_errno(s, errno);
	return 0;
}

static size_t
send_some(struct stream *s, const char *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(stream_fd(s), p, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (size_t)sent;
	if (errno != EAGAIN)
		stream_fail_errno(s, errno);
	return 0;
}

/* The next n bytes of the queue in one piece, copied together if they must be. */
static const char *
gather(struct stream *s, size_t n)
{
	struct stream_out *o = s->out;
	char *scratch, *to;

	if (o->b.len - o->off >= n)
		return o->b.p + o->off;
	scratch = to = loop_scratch(s->loop);
	for (; n > 0; o = o->next) {
		size_t part = o->b.len - o->off < n ? o->b.len - o->off : n;

		memcpy(to, o->b.p + o->off, part);
		to += part;
		n -= part;
	}
	return scratch;
}

/* One record of the queue. It is in the socket or in wire afterwards. */
static size_t
write_tls(struct stream *s)
{
	size_t n = s->out_len < RECORD_MAX ? s->out_len : RECORD_MAX;
	size_t written;
	int e;

	if (s->broken)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (SSL_write_ex(s->ssl, gather(s, n), n, &written) == 1)
		return written;
	e = SSL_get_error(s->ssl, 0);
	if (e == SSL_ERROR_ZERO_RETURN)
		s->eof = true;
	else
		stream_fail_ssl(s, e);
	return 0;
}

/* True when nothing is left of it. */
static bool
write_wire(struct stream *s)
{
	struct stream_out *o = s->wire;

	while (o != NULL) {
		size_t left = o->b.len - o->off;
		size_t n = send_some(s, o->b.p + o->off, left);

		if (n == 0)
			return false;
		stream_credit(s, n);
		o->off += n;
		if (n == left) {
			free_piece(o);
			s->wire = o = NULL;
		}
	}
	return true;
}

void
stream_write_output(struct stream *s)
{
	s->blocked = false;
	while (s->out_len > 0 || s->wire != NULL) {
		size_t n;

		if (!write_wire(s)) {
			s->blocked = true;
			return;
		}
		if (s->out_len == 0)
			return;
		if (s->ssl == NULL)
			n = write_plain(s, s->out_len);
		else if (s->plain_left > 0)
			n = write_plain(s, s->plain_left);
		else if (s->secured)
			n = write_tls(s);
		else
			return;
		if (n == 0) {
			s->blocked = true;
			return;
		}
		drop_written(s, n);
		if (s->plain_left > 0)
			s->plain_left -= n;
	}
}

/* --- OpenSSL's way to the socket --- */

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static int
on_bio_write(BIO *bio, const char *p, size_t n, size_t *written)
{
	struct stream *s = BIO_get_data(bio);
	size_t sent = 0;

	BIO_clear_retry_flags(bio);
	if (s->wire == NULL)
		sent = send_some(s, p, n);
	if (s->fail)
		return 0;
	if (sent < n) {
		if (s->wire == NULL)
			s->wire = xcalloc(1, sizeof(*s->wire));
		buf_add(&s->wire->b, p + sent, n - sent);
		s->blocked = true;
	}
	*written = n;
	return 1;
}

static int
on_bio_read(BIO *bio, char *p, size_t room, size_t *got)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = recv(stream_fd(s), p, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return 1;
	}
	if (n == 0)
		s->wire_eof = true;
	else if (errno == EAGAIN)
		BIO_set_retry_read(bio);
	return 0;
}

static long
on_bio_ctrl(BIO *bio, int cmd, long num UNUSED, void *ptr UNUSED)
{
	const struct stream *s = BIO_get_data(bio);

	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return s->wire_eof;
	default:
		return 0;
	}
}

static void
make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (bio_method == NULL)
		abort();
	BIO_meth_set_write_ex(bio_method, on_bio_write);
	BIO_meth_set_read_ex(bio_method, on_bio_read);
	BIO_meth_set_ctrl(bio_method, on_bio_ctrl);
}

bool
stream_attach_ssl(struct stream *s, SSL *ssl)
{
	BIO *bio;

	pthread_once(&bio_once, make_bio_method);
	bio = BIO_new(bio_method);
	if (bio == NULL)
		return false;
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return true;
}
