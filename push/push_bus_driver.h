/* SPDX-License-Identifier: ISC
 *
 * push_bus_driver.h - what the bus asks of a server that carries its messages.
 *
 * A driver loses messages when it must, doubles and reorders them if it likes; the bus
 * lives with that. It keeps no state of its own over a lost connection and does not
 * reconnect by itself. Everything here is called in the bus' thread; calls may block for
 * some seconds, and end early when stop_fd becomes readable, where they can. After a call
 * has failed only disconnect() follows.
 */
#ifndef PUSH_PUSH_BUS_DRIVER_H
#define PUSH_PUSH_BUS_DRIVER_H

#include "push/push_bus_msg.h"

struct push_bus;

struct push_bus_driver {
	const struct push_bus_driver_ops *ops;
	struct push_bus *bus; /* before the first connect() */
	int stop_fd;
};

struct push_bus_driver_ops {
	const char *name;
	size_t message_max; /* bytes */
	unsigned batch_ms;  /* between two batches, when there is much to say */
	/* A stream for each shard, and only those that are asked for come in; otherwise
	 * all is one stream, PUSH_BUS_STREAM_ALL. */
	bool by_shard;
	/* send() returned RC_OK: the server has it. Otherwise confirm() tells. */
	bool send_is_sure;

	enum rc (*connect)(struct push_bus_driver *d, struct err *err);
	/* Drops the connection, if there is one; no message comes in after it. */
	void (*disconnect)(struct push_bus_driver *d);
	/* by_shard: the messages of a shard from now on, or no more. */
	enum rc (*subscribe)(struct push_bus_driver *d, uint32_t shard, bool on,
	                     struct err *err);
	/* The server has done all that was asked of it before. */
	enum rc (*confirm)(struct push_bus_driver *d, struct err *err);
	enum rc (*send)(struct push_bus_driver *d, uint32_t stream, struct span message,
	                struct err *err);
	/* To wait on for reading before receive(); -1: messages come in by themselves. */
	int (*fd)(struct push_bus_driver *d);
	enum rc (*receive)(struct push_bus_driver *d, struct err *err);
	/* Disconnects, and frees d. */
	void (*free)(struct push_bus_driver *d);
};

/* What a driver tells, from any thread while it is connected. A message is copied. */
void push_bus_on_message(struct push_bus *b, struct span message);
/* The connection is gone; disconnect() will follow. why: for the log. */
void push_bus_on_down(struct push_bus *b, const char *why);

/* The drivers. PostgreSQL: conninfo as store.postgresql has it. */
struct push_bus_driver *push_bus_pg_new(const char *conninfo, const char *channel);

struct push_bus_nats_conf {
	const char *url; /* several: separated by commas */
	const char *subject;
	const char *ca; /* the following: files, "" for none */
	const char *certificate;
	const char *key;
	const char *server_name; /* of its certificate; "": that of the url */
};
/* RC_INVALID: a URL or file is wrong. Everything is copied. */
enum rc push_bus_nats_new(const struct push_bus_nats_conf *conf,
                          struct push_bus_driver **ret, struct err *err) MUST_CHECK;

#endif
