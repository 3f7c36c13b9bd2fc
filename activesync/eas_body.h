/* SPDX-License-Identifier: ISC
 *
 * eas_body.h - the body of a message in the form a client asks for (MS-ASAIRS).
 */
#ifndef ACTIVESYNC_EAS_BODY_H
#define ACTIVESYNC_EAS_BODY_H

#include "activesync/eas_cursor.h"
#include "format/mime_text.h"
#include "format/wbxml.h"

/* A mail opened for reading, in one transaction. */
struct eas_message {
	struct store_tx *tx;
	const struct store_item *item;
	struct mime_part *root;
	struct mime_view view;
	struct span header; /* the header block, at most 256 KB of it */
	struct span whole;  /* all of it, when it is small; else empty */
};

/* Strings lie in a; tx and item must live as long. */
enum rc eas_message_open(struct store_tx *tx, const struct store_item *item,
                         struct arena *a, struct eas_message *ret) MUST_CHECK;

struct eas_body {
	bool left_out; /* nothing of it is to be told */
	enum eas_body_type type;
	struct buf data;
	bool has_data; /* false: AllOrNone, and none fitted; or truncated to nothing */
	bool truncated;
	uint64_t estimated;
	struct span preview; /* p NULL: not asked for */
};

/* RTF is never made; data is to be freed with eas_body_done(). limit: of bytes in data.
 */
enum rc
eas_body_make(const struct eas_message *m, const struct eas_options *o, uint16_t version,
              size_t limit, struct arena *a, struct eas_body *ret) MUST_CHECK;
void eas_body_done(struct eas_body *b);
/* <airsyncbase:Body>; part >= 0: a number in place of the data (multipart answers). */
void eas_body_write(struct wbxml_writer *w, const struct eas_body *b, int part);
/* <airsyncbase:BodyPart> (MS-ASAIRS 2.2.2.10) when the options want one and the version
 * has it: what the message adds to its conversation, without what it quotes. limit: as
 * above. */
enum rc
eas_body_part_write(const struct eas_message *m, const struct eas_options *o,
                    uint16_t version, size_t limit, struct wbxml_writer *w) MUST_CHECK;
/* MS-ASCON, Sending a Message Part: who asks for the BodyPart alone gets no Body. */
bool eas_options_is_part_alone(const struct eas_options *o, uint16_t version);
/* NativeBodyType, MS-ASAIRS 2.2.2.32 */
enum eas_body_type eas_body_native(const struct eas_message *m);

/* The text of the body alone, complete up to limit: for replies. */
enum rc eas_body_text(const struct eas_message *m, enum eas_body_type type, size_t limit,
                      struct buf *out) MUST_CHECK;

#endif
