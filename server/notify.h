/* SPDX-License-Identifier: ISC
 *
 * notify.h - sd_notify(3)'s one datagram, without its library.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

/* Does nothing when $NOTIFY_SOCKET is not set. */
void notify_send(const char *state);

#endif
