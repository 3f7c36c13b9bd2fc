/* SPDX-License-Identifier: ISC
 *
 * load_sender.c - one SMTP connection that hands in a message when told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/load.h"

enum sender_state {
	SENDER_GREETING,
	SENDER_HELO,
	SENDER_READY,
	SENDER_ENVELOPE,
	SENDER_DATA
};

struct load_sender {
	struct load *load;
	struct stream *stream;
	enum sender_state state;
	int replies; /* still to come of a pipelined group */
	load_sent_fn *fn;
	void *arg;
	struct buf message;
	uint64_t count;
};

static void
say(struct load_sender *s, const char *line)
{
	stream_write(s->stream, span_str(line));
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
	switch (s->state) {
	case SENDER_GREETING:
		s->state = SENDER_HELO;
		say(s, "EHLO bench.example.org\r\n");
		return;
	case SENDER_HELO:
		s->state = SENDER_READY;
		s->fn(s->arg, now);
		return;
	case SENDER_ENVELOPE:
		if (--s->replies > 0)
			return;
		s->state = SENDER_DATA;
		stream_write(s->stream, buf_span(&s->message));
		return;
	case SENDER_DATA:
		s->state = SENDER_READY;
		s->fn(s->arg, now);
		return;
	case SENDER_READY:
		return;
	}
}

static void
on_input(void *owner)
{
	struct load_sender *s = owner;
	for (;;) {
		struct span in = stream_input(s->stream);
		size_t end = span_find(in, 0, '\n');
		if (end == in.n)
			return;
		char line[1024];
		size_t n = end < sizeof(line) ? end : sizeof(line) - 1;
		memcpy(line, in.p, n);
		stream_consume(s->stream, end + 1);
		on_reply(s, span_trim(span_of(line, n)));
	}
}

static void
on_end(void *owner UNUSED, enum stream_end why, const char *detail)
{
	fprintf(stderr, "bench: SMTP ended: %s %s\n", stream_end_str(why),
	        detail ? detail : "");
	exit(1);
}

static const struct stream_ops ops = { .on_input = on_input, .on_end = on_end };
static const struct stream_limits limits = { .input_max = 1 << 20 };

struct load_sender *
load_sender_new(struct load *l, load_sent_fn *ready, void *arg)
{
	struct load_sender *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in to;
	s->load = l;
	s->fn = ready;
	s->arg = arg;
	buf_init(&s->message, 0);
	load_address(l, l->conf->smtp, &to);
	s->stream = stream_connect(l->loop, (struct sockaddr *)&to, sizeof(to), &limits,
	                           &ops, s);
	return s;
}

void
load_sender_send(struct load_sender *s, unsigned user, load_sent_fn *fn, void *arg)
{
	char line[300], to[128];
	load_user(s->load, user, to, sizeof(to));
	fill_message(s);
	s->fn = fn;
	s->arg = arg;
	s->state = SENDER_ENVELOPE;
	s->replies = 3;
	snprintf(line, sizeof(line),
	         "MAIL FROM:<bench@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n", to);
	say(s, line);
}

void
load_sender_free(struct load_sender *s)
{
	stream_free(s->stream);
	buf_done(&s->message);
	free(s);
}
