/* SPDX-License-Identifier: ISC
 *
 * conf_value.c - one configuration value: from text to its place in a struct, and back.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/conf_private.h"
#include "base/mem.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first: it is how a value is written. */
static const struct unit size_units[] = {
	{ "T", UINT64_C(1) << 40 },
	{ "G", UINT64_C(1) << 30 },
	{ "M", UINT64_C(1) << 20 },
	{ "K", UINT64_C(1) << 10 },
	{ "", 1 },
};

static const struct unit time_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 },     { "ms", 1 },      { "", 1000 }, /* a bare number: seconds */
};

/* A table's bounds hold what INT64_MAX can hold, and so do the values. */
static enum rc
parse_units(struct span text, const struct unit *units, size_t n_units, uint64_t *ret)
{
	struct span digits = text;
	uint64_t v;
	enum rc rc;

	while (digits.n && (digits.p[digits.n - 1] < '0' || digits.p[digits.n - 1] > '9'))
		digits.n--;
	rc = parse_u64(digits, INT64_MAX, &v);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n_units; i++) {
		if (!span_iis(span_sub(text, digits.n, text.n), units[i].name))
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v) || v > INT64_MAX)
			return RC_TOO_BIG;
		*ret = v;
		return RC_OK;
	}
	return RC_INVALID;
}

static void
write_units(uint64_t v, const struct unit *units, size_t n_units, struct buf *out)
{
	size_t i = 0;

	while (i + 1 < n_units && (v == 0 || v % units[i].factor))
		i++;
	buf_addf(out, "%" PRIu64 "%s", v / units[i].factor, units[i].name);
}

static void
write_number(const struct conf_option *o, int64_t v, struct buf *out)
{
	if (o->type == CONF_SIZE)
		write_units((uint64_t)v, size_units, ARRAY_LEN(size_units), out);
	else if (o->type == CONF_TIME)
		/* Without the bare number; 0 is "0ms". */
		write_units((uint64_t)v, time_units, ARRAY_LEN(time_units) - 1, out);
	else
		buf_addf(out, "%" PRId64, v);
}

static bool
has_bounds(const struct conf_option *o)
{
	return o->min != 0 || o->max != 0;
}

static enum rc
check_bounds(const struct conf_option *o, int64_t v, struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(200);

	if (!has_bounds(o) || (v >= o->min && v <= o->max))
		return RC_OK;
	write_number(o, v, &b);
	buf_add_str(&b, " is not within ");
	write_number(o, o->min, &b);
	buf_add_str(&b, " to ");
	write_number(o, o->max, &b);
	return err_set(err, RC_INVALID, "%.*s", SPAN_FMT(buf_span(&b)));
}

static enum rc
parse_bool(struct span text, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (span_iis(text, yes[i]) || span_iis(text, no[i])) {
			*ret = span_iis(text, yes[i]);
			return RC_OK;
		}
	}
	return RC_INVALID;
}

static enum rc
parse_enum(const struct conf_option *o, struct span text, int *ret)
{
	for (int i = 0; o->choices[i]; i++) {
		if (span_is(text, o->choices[i])) {
			*ret = i;
			return RC_OK;
		}
	}
	return RC_INVALID;
}

static enum rc
wrong(const struct conf_option *o, struct span text, struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(400);

	conf_value_kind(o, &b);
	return err_set(err, RC_INVALID, "\"%.*s\" is not right here, expected: %.*s",
	               text.n < 100 ? (int)text.n : 100, text.p, SPAN_FMT(buf_span(&b)));
}

static enum rc
set_number(const struct conf_option *o, void *at, struct span text, struct err *err)
{
	uint64_t u = 0;
	int64_t v = 0;
	enum rc rc;

	if (o->type == CONF_INT)
		rc = parse_i64(text, &v);
	else if (o->type == CONF_SIZE)
		rc = parse_units(text, size_units, ARRAY_LEN(size_units), &u);
	else
		rc = parse_units(text, time_units, ARRAY_LEN(time_units), &u);
	if (rc != RC_OK)
		return wrong(o, text, err);
	if (o->type != CONF_INT)
		v = (int64_t)u;
	rc = check_bounds(o, v, err);
	if (rc != RC_OK)
		return rc;
	if (o->type == CONF_INT)
		*(int64_t *)at = v;
	else
		*(uint64_t *)at = u;
	return RC_OK;
}

static enum rc
set_scalar(const struct conf_option *o, void *section, const char *text, struct err *err)
{
	void *at = (char *)section + o->offset;
	struct span s = span_str(text);
	enum rc rc = RC_OK;

	switch (o->type) {
	case CONF_BOOL:
		rc = parse_bool(s, at);
		break;
	case CONF_ENUM:
		rc = parse_enum(o, s, at);
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_TIME:
		return set_number(o, at, s, err);
	case CONF_STRING:
		conf_value_free(o, section);
		*(char **)at = xstrdup(text);
		break;
	case CONF_LIST:
		assert(!"a list is no scalar");
		break;
	}
	return rc == RC_OK ? RC_OK : wrong(o, s, err);
}

static void
list_add(struct conf_list *list, struct span item)
{
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = xstrndup(item.p, item.n);
}

enum rc
conf_value_set(const struct conf_option *o, void *section, const char *const *texts,
               size_t n, struct err *err)
{
	if (o->type != CONF_LIST) {
		if (n != 1)
			return err_set(err, RC_INVALID, "takes one value, not %zu", n);
		return set_scalar(o, section, texts[0], err);
	}
	conf_value_free(o, section);
	for (size_t i = 0; i < n; i++)
		list_add((struct conf_list *)((char *)section + o->offset),
		         span_str(texts[i]));
	return RC_OK;
}

enum rc
conf_value_set_default(const struct conf_option *o, void *section, struct err *err)
{
	struct span rest = span_str(o->def);
	struct span item;

	if (o->type != CONF_LIST)
		return set_scalar(o, section, o->def ? o->def : "", err);
	while (span_cut(&rest, ',', &item))
		list_add((struct conf_list *)((char *)section + o->offset),
		         span_trim(item));
	return RC_OK;
}

void
conf_value_free(const struct conf_option *o, void *section)
{
	void *at = (char *)section + o->offset;

	if (o->type == CONF_STRING) {
		free(*(char **)at);
		*(char **)at = NULL;
	} else if (o->type == CONF_LIST) {
		struct conf_list *list = at;

		for (size_t i = 0; i < list->n; i++)
			free(list->items[i]);
		free(list->items);
		*list = (struct conf_list){ 0 };
	}
}

/* libConfuse's double quotes: backslash escapes, and ${NAME} would be the environment's.
 */
static void
write_quoted(const char *s, struct buf *out)
{
	buf_add_char(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\' || *s == '$')
			buf_add_char(out, '\\');
		if (*s == '\n')
			buf_add_str(out, "\\n");
		else
			buf_add_char(out, *s);
	}
	buf_add_char(out, '"');
}

static void
write_list(const struct conf_list *list, struct buf *out)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < list->n; i++) {
		buf_add_str(out, i ? ", " : " ");
		write_quoted(list->items[i], out);
	}
	buf_add_str(out, list->n ? " }" : "}");
}

void
conf_value_write(const struct conf_option *o, const void *section, struct buf *out)
{
	const void *at = (const char *)section + o->offset;

	switch (o->type) {
	case CONF_BOOL:
		buf_add_str(out, *(const bool *)at ? "true" : "false");
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_TIME:
		write_number(o, *(const int64_t *)at, out);
		break;
	case CONF_STRING:
		write_quoted(*(char *const *)at, out);
		break;
	case CONF_LIST:
		write_list(at, out);
		break;
	case CONF_ENUM:
		buf_add_str(out, o->choices[*(const int *)at]);
		break;
	}
}

void
conf_value_kind(const struct conf_option *o, struct buf *out)
{
	switch (o->type) {
	case CONF_BOOL:
		buf_add_str(out, "true or false");
		return;
	case CONF_INT:
		buf_add_str(out, "number");
		break;
	case CONF_SIZE:
		buf_add_str(out, "size (such as 64K, 32M, 1G)");
		break;
	case CONF_TIME:
		buf_add_str(out, "time (such as 500ms, 30s, 15m, 2h, 7d)");
		break;
	case CONF_STRING:
		buf_add_str(out, "text");
		return;
	case CONF_LIST:
		buf_add_str(out, "list of texts");
		return;
	case CONF_ENUM:
		buf_add_str(out, "one of ");
		for (int i = 0; o->choices[i]; i++)
			buf_addf(out, "%s%s", i ? ", " : "", o->choices[i]);
		return;
	}
	if (has_bounds(o)) {
		buf_add_str(out, ", ");
		write_number(o, o->min, out);
		buf_add_str(out, " to ");
		write_number(o, o->max, out);
	}
}
