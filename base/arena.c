/* SPDX-License-Identifier: ISC
 *
 * arena.c - memory that goes at once: a chain of zeroed chunks and of hooks.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define CHUNK_FIRST 2048
#define CHUNK_MAX 65536

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

struct hook {
	struct hook *next;
	arena_hook_fn *fn;
	void *arg;
};

struct arena {
	struct chunk *chunks; /* the one allocated from stands first */
	struct hook *hooks;
	size_t used;
	size_t chunk_size;
};

struct arena *
arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->chunk_size = CHUNK_FIRST;
	return a;
}

void
arena_clear(struct arena *a)
{
	/* A hook may still allocate, or add a hook. */
	while (a->hooks) {
		struct hook *h = a->hooks;

		a->hooks = h->next;
		h->fn(h->arg);
	}
	while (a->chunks) {
		struct chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	a->used = 0;
	a->chunk_size = CHUNK_FIRST;
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_clear(a);
	free(a);
}

static struct chunk *
new_chunk(size_t size)
{
	struct chunk *c;
	size_t total;

	if (__builtin_add_overflow(size, sizeof(*c), &total))
		total = SIZE_MAX; /* which xcalloc() cannot give, so it aborts */
	c = xcalloc(1, total);
	c->size = size;
	return c;
}

/* align is a power of two, at most that of max_align_t. */
static void *
take(struct arena *a, size_t n, size_t align)
{
	struct chunk *c = a->chunks;
	size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;

	if (!c || at > c->size || n > c->size - at) {
		at = 0;
		if (n > a->chunk_size / 4) {
			/* Alone in a chunk, behind the one that still has room. */
			c = new_chunk(n);
			if (a->chunks) {
				c->next = a->chunks->next;
				a->chunks->next = c;
			} else {
				a->chunks = c;
			}
		} else {
			c = new_chunk(a->chunk_size);
			c->next = a->chunks;
			a->chunks = c;
			if (a->chunk_size < CHUNK_MAX)
				a->chunk_size *= 2;
		}
	}
	c->used = at + n;
	a->used += n;
	return c->bytes + at;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return take(a, n ? n : 1, _Alignof(max_align_t));
}

void *
arena_alloc_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		total = SIZE_MAX;
	return arena_alloc(a, total);
}

char *
arena_strndup(struct arena *a, struct span s)
{
	/* n + 1 cannot wrap: s.n bytes exist. */
	char *p = take(a, s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, span_str(s));
}

struct span
arena_span(struct arena *a, struct span s)
{
	return span_of(arena_strndup(a, s), s.n);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	char *tmp = NULL;
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&tmp, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	s = arena_strndup(a, span_of(tmp, (size_t)n));
	free(tmp);
	return s;
}

void
arena_on_free(struct arena *a, arena_hook_fn *fn, void *arg)
{
	struct hook *h = take(a, sizeof(*h), _Alignof(struct hook));

	h->fn = fn;
	h->arg = arg;
	h->next = a->hooks;
	a->hooks = h;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
