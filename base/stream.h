/* SPDX-License-Identifier: ISC
 *
 * stream.h - a byte stream over TCP, UNIX socket or TLS, on one loop.
 *
 * Used by every protocol and by outgoing SMTP. Non-blocking OpenSSL straight on the
 * socket; no libevent bufferevent (see docs/decisions). A stream belongs to its loop's
 * thread. An idle stream holds no buffers: input memory is freed when it is consumed,
 * output memory when it is written, OpenSSL releases its own (SSL_MODE_RELEASE_BUFFERS).
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/tls.h"

struct stream;

#define STREAM_END_LIST(X)                                                               \
	X(EOF, "peer closed")                                                            \
	X(ERROR, "connection error")                                                     \
	X(TLS, "tls error")                                                              \
	X(TIMEOUT, "timed out")                                                          \
	X(CLOSED, "closed by us")

enum stream_end {
#define X(name, text) STREAM_END_##name,
	STREAM_END_LIST(X)
#undef X
};

const char *stream_end_str(enum stream_end e);

/* Callbacks of the owner, all in the loop's thread, never from inside a stream_*() call.
 */
struct stream_ops {
	/* Connected and, with TLS, hands shaken. Optional; for accepted plain streams it
	 * comes first too. */
	void (*on_open)(void *owner);
	/* New bytes are behind stream_input(). Called again only when more come. */
	void (*on_input)(void *owner);
	/* The output queue has fallen to zero after it was not. Optional. */
	void (*on_drain)(void *owner);
	/* The last callback; the owner frees the stream (here or later). Input that came
	 * before the end was announced by on_input first. */
	void (*on_end)(void *owner, enum stream_end why, const char *detail);
};

struct stream_limits {
	size_t input_max; /* reading pauses while so much lies unconsumed; 0: 64 KB */
	uint64_t idle_ms; /* no byte read or written for so long: TIMEOUT; 0: never */
	/* Output waits, and the peer is behind the least rate of 128 bytes a second by so
	 * much: TIMEOUT; 0: never. What the peer sends meanwhile does not count. */
	uint64_t stall_ms;
	uint64_t handshake_ms; /* TLS handshake or connect; 0: 30 s */
};

/*
 * An accepted socket, whose TCP options are the listener's; takes fd in every case. tls
 * non-NULL: implicit TLS at once, with ALPN from alpn (in wire form, length-prefixed
 * names; empty for none). Handshakes take turns at the loop's CPU, first come first
 * served; until its turn a stream costs a small struct. tls must stay until it has opened
 * or ended.
 */
struct stream *stream_accept(struct loop *l, int fd, struct tls_server *tls,
                             struct span alpn, const struct stream_limits *limits,
                             const struct stream_ops *ops, void *owner);
/* An outgoing connection, plain; failure comes by on_end. */
struct stream *stream_connect(struct loop *l, const struct sockaddr *to, socklen_t to_len,
                              const struct stream_limits *limits,
                              const struct stream_ops *ops, void *owner);
/* Closes at once, without flushing; no callback comes after it. NULL is fine. Not from
 * inside another stream's callback on the same owner chain is fine too. */
void stream_free(struct stream *s);

/*
 * Gives the socket away and frees the stream without a callback: for an owner that goes
 * on with it by itself, in a worker. Only plain streams, with nothing unconsumed and
 * nothing to be written; from a callback of the stream too. The socket is non-blocking.
 */
int stream_detach(struct stream *s) MUST_CHECK;

/* Bytes received and not consumed yet; valid until the next stream call or return. */
struct span stream_input(struct stream *s);
/* n <= what stream_input() showed. */
void stream_consume(struct stream *s, size_t n);
/*
 * No on_input until resumed; what is in the kernel stays there (back-pressure). A paused
 * stream still notices that its peer has gone (RST, FIN, close_notify) and ends. Only a
 * FIN behind bytes that the owner has not consumed waits: after resume they come first,
 * then the end.
 */
void stream_pause(struct stream *s);
/* on_input comes (from the loop) if bytes are there already. */
void stream_resume(struct stream *s);

/* Queued, written when the socket takes it. Bytes are copied. */
void stream_write(struct stream *s, struct span bytes);
/* The same without a copy: takes b's memory and leaves b empty. */
void stream_write_buf(struct stream *s, struct buf *b);
size_t stream_output_len(const struct stream *s);
/* While corked writes are only gathered; uncork sends them in as few packets as may be.
 */
void stream_cork(struct stream *s);
void stream_uncork(struct stream *s);
/* Ends after all output is written (TLS close_notify sent): on_end(CLOSED). */
void stream_close(struct stream *s);

/*
 * Begins TLS as server or client, after the output that was queued before the call has
 * been written in the clear: write the "220 ready" and call this in the same callback, or
 * the peer's answer may be there first. On a stream_connect() that is not open yet it
 * makes TLS from the first byte. Any unconsumed or unread plaintext input is thrown
 * away (RFC 3207 4.2: nothing said before TLS counts). on_open comes after the handshake.
 */
void stream_starttls_server(struct stream *s, struct tls_server *tls);
void stream_starttls_client(struct stream *s, struct tls_client *tls, const char *host);

void stream_set_idle_ms(struct stream *s, uint64_t ms);
void stream_set_input_max(struct stream *s, size_t max);

struct loop *stream_loop(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" without TLS. */
const char *stream_tls_str(const struct stream *s);
/* The ALPN name chosen, empty without. */
struct span stream_alpn(const struct stream *s);
/* "192.0.2.1" or "2001:db8::1" or "unix"; as long as the stream. */
const char *stream_peer(const struct stream *s);
uint16_t stream_peer_port(const struct stream *s);
/* Bytes of memory that the stream holds now, for the cost page. */
size_t stream_memory(const struct stream *s);

#endif
