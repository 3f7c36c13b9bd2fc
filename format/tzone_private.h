/* SPDX-License-Identifier: ISC
 *
 * tzone_private.h - what a zone consists of.
 */
#ifndef FORMAT_TZONE_PRIVATE_H
#define FORMAT_TZONE_PRIVATE_H

#include "format/tzone.h"

#define TZONE_DAY 86400

struct tzone_type {
	int32_t offset; /* seconds east */
	bool is_dst;
	const char *name; /* "CEST" */
};

/* When a part of the year begins, in the local time before it. */
struct tzone_rule {
	enum { TZONE_RULE_NTH, TZONE_RULE_JULIAN, TZONE_RULE_DAY } kind;
	uint8_t month;   /* NTH: 1 to 12 */
	uint8_t week;    /* 1 to 5 (last) */
	uint8_t weekday; /* 0: Sunday */
	uint16_t day;    /* JULIAN: 1 to 365, no leap day; DAY: 0 to 365 */
	int32_t time;    /* seconds from midnight, may be negative or beyond a day */
};

struct tzone_change {
	int64_t at;
	uint16_t type;
};

struct tzone {
	const char *id;
	const char *windows_id; /* NULL: none */
	const struct tzone_type *types;
	size_t n_types;
	uint16_t first_type; /* before all changes */
	/* In order; after the last one the years follow the rules, if there are any. */
	const struct tzone_change *changes;
	size_t n_changes;
	bool has_rules;
	struct tzone_type standard;
	bool has_dst; /* of the rules */
	struct tzone_type dst;
	struct tzone_rule dst_start, dst_end;
};

/* tzone_file.c: TZif (RFC 8536) of the system; everything in a. */
enum rc tzone_load(const char *path, const char *id, struct arena *a,
                   struct tzone **ret) MUST_CHECK;
/* A POSIX TZ string, as TZif's footer has it. */
enum rc tzone_parse_posix(struct span s, struct arena *a, struct tzone *z) MUST_CHECK;

/* Makes summer the time that is ahead; types (NULL: none) are those of z. */
void tzone_turn_negative_dst(struct tzone *z, struct tzone_type *types);

/* tzone_calc.c */
/* The moment at which the rule's part of the year begins. */
int64_t tzone_rule_at(const struct tzone_rule *r, int year, int32_t offset_before);
/*
 * The first change of offset behind `after` and not behind `until`; false when there is
 * none. The types are those before and after it.
 */
bool
tzone_next_change(const struct tzone *z, int64_t after, int64_t until, int64_t *ret_at,
                  struct tzone_type *ret_before, struct tzone_type *ret_after);
struct tzone_type tzone_type_at(const struct tzone *z, int64_t utc);
int64_t tzone_year_start(int year);
int tzone_year_of(int64_t utc);
/* The same offsets all through that year. */
bool tzone_same_year(const struct tzone *a, const struct tzone *b, int year);

/*
 * A zone of the system with the same changes as z in the present year: hint
 * if it is one, else by what is usual; NULL: none. tzone.c
 */
const struct tzone *tzone_match(const struct tzone *z, const struct tzone *hint);

#endif
