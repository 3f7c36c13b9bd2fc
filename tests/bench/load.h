/* SPDX-License-Identifier: ISC
 *
 * load.h - the push load client: a crowd of phones and desktops that wait, and mail.
 *
 * One process holds as many devices as its file descriptors allow and is told what to do
 * by lines on standard input (bench_push.c); several of them share a large crowd. One
 * thread, one epoll, OpenSSL straight on the socket: an idle device costs its TLS state
 * and a few hundred bytes, and a wake-up is timed in the turn that reads it.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <openssl/ssl.h>

#include "base/buf.h"

struct load;

/* -- the loop: load_loop.c -- */

typedef void load_io_fn(void *arg, uint32_t events);

/* What epoll gives back; lives as long as its fd is watched. */
struct load_io {
	load_io_fn *fn;
	void *arg;
};

typedef void load_timer_fn(void *arg);

/* fn runs once at due_us of clock_mono_us(); embedded in its owner. */
struct load_timer {
	uint64_t due_us;
	size_t place; /* in the heap, from 1; 0: not set */
	load_timer_fn *fn;
	void *arg;
};

struct load_loop {
	int epoll;
	bool stopped;
	struct load_timer **heap;
	size_t n_timers;
	size_t cap_timers;
};

void load_loop_init(struct load_loop *l);
void load_loop_done(struct load_loop *l);
/* Until l->stopped. */
void load_loop_run(struct load_loop *l);
/* Edge-triggered, both directions, for the life of the fd. */
bool load_loop_watch(struct load_loop *l, int fd, struct load_io *io);
void load_timer_set(struct load_loop *l, struct load_timer *t, uint64_t delay_us);
void load_timer_clear(struct load_loop *l, struct load_timer *t);

/* -- one connection: load_conn.c -- */

struct load_conn_ops {
	void (*on_open)(void *owner);
	/* All bytes not used yet; returns how many are used now. */
	size_t (*on_input)(void *owner, struct span bytes);
	/* Closed already when this comes; it may be opened again. */
	void (*on_end)(void *owner, const char *why);
	/* The server sent a session ticket, and no data behind it: it is done with the
	 * handshake. Optional. */
	void (*on_ticket)(void *owner);
};

enum load_conn_state { LOAD_CLOSED, LOAD_CONNECTING, LOAD_HANDSHAKE, LOAD_OPEN };

struct load_conn {
	struct load *load;
	const struct load_conn_ops *ops;
	void *owner;
	struct load_io io;
	SSL *ssl;             /* NULL: plain */
	SSL_SESSION *session; /* of the last ticket, with load_conf.resume */
	int fd;
	unsigned life; /* how many connections it had: a callback may end one */
	enum load_conn_state state;
	bool broken;   /* a write failed: ends when the stack is free */
	bool ticketed; /* a session ticket came */
	struct buf in;
	struct buf out;
};

enum load_conn_how { LOAD_PLAIN, LOAD_TLS, LOAD_TLS_H2 };

/* One for all connections; NULL: OpenSSL cannot. */
SSL_CTX *load_tls_new(void);
void load_conn_init(struct load_conn *c, struct load *l, const struct load_conn_ops *ops,
                    void *owner);
/* From 127.x.y.z = source (host order) to 127.0.0.1:port. False with errno: not even
 * begun, no callback comes. */
bool load_conn_open(struct load_conn *c, uint32_t source, uint16_t port,
                    enum load_conn_how how);
void load_conn_write(struct load_conn *c, struct span bytes);
/* By RST, as a network that goes away; no callback. */
void load_conn_cut(struct load_conn *c);
void load_conn_done(struct load_conn *c);

/* -- HTTP/1.1 and HTTP/2, one request at a time: load_http.c, load_h2.c -- */

struct load_answer {
	unsigned status;
	unsigned retry_after_s;
	struct span body;
};

typedef void load_answer_fn(void *owner, const struct load_answer *a);

/* HTTP/2's part of a connection. */
struct load_h2 {
	uint32_t stream; /* of the request that is out */
	int64_t window;  /* bytes that the server takes on the connection */
	struct buf body;
	unsigned status;
	unsigned retry_after_s;
};

/* A POST of ActiveSync. */
struct load_post {
	struct span target; /* "/Microsoft-Server-ActiveSync?..." */
	struct span protocol;
	struct span basic; /* base64 of user:password */
	struct span body;
};

void load_http_write(struct buf *out, const struct load_post *p);
/* Bytes used: 0 until the answer is whole. *bad: not an answer. */
size_t load_http_read(struct span in, load_answer_fn *fn, void *owner, const char **bad);

void load_h2_open(struct load_h2 *h, struct buf *out);
/* False when the server's window has no room. */
bool load_h2_write(struct load_h2 *h, struct buf *out, const struct load_post *p);
/* Whole frames; answers to PING and SETTINGS go into out. */
size_t load_h2_read(struct load_h2 *h, struct span in, struct buf *out,
                    load_answer_fn *fn, void *owner, const char **bad);
void load_h2_done(struct load_h2 *h);

/* -- devices: load_phone.c, load_desktop.c -- */

#define LOAD_KIND_LIST(X)                                                                \
	X(PING, "ping")                                                                  \
	X(SYNC, "sync")                                                                  \
	X(IDLE, "idle")

enum load_kind {
#define X(name, text) LOAD_KIND_##name,
	LOAD_KIND_LIST(X)
#undef X
		LOAD_KINDS
};

struct load_client {
	struct load_conn conn;
	struct load_h2 h2;
	struct load_timer timer; /* try again, or DONE and a new IDLE */
	uint32_t number;         /* of the device, over all processes */
	uint32_t user;           /* from 0, within this process */
	uint32_t next_of_user;   /* index + 1 of the user's next device here */
	uint32_t mail;           /* number of the delivery that woke it last */
	enum load_kind kind : 8;
	uint8_t step; /* of the device's dialogue */
	uint8_t failures;
	bool use_h2 : 1;
	bool trying : 1; /* on its way to wait */
	bool waits : 1;  /* has begun to wait since it connected */
	bool parked : 1; /* its request is out now, nothing said since */
	bool probe : 1;  /* asks plain Syncs when told */
	char sync_key[40];
	char inbox[64];
	uint64_t asked_us;
	uint64_t not_before_us; /* the server's Retry-After */
};

void load_phone_open(struct load_client *c);
/* A plain Sync, for a probe that is not busy. */
void load_phone_sync(struct load_client *c);
void load_desktop_open(struct load_client *c);

/* What the dialogues tell: load_crowd.c. */
void load_client_waits(struct load_client *c);
void load_client_woken(struct load_client *c, uint64_t at_us);
/* The connection is cut and made anew some time later. */
void load_client_lost(struct load_client *c, const char *why);
/* Asks the same again after s seconds, over the same connection. */
void load_client_put_off(struct load_client *c, unsigned s, load_timer_fn *again);
void load_client_probed(struct load_client *c, uint64_t at_us);

uint32_t load_client_source(const struct load_client *c);

/* -- numbers -- */

struct load_sample {
	int32_t *us;
	size_t n;
	size_t cap;
};

void load_sample_add(struct load_sample *s, int64_t us);
/* ,"name":[...] in microseconds, as they came; empties it. */
void load_sample_print(const char *name, struct load_sample *s);

/* -- the crowd: load_crowd.c -- */

struct load_reason {
	char text[96];
	unsigned n;
};

struct load_crowd {
	struct load_client *clients; /* of want_max */
	unsigned max;
	unsigned want;
	unsigned waiting;
	unsigned trying;
	unsigned parallel;
	bool starting;
	uint32_t *queue; /* a ring of clients to start */
	unsigned queue_at;
	unsigned queued;
	uint64_t beats; /* waits that ended with nothing new */
	uint64_t wakes;
	uint64_t put_off; /* by Retry-After */
	unsigned lost;
	struct load_reason reasons[24];
	unsigned n_reasons;
	uint32_t *first_of_user; /* index + 1 of the user's first device */
};

void load_crowd_init(struct load *l);
void load_crowd_done(struct load *l);
/* Adds devices until n wait, at most parallel on their way at once. */
void load_crowd_grow(struct load *l, unsigned n, unsigned parallel);
/* Cuts n of them and lets them come back. */
void load_crowd_cut(struct load *l, unsigned n, unsigned parallel);
void load_crowd_print(const struct load *l);

/* -- mail: load_mail.c, load_sender.c -- */

struct load_sender;
typedef void load_sent_fn(struct load_sender *s, uint64_t accepted_us);

struct load_sender {
	struct load *load;
	struct load_conn conn;
	load_sent_fn *fn; /* once it is ready, and for each 250 */
	unsigned step;
	int replies; /* still to come of a pipelined group */
	bool idle;
	uint32_t mail; /* what it carries */
	struct buf message;
	uint64_t count;
};

void load_sender_open(struct load_sender *s, struct load *l, load_sent_fn *fn);
void load_sender_send(struct load_sender *s, unsigned user);
void load_sender_done(struct load_sender *s);

struct load_mail;
struct load_mail *load_mail_new(struct load *l);
void load_mail_free(struct load_mail *m);
/* n messages, rate a second in all; says so on standard output when all were seen. */
void load_mail_run(struct load_mail *m, unsigned n, double rate);
/* A device that waited was told of something. */
void load_mail_woken(struct load_mail *m, struct load_client *c, uint64_t at_us);

/* -- all of it -- */

struct load_conf {
	uint16_t https;
	uint16_t imaps;
	uint16_t smtp;
	const char *user_pattern; /* "u%@bench.test": % becomes 00042 */
	const char *mail_pattern; /* the same for recipients; NULL: user_pattern */
	unsigned digits;
	const char *protocol; /* of ActiveSync: "16.1" */
	const char *password;
	unsigned first_user;
	unsigned users;
	unsigned first_device;
	unsigned devices; /* at most */
	unsigned per_source;
	unsigned sync_percent; /* of all devices; the rest is in Ping */
	unsigned idle_percent;
	unsigned h2_percent; /* of the phones */
	unsigned heartbeat_s;
	bool spread; /* the first heartbeat is of any length, as after hours */
	bool resume;
	unsigned size; /* bytes of a message's body */
	unsigned senders;
	bool lmtp; /* the senders speak it */
};

struct load {
	const struct load_conf *conf;
	struct load_loop loop;
	SSL_CTX *tls;
	struct load_crowd crowd;
	struct load_mail *mail;
	void (*on_change)(struct load *l); /* the crowd's count changed */
	void (*on_probe)(struct load *l, struct load_client *c, uint64_t at_us);
};

/* The name that a user of this process signs in with, and that gets the mail. */
void load_user(const struct load *l, unsigned user, char *ret, size_t size);
void load_recipient(const struct load *l, unsigned user, char *ret, size_t size);

#endif
