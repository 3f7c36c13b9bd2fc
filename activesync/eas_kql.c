/* SPDX-License-Identifier: ISC
 *
 * eas_kql.c - reading the Keyword Query Language: [MS-KQL], as far as mail has it.
 *
 * OR binds weaker than AND, which is also what stands between two terms; between two
 * restrictions of the same property it is OR ([MS-KQL] 2.1.11).
 */
#include "activesync/eas_kql.h"

#include "activesync/eas_props.h"
#include "base/clock.h"
#include "format/pim.h"

#define DAY_MS INT64_C(86400000)
#define FIELD(f) (1U << STORE_SEARCH_##f)
#define RECIPIENTS (FIELD(TO) | FIELD(CC) | FIELD(BCC))

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* also "name:" and what follows it, in pieces */
	TOKEN_PHRASE, /* in quotes */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_PROPERTY, /* text is its name, op how it is compared */
};

struct token {
	enum token_kind kind;
	struct span text;
	char op; /* ':', '=', '<', '>', 'l' for <=, 'g' for >=, 'n' for <> */
};

struct parser {
	struct span rest;
	struct token token; /* the next one */
	struct arena *a;
	int64_t now_ms;
	unsigned depth;
	unsigned nodes;
	bool failed;  /* no query */
	bool too_big; /* a limit */
};

typedef struct store_search_node node;

static node *
new_node(enum store_search_op op, struct arena *a)
{
	node *n = arena_new_of(a, node);

	n->op = op;
	return n;
}

node *
eas_kql_text(struct span text, unsigned fields, struct arena *a)
{
	node *n = new_node(STORE_SEARCH_TEXT, a);

	n->text = text;
	n->fields = fields;
	n->prefix = true;
	return n;
}

node *
eas_kql_join(enum store_search_op op, node *left, node *right, struct arena *a)
{
	node *n;

	if (!left || !right)
		return left ? left : right;
	n = new_node(op, a);
	n->left = left;
	n->right = right;
	return n;
}

/* -- judging rows -- */

struct range {
	int64_t from;
	int64_t to;
};

static bool
is_received(const struct store_item *item, void *arg)
{
	const struct range *r = arg;

	return item->received_ms >= r->from && item->received_ms < r->to;
}

static bool
is_size(const struct store_item *item, void *arg)
{
	const struct range *r = arg;

	return (int64_t)item->size >= r->from && (int64_t)item->size < r->to;
}

static node *
new_test(store_search_test_fn *test, void *arg, struct arena *a)
{
	node *n = new_node(STORE_SEARCH_TEST, a);

	n->test = test;
	n->arg = arg;
	return n;
}

static node *
new_range(store_search_test_fn *test, int64_t from, int64_t to, struct arena *a)
{
	struct range *r = arena_new_of(a, struct range);

	*r = (struct range){ from, to };
	return new_test(test, r, a);
}

node *
eas_kql_received(int64_t from_ms, int64_t to_ms, struct arena *a)
{
	return new_range(is_received, from_ms, to_ms, a);
}

static bool
has_category(const struct store_item *item, void *arg)
{
	const struct span *want = arg;
	AUTO(arena)
	struct arena *a = NULL;

	if (span_ifind(item->props, SPAN("category")) == item->props.n)
		return false;
	a = arena_new();
	for (size_t i = 0;; i++) {
		struct span v = eas_props_get(item->props, "category", i, a);

		if (!v.p)
			return false;
		if (want->n == 0 || span_ifind(v, *want) < v.n)
			return true;
	}
}

static bool
has_flags(const struct store_item *item, void *arg)
{
	const uint32_t *flags = arg;

	return (item->flags & *flags) == *flags;
}

/* -- tokens -- */

static bool
is_space(char c)
{
	return (unsigned char)c <= ' ';
}

static bool
is_operator(char c)
{
	return c == ':' || c == '=' || c == '<' || c == '>';
}

/* A name of letters before an operator: its length, else 0. */
static size_t
property_len(struct span s)
{
	size_t n = 0;

	while (n < s.n && n < 32 && ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z'))
		n++;
	return n > 0 && n < s.n && is_operator(s.p[n]) ? n : 0;
}

static void
take(struct parser *p, size_t n)
{
	p->rest = span_sub(p->rest, n, p->rest.n);
}

static struct token
property_token(struct parser *p, size_t n)
{
	struct token t = { .kind = TOKEN_PROPERTY, .text = span_sub(p->rest, 0, n) };

	take(p, n);
	t.op = p->rest.p[0];
	take(p, 1);
	if (p->rest.n > 0 && (t.op == '<' || t.op == '>')) {
		char next = p->rest.p[0];

		if (next == '=')
			t.op = t.op == '<' ? 'l' : 'g';
		else if (t.op == '<' && next == '>')
			t.op = 'n';
		if (t.op != '<' && t.op != '>')
			take(p, 1);
	}
	return t;
}

static struct token
phrase_token(struct parser *p)
{
	size_t end = span_find(p->rest, 1, '"');
	struct token t = { .kind = TOKEN_PHRASE, .text = span_sub(p->rest, 1, end) };

	take(p, end + 1); /* a quote that is not closed goes to the end */
	return t;
}

static struct token
word_token(struct parser *p)
{
	struct token t = { .kind = TOKEN_WORD };
	size_t n = 0;

	while (n < p->rest.n && !is_space(p->rest.p[n]) && p->rest.p[n] != '(' &&
	       p->rest.p[n] != ')' && p->rest.p[n] != '"')
		n++;
	t.text = span_sub(p->rest, 0, n);
	take(p, n);
	if (span_is(t.text, "AND"))
		t.kind = TOKEN_AND;
	else if (span_is(t.text, "OR"))
		t.kind = TOKEN_OR;
	else if (span_is(t.text, "NOT"))
		t.kind = TOKEN_NOT;
	return t;
}

static struct token
read_token(struct parser *p)
{
	size_t n;

	while (p->rest.n > 0 && is_space(p->rest.p[0]))
		take(p, 1);
	if (p->rest.n == 0)
		return (struct token){ .kind = TOKEN_END };
	switch (p->rest.p[0]) {
	case '(':
		take(p, 1);
		return (struct token){ .kind = TOKEN_OPEN };
	case ')':
		take(p, 1);
		return (struct token){ .kind = TOKEN_CLOSE };
	case '"':
		return phrase_token(p);
	case '-':
		if (p->rest.n > 1 && !is_space(p->rest.p[1])) {
			take(p, 1);
			return (struct token){ .kind = TOKEN_NOT };
		}
		break;
	case '+':
		if (p->rest.n > 1 && !is_space(p->rest.p[1])) {
			take(p, 1);
			return read_token(p);
		}
		break;
	}
	n = property_len(p->rest);
	return n > 0 ? property_token(p, n) : word_token(p);
}

static struct token
next(struct parser *p)
{
	struct token t = p->token;

	p->token = read_token(p);
	return t;
}

/* -- values -- */

struct text_property {
	const char *name;
	unsigned fields;
};

static const struct text_property text_properties[] = {
	{ "from", FIELD(FROM) },
	{ "to", FIELD(TO) },
	{ "cc", FIELD(CC) },
	{ "bcc", FIELD(BCC) },
	{ "recipients", RECIPIENTS },
	{ "participants", RECIPIENTS | FIELD(FROM) },
	{ "subject", FIELD(SUBJECT) },
	{ "body", FIELD(BODY) },
	{ "attachment", FIELD(ATTACHMENT) },
	{ "attachments", FIELD(ATTACHMENT) },
	{ "attachmentnames", FIELD(ATTACHMENT) },
};

static bool
is_named(struct span name, const char *const *names)
{
	for (; *names; names++) {
		if (span_iis(name, *names))
			return true;
	}
	return false;
}

static bool
is_true(struct span v)
{
	return is_named(v, (const char *const[]){ "true", "yes", "1", NULL });
}

static bool
is_false(struct span v)
{
	return is_named(v, (const char *const[]){ "false", "no", "0", NULL });
}

static int64_t
day_of(int64_t ms)
{
	return (ms - ((ms % DAY_MS) + DAY_MS) % DAY_MS) / DAY_MS;
}

static int64_t
month_start(int64_t days, int back)
{
	int year;
	unsigned month, day;

	clock_civil_from_days(days, &year, &month, &day);
	month += 12;
	month -= (unsigned)back;
	if (month <= 12)
		year--;
	else
		month -= 12;
	return clock_days_from_civil(year, month, 1);
}

/* "today", "last month" ... as days from (included) to (excluded). */
static bool
read_interval(struct span v, int64_t now_ms, int64_t *from, int64_t *to)
{
	int64_t today = day_of(now_ms);
	int64_t monday = today - ((today + 3) % 7 + 7) % 7; /* day 0 was a Thursday */
	int year;
	unsigned month, day;

	clock_civil_from_days(today, &year, &month, &day);
	*to = today + 1;
	if (span_iis(v, "today"))
		*from = today;
	else if (span_iis(v, "yesterday"))
		*from = today - 1, *to = today;
	else if (span_iis(v, "this week"))
		*from = monday, *to = monday + 7;
	else if (span_iis(v, "last week"))
		*from = monday - 7, *to = monday;
	else if (span_iis(v, "this month"))
		*from = month_start(today, 0), *to = month_start(*from + 32, 0);
	else if (span_iis(v, "last month"))
		*from = month_start(today, 1), *to = month_start(today, 0);
	else if (span_iis(v, "this year"))
		*from = clock_days_from_civil(year, 1, 1),
		*to = clock_days_from_civil(year + 1, 1, 1);
	else if (span_iis(v, "last year"))
		*from = clock_days_from_civil(year - 1, 1, 1),
		*to = clock_days_from_civil(year, 1, 1);
	else
		return false;
	*from *= DAY_MS;
	*to *= DAY_MS;
	return true;
}

/* "5/17/2026", as Outlook writes it. */
static bool
read_american_date(struct span v, int64_t *from)
{
	uint32_t n[3];
	struct span piece;

	for (int i = 0; i < 3; i++) {
		if (!span_cut(&v, '/', &piece) || parse_u32(piece, 9999, &n[i]) != RC_OK)
			return false;
	}
	if (v.n > 0 || n[0] < 1 || n[0] > 12 || n[1] < 1 || n[1] > 31 || n[2] < 1900)
		return false;
	*from = clock_days_from_civil((int)n[2], n[0], n[1]) * DAY_MS;
	return true;
}

/* One value of received: a day, an instant, or a named span of days. */
static bool
read_time(struct span v, int64_t now_ms, int64_t *from, int64_t *to)
{
	struct pim_time t;

	if (read_interval(v, now_ms, from, to))
		return true;
	if (read_american_date(v, from)) {
		*to = *from + DAY_MS;
		return true;
	}
	if (pim_time_parse(v, &t) != RC_OK)
		return false;
	*from = pim_time_utc(&t, NULL) * 1000;
	*to = *from + (t.kind == PIM_TIME_DATE ? DAY_MS : 1000);
	return true;
}

static bool
read_size(struct span v, int64_t *from, int64_t *to)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} units[] = { { "kb", 1024 }, { "mb", 1048576 }, { "gb", 1073741824 },
		      { "k", 1024 },  { "m", 1048576 },  { "b", 1 } };
	int64_t unit = 1;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t len = strlen(units[i].unit);

		if (v.n > len && span_iis(span_sub(v, v.n - len, v.n), units[i].unit)) {
			unit = units[i].bytes;
			v = span_sub(v, 0, v.n - len);
			break;
		}
	}
	if (parse_u32(v, 1000000000, &n) != RC_OK)
		return false;
	*from = n * unit;
	*to = *from + 1;
	return true;
}

static node *
compared(store_search_test_fn *test, char op, int64_t from, int64_t to, struct arena *a)
{
	switch (op) {
	case '<':
		return new_range(test, INT64_MIN, from, a);
	case 'l':
		return new_range(test, INT64_MIN, to, a);
	case '>':
		return new_range(test, to, INT64_MAX, a);
	case 'g':
		return new_range(test, from, INT64_MAX, a);
	default:
		return new_range(test, from, to, a);
	}
}

/* received:2026-01-01..2026-02-01, received>=yesterday */
static node *
received_node(const struct parser *p, char op, struct span v)
{
	size_t dots = span_ifind(v, SPAN(".."));
	int64_t from, to, other;

	if (dots < v.n) {
		if (!read_time(span_sub(v, 0, dots), p->now_ms, &from, &other) ||
		    !read_time(span_sub(v, dots + 2, v.n), p->now_ms, &other, &to))
			return NULL;
		return new_range(is_received, from, to, p->a);
	}
	if (!read_time(v, p->now_ms, &from, &to))
		return NULL;
	return compared(is_received, op, from, to, p->a);
}

static node *
negated(node *n, struct arena *a)
{
	node *not = new_node(STORE_SEARCH_NOT, a);

	not ->left = n;
	return not ;
}

static node *
flag_node(struct span v, uint32_t flags, struct arena *a)
{
	uint32_t *arg = arena_new_of(a, uint32_t);
	node *n;

	if (!is_true(v) && !is_false(v))
		return NULL;
	*arg = flags;
	n = new_test(has_flags, arg, a);
	return is_true(v) ? n : negated(n, a);
}

static node *
text_node(const struct token *value, unsigned fields, struct arena *a)
{
	struct span text = value->text;
	node *n;

	if (text.n > 0 && text.p[text.n - 1] == '*' && value->kind == TOKEN_WORD)
		text = span_sub(text, 0, text.n - 1); /* it is a prefix anyhow */
	n = eas_kql_text(text, fields, a);
	if (value->kind == TOKEN_PHRASE) {
		n->phrase = true;
		n->prefix = false;
	}
	return n;
}

static node *
category_node(struct span v, struct arena *a)
{
	struct span *want = arena_new_of(a, struct span);

	*want = v;
	return new_test(has_category, want, a);
}

/* NULL: no such property, or not such a value of it. */
static node *
property_node(const struct parser *p, const struct token *name, const struct token *value)
{
	struct span v = value->text;
	int64_t from, to;
	node *n;

	for (size_t i = 0; i < ARRAY_LEN(text_properties); i++) {
		if (span_iis(name->text, text_properties[i].name))
			return text_node(value, text_properties[i].fields, p->a);
	}
	if (is_named(name->text,
	             (const char *const[]){ "received", "sent", "date", NULL }))
		return received_node(p, name->op, v);
	if (is_named(name->text,
	             (const char *const[]){ "hasattachment", "hasattachments", NULL })) {
		if (!is_true(v) && !is_false(v))
			return NULL;
		n = new_node(STORE_SEARCH_HAS_ATTACHMENT, p->a);
		return is_true(v) ? n : negated(n, p->a);
	}
	if (span_iis(name->text, "category"))
		return category_node(v, p->a);
	if (is_named(name->text, (const char *const[]){ "isread", "read", NULL }))
		return flag_node(v, STORE_FLAG_SEEN, p->a);
	if (span_iis(name->text, "isflagged"))
		return flag_node(v, STORE_FLAG_FLAGGED, p->a);
	if (span_iis(name->text, "size") && read_size(v, &from, &to))
		return compared(is_size, name->op, from, to, p->a);
	return NULL;
}

/* -- the grammar -- */

static node *parse_or(struct parser *p, const struct token *property);

static node *
parse_value(struct parser *p, const struct token *property)
{
	struct token value;
	node *n = NULL;

	if (p->token.kind == TOKEN_OPEN) { /* from:(anna OR ben) */
		next(p);
		if (++p->depth > EAS_KQL_DEPTH_MAX)
			p->too_big = true;
		else
			n = parse_or(p, property);
		p->depth--;
		if (p->token.kind != TOKEN_CLOSE)
			p->failed = true;
		next(p);
		return n;
	}
	if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_PHRASE) {
		p->failed = true;
		return NULL;
	}
	value = next(p);
	if (++p->nodes > EAS_KQL_NODES_MAX)
		p->too_big = true;
	if (!property)
		return text_node(&value, STORE_SEARCH_ALL, p->a);
	n = property_node(p, property, &value);
	if (!n) /* "note:this" and the like are words */
		n = eas_kql_text(
			span_str(arena_printf(p->a, "%.*s:%.*s", SPAN_FMT(property->text),
		                              SPAN_FMT(value.text))),
			STORE_SEARCH_ALL, p->a);
	return n;
}

/* A term; *ret_name: of the property that it restricts. */
static node *
parse_term(struct parser *p, const struct token *property, struct span *ret_name)
{
	bool negate = false;
	node *n;

	*ret_name = SPAN("");
	while (p->token.kind == TOKEN_NOT) {
		negate = !negate;
		next(p);
	}
	if (p->token.kind == TOKEN_PROPERTY) {
		struct token name = next(p);

		n = parse_value(p, &name);
		if (n && name.op == 'n')
			negate = !negate;
		else if (!negate && (name.op == ':' || name.op == '='))
			*ret_name = name.text;
	} else {
		n = parse_value(p, property);
	}
	return negate && n ? negated(n, p->a) : n;
}

static node *
parse_and(struct parser *p, const struct token *property)
{
	struct span name, last;
	node *all = NULL, *group = parse_term(p, property, &last);

	while (!p->failed && !p->too_big && p->token.kind != TOKEN_END &&
	       p->token.kind != TOKEN_CLOSE && p->token.kind != TOKEN_OR) {
		bool said = p->token.kind == TOKEN_AND;
		node *n;

		if (said)
			next(p);
		n = parse_term(p, property, &name);
		if (!said && name.n > 0 && span_ieq(name, last)) {
			group = eas_kql_join(STORE_SEARCH_OR, group, n, p->a);
		} else {
			all = eas_kql_join(STORE_SEARCH_AND, all, group, p->a);
			group = n;
		}
		last = name;
	}
	return eas_kql_join(STORE_SEARCH_AND, all, group, p->a);
}

static node *
parse_or(struct parser *p, const struct token *property)
{
	node *n = parse_and(p, property);

	while (!p->failed && !p->too_big && p->token.kind == TOKEN_OR) {
		next(p);
		n = eas_kql_join(STORE_SEARCH_OR, n, parse_and(p, property), p->a);
	}
	return n;
}

enum rc
eas_kql_parse(struct span text, int64_t now_ms, struct arena *a, node **ret)
{
	struct parser p = { .rest = text, .a = a, .now_ms = now_ms };
	node *n;

	if (text.n > EAS_KQL_MAX)
		return RC_TOO_BIG;
	p.token = read_token(&p);
	if (p.token.kind == TOKEN_END) {
		*ret = NULL;
		return RC_OK;
	}
	n = parse_or(&p, NULL);
	if (p.too_big)
		return RC_TOO_BIG;
	if (p.failed || p.token.kind != TOKEN_END || !n)
		n = eas_kql_text(text, STORE_SEARCH_ALL, a);
	*ret = n;
	return RC_OK;
}
