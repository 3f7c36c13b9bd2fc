/* SPDX-License-Identifier: ISC
 *
 * ical_vcal_read.c - vCalendar 1.0 (Versit) in terms of iCalendar 2.0.
 */
#include <strings.h>

#include "format/ical_private.h"
#include "format/vcard_private.h"

/* Values that are text: ';' means nothing in them, and nothing is escaped. */
static const char *const texts[] = { "SUMMARY",    "DESCRIPTION", "LOCATION", "UID",
	                             "RELATED-TO", "URL",         "CONTACT",  NULL };

static const char *const all_day_marks[] = { "X-FUNAMBOL-ALLDAY",
	                                     "X-MICROSOFT-CDO-ALLDAYEVENT", "X-ALLDAY",
	                                     NULL };

/* Words without a name: "ATTENDEE;ATTENDEE;NEEDS ACTION:" has them too. */
static void
name_bare_params(struct vobj_prop *p)
{
	static const struct {
		const char *word;
		const char *name;
	} words[] = {
		{ "ATTENDEE", "ROLE" },    { "ORGANIZER", "ROLE" },
		{ "OWNER", "ROLE" },       { "DELEGATE", "ROLE" },
		{ "ACCEPTED", "STATUS" },  { "SENT", "STATUS" },
		{ "TENTATIVE", "STATUS" }, { "CONFIRMED", "STATUS" },
		{ "DECLINED", "STATUS" },  { "BASE64", "ENCODING" },
	};

	for (struct vobj_param *i = p->params; i; i = i->next) {
		if (i->raw)
			continue;
		i->raw = i->name;
		i->name = "TYPE";
		for (size_t k = 0; k < ARRAY_LEN(words); k++) {
			if (strcasecmp(i->raw, words[k].word) == 0)
				i->name = words[k].name;
		}
	}
}

/* "\;" is the one escape that 1.0 has. */
static const char *
text_1_0(struct span v, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	for (size_t i = 0; i < v.n; i++) {
		char next = i + 1 < v.n ? v.p[i + 1] : '\0';
		if (v.p[i] == '\\' && (next == ';' || next == ','))
			i++;
		buf_add_char(&b, v.p[i]);
	}
	return arena_strndup(a, buf_span(&b));
}

static void
take_text(struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	vobj_escape(text_1_0(p->value, a), &b);
	p->value = arena_span(a, buf_span(&b));
}

/* Lists of 1.0 are cut at ';', those of 2.0 at ','. */
static void
take_list(struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span rest = p->value, one;

	while (span_cut(&rest, ';', &one)) {
		if (b.len > 0)
			buf_add_char(&b, ',');
		buf_add_span(&b, span_trim(one));
	}
	p->value = arena_span(a, buf_span(&b));
}

static void
take_rrule(struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct recur r;

	if (recur_parse_1_0(p->value, a, &r) != RC_OK) {
		/* Some phones write 2.0's grammar here. */
		if (recur_parse(p->value, a, &r) != RC_OK)
			p->name = ICAL_RRULE_1_0;
		return;
	}
	recur_write(&r, &b);
	p->value = arena_span(a, buf_span(&b));
}

static void
take_status(struct vobj *o, struct vobj_prop *p)
{
	bool is_todo = strcmp(o->name, "VTODO") == 0;
	struct span v = span_trim(p->value);

	if (span_iis(v, "NEEDS ACTION") || span_iis(v, "SENT") || span_iis(v, "ACCEPTED"))
		p->value = is_todo ? SPAN("NEEDS-ACTION") : SPAN("CONFIRMED");
	else if (span_iis(v, "DECLINED"))
		p->value = SPAN("CANCELLED");
}

static void
take_attendee(struct vobj_prop *p, struct arena *a)
{
	static const struct {
		const char *from;
		const char *to;
	} states[] = {
		{ "ACCEPTED", "ACCEPTED" },   { "CONFIRMED", "ACCEPTED" },
		{ "TENTATIVE", "TENTATIVE" }, { "DECLINED", "DECLINED" },
		{ "DELEGATED", "DELEGATED" }, { "NEEDS ACTION", "NEEDS-ACTION" },
		{ "SENT", "NEEDS-ACTION" },   { "COMPLETED", "COMPLETED" },
	};
	struct span v = span_str(text_1_0(p->value, a));
	const char *status = vobj_param(p, "STATUS", a);
	const char *role = vobj_param(p, "ROLE", a);

	/* "Name <a@b>" */
	size_t open = span_find(v, 0, '<');
	if (open < v.n) {
		struct span name = span_trim(span_sub(v, 0, open));
		if (name.n > 0)
			vobj_param_set(p, a, "CN", arena_strndup(a, name));
		v = span_sub(v, open + 1, span_find(v, open, '>'));
	}
	v = span_trim(v);
	if (!span_istarts(v, "mailto:"))
		v = span_str(arena_printf(a, "mailto:%.*s", SPAN_FMT(v)));
	p->value = v;
	for (size_t i = 0; status && i < ARRAY_LEN(states); i++) {
		if (strcasecmp(status, states[i].from) == 0)
			vobj_param_set(p, a, "PARTSTAT", states[i].to);
	}
	vobj_param_set(p, a, "STATUS", NULL);
	if (role &&
	    (strcasecmp(role, "ORGANIZER") == 0 || strcasecmp(role, "OWNER") == 0)) {
		p->name = "ORGANIZER";
		vobj_param_set(p, a, "PARTSTAT", NULL);
	}
	vobj_param_set(p, a, "ROLE", NULL);
	if (vobj_param_has(p, "RSVP", "YES"))
		vobj_param_set(p, a, "RSVP", "TRUE");
	else
		vobj_param_set(p, a, "RSVP", NULL);
	vobj_param_set(p, a, "EXPECT", NULL);
}

static void
take_prop(struct vobj *o, struct vobj_prop *p, struct arena *a)
{
	name_bare_params(p);
	if (vcard_name_in(p->name, texts)) {
		take_text(p, a);
	} else if (vobj_prop_is(p, "CATEGORIES") || vobj_prop_is(p, "RESOURCES") ||
	           vobj_prop_is(p, "EXDATE") || vobj_prop_is(p, "RDATE")) {
		take_list(p, a);
	} else if (vobj_prop_is(p, "RRULE")) {
		take_rrule(p, a);
	} else if (vobj_prop_is(p, "STATUS")) {
		take_status(o, p);
	} else if (vobj_prop_is(p, "ATTENDEE")) {
		take_attendee(p, a);
	} else if (vobj_prop_is(p, "DCREATED")) {
		p->name = "CREATED";
	} else if (vobj_prop_is(p, "TRANSP")) {
		p->value = span_is(span_trim(p->value), "0") ? SPAN("OPAQUE")
		                                             : SPAN("TRANSPARENT");
	}
}

/* Days and alarms */

static bool
read_time(const struct vobj *o, const char *name, struct pim_time *ret)
{
	const struct vobj_prop *p = vobj_find(o, name);

	return p && pim_time_parse(p->value, ret) == RC_OK;
}

/* 1.0 has no dates: an all-day event runs from midnight to (about) midnight. */
static bool
is_all_day(const struct vobj *o, const struct pim_time *start)
{
	struct pim_time end;

	if (start->kind == PIM_TIME_DATE)
		return true;
	if (start->kind != PIM_TIME_FLOATING || start->at.hour || start->at.minute)
		return false;
	for (const char *const *m = all_day_marks; *m; m++) {
		const struct vobj_prop *p = vobj_find(o, *m);
		if (p && (span_is(span_trim(p->value), "1") ||
		          span_iis(span_trim(p->value), "TRUE")))
			return true;
	}
	if (!read_time(o, "DTEND", &end) || end.kind != PIM_TIME_FLOATING)
		return false;
	int64_t length = civil_to_seconds(&end.at) - civil_to_seconds(&start->at);
	/* 23:59, 23:59:59 or the next midnight. */
	return length > 0 && (length % 86400 == 0 || length % 86400 >= 86340);
}

static void
set_date(struct vobj_prop *p, const struct pim_time *t, int64_t add_days, struct arena *a)
{
	struct pim_time day = pim_date(t->at.year, t->at.month, t->at.day);

	civil_from_seconds(civil_to_seconds(&day.at) + add_days * 86400, &day.at);
	pim_write_time(p, &day, a);
}

static void
take_days(struct vobj *o, struct arena *a)
{
	struct pim_time start, t;

	if (strcmp(o->name, "VEVENT") != 0 || !read_time(o, "DTSTART", &start) ||
	    !is_all_day(o, &start))
		return;
	set_date(vobj_find(o, "DTSTART"), &start, 0, a);
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		if (vobj_prop_is(p, "EXDATE") && pim_time_parse(p->value, &t) == RC_OK)
			set_date(p, &t, 0, a);
	}
	if (!read_time(o, "DTEND", &t))
		return;
	bool is_midnight = t.at.hour == 0 && t.at.minute == 0;
	bool is_start = civil_to_seconds(&t.at) <= civil_to_seconds(&start.at);
	set_date(vobj_find(o, "DTEND"), &t, is_midnight && !is_start ? 0 : 1, a);
}

/* AALARM and DALARM: "when;snooze;repeat;what to show or play" */
static void
take_alarm(struct vobj *o, struct vobj_prop *p, struct arena *a)
{
	struct span rest = p->value, when, part;
	struct pim_time at, start;
	bool is_display = vobj_prop_is(p, "DALARM");
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (!span_cut(&rest, ';', &when) || pim_time_parse(when, &at) != RC_OK)
		return;
	struct vobj *alarm = vobj_new(a, "VALARM");
	vobj_add(alarm, a, "ACTION", is_display ? SPAN("DISPLAY") : SPAN("AUDIO"));
	bool has_start = read_time(o, "DTSTART", &start) || read_time(o, "DUE", &start);
	struct vobj_prop *trigger = vobj_add(alarm, a, "TRIGGER", span_str(""));
	/* Relative to the start, so that it rings for each instance of a series. */
	if (has_start && (start.kind == at.kind || start.kind == PIM_TIME_DATE)) {
		int64_t before = civil_to_seconds(&start.at) - civil_to_seconds(&at.at);
		buf_addf(&b, "%sPT%lldM", before > 0 ? "-" : "",
		         (long long)((before < 0 ? -before : before) / 60));
		trigger->value = arena_span(a, buf_span(&b));
		if (!vobj_find(o, "DTSTART"))
			vobj_param_set(trigger, a, "RELATED", "END");
	} else {
		pim_write_time(trigger, &at, a);
		vobj_param_set(trigger, a, "VALUE", "DATE-TIME");
	}
	struct span snooze = span_str(""), repeat = span_str("");
	span_cut(&rest, ';', &snooze);
	span_cut(&rest, ';', &repeat);
	if (snooze.n > 0 && repeat.n > 0 && !span_is(repeat, "0")) {
		vobj_add(alarm, a, "DURATION", span_trim(snooze));
		vobj_add(alarm, a, "REPEAT", span_trim(repeat));
	}
	if (span_cut(&rest, ';', &part) && is_display)
		vobj_add_text(alarm, a, "DESCRIPTION", arena_strndup(a, part));
	else if (is_display)
		vobj_add(alarm, a, "DESCRIPTION", SPAN("Reminder"));
	vobj_add_child(o, alarm);
}

/* An object may have brought alarms of its own, which need not say when. */
static bool
rings_already(const struct vobj *o, const struct vobj *alarm)
{
	const struct vobj_prop *when = vobj_find(alarm, "TRIGGER"), *other;

	for (const struct vobj *c = vobj_child(o, "VALARM"); when && c && c != alarm;
	     c = vobj_next_child(c, "VALARM")) {
		other = vobj_find(c, "TRIGGER");
		if (other && span_eq(other->value, when->value))
			return true;
	}
	return false;
}

static void
take_alarms(struct vobj *o, struct arena *a)
{
	struct vobj_prop *next;

	/* DALARM first: of two at one time the one that also shows something stays. */
	for (int pass = 0; pass < 2; pass++) {
		for (struct vobj_prop *p = o->props; p; p = next) {
			next = p->next;
			if (!vobj_prop_is(p, pass == 0 ? "DALARM" : "AALARM"))
				continue;
			vobj_remove(o, p);
			take_alarm(o, p, a);
		}
	}
	for (struct vobj *c = vobj_child(o, "VALARM"), *after; c; c = after) {
		after = vobj_next_child(c, "VALARM");
		if (rings_already(o, c))
			vobj_remove_child(o, c);
	}
}

void
ical_from_1_0(struct vobj *cal, struct arena *a)
{
	pim_set_raw(cal, "VERSION", "2.0", a);
	/* Times of no zone are the user's: see ical_localise(). */
	vobj_remove_all(cal, "TZ");
	vobj_remove_all(cal, "DAYLIGHT");
	for (struct vobj *o = cal->first; o; o = o->next) {
		if (!ical_is_item(o))
			continue;
		for (struct vobj_prop *p = o->props; p; p = p->next)
			take_prop(o, p, a);
		vobj_remove_all(o, "RNUM");
		take_alarms(o, a);
		take_days(o, a);
	}
}
