/* SPDX-License-Identifier: ISC
 *
 * mime_part.c - finding parts by their IMAP section numbers [RFC 9051 6.4.5.1].
 */
#include "format/mime.h"

bool
mime_is(const struct mime_part *p, const char *type, const char *subtype)
{
	return span_is(p->type, type) && (!subtype || span_is(p->subtype, subtype));
}

static struct mime_part *
nth_child(const struct mime_part *p, uint32_t n)
{
	struct mime_part *c = p->first;

	while (c && --n > 0)
		c = c->next;
	return c;
}

/*
 * Number n below p. A message that is no multipart has one part, itself: number 1. Only
 * what is below a message/rfc822 part is inside its message.
 */
static struct mime_part *
step_down(struct mime_part *p, bool is_whole_message, uint32_t n)
{
	if (is_whole_message && !mime_is(p, "multipart", NULL))
		return n == 1 ? p : NULL;
	if (mime_is(p, "multipart", NULL))
		return nth_child(p, n);
	if (!p->first)
		return NULL;
	return step_down(p->first, true, n);
}

struct mime_part *
mime_part_find(struct mime_part *root, struct span number)
{
	struct mime_part *p = root;
	bool is_whole_message = true;
	struct span digits;

	if (number.n > 0 && number.p[number.n - 1] == '.')
		return NULL;
	while (p && span_cut(&number, '.', &digits)) {
		uint32_t n;
		if (parse_u32(digits, UINT32_MAX, &n) != RC_OK || n == 0 ||
		    digits.p[0] == '0')
			return NULL;
		p = step_down(p, is_whole_message, n);
		is_whole_message = false;
	}
	return p;
}
