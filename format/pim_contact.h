/* SPDX-License-Identifier: ISC
 *
 * pim_contact.h - a contact: MS-ASCNTC's fields on a vCard.
 *
 * The named places hold what ActiveSync can say; a card may have more (a sixth e-mail
 * address, an anniversary of something else): that stays in the card. Which property each
 * field is: docs/internals/pim.md.
 */
#ifndef FORMAT_PIM_CONTACT_H
#define FORMAT_PIM_CONTACT_H

#include "format/pim.h"

enum pim_phone {
	PIM_PHONE_MOBILE,
	PIM_PHONE_HOME,
	PIM_PHONE_HOME2,
	PIM_PHONE_HOME_FAX,
	PIM_PHONE_BUSINESS,
	PIM_PHONE_BUSINESS2,
	PIM_PHONE_BUSINESS_FAX,
	PIM_PHONE_CAR,
	PIM_PHONE_PAGER,
	PIM_PHONE_RADIO,
	PIM_PHONE_ASSISTANT,
	PIM_PHONE_COMPANY_MAIN,
	PIM_PHONE_MMS,
	PIM_PHONE_N,
};

enum pim_address_kind {
	PIM_ADDRESS_BUSINESS,
	PIM_ADDRESS_HOME,
	PIM_ADDRESS_OTHER,
	PIM_ADDRESS_N,
};

struct pim_address {
	const char *street;
	const char *city;
	const char *state;
	const char *postal_code;
	const char *country;
	const char *po_box;   /* not in ActiveSync */
	const char *extended; /* not in ActiveSync */
};

#define PIM_EMAIL_N 3
#define PIM_IM_N 3

struct pim_contact {
	const char *uid;
	const char *first_name;
	const char *middle_name;
	const char *last_name;
	const char *title; /* "Dr." */
	const char *suffix;
	const char *file_as;
	/* FN; made from file_as or the names when it is empty or was so made before. */
	const char *full_name;
	const char *nickname;
	const char *yomi_first_name;
	const char *yomi_last_name;
	const char *yomi_company_name;

	const char *company;
	const char *department;
	const char *office;
	const char *job_title;
	const char *manager;
	const char *assistant;
	const char *spouse;
	pim_strings children;
	pim_strings categories;

	const char *phone[PIM_PHONE_N];
	const char *email[PIM_EMAIL_N]; /* "a@b" or "Name" <a@b>, as it was given */
	const char *im[PIM_IM_N];
	struct pim_address address[PIM_ADDRESS_N];
	const char *web_page;

	struct pim_day birthday;
	struct pim_day anniversary;

	const char *account_name;
	const char *customer_id;
	const char *government_id;
	const char *alias;         /* of a GAL entry */
	const char *weighted_rank; /* a number as text */

	struct span photo; /* image bytes, p NULL without; in a card: at most 10 MB */
	const char *photo_type; /* "image/jpeg"; NULL: found from the bytes */
	/* A photo that is only linked; setting photo replaces it, NULL removes it. */
	const char *photo_uri;
	struct pim_body body;

	struct vobj *card; /* where it came from; NULL when new. Not to be changed */
};

struct pim_contact *pim_contact_new(struct arena *a);
/* Any vCard version. RC_INVALID: no card; RC_TOO_BIG. */
enum rc pim_contact_parse(struct span vcard, struct arena *a,
                          struct pim_contact **ret) MUST_CHECK;
/* The fields of a card from vcard_parse() or vcard_merge(). */
struct pim_contact *pim_contact_of(struct vobj *card, struct arena *a);
/* The card with the fields' changes, as vCard 4.0; a UID is made when there is none. */
struct vobj *pim_contact_tree(const struct pim_contact *c, struct arena *a);
void pim_contact_write(const struct pim_contact *c, struct buf *out);
/* What a list shows: full name, else company, first e-mail address or phone; or "". */
const char *pim_contact_display(const struct pim_contact *c, struct arena *a);

#endif
