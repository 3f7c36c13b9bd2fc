/* SPDX-License-Identifier: ISC
 *
 * backup_source.c - a store that this process has open, as the source of a backup.
 */
#include "store/archive/backup.h"
#include "store/archive/send.h"

static struct store *
store_of(struct backup_source *s)
{
	return container_of(s, struct backup_store_source, base)->s;
}

static enum rc
begin(struct backup_source *s, struct arena *a, uint64_t *ret_store,
      struct dump_person **ret, size_t *ret_n, struct err *err)
{
	enum rc rc = dump_people(store_of(s), a, ret, ret_n);

	*ret_store = send_store_id(store_of(s));
	return rc ? err_set(err, rc, "the directory cannot be read: %s", rc_str(rc))
	          : RC_OK;
}

static enum rc
directory(struct backup_source *s, backup_bytes_fn *fn, void *arg, struct err *err UNUSED)
{
	return send_directory(store_of(s), fn, arg);
}

static enum rc
queue(struct backup_source *s, backup_bytes_fn *fn, void *arg, struct err *err UNUSED)
{
	return send_queue(store_of(s), fn, arg);
}

static enum rc
user(struct backup_source *s, uint64_t number, const struct dump_mark *since,
     backup_bytes_fn *fn, void *arg, struct err *err UNUSED)
{
	return send_user(store_of(s), number, since, fn, arg);
}

static enum rc
blob(struct backup_source *s, const struct sha256 *hash, uint64_t size,
     backup_bytes_fn *fn, void *arg, struct err *err UNUSED)
{
	return send_blob(store_of(s), hash, size, fn, arg);
}

static const struct backup_source_ops ops = {
	.begin = begin,
	.directory = directory,
	.queue = queue,
	.user = user,
	.blob = blob,
};

void
backup_source_of_store(struct backup_store_source *b, struct store *s)
{
	*b = (struct backup_store_source){ .base = { &ops }, .s = s };
}
