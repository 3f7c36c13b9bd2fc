/* SPDX-License-Identifier: ISC
 *
 * vcard.h - contacts as vCard 2.1 (Versit), 3.0 (RFC 2426) and 4.0 (RFC 6350).
 *
 * What is read in any version becomes a tree in the terms of 4.0, which is what the store
 * keeps; each version can be written from it. Properties, groups and parameters that are
 * not known stay. pim_contact.h gives the tree a meaning.
 */
#ifndef FORMAT_VCARD_H
#define FORMAT_VCARD_H

#include "format/vobj.h"

enum vcard_version { VCARD_2_1, VCARD_3_0, VCARD_4_0 };

/*
 * The first card of the text, as 4.0; *ret_version (may be NULL) tells what it was.
 * RC_INVALID: no card in it; RC_TOO_BIG: over a limit.
 */
enum rc vcard_parse(struct span text, struct arena *a, struct vobj **ret,
                    enum vcard_version *ret_version) MUST_CHECK;
/* All cards of the text, linked by next (an import of an address book). */
enum rc vcard_parse_all(struct span text, struct arena *a, struct vobj **ret) MUST_CHECK;

/* What a device can take of one property; from DevInf's CTCap. */
struct vobj_cap {
	const char *name;    /* "TEL" */
	uint32_t size_max;   /* bytes of the value, 0: any */
	uint32_t occurs_max; /* 0: any number */
	bool no_truncate;    /* a longer value is left out, not cut */
};

struct vobj_caps {
	const struct vobj_cap *props;
	size_t n;
};

/*
 * Writes a card that vcard_parse() or pim_contact_tree() made, with CRLF. 2.1: everything
 * beyond ASCII is quoted-printable in UTF-8. caps: only these properties (NULL: all).
 */
void vcard_write(const struct vobj *card, enum vcard_version version,
                 const struct vobj_caps *caps, struct buf *out);

/*
 * What a device made of a card that it once got: properties of incoming replace those of
 * stored that they stand for, values that did not change leave stored's property as it is
 * with all its parameters, and what the device cannot know (not in caps, or beyond what
 * was sent to it) stays. caps NULL: what every phone can hold (N, FN, TEL, EMAIL, ADR,
 * ORG, TITLE, NOTE, URL, BDAY). Both trees are 4.0; the result is a new tree.
 */
struct vobj *vcard_merge(const struct vobj *stored, const struct vobj *incoming,
                         const struct vobj_caps *caps, struct arena *a);

#endif
