/* SPDX-License-Identifier: ISC
 *
 * pim_slot.h - the places that ActiveSync has for e-mail addresses, phones and the like,
 * and the properties of a card that stand in them.
 *
 * A card has any number of TELs, in any order. Each is given the first free place among
 * those its types make it fit for. Where that would not give a place back what was put
 * into it (the second e-mail address of a contact that has no first), the property says
 * its place itself: X-GODWIT-SLOT.
 */
#ifndef FORMAT_PIM_SLOT_H
#define FORMAT_PIM_SLOT_H

#include "format/pim.h"

#define PIM_SLOTS_MAX 16

/* Which places p may take: up to 4, best first, -1 behind; false: none of this kind. */
typedef bool pim_slot_fn(const struct vobj_prop *p, int fit[4]);

struct pim_slots {
	size_t n; /* number of places */
	pim_slot_fn *fit;
};

/* The property at each place, or NULL; ret has s->n elements. */
void pim_slots_find(const struct pim_slots *s, const struct vobj *o,
                    struct vobj_prop **ret, struct arena *a);
/* Makes every property of want be found at its place; want has s->n elements. */
void pim_slots_pin(const struct pim_slots *s, struct vobj *o, struct vobj_prop **want,
                   struct arena *a);

#endif
