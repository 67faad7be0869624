/*
 * filter.h - the `filter` of SEARCH and RELATED: which articles may be shown at all.
 *
 *   {"category":"Tech", "tags":["ai","music"], "people":{"any":[…],"all":[…],"none":[…]},
 *    "published":{"from":"2025-07-01","to":"2025-09-30"}}
 *
 * Parsed once for each request; resolved once for each slice (names to numbers), then asked row by row. One
 * thread at a time; a resolved filter belongs to one slice.
 */
#ifndef STORYD_QUERY_FILTER_H
#define STORYD_QUERY_FILTER_H

#include "index/slice.h"
#include "index/statistics.h"
#include "query/query.h"

#include <jansson.h>

enum filter_want { FILTER_ANY, FILTER_ALL, FILTER_NONE };

struct filter_clause {
    enum term_field field;
    enum filter_want want;
    char **terms; /* owned: Xapian terms */
    size_t *lengths;
    size_t count;
};

struct filter {
    struct filter_clause *clauses;
    size_t clause_count;
    int64_t from; /* DATE_NONE = open; an article without a date passes only if both are open */
    int64_t until;
};

/* `json` may be NULL (everything passes). *filter is new: filter_free(). bad_request naming the key. */
int filter_parse(const json_t *json, struct filter **filter, struct error *error);
void filter_free(struct filter *filter);

/* Narrows the dates to a further range. */
void filter_add_dates(struct filter *filter, int64_t from, int64_t until);
bool filter_has_dates(const struct filter *filter);
/* True if everything passes. */
bool filter_is_open(const struct filter *filter);

/* Adds a clause "none of these names" to the filter (RELATED's `exclude`). */
void filter_exclude(struct filter *filter, enum term_field field, const json_t *names);

/* Adds a clause "this name". False if the name is none. */
bool filter_require(struct filter *filter, enum term_field field, const char *name);

/* The query with the filter's clauses around it as boolean terms; dates are not in it. Names are as they are
 * asked for: query_names_expand() comes after it. */
struct query_node *filter_query(const struct filter *filter, struct query *query, struct query_node *node);

/* The filter's terms as numbers of one slice. */
struct resolved_filter {
    const struct filter *filter;
    const struct slice *slice;
    uint32_t *numbers; /* of all clauses, one after the other; DICTIONARY_NONE: not in this slice */
    size_t capacity;
};
/* Zero-initialise before first use. A name that a profile has (`statistics` are those of the slice's epoch)
 * is that of the entity. */
void filter_resolve(const struct filter *filter, const struct slice *slice,
                    const struct statistics *statistics, struct resolved_filter *resolved);
void resolved_filter_release(struct resolved_filter *resolved);

/* True if the row passes every clause and the dates. */
bool filter_accepts(const struct resolved_filter *resolved, uint32_t row);

/* Dates alone, for rows that came through filter_query(). */
bool filter_accepts_date(const struct filter *filter, int64_t published);

#endif
