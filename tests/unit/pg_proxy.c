/* SPDX-License-Identifier: ISC
 *
 * pg_proxy.c - UNIX sockets in the middle; a message of libpq comes in one piece here.
 */
#include "tests/unit/pg_proxy.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

#define PAIRS_MAX 64
#define BUFFER 65536
#define TICK_MS 2
#define SOCKET "/.s.PGSQL.5432"

struct pair {
	int client;   /* -1: cut off */
	int server;   /* -1: free */
	bool cutting; /* when the server has answered */
	char *kept;   /* the message with the COMMIT */
	size_t n_kept;
};

struct pg_proxy {
	char folder[64];
	char server[200]; /* the folder of its socket */
	int listener;
	pthread_t thread;
	atomic_int cut;
	atomic_bool has_cut;
	atomic_bool release;
	atomic_bool away;
	atomic_bool stop;
	struct pair pairs[PAIRS_MAX];
	char buffer[BUFFER];
};

static void
give_up(const char *what)
{
	perror(what);
	abort();
}

static struct sockaddr_un
address_in(const char *folder)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s" SOCKET, folder) >=
	    sizeof(a.sun_path))
		give_up(folder);
	return a;
}

static void
drop(struct pair *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->server >= 0)
		close(p->server);
	free(p->kept);
	*p = (struct pair){ .client = -1, .server = -1 };
}

static void
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return; /* the other end went: its own side will tell */
		p += done;
		n -= (size_t)done;
	}
}

static void
accept_one(struct pg_proxy *x)
{
	struct sockaddr_un to = address_in(x->server);
	int fd = accept(x->listener, NULL, NULL);

	if (fd < 0)
		return;
	for (int i = 0; i < PAIRS_MAX && !atomic_load(&x->away); i++) {
		struct pair *p = &x->pairs[i];

		if (p->server >= 0)
			continue;
		p->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(p->server, (struct sockaddr *)&to, sizeof(to)) != 0)
			break;
		p->client = fd;
		return;
	}
	close(fd);
}

static bool
has_commit(const char *p, size_t n)
{
	return memmem(p, n, "; COMMIT", strlen("; COMMIT")) != NULL;
}

static void
from_client(struct pg_proxy *x, struct pair *p)
{
	ssize_t n = recv(p->client, x->buffer, BUFFER, 0);
	int cut = atomic_load(&x->cut);

	if (n <= 0) {
		drop(p);
		return;
	}
	if (cut == PG_CUT_NONE || !has_commit(x->buffer, (size_t)n)) {
		send_all(p->server, x->buffer, (size_t)n);
		return;
	}
	atomic_store(&x->cut, PG_CUT_NONE);
	if (cut == PG_CUT_AFTER) {
		p->cutting = true;
		send_all(p->server, x->buffer, (size_t)n);
		return;
	}
	p->kept = xmalloc((size_t)n);
	memcpy(p->kept, x->buffer, (size_t)n);
	p->n_kept = (size_t)n;
	close(p->client);
	p->client = -1;
	atomic_store(&x->has_cut, true);
}

static void
from_server(struct pg_proxy *x, struct pair *p)
{
	ssize_t n = recv(p->server, x->buffer, BUFFER, 0);

	if (n <= 0 || p->cutting) {
		if (p->cutting)
			atomic_store(&x->has_cut, true);
		drop(p);
	} else if (p->client < 0) { /* the answer to what was kept */
		drop(p);
		atomic_store(&x->release, false);
	} else {
		send_all(p->client, x->buffer, (size_t)n);
	}
}

static void
release_kept(struct pair *p)
{
	if (!p->kept)
		return;
	send_all(p->server, p->kept, p->n_kept);
	free(TAKE(p->kept));
}

static void
turn(struct pg_proxy *x)
{
	struct pollfd f[1 + PAIRS_MAX * 2];

	f[0] = (struct pollfd){ .fd = x->listener, .events = POLLIN };
	for (int i = 0; i < PAIRS_MAX; i++) {
		struct pair *p = &x->pairs[i];

		if (atomic_load(&x->away) && p->server >= 0)
			drop(p);
		if (atomic_load(&x->release))
			release_kept(p);
		f[1 + i * 2] = (struct pollfd){ .fd = p->client, .events = POLLIN };
		f[2 + i * 2] = (struct pollfd){ .fd = p->server, .events = POLLIN };
	}
	if (poll(f, 1 + PAIRS_MAX * 2, TICK_MS) <= 0)
		return;
	for (int i = 0; i < PAIRS_MAX; i++) {
		struct pair *p = &x->pairs[i];

		if (f[2 + i * 2].revents && p->server >= 0)
			from_server(x, p);
		if (f[1 + i * 2].revents && p->client >= 0)
			from_client(x, p);
	}
	if (f[0].revents)
		accept_one(x);
}

static void *
run(void *arg)
{
	struct pg_proxy *x = arg;

	while (!atomic_load(&x->stop))
		turn(x);
	return NULL;
}

struct pg_proxy *
pg_proxy_start(const char *conninfo, char **ret_conninfo)
{
	struct pg_proxy *x = xcalloc(1, sizeof(*x));
	struct sockaddr_un mine;
	const char *rest = strchr(conninfo, ' ');

	if (strncmp(conninfo, "host=/", 6) != 0 || !rest)
		give_up(conninfo);
	snprintf(x->server, sizeof(x->server), "%.*s", (int)(rest - conninfo - 5),
	         conninfo + 5);
	snprintf(x->folder, sizeof(x->folder), "/tmp/godwit-proxy-XXXXXX");
	if (!mkdtemp(x->folder))
		give_up(x->folder);
	for (int i = 0; i < PAIRS_MAX; i++)
		x->pairs[i] = (struct pair){ .client = -1, .server = -1 };
	mine = address_in(x->folder);
	x->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(x->listener, (struct sockaddr *)&mine, sizeof(mine)) != 0 ||
	    listen(x->listener, PAIRS_MAX) != 0 ||
	    pthread_create(&x->thread, NULL, run, x) != 0)
		give_up("proxy");
	*ret_conninfo = xasprintf("host=%s%s", x->folder, rest);
	return x;
}

void
pg_proxy_cut(struct pg_proxy *p, enum pg_cut cut)
{
	atomic_store(&p->has_cut, false);
	atomic_store(&p->cut, cut);
}

bool
pg_proxy_has_cut(struct pg_proxy *p)
{
	return atomic_load(&p->has_cut);
}

void
pg_proxy_release(struct pg_proxy *p)
{
	atomic_store(&p->release, true);
	while (atomic_load(&p->release))
		usleep(TICK_MS * 1000);
}

void
pg_proxy_away(struct pg_proxy *p, bool away)
{
	atomic_store(&p->away, away);
}

void
pg_proxy_stop(struct pg_proxy *p)
{
	char *path;

	if (!p)
		return;
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
	for (int i = 0; i < PAIRS_MAX; i++)
		drop(&p->pairs[i]);
	close(p->listener);
	path = xasprintf("%s" SOCKET, p->folder);
	unlink(path);
	rmdir(p->folder);
	free(path);
	free(p);
}
