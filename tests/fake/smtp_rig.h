/* SPDX-License-Identifier: ISC
 *
 * smtp_rig.h - a whole smtp/ on a store in a temporary folder, its loop turned by the
 * test; clients that speak to it through sockets; servers that it speaks to.
 *
 * example.org is ours, with alice, bob (password "secret") and the aliases of setup.
 */
#ifndef TESTS_FAKE_SMTP_RIG_H
#define TESTS_FAKE_SMTP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/list.h"
#include "smtp/smtp.h"
#include "smtp/smtp_submit.h"
#include "store/store_deliver.h"
#include "store/store_queue.h"

#define assert_rc(call, want) assert_string_equal(rc_str(call), rc_str(want))
#define assert_ok(call) assert_rc(call, RC_OK)

struct smtp_rig {
	char directory[64];
	struct conf *defaults;
	struct store_conf store_conf;
	struct smtp_conf conf; /* the defaults; a test changes it before rig_start() */
	struct store *store;
	struct mdm *mdm;
	struct jobs *jobs;
	struct loop *loop;
	struct tls_server *tls; /* NULL until rig_tls() */
	struct smtp *smtp;
	uint64_t alice, bob;
	struct arena *a;
	int listener; /* rig_listen() */
	enum smtp_door listener_door;
	struct list remotes;
};

/* cmocka's set-up and tear-down; *state is the rig, not started. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Makes the smtp of conf. */
void rig_start(struct smtp_rig *r);
void rig_stop(struct smtp_rig *r);
uint64_t rig_user(struct smtp_rig *r, const char *address);
/* A port on 127.0.0.1 whose connections come in at door. */
uint16_t rig_listen(struct smtp_rig *r, enum smtp_door door);
/* One turn of the loop, and of the remotes. */
void rig_turn(struct smtp_rig *r);
/* Real time, whatever the fake clock says. */
uint64_t rig_real_ms(void);

/* Turns until cond holds; fails after 20 s of real time. */
#define RIG_UNTIL(r, cond)                                                               \
	do {                                                                             \
		uint64_t start_ = rig_real_ms();                                         \
		while (!(cond)) {                                                        \
			rig_turn(r);                                                     \
			if (rig_real_ms() - start_ > 20000)                              \
				fail_msg("never: %s", #cond);                            \
		}                                                                        \
	} while (0)

/* Mails in a folder, and the n-th (from 0) as it is stored, NUL-terminated in r->a. */
size_t rig_count(struct smtp_rig *r, uint64_t user, enum store_role folder);
const char *rig_mail(struct smtp_rig *r, uint64_t user, enum store_role folder, size_t n);
/* Entries of the queue, in r->a. */
struct store_queue_entry *rig_queue(struct smtp_rig *r, size_t *ret_n);

/* A client: a bare socket. */
struct rig_peer {
	struct smtp_rig *rig;
	int fd;
	struct buf in;
	bool eof;
	char reply[4096]; /* the last */
};

/* Over a socket pair (the peer is "unix"); the greeting is not read yet. */
void peer_open(struct rig_peer *p, struct smtp_rig *r, enum smtp_door door);
/* Over TCP to the port. */
void peer_connect(struct rig_peer *p, struct smtp_rig *r, uint16_t port);
void peer_close(struct rig_peer *p);
void peer_send(struct rig_peer *p, struct span bytes);
/* The next whole reply, in p->reply; fails when the connection ends instead. */
const char *peer_reply(struct rig_peer *p);
/* Fails unless the next reply begins so. */
void peer_expect(struct rig_peer *p, const char *start);
/* Sends text and expects. */
void peer_say(struct rig_peer *p, const char *text, const char *start);
/* The connection ends, with no further reply. */
void peer_expect_end(struct rig_peer *p);
/* Greeting and EHLO (LHLO) done; on a submission door alice is signed in. */
void peer_ready(struct rig_peer *p, struct smtp_rig *r, enum smtp_door door);

/* A server that answers by rules. */
struct remote_rule {
	const char *on;  /* the start of a line (any case); "." the end of data */
	const char *say; /* NULL: hangs up */
};

struct remote {
	struct list link;
	int listener;
	uint16_t port;
	int fd;
	const char *greeting;
	const struct remote_rule *rules; /* the first that fits; else "250 ok" */
	size_t n_rules;
	bool in_data;
	bool deaf; /* after STARTTLS it reads no more: it cannot do TLS */
	struct buf in;
	struct buf seen; /* all lines, as they came */
	struct buf mail; /* data of the last message, stuffed */
	unsigned connections;
	unsigned messages;
};

/* On 127.0.0.<last>; port 0: any. */
void remote_open(struct remote *m, struct smtp_rig *r, unsigned last, uint16_t port);
void remote_close(struct remote *m);
bool remote_saw(const struct remote *m, const char *text);
#define REMOTE_RULES(m, list) ((m)->rules = (list), (m)->n_rules = ARRAY_LEN(list))

#endif
