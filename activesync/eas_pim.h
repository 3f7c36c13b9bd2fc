/* SPDX-License-Identifier: ISC
 *
 * eas_pim.h - what contacts, events, tasks and notes share on the wire: which of a
 * command's elements count, lists, times, bodies.
 */
#ifndef ACTIVESYNC_EAS_PIM_H
#define ACTIVESYNC_EAS_PIM_H

#include "activesync/eas_body.h"
#include "activesync/eas_class.h"
#include "format/pim.h"

/*
 * What a command says of a property. An element with content sets it, an empty one clears
 * it. One that is left out of a Change: at 16.x it is cleared, since a Change replaces
 * the whole item; before, it stays, unless the device said by Supported that it knows it
 * (MS-ASCMD 2.2.3.179).
 */
enum eas_take { EAS_TAKE_KEEP, EAS_TAKE_CLEAR, EAS_TAKE_SET };
/* *ret: the element, with EAS_TAKE_SET. */
enum eas_take
eas_take(const struct eas_edit_request *q, wbxml_tag tag, const struct wbxml_node **ret);

/* Clean UTF-8 of an element in a; NULL when nothing is left. */
const char *eas_text_of(const struct wbxml_node *n, struct arena *a);

/* A string member of a struct and its element. */
struct eas_text_field {
	wbxml_tag tag;
	size_t at; /* offsetof a const char * */
};
void eas_take_texts(const struct eas_edit_request *q, const struct eas_text_field *f,
                    size_t n, void *object);
void eas_write_texts(const struct eas_text_field *f, size_t n, const void *object,
                     struct wbxml_writer *w);
/* <Categories><Category/>...</Categories>; at most 300 (MS-ASCAL 2.2.2.11). */
enum rc eas_take_list(const struct eas_edit_request *q, wbxml_tag tag, wbxml_tag child,
                      pim_strings *list) MUST_CHECK;
void
eas_write_list(pim_strings list, wbxml_tag tag, wbxml_tag child, struct wbxml_writer *w);
/* A number up to max; cleared: absent. *value stays with EAS_TAKE_KEEP. */
enum rc eas_take_u32(const struct eas_edit_request *q, wbxml_tag tag, uint32_t max,
                     uint32_t absent, uint32_t *value) MUST_CHECK;

/* MS-ASDTYPE 2.7.2 and 2.3: both forms, seconds since the epoch. RC_INVALID. */
enum rc eas_time_parse(struct span s, int64_t *ret) MUST_CHECK;
#define EAS_TIME_SIZE 32
/* "20261122T100000Z" */
const char *eas_time_compact(int64_t utc, char ret[EAS_TIME_SIZE]);
/* "2026-11-22T10:00:00.000Z" */
const char *eas_time_iso(int64_t utc, char ret[EAS_TIME_SIZE]);
/* A moment in UTC; cleared: kind PIM_TIME_NONE. */
enum rc eas_take_time(const struct eas_edit_request *q, wbxml_tag tag,
                      struct pim_time *t) MUST_CHECK;

/* airsyncbase:Body; left out of a Change, or without Data, it stays. */
enum rc eas_take_body(const struct eas_edit_request *q, struct pim_body *b) MUST_CHECK;
/* As the client's preferences want it; html false: plain text only. An empty body is told
 * as one, since a device keeps the text of a Body that is not there. */
void
eas_write_body(const struct eas_options *o, const struct pim_body *b, bool html,
               uint16_t version, size_t limit, struct arena *a, struct wbxml_writer *w);

/* The item's bytes in a. RC_TOO_BIG: over 64 MB. */
enum rc eas_pim_load(struct store_tx *tx, const struct store_item *item, struct arena *a,
                     struct span *ret) MUST_CHECK;
/* The object name for a UID: itself, or its hash when it is too long. */
struct span eas_pim_object(const char *uid, struct arena *a);

#endif
