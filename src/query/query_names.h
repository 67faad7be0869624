/*
 * query_names.h - who asks for an entity by one of its names means all of them.
 *
 * Belongs to a search (one thread at a time).
 */
#ifndef STORYD_QUERY_QUERY_NAMES_H
#define STORYD_QUERY_QUERY_NAMES_H

#include "index/statistics.h"
#include "query/query.h"

/* The tree with each name that a profile has replaced by any of the entity's names; the tree itself if there
 * is none. New nodes and their terms are in the query's arena; `node` stays as it is. */
struct query_node *query_names_expand(struct query *query, struct query_node *node,
                                      const struct statistics *statistics);

#endif
