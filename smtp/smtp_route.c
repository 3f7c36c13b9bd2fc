/* SPDX-License-Identifier: ISC
 *
 * smtp_route.c - which recipients were found a moment ago.
 *
 * RCPT needs a look into the directory, which is a job and costs a busy session two
 * thread switches a recipient. An address that was found is remembered for two seconds on
 * its loop. It is an early answer only: smtp_deliver() looks again before it writes, and
 * an address that is gone by then is refused or bounced there. Failures are never
 * remembered, so a new user gets mail at once.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "smtp/smtp_private.h"

#define KEEP_MS 2000
#define ROUTES_MAX 2000

struct known {
	struct hnode node;
	struct list link; /* by age, the oldest first */
	uint64_t until_ms;
	size_t n;
	char address[];
};

static void
forget(struct smtp_loop *at, struct known *k)
{
	htab_remove(&at->routes, &k->node);
	list_remove(&k->link);
	free(k);
}

static void
forget_old(struct smtp_loop *at)
{
	uint64_t now = loop_now_ms(at->loop);
	list_each_safe(k, &at->routes_by_age, struct known, link) {
		if (k->until_ms > now && at->routes.count < ROUTES_MAX)
			break;
		forget(at, k);
	}
}

static struct known *
find(const struct smtp_loop *at, struct span address)
{
	for (struct hnode *n = htab_find(&at->routes, hash_bytes(address)); n;
	     n = htab_next(n)) {
		struct known *k = container_of(n, struct known, node);
		if (span_eq(span_of(k->address, k->n), address))
			return k;
	}
	return NULL;
}

bool
smtp_route_knows(struct smtp_loop *at, struct span address)
{
	forget_old(at);
	return find(at, address) != NULL;
}

void
smtp_route_note(struct smtp_loop *at, struct span address)
{
	forget_old(at);
	if (find(at, address))
		return;
	struct known *k = xmalloc(sizeof(*k) + address.n);
	k->until_ms = loop_now_ms(at->loop) + KEEP_MS;
	k->n = address.n;
	memcpy(k->address, address.p, address.n);
	htab_add(&at->routes, &k->node, hash_bytes(address));
	list_push_back(&at->routes_by_age, &k->link);
}

void
smtp_route_forget_all(struct smtp_loop *at)
{
	list_each_safe(k, &at->routes_by_age, struct known, link)
		forget(at, k);
	htab_done(&at->routes);
	htab_init(&at->routes);
}
