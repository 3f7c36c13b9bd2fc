/* SPDX-License-Identifier: ISC
 *
 * loops.c - one event loop a core, each in a thread of its own.
 */
#include "base/loops.h"

#include <assert.h>
#include <dirent.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loop_private.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/thread.h"

struct loops {
	size_t n;
	bool apart; /* loops_part() */
	struct loops_one {
		struct loop *loop;
		pthread_t thread;
		bool started;
	} one[];
};

static size_t
cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (size_t)CPU_COUNT(&set);
}

static void *
run(void *arg)
{
	loop_run(arg);
	return NULL;
}

enum rc
loops_new(size_t n, struct loops **ret)
{
	struct loops *ls;

	if (n == 0)
		n = cores();
	ls = xcalloc(1, sizeof(*ls) + n * sizeof(ls->one[0]));
	ls->n = n;
	for (size_t i = 0; i < n; i++) {
		struct loops_one *o = &ls->one[i];
		char name[32];

		snprintf(name, sizeof(name), "loop-%zu", i);
		if (loop_new(name, &o->loop) != RC_OK ||
		    thread_start(name, 0, run, o->loop, &o->thread) != RC_OK) {
			loops_free(ls);
			return RC_IO;
		}
		o->started = true;
	}
	*ret = ls;
	return RC_OK;
}

void
loops_free(struct loops *ls)
{
	if (ls == NULL)
		return;
	for (size_t i = 0; i < ls->n; i++)
		if (ls->one[i].started)
			loop_stop(ls->one[i].loop);
	for (size_t i = 0; i < ls->n; i++)
		if (ls->one[i].started)
			pthread_join(ls->one[i].thread, NULL);
	if (ls->apart)
		loop_forbid_new(false);
	for (size_t i = 0; i < ls->n; i++)
		loop_free(ls->one[i].loop);
	free(ls);
}

size_t
loops_count(const struct loops *ls)
{
	return ls->n;
}

struct loop *
loops_at(const struct loops *ls, size_t i)
{
	assert(i < ls->n);
	return ls->one[i].loop;
}

size_t
loops_heavy_waiting(const struct loops *ls, size_t i)
{
	return loop_heavy_waiting(loops_at(ls, i));
}

struct call {
	loop_fn *fn;
	void *arg;
	sem_t done;
};

static void
run_call(void *arg)
{
	struct call *c = arg;

	c->fn(c->arg);
	sem_post(&c->done);
}

void
loops_call(struct loops *ls, size_t i, loop_fn *fn, void *arg)
{
	struct call c = { .fn = fn, .arg = arg };

	/* It would wait for itself. */
	assert(loop_current() != loops_at(ls, i));
	sem_init(&c.done, 0, 0);
	loop_post(loops_at(ls, i), run_call, &c);
	while (sem_wait(&c.done) != 0)
		;
	sem_destroy(&c.done);
}

/* --- a table of descriptors for each --- */

/* A file, or a connection to somebody: held here it would stay open when its owner has
 * closed it. */
static bool
is_of_owner(int fd)
{
	struct stat st;
	int value = 0;
	socklen_t n = sizeof(value);

	if (fd <= STDERR_FILENO || fstat(fd, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return true;
	return S_ISSOCK(st.st_mode) &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n) == 0 &&
	       value == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &n) == 0 && !value;
}

static void
part(void *arg)
{
	enum rc *rc = arg;
	struct dirent *e;
	DIR *d;

	*rc = RC_DENIED;
	if (unshare(CLONE_FILES) != 0)
		return;
	*rc = RC_IO;
	d = opendir("/proc/thread-self/fd");
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		uint32_t fd;

		if (parse_u32(span_str(e->d_name), INT32_MAX, &fd) == RC_OK &&
		    (int)fd != dirfd(d) && is_of_owner((int)fd))
			close((int)fd);
	}
	closedir(d);
	*rc = RC_OK;
}

enum rc
loops_part(struct loops *ls)
{
	ls->apart = true;
	loop_forbid_new(true);
	for (size_t i = 0; i < ls->n; i++) {
		enum rc rc = RC_IO;

		loops_call(ls, i, part, &rc);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}
