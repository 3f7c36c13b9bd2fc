/* SPDX-License-Identifier: ISC
 *
 * test_eas_scenario.c - two phones, at 16.1 and 14.1, and the other protocols edit one
 * account at random: mail, drafts, folders, contacts, events, tasks, notes. Answers are
 * lost, requests repeated, folders begun anew, the server started again. At the end all
 * hold the same, nothing is lost and nothing there twice.
 *
 * EAS_SEED and EAS_STEPS in the environment give other runs, EAS_TRACE prints them.
 */
#include "base/mem.h"
#include "tests/unit/eas_world.h"

#define STEPS 1500

uint32_t
world_pick(struct world *w, uint32_t n)
{
	/* xorshift64 */
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 20) % n;
}

unsigned
world_mark_new(struct world *w, char title[PHONE_TEXT])
{
	assert_true(w->n_marks < WORLD_MARKS);
	snprintf(title, PHONE_TEXT, "m%u", w->n_marks);
	return w->n_marks++;
}

struct world_mark *
world_mark(struct world *w, const char *title)
{
	unsigned n = (unsigned)atoi(title + 1);

	if (title[0] != 'm' || n >= w->n_marks)
		fail_msg("title %s", title);
	return &w->marks[n];
}

void
world_value(struct world *w, char value[PHONE_TEXT])
{
	snprintf(value, PHONE_TEXT, "v%u", ++w->n_values);
}

/* --- a step --- */

static void
on_dropped(const struct phone_item *i, void *arg)
{
	struct world *w = arg;

	world_mark(w, i->title)->may_be_gone = true;
}

static void
phone_acts(struct world *w, struct phone *p)
{
	bool lose = world_pick(w, 4) == 0;
	uint32_t what = world_pick(w, 100);
	struct phone_folder *fo;

	if (!phone_retry(p, lose))
		return;
	fo = world_folder(w, p);
	if (what < 14)
		world_user_adds(w, p, fo);
	else if (what < 36)
		world_user_changes(w, p, fo);
	else if (what < 41)
		world_user_deletes(w, fo);
	else if (what < 46)
		world_user_moves(w, p, lose);
	else if (what < 49)
		world_user_edits_folders(w, p, lose);
	else if (what < 50)
		world_user_sends(w, p, lose);
	else if (what < 56)
		phone_sync_folders(p, what < 52, lose);
	else if (what < 57)
		phone_restart(fo);
	else
		phone_sync(p, fo, 1 + world_pick(w, 8), lose);
}

static void
step(struct world *w)
{
	uint32_t what = world_pick(w, 100);

	if (what < 70) {
		phone_acts(w, &w->phones[world_pick(w, WORLD_PHONES)]);
	} else if (what < 85) {
		world_others_mail(w);
	} else if (what < 88) {
		world_others_draft(w);
	} else if (what < 95) {
		world_others_pim(w);
	} else if (what < 97) {
		world_others_folder(w);
	} else if (what < 99) {
		clock_fake_advance(1000 * world_pick(w, 600));
	} else {
		eas_restart(w->f);
		w->restarts++;
	}
}

/* --- the end --- */

static void
settle(struct phone *p)
{
	int rounds = 0;

	while (!phone_retry(p, false))
		;
	while (phone_sync_folders(p, false, false)) {
		if (++rounds > 50)
			fail_msg("%s: the folders never come to rest", p->device);
	}
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		struct phone_folder *fo = &p->folders[i];

		rounds = 0;
		while (fo->id != 0 && phone_sync(p, fo, 100, false)) {
			if (++rounds > 100)
				fail_msg("%s: folder %u never comes to rest", p->device,
				         fo->id);
		}
	}
}

static void
compare_folder(struct phone *p, struct phone_folder *mine, struct phone_folder *fresh)
{
	struct arena *a = p->f->a;

	if (mine->parent != fresh->parent || mine->type != fresh->type ||
	    strcmp(mine->name, fresh->name) != 0)
		fail_msg("%s: folder %u is %u %u %s, not %u %u %s", p->device, mine->id,
		         mine->parent, mine->type, mine->name, fresh->parent, fresh->type,
		         fresh->name);
	uint32_t n = mine->n_items > fresh->n_items ? mine->n_items : fresh->n_items;
	for (uint32_t uid = 1; uid < n; uid++) {
		struct phone_item *i = phone_item(mine, uid), *k = phone_item(fresh, uid);

		if (i->here != k->here)
			fail_msg("%s: %u:%u (%s): %d, not %d", p->device, mine->id, uid,
			         i->here ? i->title : k->title, i->here, k->here);
		if (i->here && strcmp(phone_item_str(i, a), phone_item_str(k, a)) != 0)
			fail_msg("%s: %u:%u is\n%s, not\n%s", p->device, mine->id, uid,
			         phone_item_str(i, a), phone_item_str(k, a));
	}
}

/* A phone beside a new one that has just been set up. */
static void
compare(struct phone *p, struct phone *fresh)
{
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		struct phone_folder *mine = &p->folders[i], *theirs;

		if (fresh->folders[i].id != 0 && !phone_folder(p, fresh->folders[i].id))
			fail_msg("%s: no folder %u", p->device, fresh->folders[i].id);
		if (mine->id == 0)
			continue;
		theirs = phone_folder(fresh, mine->id);
		if (!theirs)
			fail_msg("%s: a folder %u too many", p->device, mine->id);
		compare_folder(p, mine, theirs);
	}
}

/* What is there by the store itself, flags and all. */
static void
compare_with_store(struct phone *p)
{
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		struct phone_folder *fo = &p->folders[i];
		uint32_t n = 0;

		for (uint32_t uid = 1; uid < fo->n_items; uid++) {
			const struct phone_item *k = &fo->items[uid];
			struct store_item item;

			if (!k->here)
				continue;
			n++;
			assert_ok(eas_item(p->f, fo->id, uid, &item));
			if (fo->class->class != STORE_CLASS_MAIL)
				continue;
			assert_int_equal(k->read, (item.flags & STORE_FLAG_SEEN) != 0);
			assert_int_equal(k->flagged,
			                 (item.flags & STORE_FLAG_FLAGGED) != 0);
		}
		if (fo->id != 0)
			assert_int_equal(n, eas_exists(p->f, fo->id));
	}
}

/* By title: nothing twice, nothing lost, nothing sent twice. */
static void
count_marks(struct world *w, struct phone *p)
{
	unsigned n_sent = 0, n_found = 0;

	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		struct phone_folder *fo = &p->folders[i];

		for (uint32_t uid = 1; uid < fo->n_items; uid++) {
			if (!fo->items[uid].here)
				continue;
			struct world_mark *m = world_mark(w, fo->items[uid].title);
			if (m->found++ > 0)
				fail_msg("%s is there twice", fo->items[uid].title);
			n_found++;
			if (fo->type != 5)
				continue;
			n_sent++;
			assert_true(m->may_be_sent);
		}
	}
	for (unsigned i = 0; i < w->n_marks; i++) {
		const struct world_mark *m = &w->marks[i];

		if (m->made && !m->may_be_gone && m->found == 0)
			fail_msg("m%u is lost", i);
	}
	assert_int_equal(n_sent, w->f->n_sent);
	assert_true(n_sent >= w->phones[0].sent + w->phones[1].sent);
	print_message("%u items made, %u left, %u sent\n", w->n_marks, n_found, n_sent);
}

static void
judge(struct world *w)
{
	struct phone fresh[2];

	/* Twice, since what one says at the end the other must hear. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < WORLD_PHONES; i++)
			settle(&w->phones[i]);
	}
	phone_init(&fresh[0], w->f, "FRESH161", 161);
	phone_init(&fresh[1], w->f, "FRESH141", 141);
	settle(&fresh[0]);
	settle(&fresh[1]);
	compare(&fresh[1], &fresh[0]);
	for (int i = 0; i < WORLD_PHONES; i++)
		compare(&w->phones[i], &fresh[i]);
	compare_with_store(&fresh[0]);
	count_marks(w, &fresh[0]);
	phone_done(&fresh[0]);
	phone_done(&fresh[1]);
}

static void
run(struct eas_fixture *f, uint64_t seed, unsigned steps)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->f = f;
	w->seed = seed;
	phone_init(&w->phones[0], f, "PHONE161", 161);
	phone_init(&w->phones[1], f, "PHONE141", 141);
	for (int i = 0; i < WORLD_PHONES; i++) {
		w->phones[i].on_dropped = on_dropped;
		w->phones[i].arg = w;
		settle(&w->phones[i]);
	}
	for (unsigned i = 0; i < steps; i++) {
		step(w);
		arena_free(f->a);
		f->a = arena_new();
	}
	judge(w);
	for (int i = 0; i < WORLD_PHONES; i++) {
		struct phone *p = &w->phones[i];

		print_message(
			"%s: %llu requests, %u answers lost, %u conflicts, %u gone, "
			"%u drafts sent, %u trees begun anew\n",
			p->device, (unsigned long long)p->n_requests, p->lost,
			p->conflicts, p->gone, p->sent, p->bad_keys);
		assert_true(p->lost > steps / 50);
		phone_done(p);
	}
	for (int i = 0; i <= STORE_CLASS_NOTES; i++)
		assert_true(w->edits[i] > 0);
	free(w);
}

static void
all_hold_the_same_whatever_was_lost_on_the_way(void **state)
{
	const char *seed = getenv("EAS_SEED"), *steps = getenv("EAS_STEPS");
	uint64_t s = 20261122;
	uint32_t n = STEPS;

	if (seed)
		assert_ok(parse_u64(span_str(seed), UINT64_MAX, &s));
	if (steps)
		assert_ok(parse_u32(span_str(steps), UINT32_MAX, &n));
	print_message("seed %llu, %u steps\n", (unsigned long long)s, n);
	run(*state, s, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_hold_the_same_whatever_was_lost_on_the_way, eas_setup,
			eas_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
