#include "related/trending_rows.h"

#include "base/bits.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

/* Rows lie all over a slice: what is read of one is fetched while these many before it are worked on. */
#define ROWS_AHEAD 16

void trending_rows_release(struct trending_rows *rows)
{
    free(rows->spans);
    free(rows->words);
    resolved_filter_release(&rows->resolved);
    stories_release(&rows->stories);
}

/* ---- time ---- */

/* Rows with from < published <= until. */
static uint64_t rows_between(const struct snapshot *snapshot, int64_t from, int64_t until)
{
    uint64_t count = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        const struct slice *slice = snapshot->slices[i];
        uint32_t first = slice_dated_before(slice, 0, slice->rows->dated, from + 1);
        count += slice_dated_before(slice, first, slice->rows->dated, until + 1) - first;
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

/* ---- spans ---- */

static size_t span_words(const struct date_span *span)
{
    return (span->end + 63) / 64 - span->start / 64;
}

/* All steps at once: what one of them waits for is fetched together with the others'. */
void trending_rows_steps(const struct date_span *span, const struct trending_query *query,
                         const struct trending_result *result, uint32_t ends[TRENDING_STEPS])
{
    int64_t length = result->window + result->baseline;
    int64_t start = query->at - length + 1; /* the first second that counts */
    struct date_search searches[TRENDING_STEPS];
    for (int64_t step = 0; step < TRENDING_STEPS; step++) {
        int64_t date = start + ((step + 1) * length + TRENDING_STEPS - 1) / TRENDING_STEPS;
        searches[step] = slice_date_search(span->slice, span->start, span->end, date);
    }
    for (size_t step = 0; step < TRENDING_STEPS; step++)
        date_search_prefetch(&searches[step]);
    for (size_t step = 0; step < TRENDING_STEPS; step++)
        ends[step] = date_search_finish(&searches[step]);
}

/* The spans, and how many words of bits they need. */
static size_t find_spans(struct trending_rows *rows, const struct trending_query *query,
                         const struct trending_result *result)
{
    const struct snapshot *snapshot = query->snapshot;
    size_t words = 0;
    rows->spans = memory_grow(rows->spans, &rows->span_capacity, snapshot->slice_count, sizeof *rows->spans);
    rows->span_count = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        struct slice *slice = snapshot->slices[i];
        uint32_t dated = slice->rows->dated;
        struct date_span span = {.slice = slice};
        span.start = slice_dated_before(slice, 0, dated, query->at - result->window - result->baseline + 1);
        span.window = slice_dated_before(slice, span.start, dated, query->at - result->window + 1);
        span.end = slice_dated_before(slice, span.window, dated, query->at + 1);
        if (span.start == span.end)
            continue;
        rows->spans[rows->span_count++] = span;
        words += span_words(&span);
    }
    return words;
}

/* Each span gets its bits, all set. */
static void set_bits(struct trending_rows *rows, size_t words)
{
    rows->words = memory_grow(rows->words, &rows->word_capacity, words, sizeof *rows->words);
    memset(rows->words, 0xff, words * sizeof *rows->words);
    uint64_t *next = rows->words;
    for (size_t i = 0; i < rows->span_count; i++) {
        struct date_span *span = &rows->spans[i];
        span->counts = next;
        next += span_words(span);
        span->counts[0] &= UINT64_MAX << (span->start % 64);
        if (span->end % 64 != 0)
            next[-1] &= UINT64_MAX >> (64 - span->end % 64);
    }
}

/* How many articles at positions in [from, until) count. */
static uint32_t count_between(const struct date_span *span, uint32_t from, uint32_t until)
{
    if (from >= until)
        return 0;
    const uint64_t *first = &span->counts[from / 64 - span->start / 64];
    const uint64_t *last = &span->counts[(until - 1) / 64 - span->start / 64];
    uint64_t head = UINT64_MAX << (from % 64);
    uint64_t tail = UINT64_MAX >> (63 - (until - 1) % 64);
    if (first == last)
        return bits_count(*first & head & tail);
    uint32_t count = bits_count(*first & head) + bits_count(*last & tail);
    for (const uint64_t *word = first + 1; word < last; word++)
        count += *word == UINT64_MAX ? 64 : bits_count(*word);
    return count;
}

uint32_t date_span_hole(const struct date_span *span, uint32_t from, uint32_t until)
{
    uint32_t base = span->start / 64;
    for (; from < until; from = (from / 64 + 1) * 64) {
        uint64_t holes = ~span->counts[from / 64 - base] >> (from % 64);
        if (holes == 0)
            continue;
        from += (uint32_t)__builtin_ctzll(holes);
        break;
    }
    return from < until ? from : until;
}

bool date_span_run(const struct date_span *span, uint32_t from, uint32_t until, uint32_t *first,
                   uint32_t *end)
{
    uint32_t base = span->start / 64;
    for (; from < until; from = (from / 64 + 1) * 64) {
        uint64_t word = span->counts[from / 64 - base] >> (from % 64);
        if (word == 0)
            continue;
        *first = from + (uint32_t)__builtin_ctzll(word);
        break;
    }
    if (from >= until || *first >= until)
        return false;
    *end = date_span_hole(span, *first, until);
    return true;
}

/* ---- what does not count ---- */

static void leave_out(struct date_span *span, uint32_t position)
{
    span->counts[position / 64 - span->start / 64] &= ~(UINT64_C(1) << (position % 64));
}

/* Death is a matter of the snapshot's revision: the bitmap also has what died after it. */
static void leave_out_dead(struct date_span *span, uint64_t revision)
{
    uint32_t base = span->start / 64;
    for (size_t i = 0; i < span_words(span); i++) {
        uint64_t dead =
            atomic_load_explicit(&span->slice->shared->dead_by_date[base + i], memory_order_relaxed);
        for (dead &= span->counts[i]; dead != 0; dead &= dead - 1) {
            uint32_t position = (uint32_t)(base + i) * 64 + (uint32_t)__builtin_ctzll(dead);
            if (!slice_row_lives(span->slice, span->slice->rows->by_date[position], revision))
                leave_out(span, position);
        }
    }
}

static void leave_out_filtered(struct date_span *span, const struct resolved_filter *filter)
{
    const struct slice *slice = span->slice;
    uint32_t first;
    uint32_t end = span->start;
    while (date_span_run(span, end, span->end, &first, &end)) {
        for (uint32_t position = first; position < end; position++) {
            if (position + ROWS_AHEAD < span->end) {
                uint32_t row = slice->rows->by_date[position + ROWS_AHEAD];
                prefetch(&slice->rows->category[row]);
                prefetch(&slice->features.vector_starts[row]);
            }
            if (!filter_accepts(filter, slice->rows->by_date[position]))
                leave_out(span, position);
        }
    }
}

/* Calls for each article that counts so far and is a near-copy of another. */
static void each_copy(struct trending_rows *rows,
                      void (*visit)(struct trending_rows *rows, struct date_span *span, uint32_t position))
{
    for (size_t i = 0; i < rows->span_count; i++) {
        struct date_span *span = &rows->spans[i];
        uint32_t base = span->start / 64;
        for (size_t j = 0; j < span_words(span); j++) {
            uint64_t copies = span->slice->copies_by_date[base + j] & span->counts[j];
            for (; copies != 0; copies &= copies - 1)
                visit(rows, span, (uint32_t)(base + j) * 64 + (uint32_t)__builtin_ctzll(copies));
        }
    }
}

static uint32_t story_at(const struct date_span *span, uint32_t position, uint32_t *docid)
{
    uint32_t row = span->slice->rows->by_date[position];
    *docid = span->slice->rows->docids[row];
    return features_original(&span->slice->features, row);
}

static void note_copy(struct trending_rows *rows, struct date_span *span, uint32_t position)
{
    uint32_t docid;
    uint32_t number = story_at(span, position, &docid);
    stories_note(&rows->stories, number, docid);
}

static void leave_out_later(struct trending_rows *rows, struct date_span *span, uint32_t position)
{
    uint32_t docid;
    uint32_t number = story_at(span, position, &docid);
    if (stories_first(&rows->stories, number) != docid)
        leave_out(span, position);
}

/* True if the first article of a story counts. */
static bool original_counts(const struct trending_rows *rows, uint32_t docid)
{
    for (size_t i = 0; i < rows->span_count; i++) {
        const struct date_span *span = &rows->spans[i];
        uint32_t row = rows_find(span->slice->rows, docid);
        if (row == ROW_NONE)
            continue;
        uint32_t position = rows_date_position(span->slice->rows, row);
        return position >= span->start && position < span->end && date_span_counts(span, position) &&
               features_original(&span->slice->features, row) == 0;
    }
    return false;
}

/* Of near-copies only the first counts that passed the filter and lies in the time. An original has the
 * lowest docid of its story, which is the story's number. */
static void leave_out_copies(struct trending_rows *rows)
{
    stories_clear(&rows->stories);
    each_copy(rows, note_copy);
    if (rows->stories.count == 0)
        return;
    for (size_t i = 0; i < rows->stories.slot_count; i++) {
        uint32_t number = rows->stories.slots[i].number;
        if (number != 0 && original_counts(rows, number))
            rows->stories.slots[i].docid = number;
    }
    each_copy(rows, leave_out_later);
}

/* ---- the whole ---- */

int trending_check_deadline(const struct trending_query *query, struct error *error)
{
    if (query->deadline != 0 && clock_now() > query->deadline)
        return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
    return 0;
}

int trending_rows_find(struct trending_rows *rows, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    set_bits(rows, find_spans(rows, query, result));
    for (size_t i = 0; i < rows->span_count; i++) {
        struct date_span *span = &rows->spans[i];
        if (trending_check_deadline(query, error) != 0)
            return -1;
        leave_out_dead(span, query->snapshot->revision);
        if (filter_is_open(query->filter))
            continue;
        filter_resolve(query->filter, span->slice, &query->snapshot->epoch->statistics, &rows->resolved);
        leave_out_filtered(span, &rows->resolved);
    }
    leave_out_copies(rows);
    rows->count = 0;
    for (size_t i = 0; i < rows->span_count; i++) {
        struct date_span *span = &rows->spans[i];
        span->baseline_articles = count_between(span, span->start, span->window);
        span->window_articles = count_between(span, span->window, span->end);
        rows->count += span->baseline_articles + span->window_articles;
    }
    return 0;
}
