/* SPDX-License-Identifier: ISC
 *
 * eas_contact.c - the Contacts class: [MS-ASCNTC] 2.2.2.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "activesync/eas_pim.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/pim_contact.h"

#define PICTURE_MAX 49152 /* bytes, 2.2.2.59 */
#define DAY_S 86400
#define NO_YEAR 1604 /* what phones write when a birthday has none */

#define TEXT(tag, member)                                                                \
	{                                                                                \
		WBXML_##tag, offsetof(struct pim_contact, member)                        \
	}
#define PHONE(tag, kind) TEXT(tag, phone[PIM_PHONE_##kind])
#define ADDRESS(tag, kind)                                                               \
	TEXT(CONTACTS_##tag##ADDRESSSTREET, address[kind].street),                       \
		TEXT(CONTACTS_##tag##ADDRESSCITY, address[kind].city),                   \
		TEXT(CONTACTS_##tag##ADDRESSSTATE, address[kind].state),                 \
		TEXT(CONTACTS_##tag##ADDRESSPOSTALCODE, address[kind].postal_code),      \
		TEXT(CONTACTS_##tag##ADDRESSCOUNTRY, address[kind].country)

static const struct eas_text_field fields[] = {
	TEXT(CONTACTS_FIRSTNAME, first_name),
	TEXT(CONTACTS_MIDDLENAME, middle_name),
	TEXT(CONTACTS_LASTNAME, last_name),
	TEXT(CONTACTS_TITLE, title),
	TEXT(CONTACTS_SUFFIX, suffix),
	TEXT(CONTACTS_FILEAS, file_as),
	TEXT(CONTACTS_YOMIFIRSTNAME, yomi_first_name),
	TEXT(CONTACTS_YOMILASTNAME, yomi_last_name),
	TEXT(CONTACTS_YOMICOMPANYNAME, yomi_company_name),
	TEXT(CONTACTS_COMPANYNAME, company),
	TEXT(CONTACTS_DEPARTMENT, department),
	TEXT(CONTACTS_OFFICELOCATION, office),
	TEXT(CONTACTS_JOBTITLE, job_title),
	TEXT(CONTACTS_ASSISTANTNAME, assistant),
	TEXT(CONTACTS_SPOUSE, spouse),
	TEXT(CONTACTS_WEBPAGE, web_page),
	TEXT(CONTACTS_EMAIL1ADDRESS, email[0]),
	TEXT(CONTACTS_EMAIL2ADDRESS, email[1]),
	TEXT(CONTACTS_EMAIL3ADDRESS, email[2]),
	PHONE(CONTACTS_MOBILEPHONENUMBER, MOBILE),
	PHONE(CONTACTS_HOMEPHONENUMBER, HOME),
	PHONE(CONTACTS_HOME2PHONENUMBER, HOME2),
	PHONE(CONTACTS_HOMEFAXNUMBER, HOME_FAX),
	PHONE(CONTACTS_BUSINESSPHONENUMBER, BUSINESS),
	PHONE(CONTACTS_BUSINESS2PHONENUMBER, BUSINESS2),
	PHONE(CONTACTS_BUSINESSFAXNUMBER, BUSINESS_FAX),
	PHONE(CONTACTS_CARPHONENUMBER, CAR),
	PHONE(CONTACTS_PAGERNUMBER, PAGER),
	PHONE(CONTACTS_RADIOPHONENUMBER, RADIO),
	PHONE(CONTACTS_ASSISTANTPHONENUMBER, ASSISTANT),
	ADDRESS(BUSINESS, PIM_ADDRESS_BUSINESS),
	ADDRESS(HOME, PIM_ADDRESS_HOME),
	ADDRESS(OTHER, PIM_ADDRESS_OTHER),
	TEXT(CONTACTS2_CUSTOMERID, customer_id),
	TEXT(CONTACTS2_GOVERNMENTID, government_id),
	TEXT(CONTACTS2_IMADDRESS, im[0]),
	TEXT(CONTACTS2_IMADDRESS2, im[1]),
	TEXT(CONTACTS2_IMADDRESS3, im[2]),
	TEXT(CONTACTS2_MANAGERNAME, manager),
	PHONE(CONTACTS2_COMPANYMAINPHONE, COMPANY_MAIN),
	TEXT(CONTACTS2_ACCOUNTNAME, account_name),
	TEXT(CONTACTS2_NICKNAME, nickname),
	PHONE(CONTACTS2_MMS, MMS),
};

/*
 * Days are sent as moments. Exchange writes noon less a minute, so that the day is the
 * same in every zone; clients write midnight of their own zone as well. The nearest day
 * fits all but the farthest east.
 */
static enum rc
take_day(const struct eas_edit_request *q, wbxml_tag tag, struct pim_day *day)
{
	const struct wbxml_node *node;
	struct civil c;
	int64_t utc;

	switch (eas_take(q, tag, &node)) {
	case EAS_TAKE_KEEP:
		return RC_OK;
	case EAS_TAKE_CLEAR:
		*day = (struct pim_day){ 0 };
		return RC_OK;
	case EAS_TAKE_SET:
		break;
	}
	if (eas_time_parse(node->text, &utc) != RC_OK)
		return RC_INVALID;
	civil_from_seconds(utc + DAY_S / 2 - 1, &c);
	*day = (struct pim_day){ c.year == NO_YEAR ? 0 : c.year, c.month, c.day };
	return RC_OK;
}

static void
write_day(struct wbxml_writer *w, wbxml_tag tag, const struct pim_day *day)
{
	char text[EAS_TIME_SIZE];

	if (day->month == 0)
		return;
	snprintf(text, sizeof(text), "%04d-%02u-%02uT11:59:00.000Z",
	         day->year ? day->year : NO_YEAR, day->month, day->day);
	wbxml_str(w, tag, text);
}

/* MS-ASCMD 2.2.3.24: a device keeps the Picture that a Change does not name. */
static void
write_picture(struct wbxml_writer *w, const struct pim_contact *k, bool change)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (k->photo.n == 0 && change)
		wbxml_empty(w, WBXML_CONTACTS_PICTURE);
	/* No device takes a larger one. */
	if (k->photo.n == 0 || k->photo.n > PICTURE_MAX)
		return;
	base64_encode(k->photo, &b);
	wbxml_text(w, WBXML_CONTACTS_PICTURE, buf_span(&b));
}

static enum rc
load(struct store_tx *tx, const struct store_item *item, struct arena *a,
     struct pim_contact **ret)
{
	struct span text;
	enum rc rc = eas_pim_load(tx, item, a, &text);

	return rc == RC_OK ? pim_contact_parse(text, a, ret) : rc;
}

static void
write_contact(struct eas_call *c, struct pim_contact *k, const struct eas_options *o,
              size_t limit, struct arena *a, struct wbxml_writer *w)
{
	if (!k->file_as) { /* what a list of the device sorts by */
		const char *name = pim_contact_display(k, a);
		k->file_as = *name ? name : NULL;
	}
	write_day(w, WBXML_CONTACTS_ANNIVERSARY, &k->anniversary);
	write_day(w, WBXML_CONTACTS_BIRTHDAY, &k->birthday);
	eas_write_texts(fields, ARRAY_LEN(fields), k, w);
	eas_write_list(k->categories, WBXML_CONTACTS_CATEGORIES, WBXML_CONTACTS_CATEGORY,
	               w);
	eas_write_list(k->children, WBXML_CONTACTS_CHILDREN, WBXML_CONTACTS_CHILD, w);
	/* MS-ASCNTC 2.2.2.11: notes of contacts are plain text. */
	eas_write_body(o, &k->body, false, c->query.version, limit, a, w);
}

static enum rc
write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
      const struct eas_options *o, size_t limit, struct arena *a, struct wbxml_writer *w)
{
	struct pim_contact *k;
	enum rc rc = load(tx, item, a, &k);

	if (rc != RC_OK)
		return rc;
	write_contact(c, k, o, limit, a, w);
	write_picture(w, k, false);
	return RC_OK;
}

static enum rc
write_changed(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
              const struct eas_options *o, size_t limit, struct arena *a,
              struct wbxml_writer *w)
{
	struct pim_contact *k;
	enum rc rc = load(tx, item, a, &k);

	if (rc != RC_OK)
		return rc;
	write_contact(c, k, o, limit, a, w);
	write_picture(w, k, true);
	return RC_OK;
}

/* At 16.x too a Picture that is left out stays. */
static enum rc
take_picture(const struct eas_edit_request *q, struct pim_contact *k)
{
	const struct wbxml_node *n = wbxml_child(q->data, WBXML_CONTACTS_PICTURE);
	AUTO_DONE(buf) struct buf b = BUF_INIT(PICTURE_MAX + 1);

	if (!n)
		return RC_OK;
	if (n->text.n == 0) {
		k->photo = (struct span){ 0 };
		k->photo_type = k->photo_uri = NULL;
		return RC_OK;
	}
	if (base64_decode(n->text, &b) != RC_OK || !buf_ok(&b) ||
	    buf_len(&b) > PICTURE_MAX)
		return RC_INVALID;
	k->photo = arena_span(q->c->arena, buf_span(&b));
	k->photo_type = NULL;
	return RC_OK;
}

static enum rc
edit(const struct eas_edit_request *q, struct eas_edit *ret)
{
	struct pim_contact *k = NULL;
	enum rc rc = RC_OK;

	if (!q->data) /* a Delete */
		return RC_OK;
	if (q->old)
		rc = pim_contact_parse(q->base, q->c->arena, &k);
	else
		k = pim_contact_new(q->c->arena);
	if (rc != RC_OK)
		return rc;
	const char *shown = k->file_as ? NULL : pim_contact_display(k, q->c->arena);
	eas_take_texts(q, fields, ARRAY_LEN(fields), k);
	if (q->old && shown && k->file_as && strcmp(k->file_as, shown) == 0)
		k->file_as = NULL; /* it was made for the device, and came back */
	rc = take_day(q, WBXML_CONTACTS_ANNIVERSARY, &k->anniversary);
	if (rc == RC_OK)
		rc = take_day(q, WBXML_CONTACTS_BIRTHDAY, &k->birthday);
	if (rc == RC_OK)
		rc = eas_take_list(q, WBXML_CONTACTS_CATEGORIES, WBXML_CONTACTS_CATEGORY,
		                   &k->categories);
	if (rc == RC_OK)
		rc = eas_take_list(q, WBXML_CONTACTS_CHILDREN, WBXML_CONTACTS_CHILD,
		                   &k->children);
	if (rc == RC_OK)
		rc = take_picture(q, k);
	if (rc == RC_OK)
		rc = eas_take_body(q, &k->body);
	if (rc != RC_OK)
		return rc;
	if (!k->uid)
		k->uid = pim_uid_new(q->c->arena);
	pim_contact_write(k, &ret->content);
	ret->has_content = true;
	ret->set_object = true;
	ret->object = eas_pim_object(k->uid, q->c->arena);
	ret->received_ms = clock_wall_ms();
	return RC_OK;
}

const struct eas_class eas_class_contact = {
	.class = STORE_CLASS_CONTACTS,
	.name = "Contacts",
	.filters = 0x1,
	.user_type = 14,
	.write = write,
	.write_change = write_changed,
	.edit = edit,
};
