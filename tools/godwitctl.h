/* SPDX-License-Identifier: ISC
 *
 * godwitctl.h - what the parts of godwitctl share: the socket and its lines.
 */
#ifndef TOOLS_GODWITCTL_H
#define TOOLS_GODWITCTL_H

#include "base/buf.h"

/* A connection to the server, or -1 after a message to standard error. */
int ctl_open(const char *path);
/* Puts a word behind those of the line, encoded. */
void ctl_add_word(struct buf *line, const char *word);
bool ctl_write_all(int fd, const struct buf *b);

/*
 * Adds the users of standard input, a line each, over several connections, so that their
 * commits are shared. What cannot be added is said with its line. The exit status.
 */
int ctl_import_users(const char *path);

#endif
