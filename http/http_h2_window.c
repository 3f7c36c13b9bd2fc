/* SPDX-License-Identifier: ISC
 *
 * http_h2_window.c - an allocator in a window, and taking what lies there in and out.
 *
 * Blocks lie one behind the other from the window's beginning, each with its own size and
 * that of the block before. What is free is zeroed, and so is all behind the last block:
 * the image need not know what is used, it keeps the words that are not zero. What finds
 * no room is the C library's, which does no harm: it only is not put aside.
 */
#include "http/http_h2_window.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WINDOW_SIZE (64U * 1024)
#define ALIGN 16U
#define USED 1U /* in a block's size */
/* nghttp2's buffer for the frame that is being sent has 16 KB and a head. It is one of
 * its own, that all sessions of a window share: each call of mem_send() hands out all
 * that lies in it, and it is filled anew after that. */
#define FRAME_MIN 16384U
#define FRAME_MAX 20480U

struct block {
	uint32_t size;      /* with this head; USED or'ed */
	uint32_t size_last; /* of the block before; 0: this is the first */
};

_Static_assert(sizeof(struct block) == 8, "payloads are aligned 8 bytes behind a head");

/* Groups of 64 words: a word of bits, then the words whose bits are set. */
struct h2_image {
	uint32_t top; /* of the window: bytes */
	uint32_t last;
	uint32_t n; /* of words */
	uint64_t words[];
};

struct h2_window {
	struct h2_guest *guest; /* whose session lies here; NULL: nobody's */
	uint32_t top;           /* bytes in use */
	uint32_t last;          /* size of the block below top */
	bool is_held;           /* nghttp2 is at work */
	bool is_opening;        /* the frame buffer is asked for */
	bool has_frame;         /* ... and was given, for this session */
	nghttp2_mem mem;
	_Alignas(ALIGN) char frame[FRAME_MAX];
	/* Payloads are aligned: heads lie 8 bytes before that. */
	_Alignas(ALIGN) uint64_t words[WINDOW_SIZE / 8];
	uint64_t scratch[WINDOW_SIZE / 8 + WINDOW_SIZE / 512 + 1];
};

/* --- the allocator --- */

/* The first head lies at 8. */
static struct block *
block_at(struct h2_window *w, uint32_t at)
{
	return (struct block *)((char *)w->words + 8 + at);
}

static bool
is_inside(const struct h2_window *w, const void *p)
{
	return (const char *)p > (const char *)w->words &&
	       (const char *)p < (const char *)w->words + WINDOW_SIZE;
}

/* Makes a used block of n bytes at the beginning of the free one at. */
static void
split(struct h2_window *w, uint32_t at, uint32_t n)
{
	struct block *b = block_at(w, at);
	uint32_t rest = b->size - n;
	if (rest > 0) {
		struct block *r = block_at(w, at + n);
		*r = (struct block){ rest, n };
		block_at(w, at + b->size)->size_last = rest;
		b->size = n;
	}
	b->size |= USED;
}

static void *
append(struct h2_window *w, uint32_t n)
{
	if (n > WINDOW_SIZE - 8 - w->top)
		return NULL;
	struct block *b = block_at(w, w->top);
	*b = (struct block){ n | USED, w->last };
	w->top += n;
	w->last = n;
	return b + 1;
}

void *
h2_window_alloc(struct h2_window *w, size_t size)
{
	if (size > WINDOW_SIZE)
		return malloc(size);
	uint32_t n = ((uint32_t)size + (uint32_t)sizeof(struct block) + ALIGN - 1) &
	             ~(ALIGN - 1);
	for (uint32_t at = 0; at < w->top;) {
		struct block *b = block_at(w, at);
		if (!(b->size & USED) && b->size >= n) {
			split(w, at, n);
			return b + 1;
		}
		at += b->size & ~USED;
	}
	void *p = append(w, n);
	return p ? p : malloc(size ? size : 1);
}

void
h2_window_release(struct h2_window *w, void *p)
{
	if (!is_inside(w, p)) {
		free(p);
		return;
	}
	struct block *b = (struct block *)p - 1;
	uint32_t n = b->size & ~USED, last = b->size_last;
	uint32_t at = (uint32_t)((char *)b - (char *)block_at(w, 0));
	assert((b->size & USED) && at + n <= w->top);
	memset(b, 0, n);
	/* One with the free blocks before and behind. */
	if (last > 0 && !(block_at(w, at - last)->size & USED)) {
		at -= last;
		n += last;
		last = block_at(w, at)->size_last;
	}
	if (at + n < w->top && !(block_at(w, at + n)->size & USED)) {
		struct block *next = block_at(w, at + n);
		n += next->size;
		memset(next, 0, sizeof(*next));
	}
	if (at + n == w->top) {
		memset(block_at(w, at), 0, sizeof(*b));
		w->top = at;
		w->last = last;
	} else {
		*block_at(w, at) = (struct block){ n, last };
		block_at(w, at + n)->size_last = n;
	}
}

static size_t
usable(const struct h2_window *w, const void *p)
{
	return is_inside(w, p) ? (((const struct block *)p - 1)->size & ~USED) -
	                                 sizeof(struct block)
	                       : SIZE_MAX;
}

/* --- as nghttp2 wants it --- */

static void *
on_malloc(size_t n, void *arg)
{
	struct h2_window *w = arg;
	if (w->is_opening && !w->has_frame && n >= FRAME_MIN && n <= FRAME_MAX) {
		w->has_frame = true;
		return w->frame;
	}
	return h2_window_alloc(w, n);
}

static void
on_free(void *p, void *arg)
{
	struct h2_window *w = arg;
	if (p && p != w->frame)
		h2_window_release(w, p);
}

static void *
on_calloc(size_t n, size_t size, void *arg)
{
	size_t total;
	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	void *p = on_malloc(total, arg);
	/* What is free in the window is zeroed. */
	if (p && (!is_inside(arg, p)))
		memset(p, 0, total);
	return p;
}

static void *
on_realloc(void *p, size_t n, void *arg)
{
	struct h2_window *w = arg;
	if (!p)
		return on_malloc(n, arg);
	if (!is_inside(w, p) && p != w->frame)
		return realloc(p, n);
	size_t old = p == w->frame ? FRAME_MAX : usable(w, p);
	void *q = h2_window_alloc(w, n);
	if (!q)
		return NULL;
	memcpy(q, p, old < n ? old : n);
	on_free(p, arg);
	return q;
}

/* --- in and out --- */

static void
put_aside(struct h2_window *w)
{
	size_t n_words = (8 + (size_t)w->top) / 8, n = 0;
	for (size_t at = 0; at < n_words; at += 64) {
		size_t end = at + 64 < n_words ? at + 64 : n_words;
		uint64_t *bits = &w->scratch[n++];
		*bits = 0;
		for (size_t i = at; i < end; i++) {
			uint64_t word = w->words[i];
			w->scratch[n] = word;
			n += word != 0;
			*bits |= (uint64_t)(word != 0) << (i - at);
		}
	}
	struct h2_image *image = xmalloc(sizeof(*image) + n * sizeof(uint64_t));
	*image = (struct h2_image){ w->top, w->last, (uint32_t)n };
	memcpy(image->words, w->scratch, n * sizeof(uint64_t));
	w->guest->image = image;
	w->guest = NULL;
	memset(w->words, 0, n_words * 8);
	w->top = w->last = 0;
}

static void
take_in(struct h2_window *w, struct h2_guest *g)
{
	struct h2_image *image = g->image;
	w->guest = g;
	g->image = NULL;
	if (!image)
		return;
	w->top = image->top;
	w->last = image->last;
	size_t at = 0;
	for (uint32_t n = 0; n < image->n; at += 64) {
		for (uint64_t bits = image->words[n++]; bits; bits &= bits - 1)
			w->words[at + (size_t)__builtin_ctzll(bits)] = image->words[n++];
	}
	free(image);
}

void
h2_window_enter(struct h2_window *w, struct h2_guest *g)
{
	if (w->guest == g)
		return;
	assert(!w->is_held);
	if (w->guest)
		put_aside(w);
	take_in(w, g);
}

void
h2_window_hold(struct h2_window *w, bool is_held)
{
	w->is_held = is_held;
}

/* --- life --- */

struct h2_window *
h2_window_new(void)
{
	struct h2_window *w = xcalloc(1, sizeof(*w));
	w->mem = (nghttp2_mem){ w, on_malloc, on_free, on_calloc, on_realloc };
	return w;
}

void
h2_window_free(struct h2_window *w)
{
	assert(!w || !w->guest);
	free(w);
}

bool
h2_window_open(struct h2_window *w, struct h2_guest *g,
               const nghttp2_session_callbacks *cb, void *arg,
               const nghttp2_option *option)
{
	h2_window_enter(w, g);
	w->is_opening = true;
	w->has_frame = false;
	int e = nghttp2_session_server_new3(&g->session, cb, arg, option, &w->mem);
	w->is_opening = false;
	return e == 0;
}

void
h2_window_close(struct h2_window *w, struct h2_guest *g)
{
	h2_window_enter(w, g);
	nghttp2_session_del(g->session);
	g->session = NULL;
	assert(w->top == 0); /* nothing was forgotten */
	w->guest = NULL;
}

size_t
h2_window_cost(struct h2_window *w, struct h2_guest *g)
{
	if (w->guest == g)
		put_aside(w);
	return g->image ? sizeof(*g->image) + g->image->n * sizeof(uint64_t) : 0;
}
