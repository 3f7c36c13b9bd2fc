/* SPDX-License-Identifier: ISC
 *
 * pump.h - an archive's rows on their way into the store's own tables.
 */
#ifndef STORE_ARCHIVE_PUMP_H
#define STORE_ARCHIVE_PUMP_H

#include "store/archive/archive.h"

/*
 * The columns of a section in the order of a table of ours. A column that the archive
 * does not have yet is 0 or empty.
 */
struct pump_map {
	const struct table *t;
	size_t n;                                    /* of the section's columns */
	unsigned places[TABLE_COLUMNS_MAX];          /* of each in t */
	struct engine_arg values[TABLE_COLUMNS_MAX]; /* in the order of t */
};
/* From the section that v shows. RC_UNSUPPORTED: there is no such table or column. */
enum rc pump_map_init(struct pump_map *m, const struct archive_view *v,
                      struct err *err) MUST_CHECK;
/* The row that v shows, in m->values. */
void pump_map_row(struct pump_map *m, const struct archive_view *v);

/* All rows of a full archive, its head already read, up to its end. */
enum rc
pump_rows(struct archive_reader *r, struct rows_out *to, struct err *err) MUST_CHECK;

#endif
