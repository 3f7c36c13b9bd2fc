/* SPDX-License-Identifier: ISC
 *
 * load_sender.c - one SMTP connection that hands in a message when told.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/bench/load.h"

enum sender_step {
	SENDER_GREETING,
	SENDER_HELO,
	SENDER_READY,
	SENDER_ENVELOPE,
	SENDER_DATA
};

static void
say(struct load_sender *s, const char *line)
{
	load_conn_write(&s->conn, span_str(line));
}

static void
fill_message(struct load_sender *s)
{
	char date[64];
	buf_clear(&s->message);
	buf_addf(&s->message,
	         "From: Bench <bench@example.org>\r\nTo: u@bench.test\r\nDate: %s\r\n"
	         "Subject: message %" PRIu64 "\r\nMessage-ID: <%" PRIu64 ".%" PRIu64
	         "@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
	         clock_rfc5322(clock_wall_ms(), date, sizeof(date)), s->count, s->count,
	         clock_mono_us());
	while (s->message.len < s->load->conf->size)
		buf_addf(&s->message,
		         "%08" PRIx64 " the quick brown fox jumps over the dog.\r\n",
		         (uint64_t)s->message.len * 2654435761u + s->count);
	buf_add_str(&s->message, ".\r\n");
	s->count++;
}

static void
on_reply(struct load_sender *s, struct span line)
{
	uint64_t now = clock_mono_us();
	if (line.n > 3 && line.p[3] == '-')
		return;
	if (line.n < 3 || (line.p[0] != '2' && line.p[0] != '3')) {
		fprintf(stderr, "bench: SMTP said %.*s\n", SPAN_FMT(line));
		exit(1);
	}
	switch ((enum sender_step)s->step) {
	case SENDER_GREETING:
		s->step = SENDER_HELO;
		say(s, s->load->conf->lmtp ? "LHLO bench.example.org\r\n"
		                           : "EHLO bench.example.org\r\n");
		return;
	case SENDER_ENVELOPE:
		if (--s->replies > 0)
			return;
		s->step = SENDER_DATA;
		load_conn_write(&s->conn, buf_span(&s->message));
		return;
	case SENDER_HELO:
	case SENDER_DATA:
		s->step = SENDER_READY;
		s->idle = true;
		s->fn(s, now);
		return;
	case SENDER_READY:
		return;
	}
}

static void
on_open(void *owner UNUSED)
{
}

static size_t
on_input(void *owner, struct span in)
{
	size_t end = span_find(in, 0, '\n');
	if (end == in.n)
		return 0;
	on_reply(owner, span_trim(span_sub(in, 0, end)));
	return end + 1;
}

static void
on_end(void *owner UNUSED, const char *why)
{
	fprintf(stderr, "bench: SMTP ended: %s\n", why);
	exit(1);
}

static const struct load_conn_ops ops = { .on_open = on_open,
	                                  .on_input = on_input,
	                                  .on_end = on_end };

void
load_sender_open(struct load_sender *s, struct load *l, load_sent_fn *fn)
{
	*s = (struct load_sender){ .load = l, .fn = fn };
	buf_init(&s->message, 0);
	load_conn_init(&s->conn, l, &ops, s);
	if (!load_conn_open(&s->conn, INADDR_LOOPBACK, l->conf->smtp, LOAD_PLAIN)) {
		perror("bench: SMTP");
		exit(1);
	}
}

void
load_sender_send(struct load_sender *s, unsigned user)
{
	char line[300], to[128];
	load_recipient(s->load, user, to, sizeof(to));
	fill_message(s);
	s->idle = false;
	s->step = SENDER_ENVELOPE;
	s->replies = 3;
	snprintf(line, sizeof(line),
	         "MAIL FROM:<bench@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n", to);
	say(s, line);
}

void
load_sender_done(struct load_sender *s)
{
	load_conn_done(&s->conn);
	buf_done(&s->message);
}
