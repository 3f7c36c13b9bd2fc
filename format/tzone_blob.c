/* SPDX-License-Identifier: ISC
 *
 * tzone_blob.c - the TimeZone structure of ActiveSync ([MS-ASDTYPE] 2.7.6) and zones.
 *
 * Bias, StandardName, StandardDate, StandardBias, DaylightName, DaylightDate,
 * DaylightBias: the TIME_ZONE_INFORMATION of Windows, little-endian, 172 bytes.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/charset.h"
#include "format/tzone_private.h"

#define BLOB_LEN 172
#define NAME_LEN 64
#define AT_STANDARD_NAME 4
#define AT_STANDARD_DATE 68
#define AT_STANDARD_BIAS 84
#define AT_DAYLIGHT_NAME 88
#define AT_DAYLIGHT_DATE 152
#define AT_DAYLIGHT_BIAS 168
#define BIAS_MAX (26 * 60)

static uint16_t
le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static int32_t
le32(const uint8_t *p)
{
	return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	                 (uint32_t)p[3] << 24);
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put32(uint8_t *p, int32_t v)
{
	put16(p, (uint32_t)v & 0xffff);
	put16(p + 2, (uint32_t)v >> 16);
}

/* SYSTEMTIME as a rule: year 0, wDay is the week; false: no change of the clock. */
static bool
read_rule(const uint8_t *p, struct tzone_rule *r)
{
	unsigned month = le16(p + 2), weekday = le16(p + 4), week = le16(p + 6);
	unsigned hour = le16(p + 8), minute = le16(p + 10), second = le16(p + 12);

	if (month < 1 || month > 12 || weekday > 6 || week < 1 || hour > 24 ||
	    minute > 59 || second > 59)
		return false;
	*r = (struct tzone_rule){
		.kind = TZONE_RULE_NTH,
		.month = (uint8_t)month,
		.week = (uint8_t)(week > 5 ? 5 : week),
		.weekday = (uint8_t)weekday,
		.time = (int32_t)(hour * 3600 + minute * 60 + second),
	};
	/* 23:59:59.999 is how Windows says midnight at the end of the day. */
	if (hour == 23 && minute == 59 && second == 59)
		r->time = 24 * 3600;
	return true;
}

static const char *
read_name(const uint8_t *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t n = 0;

	while (n + 1 < NAME_LEN && le16(p + n) != 0)
		n += 2;
	charset_to_utf8(SPAN("utf-16le"), span_of((const char *)p, n), &b);
	return arena_strndup(a, span_trim(buf_span(&b)));
}

static bool
read_rules(const uint8_t *p, struct arena *a, struct tzone *z)
{
	int64_t bias = le32(p);
	int64_t standard = bias + le32(p + AT_STANDARD_BIAS);
	int64_t daylight = bias + le32(p + AT_DAYLIGHT_BIAS);

	if (bias < -BIAS_MAX || bias > BIAS_MAX || standard < -BIAS_MAX ||
	    standard > BIAS_MAX)
		return false;
	*z = (struct tzone){ .has_rules = true };
	z->standard.offset = (int32_t)(-standard * 60);
	z->standard.name = read_name(p + AT_STANDARD_NAME, a);
	z->id = z->standard.name;
	struct tzone_rule to_dst, to_standard;
	if (daylight < -BIAS_MAX || daylight > BIAS_MAX || daylight == standard ||
	    !read_rule(p + AT_DAYLIGHT_DATE, &to_dst) ||
	    !read_rule(p + AT_STANDARD_DATE, &to_standard))
		return true;
	z->has_dst = true;
	z->dst_start = to_dst;
	z->dst_end = to_standard;
	z->dst.offset = (int32_t)(-daylight * 60);
	z->dst.is_dst = true;
	z->dst.name = read_name(p + AT_DAYLIGHT_NAME, a);
	tzone_turn_negative_dst(z, NULL);
	return true;
}

/* A device with old tables calls its zone by name and is a rule behind. */
static bool
is_near(const struct tzone *rules, const struct tzone *named)
{
	struct tzone_type type = tzone_type_at(named, clock_wall_ms() / 1000);
	int32_t offset = type.offset;

	return offset == rules->standard.offset ||
	       (rules->has_dst && offset == rules->dst.offset);
}

enum rc
tzone_from_blob(struct span base64, const struct tzone *hint, struct arena *a,
                const struct tzone **ret)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(256);
	struct tzone rules;

	enum rc rc = base64_decode(span_trim(base64), &bytes);
	if (rc != RC_OK || bytes.len != BLOB_LEN)
		return RC_INVALID;
	if (!read_rules((const uint8_t *)bytes.p, a, &rules))
		return RC_INVALID;
	const struct tzone *z = *rules.id ? tzone_resolve(rules.id) : NULL;
	if (!z || !is_near(&rules, z))
		z = tzone_match(&rules, hint);
	if (!z) {
		struct tzone *own = arena_new_of(a, struct tzone);
		*own = rules;
		if (!*own->id)
			own->id = arena_printf(a, "UTC%+03d:%02d",
			                       own->standard.offset / 3600,
			                       abs(own->standard.offset / 60 % 60));
		z = own;
	}
	*ret = z;
	return RC_OK;
}

/* Writing */

/* "The last Sunday" where the day is the last of its kind in the month. */
static void
put_date(uint8_t *p, int64_t local)
{
	struct civil c, later;

	civil_from_seconds(local, &c);
	civil_from_seconds(local + 7 * TZONE_DAY, &later);
	put16(p + 2, c.month);
	put16(p + 4, civil_weekday(&c));
	put16(p + 6, later.month != c.month ? 5 : (c.day - 1u) / 7 + 1);
	put16(p + 8, c.hour);
	put16(p + 10, c.minute);
	put16(p + 12, c.second);
}

static bool
put_rule(uint8_t *p, const struct tzone_rule *r)
{
	if (r->kind != TZONE_RULE_NTH || r->time < 0 || r->time >= TZONE_DAY)
		return false;
	put16(p + 2, r->month);
	put16(p + 4, r->weekday);
	put16(p + 6, r->week);
	put16(p + 8, (unsigned)r->time / 3600);
	put16(p + 10, (unsigned)r->time / 60 % 60);
	put16(p + 12, (unsigned)r->time % 60);
	return true;
}

static void
put_name(uint8_t *p, const char *name)
{
	/* Names of zones are ASCII; 31 characters and a NUL. */
	for (size_t i = 0; name && name[i] && i < NAME_LEN / 2 - 1; i++)
		put16(p + i * 2, (uint8_t)name[i]);
}

/* The year's two changes; false when the clock is not changed there and back. */
static bool
year_changes(const struct tzone *z, int year, int64_t at[2], struct tzone_type to[2])
{
	int64_t from = tzone_year_start(year) - 1, until = tzone_year_start(year + 1) - 1;
	struct tzone_type before, after;
	int64_t more;

	if (!tzone_next_change(z, from, until, &at[0], &before, &to[0]) ||
	    !tzone_next_change(z, at[0], until, &at[1], &before, &to[1]))
		return false;
	return !tzone_next_change(z, at[1], until, &more, &before, &after) &&
	       tzone_offset(z, from, NULL) == to[1].offset;
}

/* The rules hold in that year. */
static bool
follows_rules(const struct tzone *z, const int64_t at[2], int year)
{
	if (!z->has_rules || !z->has_dst)
		return false;
	int64_t start = tzone_rule_at(&z->dst_start, year, z->standard.offset);
	int64_t end = tzone_rule_at(&z->dst_end, year, z->dst.offset);
	return (at[0] == start && at[1] == end) || (at[0] == end && at[1] == start);
}

void
tzone_to_blob(const struct tzone *z, int64_t utc, struct buf *out)
{
	uint8_t p[BLOB_LEN] = { 0 };
	struct tzone_type to[2];
	int64_t at[2];
	int year = tzone_year_of(utc);
	int32_t standard = tzone_offset(z, utc, NULL);
	const char *name = tzone_windows_id(z);

	if (year_changes(z, year, at, to)) {
		unsigned up = to[0].offset > to[1].offset ? 0 : 1;
		int32_t dst = to[up].offset;
		uint8_t *dst_date = p + AT_DAYLIGHT_DATE,
			*std_date = p + AT_STANDARD_DATE;
		standard = to[1 - up].offset;
		if (!follows_rules(z, at, year) || !put_rule(dst_date, &z->dst_start) ||
		    !put_rule(std_date, &z->dst_end)) {
			put_date(dst_date, at[up] + standard);
			put_date(std_date, at[1 - up] + dst);
		}
		put32(p + AT_DAYLIGHT_BIAS, (standard - dst) / 60);
	}
	put32(p, -standard / 60);
	put_name(p + AT_STANDARD_NAME, name ? name : z->id);
	put_name(p + AT_DAYLIGHT_NAME, name ? name : z->id);
	base64_encode(span_of((const char *)p, sizeof(p)), out);
}
