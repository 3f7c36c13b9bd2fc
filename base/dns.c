/* SPDX-License-Identifier: ISC
 *
 * dns.c - look-ups through libunbound's event interface.
 *
 * libunbound may call back from inside ub_resolve_event() and does not like to be called
 * from its callbacks, so an answer is always kept and handed out by the loop a moment
 * later. A query that was cancelled or has timed out is an orphan: it stays until
 * libunbound has called back for it.
 */
#include "base/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>

#include "base/dns_wire.h"
#include "base/loop_private.h"
#include "base/mem.h"

/* libunbound itself may go on trying dead servers for minutes. */
#define QUERY_MS 20000
#define RCODE_OK 0
#define RCODE_NO_NAME 3
#define CLASS_IN 1

struct dns {
	struct loop *loop;
	struct ub_ctx *ctx;
	struct list queries;
};

struct dns_query {
	struct dns *dns;
	struct list link; /* in dns.queries */
	struct loop_soon soon;
	struct loop_timer timer;
	dns_fn *fn; /* NULL: nobody waits any more */
	void *arg;
	struct arena *arena; /* of answer */
	struct dns_answer answer;
	enum dns_type type;
	bool asked; /* libunbound will call back */
};

static void
free_query(struct dns_query *q)
{
	list_remove(&q->link);
	loop_soon_clear(&q->soon);
	loop_timer_clear(&q->timer);
	arena_free(q->arena);
	free(q);
}

/* The owner is told or has gone; what libunbound still holds is freed when it lets go. */
static void
let_go(struct dns_query *q)
{
	q->fn = NULL;
	loop_timer_clear(&q->timer);
	loop_soon_clear(&q->soon);
	if (!q->asked)
		free_query(q);
}

static void
hand_out(struct loop_soon *x)
{
	struct dns_query *q = container_of(x, struct dns_query, soon);
	struct arena *arena = TAKE(q->arena);
	struct dns_answer answer = q->answer;
	dns_fn *fn = q->fn;
	void *arg = q->arg;

	let_go(q);
	fn(&answer, arg);
	arena_free(arena);
}

static void
on_timeout(void *arg)
{
	struct dns_query *q = arg;

	q->answer = (struct dns_answer){ .result = DNS_RESULT_FAIL };
	hand_out(&q->soon);
}

static void
on_answer(void *arg, int rcode, void *packet, int packet_n, int sec,
          char *why_bogus UNUSED, int was_ratelimited UNUSED)
{
	struct dns_query *q = arg;
	struct dns_answer *a = &q->answer;
	struct dns_record *records = NULL;
	struct span message = SPAN("");

	q->asked = false;
	if (q->fn == NULL) {
		free_query(q);
		return;
	}
	/* rcode is of the attempt; what the server said stands in the packet. */
	if (rcode == RCODE_OK && packet_n > 0) {
		message = span_of(packet, (size_t)packet_n);
		rcode = (int)dns_wire_rcode(message);
	}
	a->secure = sec == 2;
	if (sec == 1) /* bogus */
		a->result = DNS_RESULT_FAIL;
	else if (rcode == RCODE_NO_NAME)
		a->result = DNS_RESULT_NO_NAME;
	else if (rcode != RCODE_OK)
		a->result = DNS_RESULT_FAIL;
	else if (dns_wire_parse(message, q->type, q->arena, &records, &a->n) != RC_OK)
		a->result = DNS_RESULT_FAIL;
	else
		a->result = a->n > 0 ? DNS_RESULT_OK : DNS_RESULT_NO_DATA;
	a->records = a->result == DNS_RESULT_OK ? records : NULL;
	loop_soon(q->dns->loop, &q->soon);
}

static enum rc
configure(struct dns *d, const struct dns_conf *conf, struct err *err)
{
	static const struct {
		const char *option, *value;
	} options[] = {
		/* The server to ask may well be on this host, */
		{ "do-not-query-localhost:", "no" },
		/* and know the names of private networks (AS 112 zones). */
		{ "unblock-lan-zones:", "yes" },
		{ "insecure-lan-zones:", "yes" },
	};
	int e = 0;

	for (size_t i = 0; i < ARRAY_LEN(options) && e == 0; i++)
		e = ub_ctx_set_option(d->ctx, options[i].option, options[i].value);
	if (e == 0 && conf->server != NULL)
		e = ub_ctx_set_fwd(d->ctx, conf->server);
	else if (e == 0)
		e = ub_ctx_resolvconf(d->ctx, NULL);
	if (e == 0 && conf->server == NULL)
		e = ub_ctx_hosts(d->ctx, NULL);
	if (e == 0 && conf->trust_anchor != NULL)
		e = ub_ctx_add_ta_file(d->ctx, conf->trust_anchor);
	/* RFC 6761's "test" as well: a closed network may use it. This ends the settings.
	 */
	if (e == 0)
		e = ub_ctx_zone_add(d->ctx, "test.", "transparent");
	if (e != 0)
		return err_set(err, RC_INVALID, "DNS server %s: %s",
		               conf->server ? conf->server : "of /etc/resolv.conf",
		               ub_strerror(e));
	return RC_OK;
}

enum rc
dns_new(struct loop *l, const struct dns_conf *conf, struct dns **ret, struct err *err)
{
	struct dns *d = xcalloc(1, sizeof(*d));
	enum rc rc;

	d->loop = l;
	list_init(&d->queries);
	d->ctx = ub_ctx_create_event(loop_event_base(l));
	if (d->ctx == NULL) {
		free(d);
		return err_set(err, RC_IO, "libunbound makes no context: %s",
		               strerror(errno));
	}
	rc = configure(d, conf, err);
	if (rc != RC_OK) {
		dns_free(d);
		return rc;
	}
	*ret = d;
	return RC_OK;
}

void
dns_free(struct dns *d)
{
	if (d == NULL)
		return;
	list_each_safe(q, &d->queries, struct dns_query, link)
		let_go(q);
	/* Calls back for some of the orphans, with a failure. */
	ub_ctx_delete(d->ctx);
	list_each_safe(q, &d->queries, struct dns_query, link)
		free_query(q);
	free(d);
}

struct loop *
dns_loop(const struct dns *d)
{
	return d->loop;
}

struct dns_query *
dns_lookup(struct dns *d, const char *name, enum dns_type type, dns_fn *fn, void *arg)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));
	struct span n = span_str(name);

	q->dns = d;
	q->fn = fn;
	q->arg = arg;
	q->type = type;
	q->arena = arena_new();
	loop_soon_init(&q->soon, hand_out);
	loop_timer_init(&q->timer, d->loop, on_timeout, q);
	list_push_back(&d->queries, &q->link);
	if (span_ends(n, "."))
		n.n--;
	if (!dns_wire_is_name(n)) {
		q->answer.result = DNS_RESULT_NO_NAME;
		loop_soon(d->loop, &q->soon);
		return q;
	}
	q->asked = true;
	loop_timer_set(&q->timer, QUERY_MS);
	if (ub_resolve_event(d->ctx, name, type, CLASS_IN, q, on_answer, NULL) != 0) {
		q->asked = false;
		q->answer.result = DNS_RESULT_FAIL;
		loop_soon(d->loop, &q->soon);
	}
	return q;
}

void
dns_cancel(struct dns_query *q)
{
	if (q != NULL)
		let_go(q);
}
