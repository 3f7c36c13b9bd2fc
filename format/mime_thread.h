/* SPDX-License-Identifier: ISC
 *
 * mime_thread.h - which conversation a message belongs to (MS-ASCON), from its header
 * alone, the same for everybody who looks.
 */
#ifndef FORMAT_MIME_THREAD_H
#define FORMAT_MIME_THREAD_H

#include "format/mime.h"

#define MIME_CONVERSATION_SIZE 16

/* A decoded subject without "Re:", "Fwd:", "AW:" ... in front. */
struct span mime_thread_topic(struct span subject);
/* Named by the root of the thread: the first of References, else In-Reply-To, else the
 * message's own id; without any, by the topic. */
void mime_conversation_id(const struct mime_envelope *e, struct arena *a,
                          uint8_t ret[MIME_CONVERSATION_SIZE]);

#endif
