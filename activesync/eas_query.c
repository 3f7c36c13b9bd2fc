/* SPDX-License-Identifier: ISC
 *
 * eas_query.c - plain and base64 query strings: [MS-ASHTTP] 2.2.1.1.1.
 */
#include "activesync/eas_query.h"

#include "activesync/eas_command.h"
#include "base/encode.h"

/* MS-ASHTTP 2.2.1.1.1.1.3 */
enum {
	TAG_ATTACHMENT_NAME = 0,
	TAG_COLLECTION_ID = 1,
	TAG_ITEM_ID = 3,
	TAG_LONG_ID = 4,
	TAG_OCCURRENCE = 6,
	TAG_OPTIONS = 7,
	TAG_USER = 8,
};

enum {
	OPTION_SAVE_IN_SENT = 0x01,
	OPTION_ACCEPT_MULTIPART = 0x02,
};

uint16_t
eas_version_parse(struct span s)
{
	struct span major, rest = span_trim(s);
	uint32_t a, b = 0;

	if (!span_cut(&rest, '.', &major) || parse_u32(major, 99, &a) != RC_OK)
		return 0;
	if (rest.n > 0 && parse_u32(rest, 9, &b) != RC_OK)
		return 0;
	return (uint16_t)(a * 10 + b);
}

const char *
eas_version_str(uint16_t version, struct arena *a)
{
	return arena_printf(a, "%u.%u", version / 10U, version % 10U);
}

static struct span
decoded(struct span in, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(4096);

	if (percent_decode(in, true, &b) != RC_OK)
		return in; /* a bare '%': clients have been seen to send names so */
	return arena_span(a, buf_span(&b));
}

static void
take_key(struct span key, struct span value, struct eas_query *q)
{
	if (span_iis(key, "cmd"))
		q->command = value;
	else if (span_iis(key, "user"))
		q->user = value;
	else if (span_iis(key, "deviceid"))
		q->device_id = value;
	else if (span_iis(key, "devicetype"))
		q->device_type = value;
	else if (span_iis(key, "attachmentname"))
		q->attachment_name = value;
	else if (span_iis(key, "collectionid"))
		q->collection_id = value;
	else if (span_iis(key, "itemid"))
		q->item_id = value;
	else if (span_iis(key, "longid"))
		q->long_id = value;
	else if (span_iis(key, "occurrence"))
		q->occurrence = value;
	else if (span_iis(key, "saveinsent"))
		q->save_in_sent = span_iis(value, "T");
}

static enum rc
parse_plain(struct span raw, struct arena *a, struct eas_query *q)
{
	struct span pair, key;

	while (span_cut(&raw, '&', &pair)) {
		if (!span_cut(&pair, '=', &key))
			continue;
		take_key(decoded(key, a), decoded(pair, a), q);
	}
	return q->command.n > 0 ? RC_OK : RC_INVALID;
}

/* A byte string behind its length byte. */
static bool
take_string(struct span *rest, struct span *ret)
{
	size_t n;

	if (rest->n < 1)
		return false;
	n = (uint8_t)rest->p[0];
	if (rest->n < 1 + n)
		return false;
	*ret = span_sub(*rest, 1, 1 + n);
	*rest = span_sub(*rest, 1 + n, rest->n);
	return true;
}

/* DeviceIds in this form are bytes: text stays as it is, others are shown in hex. */
static struct span
device_id_text(struct span id, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(600);

	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] <= ' ' || id.p[i] > '~') {
			hex_encode(id, &b);
			return arena_span(a, buf_span(&b));
		}
	}
	return id;
}

static void
take_parameter(uint8_t tag, struct span value, struct eas_query *q)
{
	switch (tag) {
	case TAG_ATTACHMENT_NAME:
		q->attachment_name = value;
		break;
	case TAG_COLLECTION_ID:
		q->collection_id = value;
		break;
	case TAG_ITEM_ID:
		q->item_id = value;
		break;
	case TAG_LONG_ID:
		q->long_id = value;
		break;
	case TAG_OCCURRENCE:
		q->occurrence = value;
		break;
	case TAG_OPTIONS:
		if (value.n == 1) {
			q->save_in_sent = (value.p[0] & OPTION_SAVE_IN_SENT) != 0;
			q->accept_multipart = (value.p[0] & OPTION_ACCEPT_MULTIPART) != 0;
		}
		break;
	case TAG_USER:
		q->user = value;
		break;
	default: /* unknown parameters are skipped, like unknown tags */
		break;
	}
}

/*
 * Base64 of RFC 2045 is what 2.2.1.1.1.1 wants; clients written in languages that have
 * one for addresses send that: '-' and '_', and no '=' at the end. Both are taken.
 */
static enum rc
unpack(struct span raw, struct buf *out)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(4096);
	AUTO_DONE(buf) struct buf url = BUF_INIT(4096);
	struct span s;

	if (percent_decode(raw, false, &text) != RC_OK)
		return RC_INVALID;
	s = buf_span(&text);
	if (s.n % 4 == 0 && base64_decode(s, out) == RC_OK)
		return RC_OK;
	buf_clear(out);
	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	for (size_t i = 0; i < s.n; i++)
		buf_add_char(&url, s.p[i] == '+' ? '-' : s.p[i] == '/' ? '_' : s.p[i]);
	return buf_ok(&url) ? base64url_decode(buf_span(&url), out) : RC_INVALID;
}

/* MS-ASHTTP 2.2.1.1.1.1: version, command, locale (LE), device id, policy key, type,
 * parameters. */
static enum rc
parse_packed(struct span raw, struct arena *a, struct eas_query *q)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(2048);
	struct span rest, key, value;
	const char *name;

	if (unpack(raw, &b) != RC_OK)
		return RC_INVALID;
	rest = arena_span(a, buf_span(&b));
	if (rest.n < 7)
		return RC_INVALID;
	q->version = (uint8_t)rest.p[0];
	/* A code that is none is a command that is not there: HTTP 501. */
	name = eas_command_name((uint8_t)rest.p[1]);
	if (!name)
		name = arena_printf(a, "code %u", (unsigned)(uint8_t)rest.p[1]);
	q->command = span_str(name);
	q->locale = (uint16_t)((uint8_t)rest.p[2] | (uint8_t)rest.p[3] << 8);
	rest = span_sub(rest, 4, rest.n);
	if (!take_string(&rest, &value))
		return RC_INVALID;
	q->device_id = device_id_text(value, a);
	if (!take_string(&rest, &key) || (key.n != 0 && key.n != 4))
		return RC_INVALID;
	if (key.n == 4) {
		const uint8_t *k = (const uint8_t *)key.p;

		q->policy_key = (uint32_t)k[0] | (uint32_t)k[1] << 8 |
		                (uint32_t)k[2] << 16 | (uint32_t)k[3] << 24;
		q->has_policy_key = true;
	}
	if (!take_string(&rest, &q->device_type))
		return RC_INVALID;
	while (rest.n > 0) {
		uint8_t tag = (uint8_t)rest.p[0];

		rest = span_sub(rest, 1, rest.n);
		if (!take_string(&rest, &value))
			return RC_INVALID;
		take_parameter(tag, value, q);
	}
	return RC_OK;
}

static bool
is_plain(struct span raw)
{
	/* The base64 alphabet has '=' only at its end and no '&'. */
	return span_find(raw, 0, '&') < raw.n || span_istarts(raw, "cmd=") ||
	       span_istarts(raw, "user=");
}

static bool
has_controls(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	}
	return false;
}

enum rc
eas_query_parse(struct span raw, const struct eas_query_headers *h, struct arena *a,
                struct eas_query *ret)
{
	struct eas_query q = { .command = SPAN("") };
	enum rc rc;

	q.user = q.device_id = q.device_type = SPAN("");
	q.attachment_name = q.collection_id = q.item_id = SPAN("");
	q.long_id = q.occurrence = SPAN("");
	if (raw.n == 0)
		return RC_INVALID;
	rc = is_plain(raw) ? parse_plain(raw, a, &q) : parse_packed(raw, a, &q);
	if (rc != RC_OK)
		return rc;
	if (q.device_id.n > EAS_DEVICE_ID_MAX || q.device_type.n > EAS_DEVICE_ID_MAX ||
	    has_controls(q.device_id) || has_controls(q.device_type))
		return RC_INVALID;
	/* The packed form carries these itself (2.2.1.1.2.6, 2.2.1.1.2.8). */
	if (q.version == 0 && h->version.p)
		q.version = eas_version_parse(h->version);
	if (!q.has_policy_key && h->policy_key.p) {
		q.has_policy_key = true;
		if (parse_u32(h->policy_key, UINT32_MAX, &q.policy_key) != RC_OK)
			q.policy_key = 0;
	}
	if (h->accept_multipart.p && span_iis(h->accept_multipart, "T"))
		q.accept_multipart = true;
	*ret = q;
	return RC_OK;
}
