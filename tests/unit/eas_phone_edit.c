/* SPDX-License-Identifier: ISC
 *
 * eas_phone_edit.c - items as ApplicationData, both ways, and what a phone's user does.
 */
#include "tests/unit/eas_phone.h"

#include "activesync/eas_pim.h"
#include "base/mem.h"

#define HALF_HOUR 1800
#define DAY_S 86400

/* --- to the server --- */

static void
add_text(struct buf *b, const char *ns, const char *name, const char *value)
{
	if (*value)
		buf_addf(b, "<%s xmlns=\"%s\">%s</%s>", name, ns, value, name);
}

/* Of a contact. Before 16.0 what is left out stays, from there on it is emptied. */
static void
add_or_empty(const struct phone *p, struct buf *b, const char *name, const char *value)
{
	add_text(b, "Contacts", name, value);
	if (!*value && p->version < 160)
		buf_addf(b, "<%s xmlns=\"Contacts\"/>", name);
}

static void
add_body(struct buf *b, const char *text)
{
	buf_addf(b, "<Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>%s</Data></Body>",
	         text);
}

/* None, when there is no text: so they are emptied, at every version. */
static void
add_categories(struct buf *b, const char *text)
{
	if (!*text)
		return;
	buf_addf(b, "<Categories xmlns=\"Notes\"><Category>%s</Category></Categories>",
	         text);
}

static void
add_time(struct buf *b, const char *name, int64_t at)
{
	char text[EAS_TIME_SIZE];

	add_text(b, "Calendar", name, eas_time_compact(at, text));
}

static void
add_event(const struct phone *p, struct buf *b, const struct phone_item *i)
{
	add_text(b, "Calendar", "Subject", i->value);
	add_time(b, "StartTime", i->start);
	add_time(b, "EndTime", i->start + HALF_HOUR);
	add_body(b, i->more);
	if (p->version < 160)
		add_text(b, "Calendar", "Location", i->title);
	else
		buf_addf(b,
		         "<Location xmlns=\"AirSyncBase\"><DisplayName>%s</DisplayName>"
		         "</Location>",
		         i->title);
	if (!i->series)
		return;
	buf_addf(b,
	         "<Recurrence xmlns=\"Calendar\"><Type>0</Type><Interval>1</Interval>"
	         "<Occurrences>%u</Occurrences></Recurrence>",
	         PHONE_INSTANCES);
	if (p->version >= 160)
		return;
	buf_add_str(b, "<Exceptions xmlns=\"Calendar\">");
	for (int k = 0; k < PHONE_INSTANCES; k++) {
		const char *x = i->instances[k];

		if (x[0] == '\0')
			continue;
		buf_add_str(b, "<Exception>");
		add_time(b, "ExceptionStartTime", i->start + k * DAY_S);
		if (x[0] == '-') {
			add_text(b, "Calendar", "Deleted", "1");
		} else {
			add_text(b, "Calendar", "Subject", x);
			add_time(b, "StartTime", i->start + k * DAY_S);
			add_time(b, "EndTime", i->start + k * DAY_S + HALF_HOUR);
		}
		buf_add_str(b, "</Exception>");
	}
	buf_add_str(b, "</Exceptions>");
}

char *
phone_data(const struct phone *p, const struct eas_class *class,
           const struct phone_item *i, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	switch (class->class) {
	case STORE_CLASS_MAIL: /* a draft */
		add_text(&b, "Email", "To", "bob@example.net");
		add_text(&b, "Email", "Subject", i->title);
		add_body(&b, i->value);
		break;
	case STORE_CLASS_CONTACTS:
		add_text(&b, "Contacts", "FirstName", i->title);
		add_or_empty(p, &b, "LastName", i->value);
		add_or_empty(p, &b, "JobTitle", i->more);
		break;
	case STORE_CLASS_CALENDAR:
		add_event(p, &b, i);
		break;
	case STORE_CLASS_TASKS:
		add_text(&b, "Tasks", "Subject", i->title);
		add_body(&b, i->value);
		add_text(&b, "Tasks", "Complete", i->complete ? "1" : "0");
		break;
	case STORE_CLASS_NOTES:
		add_text(&b, "Notes", "Subject", i->title);
		add_body(&b, i->value);
		add_categories(&b, i->more);
		break;
	}
	return arena_strndup(a, buf_span(&b));
}

/* What a phone before 16.0 may leave it at: the value alone. */
static char *
data_part(const struct phone *p, const struct eas_class *class,
          const struct phone_item *i, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (class->class == STORE_CLASS_CONTACTS)
		add_or_empty(p, &b, "LastName", i->value);
	else if (class->class == STORE_CLASS_CALENDAR)
		add_text(&b, "Calendar", "Subject", i->value);
	else
		add_body(&b, i->value);
	if (class->class == STORE_CLASS_NOTES)
		add_categories(&b, i->more); /* MS-ASNOTE 3.2.5.4: else they go */
	return arena_strndup(a, buf_span(&b));
}

/* --- from the server --- */

static void
take_text(const struct wbxml_node *n, wbxml_tag tag, char ret[PHONE_TEXT])
{
	snprintf(ret, PHONE_TEXT, "%.*s", SPAN_FMT(span_trim(wbxml_child_text(n, tag))));
}

/* What was there stays when there is no Body, or no Data in it: MS-ASCMD 2.2.3.24. */
static void
take_body(const struct wbxml_node *data, const char was[PHONE_TEXT], char ret[PHONE_TEXT])
{
	const struct wbxml_node *body = wbxml_child(data, WBXML_AIRSYNCBASE_BODY);

	if (wbxml_child(body, WBXML_AIRSYNCBASE_DATA))
		take_text(body, WBXML_AIRSYNCBASE_DATA, ret);
	else
		memmove(ret, was, PHONE_TEXT);
}

/* Of mail only what is named changes. */
static void
take_mail(const struct wbxml_node *data, struct phone_item *i)
{
	const struct wbxml_node *flag = wbxml_child(data, WBXML_EMAIL_FLAG);

	if (wbxml_child(data, WBXML_EMAIL_SUBJECT))
		take_text(data, WBXML_EMAIL_SUBJECT, i->title);
	take_body(data, i->value, i->value);
	if (wbxml_child(data, WBXML_EMAIL_READ))
		i->read = span_is(wbxml_child_text(data, WBXML_EMAIL_READ), "1");
	if (flag)
		i->flagged = span_is(wbxml_child_text(flag, WBXML_EMAIL_STATUS), "2");
	if (wbxml_child(data, WBXML_EMAIL2_ISDRAFT))
		i->draft = span_is(wbxml_child_text(data, WBXML_EMAIL2_ISDRAFT), "1");
}

static int64_t
time_in(const struct wbxml_node *n, wbxml_tag tag)
{
	int64_t at = 0;

	assert_ok(eas_time_parse(wbxml_child_text(n, tag), &at));
	return at;
}

static void
take_event(const struct wbxml_node *data, struct phone_item *i)
{
	const struct wbxml_node *at = wbxml_child(data, WBXML_AIRSYNCBASE_LOCATION);
	const struct wbxml_node *list = wbxml_child(data, WBXML_CALENDAR_EXCEPTIONS);

	if (at)
		take_text(at, WBXML_AIRSYNCBASE_DISPLAYNAME, i->title);
	else
		take_text(data, WBXML_CALENDAR_LOCATION, i->title);
	take_text(data, WBXML_CALENDAR_SUBJECT, i->value);
	i->start = time_in(data, WBXML_CALENDAR_STARTTIME);
	i->series = wbxml_child(data, WBXML_CALENDAR_RECURRENCE) != NULL;
	for (const struct wbxml_node *x = wbxml_child(list, WBXML_CALENDAR_EXCEPTION); x;
	     x = wbxml_next(x, WBXML_CALENDAR_EXCEPTION)) {
		bool is_16 = wbxml_child(x, WBXML_AIRSYNCBASE_INSTANCEID) != NULL;
		int64_t was = time_in(x, is_16 ? WBXML_AIRSYNCBASE_INSTANCEID
		                               : WBXML_CALENDAR_EXCEPTIONSTARTTIME);
		int64_t k = (was - i->start) / DAY_S;

		if ((was - i->start) % DAY_S != 0 || k < 0 || k >= PHONE_INSTANCES)
			fail_msg("no instance of %s", i->title);
		if (span_is(wbxml_child_text(x, WBXML_CALENDAR_DELETED), "1"))
			strcpy(i->instances[k], "-");
		else
			take_text(x, WBXML_CALENDAR_SUBJECT, i->instances[k]);
	}
}

void
phone_take_data(const struct eas_class *class, const struct wbxml_node *data,
                struct phone_item *i)
{
	const struct phone_item was = *i;
	const struct wbxml_node *list;

	if (class->class == STORE_CLASS_MAIL) {
		take_mail(data, i);
		return;
	}
	*i = (struct phone_item){ .here = true };
	switch (class->class) {
	case STORE_CLASS_MAIL:
		break;
	case STORE_CLASS_CONTACTS:
		take_text(data, WBXML_CONTACTS_FIRSTNAME, i->title);
		take_text(data, WBXML_CONTACTS_LASTNAME, i->value);
		take_text(data, WBXML_CONTACTS_JOBTITLE, i->more);
		break;
	case STORE_CLASS_CALENDAR:
		take_event(data, i);
		take_body(data, was.more, i->more);
		break;
	case STORE_CLASS_TASKS:
		take_text(data, WBXML_TASKS_SUBJECT, i->title);
		take_body(data, was.value, i->value);
		i->complete = span_is(wbxml_child_text(data, WBXML_TASKS_COMPLETE), "1");
		break;
	case STORE_CLASS_NOTES:
		take_text(data, WBXML_NOTES_SUBJECT, i->title);
		take_body(data, was.value, i->value);
		list = wbxml_child(data, WBXML_NOTES_CATEGORIES);
		take_text(list, WBXML_NOTES_CATEGORY, i->more);
		break;
	}
}

/* --- the user --- */

static struct phone_command *
command(struct phone_folder *fo, wbxml_tag kind, uint32_t uid,
        const struct phone_item *after, char *xml)
{
	struct phone_command *c = NULL;

	for (size_t i = 0; uid != 0 && i < fo->n_commands; i++) {
		if (fo->commands[i].uid == uid)
			uid = UINT32_MAX; /* one at a time for each item */
	}
	if (uid != UINT32_MAX && fo->n_commands < PHONE_COMMANDS &&
	    strcmp(fo->key, "0") != 0) {
		c = &fo->commands[fo->n_commands++];
		*c = (struct phone_command){ .kind = kind, .uid = uid, .xml = xml };
		if (after)
			c->after = *after;
		return c;
	}
	free(xml);
	return NULL;
}

static bool
change(struct phone_folder *fo, uint32_t uid, const struct phone_item *after,
       const char *more, const char *data)
{
	return command(fo, WBXML_AIRSYNC_CHANGE, uid, after,
	               xasprintf("<Change>%s<ServerId>%u:%u</ServerId><ApplicationData>%s"
	                         "</ApplicationData></Change>",
	                         more, fo->id, uid, data)) != NULL;
}

bool
phone_add(struct phone *p, struct phone_folder *fo, const struct phone_item *i)
{
	unsigned n = ++p->client_ids;
	struct phone_command *c =
		command(fo, WBXML_AIRSYNC_ADD, 0, i,
	                xasprintf("<Add><ClientId>c%u</ClientId><ApplicationData>%s"
	                          "</ApplicationData></Add>",
	                          n, phone_data(p, fo->class, i, p->f->a)));

	if (c)
		snprintf(c->id, sizeof(c->id), "c%u", n);
	return c != NULL;
}

bool
phone_change(struct phone *p, struct phone_folder *fo, uint32_t uid,
             const struct phone_item *after)
{
	const struct phone_item *now = phone_item(fo, uid);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (fo->class->class == STORE_CLASS_MAIL &&
	    strcmp(now->value, after->value) == 0) {
		if (now->read != after->read)
			add_text(&b, "Email", "Read", after->read ? "1" : "0");
		if (now->flagged != after->flagged)
			buf_addf(&b, "<Flag xmlns=\"Email\">%s</Flag>",
			         after->flagged ? "<Status>2</Status>" : "");
		buf_add_char(&b, '\0');
		return change(fo, uid, after, "", b.p);
	}
	return change(fo, uid, after, "", phone_data(p, fo->class, after, p->f->a));
}

bool
phone_change_part(struct phone *p, struct phone_folder *fo, uint32_t uid,
                  const struct phone_item *after)
{
	return change(fo, uid, after, "", data_part(p, fo->class, after, p->f->a));
}

bool
phone_delete(struct phone_folder *fo, uint32_t uid)
{
	return command(fo, WBXML_AIRSYNC_DELETE, uid, NULL,
	               xasprintf("<Delete><ServerId>%u:%u</ServerId></Delete>", fo->id,
	                         uid)) != NULL;
}

bool
phone_send_draft(struct phone *p, struct phone_folder *fo, uint32_t uid)
{
	const struct phone_item *now = phone_item(fo, uid);

	if (!change(fo, uid, now, "<Send xmlns=\"Email2\"/>",
	            phone_data(p, fo->class, now, p->f->a)))
		return false;
	fo->commands[fo->n_commands - 1].is_send = true;
	return true;
}

bool
phone_change_instance(struct phone *p, struct phone_folder *fo, uint32_t uid,
                      unsigned instance, const char *subject)
{
	struct phone_item after = *phone_item(fo, uid);
	char at[EAS_TIME_SIZE], *id;

	strcpy(after.instances[instance], subject);
	eas_time_compact(after.start + (int64_t)instance * DAY_S, at);
	id = arena_printf(p->f->a, "<InstanceId xmlns=\"AirSyncBase\">%s</InstanceId>",
	                  at);
	if (subject[0] != '-')
		return change(fo, uid, &after, id,
		              arena_printf(p->f->a,
		                           "<Subject xmlns=\"Calendar\">%s</Subject>",
		                           subject));
	struct phone_command *c =
		command(fo, WBXML_AIRSYNC_DELETE, uid, &after,
	                xasprintf("<Delete><ServerId>%u:%u</ServerId>%s</Delete>", fo->id,
	                          uid, id));
	if (c)
		c->is_instance = true;
	return c != NULL;
}
