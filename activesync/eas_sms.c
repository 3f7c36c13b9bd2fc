/* SPDX-License-Identifier: ISC
 *
 * eas_sms.c - text messages as messages: [MS-ASMS] 2.2.2.1.
 */
#include "activesync/eas_sms.h"

#include "activesync/eas_compose.h"
#include "activesync/eas_pim.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_text.h"

#define SUBJECT_MAX 80
#define NUMBER_MAX 40
#define FIELD_MAX 4096

bool
eas_sms_is(const struct store_item *item)
{
	struct span rest = item->keywords, word;

	while (span_cut(&rest, ' ', &word)) {
		if (span_is(word, EAS_SMS_KEYWORD))
			return true;
	}
	return false;
}

/* 2.2.2.1.4 and .12: "Jane" [MOBILE: +4930123]. The number alone goes into an address. */
static void
add_party(struct buf *out, const char *name, struct span party, struct arena *a)
{
	size_t at = span_find(party, 0, '[');
	struct span shown = span_trim(span_sub(party, 0, at));
	struct span rest = at < party.n ? span_sub(party, at, party.n) : party;
	AUTO_DONE(buf) struct buf number = BUF_INIT(NUMBER_MAX);
	AUTO_DONE(buf) struct buf list = BUF_INIT(0);

	for (size_t i = 0; i < rest.n; i++) {
		if ((rest.p[i] >= '0' && rest.p[i] <= '9') || rest.p[i] == '+')
			buf_add_char(&number, rest.p[i]);
	}
	if (!buf_ok(&number) || buf_len(&number) == 0) {
		buf_clear(&number);
		buf_add_str(&number, "unknown");
	}
	buf_add_char(&list, '"');
	for (size_t i = 0; i < shown.n; i++) {
		if (shown.p[i] != '"' && shown.p[i] != '\\')
			buf_add_char(&list, shown.p[i]);
	}
	if (shown.n == 0)
		buf_add_span(&list, buf_span(&number));
	buf_addf(&list, "\" <%.*s@sms.invalid>", SPAN_FMT(buf_span(&number)));
	eas_compose_addresses(out, name, buf_span(&list), a);
}

static struct span
body_of(const struct wbxml_node *data)
{
	return wbxml_child_text(wbxml_child(data, WBXML_AIRSYNCBASE_BODY),
	                        WBXML_AIRSYNCBASE_DATA);
}

enum rc
eas_sms_compose(struct eas_call *c, const struct wbxml_node *data, struct buf *out,
                int64_t *ret_received_ms)
{
	struct span from =
		utf8_prefix(wbxml_child_text(data, WBXML_EMAIL_FROM), FIELD_MAX);
	struct span to = utf8_prefix(wbxml_child_text(data, WBXML_EMAIL_TO), FIELD_MAX);
	const struct wbxml_node *when = wbxml_child(data, WBXML_EMAIL_DATERECEIVED);
	struct span body = body_of(data), line = body;
	int64_t s = clock_wall_ms() / 1000;
	char date[40];
	struct span first;

	if (when && eas_time_parse(when->text, &s) != RC_OK)
		return RC_INVALID;
	*ret_received_ms = s * 1000;
	add_party(out, "From", from, c->arena);
	add_party(out, "To", to, c->arena);
	eas_compose_text(out, "X-SMS-From", from);
	eas_compose_text(out, "X-SMS-To", to);
	if (span_cut(&line, '\n', &first))
		eas_compose_text(out, "Subject",
		                 utf8_prefix(span_trim(first), SUBJECT_MAX));
	buf_addf(out, "Date: %s\r\n", clock_rfc5322(s * 1000, date, sizeof(date)));
	buf_addf(out, "Message-ID: <%016llx@sms.invalid>\r\n",
	         (unsigned long long)random_u64());
	buf_add_str(out, "MIME-Version: 1.0\r\n");
	eas_compose_part_text(out, "plain", body);
	return buf_ok(out) ? RC_OK : RC_TOO_BIG;
}

void
eas_sms_write_addresses(struct span header, struct arena *a, struct wbxml_writer *w)
{
	struct span to = mime_header_get(header, "X-SMS-To", a);
	struct span from = mime_header_get(header, "X-SMS-From", a);

	if (to.n > 0)
		wbxml_text(w, WBXML_EMAIL_TO, mime_decode_header(to, a));
	if (from.n > 0)
		wbxml_text(w, WBXML_EMAIL_FROM, mime_decode_header(from, a));
}
