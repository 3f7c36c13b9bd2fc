/* SPDX-License-Identifier: ISC
 *
 * rows.h - rows on their way: from a database or an archive into another.
 *
 * Rows come by tables, those of a table in the rising order of its key.
 */
#ifndef STORE_ARCHIVE_ROWS_H
#define STORE_ARCHIVE_ROWS_H

#include "store/archive/tables.h"

/*
 * ROWS: all rows of the table, or in an increment those that are new.
 * RUNS: the keys of all rows that there are. A run stands for the rows whose last key
 * column goes from that of the row given to "to" in steps of one, with the same values in
 * the other key columns and the volatile ones. What is in no run is gone.
 */
enum rows_part { ROWS_ALL, ROWS_RUNS };

struct rows_out;

struct rows_ops {
	enum rc (*section)(struct rows_out *o, const struct table *t,
	                   enum rows_part part);
	/* values: one a column (of runs: key and volatile columns, in their order). */
	enum rc (*row)(struct rows_out *o, const struct engine_arg *values);
	enum rc (*run)(struct rows_out *o, const struct engine_arg *values, int64_t to);
	enum rc (*end)(struct rows_out *o); /* of the section */
};

/* Where they go; embedded. */
struct rows_out {
	const struct rows_ops *ops;
};

#endif
