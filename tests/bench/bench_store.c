/* SPDX-License-Identifier: ISC
 *
 * bench_store.c - what the store does with the disk it has.
 *
 * bench_store [-d folder] [-n messages] [-w window_ms] [-s 1,4,16] [-i
 * 1000,100000,1000000]
 *             [-p conninfo]
 *
 * -s: durable messages a second with group commit on so many shard files, beside what the
 * disk makes durable a second in the same run; -i: the cost of one change query in
 * mailboxes of so many items. "-s 0" or "-i 0" leaves that part out. -p: on PostgreSQL,
 * in an empty database; shard files mean nothing there. tests/bench/store runs both.
 */
#include "tests/bench/bench_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_directory.h"

#define WRITE 10240

void
bench_must(enum rc rc, const char *what)
{
	if (rc) {
		fprintf(stderr, "bench_store: %s: %s\n", what, rc_str(rc));
		exit(1);
	}
}

struct store *
bench_store_open(const struct bench_store *b, const char *name, unsigned shards)
{
	char *path = xasprintf("%s/%s", b->folder, name);
	struct store_conf conf = {
		.directory = path,
		.shards = shards,
		.group_window_ms = b->window_ms,
		.inline_max = 32768,
		.message_max = 10485760,
		.retention_ms = 86400000,
		.readers = 4,
		.postgresql = (char *)(b->postgresql ? b->postgresql : ""),
		.postgresql_connections = 20,
		.engine = b->postgresql ? STORE_ENGINE_POSTGRESQL : STORE_ENGINE_SQLITE,
	};
	struct err err = { "" };
	struct store *s;

	(void)mkdir(path, 0700);
	if (store_open(&conf, &s, &err)) {
		fprintf(stderr, "bench_store: %s\n", err.text);
		exit(1);
	}
	free(path);
	return s;
}

uint64_t
bench_store_user(struct store *s, const char *name, size_t n)
{
	char *address = xasprintf("%s%zu@bench.test", name, n);
	enum rc rc = store_domain_add(s, SPAN("bench.test"));
	uint64_t id;

	if (rc != RC_EXISTS)
		bench_must(rc, "domain");
	bench_must(store_user_add(s, span_str(address), SPAN(""), SPAN(""), &id),
	           address);
	free(address);
	return id;
}

double
bench_store_disk(const struct bench_store *b)
{
	char *path = xasprintf("%s/raw", b->folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char *page = xcalloc(1, WRITE);
	uint64_t start = clock_mono_us();
	uint64_t end;
	size_t n = 0;

	if (fd < 0)
		bench_must(RC_IO, path);
	for (end = start; end - start < 1000000; end = clock_mono_us()) {
		if (write(fd, page, WRITE) != WRITE || fdatasync(fd) != 0)
			bench_must(RC_IO, "fdatasync");
		n++;
	}
	close(fd);
	unlink(path);
	free(path);
	free(page);
	return (double)n * 1e6 / (double)(end - start);
}

/* The next number of "1,4,16"; false at the end or when it is none. */
static bool
next_number(struct span *rest, uint32_t *ret)
{
	struct span word;

	return span_cut(rest, ',', &word) && parse_u32(word, 100000000, ret) == RC_OK &&
	       *ret > 0;
}

static void
run(const struct bench_store *b, const char *shards, const char *items)
{
	struct span rest = span_str(shards);
	uint32_t n;

	if (b->postgresql)
		rest = SPAN("1");
	while (next_number(&rest, &n))
		bench_store_mail(b, n);
	rest = span_str(items);
	if (span_is(rest, "0"))
		return;
	struct store *s = bench_store_open(b, "changes", 16);
	while (next_number(&rest, &n))
		bench_store_changes(b, s, n);
	store_close(s);
}

int
main(int argc, char **argv)
{
	struct bench_store b = { .messages = 4000, .window_ms = 2 };
	const char *shards = "1,4,16";
	const char *items = "1000,100000,1000000";
	char made[] = "./bench-store-XXXXXX";
	uint32_t n;
	int c;

	while ((c = getopt(argc, argv, "d:n:w:s:i:p:")) != -1) {
		if (c == 'd') {
			b.folder = optarg;
		} else if (c == 'n') {
			bench_must(parse_u32(span_str(optarg), 10000000, &n), "-n");
			b.messages = n;
		} else if (c == 'w') {
			bench_must(parse_u32(span_str(optarg), 1000, &n), "-w");
			b.window_ms = n;
		} else if (c == 's') {
			shards = optarg;
		} else if (c == 'i') {
			items = optarg;
		} else if (c == 'p') {
			b.postgresql = optarg;
		} else {
			return 64;
		}
	}
	if (!b.folder && !(b.folder = mkdtemp(made)))
		bench_must(RC_IO, "a folder here");
	setvbuf(stdout, NULL, _IOLBF, 0);
	run(&b, span_is(span_str(shards), "0") ? "" : shards, items);
	printf("left in %s\n", b.folder);
	return 0;
}
