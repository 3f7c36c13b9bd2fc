/* SPDX-License-Identifier: ISC
 *
 * imap_search_key.c - reads SEARCH's keys (RFC 9051 6.4.4, RFC 5032, RFC 7162 3.1.5).
 */
#include "imap/imap_search.h"

#define DEPTH_MAX 40
#define KEYS_MAX 2000

struct reader {
	struct imap_run *r;
	struct imap_read *rd;
	unsigned depth;
	unsigned n;
	bool modseq;
};

static struct search_key *read_key(struct reader *x);

static struct search_key *
new_key(struct reader *x, enum search_kind kind, enum search_cost cost)
{
	struct search_key *k = arena_new_of(x->r->arena, struct search_key);

	k->kind = kind;
	k->cost = cost;
	return k;
}

/* Keys with an argument; what kind of argument tells how it is read. */
enum argument {
	ARG_NONE,
	ARG_DAY,
	ARG_NUMBER,
	ARG_TEXT,
	ARG_FIELD,
	ARG_KEYWORD,
	ARG_NOT_KEYWORD,
	ARG_SET,
	ARG_FLAG,
	ARG_NOT_FLAG,
};

static const struct {
	const char *name;
	enum search_kind kind;
	enum search_cost cost;
	enum argument arg;
	uint32_t flag;
} keys[] = {
	{ "ALL", SEARCH_ALL, SEARCH_COST_ROW, ARG_NONE, 0 },
	{ "ANSWERED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_FLAG, STORE_FLAG_ANSWERED },
	{ "BCC", SEARCH_BCC, SEARCH_COST_META, ARG_TEXT, 0 },
	{ "BEFORE", SEARCH_BEFORE, SEARCH_COST_ROW, ARG_DAY, 0 },
	{ "BODY", SEARCH_BODY, SEARCH_COST_BODY, ARG_TEXT, 0 },
	{ "CC", SEARCH_CC, SEARCH_COST_META, ARG_TEXT, 0 },
	{ "DELETED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_FLAG, STORE_FLAG_DELETED },
	{ "DRAFT", SEARCH_FLAG, SEARCH_COST_ROW, ARG_FLAG, STORE_FLAG_DRAFT },
	{ "FLAGGED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_FLAG, STORE_FLAG_FLAGGED },
	{ "FROM", SEARCH_FROM, SEARCH_COST_META, ARG_TEXT, 0 },
	{ "HEADER", SEARCH_HEADER, SEARCH_COST_HEADER, ARG_FIELD, 0 },
	{ "KEYWORD", SEARCH_KEYWORD, SEARCH_COST_ROW, ARG_KEYWORD, 0 },
	{ "LARGER", SEARCH_LARGER, SEARCH_COST_ROW, ARG_NUMBER, 0 },
	{ "NEW", SEARCH_NONE, SEARCH_COST_ROW, ARG_NONE, 0 },
	{ "OLD", SEARCH_ALL, SEARCH_COST_ROW, ARG_NONE, 0 },
	{ "OLDER", SEARCH_OLDER, SEARCH_COST_ROW, ARG_NUMBER, 0 },
	{ "ON", SEARCH_ON, SEARCH_COST_ROW, ARG_DAY, 0 },
	{ "RECENT", SEARCH_NONE, SEARCH_COST_ROW, ARG_NONE, 0 },
	{ "SEEN", SEARCH_FLAG, SEARCH_COST_ROW, ARG_FLAG, STORE_FLAG_SEEN },
	{ "SENTBEFORE", SEARCH_SENT_BEFORE, SEARCH_COST_META, ARG_DAY, 0 },
	{ "SENTON", SEARCH_SENT_ON, SEARCH_COST_META, ARG_DAY, 0 },
	{ "SENTSINCE", SEARCH_SENT_SINCE, SEARCH_COST_META, ARG_DAY, 0 },
	{ "SINCE", SEARCH_SINCE, SEARCH_COST_ROW, ARG_DAY, 0 },
	{ "SMALLER", SEARCH_SMALLER, SEARCH_COST_ROW, ARG_NUMBER, 0 },
	{ "SUBJECT", SEARCH_SUBJECT, SEARCH_COST_META, ARG_TEXT, 0 },
	{ "TEXT", SEARCH_TEXT, SEARCH_COST_BODY, ARG_TEXT, 0 },
	{ "TO", SEARCH_TO, SEARCH_COST_META, ARG_TEXT, 0 },
	{ "UID", SEARCH_UID, SEARCH_COST_ROW, ARG_SET, 0 },
	{ "UNANSWERED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_NOT_FLAG, STORE_FLAG_ANSWERED },
	{ "UNDELETED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_NOT_FLAG, STORE_FLAG_DELETED },
	{ "UNDRAFT", SEARCH_FLAG, SEARCH_COST_ROW, ARG_NOT_FLAG, STORE_FLAG_DRAFT },
	{ "UNFLAGGED", SEARCH_FLAG, SEARCH_COST_ROW, ARG_NOT_FLAG, STORE_FLAG_FLAGGED },
	{ "UNKEYWORD", SEARCH_KEYWORD, SEARCH_COST_ROW, ARG_NOT_KEYWORD, 0 },
	{ "UNSEEN", SEARCH_FLAG, SEARCH_COST_ROW, ARG_NOT_FLAG, STORE_FLAG_SEEN },
	{ "YOUNGER", SEARCH_YOUNGER, SEARCH_COST_ROW, ARG_NUMBER, 0 },
};

static bool
read_text(struct reader *x, struct span *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span s;

	if (!imap_read_astring(x->rd, &s))
		return false;
	imap_fold(s, &b);
	*ret = arena_span(x->r->arena, buf_span(&b));
	return true;
}

/* A flag that has a bit is a flag, whatever it is called (KEYWORD $Junk). */
static bool
read_keyword(struct reader *x, struct search_key *k)
{
	struct imap_flags f;

	if (!imap_read_keyword(x->rd, &f))
		return false;
	k->name = f.keywords;
	k->flag = f.system;
	if (f.system)
		k->kind = SEARCH_FLAG;
	return true;
}

static bool
read_argument(struct reader *x, struct search_key *k, enum argument arg)
{
	if (arg == ARG_NONE || arg == ARG_FLAG || arg == ARG_NOT_FLAG)
		return true;
	if (!imap_read_sp(x->rd))
		return false;
	switch (arg) {
	case ARG_DAY:
		return imap_read_date(x->rd, &k->days);
	case ARG_NUMBER:
		return imap_read_u64(x->rd, &k->number);
	case ARG_TEXT:
		return read_text(x, &k->text);
	case ARG_FIELD:
		return imap_read_astring(x->rd, &k->name) && imap_read_sp(x->rd) &&
		       read_text(x, &k->text);
	case ARG_KEYWORD:
	case ARG_NOT_KEYWORD:
		return read_keyword(x, k);
	case ARG_SET:
		return imap_read_set(x->rd, &k->set);
	case ARG_NONE:
	case ARG_FLAG:
	case ARG_NOT_FLAG:
		break;
	}
	return true;
}

static struct search_key *
negate(struct reader *x, struct search_key *k)
{
	struct search_key *not = new_key(x, SEARCH_NOT, k->cost);

	not ->first = k;
	return not ;
}

static struct search_key *
read_named(struct reader *x, struct span word)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!span_iis(word, keys[i].name))
			continue;
		struct search_key *k = new_key(x, keys[i].kind, keys[i].cost);
		k->flag = keys[i].flag;
		if (!read_argument(x, k, keys[i].arg))
			return NULL;
		bool not = keys[i].arg == ARG_NOT_FLAG || keys[i].arg == ARG_NOT_KEYWORD;
		return not ? negate(x, k) : k;
	}
	imap_read_fail(x->rd, "Unknown search key");
	return NULL;
}

/* MODSEQ ["/flags/\\Draft" all] 620162338 (RFC 7162 3.1.5) */
static struct search_key *
read_modseq(struct reader *x)
{
	struct search_key *k = new_key(x, SEARCH_MODSEQ, SEARCH_COST_ROW);
	struct span ignored;

	if (!imap_read_sp(x->rd))
		return NULL;
	/* We keep one modseq for a message, so an entry's name changes nothing. */
	if (imap_read_peek(x->rd) == '"' &&
	    (!imap_read_string(x->rd, &ignored) || !imap_read_sp(x->rd) ||
	     !imap_read_word(x->rd, &ignored) || !imap_read_sp(x->rd)))
		return NULL;
	x->modseq = true;
	return imap_read_u64(x->rd, &k->number) ? k : NULL;
}

static struct search_key *
read_or(struct reader *x)
{
	struct search_key *k = new_key(x, SEARCH_OR, SEARCH_COST_ROW);

	if (!imap_read_sp(x->rd) || !(k->first = read_key(x)) || !imap_read_sp(x->rd) ||
	    !(k->first->next = read_key(x)))
		return NULL;
	struct search_key *a = k->first, *b = a->next;
	k->cost = a->cost > b->cost ? a->cost : b->cost;
	/* The cheaper one is asked first. */
	if (b->cost < a->cost) {
		k->first = b;
		b->next = a;
		a->next = NULL;
	}
	return k;
}

/* Into an AND behind those that cost no more. */
static void
insert_by_cost(struct search_key *and, struct search_key *k)
{
	struct search_key **at = &and->first;

	while (*at && (*at)->cost <= k->cost)
		at = &(*at)->next;
	k->next = *at;
	*at = k;
	if (k->cost > and->cost)
		and->cost = k->cost;
}

/* Keys up to stop (')' or -1, the end). */
static struct search_key *
read_list(struct reader *x, int stop)
{
	struct search_key *and = new_key(x, SEARCH_AND, SEARCH_COST_ROW);

	do {
		struct search_key *k = read_key(x);
		if (!k)
			return NULL;
		insert_by_cost(and, k);
	} while (imap_read_if(x->rd, ' ') && imap_read_peek(x->rd) != -1);
	if (stop == ')' ? !imap_read_char(x->rd, ')') : !imap_read_end(x->rd))
		return NULL;
	return and;
}

static struct search_key *
read_one(struct reader *x)
{
	struct imap_read *rd = x->rd;
	int c = imap_read_peek(rd);
	struct span word;

	if (imap_read_if(rd, '('))
		return read_list(x, ')');
	if ((c >= '0' && c <= '9') || c == '*' || c == '$') {
		struct search_key *k = new_key(x, SEARCH_SEQ, SEARCH_COST_ROW);
		return imap_read_set(rd, &k->set) ? k : NULL;
	}
	if (!imap_read_word(rd, &word))
		return NULL;
	if (span_iis(word, "NOT")) {
		struct search_key *k = imap_read_sp(rd) ? read_key(x) : NULL;
		return k ? negate(x, k) : NULL;
	}
	if (span_iis(word, "OR"))
		return read_or(x);
	if (span_iis(word, "MODSEQ"))
		return read_modseq(x);
	return read_named(x, word);
}

static struct search_key *
read_key(struct reader *x)
{
	if (++x->depth > DEPTH_MAX || ++x->n > KEYS_MAX) {
		imap_read_fail(x->rd, "Too many or too deeply nested keys");
		return NULL;
	}
	struct search_key *k = read_one(x);
	x->depth--;
	return k;
}

struct search_key *
imap_search_read_keys(struct imap_run *r, bool *ret_modseq)
{
	struct reader x = { .r = r, .rd = &r->rd };
	struct search_key *k = read_list(&x, -1);

	*ret_modseq = x.modseq;
	return k;
}
