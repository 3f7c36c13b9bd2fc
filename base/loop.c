/* SPDX-License-Identifier: ISC
 *
 * loop.c - the event loop: libevent's core, a heap of timers, a post box.
 *
 * One turn is: what epoll reports (with the post box among it), then the timers that are
 * due, then what asked to run soon, then a little of what is heavy, then what the loop
 * has posted to itself: its own posts need no system call to be seen.
 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop_private.h"
#include "base/mem.h"

#define NOT_ARMED UINT64_MAX
/* The kernel timer never sleeps longer, so that no delay overflows. */
#define SLEEP_MAX_MS (3600 * 1000)

struct post {
	loop_fn *fn;
	void *arg;
};

struct post_box {
	struct post *p;
	size_t n;
	size_t cap;
};

struct loop_signal {
	struct list link;
	struct event ev;
	loop_fn *fn;
	void *arg;
};

struct loop {
	char *name;
	struct event_base *base;
	bool stop;
	bool in_turn;
	bool now_known;
	bool own_posts; /* the box has some that post_fd does not tell of */
	uint64_t now_ms;

	struct event timer_ev; /* the one kernel timer */
	uint64_t armed_ms;     /* when timer_ev is due, NOT_ARMED without */
	struct loop_timer **heap;
	size_t heap_n;
	size_t heap_cap;

	int post_fd;
	struct event post_ev;
	pthread_mutex_t post_lock; /* over box and told */
	struct post_box box;
	bool told; /* post_fd was written and not read */

	struct list soon;
	struct list heavy;
	_Atomic size_t heavy_n;
	struct list signals;
	char *scratch;
};

struct loop_watch {
	struct event ev;
	loop_watch_fn *fn;
	void *arg;
	unsigned io;
};

static _Thread_local struct loop *current;
static _Atomic bool no_more_loops;

/* --- timers: a binary heap, smallest due_ms first --- */

static void
heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->place = i + 1;
}

static void
heap_up(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	while (i > 0) {
		size_t up = (i - 1) / 2;

		if (l->heap[up]->due_ms <= t->due_ms)
			break;
		heap_put(l, i, l->heap[up]);
		i = up;
	}
	heap_put(l, i, t);
}

static void
heap_down(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->heap_n)
			break;
		if (child + 1 < l->heap_n &&
		    l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
			child++;
		if (t->due_ms <= l->heap[child]->due_ms)
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

void
loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *arg)
{
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
}

void
loop_timer_set(struct loop_timer *t, uint64_t delay_ms)
{
	struct loop *l = t->loop;
	uint64_t now = clock_mono_ms();

	t->due_ms = delay_ms < UINT64_MAX - now ? now + delay_ms : UINT64_MAX - 1;
	if (t->place == 0) {
		if (l->heap_n == l->heap_cap) {
			l->heap_cap = l->heap_cap ? l->heap_cap * 2 : 64;
			l->heap = xreallocarray(l->heap, l->heap_cap, sizeof(*l->heap));
		}
		heap_put(l, l->heap_n++, t);
	}
	heap_up(l, t->place - 1);
	heap_down(l, t->place - 1);
}

void
loop_timer_clear(struct loop_timer *t)
{
	struct loop *l = t->loop;
	size_t i = t->place;

	if (i == 0)
		return;
	i--;
	assert(l->heap[i] == t);
	t->place = 0;
	l->heap_n--;
	if (i < l->heap_n) {
		struct loop_timer *last = l->heap[l->heap_n];

		heap_put(l, i, last);
		heap_up(l, i);
		heap_down(l, last->place - 1);
	}
}

/* Timers that are set while we fire wait for the next turn, however short they are. */
static void
fire_timers(struct loop *l)
{
	uint64_t now = clock_mono_ms();

	for (size_t n = l->heap_n; n > 0 && l->heap_n > 0; n--) {
		struct loop_timer *t = l->heap[0];

		if (t->due_ms > now)
			break;
		loop_timer_clear(t);
		t->fn(t->arg);
	}
}

/* False when a timer is due already. */
static bool
arm_kernel_timer(struct loop *l)
{
	uint64_t due = l->heap_n > 0 ? l->heap[0]->due_ms : NOT_ARMED;
	uint64_t now = clock_mono_ms();
	uint64_t delay;
	struct timeval tv;

	if (due <= now)
		return false;
	if (due == l->armed_ms)
		return true;
	l->armed_ms = due;
	if (due == NOT_ARMED) {
		event_del(&l->timer_ev);
		return true;
	}
	delay = due - now < SLEEP_MAX_MS ? due - now : SLEEP_MAX_MS;
	tv.tv_sec = (time_t)(delay / 1000);
	tv.tv_usec = (suseconds_t)(delay % 1000 * 1000);
	event_add(&l->timer_ev, &tv);
	return true;
}

static void
on_kernel_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct loop *l = arg;

	l->armed_ms = NOT_ARMED;
}

/* --- the post box --- */

void
loop_post(struct loop *l, loop_fn *fn, void *arg)
{
	bool is_own = current == l && l->in_turn;

	pthread_mutex_lock(&l->post_lock);
	if (l->box.n == l->box.cap) {
		l->box.cap = l->box.cap ? l->box.cap * 2 : 16;
		l->box.p = xreallocarray(l->box.p, l->box.cap, sizeof(*l->box.p));
	}
	l->box.p[l->box.n++] = (struct post){ fn, arg };
	if (is_own) /* it looks before it sleeps */
		l->own_posts = true;
	/* Under the lock: a loop that is freed after this post must find the fd written.
	 */
	if (!is_own && !l->told) {
		ssize_t n = write(l->post_fd, &(uint64_t){ 1 }, sizeof(uint64_t));

		assert(n == (ssize_t)sizeof(uint64_t));
		(void)n;
		l->told = true;
	}
	pthread_mutex_unlock(&l->post_lock);
}

/* Runs what is in the box now; false when there was nothing. */
static bool
run_posts(struct loop *l)
{
	struct post_box box;
	uint64_t sum;

	pthread_mutex_lock(&l->post_lock);
	if (l->told && read(l->post_fd, &sum, sizeof(sum)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
	l->told = false;
	l->own_posts = false;
	box = l->box;
	l->box = (struct post_box){ 0 };
	pthread_mutex_unlock(&l->post_lock);

	for (size_t i = 0; i < box.n; i++)
		box.p[i].fn(box.p[i].arg);
	free(box.p);
	return box.n > 0;
}

static void
on_post(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	run_posts(arg);
}

/* --- soon --- */

void
loop_soon(struct loop *l, struct loop_soon *x)
{
	if (list_is_empty(&x->link))
		list_push_back(&l->soon, &x->link);
}

static void
run_soon(struct loop *l)
{
	struct list now;

	list_init(&now);
	list_splice(&now, &l->soon);
	while (!list_is_empty(&now)) {
		struct loop_soon *x = list_first(&now, struct loop_soon, link);

		list_remove(&x->link);
		x->fn(x);
	}
}

/* --- heavy --- */

void
loop_heavy(struct loop *l, struct loop_soon *x, bool first)
{
	if (!list_is_empty(&x->link))
		return;
	if (first)
		list_push_front(&l->heavy, &x->link);
	else
		list_push_back(&l->heavy, &x->link);
	atomic_fetch_add_explicit(&l->heavy_n, 1, memory_order_relaxed);
}

void
loop_heavy_clear(struct loop *l, struct loop_soon *x)
{
	if (list_is_empty(&x->link))
		return;
	list_remove(&x->link);
	atomic_fetch_sub_explicit(&l->heavy_n, 1, memory_order_relaxed);
}

size_t
loop_heavy_waiting(const struct loop *l)
{
	return atomic_load_explicit(&l->heavy_n, memory_order_relaxed);
}

static void
run_heavy(struct loop *l)
{
	uint64_t began = clock_mono_us();

	for (int i = 0; i < LOOP_HEAVY_MAX && !list_is_empty(&l->heavy); i++) {
		struct loop_soon *x = list_first(&l->heavy, struct loop_soon, link);

		loop_heavy_clear(l, x);
		x->fn(x);
		if (clock_mono_us() - began >= LOOP_HEAVY_US)
			break;
	}
}

/* --- the loop --- */

void
loop_forbid_new(bool forbid)
{
	no_more_loops = forbid;
}

enum rc
loop_new(const char *name, struct loop **ret)
{
	struct event_config *conf;
	struct loop *l;

	/* OpenSSL writes with write(2): a peer that has gone must be an error, not a
	 * death. */
	signal(SIGPIPE, SIG_IGN);
	assert(!no_more_loops);

	conf = event_config_new();
	if (conf == NULL)
		return RC_IO;
	event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	event_config_require_features(conf, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	l = xcalloc(1, sizeof(*l));
	l->base = event_base_new_with_config(conf);
	event_config_free(conf);
	l->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->base == NULL || l->post_fd < 0) {
		if (l->post_fd >= 0)
			close(l->post_fd);
		if (l->base != NULL)
			event_base_free(l->base);
		free(l);
		return RC_IO;
	}
	l->name = xstrdup(name);
	l->armed_ms = NOT_ARMED;
	list_init(&l->soon);
	list_init(&l->heavy);
	list_init(&l->signals);
	pthread_mutex_init(&l->post_lock, NULL);
	event_assign(&l->timer_ev, l->base, -1, 0, on_kernel_timer, l);
	event_assign(&l->post_ev, l->base, l->post_fd, EV_READ | EV_PERSIST, on_post, l);
	event_add(&l->post_ev, NULL);
	*ret = l;
	return RC_OK;
}

void
loop_free(struct loop *l)
{
	struct loop *outer = current;

	if (l == NULL)
		return;
	current = l;
	do {
		run_soon(l);
		run_heavy(l);
	} while (run_posts(l) || !list_is_empty(&l->soon) || !list_is_empty(&l->heavy));
	current = outer;
	list_each_safe(s, &l->signals, struct loop_signal, link) {
		event_del(&s->ev);
		free(s);
	}
	event_del(&l->timer_ev);
	event_del(&l->post_ev);
	event_base_free(l->base);
	close(l->post_fd);
	pthread_mutex_destroy(&l->post_lock);
	free(l->box.p);
	free(l->heap);
	free(l->scratch);
	free(l->name);
	free(l);
}

static void
turn(struct loop *l, bool wait)
{
	struct loop *outer = current;
	bool may_sleep = arm_kernel_timer(l) && list_is_empty(&l->soon) &&
	                 list_is_empty(&l->heavy) && !l->own_posts && wait;

	current = l;
	l->now_known = false;
	l->in_turn = true;
	event_base_loop(l->base, EVLOOP_ONCE | (may_sleep ? 0 : EVLOOP_NONBLOCK));
	l->now_known = false;
	fire_timers(l);
	run_soon(l);
	run_heavy(l);
	if (l->own_posts) {
		run_posts(l);
		run_soon(l);
	}
	l->in_turn = false;
	current = outer;
}

void
loop_run(struct loop *l)
{
	while (!l->stop)
		turn(l, true);
	l->stop = false;
}

void
loop_run_once(struct loop *l, bool wait)
{
	turn(l, wait);
}

static void
note_stop(void *arg)
{
	struct loop *l = arg;

	l->stop = true;
}

void
loop_stop(struct loop *l)
{
	loop_post(l, note_stop, l);
}

struct loop *
loop_current(void)
{
	return current;
}

const char *
loop_name(const struct loop *l)
{
	return l->name;
}

uint64_t
loop_now_ms(const struct loop *cl)
{
	struct loop *l = (struct loop *)cl;

	if (!l->in_turn)
		return clock_mono_ms();
	if (!l->now_known) {
		l->now_ms = clock_mono_ms();
		l->now_known = true;
	}
	return l->now_ms;
}

char *
loop_scratch(struct loop *l)
{
	if (l->scratch == NULL)
		l->scratch = xmalloc(LOOP_SCRATCH);
	return l->scratch;
}

struct event_base *
loop_event_base(struct loop *l)
{
	return l->base;
}

/* --- file descriptors and signals --- */

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;
	unsigned io = 0;

	if (what & EV_READ)
		io |= LOOP_IO_READ;
	if (what & EV_WRITE)
		io |= LOOP_IO_WRITE;
	w->fn(fd, io, w->arg);
}

struct loop_watch *
loop_watch_new(struct loop *l, int fd, loop_watch_fn *fn, void *arg)
{
	struct loop_watch *w = xcalloc(1, sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	event_assign(&w->ev, l->base, fd, EV_PERSIST, on_watch, w);
	return w;
}

void
loop_watch_set(struct loop_watch *w, unsigned io)
{
	short what = EV_PERSIST;

	if (io == w->io)
		return;
	if (io & LOOP_IO_READ)
		what |= EV_READ;
	if (io & LOOP_IO_WRITE)
		what |= EV_WRITE;
	event_del(&w->ev);
	event_assign(&w->ev, event_get_base(&w->ev), event_get_fd(&w->ev), what, on_watch,
	             w);
	if (io != 0)
		event_add(&w->ev, NULL);
	w->io = io;
}

void
loop_watch_free(struct loop_watch *w)
{
	if (w == NULL)
		return;
	event_del(&w->ev);
	free(w);
}

static void
on_signal(evutil_socket_t signo UNUSED, short what UNUSED, void *arg)
{
	struct loop_signal *s = arg;

	s->fn(s->arg);
}

enum rc
loop_on_signal(struct loop *l, int signo, loop_fn *fn, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	if (evsignal_assign(&s->ev, l->base, signo, on_signal, s) != 0 ||
	    evsignal_add(&s->ev, NULL) != 0) {
		free(s);
		return RC_IO;
	}
	list_push_back(&l->signals, &s->link);
	return RC_OK;
}
