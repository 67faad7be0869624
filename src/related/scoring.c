#include "related/scoring_private.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/prefetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where lists are cut, a sum may lack this part of what it would be. */
#define CUT_SLACK 0.8F
/* Of a budget, a slice gets its share by rows and this. */
#define BUDGET_LEAST 128
/* A slice of at most so many rows, as new articles are in, gets so much in any case: its share would be a few
 * postings of each list, and of a story that has just begun all lists are as long and weigh the same.
 * Together such slices get at most the budget once more. */
#define SMALL_SLICE 20000
#define SMALL_SLICE_BUDGET 4096

struct posting_list {
    const uint32_t *first;
    const uint32_t *end;
    uint32_t factor; /* what a weight of 1 adds to a sum */
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
    free(scorer->places);
    free(scorer->candidates);
    free(scorer->excluded);
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
    scorer->was_cut = false;
    scorer->total_rows = 0;
    for (size_t i = 0; i < slices; i++)
        scorer->total_rows += query->snapshot->slices[i]->rows->count;
    scorer->small_slices = 0;
    for (size_t i = 0; i < slices; i++)
        scorer->small_slices += query->snapshot->slices[i]->rows->count <= SMALL_SLICE;
}

bool scorer_was_cut(const struct scorer *scorer)
{
    return scorer->was_cut;
}

const uint32_t *scorer_numbers(const struct scorer *scorer, uint32_t slice_number)
{
    return scorer->numbers + (size_t)slice_number * scorer->query->source->count;
}

/* ---- lists ---- */

/* What a weight of 1 on both sides adds to the strength at most. A row's norms are looked at only when it is
 * compared: here it has the slice's shortest. */
static float unit_of(const struct scorer *scorer, enum feature_group group)
{
    const struct related_query *query = scorer->query;
    float norm = (float)query->source->norms[group] * (float)scorer->slice->features.norm_least;
    const float weights[GROUP_COUNT] = {query->weights.tags, query->weights.entities, query->weights.terms};
    return norm > 0 ? weights[group] * NORM_SCALE * NORM_SCALE / norm : 0;
}

/* Rounded up, and never nothing: a row that was touched can be told from one that was not. */
static uint32_t factor_of(float unit, uint8_t weight)
{
    float factor = ceilf(unit * (float)weight * SUM_ONE);
    return factor < 1 ? 1 : (uint32_t)factor;
}

/* `numbers` gets what the look-ups will most likely find. */
static void prefetch_lists(const struct scorer *scorer, uint32_t *numbers)
{
    const struct features *features = &scorer->slice->features;
    size_t count = scorer->query->source->count;
    dictionary_prefetch(&features->terms, scorer->hashes, count, numbers);
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != DICTIONARY_NONE)
            prefetch(&features->posting_starts[numbers[i]]);
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != DICTIONARY_NONE)
            prefetch(features->postings + features->posting_starts[numbers[i]]);
}

static size_t find_lists(struct scorer *scorer, uint32_t *numbers)
{
    const struct features *features = &scorer->slice->features;
    const struct feature_vector *source = scorer->query->source;
    float units[GROUP_COUNT];
    for (int group = 0; group < GROUP_COUNT; group++)
        units[group] = unit_of(scorer, (enum feature_group)group);
    size_t count = 0;
    prefetch_lists(scorer, numbers);
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

static size_t list_length(const struct posting_list *list)
{
    return (size_t)(list->end - list->first);
}

/* In place (Shell 1959): a third of the instructions of qsort() for an article's forty lists. */
static void sort_by_length(struct posting_list *lists, size_t count)
{
    for (size_t gap = count / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < count; i++) {
            struct posting_list moved = lists[i];
            size_t at = i;
            for (; at >= gap && list_length(&lists[at - gap]) > list_length(&moved); at -= gap)
                lists[at] = lists[at - gap];
            lists[at] = moved;
        }
    }
}

/* A list's claim on the budget: the square of the most that it adds to a sum. Of what was tried (the factor,
 * its square, its root, factor times heaviest weight, times the square of that) it keeps most of the strength
 * of the ten best. */
static double claim_of(const struct posting_list *list)
{
    double most = (double)list->factor * POSTING_WEIGHT(*list->first);
    return most * most;
}

static double budget_of(const struct scorer *scorer)
{
    double all = (double)scorer->query->postings;
    double rows = scorer->slice->rows->count;
    double share = all * rows / (double)scorer->total_rows + BUDGET_LEAST;
    if (rows > SMALL_SLICE)
        return share;
    return fmax(share, fmin(all / (double)scorer->small_slices, SMALL_SLICE_BUDGET));
}

/* Shares the slice's part of the budget among the lists by their claims; what short ones leave goes to longer
 * ones. */
static void cut_lists(struct scorer *scorer, size_t count)
{
    uint64_t total = 0;
    double claims = 0;
    for (size_t i = 0; i < count; i++) {
        total += list_length(&scorer->lists[i]);
        claims += claim_of(&scorer->lists[i]);
    }
    double budget = budget_of(scorer);
    scorer->read = 1;
    if (scorer->query->postings == 0 || (double)total <= budget)
        return;
    scorer->read = CUT_SLACK;
    scorer->was_cut = true;
    sort_by_length(scorer->lists, count);
    for (size_t i = 0; i < count; i++) {
        struct posting_list *list = &scorer->lists[i];
        double claim = claim_of(list);
        size_t share = (size_t)ceil(budget * claim / claims);
        if (list_length(list) > share)
            list->end = list->first + share;
        claims -= claim;
        budget = fmax(budget - (double)list_length(list), 0);
    }
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
            threshold = candidates_add(scorer, row, threshold);
            crossing = tagged(scorer, threshold);
        }
    }
    return threshold;
}

/* ---- one slice ---- */

/* Room for the slice's rows and features, and a tag that no sum has. */
static void prepare(struct scorer *scorer)
{
    size_t rows = scorer->slice->rows->count;
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
    candidates_clear(scorer);
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
    filter_resolve(query->filter, scorer->slice, &query->snapshot->epoch->statistics, &scorer->resolved);
    cut_lists(scorer, count);
    float threshold = query->min_strength;
    if (best->count == best->limit && best->items[0].rank > threshold)
        threshold = best->items[0].rank;
    threshold *= scorer->read;
    for (size_t i = 0; i < count; i++) {
        prefetch(scorer->lists[i + 1 < count ? i + 1 : i].first);
        threshold = add_list(scorer, &scorer->lists[i], threshold);
    }
    compare_candidates(scorer, numbers, slice_number, threshold, best);
}
