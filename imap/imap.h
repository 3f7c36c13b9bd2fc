/* SPDX-License-Identifier: ISC
 *
 * imap.h - the IMAP4rev2/rev1 server (RFC 9051, RFC 3501), as server/ sees it.
 */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "base/conf.h"
#include "base/job.h"
#include "base/listener.h"
#include "base/stream.h"
#include "mdm/mdm_auth.h"
#include "push/push.h"

struct imap;

extern const struct conf_section imap_conf_section; /* "imap" */

struct imap_conf {
	struct conf_list listen; /* STARTTLS */
	struct conf_list listen_tls;
	uint64_t line_max;
	uint64_t literal_max;    /* of a command that is not APPEND */
	uint64_t message_max;    /* of an APPEND */
	uint64_t idle_ms;        /* auto-logout, at least 30 minutes (RFC 9051 5.4) */
	uint64_t login_ms;       /* before authentication */
	uint64_t login_delay_ms; /* a wrong password is answered after this, each time
	                            twice it */
	uint64_t keepalive_ms;   /* "* OK Still here" in IDLE; 0: never */
	struct listener_tcp tcp;
	uint64_t stall_ms; /* a client that takes nothing of its answers is dropped */
	int64_t connections_user_max; /* of a user */
	bool plaintext_login;         /* LOGIN without TLS; loopback tests only */
};

struct imap_deps {
	struct store *store;
	struct push *push;
	struct mdm *mdm;
	struct jobs *jobs;
	struct tls_server *tls; /* NULL: no STARTTLS */
};

enum rc imap_new(const struct imap_conf *conf, const struct imap_deps *deps,
                 struct imap **ret) MUST_CHECK;
/* Takes an accepted connection, in l's thread. implicit_tls: TLS from the first byte. */
void imap_accept(struct imap *im, struct loop *l, int fd, bool implicit_tls);
/* In each loop: idle sessions get BYE, busy ones finish their command first. keep of 1000
 * that are silent may stay, chosen by chance; called again with ever fewer, until 0. */
void imap_drain(struct imap *im, struct loop *l, unsigned keep);
/* In each loop, at its end: closes all of it at once. */
void imap_abort(struct imap *im, struct loop *l);
size_t imap_connections(const struct imap *im);
void imap_free(struct imap *im);

#endif
