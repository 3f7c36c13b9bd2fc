/* SPDX-License-Identifier: ISC
 *
 * smtp_line.h - the one reader of lines and of message data (RFC
 * 5321 2.3.8, 4.1.1.4, 4.5.2).
 *
 * A line ends by CR LF and by nothing else, in commands and in data; the data end by
 * CR LF . CR LF and by nothing else. Whoever takes another sequence for an end lets one
 * message carry a second one past the servers that do not ("SMTP smuggling"). Knows no
 * I/O.
 */
#ifndef SMTP_SMTP_LINE_H
#define SMTP_SMTP_LINE_H

#include "base/buf.h"

#define SMTP_LINE_MAX                                                                    \
	4096 /* a command with its parameters; RFC 5321 4.5.3.1.4: 512 at least */
#define SMTP_LINE_AUTH_MAX 12288 /* RFC 4954 4: a base64 answer */

#define SMTP_LINE_LIST(X)                                                                \
	X(OK, "line")                                                                    \
	X(MORE, "not complete yet")                                                      \
	X(BAD, "bare CR, bare LF or NUL in the line")                                    \
	X(LONG, "too long")

enum smtp_line {
#define X(name, text) SMTP_LINE_##name,
	SMTP_LINE_LIST(X)
#undef X
};

/*
 * The first line of in, without its CRLF; *ret_used counts the CRLF in. BAD: a whole line
 * that must not be obeyed (ret_line and ret_used are set). LONG: more than max bytes and
 * no end. Outputs are not written for MORE and LONG.
 */
enum smtp_line smtp_line_next(struct span in, size_t max, struct span *ret_line,
                              size_t *ret_used) MUST_CHECK;

/* Where the reader of data stands. */
enum smtp_data_at {
	SMTP_DATA_AT_START, /* of a line: only here a dot means something */
	SMTP_DATA_AT_DOT,   /* behind the dot that began a line */
	SMTP_DATA_AT_DOT_CR,
	SMTP_DATA_AT_LINE,
	SMTP_DATA_AT_CR,
	SMTP_DATA_AT_END,
};

struct smtp_data {
	enum smtp_data_at at;
	uint64_t seen; /* bytes fed, for a limit on what is thrown away */
	bool bare;     /* a CR or LF by itself was there */
	bool nul;
	bool drop;       /* nothing more is kept; set by the owner too */
	struct buf *out; /* unstuffed bytes; when its limit is met it fails (buf_ok) */
};

/* out keeps what it has; a limit of out counts that too. */
void smtp_data_init(struct smtp_data *d, struct buf *out);
/*
 * Takes bytes up to the end of data and returns how many it took. After the end (at is
 * SMTP_DATA_AT_END) it takes none. From the first bare or nul on nothing more is kept.
 */
size_t smtp_data_feed(struct smtp_data *d, struct span in);

/* Dot-stuffing for sending: every line end becomes CRLF, a bare CR or LF as well. */
struct smtp_stuff {
	bool in_line; /* something was written since the last CRLF */
	bool cr;      /* the last byte was a CR, nothing written for it yet */
};

void smtp_stuff_add(struct smtp_stuff *t, struct span in, struct buf *out);
/* The last CRLF if it was missing, then ".\r\n". */
void smtp_stuff_end(struct smtp_stuff *t, struct buf *out);

#endif
