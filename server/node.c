/* SPDX-License-Identifier: ISC
 *
 * node.c - the thread that beats. A thread of its own: a node whose workers all wait for
 * the database is slow, not dead.
 */
#include "server/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_node.h"

#define HOST_MAX 256

struct node {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop;
};

/* False: to stop. */
static bool
sleep_a_beat(struct node *n)
{
	struct timespec until;
	int e = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STORE_NODE_BEAT_MS / 1000;
	pthread_mutex_lock(&n->mutex);
	while (!n->stop && e == 0)
		e = pthread_cond_timedwait(&n->wake, &n->mutex, &until);
	bool stop = n->stop;
	pthread_mutex_unlock(&n->mutex);
	return !stop;
}

static void *
run(void *arg)
{
	struct node *n = arg;

	while (sleep_a_beat(n)) {
		enum rc rc = store_node_beat(n->store);
		if (rc != RC_OK)
			log_warn(NULL, "node.beat failed", "rc=%s",
			         LOG_STR(span_str(rc_str(rc))));
	}
	return NULL;
}

static void
init_wake(struct node *n)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&n->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->wake, &attr);
	pthread_condattr_destroy(&attr);
}

enum rc
node_start(struct store *s, const char *name, struct node **ret, struct err *err)
{
	char host[HOST_MAX] = "";
	struct node *n;
	enum rc rc;

	if (gethostname(host, sizeof(host)) != 0 || !*host)
		snprintf(host, sizeof(host), "localhost");
	host[sizeof(host) - 1] = '\0';
	rc = store_node_join(s, span_str(*name ? name : host), span_str(host));
	if (rc != RC_OK)
		return err_set(err, rc, "server.node: the node cannot join: %s",
		               rc_str(rc));
	n = xcalloc(1, sizeof(*n));
	n->store = s;
	init_wake(n);
	rc = thread_start("node", THREAD_STACK, run, n, &n->thread);
	if (rc != RC_OK) {
		free(n);
		return err_set(err, rc, "no thread for the node");
	}
	*ret = n;
	return RC_OK;
}

void
node_stop(struct node *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->mutex);
	n->stop = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->mutex);
	pthread_join(n->thread, NULL);
	enum rc rc = store_node_leave(n->store);
	if (rc != RC_OK)
		log_warn(NULL, "node.leave failed", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->mutex);
	free(n);
}
