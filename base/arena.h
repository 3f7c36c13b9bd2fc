/* SPDX-License-Identifier: ISC
 *
 * arena.h - memory that lives as long as one request and goes at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena;

/* No memory beyond the struct is taken until the first allocation. */
struct arena *arena_new(void);
/* Runs the hooks of arena_on_free, newest first, then frees all. */
void arena_free(struct arena *a);
/* The same, but a stays and is empty: for what waits with an arena that it may need. */
void arena_clear(struct arena *a);
AUTO_DEFINE(arena);

/* Aligned for any type, zeroed. Aborts when memory is out. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
#define arena_new_of(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, n, type) ((type *)arena_alloc_array((a), (n), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t n, size_t size)
	__attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s);
/* A NUL-terminated copy. */
char *arena_strndup(struct arena *a, struct span s);
/* A copy (NUL-terminated behind its end). */
struct span arena_span(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

typedef void arena_hook_fn(void *arg);
/* fn(arg) is called when the arena is freed. */
void arena_on_free(struct arena *a, arena_hook_fn *fn, void *arg);

/* Bytes handed out so far, for limits. */
size_t arena_used(const struct arena *a);

#endif
