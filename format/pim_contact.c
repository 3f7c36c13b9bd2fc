/* SPDX-License-Identifier: ISC
 *
 * pim_contact.c - contacts and vCards (MS-ASCNTC, RFC 6350).
 */
#include "format/pim_contact.h"

#include "format/pim_contact_private.h"
#include "format/vcard.h"

#define F(prop, member, how, ...)                                                        \
	{                                                                                \
		.name = prop, .offset = offsetof(struct pim_contact, member),            \
		.codec = &how, ##__VA_ARGS__                                             \
	}

/* docs/internals/pim.md tells which element of ActiveSync each is. */
static const struct pim_field fields[] = {
	F("UID", uid, pim_text),
	F("N", last_name, pim_part, .arg = 0),
	F("N", first_name, pim_part, .arg = 1),
	F("N", middle_name, pim_part, .arg = 2),
	F("N", title, pim_part, .arg = 3),
	F("N", suffix, pim_part, .arg = 4),
	F("FN", full_name, pim_text),
	F("X-EVOLUTION-FILE-AS", file_as, pim_text),
	F("NICKNAME|X-NICKNAME|X-EVOLUTION-NICKNAME", nickname, pim_text),
	F("X-PHONETIC-FIRST-NAME", yomi_first_name, pim_yomi, .arg = 1),
	F("X-PHONETIC-LAST-NAME", yomi_last_name, pim_yomi, .arg = 0),
	F("X-PHONETIC-ORG|X-PHONETIC-COMPANY-NAME", yomi_company_name, pim_text),
	F("ORG", company, pim_part, .arg = 0),
	F("ORG", department, pim_part, .arg = 1),
	F("ORG", office, pim_part, .arg = 2),
	F("TITLE", job_title, pim_text),
	F("X-EVOLUTION-MANAGER|X-MS-MANAGER|X-MANAGER", manager, pim_text),
	F("X-EVOLUTION-ASSISTANT|X-MS-ASSISTANT|X-ASSISTANT", assistant, pim_text),
	F("X-EVOLUTION-SPOUSE|X-MS-SPOUSE|X-SPOUSE", spouse, pim_text),
	F("RELATED", children, pim_children),
	F("CATEGORIES", categories, pim_list),
	F("TEL", phone, pim_phones),
	F("EMAIL", email, pim_emails),
	F("IMPP", im, pim_ims),
	F("ADR", address, pim_addresses),
	F("URL", web_page, pim_uri),
	F("BDAY", birthday, pim_days),
	F("ANNIVERSARY|X-EVOLUTION-ANNIVERSARY", anniversary, pim_days),
	F("X-GODWIT-ACCOUNT-NAME", account_name, pim_text),
	F("X-GODWIT-CUSTOMER-ID", customer_id, pim_text),
	F("X-GODWIT-GOVERNMENT-ID", government_id, pim_text),
	F("X-GODWIT-ALIAS", alias, pim_text),
	F("X-GODWIT-WEIGHTED-RANK", weighted_rank, pim_text),
	F("NOTE|X-GODWIT-NOTE-HTML", body, pim_bodies),
};

struct pim_contact *
pim_contact_new(struct arena *a)
{
	return arena_new_of(a, struct pim_contact);
}

struct pim_contact *
pim_contact_of(struct vobj *card, struct arena *a)
{
	struct pim_contact *c = pim_contact_new(a);
	struct pim_reader r = { .a = a };

	pim_fields_read(fields, ARRAY_LEN(fields), card, c, &r);
	pim_photo_read(card, c, a);
	c->card = card;
	return c;
}

enum rc
pim_contact_parse(struct span vcard, struct arena *a, struct pim_contact **ret)
{
	struct vobj *card;
	enum rc rc = vcard_parse(vcard, a, &card, NULL);

	if (rc == RC_OK)
		*ret = pim_contact_of(card, a);
	return rc;
}

/* "First Middle Last, Suffix"; of what there is. */
static const char *
name_of(const struct pim_contact *c, struct arena *a)
{
	const char *const parts[] = { c->first_name, c->middle_name, c->last_name };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i] && *parts[i])
			buf_addf(&b, "%s%s", b.len ? " " : "", parts[i]);
	}
	if (b.len > 0 && c->suffix && *c->suffix)
		buf_addf(&b, ", %s", c->suffix);
	return arena_strndup(a, buf_span(&b));
}

static const char *
first_of(const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] && *list[i])
			return list[i];
	}
	return NULL;
}

/* What FN is when nobody has set it. */
static const char *
made_name(const struct pim_contact *c, struct arena *a)
{
	const char *name = name_of(c, a);
	const char *const others[] = { name,
		                       c->company,
		                       c->file_as,
		                       c->nickname,
		                       first_of(c->email, PIM_EMAIL_N),
		                       first_of(c->phone, PIM_PHONE_N) };
	const char *s = first_of(others, ARRAY_LEN(others));

	return s ? s : "";
}

const char *
pim_contact_display(const struct pim_contact *c, struct arena *a)
{
	return c->full_name && *c->full_name ? c->full_name : made_name(c, a);
}

struct vobj *
pim_contact_tree(const struct pim_contact *c, struct arena *a)
{
	struct vobj *card = c->card ? vobj_copy(c->card, a) : vobj_new(a, "VCARD");
	struct pim_contact is = *c;

	if (!c->card)
		vobj_add(card, a, "VERSION", SPAN("4.0"));
	const struct pim_contact *was = pim_contact_of(card, a);
	if (pim_str_eq(c->full_name, "") ||
	    (pim_str_eq(c->full_name, was->full_name) &&
	     pim_str_eq(was->full_name, made_name(was, a))))
		is.full_name = made_name(c, a);
	if (pim_str_eq(c->uid, ""))
		is.uid = pim_uid_new(a);
	pim_fields_write(fields, ARRAY_LEN(fields), card, was, &is, a);
	pim_photo_write(card, was, &is, a);
	if (!vobj_find(card, "FN"))
		vobj_add(card, a, "FN", SPAN(""));
	return card;
}

void
pim_contact_write(const struct pim_contact *c, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();

	vcard_write(pim_contact_tree(c, a), VCARD_4_0, NULL, out);
}
