/* SPDX-License-Identifier: ISC
 *
 * smtp.c - the SMTP component as a whole: making it, its connections, its end.
 */
#include "smtp/smtp.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_queue.h"
#include "smtp/smtp_session.h"

struct metric smtp_metric_sessions = METRIC_COUNTER(
	"godwit_smtp_sessions_total", "SMTP and LMTP connections accepted.");
struct metric smtp_metric_accepted =
	METRIC_COUNTER("godwit_smtp_accepted_total", "Messages that got their 250.");
struct metric smtp_metric_refused = METRIC_COUNTER(
	"godwit_smtp_refused_total", "Commands, recipients and messages refused.");
struct metric smtp_metric_local = METRIC_COUNTER("godwit_smtp_delivered_local_total",
                                                 "Deliveries into folders of users.");
struct metric smtp_metric_queued =
	METRIC_COUNTER("godwit_smtp_queued_total", "Recipients put into the queue.");
struct metric smtp_metric_sent =
	METRIC_COUNTER("godwit_smtp_sent_total", "Recipients that another server took.");
struct metric smtp_metric_deferred =
	METRIC_COUNTER("godwit_smtp_deferred_total",
                       "Attempts after which an entry waits for the next.");
struct metric smtp_metric_bounced = METRIC_COUNTER(
	"godwit_smtp_notices_total", "Delivery status notices sent to senders.");
struct metric smtp_metric_oof = METRIC_COUNTER(
	"godwit_smtp_oof_total", "Automatic replies sent for users who are away.");
struct metric smtp_metric_duration =
	METRIC_HISTOGRAM("godwit_smtp_message_duration_seconds",
                         "From DATA to the reply to the end of the message.");

struct peer {
	struct hnode node;
	size_t connections;
	char address[];
};

const char *
smtp_door_str(enum smtp_door d)
{
	switch (d) {
	case SMTP_DOOR_RECEIVE:
		return "receive";
	case SMTP_DOOR_SUBMIT:
	case SMTP_DOOR_SUBMIT_TLS:
		return "submission";
	case SMTP_DOOR_LMTP:
		return "lmtp";
	}
	return "";
}

/* The full name, if the resolver knows one (RFC 5321 2.3.5), without a network's delay.
 */
static char *
own_hostname(const char *configured)
{
	char name[256];
	if (configured[0])
		return xstrdup(configured);
	if (gethostname(name, sizeof(name)))
		return xstrdup("localhost");
	name[sizeof(name) - 1] = 0;
	return xstrdup(name);
}

static void
register_metrics(void)
{
	metric_register(&smtp_metric_sessions);
	metric_register(&smtp_metric_accepted);
	metric_register(&smtp_metric_refused);
	metric_register(&smtp_metric_local);
	metric_register(&smtp_metric_queued);
	metric_register(&smtp_metric_sent);
	metric_register(&smtp_metric_deferred);
	metric_register(&smtp_metric_bounced);
	metric_register(&smtp_metric_oof);
	metric_register(&smtp_metric_duration);
}

enum rc
smtp_new(const struct smtp_conf *conf, const struct smtp_deps *deps, struct smtp **ret,
         struct err *err)
{
	struct smtp *s = xcalloc(1, sizeof(*s));
	s->conf = *conf;
	s->conf.hostname = own_hostname(conf->hostname);
	s->conf.relay = xstrdup(conf->relay);
	s->conf.dns_server = xstrdup(conf->dns_server);
	s->conf.tls_ca = xstrdup(conf->tls_ca);
	s->deps = *deps;
	pthread_mutex_init(&s->lock, NULL);
	htab_init(&s->peers);
	register_metrics();
	enum rc rc =
		filter_chain_new(filter_classes, filter_classes_n, conf->filters.items,
	                         conf->filters.n, deps->jobs, &s->chain, err);
	if (rc == RC_OK)
		rc = tls_client_new(NULL, false, &s->tls_any, err);
	if (rc == RC_OK && span_istarts(span_str(conf->relay), "tls:"))
		rc = tls_client_new(conf->tls_ca[0] ? conf->tls_ca : NULL, true,
		                    &s->tls_verify, err);
	if (rc == RC_OK)
		rc = smtp_queue_new(s, &s->queue);
	if (rc) {
		smtp_free(s);
		return rc;
	}
	*ret = s;
	return RC_OK;
}

struct smtp_loop *
smtp_loop_of(struct smtp *s, struct loop *l)
{
	struct smtp_loop *at = atomic_load(&s->loops);
	while (at && at->loop != l)
		at = at->next;
	if (at)
		return at;
	at = xcalloc(1, sizeof(*at));
	at->smtp = s;
	at->loop = l;
	list_init(&at->sessions);
	list_init(&at->routes_by_age);
	htab_init(&at->routes);
	pthread_mutex_lock(&s->lock);
	at->next = atomic_load(&s->loops);
	atomic_store(&s->loops, at);
	pthread_mutex_unlock(&s->lock);
	return at;
}

static struct peer *
find_peer(struct smtp *s, const char *address, uint64_t hash)
{
	for (struct hnode *n = htab_find(&s->peers, hash); n; n = htab_next(n)) {
		struct peer *p = container_of(n, struct peer, node);
		if (strcmp(p->address, address) == 0)
			return p;
	}
	return NULL;
}

bool
smtp_peer_enter(struct smtp *s, const char *address)
{
	uint64_t hash = hash_bytes(span_str(address));
	bool is_free = !s->conf.connections_peer_max || strcmp(address, "unix") == 0;
	pthread_mutex_lock(&s->lock);
	struct peer *p = find_peer(s, address, hash);
	bool ok = is_free || !p || p->connections < (size_t)s->conf.connections_peer_max;
	if (ok && !p) {
		size_t n = strlen(address) + 1;
		p = xmalloc(sizeof(*p) + n);
		p->connections = 0;
		memcpy(p->address, address, n);
		htab_add(&s->peers, &p->node, hash);
	}
	if (ok)
		p->connections++;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void
smtp_peer_leave(struct smtp *s, const char *address)
{
	pthread_mutex_lock(&s->lock);
	struct peer *p = find_peer(s, address, hash_bytes(span_str(address)));
	if (p && --p->connections == 0) {
		htab_remove(&s->peers, &p->node);
		free(p);
	}
	pthread_mutex_unlock(&s->lock);
}

void
smtp_accept(struct smtp *s, struct loop *l, int fd, enum smtp_door door)
{
	smtp_session_accept(s, smtp_loop_of(s, l), fd, door);
}

void
smtp_start(struct smtp *s)
{
	smtp_queue_start(s->queue);
}

void
smtp_drain(struct smtp *s, struct loop *l)
{
	struct smtp_loop *at = smtp_loop_of(s, l);
	at->draining = true;
	list_each_safe(x, &at->sessions, struct smtp_session, link)
		smtp_session_drain(x);
	if (l == s->deps.loop)
		smtp_queue_drain(s->queue);
}

void
smtp_abort(struct smtp *s, struct loop *l)
{
	struct smtp_loop *at = smtp_loop_of(s, l);
	at->draining = true;
	list_each_safe(x, &at->sessions, struct smtp_session, link)
		smtp_session_abort(x);
	smtp_route_forget_all(at);
	if (l == s->deps.loop)
		smtp_queue_stop(s->queue);
}

size_t
smtp_connections(const struct smtp *s)
{
	return atomic_load(&s->connections);
}

void
smtp_queue_flush(struct smtp *s)
{
	smtp_queue_flush_all(s->queue);
}

void
smtp_free(struct smtp *s)
{
	if (!s)
		return;
	smtp_queue_free(s->queue);
	struct smtp_loop *at = atomic_load(&s->loops);
	while (at) {
		struct smtp_loop *next = at->next;
		htab_done(&at->routes);
		free(at);
		at = next;
	}
	htab_done(&s->peers);
	filter_chain_free(s->chain);
	tls_client_free(s->tls_any);
	tls_client_free(s->tls_verify);
	pthread_mutex_destroy(&s->lock);
	free(s->conf.hostname);
	free(s->conf.relay);
	free(s->conf.dns_server);
	free(s->conf.tls_ca);
	free(s);
}
