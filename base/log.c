/* SPDX-License-Identifier: ISC
 *
 * log.c - what a caller logs: contexts, levels, and the way of a finished line.
 *
 * The journal's own protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"
#include "base/mem.h"

#define JOURNAL_PATH "/run/systemd/journal/socket"
#define FIELDS_MAX 4096
#define CTX_DEPTH_MAX 8

static _Atomic int level_min = LOG_LEVEL_INFO;
static _Atomic int line_format = LOG_FORMAT_LOGFMT;
static _Atomic int journal_fd = -1;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink_fn *sink_fn;
static void *sink_arg;
static atomic_bool has_sink;

const char *
log_level_str(enum log_level level)
{
	switch (level) {
#define X(name, text)                                                                    \
	case LOG_LEVEL_##name:                                                           \
		return text;
		LOG_LEVEL_LIST(X)
#undef X
	}
	return "unknown";
}

void
log_ctx_init(struct log_ctx *c, const struct log_ctx *parent, const char *fmt, ...)
{
	va_list ap;

	c->parent = parent;
	c->fields = NULL;
	if (!fmt || !*fmt)
		return;
	va_start(ap, fmt);
	if (vasprintf(&c->fields, fmt, ap) < 0)
		abort();
	va_end(ap);
}

void
log_ctx_done(struct log_ctx *c)
{
	free(c->fields);
	c->fields = NULL;
}

void
log_ctx_add(struct log_ctx *c, const char *fmt, ...)
{
	char *more = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&more, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (c->fields) {
		char *both = xasprintf("%s %s", c->fields, more);

		free(c->fields);
		free(more);
		c->fields = both;
	} else {
		c->fields = more;
	}
}

bool
log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&level_min, memory_order_relaxed);
}

void
log_set_sink(log_sink_fn *fn, void *arg)
{
	pthread_mutex_lock(&sink_lock);
	sink_fn = fn;
	sink_arg = arg;
	atomic_store(&has_sink, fn != NULL);
	pthread_mutex_unlock(&sink_lock);
}

static bool
connect_journal(int fd, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(to.sun_path))
		return false;
	memcpy(to.sun_path, path, strlen(path) + 1);
	return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

void
log_set_journal(const char *path)
{
	int fd = -1;
	int old;

	if (path) {
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && !connect_journal(fd, path)) {
			(void)close(fd);
			fd = -1;
		}
	}
	old = atomic_exchange(&journal_fd, fd);
	if (old >= 0)
		(void)close(old);
}

void
log_set_lines(enum log_level min, enum log_format format)
{
	atomic_store(&level_min, (int)min);
	atomic_store(&line_format, (int)format);
}

void
log_setup(enum log_level min, enum log_format format, enum log_target target)
{
	log_set_lines(min, format);
	log_set_journal(target == LOG_TARGET_JOURNALD ? JOURNAL_PATH : NULL);
}

/* syslog(3)'s numbers. */
static int
priority_of(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return 3;
	case LOG_LEVEL_WARN:
		return 4;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_DEBUG:
		return 7;
	}
	return 6;
}

/* False when the journal did not take it; line holds no newline. */
static bool
send_journal(int fd, enum log_level level, struct span line)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b,
	         "PRIORITY=%d\nSYSLOG_IDENTIFIER=godwitd\nMESSAGE=", priority_of(level));
	buf_add_span(&b, line);
	buf_add_char(&b, '\n');
	/* A loop must not wait for a journal that hangs. */
	return send(fd, b.p, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.len;
}

/* One write(2) for the line, so that lines of threads and processes do not mix. */
static void
write_stderr(struct buf *line)
{
	const char *p;
	size_t left;

	buf_add_char(line, '\n');
	p = line->p;
	left = line->len;
	while (left) {
		ssize_t n = write(STDERR_FILENO, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* there is nobody left to tell */
		p += n;
		left -= (size_t)n;
	}
}

static void
emit(enum log_level level, struct buf *line)
{
	int fd = atomic_load(&journal_fd);

	if (atomic_load(&has_sink)) {
		pthread_mutex_lock(&sink_lock);
		if (sink_fn) {
			buf_add_char(line, '\0');
			sink_fn(level, line->p, sink_arg);
			pthread_mutex_unlock(&sink_lock);
			return;
		}
		pthread_mutex_unlock(&sink_lock);
	}
	if (fd >= 0 && send_journal(fd, level, buf_span(line)))
		return;
	write_stderr(line);
}

/* The fields of c, its outermost parent's first. */
static void
add_ctx(const struct log_ctx *c, struct buf *fields)
{
	const struct log_ctx *chain[CTX_DEPTH_MAX];
	size_t n = 0;

	for (; c && n < CTX_DEPTH_MAX; c = c->parent)
		chain[n++] = c;
	while (n--) {
		if (!chain[n]->fields || !chain[n]->fields[0])
			continue;
		if (fields->len)
			buf_add_char(fields, ' ');
		buf_add_str(fields, chain[n]->fields);
	}
}

void
log_write(enum log_level level, const struct log_ctx *c, const char *event,
          const char *fmt, ...)
{
	AUTO_DONE(buf) struct buf fields = BUF_INIT(0);
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	struct log_line parts = { .level = log_level_str(level),
		                  .event = span_str(event) };
	va_list ap;

	if (!log_is_on(level))
		return;
	add_ctx(c, &fields);
	if (fields.len)
		buf_add_char(&fields, ' ');
	va_start(ap, fmt);
	buf_addv(&fields, fmt, ap);
	va_end(ap);
	parts.is_cut = fields.len > FIELDS_MAX;
	parts.fields = utf8_prefix(span_trim(buf_span(&fields)), FIELDS_MAX);
	clock_iso8601(clock_wall_ms(), parts.time, sizeof(parts.time));
	if (atomic_load(&line_format) == LOG_FORMAT_JSON)
		log_line_json(&parts, &line);
	else
		log_line_logfmt(&parts, &line);
	emit(level, &line);
}
