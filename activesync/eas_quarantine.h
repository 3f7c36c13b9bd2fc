/* SPDX-License-Identifier: ISC
 *
 * eas_quarantine.h - what a device in quarantine sees: one folder with one message that
 * says what happens.
 *
 * Nothing of it is in the store, and nothing of the user's is in it. The keys are always
 * the same and none of those that a device gets later: when it is let in, its next
 * FolderSync finds its key unknown and begins anew.
 */
#ifndef ACTIVESYNC_EAS_QUARANTINE_H
#define ACTIVESYNC_EAS_QUARANTINE_H

#include "activesync/eas_command.h"

/* What a wait in quarantine has as its token. */
#define EAS_QUARANTINE_TOKEN UINT64_C(0x51756172616e7469)

/* FolderSync, Sync, Ping, GetItemEstimate and ItemOperations of such a device. */
void eas_quarantine_start(struct eas_call *c);
/* A device that waited in quarantine is let in: tells it that its folders are others. */
void eas_quarantine_end(struct eas_call *c);

#endif
