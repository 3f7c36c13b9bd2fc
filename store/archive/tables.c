/* SPDX-License-Identifier: ISC
 *
 * tables.c - reads the steps of the schema, which are plain enough for that.
 *
 * What the steps say is our own text: what is not understood is a mistake of ours, found
 * by the first test that gets here.
 */
#include "store/archive/tables.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

#define TABLES_MAX 64

static struct table tables[ENGINE_DB_N][TABLES_MAX];
static size_t n_tables[ENGINE_DB_N];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What is new in a table is told by a column; "volatile" columns of it change with
 * nothing to tell, so the keys of an increment carry them. */
static const struct {
	const char *table;
	const char *column;
	const char *is_volatile;
} logs[] = {
	{ "item", "modseq", NULL },
	{ "tombstone", "expunged", NULL },
	{ "content", "id", "refs" }, /* numbers rise, bytes never change */
};

/* Of a store's life, not of its contents, or made anew of them. */
static const char *const own[] = { "server_secret", "node",        "checked_password",
	                           "search_state",  "search_word", "thread_state",
	                           "thread_item" };

const char *
table_type_str(enum engine_type type)
{
	switch (type) {
	case ENGINE_INT:
		return "BIGINT";
	case ENGINE_TEXT:
		return "TEXT";
	case ENGINE_BYTES:
		return "BYTEA";
	case ENGINE_NULL:
		break;
	}
	return "NULL";
}

static enum engine_type
type_of(struct span word)
{
	static const enum engine_type types[] = { ENGINE_INT, ENGINE_TEXT, ENGINE_BYTES };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (span_is(word, table_type_str(types[i])))
			return types[i];
	}
	assert(!"a column of a type that engines do not share");
	return ENGINE_NULL;
}

/* The next word of letters, digits and '_'. */
static struct span
word(struct span *rest)
{
	size_t n = 0;
	struct span w;

	*rest = span_trim(*rest);
	while (n < rest->n && !strchr(" ,()'", rest->p[n]))
		n++;
	w = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return w;
}

static struct table *
find(enum engine_db db, struct span name)
{
	for (size_t i = 0; i < n_tables[db]; i++) {
		if (span_is(name, tables[db][i].name))
			return &tables[db][i];
	}
	return NULL;
}

static void
add_key(struct table *t, struct span name)
{
	int at = table_column(t, name);

	if (span_is(name, "owner"))
		return;
	assert(at >= 0 && t->n_key < TABLE_KEY_MAX);
	t->columns[at].is_key = true;
	t->key[t->n_key++] = (unsigned)at;
}

/* "name TYPE NOT NULL [PRIMARY KEY] [DEFAULT x]" */
static void
add_column(struct table *t, struct span text)
{
	struct span name = word(&text);
	enum engine_type type = type_of(word(&text));

	if (!span_is(name, "owner")) {
		assert(t->n_columns < TABLE_COLUMNS_MAX);
		t->columns[t->n_columns++] = (struct table_column){
			.name = xstrndup(name.p, name.n),
			.type = type,
		};
	}
	if (span_ifind(text, SPAN("PRIMARY KEY")) < text.n)
		add_key(t, name);
}

/* "PRIMARY KEY (a, b)" behind its '(' */
static void
add_keys(struct table *t, struct span text)
{
	while (text.n > 0 && text.p[0] != ')') {
		add_key(t, word(&text));
		text = span_trim(text);
		if (text.n > 0 && text.p[0] == ',')
			text = span_sub(text, 1, text.n);
	}
}

/* The text of a column up to its ',' or the closing ')', which is taken too. */
static struct span
cut_column(struct span *rest)
{
	int depth = 0;
	size_t n = 0;
	struct span part;

	while (n < rest->n && (depth > 0 || (rest->p[n] != ',' && rest->p[n] != ')'))) {
		depth += rest->p[n] == '(';
		depth -= rest->p[n] == ')';
		n++;
	}
	assert(n < rest->n);
	part = span_trim(span_sub(*rest, 0, n));
	*rest = span_sub(*rest, rest->p[n] == ')' ? rest->n : n + 1, rest->n);
	return part;
}

static void
create(enum engine_db db, struct span text)
{
	bool append_only = span_ifind(text, SPAN("/* append only */")) < text.n;
	struct span name = word(&text);
	struct table *t = &tables[db][n_tables[db]++];

	assert(n_tables[db] <= TABLES_MAX && !find(db, name));
	t->db = db;
	t->name = xstrndup(name.p, name.n);
	t->is_append_only = append_only;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		t->is_own |= span_is(name, own[i]);
	text = span_sub(text, span_find(text, 0, '(') + 1, text.n);
	while (text.n > 0) {
		struct span part = cut_column(&text);

		if (span_starts(part, "PRIMARY KEY"))
			add_keys(t, span_sub(part, span_find(part, 0, '(') + 1, part.n));
		else
			add_column(t, part);
	}
}

/* "TABLE t ADD COLUMN c ..." is the one change of a table that there is. */
static void
alter(enum engine_db db, struct span text)
{
	struct table *t = find(db, word(&text));
	bool adds = span_is(word(&text), "ADD") && span_is(word(&text), "COLUMN");

	assert(t && adds);
	(void)adds;
	add_column(t, text);
}

static void
drop(enum engine_db db, struct span text)
{
	struct table *t = find(db, word(&text));
	size_t at;

	assert(t);
	at = (size_t)(t - tables[db]);
	memmove(t, t + 1, (n_tables[db] - at - 1) * sizeof(*t));
	n_tables[db]--;
}

static void
read_statement(enum engine_db db, struct span text)
{
	struct span verb = word(&text);
	struct span what = word(&text);

	if (span_is(verb, "CREATE") && span_is(what, "TABLE"))
		create(db, text);
	else if (span_is(verb, "ALTER") && span_is(what, "TABLE"))
		alter(db, text);
	else if (span_is(verb, "DROP") && span_is(what, "TABLE"))
		drop(db, text);
	else
		/* Indexes hold nothing of their own; the others move rows about. */
		assert((span_is(verb, "CREATE") &&
		        (span_is(what, "INDEX") || span_is(what, "UNIQUE"))) ||
		       (span_is(verb, "DROP") && span_is(what, "INDEX")) ||
		       span_is(verb, "INSERT") || span_is(verb, "UPDATE") ||
		       span_is(verb, "DELETE"));
}

/* -- the statements -- */

static bool
has_owner(const struct table *t)
{
	return t->db == ENGINE_SHARD;
}

/* The parameter of the first column. */
static unsigned
first(const struct table *t)
{
	return has_owner(t) ? 2 : 1;
}

typedef bool wanted_fn(const struct table_column *c);

static bool
every(const struct table_column *c UNUSED)
{
	return true;
}

static bool
keys_and_volatile(const struct table_column *c)
{
	return c->is_key || c->is_volatile;
}

static void
add_names(struct buf *b, const struct table *t, wanted_fn *wanted)
{
	const char *comma = "";

	for (size_t i = 0; i < t->n_columns; i++) {
		if (!wanted(&t->columns[i]))
			continue;
		buf_addf(b, "%s%s", comma, t->columns[i].name);
		comma = ", ";
	}
}

static void
add_key_names(struct buf *b, const struct table *t)
{
	for (size_t i = 0; i < t->n_key; i++)
		buf_addf(b, "%s%s", i ? ", " : "", t->columns[t->key[i]].name);
}

static void
add_where(struct buf *b, const struct table *t)
{
	if (has_owner(t))
		buf_add_str(b, " WHERE owner = $1");
}

static const char *
select_sql(const struct table *t, wanted_fn *wanted, const char *above)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "SELECT ");
	add_names(&b, t, wanted);
	buf_addf(&b, " FROM %s", t->name);
	add_where(&b, t);
	if (above)
		buf_addf(&b, " AND %s > $2", above);
	if (t->n_key > 0) {
		buf_add_str(&b, " ORDER BY ");
		add_key_names(&b, t);
	}
	buf_add_str(&b, " /* long */");
	return buf_take_str(&b);
}

static const char *
insert_sql(const struct table *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t n = t->n_columns + first(t) - 1;

	buf_addf(&b, "INSERT INTO %s (%s", t->name, has_owner(t) ? "owner, " : "");
	add_names(&b, t, every);
	buf_add_str(&b, ") VALUES (");
	for (size_t i = 1; i <= n; i++)
		buf_addf(&b, "%s$%zu", i > 1 ? ", " : "", i);
	buf_add_char(&b, ')');
	if (t->is_append_only)
		buf_add_str(&b, " ON CONFLICT DO NOTHING");
	return buf_take_str(&b);
}

static const char *
update_sql(const struct table *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "UPDATE %s SET ", t->name);
	for (size_t i = 0; i < t->n_columns; i++)
		buf_addf(&b, "%s%s = $%zu", i ? ", " : "", t->columns[i].name,
		         i + first(t));
	add_where(&b, t);
	return buf_take_str(&b);
}

static const char *
far_sql(const struct table *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "SELECT ");
	add_key_names(&b, t);
	buf_addf(&b, " FROM %s", t->name);
	add_where(&b, t);
	buf_add_str(&b, " ORDER BY ");
	add_key_names(&b, t);
	buf_addf(&b, " LIMIT 1 OFFSET %d", TABLE_FAR);
	return buf_take_str(&b);
}

static const char *
below_sql(const struct table *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "DELETE FROM %s", t->name);
	add_where(&b, t);
	buf_addf(&b, " %s (", has_owner(t) ? "AND" : "WHERE");
	add_key_names(&b, t);
	buf_add_str(&b, ") < (");
	for (size_t i = 0; i < t->n_key; i++)
		buf_addf(&b, "%s$%zu", i ? ", " : "", i + first(t));
	buf_add_char(&b, ')');
	return buf_take_str(&b);
}

static const char *
one_sql(const struct table *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "SELECT ");
	add_names(&b, t, every);
	buf_addf(&b, " FROM %s WHERE %s = $1", t->name, t->columns[t->key[0]].name);
	return buf_take_str(&b);
}

static const char *
simple_sql(const struct table *t, const char *verb, bool where)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "%s FROM %s", verb, t->name);
	if (where)
		add_where(&b, t);
	else
		buf_add_str(&b, " LIMIT 1");
	return buf_take_str(&b);
}

static void
finish(struct table *t)
{
	for (size_t i = 1; i < t->n_key; i++)
		assert(t->key[i - 1] < t->key[i]); /* readers take them in this order */
	for (size_t i = 0; t->db == ENGINE_SHARD && i < ARRAY_LEN(logs); i++) {
		int at;

		if (strcmp(logs[i].table, t->name) != 0)
			continue;
		assert(t->columns[t->key[t->n_key - 1]].type == ENGINE_INT);
		t->has_log = true;
		if (logs[i].is_volatile) {
			at = table_column(t, span_str(logs[i].is_volatile));
			assert(at >= 0);
			t->columns[at].is_volatile = true;
		}
		t->sql_changed = select_sql(t, every, logs[i].column);
		t->sql_keys = select_sql(t, keys_and_volatile, NULL);
	}
	t->sql_all = select_sql(t, every, NULL);
	t->sql_insert = insert_sql(t);
	t->sql_update = update_sql(t);
	if (t->n_key > 0) {
		t->sql_far = far_sql(t);
		t->sql_below = below_sql(t);
	}
	if (t->n_key > 0 && !has_owner(t))
		t->sql_one = one_sql(t);
	t->sql_clear = simple_sql(t, "DELETE", true);
	t->sql_any = simple_sql(t, "SELECT 1", false);
}

static void
read_all(void)
{
	for (enum engine_db db = 0; db < ENGINE_DB_N; db++) {
		const struct engine_schema *s = &store_schemas[db];

		for (size_t i = 0; i < s->n_steps; i++) {
			for (const char *const *sql = s->steps[i]; *sql; sql++)
				read_statement(db, span_str(*sql));
		}
		for (size_t i = 0; i < n_tables[db]; i++)
			finish(&tables[db][i]);
	}
}

const struct table *
tables_of(enum engine_db db, size_t *ret_n)
{
	pthread_once(&once, read_all);
	*ret_n = n_tables[db];
	return tables[db];
}

const struct table *
table_find(enum engine_db db, struct span name)
{
	pthread_once(&once, read_all);
	return find(db, name);
}

int
table_column(const struct table *t, struct span name)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		if (span_is(name, t->columns[i].name))
			return (int)i;
	}
	return -1;
}
