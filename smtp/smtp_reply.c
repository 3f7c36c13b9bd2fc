/* SPDX-License-Identifier: ISC
 *
 * smtp_reply.c - reply codes, enhanced codes and their sentences.
 */
#include "smtp/smtp_reply.h"

struct reply_row {
	unsigned code;
	const char *enhanced;
	const char *text;
};

static const struct reply_row replies[] = {
#define X(name, number, enh, sentence)                                                   \
	[SMTP_REPLY_##name] = { .code = (number), .enhanced = (enh), .text = (sentence) },
	SMTP_REPLY_LIST(X)
#undef X
};

#define TEXT_MAX 400 /* RFC 5321 4.5.3.1.5: a reply line has at most 512 octets */

enum smtp_reply
smtp_reply_from_rc(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return SMTP_REPLY_OK;
	case RC_NOT_FOUND:
		return SMTP_REPLY_UNKNOWN_USER;
	case RC_CONFLICT:
		return SMTP_REPLY_ALIAS_LOOP;
	case RC_INVALID:
		return SMTP_REPLY_BAD_RCPT;
	case RC_DENIED:
		return SMTP_REPLY_RELAY_DENIED;
	case RC_TOO_BIG:
		return SMTP_REPLY_TOO_BIG;
	case RC_UNSUPPORTED:
		return SMTP_REPLY_NOT_IMPLEMENTED;
	case RC_AGAIN:
	case RC_EXISTS:
	case RC_IO:
		return SMTP_REPLY_LOCAL_ERROR;
	}
	return SMTP_REPLY_LOCAL_ERROR;
}

unsigned
smtp_reply_code(enum smtp_reply r)
{
	return replies[r].code;
}

const char *
smtp_reply_enhanced(enum smtp_reply r)
{
	return replies[r].enhanced;
}

const char *
smtp_reply_text(enum smtp_reply r)
{
	return replies[r].text;
}

void
smtp_reply_write(enum smtp_reply r, const char *text, struct buf *out)
{
	buf_add_u64(out, replies[r].code);
	buf_add_char(out, ' ');
	if (replies[r].enhanced) {
		buf_add_str(out, replies[r].enhanced);
		buf_add_char(out, ' ');
	}
	struct span s = utf8_prefix(span_str(text ? text : replies[r].text), TEXT_MAX);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		buf_add_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	buf_add_str(out, "\r\n");
}
