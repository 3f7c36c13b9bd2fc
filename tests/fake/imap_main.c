/* SPDX-License-Identifier: ISC
 *
 * imap_main.c - the IMAP rig on a loopback port, for trying foreign clients by hand.
 *
 * imap_main PORT: user alice@example.org, password wonderland, until SIGINT or SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/listener.h"
#include "base/mem.h"
#include "tests/fake/imap_rig.h"

static void
on_accept(struct loop *l, int fd, void *arg)
{
	struct imap_rig *r = arg;

	imap_accept(r->imap, l, fd, false);
}

int
main(int argc, char **argv)
{
	struct imap_rig r;
	struct listener *listener;
	struct err err = { "" };
	int fds[4];
	size_t n;
	sigset_t set;
	int sig;

	if (argc != 2) {
		fprintf(stderr, "usage: imap_main PORT\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	imap_rig_conf(&r);
	r.conf.message_max = 8 << 20;
	imap_rig_start(&r);
	char *address = xasprintf("127.0.0.1:%s", argv[1]);
	if (listener_bind(address, NULL, 1, fds, &n, &err) ||
	    listener_new(r.loops, fds, n, 0, on_accept, &r, &listener)) {
		fprintf(stderr, "%s: %s\n", address, err.text);
		return 1;
	}
	free(address);
	sigwait(&set, &sig);
	listener_free(listener);
	imap_rig_stop(&r);
	return 0;
}
