/* SPDX-License-Identifier: ISC
 *
 * limits.h - what the machine allows, held against the connections that are configured.
 *
 * Each waiting device is a connection: a file descriptor, a socket of the kernel, its
 * TLS state. What is too low for them is said at start, with the command that helps,
 * and not when the last ten thousand phones are turned away.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include "base/def.h"

/* 0: not known, or not there on this machine; nothing is said of it. */
struct limits {
	uint64_t files;     /* descriptors of one table: RLIMIT_NOFILE */
	uint64_t file_max;  /* fs.file-max, of all processes */
	uint64_t somaxconn; /* net.core.somaxconn */
	uint64_t tcp_pages; /* the third of net.ipv4.tcp_mem */
	uint64_t conntrack; /* net.netfilter.nf_conntrack_max */
	uint64_t memory_kb; /* free for us: the machine's, or our control group's */
};

struct limits_want {
	uint64_t connections;
	size_t tables; /* of file descriptors: the loops', or 1 */
};

/* Memory of a waiting device, ours and the kernel's together. */
#define LIMITS_KB_EACH 24
/* Descriptors for everything that is no client: the store, listeners, loops. */
#define LIMITS_FILES_SPARE 1024

/*
 * Raises RLIMIT_NOFILE to the hard limit, and that too as far as it takes and the process
 * may. Returns what was got.
 */
uint64_t limits_raise_files(const struct limits_want *want);
/* root: "" for the machine's /proc and /sys; tests have their own. */
void limits_read(const char *root, struct limits *ret);

/* hint: what an admin can do, NUL-terminated, until the function returns. */
typedef void limits_low_fn(void *arg, const char *what, uint64_t have, uint64_t need,
                           const char *hint);
/* Calls fn for each limit that is too low; returns how many were. */
size_t limits_check(const struct limits *have, const struct limits_want *want,
                    limits_low_fn *fn, void *arg);

#endif
