/* SPDX-License-Identifier: ISC
 *
 * bench_push.c - N phones in Ping and M desktops in IDLE over TLS; then mail comes in.
 *
 * Prints one JSON object: memory of the server for each waiting client (PSS), its CPU
 * while idle, and the time from SMTP's 250, and from the final dot, to the wake at the
 * client. bench_push.py starts the server and makes the accounts.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "tests/bench/load.h"

struct sample {
	double *v;
	size_t n;
};

struct bench {
	struct load load;
	struct load_conf conf;
	struct load_client *phones;
	struct load_client *desktops;
	unsigned started;
	unsigned waiting;
	unsigned lost;
	struct load_sender *sender;
	unsigned sent;
	struct loop_timer tick;
	struct loop_timer patience;
	uint64_t begin_us;
	uint64_t sent_us;     /* when the current message was written */
	uint64_t accepted_us; /* 0: no 250 yet */
	unsigned target;      /* user of the current message */
	struct sample phone_after_250, phone_after_dot, desktop_after_250,
		desktop_after_dot, accept;
	uint64_t pss_before, pss_after;
	double ramp_s, idle_cpu;
	uint64_t cpu_at;
};

void
load_address(struct load *l, uint16_t port, struct sockaddr_in *ret)
{
	*ret = l->to;
	ret->sin_port = htons(port);
}

void
load_user(const struct load *l, unsigned n, char *ret, size_t size)
{
	char number[16];
	const char *at = strstr(l->conf->user_pattern, "%");
	snprintf(number, sizeof(number), "%05u", n);
	snprintf(ret, size, "%.*s%s%s", (int)(at - l->conf->user_pattern),
	         l->conf->user_pattern, number, at + 1);
}

/* Kilobytes of "Pss:" of the process. */
static uint64_t
pss_kb(int pid)
{
	char path[64], line[256];
	uint64_t kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Pss: %" SCNu64, &kb) == 1)
			break;
	}
	fclose(f);
	return kb;
}

/* User and system time of the process, in clock ticks. */
static uint64_t
cpu_ticks(int pid)
{
	char path[64];
	unsigned long user = 0, sys = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	           &user, &sys) != 2)
		user = sys = 0;
	fclose(f);
	return user + sys;
}

static void
add(struct sample *s, double ms)
{
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = ms;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
print_sample(const char *name, struct sample *s)
{
	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof(*s->v), compare);
	printf(", \"%s\": {\"n\": %zu, \"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}",
	       name, s->n, s->v[s->n / 2], s->v[s->n * 9 / 10],
	       s->v[s->n * 99 / 100 < s->n ? s->n * 99 / 100 : s->n - 1], s->v[s->n - 1]);
}

static unsigned
total(const struct bench *b)
{
	return b->conf.phones + b->conf.desktops;
}

static struct bench *
bench_of(struct load *l)
{
	return container_of(l, struct bench, load);
}

static void start_more(struct bench *b);
static void send_next(void *arg);

static void
finish(struct bench *b)
{
	loop_stop(b->load.loop);
}

/* -- deliveries -- */

static bool
is_done(const struct bench *b)
{
	bool phone = b->target >= b->conf.phones || b->phones[b->target].done_us;
	bool desktop = b->target >= b->conf.desktops || b->desktops[b->target].done_us;
	return b->accepted_us && phone && desktop;
}

static void
note(struct bench *b, struct load_client *c, struct sample *after_250,
     struct sample *after_dot)
{
	add(after_dot, (double)(int64_t)(c->done_us - b->sent_us) / 1000.0);
	add(after_250, (double)(int64_t)(c->done_us - b->accepted_us) / 1000.0);
	c->done_us = 0;
}

static void
try_next(struct bench *b)
{
	if (!is_done(b))
		return;
	add(&b->accept, (double)(b->accepted_us - b->sent_us) / 1000.0);
	if (b->target < b->conf.phones)
		note(b, &b->phones[b->target], &b->phone_after_250, &b->phone_after_dot);
	if (b->target < b->conf.desktops)
		note(b, &b->desktops[b->target], &b->desktop_after_250,
		     &b->desktop_after_dot);
	b->accepted_us = 0;
	loop_timer_clear(&b->patience);
	if (++b->sent == b->conf.deliveries) {
		finish(b);
		return;
	}
	/* Evenly spread, and never before the one before it has been seen. */
	uint64_t due = b->begin_us + (uint64_t)b->sent * 1000000 / b->conf.rate;
	uint64_t now = clock_mono_us();
	loop_timer_set(&b->tick, due > now ? (due - now) / 1000 : 0);
}

static void
on_accepted(void *arg, uint64_t at_us)
{
	struct bench *b = arg;
	b->accepted_us = at_us;
	try_next(b);
}

static void
on_impatient(void *arg)
{
	struct bench *b = arg;
	fprintf(stderr, "bench: user %u was not woken within 30 s\n", b->target);
	exit(1);
}

static void
send_next(void *arg)
{
	struct bench *b = arg;
	unsigned most =
		b->conf.phones > b->conf.desktops ? b->conf.phones : b->conf.desktops;
	b->target = (unsigned)random_below(most);
	b->sent_us = clock_mono_us();
	loop_timer_set(&b->patience, 30000);
	load_sender_send(b->sender, b->target, on_accepted, b);
}

static void
on_sender(void *arg, uint64_t at_us)
{
	struct bench *b = arg;
	b->begin_us = at_us;
	send_next(b);
}

static void
on_measured(void *arg)
{
	struct bench *b = arg;
	double ticks = (double)(cpu_ticks(b->conf.server_pid) - b->cpu_at);
	b->idle_cpu = b->conf.idle_s ? ticks / (double)sysconf(_SC_CLK_TCK) /
	                                       b->conf.idle_s * 100
	                             : 0;
	if (b->conf.deliveries == 0) {
		finish(b);
		return;
	}
	loop_timer_init(&b->tick, b->load.loop, send_next, b);
	b->sender = load_sender_new(&b->load, on_sender, b);
}

static void
on_settled(void *arg)
{
	struct bench *b = arg;
	b->pss_after = pss_kb(b->conf.server_pid);
	b->cpu_at = cpu_ticks(b->conf.server_pid);
	loop_timer_init(&b->tick, b->load.loop, on_measured, b);
	loop_timer_set(&b->tick, (uint64_t)b->conf.idle_s * 1000);
}

/* -- clients -- */

static void
on_waiting(struct load *l, struct load_client *c UNUSED)
{
	struct bench *b = bench_of(l);
	if (++b->waiting < total(b)) {
		start_more(b);
		return;
	}
	b->ramp_s = (double)(clock_mono_us() - b->begin_us) / 1e6;
	loop_timer_init(&b->tick, l->loop, on_settled, b);
	loop_timer_set(&b->tick, (uint64_t)b->conf.settle_s * 1000);
}

static void
on_woken(struct load *l, struct load_client *c, uint64_t at_us)
{
	struct bench *b = bench_of(l);
	if (c->user != b->target || c->done_us || !b->sent_us)
		return;
	c->done_us = at_us;
	try_next(b);
}

static void
on_lost(struct load *l UNUSED, struct load_client *c, const char *why)
{
	fprintf(stderr, "bench: client of user %u was lost: %s\n", c->user, why);
	exit(1);
}

static const struct load_events events = { on_waiting, on_woken, on_lost };

static void
start_more(struct bench *b)
{
	while (b->started < total(b) && b->started - b->waiting < b->conf.parallel) {
		unsigned i = b->started++;
		struct load_client *c = i < b->conf.phones
		                                ? &b->phones[i]
		                                : &b->desktops[i - b->conf.phones];
		*c = (struct load_client){ .load = &b->load, .events = &events };
		c->user = i < b->conf.phones ? i : i - b->conf.phones;
		if (i < b->conf.phones)
			load_phone_start(c);
		else
			load_desktop_start(c);
	}
}

static void
print_result(struct bench *b)
{
	printf("{\"phones\": %u, \"desktops\": %u, \"ramp_s\": %.2f, \"pss_before_kb\": %" PRIu64
	       ", \"pss_after_kb\": %" PRIu64
	       ", \"pss_each_kb\": %.2f, \"idle_cpu_percent\": %.2f",
	       b->conf.phones, b->conf.desktops, b->ramp_s, b->pss_before, b->pss_after,
	       ((double)b->pss_after - (double)b->pss_before) / (total(b) ? total(b) : 1),
	       b->idle_cpu);
	print_sample("smtp_accept_ms", &b->accept);
	print_sample("phone_after_250_ms", &b->phone_after_250);
	print_sample("phone_after_dot_ms", &b->phone_after_dot);
	print_sample("desktop_after_250_ms", &b->desktop_after_250);
	print_sample("desktop_after_dot_ms", &b->desktop_after_dot);
	printf("}\n");
}

static void
run(struct bench *b)
{
	struct err err = { "" };
	b->load.conf = &b->conf;
	b->load.to = (struct sockaddr_in){ .sin_family = AF_INET };
	b->load.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (loop_new("load", &b->load.loop) != RC_OK ||
	    tls_client_new(NULL, false, &b->load.tls, &err) != RC_OK) {
		fprintf(stderr, "bench: %s\n", err.text);
		exit(1);
	}
	b->phones = xcalloc(b->conf.phones + 1, sizeof(*b->phones));
	b->desktops = xcalloc(b->conf.desktops + 1, sizeof(*b->desktops));
	b->pss_before = pss_kb(b->conf.server_pid);
	b->begin_us = clock_mono_us();
	loop_timer_init(&b->patience, b->load.loop, on_impatient, b);
	start_more(b);
	loop_run(b->load.loop);
	print_result(b);
}

static unsigned
number(const char *s)
{
	uint32_t v;
	if (parse_u32(span_str(s), 10000000, &v) != RC_OK) {
		fprintf(stderr, "bench: \"%s\" is not a number\n", s);
		exit(64);
	}
	return v;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "https", 1, NULL, 'h' },      { "imaps", 1, NULL, 'i' },
		{ "smtp", 1, NULL, 's' },       { "phones", 1, NULL, 'n' },
		{ "desktops", 1, NULL, 'm' },   { "parallel", 1, NULL, 'p' },
		{ "deliveries", 1, NULL, 'd' }, { "rate", 1, NULL, 'r' },
		{ "settle", 1, NULL, 't' },     { "idle", 1, NULL, 'w' },
		{ "heartbeat", 1, NULL, 'b' },  { "server-pid", 1, NULL, 'P' },
		{ "users", 1, NULL, 'u' },      { "password", 1, NULL, 'k' },
		{ "size", 1, NULL, 'z' },       { NULL, 0, NULL, 0 },
	};
	struct bench b = { .conf = { .user_pattern = "u%@bench.test",
		                     .password = "bench password",
		                     .parallel = 32,
		                     .rate = 20,
		                     .settle_s = 3,
		                     .heartbeat_s = 900,
		                     .size = 10240 } };
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			b.conf.https = (uint16_t)number(optarg);
			break;
		case 'i':
			b.conf.imaps = (uint16_t)number(optarg);
			break;
		case 's':
			b.conf.smtp = (uint16_t)number(optarg);
			break;
		case 'n':
			b.conf.phones = number(optarg);
			break;
		case 'm':
			b.conf.desktops = number(optarg);
			break;
		case 'p':
			b.conf.parallel = number(optarg);
			break;
		case 'd':
			b.conf.deliveries = number(optarg);
			break;
		case 'r':
			b.conf.rate = number(optarg);
			break;
		case 't':
			b.conf.settle_s = number(optarg);
			break;
		case 'w':
			b.conf.idle_s = number(optarg);
			break;
		case 'b':
			b.conf.heartbeat_s = number(optarg);
			break;
		case 'P':
			b.conf.server_pid = (int)number(optarg);
			break;
		case 'u':
			b.conf.user_pattern = optarg;
			break;
		case 'k':
			b.conf.password = optarg;
			break;
		case 'z':
			b.conf.size = number(optarg);
			break;
		default:
			return 64;
		}
	}
	if (total(&b) == 0 || !strstr(b.conf.user_pattern, "%") || b.conf.rate == 0) {
		fprintf(stderr, "bench: --phones or --desktops, and a %% in --users\n");
		return 64;
	}
	run(&b);
	return 0;
}
