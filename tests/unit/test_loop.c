/* SPDX-License-Identifier: ISC
 *
 * test_loop.c - timers, posts, watches and threads of loops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop_private.h"
#include "base/loops.h"
#include "base/mem.h"

static struct loop *
new_loop(void)
{
	struct loop *l;

	assert_int_equal(loop_new("test", &l), RC_OK);
	return l;
}

#define CHAR(c) ((void *)(intptr_t)(c))

static char trace[64];

static void
note_char(char c)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof(trace));
	trace[n] = c;
	trace[n + 1] = '\0';
}

static void
note(void *arg)
{
	note_char((char)(intptr_t)arg);
}

static int
fresh(void **state)
{
	(void)state;
	trace[0] = '\0';
	clock_fake_start(1000000);
	return 0;
}

static int
back_to_real_time(void **state)
{
	(void)state;
	clock_fake_stop();
	return 0;
}

static void
timers_fire_in_order_of_their_time(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct loop_timer a, b, c;

	loop_timer_init(&a, l, note, CHAR('a'));
	loop_timer_init(&b, l, note, CHAR('b'));
	loop_timer_init(&c, l, note, CHAR('c'));
	loop_timer_set(&a, 300);
	loop_timer_set(&b, 100);
	loop_timer_set(&c, 200);
	clock_fake_advance(99);
	loop_run_once(l, false);
	assert_string_equal(trace, "");
	clock_fake_advance(1);
	loop_run_once(l, false);
	assert_string_equal(trace, "b");
	clock_fake_advance(1000);
	loop_run_once(l, false);
	assert_string_equal(trace, "bca");
	assert_false(loop_timer_is_set(&a));
}

static void
a_timer_set_again_moves(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct loop_timer a, b;

	loop_timer_init(&a, l, note, CHAR('a'));
	loop_timer_init(&b, l, note, CHAR('b'));
	loop_timer_set(&a, 100);
	loop_timer_set(&b, 200);
	loop_timer_set(&a, 300);
	clock_fake_advance(250);
	loop_run_once(l, false);
	assert_string_equal(trace, "b");
	loop_timer_set(&a, 10);
	clock_fake_advance(10);
	loop_run_once(l, false);
	assert_string_equal(trace, "ba");
}

static void
a_cleared_timer_is_silent(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct loop_timer a;

	loop_timer_init(&a, l, note, CHAR('a'));
	loop_timer_set(&a, 100);
	assert_true(loop_timer_is_set(&a));
	loop_timer_clear(&a);
	loop_timer_clear(&a);
	assert_false(loop_timer_is_set(&a));
	clock_fake_advance(100);
	loop_run_once(l, false);
	assert_string_equal(trace, "");
}

struct owner {
	struct loop_timer timer;
	unsigned fired;
};

static void
set_again_at_once(void *arg)
{
	struct owner *o = arg;

	o->fired++;
	loop_timer_set(&o->timer, 0);
}

static void
a_timer_of_no_delay_fires_once_a_turn(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct owner o = { 0 };

	loop_timer_init(&o.timer, l, set_again_at_once, &o);
	loop_timer_set(&o.timer, 0);
	loop_run_once(l, true);
	assert_int_equal(o.fired, 1);
	loop_run_once(l, true);
	assert_int_equal(o.fired, 2);
	loop_timer_clear(&o.timer);
}

static void
free_owner(void *arg)
{
	note_char('f');
	free(arg);
}

static void
a_timer_may_free_its_owner(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct owner *o = xcalloc(1, sizeof(*o));

	loop_timer_init(&o->timer, l, free_owner, o);
	loop_timer_set(&o->timer, 5);
	clock_fake_advance(5);
	loop_run_once(l, false);
	assert_string_equal(trace, "f");
}

struct many {
	struct loop_timer timer;
	uint64_t at;
};

static uint64_t last_at;
static size_t fired_n;

static void
check_order(void *arg)
{
	struct many *m = arg;

	assert_true(m->at >= last_at);
	assert_true(clock_mono_ms() >= m->at);
	last_at = m->at;
	fired_n++;
}

static void
ten_thousand_timers_with_moves_and_clears_keep_their_order(void **state UNUSED)
{
	enum { N = 10000 };
	AUTO(loop)
	struct loop *l = new_loop();
	struct many *m = xcalloc(N, sizeof(*m));
	uint64_t start = clock_mono_ms();
	unsigned seed = 7;
	size_t left = 0;

	last_at = fired_n = 0;
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) {
			uint64_t delay = (uint64_t)rand_r(&seed) % 5000;

			if (round == 0)
				loop_timer_init(&m[i].timer, l, check_order, &m[i]);
			m[i].at = start + delay;
			if (rand_r(&seed) % 3 == 0)
				loop_timer_clear(&m[i].timer);
			else
				loop_timer_set(&m[i].timer, delay);
		}
	}
	for (size_t i = 0; i < N; i++)
		left += loop_timer_is_set(&m[i].timer);
	for (unsigned ms = 0; ms <= 5000; ms += 50) {
		loop_run_once(l, false);
		clock_fake_advance(50);
	}
	assert_int_equal(fired_n, left);
	free(m);
}

static void
post_more(void *arg)
{
	note_char('m');
	loop_post(arg, note, CHAR('x'));
	note_char('n');
}

static void
posts_run_in_order_and_never_inside_loop_post(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();

	loop_post(l, note, CHAR('a'));
	loop_post(l, post_more, l);
	loop_post(l, note, CHAR('b'));
	assert_string_equal(trace, "");
	loop_run_once(l, true);
	assert_string_equal(trace, "amnbx"); /* its own at the turn's end */
}

struct chain {
	struct loop *l;
	unsigned left;
};

static void
post_again(void *arg)
{
	struct chain *c = arg;

	if (--c->left > 0)
		loop_post(c->l, post_again, c);
}

/* It would sleep for ever: nothing is written for them that epoll could tell. */
static void
loop_does_not_sleep_over_what_it_has_posted_to_itself(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct chain c = { l, 5 };

	loop_post(l, post_again, &c);
	while (c.left > 0)
		loop_run_once(l, true);
	loop_run_once(l, false);
}

#define FROM_EACH 20000

struct crossing {
	struct loop *l;
	atomic_uint own;
	unsigned from_thread;
};

static void
count_own(void *arg)
{
	struct crossing *c = arg;

	atomic_fetch_add(&c->own, 1);
}

static void
count_and_post_to_itself(void *arg)
{
	struct crossing *c = arg;

	c->from_thread++;
	loop_post(c->l, count_own, c);
}

static void *
post_many(void *arg)
{
	struct crossing *c = arg;

	for (unsigned i = 0; i < FROM_EACH; i++)
		loop_post(c->l, count_and_post_to_itself, c);
	return NULL;
}

static void
posts_of_others_are_not_lost_behind_the_loops_own(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct crossing c = { .l = l };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, post_many, &c), 0);
	while (atomic_load(&c.own) < FROM_EACH)
		loop_run_once(l, true);
	pthread_join(thread, NULL);
	assert_int_equal(c.from_thread, FROM_EACH);
}

static void
posts_left_over_run_when_the_loop_is_freed(void **state UNUSED)
{
	struct loop *l = new_loop();

	loop_post(l, post_more, l);
	loop_free(l);
	assert_string_equal(trace, "mnx");
}

static void
what_was_posted_before_the_stop_is_run(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();

	loop_post(l, note, CHAR('a'));
	loop_stop(l);
	loop_run(l);
	assert_string_equal(trace, "a");
}

static void
check_current(void *arg)
{
	assert_ptr_equal(loop_current(), arg);
	note_char('c');
}

static void
the_current_loop_is_known_inside_it_only(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();

	assert_null(loop_current());
	loop_post(l, check_current, l);
	loop_run_once(l, true);
	assert_null(loop_current());
	assert_string_equal(trace, "c");
	assert_string_equal(loop_name(l), "test");
}

static void
move_time(void *arg)
{
	uint64_t before = loop_now_ms(arg);

	clock_fake_advance(10);
	assert_int_equal(loop_now_ms(arg), before);
	note_char('t');
}

static void
time_stands_still_within_a_turn(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	uint64_t before = loop_now_ms(l);

	loop_post(l, move_time, l);
	loop_run_once(l, true);
	assert_string_equal(trace, "t");
	assert_int_equal(loop_now_ms(l), before + 10);
}

struct pipe_end {
	struct loop_watch *watch;
	unsigned io;
	unsigned calls;
};

static void
on_io(int fd UNUSED, unsigned io, void *arg)
{
	struct pipe_end *p = arg;

	p->io = io;
	p->calls++;
}

static void
a_watch_is_level_triggered_and_pauses(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct pipe_end p = { 0 };
	int fd[2];

	assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
	p.watch = loop_watch_new(l, fd[0], on_io, &p);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_run_once(l, false);
	assert_int_equal(p.calls, 0);
	loop_watch_set(p.watch, LOOP_IO_READ);
	loop_run_once(l, true);
	loop_run_once(l, true);
	assert_int_equal(p.calls, 2);
	assert_int_equal(p.io, LOOP_IO_READ);
	loop_watch_set(p.watch, 0);
	loop_run_once(l, false);
	assert_int_equal(p.calls, 2);
	loop_watch_free(p.watch);
	p.watch = loop_watch_new(l, fd[1], on_io, &p);
	loop_watch_set(p.watch, LOOP_IO_WRITE);
	loop_run_once(l, true);
	assert_int_equal(p.io, LOOP_IO_WRITE);
	loop_watch_free(p.watch);
	close(fd[0]);
	close(fd[1]);
}

static void
a_signal_runs_its_function_in_the_loop(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();

	assert_int_equal(loop_on_signal(l, SIGUSR1, note, CHAR('s')), RC_OK);
	assert_int_equal(raise(SIGUSR1), 0);
	loop_run_once(l, true);
	assert_string_equal(trace, "s");
}

static void
a_real_timer_wakes_a_waiting_loop(void **state UNUSED)
{
	AUTO(loop)
	struct loop *l = new_loop();
	struct loop_timer a, far;
	uint64_t start, took;

	clock_fake_stop();
	start = clock_mono_ms();
	loop_timer_init(&a, l, note, CHAR('a'));
	loop_timer_init(&far, l, note, CHAR('f'));
	loop_timer_set(&far, UINT64_MAX);
	loop_timer_set(&a, 30);
	while (trace[0] == '\0')
		loop_run_once(l, true);
	took = clock_mono_ms() - start;
	assert_in_range(took, 30, 10000);
	loop_timer_clear(&far);
}

static atomic_uint counted;

static void
count(void *arg UNUSED)
{
	atomic_fetch_add(&counted, 1);
}

static void *
post_a_thousand(void *arg)
{
	for (int i = 0; i < 1000; i++)
		loop_post(arg, count, NULL);
	return NULL;
}

static void
posts_of_many_threads_all_arrive(void **state UNUSED)
{
	struct loops *ls;
	pthread_t t[4];

	clock_fake_stop();
	atomic_store(&counted, 0);
	assert_int_equal(loops_new(2, &ls), RC_OK);
	assert_int_equal(loops_count(ls), 2);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, post_a_thousand, loops_at(ls, i % 2)),
			0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	loops_free(ls);
	assert_int_equal(atomic_load(&counted), 4000);
}

static void
find_current(void *arg)
{
	*(struct loop **)arg = loop_current();
}

static void
a_call_runs_in_the_loop_and_is_waited_for(void **state UNUSED)
{
	struct loops *ls;
	struct loop *seen = NULL;

	clock_fake_stop();
	assert_int_equal(loops_new(0, &ls), RC_OK);
	assert_true(loops_count(ls) > 0);
	for (size_t i = 0; i < loops_count(ls); i++) {
		loops_call(ls, i, find_current, &seen);
		assert_ptr_equal(seen, loops_at(ls, i));
	}
	loops_free(ls);
}

/* -- loops with descriptors of their own -- */

#define MANY 40

struct opened {
	int fd[MANY];
	int n;
};

static void
open_many(void *arg)
{
	struct opened *o = arg;

	for (o->n = 0; o->n < MANY; o->n++) {
		o->fd[o->n] = eventfd(0, EFD_CLOEXEC);
		if (o->fd[o->n] < 0)
			break;
	}
}

static void
close_many(void *arg)
{
	struct opened *o = arg;

	for (int i = 0; i < o->n; i++)
		close(o->fd[i]);
}

/* A thread's number of open descriptors. */
static void
count_open(void *arg)
{
	int *n = arg;

	*n = 0;
	for (int fd = 0; fd < 256; fd++)
		*n += fcntl(fd, F_GETFD) >= 0;
}

static void
loops_apart_have_the_limit_of_descriptors_each(void **state UNUSED)
{
	struct loops *ls;
	struct rlimit before, tight;
	struct opened o[2];
	int first, after, here, here_after;

	clock_fake_stop();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(loops_new(2, &ls), RC_OK);
	assert_int_equal(loops_part(ls), RC_OK);
	loops_call(ls, 0, count_open, &first);
	/* Room for the many of one loop, and for none of another. */
	tight = before;
	tight.rlim_cur = 0;
	for (int room = 0; room < MANY; tight.rlim_cur++)
		room += fcntl((int)tight.rlim_cur, F_GETFD) < 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	count_open(&here);
	loops_call(ls, 0, open_many, &o[0]);
	loops_call(ls, 1, open_many, &o[1]);
	assert_int_equal(o[0].n, MANY);
	assert_int_equal(o[1].n, MANY);
	/* The same numbers: the tables know nothing of one another. */
	assert_memory_equal(o[0].fd, o[1].fd, sizeof(o[0].fd));
	count_open(&here_after);
	assert_int_equal(here_after, here);
	loops_call(ls, 0, close_many, &o[0]);
	loops_call(ls, 0, count_open, &after);
	assert_int_equal(after, first);
	loops_call(ls, 1, count_open, &after);
	assert_int_equal(after, first + MANY);
	loops_free(ls);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* What a loop finds behind descriptors that were open before. */
struct before {
	int file, listening, event;
	int pair[2];
	bool has[4];
};

static void
look(void *arg)
{
	struct before *b = arg;
	const int fds[] = { b->file, b->pair[0], b->listening, b->event };

	for (size_t i = 0; i < 4; i++)
		b->has[i] = fcntl(fds[i], F_GETFD) >= 0;
}

static void
loops_apart_let_go_of_files_and_connections(void **state UNUSED)
{
	char path[] = "/tmp/godwit-loop-XXXXXX";
	struct before b;
	struct loops *ls;
	char c;

	clock_fake_stop();
	b.file = mkstemp(path);
	assert_true(b.file >= 0);
	unlink(path);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b.pair), 0);
	b.listening = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listen(b.listening, 1), 0);
	b.event = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(loops_new(1, &ls), RC_OK);
	assert_int_equal(loops_part(ls), RC_OK);
	loops_call(ls, 0, look, &b);
	assert_false(b.has[0]);
	assert_false(b.has[1]);
	assert_true(b.has[2]);
	assert_true(b.has[3]);
	/* So the peer learns that it was closed. */
	close(b.pair[0]);
	assert_int_equal(read(b.pair[1], &c, 1), 0);
	close(b.pair[1]);
	close(b.file);
	close(b.listening);
	close(b.event);
	loops_free(ls);
}

struct relay {
	struct loops *loops;
	struct loop *back;
	atomic_int *hops;
};

static void
relay_end(void *arg)
{
	struct relay *r = arg;

	atomic_fetch_add(r->hops, 1);
	loop_stop(r->back);
}

static void
relay_on(void *arg)
{
	struct relay *r = arg;

	atomic_fetch_add(r->hops, 1);
	loop_post(r->back, relay_end, r);
}

static void
relay_start(void *arg)
{
	struct relay *r = arg;

	atomic_fetch_add(r->hops, 1);
	loop_post(loops_at(r->loops, 1), relay_on, r);
}

static void
loops_apart_post_to_each_other_and_to_loops_before_them(void **state UNUSED)
{
	AUTO(loop)
	struct loop *mine = NULL;
	struct loops *ls;
	atomic_int hops = 0;

	clock_fake_stop();
	assert_int_equal(loop_new("mine", &mine), RC_OK);
	assert_int_equal(loops_new(2, &ls), RC_OK);
	assert_int_equal(loops_part(ls), RC_OK);
	struct relay r = { ls, mine, &hops };
	loop_post(loops_at(ls, 0), relay_start, &r);
	loop_run(mine);
	assert_int_equal(atomic_load(&hops), 3);
	loops_free(ls);
}

static void
no_loop_may_come_behind_loops_apart(void **state UNUSED)
{
	struct loops *ls;

	clock_fake_stop();
	assert_int_equal(loops_new(1, &ls), RC_OK);
	assert_int_equal(loops_part(ls), RC_OK);
	pid_t child = fork();
	if (child == 0) {
		struct loop *late;
		struct rlimit no_core = { 0 };
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		(void)signal(SIGABRT, SIG_DFL);
		_exit(loop_new("late", &late));
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	loops_free(ls);
	AUTO(loop)
	struct loop *again = NULL;
	assert_int_equal(loop_new("again", &again), RC_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, back_to_real_time)

/* --- heavy work --- */

struct weight {
	struct loop_soon turn;
	char letter;
	uint64_t takes_ms;
};

static void
lift(struct loop_soon *x)
{
	struct weight *w = container_of(x, struct weight, turn);

	note_char(w->letter);
	if (w->takes_ms > 0)
		clock_fake_advance(w->takes_ms);
}

static void
heavy_work_is_done_in_order_a_little_each_turn(void **state UNUSED)
{
	struct weight w[LOOP_HEAVY_MAX + 4];
	struct loop *l = new_loop();
	size_t n = ARRAY_LEN(w);

	clock_fake_start(0);
	for (size_t i = 0; i < n; i++) {
		w[i] = (struct weight){ .letter = (char)('a' + i) };
		loop_soon_init(&w[i].turn, lift);
		loop_heavy(l, &w[i].turn, false);
		loop_heavy(l, &w[i].turn, false); /* twice is once */
	}
	assert_int_equal(loop_heavy_waiting(l), n);
	loop_run_once(l, true); /* it does not sleep over it */
	assert_string_equal(trace, "abcdefghijklmnop");
	/* What comes meanwhile goes before; what was begun before what was not. */
	loop_post(l, note, CHAR('!'));
	loop_heavy(l, &w[0].turn, true);
	loop_heavy_clear(l, &w[n - 1].turn);
	loop_run_once(l, true);
	assert_string_equal(trace, "abcdefghijklmnop!aqrs");
	assert_int_equal(loop_heavy_waiting(l), 0);
	loop_free(l);
}

static void
one_long_piece_of_work_is_all_that_others_wait_for(void **state UNUSED)
{
	struct weight w[3];
	struct loop *l = new_loop();

	clock_fake_start(0);
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		w[i] = (struct weight){ .letter = (char)('a' + i), .takes_ms = 2 };
		loop_soon_init(&w[i].turn, lift);
		loop_heavy(l, &w[i].turn, false);
	}
	loop_post(l, note, CHAR('1'));
	loop_run_once(l, false);
	loop_post(l, note, CHAR('2'));
	loop_run_once(l, false);
	assert_string_equal(trace, "1a2b");
	loop_free(l); /* the rest is done then */
	assert_string_equal(trace, "1a2bc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers_fire_in_order_of_their_time),
		T(loops_apart_have_the_limit_of_descriptors_each),
		T(loops_apart_let_go_of_files_and_connections),
		T(loops_apart_post_to_each_other_and_to_loops_before_them),
		T(no_loop_may_come_behind_loops_apart),
		T(a_timer_set_again_moves),
		T(a_cleared_timer_is_silent),
		T(a_timer_of_no_delay_fires_once_a_turn),
		T(a_timer_may_free_its_owner),
		T(ten_thousand_timers_with_moves_and_clears_keep_their_order),
		T(posts_run_in_order_and_never_inside_loop_post),
		T(loop_does_not_sleep_over_what_it_has_posted_to_itself),
		T(posts_of_others_are_not_lost_behind_the_loops_own),
		T(posts_left_over_run_when_the_loop_is_freed),
		T(what_was_posted_before_the_stop_is_run),
		T(the_current_loop_is_known_inside_it_only),
		T(time_stands_still_within_a_turn),
		T(a_watch_is_level_triggered_and_pauses),
		T(a_signal_runs_its_function_in_the_loop),
		T(a_real_timer_wakes_a_waiting_loop),
		T(posts_of_many_threads_all_arrive),
		T(a_call_runs_in_the_loop_and_is_waited_for),
		T(heavy_work_is_done_in_order_a_little_each_turn),
		T(one_long_piece_of_work_is_all_that_others_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
