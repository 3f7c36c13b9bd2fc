/* SPDX-License-Identifier: ISC
 *
 * fuzz_kql.c - any bytes as a search query: a tree within the limits, and judged without
 * a fault.
 */
#include <assert.h>

#include "activesync/eas_kql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const struct store_search_node *n, const struct store_item *item)
{
	switch (n->op) {
	case STORE_SEARCH_AND:
	case STORE_SEARCH_OR:
		assert(n->left && n->right);
		return 1 + walk(n->left, item) + walk(n->right, item);
	case STORE_SEARCH_NOT:
		assert(n->left);
		return 1 + walk(n->left, item);
	case STORE_SEARCH_TEST:
		(void)n->test(item, n->arg);
		return 1;
	case STORE_SEARCH_TEXT:
		assert(n->fields != 0 && n->text.n <= EAS_KQL_MAX + 64);
		return 1;
	case STORE_SEARCH_HAS_ATTACHMENT:
		return 1;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item = { .props = SPAN("category=red\n"), .size = 1000 };
	struct store_search_node *n = NULL;

	if (eas_kql_parse(span_of((const char *)data, size), INT64_C(1795300000000), a,
	                  &n) == RC_OK &&
	    n)
		assert(walk(n, &item) <= 4 * EAS_KQL_NODES_MAX);
	return 0;
}
