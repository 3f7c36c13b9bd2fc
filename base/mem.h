/* SPDX-License-Identifier: ISC
 *
 * mem.h - allocation that does not return NULL.
 *
 * Small allocations abort when memory is out: systemd restarts us and all state is
 * durable. A size that a peer chose must have met a limit before it comes here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/def.h"

void *xmalloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *
xcalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((alloc_size(2), returns_nonnull));
/* n elements of size bytes; aborts on overflow of the product. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* n bytes of p and a closing NUL. */
char *xstrndup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/*
 * Gives pages that have become free back to the system, when they are many more than at
 * the call before: a crowd that has signed in leaves holes of which the C library gives
 * none back by itself. To be called now and then, by one thread at a time, where some
 * milliseconds do no harm. True when it was done.
 */
bool mem_trim(void);

/* Overwrites secrets in a way that the compiler keeps. */
void mem_wipe(void *p, size_t n);

#endif
