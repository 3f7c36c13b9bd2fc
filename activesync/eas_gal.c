/* SPDX-License-Identifier: ISC
 *
 * eas_gal.c - who there is: [MS-ASCMD] 2.2.1.16 (GAL), 2.2.3.135 (pictures).
 */
#include "activesync/eas_gal.h"

#include <stdlib.h>

#include "base/encode.h"
#include "format/words.h"

#define WORDS_ASKED_MAX 10

struct asked {
	struct span words[WORDS_ASKED_MAX];
	size_t n;
	uint32_t seen; /* bits of those found */
	struct span digits;
	struct arena *a;
};

static bool
note_word(struct span word, enum word_kind kind, void *arg)
{
	struct asked *q = arg;

	if (kind == WORD_TAIL && q->n > 0) /* the pair before it says as much */
		return true;
	q->words[q->n++] = arena_span(q->a, word);
	return q->n < WORDS_ASKED_MAX;
}

static bool
compare_word(struct span word, enum word_kind kind UNUSED, void *arg)
{
	struct asked *q = arg;

	for (size_t i = 0; i < q->n; i++) {
		if (word.n >= q->words[i].n &&
		    memcmp(word.p, q->words[i].p, q->words[i].n) == 0)
			q->seen |= 1U << i;
	}
	return true;
}

static struct span
digits_of(struct span s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9')
			p[n++] = s.p[i];
	}
	return span_of(p, n);
}

static bool
is_phone(enum store_person_field f)
{
	return f == STORE_PERSON_PHONE || f == STORE_PERSON_HOME_PHONE ||
	       f == STORE_PERSON_MOBILE;
}

static bool
has_number(const struct store_person *p, struct asked *q)
{
	AUTO(arena)
	struct arena *a = arena_new();

	if (q->digits.n < 3)
		return false;
	for (unsigned i = 0; i < STORE_PERSON_FIELD_N; i++) {
		struct span d;

		if (!is_phone((enum store_person_field)i) || p->text[i].n == 0)
			continue;
		d = digits_of(p->text[i], a);
		if (span_ifind(d, q->digits) < d.n)
			return true;
	}
	return false;
}

static bool
matches(const struct eas_gal_entry *e, struct asked *q)
{
	const struct store_person *p = &e->person;

	q->seen = 0;
	words_each(e->display, compare_word, q);
	words_each(p->name, compare_word, q);
	words_each(p->address, compare_word, q);
	for (unsigned i = 0; i < STORE_PERSON_FIELD_N; i++) {
		if (!is_phone((enum store_person_field)i))
			words_each(p->text[i], compare_word, q);
	}
	return q->seen == (1U << q->n) - 1 || has_number(p, q);
}

/* MS-ASCMD: DisplayName is always there. */
static struct span
display_name(const struct store_person *p, struct arena *a)
{
	struct span first = p->text[STORE_PERSON_FIRST_NAME];
	struct span last = p->text[STORE_PERSON_LAST_NAME];

	if (p->name.n > 0)
		return p->name;
	if (first.n > 0 && last.n > 0)
		return span_str(
			arena_printf(a, "%.*s %.*s", SPAN_FMT(first), SPAN_FMT(last)));
	if (first.n > 0 || last.n > 0)
		return first.n > 0 ? first : last;
	return span_sub(p->address, 0, span_find(p->address, 0, '@'));
}

struct gal {
	struct eas_gal_entry *p;
	size_t n;
	size_t cap;
};

static struct eas_gal_entry *
add(struct gal *g)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->p = realloc(g->p, g->cap * sizeof(*g->p));
		if (!g->p)
			abort();
	}
	g->p[g->n] = (struct eas_gal_entry){ 0 };
	return &g->p[g->n++];
}

/* The usual case of those who have an address and want to know whose it is: without a
 * look at all others. RC_NOT_FOUND: not so. */
static enum rc
find_address(struct eas_call *c, struct span domain, struct span text, struct gal *g)
{
	struct eas_gal_entry e = { 0 };
	struct store_user user;
	size_t at = span_find(text, 0, '@');
	enum rc rc;

	if (at == text.n || !span_ieq(span_sub(text, at + 1, text.n), domain))
		return RC_NOT_FOUND;
	rc = store_user_find(c->eas->deps.store, text, c->arena, &user);
	if (rc == RC_OK)
		rc = store_person_load(c->eas->deps.store, user.id, c->arena, &e.person);
	if (rc != RC_OK)
		return rc;
	e.display = display_name(&e.person, c->arena);
	*add(g) = e;
	return RC_OK;
}

static enum rc
find_people(struct eas_call *c, struct span domain, struct span text, bool with_hidden,
            struct asked *q, struct gal *g)
{
	struct store_person *people;
	size_t n;
	enum rc rc = store_person_list(c->eas->deps.store, domain, c->arena, &people, &n);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct eas_gal_entry e = { .person = people[i] };

		if (e.person.hidden && !(with_hidden && span_ieq(e.person.address, text)))
			continue;
		e.display = display_name(&e.person, c->arena);
		if (matches(&e, q))
			*add(g) = e;
	}
	return rc;
}

/* Addresses with several targets; they come in the order of their addresses. */
static enum rc
find_lists(struct eas_call *c, struct span domain, struct asked *q, struct gal *g)
{
	struct store_alias *aliases;
	size_t n, next;
	enum rc rc = store_alias_list(c->eas->deps.store, domain, c->arena, &aliases, &n);

	for (size_t i = 0; rc == RC_OK && i < n; i = next) {
		struct eas_gal_entry e = { .person.address = aliases[i].address };
		struct span *members;

		for (next = i + 1;
		     next < n && span_eq(aliases[next].address, e.person.address);)
			next++;
		if (next - i < 2 || span_starts(e.person.address, "@"))
			continue;
		e.display = display_name(&e.person, c->arena);
		if (!matches(&e, q))
			continue;
		members = arena_array(c->arena, next - i, struct span);
		for (size_t j = i; j < next; j++)
			members[j - i] = aliases[j].target;
		e.members = members;
		e.n_members = next - i;
		*add(g) = e;
	}
	return rc;
}

static int
compare_entries(const void *pa, const void *pb)
{
	const struct eas_gal_entry *a = pa;
	const struct eas_gal_entry *b = pb;
	int order = span_cmp(a->display, b->display);

	return order ? order : span_cmp(a->person.address, b->person.address);
}

enum rc
eas_gal_find(struct eas_call *c, struct span text, bool with_hidden,
             struct eas_gal_entry **ret, size_t *ret_n)
{
	struct span address = c->user.address;
	struct span domain = span_sub(address, span_find(address, 0, '@') + 1, address.n);
	struct asked q = { .a = c->arena };
	struct gal g = { 0 };
	enum rc rc = RC_OK;

	text = span_trim(text);
	if (with_hidden)
		rc = find_address(c, domain, text, &g);
	if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	if (rc == RC_OK && g.n == 0)
		words_each(text, note_word, &q);
	q.digits = digits_of(text, c->arena);
	if (rc == RC_OK && q.n > 0)
		rc = find_people(c, domain, text, with_hidden, &q, &g);
	if (rc == RC_OK && q.n > 0)
		rc = find_lists(c, domain, &q, &g);
	if (g.n > 1)
		qsort(g.p, g.n, sizeof(*g.p), compare_entries);
	if (rc == RC_OK) {
		*ret = arena_array(c->arena, g.n, struct eas_gal_entry);
		if (g.n > 0)
			memcpy(*ret, g.p, g.n * sizeof(*g.p));
		*ret_n = g.n;
	}
	free(g.p);
	return rc;
}

enum rc
eas_gal_pictures_parse(const struct wbxml_node *n, wbxml_tag max_size,
                       wbxml_tag max_pictures, struct eas_gal_pictures *ret)
{
	struct eas_gal_pictures p = { .wanted = n != NULL,
		                      .max_size = UINT32_MAX,
		                      .max_count = UINT32_MAX };
	enum rc rc = RC_OK;

	/* iOS sends <Picture/> */
	if (wbxml_child(n, max_size))
		rc = wbxml_child_u32(n, max_size, UINT32_MAX, &p.max_size);
	if (rc == RC_OK && wbxml_child(n, max_pictures))
		rc = wbxml_child_u32(n, max_pictures, UINT32_MAX, &p.max_count);
	*ret = p;
	return rc;
}

unsigned
eas_gal_picture(struct eas_call *c, const struct eas_gal_entry *e,
                struct eas_gal_pictures *p, struct span *ret)
{
	struct span photo = SPAN("");

	*ret = SPAN("");
	if (e->person.user != 0 && store_person_photo(c->eas->deps.store, e->person.user,
	                                              c->arena, &photo) != RC_OK)
		return EAS_STATUS_NO_PICTURE;
	if (photo.n == 0)
		return EAS_STATUS_NO_PICTURE;
	if (photo.n > p->max_size)
		return EAS_STATUS_PICTURE_SIZE;
	if (p->count >= p->max_count)
		return EAS_STATUS_PICTURE_COUNT;
	p->count++;
	*ret = photo;
	return EAS_STATUS_OK;
}

static void
write_text(struct wbxml_writer *w, wbxml_tag tag, struct span text)
{
	if (text.n > 0)
		wbxml_text(w, tag, text);
}

void
eas_gal_write(struct eas_call *c, const struct eas_gal_entry *e,
              struct eas_gal_pictures *p, struct wbxml_writer *w)
{
	const struct span *t = e->person.text;
	AUTO_DONE(buf) struct buf b64 = BUF_INIT(0);
	struct span alias = t[STORE_PERSON_ALIAS], photo;
	struct span address = e->person.address;
	unsigned status;

	if (alias.n == 0)
		alias = span_sub(address, 0, span_find(address, 0, '@'));
	wbxml_text(w, WBXML_GAL_DISPLAYNAME, e->display);
	write_text(w, WBXML_GAL_PHONE, t[STORE_PERSON_PHONE]);
	write_text(w, WBXML_GAL_OFFICE, t[STORE_PERSON_OFFICE]);
	write_text(w, WBXML_GAL_TITLE, t[STORE_PERSON_TITLE]);
	write_text(w, WBXML_GAL_COMPANY, t[STORE_PERSON_COMPANY]);
	write_text(w, WBXML_GAL_ALIAS, alias);
	write_text(w, WBXML_GAL_FIRSTNAME, t[STORE_PERSON_FIRST_NAME]);
	write_text(w, WBXML_GAL_LASTNAME, t[STORE_PERSON_LAST_NAME]);
	write_text(w, WBXML_GAL_HOMEPHONE, t[STORE_PERSON_HOME_PHONE]);
	write_text(w, WBXML_GAL_MOBILEPHONE, t[STORE_PERSON_MOBILE]);
	wbxml_text(w, WBXML_GAL_EMAILADDRESS, address);
	if (!p->wanted)
		return;
	status = eas_gal_picture(c, e, p, &photo);
	wbxml_start(w, WBXML_GAL_PICTURE);
	wbxml_u64(w, WBXML_GAL_STATUS, status);
	if (photo.n > 0) { /* text: as OPAQUE clients do not show it */
		base64_encode(photo, &b64);
		wbxml_text(w, WBXML_GAL_DATA, buf_span(&b64));
	}
	wbxml_end(w);
}
