/* SPDX-License-Identifier: ISC
 *
 * load_desktop.c - a desktop: LOGIN, SELECT, IDLE for ever, begun anew now and then.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/encode.h"
#include "tests/bench/load.h"

enum desktop_step {
	DESKTOP_GREETING,
	DESKTOP_LOGIN,
	DESKTOP_SELECT,
	DESKTOP_ASKED,
	DESKTOP_IDLE,
	DESKTOP_DONE
};

/* RFC 2177: at least every 29 minutes. */
#define IDLE_MAX_S 1500

static void
say(struct load_client *c, const char *line)
{
	load_conn_write(&c->conn, span_str(line));
}

static void
begin_anew(void *arg)
{
	struct load_client *c = arg;
	if (c->conn.state != LOAD_OPEN || c->step != DESKTOP_IDLE)
		return;
	c->parked = false;
	c->step = DESKTOP_DONE;
	say(c, "DONE\r\n");
}

static void
on_idling(struct load_client *c)
{
	const struct load_conf *conf = c->conn.load->conf;
	uint64_t us = IDLE_MAX_S * 1000000ull;
	if (!c->waits && conf->spread)
		us = random_below(us);
	c->step = DESKTOP_IDLE;
	c->timer.fn = begin_anew;
	c->timer.arg = c;
	load_timer_set(&c->conn.load->loop, &c->timer, us);
	c->parked = true;
	if (!c->waits)
		load_client_waits(c);
}

static void
on_line(struct load_client *c, struct span line, uint64_t now)
{
	char text[300], user[128];
	switch ((enum desktop_step)c->step) {
	case DESKTOP_GREETING:
		load_user(c->conn.load, c->user, user, sizeof(user));
		snprintf(text, sizeof(text), "a LOGIN \"%s\" \"%s\"\r\n", user,
		         c->conn.load->conf->password);
		c->step = DESKTOP_LOGIN;
		say(c, text);
		return;
	case DESKTOP_LOGIN:
		if (!span_starts(line, "a "))
			return;
		if (!span_starts(line, "a OK")) {
			snprintf(text, sizeof(text), "LOGIN: %.*s", SPAN_FMT(line));
			load_client_lost(c, text);
			return;
		}
		c->step = DESKTOP_SELECT;
		say(c, "b SELECT INBOX\r\n");
		return;
	case DESKTOP_SELECT:
		if (!span_starts(line, "b "))
			return;
		c->step = DESKTOP_ASKED;
		say(c, "c IDLE\r\n");
		return;
	case DESKTOP_ASKED:
		if (span_starts(line, "+"))
			on_idling(c);
		return;
	case DESKTOP_IDLE:
		if (span_ends(line, " EXISTS"))
			load_client_woken(c, now);
		return;
	case DESKTOP_DONE:
		if (!span_starts(line, "c "))
			return;
		c->conn.load->crowd.beats++;
		c->step = DESKTOP_ASKED;
		say(c, "c IDLE\r\n");
		return;
	}
}

static void
on_open(void *owner)
{
	struct load_client *c = owner;
	c->step = DESKTOP_GREETING;
}

static size_t
on_input(void *owner, struct span in)
{
	struct load_client *c = owner;
	uint64_t now = clock_mono_us();
	char line[512];
	size_t end = span_find(in, 0, '\n');
	if (end == in.n)
		return 0;
	/* Of its own: the connection may go while it is looked at. */
	size_t n = end < sizeof(line) ? end : sizeof(line);
	memcpy(line, in.p, n);
	on_line(c, span_trim(span_of(line, n)), now);
	return end + 1;
}

static void
on_end(void *owner, const char *why)
{
	load_client_lost(owner, why);
}

static const struct load_conn_ops ops = { .on_open = on_open,
	                                  .on_input = on_input,
	                                  .on_end = on_end };

void
load_desktop_open(struct load_client *c)
{
	c->conn.ops = &ops;
	if (!load_conn_open(&c->conn, load_client_source(c), c->conn.load->conf->imaps,
	                    LOAD_TLS))
		load_client_lost(c, strerror(errno));
}
