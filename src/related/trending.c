#include "related/trending.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "related/stories.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The rows of one slice that count, in order of their dates: baseline first, then window. */
struct slice_span {
    size_t start; /* in scratch->rows */
    size_t window;
    size_t end;
};

/* A name that appears in the window. */
struct candidate {
    const struct features *features; /* of the first slice that has it */
    uint32_t number;                 /* there */
    uint32_t window;
    uint32_t baseline;
    double score;
    uint32_t series[TRENDING_STEPS];
};

struct trending_scratch {
    uint32_t *rows;
    size_t row_capacity;
    size_t row_count;
    struct slice_span *spans; /* by slice */
    size_t span_capacity;
    uint32_t *marks; /* by feature of one slice; all zero between slices */
    size_t mark_capacity;
    uint32_t *touched; /* features of the slice whose mark is not zero */
    size_t touched_capacity;
    size_t touched_count;
    struct candidate *candidates;
    size_t candidate_capacity;
    size_t candidate_count;
    struct trending_name *names;
    size_t name_capacity;
    struct resolved_filter resolved;
    struct stories stories; /* that have near-copies among the rows */
};

struct trending_scratch *trending_scratch_new(void)
{
    return memory_zeroed(1, sizeof(struct trending_scratch));
}

void trending_scratch_free(struct trending_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->rows);
    free(scratch->spans);
    free(scratch->marks);
    free(scratch->touched);
    free(scratch->candidates);
    free(scratch->names);
    resolved_filter_release(&scratch->resolved);
    stories_release(&scratch->stories);
    free(scratch);
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

/* Shortens the baseline until no more rows than allowed are left; if nearly nothing is left of it, window and
 * baseline share what there is. */
static void bound_span(const struct trending_query *query, struct trending_result *result)
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

static size_t gather(struct trending_scratch *scratch, const struct trending_query *query,
                     const struct slice *slice, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        uint32_t row = slice->rows->by_date[i];
        if (slice_row_lives(slice, row, query->snapshot->revision) && filter_accepts(&scratch->resolved, row))
            scratch->rows[scratch->row_count++] = row;
    }
    return scratch->row_count;
}

static void gather_slice(struct trending_scratch *scratch, const struct trending_query *query,
                         const struct trending_result *span, size_t number)
{
    const struct slice *slice = query->snapshot->slices[number];
    int64_t window = query->at - span->window;
    uint32_t first = rows_dated_before(slice->rows, window - span->baseline + 1);
    uint32_t middle = rows_dated_before(slice->rows, window + 1);
    uint32_t end = rows_dated_before(slice->rows, query->at + 1);
    scratch->rows = memory_grow(scratch->rows, &scratch->row_capacity, scratch->row_count + (end - first),
                                sizeof *scratch->rows);
    filter_resolve(query->filter, slice, &query->snapshot->epoch->statistics, &scratch->resolved);
    struct slice_span *rows = &scratch->spans[number];
    rows->start = scratch->row_count;
    rows->window = gather(scratch, query, slice, first, middle);
    rows->end = gather(scratch, query, slice, middle, end);
}

/* ---- each story once ---- */

static void note_copies(struct stories *stories, const uint32_t *rows, size_t count,
                        const struct slice *slice)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t original = features_original(&slice->features, rows[i]);
        if (original != 0)
            stories_note(stories, original, slice->rows->docids[rows[i]]);
    }
}

/* An original has the lowest docid of its story. */
static void note_originals(struct stories *stories, const uint32_t *rows, size_t count,
                           const struct slice *slice)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t docid = slice->rows->docids[rows[i]];
        if (features_original(&slice->features, rows[i]) == 0 && stories_first(stories, docid) != 0)
            stories_note(stories, docid, docid);
    }
}

/* Moves the rows that stand for their stories to the end of those that were kept before. */
static size_t keep_first(struct trending_scratch *scratch, size_t kept, size_t start, size_t end,
                         const struct slice *slice)
{
    for (size_t i = start; i < end; i++) {
        uint32_t row = scratch->rows[i];
        uint32_t original = features_original(&slice->features, row);
        if (original == 0 || stories_first(&scratch->stories, original) == slice->rows->docids[row])
            scratch->rows[kept++] = row;
    }
    return kept;
}

/* Of near-copies only the first counts that passed the filter and lies in the time. */
static void drop_copies(struct trending_scratch *scratch, const struct snapshot *snapshot)
{
    stories_clear(&scratch->stories);
    for (size_t i = 0; i < snapshot->slice_count; i++)
        note_copies(&scratch->stories, scratch->rows + scratch->spans[i].start,
                    scratch->spans[i].end - scratch->spans[i].start, snapshot->slices[i]);
    if (scratch->stories.count == 0)
        return;
    for (size_t i = 0; i < snapshot->slice_count; i++)
        note_originals(&scratch->stories, scratch->rows + scratch->spans[i].start,
                       scratch->spans[i].end - scratch->spans[i].start, snapshot->slices[i]);
    size_t kept = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        struct slice_span old = scratch->spans[i];
        struct slice_span *span = &scratch->spans[i];
        span->start = kept;
        kept = span->window = keep_first(scratch, kept, old.start, old.window, snapshot->slices[i]);
        kept = span->end = keep_first(scratch, kept, old.window, old.end, snapshot->slices[i]);
    }
    scratch->row_count = kept;
}

/* ---- marks ---- */

static void prepare_marks(struct trending_scratch *scratch, const struct features *features)
{
    if (features->terms.count > scratch->mark_capacity) {
        free(scratch->marks);
        scratch->mark_capacity = features->terms.count;
        scratch->marks = memory_zeroed(scratch->mark_capacity, sizeof *scratch->marks);
    }
    scratch->touched_count = 0;
}

static void touch(struct trending_scratch *scratch, uint32_t number)
{
    scratch->touched = memory_grow(scratch->touched, &scratch->touched_capacity, scratch->touched_count + 1,
                                   sizeof *scratch->touched);
    scratch->touched[scratch->touched_count++] = number;
}

static void clear_marks(struct trending_scratch *scratch)
{
    for (size_t i = 0; i < scratch->touched_count; i++)
        scratch->marks[scratch->touched[i]] = 0;
}

/* ---- names of the window ---- */

static void count_row(struct trending_scratch *scratch, const struct features *features, uint32_t row,
                      const bool *kinds)
{
    struct features_row vector = features_row(features, row);
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t number = vector.numbers[i];
        if (!kinds[features->kinds[number]])
            continue;
        if (scratch->marks[number]++ == 0)
            touch(scratch, number);
    }
}

/* A feature's number differs from slice to slice, its term does not. */
static void add_counts(struct trending_scratch *scratch, const struct features *features,
                       struct dictionary_builder *terms)
{
    for (size_t i = 0; i < scratch->touched_count; i++) {
        uint32_t number = scratch->touched[i];
        size_t length;
        const char *term = dictionary_term(&features->terms, number, &length);
        uint32_t at = dictionary_builder_add(terms, term, length, "", 0);
        if (at == scratch->candidate_count) {
            scratch->candidates = memory_grow(scratch->candidates, &scratch->candidate_capacity,
                                              (size_t)at + 1, sizeof *scratch->candidates);
            scratch->candidates[scratch->candidate_count++] =
                (struct candidate){.features = features, .number = number};
        }
        scratch->candidates[at].window += scratch->marks[number];
    }
}

static void find_candidates(struct trending_scratch *scratch, const struct trending_query *query)
{
    struct dictionary_builder terms;
    dictionary_builder_init(&terms);
    scratch->candidate_count = 0;
    for (size_t i = 0; i < query->snapshot->slice_count; i++) {
        const struct slice_span *span = &scratch->spans[i];
        const struct features *features = &query->snapshot->slices[i]->features;
        prepare_marks(scratch, features);
        for (size_t j = span->window; j < span->end; j++)
            count_row(scratch, features, scratch->rows[j], query->kinds);
        add_counts(scratch, features, &terms);
        clear_marks(scratch);
    }
    dictionary_builder_release(&terms);
    size_t kept = 0;
    for (size_t i = 0; i < scratch->candidate_count; i++)
        if (scratch->candidates[i].window >= query->min_articles)
            scratch->candidates[kept++] = scratch->candidates[i];
    scratch->candidate_count = kept;
}

/* ---- what they did before ---- */

/* Marks the features of a slice that are candidates with their number + 1. */
static void mark_candidates(struct trending_scratch *scratch, const struct features *features)
{
    prepare_marks(scratch, features);
    for (size_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *candidate = &scratch->candidates[i];
        size_t length;
        const char *term = dictionary_term(&candidate->features->terms, candidate->number, &length);
        uint32_t number = features_find(features, term, length, hash_bytes(term, length));
        if (number == DICTIONARY_NONE)
            continue;
        scratch->marks[number] = (uint32_t)i + 1;
        touch(scratch, number);
    }
}

static size_t step_of(int64_t offset, int64_t span)
{
    return (size_t)(offset * TRENDING_STEPS / span);
}

static void follow_row(struct trending_scratch *scratch, const struct features *features, uint32_t row,
                       size_t step, bool in_window)
{
    struct features_row vector = features_row(features, row);
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t number = vector.numbers[i];
        if (scratch->marks[number] == 0)
            continue;
        struct candidate *candidate = &scratch->candidates[scratch->marks[number] - 1];
        candidate->series[step]++;
        candidate->baseline += !in_window;
    }
}

static void follow_slice(struct trending_scratch *scratch, const struct trending_query *query,
                         const struct trending_result *result, size_t slice_number)
{
    const struct slice *slice = query->snapshot->slices[slice_number];
    const struct slice_span *rows = &scratch->spans[slice_number];
    int64_t span = result->window + result->baseline;
    int64_t start = query->at - span + 1; /* the first second that counts */
    if (rows->start == rows->end)
        return;
    mark_candidates(scratch, &slice->features);
    for (size_t i = rows->start; i < rows->end; i++) {
        uint32_t row = scratch->rows[i];
        follow_row(scratch, &slice->features, row, step_of(slice->rows->published[row] - start, span),
                   i >= rows->window);
    }
    clear_marks(scratch);
}

/* ---- score and order ---- */

static double part(double count, double expected)
{
    return count * log(count / expected);
}

double trending_score(uint32_t window_articles, double window, uint32_t baseline_articles, double baseline)
{
    if (window_articles * baseline <= baseline_articles * window)
        return 0;
    double share = window / (window + baseline);
    double a = window_articles + share;
    double b = baseline_articles + (1 - share);
    double both = a + b;
    return sqrt(2 * (part(a, both * share) + part(b, both * (1 - share))));
}

static int compare_displays(const struct candidate *a, const struct candidate *b)
{
    size_t a_length;
    size_t b_length;
    const char *a_text = dictionary_display(&a->features->terms, a->number, &a_length);
    const char *b_text = dictionary_display(&b->features->terms, b->number, &b_length);
    int order = memcmp(a_text, b_text, a_length < b_length ? a_length : b_length);
    if (order != 0 || a_length != b_length)
        return order != 0 ? order : a_length > b_length ? 1 : -1;
    return (int)a->features->kinds[a->number] - (int)b->features->kinds[b->number];
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->score > b->score || a->score < b->score)
        return a->score > b->score ? -1 : 1;
    return compare_displays(a, b);
}

static void choose(struct trending_scratch *scratch, const struct trending_result *result, size_t limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < scratch->candidate_count; i++) {
        struct candidate *candidate = &scratch->candidates[i];
        candidate->score = trending_score(candidate->window, (double)result->window, candidate->baseline,
                                          (double)result->baseline);
        if (candidate->score > 0)
            scratch->candidates[kept++] = *candidate;
    }
    if (kept != 0)
        qsort(scratch->candidates, kept, sizeof *scratch->candidates, compare_candidates);
    scratch->candidate_count = kept < limit ? kept : limit;
}

/* ---- articles ---- */

/* Those most about the name first, then the newest. */
static bool is_before(const struct trending_article *a, const struct trending_article *b)
{
    if (a->weight > b->weight || a->weight < b->weight)
        return a->weight > b->weight;
    int64_t a_published = a->slice->rows->published[a->row];
    int64_t b_published = b->slice->rows->published[b->row];
    if (a_published != b_published)
        return a_published > b_published;
    return a->slice->rows->docids[a->row] > b->slice->rows->docids[b->row];
}

static void offer(struct trending_name *name, size_t limit, const struct trending_article *article)
{
    size_t at = name->article_count;
    while (at > 0 && is_before(article, &name->articles[at - 1])) {
        if (at < limit)
            name->articles[at] = name->articles[at - 1];
        at--;
    }
    if (at >= limit)
        return;
    name->articles[at] = *article;
    name->article_count += name->article_count < limit;
}

static void offer_row(struct trending_scratch *scratch, const struct trending_query *query,
                      struct slice *slice, uint32_t row, double window)
{
    const struct features *features = &slice->features;
    double age = (double)(query->at - slice->rows->published[row]);
    double recency = exp2(-age / window);
    struct features_row vector = features_row(features, row);
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t number = vector.numbers[i];
        if (scratch->marks[number] == 0)
            continue;
        struct trending_article article = {slice, row, vector.weights[i] * recency};
        offer(&scratch->names[scratch->marks[number] - 1], query->articles, &article);
    }
}

static void name_candidates(struct trending_scratch *scratch)
{
    scratch->names = memory_grow(scratch->names, &scratch->name_capacity, scratch->candidate_count,
                                 sizeof *scratch->names);
    for (size_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *candidate = &scratch->candidates[i];
        struct trending_name *name = &scratch->names[i];
        size_t length;
        name->display = dictionary_display(&candidate->features->terms, candidate->number, &length);
        name->display_length = (uint32_t)length;
        name->kind = candidate->features->kinds[candidate->number];
        name->window = candidate->window;
        name->baseline = candidate->baseline;
        name->score = candidate->score;
        name->article_count = 0;
        memcpy(name->series, candidate->series, sizeof name->series);
    }
}

static void find_articles(struct trending_scratch *scratch, const struct trending_query *query, double window)
{
    for (size_t i = 0; i < query->snapshot->slice_count && query->articles != 0; i++) {
        struct slice *slice = query->snapshot->slices[i];
        const struct slice_span *rows = &scratch->spans[i];
        if (rows->window == rows->end)
            continue;
        mark_candidates(scratch, &slice->features);
        for (size_t j = rows->window; j < rows->end; j++)
            offer_row(scratch, query, slice, scratch->rows[j], window);
        clear_marks(scratch);
    }
}

/* ---- the whole ---- */

static int check_deadline(const struct trending_query *query, struct error *error)
{
    if (query->deadline != 0 && clock_now() > query->deadline)
        return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
    return 0;
}

static int count_names(struct trending_scratch *scratch, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    size_t slices = query->snapshot->slice_count;
    scratch->spans = memory_grow(scratch->spans, &scratch->span_capacity, slices, sizeof *scratch->spans);
    scratch->row_count = 0;
    for (size_t i = 0; i < slices; i++) {
        if (check_deadline(query, error) != 0)
            return -1;
        gather_slice(scratch, query, result, i);
    }
    if (scratch->row_count != 0)
        drop_copies(scratch, query->snapshot);
    find_candidates(scratch, query);
    for (size_t i = 0; i < slices; i++) {
        if (check_deadline(query, error) != 0)
            return -1;
        follow_slice(scratch, query, result, i);
    }
    return 0;
}

int trending_run(struct trending_scratch *scratch, const struct trending_query *query,
                 struct trending_result *result, struct error *error)
{
    *result = (struct trending_result){.window = query->window, .baseline = query->baseline};
    bound_span(query, result);
    scratch->row_count = scratch->candidate_count = 0;
    if (result->window > 0) { /* else more rows than allowed lie in the last second alone */
        if (count_names(scratch, query, result, error) != 0)
            return -1;
        choose(scratch, result, query->limit);
    }
    name_candidates(scratch);
    if (scratch->candidate_count != 0) {
        if (check_deadline(query, error) != 0)
            return -1;
        find_articles(scratch, query, (double)result->window);
    }
    result->names = scratch->names;
    result->count = scratch->candidate_count;
    result->articles = scratch->row_count;
    return 0;
}
