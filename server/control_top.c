/* SPDX-License-Identifier: ISC
 *
 * control_top.c - who waits, and the counters that rates and latencies are made of.
 *
 * Rows: "value KEY NUMBER" and "hist KEY COUNT..." are cumulative, so that the asker
 * makes rates of two answers and nothing is kept for him; "node ..." and "waiter ..." are
 * what is there now. Waiters are the first few in the order that was asked for.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "push/push_list.h"
#include "server/control_private.h"
#include "store/store_collection.h"
#include "store/store_device.h"
#include "store/store_directory.h"
#include "store/store_node.h"
#include "store/store_queue.h"

#define LIMIT 20
#define FOLDERS_SHOWN 4

static void
value(struct control_request *r, const char *key, int64_t v)
{
	buf_addf(&r->out, "value\t%s\t%" PRId64 "\n", key, v);
}

static void
write_process(struct control_request *r)
{
	struct rusage u;
	char text[128];
	value(r, "now_us", (int64_t)clock_mono_us());
	value(r, "wall_ms", clock_wall_ms());
	if (getrusage(RUSAGE_SELF, &u) == 0)
		value(r, "cpu_us",
		      (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) +
		              u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	/* Pages: all, and those in memory. Sharing is not looked at: that takes long. */
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	struct span line = span_of(text, n > 0 ? (size_t)n : 0), word;
	uint64_t pages;
	if (span_cut(&line, ' ', &word) && span_cut(&line, ' ', &word) &&
	    parse_u64(word, UINT64_MAX, &pages) == RC_OK)
		value(r, "memory_bytes", (int64_t)pages * sysconf(_SC_PAGESIZE));
}

/* What server_status() says of itself. */
static void
write_status(struct control_request *r)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	server_status(r->server, &text);
	struct span rest = buf_span(&text), line;
	while (span_cut(&rest, '\n', &line))
		if (line.n)
			buf_addf(&r->out, "value\t%.*s\n", SPAN_FMT(line));
}

static void
write_metrics(struct control_request *r)
{
	static const struct {
		const char *key;
		const char *name;
		const char *labels;
	} wanted[] = {
		{ "delivered", "godwit_smtp_delivered_local_total", NULL },
		{ "accepted", "godwit_smtp_accepted_total", NULL },
		{ "sent", "godwit_smtp_sent_total", NULL },
		{ "sync", "godwit_activesync_commands_total", "command=\"Sync\"" },
		{ "ping", "godwit_activesync_commands_total", "command=\"Ping\"" },
		{ "http", "godwit_http_requests_total", NULL },
		{ "imap", "godwit_imap_commands_total", NULL },
		{ "commits", "godwit_store_commits_total", NULL },
		{ "bulk", "godwit_jobs_bulk_total", NULL },
		{ "wake", "godwit_push_wake_seconds", NULL },
		{ "answer_ping", "godwit_push_answer_seconds", "kind=\"ping\"" },
		{ "answer_sync", "godwit_push_answer_seconds", "kind=\"sync\"" },
		{ "answer_idle", "godwit_push_answer_seconds", "kind=\"idle\"" },
		{ "accept", "godwit_smtp_message_duration_seconds", NULL },
		{ "command", "godwit_activesync_command_seconds", NULL },
		{ "worker", "godwit_jobs_wait_seconds", NULL },
		{ "commit", "godwit_store_commit_seconds", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct metric *m = metric_find(wanted[i].name, wanted[i].labels);
		uint64_t counts[METRIC_BUCKETS];
		if (!m)
			continue;
		if (m->type != METRIC_TYPE_HISTOGRAM) {
			value(r, wanted[i].key, metric_value(m));
			continue;
		}
		metric_counts(m, counts);
		buf_addf(&r->out, "hist\t%s\t", wanted[i].key);
		for (size_t k = 0; k < METRIC_BUCKETS; k++)
			buf_addf(&r->out, "%s%" PRIu64, k ? " " : "", counts[k]);
		control_end_row(r);
	}
}

static enum rc
write_nodes(struct control_request *r)
{
	struct store_node *nodes;
	size_t n;
	enum rc rc = store_node_list(control_store(r), r->arena, &nodes, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		buf_add_str(&r->out, "node\t");
		control_cell(r, nodes[i].name);
		buf_addf(&r->out, "\t%s\n", store_node_state_str(nodes[i].state));
	}
	return rc;
}

static enum rc
write_queue(struct control_request *r)
{
	uint64_t waiting = 0, held = 0;
	enum rc rc = store_queue_count(control_store(r), &waiting, &held);
	if (rc == RC_OK) {
		value(r, "queue", (int64_t)waiting);
		value(r, "queue_held", (int64_t)held);
	}
	return rc;
}

/* Names of the folders that are waited for, without the tree. */
static void
write_folders(struct control_request *r, struct store_tx *tx, const struct push_waiter *w)
{
	unsigned shown = 0, all = 0;
	uint32_t known = w->n_collections < PUSH_LIST_FOLDERS ? w->n_collections
	                                                      : PUSH_LIST_FOLDERS;
	if (w->n_collections == 0) {
		buf_add_str(&r->out, "all");
		return;
	}
	for (uint32_t i = 0; i < known; i++) {
		struct store_collection c;
		if (w->collections[i] == 0)
			continue;
		all++;
		if (shown == FOLDERS_SHOWN ||
		    store_collection_load(tx, w->collections[i], r->arena, &c) != RC_OK)
			continue;
		if (shown++)
			buf_add_char(&r->out, ',');
		control_cell(r, c.name);
	}
	all += w->n_collections - known;
	if (all > shown)
		buf_addf(&r->out, "%s+%u", shown ? "," : "", all - shown);
	else if (!all)
		buf_add_char(&r->out, '-');
}

static void
write_waiter(struct control_request *r, const struct push_waiter *w)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_user user = { .address = SPAN("?") };
	struct store_device device = { .id = SPAN("-"), .type = SPAN("-") };
	if (store_user_load(control_store(r), w->user, r->arena, &user) != RC_OK ||
	    store_read(control_store(r), w->user, &tx) != RC_OK)
		return; /* removed meanwhile */
	if (w->device && store_device_load(tx, w->device, r->arena, &device) != RC_OK)
		device = (struct store_device){ .id = SPAN("?"), .type = SPAN("?") };
	buf_addf(&r->out, "waiter\t%s\t", push_kind_str(w->kind));
	control_cell(r, user.address);
	control_tab(r);
	control_cell(r, device.id);
	control_tab(r);
	control_cell(r, device.type.n ? device.type : SPAN("-"));
	buf_addf(&r->out, "\t%" PRIu64 "\t%" PRIu64 "\t", w->age_ms, w->left_ms);
	write_folders(r, tx, w);
	control_end_row(r);
}

static bool
read_order(struct span word, enum push_order *ret)
{
	if (span_is(word, "oldest"))
		*ret = PUSH_ORDER_OLDEST;
	else if (span_is(word, "youngest"))
		*ret = PUSH_ORDER_YOUNGEST;
	else if (span_is(word, "left"))
		*ret = PUSH_ORDER_LEFT;
	else
		return false;
	return true;
}

static void
write_waiters(struct control_request *r, enum push_order order, size_t limit)
{
	struct push_waiter *list = arena_array(r->arena, limit, struct push_waiter);
	size_t kinds[PUSH_KINDS];
	size_t n = push_list(server_push(r->server), order, list, limit, kinds);
	for (size_t i = 0; i < PUSH_KINDS; i++)
		buf_addf(&r->out, "value\twaiting_%s\t%zu\n",
		         push_kind_str((enum push_kind)i), kinds[i]);
	for (size_t i = 0; i < n; i++)
		write_waiter(r, &list[i]);
}

/* top [LIMIT [oldest|youngest|left]] */
enum rc
control_top(struct control_request *r, const struct span *args, size_t n)
{
	enum push_order order = PUSH_ORDER_OLDEST;
	uint32_t limit = LIMIT;
	if (n > 0 && parse_u32(args[0], PUSH_LIST_MAX, &limit) != RC_OK)
		return err_set(&r->err, RC_INVALID, "a list has 0 to %d rows",
		               PUSH_LIST_MAX);
	if (n > 1 && !read_order(args[1], &order))
		return err_set(&r->err, RC_INVALID,
		               "the order is oldest, youngest or left");
	write_process(r);
	write_status(r);
	write_metrics(r);
	enum rc rc = write_queue(r);
	if (rc == RC_OK)
		rc = write_nodes(r);
	if (rc == RC_OK)
		write_waiters(r, order, limit);
	return rc;
}
