/* SPDX-License-Identifier: ISC
 *
 * notify.c - sd_notify(3)'s one datagram, without its library.
 */
#include "server/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (*path == '@') /* an abstract socket */
		a.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	/* Nobody listening is no fault of ours. */
	ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	                      (struct sockaddr *)&a, len);
	(void)sent;
	close(fd);
}
