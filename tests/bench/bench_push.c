/* SPDX-License-Identifier: ISC
 *
 * bench_push.c - the load client: does what lines on standard input say, one JSON object
 * a line is the answer. tests/bench/push starts as many of them as it takes.
 *
 *   grow N PARALLEL [PATIENCE_S]   until N devices wait
 *   cut N PARALLEL [PATIENCE_S]    N of them lose their connection; until all wait again
 *   gather PATIENCE_S              until all wait again, whatever became of them
 *   mail COUNT RATE                messages a second; latencies in microseconds
 *   sync COUNT RATE                plain Syncs of other devices; the same
 *   hands COUNT PARALLEL           TLS handshakes and nothing else
 *   resume 0|1                     whether tickets are kept and used from now on
 *   status
 *   quit                           as does the end of the input
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/bench_push.h"

static void
fill_pattern(const char *pattern, int digits, unsigned user, char *ret, size_t size)
{
	const char *at = strchr(pattern, '%');
	snprintf(ret, size, "%.*s%0*u%s", (int)(at - pattern), pattern, digits, user,
	         at + 1);
}

void
load_user(const struct load *l, unsigned user, char *ret, size_t size)
{
	fill_pattern(l->conf->user_pattern, (int)l->conf->digits,
	             l->conf->first_user + user, ret, size);
}

void
load_recipient(const struct load *l, unsigned user, char *ret, size_t size)
{
	const char *pattern = l->conf->mail_pattern;
	fill_pattern(pattern ? pattern : l->conf->user_pattern, (int)l->conf->digits,
	             l->conf->first_user + user, ret, size);
}

void
load_sample_add(struct load_sample *s, int64_t us)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 256;
		s->us = xreallocarray(s->us, s->cap, sizeof(*s->us));
	}
	s->us[s->n++] = us > INT32_MAX ? INT32_MAX : (int32_t)us;
}

void
load_sample_print(const char *name, struct load_sample *s)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < s->n; i++)
		printf("%s%" PRId32, i ? "," : "", s->us[i]);
	printf("]");
	free(s->us);
	*s = (struct load_sample){ 0 };
}

static struct bench *
bench_of(struct load *l)
{
	return container_of(l, struct bench, load);
}

/* -- waiting for the crowd -- */

static void
tell_crowd(struct bench *b, const char *what, bool done)
{
	uint64_t now = clock_mono_us();
	printf("{\"%s\":{\"done\":%s,\"seconds\":%.3f,\"most_s\":%.3f,", what,
	       done ? "true" : "false", (double)(now - b->begin_us) / 1e6,
	       (double)((b->most_us ? b->most_us : now) - b->begin_us) / 1e6);
	load_crowd_print(&b->load);
	printf("}}\n");
	fflush(stdout);
}

static void
stop_waiting(struct bench *b, bool done)
{
	const char *what = b->waits_for;
	b->waits_for = NULL;
	load_timer_clear(&b->load.loop, &b->patience);
	tell_crowd(b, what, done);
}

static void
on_change(struct load *l)
{
	struct bench *b = bench_of(l);
	if (b->waits_for && !b->starting && !b->most_us &&
	    (uint64_t)l->crowd.waiting * 100 >= (uint64_t)l->crowd.want * 99)
		b->most_us = clock_mono_us();
	/* A command that is being carried out may still begin with some of them. */
	if (b->waits_for && !b->starting && l->crowd.waiting == l->crowd.want)
		stop_waiting(b, true);
}

static void
on_impatient(void *arg)
{
	stop_waiting(arg, false);
}

static void
wait_for_crowd(struct bench *b, const char *what, unsigned patience_s)
{
	b->waits_for = what;
	b->begin_us = clock_mono_us();
	b->most_us = 0;
	b->patience = (struct load_timer){ .fn = on_impatient, .arg = b };
	load_timer_set(&b->load.loop, &b->patience, patience_s * 1000000ull);
}

/* -- commands -- */

struct command {
	const char *name;
	unsigned args;
	void (*run)(struct bench *b, const unsigned *args);
};

static void
run_grow(struct bench *b, const unsigned *args)
{
	wait_for_crowd(b, "grow", args[2] ? args[2] : 600);
	b->starting = true;
	load_crowd_grow(&b->load, args[0], args[1]);
	b->starting = false;
	on_change(&b->load);
}

static void
run_cut(struct bench *b, const unsigned *args)
{
	wait_for_crowd(b, "cut", args[2] ? args[2] : 600);
	b->starting = true;
	load_crowd_cut(&b->load, args[0], args[1]);
	b->starting = false;
	on_change(&b->load);
}

static void
run_gather(struct bench *b, const unsigned *args)
{
	wait_for_crowd(b, "gather", args[0]);
	on_change(&b->load);
}

static void
run_mail(struct bench *b, const unsigned *args)
{
	load_mail_run(b->load.mail, args[0], args[1]);
}

static void
run_sync(struct bench *b, const unsigned *args)
{
	bench_probe_run(b, args[0], args[1]);
}

static void
run_hands(struct bench *b, const unsigned *args)
{
	bench_hands_run(b, args[0], args[1]);
}

static void
run_resume(struct bench *b, const unsigned *args)
{
	b->conf.resume = args[0];
	tell_crowd(b, "resume", true);
}

static void
run_status(struct bench *b, const unsigned *args UNUSED)
{
	tell_crowd(b, "status", true);
}

static void
run_quit(struct bench *b, const unsigned *args UNUSED)
{
	b->load.loop.stopped = true;
}

static const struct command commands[] = {
	{ "grow", 2, run_grow },     { "cut", 2, run_cut },
	{ "gather", 1, run_gather }, { "mail", 2, run_mail },
	{ "sync", 2, run_sync },     { "hands", 2, run_hands },
	{ "resume", 1, run_resume }, { "status", 0, run_status },
	{ "quit", 0, run_quit },
};

static void
run_line(struct bench *b, struct span line)
{
	struct span name, word;
	unsigned args[4] = { 0 };
	unsigned n = 0;
	if (!span_cut(&line, ' ', &name))
		return;
	while (n < ARRAY_LEN(args) && span_cut(&line, ' ', &word)) {
		if (parse_u32(word, 100000000, &args[n]) != RC_OK)
			break;
		n++;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!span_is(name, commands[i].name) || n < commands[i].args)
			continue;
		commands[i].run(b, args);
		return;
	}
	printf("{\"error\":\"no such command\"}\n");
	fflush(stdout);
}

static void
on_stdin(void *arg, uint32_t events UNUSED)
{
	struct bench *b = arg;
	for (;;) {
		ssize_t n = read(STDIN_FILENO, buf_reserve(&b->input, 4096), 4096);
		if (n < 0)
			return;
		if (n == 0) {
			b->load.loop.stopped = true;
			return;
		}
		buf_commit(&b->input, (size_t)n);
		for (;;) {
			struct span in = buf_span(&b->input);
			size_t end = span_find(in, 0, '\n');
			if (end == in.n)
				break;
			run_line(b, span_trim(span_sub(in, 0, end)));
			buf_drop(&b->input, end + 1);
		}
	}
}

/* -- start -- */

enum option_type { OPTION_NUMBER, OPTION_PORT, OPTION_TEXT, OPTION_BOOL };

#define AT(member) offsetof(struct load_conf, member)
#define OPTIONS 22

static const struct {
	const char *name;
	enum option_type type;
	size_t at;
} option_table[OPTIONS] = {
	{ "https", OPTION_PORT, AT(https) },
	{ "imaps", OPTION_PORT, AT(imaps) },
	{ "smtp", OPTION_PORT, AT(smtp) },
	{ "user", OPTION_TEXT, AT(user_pattern) },
	{ "mail-user", OPTION_TEXT, AT(mail_pattern) },
	{ "digits", OPTION_NUMBER, AT(digits) },
	{ "protocol", OPTION_TEXT, AT(protocol) },
	{ "password", OPTION_TEXT, AT(password) },
	{ "first-user", OPTION_NUMBER, AT(first_user) },
	{ "users", OPTION_NUMBER, AT(users) },
	{ "first-device", OPTION_NUMBER, AT(first_device) },
	{ "devices", OPTION_NUMBER, AT(devices) },
	{ "per-source", OPTION_NUMBER, AT(per_source) },
	{ "sync", OPTION_NUMBER, AT(sync_percent) },
	{ "idle", OPTION_NUMBER, AT(idle_percent) },
	{ "h2", OPTION_NUMBER, AT(h2_percent) },
	{ "heartbeat", OPTION_NUMBER, AT(heartbeat_s) },
	{ "spread", OPTION_BOOL, AT(spread) },
	{ "resume", OPTION_BOOL, AT(resume) },
	{ "size", OPTION_NUMBER, AT(size) },
	{ "senders", OPTION_NUMBER, AT(senders) },
	{ "lmtp", OPTION_BOOL, AT(lmtp) },
};

static void
set_option(struct load_conf *conf, size_t i, const char *text)
{
	char *to = (char *)conf + option_table[i].at;
	uint32_t v = 1;
	if (option_table[i].type == OPTION_TEXT) {
		*(const char **)to = text;
		return;
	}
	if (text && parse_u32(span_str(text), 10000000, &v) != RC_OK) {
		fprintf(stderr, "bench: --%s: \"%s\" is not a number\n",
		        option_table[i].name, text);
		exit(64);
	}
	if (option_table[i].type == OPTION_NUMBER)
		*(unsigned *)to = v;
	else if (option_table[i].type == OPTION_PORT)
		*(uint16_t *)to = (uint16_t)v;
	else
		*(bool *)to = true;
}

static void
read_options(struct load_conf *conf, int argc, char **argv)
{
	struct option options[OPTIONS + 1] = { 0 };
	int c;
	for (size_t i = 0; i < OPTIONS; i++)
		options[i] = (struct option){ option_table[i].name,
			                      option_table[i].type != OPTION_BOOL, NULL,
			                      256 + (int)i };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c < 256)
			exit(64);
		set_option(conf, (size_t)c - 256, optarg);
	}
	if (conf->devices == 0 || conf->users == 0 || conf->per_source == 0 ||
	    conf->senders == 0 || conf->digits > 9 || !strchr(conf->user_pattern, '%') ||
	    (conf->mail_pattern && !strchr(conf->mail_pattern, '%')) ||
	    conf->idle_percent + conf->sync_percent > 100) {
		fprintf(stderr, "bench: --devices N --users N, and a %% in --user\n");
		exit(64);
	}
}

int
main(int argc, char **argv)
{
	struct bench b = { .conf = { .user_pattern = "u%@bench.test",
		                     .digits = 5,
		                     .protocol = "16.1",
		                     .password = "bench password",
		                     .per_source = 50,
		                     .heartbeat_s = 900,
		                     .size = 10240,
		                     .senders = 8 } };
	read_options(&b.conf, argc, argv);
	b.load.conf = &b.conf;
	b.load.on_change = on_change;
	b.load.on_probe = bench_probe_on_answer;
	signal(SIGPIPE, SIG_IGN);
	load_loop_init(&b.load.loop);
	b.load.tls = load_tls_new();
	b.io = (struct load_io){ on_stdin, &b };
	buf_init(&b.input, 0);
	if (!b.load.tls || fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 ||
	    !load_loop_watch(&b.load.loop, STDIN_FILENO, &b.io)) {
		fprintf(stderr, "bench: standard input must be a pipe\n");
		return 1;
	}
	load_crowd_init(&b.load);
	b.load.mail = load_mail_new(&b.load);
	load_loop_run(&b.load.loop);
	bench_probe_free(&b);
	bench_hands_free(&b);
	load_mail_free(b.load.mail);
	load_crowd_done(&b.load);
	SSL_CTX_free(b.load.tls);
	load_loop_done(&b.load.loop);
	buf_done(&b.input);
	return 0;
}
