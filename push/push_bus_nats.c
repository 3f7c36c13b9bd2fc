/* SPDX-License-Identifier: ISC
 *
 * push_bus_nats.c - NATS as the bus: a subject for each shard, "godwit.wake.17".
 *
 * For many nodes: a message goes only to those that hold waiters of its shard. libnats
 * has threads of its own, that call back at any time, also when the connection they speak
 * of is being given up. So they are told no address but a number, and who it belongs to
 * is looked up under a lock that ends with the connection.
 */
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/mem.h"
#include "push/push_bus_driver.h"

#define CONNECT_MS 2000
#define CONFIRM_MS 5000
#define WRITE_MS 5000
#define PING_MS 5000
#define PINGS_MAX 2 /* without an answer */
#define CLOSE_MS 5000
#define SERVERS_MAX 16
#define CA_DEFAULT "/etc/ssl/certs/ca-certificates.crt"

struct bus_nats {
	struct push_bus_driver base;
	struct bus_nats *next; /* of those that are connected */
	uintptr_t id;          /* of this connection; 0: none */
	bool tls;
	char *url;
	char *subject;
	char *ca;
	char *certificate;
	char *key;
	char *credentials;
	char *server_name;
	natsConnection *conn;
	natsSubscription *subs[STORE_SHARD_NUMBERS];
};

static pthread_rwlock_t links_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct bus_nats *links;
static uintptr_t last_id;

/* libnats ends with the last driver, once it has let go of all subscriptions: it would
 * leak what its thread has still to do with them. */
static unsigned drivers;
static unsigned subscriptions;
static pthread_mutex_t drivers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drivers_less = PTHREAD_COND_INITIALIZER;

static struct bus_nats *
nats_of(struct push_bus_driver *d)
{
	return container_of(d, struct bus_nats, base);
}

/* libnats' status in ours; the only place that knows both. */
static enum rc
rc_from_nats(natsStatus s, const char *what, struct err *err)
{
	const char *text = nats_GetLastError(NULL);
	enum rc rc = RC_AGAIN;

	switch (s) {
	case NATS_OK:
		return RC_OK;
	case NATS_INVALID_ARG:
	case NATS_INVALID_SUBJECT:
		rc = RC_INVALID;
		break;
	case NATS_CONNECTION_AUTH_FAILED:
	case NATS_NOT_PERMITTED:
		rc = RC_DENIED;
		break;
	default:
		break;
	}
	return err_set(err, rc, "NATS: %s: %s%s%s", what, natsStatus_GetText(s),
	               text && *text ? ": " : "", text ? text : "");
}

/* -- what libnats tells, in its threads -- */

static void
link_add(struct bus_nats *n)
{
	pthread_rwlock_wrlock(&links_lock);
	n->id = ++last_id;
	n->next = links;
	links = n;
	pthread_rwlock_unlock(&links_lock);
}

/* No callback is inside the bus after it. */
static void
link_remove(struct bus_nats *n)
{
	pthread_rwlock_wrlock(&links_lock);
	for (struct bus_nats **at = &links; *at; at = &(*at)->next) {
		if (*at == n) {
			*at = n->next;
			break;
		}
	}
	n->id = 0;
	pthread_rwlock_unlock(&links_lock);
}

/* The bus of a callback, the lock held until link_put(); or NULL. */
static struct push_bus *
link_get(void *closure)
{
	pthread_rwlock_rdlock(&links_lock);
	for (struct bus_nats *n = links; n; n = n->next) {
		if (n->id == (uintptr_t)closure)
			return n->base.bus;
	}
	return NULL;
}

static void
link_put(void)
{
	pthread_rwlock_unlock(&links_lock);
}

static void
on_message(natsConnection *conn UNUSED, natsSubscription *sub UNUSED, natsMsg *msg,
           void *closure)
{
	struct push_bus *bus = link_get(closure);
	int n = natsMsg_GetDataLength(msg);

	if (bus)
		push_bus_on_message(bus, span_of(natsMsg_GetData(msg), (size_t)n));
	link_put();
	natsMsg_Destroy(msg);
}

static void
on_closed(natsConnection *conn, void *closure)
{
	struct push_bus *bus = link_get(closure);
	const char *why = NULL;

	natsConnection_GetLastError(conn, &why);
	if (bus)
		push_bus_on_down(bus, why && *why ? why : "the connection was closed");
	link_put();
}

static void
on_error(natsConnection *conn UNUSED, natsSubscription *sub UNUSED, natsStatus s,
         void *closure)
{
	struct push_bus *bus = link_get(closure);

	if (bus && s == NATS_SLOW_CONSUMER)
		push_bus_on_lost(bus);
	else if (bus) /* refused, mostly: what we ask for we need */
		push_bus_on_down(bus, natsStatus_GetText(s));
	link_put();
}

static void
on_subscription_end(void *closure UNUSED)
{
	pthread_mutex_lock(&drivers_lock);
	subscriptions--;
	pthread_cond_broadcast(&drivers_less);
	pthread_mutex_unlock(&drivers_lock);
}

static void
count_subscription(natsSubscription *sub)
{
	pthread_mutex_lock(&drivers_lock);
	subscriptions++;
	pthread_mutex_unlock(&drivers_lock);
	if (natsSubscription_SetOnCompleteCB(sub, on_subscription_end, NULL) != NATS_OK)
		on_subscription_end(NULL);
}

/* -- connecting -- */

static natsStatus
set_tls(struct bus_nats *n, natsOptions *o)
{
	natsStatus s = natsOptions_SetSecure(o, true);

	if (s == NATS_OK)
		s = natsOptions_LoadCATrustedCertificates(o, *n->ca ? n->ca : CA_DEFAULT);
	if (s == NATS_OK && *n->certificate)
		s = natsOptions_LoadCertificatesChain(o, n->certificate, n->key);
	if (s == NATS_OK)
		s = natsOptions_SetExpectedHostname(o, n->server_name);
	return s;
}

/* libnats takes what stands before the @ as it is; in a URL it is percent-encoded. A word
 * alone is a token. */
static natsStatus
set_login(natsOptions *o, struct span login)
{
	AUTO_DONE(buf) struct buf user = BUF_INIT(0);
	AUTO_DONE(buf) struct buf password = BUF_INIT(0);
	size_t colon = span_find(login, 0, ':');

	if (percent_decode(span_sub(login, 0, colon), false, &user) != RC_OK ||
	    percent_decode(span_sub(login, colon + 1, login.n), false, &password) !=
	            RC_OK)
		return NATS_INVALID_ARG;
	buf_add_char(&user, '\0');
	buf_add_char(&password, '\0');
	return colon < login.n ? natsOptions_SetUserInfo(o, user.p, password.p)
	                       : natsOptions_SetToken(o, user.p);
}

/* Takes "user:password@" out of url. */
static natsStatus
take_login(natsOptions *o, char *url)
{
	char *host = strstr(url, "://"), *at;
	natsStatus s;

	host = host ? host + 3 : url;
	at = strrchr(host, '@');
	if (!at)
		return NATS_OK;
	s = set_login(o, span_of(host, (size_t)(at - host)));
	memmove(host, at + 1, strlen(at + 1) + 1);
	return s;
}

static natsStatus
set_servers(struct bus_nats *n, natsOptions *o)
{
	const char *urls[SERVERS_MAX];
	int count = 0;
	char *copy = xstrdup(n->url), *at = copy, *url;
	natsStatus s = NATS_OK;

	while (count < SERVERS_MAX && s == NATS_OK && (url = strsep(&at, ", ")) != NULL) {
		if (!*url)
			continue;
		s = take_login(o, url);
		urls[count++] = url;
	}
	if (s == NATS_OK)
		s = natsOptions_SetServers(o, urls, count);
	free(copy);
	return s;
}

static natsStatus
set_all(struct bus_nats *n, natsOptions *o)
{
	void *id = (void *)n->id;
	natsStatus s = set_servers(n, o);
	/* The bus connects again by itself: so it knows what it may have missed. */
	const natsStatus more[] = {
		natsOptions_SetAllowReconnect(o, false),
		natsOptions_SetName(o, "godwit"),
		natsOptions_SetTimeout(o, CONNECT_MS),
		natsOptions_SetWriteDeadline(o, WRITE_MS),
		natsOptions_SetPingInterval(o, PING_MS),
		natsOptions_SetMaxPingsOut(o, PINGS_MAX),
		natsOptions_SetNoEcho(o, true),
		natsOptions_SetSendAsap(o, true),
		/* Otherwise each subscription has a thread. */
		natsOptions_UseGlobalMessageDelivery(o, true),
		natsOptions_SetClosedCB(o, on_closed, id),
		natsOptions_SetErrorHandler(o, on_error, id),
	};

	for (size_t i = 0; i < ARRAY_LEN(more) && s == NATS_OK; i++)
		s = more[i];
	if (s == NATS_OK && *n->credentials)
		s = natsOptions_SetUserCredentialsFromFiles(o, n->credentials, NULL);
	if (s == NATS_OK && n->tls)
		s = set_tls(n, o);
	return s;
}

static enum rc
nats_connect(struct push_bus_driver *d, struct err *err)
{
	struct bus_nats *n = nats_of(d);
	natsOptions *o = NULL;
	natsStatus s;

	link_add(n);
	s = natsOptions_Create(&o);
	if (s == NATS_OK)
		s = set_all(n, o);
	if (s == NATS_OK)
		s = natsConnection_Connect(&n->conn, o);
	natsOptions_Destroy(o);
	return rc_from_nats(s, "connect", err);
}

static void
nats_disconnect(struct push_bus_driver *d)
{
	struct bus_nats *n = nats_of(d);

	if (n->id)
		link_remove(n);
	for (size_t i = 0; i < STORE_SHARD_NUMBERS; i++)
		natsSubscription_Destroy(TAKE(n->subs[i]));
	natsConnection_Destroy(TAKE(n->conn));
}

/* -- use -- */

static enum rc
nats_subscribe(struct push_bus_driver *d, uint32_t shard, bool on, struct err *err)
{
	struct bus_nats *n = nats_of(d);
	natsStatus s = NATS_OK;
	char subject[128];

	if (!on) {
		s = natsSubscription_Unsubscribe(n->subs[shard]);
		natsSubscription_Destroy(TAKE(n->subs[shard]));
		return rc_from_nats(s, "unsubscribe", err);
	}
	snprintf(subject, sizeof(subject), "%s.%u", n->subject, shard);
	s = natsConnection_Subscribe(&n->subs[shard], n->conn, subject, on_message,
	                             (void *)n->id);
	if (s == NATS_OK)
		count_subscription(n->subs[shard]);
	return rc_from_nats(s, "subscribe", err);
}

static enum rc
nats_confirm(struct push_bus_driver *d, struct err *err)
{
	struct bus_nats *n = nats_of(d);

	return rc_from_nats(natsConnection_FlushTimeout(n->conn, CONFIRM_MS), "flush",
	                    err);
}

static enum rc
nats_send(struct push_bus_driver *d, uint32_t stream, struct span message,
          struct err *err)
{
	struct bus_nats *n = nats_of(d);
	char subject[128];

	snprintf(subject, sizeof(subject), "%s.%u", n->subject, stream);
	return rc_from_nats(
		natsConnection_Publish(n->conn, subject, message.p, (int)message.n),
		"publish", err);
}

static int
nats_fd(struct push_bus_driver *d UNUSED)
{
	return -1;
}

static enum rc
nats_receive(struct push_bus_driver *d UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

/* -- life -- */

static void
put_library(void)
{
	struct timespec until;
	int e = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_MS / 1000;
	pthread_mutex_lock(&drivers_lock);
	bool is_last = --drivers == 0;
	while (is_last && subscriptions > 0 && e == 0)
		e = pthread_cond_timedwait(&drivers_less, &drivers_lock, &until);
	pthread_mutex_unlock(&drivers_lock);
	if (is_last)
		nats_CloseAndWait(CLOSE_MS);
}

static void
nats_free(struct push_bus_driver *d)
{
	struct bus_nats *n = nats_of(d);

	nats_disconnect(d);
	free(n->url);
	free(n->subject);
	free(n->ca);
	free(n->certificate);
	free(n->key);
	free(n->credentials);
	free(n->server_name);
	free(n);
	put_library();
}

static const struct push_bus_driver_ops ops = {
	.name = "nats",
	.message_max = 32768,
	.by_shard = true,
	.connect = nats_connect,
	.disconnect = nats_disconnect,
	.subscribe = nats_subscribe,
	.confirm = nats_confirm,
	.send = nats_send,
	.fd = nats_fd,
	.receive = nats_receive,
	.free = nats_free,
};

/* Of "tls://user:password@host:4222". */
static char *
host_of(const char *url)
{
	const char *p = strstr(url, "://"), *at, *end;

	p = p ? p + 3 : url;
	at = memrchr(p, '@', strcspn(p, ","));
	p = at ? at + 1 : p;
	if (*p == '[')
		end = strchrnul(++p, ']');
	else
		end = p + strcspn(p, ":/");
	return xstrndup(p, (size_t)(end - p));
}

static enum rc
check(const struct push_bus_nats_conf *conf, bool tls, struct err *err)
{
	const char *const files[] = { conf->ca, conf->certificate, conf->key,
		                      conf->credentials };

	if (!*conf->url)
		return err_set(err, RC_INVALID, "bus.url: NATS needs one");
	if (tls && !*conf->server_name && strchr(conf->url, ','))
		return err_set(err, RC_INVALID,
		               "bus.server_name: several servers with TLS need one");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (*files[i] && access(files[i], R_OK) != 0)
			return err_set(err, RC_INVALID, "bus: %s cannot be read",
			               files[i]);
	}
	return RC_OK;
}

enum rc
push_bus_nats_new(const struct push_bus_nats_conf *conf, struct push_bus_driver **ret,
                  struct err *err)
{
	bool tls = strstr(conf->url, "tls://") || *conf->ca || *conf->certificate;
	enum rc rc = check(conf, tls, err);
	struct bus_nats *n;

	if (rc)
		return rc;
	/* libnats is begun by the bus' thread: its own inherit that the signals are the
	 * main thread's. */
	n = xcalloc(1, sizeof(*n));
	n->base.ops = &ops;
	n->tls = tls;
	n->url = xstrdup(conf->url);
	n->subject = xstrdup(conf->subject);
	n->ca = xstrdup(conf->ca);
	n->certificate = xstrdup(conf->certificate);
	n->key = xstrdup(conf->key);
	n->credentials = xstrdup(conf->credentials);
	n->server_name =
		*conf->server_name ? xstrdup(conf->server_name) : host_of(conf->url);
	pthread_mutex_lock(&drivers_lock);
	drivers++;
	pthread_mutex_unlock(&drivers_lock);
	*ret = &n->base;
	return RC_OK;
}
