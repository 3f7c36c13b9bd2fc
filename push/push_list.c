/* SPDX-License-Identifier: ISC
 *
 * push_list.c - the first few of all who wait, and the times that answers take.
 *
 * The few lie in a heap whose root is the last of them: most waiters are compared with it
 * once and passed over.
 */
#include "push/push_list.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "push/push_private.h"

static struct metric answers[PUSH_KINDS] = {
#define X(id, text)                                                                      \
	[PUSH_KIND_##id] = { .type = METRIC_TYPE_HISTOGRAM,                              \
		             .name = "godwit_push_answer_seconds",                       \
		             .labels = "kind=\"" text "\"",                              \
		             .help = "From a durable change to the answer that tells "   \
		                     "the device of it." },
	PUSH_KIND_LIST(X)
#undef X
};

const char *
push_kind_str(enum push_kind k)
{
	static const char *const texts[] = {
#define X(name, text) [PUSH_KIND_##name] = text,
		PUSH_KIND_LIST(X)
#undef X
	};
	return texts[k];
}

void
push_answer_register_metrics(void)
{
	for (size_t i = PUSH_KIND_PING; i < PUSH_KINDS; i++)
		metric_register(&answers[i]);
}

void
push_answered(enum push_kind kind, uint64_t moved_us)
{
	metric_observe_us(&answers[kind], clock_mono_us() - moved_us);
}

struct listing {
	enum push_order order;
	uint64_t now_ms;
	struct push_waiter *heap;
	size_t n;
	size_t max;
	size_t *kinds;
};

static void
describe(const struct push_wait *w, uint64_t now_ms, struct push_waiter *ret)
{
	uint64_t due_ms = atomic_load_explicit(&w->due_ms, memory_order_relaxed);
	uint32_t n = w->n_collections < PUSH_LIST_FOLDERS ? w->n_collections
	                                                  : PUSH_LIST_FOLDERS;

	*ret = (struct push_waiter){
		.user = w->user,
		.device = w->device,
		.kind = (enum push_kind)w->kind,
		.age_ms = now_ms > w->born_ms ? now_ms - w->born_ms : 0,
		.left_ms = due_ms > now_ms ? due_ms - now_ms : 0,
		.n_collections = w->n_collections,
	};
	for (uint32_t i = 0; i < n; i++)
		ret->collections[i] = w->collections[i];
}

/* Does a come before b in the list? */
static bool
is_before(enum push_order order, const struct push_waiter *a, const struct push_waiter *b)
{
	switch (order) {
	case PUSH_ORDER_OLDEST:
		return a->age_ms > b->age_ms;
	case PUSH_ORDER_YOUNGEST:
		return a->age_ms < b->age_ms;
	case PUSH_ORDER_LEFT: /* without end: behind all others */
		return a->left_ms - 1 < b->left_ms - 1;
	}
	return false;
}

static void
swap(struct push_waiter *a, struct push_waiter *b)
{
	struct push_waiter was = *a;
	*a = *b;
	*b = was;
}

static void
sift_up(struct listing *l, size_t i)
{
	while (i > 0 && is_before(l->order, &l->heap[(i - 1) / 2], &l->heap[i])) {
		swap(&l->heap[i], &l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static void
sift_down(struct listing *l, size_t i)
{
	for (;;) {
		size_t last = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < l->n; k++) {
			if (is_before(l->order, &l->heap[last], &l->heap[k]))
				last = k;
		}
		if (last == i)
			return;
		swap(&l->heap[i], &l->heap[last]);
		i = last;
	}
}

static void
visit(struct hnode *n, void *arg)
{
	struct push_wait *w = container_of(n, struct push_wait, node);
	struct listing *l = arg;
	struct push_waiter one;

	l->kinds[w->kind]++;
	describe(w, l->now_ms, &one);
	if (l->n < l->max) {
		l->heap[l->n++] = one;
		sift_up(l, l->n - 1);
	} else if (l->max > 0 && is_before(l->order, &one, &l->heap[0])) {
		l->heap[0] = one;
		sift_down(l, 0);
	}
}

size_t
push_list(struct push *p, enum push_order order, struct push_waiter *ret, size_t max,
          size_t ret_kinds[PUSH_KINDS])
{
	struct listing l = { .order = order,
		             .now_ms = clock_mono_ms(),
		             .heap = ret,
		             .max = max,
		             .kinds = ret_kinds };

	assert(max <= PUSH_LIST_MAX);
	memset(ret_kinds, 0, PUSH_KINDS * sizeof(*ret_kinds));
	for (size_t i = 0; i < PUSH_STRIPES; i++) {
		pthread_mutex_lock(&p->stripes[i].lock);
		htab_each(&p->stripes[i].waiters, visit, &l);
		pthread_mutex_unlock(&p->stripes[i].lock);
	}
	/* The heap gives the last one first. */
	size_t n = l.n;
	while (l.n > 1) {
		swap(&l.heap[0], &l.heap[--l.n]);
		sift_down(&l, 0);
	}
	return n;
}

bool
push_list_find(struct push *p, uint64_t user, uint32_t device, struct push_waiter *ret)
{
	uint64_t hash = hash_u64(user);
	struct push_stripe *stripe = push_stripe_of(p, hash);
	bool found = false;

	pthread_mutex_lock(&stripe->lock);
	for (struct hnode *h = htab_find(&stripe->waiters, hash); h && !found;
	     h = htab_next(h)) {
		struct push_wait *w = container_of(h, struct push_wait, node);
		found = w->user == user && w->device == device;
		if (found)
			describe(w, clock_mono_ms(), ret);
	}
	pthread_mutex_unlock(&stripe->lock);
	return found;
}
