/* SPDX-License-Identifier: ISC
 *
 * vobj_merge.c - finds for each property of a device the stored one that it stands for.
 */
#include "format/vobj_merge.h"

#include <strings.h>

#include "format/vcard_private.h"

#define PAIRS_MAX 4000000

/* A property that the device has a say in. */
struct entry {
	struct vobj_prop *prop; /* NULL: done */
	unsigned kind;
	struct span comparable;
};

struct merging {
	const struct vobj_merge *how;
	struct arena *a;
	struct entry *stored;
	size_t n_stored;
	struct entry *incoming;
	size_t n_incoming;
	const char **lost; /* groups that a property was taken from */
	size_t n_lost;
	struct vobj *out;
};

enum pass {
	PASS_SAME,       /* same value, same kind: nothing changed */
	PASS_SAME_VALUE, /* same value, of another kind now */
	PASS_SAME_KIND,  /* same kind, another value */
	PASS_SINGLE,     /* there can be but one */
};

static bool
is_same_name(const struct vobj_prop *p, const struct vobj_prop *q)
{
	return strcasecmp(p->name, q->name) == 0;
}

static struct entry *
collect(const struct vobj *o, const struct vobj_merge *how, struct arena *a,
        size_t *ret_n)
{
	size_t n = 0;

	for (const struct vobj_prop *p = o->props; p; p = p->next)
		n++;
	struct entry *list = arena_array(a, n, struct entry);
	n = 0;
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		if (!vcard_name_in(p->name, how->own))
			list[n++] =
				(struct entry){ p, how->kind(p), how->comparable(p, a) };
	}
	*ret_n = n;
	return list;
}

/* The device's value is the stored one, or as much of it as it could hold. */
static bool
is_same_value(const struct vobj_merge *how, const struct entry *s, const struct entry *i)
{
	struct span sv = s->comparable, iv = i->comparable;

	if (span_eq(s->prop->value, i->prop->value) || span_eq(sv, iv))
		return true;
	const struct vobj_cap *cap = vobj_cap_of(how->caps, i->prop->name);
	return cap && cap->size_max && !cap->no_truncate && sv.n > cap->size_max &&
	       iv.n + 4 >= cap->size_max && iv.n > 0 && iv.n <= cap->size_max &&
	       span_eq(span_sub(sv, 0, iv.n), iv);
}

static bool
fits(const struct merging *m, enum pass pass, const struct entry *s,
     const struct entry *i)
{
	switch (pass) {
	case PASS_SAME:
		return s->kind == i->kind && is_same_value(m->how, s, i);
	case PASS_SAME_VALUE:
		return is_same_value(m->how, s, i);
	case PASS_SAME_KIND:
		return s->kind == i->kind;
	case PASS_SINGLE:
		return vcard_name_in(i->prop->name, m->how->single);
	}
	return false;
}

static void
pair(struct merging *m, enum pass pass, struct entry *s, struct entry *i)
{
	if (pass != PASS_SAME)
		m->how->set_params(s->prop, i->prop, m->a);
	if (pass == PASS_SAME_KIND || pass == PASS_SINGLE)
		s->prop->value = i->prop->value;
	s->prop = i->prop = NULL;
}

static void
run_pass(struct merging *m, enum pass pass)
{
	for (size_t ii = 0; ii < m->n_incoming; ii++) {
		struct entry *i = &m->incoming[ii];
		for (size_t si = 0; i->prop && si < m->n_stored; si++) {
			struct entry *s = &m->stored[si];
			if (s->prop && is_same_name(s->prop, i->prop) &&
			    fits(m, pass, s, i))
				pair(m, pass, s, i);
		}
	}
}

static bool
has_group(const struct vobj *o, const char *group, const struct vobj_prop *but)
{
	for (const struct vobj_prop *p = o->props; p; p = p->next) {
		if (p != but && p->group && strcasecmp(p->group, group) == 0)
			return true;
	}
	return false;
}

/* New ones go to the end; a group that stands for something else gets a new name. */
static void
add_new(struct merging *m)
{
	const char *from = NULL, *to = NULL;
	unsigned next = 1;

	for (size_t ii = 0; ii < m->n_incoming; ii++) {
		if (!m->incoming[ii].prop)
			continue;
		struct vobj_prop *p = vobj_prop_copy(m->incoming[ii].prop, m->a);
		if (p->group && !(from && strcasecmp(from, p->group) == 0)) {
			from = to = p->group;
			while (has_group(m->out, to, NULL))
				to = arena_printf(m->a, "item%u", next++);
		}
		if (p->group)
			p->group = to;
		vobj_append(m->out, p);
	}
}

/* What the device was given and did not give back it has deleted. */
static void
remove_gone(struct merging *m)
{
	const struct vobj_merge *how = m->how;

	m->lost = arena_array(m->a, m->n_stored, const char *);
	for (size_t si = 0; si < m->n_stored; si++) {
		struct vobj_prop *s = m->stored[si].prop;
		const struct vobj_cap *cap = s ? vobj_cap_of(how->caps, s->name) : NULL;
		if (!s || !cap || vcard_name_in(s->name, how->sticky))
			continue;
		if (cap->size_max && cap->no_truncate && s->value.n > cap->size_max)
			continue; /* was too long for it */
		size_t before = 0;
		for (const struct vobj_prop *p = m->out->props; p && p != s; p = p->next)
			before += is_same_name(p, s);
		if (cap->occurs_max && before >= cap->occurs_max)
			continue;                    /* it had no room for this one */
		s->value = (struct span){ NULL, 0 }; /* taken out below, all at once */
		if (s->group)
			m->lost[m->n_lost++] = s->group;
	}
	struct vobj_prop **at = &m->out->props;
	while (*at) {
		if (!(*at)->value.p)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
}

/* Apple's labels go with the property of their group. */
static void
remove_lone_labels(struct merging *m)
{
	struct vobj *o = m->out;

	for (struct vobj_prop *p = o->props, *next; p; p = next) {
		next = p->next;
		bool is_label = p->group && (vobj_prop_is(p, "X-ABLabel") ||
		                             vobj_prop_is(p, "X-ABADR"));
		bool has_lost = false;
		for (size_t i = 0; is_label && i < m->n_lost; i++)
			has_lost |= strcasecmp(m->lost[i], p->group) == 0;
		if (has_lost && !has_group(o, p->group, p))
			vobj_remove(o, p);
	}
}

void
vobj_merge(struct vobj *stored, const struct vobj *incoming, const struct vobj_merge *how,
           struct arena *a)
{
	struct merging m = { .how = how, .a = a, .out = stored };

	m.stored = collect(stored, how, a, &m.n_stored);
	m.incoming = collect(incoming, how, a, &m.n_incoming);
	for (enum pass pass = PASS_SAME; pass <= PASS_SINGLE; pass++) {
		/* Beyond that nobody edited by hand: the device's say as a whole. */
		if (m.n_stored * m.n_incoming <= PAIRS_MAX)
			run_pass(&m, pass);
	}
	remove_gone(&m);
	remove_lone_labels(&m);
	add_new(&m);
}
