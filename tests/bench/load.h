/* SPDX-License-Identifier: ISC
 *
 * load.h - the parts of the push load client: phones, desktops and a sender, on one loop.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <netinet/in.h>

#include "base/loop.h"
#include "base/stream.h"
#include "base/tls.h"

struct load_conf {
	uint16_t https;
	uint16_t imaps;
	uint16_t smtp;
	const char *user_pattern; /* "u%@bench.test": % becomes 00042 */
	const char *password;
	unsigned phones;
	unsigned desktops;
	unsigned parallel; /* connections being set up at once */
	unsigned deliveries;
	unsigned rate; /* a second */
	unsigned settle_s;
	unsigned idle_s; /* a quiet window for the CPU figure */
	unsigned heartbeat_s;
	unsigned size; /* bytes of a message's body */
	int server_pid;
};

struct load;
struct load_client;

/* Events of a client, all in the loop. */
struct load_events {
	void (*waiting)(struct load *l,
	                struct load_client *c); /* first Ping or IDLE is out */
	void (*woken)(struct load *l, struct load_client *c, uint64_t at_us);
	void (*lost)(struct load *l, struct load_client *c, const char *why);
};

struct load_client {
	struct load *load;
	const struct load_events *events;
	struct stream *stream;
	unsigned user;
	int state;
	bool waits;
	char sync_key[32];
	char inbox[32];
	uint64_t done_us; /* when its wake for the current delivery came, 0: not yet */
};

/* The common part of all clients: the loop, the address and the client's TLS. */
struct load {
	const struct load_conf *conf;
	struct loop *loop;
	struct tls_client *tls;
	struct sockaddr_in to;
};

void load_address(struct load *l, uint16_t port, struct sockaddr_in *ret);
/* "u00007@bench.test" of a client, in ret. */
void load_user(const struct load *l, unsigned n, char *ret, size_t size);

void load_phone_start(struct load_client *c);
void load_desktop_start(struct load_client *c);

/* SMTP: one connection that sends when told. */
struct load_sender;
typedef void load_sent_fn(void *arg, uint64_t accepted_us);
struct load_sender *load_sender_new(struct load *l, load_sent_fn *ready, void *arg);
/* fn when 250 came; one message at a time. */
void load_sender_send(struct load_sender *s, unsigned user, load_sent_fn *fn, void *arg);
void load_sender_free(struct load_sender *s);

#endif
