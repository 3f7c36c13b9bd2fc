/* SPDX-License-Identifier: ISC
 *
 * eas_waits.c - from (user, device) to its long poll.
 */
#include "activesync/eas_waits.h"

static uint64_t
key_of(const struct eas_request *q)
{
	return hash_u64(q->user ^ (uint64_t)q->device << 40);
}

static void
on_superseded(void *arg)
{
	struct eas_request *q = arg;

	if (q->r)
		eas_request_end(q);
	eas_request_unref(q);
}

/* With the lock held: takes the device's listed request off the table, with a reference.
 */
static struct eas_request *
take_older(struct eas *e, const struct eas_request *q)
{
	struct eas_request *old = NULL;
	uint64_t hash = key_of(q);

	for (struct hnode *n = htab_find(&e->waits, hash); n; n = htab_next(n)) {
		struct eas_request *i = container_of(n, struct eas_request, node);

		if (i != q && i->user == q->user && i->device == q->device)
			old = i;
	}
	if (old) {
		htab_remove(&e->waits, &old->node);
		old->listed = false;
		atomic_fetch_add(&old->refs, 1);
	}
	return old;
}

static void
replace_older(struct eas_request *q, bool list)
{
	struct eas *e = q->eas;
	struct eas_request *old;

	pthread_mutex_lock(&e->lock);
	old = take_older(e, q);
	if (list) {
		htab_add(&e->waits, &q->node, key_of(q));
		q->listed = true;
	}
	e->waiting = e->waits.count;
	pthread_mutex_unlock(&e->lock);
	if (old) /* in its own thread: nobody else touches it */
		loop_post(old->loop, on_superseded, old);
}

void
eas_waits_add(struct eas_request *q)
{
	if (!q->listed)
		replace_older(q, true);
}

void
eas_waits_end_older(struct eas_request *q)
{
	if (!q->listed)
		replace_older(q, false);
}

void
eas_waits_remove(struct eas_request *q)
{
	struct eas *e = q->eas;

	pthread_mutex_lock(&e->lock);
	if (q->listed)
		htab_remove(&e->waits, &q->node);
	q->listed = false;
	e->waiting = e->waits.count;
	pthread_mutex_unlock(&e->lock);
}

size_t
eas_waiting(const struct eas *e)
{
	struct eas *mine = (struct eas *)(uintptr_t)e;
	size_t n;

	pthread_mutex_lock(&mine->lock);
	n = mine->waiting;
	pthread_mutex_unlock(&mine->lock);
	return n;
}
