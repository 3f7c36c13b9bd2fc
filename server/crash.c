/* SPDX-License-Identifier: ISC
 *
 * crash.c - the last words of a server that crashes: signal and back trace on stderr.
 */
#include "server/crash.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/def.h"

static void
say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));
	(void)n;
}

static void
on_crash(int sig)
{
	void *frames[64];
	say("level=error event=server.crash signal=SIG");
	say(sigabbrev_np(sig));
	say(" backtrace:\n");
	backtrace_symbols_fd(frames, backtrace(frames, ARRAY_LEN(frames)), STDERR_FILENO);
	/* SA_RESETHAND: the default action, so that the parent sees the signal. */
	raise(sig);
}

void
crash_setup(void)
{
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	void *frame;
	struct sigaction sa = { .sa_handler = on_crash,
		                .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	sigemptyset(&sa.sa_mask);
	/* The first call loads libgcc, which a crashed process could not. */
	backtrace(&frame, 1);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &sa, NULL);
}

#else

void
crash_setup(void)
{
}

#endif
