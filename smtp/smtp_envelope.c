/* SPDX-License-Identifier: ISC
 *
 * smtp_envelope.c - the envelope of one message.
 */
#include "smtp/smtp_envelope.h"

struct smtp_envelope *
smtp_envelope_new(void)
{
	struct arena *a = arena_new();
	struct smtp_envelope *e = arena_new_of(a, struct smtp_envelope);
	e->arena = a;
	return e;
}

void
smtp_envelope_free(struct smtp_envelope *e)
{
	if (e)
		arena_free(e->arena);
}

struct smtp_rcpt *
smtp_envelope_add(struct smtp_envelope *e, struct span address)
{
	if (e->n_rcpts == e->cap_rcpts) {
		size_t cap = e->cap_rcpts ? e->cap_rcpts * 2 : 4;
		struct smtp_rcpt *grown = arena_array(e->arena, cap, struct smtp_rcpt);
		if (e->n_rcpts)
			memcpy(grown, e->rcpts, e->n_rcpts * sizeof(*grown));
		e->rcpts = grown;
		e->cap_rcpts = cap;
	}
	struct smtp_rcpt *r = &e->rcpts[e->n_rcpts++];
	*r = (struct smtp_rcpt){ .address = arena_span(e->arena, address) };
	return r;
}

bool
smtp_envelope_is_utf8(const struct smtp_envelope *e)
{
	if (!smtp_is_ascii(e->sender))
		return true;
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (!smtp_is_ascii(e->rcpts[i].address))
			return true;
	return false;
}
