/* SPDX-License-Identifier: ISC
 *
 * http_h2_window.c - an allocator in a window, and taking what lies there in and out.
 *
 * Blocks lie one behind the other from the window's beginning, each with its own size and
 * that of the block before. What is free is zeroed, and so is all behind the last block:
 * the image need not know what is used, it keeps the words that are not zero; small
 * numbers and pointers into the window in two bytes. What finds no room is the C
 * library's, which does no harm: it only is not put aside.
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

#define N_WORDS (WINDOW_SIZE / 8)
#define N_GROUPS (N_WORDS / 64) /* of 64 words, a bit in a mask for each */

/* The words that are not zero, in their order. Those that have a short form (shorten())
 * are in the shorts that follow the words, all others among the words themselves: where a
 * pointer to other memory stands, leak checkers find it. */
struct h2_image {
	uint32_t top; /* of the window: bytes */
	uint32_t last;
	uint32_t n_words;
	uint32_t n_shorts;
	uint64_t words[]; /* two masks for each group, then the words, then the shorts */
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
	_Alignas(ALIGN) uint64_t words[N_WORDS];
	uint64_t masks[2 * N_GROUPS]; /* not zero; not short either */
	uint64_t long_ones[N_WORDS];
	uint16_t shorts[N_WORDS];
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

#define SHORT_POINTER 0x8000U

/* 0: it has no short form (nor has zero). A number that looks like a pointer does no
 * harm: it comes back as it was. */
static uint16_t
shorten(const struct h2_window *w, uint64_t word)
{
	uint64_t off = word - (uintptr_t)w;
	if (word < SHORT_POINTER)
		return (uint16_t)word;
	if (off < sizeof(*w) && off % 8 == 0 && off / 8 < SHORT_POINTER)
		return (uint16_t)(SHORT_POINTER | off / 8);
	return 0;
}

static uint64_t
lengthen(const struct h2_window *w, uint16_t word)
{
	if (word & SHORT_POINTER)
		return (uintptr_t)w + (word & ~SHORT_POINTER) * 8UL;
	return word;
}

static size_t
groups_of(uint32_t top)
{
	return (8 + (size_t)top + 511) / 512;
}

static size_t
image_size(const struct h2_image *image)
{
	return sizeof(*image) +
	       (2 * groups_of(image->top) + image->n_words) * sizeof(uint64_t) +
	       image->n_shorts * sizeof(uint16_t);
}

static void
put_aside(struct h2_window *w)
{
	struct h2_image h = { .top = w->top, .last = w->last };
	size_t n_groups = groups_of(w->top);
	for (size_t g = 0; g < n_groups; g++) {
		uint64_t any = 0, wide = 0;
		for (size_t i = 0; i < 64; i++) {
			uint64_t word = w->words[64 * g + i];
			if (word == 0)
				continue;
			uint16_t is_short = shorten(w, word);
			any |= UINT64_C(1) << i;
			if (is_short) {
				w->shorts[h.n_shorts++] = is_short;
			} else {
				wide |= UINT64_C(1) << i;
				w->long_ones[h.n_words++] = word;
			}
		}
		w->masks[2 * g] = any;
		w->masks[2 * g + 1] = wide;
	}
	struct h2_image *image = xmalloc(image_size(&h));
	*image = h;
	uint64_t *to = image->words;
	memcpy(to, w->masks, 2 * n_groups * sizeof(*to));
	to += 2 * n_groups;
	memcpy(to, w->long_ones, h.n_words * sizeof(*to));
	memcpy(to + h.n_words, w->shorts, h.n_shorts * sizeof(w->shorts[0]));
	w->guest->image = image;
	w->guest = NULL;
	memset(w->words, 0, 8 + (size_t)w->top);
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
	size_t n_groups = groups_of(w->top);
	const uint64_t *masks = image->words, *wide = masks + 2 * n_groups;
	const uint16_t *shorts = (const uint16_t *)(wide + image->n_words);
	for (size_t k = 0; k < n_groups; k++) {
		for (uint64_t bits = masks[2 * k]; bits; bits &= bits - 1) {
			size_t i = (size_t)__builtin_ctzll(bits);
			bool is_wide = masks[2 * k + 1] >> i & 1;
			w->words[64 * k + i] = is_wide ? *wide++ : lengthen(w, *shorts++);
		}
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
	return g->image ? image_size(g->image) : 0;
}
