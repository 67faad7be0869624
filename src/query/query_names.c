#include "query/query_names.h"

#include "base/hash.h"
#include "query/query_tree.h"

#include <string.h>

/* The entity's names lie side by side. */
static struct query_node *any_name(struct query *query, struct query_node *node,
                                   const struct statistics *statistics)
{
    uint32_t number = statistics_find_name(statistics, node->term, node->term_length,
                                           hash_bytes(node->term, node->term_length));
    if (number == DICTIONARY_NONE)
        return node;
    struct node_list names = {0};
    uint32_t first = statistics->firsts[number];
    for (uint32_t i = first; i < statistics->names.count && statistics->firsts[i] == first; i++) {
        size_t length;
        const char *term = dictionary_term(&statistics->names, i, &length);
        node_list_add(query, &names, query_term_new(query, term, length, false));
    }
    return node_list_join(query, QUERY_OR, &names);
}

static struct query_node *expand(struct query *query, struct query_node *node,
                                 const struct statistics *statistics)
{
    if (node->op == QUERY_TERM)
        return node->weighted ? node : any_name(query, node, statistics);
    struct query_node *result = node;
    for (size_t i = 0; i < node->child_count; i++) {
        struct query_node *child = expand(query, node->children[i], statistics);
        if (child == node->children[i])
            continue;
        if (result == node) {
            result = query_node_new(query, node->op, node->children, node->child_count);
            result->window = node->window;
        }
        result->children[i] = child;
    }
    return result;
}

struct query_node *query_names_expand(struct query *query, struct query_node *node,
                                      const struct statistics *statistics)
{
    return statistics->names.count == 0 ? node : expand(query, node, statistics);
}
