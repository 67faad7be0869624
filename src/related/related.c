#include "related/related.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The accumulator of a row: three 16-bit sums side by side, one for each group, so that a posting costs one
 * addition. The sums cannot overflow into each other (FEATURE_SCALE).
 */
#define LANE_BITS 16
#define LANE_MASK 0xffffU

/* Stored norms lie near FEATURE_SCALE * NORM_SCALE; a row whose bound with this smallest norm misses the
 * threshold needs no look at its real norms. Rounding moves a component by at most a half, so 0.9 is far
 * below what can occur. */
#define NORM_LEAST (FEATURE_SCALE * NORM_SCALE * 0.9F)

struct posting_list {
    const uint32_t *first;
    const uint32_t *end;
    uint64_t factor; /* the source's weight, shifted to its group's lane */
};

struct related_scratch {
    uint64_t *sums; /* by row; all zero between runs */
    size_t sum_capacity;
    struct posting_list *lists;
    size_t list_capacity;
    uint64_t *hashes; /* of the source's features */
    size_t hash_capacity;
    uint32_t *numbers; /* of the source's features, in each slice */
    size_t number_capacity;
    size_t number_count;      /* features in the source */
    struct related_hit *heap; /* weakest first */
    size_t heap_capacity;
    size_t heap_count;
    struct resolved_filter resolved;
};

struct related_scratch *related_scratch_new(void)
{
    return memory_zeroed(1, sizeof(struct related_scratch));
}

void related_scratch_free(struct related_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->sums);
    free(scratch->lists);
    free(scratch->hashes);
    free(scratch->numbers);
    free(scratch->heap);
    resolved_filter_release(&scratch->resolved);
    free(scratch);
}

/* ---- the best so far ---- */

/* True if `a` ranks behind `b`. */
static bool is_weaker(const struct related_hit *a, const struct related_hit *b)
{
    if (a->rank < b->rank || a->rank > b->rank)
        return a->rank < b->rank;
    return a->slice->rows->docids[a->row] < b->slice->rows->docids[b->row];
}

static void sift_down(struct related_hit *heap, size_t count, size_t at)
{
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= count)
            return;
        if (child + 1 < count && is_weaker(&heap[child + 1], &heap[child]))
            child++;
        if (!is_weaker(&heap[child], &heap[at]))
            return;
        struct related_hit moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

static void sift_up(struct related_hit *heap, size_t at)
{
    while (at > 0 && is_weaker(&heap[at], &heap[(at - 1) / 2])) {
        struct related_hit moved = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

static void keep(struct related_scratch *scratch, size_t limit, const struct related_hit *hit)
{
    if (scratch->heap_count < limit) {
        scratch->heap[scratch->heap_count++] = *hit;
        sift_up(scratch->heap, scratch->heap_count - 1);
    } else if (is_weaker(&scratch->heap[0], hit)) {
        scratch->heap[0] = *hit;
        sift_down(scratch->heap, limit, 0);
    }
}

static int compare_hits(const void *left, const void *right)
{
    return is_weaker(left, right) ? 1 : is_weaker(right, left) ? -1 : 0;
}

/* ---- one slice ---- */

static size_t find_lists(struct related_scratch *scratch, const struct feature_vector *source,
                         const struct slice *slice, uint32_t *numbers)
{
    const struct features *features = &slice->features;
    size_t count = 0;
    for (size_t i = 0; i < source->count; i++) {
        const struct feature *feature = &source->items[i];
        uint32_t number = features_find(features, feature->term, feature->length, scratch->hashes[i]);
        numbers[i] = number;
        if (number == DICTIONARY_NONE)
            continue;
        scratch->lists[count++] = (struct posting_list){
            .first = features->postings + features->posting_starts[number],
            .end = features->postings + features->posting_starts[number + 1],
            .factor = (uint64_t)feature->weight << (LANE_BITS * feature_group(feature->kind)),
        };
    }
    return count;
}

static void add_list(uint64_t *restrict sums, const struct posting_list *list)
{
    uint64_t factor = list->factor;
    for (const uint32_t *posting = list->first; posting < list->end; posting++)
        sums[POSTING_ROW(*posting)] += factor * POSTING_WEIGHT(*posting);
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

static void fill_hit(const struct related_query *query, struct slice *slice, uint32_t row, uint64_t sums,
                     struct related_hit *hit)
{
    const uint16_t *mine = query->source->norms;
    const uint16_t *theirs = features_norms(&slice->features, row);
    hit->slice = slice;
    hit->row = row;
    hit->tag_overlap = feature_cosine((uint32_t)(sums & LANE_MASK), mine[GROUP_TAGS], theirs[GROUP_TAGS]);
    hit->entity_overlap = feature_cosine((uint32_t)(sums >> LANE_BITS & LANE_MASK), mine[GROUP_ENTITIES],
                                         theirs[GROUP_ENTITIES]);
    hit->similarity = feature_cosine((uint32_t)(sums >> (2 * LANE_BITS) & LANE_MASK), mine[GROUP_TERMS],
                                     theirs[GROUP_TERMS]);
    hit->strength = related_strength(&query->weights, hit->tag_overlap, hit->entity_overlap, hit->similarity);
}

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

/* Factors that turn a row's sums into the highest strength it can have. */
struct bound {
    float tags;
    float entities;
    float terms;
};

static struct bound make_bound(const struct related_query *query)
{
    const uint16_t *norms = query->source->norms;
    float scale = NORM_SCALE * NORM_SCALE / NORM_LEAST;
    return (struct bound){
        .tags = norms[GROUP_TAGS] != 0 ? query->weights.tags * scale / norms[GROUP_TAGS] : 0,
        .entities = norms[GROUP_ENTITIES] != 0 ? query->weights.entities * scale / norms[GROUP_ENTITIES] : 0,
        .terms = norms[GROUP_TERMS] != 0 ? query->weights.terms * scale / norms[GROUP_TERMS] : 0,
    };
}

/* 1 - (1 - x)(1 - y)(1 - z) <= x + y + z: a sum is cheaper than the product and good enough to pass most rows
 * by. */
static float highest_strength(const struct bound *bound, uint64_t sums)
{
    return bound->tags * (float)(sums & LANE_MASK) +
           bound->entities * (float)(sums >> LANE_BITS & LANE_MASK) +
           bound->terms * (float)(sums >> (2 * LANE_BITS) & LANE_MASK);
}

static void consider(struct related_scratch *scratch, const struct related_query *query, struct slice *slice,
                     uint32_t slice_number, uint32_t row, uint64_t sums)
{
    struct related_hit hit = {.slice_number = slice_number};
    fill_hit(query, slice, row, sums, &hit);
    int64_t published = slice->rows->published[row];
    if (hit.strength < query->min_strength || !is_on_wanted_side(query, published))
        return;
    hit.rank = hit.strength * recency_of(query, published);
    if (scratch->heap_count == query->limit && !is_weaker(&scratch->heap[0], &hit))
        return;
    if (!slice_row_lives(slice, row, query->snapshot->revision) ||
        is_excluded(query, slice->rows->docids[row]) || !filter_accepts(&scratch->resolved, row))
        return;
    keep(scratch, query->limit, &hit);
}

/* Visits every row the lists touched, once, and clears its sums. */
static void collect(struct related_scratch *scratch, const struct related_query *query, struct slice *slice,
                    uint32_t slice_number, size_t list_count)
{
    struct bound bound = make_bound(query);
    uint64_t *sums = scratch->sums;
    for (size_t i = 0; i < list_count; i++) {
        const struct posting_list *list = &scratch->lists[i];
        for (const uint32_t *posting = list->first; posting < list->end; posting++) {
            uint32_t row = POSTING_ROW(*posting);
            uint64_t sum = sums[row];
            if (sum == 0)
                continue;
            sums[row] = 0;
            float threshold =
                scratch->heap_count == query->limit ? scratch->heap[0].rank : query->min_strength;
            if (highest_strength(&bound, sum) >= threshold)
                consider(scratch, query, slice, slice_number, row, sum);
        }
    }
}

static void run_slice(struct related_scratch *scratch, const struct related_query *query,
                      uint32_t slice_number)
{
    struct slice *slice = query->snapshot->slices[slice_number];
    size_t list_count = find_lists(scratch, query->source, slice,
                                   scratch->numbers + (size_t)slice_number * scratch->number_count);
    if (list_count == 0)
        return;
    size_t rows = slice->rows->count;
    if (rows > scratch->sum_capacity) {
        free(scratch->sums);
        scratch->sums = memory_zeroed(rows, sizeof *scratch->sums);
        scratch->sum_capacity = rows;
    }
    filter_resolve(query->filter, slice, &scratch->resolved);
    for (size_t i = 0; i < list_count; i++)
        add_list(scratch->sums, &scratch->lists[i]);
    collect(scratch, query, slice, slice_number, list_count);
}

int related_run(struct related_scratch *scratch, const struct related_query *query,
                const struct related_hit **hits, size_t *count, struct error *error)
{
    const struct feature_vector *source = query->source;
    scratch->heap = memory_grow(scratch->heap, &scratch->heap_capacity, query->limit, sizeof *scratch->heap);
    scratch->lists =
        memory_grow(scratch->lists, &scratch->list_capacity, source->count, sizeof *scratch->lists);
    scratch->hashes =
        memory_grow(scratch->hashes, &scratch->hash_capacity, source->count, sizeof *scratch->hashes);
    for (size_t i = 0; i < source->count; i++)
        scratch->hashes[i] = hash_bytes(source->items[i].term, source->items[i].length);
    size_t numbers = query->snapshot->slice_count * source->count;
    scratch->numbers =
        memory_grow(scratch->numbers, &scratch->number_capacity, numbers, sizeof *scratch->numbers);
    scratch->number_count = source->count;
    scratch->heap_count = 0;
    for (size_t i = query->snapshot->slice_count; i-- > 0 && query->limit > 0;) {
        if (query->deadline != 0 && clock_now() > query->deadline)
            return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
        run_slice(scratch, query, (uint32_t)i);
    }
    qsort(scratch->heap, scratch->heap_count, sizeof *scratch->heap, compare_hits);
    *hits = scratch->heap;
    *count = scratch->heap_count;
    return 0;
}

/* ---- diversity ---- */

/* How alike two hits are: the strength of the connection between them. */
static float likeness(const struct related_weights *weights, const struct feature_vector *vector,
                      const struct related_hit *other)
{
    struct related_hit between = {.strength = 0};
    related_compare(vector, other->slice, other->row, weights, &between);
    return between.strength;
}

size_t related_diversify(struct related_scratch *scratch, const struct related_weights *weights,
                         float diversity, size_t limit)
{
    struct related_hit *hits = scratch->heap;
    size_t count = scratch->heap_count;
    float *closest = memory_zeroed(count, sizeof *closest); /* to any hit chosen so far */
    struct feature_vector vector = {0};
    size_t chosen = 0;
    for (; chosen < limit && chosen < count; chosen++) {
        size_t best = chosen;
        for (size_t i = chosen; i < count; i++)
            if ((1 - diversity) * hits[i].rank - diversity * closest[i] >
                (1 - diversity) * hits[best].rank - diversity * closest[best])
                best = i;
        struct related_hit hit = hits[best];
        memmove(&hits[chosen + 1], &hits[chosen], (best - chosen) * sizeof *hits);
        memmove(&closest[chosen + 1], &closest[chosen], (best - chosen) * sizeof *closest);
        hits[chosen] = hit;
        features_vector(&hit.slice->features, hit.row, &vector);
        for (size_t i = chosen + 1; i < count; i++) {
            float near = likeness(weights, &vector, &hits[i]);
            if (near > closest[i])
                closest[i] = near;
        }
    }
    feature_vector_release(&vector);
    free(closest);
    return chosen;
}

/* ---- one row ---- */

static const struct feature *find_feature(const struct feature_vector *vector, const struct feature *wanted)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i].length == wanted->length &&
            memcmp(vector->items[i].term, wanted->term, wanted->length) == 0)
            return &vector->items[i];
    return NULL;
}

void related_compare(const struct feature_vector *source, const struct slice *slice, uint32_t row,
                     const struct related_weights *weights, struct related_hit *hit)
{
    struct feature_vector vector = {0};
    features_vector(&slice->features, row, &vector);
    uint32_t sums[GROUP_COUNT] = {0};
    for (size_t i = 0; i < source->count; i++) {
        const struct feature *theirs = find_feature(&vector, &source->items[i]);
        if (theirs != NULL)
            sums[feature_group(theirs->kind)] += (uint32_t)source->items[i].weight * theirs->weight;
    }
    hit->tag_overlap = feature_cosine(sums[GROUP_TAGS], source->norms[GROUP_TAGS], vector.norms[GROUP_TAGS]);
    hit->entity_overlap =
        feature_cosine(sums[GROUP_ENTITIES], source->norms[GROUP_ENTITIES], vector.norms[GROUP_ENTITIES]);
    hit->similarity =
        feature_cosine(sums[GROUP_TERMS], source->norms[GROUP_TERMS], vector.norms[GROUP_TERMS]);
    hit->strength = related_strength(weights, hit->tag_overlap, hit->entity_overlap, hit->similarity);
    feature_vector_release(&vector);
}

static int compare_shared(const void *left, const void *right)
{
    const struct shared_feature *a = left;
    const struct shared_feature *b = right;
    if (a->feature->kind != b->feature->kind)
        return a->feature->kind < b->feature->kind ? -1 : 1;
    if (a->product != b->product)
        return a->product > b->product ? -1 : 1;
    return (a->feature > b->feature) - (a->feature < b->feature);
}

const uint32_t *related_numbers(const struct related_scratch *scratch, uint32_t slice_number)
{
    return scratch->numbers + (size_t)slice_number * scratch->number_count;
}

/* Where the number stands in the list; `count` if it does not. Without an early end the compiler compares
 * eight at once. */
static size_t position_of(uint32_t number, const uint32_t *numbers, size_t count)
{
    size_t found = count;
    for (size_t i = 0; i < count; i++)
        found = numbers[i] == number ? i : found;
    return found;
}

static size_t match_row(const struct feature_vector *source, const uint32_t *numbers,
                        const struct features *features, uint32_t row, struct shared_feature *shared,
                        size_t limit)
{
    size_t count = 0;
    for (uint32_t at = features->vector_starts[row]; at < features->vector_starts[row + 1] && count < limit;
         at++) {
        size_t position = position_of(features->vector_features[at], numbers, source->count);
        if (position == source->count)
            continue;
        const struct feature *feature = &source->items[position];
        shared[count++] =
            (struct shared_feature){feature, (uint32_t)feature->weight * features->vector_weights[at]};
    }
    return count;
}

size_t related_shared(const struct feature_vector *source, const uint32_t *numbers, const struct slice *slice,
                      uint32_t row, struct shared_feature *shared, size_t limit)
{
    uint32_t *found = NULL;
    if (numbers == NULL) {
        found = memory_zeroed(source->count, sizeof *found);
        for (size_t i = 0; i < source->count; i++)
            found[i] = features_find(&slice->features, source->items[i].term, source->items[i].length,
                                     hash_bytes(source->items[i].term, source->items[i].length));
        numbers = found;
    }
    size_t count = match_row(source, numbers, &slice->features, row, shared, limit);
    free(found);
    if (count != 0)
        qsort(shared, count, sizeof *shared, compare_shared);
    return count;
}

/* ---- several articles ---- */

void related_combine(const struct feature_vector *vectors, size_t count, size_t key_terms,
                     struct feature_vector *combined)
{
    feature_vector_clear(combined);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < vectors[i].count; j++) {
            const struct feature *feature = &vectors[i].items[j];
            struct feature *there = (struct feature *)(uintptr_t)find_feature(combined, feature);
            if (there == NULL) {
                combined->items = memory_grow(combined->items, &combined->capacity, combined->count + 1,
                                              sizeof *combined->items);
                there = &combined->items[combined->count++];
                *there = *feature;
                there->raw = 0;
            }
            there->raw += (float)feature->weight;
        }
    }
    feature_vector_finish_limited(combined, key_terms);
}
