/* SPDX-License-Identifier: ISC
 *
 * pim_field.h - fields of the pim structs and the properties that carry them, as tables.
 *
 * A field is written only when its value differs from what its object says already: so
 * everything that nobody changed stays as it was written, byte for byte.
 */
#ifndef FORMAT_PIM_FIELD_H
#define FORMAT_PIM_FIELD_H

#include "format/pim.h"

/* Reads one object and its calendar; remembers the zones of TZIDs. */
struct pim_reader {
	const struct vobj *cal; /* NULL: there are no VTIMEZONEs */
	struct arena *a;
	struct pim_zone *zones;
	size_t n_zones;
};

struct pim_field {
	/*
	 * Property; of several ("X-MS-SPOUSE|X-SPOUSE") the first that is there is read
	 * and changed, and the first of the list is made where there is none.
	 */
	const char *name;
	size_t offset;
	const struct pim_codec *codec;
	int arg; /* of the codec: number of a component */
};

struct pim_codec {
	/* Leaves the field as it is (0) when the object does not say it. */
	void (*read)(const struct vobj *o, const struct pim_field *f, void *value,
	             struct pim_reader *r);
	void (*write)(struct vobj *o, const struct pim_field *f, const void *value,
	              struct arena *a);
	bool (*eq)(const void *x, const void *y);
};

extern const struct pim_codec pim_text;   /* const char * */
extern const struct pim_codec pim_part;   /* const char *, component arg between ';' */
extern const struct pim_codec pim_list;   /* pim_strings, all values of all properties */
extern const struct pim_codec pim_when;   /* struct pim_time */
extern const struct pim_codec pim_u32;    /* uint32_t */
extern const struct pim_codec pim_u8;     /* uint8_t */
extern const struct pim_codec pim_flag;   /* bool, TRUE or nothing */
extern const struct pim_codec pim_class;  /* enum pim_sensitivity */
extern const struct pim_codec pim_bodies; /* struct pim_body: "DESCRIPTION|X-ALT-DESC" */

void pim_fields_read(const struct pim_field *fields, size_t n, const struct vobj *o,
                     void *to, struct pim_reader *r);
/* was is what pim_fields_read() makes of o. */
void pim_fields_write(const struct pim_field *fields, size_t n, struct vobj *o,
                      const void *was, const void *is, struct arena *a);

/* For codecs: */
bool pim_str_eq(const char *a, const char *b); /* NULL and "" are the same */
/* The first property of a field's names, and the name for a new one. */
struct vobj_prop *pim_find(const struct vobj *o, const char *names);
const char *pim_first_name(const char *names, struct arena *a);
/* Sets the first property's value, or adds it; removes it when text is NULL or empty. */
void pim_set_text(struct vobj *o, const char *names, const char *text, struct arena *a);
/* Sets the n-th component and leaves the others. */
void pim_set_part(struct vobj_prop *p, size_t n, const char *text, struct arena *a);
/* The value as it stands (no escapes): numbers, times, URIs. */
void pim_set_raw(struct vobj *o, const char *names, const char *raw, struct arena *a);

/* A date or time with its TZID or VALUE parameter; kind NONE: none that can be read. */
struct pim_time
pim_read_time(struct pim_reader *r, const struct vobj_prop *p, struct span value);
void pim_write_time(struct vobj_prop *p, const struct pim_time *t, struct arena *a);
/* Adds the VTIMEZONE that t needs, unless it is there. */
void pim_add_zone(struct vobj *cal, const struct pim_time *t, struct arena *a);

/* P1DT2H30M of RFC 5545 3.3.6: days apart from the exact part. */
enum rc
pim_duration_parse(struct span s, int64_t *ret_days, int64_t *ret_seconds) MUST_CHECK;

/* A calendar's copy, whose objects can be found by those that they are copies of. */
struct pim_copy {
	struct vobj *cal;
	size_t n;
	const struct vobj **of;
	struct vobj **twins;
};

/* cal NULL: a new, empty VCALENDAR. */
void pim_copy_cal(struct pim_copy *copy, const struct vobj *cal, struct arena *a);
struct vobj *pim_copy_of(const struct pim_copy *copy, const struct vobj *o);

#endif
