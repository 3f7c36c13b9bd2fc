/* SPDX-License-Identifier: ISC
 *
 * test_eas_kql.c - what is typed into a search field, as a tree.
 */
#include "activesync/eas_kql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#define NOW INT64_C(1795300000000) /* Saturday, 2026-11-21 22:26:40 */

/* A message that the rows of the tests are judged by. */
static const struct store_item row = {
	.received_ms = INT64_C(1795219200000), /* 2026-11-21 */
	.flags = STORE_FLAG_SEEN,
	.size = 5000,
	.props = { "category=Work%0Aplace\ncategory=red\n", 34 },
};

static void
show(const struct store_search_node *n, struct buf *b)
{
	static const char *const names[] = { "and", "or", "not" };

	switch (n->op) {
	case STORE_SEARCH_AND:
	case STORE_SEARCH_OR:
	case STORE_SEARCH_NOT:
		buf_addf(b, "(%s ", names[n->op]);
		show(n->left, b);
		if (n->right) {
			buf_add_char(b, ' ');
			show(n->right, b);
		}
		buf_add_char(b, ')');
		return;
	case STORE_SEARCH_TEXT:
		if (n->fields != STORE_SEARCH_ALL)
			buf_addf(b, "%x:", n->fields);
		buf_addf(b, n->phrase ? "\"%.*s\"" : "%.*s", SPAN_FMT(n->text));
		return;
	case STORE_SEARCH_HAS_ATTACHMENT:
		buf_add_str(b, "att");
		return;
	case STORE_SEARCH_TEST:
		buf_add_str(b, n->test(&row, n->arg) ? "yes" : "no");
		return;
	}
}

static void
check(const char *text, const char *want)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_search_node *n;

	assert_int_equal(eas_kql_parse(span_str(text), NOW, a, &n), RC_OK);
	if (n)
		show(n, &b);
	if (!span_is(buf_span(&b), want))
		fail_msg("%s: got %.*s, want %s", text, SPAN_FMT(buf_span(&b)), want);
}

static void
words_and_operators_make_a_tree(void **state)
{
	(void)state;
	check("", "");
	check("  ", "");
	check("one", "one");
	check("one two", "(and one two)");
	check("one AND two OR three four", "(or (and one two) (and three four))");
	check("one NOT two", "(and one (not two))");
	check("one AND NOT two", "(and one (not two))");
	check("-one", "(not one)");
	check("+one -two", "(and one (not two))");
	check("e-mail", "e-mail");
	check("(one OR two) three", "(and (or one two) three)");
	check("one and two", "(and (and one and) two)"); /* lower case: words */
	check("\"one two\" three*", "(and \"one two\" three)");
	check("\"never closed", "\"never closed\"");
}

static void
properties_restrict(void **state)
{
	(void)state;
	check("from:anna", "2:anna");
	check("FROM:\"anna b\"", "2:\"anna b\"");
	check("subject:a budget", "(and 1:a budget)");
	check("to:a cc:b", "(and 4:a 8:b)");
	check("from:a from:b", "(or 2:a 2:b)");
	check("from:a AND from:b", "(and 2:a 2:b)");
	check("from:a from:b subject:c", "(and (or 2:a 2:b) 1:c)");
	check("from:(a OR b)", "(or 2:a 2:b)");
	check("subject:(a b)", "(and 1:a 1:b)");
	check("participants:x", "1e:x");
	check("from<>a", "(not 2:a)");
	check("hasattachment:true", "att");
	check("hasattachments:no", "(not att)");
	check("hasattachment:maybe", "hasattachment:maybe");
	check("note:this", "note:this");
	check("http://example.org/", "http://example.org/");
	check("12:30", "12:30");
}

static void
rows_are_judged(void **state)
{
	(void)state;
	check("received:2026-11-21", "yes");
	check("received:2026-11-20", "no");
	check("received:11/21/2026", "yes");
	check("received>2026-11-20", "yes");
	check("received>2026-11-21", "no");
	check("received>=2026-11-21", "yes");
	check("received<2026-11-21", "no");
	check("received<=2026-11-21", "yes");
	check("received:2026-11-01..2026-11-21", "yes");
	check("received:2026-11-01..2026-11-20", "no");
	check("received:today", "yes");
	check("received:yesterday", "no");
	check("received:\"this week\"", "yes");
	check("received:\"last week\"", "no");
	check("received:\"this month\"", "yes");
	check("received:\"last month\"", "no");
	check("received:\"this year\"", "yes");
	check("received:\"last year\"", "no");
	check("received>=2026-11-21T00:00:00Z", "yes");
	check("received:never", "received:never");
	check("category:red", "yes");
	check("category:RED", "yes");
	check("category:blue", "no");
	check("category:place", "yes");
	check("isread:yes", "yes");
	check("isread:false", "(not yes)");
	check("isflagged:true", "no");
	check("size>4KB", "yes");
	check("size<4KB", "no");
	check("size:5000", "yes");
}

static void
what_is_no_query_is_searched_for(void **state)
{
	(void)state;
	check("(", "(");
	check(")", ")");
	check("one (", "one (");
	check("one OR", "one OR");
	check("AND", "AND");
	check("from:", "from:");
	check("from: OR x", "from: OR x");
	check("(((a)", "(((a)");
}

static void
limits_are_kept(void **state)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_search_node *n;

	(void)state;
	for (int i = 0; i <= EAS_KQL_DEPTH_MAX; i++)
		buf_add_char(&b, '(');
	buf_add_str(&b, "a");
	assert_int_equal(eas_kql_parse(buf_span(&b), NOW, a, &n), RC_TOO_BIG);
	buf_clear(&b);
	for (int i = 0; i <= EAS_KQL_NODES_MAX; i++)
		buf_add_str(&b, "a ");
	assert_int_equal(eas_kql_parse(buf_span(&b), NOW, a, &n), RC_TOO_BIG);
	while (buf_len(&b) <= EAS_KQL_MAX)
		buf_add_str(&b, "aaaaaaaa");
	assert_int_equal(eas_kql_parse(buf_span(&b), NOW, a, &n), RC_TOO_BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_operators_make_a_tree),
		cmocka_unit_test(properties_restrict),
		cmocka_unit_test(rows_are_judged),
		cmocka_unit_test(what_is_no_query_is_searched_for),
		cmocka_unit_test(limits_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
