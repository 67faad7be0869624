#include "related/scoring.h"

#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * A row's sum is an upper bound of its strength, 1 - (1 - x)(1 - y)(1 - z) <= x + y + z, in units of
 * 1 / SUM_ONE. Its upper bits are the tag of the run that wrote it: an older one counts as zero, so nothing
 * has to be cleared after a run. x + y + z <= 3 and the slack of the norms below: less than 4.
 */
#define SUM_BITS 22
#define SUM_ONE ((float)(1U << (SUM_BITS - 2)))
#define TAG_MAX ((1U << (32 - SUM_BITS)) - 1)

/* A row's norms are looked at only when it is a candidate. Rounding moves each component by at most a half,
 * so stored lengths lie near FEATURE_SCALE, well within these. */
#define NORM_LEAST (FEATURE_SCALE * NORM_SCALE * 0.9F)
#define NORM_MOST (FEATURE_SCALE * NORM_SCALE * 1.1F)

/* Candidates are looked through when there are this many more than wanted. */
#define CANDIDATES_MORE 1024
/* Of a budget, a slice gets its share by rows and this. */
#define BUDGET_LEAST 512

struct posting_list {
    const uint32_t *first;
    const uint32_t *end;
    uint32_t factor; /* what a weight of 1 adds to a sum */
};

struct candidate {
    uint32_t row;
    float recency;
};

struct scorer {
    const struct related_query *query;
    uint64_t *hashes; /* of the source's features */
    size_t hash_capacity;
    uint32_t *numbers; /* of the source's features, in each slice */
    size_t number_capacity;
    uint64_t total_rows;
    struct posting_list *lists;
    size_t list_capacity;
    uint32_t *sums; /* by row */
    size_t sum_capacity;
    uint32_t tag;        /* of this run */
    uint16_t *positions; /* by feature number: place in the source + 1; all zero between runs */
    size_t position_capacity;
    struct candidate *candidates;
    size_t candidate_capacity;
    size_t candidate_count;
    float *keys;
    size_t key_capacity;
    struct resolved_filter resolved;
    struct slice *slice; /* of this run */
    float unread;        /* what cut lists may have kept from a sum, at a guess */
};

struct scorer *scorer_new(void)
{
    return memory_zeroed(1, sizeof(struct scorer));
}

void scorer_free(struct scorer *scorer)
{
    if (scorer == NULL)
        return;
    free(scorer->hashes);
    free(scorer->numbers);
    free(scorer->lists);
    free(scorer->sums);
    free(scorer->positions);
    free(scorer->candidates);
    free(scorer->keys);
    resolved_filter_release(&scorer->resolved);
    free(scorer);
}

void scorer_begin(struct scorer *scorer, const struct related_query *query)
{
    const struct feature_vector *source = query->source;
    size_t slices = query->snapshot->slice_count;
    scorer->query = query;
    scorer->lists = memory_grow(scorer->lists, &scorer->list_capacity, source->count, sizeof *scorer->lists);
    scorer->hashes =
        memory_grow(scorer->hashes, &scorer->hash_capacity, source->count, sizeof *scorer->hashes);
    scorer->numbers = memory_grow(scorer->numbers, &scorer->number_capacity, slices * source->count,
                                  sizeof *scorer->numbers);
    for (size_t i = 0; i < source->count; i++)
        scorer->hashes[i] = hash_bytes(source->items[i].term, source->items[i].length);
    scorer->total_rows = 0;
    for (size_t i = 0; i < slices; i++)
        scorer->total_rows += query->snapshot->slices[i]->rows->count;
}

const uint32_t *scorer_numbers(const struct scorer *scorer, uint32_t slice_number)
{
    return scorer->numbers + (size_t)slice_number * scorer->query->source->count;
}

/* ---- lists ---- */

/* What a weight of 1 on both sides adds to the strength at most. */
static float unit_of(const struct related_query *query, enum feature_group group)
{
    float norm = (float)query->source->norms[group];
    const float weights[GROUP_COUNT] = {query->weights.tags, query->weights.entities, query->weights.terms};
    return norm > 0 ? weights[group] * NORM_SCALE * NORM_SCALE / (norm * NORM_LEAST) : 0;
}

/* Rounded up, and never nothing: a row that was touched can be told from one that was not. */
static uint32_t factor_of(float unit, uint8_t weight)
{
    float factor = ceilf(unit * (float)weight * SUM_ONE);
    return factor < 1 ? 1 : (uint32_t)factor;
}

static size_t find_lists(struct scorer *scorer, uint32_t *numbers)
{
    const struct features *features = &scorer->slice->features;
    const struct feature_vector *source = scorer->query->source;
    float units[GROUP_COUNT];
    for (int group = 0; group < GROUP_COUNT; group++)
        units[group] = unit_of(scorer->query, (enum feature_group)group);
    size_t count = 0;
    for (size_t i = 0; i < source->count; i++)
        dictionary_prefetch(&features->terms, scorer->hashes[i]);
    for (size_t i = 0; i < source->count; i++) {
        const struct feature *feature = &source->items[i];
        uint32_t number = features_find(features, feature->term, feature->length, scorer->hashes[i]);
        numbers[i] = number;
        if (number == DICTIONARY_NONE)
            continue;
        scorer->lists[count++] = (struct posting_list){
            .first = features->postings + features->posting_starts[number],
            .end = features->postings + features->posting_starts[number + 1],
            .factor = factor_of(units[feature_group(feature->kind)], feature->weight),
        };
    }
    return count;
}

static int shortest_first(const void *left, const void *right)
{
    const struct posting_list *a = left;
    const struct posting_list *b = right;
    return (a->end - a->first > b->end - b->first) - (a->end - a->first < b->end - b->first);
}

/* Each list may read of the budget in proportion to what it can add; what short ones leave goes to longer
 * ones. */
static void cut_lists(struct scorer *scorer, size_t count)
{
    uint64_t total = 0;
    double mass = 0;
    for (size_t i = 0; i < count; i++) {
        total += (uint64_t)(scorer->lists[i].end - scorer->lists[i].first);
        mass += scorer->lists[i].factor;
    }
    scorer->unread = 0;
    if (scorer->query->postings == 0)
        return;
    double budget = (double)scorer->query->postings * scorer->slice->rows->count / (double)scorer->total_rows;
    budget += BUDGET_LEAST;
    if ((double)total <= budget)
        return;
    for (size_t i = 0; i < count; i++) {
        struct posting_list *list = &scorer->lists[i];
        double length = (double)(list->end - list->first);
        double share = ceil(budget * list->factor / mass);
        mass -= list->factor;
        if (length > share) {
            list->end = list->first + (size_t)share;
            scorer->unread += (float)list->factor * (float)POSTING_WEIGHT(*list->end);
            length = share;
        }
        budget = budget > length ? budget - length : 0;
    }
    /* a related row shares some of these features, not all, and has them lighter than where the list was cut
     */
    scorer->unread /= 8 * SUM_ONE;
}

/* ---- candidates ---- */

/* 1 at distance 0, a half at one half-life. */
static double decay(int64_t distance, double half_life)
{
    return exp2(-fabs((double)distance) / half_life);
}

/* Never above 1, so that a strength bounds the rank. An article without a date is taken for one half-life
 * old. */
static float recency_of(const struct related_query *query, int64_t published)
{
    double factor = 1;
    if (query->half_life_now > 0)
        factor *= published != DATE_NONE ? decay(query->now - published, query->half_life_now) : 0.5;
    if (query->half_life_source > 0 && query->source_published != DATE_NONE)
        factor *= published != DATE_NONE ? decay(query->source_published - published, query->half_life_source)
                                         : 0.5;
    return (float)factor;
}

static bool is_on_wanted_side(const struct related_query *query, int64_t published)
{
    if (query->only == RELATED_ANY || query->source_published == DATE_NONE)
        return true;
    if (published == DATE_NONE)
        return false;
    return query->only == RELATED_EARLIER ? published < query->source_published
                                          : published > query->source_published;
}

static bool is_excluded(const struct related_query *query, uint32_t docid)
{
    size_t low = 0;
    size_t high = query->excluded_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (query->excluded[middle] < docid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < query->excluded_count && query->excluded[low] == docid;
}

static bool may_be_shown(const struct scorer *scorer, uint32_t row)
{
    const struct related_query *query = scorer->query;
    const struct slice *slice = scorer->slice;
    return slice_row_lives(slice, row, query->snapshot->revision) &&
           is_on_wanted_side(query, slice->rows->published[row]) &&
           !is_excluded(query, slice->rows->docids[row]) && filter_accepts(&scorer->resolved, row);
}

static float sum_of(const struct scorer *scorer, uint32_t row)
{
    return (float)(scorer->sums[row] - (scorer->tag << SUM_BITS)) / SUM_ONE;
}

/* The lowest strength of a row with this sum: the norms at their largest, every factor rounded up, and the
 * three parts equal, which makes most of 1 - x + 1 - y + 1 - z (inequality of the means). */
static float lowest_strength(const struct scorer *scorer, float sum)
{
    float rounding = (float)scorer->query->source->count * 255.0F / SUM_ONE;
    float parts = (sum - rounding) * (NORM_LEAST / NORM_MOST);
    if (parts <= 0)
        return 0;
    float rest = 1 - parts / 3;
    return 1 - rest * rest * rest - 1e-6F;
}

static void swap_keys(float *a, float *b)
{
    float moved = *a;
    *a = *b;
    *b = moved;
}

/* The `wanted`-th largest of the keys, from 1 (Hoare's quickselect); reorders them. */
static float select_key(float *keys, size_t count, size_t wanted)
{
    for (;;) {
        if (count == 1)
            return keys[0];
        swap_keys(&keys[count / 2], &keys[count - 1]);
        float pivot = keys[count - 1];
        size_t front = 0;
        for (size_t i = 0; i + 1 < count; i++)
            if (keys[i] > pivot)
                swap_keys(&keys[i], &keys[front++]);
        swap_keys(&keys[front], &keys[count - 1]);
        if (wanted == front + 1)
            return keys[front];
        if (wanted <= front) {
            count = front;
        } else {
            keys += front + 1;
            count -= front + 1;
            wanted -= front + 1;
        }
    }
}

/* Raises the threshold to what the `limit`-th best candidate has for certain, and drops those below it: they
 * come again if their sums grow past it. Returns the threshold. */
static float narrow(struct scorer *scorer, float threshold)
{
    size_t count = scorer->candidate_count;
    size_t limit = scorer->query->limit;
    scorer->keys = memory_grow(scorer->keys, &scorer->key_capacity, count, sizeof *scorer->keys);
    for (size_t i = 0; i < count; i++)
        scorer->keys[i] = lowest_strength(scorer, sum_of(scorer, scorer->candidates[i].row)) *
                          scorer->candidates[i].recency;
    if (count > limit) {
        float certain = select_key(scorer->keys, count, limit) - scorer->unread;
        threshold = certain > threshold ? certain : threshold;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (sum_of(scorer, scorer->candidates[i].row) >= threshold)
            scorer->candidates[kept++] = scorer->candidates[i];
    scorer->candidate_count = kept;
    return threshold;
}

/* Where narrowing did not help, there is to be room for as many again. */
static float add_candidate(struct scorer *scorer, uint32_t row, float threshold)
{
    if (!may_be_shown(scorer, row))
        return threshold;
    const struct related_query *query = scorer->query;
    bool dated = query->half_life_now > 0 || query->half_life_source > 0;
    scorer->candidates[scorer->candidate_count++] =
        (struct candidate){row, dated ? recency_of(query, scorer->slice->rows->published[row]) : 1.0F};
    if (scorer->candidate_count < scorer->candidate_capacity)
        return threshold;
    threshold = narrow(scorer, threshold);
    if (scorer->candidate_count > scorer->candidate_capacity / 2)
        scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity,
                                         scorer->candidate_capacity * 2, sizeof *scorer->candidates);
    return threshold;
}

static uint32_t tagged(const struct scorer *scorer, float threshold)
{
    float units = threshold * SUM_ONE;
    return (scorer->tag << SUM_BITS) + (units < 1 ? 1 : (uint32_t)units);
}

/* The loop that everything else is made for: one addition a posting, and a row that crosses the threshold
 * becomes a candidate. */
static float add_list(struct scorer *scorer, const struct posting_list *list, float threshold)
{
    uint32_t *restrict sums = scorer->sums;
    uint32_t zero = scorer->tag << SUM_BITS;
    uint32_t crossing = tagged(scorer, threshold);
    uint32_t factor = list->factor;
    for (const uint32_t *posting = list->first; posting < list->end; posting++) {
        uint32_t row = POSTING_ROW(*posting);
        uint32_t before = sums[row] < zero ? zero : sums[row];
        uint32_t sum = before + factor * POSTING_WEIGHT(*posting);
        sums[row] = sum;
        if (sum >= crossing && before < crossing) {
            threshold = add_candidate(scorer, row, threshold);
            crossing = tagged(scorer, threshold);
        }
    }
    return threshold;
}

/* ---- exact strengths ---- */

static void set_positions(struct scorer *scorer, const uint32_t *numbers, bool there)
{
    for (size_t i = 0; i < scorer->query->source->count; i++)
        if (numbers[i] != DICTIONARY_NONE)
            scorer->positions[numbers[i]] = (uint16_t)(there ? i + 1 : 0);
}

static void compare(const struct scorer *scorer, uint32_t row, struct related_hit *hit)
{
    const struct features *features = &scorer->slice->features;
    const struct feature_vector *source = scorer->query->source;
    uint32_t sums[GROUP_COUNT] = {0};
    for (uint32_t at = features->vector_starts[row]; at < features->vector_starts[row + 1]; at++) {
        uint16_t position = scorer->positions[features->vector_features[at]];
        if (position == 0)
            continue;
        const struct feature *feature = &source->items[position - 1];
        sums[feature_group(feature->kind)] += (uint32_t)feature->weight * features->vector_weights[at];
    }
    related_fill(hit, sums, source->norms, features_norms(features, row), &scorer->query->weights);
}

static void compare_candidates(struct scorer *scorer, uint32_t slice_number, float threshold,
                               struct best_hits *best)
{
    const struct related_query *query = scorer->query;
    narrow(scorer, threshold);
    for (size_t i = 0; i < scorer->candidate_count; i++) {
        const struct candidate *candidate = &scorer->candidates[i];
        float highest = (sum_of(scorer, candidate->row) + scorer->unread) * candidate->recency;
        if (best->count == best->limit && highest < best->items[0].rank)
            continue;
        struct related_hit hit = {
            .slice = scorer->slice, .slice_number = slice_number, .row = candidate->row};
        compare(scorer, candidate->row, &hit);
        hit.rank = hit.strength * candidate->recency;
        if (hit.strength >= query->min_strength)
            best_hits_keep(best, &hit);
    }
}

/* ---- one slice ---- */

/* Room for the slice's rows and features, and a tag that no sum has. */
static void prepare(struct scorer *scorer)
{
    size_t rows = scorer->slice->rows->count;
    size_t features = scorer->slice->features.terms.count;
    if (rows > scorer->sum_capacity) {
        free(scorer->sums);
        scorer->sums = memory_zeroed(rows, sizeof *scorer->sums);
        scorer->sum_capacity = rows;
        scorer->tag = 0;
    }
    if (scorer->tag == TAG_MAX) {
        memset(scorer->sums, 0, scorer->sum_capacity * sizeof *scorer->sums);
        scorer->tag = 0;
    }
    scorer->tag++;
    if (features > scorer->position_capacity) {
        free(scorer->positions);
        scorer->positions = memory_zeroed(features, sizeof *scorer->positions);
        scorer->position_capacity = features;
    }
    scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity,
                                     scorer->query->limit + CANDIDATES_MORE, sizeof *scorer->candidates);
    scorer->candidate_count = 0;
}

void scorer_run(struct scorer *scorer, uint32_t slice_number, struct best_hits *best)
{
    const struct related_query *query = scorer->query;
    scorer->slice = query->snapshot->slices[slice_number];
    uint32_t *numbers = scorer->numbers + (size_t)slice_number * query->source->count;
    size_t count = find_lists(scorer, numbers);
    if (count == 0)
        return;
    prepare(scorer);
    filter_resolve(query->filter, scorer->slice, &scorer->resolved);
    qsort(scorer->lists, count, sizeof *scorer->lists, shortest_first);
    cut_lists(scorer, count);
    float threshold = query->min_strength;
    if (best->count == best->limit && best->items[0].rank > threshold)
        threshold = best->items[0].rank;
    threshold -= scorer->unread;
    for (size_t i = 0; i < count; i++)
        threshold = add_list(scorer, &scorer->lists[i], threshold);
    set_positions(scorer, numbers, true);
    compare_candidates(scorer, slice_number, threshold, best);
    set_positions(scorer, numbers, false);
}
