/*
 * search.h - one search: text and filter in, the articles of one page out, from one pinned snapshot.
 *
 * Words are matched by Xapian; filters by date, sorts by date or views, and the check that a version is still
 * the present one are done on the catalog's columns. A searcher belongs to one thread.
 */
#ifndef STORYD_QUERY_SEARCH_H
#define STORYD_QUERY_SEARCH_H

#include "index/index.h"
#include "query/filter.h"

enum search_sort { SORT_RELEVANCE, SORT_NEWEST, SORT_OLDEST, SORT_MOST_VIEWED };

struct search_request {
    const char *text;
    size_t text_length;
    const struct language *language; /* whose stemmer and stop words */
    struct filter *filter;           /* borrowed; dates in the text narrow it */
    enum search_sort sort;
    size_t offset;
    size_t limit;
    bool exact_total; /* count every match, whatever it costs */
    int64_t deadline; /* clock.h; 0 = none */
    const struct query_limits *limits;
};

struct search_hit {
    struct slice *slice;
    uint32_t row;
    float score; /* 0 unless sorted by relevance */
    int64_t key; /* what it was sorted by otherwise */
};

struct search_result {
    struct snapshot *snapshot;     /* the caller's to release; hits point into it */
    struct query *query;           /* the caller's to free; holds the warning */
    const struct search_hit *hits; /* the searcher's, until its next search */
    size_t hit_count;
    size_t total;
    bool total_exact;
    bool by_relevance; /* hits have scores */
};

struct searcher;
struct searcher *searcher_new(void);
void searcher_free(struct searcher *searcher);

/* Errors: bad_request, deadline, unavailable. On failure nothing in `result` needs releasing. */
int search_run(struct searcher *searcher, struct index *index, struct stemmer_set *stemmers,
               const struct search_request *request, struct search_result *result, struct error *error);

#endif
