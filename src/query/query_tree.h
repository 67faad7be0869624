/*
 * query_tree.h - the query module's own helpers: the arena, and lists of nodes while the tree grows.
 *
 * Everything made here lives until query_free(). One thread at a time.
 */
#ifndef STORYD_QUERY_QUERY_TREE_H
#define STORYD_QUERY_QUERY_TREE_H

#include "query/query.h"

struct query_arena;
struct query_arena *query_arena_new(void);
void query_arena_free(struct query_arena *arena);
void *query_arena_take(struct query_arena *arena, size_t size); /* zeroed, aligned for any node */
char *query_arena_copy(struct query_arena *arena, const char *bytes, size_t length);

/* Zero-initialise; the items are in the arena. */
struct node_list {
    struct query_node **items;
    size_t count;
    size_t capacity;
};
void node_list_add(struct query *query, struct node_list *list,
                   struct query_node *node); /* NULL is left out */

/* NULL for an empty list, the item of a list of one, else a node over all. */
struct query_node *node_list_join(struct query *query, enum query_op op, const struct node_list *list);

/* Whether the node only filters: no term in it has weight. */
bool query_node_is_boolean(const struct query_node *node);

#endif
