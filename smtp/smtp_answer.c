/* SPDX-License-Identifier: ISC
 *
 * smtp_answer.c - replies of other servers (RFC 5321 4.2, RFC 2034).
 */
#include "smtp/smtp_answer.h"

#include <stdio.h>

#define WRITTEN_MAX 1000

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The line at the start of in, with its end in *ret_used; false: not complete. */
static bool
cut_line(struct span in, struct span *ret, size_t *ret_used)
{
	size_t lf = span_find(in, 0, '\n');
	if (lf == in.n)
		return false;
	size_t n = lf && in.p[lf - 1] == '\r' ? lf - 1 : lf;
	*ret = span_sub(in, 0, n);
	*ret_used = lf + 1;
	return true;
}

static enum rc
check_line(struct span line, unsigned *code, bool *last)
{
	if (line.n > SMTP_ANSWER_LINE_MAX)
		return RC_TOO_BIG;
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !is_digit(line.p[1]) ||
	    !is_digit(line.p[2]))
		return RC_INVALID;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return RC_INVALID;
	unsigned n = (unsigned)(line.p[0] - '0') * 100 +
	             (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
	if (*code && *code != n)
		return RC_INVALID; /* RFC 5321 4.2.1: the same on each line */
	*code = n;
	*last = line.n == 3 || line.p[3] == ' ';
	return RC_OK;
}

enum rc
smtp_answer_next(struct span in, struct smtp_answer *ret, size_t *ret_used)
{
	unsigned code = 0;
	size_t at = 0, used;
	bool last = false;
	struct span line;
	while (!last) {
		if (!cut_line(span_sub(in, at, in.n), &line, &used)) {
			if (in.n - at > SMTP_ANSWER_LINE_MAX || in.n > SMTP_ANSWER_MAX)
				return RC_TOO_BIG;
			return RC_AGAIN;
		}
		enum rc rc = check_line(line, &code, &last);
		if (rc)
			return rc;
		at += used;
		if (at > SMTP_ANSWER_MAX)
			return RC_TOO_BIG;
	}
	*ret = (struct smtp_answer){ .code = code, .lines = span_sub(in, 0, at) };
	*ret_used = at;
	return RC_OK;
}

bool
smtp_answer_line(struct span *rest, struct span *ret_text)
{
	struct span line;
	size_t used;
	if (!cut_line(*rest, &line, &used))
		return false;
	*ret_text = span_sub(line, 4, line.n);
	*rest = span_sub(*rest, used, rest->n);
	return true;
}

/* "5.1.1" at the start of s: its length, or 0 (RFC 3463 2). */
static size_t
enhanced_len(struct span s, unsigned class)
{
	size_t i = 2, dots = 1, digits = 0;
	if (s.n < 5 || s.p[0] != (char)('0' + class) || s.p[1] != '.')
		return 0;
	for (; i < s.n && (is_digit(s.p[i]) || s.p[i] == '.'); i++) {
		if (s.p[i] == '.') {
			if (!digits || ++dots > 2)
				return 0;
			digits = 0;
		} else if (++digits > 3) {
			return 0;
		}
	}
	return dots == 2 && digits && (i == s.n || s.p[i] == ' ') ? i : 0;
}

const char *
smtp_answer_status(const struct smtp_answer *a, char *ret)
{
	struct span rest = a->lines, text = span_of("", 0);
	unsigned class = a->code / 100;
	size_t n = smtp_answer_line(&rest, &text) ? enhanced_len(text, class) : 0;
	if (n)
		(void)snprintf(ret, 16, "%.*s", (int)n, text.p);
	else
		(void)snprintf(ret, 16, "%u.0.0", class);
	return ret;
}

void
smtp_answer_write(const struct smtp_answer *a, struct buf *out)
{
	struct span rest = a->lines, text;
	size_t from = buf_len(out);
	buf_add_u64(out, a->code);
	while (smtp_answer_line(&rest, &text) && buf_len(out) - from < WRITTEN_MAX) {
		buf_add_char(out, ' ');
		text = span_sub(text, 0, WRITTEN_MAX - (buf_len(out) - from));
		for (size_t i = 0; i < text.n; i++) {
			unsigned char c = (unsigned char)text.p[i];
			buf_add_char(out, c < 0x20 || c >= 0x7f ? '?' : (char)c);
		}
	}
}
