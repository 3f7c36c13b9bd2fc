/* SPDX-License-Identifier: ISC
 *
 * stream_record.c - a stream of TLS 1.3 whose hands are shaken: records without OpenSSL's
 * connection.
 *
 * Records are read into the loop's scratch and opened there. What is left over, of a
 * record that is not whole or that the input has no room for, is kept apart (raw) until
 * the next turn; an idle stream has none.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stream_private.h"

_Static_assert(LOOP_SCRATCH >= TLS_RECORD_MAX, "a record fits into the scratch");
_Static_assert(LOOP_SCRATCH >= TLS_RECORD_DATA_MAX + TLS_RECORD_ROOM, "and one of ours");

/* The scratch while records are read: opened bytes, then sealed ones. */
struct work {
	char *p;
	size_t at; /* of the first byte that counts */
	size_t plain;
	size_t sealed; /* behind them */
};

void
stream_record_begin(struct stream *s)
{
	struct tls_hello *h = s->hello;

	if (h == NULL)
		return;
	s->record = tls_hello_record(h, s->ssl);
	tls_hello_part(s->ssl);
	tls_hello_free(h);
	s->hello = NULL;
	if (s->record == NULL)
		return;
	/* Freeing is no end of the session: else OpenSSL takes it for a bad one. */
	SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = NULL;
}

void
stream_record_free(struct stream *s)
{
	tls_record_free(s->record);
	free(s->raw);
	s->record = NULL;
	s->raw = NULL;
}

/* --- reading --- */

static void
take_raw(struct stream *s, struct work *w)
{
	struct stream_raw *raw = s->raw;

	*w = (struct work){ .p = loop_scratch(s->loop) };
	if (raw == NULL)
		return;
	memcpy(w->p, raw->bytes, raw->len);
	w->plain = raw->plain;
	w->sealed = raw->len - raw->plain;
	/* Opened bytes of a peer's, which wait no longer. */
	free(raw);
	s->raw = NULL;
}

static void
keep_raw(struct stream *s, const struct work *w)
{
	size_t n = w->plain + w->sealed;

	if (n == 0)
		return;
	s->raw = xmalloc(sizeof(*s->raw) + n);
	s->raw->plain = (uint32_t)w->plain;
	s->raw->len = (uint32_t)n;
	memcpy(s->raw->bytes, w->p + w->at, n);
}

static void
fail_record(struct stream *s)
{
	char bytes[2 + TLS_RECORD_ROOM];
	int alert;
	const char *why = tls_record_why(s->record, &alert);

	if (alert >= 0)
		(void)stream_send(
			s, bytes,
			tls_record_seal_alert(s->record, (enum tls_alert)alert, bytes));
	stream_fail(s, STREAM_END_TLS, why);
	s->broken = true;
}

/* The size of the record that is there, or 0: it is not whole, or none. */
static size_t
whole_record(struct stream *s, const struct work *w)
{
	size_t n;

	if (w->sealed < TLS_RECORD_HEAD)
		return 0;
	n = tls_record_size(s->record, w->p + w->at);
	if (n == 0)
		fail_record(s);
	return n <= w->sealed ? n : 0;
}

/* Opens the next record, which has n bytes; there are no opened bytes before it. */
static void
open_record(struct stream *s, struct work *w, size_t n)
{
	struct span got = { 0 };

	switch (tls_record_open(s->record, w->p + w->at, n, &got)) {
	case TLS_RECORD_DATA:
		/* Moved up to what is sealed behind it. */
		memmove(w->p + w->at + n - got.n, got.p, got.n);
		w->at += n - got.n;
		w->plain = got.n;
		w->sealed -= n;
		return;
	case TLS_RECORD_NOTHING:
		w->at += n;
		w->sealed -= n;
		return;
	case TLS_RECORD_CLOSED:
		s->eof = true;
		break;
	case TLS_RECORD_BROKEN:
		fail_record(s);
		break;
	}
	w->sealed = 0;
}

/* More from the socket behind what is there; 0 for none now. */
static size_t
fill(struct stream *s, struct work *w, size_t *share)
{
	size_t room, n;

	memmove(w->p, w->p + w->at, w->sealed);
	w->at = 0;
	room = LOOP_SCRATCH - w->sealed;
	n = stream_recv(s, w->p + w->sealed, room);
	w->sealed += n;
	*share -= n < *share ? n : *share;
	if (n > 0 && !s->stalled)
		s->active_ms = loop_now_ms(s->loop);
	return n;
}

void
stream_record_read(struct stream *s, bool to_end)
{
	size_t share = STREAM_READ_SHARE;
	bool is_dry = s->broken;
	struct work w;

	s->more = false;
	take_raw(s, &w);
	while (!s->fail && !s->eof) {
		size_t room = s->input_max - s->in_len, n;

		if (room == 0) {
			s->more = true;
			break;
		}
		if (w.plain > 0) {
			n = w.plain < room ? w.plain : room;
			stream_append_input(s, w.p + w.at, n);
			w.at += n;
			w.plain -= n;
			continue;
		}
		n = whole_record(s, &w);
		if (n > 0) {
			open_record(s, &w, n);
			continue;
		}
		if (is_dry || s->fail)
			break;
		if (share == 0) {
			s->more = true;
			break;
		}
		n = fill(s, &w, &share);
		/* epoll is level-triggered then: it tells if this was a wrong guess. */
		is_dry = n == 0 || (!to_end && w.sealed < LOOP_SCRATCH);
	}
	keep_raw(s, &w);
}

/* --- writing --- */

void
stream_record_write(struct stream *s, char *p, size_t n)
{
	char update[5 + TLS_RECORD_ROOM];
	size_t update_n = tls_record_seal_update(s->record, update);

	if (update_n > 0 && !stream_send(s, update, update_n))
		return;
	(void)stream_send(s, p, tls_record_seal(s->record, TLS_CONTENT_DATA, p, n));
}

void
stream_record_bye(struct stream *s)
{
	char bytes[2 + TLS_RECORD_ROOM];

	(void)stream_send(
		s, bytes,
		tls_record_seal_alert(s->record, TLS_ALERT_CLOSE_NOTIFY, bytes));
}
