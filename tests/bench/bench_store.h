/* SPDX-License-Identifier: ISC
 *
 * bench_store.h - the parts of bench_store.
 */
#ifndef TESTS_BENCH_BENCH_STORE_H
#define TESTS_BENCH_BENCH_STORE_H

#include "store/store.h"

struct bench_store {
	const char *folder;     /* ours; each store has a folder in it */
	const char *postgresql; /* conninfo of an empty database, or NULL: SQLite */
	size_t messages;        /* of each measurement */
	uint64_t window_ms;
};

/* Ends the program with a sentence unless rc is RC_OK. */
void bench_must(enum rc rc, const char *what);
/* A fresh store; name is its folder's. With PostgreSQL always the one database. */
struct store *
bench_store_open(const struct bench_store *b, const char *name, unsigned shards);
/* "NAME%zu@bench.test" with n in it; the domain is made when it is not there. */
uint64_t bench_store_user(struct store *s, const char *name, size_t n);
/* Writes of 10 KB made durable a second, one after the other, behind one another. */
double bench_store_disk(const struct bench_store *b);

/* Durable messages a second with 1, 4 and 20 threads, on so many shard files. */
void bench_store_mail(const struct bench_store *b, unsigned shards);
/* What one change query costs in a mailbox of so many items, ten of them changed. */
void bench_store_changes(const struct bench_store *b, struct store *s, size_t items);

#endif
