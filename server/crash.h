/* SPDX-License-Identifier: ISC
 *
 * crash.h - the last words of a server that crashes: signal and back trace on stderr.
 */
#ifndef SERVER_CRASH_H
#define SERVER_CRASH_H

/* Not in sanitizer builds, which tell more by themselves. */
void crash_setup(void);

#endif
