/* SPDX-License-Identifier: ISC
 *
 * godwitctl.h - what the parts of godwitctl share, and the commands that have files of
 * their own.
 */
#ifndef TOOLS_GODWITCTL_H
#define TOOLS_GODWITCTL_H

#include "base/buf.h"
#include "base/rc.h"

/* -- ctl_socket.c: the running server -- */

/* A connection to the server, or -1 after a message to standard error. */
int ctl_open(const char *socket_path);
/* Puts a word behind those of the line, encoded. */
void ctl_add_word(struct buf *line, const char *word);
bool ctl_write_all(int fd, const struct buf *b);
/* Words as the server wants them; a message is in err. */
enum rc ctl_write_line(int fd, const struct span *words, size_t n, struct err *err);
/* Writes all of it. */
enum rc ctl_write(int fd, struct span bytes);
/* One line without its end, bytes behind it stay in the socket. RC_IO: none came. */
enum rc ctl_read_line(int fd, struct buf *out);
/* One question: rows without their '+', ended by '\n'. */
enum rc ctl_ask(const char *socket_path, const struct span *words, size_t n,
                struct buf *rows, struct err *err);

/* The same of strings: 0, or 1 after a message to standard error. */
int ctl_ask_words(const char *socket_path, const char *const *words, size_t n,
                  struct buf *rows);

/* Lines of cells separated by tabs, lined up; at most width columns, 0: any. */
void ctl_table_write(struct span text, size_t width, struct buf *out);

/* Rows as JSON: a list of objects whose keys are head's cells; without a head an object
 * of the rows' first cells. */
void ctl_json_write(struct span head, struct span rows, struct buf *out);

/* -- commands that have files of their own; argv[0] is the first word. The exit status.
 */

struct ctl {
	const char *socket_path;
};

/*
 * Adds the users of standard input, a line each, over several connections, so that their
 * commits are shared. What cannot be added is said with its line.
 */
int ctl_import_users(const char *path);
int ctl_backup(const struct ctl *ctl, int argc, char **argv);
int ctl_restore(const struct ctl *ctl, int argc, char **argv);
/* store copy */
int ctl_copy(int argc, char **argv);

/* top [--once] [--interval S] [--limit N] [--sort ORDER]; raw: the server's own rows. */
int ctl_top(const char *socket_path, int argc, char **argv, bool raw);

/* -- ctl_conf.c: what godwit.conf says of the store, where no server runs -- */

struct ctl_conf;
struct store_conf;
enum rc ctl_conf_load(const char *path, struct ctl_conf **ret, struct err *err);
void ctl_conf_free(struct ctl_conf *c);
AUTO_DEFINE(ctl_conf);
const struct store_conf *ctl_conf_store(const struct ctl_conf *c);
/* Files that root has made in the store become the server's account's, as the
 * configuration names it. */
enum rc ctl_conf_give_away(const struct ctl_conf *c, struct err *err);

void ctl_say(const char *sentence, void *arg);

#endif
