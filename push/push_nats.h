/* SPDX-License-Identifier: ISC
 *
 * push_nats.h - the protocol of NATS, as far as the bus speaks it ("Client Protocol" of
 * docs.nats.io): what a server says is parsed, what a client says is written. No I/O.
 */
#ifndef PUSH_PUSH_NATS_H
#define PUSH_PUSH_NATS_H

#include "base/buf.h"

#define PUSH_NATS_LINE_MAX 32768 /* INFO lists the servers of a cluster */
#define PUSH_NATS_PAYLOAD_MAX 65536

enum push_nats_op {
	PUSH_NATS_INFO, /* text: a JSON object */
	PUSH_NATS_MSG,  /* subject and payload */
	PUSH_NATS_PING,
	PUSH_NATS_PONG,
	PUSH_NATS_OK,
	PUSH_NATS_ERR, /* text */
};

/* Spans show the bytes that were parsed. */
struct push_nats_said {
	enum push_nats_op op;
	struct span text;
	struct span subject;
	struct span payload;
};

/* The first operation in in; *ret_used: its bytes, 0 when it is not whole yet (ret is not
 * written then). RC_INVALID: no NATS. RC_TOO_BIG: a line or payload over the limit. */
enum rc
push_nats_parse(struct span in, struct push_nats_said *ret, size_t *ret_used) MUST_CHECK;

/* A top-level member of INFO's object that is true. */
bool push_nats_info_is(struct span info, const char *name);

/* A URL of a server: "nats://user:password@host:4222", "tls://token@[::1]:4222", "host".
 */
struct push_nats_url {
	bool tls;
	bool has_password; /* otherwise user, if any, is a token */
	struct buf user;   /* percent-decoded, as is password */
	struct buf password;
	char *host;
	char *port;
};

enum rc push_nats_url_parse(struct span s, struct push_nats_url *ret) MUST_CHECK;
void push_nats_url_done(struct push_nats_url *u);

void push_nats_write_connect(struct buf *out, const struct push_nats_url *u, bool tls);
void push_nats_write_pub(struct buf *out, const char *subject, struct span payload);
void push_nats_write_sub(struct buf *out, const char *subject, unsigned sid);
void push_nats_write_unsub(struct buf *out, unsigned sid);

#endif
