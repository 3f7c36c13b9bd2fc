/* SPDX-License-Identifier: ISC
 *
 * imap_frame.h - from bytes of the wire to whole commands (RFC 9051 2.2.1, 4.3; RFC
 * 7888).
 *
 * Knows no I/O: feed bytes, take one event. A command is collected with its literals as
 * it came, "{5}CRLF" and the five bytes included, so that imap_read.h reads it in one go.
 */
#ifndef IMAP_IMAP_FRAME_H
#define IMAP_IMAP_FRAME_H

#include "base/buf.h"

enum imap_frame_event {
	IMAP_FRAME_MORE,     /* all input taken, nothing whole yet */
	IMAP_FRAME_CONTINUE, /* the client waits for "+" before it sends a literal */
	IMAP_FRAME_COMMAND,  /* bytes holds a command, without its last line end */
	/* The command was thrown away; bytes holds its beginning (the tag at least, if it
	 * had one). What belongs to it has been skipped. */
	IMAP_FRAME_LITERAL_TOO_BIG,
	IMAP_FRAME_LINE_TOO_LONG,
	IMAP_FRAME_FATAL, /* cannot be skipped within reason: close */
};

struct imap_frame {
	struct buf bytes;
	size_t line_max;      /* of all that is not literal */
	uint64_t literal_max; /* of all literals of a command together */
	uint64_t append_max;  /* of those of an APPEND */

	/* private */
	size_t line_at;        /* where the line that is being read begins in bytes */
	uint64_t literals;     /* bytes of literals so far */
	uint64_t literal_left; /* of the literal that is being read */
	enum imap_frame_event refused; /* MORE: not refused */
	uint8_t n_tail;
	char tail[24]; /* the end of a line that is skipped: is there a literal? */
};

void imap_frame_init(struct imap_frame *f);
void imap_frame_done(struct imap_frame *f);
/* Takes bytes of in up to one event; returns how many. After each event but MORE and
 * CONTINUE the caller takes what it needs of bytes and calls imap_frame_next(). */
size_t imap_frame_feed(struct imap_frame *f, struct span in, enum imap_frame_event *ret);
/* Forgets the command; holds no memory after it. */
void imap_frame_next(struct imap_frame *f);
/* True between two commands. */
bool imap_frame_is_idle(const struct imap_frame *f);

#endif
