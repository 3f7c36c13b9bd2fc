/* SPDX-License-Identifier: ISC
 *
 * eas_kql.h - what a person types into the search field of a mail program, as a query of
 * the store: the Keyword Query Language (MS-ASCMD 2.2.3.80.1, MS-KQL).
 *
 *	budget from:anna (subject:"third quarter" OR category:work) received>=2026-01-01
 *	NOT hasattachment:true
 *
 * Words stand for themselves with what may follow ("meet" finds "meeting"), phrases in
 * quotes for just what they say. What is no query (a lonely parenthesis) is searched for
 * word by word: nobody who types is told of syntax.
 */
#ifndef ACTIVESYNC_EAS_KQL_H
#define ACTIVESYNC_EAS_KQL_H

#include "store/store_search.h"

#define EAS_KQL_MAX 2048     /* bytes */
#define EAS_KQL_DEPTH_MAX 30 /* parentheses */
#define EAS_KQL_NODES_MAX 200

/*
 * Nodes in a; *ret NULL: there is nothing to search for. Days are those of UTC; now_ms
 * says what "today" is. RC_TOO_BIG: one of the limits.
 */
enum rc eas_kql_parse(struct span text, int64_t now_ms, struct arena *a,
                      struct store_search_node **ret) MUST_CHECK;

/* Nodes for others too, in a. */
struct store_search_node *
eas_kql_text(struct span text, unsigned fields, struct arena *a);
/* Either may be NULL. */
struct store_search_node *
eas_kql_join(enum store_search_op op, struct store_search_node *left,
             struct store_search_node *right, struct arena *a);
/* from <= received < to */
struct store_search_node *
eas_kql_received(int64_t from_ms, int64_t to_ms, struct arena *a);

#endif
