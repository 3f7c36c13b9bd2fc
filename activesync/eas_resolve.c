/* SPDX-License-Identifier: ISC
 *
 * eas_resolve.c - ResolveRecipients: [MS-ASCMD] 2.2.1.15: who is meant, when they have
 * time, what they sign with and look like.
 */
#include "activesync/eas_found.h"
#include "activesync/eas_freebusy.h"
#include "activesync/eas_gal.h"
#include "activesync/eas_kql.h"
#include "base/cert.h"
#include "base/encode.h"
#include "format/mime_text.h"
#include "format/pim_contact.h"
#include "format/vobj.h"
#include "store/store_directory.h"

#define TO_MAX 1000 /* 2.2.3.185.2 */
#define TO_CHARS_MAX 256
#define AMBIGUOUS_DEFAULT 19 /* suggestions without MaxAmbiguousRecipients */
#define LIMIT_MAX 9999       /* 2.2.3.101, 2.2.3.102 */
#define AVAILABILITY_MAX 100 /* people whose times are asked for: Status 160 */
#define MEMBERS_MAX 20       /* of a list whose times are asked for: Status 161 */
#define CONTACTS_MAX 200     /* looked at for one To */
#define DAY_S INT64_C(86400)

enum retrieval { RETRIEVE_NONE = 1, RETRIEVE_FULL = 2, RETRIEVE_MINI = 3 };

struct recipient {
	bool is_contact;
	struct span display;
	struct span address;
	struct eas_gal_entry gal;    /* not of a contact */
	struct pim_contact *contact; /* or NULL */
};

struct resolve {
	struct eas_call *c;
	struct wbxml_writer w;
	enum retrieval retrieval;
	uint32_t max_certificates;
	uint32_t n_certificates;
	uint32_t max_ambiguous;
	bool wants_times;
	int64_t from; /* seconds */
	int64_t to;
	struct eas_gal_pictures pictures;
	size_t n_to;
	bool no_contacts; /* the mailbox is not indexed yet: they are not looked for */
	/* of the To at hand */
	struct recipient *found;
	size_t n;
	size_t cap;
};

/* -- the request -- */

static enum rc
parse_time(const struct wbxml_node *n, wbxml_tag tag, int64_t *ret)
{
	struct pim_time t;

	if (pim_time_parse(span_trim(wbxml_child_text(n, tag)), &t) != RC_OK)
		return RC_INVALID;
	*ret = pim_time_utc(&t, NULL);
	return RC_OK;
}

/* 2.2.3.16: without an end it is a week. */
static enum rc
parse_times(struct resolve *r, const struct wbxml_node *n)
{
	if (!n)
		return RC_OK;
	r->wants_times = true;
	if (parse_time(n, WBXML_RESOLVERECIPIENTS_STARTTIME, &r->from) != RC_OK)
		return RC_INVALID;
	r->to = r->from + 7 * DAY_S;
	if (wbxml_child(n, WBXML_RESOLVERECIPIENTS_ENDTIME) &&
	    parse_time(n, WBXML_RESOLVERECIPIENTS_ENDTIME, &r->to) != RC_OK)
		return RC_INVALID;
	if (r->to <= r->from || r->to - r->from > EAS_FREEBUSY_DAYS_MAX * DAY_S)
		return RC_INVALID;
	return RC_OK;
}

static enum rc
parse_number(const struct wbxml_node *n, wbxml_tag tag, uint32_t max, uint32_t def,
             uint32_t *ret)
{
	*ret = def;
	return wbxml_child(n, tag) ? wbxml_child_u32(n, tag, max, ret) : RC_OK;
}

static size_t
characters(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static enum rc
parse(struct resolve *r)
{
	const struct wbxml_node *root = r->c->root;
	const struct wbxml_node *o = wbxml_child(root, WBXML_RESOLVERECIPIENTS_OPTIONS);
	uint32_t retrieval;
	enum rc rc;

	if (root->tag != WBXML_RESOLVERECIPIENTS_RESOLVERECIPIENTS)
		return RC_INVALID;
	for (const struct wbxml_node *to = wbxml_child(root, WBXML_RESOLVERECIPIENTS_TO);
	     to; to = wbxml_next(to, WBXML_RESOLVERECIPIENTS_TO)) {
		if (++r->n_to > TO_MAX || span_trim(to->text).n == 0 ||
		    characters(to->text) > TO_CHARS_MAX)
			return RC_INVALID;
	}
	if (r->n_to == 0)
		return RC_INVALID;
	rc = parse_number(o, WBXML_RESOLVERECIPIENTS_CERTIFICATERETRIEVAL, RETRIEVE_MINI,
	                  RETRIEVE_NONE, &retrieval);
	if (rc == RC_OK && retrieval == 0)
		rc = RC_INVALID;
	if (rc == RC_OK)
		rc = parse_number(o, WBXML_RESOLVERECIPIENTS_MAXCERTIFICATES, LIMIT_MAX,
		                  LIMIT_MAX, &r->max_certificates);
	if (rc == RC_OK)
		rc = parse_number(o, WBXML_RESOLVERECIPIENTS_MAXAMBIGUOUSRECIPIENTS,
		                  LIMIT_MAX, AMBIGUOUS_DEFAULT, &r->max_ambiguous);
	if (rc == RC_OK)
		rc = parse_times(r, wbxml_child(o, WBXML_RESOLVERECIPIENTS_AVAILABILITY));
	if (rc == RC_OK)
		rc = eas_gal_pictures_parse(
			wbxml_child(o, WBXML_RESOLVERECIPIENTS_PICTURE),
			WBXML_RESOLVERECIPIENTS_MAXSIZE,
			WBXML_RESOLVERECIPIENTS_MAXPICTURES, &r->pictures);
	if (rc == RC_OK)
		r->retrieval = (enum retrieval)retrieval;
	return rc;
}

/* -- who is meant -- */

static bool
has_address(const struct resolve *r, struct span address)
{
	for (size_t i = 0; i < r->n; i++) {
		if (span_ieq(r->found[i].address, address))
			return true;
	}
	return false;
}

static struct recipient *
add(struct resolve *r)
{
	if (r->n == r->cap) {
		struct recipient *more =
			arena_array(r->c->arena, r->cap * 2 + 16, struct recipient);

		if (r->n > 0)
			memcpy(more, r->found, r->n * sizeof(*more));
		r->found = more;
		r->cap = r->cap * 2 + 16;
	}
	r->found[r->n] = (struct recipient){ 0 };
	return &r->found[r->n++];
}

static enum rc
find_gal(struct resolve *r, struct span to)
{
	struct eas_gal_entry *list;
	size_t n;
	enum rc rc = eas_gal_find(r->c, to, true, &list, &n);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct recipient *e = add(r);

		e->gal = list[i];
		e->display = list[i].display;
		e->address = list[i].person.address;
	}
	return rc;
}

/* "Name" <a@b> or a@b. */
static struct span
plain_address(const char *email, struct arena *a)
{
	struct mime_address *m = mime_address_parse(span_str(email), 1, a);

	if (m && m->host.n > 0 && !span_is(m->host, MIME_NO_DOMAIN))
		return span_str(arena_printf(a, "%.*s@%.*s", SPAN_FMT(m->mailbox),
		                             SPAN_FMT(m->host)));
	return SPAN("");
}

static void
add_contact(struct resolve *r, struct store_tx *tx, uint64_t content, struct span to)
{
	struct arena *a = r->c->arena;
	AUTO_DONE(buf) struct buf raw = BUF_INIT(16 * 1024 * 1024);
	struct pim_contact *c;

	if (store_content_read(tx, content, 0, UINT32_MAX, &raw) != RC_OK ||
	    pim_contact_parse(arena_span(a, buf_span(&raw)), a, &c) != RC_OK)
		return;
	for (size_t i = 0; i < PIM_EMAIL_N; i++) {
		struct span address = plain_address(c->email[i] ? c->email[i] : "", a);
		struct recipient *e;

		/* Of one whose address was given that one alone. */
		if (address.n == 0 || has_address(r, address) ||
		    (span_find(to, 0, '@') < to.n && !span_ieq(address, to)))
			continue;
		e = add(r);
		e->is_contact = true;
		e->contact = c;
		e->address = address;
		e->display = span_str(pim_contact_display(c, a));
	}
}

/* The user's own contacts, by the search index. */
static enum rc
find_contacts(struct resolve *r, struct span to)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct eas_found_query *q = arena_new_of(r->c->arena, struct eas_found_query);
	struct store_search_hit *hits;
	size_t n;
	enum rc rc;

	if (r->no_contacts)
		return RC_OK;
	q->classes = 1U << STORE_CLASS_CONTACTS;
	q->root = eas_kql_text(to, 1U << STORE_SEARCH_SUBJECT | 1U << STORE_SEARCH_TO,
	                       r->c->arena);
	rc = eas_found_run(r->c, q, &tx, &hits, &n);
	for (size_t i = 0; rc == RC_OK && i < n && i < CONTACTS_MAX; i++)
		add_contact(r, tx, hits[i].content, to);
	r->no_contacts = rc == RC_DENIED;
	return rc == RC_DENIED || rc == RC_TOO_BIG ? RC_OK : rc;
}

/* Whoever has just that address is meant, whatever else begins so. */
static void
keep_exact(struct resolve *r, struct span to)
{
	for (size_t i = 0; i < r->n; i++) {
		if (span_ieq(r->found[i].address, to)) {
			r->found[0] = r->found[i];
			r->n = 1;
			return;
		}
	}
}

/* -- what is told of one -- */

static enum rc
merge_address(struct resolve *r, struct span address, char *merged, bool *ret_known)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_user user;
	enum rc rc = store_user_find(r->c->eas->deps.store, address, a, &user);

	if (rc == RC_OK)
		rc = eas_freebusy_merge(r->c->eas->deps.store, &user, r->from, r->to,
		                        merged);
	*ret_known |= rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The asker's own domain is the address list; others' times are not told. */
static bool
is_ours(const struct resolve *r, const struct recipient *e)
{
	struct span own = r->c->user.address;

	own = span_sub(own, span_find(own, 0, '@'), own.n);
	return !e->is_contact ||
	       (e->address.n > own.n &&
	        span_ieq(span_sub(e->address, e->address.n - own.n, e->address.n), own));
}

static enum rc
merge_times(struct resolve *r, const struct recipient *e, char *merged, bool *ret_known)
{
	enum rc rc = RC_OK;

	*ret_known = false;
	if (e->gal.n_members == 0)
		return is_ours(r, e) ? merge_address(r, e->address, merged, ret_known)
		                     : RC_OK;
	for (size_t i = 0; rc == RC_OK && i < e->gal.n_members; i++)
		rc = merge_address(r, e->gal.members[i], merged, ret_known);
	return rc;
}

static void
write_times(struct resolve *r, const struct recipient *e)
{
	size_t slots = eas_freebusy_slots(r->from, r->to);
	char *merged = arena_alloc(r->c->arena, slots + 1);
	unsigned status = EAS_STATUS_OK;
	bool known = false;

	memset(merged, '0', slots);
	if (r->n_to > AVAILABILITY_MAX)
		status = EAS_RESOLVE_TOO_MANY_PEOPLE;
	else if (e->gal.n_members > MEMBERS_MAX)
		status = EAS_RESOLVE_TOO_MANY_MEMBERS;
	else if (merge_times(r, e, merged, &known) != RC_OK)
		status = EAS_RESOLVE_TIMES_LATER;
	else if (!known)
		status = EAS_RESOLVE_NO_TIMES;
	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_AVAILABILITY);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_STATUS, status);
	if (status == EAS_STATUS_OK)
		wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_MERGEDFREEBUSY,
		           span_of(merged, slots));
	wbxml_end(&r->w);
}

/* KEY of a card: a data: URI (RFC 6350 6.8.1), or base64 as vCard 3.0 has it. */
static size_t
contact_certificates(const struct pim_contact *c, struct arena *a, struct span **ret)
{
	size_t n = 0, max = 0;

	for (const struct vobj_prop *p = vobj_find(c->card, "KEY"); p;
	     p = vobj_find_next(p, "KEY"))
		max++;
	*ret = arena_array(a, max, struct span);
	for (const struct vobj_prop *p = vobj_find(c->card, "KEY"); p;
	     p = vobj_find_next(p, "KEY")) {
		AUTO_DONE(buf) struct buf der = BUF_INIT(65536);
		AUTO_DONE(buf) struct buf clean = BUF_INIT(65536);
		struct span v = p->value;
		size_t comma = span_ifind(v, SPAN(";base64,"));

		if (comma < v.n)
			v = span_sub(v, comma + 8, v.n);
		if (base64_decode(span_trim(v), &der) == RC_OK &&
		    cert_read(buf_span(&der), &clean) == RC_OK)
			(*ret)[n++] = arena_span(a, buf_span(&clean));
	}
	return n;
}

static void
write_certificates(struct resolve *r, const struct recipient *e)
{
	struct span *list = NULL;
	size_t n = 0, good = 0;
	unsigned status;

	/* The short form, of Outlook for Pocket PC, is made of none. */
	if (r->retrieval == RETRIEVE_FULL && e->contact)
		n = contact_certificates(e->contact, r->c->arena, &list);
	else if (r->retrieval == RETRIEVE_FULL && e->gal.person.user != 0 &&
	         store_person_certificates(r->c->eas->deps.store, e->gal.person.user,
	                                   r->c->arena, &list, &n) != RC_OK)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (cert_is_current(list[i]))
			list[good++] = list[i];
	}
	status = good == 0 ? EAS_RESOLVE_NO_CERTIFICATE
	         : r->n_certificates + good > r->max_certificates
	                 ? EAS_RESOLVE_CERTIFICATE_LIMIT
	                 : EAS_STATUS_OK;
	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_CERTIFICATES);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_STATUS, status);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_CERTIFICATECOUNT, good);
	if (good > 0)
		wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_RECIPIENTCOUNT, 1);
	for (size_t i = 0; status == EAS_STATUS_OK && i < good; i++) {
		AUTO_DONE(buf) struct buf b64 = BUF_INIT(0);

		base64_encode(list[i], &b64);
		wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_CERTIFICATE, buf_span(&b64));
		r->n_certificates++;
	}
	wbxml_end(&r->w);
}

static unsigned
contact_picture(struct resolve *r, const struct recipient *e, struct span *ret)
{
	struct eas_gal_pictures *p = &r->pictures;

	*ret = SPAN("");
	if (e->contact->photo.n == 0)
		return EAS_STATUS_NO_PICTURE;
	if (e->contact->photo.n > p->max_size)
		return EAS_STATUS_PICTURE_SIZE;
	if (p->count >= p->max_count)
		return EAS_STATUS_PICTURE_COUNT;
	p->count++;
	*ret = e->contact->photo;
	return EAS_STATUS_OK;
}

static void
write_picture(struct resolve *r, const struct recipient *e)
{
	AUTO_DONE(buf) struct buf b64 = BUF_INIT(0);
	struct span photo;
	unsigned status = e->contact
	                          ? contact_picture(r, e, &photo)
	                          : eas_gal_picture(r->c, &e->gal, &r->pictures, &photo);

	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_PICTURE);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_STATUS, status);
	if (photo.n > 0) {
		base64_encode(photo, &b64);
		wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_DATA, buf_span(&b64));
	}
	wbxml_end(&r->w);
}

/* alone: it is the one who is meant; times and certificates are of such (2.2.3.16). */
static void
write_recipient(struct resolve *r, const struct recipient *e, bool alone)
{
	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_RECIPIENT);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_TYPE, e->is_contact ? 2 : 1);
	wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_DISPLAYNAME, e->display);
	wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_EMAILADDRESS, e->address);
	if (alone && r->wants_times && r->c->query.version >= 140)
		write_times(r, e);
	if (alone && r->retrieval != RETRIEVE_NONE)
		write_certificates(r, e);
	if (r->pictures.wanted && r->c->query.version >= 141)
		write_picture(r, e);
	wbxml_end(&r->w);
}

static enum rc
resolve_one(struct resolve *r, const struct wbxml_node *n)
{
	struct span to = span_trim(n->text);
	size_t shown;
	unsigned status;
	enum rc rc;

	r->n = 0;
	rc = find_gal(r, to);
	if (rc == RC_OK)
		rc = find_contacts(r, to);
	if (rc != RC_OK)
		return rc;
	keep_exact(r, to);
	shown = r->n > 1 && r->n > r->max_ambiguous ? r->max_ambiguous : r->n;
	status = r->n == 0      ? EAS_RESOLVE_NOBODY
	         : r->n == 1    ? EAS_STATUS_OK
	         : shown < r->n ? EAS_RESOLVE_AMBIGUOUS_SOME
	                        : EAS_RESOLVE_AMBIGUOUS;
	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_RESPONSE);
	wbxml_text(&r->w, WBXML_RESOLVERECIPIENTS_TO, n->text);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_STATUS, status);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_RECIPIENTCOUNT, r->n);
	for (size_t i = 0; i < shown; i++)
		write_recipient(r, &r->found[i], r->n == 1);
	wbxml_end(&r->w);
	return RC_OK;
}

void
eas_resolve_start(struct eas_call *c)
{
	struct resolve *r = arena_new_of(c->arena, struct resolve);
	enum rc rc;

	r->c = c;
	if (parse(r) != RC_OK) {
		eas_answer_status(c, EAS_RESOLVE_PROTOCOL);
		return;
	}
	eas_answer_begin(c, &r->w);
	wbxml_start(&r->w, WBXML_RESOLVERECIPIENTS_RESOLVERECIPIENTS);
	wbxml_u64(&r->w, WBXML_RESOLVERECIPIENTS_STATUS, EAS_STATUS_OK);
	rc = RC_OK;
	for (const struct wbxml_node *n =
	             wbxml_child(c->root, WBXML_RESOLVERECIPIENTS_TO);
	     n && rc == RC_OK; n = wbxml_next(n, WBXML_RESOLVERECIPIENTS_TO))
		rc = resolve_one(r, n);
	wbxml_end(&r->w);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}
