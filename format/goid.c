/* SPDX-License-Identifier: ISC
 *
 * goid.c - GlobalObjectId and UID ([MS-OXOCAL] 2.2.1.27, [MS-ASEMAIL] 2.2.2.37).
 *
 * 16 bytes that never change, the date of an instance (year big-endian, month, day),
 * 8 bytes of creation time, 8 zeros, the length of the rest, and the rest: Outlook's own
 * number, or "vCal-Uid", 1 and a UID.
 */
#include "format/goid.h"

#include "base/encode.h"

#define AT_DATE 16
#define AT_SIZE 36
#define AT_DATA 40
#define UID_MAX 1024

static const char head[AT_DATE] = "\x04\x00\x00\x00\x82\x00\xe0\x00"
				  "\x74\xc5\xb7\x10\x1a\x82\xe0\x08";
#define MARK "vCal-Uid\x01\0\0"
#define MARK_LEN 12

static void
put_date(char *p, const struct civil *day)
{
	if (!day || day->month == 0)
		return;
	p[0] = (char)(day->year >> 8);
	p[1] = (char)day->year;
	p[2] = (char)day->month;
	p[3] = (char)day->day;
}

static bool
is_goid(struct span s)
{
	return s.n >= AT_DATA && memcmp(s.p, head, sizeof(head)) == 0;
}

void
goid_from_uid(const char *uid, const struct civil *day, struct buf *out)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span s = span_str(uid);
	size_t n = s.n + MARK_LEN + 1;

	/* Outlook's UID is the structure itself. */
	if (hex_decode(s, &b) != RC_OK || !is_goid(buf_span(&b))) {
		char size[4] = { (char)n, (char)(n >> 8), (char)(n >> 16),
			         (char)(n >> 24) };
		static const char zeros[AT_SIZE - AT_DATE];
		buf_clear(&b);
		buf_add(&b, head, sizeof(head));
		buf_add(&b, zeros, sizeof(zeros));
		buf_add(&b, size, sizeof(size));
		buf_add(&b, MARK, MARK_LEN);
		buf_add_span(&b, s);
		buf_add_char(&b, '\0');
	}
	memset(b.p + AT_DATE, 0, 4);
	put_date(b.p + AT_DATE, day);
	base64_encode(buf_span(&b), out);
}

enum rc
goid_to_uid(struct span goid, struct arena *a, const char **ret_uid,
            struct civil *ret_day)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(2 * UID_MAX);
	struct civil day = { 0 };

	goid = span_trim(goid);
	if (base64_decode(goid, &b) != RC_OK || !is_goid(buf_span(&b))) {
		buf_clear(&b);
		if (hex_decode(goid, &b) != RC_OK || !is_goid(buf_span(&b)))
			return RC_INVALID;
	}
	const uint8_t *p = (const uint8_t *)b.p + AT_DATE;
	if (p[2] >= 1 && p[2] <= 12 && p[3] >= 1 && p[3] <= 31)
		day = (struct civil){ .year = (int16_t)(p[0] << 8 | p[1]),
			              .month = p[2],
			              .day = p[3] };
	struct span data = span_sub(buf_span(&b), AT_DATA, b.len);
	if (data.n > MARK_LEN && memcmp(data.p, MARK, MARK_LEN) == 0) {
		struct span uid =
			span_sub(data, MARK_LEN, span_find(data, MARK_LEN, '\0'));
		if (uid.n == 0 || !utf8_is_valid(uid))
			return RC_INVALID;
		*ret_uid = arena_strndup(a, uid);
	} else {
		AUTO_DONE(buf) struct buf hex = BUF_INIT(0);
		memset(b.p + AT_DATE, 0, 4);
		hex_encode(buf_span(&b), &hex);
		for (size_t i = 0; i < hex.len; i++) {
			if (hex.p[i] >= 'a' && hex.p[i] <= 'f')
				hex.p[i] = (char)(hex.p[i] - 'a' + 'A');
		}
		*ret_uid = arena_strndup(a, buf_span(&hex));
	}
	if (ret_day)
		*ret_day = day;
	return RC_OK;
}
