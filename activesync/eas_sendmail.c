/* SPDX-License-Identifier: ISC
 *
 * eas_sendmail.c - SendMail: [MS-ASCMD] 2.2.1.17, 2.2.3.177.14.
 *
 * From 14.0 on the message is in the XML, before it is the body itself. Success has no
 * body at all.
 */
#include "activesync/eas_send.h"

static void
answer(struct eas_call *c, enum rc rc)
{
	if (rc == RC_OK)
		eas_answer_http(c, 200);
	else if (c->query.version >= 140 || rc == RC_AGAIN)
		eas_answer_rc(c, rc);
	else
		eas_answer_http(c, 500);
}

void
eas_sendmail_start(struct eas_call *c)
{
	struct eas_send q = { .client_id = SPAN("") };

	if (c->query.version < 140) {
		q.message = c->body;
		q.save = c->query.save_in_sent;
	} else {
		unsigned status = eas_send_check(c);

		if (status != EAS_STATUS_OK) {
			eas_answer_status(c, status);
			return;
		}
		q.message = wbxml_child_text(c->root, WBXML_COMPOSEMAIL_MIME);
		q.client_id = wbxml_child_text(c->root, WBXML_COMPOSEMAIL_CLIENTID);
		q.save = wbxml_child(c->root, WBXML_COMPOSEMAIL_SAVEINSENTITEMS) != NULL;
	}
	if (q.message.n == 0) {
		if (c->query.version >= 140)
			eas_answer_status(c, EAS_STATUS_INVALID_MIME);
		else
			eas_answer_http(c, 400);
		return;
	}
	answer(c, eas_send_once(c, &q));
}
