/* SPDX-License-Identifier: ISC
 *
 * metric.h - counters, gauges and histograms, printed for Prometheus.
 *
 * A module declares its metrics as file statics and registers them once at start:
 *	static struct metric delivered = METRIC_COUNTER("godwit_delivered_total", "...");
 *	metric_register(&delivered);
 * Adding is one relaxed atomic operation, from any thread.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

#define METRIC_BUCKETS 24 /* 1 us, 2 us, 4 us ... 2^22 us (4.2 s), +Inf */

struct metric {
	enum metric_type type;
	const char *name; /* in Prometheus' form, with unit and _total where it counts */
	const char *labels; /* "protocol=\"imap\"" or NULL */
	const char *help;
	_Atomic int64_t value; /* the sum of a histogram, in us */
	_Atomic uint64_t buckets[METRIC_BUCKETS];
	struct list link;
};

#define METRIC_COUNTER(n, h)                                                             \
	{                                                                                \
		.type = METRIC_TYPE_COUNTER, .name = (n), .help = (h)                    \
	}
#define METRIC_GAUGE(n, h)                                                               \
	{                                                                                \
		.type = METRIC_TYPE_GAUGE, .name = (n), .help = (h)                      \
	}
#define METRIC_HISTOGRAM(n, h)                                                           \
	{                                                                                \
		.type = METRIC_TYPE_HISTOGRAM, .name = (n), .help = (h)                  \
	}

/* Once for each metric; registering twice is harmless. Thread-safe. */
void metric_register(struct metric *m);
void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t v);
/* Histograms: one observation of us microseconds. */
void metric_observe_us(struct metric *m, uint64_t us);
/* The registered metric of that name and these labels (NULL: none); NULL: there is none.
 */
const struct metric *metric_find(const char *name, const char *labels);
int64_t metric_value(const struct metric *m);
/* What each bucket of a histogram has counted by itself. */
void metric_counts(const struct metric *m, uint64_t ret[METRIC_BUCKETS]);
/* The bound in us under which the part (0-1) of so counted observations lies, a straight
 * line within its bucket; 0 without any. */
double metric_quantile_us(const uint64_t counts[METRIC_BUCKETS], double part);
/* All registered metrics, Prometheus text format 0.0.4. */
void metric_write(struct buf *b);

#endif
