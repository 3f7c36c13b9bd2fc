/* SPDX-License-Identifier: ISC
 *
 * store_content_mail.c - mail, parsed once on its way into the store.
 */
#include "format/mime.h"
#include "store/store_content.h"
#include "store/store_invite.h"
#include "store/store_private.h"

enum rc
store_content_new_mail(struct store *s, struct span raw, struct store_content **ret)
{
	return store_content_new_mail_copies(s, raw, 1, ret);
}

enum rc
store_content_new_mail_copies(struct store *s, struct span raw, size_t copies,
                              struct store_content **ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf meta = BUF_INIT(0);
	struct mime_part *root = mime_parse(raw, NULL, a);
	enum rc rc;

	mime_meta_write(root, &meta);
	rc = store_content_new_copies(s, raw, buf_span(&meta), copies, ret);
	if (!rc)
		(*ret)->invite = store_invite_new(root, raw);
	return rc;
}

enum rc
content_find_invite(struct store *s, struct store_content *c)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct mime_part *root;
	enum rc rc;

	if (mime_meta_read(buf_span(&c->meta), a, &root) != RC_OK || !itip_part(root))
		return RC_OK; /* no mail, or an ordinary one */
	rc = content_open(s, c->form, c->size,
	                  span_of((const char *)c->hash.b, sizeof(c->hash.b)),
	                  buf_span(&c->stored), 0, UINT64_MAX, &raw);
	if (!rc)
		c->invite = store_invite_new(root, buf_span(&raw));
	return rc;
}
