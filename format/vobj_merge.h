/* SPDX-License-Identifier: ISC
 *
 * vobj_merge.h - what a device made of an object, put upon what is stored of it; for
 * vcard_merge() and ical_merge().
 */
#ifndef FORMAT_VOBJ_MERGE_H
#define FORMAT_VOBJ_MERGE_H

#include "format/vcard.h"

struct vobj_merge {
	const struct vobj_caps *caps; /* what the device knows */
	/* Names, NULL at the end: */
	const char *const *own;    /* never the device's: UID, VERSION */
	const char *const *single; /* stand at most once */
	const char *const *sticky; /* not deleted by being left out */
	/* Tells properties of one name apart (home and work number). */
	unsigned (*kind)(const struct vobj_prop *p);
	/* The value without what devices leave out or put in, for comparing. */
	struct span (*comparable)(const struct vobj_prop *p, struct arena *a);
	/* Puts what the device can say of the parameters upon the stored ones. */
	void (*set_params)(struct vobj_prop *stored, const struct vobj_prop *incoming,
	                   struct arena *a);
};

/* Changes the properties of stored (not of its inner objects) to what incoming says. */
void vobj_merge(struct vobj *stored, const struct vobj *incoming,
                const struct vobj_merge *how, struct arena *a);

#endif
