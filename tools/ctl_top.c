/* SPDX-License-Identifier: ISC
 *
 * ctl_top.c - godwitctl top: the server as it is now, anew every few seconds.
 *
 * The server tells counters; rates and quantiles are made here, of two answers. Plain
 * ANSI sequences, nothing of curses.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/span.h"
#include "tools/godwitctl.h"

#define VALUES_MAX 96
#define HISTS_MAX 16
#define ROWS_ONCE 20
#define ROWS_MIN 3
#define HEAD_ROWS 16

struct sample {
	struct buf rows; /* the answer; spans show it */
	struct {
		struct span key;
		struct span text;
	} values[VALUES_MAX];
	size_t n_values;
	struct {
		struct span key;
		uint64_t counts[METRIC_BUCKETS];
	} hists[HISTS_MAX];
	size_t n_hists;
	struct buf nodes;   /* "name state, ..." */
	struct buf waiters; /* rows of cells */
};

static volatile sig_atomic_t is_over;

static void
on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static void
sample_init(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->rows, 0);
	buf_init(&s->nodes, 0);
	buf_init(&s->waiters, 0);
}

static void
sample_done(struct sample *s)
{
	buf_done(&s->rows);
	buf_done(&s->nodes);
	buf_done(&s->waiters);
}

/* -- reading -- */

static void
read_hist(struct sample *s, struct span key, struct span counts)
{
	struct span word;
	if (s->n_hists == HISTS_MAX)
		return;
	s->hists[s->n_hists].key = key;
	for (size_t i = 0; i < METRIC_BUCKETS && span_cut(&counts, ' ', &word); i++)
		if (parse_u64(word, UINT64_MAX, &s->hists[s->n_hists].counts[i]) != RC_OK)
			return;
	s->n_hists++;
}

/* "1d 04:12", "04:12", "3:07", "12.3 s". */
static void
write_span_ms(uint64_t ms, struct buf *out)
{
	uint64_t s = ms / 1000;
	if (ms < 100000)
		buf_addf(out, "%" PRIu64 ".%" PRIu64 " s", s, ms / 100 % 10);
	else if (s < 3600)
		buf_addf(out, "%" PRIu64 ":%02" PRIu64 " min", s / 60, s % 60);
	else if (s < 86400)
		buf_addf(out, "%" PRIu64 ":%02" PRIu64 " h", s / 3600, s / 60 % 60);
	else
		buf_addf(out, "%" PRIu64 " d %02" PRIu64 ":%02" PRIu64, s / 86400,
		         s / 3600 % 24, s / 60 % 60);
}

/* kind user device type age left folders */
static void
read_waiter(struct sample *s, struct span rest)
{
	struct span cells[7] = { 0 };
	uint64_t age = 0, left = 0;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		if (!span_cut(&rest, '\t', &cells[i]))
			return;
	if (parse_u64(cells[4], UINT64_MAX, &age) != RC_OK ||
	    parse_u64(cells[5], UINT64_MAX, &left) != RC_OK)
		return;
	buf_addf(&s->waiters, "%.*s\t", SPAN_FMT(cells[0]));
	write_span_ms(age, &s->waiters);
	buf_add_char(&s->waiters, '\t');
	if (left)
		write_span_ms(left, &s->waiters);
	else
		buf_add_char(&s->waiters, '-');
	for (size_t i = 1; i < ARRAY_LEN(cells); i++)
		if (i != 4 && i != 5)
			buf_addf(&s->waiters, "\t%.*s", SPAN_FMT(cells[i]));
	buf_add_char(&s->waiters, '\n');
}

static void
read_row(struct sample *s, struct span row)
{
	struct span kind, key;
	if (!span_cut(&row, '\t', &kind))
		return;
	if (span_is(kind, "waiter")) {
		read_waiter(s, row);
		return;
	}
	if (!span_cut(&row, '\t', &key))
		return;
	if (span_is(kind, "value") && s->n_values < VALUES_MAX) {
		s->values[s->n_values].key = key;
		s->values[s->n_values++].text = row;
	} else if (span_is(kind, "hist")) {
		read_hist(s, key, row);
	} else if (span_is(kind, "node")) {
		buf_addf(&s->nodes, "%s%.*s %.*s", s->nodes.len ? ", " : "",
		         SPAN_FMT(key), SPAN_FMT(row));
	}
}

static int
take_sample(const char *path, unsigned limit, const char *order, struct sample *s)
{
	char rows[16];
	const char *words[] = { "top", rows, order };
	snprintf(rows, sizeof(rows), "%u", limit);
	sample_done(s);
	sample_init(s);
	int status = ctl_ask_words(path, words, ARRAY_LEN(words), &s->rows);
	struct span rest = buf_span(&s->rows), row;
	while (status == 0 && span_cut(&rest, '\n', &row))
		read_row(s, row);
	return status;
}

static struct span
text_of(const struct sample *s, const char *key)
{
	for (size_t i = 0; i < s->n_values; i++)
		if (span_is(s->values[i].key, key))
			return s->values[i].text;
	return SPAN("-");
}

static uint64_t
value_of(const struct sample *s, const char *key)
{
	uint64_t v;
	return parse_u64(text_of(s, key), UINT64_MAX, &v) == RC_OK ? v : 0;
}

/* -- two of them -- */

struct pair {
	const struct sample *was;
	const struct sample *now;
	double seconds;
};

static double
per_second(const struct pair *p, const char *key)
{
	uint64_t was = value_of(p->was, key), now = value_of(p->now, key);
	return now > was && p->seconds > 0 ? (double)(now - was) / p->seconds : 0;
}

/* What came in between: how many, and their quantiles in ms. */
static uint64_t
between(const struct pair *p, const char *key, double *ret_p50, double *ret_p99)
{
	uint64_t counts[METRIC_BUCKETS] = { 0 }, total = 0;
	for (size_t i = 0; i < p->now->n_hists; i++) {
		if (!span_is(p->now->hists[i].key, key))
			continue;
		memcpy(counts, p->now->hists[i].counts, sizeof(counts));
		for (size_t k = 0; k < p->was->n_hists; k++) {
			if (!span_is(p->was->hists[k].key, key))
				continue;
			for (size_t b = 0; b < METRIC_BUCKETS; b++)
				counts[b] -= p->was->hists[k].counts[b];
		}
	}
	for (size_t b = 0; b < METRIC_BUCKETS; b++)
		total += counts[b];
	*ret_p50 = metric_quantile_us(counts, 0.5) / 1000;
	*ret_p99 = metric_quantile_us(counts, 0.99) / 1000;
	return total;
}

/* -- writing -- */

static void
write_head(const struct pair *p, struct buf *out)
{
	const struct sample *s = p->now;
	char clock[40];
	buf_addf(out, "godwit %.*s   up ", SPAN_FMT(text_of(s, "version")));
	write_span_ms(value_of(s, "uptime_s") * 1000, out);
	buf_addf(out, "   %s%s\n",
	         clock_iso8601((int64_t)value_of(s, "wall_ms"), clock, sizeof(clock)),
	         span_is(text_of(s, "draining"), "yes") ? "   draining" : "");
	if (s->nodes.len)
		buf_addf(out, "nodes   %.*s\n", SPAN_FMT(buf_span(&s->nodes)));
	buf_addf(out,
	         "waits   %" PRIu64 "   ping %" PRIu64 "   sync %" PRIu64
	         "   idle %" PRIu64 "   other %" PRIu64 "\n",
	         value_of(s, "push_waiting"), value_of(s, "waiting_ping"),
	         value_of(s, "waiting_sync"), value_of(s, "waiting_idle"),
	         value_of(s, "waiting_other"));
	buf_addf(out,
	         "open    http %" PRIu64 "   imap %" PRIu64 "   smtp %" PRIu64
	         "   jobs %" PRIu64 "   queue %" PRIu64 "   held %" PRIu64 "\n",
	         value_of(s, "http_connections"), value_of(s, "imap_connections"),
	         value_of(s, "smtp_connections"), value_of(s, "jobs_pending"),
	         value_of(s, "queue"), value_of(s, "queue_held"));
	buf_addf(out, "uses    cpu %.1f %%   memory %.1f MB\n",
	         per_second(p, "cpu_us") / 10000,
	         (double)value_of(s, "memory_bytes") / 1048576);
}

static void
write_rates(const struct pair *p, struct buf *out)
{
	static const char *const keys[] = { "delivered", "accepted", "sent",    "sync",
		                            "ping",      "imap",     "commits", "bulk" };
	double p50, p99;
	buf_add_str(out, "a sec   ");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		buf_addf(out, "%s%s %.1f", i ? "   " : "", keys[i],
		         per_second(p, keys[i]));
	buf_addf(out, "   wakes %.1f\n",
	         p->seconds > 0 ? (double)between(p, "wake", &p50, &p99) / p->seconds
	                        : 0);
}

static void
write_times(const struct pair *p, size_t width, struct buf *out)
{
	static const struct {
		const char *key;
		const char *text;
	} rows[] = {
		{ "accept", "DATA to 250" },
		{ "wake", "change to wake" },
		{ "answer_ping", "change to Ping's answer" },
		{ "answer_sync", "change to Sync's answer" },
		{ "answer_idle", "change to IDLE's line" },
		{ "command", "ActiveSync command" },
		{ "worker", "wait for a worker" },
		{ "commit", "commit" },
	};
	AUTO_DONE(buf) struct buf table = BUF_INIT(0);
	buf_add_str(&table, "TIME\tP50 MS\tP99 MS\tCOUNT\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double p50, p99;
		uint64_t n = between(p, rows[i].key, &p50, &p99);
		if (n)
			buf_addf(&table, "%s\t%.2f\t%.2f\t%" PRIu64 "\n", rows[i].text,
			         p50, p99, n);
		else
			buf_addf(&table, "%s\t-\t-\t0\n", rows[i].text);
	}
	ctl_table_write(buf_span(&table), width, out);
}

static void
write_screen(const struct pair *p, size_t width, struct buf *out)
{
	AUTO_DONE(buf) struct buf table = BUF_INIT(0);
	write_head(p, out);
	write_rates(p, out);
	buf_add_char(out, '\n');
	write_times(p, width, out);
	buf_add_char(out, '\n');
	buf_add_str(&table, "KIND\tSINCE\tLEFT\tUSER\tDEVICE\tTYPE\tFOLDERS\n");
	buf_add_span(&table, buf_span(&p->now->waiters));
	ctl_table_write(buf_span(&table), width, out);
}

/* -- the terminal -- */

struct screen {
	bool is_terminal;
	bool reads_keys;
	struct termios old;
};

static void
screen_open(struct screen *t)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	t->is_terminal = isatty(STDOUT_FILENO);
	t->reads_keys = t->is_terminal && tcgetattr(STDIN_FILENO, &t->old) == 0;
	if (t->reads_keys) {
		struct termios quiet = t->old;
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
		tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	}
	if (t->is_terminal)
		fputs("\033[?1049h\033[?25l", stdout); /* another page, no cursor */
}

static void
screen_close(struct screen *t)
{
	if (t->is_terminal) {
		fputs("\033[?25h\033[?1049l", stdout);
		fflush(stdout);
	}
	if (t->reads_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->old);
}

static void
screen_size(const struct screen *t, size_t *ret_width, size_t *ret_rows)
{
	struct winsize w;
	*ret_width = 0;
	*ret_rows = ROWS_ONCE;
	if (!t->is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return;
	*ret_width = w.ws_col;
	*ret_rows = w.ws_row > HEAD_ROWS + ROWS_MIN ? w.ws_row - HEAD_ROWS : ROWS_MIN;
}

/* Each line over the one before, the rest of it and of the page cleared. */
static void
screen_draw(const struct screen *t, struct span text)
{
	struct span line;
	if (!t->is_terminal) {
		printf("%.*s\n", SPAN_FMT(text));
		fflush(stdout);
		return;
	}
	fputs("\033[H", stdout);
	while (span_cut(&text, '\n', &line))
		printf("%.*s\033[K%s", SPAN_FMT(line), text.n ? "\n" : "");
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* False: the admin has had enough. */
static bool
pause_for(const struct screen *t, double seconds)
{
	struct pollfd p = { .fd = t->reads_keys ? STDIN_FILENO : -1, .events = POLLIN };
	int n = poll(&p, 1, (int)(seconds * 1000));
	char key;
	if (n > 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
		return false;
	return !is_over;
}

/* -- the command -- */

struct options {
	bool once;
	double interval;
	unsigned limit; /* 0: as the screen has room */
	const char *order;
};

static bool
read_number(const char *text, double min, double max, double *ret)
{
	char *end;
	errno = 0;
	*ret = strtod(text, &end);
	return !errno && *end == '\0' && *ret >= min && *ret <= max;
}

static bool
read_options(int argc, char **argv, struct options *ret)
{
	static const struct option table[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "interval", required_argument, NULL, 'i' },
		{ "limit", required_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	double v;
	int c;
	*ret = (struct options){ .interval = 2, .order = "oldest" };
	optind = 0;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'o') {
			ret->once = true;
		} else if (c == 'i' && read_number(optarg, 0.1, 3600, &v)) {
			ret->interval = v;
		} else if (c == 'n' && read_number(optarg, 1, 1000, &v)) {
			ret->limit = (unsigned)v;
		} else if (c == 's') {
			ret->order = optarg;
		} else {
			fputs("usage: godwitctl top [--once] [--interval SECONDS] "
			      "[--limit ROWS] [--sort oldest|youngest|left]\n",
			      stderr);
			return false;
		}
	}
	return optind == argc;
}

static int
run(const char *path, const struct options *o, struct screen *t)
{
	struct sample samples[2];
	int status = 0;
	size_t at = 0, width, rows;
	sample_init(&samples[0]);
	sample_init(&samples[1]);
	status = take_sample(path, 0, o->order, &samples[0]);
	/* The first look at rates comes soon. */
	bool go_on = status == 0 && pause_for(t, o->interval < 1 ? o->interval : 1);
	while (go_on) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct sample *was = &samples[at], *now = &samples[at ^= 1];
		screen_size(t, &width, &rows);
		status = take_sample(path, o->limit ? o->limit : (unsigned)rows, o->order,
		                     now);
		if (status != 0)
			break;
		struct pair p = {
			was, now,
			(double)(value_of(now, "now_us") - value_of(was, "now_us")) / 1e6
		};
		write_screen(&p, width, &out);
		screen_draw(t, buf_span(&out));
		go_on = !o->once && pause_for(t, o->interval);
	}
	sample_done(&samples[0]);
	sample_done(&samples[1]);
	return status;
}

int
ctl_top(const char *socket_path, int argc, char **argv, bool raw)
{
	struct screen t = { 0 };
	struct options o;
	if (!read_options(argc, argv, &o))
		return 64;
	if (raw) {
		struct sample s;
		sample_init(&s);
		int status = take_sample(socket_path, o.limit ? o.limit : ROWS_ONCE,
		                         o.order, &s);
		printf("%.*s", SPAN_FMT(buf_span(&s.rows)));
		sample_done(&s);
		return status;
	}
	if (!o.once)
		screen_open(&t);
	int status = run(socket_path, &o, &t);
	screen_close(&t);
	return status;
}
