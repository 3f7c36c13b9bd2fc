/* SPDX-License-Identifier: ISC
 *
 * tzone_file.c - reads the system's zones: TZif (RFC 8536) with its POSIX TZ footer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/tzone_private.h"

#define FILE_MAX (256 * 1024)
#define HEADER_LEN 44
#define OFFSET_MAX (26 * 3600)

/* The counts of a TZif header, RFC 8536 3.1. */
struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t
be32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t
be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool
read_header(struct span s, struct counts *c)
{
	if (s.n < HEADER_LEN || !span_starts(s, "TZif"))
		return false;
	const char *p = s.p + 20;
	*c = (struct counts){ be32(p),      be32(p + 4),  be32(p + 8),
		              be32(p + 12), be32(p + 16), be32(p + 20) };
	return c->time < 10000 && c->type < 256 && c->chars < 4096 && c->leap < 1000 &&
	       c->isut <= c->type && c->isstd <= c->type;
}

static size_t
block_len(const struct counts *c, size_t time_size)
{
	return c->time * time_size + c->time + c->type * 6 + c->chars +
	       c->leap * (time_size + 4) + c->isstd + c->isut;
}

/* POSIX.1 8.3 with the extensions of RFC 8536 3.3.1. */

static bool
take_name(struct span *s, struct arena *a, const char **ret)
{
	size_t i = 0;

	if (s->n > 0 && s->p[0] == '<') {
		i = span_find(*s, 0, '>');
		if (i == s->n)
			return false;
		*ret = arena_strndup(a, span_sub(*s, 1, i));
		*s = span_sub(*s, i + 1, s->n);
		return true;
	}
	while (i < s->n &&
	       ((s->p[i] >= 'A' && s->p[i] <= 'Z') || (s->p[i] >= 'a' && s->p[i] <= 'z')))
		i++;
	*ret = arena_strndup(a, span_sub(*s, 0, i));
	*s = span_sub(*s, i, s->n);
	return i >= 3;
}

static bool
take_number(struct span *s, uint32_t max, uint32_t *ret)
{
	size_t i = 0;

	while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
		i++;
	if (parse_u32(span_sub(*s, 0, i), max, ret) != RC_OK)
		return false;
	*s = span_sub(*s, i, s->n);
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool
take_time(struct span *s, int32_t *ret)
{
	uint32_t part, total = 0, unit = 3600;
	bool is_negative = s->n > 0 && s->p[0] == '-';

	if (s->n > 0 && (s->p[0] == '-' || s->p[0] == '+'))
		*s = span_sub(*s, 1, s->n);
	for (;; unit /= 60) {
		if (!take_number(s, unit == 3600 ? 167 : 59, &part))
			return false;
		total += part * unit;
		if (unit == 1 || s->n == 0 || s->p[0] != ':')
			break;
		*s = span_sub(*s, 1, s->n);
	}
	*ret = is_negative ? -(int32_t)total : (int32_t)total;
	return true;
}

static bool
take_char(struct span *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = span_sub(*s, 1, s->n);
	return true;
}

static bool
take_rule(struct span *s, struct tzone_rule *r)
{
	uint32_t month, week, weekday, day;

	*r = (struct tzone_rule){ .time = 2 * 3600 };
	if (!take_char(s, ','))
		return false;
	if (take_char(s, 'M')) {
		if (!take_number(s, 12, &month) || !take_char(s, '.') ||
		    !take_number(s, 5, &week) || !take_char(s, '.') ||
		    !take_number(s, 6, &weekday) || month == 0 || week == 0)
			return false;
		r->kind = TZONE_RULE_NTH;
		r->month = (uint8_t)month;
		r->week = (uint8_t)week;
		r->weekday = (uint8_t)weekday;
	} else {
		r->kind = take_char(s, 'J') ? TZONE_RULE_JULIAN : TZONE_RULE_DAY;
		if (!take_number(s, 365, &day) ||
		    (r->kind == TZONE_RULE_JULIAN && day == 0))
			return false;
		r->day = (uint16_t)day;
	}
	return !take_char(s, '/') || take_time(s, &r->time);
}

enum rc
tzone_parse_posix(struct span s, struct arena *a, struct tzone *z)
{
	int32_t offset;

	z->has_rules = true;
	if (!take_name(&s, a, &z->standard.name) || !take_time(&s, &offset))
		return RC_INVALID;
	z->standard.offset = -offset; /* POSIX counts west of Greenwich */
	if (s.n == 0)
		return RC_OK;
	z->has_dst = true;
	if (!take_name(&s, a, &z->dst.name))
		return RC_INVALID;
	z->dst.offset = z->standard.offset + 3600;
	z->dst.is_dst = true;
	if (s.n > 0 && s.p[0] != ',') {
		if (!take_time(&s, &offset))
			return RC_INVALID;
		z->dst.offset = -offset;
	}
	if (!take_rule(&s, &z->dst_start) || !take_rule(&s, &z->dst_end) || s.n > 0)
		return RC_INVALID;
	return RC_OK;
}

/*
 * Ireland's winter is "daylight saving" of a negative hour in tzdata; everywhere else,
 * and in Windows, summer is what is special.
 */
void
tzone_turn_negative_dst(struct tzone *z, struct tzone_type *types)
{
	if (!z->has_dst || z->dst.offset >= z->standard.offset)
		return;
	struct tzone_type type = z->standard;
	struct tzone_rule rule = z->dst_start;
	z->standard = z->dst;
	z->dst = type;
	z->dst_start = z->dst_end;
	z->dst_end = rule;
	z->standard.is_dst = false;
	z->dst.is_dst = true;
	for (size_t i = 0; i < z->n_types; i++)
		types[i].is_dst =
			types[i].offset != z->standard.offset && !types[i].is_dst;
}

static enum rc
read_block(struct span s, const struct counts *c, struct arena *a, struct tzone *z)
{
	struct tzone_change *changes = arena_array(a, c->time, struct tzone_change);
	struct tzone_type *types = arena_array(a, c->type, struct tzone_type);
	const char *indices = s.p + c->time * 8;
	const char *infos = indices + c->time;
	struct span names = span_of(infos + c->type * 6, c->chars);

	if (c->type == 0)
		return RC_INVALID;
	for (uint32_t i = 0; i < c->time; i++) {
		changes[i] =
			(struct tzone_change){ be64(s.p + i * 8), (uint8_t)indices[i] };
		if (changes[i].type >= c->type ||
		    (i > 0 && changes[i].at <= changes[i - 1].at))
			return RC_INVALID;
	}
	for (uint32_t i = 0; i < c->type; i++) {
		const char *p = infos + i * 6;
		uint8_t at = (uint8_t)p[5];
		types[i].offset = (int32_t)be32(p);
		types[i].is_dst = p[4] != 0;
		if (at >= names.n || types[i].offset < -OFFSET_MAX ||
		    types[i].offset > OFFSET_MAX)
			return RC_INVALID;
		types[i].name =
			arena_strndup(a, span_sub(names, at, span_find(names, at, '\0')));
	}
	z->changes = changes;
	z->n_changes = c->time;
	z->types = types;
	z->n_types = c->type;
	struct span footer = span_sub(s, block_len(c, 8), s.n);
	if (footer.n > 2 && footer.p[0] == '\n') {
		footer = span_sub(footer, 1, span_find(footer, 1, '\n'));
		if (footer.n > 0 && tzone_parse_posix(footer, a, z) != RC_OK)
			return RC_INVALID;
	}
	tzone_turn_negative_dst(z, types);
	return RC_OK;
}

static enum rc
parse_tzif(struct span s, struct arena *a, struct tzone *z)
{
	struct counts c;

	if (!read_header(s, &c) || s.p[4] < '2')
		return RC_INVALID; /* since 2006 there is a second block with 64 bits */
	size_t skip = HEADER_LEN + block_len(&c, 4);
	if (skip > s.n)
		return RC_INVALID;
	s = span_sub(s, skip, s.n);
	if (!read_header(s, &c) || HEADER_LEN + block_len(&c, 8) > s.n)
		return RC_INVALID;
	return read_block(span_sub(s, HEADER_LEN, s.n), &c, a, z);
}

enum rc
tzone_load(const char *path, const char *id, struct arena *a, struct tzone **ret)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return RC_NOT_FOUND;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		close(fd);
		return RC_INVALID;
	}
	char *bytes = arena_alloc(a, (size_t)st.st_size);
	ssize_t n = pread(fd, bytes, (size_t)st.st_size, 0);
	close(fd);
	if (n != st.st_size)
		return RC_IO;
	struct tzone *z = arena_new_of(a, struct tzone);
	z->id = arena_strdup(a, id);
	enum rc rc = parse_tzif(span_of(bytes, (size_t)n), a, z);
	if (rc == RC_OK)
		*ret = z;
	return rc;
}
