/* SPDX-License-Identifier: ISC
 *
 * tzone_vtimezone.c - VTIMEZONE (RFC 5545 3.6.5) of a zone, and the zone of a VTIMEZONE.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "format/recur_private.h"
#include "format/tzone_private.h"

#define OBSERVANCES_MAX 200
#define CHANGES_MAX 2000
#define FIRST_YEAR 1970
#define LAST_YEAR 2037 /* where the system's tables end and rules go on */

/* Writing */

static const char *
offset_str(int32_t offset, struct arena *a)
{
	int32_t v = offset < 0 ? -offset : offset;
	char sign = offset < 0 ? '-' : '+';

	if (v % 60)
		return arena_printf(a, "%c%02d%02d%02d", sign, v / 3600, v / 60 % 60,
		                    v % 60);
	return arena_printf(a, "%c%02d%02d", sign, v / 3600, v / 60 % 60);
}

static const char *
local_str(int64_t local, struct arena *a)
{
	struct pim_time t = { .kind = PIM_TIME_FLOATING };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	civil_from_seconds(local, &t.at);
	pim_time_write(&t, &b);
	return arena_strndup(a, buf_span(&b));
}

static struct vobj *
add_observance(struct vobj *tz, int64_t at, const struct tzone_type *from,
               const struct tzone_type *to, struct arena *a)
{
	struct vobj *o = vobj_new(a, to->is_dst ? "DAYLIGHT" : "STANDARD");

	vobj_add(o, a, "TZOFFSETFROM", span_str(offset_str(from->offset, a)));
	vobj_add(o, a, "TZOFFSETTO", span_str(offset_str(to->offset, a)));
	if (to->name && *to->name)
		vobj_add_text(o, a, "TZNAME", to->name);
	vobj_add(o, a, "DTSTART", span_str(local_str(at + from->offset, a)));
	vobj_add_child(tz, o);
	return o;
}

/* "BYMONTH=3;BYDAY=-1SU"; false where the rule is of a kind that no zone has today. */
static bool
rule_str(const struct tzone_rule *r, struct arena *a, const char **ret)
{
	int weekday = r->weekday;
	int shift = 0;

	if (r->kind != TZONE_RULE_NTH)
		return false;
	for (int32_t t = r->time; t >= TZONE_DAY; t -= TZONE_DAY)
		shift++;
	for (int32_t t = r->time; t < 0; t += TZONE_DAY)
		shift--;
	weekday = (weekday + shift + 14) % 7;
	if (shift == 0) {
		*ret = arena_printf(a, "FREQ=YEARLY;BYMONTH=%u;BYDAY=%d%s", r->month,
		                    r->week == 5 ? -1 : r->week, recur_weekdays[weekday]);
		return true;
	}
	/* The day after the nth Friday is the Saturday among seven days of the month. */
	int first = (r->week - 1) * 7 + 1 + shift;
	if (r->week == 5) {
		static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
			                        31, 31, 30, 31, 30, 31 };
		first = days[r->month - 1] - 6 + shift;
	}
	if (first < 1 || first + 6 > 28 + (r->month != 2) * 2)
		return false;
	*ret = arena_printf(a,
	                    "FREQ=YEARLY;BYMONTH=%u;BYMONTHDAY=%d,%d,%d,%d,%d,%d,%d;"
	                    "BYDAY=%s",
	                    r->month, first, first + 1, first + 2, first + 3, first + 4,
	                    first + 5, first + 6, recur_weekdays[weekday]);
	return true;
}

/* Both changes of that year are those of the rules. */
static bool
year_follows(const struct tzone *z, int year)
{
	int64_t at, until = tzone_year_start(year + 1) - 1;
	struct tzone_type before, after;
	unsigned n = 0;

	for (at = tzone_year_start(year) - 1;
	     tzone_next_change(z, at, until, &at, &before, &after);) {
		bool is_start =
			z->has_dst && after.offset == z->dst.offset &&
			at == tzone_rule_at(&z->dst_start, year, z->standard.offset);
		bool is_end = z->has_dst && after.offset == z->standard.offset &&
		              at == tzone_rule_at(&z->dst_end, year, z->dst.offset);
		if (!is_start && !is_end)
			return false;
		n++;
	}
	return n == (z->has_dst ? 2 : 0) &&
	       (z->has_dst || tzone_offset(z, until, NULL) == z->standard.offset);
}

/* The first year from which on the rules hold; beyond LAST_YEAR: never. */
static int
rules_from(const struct tzone *z)
{
	int year = LAST_YEAR + 1;

	/* A zone of rules alone has them always. */
	if (z->n_changes == 0)
		return FIRST_YEAR;
	while (year > FIRST_YEAR && year_follows(z, year - 1))
		year--;
	return year;
}

/* Changes from `from` to before `year`, each kind with its further dates as RDATE. */
static void
add_single_changes(struct vobj *tz, const struct tzone *z, int64_t from, int year,
                   struct arena *a)
{
	int64_t at = from, until = tzone_year_start(year) - 1;
	struct tzone_type before, after;

	while (tzone_next_change(z, at, until, &at, &before, &after)) {
		const char *name = after.is_dst ? "DAYLIGHT" : "STANDARD";
		const char *to = offset_str(after.offset, a);
		const char *fr = offset_str(before.offset, a);
		struct vobj *o = vobj_child(tz, name);
		while (o && (!span_is(vobj_find(o, "TZOFFSETTO")->value, to) ||
		             !span_is(vobj_find(o, "TZOFFSETFROM")->value, fr)))
			o = vobj_next_child(o, name);
		if (o)
			vobj_add(o, a, "RDATE",
			         span_str(local_str(at + before.offset, a)));
		else
			add_observance(tz, at, &before, &after, a);
	}
}

/* The observance that holds at `from` stands first. */
static void
add_current(struct vobj *tz, const struct tzone *z, int64_t from, struct arena *a)
{
	struct tzone_type type = tzone_type_at(z, from);
	int64_t since = tzone_year_start(FIRST_YEAR);

	if (since > from)
		since = from;
	add_observance(tz, since - type.offset, &type, &type, a);
}

static bool
add_rules(struct vobj *tz, const struct tzone *z, int year, struct arena *a)
{
	const char *start, *end;

	if (!z->has_dst)
		return false;
	if (!rule_str(&z->dst_start, a, &start) || !rule_str(&z->dst_end, a, &end))
		return false;
	int64_t at = tzone_rule_at(&z->dst_start, year, z->standard.offset);
	struct vobj *o = add_observance(tz, at, &z->standard, &z->dst, a);
	vobj_add(o, a, "RRULE", span_str(start));
	at = tzone_rule_at(&z->dst_end, year, z->dst.offset);
	o = add_observance(tz, at, &z->dst, &z->standard, a);
	vobj_add(o, a, "RRULE", span_str(end));
	return true;
}

struct vobj *
tzone_to_vtimezone(const struct tzone *z, const char *tzid, int64_t from, struct arena *a)
{
	struct vobj *tz = vobj_new(a, "VTIMEZONE");
	const char *iana = tzone_find(z->id) == z ? z->id : NULL;

	vobj_add_text(tz, a, "TZID", tzid ? tzid : z->id);
	if (iana && tzid && strcmp(tzid, iana) != 0)
		vobj_add_text(tz, a, "X-LIC-LOCATION", iana);
	int year = z->has_rules ? rules_from(z) : LAST_YEAR + 1;
	bool has_all = from >= tzone_year_start(year);
	if (!has_all || !z->has_dst)
		add_current(tz, z, from, a);
	if (!has_all)
		add_single_changes(tz, z, from, year, a);
	if (year <= LAST_YEAR && z->has_dst && !add_rules(tz, z, year, a))
		add_single_changes(tz, z, has_all ? from : tzone_year_start(year),
		                   LAST_YEAR + 1, a);
	return tz;
}

/* Reading */

struct observances {
	struct arena *a;
	struct tzone_type *types;
	size_t n_types;
	struct tzone_change *changes;
	size_t n_changes;
	int32_t offset_from; /* of the one that is being read */
	int32_t first_offset;
	int64_t first_at;
};

/* RFC 5545 3.3.14 */
static bool
parse_offset(const struct vobj_prop *p, int32_t *ret)
{
	uint32_t v;

	if (!p)
		return false;
	struct span s = span_trim(p->value);
	if (s.n != 5 && s.n != 7)
		return false;
	if ((s.p[0] != '+' && s.p[0] != '-') ||
	    parse_u32(span_sub(s, 1, s.n), 239999, &v) != RC_OK)
		return false;
	if (s.n == 5)
		v *= 100;
	int32_t seconds = (int32_t)(v / 10000 * 3600 + v / 100 % 100 * 60 + v % 100);
	*ret = s.p[0] == '-' ? -seconds : seconds;
	return true;
}

static bool
note_change(const struct civil *at, void *arg)
{
	struct observances *o = arg;

	if (o->n_changes == CHANGES_MAX)
		return false;
	int64_t utc = civil_to_seconds(at) - o->offset_from;
	if (utc < o->first_at) {
		o->first_at = utc;
		o->first_offset = o->offset_from;
	}
	o->changes[o->n_changes++] =
		(struct tzone_change){ utc, (uint16_t)(o->n_types - 1) };
	return true;
}

static void
note_rdates(struct observances *o, const struct vobj *obs)
{
	for (const struct vobj_prop *p = vobj_find(obs, "RDATE"); p;
	     p = vobj_find_next(p, "RDATE")) {
		struct span rest = p->value, one;
		struct pim_time t;
		while (span_cut(&rest, ',', &one)) {
			if (pim_time_parse(one, &t) == RC_OK && !note_change(&t.at, o))
				return;
		}
	}
}

/* "The last Sunday of March", if the RRULE is that and goes on for ever. */
static bool
rule_of(const struct recur *r, const struct civil *start, struct tzone_rule *ret)
{
	int nth = r->n_by_day == 1 ? r->by_day[0].nth : 0;

	if (r->freq != RECUR_YEARLY || r->interval != 1 || r->count ||
	    r->until.kind != PIM_TIME_NONE || r->by_month.n != 1 || r->n_by_day != 1)
		return false;
	if (nth == 0 && r->by_month_day.n == 7 && r->by_month_day.v[0] > 0 &&
	    (r->by_month_day.v[0] - 1) % 7 == 0)
		nth = (r->by_month_day.v[0] - 1) / 7 + 1;
	else if (r->by_month_day.n > 0 || r->by_set_pos.n > 0)
		return false;
	if (nth != -1 && (nth < 1 || nth > 4))
		return false;
	*ret = (struct tzone_rule){
		.kind = TZONE_RULE_NTH,
		.month = (uint8_t)r->by_month.v[0],
		.week = (uint8_t)(nth == -1 ? 5 : nth),
		.weekday = (uint8_t)r->by_day[0].weekday,
		.time = start->hour * 3600 + start->minute * 60 + start->second,
	};
	return ret->month >= 1 && ret->month <= 12;
}

static void
read_observance(struct observances *o, const struct vobj *obs, struct tzone *z)
{
	const struct vobj_prop *rrule = vobj_find(obs, "RRULE");
	const struct vobj_prop *dtstart = vobj_find(obs, "DTSTART");
	const struct vobj_prop *name = vobj_find(obs, "TZNAME");
	struct tzone_type type = { .is_dst = strcmp(obs->name, "DAYLIGHT") == 0 };
	struct civil from = { FIRST_YEAR, 1, 1, 0, 0, 0 };
	struct civil to = { LAST_YEAR, 12, 31, 23, 59, 59 };
	struct tzone_rule rule;
	struct pim_time start;
	struct recur r;

	if (o->n_types == OBSERVANCES_MAX || !dtstart ||
	    !parse_offset(vobj_find(obs, "TZOFFSETFROM"), &o->offset_from) ||
	    !parse_offset(vobj_find(obs, "TZOFFSETTO"), &type.offset) ||
	    pim_time_parse(dtstart->value, &start) != RC_OK)
		return;
	type.name = name ? vobj_text(name, o->a) : "";
	o->types[o->n_types++] = type;
	note_change(&start.at, o);
	note_rdates(o, obs);
	if (!rrule || recur_parse(rrule->value, o->a, &r) != RC_OK)
		return;
	start.kind = PIM_TIME_FLOATING;
	/* What cannot be reckoned out stays as far as it came. */
	if (recur_each(&r, &start, NULL, &from, &to, 0, note_change, o) != RC_OK)
		return;
	if (!rule_of(&r, &start.at, &rule))
		return;
	if (type.is_dst) {
		z->dst = type;
		z->dst_start = rule;
		z->has_dst = true;
	} else {
		z->standard = type;
		z->dst_end = rule;
		z->has_rules = true;
	}
}

static int
compare_changes(const void *a, const void *b)
{
	const struct tzone_change *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* The zone of the rules that are written down. */
static struct tzone *
read_rules(const struct vobj *vtimezone, const char *tzid, struct arena *a)
{
	struct tzone *z = arena_new_of(a, struct tzone);
	struct observances o = { .a = a, .first_at = INT64_MAX };

	o.types = arena_array(a, OBSERVANCES_MAX + 1, struct tzone_type);
	o.changes = arena_array(a, CHANGES_MAX, struct tzone_change);
	z->id = tzid;
	for (const struct vobj *c = vtimezone->first; c; c = c->next) {
		if (strcmp(c->name, "STANDARD") == 0 || strcmp(c->name, "DAYLIGHT") == 0)
			read_observance(&o, c, z);
	}
	if (o.n_types == 0)
		return NULL;
	qsort(o.changes, o.n_changes, sizeof(*o.changes), compare_changes);
	size_t n = 0;
	for (size_t i = 0; i < o.n_changes; i++) {
		if (n > 0 && o.changes[i].at == o.changes[n - 1].at)
			o.changes[n - 1] = o.changes[i];
		else
			o.changes[n++] = o.changes[i];
	}
	/* Before the first change its TZOFFSETFROM holds. */
	o.types[o.n_types] = (struct tzone_type){ .offset = o.first_offset, .name = "" };
	z->first_type = (uint16_t)o.n_types;
	z->types = o.types;
	z->n_types = o.n_types + 1;
	z->changes = o.changes;
	z->n_changes = n;
	/* Half of the rules is none. */
	z->has_dst = z->has_rules = z->has_dst && z->has_rules;
	tzone_turn_negative_dst(z, o.types);
	return z;
}

static const struct tzone *
named(const struct vobj *vtimezone, const char *name, struct arena *a)
{
	const struct vobj_prop *p = vobj_find(vtimezone, name);

	return p ? tzone_resolve(vobj_text(p, a)) : NULL;
}

enum rc
tzone_from_vtimezone(const struct vobj *vtimezone, struct arena *a,
                     const struct tzone **ret)
{
	const struct vobj_prop *p = vobj_find(vtimezone, "TZID");
	const struct tzone *z = NULL;

	if (!p)
		return RC_INVALID;
	const char *tzid = vobj_text(p, a);
	z = tzone_resolve(tzid);
	if (!z)
		z = named(vtimezone, "X-LIC-LOCATION", a);
	if (!z)
		z = named(vtimezone, "TZURL", a);
	/* A place is what it is; "EST" may have been meant with summer time or without.
	 */
	if (!z || !strchr(tzone_id(z), '/')) {
		const struct tzone *own = read_rules(vtimezone, tzid, a);
		const struct tzone *match = own ? tzone_match(own, z) : NULL;
		if (!z && !own)
			return RC_INVALID;
		if (own)
			z = match ? match : own;
	}
	*ret = z;
	return RC_OK;
}
