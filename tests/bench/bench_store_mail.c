/* SPDX-License-Identifier: ISC
 *
 * bench_store_mail.c - durable messages a second: 10 KB messages, parsed and added to the
 * INBOX of one user a thread, each waited for until durable.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "store/store_deliver.h"
#include "store/store_private.h"
#include "tests/bench/bench_store.h"

#define MESSAGE 10240
#define THREADS_MAX 20
#define USERS 64

struct worker {
	struct store *store;
	const uint64_t *users; /* USERS */
	size_t first;          /* its first user; the next ones are threads apart */
	size_t step;
	size_t n;
};

/* A message that is like no other, of words in base64's density: a body made once, with
 * letters changed in it. */
static void
make_message(struct buf *b, uint64_t *x)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ,";
	bool first = buf_len(b) == 0;

	if (first)
		buf_add_str(b, "From: Ann <ann@example.org>\r\n"
		               "To: Bob <bob@example.org>\r\n"
		               "Subject: a message of ten kilobytes\r\n"
		               "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n");
	while (first && buf_len(b) < MESSAGE) {
		for (int i = 0; i < 72; i++) {
			*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
			buf_add_char(b, digits[*x >> 58]);
		}
		buf_add_str(b, "\r\n");
	}
	for (int i = 0; i < 64; i++) {
		*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
		b->p[MESSAGE - 9000 + i * 128] = digits[*x >> 58];
	}
}

static void *
add_messages(void *arg)
{
	const struct worker *w = arg;
	const struct store_actor who = { .protocol = "bench" };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	uint64_t x = random_u64();

	for (size_t i = 0; i < w->n; i++) {
		size_t user = (w->first + i * w->step) % USERS;
		struct store_delivery d = { .user = w->users[user],
			                    .folder = STORE_ROLE_INBOX };
		struct store_content *content;

		make_message(&b, &x);
		bench_must(store_content_new_mail(w->store, buf_span(&b), &content),
		           "content");
		bench_must(store_deliver(w->store, content, &who, clock_wall_ms(), &d, 1),
		           "deliver");
		store_content_free(content);
	}
	return NULL;
}

static void
run(struct store *s, const uint64_t *users, size_t threads, size_t messages)
{
	struct worker w[THREADS_MAX];
	pthread_t t[THREADS_MAX];
	struct engine_stats before, after;
	uint64_t start;

	engine_stats(s->engine, &before);
	start = clock_mono_us();
	for (size_t i = 0; i < threads; i++) {
		w[i] = (struct worker){ s, users, i, threads, messages / threads };
		pthread_create(&t[i], NULL, add_messages, &w[i]);
	}
	for (size_t i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	double seconds = (double)(clock_mono_us() - start) / 1e6;
	engine_stats(s->engine, &after);
	double n = (double)(messages / threads * threads);
	printf("  %2zu threads  %7.0f messages/s  %6.2f members a commit", threads,
	       n / seconds,
	       (double)(after.members - before.members) /
	               (double)(after.commits - before.commits));
	if (after.round_trips > before.round_trips)
		printf("  %4.1f statements, %4.1f round trips a message",
		       (double)(after.statements - before.statements) / n,
		       (double)(after.round_trips - before.round_trips) / n);
	printf("\n");
}

void
bench_store_mail(const struct bench_store *b, unsigned shards)
{
	uint64_t users[USERS];
	char name[32];

	snprintf(name, sizeof(name), "mail-%u", shards);
	struct store *s = bench_store_open(b, name, shards);
	for (size_t i = 0; i < USERS; i++)
		users[i] = bench_store_user(s, "mail", i);
	double disk = bench_store_disk(b);
	if (b->postgresql)
		printf("PostgreSQL, messages of %d bytes\n", MESSAGE);
	else
		printf("%u shard files, messages of %d bytes\n", shards, MESSAGE);
	run(s, users, 1, b->messages);
	run(s, users, 4, b->messages);
	run(s, users, THREADS_MAX, b->messages);
	printf("  the disk: %.0f and %.0f appends with fdatasync a second, before and after\n",
	       disk, bench_store_disk(b));
	store_close(s);
}
