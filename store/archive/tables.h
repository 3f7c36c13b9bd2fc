/* SPDX-License-Identifier: ISC
 *
 * tables.h - the store's tables as data, read from the steps of its schema.
 *
 * Whatever a table is for, a copy or a backup takes all its rows: a table that a later
 * step adds is taken with the others, without a word here. Those that grow with the
 * mailbox have a log (a column that tells what is new) and are taken by increments.
 */
#ifndef STORE_ARCHIVE_TABLES_H
#define STORE_ARCHIVE_TABLES_H

#include "store/engine/engine.h"

#define TABLE_COLUMNS_MAX 30
#define TABLE_KEY_MAX 4

struct table_column {
	const char *name;
	enum engine_type type; /* ENGINE_INT, ENGINE_TEXT or ENGINE_BYTES */
	bool is_key;
	bool is_volatile; /* changes without the log: told with the keys */
};

/* Columns are without "owner", which every table of a shard begins with. All of it has
 * static storage. */
struct table {
	enum engine_db db;
	const char *name;
	struct table_column columns[TABLE_COLUMNS_MAX];
	size_t n_columns;
	unsigned key[TABLE_KEY_MAX]; /* the primary key: places in columns */
	size_t n_key;
	bool has_log;
	bool is_append_only; /* rows that are there stay; who inserts passes over them */
	bool is_own;         /* of the store's life, not its contents: not in backups */
	/* The owner is $1 where there is one; columns and keys follow. */
	const char *sql_all;    /* all rows, in the order of the key */
	const char *sql_insert; /* ($1 owner), columns in their order */
	const char *sql_update; /* the same, of the row of the owner */
	const char *sql_far;    /* the key of a row some way behind the first */
	const char *sql_below;  /* deletes rows with a key below */
	const char *sql_clear;  /* deletes all */
	const char *sql_any;    /* one row, whoever's */
	const char *sql_one;    /* no owner: the row with this first column of the key */
	/* has_log: */
	const char *sql_changed; /* rows of the log above $2, in the order of the key */
	const char *sql_keys;    /* keys and volatile columns, in the order of the key */
};

#define TABLE_FAR 1000 /* how far sql_far looks */

/* All tables of a kind of database, in the order of the schema; a shard's first is the
 * account. */
const struct table *tables_of(enum engine_db db, size_t *ret_n);
/* NULL: there is none. */
const struct table *table_find(enum engine_db db, struct span name);
/* The place of a column, or -1. */
int table_column(const struct table *t, struct span name);
const char *table_type_str(enum engine_type type);

#endif
