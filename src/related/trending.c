#include "related/trending.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "related/trending_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    struct trending_rows counted;
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
};

struct trending_scratch *trending_scratch_new(void)
{
    return memory_zeroed(1, sizeof(struct trending_scratch));
}

void trending_scratch_free(struct trending_scratch *scratch)
{
    if (scratch == NULL)
        return;
    trending_rows_release(&scratch->counted);
    free(scratch->marks);
    free(scratch->touched);
    free(scratch->candidates);
    free(scratch->names);
    free(scratch);
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

/* ---- names of the rows ---- */

/* The names of row `at`: they stand at the beginning of its vector, mostly within two lines of memory. Has
 * those of rows that come later, up to row `end`, fetched: where they stand must be there first. */
static struct features_row names_of(const struct trending_scratch *scratch, const struct features *features,
                                    size_t at, size_t end)
{
    if (at + 2 * (size_t)ROWS_AHEAD < end)
        __builtin_prefetch(&features->vector_starts[scratch->counted.rows[at + 2 * (size_t)ROWS_AHEAD].row]);
    if (at + ROWS_AHEAD < end) {
        const uint32_t *words =
            features->vectors + features->vector_starts[scratch->counted.rows[at + ROWS_AHEAD].row];
        __builtin_prefetch(words);
        __builtin_prefetch(words + 16);
    }
    return features_row(features, scratch->counted.rows[at].row);
}

/* ---- names of the window ---- */

static void count_row(struct trending_scratch *scratch, const struct features *features,
                      struct features_row vector, const bool *kinds)
{
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
        const struct slice_span *span = &scratch->counted.spans[i];
        const struct features *features = &query->snapshot->slices[i]->features;
        prepare_marks(scratch, features);
        for (size_t j = span->window; j < span->end; j++)
            count_row(scratch, features, names_of(scratch, features, j, span->end), query->kinds);
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

/* DICTIONARY_NONE if the slice does not have it. */
static uint32_t candidate_number(const struct candidate *candidate, const struct features *features)
{
    if (candidate->features == features)
        return candidate->number;
    size_t length;
    const char *term = dictionary_term(&candidate->features->terms, candidate->number, &length);
    return features_find(features, term, length, hash_bytes(term, length));
}

/* Marks the features of a slice that are candidates with their number + 1. */
static void mark_candidates(struct trending_scratch *scratch, const struct features *features)
{
    prepare_marks(scratch, features);
    for (size_t i = 0; i < scratch->candidate_count; i++) {
        const struct candidate *candidate = &scratch->candidates[i];
        uint32_t number = candidate_number(candidate, features);
        if (number == DICTIONARY_NONE)
            continue;
        scratch->marks[number] = (uint32_t)i + 1;
        touch(scratch, number);
    }
}

static void follow_row(struct trending_scratch *scratch, struct features_row vector, uint32_t step,
                       bool in_window)
{
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t mark = scratch->marks[vector.numbers[i]];
        if (mark == 0)
            continue;
        struct candidate *candidate = &scratch->candidates[mark - 1];
        candidate->series[step]++;
        candidate->baseline += !in_window;
    }
}

static void follow_slice(struct trending_scratch *scratch, const struct trending_query *query,
                         size_t slice_number)
{
    const struct features *features = &query->snapshot->slices[slice_number]->features;
    const struct slice_span *span = &scratch->counted.spans[slice_number];
    if (span->start == span->end)
        return;
    mark_candidates(scratch, features);
    for (size_t i = span->start; i < span->end; i++)
        follow_row(scratch, names_of(scratch, features, i, span->end), scratch->counted.rows[i].step,
                   i >= span->window);
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
                      struct slice *slice, size_t at, size_t end, double window)
{
    uint32_t row = scratch->counted.rows[at].row;
    struct features_row vector = names_of(scratch, &slice->features, at, end);
    double recency = 0; /* not known yet */
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t mark = scratch->marks[vector.numbers[i]];
        if (mark == 0)
            continue;
        if (recency <= 0)
            recency = exp2(-(double)(query->at - slice->rows->published[row]) / window);
        struct trending_article article = {slice, row, vector.weights[i] * recency};
        offer(&scratch->names[mark - 1], query->articles, &article);
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
        const struct slice_span *rows = &scratch->counted.spans[i];
        if (rows->window == rows->end)
            continue;
        mark_candidates(scratch, &slice->features);
        for (size_t j = rows->window; j < rows->end; j++)
            offer_row(scratch, query, slice, j, rows->end, window);
        clear_marks(scratch);
    }
}

/* ---- the whole ---- */

static int count_names(struct trending_scratch *scratch, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    if (trending_rows_find(&scratch->counted, query, result, error) != 0)
        return -1;
    find_candidates(scratch, query);
    for (size_t i = 0; i < query->snapshot->slice_count; i++) {
        if (trending_check_deadline(query, error) != 0)
            return -1;
        follow_slice(scratch, query, i);
    }
    return 0;
}

int trending_run(struct trending_scratch *scratch, const struct trending_query *query,
                 struct trending_result *result, struct error *error)
{
    *result = (struct trending_result){.window = query->window, .baseline = query->baseline};
    trending_rows_bound(query, result);
    scratch->counted.count = scratch->candidate_count = 0;
    if (result->window > 0) { /* else more rows than allowed lie in the last second alone */
        if (count_names(scratch, query, result, error) != 0)
            return -1;
        choose(scratch, result, query->limit);
    }
    name_candidates(scratch);
    if (scratch->candidate_count != 0) {
        if (trending_check_deadline(query, error) != 0)
            return -1;
        find_articles(scratch, query, (double)result->window);
    }
    result->names = scratch->names;
    result->count = scratch->candidate_count;
    result->articles = scratch->counted.count;
    return 0;
}
