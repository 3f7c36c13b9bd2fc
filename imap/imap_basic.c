/* SPDX-License-Identifier: ISC
 *
 * imap_basic.c - CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE (RFC 9051 6.1,
 * RFC 2971, RFC 5161, RFC 2342).
 */
#include <inttypes.h>

#include "imap/imap_private.h"
#include "imap/imap_view.h"

#define ID_PAIRS_MAX 30 /* RFC 2971 3.3 */

void
imap_capability_parse(struct imap_run *r)
{
	if (!imap_read_end(&r->rd))
		return;
	buf_add_str(&r->out, "* CAPABILITY ");
	imap_capability_write(r->s, &r->out);
	buf_add_str(&r->out, "\r\n");
	imap_reply(r, IMAP_OK, NULL, "Capability completed");
}

/* Commands without arguments. */
void
imap_noop_parse(struct imap_run *r)
{
	if (!imap_read_end(&r->rd))
		return;
	imap_reply(r, IMAP_OK, NULL, "Completed");
	if (!r->s->view)
		r->phase = IMAP_PHASE_END;
}

bool
imap_noop_work(struct imap_run *r UNUSED)
{
	return true;
}

void
imap_logout_parse(struct imap_run *r)
{
	if (!imap_read_end(&r->rd))
		return;
	buf_add_str(&r->out, "* BYE Good bye\r\n");
	imap_reply(r, IMAP_OK, NULL, "Logout completed");
}

void
imap_logout_finish(struct imap_run *r)
{
	imap_session_move(r->s, IMAP_STATE_CLOSING);
}

void
imap_id_parse(struct imap_run *r)
{
	struct imap_read *rd = &r->rd;
	struct span name, value, client = { "", 0 }, version = { "", 0 };

	if (!imap_read_sp(rd))
		return;
	if (imap_read_if(rd, '(')) {
		for (unsigned n = 0; !imap_read_if(rd, ')'); n++) {
			if (n >= ID_PAIRS_MAX) {
				imap_read_fail(rd, "Too many fields");
				return;
			}
			if ((n > 0 && !imap_read_sp(rd)) ||
			    !imap_read_string(rd, &name) || !imap_read_sp(rd) ||
			    !imap_read_nstring(rd, &value))
				return;
			if (span_iis(name, "name"))
				client = value;
			else if (span_iis(name, "version"))
				version = value;
		}
	} else if (!imap_read_nstring(rd, &value)) {
		return;
	}
	if (!imap_read_end(rd))
		return;
	log_info(&r->s->log, "imap.id", "name=%s version=%s", LOG_STR(client),
	         LOG_STR(version));
	buf_add_str(&r->out,
	            "* ID (\"name\" \"Godwit\" \"version\" \"" GODWIT_VERSION "\")\r\n");
	imap_reply(r, IMAP_OK, NULL, "ID completed");
}

void
imap_enable_condstore(struct imap_run *r)
{
	struct imap_session *s = r->s;

	if (s->condstore)
		return;
	s->condstore = true;
	/* RFC 7162 3.1.8: what was selected before tells its modseq now. */
	if (s->view)
		buf_addf(&r->out, "* OK [HIGHESTMODSEQ %" PRIu64 "] Highest\r\n",
		         s->view->modseq);
}

/* RFC 5161 3.1: what we do not know is left out of ENABLED. */
void
imap_enable_parse(struct imap_run *r)
{
	struct imap_session *s = r->s;
	bool condstore = false, qresync = false, utf8 = false, rev2 = false;

	if (!imap_read_sp(&r->rd))
		return;
	do {
		struct span name;
		if (!imap_read_atom(&r->rd, &name))
			return;
		condstore |= span_iis(name, "CONDSTORE");
		qresync |= span_iis(name, "QRESYNC");
		utf8 |= span_iis(name, "UTF8=ACCEPT");
		rev2 |= span_iis(name, "IMAP4rev2");
	} while (imap_read_if(&r->rd, ' '));
	if (!imap_read_end(&r->rd))
		return;
	buf_add_str(&r->out, "* ENABLED");
	if (condstore)
		buf_add_str(&r->out, " CONDSTORE");
	if (qresync)
		buf_add_str(&r->out, " QRESYNC");
	if (utf8)
		buf_add_str(&r->out, " UTF8=ACCEPT");
	if (rev2)
		buf_add_str(&r->out, " IMAP4rev2");
	buf_add_str(&r->out, "\r\n");
	if (condstore || qresync)
		imap_enable_condstore(r);
	s->qresync |= qresync;
	s->utf8 |= utf8 || rev2;
	s->rev2 |= rev2;
	imap_reply(r, IMAP_OK, NULL, "Enabled");
}

void
imap_namespace_parse(struct imap_run *r)
{
	if (!imap_read_end(&r->rd))
		return;
	buf_add_str(&r->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	imap_reply(r, IMAP_OK, NULL, "Namespace completed");
}
