/* SPDX-License-Identifier: ISC
 *
 * test_http_h2_window.c - blocks in a window, and guests that take turns in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_h2_window.h"

#define GUESTS 7
#define BLOCKS 60

struct shadow {
	struct h2_guest guest;
	struct {
		unsigned char *p;
		size_t n;
		unsigned char fill;
	} blocks[BLOCKS];
};

static uint32_t seed = 1;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void
check(const struct shadow *s)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		for (size_t k = 0; k < s->blocks[i].n; k++)
			assert_int_equal(s->blocks[i].p[k], s->blocks[i].fill);
	}
}

/* Takes or gives back a block. */
static void
change(struct h2_window *w, struct shadow *s, size_t i)
{
	if (s->blocks[i].p) {
		h2_window_release(w, s->blocks[i].p);
		s->blocks[i].p = NULL;
		s->blocks[i].n = 0;
		return;
	}
	/* Most are small; some have no room in the window. */
	size_t n = any(40) ? any(300) : any(30000);
	unsigned char *p = h2_window_alloc(w, n);
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % 16, 0);
	s->blocks[i].p = p;
	s->blocks[i].n = n;
	s->blocks[i].fill = (unsigned char)any(3); /* zeros among them */
	memset(p, s->blocks[i].fill, n);
}

/* Words of all kinds, among them those on either side of what has a short form. */
static void
words_come_back_as_they_were(void **state)
{
	struct h2_window *w = h2_window_new();
	struct h2_guest g = { 0 }, other = { 0 };
	uint64_t want[2000], *p;

	h2_window_enter(w, &g);
	p = h2_window_alloc(w, sizeof(want));
	for (size_t i = 0; i < 2000; i++) {
		static const uint64_t some[] = { 0,       1,          0x7fff,
			                         0x8000,  0x8001,     0xffff,
			                         0x10000, UINT64_MAX, UINT64_MAX << 32 };
		uint64_t near = (uintptr_t)w + any(300000);
		switch (any(4)) {
		case 0:
			want[i] = some[any(9)];
			break;
		case 1:
			want[i] = near;
			break;
		case 2:
			want[i] = near & ~UINT64_C(7);
			break;
		default:
			want[i] = (uintptr_t)w - 8 * any(3);
			break;
		}
	}
	memcpy(p, want, sizeof(want));
	h2_window_enter(w, &other);
	assert_int_equal(*p, 0);
	h2_window_enter(w, &g);
	assert_memory_equal(p, want, sizeof(want));
	free(other.image);
	(void)h2_window_cost(w, &g);
	free(g.image);
	h2_window_free(w);
	(void)state;
}

static void
what_guests_have_put_down_they_find_again(void **state)
{
	struct h2_window *w = h2_window_new();
	struct shadow *guests = calloc(GUESTS, sizeof(*guests));
	for (int turn = 0; turn < 3000; turn++) {
		struct shadow *s = &guests[any(GUESTS)];
		h2_window_enter(w, &s->guest);
		check(s);
		for (uint32_t n = any(8); n > 0; n--)
			change(w, s, any(BLOCKS));
		check(s);
	}
	for (int k = 0; k < GUESTS; k++) {
		h2_window_enter(w, &guests[k].guest);
		check(&guests[k]);
		for (size_t i = 0; i < BLOCKS; i++) {
			if (guests[k].blocks[i].p)
				change(w, &guests[k], i);
		}
	}
	for (int k = 0; k < GUESTS; k++) {
		/* Nothing is left but two words that tell which words there are. */
		assert_true(h2_window_cost(w, &guests[k].guest) <= 32);
		free(guests[k].guest.image);
	}
	h2_window_free(w);
	free(guests);
	(void)state;
}

static void
zeros_cost_nothing(void **state)
{
	struct h2_window *w = h2_window_new();
	struct h2_guest g = { 0 };
	char *p, *q;

	h2_window_enter(w, &g);
	p = h2_window_alloc(w, 20000);
	memset(p, 0, 20000);
	q = h2_window_alloc(w, 64);
	memset(q, 'x', 64);
	assert_in_range(h2_window_cost(w, &g), 64, 900);
	h2_window_enter(w, &g);
	assert_int_equal(p[0] | p[19999], 0);
	assert_int_equal(q[63], 'x');
	h2_window_release(w, p);
	h2_window_release(w, q);
	assert_true(h2_window_cost(w, &g) <= 32);
	free(g.image);
	h2_window_free(w);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_guests_have_put_down_they_find_again),
		cmocka_unit_test(zeros_cost_nothing),
		cmocka_unit_test(words_come_back_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
