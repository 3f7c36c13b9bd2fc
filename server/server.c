/* SPDX-License-Identifier: ISC
 *
 * server.c - the unprivileged process: wires the parts and runs until told to stop.
 *
 * The only place that knows all names. The main thread's loop has the signals, the
 * control socket and the queue runner; connections live on the other loops.
 */
#include "server/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "activesync/eas.h"
#include "base/clock.h"
#include "base/job.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "format/mime_text.h"
#include "http/http.h"
#include "imap/imap.h"
#include "mdm/mdm_policy.h"
#include "mdm/mdm_setup.h"
#include "push/push_bus.h"
#include "server/control.h"
#include "server/crash.h"
#include "server/node.h"
#include "server/notify.h"
#include "server/sandbox.h"
#include "server/server_conf.h"
#include "server/tickets.h"
#include "smtp/smtp.h"
#include "smtp/smtp_submit.h"

#define DRAIN_POLL_MS 20
#define DRAIN_STEP_MS 100
/* Devices a second that may come back at once. */
#define DRAIN_RATE 200
#define TRIM_MS 20000
#define NEWS_MS 250
#define NEWS_AT_ONCE 500

/* A door in use: what its listener's callback gets. */
struct entrance {
	struct server *server;
	enum door_kind kind;
	struct listener *listener;
};

struct server {
	const char *conf_path;
	const struct conf *conf;
	const uint8_t *key; /* the supervisor's */
	struct loop *main;
	struct loops *loops;
	struct jobs *jobs;
	struct store *store;
	struct push *push;
	struct push_bus *bus; /* NULL: this is the only node */
	struct mdm *mdm;
	struct tls_server *tls;
	struct tickets *tickets;
	struct http_server *http;
	struct http_server *metrics;
	struct eas *eas;
	struct imap *imap;
	struct smtp *smtp;
	struct mdm_setup *setup;
	struct control *control;
	struct node *node;
	struct entrance *entrances;
	size_t n_entrances;
	struct loop_timer sweep;
	struct loop_timer trim;
	struct loop_timer news; /* a new policy is on its way to who waits */
	unsigned news_part;
	struct loop_timer drain;
	uint64_t started_ms;
	uint64_t drain_from_ms;
	uint64_t drain_until_ms;
	uint64_t drain_spread_ms; /* over which those who wait are told */
	uint64_t drain_next_ms;
	atomic_uint drain_keep; /* of 1000 that wait: how many may go on */
	atomic_bool draining;   /* read by /healthz in any loop */
	bool sweeping;
	bool trimming;
	bool running;
};

static struct metric connections_imap =
	METRIC_GAUGE("godwit_imap_connections", "Open IMAP connections.");
static struct metric connections_smtp =
	METRIC_GAUGE("godwit_smtp_connections", "Open SMTP and LMTP connections.");
static struct metric waiting = METRIC_GAUGE(
	"godwit_push_waiting", "Waiters in the hub: Pings, IDLEs, Syncs with Wait.");
static struct metric hands_waiting = METRIC_GAUGE(
	"godwit_tls_waiting", "Connections that wait for their TLS handshake.");
static struct metric jobs_waiting =
	METRIC_GAUGE("godwit_jobs_pending", "Jobs submitted and not finished.");

struct store *
server_store(struct server *s)
{
	return s->store;
}

struct mdm *
server_mdm(struct server *s)
{
	return s->mdm;
}

struct jobs *
server_jobs(struct server *s)
{
	return s->jobs;
}

struct push *
server_push(struct server *s)
{
	return s->push;
}

void
server_queue_flush(struct server *s)
{
	smtp_queue_flush(s->smtp);
}

static struct metric statements =
	METRIC_COUNTER("godwit_store_statements_total",
                       "Statements to the database, without begin and commit.");
static struct metric round_trips =
	METRIC_COUNTER("godwit_store_round_trips_total", "Round trips to PostgreSQL.");
static struct metric parsed = METRIC_COUNTER("godwit_store_parsed_total",
                                             "Statements that SQLite had to parse.");

/* Connections that have said hello and wait for their loop's CPU. */
static size_t
handshakes_waiting(const struct server *s)
{
	size_t n = 0;
	for (size_t i = 0; i < loops_count(s->loops); i++)
		n += loops_heavy_waiting(s->loops, i);
	return n;
}

static void
refresh_gauges(struct server *s)
{
	struct store_stats store;

	store_stats(s->store, &store);
	metric_set(&statements, (int64_t)store.statements);
	metric_set(&round_trips, (int64_t)store.round_trips);
	metric_set(&parsed, (int64_t)store.parsed);
	metric_set(&connections_imap, (int64_t)imap_connections(s->imap));
	metric_set(&connections_smtp, (int64_t)smtp_connections(s->smtp));
	metric_set(&waiting, (int64_t)push_waiting(s->push));
	metric_set(&jobs_waiting, (int64_t)jobs_pending(s->jobs));
	metric_set(&hands_waiting, (int64_t)handshakes_waiting(s));
}

static void
bus_status(struct server *s, struct buf *out)
{
	struct push_bus_stats b;

	if (!s->bus) {
		buf_addf(out, "bus\tnone\n");
		return;
	}
	push_bus_stats(s->bus, &b);
	buf_addf(out, "bus\t%s\n", b.driver);
	buf_addf(out, "bus_connected\t%s\n", b.connected ? "yes" : "no");
	buf_addf(out, "bus_node\t%016" PRIx64 "\n", b.node);
	buf_addf(out, "bus_connects\t%" PRIu64 "\n", b.connects);
	buf_addf(out, "bus_sent\t%" PRIu64 "\n", b.sent);
	buf_addf(out, "bus_received\t%" PRIu64 "\n", b.received);
	buf_addf(out, "bus_lost\t%" PRIu64 "\n", b.lost);
	buf_addf(out, "bus_gaps\t%" PRIu64 "\n", b.gaps);
	buf_addf(out, "bus_unreadable\t%" PRIu64 "\n", b.unreadable);
	buf_addf(out, "bus_shards\t%" PRIu64 "\n", b.shards);
	buf_addf(out, "bus_compares\t%" PRIu64 "\n", b.compare.rounds);
	buf_addf(out, "bus_compare_woken\t%" PRIu64 "\n", b.compare.woken);
}

void
server_status(struct server *s, struct buf *out)
{
	refresh_gauges(s);
	buf_addf(out, "version\t%s\n", GODWIT_VERSION);
	buf_addf(out, "pid\t%d\n", (int)getpid());
	buf_addf(out, "uptime_s\t%" PRIu64 "\n",
	         (clock_mono_ms() - s->started_ms) / 1000);
	buf_addf(out, "loops\t%zu\n", loops_count(s->loops));
	buf_addf(out, "http_connections\t%zu\n", http_server_connections(s->http));
	buf_addf(out, "imap_connections\t%zu\n", imap_connections(s->imap));
	buf_addf(out, "smtp_connections\t%zu\n", smtp_connections(s->smtp));
	buf_addf(out, "activesync_waiting\t%zu\n", eas_waiting(s->eas));
	buf_addf(out, "push_waiting\t%zu\n", push_waiting(s->push));
	buf_addf(out, "handshakes_waiting\t%zu\n", handshakes_waiting(s));
	buf_addf(out, "jobs_pending\t%zu\n", jobs_pending(s->jobs));
	buf_addf(out, "draining\t%s\n", s->draining ? "yes" : "no");
	bus_status(s, out);
}

/* -- metrics -- */

static void
answer_metrics(struct http_request *r, void *arg)
{
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	refresh_gauges(arg);
	metric_write(&body);
	http_set_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	http_respond(r, 200, &body);
}

static void
answer_health(struct http_request *r, void *arg)
{
	struct server *s = arg;
	http_respond_text(r, s->draining ? 503 : 200,
	                  s->draining ? "draining\n" : "ok\n");
}

/* -- connections come in -- */

static void
on_connection(struct loop *l, int fd, void *arg)
{
	struct entrance *e = arg;
	struct server *s = e->server;
	switch (e->kind) {
	case DOOR_HTTP:
		http_server_accept(s->http, l, fd, NULL);
		break;
	case DOOR_HTTPS:
		http_server_accept(s->http, l, fd, s->tls);
		break;
	case DOOR_IMAP:
	case DOOR_IMAPS:
		imap_accept(s->imap, l, fd, e->kind == DOOR_IMAPS);
		break;
	case DOOR_SMTP:
		smtp_accept(s->smtp, l, fd, SMTP_DOOR_RECEIVE);
		break;
	case DOOR_SUBMISSION:
		smtp_accept(s->smtp, l, fd, SMTP_DOOR_SUBMIT);
		break;
	case DOOR_SUBMISSIONS:
		smtp_accept(s->smtp, l, fd, SMTP_DOOR_SUBMIT_TLS);
		break;
	case DOOR_LMTP:
		smtp_accept(s->smtp, l, fd, SMTP_DOOR_LMTP);
		break;
	case DOOR_METRICS:
		http_server_accept(s->metrics, l, fd, NULL);
		break;
	case DOOR_CONTROL: /* has no entrance */
		close(fd);
		break;
	}
}

static enum rc
open_entrances(struct server *s, struct doors *doors, struct err *err)
{
	const struct server_tls_conf *tls = conf_get(s->conf, "tls");
	size_t hands_max = (size_t)tls->hands_max;
	s->entrances = xcalloc(doors->n ? doors->n : 1, sizeof(*s->entrances));
	for (size_t i = 0; i < doors->n; i++) {
		struct door *d = &doors->doors[i];
		struct entrance *e = &s->entrances[s->n_entrances];
		if (d->kind == DOOR_CONTROL) {
			control_listen(s->control, d->fds[0]);
			d->n = 0;
			continue;
		}
		*e = (struct entrance){ .server = s, .kind = d->kind };
		enum rc rc = listener_new(s->loops, d->fds, d->n,
		                          door_needs_tls(d->kind) ? hands_max : 0,
		                          on_connection, e, &e->listener);
		if (rc != RC_OK)
			return err_set(err, rc, "%s on %s", door_kind_str(d->kind),
			               d->address);
		d->n = 0; /* the listener's now */
		s->n_entrances++;
		log_info(NULL, "server.listen", "door=%s address=%s",
		         door_kind_str(d->kind), d->address);
	}
	return RC_OK;
}

static void
close_entrances(struct server *s)
{
	for (size_t i = 0; i < s->n_entrances; i++)
		listener_free(s->entrances[i].listener);
	s->n_entrances = 0;
	if (s->control)
		control_listen(s->control, -1);
}

/* -- stopping -- */

static void
drain_loop(void *arg)
{
	struct server *s = arg;
	struct loop *l = loop_current();
	unsigned keep = atomic_load(&s->drain_keep);
	http_server_drain(s->http, l, keep);
	http_server_drain(s->metrics, l, 0);
	imap_drain(s->imap, l, keep);
	smtp_drain(s->smtp, l);
}

static void
abort_loop(void *arg)
{
	struct server *s = arg;
	struct loop *l = loop_current();
	http_server_abort(s->http, l);
	http_server_abort(s->metrics, l);
	imap_abort(s->imap, l);
	smtp_abort(s->smtp, l);
}

static void
do_nothing(void *arg UNUSED)
{
}

static size_t
connections(const struct server *s)
{
	return http_server_connections(s->http) + imap_connections(s->imap) +
	       smtp_connections(s->smtp);
}

/* Those who wait are told little by little. */
static void
drain_some(struct server *s)
{
	uint64_t now = clock_mono_ms(), over = now - s->drain_from_ms;
	uint64_t left = over < s->drain_spread_ms ? s->drain_spread_ms - over : 0;
	if (now < s->drain_next_ms)
		return;
	s->drain_next_ms = now + DRAIN_STEP_MS;
	atomic_store(&s->drain_keep,
	             left ? (unsigned)(left * 1000 / s->drain_spread_ms) : 0);
	for (size_t i = 0; i < loops_count(s->loops); i++)
		loop_post(loops_at(s->loops, i), drain_loop, s);
}

static void
on_drain_poll(void *arg)
{
	struct server *s = arg;
	drain_some(s);
	if (connections(s) > 0 && clock_mono_ms() < s->drain_until_ms) {
		loop_timer_set(&s->drain, DRAIN_POLL_MS);
		return;
	}
	loop_stop(s->main);
}

static void
on_stop(void *arg)
{
	struct server *s = arg;
	const struct server_conf *c = conf_get(s->conf, "server");
	if (s->draining) { /* asked twice: at once */
		loop_stop(s->main);
		return;
	}
	s->draining = true;
	s->drain_from_ms = clock_mono_ms();
	s->drain_until_ms = s->drain_from_ms + c->drain_ms;
	/* A crowd comes back over most of the time that there is, a few at once. */
	s->drain_spread_ms = 1000 * push_waiting(s->push) / DRAIN_RATE;
	if (s->drain_spread_ms > c->drain_ms * 3 / 4)
		s->drain_spread_ms = c->drain_ms * 3 / 4;
	log_info(NULL, "server.drain", "connections=%zu", connections(s));
	close_entrances(s);
	drain_some(s);
	smtp_drain(s->smtp, s->main);
	loop_timer_set(&s->drain, DRAIN_POLL_MS);
}

/* -- reloading -- */

/* Devices that wait are told of a new policy within NEWS_MS * PUSH_PARTS; where they are
 * few, at once. */
static void
on_news(void *arg)
{
	struct server *s = arg;
	bool few = push_waiting(s->push) <= NEWS_AT_ONCE;
	do {
		push_wake_part(s->push, s->news_part++);
	} while (few && s->news_part < PUSH_PARTS);
	if (s->news_part < PUSH_PARTS && !s->draining)
		loop_timer_set(&s->news, NEWS_MS);
}

static void
tell_news(void *arg)
{
	struct server *s = arg;
	s->news_part = 0;
	loop_timer_set(&s->news, 0);
}

static enum rc
load_policy(struct server *s, const struct conf *conf)
{
	struct mdm_policy policy = *(const struct mdm_policy *)conf_get(conf, "policy");
	struct mdm_policy before;
	mdm_policy_get(s->mdm, NULL, &before);
	mdm_set_policy(s->mdm, &policy);
	mdm_policy_get(s->mdm, NULL, &policy);
	if (s->running && before.version != policy.version)
		loop_post(s->main, tell_news, s);
	return RC_OK;
}

enum rc
server_reload(struct server *s, struct err *err)
{
	AUTO(conf)
	struct conf *fresh = NULL;
	enum rc rc =
		conf_load(s->conf_path, server_sections, server_sections_n, &fresh, err);
	if (rc != RC_OK)
		return rc;
	const struct server_log_conf *l = conf_get(fresh, "log");
	const struct server_conf *c = conf_get(s->conf, "server");
	/* The loops would not know a new descriptor of the journal. */
	if (c->files_apart)
		log_set_lines((enum log_level)l->level, (enum log_format)l->format);
	else
		log_setup((enum log_level)l->level, (enum log_format)l->format,
		          (enum log_target)l->target);
	rc = load_policy(s, fresh);
	if (rc == RC_OK && s->tls)
		rc = tls_server_reload(s->tls, err);
	return rc;
}

static void
on_reload(void *arg)
{
	struct err err = { "" };
	if (server_reload(arg, &err) == RC_OK)
		log_info(NULL, "server.reloaded", "what=\"certificates, log, policy\"");
	else
		log_error(NULL, "server.reload", "why=%s", LOG_STR(span_str(err.text)));
}

/* -- sweeping -- */

static void
sweep_work(void *arg)
{
	struct server *s = arg;
	uint64_t removed = 0;
	enum rc rc = store_sweep(s->store, &removed);
	if (rc != RC_OK)
		log_warn(NULL, "store.sweep", "rc=%s", LOG_STR(span_str(rc_str(rc))));
	else if (removed > 0)
		log_info(NULL, "store.sweep", "removed=%" PRIu64, removed);
}

static void
sweep_done(void *arg)
{
	struct server *s = arg;
	const struct server_conf *c = conf_get(s->conf, "server");
	s->sweeping = false;
	loop_timer_set(&s->sweep, c->sweep_ms);
}

static void
on_sweep(void *arg)
{
	struct server *s = arg;
	if (s->sweeping || s->draining)
		return;
	s->sweeping = true;
	job_run(s->jobs, 0, s->main, sweep_work, sweep_done, s);
}

/* -- what a crowd has left -- */

static void
trim_work(void *arg UNUSED)
{
	if (mem_trim())
		log_debug(NULL, "server.trim", "did=1");
}

static void
trim_done(void *arg)
{
	struct server *s = arg;
	s->trimming = false;
	loop_timer_set(&s->trim, TRIM_MS);
}

static void
on_trim(void *arg)
{
	struct server *s = arg;
	if (s->trimming || s->draining)
		return;
	s->trimming = true;
	job_run(s->jobs, 0, s->main, trim_work, trim_done, s);
}

/* -- starting -- */

static enum rc
load_tls(struct server *s, struct err *err)
{
	const struct server_tls_conf *c = conf_get(s->conf, "tls");
	if (!*c->certificate)
		return RC_OK;
	size_t n = c->more.n + 1;
	struct tls_cert *certs = xcalloc(n, sizeof(*certs));
	char **files = xcalloc(n, sizeof(*files));
	enum rc rc = RC_OK;

	certs[0] = (struct tls_cert){ c->certificate, c->key };
	for (size_t i = 0; i < c->more.n; i++) {
		files[i] = xstrdup(c->more.items[i]);
		char *colon = strrchr(files[i], ':');
		if (!colon) {
			rc = err_set(err, RC_INVALID,
			             "tls.more: \"%s\" is not \"certificate:key\"",
			             files[i]);
			break;
		}
		*colon = '\0';
		certs[i + 1] = (struct tls_cert){ files[i], colon + 1 };
	}
	if (rc == RC_OK)
		rc = tls_server_new(certs, n, &s->tls, err);
	if (rc == RC_OK)
		tls_server_set_records(s->tls, (enum tls_records)c->records);
	for (size_t i = 0; i < n; i++)
		free(files[i]);
	free(files);
	free(certs);
	return rc;
}

/* dirname(3) of a copy in a. */
static const char *
folder_of(struct arena *a, const char *path)
{
	char *copy = arena_strdup(a, path);
	char *slash = strrchr(copy, '/');
	if (!slash)
		return ".";
	slash[slash == copy] = '\0';
	return copy;
}

static enum rc
enter_sandbox(struct server *s, struct err *err)
{
	const struct server_conf *c = conf_get(s->conf, "server");
	const struct server_tls_conf *tls = conf_get(s->conf, "tls");
	const struct store_conf *store = conf_get(s->conf, "store");
	const struct smtp_conf *smtp = conf_get(s->conf, "smtp");
	const struct mdm_setup_conf *setup = conf_get(s->conf, "setup");
	const struct push_bus_conf *bus = conf_get(s->conf, "bus");
	/* System folders: libraries that are loaded late (charsets, name services), time
	 * zones, certificates, resolv.conf. */
	const char *read[64] = { "/etc",
		                 "/usr",
		                 "/lib",
		                 "/lib64",
		                 "/proc",
		                 "/dev/urandom",
		                 "/run/systemd/resolve",
		                 "/sys/devices/system/cpu" };
	size_t n = 8;
	const char *write[] = { store->directory, "/dev/null" };

	if (!c->sandbox) {
		log_warn(NULL, "sandbox.off", "why=\"server.sandbox is false\"");
		return RC_OK;
	}
	/* Folders, since a renewed certificate or an edited file is another file. */
	AUTO(arena)
	struct arena *a = arena_new();
	if (s->conf_path)
		read[n++] = folder_of(a, s->conf_path);
	if (*tls->certificate) {
		read[n++] = folder_of(a, tls->certificate);
		read[n++] = folder_of(a, tls->key);
	}
	if (*smtp->tls_ca)
		read[n++] = folder_of(a, smtp->tls_ca);
	if (*setup->ca)
		read[n++] = folder_of(a, setup->ca);
	/* PostgreSQL's conninfo; the certificates that it names lie beside it or in /etc.
	 */
	if (store->postgresql[0] == '/')
		read[n++] = folder_of(a, store->postgresql);
	const char *const of_bus[] = { bus->url, bus->ca, bus->certificate, bus->key };
	for (size_t i = 0; i < ARRAY_LEN(of_bus); i++) {
		if (of_bus[i][0] == '/')
			read[n++] = folder_of(a, of_bus[i]);
	}
	for (size_t i = 0; i < tls->more.n && n + 2 <= ARRAY_LEN(read); i++) {
		char *file = arena_strdup(a, tls->more.items[i]);
		char *colon = strrchr(file, ':');
		if (!colon)
			continue;
		*colon = '\0';
		read[n++] = folder_of(a, file);
		read[n++] = folder_of(a, colon + 1);
	}
	const struct sandbox_paths paths = { read, n, write, ARRAY_LEN(write) };
	return sandbox_enter(&paths, c->files_apart, err);
}

static uint64_t
is_busy(void *arg)
{
	struct server *s = arg;
	return jobs_busy(s->jobs);
}

static enum rc
start_parts(struct server *s, size_t loops, struct err *err)
{
	const struct server_conf *c = conf_get(s->conf, "server");
	enum rc rc = store_open(conf_get(s->conf, "store"), &s->store, err);
	if (rc != RC_OK)
		return rc;
	if ((rc = node_start(s->store, c->node, &s->node, err)) != RC_OK)
		return rc;
	if ((rc = push_new(&s->push)) != RC_OK ||
	    (rc = mdm_new(s->store, conf_get(s->conf, "access"), &s->mdm)) != RC_OK ||
	    (rc = load_policy(s, s->conf)) != RC_OK ||
	    (rc = jobs_new((size_t)c->workers, &s->jobs)) != RC_OK ||
	    (rc = loops_new(loops, &s->loops)) != RC_OK)
		return err_set(err, rc, "start: %s", rc_str(rc));
	jobs_set_busy(s->jobs, c->busy_ms);
	store_on_commit(s->store, push_publish, s->push);
	mdm_set_key(s->mdm, s->key);
	const struct server_tls_conf *tls = conf_get(s->conf, "tls");
	if (s->tls)
		s->tickets = tickets_new(s->store, s->jobs, s->main, s->tls,
		                         tls->ticket_keys_ms);
	if ((rc = push_bus_open(conf_get(s->conf, "bus"), conf_get(s->conf, "store"),
	                        s->store, s->push, &s->bus, err)) != RC_OK)
		return rc;

	const struct imap_deps imap = { s->store, s->push, s->mdm, s->jobs, s->tls };
	const struct smtp_deps smtp = { s->store, s->mdm, s->jobs, s->tls, s->main };
	if ((rc = http_server_new(conf_get(s->conf, "http"), &s->http)) != RC_OK ||
	    (rc = http_server_new(conf_get(s->conf, "http"), &s->metrics)) != RC_OK ||
	    (rc = imap_new(conf_get(s->conf, "imap"), &imap, &s->imap)) != RC_OK)
		return err_set(err, rc, "start: %s", rc_str(rc));
	if ((rc = smtp_new(conf_get(s->conf, "smtp"), &smtp, &s->smtp, err)) != RC_OK)
		return rc;
	s->setup = mdm_setup_new(conf_get(s->conf, "setup"), tls->certificate, tls->key);
	const struct eas_deps eas = {
		s->store, s->push, s->mdm, s->jobs, { smtp_submit, s->smtp }, s->setup
	};
	if ((rc = eas_new(conf_get(s->conf, "activesync"), &eas, &s->eas)) != RC_OK)
		return err_set(err, rc, "start: %s", rc_str(rc));
	http_server_on_busy(s->http, is_busy, s);
	eas_route(s->eas, s->http);
	mdm_setup_route(s->setup, s->http);
	http_server_route(s->metrics, "/metrics", answer_metrics, s);
	http_server_route(s->metrics, "/healthz", answer_health, s);
	s->control = control_new(s, s->main);
	/* Last of all: what is opened from now on is known to its opener alone. */
	if (c->files_apart && (rc = loops_part(s->loops)) != RC_OK)
		return err_set(err, rc, "server.files_apart: %s", rc_str(rc));
	return RC_OK;
}

static void
stop_parts(struct server *s)
{
	close_entrances(s);
	if (s->control)
		control_free(s->control);
	if (s->smtp)
		smtp_abort(s->smtp, s->main);
	for (size_t i = 0; s->loops && i < loops_count(s->loops); i++)
		loops_call(s->loops, i, abort_loop, s);
	if (s->mdm)
		mdm_stop(s->mdm);
	/* Jobs that are running end now; their answers find the loops still there. */
	if (s->jobs)
		jobs_free(s->jobs);
	loop_run_once(s->main, false);
	for (size_t i = 0; s->loops && i < loops_count(s->loops); i++)
		loops_call(s->loops, i, do_nothing, NULL);
	tickets_free(s->tickets);
	eas_free(s->eas);
	mdm_setup_free(s->setup);
	imap_free(s->imap);
	smtp_free(s->smtp);
	http_server_free(s->http);
	http_server_free(s->metrics);
	/* Its threads post to the loops. */
	push_bus_free(s->bus);
	if (s->loops)
		loops_free(s->loops);
	push_free(s->push);
	mdm_free(s->mdm);
	node_stop(s->node);
	if (s->store)
		store_close(s->store);
	tls_server_free(s->tls);
	free(s->entrances);
}

static enum rc
start(struct server *s, struct doors *doors, size_t loops, struct err *err)
{
	struct metric *const gauges[] = { &connections_imap, &connections_smtp,
		                          &waiting,          &jobs_waiting,
		                          &hands_waiting,    &statements,
		                          &round_trips,      &parsed };
	for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
		metric_register(gauges[i]);
	mime_text_init();
	enum rc rc = loop_new("main", &s->main);
	if (rc != RC_OK)
		return err_set(err, rc, "no event loop");
	if ((rc = loop_on_signal(s->main, SIGTERM, on_stop, s)) != RC_OK ||
	    (rc = loop_on_signal(s->main, SIGINT, on_stop, s)) != RC_OK ||
	    (rc = loop_on_signal(s->main, SIGHUP, on_reload, s)) != RC_OK)
		return err_set(err, rc, "no signals");
	loop_timer_init(&s->sweep, s->main, on_sweep, s);
	loop_timer_init(&s->news, s->main, on_news, s);
	loop_timer_init(&s->trim, s->main, on_trim, s);
	loop_timer_init(&s->drain, s->main, on_drain_poll, s);
	if ((rc = load_tls(s, err)) != RC_OK || (rc = enter_sandbox(s, err)) != RC_OK ||
	    (rc = start_parts(s, loops, err)) != RC_OK)
		return rc;
	smtp_start(s->smtp);
	const struct server_conf *c = conf_get(s->conf, "server");
	loop_timer_set(&s->sweep, c->sweep_ms);
	loop_timer_set(&s->trim, TRIM_MS);
	return open_entrances(s, doors, err);
}

int
server_run(const char *conf_path, const struct conf *conf, struct doors *doors,
           size_t loops, const uint8_t *key)
{
	struct server s = { .conf_path = conf_path, .conf = conf, .key = key };
	struct err err = { "" };

	crash_setup();
	s.started_ms = clock_mono_ms();
	enum rc rc = start(&s, doors, loops, &err);
	if (rc != RC_OK) {
		log_error(NULL, "server.start", "why=%s", LOG_STR(span_str(err.text)));
	} else {
		log_info(NULL, "server.ready", "version=%s pid=%d uid=%d loops=%zu",
		         GODWIT_VERSION, (int)getpid(), (int)getuid(), loops);
		notify_send("READY=1");
		loop_run(s.main);
	}
	if (s.main)
		stop_parts(&s);
	doors_close(doors);
	loop_free(s.main);
	if (rc == RC_OK)
		log_info(NULL, "server.stopped", "pid=%d", (int)getpid());
	if (rc == RC_AGAIN)
		return SERVER_EXIT_AGAIN;
	return rc == RC_OK ? 0 : SERVER_EXIT_CONFIG;
}
