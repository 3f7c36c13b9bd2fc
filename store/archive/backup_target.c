/* SPDX-License-Identifier: ISC
 *
 * backup_target.c - a store that this process has open, as the target of a restore.
 */
#include "store/archive/backup_private.h"
#include "store/archive/restore.h"
#include "store/archive/send.h"

static struct backup_store_target *
target_of(struct backup_target *t)
{
	return container_of(t, struct backup_store_target, base);
}

static enum rc
begin(struct backup_target *base, const struct restore_person *p,
      const struct digest *mail, bool *ret_same, struct err *err)
{
	struct backup_store_target *t = target_of(base);
	enum rc rc;

	backup_target_done(t);
	t->person = *p;
	rc = restore_find(t->s, p, &t->user);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc,
		               "%.*s: its domain is not one of ours (domain add)",
		               SPAN_FMT(p->address));
	if (!rc)
		rc = restore_has_mail(t->s, t->user, mail, ret_same);
	if (!rc && *ret_same)
		rc = restore_enliven(t->s, t->user, p);
	return rc ? err_set(err, rc, "%.*s: %s", SPAN_FMT(p->address), rc_str(rc))
	          : RC_OK;
}

static enum rc
blob(struct backup_target *base, const char *path, struct err *err)
{
	struct backup_store_target *t = target_of(base);
	enum archive_event ev;
	struct backup_in in;
	enum rc rc = backup_in_open(&in, path, false, err);

	if (rc)
		return rc;
	rc = archive_next(in.r, &ev, err);
	if (!rc)
		rc = send_take_blob(t->s, in.r, err);
	backup_in_close(&in);
	return rc;
}

static enum rc
rows(struct backup_target *base, struct rows_out **ret, struct err *err)
{
	struct backup_store_target *t = target_of(base);
	enum rc rc = restore_new(t->s, t->user, &t->restore);

	if (rc)
		return err_set(err, rc, "%.*s: %s", SPAN_FMT(t->person.address),
		               rc_str(rc));
	*ret = restore_rows(t->restore);
	return RC_OK;
}

static enum rc
end(struct backup_target *base, struct err *err)
{
	struct backup_store_target *t = target_of(base);
	enum rc rc = restore_end(t->restore);

	if (!rc)
		rc = restore_enliven(t->s, t->user, &t->person);
	backup_target_done(t);
	return rc ? err_set(err, rc, "%.*s: %s", SPAN_FMT(t->person.address), rc_str(rc))
	          : RC_OK;
}

static const struct backup_target_ops ops = {
	.begin = begin,
	.blob = blob,
	.rows = rows,
	.end = end,
};

void
backup_target_of_store(struct backup_store_target *b, struct store *s)
{
	*b = (struct backup_store_target){ .base = { &ops }, .s = s };
}

void
backup_target_done(struct backup_store_target *b)
{
	restore_free(b->restore);
	b->restore = NULL;
}
