/* SPDX-License-Identifier: ISC
 *
 * bench_push.h - what the load client's commands share.
 */
#ifndef TESTS_BENCH_BENCH_PUSH_H
#define TESTS_BENCH_BENCH_PUSH_H

#include "tests/bench/load.h"

struct bench_probe;
struct bench_hands;

struct bench {
	struct load load;
	struct load_conf conf;
	struct load_io io;
	struct buf input;
	const char *waits_for; /* the command that waits for the crowd, or NULL */
	bool starting;
	uint64_t begin_us;
	uint64_t most_us; /* when all but one of a hundred waited; 0: not yet */
	struct load_timer patience;
	struct bench_probe *probe;
	struct bench_hands *hands;
};

/* n plain Syncs at rate a second, by devices that do nothing else. */
void bench_probe_run(struct bench *b, unsigned n, double rate);
void bench_probe_on_answer(struct load *l, struct load_client *c, uint64_t at_us);
void bench_probe_free(struct bench *b);

/* n handshakes, parallel of them at once. */
void bench_hands_run(struct bench *b, unsigned n, unsigned parallel);
void bench_hands_free(struct bench *b);

#endif
