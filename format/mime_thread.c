/* SPDX-License-Identifier: ISC
 *
 * mime_thread.c - conversations: [MS-ASEMAIL] 2.2.2.21, 2.2.2.74.
 */
#include "format/mime_thread.h"

#include "base/encode.h"
#include "format/mime_text.h"

struct span
mime_thread_topic(struct span subject)
{
	for (;;) {
		size_t i = 0;

		subject = span_trim(subject);
		while (i < subject.n && i < 4 &&
		       ((subject.p[i] | 0x20) >= 'a' && (subject.p[i] | 0x20) <= 'z'))
			i++;
		if (i < 1 || i > 3 || i >= subject.n || subject.p[i] != ':')
			return subject;
		subject = span_sub(subject, i + 1, subject.n);
	}
}

void
mime_conversation_id(const struct mime_envelope *e, struct arena *a,
                     uint8_t ret[MIME_CONVERSATION_SIZE])
{
	struct span root = SPAN(""), rest = SPAN("");
	struct sha256 hash;

	if (e)
		rest = span_trim(e->references.n > 0    ? e->references
		                 : e->in_reply_to.n > 0 ? e->in_reply_to
		                                        : e->message_id);
	for (size_t i = 0; i < rest.n && root.n == 0; i++) {
		if (rest.p[i] == '>')
			root = span_sub(rest, 0, i + 1);
	}
	if (root.n == 0 && e)
		root = mime_thread_topic(mime_decode_header(e->subject, a));
	sha256_of(root, &hash);
	memcpy(ret, hash.b, MIME_CONVERSATION_SIZE);
}
