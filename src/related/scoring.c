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
 * has to be cleared after a run. x + y + z <= 3, and with the shortest norm instead of the row's less than 4.
 */
#define SUM_BITS 22
#define SUM_ONE ((float)(1U << (SUM_BITS - 2)))
#define TAG_MAX ((1U << (32 - SUM_BITS)) - 1)

/* Candidates are looked through when there are this many more than wanted. */
#define CANDIDATES_MORE 256
/* Where lists are cut, a sum may lack this part of what it would be. */
#define CUT_SLACK 0.8F
/* Of a budget, a slice gets its share by rows and this. */
#define BUDGET_LEAST 128

struct posting_list {
    const uint32_t *first;
    const uint32_t *end;
    uint32_t factor; /* what a weight of 1 adds to a sum */
};

/* Small enough for the first cache, whatever the number of features is. */
struct place {
    uint32_t number; /* DICTIONARY_NONE: free */
    uint32_t position;
};

struct candidate {
    uint32_t row;
    enum { NOT_LOOKED_UP, SHOWN, NOT_SHOWN } state;
    float recency;
    float sum; /* in the end */
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
    uint32_t tag;         /* of this run */
    struct place *places; /* of this slice's feature numbers in the source: a hash table */
    size_t place_capacity;
    size_t place_mask;
    struct candidate *candidates;
    size_t candidate_capacity;
    size_t candidate_room; /* how many there may be before they are looked through */
    size_t candidate_count;
    float *keys;
    size_t key_capacity;
    struct resolved_filter resolved;
    struct slice *slice; /* of this run */
    float read;          /* the part of its sum that a row has at least: 1 unless lists were cut */
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

/* What a look-up reads lies in four places of a large file, one known only from the other. So all look-ups go
 * from place to place together. */
static void prefetch_lists(const struct scorer *scorer)
{
    const struct features *features = &scorer->slice->features;
    size_t count = scorer->query->source->count;
    for (size_t i = 0; i < count; i++)
        dictionary_prefetch(&features->terms, scorer->hashes[i]);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = dictionary_guess(&features->terms, scorer->hashes[i]);
        if (number == DICTIONARY_NONE)
            continue;
        __builtin_prefetch(&features->terms.offsets[number]);
        __builtin_prefetch(&features->posting_starts[number]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t number = dictionary_guess(&features->terms, scorer->hashes[i]);
        if (number == DICTIONARY_NONE)
            continue;
        __builtin_prefetch(features->terms.bytes + features->terms.offsets[number]);
        __builtin_prefetch(features->postings + features->posting_starts[number]);
    }
}

static size_t find_lists(struct scorer *scorer, uint32_t *numbers)
{
    const struct features *features = &scorer->slice->features;
    const struct feature_vector *source = scorer->query->source;
    float units[GROUP_COUNT];
    for (int group = 0; group < GROUP_COUNT; group++)
        units[group] = unit_of(scorer, (enum feature_group)group);
    size_t count = 0;
    prefetch_lists(scorer);
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

/* A list's claim on the budget: the square of the most that it adds to a sum. Of what was tried (the factor,
 * its square, its root, factor times heaviest weight, times the square of that) it keeps most of the strength
 * of the ten best. */
static double claim_of(const struct posting_list *list)
{
    double most = (double)list->factor * POSTING_WEIGHT(*list->first);
    return most * most;
}

/* Shares the slice's part of the budget among the lists by their claims; what short ones leave goes to longer
 * ones. */
static void cut_lists(struct scorer *scorer, size_t count)
{
    uint64_t total = 0;
    double claims = 0;
    for (size_t i = 0; i < count; i++) {
        total += (uint64_t)(scorer->lists[i].end - scorer->lists[i].first);
        claims += claim_of(&scorer->lists[i]);
    }
    double budget = (double)scorer->query->postings * scorer->slice->rows->count / (double)scorer->total_rows;
    scorer->read = 1;
    if (scorer->query->postings == 0 || (double)total <= budget + BUDGET_LEAST)
        return;
    scorer->read = CUT_SLACK;
    budget += BUDGET_LEAST;
    qsort(scorer->lists, count, sizeof *scorer->lists, shortest_first);
    for (size_t i = 0; i < count; i++) {
        struct posting_list *list = &scorer->lists[i];
        double claim = claim_of(list);
        size_t share = (size_t)ceil(budget * claim / claims);
        if ((size_t)(list->end - list->first) > share)
            list->end = list->first + share;
        claims -= claim;
        budget = fmax(budget - (double)(list->end - list->first), 0);
    }
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

/* The lowest strength of a row with this sum: the norms at their largest, every factor rounded up (the
 * weights of a vector of n components add up to no more than the root of n times its length), and the three
 * parts equal, which makes most of (1 - x)(1 - y)(1 - z) by the inequality of the means. */
static float lowest_strength(const struct scorer *scorer, float sum)
{
    float most = (float)scorer->slice->features.norm_most;
    float rounding =
        sqrtf((float)(GROUP_COUNT * scorer->query->source->count)) * (most / NORM_SCALE) / SUM_ONE;
    float parts = (sum - rounding) * ((float)scorer->slice->features.norm_least / most);
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

/* Brings keys above the pivot to the front and those below it to the end; [*first, *end) are equal to it. */
static void part_keys(float *keys, size_t count, size_t *first, size_t *end)
{
    float pivot = keys[count / 2];
    size_t front = 0;
    size_t back = count;
    for (size_t i = 0; i < back;) {
        if (keys[i] > pivot)
            swap_keys(&keys[i++], &keys[front++]);
        else if (keys[i] < pivot)
            swap_keys(&keys[i], &keys[--back]);
        else
            i++;
    }
    *first = front;
    *end = back;
}

/* The `wanted`-th largest of the keys, from 1 (Hoare's quickselect, in three parts: many keys are equal);
 * reorders them. */
static float select_key(float *keys, size_t count, size_t wanted)
{
    for (;;) {
        size_t first;
        size_t end;
        part_keys(keys, count, &first, &end);
        if (wanted <= first) {
            count = first;
        } else if (wanted <= end) {
            return keys[first];
        } else {
            keys += end;
            count -= end;
            wanted -= end;
        }
    }
}

static bool is_dated(const struct related_query *query)
{
    return query->half_life_now > 0 || query->half_life_source > 0;
}

/* False if the candidate must not be shown. */
static bool look_up(const struct scorer *scorer, struct candidate *candidate)
{
    if (candidate->state == NOT_LOOKED_UP) {
        const struct related_query *query = scorer->query;
        candidate->state = may_be_shown(scorer, candidate->row) ? SHOWN : NOT_SHOWN;
        if (candidate->state == SHOWN && is_dated(query))
            candidate->recency = recency_of(query, scorer->slice->rows->published[candidate->row]);
    }
    return candidate->state == SHOWN;
}

/* The `limit`-th largest of the ranks that candidates have for certain, of those alone whose sum reaches
 * `floor` and that may be shown; 0 if there are not so many. */
static float certain_rank(struct scorer *scorer, float floor)
{
    size_t count = 0;
    bool dated = is_dated(scorer->query);
    for (size_t i = 0; i < scorer->candidate_count; i++) {
        struct candidate *candidate = &scorer->candidates[i];
        float sum = sum_of(scorer, candidate->row);
        if (sum >= floor && look_up(scorer, candidate))
            scorer->keys[count++] = dated ? lowest_strength(scorer, sum) * candidate->recency : sum;
    }
    size_t limit = scorer->query->limit;
    if (count < limit)
        return 0;
    float key = select_key(scorer->keys, count, limit);
    return dated ? key : lowest_strength(scorer, key);
}

static uint32_t tagged(const struct scorer *scorer, float threshold)
{
    float units = threshold * SUM_ONE;
    return (scorer->tag << SUM_BITS) + (units < 1 ? 1 : (uint32_t)units);
}

/* Raises the threshold to what the `limit`-th best candidate has for certain, and drops those below it: they
 * come again if their sums grow past it. To look a row up costs more than to add a posting, so that is done
 * for the best first, and for the others only if too few of these may be shown. */
static float narrow(struct scorer *scorer, float threshold)
{
    size_t count = scorer->candidate_count;
    size_t wanted = scorer->query->limit * 2;
    scorer->keys = memory_grow(scorer->keys, &scorer->key_capacity, count, sizeof *scorer->keys);
    float certain = 0;
    if (count > wanted && !is_dated(scorer->query)) {
        for (size_t i = 0; i < count; i++)
            scorer->keys[i] = sum_of(scorer, scorer->candidates[i].row);
        certain = certain_rank(scorer, select_key(scorer->keys, count, wanted));
    }
    if (certain <= 0)
        certain = certain_rank(scorer, 0);
    threshold = certain > threshold ? certain : threshold;
    uint32_t crossing = tagged(scorer, threshold); /* the very number that add_list() compares with */
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (scorer->candidates[i].state != NOT_SHOWN && scorer->sums[scorer->candidates[i].row] >= crossing)
            scorer->candidates[kept++] = scorer->candidates[i];
    scorer->candidate_count = kept;
    return threshold;
}

/* Where narrowing did not help, there is to be room for as many again. */
static float add_candidate(struct scorer *scorer, uint32_t row, float threshold)
{
    const struct slice *slice = scorer->slice;
    scorer->candidates[scorer->candidate_count++] =
        (struct candidate){.row = row, .state = NOT_LOOKED_UP, .recency = 1};
    __builtin_prefetch(&slice->shared->died[row]); /* for look_up() and compare(), some time from now */
    __builtin_prefetch(&slice->rows->docids[row]);
    __builtin_prefetch(&slice->features.vector_starts[row]);
    if (scorer->candidate_count < scorer->candidate_room)
        return threshold;
    threshold = narrow(scorer, threshold);
    if (scorer->candidate_count > scorer->candidate_room / 2) {
        scorer->candidate_room *= 2;
        scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity,
                                         scorer->candidate_room, sizeof *scorer->candidates);
    }
    return threshold;
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

#define PLACES_EACH 8 /* mostly free: a number that is not there is known by one look */

static size_t place_of(const struct scorer *scorer, uint32_t number)
{
    return (size_t)(number * UINT64_C(0x9E3779B97F4A7C15) >> 32) & scorer->place_mask; /* Fibonacci hashing */
}

static void set_places(struct scorer *scorer, const uint32_t *numbers)
{
    size_t source = scorer->query->source->count;
    size_t count = 64;
    while (count < source * PLACES_EACH)
        count *= 2;
    scorer->places = memory_grow(scorer->places, &scorer->place_capacity, count, sizeof *scorer->places);
    scorer->place_mask = count - 1;
    memset(scorer->places, 0xff, count * sizeof *scorer->places);
    for (size_t i = 0; i < source; i++) {
        size_t at = place_of(scorer, numbers[i]);
        while (scorer->places[at].number != DICTIONARY_NONE)
            at = (at + 1) & scorer->place_mask;
        scorer->places[at] = (struct place){numbers[i], (uint32_t)i};
    }
}

/* The source's feature with this number, or NULL. */
static const struct feature *find_place(const struct scorer *scorer, uint32_t number)
{
    for (size_t at = place_of(scorer, number); scorer->places[at].number != DICTIONARY_NONE;
         at = (at + 1) & scorer->place_mask)
        if (scorer->places[at].number == number)
            return &scorer->query->source->items[scorer->places[at].position];
    return NULL;
}

static void compare(const struct scorer *scorer, uint32_t row, struct related_hit *hit)
{
    const struct features *features = &scorer->slice->features;
    const struct feature_vector *source = scorer->query->source;
    uint32_t sums[GROUP_COUNT] = {0};
    for (uint32_t at = features->vector_starts[row]; at < features->vector_starts[row + 1]; at++) {
        const struct feature *feature = find_place(scorer, features->vector_features[at]);
        if (feature == NULL)
            continue;
        sums[feature_group(feature->kind)] += (uint32_t)feature->weight * features->vector_weights[at];
    }
    related_fill(hit, sums, source->norms, features_norms(features, row), &scorer->query->weights);
}

/* The likely best come to the front, as many as are wanted: with them among the best hits most of the others
 * need not be compared. */
static void order_candidates(struct scorer *scorer)
{
    size_t count = scorer->candidate_count;
    size_t limit = scorer->query->limit;
    scorer->keys = memory_grow(scorer->keys, &scorer->key_capacity, count, sizeof *scorer->keys);
    for (size_t i = 0; i < count; i++)
        scorer->keys[i] = scorer->candidates[i].sum = sum_of(scorer, scorer->candidates[i].row);
    if (count <= limit)
        return;
    float least = select_key(scorer->keys, count, limit);
    for (size_t i = 0, front = 0; i < count; i++) {
        struct candidate moved = scorer->candidates[i];
        if (moved.sum < least)
            continue;
        scorer->candidates[i] = scorer->candidates[front];
        scorer->candidates[front++] = moved;
    }
}

/* Vectors lie all over a large file: their lines are asked for some candidates ahead. */
#define AHEAD 8

static void prefetch_vector(const struct scorer *scorer, size_t candidate)
{
    const struct features *features = &scorer->slice->features;
    if (candidate + AHEAD < scorer->candidate_count) {
        uint32_t later = scorer->candidates[candidate + AHEAD].row;
        __builtin_prefetch(&features->vector_starts[later]);
        __builtin_prefetch(&scorer->slice->shared->died[later]);
        __builtin_prefetch(&scorer->slice->rows->docids[later]);
    }
    if (candidate >= scorer->candidate_count)
        return;
    uint32_t row = scorer->candidates[candidate].row;
    uint32_t start = features->vector_starts[row];
    for (uint32_t at = start; at < start + 64; at += 16)
        __builtin_prefetch(&features->vector_features[at]);
    __builtin_prefetch(&features->vector_weights[start]);
    __builtin_prefetch(features_norms(features, row));
}

static void compare_candidates(struct scorer *scorer, uint32_t slice_number, float threshold,
                               struct best_hits *best)
{
    const struct related_query *query = scorer->query;
    narrow(scorer, threshold);
    order_candidates(scorer);
    for (size_t i = 0; i < scorer->candidate_count; i++) {
        struct candidate *candidate = &scorer->candidates[i];
        prefetch_vector(scorer, i + AHEAD / 2);
        float highest = candidate->sum * candidate->recency / scorer->read;
        if ((best->count == best->limit && highest < best->items[0].rank) || !look_up(scorer, candidate))
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
    scorer->candidate_room = scorer->query->limit * 2 + CANDIDATES_MORE;
    scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity, scorer->candidate_room,
                                     sizeof *scorer->candidates);
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
    filter_resolve(query->filter, scorer->slice, &query->snapshot->epoch->statistics, &scorer->resolved);
    cut_lists(scorer, count);
    float threshold = query->min_strength;
    if (best->count == best->limit && best->items[0].rank > threshold)
        threshold = best->items[0].rank;
    threshold *= scorer->read;
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(scorer->lists[i + 1 < count ? i + 1 : i].first);
        threshold = add_list(scorer, &scorer->lists[i], threshold);
    }
    set_places(scorer, numbers);
    compare_candidates(scorer, slice_number, threshold, best);
}
