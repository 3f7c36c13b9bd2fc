/* SPDX-License-Identifier: ISC
 *
 * bench_store.c - durable messages per second, beside what the disk can sync.
 *
 * bench_store [-d directory] [-n messages] [-s shards]: 10 KB messages, parsed and added
 * to the INBOX of one user a thread, each waited for until durable; with 1, 4 and 20
 * threads.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_deliver.h"
#include "store/store_directory.h"
#include "store/store_private.h"

#define MESSAGE 10240
#define USERS 20

static struct store *store;
static uint64_t users[USERS];
static size_t per_thread;

static void
must(enum rc rc, const char *what)
{
	if (rc) {
		fprintf(stderr, "bench_store: %s: %s\n", what, rc_str(rc));
		exit(1);
	}
}

/* A message that is like no other, of words in base64's density: a body made once, with
 * lines changed in it. */
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
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t thread = (size_t)(uintptr_t)arg;
	struct store_actor who = { .protocol = "bench" };
	uint64_t x = random_u64();

	for (size_t i = 0; i < per_thread; i++) {
		struct store_content *content;
		struct store_delivery d = { .user = users[thread % USERS],
			                    .folder = STORE_ROLE_INBOX };

		make_message(&b, &x);
		must(store_content_new_mail(store, buf_span(&b), &content), "content");
		must(store_deliver(store, content, &who, clock_wall_ms(), &d, 1),
		     "deliver");
		store_content_free(content);
	}
	return NULL;
}

static void
run(size_t threads, size_t messages)
{
	struct engine_stats before;
	struct engine_stats after;
	pthread_t t[64];
	uint64_t start;
	double seconds;

	per_thread = messages / threads;
	engine_stats(store->engine, &before);
	start = clock_mono_us();
	for (size_t i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, add_messages, (void *)(uintptr_t)i);
	for (size_t i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	seconds = (double)(clock_mono_us() - start) / 1e6;
	engine_stats(store->engine, &after);
	printf("%2zu threads  %7.0f messages/s  %5.2f members a commit\n", threads,
	       (double)(per_thread * threads) / seconds,
	       (double)(after.members - before.members) /
	               (double)(after.commits - before.commits));
}

static void
measure_disk(const char *directory)
{
	char *path = xasprintf("%s/raw", directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char *page = xcalloc(1, MESSAGE);
	uint64_t start = clock_mono_us();
	size_t n = 0;

	if (fd < 0)
		must(RC_IO, path);
	while (clock_mono_us() - start < 1000000) {
		if (write(fd, page, MESSAGE) != MESSAGE || fdatasync(fd) != 0)
			must(RC_IO, "fdatasync");
		n++;
	}
	printf("disk: append of 10 KB + fdatasync  %7.0f/s\n",
	       (double)n * 1e6 / (double)(clock_mono_us() - start));
	start = clock_mono_us();
	for (n = 0; clock_mono_us() - start < 1000000; n++) {
		if (pwrite(fd, page, MESSAGE, (off_t)(n % 100 * MESSAGE)) != MESSAGE ||
		    fdatasync(fd) != 0)
			must(RC_IO, "fdatasync");
	}
	printf("disk: overwrite of 10 KB + fdatasync  %4.0f/s\n",
	       (double)n * 1e6 / (double)(clock_mono_us() - start));
	close(fd);
	unlink(path);
	free(path);
	free(page);
}

int
main(int argc, char **argv)
{
	struct store_conf conf = {
		.directory = NULL,
		.shards = 16,
		.group_window_ms = 2,
		.inline_max = 32768,
		.message_max = 10485760,
		.retention_ms = 1000,
		.readers = 4,
	};
	char made[] = "./bench-store-XXXXXX";
	struct err err = { "" };
	uint32_t n = 4000;
	uint32_t shards = 16;
	int c;

	while ((c = getopt(argc, argv, "d:n:s:w:")) != -1) {
		uint32_t window = 0;

		if (c == 'd')
			conf.directory = optarg;
		else if (c == 'n')
			must(parse_u32(span_str(optarg), 1000000, &n), "-n");
		else if (c == 's')
			must(parse_u32(span_str(optarg), 256, &shards), "-s");
		else if (c == 'w')
			must(parse_u32(span_str(optarg), 1000, &window), "-w");
		else
			return 2;
		if (c == 'w')
			conf.group_window_ms = window;
	}
	if (!conf.directory)
		conf.directory = mkdtemp(made);
	conf.shards = shards;
	if (store_open(&conf, &store, &err)) {
		fprintf(stderr, "bench_store: %s\n", err.text);
		return 1;
	}
	must(store_domain_add(store, SPAN("example.org")), "domain");
	for (size_t i = 0; i < USERS; i++) {
		char *address = xasprintf("user%zu@example.org", i);

		must(store_user_add(store, span_str(address), SPAN(""), SPAN(""),
		                    &users[i]),
		     "user");
		free(address);
	}
	measure_disk(conf.directory);
	printf("store: %" PRId64 " shards, 10 KB messages\n", conf.shards);
	run(1, n);
	run(4, n);
	run(20, n);
	store_close(store);
	printf("left in %s\n", conf.directory);
	return 0;
}
