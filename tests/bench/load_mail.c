/* SPDX-License-Identifier: ISC
 *
 * load_mail.c - mail at an even rate, and the time until each device that waits is told.
 *
 * Every message goes to the user of a device drawn at random, of whom all devices wait at
 * that moment; each of them must be told once. Times are from the 250 and from the
 * final dot.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "tests/bench/load.h"

#define PATIENCE_US 30000000u
#define DRAWS 100
#define DEVICES_OF_USER 16 /* told of one message */

struct wake {
	uint64_t at_us;
	enum load_kind kind;
};

struct delivery {
	uint32_t number; /* from 1; 0: not in use */
	uint32_t user;
	uint64_t sent_us;
	uint64_t accepted_us; /* 0: no 250 yet */
	unsigned left;        /* devices that were not told yet */
	unsigned n;
	struct wake wakes[DEVICES_OF_USER];
};

struct load_mail {
	struct load *load;
	struct load_sender *senders;
	unsigned ready; /* senders that said EHLO */
	struct delivery *deliveries;
	unsigned n;
	unsigned sent;
	unsigned open;
	unsigned first_open;
	double rate;
	uint64_t begin_us;
	uint64_t end_us;
	struct load_timer tick;
	struct load_timer check;
	struct delivery **of_user; /* what is on its way to each user */
	unsigned missing, twice, stray, late, undrawn;
	struct load_sample accept;
	struct load_sample after_250[LOAD_KINDS];
	struct load_sample after_dot[LOAD_KINDS];
	bool runs;
};

static const char *const kinds[] = {
#define X(name, text) text,
	LOAD_KIND_LIST(X)
#undef X
};

static void pump(struct load_mail *m);

/* -- results -- */

static void
print(struct load_mail *m)
{
	printf("{\"mail\":{\"sent\":%u,\"seconds\":%.3f,\"missing\":%u,\"twice\":%u,"
	       "\"stray\":%u,\"late\":%u,\"undrawn\":%u",
	       m->sent, (double)(m->end_us - m->begin_us) / 1e6, m->missing, m->twice,
	       m->stray, m->late, m->undrawn);
	load_sample_print("accept", &m->accept);
	for (size_t i = 0; i < LOAD_KINDS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s_after_250", kinds[i]);
		load_sample_print(name, &m->after_250[i]);
		snprintf(name, sizeof(name), "%s_after_dot", kinds[i]);
		load_sample_print(name, &m->after_dot[i]);
	}
	printf("}}\n");
	fflush(stdout);
}

static void
finish(void *arg)
{
	struct load_mail *m = arg;
	m->runs = false;
	load_timer_clear(&m->load->loop, &m->check);
	for (unsigned i = 0; i < m->load->conf->senders; i++)
		load_sender_done(&m->senders[i]);
	print(m);
	free(m->deliveries);
	m->deliveries = NULL;
}

static void
close_delivery(struct load_mail *m, struct delivery *d)
{
	for (unsigned i = 0; i < d->n && d->accepted_us; i++) {
		const struct wake *w = &d->wakes[i];
		load_sample_add(&m->after_250[w->kind],
		                (int64_t)(w->at_us - d->accepted_us));
		load_sample_add(&m->after_dot[w->kind], (int64_t)(w->at_us - d->sent_us));
	}
	m->of_user[d->user] = NULL;
	d->number = 0;
	if (--m->open == 0 && m->sent == m->n) {
		/* Not from here: a sender may be on the stack. */
		m->end_us = clock_mono_us();
		m->tick.fn = finish;
		load_timer_set(&m->load->loop, &m->tick, 0);
	}
}

static void
try_close(struct load_mail *m, struct delivery *d)
{
	if (d->accepted_us && d->left == 0)
		close_delivery(m, d);
}

void
load_mail_woken(struct load_mail *m, struct load_client *c, uint64_t at_us)
{
	struct delivery *d = m->runs ? m->of_user[c->user] : NULL;
	if (!d) {
		m->stray++;
		return;
	}
	if (c->mail == d->number) {
		m->twice++;
		return;
	}
	c->mail = d->number;
	if (d->n < DEVICES_OF_USER)
		d->wakes[d->n++] = (struct wake){ at_us, c->kind };
	if (d->left > 0)
		d->left--;
	try_close(m, d);
}

static void
on_check(void *arg)
{
	struct load_mail *m = arg;
	uint64_t now = clock_mono_us();
	load_timer_set(&m->load->loop, &m->check, 1000000);
	while (m->first_open < m->sent) {
		struct delivery *d = &m->deliveries[m->first_open];
		if (d->number && now - d->sent_us < PATIENCE_US)
			return;
		m->first_open++;
		if (!d->number)
			continue;
		m->missing += d->left ? d->left : 1;
		close_delivery(m, d);
	}
}

/* -- sending -- */

/* How many devices of the user wait; 0 when one of them does not at this moment. */
static unsigned
parked_devices(const struct load_mail *m, uint32_t user)
{
	const struct load_crowd *w = &m->load->crowd;
	unsigned n = 0;
	for (uint32_t i = w->first_of_user[user]; i; i = w->clients[i - 1].next_of_user) {
		if (!w->clients[i - 1].parked)
			return 0;
		n++;
	}
	return n;
}

static void
send_one(struct load_mail *m, struct load_sender *s)
{
	const struct load_crowd *w = &m->load->crowd;
	struct delivery *d = &m->deliveries[m->sent];
	uint32_t user = 0;
	unsigned devices = 0;
	for (int i = 0; i < DRAWS && devices == 0; i++) {
		user = w->clients[random_below(w->want)].user;
		if (!m->of_user[user])
			devices = parked_devices(m, user);
	}
	if (devices == 0)
		m->undrawn++;
	m->sent++;
	m->open++;
	*d = (struct delivery){ .number = m->sent, .user = user, .left = devices };
	if (devices)
		m->of_user[user] = d;
	s->mail = m->sent - 1;
	load_sender_send(s, user);
	d->sent_us = clock_mono_us();
}

static void
pump(struct load_mail *m)
{
	uint64_t now = clock_mono_us();
	while (m->sent < m->n) {
		uint64_t due = m->begin_us + (uint64_t)(m->sent * 1e6 / m->rate);
		struct load_sender *s = NULL;
		if (due > now) {
			load_timer_set(&m->load->loop, &m->tick, due - now);
			return;
		}
		for (unsigned i = 0; i < m->load->conf->senders && !s; i++) {
			if (m->senders[i].idle)
				s = &m->senders[i];
		}
		if (!s) /* the next 250 comes here again */
			return;
		if (now - due > 5000)
			m->late++;
		send_one(m, s);
	}
}

static void
on_tick(void *arg)
{
	pump(arg);
}

static void
on_sender(struct load_sender *s, uint64_t at_us)
{
	struct load_mail *m = s->load->mail;
	if (m->ready < m->load->conf->senders) {
		if (++m->ready == m->load->conf->senders) {
			m->begin_us = clock_mono_us();
			pump(m);
		}
		return;
	}
	struct delivery *d = &m->deliveries[s->mail];
	load_sample_add(&m->accept, (int64_t)(at_us - d->sent_us));
	d->accepted_us = at_us;
	if (d->number)
		try_close(m, d);
	if (m->sent < m->n)
		pump(m);
}

void
load_mail_run(struct load_mail *m, unsigned n, double rate)
{
	if (n == 0 || m->runs || m->load->crowd.want == 0) {
		printf("{\"error\":\"nothing to send to\"}\n");
		fflush(stdout);
		return;
	}
	m->deliveries = xcalloc(n, sizeof(*m->deliveries));
	m->n = n;
	m->rate = rate;
	m->sent = m->open = m->first_open = m->ready = 0;
	m->missing = m->twice = m->stray = m->late = m->undrawn = 0;
	m->runs = true;
	m->tick = (struct load_timer){ .fn = on_tick, .arg = m };
	m->check = (struct load_timer){ .fn = on_check, .arg = m };
	for (unsigned i = 0; i < m->load->crowd.want; i++)
		m->load->crowd.clients[i].mail = 0;
	load_timer_set(&m->load->loop, &m->check, 1000000);
	for (unsigned i = 0; i < m->load->conf->senders; i++)
		load_sender_open(&m->senders[i], m->load, on_sender);
}

struct load_mail *
load_mail_new(struct load *l)
{
	struct load_mail *m = xcalloc(1, sizeof(*m));
	m->load = l;
	m->senders = xcalloc(l->conf->senders, sizeof(*m->senders));
	m->of_user = xcalloc(l->conf->users, sizeof(struct delivery *));
	return m;
}

void
load_mail_free(struct load_mail *m)
{
	if (m->runs) {
		for (unsigned i = 0; i < m->load->conf->senders; i++)
			load_sender_done(&m->senders[i]);
	}
	free(m->deliveries);
	free(m->senders);
	free(m->of_user);
	free(m);
}
