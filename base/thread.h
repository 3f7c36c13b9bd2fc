/* SPDX-License-Identifier: ISC
 *
 * thread.h - starting threads: named, and without signals, which are the main thread's.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/rc.h"

/* Enough for our straight-line code; the sanitizers' frames are several times larger. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THREAD_STACK (4096 * 1024)
#else
#define THREAD_STACK (512 * 1024)
#endif

/* name: its first 15 bytes are shown by ps and top. stack in bytes; 0: the system's.
 * RC_IO: the system gives no more of them. */
enum rc thread_start(const char *name, size_t stack, void *(*fn)(void *), void *arg,
                     pthread_t *ret) MUST_CHECK;

#endif
