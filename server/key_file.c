/* SPDX-License-Identifier: ISC
 *
 * key_file.c - a secret of the supervisor's that outlives it, in a file of its own.
 */
#include "server/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"

/* NULL: read; else why not. */
static const char *
read_key(int fd, uint8_t *ret, size_t n)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others may read it: it must be a file with mode 0600";
	if (st.st_uid != geteuid())
		return "it belongs to somebody else";
	if (st.st_size != (off_t)n || read(fd, ret, n) != (ssize_t)n)
		return "it has not the size of a key";
	return NULL;
}

/* Written beside it first; who is second takes what the first one made. */
static bool
make_key(const char *path, size_t n)
{
	char *part = xasprintf("%s.%d", path, (int)getpid());
	uint8_t *key = xmalloc(n);
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0;

	random_bytes(key, n);
	if (fd >= 0) {
		ok = write(fd, key, n) == (ssize_t)n;
		ok = close(fd) == 0 && ok;
		ok = ok && (link(part, path) == 0 || errno == EEXIST);
		unlink(part);
	}
	mem_wipe(key, n);
	free(key);
	free(part);
	return ok;
}

void
key_file_load(const char *path, uint8_t *ret, size_t n)
{
	const char *why = "access.remember_key is empty";
	int fd = -1;

	if (*path) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT && make_key(path, n))
			fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		why = fd < 0 ? strerror(errno) : read_key(fd, ret, n);
	}
	if (fd >= 0)
		close(fd);
	if (!why)
		return;
	log_info(NULL, "supervisor.key", "file=%s why=%s hint=%s",
	         LOG_STR(span_str(path)), LOG_STR(span_str(why)),
	         "\"after a restart of the service all passwords are checked anew\"");
	random_bytes(ret, n);
}
