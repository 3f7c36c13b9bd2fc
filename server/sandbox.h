/* SPDX-License-Identifier: ISC
 *
 * sandbox.h - what the server may ask of the kernel: seccomp and landlock.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include "base/rc.h"

struct sandbox_paths {
	const char *const
		*read; /* files and folders; those that do not exist are left out */
	size_t n_read;
	const char *const *write;
	size_t n_write;
};

/*
 * Confines the calling thread and all that it starts later: call it before any other
 * thread exists. What the kernel does not have is left out, and the log says so. System
 * calls that a server never needs (execve, ptrace, mount ...) kill the process; others
 * that are not on the list fail with EPERM. unshare_files: a thread may take a table of
 * file descriptors of its own (loops_part()).
 */
enum rc sandbox_enter(const struct sandbox_paths *paths, bool unshare_files,
                      struct err *err) MUST_CHECK;

#endif
