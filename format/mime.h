/* SPDX-License-Identifier: ISC
 *
 * mime.h - the structure of a message (RFC 5322, RFC 2045-2047, RFC 2231).
 *
 * A message is parsed once, on arrival; structure, envelope and offsets are written to a
 * compact record ("meta") that the store keeps beside the bytes, so that FETCH ENVELOPE
 * and BODYSTRUCTURE never open a message and FETCH BODY[2.1] reads just its bytes.
 * Strings are raw, as the message has them (IMAP wants them so); mime_text.h decodes
 * them.
 */
#ifndef FORMAT_MIME_H
#define FORMAT_MIME_H

#include "base/arena.h"
#include "base/buf.h"

struct mime_limits {
	uint32_t parts_max;     /* 0: 1,000; what is beyond becomes text of its parent */
	uint32_t depth_max;     /* 0: 50 */
	uint32_t addresses_max; /* 0: 10,000 for each header */
	uint32_t params_max;    /* 0: 100 for each header */
};

struct mime_param {
	struct span name;
	/* Unquoted; RFC 2231 pieces joined, percent-decoded, as UTF-8. */
	struct span value;
	struct mime_param *next;
};

/* What stands in for a missing half of an address, since an empty host means a group. */
#define MIME_NO_MAILBOX "MISSING_MAILBOX"
#define MIME_NO_DOMAIN "MISSING_DOMAIN"

struct mime_address {
	/* Raw display name, unquoted, encoded words kept; empty: none. */
	struct span name;
	/* Obsolete source route; mostly empty. */
	struct span route;
	/* Local part, unquoted; of a group start: the group's name, host empty. */
	struct span mailbox;
	/* Empty for group start and end (end: mailbox empty as well), else never. */
	struct span host;
	struct mime_address *next;
};

/*
 * RFC 9051 7.5.2 ENVELOPE: raw header values, unfolded and without CR, LF and NUL; p NULL
 * means that the header is absent. Of a header that stands more than once the first
 * counts.
 */
struct mime_envelope {
	struct span date;
	struct span subject;
	struct mime_address *from;
	struct mime_address *sender; /* absent: as the message has it, no defaulting */
	struct mime_address *reply_to;
	struct mime_address *to;
	struct mime_address *cc;
	struct mime_address *bcc;
	struct span in_reply_to;
	struct span message_id;
	struct span references;
	/* Of date, ms since the epoch; INT64_MIN when absent or unreadable. */
	int64_t date_ms;
};

struct mime_part {
	/*
	 * Lower case; "text" "multipart" ...; default text/plain, of parts of a digest
	 * message/rfc822. A multipart that has no parts is shown as text/plain.
	 */
	struct span type;
	struct span subtype;
	struct mime_param *params;
	struct span id; /* p NULL: header absent; also below */
	struct span description;
	struct span encoding;    /* lower case; default "7bit" */
	struct span disposition; /* lower case "attachment" */
	struct mime_param *disposition_params;
	struct span language;
	struct span location;
	struct span md5;

	uint64_t header_at;  /* offset in the message of the part's MIME header */
	uint64_t header_len; /* with the empty line that ends it */
	uint64_t body_at;
	uint64_t body_len;   /* without the CRLF that belongs to the boundary */
	uint32_t body_lines; /* line ends (LF) in the body as it stands */

	/* Of the root, and of the message inside message/rfc822 (its one child). */
	struct mime_envelope *envelope;
	struct mime_part *parent;
	/*
	 * Parts of a multipart; the one message of message/rfc822. Leaves have none, and
	 * so has a message/rfc822 that is base64 or beyond the limits.
	 */
	struct mime_part *first;
	struct mime_part *next;
};

/*
 * Parses a whole message; never fails on bad mail (what cannot be understood is text).
 * Parts lie in a, strings show raw or a. Line ends may be CRLF or LF.
 */
struct mime_part *
mime_parse(struct span raw, const struct mime_limits *limits, struct arena *a);

/* The record: version byte, then the tree; offsets and lengths as varints. */
void mime_meta_write(const struct mime_part *root, struct buf *out);
/* Strings show meta. RC_INVALID when it is none of ours. */
enum rc
mime_meta_read(struct span meta, struct arena *a, struct mime_part **ret) MUST_CHECK;

/*
 * The part of an IMAP section number "1.2.3" (RFC 9051 6.4.5.1), or NULL. "" is the root.
 * A message/rfc822 part's own number names the part; its inner body is below it.
 */
struct mime_part *mime_part_find(struct mime_part *root, struct span number);
/* Value of a parameter, or the empty span. */
struct span mime_param_get(const struct mime_param *params, const char *name);
bool mime_is(const struct mime_part *p, const char *type, const char *subtype);

/*
 * One header field of a header block: its unfolded, trimmed value in a, or p NULL when it
 * is absent. The first of that name.
 */
struct span mime_header_get(struct span header, const char *name, struct arena *a);
/* Visits each field: name and raw value (folded, without the final line end). */
typedef bool
mime_header_fn(struct span name, struct span value, struct span whole, void *arg);
/* Stops when fn returns false. whole is the field with its line end, byte for byte. */
void mime_header_each(struct span header, mime_header_fn *fn, void *arg);
/* Length of the header block of raw with its closing empty line. */
size_t mime_header_len(struct span raw);

/* Address list of a header value; never fails, at most max addresses. */
struct mime_address *mime_address_parse(struct span value, uint32_t max, struct arena *a);
/* RFC 5322 3.3 date: ms since the epoch, or INT64_MIN. */
int64_t mime_date_parse(struct span value);

#endif
