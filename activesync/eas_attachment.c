/* SPDX-License-Identifier: ISC
 *
 * eas_attachment.c - GetAttachment of 12.1 and before: [MS-ASCMD] 2.2.1.8.
 */
#include "activesync/eas_email.h"
#include "activesync/eas_id.h"

static enum rc
load(struct eas_call *c, struct eas_id id)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct store_item item;
	struct eas_message m;
	const struct mime_part *p;
	enum rc rc;

	rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = store_item_load(tx, id.collection, id.uid, c->arena, &item);
	if (rc == RC_OK)
		rc = eas_message_open(tx, &item, c->arena, &m);
	if (rc != RC_OK)
		return rc;
	p = eas_email_part(m.root, id.part);
	if (!p)
		return RC_NOT_FOUND;
	rc = store_content_read(tx, item.content, p->body_at, p->body_len, &raw);
	if (rc != RC_OK)
		return rc;
	mime_decode_body(p, buf_span(&raw), &c->out);
	c->content_type = eas_email_part_type(p, c->arena);
	return RC_OK;
}

void
eas_attachment_start(struct eas_call *c)
{
	struct eas_id id;
	enum rc rc = RC_NOT_FOUND;

	c->http_status = 200;
	if (eas_id_parse(c->query.attachment_name, 3, &id) == RC_OK)
		rc = load(c, id);
	/* Where there is none, HTTP 500 too (2.2.1.8). */
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}
