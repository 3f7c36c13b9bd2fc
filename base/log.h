/* SPDX-License-Identifier: ISC
 *
 * log.h - one line an event: logfmt or JSON, to stderr or journald.
 *
 * log_info(ctx, "eas.ping wake", "folders=%zu waited_ms=%" PRIu64, n, ms)
 * The event's name comes first, then key=value pairs; values that hold spaces, quotes
 * or control characters are quoted by LOG_STR(). The fields of the context and its
 * parents (sess= user= dev= peer=) go before those of the line. Edges log; libraries
 * return results. Never secrets or bodies.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

#define LOG_LEVEL_LIST(X)                                                                \
	X(ERROR, "error") X(WARN, "warn") X(INFO, "info") X(DEBUG, "debug")

enum log_level {
#define X(name, text) LOG_LEVEL_##name,
	LOG_LEVEL_LIST(X)
#undef X
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_JOURNALD };

/*
 * What every line below an object inherits. fields is "key=value key=value", owned by the
 * owner of the context; NULL for none. parent may be NULL.
 */
struct log_ctx {
	const struct log_ctx *parent;
	char *fields;
};

void log_ctx_init(struct log_ctx *c, const struct log_ctx *parent, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void log_ctx_done(struct log_ctx *c);
/* Adds " key=value" fields to c. */
void log_ctx_add(struct log_ctx *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Of that only what needs no descriptor: the target stays what it is. */
void log_set_lines(enum log_level min, enum log_format format);
void log_setup(enum log_level min, enum log_format format, enum log_target target);
/* Tests: the journal's socket is at path; NULL: back to stderr. */
void log_set_journal(const char *path);
bool log_is_on(enum log_level level);
const char *log_level_str(enum log_level level);
/* Tests: each finished line goes to fn instead; NULL restores. */
typedef void log_sink_fn(enum log_level level, const char *line, void *arg);
void log_set_sink(log_sink_fn *fn, void *arg);

void log_write(enum log_level level, const struct log_ctx *c, const char *event,
               const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_error(c, event, ...) log_write(LOG_LEVEL_ERROR, c, event, __VA_ARGS__)
#define log_warn(c, event, ...) log_write(LOG_LEVEL_WARN, c, event, __VA_ARGS__)
#define log_info(c, event, ...) log_write(LOG_LEVEL_INFO, c, event, __VA_ARGS__)
#define log_debug(c, event, ...)                                                         \
	do {                                                                             \
		if (log_is_on(LOG_LEVEL_DEBUG))                                          \
			log_write(LOG_LEVEL_DEBUG, c, event, __VA_ARGS__);               \
	} while (0)

/* The span as a logfmt value, quoted and escaped where needed, cut at 200 bytes; a ring
 * of 16 buffers a thread, so use it only as an argument of a log call. */
const char *log_str(struct span s);
#define LOG_STR(s) log_str(s)

#endif
