/* SPDX-License-Identifier: ISC
 *
 * eas_oof.c - Settings Oof: [MS-ASCMD] 2.2.1.18, 2.2.3.122 to .124, 2.2.3.176.2.
 *
 * smtp/ sends what is set here; the store keeps it (store_oof.h).
 */
#include "activesync/eas_settings.h"
#include "format/mime_text.h"
#include "format/utf8_clean.h"
#include "store/store_oof.h"

static const wbxml_tag audiences[STORE_OOF_AUDIENCES] = {
	[STORE_OOF_INTERNAL] = WBXML_SETTINGS_APPLIESTOINTERNAL,
	[STORE_OOF_KNOWN] = WBXML_SETTINGS_APPLIESTOEXTERNALKNOWN,
	[STORE_OOF_UNKNOWN] = WBXML_SETTINGS_APPLIESTOEXTERNALUNKNOWN,
};

/* -- Set -- */

/* 2.2.3.17: "Text" or "HTML". */
static bool
read_body_type(struct span s, bool *ret_html)
{
	s = span_trim(s);
	*ret_html = span_iis(s, "HTML");
	return *ret_html || span_iis(s, "Text");
}

/* The one audience that a message is for, or -1. */
static int
audience_of(const struct wbxml_node *m)
{
	int found = -1;

	for (int i = 0; i < STORE_OOF_AUDIENCES; i++) {
		if (!wbxml_child(m, audiences[i]))
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

/* What a message does not say stays as it is. */
static unsigned
read_message(const struct wbxml_node *m, struct store_oof_message *ret)
{
	const struct wbxml_node *text = wbxml_child(m, WBXML_SETTINGS_REPLYMESSAGE);
	const struct wbxml_node *type = wbxml_child(m, WBXML_SETTINGS_BODYTYPE);
	uint32_t enabled;
	enum rc rc = wbxml_child_u32(m, WBXML_SETTINGS_ENABLED, 1, &enabled);

	if (rc == RC_OK)
		ret->enabled = enabled != 0;
	else if (rc != RC_NOT_FOUND)
		return EAS_SETTINGS_ARGUMENTS;
	if (!text)
		return EAS_STATUS_OK;
	if (!type) /* 2.2.3.149 */
		return EAS_SETTINGS_PROTOCOL;
	if (!read_body_type(type->text, &ret->is_html) ||
	    text->text.n > STORE_OOF_TEXT_MAX)
		return EAS_SETTINGS_ARGUMENTS;
	ret->text = text->text;
	return EAS_STATUS_OK;
}

static unsigned
read_messages(const struct wbxml_node *set, struct store_oof *o)
{
	bool seen[STORE_OOF_AUDIENCES] = { false };
	const struct wbxml_node *m = wbxml_child(set, WBXML_SETTINGS_OOFMESSAGE);

	for (; m; m = wbxml_next(m, WBXML_SETTINGS_OOFMESSAGE)) {
		int who = audience_of(m);
		unsigned status;

		if (who < 0)
			return EAS_SETTINGS_PROTOCOL;
		if (seen[who])
			return EAS_SETTINGS_CONFLICT;
		seen[who] = true;
		status = read_message(m, &o->message[who]);
		if (status != EAS_STATUS_OK)
			return status;
	}
	return EAS_STATUS_OK;
}

/* 2.2.3.176.2: both times or none; 2.2.3.124: they count with state 2 alone. */
static unsigned
read_times(const struct wbxml_node *set, struct store_oof *o)
{
	const struct wbxml_node *from = wbxml_child(set, WBXML_SETTINGS_STARTTIME);
	const struct wbxml_node *until = wbxml_child(set, WBXML_SETTINGS_ENDTIME);
	int64_t from_s, until_s;

	if (!from != !until)
		return EAS_SETTINGS_PROTOCOL;
	if (o->state != STORE_OOF_TIMED)
		return EAS_STATUS_OK;
	if (from) {
		if (eas_time_parse(from->text, &from_s) != RC_OK ||
		    eas_time_parse(until->text, &until_s) != RC_OK || from_s <= 0)
			return EAS_SETTINGS_ARGUMENTS;
		o->from_ms = from_s * 1000;
		o->until_ms = until_s * 1000;
	}
	if (o->until_ms == 0)
		return EAS_SETTINGS_ARGUMENTS;
	return o->from_ms < o->until_ms ? EAS_STATUS_OK : EAS_SETTINGS_CONFLICT;
}

static unsigned
read_set(const struct wbxml_node *set, struct arena *a, struct store_oof *o)
{
	uint32_t state;
	enum rc rc =
		wbxml_child_u32(set, WBXML_SETTINGS_OOFSTATE, STORE_OOF_TIMED, &state);
	unsigned status;

	if (rc == RC_OK)
		o->state = (enum store_oof_state)state;
	else if (rc != RC_NOT_FOUND)
		return EAS_SETTINGS_ARGUMENTS;
	status = read_times(set, o);
	if (status == EAS_STATUS_OK)
		status = read_messages(set, o);
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++) {
		AUTO_DONE(buf) struct buf clean = BUF_INIT(0);

		if (utf8_is_valid(o->message[i].text))
			continue;
		utf8_clean(o->message[i].text, &clean);
		o->message[i].text = arena_span(a, buf_span(&clean));
	}
	return status;
}

static enum rc
set_oof(struct eas_call *c, const struct wbxml_node *set, unsigned *ret_status)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_oof o;
	enum rc rc = eas_write(c, true, &tx);

	if (rc == RC_OK)
		rc = store_oof_load(tx, c->arena, &o);
	if (rc != RC_OK)
		return rc;
	*ret_status = read_set(set, c->arena, &o);
	if (*ret_status != EAS_STATUS_OK)
		return RC_OK;
	rc = store_oof_save(tx, &o);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK)
		log_info(c->log, "eas.oof set", "state=%d", (int)o.state);
	return rc;
}

/* -- Get -- */

/* One node for each audience, said or not (2.2.3.123). */
static void
write_message(struct wbxml_writer *w, wbxml_tag audience,
              const struct store_oof_message *m, bool html)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	if (m->is_html == html)
		buf_add_span(&text, m->text);
	else if (html)
		text_to_html(m->text, &text);
	else
		html_to_text(m->text, &text);
	wbxml_start(w, WBXML_SETTINGS_OOFMESSAGE);
	wbxml_empty(w, audience);
	wbxml_u64(w, WBXML_SETTINGS_ENABLED, m->enabled);
	if (m->text.n > 0)
		wbxml_text(w, WBXML_SETTINGS_REPLYMESSAGE, buf_span(&text));
	wbxml_str(w, WBXML_SETTINGS_BODYTYPE, html ? "HTML" : "Text");
	wbxml_end(w);
}

static void
write_get(struct wbxml_writer *w, const struct store_oof *o, bool html)
{
	char time[EAS_TIME_SIZE];

	wbxml_start(w, WBXML_SETTINGS_GET);
	wbxml_u64(w, WBXML_SETTINGS_OOFSTATE, o->state);
	if (o->state == STORE_OOF_TIMED) {
		wbxml_str(w, WBXML_SETTINGS_STARTTIME,
		          eas_time_iso(o->from_ms / 1000, time));
		wbxml_str(w, WBXML_SETTINGS_ENDTIME,
		          eas_time_iso(o->until_ms / 1000, time));
	}
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++)
		write_message(w, audiences[i], &o->message[i], html);
	wbxml_end(w);
}

static enum rc
load(struct eas_call *c, struct store_oof *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = eas_read(c, &tx);

	return rc ? rc : store_oof_load(tx, c->arena, ret);
}

enum rc
eas_settings_oof(struct eas_call *c, const struct wbxml_node *oof, struct wbxml_writer *w)
{
	const struct wbxml_node *get = wbxml_child(oof, WBXML_SETTINGS_GET);
	const struct wbxml_node *set = wbxml_child(oof, WBXML_SETTINGS_SET);
	const struct wbxml_node *type = wbxml_child(get, WBXML_SETTINGS_BODYTYPE);
	unsigned status = EAS_STATUS_OK;
	struct store_oof o = { 0 };
	bool html = false;
	enum rc rc = RC_OK;

	if (!get == !set)
		status = EAS_SETTINGS_PROTOCOL;
	else if (type && !read_body_type(type->text, &html))
		status = EAS_SETTINGS_ARGUMENTS;
	else if (set)
		rc = set_oof(c, set, &status);
	else
		rc = load(c, &o);
	if (rc != RC_OK)
		return rc;
	wbxml_start(w, WBXML_SETTINGS_OOF);
	wbxml_u64(w, WBXML_SETTINGS_STATUS, status);
	if (get && status == EAS_STATUS_OK)
		write_get(w, &o, html);
	wbxml_end(w);
	return RC_OK;
}
