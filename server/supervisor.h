/* SPDX-License-Identifier: ISC
 *
 * supervisor.h - the parent: binds, starts the server without privileges, restarts it.
 *
 * It parses nothing from the network and has no threads.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include "base/conf.h"

/* Runs until TERM or INT; returns the exit status of the process. conf is given to the
 * server, conf_path is read again at HUP. */
int supervisor_run(const char *conf_path, const struct conf *conf);

#endif
