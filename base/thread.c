/* SPDX-License-Identifier: ISC
 *
 * thread.c - starting threads.
 */
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

enum rc
thread_start(const char *name, size_t stack, void *(*fn)(void *), void *arg,
             pthread_t *ret)
{
	pthread_attr_t attr;
	sigset_t all, before;
	char short_name[16]; /* the kernel takes no more */
	pthread_t thread;
	int e;

	pthread_attr_init(&attr);
	if (stack > 0)
		pthread_attr_setstacksize(&attr, stack);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (e != 0)
		return RC_IO;
	snprintf(short_name, sizeof(short_name), "%s", name);
	pthread_setname_np(thread, short_name);
	*ret = thread;
	return RC_OK;
}
