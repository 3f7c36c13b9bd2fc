/* SPDX-License-Identifier: ISC
 *
 * stream_private.h - the stream's insides, for stream.c and stream_io.c.
 */
#ifndef BASE_STREAM_PRIVATE_H
#define BASE_STREAM_PRIVATE_H

#include <netinet/in.h>

#include "base/loop_private.h"
#include "base/stream.h"
#include "base/tls_private.h"

enum stream_state {
	STREAM_STATE_CONNECT,
	STREAM_STATE_HANDSHAKE, /* plaintext written before it goes out first */
	STREAM_STATE_OPEN,
	STREAM_STATE_LINGER, /* all is said; what the peer still sends is thrown away */
	STREAM_STATE_ENDED,
};

/* A piece of the output queue. */
struct stream_out {
	struct stream_out *next;
	struct buf b;
	size_t off; /* written so far */
};

/* What came from the socket and is not input yet: an allocation that is there only while
 * such bytes are. */
struct stream_raw {
	uint32_t plain; /* opened already, but the input was full; the rest is sealed */
	uint32_t len;
	char bytes[];
};

/* Every idle connection carries one: keep it small (test_stream says how small). */
struct stream {
	struct loop *loop;
	const struct stream_ops *ops;
	void *owner;
	SSL *ssl; /* NULL: plain, or records */
	union {
		struct tls_hello *hello; /* a server's, while hands are shaken */
		char *tls_str;           /* after that; without record */
	};
	struct tls_record *record; /* takes over from ssl: TLS 1.3 after the handshake */
	struct stream_raw *raw;    /* with record */
	struct event ev;           /* the fd is in it */
	struct loop_soon soon;
	struct loop_timer timer; /* connect, handshake, idle, linger: one at a time */
	uint64_t active_ms; /* when the last byte went or came; see stream_credit() */
	uint32_t idle_ms;
	uint32_t handshake_ms;
	uint32_t stall_ms;

	char *in; /* NULL without input */
	uint32_t in_off;
	uint32_t in_len; /* from in_off on */
	uint32_t in_cap;
	uint32_t input_max;

	struct stream_out *out; /* oldest first */
	struct stream_out *out_last;
	size_t out_len;
	size_t plain_left; /* of out, to be written before the handshake */
	struct stream_out
		*wire; /* from OpenSSL, goes before out; NULL when all is sent */

	char *detail;   /* with fail: what happened */
	short interest; /* EV_* that ev waits for now */
	uint16_t peer_port;
	uint8_t corked;
	enum stream_state state : 8;
	enum stream_end why : 8; /* with fail */
	bool fail : 1;           /* ends with why, after what came before was given */
	bool eof : 1;            /* the peer will send no more */
	bool closing : 1;        /* stream_close() */
	bool paused : 1;
	bool busy : 1;      /* stream_run() is on the stack */
	bool freed : 1;     /* ... and frees it when it returns */
	bool secured : 1;   /* hands shaken */
	bool broken : 1;    /* OpenSSL forbids to use ssl any more */
	bool say_open : 1;  /* on_open is due */
	bool say_input : 1; /* on_input is due */
	bool more : 1;      /* there may be input that epoll does not tell of */
	bool held : 1;      /* input came that nobody wants: wait for edges only */
	bool blocked : 1;   /* the socket takes no more output */
	bool stalled : 1;   /* ... for a while: the timer runs for stall_ms */
	bool wire_eof : 1;  /* what OpenSSL is told */
	bool said_bye : 1;  /* close_notify */
	char peer[];        /* text */
};

static inline int
stream_fd(const struct stream *s)
{
	return event_get_fd(&s->ev);
}

static inline size_t
stream_wire_len(const struct stream *s)
{
	return s->wire != NULL ? s->wire->b.len - s->wire->off : 0;
}

/* More can lie there only when the peer makes OpenSSL answer and does not read. */
#define STREAM_WIRE_MAX (64 * 1024)

/* True while the stream takes input from the socket. */
static inline bool
stream_wants_input(const struct stream *s)
{
	return !s->paused && !s->closing && !s->eof && s->in_len < s->input_max &&
	       stream_wire_len(s) < STREAM_WIRE_MAX;
}

/* Notes why the stream will end; the first reason counts. */
void stream_fail(struct stream *s, enum stream_end why, const char *detail);
void stream_fail_errno(struct stream *s, int e);
/* The error that SSL_get_error() calls SYSCALL or SSL. */
void stream_fail_ssl(struct stream *s, int ssl_error);

/* The peer has taken n bytes: it is active, or a little less behind. */
void stream_credit(struct stream *s, size_t n);

/* Reads until the socket is empty, the input full or a fair share taken; to_end: does
 * not guess from a short read that there is no more. Sets eof, more, fail, say_input. */
void stream_read_input(struct stream *s, bool to_end);
/*
 * Writes until the queue is empty or the socket full, plaintext before a handshake at
 * most. Sets blocked, fail.
 */
void stream_write_output(struct stream *s);
void stream_drop_input(struct stream *s);
void stream_drop_output(struct stream *s);

/* Between stream_io.c and the two ways of TLS. */
/* What one stream may read in one turn before the others get theirs. */
#define STREAM_READ_SHARE (64 * 1024)
void stream_append_input(struct stream *s, const char *p, size_t n);
/* From the socket: bytes read, or 0 for none now, the end, or a failure. */
size_t stream_recv(struct stream *s, char *p, size_t room);
/* Into the socket: what it does not take lies in wire. False when the stream fails. */
bool stream_send(struct stream *s, const char *p, size_t n);

/* --- stream_ssl.c: through OpenSSL --- */
/* Lets ssl speak over the stream's socket; false when memory is out. */
bool stream_attach_ssl(struct stream *s, SSL *ssl);
/* As stream_recv(), opened. */
size_t stream_ssl_read(struct stream *s, char *p, size_t room);
/* Bytes of p that are in the socket or in wire afterwards; 0: it fails. */
size_t stream_ssl_write(struct stream *s, const char *p, size_t n);

/* --- stream_record.c: with the keys alone --- */
/* The hands are shaken: OpenSSL's connection is given up if that can be. */
void stream_record_begin(struct stream *s);
void stream_record_read(struct stream *s, bool to_end);
/* n bytes lie in p from TLS_RECORD_HEAD on, p has TLS_RECORD_ROOM bytes more. */
void stream_record_write(struct stream *s, char *p, size_t n);
/* close_notify. */
void stream_record_bye(struct stream *s);
void stream_record_free(struct stream *s);

#endif
