/* SPDX-License-Identifier: ISC
 *
 * pim_slot.c - which of a card's properties stands at which of ActiveSync's places.
 */
#include "format/pim_slot.h"

#define PIN "X-GODWIT-SLOT"
#define CHOICES 4

static void
take_choice(const struct pim_slots *s, const struct vobj *o, struct vobj_prop **ret,
            int choice, struct arena *a)
{
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		int fit[CHOICES + 1] = { -1, -1, -1, -1, -1 };
		bool is_placed = false;

		for (size_t i = 0; i < s->n; i++)
			is_placed |= ret[i] == p;
		if (is_placed || !s->fit(p, fit) || vobj_param(p, PIN, a))
			continue;
		if (fit[choice] >= 0 && !ret[fit[choice]])
			ret[fit[choice]] = p;
	}
}

void
pim_slots_find(const struct pim_slots *s, const struct vobj *o, struct vobj_prop **ret,
               struct arena *a)
{
	uint32_t at;

	for (size_t i = 0; i < s->n; i++)
		ret[i] = NULL;
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		int fit[CHOICES] = { -1, -1, -1, -1 };
		const char *pin = s->fit(p, fit) ? vobj_param(p, PIN, a) : NULL;
		if (pin && parse_u32(span_str(pin), (uint32_t)s->n - 1, &at) == RC_OK &&
		    !ret[at])
			ret[at] = p;
	}
	for (int choice = 0; choice < CHOICES; choice++)
		take_choice(s, o, ret, choice, a);
}

void
pim_slots_pin(const struct pim_slots *s, struct vobj *o, struct vobj_prop **want,
              struct arena *a)
{
	struct vobj_prop *found[PIM_SLOTS_MAX];
	bool is_right = true;

	pim_slots_find(s, o, found, a);
	for (size_t i = 0; i < s->n; i++)
		is_right &= !want[i] || found[i] == want[i];
	if (is_right)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (want[i])
			vobj_param_set(want[i], a, PIN, arena_printf(a, "%zu", i));
	}
}
