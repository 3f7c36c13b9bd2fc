/* SPDX-License-Identifier: ISC
 *
 * imap_frame.c - collects commands and their literals (RFC 9051 4.3, RFC 7888).
 */
#include "imap/imap_frame.h"

/* A literal that is refused is skipped when the client does not wait; not without end. */
#define SKIP_MAX (1ULL << 32)
#define KEEP_OF_REFUSED 256

void
imap_frame_init(struct imap_frame *f)
{
	*f = (struct imap_frame){ .line_max = 8192,
		                  .literal_max = 8192,
		                  .append_max = 8192 };
	buf_init(&f->bytes, 0);
}

void
imap_frame_done(struct imap_frame *f)
{
	buf_done(&f->bytes);
}

void
imap_frame_next(struct imap_frame *f)
{
	buf_done(&f->bytes);
	f->line_at = 0;
	f->literals = 0;
	f->literal_left = 0;
	f->refused = IMAP_FRAME_MORE;
	f->n_tail = 0;
}

bool
imap_frame_is_idle(const struct imap_frame *f)
{
	return buf_len(&f->bytes) == 0 && f->literal_left == 0 &&
	       f->refused == IMAP_FRAME_MORE;
}

/* "...{123}" or "...{123+}" at the end of a line, without the line end. */
static bool
ends_in_literal(struct span line, uint64_t *ret_n, bool *ret_sync)
{
	if (line.n < 3 || line.p[line.n - 1] != '}')
		return false;
	size_t end = line.n - 1;
	bool sync = line.p[end - 1] != '+';
	if (!sync)
		end--;
	size_t at = end;
	while (at > 0 && line.p[at - 1] >= '0' && line.p[at - 1] <= '9')
		at--;
	if (at == 0 || at == end || line.p[at - 1] != '{')
		return false;
	enum rc rc = parse_u64(span_of(line.p + at, end - at), UINT64_MAX, ret_n);
	if (rc == RC_TOO_BIG)
		*ret_n = UINT64_MAX;
	else if (rc != RC_OK)
		return false;
	*ret_sync = sync;
	return true;
}

/* Is the command that bytes begins with an APPEND? Its literal may be a message. */
static bool
is_append(const struct imap_frame *f)
{
	struct span rest = buf_span(&f->bytes);
	struct span tag, name;
	return span_cut(&rest, ' ', &tag) && span_cut(&rest, ' ', &name) &&
	       span_iis(name, "APPEND");
}

static void
refuse(struct imap_frame *f, enum imap_frame_event why)
{
	f->refused = why;
	if (buf_len(&f->bytes) > KEEP_OF_REFUSED)
		buf_truncate(&f->bytes, KEEP_OF_REFUSED);
}

/* A line is over: more of the command follows behind a literal, or it is whole. */
static enum imap_frame_event
line_ended(struct imap_frame *f, struct span line)
{
	uint64_t n;
	bool sync;
	bool literal = ends_in_literal(line, &n, &sync);

	if (f->refused != IMAP_FRAME_MORE) {
		/* A client that waits for "+" sees the tagged answer instead. */
		if (!literal || sync)
			return f->refused;
		if (n > SKIP_MAX)
			return IMAP_FRAME_FATAL;
		f->literal_left = n;
		f->n_tail = 0;
		return IMAP_FRAME_MORE;
	}
	if (!literal)
		return IMAP_FRAME_COMMAND;
	uint64_t max = is_append(f) ? f->append_max : f->literal_max;
	if (n > max || f->literals > max - n) {
		refuse(f, IMAP_FRAME_LITERAL_TOO_BIG);
		f->n_tail = 0;
		if (sync)
			return f->refused;
		if (n > SKIP_MAX)
			return IMAP_FRAME_FATAL;
		f->literal_left = n;
		return IMAP_FRAME_MORE;
	}
	f->literals += n;
	f->literal_left = n;
	f->line_at = buf_len(&f->bytes);
	return sync ? IMAP_FRAME_CONTINUE : IMAP_FRAME_MORE;
}

static size_t
feed_literal(struct imap_frame *f, struct span in)
{
	size_t n = in.n < f->literal_left ? in.n : (size_t)f->literal_left;
	if (f->refused == IMAP_FRAME_MORE)
		buf_add(&f->bytes, in.p, n);
	f->literal_left -= n;
	if (f->literal_left == 0)
		f->line_at = buf_len(&f->bytes);
	return n;
}

/* The end of a skipped line is all that matters of it. */
static void
keep_tail(struct imap_frame *f, struct span s)
{
	if (s.n >= sizeof(f->tail)) {
		memcpy(f->tail, s.p + s.n - sizeof(f->tail), sizeof(f->tail));
		f->n_tail = sizeof(f->tail);
		return;
	}
	size_t keep = f->n_tail;
	if (keep + s.n > sizeof(f->tail))
		keep = sizeof(f->tail) - s.n;
	memmove(f->tail, f->tail + f->n_tail - keep, keep);
	memcpy(f->tail + keep, s.p, s.n);
	f->n_tail = (uint8_t)(keep + s.n);
}

static struct span
without_cr(struct span line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static size_t
feed_line(struct imap_frame *f, struct span in, enum imap_frame_event *ret)
{
	size_t lf = span_find(in, 0, '\n');
	bool whole = lf < in.n;
	size_t n = whole ? lf + 1 : in.n;
	struct span piece = span_of(in.p, whole ? lf : n);

	*ret = IMAP_FRAME_MORE;
	if (f->refused == IMAP_FRAME_MORE &&
	    buf_len(&f->bytes) - f->literals + n > f->line_max) {
		size_t len = buf_len(&f->bytes);
		f->n_tail = 0;
		keep_tail(f, span_sub(buf_span(&f->bytes), f->line_at, len));
		if (len < KEEP_OF_REFUSED)
			buf_add_span(&f->bytes,
			             span_sub(piece, 0, KEEP_OF_REFUSED - len));
		refuse(f, IMAP_FRAME_LINE_TOO_LONG);
	}
	if (f->refused != IMAP_FRAME_MORE) {
		keep_tail(f, piece);
		if (whole)
			*ret = line_ended(f, without_cr(span_of(f->tail, f->n_tail)));
		return n;
	}
	buf_add(&f->bytes, in.p, n);
	if (!whole)
		return n;
	struct span line = buf_span(&f->bytes);
	line = span_sub(line, f->line_at, line.n - 1);
	*ret = line_ended(f, without_cr(line));
	if (*ret == IMAP_FRAME_COMMAND)
		buf_truncate(&f->bytes, (size_t)(without_cr(line).p + without_cr(line).n -
		                                 f->bytes.p));
	return n;
}

size_t
imap_frame_feed(struct imap_frame *f, struct span in, enum imap_frame_event *ret)
{
	size_t taken = 0;

	*ret = IMAP_FRAME_MORE;
	while (taken < in.n && *ret == IMAP_FRAME_MORE) {
		struct span rest = span_sub(in, taken, in.n);
		if (f->literal_left > 0)
			taken += feed_literal(f, rest);
		else
			taken += feed_line(f, rest, ret);
	}
	return taken;
}
