/* SPDX-License-Identifier: ISC
 *
 * ctl_remote.h - the running server as the source of a backup and the target of a
 * restore (server/control_backup.c has the other end).
 */
#ifndef TOOLS_CTL_REMOTE_H
#define TOOLS_CTL_REMOTE_H

#include "store/archive/archive.h"
#include "store/archive/backup.h"

struct ctl_remote_source {
	struct backup_source base;
	const char *socket_path;
};
void ctl_remote_source(struct ctl_remote_source *s, const char *socket_path);

struct ctl_remote_target {
	struct backup_target base;
	const char *socket_path;
	int fd; /* of the restore that is under way */
	uint64_t user;
	struct codec *codec;
	struct archive_writer *writer;
};
void ctl_remote_target(struct ctl_remote_target *t, const char *socket_path);
void ctl_remote_target_done(struct ctl_remote_target *t);

#endif
