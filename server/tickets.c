/* SPDX-License-Identifier: ISC
 *
 * tickets.c - keeps the keys of TLS session tickets: shared by the nodes, renewed by
 * time.
 */
#include "server/tickets.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_secret.h"

#define NAME "tls.ticket"
#define EPOCHS 3 /* the one before, this one, the next */
#define RETRY_MS 60000
/* The wall clock may be set: it is asked again after so long. */
#define LOOK_MS 600000

struct tickets {
	struct store *store;
	struct jobs *jobs;
	struct tls_server *tls;
	struct loop *loop;
	struct loop_timer timer;
	uint64_t epoch_ms;
	uint64_t epoch; /* in use; 0: none yet */
	/* Of the load that is under way or was last. */
	uint64_t wanted;
	enum rc rc;
	struct store_secret secrets[EPOCHS];
};

static uint64_t
epoch_now(const struct tickets *t)
{
	return (uint64_t)clock_wall_ms() / t->epoch_ms;
}

static void
load(void *arg)
{
	struct tickets *t = arg;
	uint64_t first = t->wanted > 0 ? t->wanted - 1 : 0;

	t->rc = store_secret_load(t->store, NAME, first, first + EPOCHS - 1, t->secrets);
}

static void
use(struct tickets *t)
{
	struct tls_ticket_secret secrets[EPOCHS];

	_Static_assert(STORE_SECRET_SIZE == TLS_SECRET_SIZE, "they are the same bytes");
	if (t->rc != RC_OK) {
		log_warn(NULL, "tls.tickets", "rc=%s", LOG_STR(span_str(rc_str(t->rc))));
		return;
	}
	for (size_t i = 0; i < EPOCHS; i++)
		memcpy(secrets[i].bytes, t->secrets[i].bytes, TLS_SECRET_SIZE);
	tls_server_set_tickets(t->tls, secrets, EPOCHS, t->wanted > 0,
	                       2 * t->epoch_ms / 1000);
	mem_wipe(secrets, sizeof(secrets));
	mem_wipe(t->secrets, sizeof(t->secrets));
	t->epoch = t->wanted;
	log_debug(NULL, "tls.tickets", "epoch=%ju", (uintmax_t)t->epoch);
}

static void
set_timer(struct tickets *t)
{
	uint64_t left = t->epoch_ms - (uint64_t)clock_wall_ms() % t->epoch_ms;

	if (t->rc != RC_OK)
		left = RETRY_MS;
	loop_timer_set(&t->timer, left < LOOK_MS ? left : LOOK_MS);
}

static void
on_loaded(void *arg)
{
	struct tickets *t = arg;

	use(t);
	set_timer(t);
}

static void
on_timer(void *arg)
{
	struct tickets *t = arg;

	t->wanted = epoch_now(t);
	if (t->wanted == t->epoch)
		set_timer(t);
	else
		job_run(t->jobs, 0, t->loop, load, on_loaded, t);
}

struct tickets *
tickets_new(struct store *s, struct jobs *j, struct loop *l, struct tls_server *tls,
            uint64_t epoch_ms)
{
	struct tickets *t = xcalloc(1, sizeof(*t));

	t->store = s;
	t->jobs = j;
	t->tls = tls;
	t->loop = l;
	t->epoch_ms = epoch_ms;
	loop_timer_init(&t->timer, l, on_timer, t);
	t->wanted = epoch_now(t);
	load(t);
	on_loaded(t);
	return t;
}

void
tickets_free(struct tickets *t)
{
	if (t == NULL)
		return;
	loop_timer_clear(&t->timer);
	mem_wipe(t->secrets, sizeof(t->secrets));
	free(t);
}
