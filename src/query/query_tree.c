#include "query/query_tree.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 4000
#define ARENA_ALIGNMENT sizeof(void *)

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    char bytes[] __attribute__((aligned(8)));
};

struct query_arena {
    struct arena_block *blocks;
};

struct query_arena *query_arena_new(void)
{
    return memory_zeroed(1, sizeof(struct query_arena));
}

void query_arena_free(struct query_arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

static void add_block(struct query_arena *arena, size_t size)
{
    struct arena_block *block = memory_zeroed(1, sizeof *block + size);
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
}

void *query_arena_take(struct query_arena *arena, size_t size)
{
    size = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (arena->blocks == NULL || arena->blocks->size - arena->blocks->used < size)
        add_block(arena, size > ARENA_BLOCK ? size : ARENA_BLOCK);
    char *taken = arena->blocks->bytes + arena->blocks->used;
    arena->blocks->used += size;
    return taken;
}

char *query_arena_copy(struct query_arena *arena, const char *bytes, size_t length)
{
    char *copy = query_arena_take(arena, length + 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

void node_list_add(struct query *query, struct node_list *list, struct query_node *node)
{
    if (node == NULL)
        return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        struct query_node **items = query_arena_take(query->arena, capacity * sizeof(struct query_node *));
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(struct query_node *));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
}

struct query_node *node_list_join(struct query *query, enum query_op op, const struct node_list *list)
{
    if (list->count == 0)
        return NULL;
    return list->count == 1 ? list->items[0] : query_node_new(query, op, list->items, list->count);
}

struct query_node *query_node_new(struct query *query, enum query_op op, struct query_node *const *children,
                                  size_t child_count)
{
    struct query_node *node = query_arena_take(query->arena, sizeof *node);
    node->op = op;
    node->child_count = child_count;
    if (child_count > 0) {
        node->children = query_arena_take(query->arena, child_count * sizeof(struct query_node *));
        memcpy(node->children, children, child_count * sizeof(struct query_node *));
    }
    return node;
}

struct query_node *query_term_new(struct query *query, const char *term, size_t length, bool weighted)
{
    struct query_node *node = query_node_new(query, QUERY_TERM, NULL, 0);
    node->term = query_arena_copy(query->arena, term, length);
    node->term_length = length;
    node->weighted = weighted;
    return node;
}

bool query_node_is_boolean(const struct query_node *node)
{
    if (node->op == QUERY_TERM || node->op == QUERY_WILDCARD)
        return !node->weighted;
    for (size_t i = 0; i < node->child_count; i++) {
        if (!query_node_is_boolean(node->children[i]))
            return false;
    }
    return true;
}

void query_free(struct query *query)
{
    if (query == NULL)
        return;
    query_arena_free(query->arena);
    free(query);
}

static const char *const op_names[] = {
    [QUERY_NOTHING] = "NOTHING", [QUERY_ALL] = "ALL",         [QUERY_TERM] = "",
    [QUERY_WILDCARD] = "",       [QUERY_OR] = "OR",           [QUERY_AND] = "AND",
    [QUERY_AND_NOT] = "AND_NOT", [QUERY_AND_MAYBE] = "MAYBE", [QUERY_FILTER] = "FILTER",
    [QUERY_PHRASE] = "PHRASE",   [QUERY_NEAR] = "NEAR",
};

void query_describe(const struct query_node *node, struct buffer *out)
{
    if (node->op == QUERY_TERM || node->op == QUERY_WILDCARD) {
        buffer_append(out, node->term, node->term_length);
        if (node->op == QUERY_WILDCARD)
            buffer_append_char(out, '*');
        return;
    }
    if (node->child_count == 0) {
        buffer_append_string(out, op_names[node->op]);
        return;
    }
    buffer_printf(out, "(%s", op_names[node->op]);
    if (node->op == QUERY_PHRASE || node->op == QUERY_NEAR)
        buffer_printf(out, "/%u", node->window);
    for (size_t i = 0; i < node->child_count; i++) {
        buffer_append_char(out, ' ');
        query_describe(node->children[i], out);
    }
    buffer_append_char(out, ')');
}
