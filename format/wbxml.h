/* SPDX-License-Identifier: ISC
 *
 * wbxml.h - the WBXML codec of ActiveSync: MS-ASWBXML over WAP-192-WBXML 1.3.
 *
 * Only what ActiveSync uses: STR_I, OPAQUE, SWITCH_PAGE, END, no attributes, no string
 * table, no entities. Tables of all code pages 0-25. The codec knows no I/O. libwbxml
 * is not used here (docs/decisions says why); it is the other half of the differential
 * fuzzing.
 */
#ifndef FORMAT_WBXML_H
#define FORMAT_WBXML_H

#include "base/arena.h"
#include "base/buf.h"
#include "format/wbxml_tags.h"

/* A tag: code page << 8 | token (0x05..0x3f). The names are in wbxml_tags.h, generated
 * from one table: WBXML_AIRSYNC_SYNC, WBXML_PING_HEARTBEATINTERVAL, ... */
typedef uint16_t wbxml_tag;

/* "AirSync:Sync" of a tag, or NULL when the tables do not have it. Static storage. */
const char *wbxml_tag_name(wbxml_tag tag);
/* The tag of "Sync" in the page of that name ("AirSync"), or 0. */
wbxml_tag wbxml_tag_find(const char *page, const char *name);
/* True where content is binary and travels as OPAQUE (ComposeMail:Mime, ...). */
bool wbxml_tag_is_opaque(wbxml_tag tag);

struct wbxml_limits {
	size_t depth_max; /* 0: 32 */
	size_t nodes_max; /* 0: 100,000 */
};

/* One element of a parsed document. Text and OPAQUE content of an element are joined. */
struct wbxml_node {
	wbxml_tag tag;    /* unknown tokens are kept with their number */
	struct span text; /* shows the bytes of the document or of the arena */
	struct wbxml_node *parent;
	struct wbxml_node *first; /* children, in order */
	struct wbxml_node *last;
	struct wbxml_node *next; /* sibling */
};

/*
 * Parses a whole document into a tree in a. The spans show the bytes of doc, which must
 * live as long. RC_INVALID: not ActiveSync's WBXML (HTTP 400); RC_TOO_BIG: depth or
 * count. No recursion.
 */
enum rc wbxml_parse(struct span doc, const struct wbxml_limits *limits, struct arena *a,
                    struct wbxml_node **ret_root) MUST_CHECK;

/* First child with the tag, or NULL; n may be NULL. */
struct wbxml_node *wbxml_child(const struct wbxml_node *n, wbxml_tag tag);
/* The next sibling with the tag, or NULL. */
struct wbxml_node *wbxml_next(const struct wbxml_node *n, wbxml_tag tag);
/* Text of the child with the tag; empty when absent. */
struct span wbxml_child_text(const struct wbxml_node *n, wbxml_tag tag);
/* The number in the child with the tag: RC_NOT_FOUND without it, RC_INVALID, RC_TOO_BIG.
 */
enum rc wbxml_child_u32(const struct wbxml_node *n, wbxml_tag tag, uint32_t max,
                        uint32_t *ret) MUST_CHECK;

/* Writing: a streaming writer into a buffer; header and page switches come by themselves.
 */
struct wbxml_writer {
	struct buf *out;
	uint8_t page;
	bool started;
	unsigned depth;
	bool tag_open; /* the last start tag has no content yet: it may still be closed
	                  empty */
	size_t tag_at;
};

void wbxml_writer_init(struct wbxml_writer *w, struct buf *out);
void wbxml_start(struct wbxml_writer *w, wbxml_tag tag);
void wbxml_end(struct wbxml_writer *w);
/* <tag/> */
void wbxml_empty(struct wbxml_writer *w, wbxml_tag tag);
/* <tag>text</tag>; opaque where the table says so. STR_I ends at NUL, so NULs and the
 * characters that XML 1.0 forbids are left out of text, and ill-formed UTF-8 becomes
 * U+FFFD. */
void wbxml_text(struct wbxml_writer *w, wbxml_tag tag, struct span text);
void wbxml_str(struct wbxml_writer *w, wbxml_tag tag, const char *text);
void wbxml_u64(struct wbxml_writer *w, wbxml_tag tag, uint64_t v);
/* Content of the open element. */
void wbxml_content(struct wbxml_writer *w, struct span text);
void wbxml_opaque(struct wbxml_writer *w, struct span bytes);
/* True when all elements are closed and the buffer did not overflow. */
bool wbxml_writer_ok(const struct wbxml_writer *w);

/* Bytes since the writer began are undone to a mark: an item that proved too big. */
struct wbxml_mark {
	size_t len;
	struct wbxml_writer w;
};
struct wbxml_mark wbxml_mark(const struct wbxml_writer *w);
void wbxml_rewind(struct wbxml_writer *w, struct wbxml_mark m);

/* The document as indented XML for the wire log and for golden tests. */
void wbxml_dump(const struct wbxml_node *root, struct buf *out);
/* XML as wbxml_dump() writes it, to WBXML; for tests and tools. */
enum rc wbxml_from_xml(struct span xml, struct buf *out, struct err *err) MUST_CHECK;

#endif
