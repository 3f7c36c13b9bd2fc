/* SPDX-License-Identifier: ISC
 *
 * mem_used.h - bytes that the program has allocated now, whatever allocator it has.
 */
#ifndef TESTS_FAKE_MEM_USED_H
#define TESTS_FAKE_MEM_USED_H

#include <malloc.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static inline size_t
mem_used(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
#endif
}

#endif
