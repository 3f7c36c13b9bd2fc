/* SPDX-License-Identifier: ISC
 *
 * pim_contact_slots.c - phones, e-mail and IM addresses and postal addresses of a
 * contact.
 */
#include <strings.h>

#include "format/pim_contact_private.h"
#include "format/pim_slot.h"
#include "format/vcard_private.h"

/* Phones */

static bool
has_type(const struct vobj_prop *p, const char *type)
{
	return vobj_param_has(p, "TYPE", type);
}

static bool
fit_phone(const struct vobj_prop *p, int fit[4])
{
	static const struct {
		const char *type;
		enum pim_phone phone;
	} special[] = {
		{ "PAGER", PIM_PHONE_PAGER },
		{ "CAR", PIM_PHONE_CAR },
		{ "X-EVOLUTION-RADIO", PIM_PHONE_RADIO },
		{ "X-EVOLUTION-ASSISTANT", PIM_PHONE_ASSISTANT },
		{ "X-EVOLUTION-COMPANY", PIM_PHONE_COMPANY_MAIN },
		{ "X-MMS", PIM_PHONE_MMS },
	};

	if (!vobj_prop_is(p, "TEL"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(special); i++) {
		if (has_type(p, special[i].type)) {
			fit[0] = (int)special[i].phone;
			return true;
		}
	}
	bool is_home = has_type(p, "HOME");
	if (has_type(p, "FAX")) {
		fit[0] = is_home ? PIM_PHONE_HOME_FAX : PIM_PHONE_BUSINESS_FAX;
	} else if (has_type(p, "CELL") || has_type(p, "IPHONE")) {
		fit[0] = PIM_PHONE_MOBILE;
	} else if (is_home) {
		fit[0] = PIM_PHONE_HOME;
		fit[1] = PIM_PHONE_HOME2;
	} else if (has_type(p, "WORK")) {
		fit[0] = PIM_PHONE_BUSINESS;
		fit[1] = PIM_PHONE_BUSINESS2;
	} else if (!has_type(p, "MODEM") && !has_type(p, "TEXTPHONE")) {
		/* Of no known kind: shown rather than hidden, behind those that are. */
		fit[2] = PIM_PHONE_HOME;
		fit[3] = PIM_PHONE_HOME2;
	}
	return true;
}

static const struct pim_slots phone_slots = { PIM_PHONE_N, fit_phone };

static const char *const phone_types[PIM_PHONE_N] = {
	[PIM_PHONE_MOBILE] = "cell",
	[PIM_PHONE_HOME] = "home,voice",
	[PIM_PHONE_HOME2] = "home,voice",
	[PIM_PHONE_HOME_FAX] = "home,fax",
	[PIM_PHONE_BUSINESS] = "work,voice",
	[PIM_PHONE_BUSINESS2] = "work,voice",
	[PIM_PHONE_BUSINESS_FAX] = "work,fax",
	[PIM_PHONE_CAR] = "car",
	[PIM_PHONE_PAGER] = "pager",
	[PIM_PHONE_RADIO] = "x-evolution-radio",
	[PIM_PHONE_ASSISTANT] = "x-evolution-assistant",
	[PIM_PHONE_COMPANY_MAIN] = "x-evolution-company",
	[PIM_PHONE_MMS] = "x-mms",
};

static void
add_types(struct vobj_prop *p, const char *types, struct arena *a)
{
	/* Written without quotes: a list, as everybody reads it. */
	struct vobj_param *i = arena_new_of(a, struct vobj_param);

	*i = (struct vobj_param){ "TYPE", types, p->params };
	p->params = i;
}

/* "tel:+49-30-1234" of RFC 6350 as a number. */
static const char *
phone_text(const struct vobj_prop *p, struct arena *a)
{
	const char *s = vobj_text(p, a);

	return strncasecmp(s, "tel:", 4) == 0 ? s + 4 : s;
}

static void
read_phones(const struct vobj *o, const struct pim_field *f UNUSED, void *value,
            struct pim_reader *r)
{
	struct vobj_prop *at[PIM_PHONE_N];
	const char **phone = value;

	pim_slots_find(&phone_slots, o, at, r->a);
	for (size_t i = 0; i < PIM_PHONE_N; i++)
		phone[i] = at[i] && at[i]->value.n ? phone_text(at[i], r->a) : NULL;
}

/* Puts text at place i of a kind: *at is the property there. */
static void
put_text(struct vobj *o, struct vobj_prop **at, const char *name, const char *types,
         const char *text, struct arena *a)
{
	if (!text || !*text) {
		if (*at)
			vobj_remove(o, *at);
		*at = NULL;
		return;
	}
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	vobj_escape(text, &b);
	if (!*at) {
		*at = vobj_add(o, a, name, span_str(""));
		if (types)
			add_types(*at, types, a);
	}
	(*at)->value = arena_span(a, buf_span(&b));
}

static void
write_phones(struct vobj *o, const struct pim_field *f, const void *value,
             struct arena *a)
{
	const char *const *phone = value;
	struct vobj_prop *at[PIM_PHONE_N];

	pim_slots_find(&phone_slots, o, at, a);
	for (size_t i = 0; i < PIM_PHONE_N; i++) {
		const char *was = at[i] ? phone_text(at[i], a) : NULL;
		if (pim_str_eq(was, phone[i]))
			continue;
		if (at[i] && vobj_param_has(at[i], "VALUE", "URI"))
			vobj_param_set(at[i], a, "VALUE", NULL);
		put_text(o, &at[i], f->name, phone_types[i], phone[i], a);
	}
	pim_slots_pin(&phone_slots, o, at, a);
}

static bool
eq_texts(const void *x, const void *y, size_t n)
{
	const char *const *a = x, *const *b = y;

	for (size_t i = 0; i < n; i++) {
		if (!pim_str_eq(a[i], b[i]))
			return false;
	}
	return true;
}

static bool
eq_phones(const void *x, const void *y)
{
	return eq_texts(x, y, PIM_PHONE_N);
}

const struct pim_codec pim_phones = { read_phones, write_phones, eq_phones };

/* E-mail addresses */

#define NAME_PARAM "X-GODWIT-NAME"

static bool
fit_email(const struct vobj_prop *p, int fit[4])
{
	for (int i = 0; i < PIM_EMAIL_N; i++)
		fit[i] = i;
	return vobj_prop_is(p, "EMAIL");
}

static const struct pim_slots email_slots = { PIM_EMAIL_N, fit_email };

/* ActiveSync's "Name" <a@b> with the name that a parameter keeps. */
static const char *
email_text(const struct vobj_prop *p, struct arena *a)
{
	const char *name = vobj_param(p, NAME_PARAM, a);
	const char *address = vobj_text(p, a);

	if (strncasecmp(address, "mailto:", 7) == 0)
		address += 7;
	return name ? arena_printf(a, "\"%s\" <%s>", name, address) : address;
}

static void
read_emails(const struct vobj *o, const struct pim_field *f UNUSED, void *value,
            struct pim_reader *r)
{
	struct vobj_prop *at[PIM_EMAIL_N];
	const char **email = value;

	pim_slots_find(&email_slots, o, at, r->a);
	for (size_t i = 0; i < PIM_EMAIL_N; i++)
		email[i] = at[i] && at[i]->value.n ? email_text(at[i], r->a) : NULL;
}

/* "\"Name\" <a@b>" in its parts; a name of NULL when it has not exactly that form. */
static const char *
cut_email(const char *text, const char **ret_name, struct arena *a)
{
	struct span s = span_str(text ? text : "");
	size_t open = s.n > 0 ? span_find(s, 1, '"') : 0;

	*ret_name = NULL;
	if (s.n < 6 || s.p[0] != '"' || s.p[s.n - 1] != '>' || open + 3 >= s.n ||
	    s.p[open + 1] != ' ' || s.p[open + 2] != '<')
		return text;
	struct span address = span_sub(s, open + 3, s.n - 1);
	if (address.n == 0 || memchr(address.p, '<', address.n) || open == 1)
		return text;
	*ret_name = arena_strndup(a, span_sub(s, 1, open));
	return arena_strndup(a, address);
}

static void
write_emails(struct vobj *o, const struct pim_field *f, const void *value,
             struct arena *a)
{
	const char *const *email = value;
	struct vobj_prop *at[PIM_EMAIL_N];
	const char *name;

	pim_slots_find(&email_slots, o, at, a);
	for (size_t i = 0; i < PIM_EMAIL_N; i++) {
		if (pim_str_eq(at[i] ? email_text(at[i], a) : NULL, email[i]))
			continue;
		const char *address = cut_email(email[i], &name, a);
		put_text(o, &at[i], f->name, NULL, address, a);
		if (at[i])
			vobj_param_set(at[i], a, NAME_PARAM, name);
	}
	pim_slots_pin(&email_slots, o, at, a);
}

static bool
eq_emails(const void *x, const void *y)
{
	return eq_texts(x, y, PIM_EMAIL_N);
}

const struct pim_codec pim_emails = { read_emails, write_emails, eq_emails };

/* Instant messaging */

static const char *const im_names[] = {
	"IMPP",       "X-AIM",       "X-JABBER",         "X-MSN", "X-ICQ",
	"X-YAHOO",    "X-SKYPE",     "X-SKYPE-USERNAME", "X-QQ",  "X-GTALK",
	"X-GADUGADU", "X-GROUPWISE", "X-GOOGLE-TALK",    NULL
};

static bool
fit_im(const struct vobj_prop *p, int fit[4])
{
	for (int i = 0; i < PIM_IM_N; i++)
		fit[i] = i;
	return vcard_name_in(p->name, im_names);
}

static const struct pim_slots im_slots = { PIM_IM_N, fit_im };

static const char *
im_text(const struct vobj_prop *p, struct arena *a)
{
	const char *s = vobj_text(p, a);

	/* RFC 3860's scheme, which we put before what is no URI. */
	return vobj_prop_is(p, "IMPP") && strncmp(s, "im:", 3) == 0 ? s + 3 : s;
}

static void
read_ims(const struct vobj *o, const struct pim_field *f UNUSED, void *value,
         struct pim_reader *r)
{
	struct vobj_prop *at[PIM_IM_N];
	const char **im = value;

	pim_slots_find(&im_slots, o, at, r->a);
	for (size_t i = 0; i < PIM_IM_N; i++)
		im[i] = at[i] && at[i]->value.n ? im_text(at[i], r->a) : NULL;
}

static void
write_ims(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const char *const *im = value;
	struct vobj_prop *at[PIM_IM_N];

	pim_slots_find(&im_slots, o, at, a);
	for (size_t i = 0; i < PIM_IM_N; i++) {
		if (pim_str_eq(at[i] ? im_text(at[i], a) : NULL, im[i]))
			continue;
		const char *text = im[i];
		bool is_impp = !at[i] || vobj_prop_is(at[i], "IMPP");
		if (text && *text && is_impp &&
		    (!strchr(text, ':') || strncmp(text, "im:", 3) == 0))
			text = arena_printf(a, "im:%s", text);
		put_text(o, &at[i], f->name, NULL, text, a);
	}
	pim_slots_pin(&im_slots, o, at, a);
}

static bool
eq_ims(const void *x, const void *y)
{
	return eq_texts(x, y, PIM_IM_N);
}

const struct pim_codec pim_ims = { read_ims, write_ims, eq_ims };

/* Postal addresses: RFC 6350 6.3.1 */

static const size_t parts[] = {
	offsetof(struct pim_address, po_box),  offsetof(struct pim_address, extended),
	offsetof(struct pim_address, street),  offsetof(struct pim_address, city),
	offsetof(struct pim_address, state),   offsetof(struct pim_address, postal_code),
	offsetof(struct pim_address, country),
};

static const char **
part_of(const struct pim_address *address, size_t i)
{
	return (const char **)(uintptr_t)((const char *)address + parts[i]);
}

static bool
fit_address(const struct vobj_prop *p, int fit[4])
{
	if (!vobj_prop_is(p, "ADR"))
		return false;
	fit[0] = has_type(p, "WORK")   ? PIM_ADDRESS_BUSINESS
	         : has_type(p, "HOME") ? PIM_ADDRESS_HOME
	                               : PIM_ADDRESS_OTHER;
	fit[1] = PIM_ADDRESS_OTHER;
	return true;
}

static const struct pim_slots address_slots = { PIM_ADDRESS_N, fit_address };
static const char *const address_types[] = { "work", "home", NULL };

static void
read_addresses(const struct vobj *o, const struct pim_field *f UNUSED, void *value,
               struct pim_reader *r)
{
	struct vobj_prop *at[PIM_ADDRESS_N];
	struct pim_address *address = value;

	pim_slots_find(&address_slots, o, at, r->a);
	for (size_t i = 0; i < PIM_ADDRESS_N; i++) {
		for (size_t k = 0; at[i] && k < ARRAY_LEN(parts); k++) {
			const char *s = vobj_text_part(at[i]->value, ';', k, r->a);
			*part_of(&address[i], k) = *s ? s : NULL;
		}
	}
}

static bool
eq_address(const struct pim_address *x, const struct pim_address *y)
{
	for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
		if (!pim_str_eq(*part_of(x, k), *part_of(y, k)))
			return false;
	}
	return true;
}

static void
write_addresses(struct vobj *o, const struct pim_field *f, const void *value,
                struct arena *a)
{
	static const struct pim_address none;
	const struct pim_address *address = value;
	struct pim_address was[PIM_ADDRESS_N] = { 0 };
	struct vobj_prop *at[PIM_ADDRESS_N];
	struct pim_reader r = { .a = a };

	read_addresses(o, f, was, &r);
	pim_slots_find(&address_slots, o, at, a);
	for (size_t i = 0; i < PIM_ADDRESS_N; i++) {
		if (eq_address(&was[i], &address[i]))
			continue;
		if (eq_address(&none, &address[i])) {
			vobj_remove(o, at[i]);
			at[i] = NULL;
			continue;
		}
		if (!at[i]) {
			at[i] = vobj_add(o, a, f->name, SPAN(";;;;;;"));
			if (address_types[i])
				add_types(at[i], address_types[i], a);
		}
		for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
			const char *s = *part_of(&address[i], k);
			if (!pim_str_eq(*part_of(&was[i], k), s))
				pim_set_part(at[i], k, s, a);
		}
		vobj_param_set(at[i], a, "LABEL", NULL); /* of the address that was */
	}
	pim_slots_pin(&address_slots, o, at, a);
}

static bool
eq_addresses(const void *x, const void *y)
{
	const struct pim_address *a = x, *b = y;

	for (size_t i = 0; i < PIM_ADDRESS_N; i++) {
		if (!eq_address(&a[i], &b[i]))
			return false;
	}
	return true;
}

const struct pim_codec pim_addresses = { read_addresses, write_addresses, eq_addresses };
