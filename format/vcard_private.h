/* SPDX-License-Identifier: ISC
 *
 * vcard_private.h - what the files of vCard share.
 */
#ifndef FORMAT_VCARD_PRIVATE_H
#define FORMAT_VCARD_PRIVATE_H

#include "format/vcard.h"

/* list ends with NULL; case ignored */
bool vcard_name_in(const char *name, const char *const *list);
/* The value has components between ';'. */
bool vcard_is_structured(const struct vobj_prop *p);
/* The value is a list between ','. */
bool vcard_is_list(const struct vobj_prop *p);
/* The value is a URI: it has no escapes. */
bool vcard_is_uri(const struct vobj_prop *p, struct arena *a);
/* "JPEG" for "image/jpeg"; NULL: unknown. */
const char *vcard_media_type(const char *mime);
/*
 * A line of vCard 2.1 or vCalendar 1.0: ASCII as it is, else as quoted-printable. params
 * begin with ';' or are empty; text has real line ends.
 */
void
vobj_write_2_1(const char *name, const char *params, struct span text, struct buf *out);
/* What caps say of p, or NULL: not to be had. Without caps a cap without limits. */
const struct vobj_cap *vobj_cap_of(const struct vobj_caps *caps, const char *name);

#endif
