/* SPDX-License-Identifier: ISC
 *
 * push_nats.c - the protocol of NATS: docs.nats.io, "Client Protocol".
 */
#include "push/push_nats.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"

#define PORT "4222"

/* -- what a server says -- */

/* The next word of a line; fields are separated by spaces and tabs. */
static struct span
next_word(struct span *rest)
{
	size_t from = 0, to;

	while (from < rest->n && (rest->p[from] == ' ' || rest->p[from] == '\t'))
		from++;
	to = from;
	while (to < rest->n && rest->p[to] != ' ' && rest->p[to] != '\t')
		to++;
	struct span word = span_sub(*rest, from, to);
	*rest = span_sub(*rest, to, rest->n);
	return word;
}

/* MSG <subject> <sid> [reply-to] <#bytes>, and the payload on a line of its own. */
static enum rc
parse_msg(struct span in, struct span args, size_t line_size, struct push_nats_said *ret,
          size_t *ret_used)
{
	struct span words[4];
	size_t n = 0;
	uint32_t size;
	enum rc rc;

	while (n < ARRAY_LEN(words) && (words[n] = next_word(&args)).n > 0)
		n++;
	if (n < 3 || next_word(&args).n > 0)
		return RC_INVALID;
	rc = parse_u32(words[n - 1], PUSH_NATS_PAYLOAD_MAX, &size);
	if (rc)
		return rc;
	*ret_used = 0;
	if (in.n - line_size < (size_t)size + 2)
		return RC_OK;
	if (memcmp(in.p + line_size + size, "\r\n", 2) != 0)
		return RC_INVALID;
	*ret = (struct push_nats_said){
		.op = PUSH_NATS_MSG,
		.text = SPAN(""),
		.subject = words[0],
		.payload = span_sub(in, line_size, line_size + size),
	};
	*ret_used = line_size + size + 2;
	return RC_OK;
}

enum rc
push_nats_parse(struct span in, struct push_nats_said *ret, size_t *ret_used)
{
	static const struct {
		const char *name;
		enum push_nats_op op;
		bool has_text;
	} ops[] = {
		{ "MSG", PUSH_NATS_MSG, true },    { "PING", PUSH_NATS_PING, false },
		{ "PONG", PUSH_NATS_PONG, false }, { "+OK", PUSH_NATS_OK, false },
		{ "INFO", PUSH_NATS_INFO, true },  { "-ERR", PUSH_NATS_ERR, true },
	};
	size_t end = span_find(span_sub(in, 0, PUSH_NATS_LINE_MAX), 0, '\n');
	struct span rest = span_sub(in, 0, end), name;

	if (end == in.n || end == PUSH_NATS_LINE_MAX) {
		*ret_used = 0;
		return end < PUSH_NATS_LINE_MAX ? RC_OK : RC_TOO_BIG;
	}
	rest = span_trim(rest);
	name = next_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!span_iis(name, ops[i].name))
			continue;
		if (ops[i].op == PUSH_NATS_MSG)
			return parse_msg(in, rest, end + 1, ret, ret_used);
		if (!ops[i].has_text && rest.n > 0)
			return RC_INVALID;
		*ret = (struct push_nats_said){
			.op = ops[i].op,
			.text = span_trim(rest),
			.subject = SPAN(""),
			.payload = SPAN(""),
		};
		*ret_used = end + 1;
		return RC_OK;
	}
	return RC_INVALID;
}

/* The end of a JSON string that begins behind from's quote. */
static size_t
string_end(struct span s, size_t from)
{
	while (from < s.n && s.p[from] != '"')
		from += s.p[from] == '\\' ? 2 : 1;
	return from < s.n ? from : s.n;
}

static bool
is_true_behind(struct span s, size_t at)
{
	struct span rest = span_trim(span_sub(s, at, s.n));

	if (!span_starts(rest, ":"))
		return false;
	rest = span_trim(span_sub(rest, 1, rest.n));
	return span_starts(rest, "true") &&
	       (rest.n == 4 || !isalnum((unsigned char)rest.p[4]));
}

bool
push_nats_info_is(struct span info, const char *name)
{
	unsigned depth = 0;

	for (size_t i = 0; i < info.n; i++) {
		char c = info.p[i];

		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		} else if (c == '"') {
			size_t end = string_end(info, i + 1);

			if (depth == 1 && span_is(span_sub(info, i + 1, end), name) &&
			    is_true_behind(info, end + 1))
				return true;
			i = end;
		}
	}
	return false;
}

/* -- where a server is -- */

/* "user:password" or "token". */
static bool
parse_login(struct span s, struct push_nats_url *u)
{
	size_t colon = span_find(s, 0, ':');

	u->has_password = colon < s.n;
	return percent_decode(span_sub(s, 0, colon), false, &u->user) == RC_OK &&
	       percent_decode(span_sub(s, colon + 1, s.n), false, &u->password) == RC_OK;
}

/* "host", "host:port", "[::1]:port". */
static bool
parse_place(struct span s, struct push_nats_url *u)
{
	bool bracket = span_starts(s, "[");
	size_t end = span_find(s, 0, bracket ? ']' : ':');
	struct span host = span_sub(s, bracket ? 1 : 0, end), port;
	uint32_t number;

	if (host.n == 0 || memchr(host.p, '\0', host.n) || (bracket && end == s.n))
		return false;
	port = span_sub(s, bracket ? end + 1 : end, s.n);
	if (port.n == 0) {
		port = SPAN(PORT);
	} else if (port.p[0] == ':') {
		port = span_sub(port, 1, port.n);
	} else {
		return false;
	}
	if (parse_u32(port, 65535, &number) != RC_OK || number == 0)
		return false;
	u->host = xstrndup(host.p, host.n);
	u->port = xstrndup(port.p, port.n);
	return true;
}

enum rc
push_nats_url_parse(struct span s, struct push_nats_url *ret)
{
	struct push_nats_url u = { .tls = span_istarts(s, "tls://") };
	size_t at;

	if (u.tls)
		s = span_sub(s, strlen("tls://"), s.n);
	else if (span_istarts(s, "nats://"))
		s = span_sub(s, strlen("nats://"), s.n);
	if (span_ends(s, "/"))
		s = span_sub(s, 0, s.n - 1);
	/* The last one: a password may hold it, if it is not encoded. */
	for (at = s.n; at > 0 && s.p[at - 1] != '@'; at--)
		;
	if ((at > 0 && !parse_login(span_sub(s, 0, at - 1), &u)) ||
	    !parse_place(span_sub(s, at, s.n), &u)) {
		push_nats_url_done(&u);
		return RC_INVALID;
	}
	*ret = u;
	return RC_OK;
}

void
push_nats_url_done(struct push_nats_url *u)
{
	buf_done(&u->user);
	buf_done(&u->password);
	free(u->host);
	free(u->port);
	*u = (struct push_nats_url){ 0 };
}

/* -- what a client says -- */

void
push_nats_write_connect(struct buf *out, const struct push_nats_url *u, bool tls)
{
	/* What we send does not come back; one server tells of others by INFO, which is
	 * not asked for: protocol 1 is what echo needs. */
	buf_addf(out,
	         "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":%s,"
	         "\"name\":\"godwit\",\"lang\":\"c\",\"version\":\"" GODWIT_VERSION "\","
	         "\"protocol\":1,\"echo\":false,\"headers\":false",
	         tls ? "true" : "false");
	if (u->has_password) {
		buf_add_str(out, ",\"user\":");
		buf_add_json(out, buf_span(&u->user));
		buf_add_str(out, ",\"pass\":");
		buf_add_json(out, buf_span(&u->password));
	} else if (buf_len(&u->user) > 0) {
		buf_add_str(out, ",\"auth_token\":");
		buf_add_json(out, buf_span(&u->user));
	}
	buf_add_str(out, "}\r\n");
}

void
push_nats_write_pub(struct buf *out, const char *subject, struct span payload)
{
	buf_addf(out, "PUB %s %zu\r\n", subject, payload.n);
	buf_add_span(out, payload);
	buf_add_str(out, "\r\n");
}

void
push_nats_write_sub(struct buf *out, const char *subject, unsigned sid)
{
	buf_addf(out, "SUB %s %u\r\n", subject, sid);
}

void
push_nats_write_unsub(struct buf *out, unsigned sid)
{
	buf_addf(out, "UNSUB %u\r\n", sid);
}
