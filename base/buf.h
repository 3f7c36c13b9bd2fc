/* SPDX-License-Identifier: ISC
 *
 * buf.h - a growing byte buffer with a limit.
 *
 * Output is put together here. Growing past max (or a failed conversion) sets a sticky
 * error and later additions do nothing, so a writer checks once, at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/span.h"

struct buf {
	char *p; /* NULL while nothing was added; bytes are not NUL-terminated */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

/* max is the limit in bytes; 0 means no limit but the memory. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* An initialiser for the stack: AUTO_DONE(buf) struct buf b = BUF_INIT(4096); */
#define BUF_INIT(limit) ((struct buf){ .max = (limit) })
/* Frees the bytes and leaves an empty, usable buffer with the same limit. */
void buf_done(struct buf *b);
/* Empties it, keeps the memory, forgets the error. */
void buf_clear(struct buf *b);

static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

static inline size_t
buf_len(const struct buf *b)
{
	return b->len;
}

/* Valid until the next change of b. */
static inline struct span
buf_span(const struct buf *b)
{
	return span_of(b->p ? b->p : "", b->len);
}

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v); /* decimal */
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_addv(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Text of XML: & < > " ' escaped; characters XML 1.0 forbids are dropped. */
void buf_add_xml(struct buf *b, struct span s);
/* A JSON string with its quotes; ill-formed UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *b, struct span s);

/* Room for n more bytes at the end, or NULL when over the limit; then buf_commit(b,
 * used). */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t used);
/* Drops n bytes from the front (n <= len). */
void buf_drop(struct buf *b, size_t n);
/* Shortens to n bytes (n <= len). */
void buf_truncate(struct buf *b, size_t n);
/* Gives the bytes away, NUL-terminated, to be free()d; b is empty after it. */
char *buf_take_str(struct buf *b);
/* Moves all bytes of src behind those of dst; src is empty after it. */
void buf_move(struct buf *dst, struct buf *src);

#endif
