/* SPDX-License-Identifier: ISC
 *
 * bench_store_changes.c - the cost of one change query in mailboxes of several sizes.
 *
 * Ten items of the mailbox changed since the cursor: six have other flags, two came, two
 * went. Asked again and again, each time in a read transaction of its own, as a Sync
 * does.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "store/store_change.h"
#include "store/store_private.h"
#include "tests/bench/bench_store.h"

#define ADDS_A_TRANSACTION 2000
#define FLAGGED 6
#define ADDED 2
#define EXPUNGED 2
#define QUERIES 2000

static const struct store_actor bench = { .protocol = "bench" };

static uint32_t
inbox_of(struct store *s, uint64_t user)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_collection c;

	bench_must(store_read(s, user, &tx), "read");
	bench_must(store_collection_find_role(tx, STORE_ROLE_INBOX, a, &c), "inbox");
	return c.id;
}

static void
fill(struct store *s, uint64_t user, uint32_t inbox, const struct store_content *content,
     size_t items)
{
	for (size_t done = 0; done < items;) {
		AUTO(store_tx)
		struct store_tx *tx = NULL;
		struct store_item_new item = { 0 };
		uint32_t uid;

		bench_must(store_write(s, user, &bench, &tx), "write");
		for (size_t i = 0; i < ADDS_A_TRANSACTION && done < items; i++, done++) {
			item.received_ms =
				clock_wall_ms() - (int64_t)(items - done) * 1000;
			bench_must(store_item_add(tx, inbox, content, &item, &uid, NULL),
			           "add");
		}
		bench_must(store_commit(&tx), "commit");
	}
}

/* Returns the modseq before the changes. */
static uint64_t
change_ten(struct store *s, uint64_t user, uint32_t inbox,
           const struct store_content *content, size_t items)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct store_item_change flag = { .flags_on = STORE_FLAG_SEEN };
	const struct store_item_new item = { .received_ms = clock_wall_ms() };
	uint64_t before, modseq;
	uint32_t uid;

	bench_must(store_write(s, user, &bench, &tx), "write");
	before = store_tx_modseq(tx);
	/* Spread over the mailbox, no two the same. */
	for (uint32_t i = 0; i < FLAGGED + EXPUNGED; i++) {
		uint32_t at = (uint32_t)(items / (FLAGGED + EXPUNGED) * i) + 1;

		if (i < FLAGGED)
			bench_must(store_item_update(tx, inbox, at, &flag, &modseq),
			           "flag");
		else
			bench_must(store_item_expunge(tx, inbox, at), "expunge");
	}
	for (int i = 0; i < ADDED; i++)
		bench_must(store_item_add(tx, inbox, content, &item, &uid, NULL), "add");
	bench_must(store_commit(&tx), "commit");
	return before;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* since 0: is there anything new? There is not. */
static void
ask(struct store *s, uint64_t user, uint32_t inbox, uint64_t since)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_change_query q = { .collection = inbox, .since = since };
	struct store_change *changes;
	uint64_t next;
	size_t n;
	bool more;

	bench_must(store_read(s, user, &tx), "read");
	if (since) {
		bench_must(store_changes(tx, &q, a, &changes, &n, &next, &more),
		           "changes");
		if (n != FLAGGED + ADDED + EXPUNGED || more)
			bench_must(RC_CONFLICT, "not ten changes");
		return;
	}
	q.since = store_tx_modseq(tx);
	bench_must(store_has_changes(tx, &q, &more), "has changes");
	if (more)
		bench_must(RC_CONFLICT, "changes out of nothing");
}

static void
measure(struct store *s, uint64_t user, uint32_t inbox, uint64_t since, const char *what)
{
	struct engine_stats before, after;
	uint64_t *us = xcalloc(QUERIES, sizeof(*us));

	engine_stats(s->engine, &before);
	for (size_t i = 0; i < QUERIES; i++) {
		uint64_t start = clock_mono_us();

		ask(s, user, inbox, since);
		us[i] = clock_mono_us() - start;
	}
	engine_stats(s->engine, &after);
	qsort(us, QUERIES, sizeof(*us), compare);
	printf("  %-22s p50 %5u us  p99 %5u us", what, (unsigned)us[QUERIES / 2],
	       (unsigned)us[QUERIES * 99 / 100]);
	if (after.round_trips > before.round_trips)
		printf("  %.1f statements, %.1f round trips",
		       (double)(after.statements - before.statements) / QUERIES,
		       (double)(after.round_trips - before.round_trips) / QUERIES);
	printf("\n");
	free(us);
}

void
bench_store_changes(const struct bench_store *b, struct store *s, size_t items)
{
	static const char message[] =
		"From: Ann <ann@example.org>\r\nSubject: one of many\r\n"
		"\r\nText.\r\n";
	uint64_t user = bench_store_user(s, "changes", items);
	uint32_t inbox = inbox_of(s, user);
	struct store_content *content;
	uint64_t start = clock_mono_us();

	bench_must(store_content_new_mail(s, span_str(message), &content), "content");
	fill(s, user, inbox, content, items);
	printf("%s, a mailbox of %zu items (filled in %.1f s)\n",
	       b->postgresql ? "PostgreSQL" : "SQLite", items,
	       (double)(clock_mono_us() - start) / 1e6);
	uint64_t since = change_ten(s, user, inbox, content, items);
	measure(s, user, inbox, since, "ten changes");
	measure(s, user, inbox, 0, "is there anything new");
	store_content_free(content);
}
