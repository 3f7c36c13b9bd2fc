/* SPDX-License-Identifier: ISC
 *
 * eas_thread.h - what binds the mails of a conversation: Message-IDs for everybody,
 * Thread-Index for Outlook and for ConversationIndex (MS-ASEMAIL 2.2.2.22).
 */
#ifndef ACTIVESYNC_EAS_THREAD_H
#define ACTIVESYNC_EAS_THREAD_H

#include "activesync/eas_body.h"

/*
 * ConversationIndex into out (not a header): five bytes of the time of the first message,
 * five for each answer since, as its Thread-Index says; without one the time it came.
 */
void eas_thread_index(const struct eas_message *m, struct arena *a, struct buf *out);

/*
 * Header fields for an answer to, or a forward of, original, each with its CRLF: those of
 * In-Reply-To, References and Thread-Index that are not in header (the client's own).
 */
void eas_thread_answer(const struct eas_message *original, struct span header,
                       struct arena *a, struct buf *out);

#endif
