/* SPDX-License-Identifier: ISC
 *
 * filter_builtin.c - the table of filters, and those that need nothing but the message.
 */
#include "smtp/filter/filter.h"

#define HEADER_MAX ((size_t)256 << 10)
#define HEADER_LINES_MAX 2000

/*
 * A header of megabytes is no mail, but costs every program that shows a list of messages
 * (the denial-of-service class of Dovecot's CVE-2024-23185).
 */
static void
header_limit_ask(void *state UNUSED, struct filter_call *c)
{
	struct span m = filter_call_input(c)->message;
	struct filter_verdict v = { 0 };
	size_t at = 0, lines = 0;
	while (at < m.n && m.p[at] != '\r' && m.p[at] != '\n') {
		at = span_find(m, at, '\n') + 1;
		lines++;
		if (at > HEADER_MAX || lines > HEADER_LINES_MAX) {
			v.action = FILTER_ACTION_REJECT;
			v.reason = SPAN("Message header too long");
			break;
		}
	}
	filter_answer(c, &v);
}

static const struct filter_class header_limit = {
	.name = "header-limit",
	.help = "Refuses messages whose header has more than 256 KB or 2,000 lines.",
	.stages = FILTER_AT(DATA),
	.ask = header_limit_ask,
};

/* A name without a dot, or our visitor's claim to be nobody: what zombies say. */
static void
helo_syntax_ask(void *state UNUSED, struct filter_call *c)
{
	const struct filter_input *in = filter_call_input(c);
	struct filter_verdict v = { 0 };
	bool literal = in->helo.n && in->helo.p[0] == '[';
	if (!in->user.n && span_is(span_str(in->door), "receive") && !literal &&
	    span_find(in->helo, 0, '.') == in->helo.n) {
		v.action = FILTER_ACTION_REJECT;
		v.reason = SPAN("Greet with a full host name");
	}
	filter_answer(c, &v);
}

static const struct filter_class helo_syntax = {
	.name = "helo-name",
	.help = "Refuses mail from hosts that greet with a name without a domain.",
	.stages = FILTER_AT(MAIL),
	.ask = helo_syntax_ask,
};

const struct filter_class *const filter_classes[] = {
	&header_limit,
	&helo_syntax,
};
const size_t filter_classes_n = ARRAY_LEN(filter_classes);
