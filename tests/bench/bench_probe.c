/* SPDX-License-Identifier: ISC
 *
 * bench_probe.c - plain Syncs while the others wait: how long does an answer take?
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/bench_push.h"

#define PROBES 16

struct bench_probe {
	struct bench *bench;
	struct load_client clients[PROBES];
	unsigned ready;
	unsigned n;
	unsigned sent;
	unsigned answered;
	unsigned late; /* no probe was free when it was due */
	double rate;
	uint64_t begin_us;
	struct load_timer tick;
	struct load_sample sample;
	bool runs;
};

static void
finish(struct bench_probe *p)
{
	p->runs = false;
	printf("{\"sync\":{\"sent\":%u,\"seconds\":%.3f,\"late\":%u", p->sent,
	       (double)(clock_mono_us() - p->begin_us) / 1e6, p->late);
	load_sample_print("answer", &p->sample);
	printf("}}\n");
	fflush(stdout);
	/* They close: a server lets a silent connection go after some minutes. */
	for (unsigned i = 0; i < PROBES; i++)
		load_conn_cut(&p->clients[i].conn);
}

static void
pump(struct bench_probe *p)
{
	uint64_t now = clock_mono_us();
	while (p->sent < p->n) {
		uint64_t due = p->begin_us + (uint64_t)(p->sent * 1e6 / p->rate);
		struct load_client *c = NULL;
		if (due > now) {
			load_timer_set(&p->bench->load.loop, &p->tick, due - now);
			return;
		}
		for (unsigned i = 0; i < PROBES && !c; i++) {
			if (p->clients[i].parked)
				c = &p->clients[i];
		}
		if (!c)
			return;
		if (now - due > 5000)
			p->late++;
		p->sent++;
		load_phone_sync(c);
	}
}

static void
on_tick(void *arg)
{
	struct bench_probe *p = arg;
	if (p->runs && p->answered == p->n)
		finish(p);
	else
		pump(p);
}

void
bench_probe_on_answer(struct load *l, struct load_client *c, uint64_t at_us)
{
	struct bench_probe *p = container_of(l, struct bench, load)->probe;
	if (at_us == 0) {
		if (++p->ready == PROBES) {
			p->begin_us = clock_mono_us();
			pump(p);
		}
		return;
	}
	load_sample_add(&p->sample, (int64_t)(at_us - c->asked_us));
	if (++p->answered == p->n) /* not from here: the probe is on the stack */
		load_timer_set(&l->loop, &p->tick, 0);
	else
		pump(p);
}

void
bench_probe_run(struct bench *b, unsigned n, double rate)
{
	struct bench_probe *p = b->probe;
	if (!p) {
		p = b->probe = xcalloc(1, sizeof(*p));
		p->bench = b;
		for (unsigned i = 0; i < PROBES; i++) {
			struct load_client *c = &p->clients[i];
			c->number = b->conf.first_device + i;
			c->user = i % b->conf.users;
			c->probe = true;
			load_conn_init(&c->conn, &b->load, NULL, c);
			buf_init(&c->h2.body, 0);
		}
	}
	if (p->runs || n == 0) {
		printf("{\"error\":\"no Syncs to send, or they are being sent\"}\n");
		fflush(stdout);
		return;
	}
	p->runs = true;
	p->n = n;
	p->rate = rate;
	p->ready = p->sent = p->answered = p->late = 0;
	p->tick = (struct load_timer){ .fn = on_tick, .arg = p };
	for (unsigned i = 0; i < PROBES; i++)
		load_phone_open(&p->clients[i]);
}

void
bench_probe_free(struct bench *b)
{
	for (unsigned i = 0; b->probe && i < PROBES; i++) {
		load_h2_done(&b->probe->clients[i].h2);
		load_conn_done(&b->probe->clients[i].conn);
	}
	free(b->probe);
}
