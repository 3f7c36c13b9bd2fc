/* SPDX-License-Identifier: ISC
 *
 * pim_contact_private.h - codecs of a contact's fields that only contacts have.
 */
#ifndef FORMAT_PIM_CONTACT_PRIVATE_H
#define FORMAT_PIM_CONTACT_PRIVATE_H

#include "format/pim_contact.h"
#include "format/pim_field.h"

extern const struct pim_codec pim_yomi;     /* text, or component arg of SOUND;X-IRMC-N */
extern const struct pim_codec pim_children; /* RELATED;TYPE=child */
extern const struct pim_codec pim_phones;   /* phone[] */
extern const struct pim_codec pim_emails;   /* email[] */
extern const struct pim_codec pim_ims;      /* im[] */
extern const struct pim_codec pim_addresses; /* address[] */
extern const struct pim_codec pim_uri;       /* const char *, a value without escapes */
extern const struct pim_codec pim_days;      /* struct pim_day */

void pim_photo_read(const struct vobj *card, struct pim_contact *c, struct arena *a);
void pim_photo_write(struct vobj *card, const struct pim_contact *was,
                     const struct pim_contact *is, struct arena *a);

#endif
