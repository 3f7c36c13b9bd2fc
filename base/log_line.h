/* SPDX-License-Identifier: ISC
 *
 * log_line.h - one log line as logfmt or JSON; for log.c alone.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "base/buf.h"

struct log_line {
	char time[40];
	const char *level;
	struct span event;
	struct span fields; /* key=value key="quoted value" */
	bool is_cut;        /* fields were longer */
};

/* Neither writes a newline, and no control character, whatever the fields hold. */
void log_line_logfmt(const struct log_line *l, struct buf *out);
void log_line_json(const struct log_line *l, struct buf *out);

#endif
