#include "related/trending_rows.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

void trending_rows_release(struct trending_rows *counted)
{
    free(counted->rows);
    free(counted->spans);
    resolved_filter_release(&counted->resolved);
    stories_release(&counted->stories);
}

/* ---- time ---- */

/* Rows with from < published <= until. */
static uint64_t rows_between(const struct snapshot *snapshot, int64_t from, int64_t until)
{
    uint64_t count = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        const struct rows *rows = snapshot->slices[i]->rows;
        count += rows_dated_before(rows, until + 1) - rows_dated_before(rows, from + 1);
    }
    return count;
}

void trending_rows_bound(const struct trending_query *query, struct trending_result *result)
{
    int64_t low = query->at - query->window - query->baseline;
    int64_t high = query->at;
    if (rows_between(query->snapshot, low, query->at) <= query->rows_max)
        return;
    result->bounded = true;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (rows_between(query->snapshot, middle, query->at) <= query->rows_max)
            high = middle;
        else
            low = middle;
    }
    int64_t span = query->at - high;
    if (query->window > span / 2)
        result->window = span / 2;
    result->baseline = span - result->window;
}

/* ---- rows ---- */

static void prefetch_row(const struct slice *slice, uint32_t row)
{
    __builtin_prefetch((const void *)&slice->shared->died[row]);
    __builtin_prefetch(&slice->features.originals[row]);
}

/* Of those that stand from `first` to before `end` in the order of dates. */
static void gather(struct trending_rows *counted, const struct trending_query *query,
                   const struct slice *slice, uint32_t first, uint32_t end, uint32_t step)
{
    const uint32_t *by_date = slice->rows->by_date;
    for (uint32_t i = first; i < end; i++) {
        uint32_t row = by_date[i];
        if (i + ROWS_AHEAD < slice->rows->dated)
            prefetch_row(slice, by_date[i + ROWS_AHEAD]);
        if (!slice_row_lives(slice, row, query->snapshot->revision) ||
            !filter_accepts(&counted->resolved, row))
            continue;
        counted->rows[counted->count++] =
            (struct dated_row){row, features_original(&slice->features, row), step};
    }
}

/* How many rows are older than the first second of a step; of step TRENDING_STEPS, than what comes after all.
 */
static uint32_t rows_before_step(const struct rows *rows, const struct trending_query *query,
                                 const struct trending_result *result, int64_t step)
{
    int64_t span = result->window + result->baseline;
    int64_t start = query->at - span + 1; /* the first second that counts */
    return rows_dated_before(rows, start + (step * span + TRENDING_STEPS - 1) / TRENDING_STEPS);
}

static void gather_slice(struct trending_rows *counted, const struct trending_query *query,
                         const struct trending_result *result, size_t number)
{
    const struct slice *slice = query->snapshot->slices[number];
    uint32_t first = rows_before_step(slice->rows, query, result, 0);
    uint32_t window = rows_dated_before(slice->rows, query->at - result->window + 1);
    uint32_t end = rows_dated_before(slice->rows, query->at + 1);
    struct slice_span *span = &counted->spans[number];
    span->start = span->window = counted->count;
    counted->rows =
        memory_grow(counted->rows, &counted->capacity, counted->count + (end - first), sizeof *counted->rows);
    if (first != end)
        filter_resolve(query->filter, slice, &query->snapshot->epoch->statistics, &counted->resolved);
    for (uint32_t step = 0; first != end; step++) {
        uint32_t next = rows_before_step(slice->rows, query, result, step + 1);
        uint32_t middle = first > window ? first : next < window ? next : window;
        gather(counted, query, slice, first, middle, step);
        span->window = first < window ? counted->count : span->window;
        gather(counted, query, slice, middle, next, step);
        first = next;
    }
    span->end = counted->count;
}

/* ---- each story once ---- */

static void note_copies(struct stories *stories, const struct dated_row *rows, size_t count,
                        const struct slice *slice)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].original != 0)
            stories_note(stories, rows[i].original, slice->rows->docids[rows[i].row]);
}

/* An original has the lowest docid of its story. */
static void note_originals(struct stories *stories, const struct dated_row *rows, size_t count,
                           const struct slice *slice)
{
    const uint32_t *docids = slice->rows->docids;
    for (size_t i = 0; i < count; i++) {
        if (i + ROWS_AHEAD < count)
            __builtin_prefetch(&docids[rows[i + ROWS_AHEAD].row]);
        uint32_t docid = docids[rows[i].row];
        if (rows[i].original == 0 && stories_first(stories, docid) != 0)
            stories_note(stories, docid, docid);
    }
}

/* Moves the rows that stand for their stories to the end of those that were kept before. */
static size_t keep_first(struct trending_rows *counted, size_t kept, size_t start, size_t end,
                         const struct slice *slice)
{
    for (size_t i = start; i < end; i++) {
        struct dated_row row = counted->rows[i];
        if (row.original == 0 ||
            stories_first(&counted->stories, row.original) == slice->rows->docids[row.row])
            counted->rows[kept++] = row;
    }
    return kept;
}

/* Of near-copies only the first counts that passed the filter and lies in the time. */
static void drop_copies(struct trending_rows *counted, const struct snapshot *snapshot)
{
    stories_clear(&counted->stories);
    for (size_t i = 0; i < snapshot->slice_count; i++)
        note_copies(&counted->stories, counted->rows + counted->spans[i].start,
                    counted->spans[i].end - counted->spans[i].start, snapshot->slices[i]);
    if (counted->stories.count == 0)
        return;
    for (size_t i = 0; i < snapshot->slice_count; i++)
        note_originals(&counted->stories, counted->rows + counted->spans[i].start,
                       counted->spans[i].end - counted->spans[i].start, snapshot->slices[i]);
    size_t kept = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        struct slice_span old = counted->spans[i];
        struct slice_span *span = &counted->spans[i];
        span->start = kept;
        kept = span->window = keep_first(counted, kept, old.start, old.window, snapshot->slices[i]);
        kept = span->end = keep_first(counted, kept, old.window, old.end, snapshot->slices[i]);
    }
    counted->count = kept;
}

/* ---- the whole ---- */

int trending_check_deadline(const struct trending_query *query, struct error *error)
{
    if (query->deadline != 0 && clock_now() > query->deadline)
        return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
    return 0;
}

int trending_rows_find(struct trending_rows *counted, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    size_t slices = query->snapshot->slice_count;
    counted->spans = memory_grow(counted->spans, &counted->span_capacity, slices, sizeof *counted->spans);
    counted->count = 0;
    for (size_t i = 0; i < slices; i++) {
        if (trending_check_deadline(query, error) != 0)
            return -1;
        gather_slice(counted, query, result, i);
    }
    if (counted->count != 0)
        drop_copies(counted, query->snapshot);
    return 0;
}
