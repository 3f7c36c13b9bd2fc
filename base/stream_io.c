/* SPDX-License-Identifier: ISC
 *
 * stream_io.c - a stream's bytes: from the socket into its input, from its output queue
 * into the socket. What TLS makes of them is in stream_ssl.c and stream_record.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/stream_private.h"

/* After a TLS record shorter than this the socket is taken for empty. */
#define SHORT_RECORD 4096
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

/* --- input --- */

void
stream_drop_input(struct stream *s)
{
	free(s->in);
	s->in = NULL;
	s->in_off = s->in_len = s->in_cap = 0;
	s->say_input = false;
}

void
stream_append_input(struct stream *s, const char *p, size_t n)
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

size_t
stream_recv(struct stream *s, char *p, size_t room)
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

void
stream_read_input(struct stream *s, bool to_end)
{
	char *scratch = loop_scratch(s->loop);
	size_t share = STREAM_READ_SHARE;

	if (s->record != NULL) {
		stream_record_read(s, to_end);
		return;
	}
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
		n = s->secured ? stream_ssl_read(s, scratch, room)
		               : stream_recv(s, scratch, room);
		if (n == 0)
			return;
		stream_append_input(s, scratch, n);
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

bool
stream_send(struct stream *s, const char *p, size_t n)
{
	size_t sent = 0;

	if (s->wire == NULL)
		sent = send_some(s, p, n);
	if (s->fail)
		return false;
	if (sent < n) {
		if (s->wire == NULL)
			s->wire = xcalloc(1, sizeof(*s->wire));
		buf_add(&s->wire->b, p + sent, n - sent);
		s->blocked = true;
	}
	return true;
}

/* The next n bytes of the queue, copied together. */
static void
gather(struct stream *s, char *to, size_t n)
{
	for (struct stream_out *o = s->out; n > 0; o = o->next) {
		size_t part = o->b.len - o->off < n ? o->b.len - o->off : n;

		memcpy(to, o->b.p + o->off, part);
		to += part;
		n -= part;
	}
}

/* One record of the queue. It is in the socket or in wire afterwards. */
static size_t
write_tls(struct stream *s)
{
	size_t n = s->out_len < TLS_RECORD_DATA_MAX ? s->out_len : TLS_RECORD_DATA_MAX;
	const struct stream_out *o = s->out;
	char *scratch = loop_scratch(s->loop);

	if (s->record != NULL) {
		gather(s, scratch + TLS_RECORD_HEAD, n);
		stream_record_write(s, scratch, n);
		return n;
	}
	if (o->b.len - o->off >= n)
		return stream_ssl_write(s, o->b.p + o->off, n);
	gather(s, scratch, n);
	return stream_ssl_write(s, scratch, n);
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
		if (s->secured)
			n = write_tls(s);
		else if (s->ssl == NULL)
			n = write_plain(s, s->out_len);
		else if (s->plain_left > 0)
			n = write_plain(s, s->plain_left);
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
