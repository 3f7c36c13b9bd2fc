/* SPDX-License-Identifier: ISC
 *
 * store_content_mail.c - mail, parsed once on its way into the store.
 */
#include "format/mime.h"
#include "store/store_content.h"

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

	mime_meta_write(mime_parse(raw, NULL, a), &meta);
	return store_content_new_copies(s, raw, buf_span(&meta), copies, ret);
}
