/* SPDX-License-Identifier: ISC
 *
 * eas_gal.h - the global address list: users of the asker's domain, and its lists.
 */
#ifndef ACTIVESYNC_EAS_GAL_H
#define ACTIVESYNC_EAS_GAL_H

#include "activesync/eas_private.h"
#include "store/store_person.h"

struct eas_gal_entry {
	struct store_person person; /* user 0: a list, which has an address and a name */
	struct span display;        /* never empty */
	/* Of a list: what its address leads to. */
	const struct span *members;
	size_t n_members;
};

/*
 * Entries each word of text is the beginning of a word of (names, addresses, alias,
 * company, office, title) or a piece of a phone number of, by their display names. Hidden
 * ones only by their whole address where with_hidden is set. In c->arena; an empty text
 * finds nothing.
 */
enum rc eas_gal_find(struct eas_call *c, struct span text, bool with_hidden,
                     struct eas_gal_entry **ret, size_t *ret_n) MUST_CHECK;

/* What a client wants of pictures, and what it has had. */
struct eas_gal_pictures {
	bool wanted;
	uint32_t max_size;  /* bytes; UINT32_MAX: any */
	uint32_t max_count; /* UINT32_MAX: any */
	uint32_t count;
};

/* The children MaxSize and MaxPictures of a Picture element, of the namespace in
 * question; n NULL: not wanted. */
enum rc
eas_gal_pictures_parse(const struct wbxml_node *n, wbxml_tag max_size,
                       wbxml_tag max_pictures, struct eas_gal_pictures *ret) MUST_CHECK;
/* The photo to send, or an empty span, and the Status that says why. */
unsigned eas_gal_picture(struct eas_call *c, const struct eas_gal_entry *e,
                         struct eas_gal_pictures *p, struct span *ret);
/* The children of a Properties element, with the picture. */
void eas_gal_write(struct eas_call *c, const struct eas_gal_entry *e,
                   struct eas_gal_pictures *p, struct wbxml_writer *w);

#endif
