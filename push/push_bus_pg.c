/* SPDX-License-Identifier: ISC
 *
 * push_bus_pg.c - PostgreSQL as the bus: LISTEN and NOTIFY on one connection a node.
 *
 * For clusters of a few nodes that have nothing else. NOTIFY takes a lock that all
 * commits with a NOTIFY share, so it is never inside a data transaction: one batch of
 * messages, one NOTIFY. The payload is text: base64.
 */
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "push/push_bus_driver.h"
#include "store/engine/pg_listen.h"

struct bus_pg {
	struct push_bus_driver base;
	char *conninfo;
	char *channel;
	struct pg_listen *listen;
};

static struct bus_pg *
pg_of(struct push_bus_driver *d)
{
	return container_of(d, struct bus_pg, base);
}

static void
on_payload(struct span payload, void *arg)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(PUSH_BUS_MSG_MAX);
	struct bus_pg *pg = arg;

	/* Whoever may connect may notify. */
	if (base64_decode(payload, &bytes) != RC_OK)
		buf_clear(&bytes);
	push_bus_on_message(pg->base.bus, buf_span(&bytes));
}

static enum rc
pg_connect(struct push_bus_driver *d, struct err *err)
{
	struct bus_pg *pg = pg_of(d);
	const struct pg_listen_conf conf = {
		.conninfo = pg->conninfo,
		.channel = pg->channel,
		.stop_fd = d->stop_fd,
		.fn = on_payload,
		.arg = pg,
	};

	return pg_listen_open(&conf, &pg->listen, err);
}

static void
pg_disconnect(struct push_bus_driver *d)
{
	pg_listen_close(TAKE(pg_of(d)->listen));
}

static enum rc
pg_subscribe(struct push_bus_driver *d UNUSED, uint32_t shard UNUSED, bool on UNUSED,
             struct err *err UNUSED)
{
	return RC_OK; /* all comes in */
}

static enum rc
pg_confirm(struct push_bus_driver *d UNUSED, struct err *err UNUSED)
{
	return RC_OK; /* every command is waited for */
}

static enum rc
pg_send(struct push_bus_driver *d, uint32_t stream UNUSED, struct span message,
        struct err *err)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	base64_encode(message, &text);
	buf_add_char(&text, '\0');
	return pg_listen_notify(pg_of(d)->listen, text.p, err);
}

static int
pg_fd(struct push_bus_driver *d)
{
	return pg_listen_fd(pg_of(d)->listen);
}

static enum rc
pg_receive(struct push_bus_driver *d, struct err *err)
{
	return pg_listen_receive(pg_of(d)->listen, err);
}

static void
pg_free(struct push_bus_driver *d)
{
	struct bus_pg *pg = pg_of(d);

	pg_disconnect(d);
	free(pg->conninfo);
	free(pg->channel);
	free(pg);
}

static const struct push_bus_driver_ops ops = {
	.name = "postgresql",
	.message_max = PG_LISTEN_PAYLOAD_MAX / 4 * 3 - 3,
	.batch_ms = 5, /* a NOTIFY is a transaction */
	.send_is_sure = true,
	.connect = pg_connect,
	.disconnect = pg_disconnect,
	.subscribe = pg_subscribe,
	.confirm = pg_confirm,
	.send = pg_send,
	.fd = pg_fd,
	.receive = pg_receive,
	.free = pg_free,
};

struct push_bus_driver *
push_bus_pg_new(const char *conninfo, const char *channel)
{
	struct bus_pg *pg = xcalloc(1, sizeof(*pg));

	pg->base.ops = &ops;
	pg->conninfo = xstrdup(conninfo);
	pg->channel = xstrdup(channel);
	return &pg->base;
}
