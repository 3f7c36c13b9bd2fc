/* SPDX-License-Identifier: ISC
 *
 * fuzz_vcard.c - a card is read, written in all versions, changed and merged.
 *
 * Asserts what others build upon: what was written reads back to the same text, a contact
 * that nobody changed is written as it was, and so is a card merged with itself.
 */
#include <stdlib.h>

#include "format/pim_contact.h"
#include "format/vcard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

static struct span
written(const struct vobj *card, enum vcard_version version, struct arena *a)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	vcard_write(card, version, NULL, &out);
	CHECK(utf8_is_valid(buf_span(&out)));
	return arena_span(a, buf_span(&out));
}

/* Once written in a version, reading and writing it again gives the same bytes. */
static void
check_version(const struct vobj *card, enum vcard_version version, struct arena *a)
{
	enum vcard_version found;
	struct vobj *again;
	struct span once, twice;

	once = written(card, version, a);
	CHECK(vcard_parse(once, a, &again, &found) == RC_OK && found == version);
	once = written(again, version, a);
	CHECK(vcard_parse(once, a, &again, NULL) == RC_OK);
	twice = written(again, version, a);
	CHECK(span_eq(once, twice));
}

static void
check_contact(struct vobj *card, struct arena *a)
{
	struct pim_contact *c = pim_contact_of(card, a);
	struct pim_contact *d;

	c->uid = "uid";
	c = pim_contact_of(pim_contact_tree(c, a), a);
	struct span once = written(c->card, VCARD_4_0, a);
	CHECK(span_eq(written(pim_contact_tree(c, a), VCARD_4_0, a), once));
	c->first_name = "Fu;zz\n";
	c->phone[PIM_PHONE_HOME2] = "2";
	c->email[1] = "\"N\" <b@example.com>";
	c->im[2] = "x";
	c->address[PIM_ADDRESS_OTHER].city = "C,ity";
	c->birthday = (struct pim_day){ 0, 2, 29 };
	c->photo = SPAN("\x89PNG");
	d = pim_contact_of(pim_contact_tree(c, a), a);
	CHECK(strcmp(d->first_name, c->first_name) == 0);
	CHECK(strcmp(d->phone[PIM_PHONE_HOME2], "2") == 0);
	CHECK(strcmp(d->email[1], c->email[1]) == 0);
	CHECK(strcmp(d->im[2], "x") == 0);
	CHECK(strcmp(d->address[PIM_ADDRESS_OTHER].city, "C,ity") == 0);
	CHECK(d->birthday.month == 2 && d->birthday.year == 0);
	CHECK(span_eq(d->photo, c->photo));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *card;

	if (vcard_parse(span_of((const char *)data, size), a, &card, NULL) != RC_OK)
		return 0;
	struct vobj *same = vcard_merge(card, card, NULL, a);
	CHECK(span_eq(written(same, VCARD_4_0, a), written(card, VCARD_4_0, a)));
	check_version(card, VCARD_2_1, a);
	check_version(card, VCARD_3_0, a);
	check_version(card, VCARD_4_0, a);
	check_contact(card, a);
	return 0;
}
