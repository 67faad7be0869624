#include "related/related.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "related/scoring.h"

#include <stdlib.h>
#include <string.h>

struct related_scratch {
    struct scorer *scorer;
    struct best_hits best;
    uint32_t *order; /* of the slices */
    size_t order_capacity;
};

struct related_scratch *related_scratch_new(void)
{
    struct related_scratch *scratch = memory_zeroed(1, sizeof *scratch);
    scratch->scorer = scorer_new();
    return scratch;
}

void related_scratch_free(struct related_scratch *scratch)
{
    if (scratch == NULL)
        return;
    scorer_free(scratch->scorer);
    best_hits_release(&scratch->best);
    free(scratch->order);
    free(scratch);
}

void related_fill(struct related_hit *hit, const uint32_t *sums, const uint16_t *mine, const uint16_t *theirs,
                  const struct related_weights *weights)
{
    hit->tag_overlap = feature_cosine(sums[GROUP_TAGS], mine[GROUP_TAGS], theirs[GROUP_TAGS]);
    hit->entity_overlap = feature_cosine(sums[GROUP_ENTITIES], mine[GROUP_ENTITIES], theirs[GROUP_ENTITIES]);
    hit->similarity = feature_cosine(sums[GROUP_TERMS], mine[GROUP_TERMS], theirs[GROUP_TERMS]);
    hit->strength = related_strength(weights, hit->tag_overlap, hit->entity_overlap, hit->similarity);
}

/* Largest first: the best hits are most likely in it, and then little of the others need be looked at. */
static void order_slices(struct related_scratch *scratch, const struct snapshot *snapshot)
{
    scratch->order =
        memory_grow(scratch->order, &scratch->order_capacity, snapshot->slice_count, sizeof *scratch->order);
    for (uint32_t i = 0; i < snapshot->slice_count; i++) {
        size_t at = i;
        for (; at > 0 &&
               snapshot->slices[scratch->order[at - 1]]->rows->count < snapshot->slices[i]->rows->count;
             at--)
            scratch->order[at] = scratch->order[at - 1];
        scratch->order[at] = i;
    }
}

static bool is_in_time(const struct related_query *query)
{
    return query->deadline == 0 || clock_now() <= query->deadline;
}

static int fail_deadline(struct error *error)
{
    return error_set(error, ERROR_DEADLINE, "the query took longer than its deadline");
}

int related_run(struct related_scratch *scratch, const struct related_query *query,
                const struct related_hit **hits, size_t *count, struct error *error)
{
    struct best_hits *best = &scratch->best;
    best_hits_clear(best, query->limit);
    scorer_begin(scratch->scorer, query);
    order_slices(scratch, query->snapshot);
    for (size_t i = 0; i < query->snapshot->slice_count && query->limit > 0; i++) {
        if (!is_in_time(query))
            return fail_deadline(error);
        scorer_run(scratch->scorer, scratch->order[i], best);
    }
    best_hits_sort(best);
    *hits = best->items;
    *count = best->count;
    return 0;
}

bool related_was_cut(const struct related_scratch *scratch)
{
    return scorer_was_cut(scratch->scorer);
}

const uint32_t *related_numbers(const struct related_scratch *scratch, uint32_t slice_number)
{
    return scorer_numbers(scratch->scorer, slice_number);
}

struct related_hit *related_change_hits(struct related_scratch *scratch, size_t **count)
{
    *count = &scratch->best.count;
    return scratch->best.items;
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

/* The next one is moved to its place; how close the others are to it is noted. */
static void choose_next(struct related_hit *hits, float *closest, size_t chosen, size_t count,
                        float diversity)
{
    size_t best = chosen;
    for (size_t i = chosen; i < count; i++)
        if ((1 - diversity) * hits[i].rank - diversity * closest[i] >
            (1 - diversity) * hits[best].rank - diversity * closest[best])
            best = i;
    struct related_hit hit = hits[best];
    memmove(&hits[chosen + 1], &hits[chosen], (best - chosen) * sizeof *hits);
    memmove(&closest[chosen + 1], &closest[chosen], (best - chosen) * sizeof *closest);
    hits[chosen] = hit;
}

int related_diversify(struct related_scratch *scratch, const struct related_query *query, float diversity,
                      size_t limit, size_t *count, struct error *error)
{
    struct related_hit *hits = scratch->best.items;
    size_t all = scratch->best.count;
    float *closest = memory_zeroed(all, sizeof *closest); /* to any hit chosen so far */
    struct feature_vector vector = {0};
    size_t chosen = 0;
    bool in_time = true;
    for (; chosen < limit && chosen < all && in_time; chosen++) {
        choose_next(hits, closest, chosen, all, diversity);
        features_vector(&hits[chosen].slice->features, hits[chosen].row, &vector);
        for (size_t i = chosen + 1; i < all; i++) {
            float near = likeness(&query->weights, &vector, &hits[i]);
            if (near > closest[i])
                closest[i] = near;
        }
        in_time = is_in_time(query);
    }
    feature_vector_release(&vector);
    free(closest);
    *count = chosen;
    return in_time ? 0 : fail_deadline(error);
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
    related_fill(hit, sums, source->norms, vector.norms, weights);
    feature_vector_release(&vector);
}

static bool is_before(const struct shared_feature *a, const struct shared_feature *b)
{
    if (a->feature->kind != b->feature->kind)
        return a->feature->kind < b->feature->kind;
    if (a->product != b->product)
        return a->product > b->product;
    return a->feature < b->feature;
}

/* They come in the order of a vector, by kinds and nearly by weights: few have to be moved, and not far. */
static void sort_shared(struct shared_feature *shared, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct shared_feature moved = shared[i];
        size_t at = i;
        for (; at > 0 && is_before(&moved, &shared[at - 1]); at--)
            shared[at] = shared[at - 1];
        shared[at] = moved;
    }
}

/* Where the number stands in the list; `count` if it does not. */
static size_t position_of(uint32_t number, const uint32_t *numbers, size_t count)
{
    size_t found = 0;
    while (found < count && numbers[found] != number)
        found++;
    return found;
}

/* Where a number with a remainder stands: most that are not in the list are known by theirs. */
#define REMAINDERS 1024

static size_t match_row(const struct feature_vector *source, const uint32_t *numbers,
                        const struct features_row *theirs, struct shared_feature *shared, size_t limit)
{
    uint32_t places[REMAINDERS] = {0}; /* in the list, plus 1: of the last number with the remainder */
    for (uint32_t i = 0; i < source->count; i++)
        places[numbers[i] % REMAINDERS] = i + 1;
    size_t count = 0;
    for (uint32_t i = 0; i < theirs->count && count < limit; i++) {
        uint32_t number = theirs->numbers[i];
        size_t position = places[number % REMAINDERS];
        if (position-- == 0)
            continue;
        if (numbers[position] != number)
            position = position_of(number, numbers, source->count);
        if (position == source->count)
            continue;
        const struct feature *feature = &source->items[position];
        shared[count++] = (struct shared_feature){feature, (uint32_t)feature->weight * theirs->weights[i]};
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
    struct features_row theirs = features_row(&slice->features, row);
    size_t count = match_row(source, numbers, &theirs, shared, limit);
    free(found);
    sort_shared(shared, count);
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
