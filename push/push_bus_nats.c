/* SPDX-License-Identifier: ISC
 *
 * push_bus_nats.c - NATS as the bus: a subject for each shard, "godwit.wake.17".
 *
 * For many nodes: a message goes only to those that hold waiters of its shard. The
 * connection is a stream on a loop of its own; the bus' thread, which may block, hands
 * over bytes under a lock and waits for what it must know (docs/decisions/push-bus.md
 * says why this is not libnats).
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loops.h"
#include "base/mem.h"
#include "base/stream.h"
#include "push/push_bus_driver.h"
#include "push/push_nats.h"

#define CONNECT_MS 5000
#define CONFIRM_MS 5000
#define PING_MS 5000
#define PINGS_MAX 2    /* without an answer */
#define STALL_MS 10000 /* output that the server does not take */
#define OUTPUT_MAX (1024 * 1024)
#define INPUT_MAX (128 * 1024) /* a message at least */

enum nats_state {
	NATS_CLOSED,
	NATS_GREETING, /* INFO is to come */
	NATS_TLS,      /* hands are being shaken */
	NATS_LOGIN,    /* CONNECT is said, its PONG is to come */
	NATS_READY,
};

struct bus_nats {
	struct push_bus_driver base;
	char *subject;
	char *server_name; /* "": the url's host */
	struct push_nats_url *urls;
	size_t n_urls;
	size_t at_url; /* the one that is tried */
	struct tls_client *tls;
	struct loops *loops;
	int news_fd; /* something below has changed */

	pthread_mutex_t lock; /* what follows */
	enum nats_state state;
	uint64_t pings; /* said */
	uint64_t pongs; /* heard */
	struct buf out; /* to be written by the loop */
	bool posted;    /* the loop will */
	char why[256];  /* CLOSED: the reason */

	/* The loop's thread's own. */
	struct stream *stream;
	struct loop_timer keepalive;
	struct sockaddr_storage address;
	socklen_t address_len;
	bool wants_tls;
};

static struct bus_nats *
nats_of(struct push_bus_driver *d)
{
	return container_of(d, struct bus_nats, base);
}

static const struct push_nats_url *
url_of(const struct bus_nats *n)
{
	return &n->urls[n->at_url];
}

/* -- in the loop -- */

static void
tell_news(struct bus_nats *n)
{
	uint64_t one = 1;
	ssize_t w = write(n->news_fd, &one, sizeof(one));

	(void)w; /* it can only be full, and is readable then */
}

static void
move(struct bus_nats *n, enum nats_state to)
{
	pthread_mutex_lock(&n->lock);
	n->state = to;
	pthread_mutex_unlock(&n->lock);
	tell_news(n);
}

/* The first reason is the one that is told: what follows comes of it. */
static void
fail(struct bus_nats *n, const char *why, struct span more)
{
	bool was_ready;

	stream_free(TAKE(n->stream));
	loop_timer_clear(&n->keepalive);
	pthread_mutex_lock(&n->lock);
	was_ready = n->state == NATS_READY;
	if (n->state != NATS_CLOSED)
		snprintf(n->why, sizeof(n->why), "NATS: %s%s%.*s", why,
		         more.n > 0 ? ": " : "", SPAN_FMT(more));
	n->state = NATS_CLOSED;
	pthread_mutex_unlock(&n->lock);
	tell_news(n);
	if (was_ready)
		push_bus_on_down(n->base.bus, n->why);
}

/* Writes what other threads have left. */
static void
flush(struct bus_nats *n)
{
	struct buf out = BUF_INIT(0);

	pthread_mutex_lock(&n->lock);
	buf_move(&out, &n->out);
	pthread_mutex_unlock(&n->lock);
	if (n->stream)
		stream_write_buf(n->stream, &out);
	buf_done(&out);
	if (n->stream && stream_output_len(n->stream) > OUTPUT_MAX)
		fail(n, "the server does not read", SPAN(""));
}

static void
on_posted(void *arg)
{
	struct bus_nats *n = arg;

	pthread_mutex_lock(&n->lock);
	n->posted = false;
	pthread_mutex_unlock(&n->lock);
	flush(n);
}

/* Behind all that was left, as confirm()'s: which PONG is whose goes by the order. */
static void
say_ping(struct bus_nats *n)
{
	pthread_mutex_lock(&n->lock);
	buf_add_str(&n->out, "PING\r\n");
	n->pings++;
	pthread_mutex_unlock(&n->lock);
	flush(n);
}

static void
on_keepalive(void *arg)
{
	struct bus_nats *n = arg;

	pthread_mutex_lock(&n->lock);
	bool is_silent = n->pings - n->pongs >= PINGS_MAX;
	pthread_mutex_unlock(&n->lock);
	if (is_silent) {
		fail(n, "no answer to PING", SPAN(""));
		return;
	}
	loop_timer_set(&n->keepalive, PING_MS);
	say_ping(n);
}

static void
log_in(struct bus_nats *n)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	push_nats_write_connect(&b, url_of(n), stream_is_tls(n->stream));
	move(n, NATS_LOGIN);
	stream_write(n->stream, buf_span(&b));
	say_ping(n);
}

/* No login is said before TLS, if there is to be any. */
static void
on_info(struct bus_nats *n, struct span info)
{
	const char *host = *n->server_name ? n->server_name : url_of(n)->host;

	if (n->state != NATS_GREETING)
		return; /* news of the cluster */
	if (push_nats_info_is(info, "tls_required") && !n->tls) {
		fail(n, "the server wants TLS: write tls:// in bus.url", SPAN(""));
	} else if (n->wants_tls) {
		move(n, NATS_TLS);
		stream_starttls_client(n->stream, n->tls, host);
	} else {
		log_in(n);
	}
}

static void
on_pong(struct bus_nats *n)
{
	pthread_mutex_lock(&n->lock);
	n->pongs++;
	bool is_ready = n->state == NATS_LOGIN;
	if (is_ready)
		n->state = NATS_READY;
	pthread_mutex_unlock(&n->lock);
	tell_news(n);
	if (is_ready)
		loop_timer_set(&n->keepalive, PING_MS);
}

static void
on_said(struct bus_nats *n, const struct push_nats_said *said)
{
	switch (said->op) {
	case PUSH_NATS_INFO:
		on_info(n, said->text);
		break;
	case PUSH_NATS_MSG:
		push_bus_on_message(n->base.bus, said->payload);
		break;
	case PUSH_NATS_PING:
		stream_write(n->stream, SPAN("PONG\r\n"));
		break;
	case PUSH_NATS_PONG:
		on_pong(n);
		break;
	case PUSH_NATS_OK:
		break;
	case PUSH_NATS_ERR: /* also of what is refused: what we ask for we need */
		fail(n, "the server says", said->text);
		break;
	}
}

static void
on_input(void *owner)
{
	struct bus_nats *n = owner;
	struct push_nats_said said;
	size_t used;

	while (n->stream && n->state != NATS_TLS) {
		struct span in = stream_input(n->stream);
		enum rc rc = push_nats_parse(in, &said, &used);

		if (rc) {
			fail(n, "what came is no NATS", SPAN(""));
			return;
		}
		if (used == 0)
			return;
		on_said(n, &said);
		if (n->stream && n->state != NATS_TLS)
			stream_consume(n->stream, used);
	}
}

static void
on_open(void *owner)
{
	struct bus_nats *n = owner;

	if (n->state == NATS_TLS)
		log_in(n);
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	fail(owner, detail && *detail ? detail : stream_end_str(why), SPAN(""));
}

static const struct stream_ops stream_ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_end = on_end,
};

static void
open_stream(void *arg)
{
	struct bus_nats *n = arg;
	const struct stream_limits limits = {
		.input_max = INPUT_MAX,
		.stall_ms = STALL_MS,
		.handshake_ms = CONNECT_MS,
	};

	n->wants_tls = n->tls != NULL;
	n->stream = stream_connect(loops_at(n->loops, 0), (struct sockaddr *)&n->address,
	                           n->address_len, &limits, &stream_ops, n);
}

static void
close_stream(void *arg)
{
	struct bus_nats *n = arg;

	move(n, NATS_CLOSED); /* no word to the bus */
	fail(n, "", SPAN(""));
	loop_timer_clear(&n->keepalive);
}

/* -- in the bus' thread -- */

enum waits_for { WAITS_FOR_READY, WAITS_FOR_PONGS };

static bool
has_come(struct bus_nats *n, enum waits_for what, uint64_t pongs, bool *ret_closed)
{
	pthread_mutex_lock(&n->lock);
	bool come = what == WAITS_FOR_READY ? n->state == NATS_READY : n->pongs >= pongs;
	*ret_closed = n->state == NATS_CLOSED;
	pthread_mutex_unlock(&n->lock);
	return come;
}

static enum rc
wait_for(struct bus_nats *n, enum waits_for what, uint64_t pongs, unsigned ms,
         struct err *err)
{
	uint64_t until_ms = clock_kernel_ms() + ms, now, count;
	bool is_closed;

	while (!has_come(n, what, pongs, &is_closed)) {
		struct pollfd fds[] = {
			{ .fd = n->news_fd, .events = POLLIN },
			{ .fd = n->base.stop_fd, .events = POLLIN },
		};

		if (is_closed)
			return err_set(err, RC_AGAIN, "%s", n->why);
		now = clock_kernel_ms();
		if (now >= until_ms)
			return err_set(err, RC_AGAIN, "NATS: no answer within %u s",
			               ms / 1000);
		if (poll(fds, ARRAY_LEN(fds), (int)(until_ms - now)) < 0 &&
		    errno != EINTR)
			return err_set(err, RC_IO, "poll: %s", strerror(errno));
		if (fds[1].revents)
			return err_set(err, RC_AGAIN, "stopped");
		ssize_t r = read(n->news_fd, &count, sizeof(count));
		(void)r; /* how often does not matter */
	}
	return is_closed ? err_set(err, RC_AGAIN, "%s", n->why) : RC_OK;
}

/* Under the lock. */
static bool
note_post(struct bus_nats *n)
{
	bool must = !n->posted;

	n->posted = true;
	return must;
}

static void
post(struct bus_nats *n, bool must)
{
	if (must)
		loop_post(loops_at(n->loops, 0), on_posted, n);
}

static enum rc
try_address(struct bus_nats *n, const struct addrinfo *to, struct err *err)
{
	enum rc rc;

	memcpy(&n->address, to->ai_addr, to->ai_addrlen);
	n->address_len = to->ai_addrlen;
	pthread_mutex_lock(&n->lock);
	n->state = NATS_GREETING;
	n->pings = n->pongs = 0;
	buf_clear(&n->out);
	pthread_mutex_unlock(&n->lock);
	loop_post(loops_at(n->loops, 0), open_stream, n);
	rc = wait_for(n, WAITS_FOR_READY, 0, CONNECT_MS, err);
	if (rc)
		loops_call(n->loops, 0, close_stream, n);
	return rc;
}

static bool
is_stopped(const struct bus_nats *n)
{
	struct pollfd fd = { .fd = n->base.stop_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static enum rc
nats_connect(struct push_bus_driver *d, struct err *err)
{
	struct bus_nats *n = nats_of(d);
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	enum rc rc = RC_AGAIN;
	int e;

	if (!n->loops) {
		if (loops_new(1, &n->loops) != RC_OK)
			return err_set(err, RC_IO, "NATS: no thread");
		loop_timer_init(&n->keepalive, loops_at(n->loops, 0), on_keepalive, n);
	}
	/* The next one each time: this one may have gone. */
	n->at_url = (n->at_url + 1) % n->n_urls;
	e = getaddrinfo(url_of(n)->host, url_of(n)->port, &hints, &list);
	if (e != 0)
		return err_set(err, RC_AGAIN, "NATS: %s: %s", url_of(n)->host,
		               gai_strerror(e));
	for (struct addrinfo *at = list; at && rc && !is_stopped(n); at = at->ai_next)
		rc = try_address(n, at, err);
	freeaddrinfo(list);
	return rc;
}

static void
nats_disconnect(struct push_bus_driver *d)
{
	struct bus_nats *n = nats_of(d);

	if (n->loops)
		loops_call(n->loops, 0, close_stream, n);
}

static enum rc
nats_subscribe(struct push_bus_driver *d, uint32_t shard, bool on, struct err *err UNUSED)
{
	struct bus_nats *n = nats_of(d);
	char subject[128];

	snprintf(subject, sizeof(subject), "%s.%u", n->subject, shard);
	pthread_mutex_lock(&n->lock);
	if (on)
		push_nats_write_sub(&n->out, subject, shard + 1);
	else
		push_nats_write_unsub(&n->out, shard + 1);
	bool must = note_post(n);
	pthread_mutex_unlock(&n->lock);
	post(n, must);
	return RC_OK; /* confirm() knows */
}

static enum rc
nats_confirm(struct push_bus_driver *d, struct err *err)
{
	struct bus_nats *n = nats_of(d);
	uint64_t pongs;
	bool must;

	/* A server does one thing after the other. */
	pthread_mutex_lock(&n->lock);
	buf_add_str(&n->out, "PING\r\n");
	pongs = ++n->pings;
	must = note_post(n);
	pthread_mutex_unlock(&n->lock);
	post(n, must);
	return wait_for(n, WAITS_FOR_PONGS, pongs, CONFIRM_MS, err);
}

static enum rc
nats_send(struct push_bus_driver *d, uint32_t stream, struct span message,
          struct err *err)
{
	struct bus_nats *n = nats_of(d);
	char subject[128];
	bool must = false, is_full;

	snprintf(subject, sizeof(subject), "%s.%u", n->subject, stream);
	pthread_mutex_lock(&n->lock);
	is_full = buf_len(&n->out) > OUTPUT_MAX;
	if (!is_full) {
		push_nats_write_pub(&n->out, subject, message);
		must = note_post(n);
	}
	pthread_mutex_unlock(&n->lock);
	post(n, must);
	return is_full ? err_set(err, RC_AGAIN, "NATS: the loop is behind") : RC_OK;
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
nats_free(struct push_bus_driver *d)
{
	struct bus_nats *n = nats_of(d);

	nats_disconnect(d);
	if (n->loops)
		loops_free(n->loops);
	tls_client_free(n->tls);
	for (size_t i = 0; i < n->n_urls; i++)
		push_nats_url_done(&n->urls[i]);
	free(n->urls);
	free(n->subject);
	free(n->server_name);
	buf_done(&n->out);
	if (n->news_fd >= 0)
		close(n->news_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static const struct push_bus_driver_ops ops = {
	.name = "nats",
	.message_max = 32768,
	.batch_ms = 2,
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

/* Separated by commas or spaces. */
static enum rc
parse_urls(struct bus_nats *n, const char *text, bool *tls, struct err *err)
{
	char *copy = xstrdup(text), *at = copy, *word;
	enum rc rc = RC_OK;

	while (!rc && (word = strsep(&at, ", ")) != NULL) {
		if (!*word)
			continue;
		n->urls = xreallocarray(n->urls, n->n_urls + 1, sizeof(*n->urls));
		rc = push_nats_url_parse(span_str(word), &n->urls[n->n_urls]);
		if (rc)
			break;
		*tls |= n->urls[n->n_urls].tls;
		n->n_urls++;
	}
	free(copy);
	/* A password may stand in it: it is not repeated. */
	if (rc)
		return err_set(err, rc, "bus.url: number %zu is no NATS URL",
		               n->n_urls + 1);
	return n->n_urls > 0 ? RC_OK : err_set(err, RC_INVALID, "bus.url is empty");
}

static enum rc
make_tls(struct bus_nats *n, const struct push_bus_nats_conf *conf, struct err *err)
{
	const struct tls_cert cert = { conf->certificate, conf->key };
	enum rc rc = tls_client_new(*conf->ca ? conf->ca : NULL, true, &n->tls, err);

	if (!rc && *conf->certificate)
		rc = tls_client_use(n->tls, &cert, err);
	return rc;
}

enum rc
push_bus_nats_new(const struct push_bus_nats_conf *conf, struct push_bus_driver **ret,
                  struct err *err)
{
	struct bus_nats *n = xcalloc(1, sizeof(*n));
	bool tls = *conf->ca || *conf->certificate;
	enum rc rc;

	n->base.ops = &ops;
	n->base.stop_fd = -1;
	pthread_mutex_init(&n->lock, NULL);
	buf_init(&n->out, 0);
	n->subject = xstrdup(conf->subject);
	n->server_name = xstrdup(conf->server_name);
	n->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = n->news_fd < 0 ? err_set(err, RC_IO, "eventfd: %s", strerror(errno))
	                    : parse_urls(n, conf->url, &tls, err);
	if (!rc && tls)
		rc = make_tls(n, conf, err);
	if (rc) {
		nats_free(&n->base);
		return rc;
	}
	n->at_url = n->n_urls - 1; /* the first is next */
	*ret = &n->base;
	return RC_OK;
}
