/* SPDX-License-Identifier: ISC
 *
 * metric.c - the registry of metrics and its print-out.
 *
 * Prometheus exposition formats, text format 0.0.4: all lines of one name stand
 * together under one HELP and one TYPE.
 */
#include "base/metric.h"

#include <inttypes.h>
#include <pthread.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list registry = { &registry, &registry };

void
metric_register(struct metric *m)
{
	pthread_mutex_lock(&registry_lock);
	if (!m->link.next)
		list_push_back(&registry, &m->link);
	pthread_mutex_unlock(&registry_lock);
}

void
metric_add(struct metric *m, int64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void
metric_set(struct metric *m, int64_t v)
{
	atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

/* The first bucket whose bound, 2^i us, is not below us. */
static size_t
bucket_of(uint64_t us)
{
	size_t i = us <= 1 ? 0 : 64 - (size_t)__builtin_clzll(us - 1);

	return i < METRIC_BUCKETS ? i : METRIC_BUCKETS - 1;
}

void
metric_observe_us(struct metric *m, uint64_t us)
{
	atomic_fetch_add_explicit(&m->buckets[bucket_of(us)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->value, (int64_t)us, memory_order_relaxed);
}

const struct metric *
metric_find(const char *name, const char *labels)
{
	const struct metric *found = NULL;

	pthread_mutex_lock(&registry_lock);
	list_each(m, &registry, struct metric, link) {
		if (strcmp(m->name, name) == 0 &&
		    strcmp(m->labels ? m->labels : "", labels ? labels : "") == 0)
			found = m;
	}
	pthread_mutex_unlock(&registry_lock);
	return found;
}

int64_t
metric_value(const struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

void
metric_counts(const struct metric *m, uint64_t ret[METRIC_BUCKETS])
{
	for (size_t i = 0; i < METRIC_BUCKETS; i++)
		ret[i] = atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
}

double
metric_quantile_us(const uint64_t counts[METRIC_BUCKETS], double part)
{
	uint64_t total = 0, below = 0;

	for (size_t i = 0; i < METRIC_BUCKETS; i++)
		total += counts[i];
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		double rank = part * (double)total - (double)below;
		double low = i == 0 ? 0 : (double)(UINT64_C(1) << (i - 1));

		if (counts[i] > 0 && rank <= (double)counts[i])
			return low + ((double)(UINT64_C(1) << i) - low) * rank /
			                     (double)counts[i];
		below += counts[i];
	}
	return 0;
}

static const char *
type_str(enum metric_type type)
{
	switch (type) {
	case METRIC_TYPE_COUNTER:
		return "counter";
	case METRIC_TYPE_GAUGE:
		return "gauge";
	case METRIC_TYPE_HISTOGRAM:
		return "histogram";
	}
	return "untyped";
}

static void
write_head(const struct metric *m, struct buf *b)
{
	buf_addf(b, "# HELP %s ", m->name);
	for (const char *p = m->help; *p; p++) {
		if (*p == '\\')
			buf_add_str(b, "\\\\");
		else if (*p == '\n')
			buf_add_str(b, "\\n");
		else
			buf_add_char(b, *p);
	}
	buf_addf(b, "\n# TYPE %s %s\n", m->name, type_str(m->type));
}

static void
write_seconds(struct buf *b, int64_t us)
{
	buf_addf(b, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
}

static void
write_histogram(struct metric *m, struct buf *b)
{
	const char *labels = m->labels ? m->labels : "";
	const char *comma = m->labels ? "," : "";
	const char *open = m->labels ? "{" : "";
	const char *close = m->labels ? "}" : "";
	uint64_t count = 0;

	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		count += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
		buf_addf(b, "%s_bucket{%s%sle=\"", m->name, labels, comma);
		if (i < METRIC_BUCKETS - 1)
			write_seconds(b, INT64_C(1) << i);
		else
			buf_add_str(b, "+Inf");
		buf_addf(b, "\"} %" PRIu64 "\n", count);
	}
	buf_addf(b, "%s_sum%s%s%s ", m->name, open, labels, close);
	write_seconds(b, atomic_load_explicit(&m->value, memory_order_relaxed));
	buf_addf(b, "\n%s_count%s%s%s %" PRIu64 "\n", m->name, open, labels, close,
	         count);
}

static void
write_sample(struct metric *m, struct buf *b)
{
	if (m->type == METRIC_TYPE_HISTOGRAM) {
		write_histogram(m, b);
		return;
	}
	buf_add_str(b, m->name);
	if (m->labels)
		buf_addf(b, "{%s}", m->labels);
	buf_addf(b, " %" PRId64 "\n",
	         atomic_load_explicit(&m->value, memory_order_relaxed));
}

static bool
is_first_of_its_name(const struct metric *m)
{
	list_each(other, &registry, struct metric, link) {
		if (strcmp(other->name, m->name) == 0)
			return other == m;
	}
	return false;
}

void
metric_write(struct buf *b)
{
	pthread_mutex_lock(&registry_lock);
	list_each(m, &registry, struct metric, link) {
		if (!is_first_of_its_name(m))
			continue;
		write_head(m, b);
		list_each(same, &registry, struct metric, link) {
			if (strcmp(same->name, m->name) == 0)
				write_sample(same, b);
		}
	}
	pthread_mutex_unlock(&registry_lock);
}
