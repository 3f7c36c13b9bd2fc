/* SPDX-License-Identifier: ISC
 *
 * load_desktop.c - a desktop: LOGIN, SELECT, IDLE for ever.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/bench/load.h"

enum desktop_state { DESKTOP_GREETING, DESKTOP_LOGIN, DESKTOP_SELECT, DESKTOP_IDLE };

static void
say(struct load_client *c, const char *line)
{
	stream_write(c->stream, span_str(line));
}

static void
on_line(struct load_client *c, struct span line, uint64_t now)
{
	char text[300], user[128];
	switch ((enum desktop_state)c->state) {
	case DESKTOP_GREETING:
		load_user(c->load, c->user, user, sizeof(user));
		snprintf(text, sizeof(text), "a LOGIN \"%s\" \"%s\"\r\n", user,
		         c->load->conf->password);
		c->state = DESKTOP_LOGIN;
		say(c, text);
		return;
	case DESKTOP_LOGIN:
		if (!span_starts(line, "a "))
			return;
		if (!span_starts(line, "a OK")) {
			c->events->lost(c->load, c, "LOGIN was refused");
			return;
		}
		c->state = DESKTOP_SELECT;
		say(c, "b SELECT INBOX\r\n");
		return;
	case DESKTOP_SELECT:
		if (!span_starts(line, "b "))
			return;
		c->state = DESKTOP_IDLE;
		say(c, "c IDLE\r\n");
		return;
	case DESKTOP_IDLE:
		if (span_starts(line, "+") && !c->waits) {
			c->waits = true;
			c->events->waiting(c->load, c);
		} else if (span_ends(line, " EXISTS")) {
			c->events->woken(c->load, c, now);
		}
		return;
	}
}

static void
on_open(void *owner)
{
	struct load_client *c = owner;
	if (!stream_is_tls(c->stream))
		stream_starttls_client(c->stream, c->load->tls, "localhost");
}

static void
on_input(void *owner)
{
	struct load_client *c = owner;
	uint64_t now = clock_mono_us();
	while (c->stream) {
		struct span in = stream_input(c->stream);
		size_t end = span_find(in, 0, '\n');
		if (end == in.n)
			return;
		char line[512];
		size_t n = end < sizeof(line) ? end : sizeof(line) - 1;
		memcpy(line, in.p, n);
		stream_consume(c->stream, end + 1);
		on_line(c, span_trim(span_of(line, n)), now);
	}
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	struct load_client *c = owner;
	c->events->lost(c->load, c, detail && *detail ? detail : stream_end_str(why));
}

static const struct stream_ops ops = { .on_open = on_open,
	                               .on_input = on_input,
	                               .on_end = on_end };
static const struct stream_limits limits = { .input_max = 1 << 20,
	                                     .handshake_ms = 120000 };

void
load_desktop_start(struct load_client *c)
{
	struct sockaddr_in to;
	load_address(c->load, c->load->conf->imaps, &to);
	c->stream = stream_connect(c->load->loop, (struct sockaddr *)&to, sizeof(to),
	                           &limits, &ops, c);
}
