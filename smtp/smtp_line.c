/* SPDX-License-Identifier: ISC
 *
 * smtp_line.c - lines, end of data and dot-stuffing (RFC 5321 2.3.8, 4.5.2).
 */
#include "smtp/smtp_line.h"

enum smtp_line
smtp_line_next(struct span in, size_t max, struct span *ret_line, size_t *ret_used)
{
	size_t at = 0;
	for (;;) {
		const char *lf = at < in.n ? memchr(in.p + at, '\n', in.n - at) : NULL;
		if (!lf)
			return in.n > max ? SMTP_LINE_LONG : SMTP_LINE_MORE;
		at = (size_t)(lf - in.p) + 1;
		if (at >= 2 && lf[-1] == '\r')
			break;
	}
	struct span line = span_of(in.p, at - 2);
	if (line.n > max)
		return SMTP_LINE_LONG;
	*ret_line = line;
	*ret_used = at;
	bool bad = line.n && (memchr(line.p, '\r', line.n) ||
	                      memchr(line.p, '\n', line.n) || memchr(line.p, 0, line.n));
	return bad ? SMTP_LINE_BAD : SMTP_LINE_OK;
}

void
smtp_data_init(struct smtp_data *d, struct buf *out)
{
	*d = (struct smtp_data){ .at = SMTP_DATA_AT_START, .out = out };
}

static void
keep(struct smtp_data *d, const char *p, size_t n)
{
	d->drop |= d->bare || d->nul;
	if (!d->drop)
		buf_add(d->out, p, n);
}

/* Bytes from p that are neither CR, LF nor NUL. */
static size_t
plain_run(const char *p, size_t n)
{
	const char *hit = memchr(p, '\r', n);
	if (hit)
		n = (size_t)(hit - p);
	hit = n ? memchr(p, '\n', n) : NULL;
	if (hit)
		n = (size_t)(hit - p);
	hit = n ? memchr(p, 0, n) : NULL;
	return hit ? (size_t)(hit - p) : n;
}

/* One byte inside of a line or at its start, when it means nothing by its place. */
static enum smtp_data_at
text_byte(struct smtp_data *d, char c)
{
	if (c == '\r')
		return SMTP_DATA_AT_CR;
	if (c == '\n')
		d->bare = true; /* no line ends here: the next dot is a dot */
	else if (c == 0)
		d->nul = true;
	keep(d, &c, 1);
	return SMTP_DATA_AT_LINE;
}

static enum smtp_data_at
next_place(struct smtp_data *d, char c)
{
	switch (d->at) {
	case SMTP_DATA_AT_START:
		return c == '.' ? SMTP_DATA_AT_DOT : text_byte(d, c);
	case SMTP_DATA_AT_DOT:
		/* RFC 5321 4.5.2: the dot goes, what follows stays. */
		return c == '\r' ? SMTP_DATA_AT_DOT_CR : text_byte(d, c);
	case SMTP_DATA_AT_DOT_CR:
		if (c == '\n')
			return SMTP_DATA_AT_END;
		d->bare = true;
		return text_byte(d, c);
	case SMTP_DATA_AT_LINE:
		return text_byte(d, c);
	case SMTP_DATA_AT_CR:
		if (c == '\n') {
			keep(d, "\r\n", 2);
			return SMTP_DATA_AT_START;
		}
		d->bare = true;
		return text_byte(d, c);
	case SMTP_DATA_AT_END:
		break;
	}
	return SMTP_DATA_AT_END;
}

size_t
smtp_data_feed(struct smtp_data *d, struct span in)
{
	size_t i = 0;
	while (i < in.n && d->at != SMTP_DATA_AT_END) {
		if (d->at == SMTP_DATA_AT_LINE) {
			size_t run = plain_run(in.p + i, in.n - i);
			keep(d, in.p + i, run);
			i += run;
			if (i == in.n)
				break;
		}
		d->at = next_place(d, in.p[i++]);
	}
	d->seen += i;
	return i;
}

void
smtp_stuff_add(struct smtp_stuff *t, struct span in, struct buf *out)
{
	size_t i = 0;
	while (i < in.n) {
		char c = in.p[i];
		if (t->cr || c == '\n') {
			/* A CR that was held back, with or without its LF, or a bare LF.
			 */
			buf_add(out, "\r\n", 2);
			t->in_line = false;
			if (c == '\n')
				i++;
			t->cr = false;
			continue;
		}
		if (c == '\r') {
			t->cr = true;
			i++;
			continue;
		}
		size_t run = 1;
		while (i + run < in.n && in.p[i + run] != '\r' && in.p[i + run] != '\n')
			run++;
		if (!t->in_line && c == '.')
			buf_add_char(out, '.');
		buf_add(out, in.p + i, run);
		t->in_line = true;
		i += run;
	}
}

void
smtp_stuff_end(struct smtp_stuff *t, struct buf *out)
{
	if (t->cr || t->in_line)
		buf_add(out, "\r\n", 2);
	buf_add(out, ".\r\n", 3);
	*t = (struct smtp_stuff){ 0 };
}
