/* SPDX-License-Identifier: ISC
 *
 * def.h - the few compiler words that every file of Godwit may use.
 */
#ifndef BASE_DEF_H
#define BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/*
 * AUTO(foo) struct foo *p = NULL; calls foo_free(p) when p leaves its scope.
 * A header that declares foo_free() writes AUTO_DEFINE(foo) after it.
 */
#define AUTO(name) __attribute__((cleanup(name##_auto_free)))
#define AUTO_DEFINE(name)                                                                \
	static inline void name##_auto_free(struct name **p)                             \
	{                                                                                \
		name##_free(*p);                                                         \
	}                                                                                \
	struct name

/* The same for an embedded struct with foo_done(): AUTO_DONE(buf) struct buf b; */
#define AUTO_DONE(name) __attribute__((cleanup(name##_done)))

/* Gives an AUTO pointer away: returns it and leaves NULL behind. */
#define TAKE(p)                                                                          \
	({                                                                               \
		__typeof__(p) take_tmp_ = (p);                                           \
		(p) = NULL;                                                              \
		take_tmp_;                                                               \
	})

#endif
