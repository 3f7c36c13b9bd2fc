/* SPDX-License-Identifier: ISC
 *
 * bench_hands.c - TLS handshakes and nothing else: what a storm costs at the least.
 *
 * With TLS 1.3 the server's ticket says that it has finished too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/bench_push.h"

#define FIRST_SOURCE 0x7f400001u /* 127.64.0.1 */

struct hand {
	struct bench_hands *all;
	struct load_conn conn;
};

struct bench_hands {
	struct bench *bench;
	struct hand *hands;
	unsigned parallel;
	unsigned n;
	unsigned begun;
	unsigned open;
	unsigned done;
	unsigned failed;
	uint64_t begin_us;
};

static void
finish(struct bench_hands *h)
{
	printf("{\"hands\":{\"done\":%u,\"failed\":%u,\"seconds\":%.3f}}\n", h->done,
	       h->failed, (double)(clock_mono_us() - h->begin_us) / 1e6);
	fflush(stdout);
	h->n = 0;
}

static void
begin(struct hand *hand)
{
	struct bench_hands *h = hand->all;
	while (h->begun < h->n) {
		uint32_t source =
			FIRST_SOURCE + h->bench->conf.first_device / 50 + h->begun++ / 50;
		if (load_conn_open(&hand->conn, source, h->bench->conf.https, LOAD_TLS)) {
			h->open++;
			return;
		}
		h->failed++;
	}
	if (h->open == 0)
		finish(h);
}

static void
shaken(struct hand *hand, bool well)
{
	struct bench_hands *h = hand->all;
	load_conn_cut(&hand->conn);
	h->open--;
	if (well)
		h->done++;
	else
		h->failed++;
	begin(hand);
}

static void
on_open(void *owner)
{
	struct hand *hand = owner;
	if (SSL_version(hand->conn.ssl) < TLS1_3_VERSION)
		shaken(hand, true);
}

static void
on_ticket(void *owner)
{
	shaken(owner, true);
}

static size_t
on_input(void *owner UNUSED, struct span in)
{
	return in.n;
}

static void
on_end(void *owner, const char *why UNUSED)
{
	shaken(owner, false);
}

static const struct load_conn_ops ops = {
	.on_open = on_open, .on_input = on_input, .on_end = on_end, .on_ticket = on_ticket
};

void
bench_hands_run(struct bench *b, unsigned n, unsigned parallel)
{
	struct bench_hands *h = b->hands;
	if ((h && h->n) || n == 0 || parallel == 0) {
		printf("{\"error\":\"no hands to shake, or they are being shaken\"}\n");
		fflush(stdout);
		return;
	}
	bench_hands_free(b);
	h = b->hands = xcalloc(1, sizeof(*h));
	h->bench = b;
	h->parallel = parallel < n ? parallel : n;
	h->hands = xcalloc(h->parallel, sizeof(*h->hands));
	h->n = n;
	h->begin_us = clock_mono_us();
	for (unsigned i = 0; i < h->parallel; i++) {
		h->hands[i].all = h;
		load_conn_init(&h->hands[i].conn, &b->load, &ops, &h->hands[i]);
	}
	for (unsigned i = 0; i < h->parallel && h->n; i++)
		begin(&h->hands[i]);
}

void
bench_hands_free(struct bench *b)
{
	for (unsigned i = 0; b->hands && i < b->hands->parallel; i++)
		load_conn_done(&b->hands->hands[i].conn);
	if (b->hands)
		free(b->hands->hands);
	free(b->hands);
	b->hands = NULL;
}
