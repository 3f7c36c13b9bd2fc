/* SPDX-License-Identifier: ISC
 *
 * imap.c - the IMAP server as a whole: its options, its sessions, users' connections.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_private.h"

#define OPTION(name_, member, t, d, lo, hi, h)                                           \
	{                                                                                \
		.name = name_, .type = t, .offset = offsetof(struct imap_conf, member),  \
		.def = d, .min = lo, .max = hi, .help = h                                \
	}

static const struct conf_option options[] = {
	OPTION("listen", listen, CONF_LIST, "", 0, 0,
	       "Addresses of IMAP in plain text with STARTTLS, such as \"*:143\"."),
	OPTION("listen_tls", listen_tls, CONF_LIST, "*:993", 0, 0,
	       "Addresses of IMAP over TLS."),
	OPTION("line_max", line_max, CONF_SIZE, "64K", 1024, 16 << 20,
	       "Longest command, literals left out."),
	OPTION("literal_max", literal_max, CONF_SIZE, "1M", 1024, 64 << 20,
	       "All literals of a command that is not APPEND."),
	OPTION("message_max", message_max, CONF_SIZE, "50M", 1024, INT32_MAX,
	       "Largest message that APPEND takes; the store's own limit holds too."),
	OPTION("idle_timeout", idle_ms, CONF_TIME, "31m", 1000, 7LL * 86400 * 1000,
	       "A silent session is logged out after this, by RFC 9051 no less than 30 "
	       "minutes."),
	OPTION("login_timeout", login_ms, CONF_TIME, "60s", 100, 3600 * 1000,
	       "From the connection to the end of a successful sign-in."),
	OPTION("login_delay", login_delay_ms, CONF_TIME, "1s", 0, 60 * 1000,
	       "A wrong password is answered after this; each further one of the same "
	       "connection after twice the time."),
	OPTION("keepalive", keepalive_ms, CONF_TIME, "0s", 0, 3600 * 1000,
	       "How often an idling client is told that the server is there. Each such "
	       "line wakes a phone's radio; 0s leaves the check to TCP."),
	OPTION("tcp_keepalive", tcp.keepalive_ms, CONF_TIME, "4m", 0, 32767LL * 1000,
	       "A silent connection is asked by TCP whether its peer is there still, after "
	       "so long: a carrier's NAT forgets silent ones in 5 to 15 minutes. 0s: never."),
	OPTION("tcp_dead_after", tcp.dead_ms, CONF_TIME, "6m", 0, 86400LL * 1000,
	       "A connection whose peer has not answered TCP for so long is ended. 0s: the "
	       "system's time."),
	OPTION("stall", stall_ms, CONF_TIME, "2m", 1000, 86400LL * 1000,
	       "A client that takes no bytes of its answers for so long is dropped."),
	OPTION("connections_user_max", connections_user_max, CONF_INT, "50", 1, 100000,
	       "Connections of one user."),
	OPTION("plaintext_login", plaintext_login, CONF_BOOL, "no", 0, 0,
	       "Allow sign-in without TLS: for tests on loopback only."),
};

static enum rc
check(const void *section, struct err *err)
{
	return listener_tcp_check(&((const struct imap_conf *)section)->tcp, err);
}

const struct conf_section imap_conf_section = {
	.name = "imap",
	.help = "The IMAP server for mail programs.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct imap_conf),
	.check = check,
};

struct metric imap_metric_commands =
	METRIC_COUNTER("godwit_imap_commands_total", "IMAP commands answered.");
struct metric imap_metric_bad = METRIC_COUNTER("godwit_imap_bad_total",
                                               "IMAP commands that were not understood.");
struct metric imap_metric_logins =
	METRIC_COUNTER("godwit_imap_logins_total", "IMAP sign-ins.");
struct metric imap_metric_refused =
	METRIC_COUNTER("godwit_imap_logins_refused_total", "IMAP sign-ins refused.");
struct metric imap_metric_idling =
	METRIC_GAUGE("godwit_imap_idling", "IMAP sessions in IDLE.");
struct metric imap_metric_bytes_out =
	METRIC_COUNTER("godwit_imap_sent_bytes_total", "Bytes of IMAP answers.");

struct imap_user {
	struct hnode node;
	uint64_t id;
	int64_t connections;
};

enum rc
imap_new(const struct imap_conf *conf, const struct imap_deps *deps, struct imap **ret)
{
	struct imap *im = xcalloc(1, sizeof(*im));

	struct metric *const metrics[] = {
		&imap_metric_commands, &imap_metric_bad,    &imap_metric_logins,
		&imap_metric_refused,  &imap_metric_idling, &imap_metric_bytes_out
	};
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		metric_register(metrics[i]);
	im->conf = *conf;
	im->conf.listen = im->conf.listen_tls = (struct conf_list){ NULL, 0 };
	im->deps = *deps;
	pthread_mutex_init(&im->lock, NULL);
	list_init(&im->sessions);
	htab_init(&im->users);
	*ret = im;
	return RC_OK;
}

void
imap_accept(struct imap *im, struct loop *l, int fd, bool implicit_tls)
{
	struct imap_session *s = imap_session_new(im, l, fd, implicit_tls);

	pthread_mutex_lock(&im->lock);
	list_push_back(&im->sessions, &s->link);
	im->n_sessions++;
	pthread_mutex_unlock(&im->lock);
}

void
imap_session_forget(struct imap_session *s)
{
	pthread_mutex_lock(&s->im->lock);
	list_remove(&s->link);
	s->im->n_sessions--;
	pthread_mutex_unlock(&s->im->lock);
}

static bool
may_stay(const struct imap_session *s, unsigned keep)
{
	bool is_silent = s->address && !s->run;

	return is_silent && hash_u64((uintptr_t)s) % 1000 < keep;
}

/* Calls fn for each session of l, but those that may stay. They are freed in l's thread
 * only, which is ours, and none but the one that fn is called with. */
static void
each_session(struct imap *im, struct loop *l, unsigned keep,
             void (*fn)(struct imap_session *s))
{
	pthread_mutex_lock(&im->lock);
	struct imap_session **v =
		xreallocarray(NULL, im->n_sessions ? im->n_sessions : 1, sizeof(*v));
	size_t n = 0;
	list_each(s, &im->sessions, struct imap_session, link) {
		if (s->loop == l && !may_stay(s, keep))
			v[n++] = s;
	}
	pthread_mutex_unlock(&im->lock);
	for (size_t i = 0; i < n; i++)
		fn(v[i]);
	free(v);
}

void
imap_drain(struct imap *im, struct loop *l, unsigned keep)
{
	each_session(im, l, keep, imap_session_drain);
}

void
imap_abort(struct imap *im, struct loop *l)
{
	each_session(im, l, 0, imap_session_abort);
}

size_t
imap_connections(const struct imap *im)
{
	struct imap *mine = (struct imap *)im;

	pthread_mutex_lock(&mine->lock);
	size_t n = mine->n_sessions;
	pthread_mutex_unlock(&mine->lock);
	return n;
}

static struct imap_user *
find_user(struct imap *im, uint64_t id)
{
	struct hnode *n = htab_find(&im->users, hash_u64(id));

	for (; n; n = htab_next(n)) {
		struct imap_user *u = container_of(n, struct imap_user, node);
		if (u->id == id)
			return u;
	}
	return NULL;
}

bool
imap_user_enter(struct imap *im, uint64_t user)
{
	bool ok = true;

	pthread_mutex_lock(&im->lock);
	struct imap_user *u = find_user(im, user);
	if (!u) {
		u = xcalloc(1, sizeof(*u));
		u->id = user;
		htab_add(&im->users, &u->node, hash_u64(user));
	}
	if (u->connections >= im->conf.connections_user_max)
		ok = false;
	else
		u->connections++;
	pthread_mutex_unlock(&im->lock);
	return ok;
}

void
imap_user_leave(struct imap *im, uint64_t user)
{
	pthread_mutex_lock(&im->lock);
	struct imap_user *u = find_user(im, user);
	if (u && --u->connections <= 0) {
		htab_remove(&im->users, &u->node);
		free(u);
	}
	pthread_mutex_unlock(&im->lock);
}

static void
free_user(struct hnode *n, void *arg)
{
	struct imap *im = arg;
	struct imap_user *u = container_of(n, struct imap_user, node);

	htab_remove(&im->users, n);
	free(u);
}

void
imap_free(struct imap *im)
{
	if (!im)
		return;
	htab_each(&im->users, free_user, im);
	htab_done(&im->users);
	pthread_mutex_destroy(&im->lock);
	free(im);
}
