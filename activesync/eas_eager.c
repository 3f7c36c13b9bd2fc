/* SPDX-License-Identifier: ISC
 *
 * eas_eager.c - a set-associative table of what devices asked and got lately.
 */
#include "activesync/eas_eager.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/mem.h"

#define ROWS 1024
#define WAYS 4
#define PAIRS 6 /* a loop may go over several commands */
#define MINUTE_MS 60000
#define WAIT_MAX_MS (15 * MINUTE_MS)
/* Who was good for so long begins with the shortest wait again. */
#define FORGIVE_MS (60 * MINUTE_MS)

struct slot {
	uint64_t key; /* 0: free */
	uint64_t since_ms;
	uint64_t used_ms;
	uint64_t until_ms; /* must wait; 0: need not */
	uint32_t commands; /* since since_ms */
	uint32_t repeats;
	uint32_t strikes;
	unsigned next;
	const char *why;
	struct {
		uint64_t asked;
		uint64_t got;
	} pairs[PAIRS];
};

struct eas_eager {
	pthread_mutex_t lock;
	struct slot rows[ROWS][WAYS];
};

struct eas_eager *
eas_eager_new(void)
{
	struct eas_eager *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
eas_eager_free(struct eas_eager *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

uint64_t
eas_eager_key(uint64_t user, struct span device_id)
{
	uint64_t key = hash_u64(user ^ hash_bytes(device_id));

	return key ? key : 1;
}

static struct slot *
find(struct eas_eager *t, uint64_t key)
{
	struct slot *row = t->rows[key % ROWS];

	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].key == key)
			return &row[i];
	}
	return NULL;
}

static struct slot *
find_or_make(struct eas_eager *t, uint64_t key)
{
	struct slot *slot = find(t, key), *row = t->rows[key % ROWS];

	if (slot)
		return slot;
	slot = row;
	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].used_ms < slot->used_ms)
			slot = &row[i];
	}
	*slot = (struct slot){ .key = key };
	return slot;
}

uint64_t
eas_eager_ask(struct eas_eager *t, uint64_t key, const char **ret_why)
{
	uint64_t now = clock_mono_ms(), wait = 0;

	pthread_mutex_lock(&t->lock);
	struct slot *s = find(t, key);

	if (s && s->until_ms > now) {
		wait = s->until_ms - now;
		*ret_why = s->why;
	}
	pthread_mutex_unlock(&t->lock);
	return wait;
}

/* Has it had that answer to that question lately? */
static bool
is_repeat(struct slot *s, uint64_t asked, uint64_t got)
{
	for (size_t i = 0; i < PAIRS; i++) {
		if (s->pairs[i].asked == asked && s->pairs[i].got == got)
			return true;
	}
	s->pairs[s->next].asked = asked;
	s->pairs[s->next].got = got;
	s->next = (s->next + 1) % PAIRS;
	return false;
}

static void
strike(struct slot *s, uint64_t now, const char *why)
{
	uint64_t wait = MINUTE_MS;

	if (s->until_ms == 0 || now - s->until_ms > FORGIVE_MS)
		s->strikes = 0;
	for (uint32_t i = 0; i < s->strikes && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	s->strikes++;
	s->until_ms = now + (wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);
	s->why = why;
	s->commands = s->repeats = 0;
}

bool
eas_eager_note(struct eas_eager *t, const struct eas_eager_limits *limits, uint64_t key,
               uint64_t asked, uint64_t got)
{
	uint64_t now = clock_mono_ms();
	const char *why = NULL;

	pthread_mutex_lock(&t->lock);
	struct slot *s = find_or_make(t, key);

	s->used_ms = now;
	if (now - s->since_ms >= MINUTE_MS) {
		s->since_ms = now;
		s->commands = s->repeats = 0;
	}
	s->commands++;
	s->repeats += is_repeat(s, asked, got);
	if (limits->repeats > 0 && s->repeats > (uint64_t)limits->repeats)
		why = "RecentCommands";
	else if (limits->commands > 0 && s->commands > (uint64_t)limits->commands)
		why = "CommandFrequency";
	if (why)
		strike(s, now, why);
	pthread_mutex_unlock(&t->lock);
	return why != NULL;
}
