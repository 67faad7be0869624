#include "related/trending.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "related/trending_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A feature of one slice. */
struct place {
    const struct features *features;
    uint32_t number;
};

/* A name that appears in the window. */
struct candidate {
    struct place place; /* in the main slice if it is there */
    struct place shown; /* in the first slice that has it in the window: how it is written */
    uint32_t window;
    uint32_t baseline;
    double score;
    uint32_t series[TRENDING_STEPS];
};

/* By the features of one slice; all zero when not in use. */
struct marks {
    uint32_t *marks;
    size_t capacity;
    uint32_t *touched; /* whose mark is not zero */
    size_t touched_capacity;
    size_t touched_count;
};

struct trending_scratch {
    struct trending_rows counted;
    struct marks counts; /* articles of the window */
    struct marks joined; /* number of the candidate + 1 */
    struct candidate *candidates;
    size_t candidate_capacity;
    size_t candidate_count;
    struct trending_name *names;
    size_t name_capacity;
};

/* ---- marks ---- */

static void marks_prepare(struct marks *marks, const struct features *features)
{
    if (features->terms.count > marks->capacity) {
        free(marks->marks);
        marks->capacity = features->terms.count;
        marks->marks = memory_zeroed(marks->capacity, sizeof *marks->marks);
    }
    marks->touched_count = 0;
}

static void marks_touch(struct marks *marks, uint32_t number)
{
    marks->touched = memory_grow(marks->touched, &marks->touched_capacity, marks->touched_count + 1,
                                 sizeof *marks->touched);
    marks->touched[marks->touched_count++] = number;
}

static void marks_set(struct marks *marks, uint32_t number, uint32_t value)
{
    marks->marks[number] = value;
    marks_touch(marks, number);
}

static void marks_clear(struct marks *marks)
{
    for (size_t i = 0; i < marks->touched_count; i++)
        marks->marks[marks->touched[i]] = 0;
    marks->touched_count = 0;
}

static void marks_release(struct marks *marks)
{
    free(marks->marks);
    free(marks->touched);
}

struct trending_scratch *trending_scratch_new(void)
{
    return memory_zeroed(1, sizeof(struct trending_scratch));
}

void trending_scratch_free(struct trending_scratch *scratch)
{
    if (scratch == NULL)
        return;
    trending_rows_release(&scratch->counted);
    marks_release(&scratch->counts);
    marks_release(&scratch->joined);
    free(scratch->candidates);
    free(scratch->names);
    free(scratch);
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

static void count_row(struct marks *counts, const struct features *features, struct features_row vector,
                      const bool *kinds)
{
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t number = vector.numbers[i];
        if (kinds[features->kinds[number]] && counts->marks[number]++ == 0)
            marks_touch(counts, number);
    }
}

static void count_window(struct trending_scratch *scratch, const struct trending_query *query,
                         size_t slice_number)
{
    const struct slice_span *span = &scratch->counted.spans[slice_number];
    const struct features *features = &query->snapshot->slices[slice_number]->features;
    marks_prepare(&scratch->counts, features);
    for (size_t i = span->window; i < span->end; i++)
        count_row(&scratch->counts, features, names_of(scratch, features, i, span->end), query->kinds);
}

static size_t add_candidate(struct trending_scratch *scratch, struct place place)
{
    scratch->candidates = memory_grow(scratch->candidates, &scratch->candidate_capacity,
                                      scratch->candidate_count + 1, sizeof *scratch->candidates);
    scratch->candidates[scratch->candidate_count] = (struct candidate){.place = place, .shown = place};
    return scratch->candidate_count++;
}

/* The slice with the most rows in the window. */
static size_t main_slice(const struct trending_scratch *scratch, size_t slices)
{
    size_t found = 0;
    size_t most = 0;
    for (size_t i = 0; i < slices; i++) {
        size_t rows = scratch->counted.spans[i].end - scratch->counted.spans[i].window;
        if (rows > most) {
            most = rows;
            found = i;
        }
    }
    return found;
}

/* The names of the main slice are told apart by their numbers. */
static void take_main(struct trending_scratch *scratch, const struct features *features)
{
    const struct marks *counts = &scratch->counts;
    marks_prepare(&scratch->joined, features);
    for (size_t i = 0; i < counts->touched_count; i++) {
        uint32_t number = counts->touched[i];
        size_t at = add_candidate(scratch, (struct place){features, number});
        scratch->candidates[at].window = counts->marks[number];
        marks_set(&scratch->joined, number, (uint32_t)at + 1);
    }
}

/* Where the names are that the main slice does not have, by their terms. */
struct strangers {
    struct dictionary_builder terms;
    uint32_t *candidates; /* by the term's number */
    size_t capacity;
    size_t known; /* terms that have a candidate */
};

static size_t find_stranger(struct trending_scratch *scratch, struct strangers *strangers, struct place place,
                            const char *term, size_t length)
{
    uint32_t number = dictionary_builder_add(&strangers->terms, term, length, "", 0);
    strangers->candidates = memory_grow(strangers->candidates, &strangers->capacity, (size_t)number + 1,
                                        sizeof *strangers->candidates);
    if (number == strangers->known) {
        strangers->candidates[number] = (uint32_t)add_candidate(scratch, place);
        strangers->known++;
    }
    return strangers->candidates[number];
}

/* The candidate that is the same name as one of another slice: a feature's number differs, its term does not.
 */
static size_t join_name(struct trending_scratch *scratch, const struct features *main,
                        struct strangers *strangers, struct place place)
{
    size_t length;
    const char *term = dictionary_term(&place.features->terms, place.number, &length);
    uint32_t number = features_find(main, term, length, hash_bytes(term, length));
    if (number == DICTIONARY_NONE)
        return find_stranger(scratch, strangers, place, term, length);
    if (scratch->joined.marks[number] == 0) {
        size_t at = add_candidate(scratch, (struct place){main, number});
        scratch->candidates[at].shown = place;
        marks_set(&scratch->joined, number, (uint32_t)at + 1);
    }
    return scratch->joined.marks[number] - 1;
}

/* Adds the names of a slice that is not the main one. */
static void take_other(struct trending_scratch *scratch, const struct features *features,
                       const struct features *main, struct strangers *strangers, bool is_before_main)
{
    for (size_t i = 0; i < scratch->counts.touched_count; i++) {
        struct place place = {features, scratch->counts.touched[i]};
        size_t at = join_name(scratch, main, strangers, place); /* may move them all */
        struct candidate *candidate = &scratch->candidates[at];
        candidate->window += scratch->counts.marks[place.number];
        if (is_before_main && candidate->shown.features == main)
            candidate->shown = place;
    }
}

static void find_candidates(struct trending_scratch *scratch, const struct trending_query *query)
{
    const struct snapshot *snapshot = query->snapshot;
    size_t main = main_slice(scratch, snapshot->slice_count);
    const struct features *main_features = &snapshot->slices[main]->features;
    struct strangers strangers = {.known = 0};
    dictionary_builder_init(&strangers.terms);
    count_window(scratch, query, main);
    take_main(scratch, main_features);
    marks_clear(&scratch->counts);
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        if (i == main)
            continue;
        count_window(scratch, query, i);
        take_other(scratch, &snapshot->slices[i]->features, main_features, &strangers, i < main);
        marks_clear(&scratch->counts);
    }
    marks_clear(&scratch->joined);
    dictionary_builder_release(&strangers.terms);
    free(strangers.candidates);
}

/* Forgets those that appear in too few articles of the window. */
static void drop_rare(struct trending_scratch *scratch, uint32_t min_articles)
{
    size_t kept = 0;
    for (size_t i = 0; i < scratch->candidate_count; i++)
        if (scratch->candidates[i].window >= min_articles)
            scratch->candidates[kept++] = scratch->candidates[i];
    scratch->candidate_count = kept;
}

/* ---- what they did before ---- */

/* DICTIONARY_NONE if the slice does not have it. */
static uint32_t number_in(const struct place *place, const struct features *features)
{
    if (place->features == features)
        return place->number;
    size_t length;
    const char *term = dictionary_term(&place->features->terms, place->number, &length);
    return features_find(features, term, length, hash_bytes(term, length));
}

/* Marks the features of a slice that are candidates. */
static void mark_candidates(struct trending_scratch *scratch, const struct features *features)
{
    marks_prepare(&scratch->joined, features);
    for (size_t i = 0; i < scratch->candidate_count; i++) {
        uint32_t number = number_in(&scratch->candidates[i].place, features);
        if (number != DICTIONARY_NONE)
            marks_set(&scratch->joined, number, (uint32_t)i + 1);
    }
}

static void follow_row(struct trending_scratch *scratch, struct features_row vector, uint32_t step,
                       bool in_window)
{
    for (uint32_t i = 0; i < vector.names; i++) {
        uint32_t mark = scratch->joined.marks[vector.numbers[i]];
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
    marks_clear(&scratch->joined);
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
    const char *a_text = dictionary_display(&a->shown.features->terms, a->shown.number, &a_length);
    const char *b_text = dictionary_display(&b->shown.features->terms, b->shown.number, &b_length);
    int order = memcmp(a_text, b_text, a_length < b_length ? a_length : b_length);
    if (order != 0 || a_length != b_length)
        return order != 0 ? order : a_length > b_length ? 1 : -1;
    return (int)a->place.features->kinds[a->place.number] - (int)b->place.features->kinds[b->place.number];
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
        uint32_t mark = scratch->joined.marks[vector.numbers[i]];
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
        name->display =
            dictionary_display(&candidate->shown.features->terms, candidate->shown.number, &length);
        name->display_length = (uint32_t)length;
        name->kind = candidate->place.features->kinds[candidate->place.number];
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
        marks_clear(&scratch->joined);
    }
}

/* ---- the whole ---- */

static int count_names(struct trending_scratch *scratch, const struct trending_query *query,
                       const struct trending_result *result, struct error *error)
{
    if (trending_rows_find(&scratch->counted, query, result, error) != 0)
        return -1;
    if (scratch->counted.count == 0)
        return 0;
    find_candidates(scratch, query);
    drop_rare(scratch, query->min_articles);
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
