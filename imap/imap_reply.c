/* SPDX-License-Identifier: ISC
 *
 * imap_reply.c - the tagged answer; the one translation of results (RFC 9051 7.1, RFC
 * 5530).
 */
#include "imap/imap_private.h"

const struct store_actor imap_actor = { .device = 0, .protocol = "imap" };

void
imap_reply(struct imap_run *r, enum imap_status status, const char *code,
           const char *text)
{
	r->status = status;
	r->code = code;
	r->text = text;
}

struct answer {
	enum imap_status status;
	const char *code;
	const char *text;
};

static struct answer
imap_code_from_rc(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return (struct answer){ IMAP_OK, NULL, "done" };
	case RC_AGAIN:
		return (struct answer){ IMAP_NO, "UNAVAILABLE", "Try again later" };
	case RC_NOT_FOUND:
		return (struct answer){ IMAP_NO, "NONEXISTENT", "No such mailbox" };
	case RC_EXISTS:
		return (struct answer){ IMAP_NO, "ALREADYEXISTS", "It exists already" };
	case RC_CONFLICT:
		return (struct answer){ IMAP_NO, "CANNOT", "That cannot be" };
	case RC_INVALID:
		return (struct answer){ IMAP_NO, "CANNOT", "That name is not possible" };
	case RC_DENIED:
		return (struct answer){ IMAP_NO, "CANNOT", "That is not allowed" };
	case RC_TOO_BIG:
		return (struct answer){ IMAP_NO, "LIMIT", "Over a limit of this server" };
	case RC_UNSUPPORTED:
		return (struct answer){ IMAP_NO, "CANNOT", "Not supported" };
	case RC_IO:
		break;
	}
	return (struct answer){ IMAP_NO, "SERVERBUG", "Internal error, see the log" };
}

void
imap_reply_rc(struct imap_run *r, enum rc rc, const char *what)
{
	struct answer a = imap_code_from_rc(rc);

	if (rc == RC_OK)
		a.text = arena_printf(r->arena, "%s completed", what);
	if (rc == RC_IO)
		log_error(&r->s->log, "imap.store failed", "command=%s", what);
	imap_reply(r, a.status, a.code, a.text);
}

void
imap_reply_target_rc(struct imap_run *r, enum rc rc, const char *what)
{
	imap_reply_rc(r, rc, what);
	if (rc == RC_NOT_FOUND)
		r->code = "TRYCREATE";
	if (rc == RC_TOO_BIG)
		r->code = "TOOBIG";
}

enum rc
imap_begin(struct imap_run *r, struct store_tx **ret)
{
	return store_write(r->s->im->deps.store, r->s->user, &imap_actor, ret);
}

enum rc
imap_look(struct imap_run *r, struct store_tx **ret)
{
	return store_read(r->s->im->deps.store, r->s->user, ret);
}
