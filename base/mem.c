/* SPDX-License-Identifier: ISC
 *
 * mem.c - allocation that aborts instead of returning NULL.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So much more must be free than when it was the least since the last time. */
#define TRIM_MIN (16UL * 1024 * 1024)

static NORETURN void
out_of_memory(void)
{
	static const char text[] = "godwit: out of memory\n";

	/* Nothing that could allocate. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = n && size ? calloc(n, size) : calloc(1, 1);

	if (!p)
		out_of_memory();
	return p;
}

void *
xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *
xreallocarray(void *old, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		out_of_memory();
	return xrealloc(old, total);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *p, size_t n)
{
	char *s;

	if (n == SIZE_MAX)
		out_of_memory();
	s = xmalloc(n + 1);
	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0 || !s)
		out_of_memory();
	return s;
}

bool
mem_trim(void)
{
	static size_t least; /* free bytes: what is free already and came back is in it */
	struct mallinfo2 now = mallinfo2();

	if (now.fordblks < least + TRIM_MIN) {
		if (now.fordblks < least)
			least = now.fordblks;
		return false;
	}
	malloc_trim(0);
	least = mallinfo2().fordblks;
	return true;
}

void
mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}
