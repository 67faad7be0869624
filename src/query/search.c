#include "query/search.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/date.h"
#include "base/memory.h"
#include "query/query_names.h"

#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_ATTEMPTS 3
#define EXACT_TOTAL 100     /* totals up to this are exact; beyond it Xapian may pass documents by */
#define CLOCK_INTERVAL 1024 /* rows between two looks at the clock */

struct searcher {
    struct xapian_reader *reader;
    struct search_hit *hits;
    size_t hit_capacity;
    struct resolved_filter resolved;
    const struct snapshot *opened; /* databases of this snapshot are open: compared, never used */
    uint64_t opened_revision;
};

struct searcher *searcher_new(void)
{
    struct searcher *searcher = memory_zeroed(1, sizeof *searcher);
    searcher->reader = xapian_reader_new();
    return searcher;
}

void searcher_free(struct searcher *searcher)
{
    if (searcher == NULL)
        return;
    xapian_reader_free(searcher->reader);
    free(searcher->hits);
    resolved_filter_release(&searcher->resolved);
    free(searcher);
}

/* ---- from docids to rows ---- */

/* Xapian hands out docids ascending within a segment, so the slice is nearly always the one of the docid
 * before. */
struct row_finder {
    const struct snapshot *snapshot;
    size_t slice;
};

static bool find_row(struct row_finder *finder, uint32_t docid, struct search_hit *hit)
{
    const struct snapshot *snapshot = finder->snapshot;
    if (snapshot->slice_count == 0)
        return false;
    struct slice *slice = snapshot->slices[finder->slice];
    if (docid < slice->rows->first_docid || docid > slice->rows->last_docid) {
        struct row_place place;
        if (!snapshot_find_docid(snapshot, docid, &place))
            return false;
        finder->slice = place.slice_number;
        *hit = (struct search_hit){.slice = place.slice, .row = place.row};
        return true;
    }
    uint32_t row = rows_find(slice->rows, docid);
    if (row == ROW_NONE || !slice_row_lives(slice, row, snapshot->revision))
        return false;
    *hit = (struct search_hit){.slice = slice, .row = row};
    return true;
}

/* ---- sorted by a column: every match passes by here ---- */

struct collector {
    struct row_finder finder;
    const struct filter *filter;
    enum search_sort sort;
    struct search_hit *heap; /* the last one in order on top */
    size_t limit;
    size_t count;
    size_t total;
};

static int64_t sort_key(const struct collector *collector, const struct search_hit *hit)
{
    int64_t published = hit->slice->rows->published[hit->row];
    switch (collector->sort) {
    case SORT_OLDEST:
        return published == DATE_NONE ? INT64_MIN : -published;
    case SORT_MOST_VIEWED:
        return slice_row_views(hit->slice, hit->row);
    default:
        return published;
    }
}

/* True if `a` comes after `b`: a smaller key, or the older version. */
static bool comes_after(const struct search_hit *a, const struct search_hit *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->slice->rows->docids[a->row] < b->slice->rows->docids[b->row];
}

static void swap_hits(struct search_hit *a, struct search_hit *b)
{
    struct search_hit moved = *a;
    *a = *b;
    *b = moved;
}

static void push(struct collector *collector, const struct search_hit *hit)
{
    struct search_hit *heap = collector->heap;
    if (collector->count < collector->limit) {
        size_t at = collector->count++;
        heap[at] = *hit;
        for (; at > 0 && comes_after(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
            swap_hits(&heap[at], &heap[(at - 1) / 2]);
        return;
    }
    if (collector->limit == 0 || !comes_after(&heap[0], hit))
        return;
    heap[0] = *hit;
    for (size_t at = 0;;) {
        size_t child = at * 2 + 1;
        if (child >= collector->count)
            return;
        if (child + 1 < collector->count && comes_after(&heap[child + 1], &heap[child]))
            child++;
        if (!comes_after(&heap[child], &heap[at]))
            return;
        swap_hits(&heap[child], &heap[at]);
        at = child;
    }
}

static void offer(struct collector *collector, struct search_hit *hit)
{
    collector->total++;
    hit->key = sort_key(collector, hit);
    push(collector, hit);
}

static bool collect(void *context, uint32_t docid)
{
    struct collector *collector = context;
    struct search_hit hit;
    if (find_row(&collector->finder, docid, &hit) &&
        filter_accepts_date(collector->filter, hit.slice->rows->published[hit.row]))
        offer(collector, &hit);
    return false; /* Xapian need not keep it */
}

static int compare_keys(const void *left, const void *right)
{
    return comes_after(left, right) ? 1 : comes_after(right, left) ? -1 : 0;
}

/* ---- ranked ---- */

struct acceptor {
    struct row_finder finder;
    const struct filter *filter;
};

static bool accept(void *context, uint32_t docid)
{
    struct acceptor *acceptor = context;
    struct search_hit hit;
    return find_row(&acceptor->finder, docid, &hit) &&
           filter_accepts_date(acceptor->filter, hit.slice->rows->published[hit.row]);
}

/* ---- the three ways to search ---- */

static bool has_weight(const struct query_node *node)
{
    if (node->op == QUERY_TERM || node->op == QUERY_WILDCARD)
        return node->weighted;
    if (node->op == QUERY_FILTER || node->op == QUERY_AND_NOT)
        return node->child_count != 0 && has_weight(node->children[0]);
    for (size_t i = 0; i < node->child_count; i++)
        if (has_weight(node->children[i]))
            return true;
    return false;
}

static int status_to_error(int status, struct error *error)
{
    switch (status) {
    case XAPIAN_DEADLINE:
        return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
    case XAPIAN_BAD_QUERY:
        error->code = ERROR_BAD_REQUEST;
        return -1;
    default:
        error->code = ERROR_UNAVAILABLE;
        return -1;
    }
}

static struct xapian_search make_search(const struct search_request *request, const struct snapshot *snapshot,
                                        const struct query_node *node)
{
    return (struct xapian_search){
        .sources = snapshot->sources,
        .source_count = snapshot->source_count,
        .query = node,
        .wildcard_expansions = (uint32_t)request->limits->wildcard_expansions,
        .deadline = request->deadline,
    };
}

static int search_ranked(struct searcher *searcher, const struct search_request *request,
                         const struct query_node *node, struct search_result *result, struct error *error)
{
    const struct snapshot *snapshot = result->snapshot;
    struct acceptor acceptor = {{snapshot, 0}, request->filter};
    struct xapian_search search = make_search(request, snapshot, node);
    search.ranked = true;
    search.offset = request->offset;
    search.limit = request->limit;
    search.check_at_least = request->exact_total ? SIZE_MAX : EXACT_TOTAL;
    search.accept = accept;
    search.accept_context = &acceptor;
    search.accept_if_ahead = !snapshot->has_dead && !filter_has_dates(request->filter);
    struct xapian_result found;
    int status = xapian_search(searcher->reader, &search, &found, error);
    if (status != XAPIAN_OK)
        return status;
    searcher->hits =
        memory_grow(searcher->hits, &searcher->hit_capacity, found.hit_count, sizeof *searcher->hits);
    struct row_finder finder = {snapshot, 0};
    for (size_t i = 0; i < found.hit_count; i++) {
        struct search_hit hit;
        if (!find_row(&finder, found.hits[i].docid, &hit))
            continue;
        hit.score = found.hits[i].score;
        searcher->hits[result->hit_count++] = hit;
    }
    result->total = found.total;
    result->total_exact = found.total_exact;
    result->by_relevance = true;
    return XAPIAN_OK;
}

/* Without words there is nothing for Xapian to do: the columns are read from end to end. */
static int scan_rows(struct searcher *searcher, const struct search_request *request,
                     struct collector *collector)
{
    const struct snapshot *snapshot = collector->finder.snapshot;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        struct slice *slice = snapshot->slices[i];
        filter_resolve(request->filter, slice, &snapshot->epoch->statistics, &searcher->resolved);
        for (uint32_t row = 0; row < slice->rows->count; row++) {
            if (row % CLOCK_INTERVAL == 0 && request->deadline != 0 && clock_now() > request->deadline)
                return XAPIAN_DEADLINE;
            if (!slice_row_lives(slice, row, snapshot->revision) || !filter_accepts(&searcher->resolved, row))
                continue;
            struct search_hit hit = {.slice = slice, .row = row};
            offer(collector, &hit);
        }
    }
    return XAPIAN_OK;
}

static int search_sorted(struct searcher *searcher, const struct search_request *request,
                         const struct query_node *node, struct search_result *result, struct error *error)
{
    size_t window = request->offset + request->limit;
    searcher->hits = memory_grow(searcher->hits, &searcher->hit_capacity, window, sizeof *searcher->hits);
    struct collector collector = {
        .finder = {result->snapshot, 0},
        .filter = request->filter,
        .sort = request->sort == SORT_RELEVANCE ? SORT_NEWEST : request->sort,
        .heap = searcher->hits,
        .limit = window,
    };
    int status;
    if (result->query->root->op == QUERY_ALL)
        status = scan_rows(searcher, request, &collector);
    else {
        struct xapian_search search = make_search(request, result->snapshot, node);
        search.accept = collect;
        search.accept_context = &collector;
        search.check_at_least = SIZE_MAX;
        struct xapian_result found;
        status = xapian_search(searcher->reader, &search, &found, error);
    }
    if (status != XAPIAN_OK)
        return status;
    qsort(collector.heap, collector.count, sizeof *collector.heap, compare_keys);
    size_t skipped = request->offset < collector.count ? request->offset : collector.count;
    result->hits = collector.heap + skipped;
    result->hit_count = collector.count - skipped;
    result->total = collector.total;
    result->total_exact = true;
    return XAPIAN_OK;
}

/* Databases of segments that were merged away are closed when a new snapshot comes. */
static void forget_old_databases(struct searcher *searcher, const struct snapshot *snapshot)
{
    if (searcher->opened == snapshot && searcher->opened_revision == snapshot->revision)
        return;
    xapian_reader_keep(searcher->reader, snapshot->sources, snapshot->source_count);
    searcher->opened = snapshot;
    searcher->opened_revision = snapshot->revision;
}

static int search_once(struct searcher *searcher, struct index *index, const struct search_request *request,
                       struct search_result *result, struct error *error)
{
    result->snapshot = index_acquire(index);
    forget_old_databases(searcher, result->snapshot);
    result->hit_count = 0;
    result->hits = searcher->hits;
    struct query_node *node = filter_query(request->filter, result->query, result->query->root);
    node = query_names_expand(result->query, node, &result->snapshot->epoch->statistics);
    int status;
    if (request->sort == SORT_RELEVANCE && has_weight(node)) {
        status = search_ranked(searcher, request, node, result, error);
        result->hits = searcher->hits;
    } else
        status = search_sorted(searcher, request, node, result, error);
    if (status == XAPIAN_DAMAGED)
        index_report_damage(index, result->snapshot->generation, error->message);
    if (status != XAPIAN_OK) {
        snapshot_release(result->snapshot);
        result->snapshot = NULL;
    }
    return status;
}

int search_run(struct searcher *searcher, struct index *index, struct stemmer_set *stemmers,
               const struct search_request *request, struct search_result *result, struct error *error)
{
    memset(result, 0, sizeof *result);
    if (query_parse(request->text, request->text_length, request->language, stemmers, request->limits,
                    &result->query, error) != 0)
        return -1;
    filter_add_dates(request->filter, result->query->published_from, result->query->published_until);
    int status = XAPIAN_STALE;
    for (int attempt = 0; attempt < SNAPSHOT_ATTEMPTS && status == XAPIAN_STALE; attempt++) {
        if (attempt > 0)
            counter_add(COUNTER_READ_RETRIES, 1);
        status = search_once(searcher, index, request, result, error);
    }
    if (status == XAPIAN_OK)
        return 0;
    query_free(result->query);
    result->query = NULL;
    return status_to_error(status, error);
}
