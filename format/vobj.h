/* SPDX-License-Identifier: ISC
 *
 * vobj.h - the lines that vCard, iCalendar, vCalendar and vNote are made of, as a tree.
 *
 * Objects (BEGIN to END) hold properties and further objects. Nothing is interpreted and
 * nothing is thrown away: group, name, parameters and value of a property stay as they
 * came, unknown ones too, and are given back in their order. vcard.h and ical.h bring
 * what was read to the canonical versions, pim.h gives it a meaning.
 *
 * Everything lies in the arena. Text is UTF-8 without NUL.
 */
#ifndef FORMAT_VOBJ_H
#define FORMAT_VOBJ_H

#include "base/arena.h"
#include "base/buf.h"

struct vobj_param {
	const char *name;
	/* As written behind the '=', quotes too; NULL: a bare one of vCard 2.1. */
	const char *raw;
	struct vobj_param *next;
};

struct vobj_prop {
	const char *group; /* NULL without; "item1" of item1.TEL */
	const char *name;  /* as written; compared without regard to case */
	struct vobj_param *params;
	struct span value; /* unfolded, not unescaped; NUL-terminated behind its end */
	struct vobj_prop *next;
};

struct vobj {
	const char *name; /* "VCARD", "VEVENT" in upper case */
	struct vobj_prop *props;
	struct vobj *first; /* inner objects */
	struct vobj *next;
};

/* 0 means the default. What goes beyond is RC_TOO_BIG. */
struct vobj_limits {
	size_t bytes_max;   /* 20 MB */
	size_t props_max;   /* 50,000 in all */
	size_t params_max;  /* 100 of one property */
	size_t objs_max;    /* 20,000 */
	unsigned depth_max; /* 8 */
};

/*
 * Reads all objects of the text in linear time. Lenient with what phones send: any line
 * end, missing END, folded or soft-broken lines of vCard 2.1, lines that mean nothing
 * (left out). Quoted-printable is undone and CHARSET converted; base64 stays. An object
 * with VERSION 2.1 or 1.0 is read by vCard 2.1's rules. RC_INVALID: no object in it.
 */
enum rc vobj_parse(struct span text, const struct vobj_limits *limits, struct arena *a,
                   struct vobj **ret) MUST_CHECK;
/* Folded at 75 bytes between characters, CRLF. Siblings of o are not written. */
void vobj_write(const struct vobj *o, struct buf *out);
/* One property as vobj_write() writes it. */
void vobj_write_prop(const struct vobj_prop *p, struct buf *out);

struct vobj *vobj_new(struct arena *a, const char *name);
/* A copy whose lists can be changed without changing o's; bytes are shared. */
struct vobj *vobj_copy(const struct vobj *o, struct arena *a);
void vobj_add_child(struct vobj *o, struct vobj *child);
void vobj_remove_child(struct vobj *o, struct vobj *child);
/* First inner object of that name from c on (c and o->first inclusive), or NULL. */
struct vobj *vobj_child(const struct vobj *o, const char *name);
struct vobj *vobj_next_child(const struct vobj *c, const char *name);

/* First property of that name, or NULL; then the next one behind p. */
struct vobj_prop *vobj_find(const struct vobj *o, const char *name);
struct vobj_prop *vobj_find_next(const struct vobj_prop *p, const char *name);
/* At the end; the value is taken as it is (already escaped). */
struct vobj_prop *
vobj_add(struct vobj *o, struct arena *a, const char *name, struct span value);
struct vobj_prop *
vobj_add_text(struct vobj *o, struct arena *a, const char *name, const char *text);
/* Puts a property at the end that stands nowhere else. */
void vobj_append(struct vobj *o, struct vobj_prop *p);
struct vobj_prop *vobj_prop_copy(const struct vobj_prop *p, struct arena *a);
void vobj_remove(struct vobj *o, struct vobj_prop *p);
void vobj_remove_all(struct vobj *o, const char *name);
bool vobj_prop_is(const struct vobj_prop *p, const char *name);

/* The parameter's value, unquoted and RFC 6868 undone; of a list, joined by commas. */
const char *vobj_param(const struct vobj_prop *p, const char *name, struct arena *a);
/* True when one of the parameter's comma-separated values is that one (case ignored). */
bool vobj_param_has(const struct vobj_prop *p, const char *name, const char *value);
/* Sets (or removes, value NULL) a parameter; quoted and RFC 6868 encoded as needed. */
void
vobj_param_set(struct vobj_prop *p, struct arena *a, const char *name, const char *value);

/* TEXT of RFC 5545 3.3.11 and RFC 6350 3.4: \n \, \; \\ undone. */
const char *vobj_text(const struct vobj_prop *p, struct arena *a);
/* The n-th of the components that sep (';' or ',') divides, unescaped; "" beyond. */
const char *vobj_text_part(struct span value, char sep, size_t n, struct arena *a);
/* Number of components. */
size_t vobj_text_parts(struct span value, char sep);
/* Escapes text and leaves out control characters. */
void vobj_escape(const char *text, struct buf *out);

#endif
