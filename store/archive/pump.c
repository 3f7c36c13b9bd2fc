/* SPDX-License-Identifier: ISC
 *
 * pump.c - an archive's rows on their way into the store's own tables.
 */
#include "store/archive/pump.h"

/* Of a user the shard's tables, and his row of the directory. */
static const struct table *
table_of(const struct archive_view *v)
{
	struct span name = span_str(v->name);

	switch (v->head.kind) {
	case ARCHIVE_USER:
		if (span_is(name, "mail_user"))
			return table_find(ENGINE_DIRECTORY, name);
		return table_find(ENGINE_SHARD, name);
	case ARCHIVE_DIRECTORY:
		return table_find(ENGINE_DIRECTORY, name);
	case ARCHIVE_QUEUE:
		return table_find(ENGINE_QUEUE, name);
	case ARCHIVE_BLOB:
		break;
	}
	return NULL;
}

enum rc
pump_map_init(struct pump_map *m, const struct archive_view *v, struct err *err)
{
	*m = (struct pump_map){ .t = table_of(v), .n = v->n_columns };
	if (!m->t)
		return err_set(err, RC_UNSUPPORTED,
		               "has a table that this version does not know: %s",
		               v->name);
	for (size_t i = 0; i < m->t->n_columns; i++)
		m->values[i] = (struct engine_arg){ .type = m->t->columns[i].type,
			                            .s = SPAN("") };
	for (size_t i = 0; i < v->n_columns; i++) {
		const struct archive_column *c = &v->columns[i];
		int at = table_column(m->t, span_str(c->name));

		if (at < 0 || m->t->columns[at].type != c->type ||
		    m->t->columns[at].is_key != c->is_key)
			return err_set(err, RC_UNSUPPORTED,
			               "has a column that this version does not know: "
			               "%s.%s",
			               v->name, c->name);
		m->places[i] = (unsigned)at;
	}
	return RC_OK;
}

void
pump_map_row(struct pump_map *m, const struct archive_view *v)
{
	for (size_t i = 0; i < m->n; i++)
		m->values[m->places[i]] = v->values[i];
}

static enum rc
end_to_sentence(enum rc rc, const struct archive_view *v, struct err *err)
{
	if (rc && !(err && err->text[0]))
		return err_set(err, rc, "%s: %s", v->name,
		               rc == RC_INVALID ? "rows that cannot be" : rc_str(rc));
	return rc;
}

enum rc
pump_rows(struct archive_reader *r, struct rows_out *to, struct err *err)
{
	const struct archive_view *v = archive_view(r);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	const struct table *last = NULL;
	struct pump_map m;
	enum rc rc = RC_OK;

	if (v->head.increment || v->head.kind == ARCHIVE_BLOB)
		return err_set(err, RC_UNSUPPORTED, "is an increment or a blob");
	while (!rc && (rc = archive_next(r, &ev, err)) == RC_OK && ev != ARCHIVE_EV_END) {
		switch (ev) {
		case ARCHIVE_EV_SECTION:
			rc = v->part == ARCHIVE_PART_ROWS
			             ? pump_map_init(&m, v, err)
			             : err_set(err, RC_INVALID, "is no full archive");
			/* Each table once, in their order. */
			if (!rc && last && last->db == m.t->db && m.t <= last)
				rc = err_set(err, RC_INVALID, "tables in a wrong order");
			if (!rc) {
				last = m.t;
				rc = to->ops->section(to, m.t, ROWS_ALL);
			}
			break;
		case ARCHIVE_EV_ROW:
			pump_map_row(&m, v);
			rc = to->ops->row(to, m.values);
			break;
		case ARCHIVE_EV_SECTION_END:
			rc = to->ops->end(to);
			break;
		case ARCHIVE_EV_HEAD:
		case ARCHIVE_EV_RUN:
		case ARCHIVE_EV_BYTES:
		case ARCHIVE_EV_END:
			rc = err_set(err, RC_INVALID, "is no archive of rows");
			break;
		}
		rc = end_to_sentence(rc, v, err);
	}
	return rc;
}
