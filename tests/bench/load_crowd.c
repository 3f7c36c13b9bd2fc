/* SPDX-License-Identifier: ISC
 *
 * load_crowd.c - all devices of a process: who waits, who is on its way, who comes back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "tests/bench/load.h"

#define FIRST_SOURCE 0x7f010001u /* 127.1.0.1 */
#define PAUSE_MIN_US 250000u
#define PAUSE_DOUBLINGS 6

/* Spreads the kinds over devices and users alike (a full-avalanche hash). */
static uint32_t
mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

static void
init_client(struct load *l, unsigned i)
{
	const struct load_conf *conf = l->conf;
	struct load_client *c = &l->crowd.clients[i];
	uint32_t h = mix(conf->first_device + i);
	*c = (struct load_client){ .number = conf->first_device + i,
		                   .user = i % conf->users };
	c->kind = h % 100 < conf->idle_percent                        ? LOAD_KIND_IDLE
	          : h % 100 < conf->idle_percent + conf->sync_percent ? LOAD_KIND_SYNC
	                                                              : LOAD_KIND_PING;
	c->use_h2 = c->kind != LOAD_KIND_IDLE && h / 100 % 100 < conf->h2_percent;
	load_conn_init(&c->conn, l, NULL, c);
	buf_init(&c->h2.body, 0);
	c->next_of_user = l->crowd.first_of_user[c->user];
	l->crowd.first_of_user[c->user] = i + 1;
}

uint32_t
load_client_source(const struct load_client *c)
{
	return FIRST_SOURCE + c->number / c->conn.load->conf->per_source;
}

/* -- on the way -- */

static void
enqueue(struct load_crowd *w, uint32_t i)
{
	w->queue[(w->queue_at + w->queued++) % w->max] = i;
}

static void
start_some(struct load *l)
{
	struct load_crowd *w = &l->crowd;
	/* A device that cannot even begin is lost at once, and comes here again. */
	if (w->starting)
		return;
	w->starting = true;
	while (w->queued > 0 && w->trying < w->parallel) {
		struct load_client *c = &w->clients[w->queue[w->queue_at]];
		w->queue_at = (w->queue_at + 1) % w->max;
		w->queued--;
		w->trying++;
		c->trying = true;
		c->waits = c->parked = false;
		if (c->kind == LOAD_KIND_IDLE)
			load_desktop_open(c);
		else
			load_phone_open(c);
	}
	w->starting = false;
}

static void
try_again(void *arg)
{
	struct load_client *c = arg;
	struct load *l = c->conn.load;
	if (c->probe) {
		load_phone_open(c);
		return;
	}
	enqueue(&l->crowd, (uint32_t)(c - l->crowd.clients));
	start_some(l);
}

static void
note(struct load_crowd *w, const char *why, bool waited)
{
	char text[sizeof(w->reasons[0].text)];
	snprintf(text, sizeof(text), "%s%s", waited ? "while waiting: " : "", why);
	for (size_t i = 0; i < w->n_reasons; i++) {
		if (strcmp(w->reasons[i].text, text) == 0) {
			w->reasons[i].n++;
			return;
		}
	}
	if (w->n_reasons == ARRAY_LEN(w->reasons))
		return;
	memcpy(w->reasons[w->n_reasons].text, text, sizeof(text));
	w->reasons[w->n_reasons++].n = 1;
}

/* Takes it out of the counts; the connection is closed already. */
static void
take_out(struct load_crowd *w, struct load_client *c)
{
	if (c->waits)
		w->waiting--;
	if (c->trying)
		w->trying--;
	c->waits = c->trying = c->parked = false;
}

void
load_client_lost(struct load_client *c, const char *why)
{
	struct load *l = c->conn.load;
	/* Doubling, with jitter, as clients do. */
	uint64_t pause = (uint64_t)PAUSE_MIN_US << c->failures;
	uint64_t now = clock_mono_us();
	uint64_t wish = c->not_before_us > now ? c->not_before_us - now : 0;
	l->crowd.lost++;
	note(&l->crowd, why, c->waits);
	load_conn_cut(&c->conn);
	take_out(&l->crowd, c);
	c->timer.fn = try_again;
	c->timer.arg = c;
	pause = pause / 2 + random_below(pause);
	load_timer_set(&l->loop, &c->timer, pause > wish ? pause : wish);
	if (c->failures < PAUSE_DOUBLINGS)
		c->failures++;
	start_some(l);
	l->on_change(l);
}

void
load_client_put_off(struct load_client *c, unsigned s, load_timer_fn *again)
{
	struct load *l = c->conn.load;
	uint64_t pause = s * 1000000ull + random_below(1000000);
	l->crowd.put_off++;
	c->not_before_us = clock_mono_us() + pause;
	c->timer.fn = again;
	c->timer.arg = c;
	load_timer_set(&l->loop, &c->timer, pause);
	/* Its turn is another's meanwhile. */
	if (c->trying) {
		c->trying = false;
		l->crowd.trying--;
		start_some(l);
	}
}

void
load_client_waits(struct load_client *c)
{
	struct load *l = c->conn.load;
	c->waits = true;
	c->failures = 0;
	c->not_before_us = 0;
	if (c->probe) {
		l->on_probe(l, c, 0);
		return;
	}
	if (c->trying)
		l->crowd.trying--;
	c->trying = false;
	l->crowd.waiting++;
	start_some(l);
	l->on_change(l);
}

void
load_client_woken(struct load_client *c, uint64_t at_us)
{
	struct load *l = c->conn.load;
	l->crowd.wakes++;
	if (l->mail)
		load_mail_woken(l->mail, c, at_us);
}

void
load_client_probed(struct load_client *c, uint64_t at_us)
{
	c->conn.load->on_probe(c->conn.load, c, at_us);
}

/* -- as a whole -- */

void
load_crowd_init(struct load *l)
{
	struct load_crowd *w = &l->crowd;
	w->max = l->conf->devices;
	w->clients = xcalloc(w->max, sizeof(*w->clients));
	w->queue = xcalloc(w->max, sizeof(*w->queue));
	w->first_of_user = xcalloc(l->conf->users, sizeof(*w->first_of_user));
}

void
load_crowd_done(struct load *l)
{
	for (unsigned i = 0; i < l->crowd.want; i++) {
		load_h2_done(&l->crowd.clients[i].h2);
		load_conn_done(&l->crowd.clients[i].conn);
	}
	free(l->crowd.clients);
	free(l->crowd.queue);
	free(l->crowd.first_of_user);
}

void
load_crowd_grow(struct load *l, unsigned n, unsigned parallel)
{
	struct load_crowd *w = &l->crowd;
	w->parallel = parallel;
	while (w->want < n && w->want < w->max) {
		init_client(l, w->want);
		enqueue(w, w->want++);
	}
	start_some(l);
	l->on_change(l);
}

void
load_crowd_cut(struct load *l, unsigned n, unsigned parallel)
{
	struct load_crowd *w = &l->crowd;
	w->parallel = parallel;
	/* All are gone before the first comes back. */
	for (unsigned i = 0; i < w->want && n > 0; i++) {
		struct load_client *c = &w->clients[i];
		if (!c->waits)
			continue;
		load_timer_clear(&l->loop, &c->timer);
		load_conn_cut(&c->conn);
		take_out(w, c);
		enqueue(w, i);
		n--;
	}
	start_some(l);
	l->on_change(l);
}

void
load_crowd_print(const struct load *l)
{
	const struct load_crowd *w = &l->crowd;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_addf(&b,
	         "\"want\":%u,\"waiting\":%u,\"trying\":%u,\"lost\":%u,\"beats\":%" PRIu64
	         ",\"wakes\":%" PRIu64 ",\"put_off\":%" PRIu64 ",\"reasons\":{",
	         w->want, w->waiting, w->trying, w->lost, w->beats, w->wakes, w->put_off);
	for (size_t i = 0; i < w->n_reasons; i++) {
		if (i)
			buf_add_char(&b, ',');
		buf_add_json(&b, span_str(w->reasons[i].text));
		buf_addf(&b, ":%u", w->reasons[i].n);
	}
	buf_add_char(&b, '}');
	printf("%.*s", SPAN_FMT(buf_span(&b)));
}
