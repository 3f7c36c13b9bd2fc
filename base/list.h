/* SPDX-License-Identifier: ISC
 *
 * list.h - an intrusive, circular, doubly linked list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/def.h"

struct list {
	struct list *prev;
	struct list *next;
};

static inline void
list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_insert_before(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void
list_push_back(struct list *head, struct list *n)
{
	list_insert_before(head, n);
}

static inline void
list_push_front(struct list *head, struct list *n)
{
	list_insert_before(head->next, n);
}

/* Leaves n pointing at itself, so that removing twice is harmless. */
static inline void
list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = n;
}

/* Moves all of src to the end of dst; src is empty after it. */
static inline void
list_splice(struct list *dst, struct list *src)
{
	if (list_is_empty(src))
		return;
	src->next->prev = dst->prev;
	dst->prev->next = src->next;
	src->prev->next = dst;
	dst->prev = src->prev;
	list_init(src);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_each(pos, head, type, member)                                               \
	for (type *pos = list_entry((head)->next, type, member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, type, member))
/* The same when the body may remove or free pos. */
#define list_each_safe(pos, head, type, member)                                          \
	for (type *pos = list_entry((head)->next, type, member),                         \
	          *pos##_next = list_entry(pos->member.next, type, member);              \
	     &pos->member != (head);                                                     \
	     pos = pos##_next, pos##_next = list_entry(pos->member.next, type, member))

#endif
