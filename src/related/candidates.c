/* candidates.c - the rows whose sums say that they may be among the best. */
#include "related/scoring_private.h"

#include "base/date.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "related/copies.h"

#include <math.h>

/* Candidates are looked through when there are this many more than wanted. */
#define CANDIDATES_MORE 128
/* Where lists are cut, no more than these beside the wanted ones are compared. */
#define COMPARED_MORE 256

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
    if (query->source_published == DATE_NONE)
        return true;
    if (published == DATE_NONE)
        return false;
    return query->only == RELATED_EARLIER ? published < query->source_published
                                          : published > query->source_published;
}

static bool is_among(const uint32_t *ascending, size_t count, uint32_t number)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ascending[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ascending[low] == number;
}

static bool is_excluded(const struct scorer *scorer, uint32_t row)
{
    const struct related_query *query = scorer->query;
    return is_among(scorer->excluded, scorer->excluded_count, row) ||
           (query->excluded_story_count != 0 &&
            is_among(query->excluded_stories, query->excluded_story_count, copies_story(scorer->slice, row)));
}

/* Each column that is looked at is a line of memory that is far away: only those that are asked for. */
static bool may_be_shown(const struct scorer *scorer, uint32_t row)
{
    const struct related_query *query = scorer->query;
    const struct slice *slice = scorer->slice;
    return slice_row_lives(slice, row, query->snapshot->revision) && !is_excluded(scorer, row) &&
           (query->only == RELATED_ANY || is_on_wanted_side(query, slice->rows->published[row])) &&
           filter_accepts(&scorer->resolved, row);
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

bool candidate_look_up(const struct scorer *scorer, struct candidate *candidate)
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
        if (sum >= floor && candidate_look_up(scorer, candidate))
            scorer->keys[count++] = dated ? lowest_strength(scorer, sum) * candidate->recency : sum;
    }
    size_t limit = scorer->query->limit;
    if (count < limit)
        return 0;
    float key = select_key(scorer->keys, count, limit);
    return dated ? key : lowest_strength(scorer, key);
}

/* Raises the threshold to what the `limit`-th best candidate has for certain, and drops those below it: they
 * come again if their sums grow past it. To look a row up costs more than to add a posting, so that is done
 * for the best first, and for the others only if too few of these may be shown. */
float candidates_narrow(struct scorer *scorer, float threshold)
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
float candidates_add(struct scorer *scorer, uint32_t row, float threshold)
{
    const struct slice *slice = scorer->slice;
    scorer->candidates[scorer->candidate_count++] =
        (struct candidate){.row = row, .state = NOT_LOOKED_UP, .recency = 1};
    prefetch(&slice->shared->died[row]); /* for look_up() and compare(), some time from now */
    prefetch(&slice->features.vector_starts[row]);
    if (scorer->candidate_count < scorer->candidate_room)
        return threshold;
    threshold = candidates_narrow(scorer, threshold);
    if (scorer->candidate_count > scorer->candidate_room / 2) {
        scorer->candidate_room *= 2;
        scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity,
                                         scorer->candidate_room, sizeof *scorer->candidates);
    }
    return threshold;
}

/* The rows of the excluded docids, both ascending. */
static void find_excluded(struct scorer *scorer)
{
    const struct related_query *query = scorer->query;
    scorer->excluded = memory_grow(scorer->excluded, &scorer->excluded_capacity, query->excluded_count,
                                   sizeof *scorer->excluded);
    scorer->excluded_count = 0;
    for (size_t i = 0; i < query->excluded_count; i++) {
        uint32_t row = rows_find(scorer->slice->rows, query->excluded[i]);
        if (row != ROW_NONE)
            scorer->excluded[scorer->excluded_count++] = row;
    }
}

void candidates_clear(struct scorer *scorer)
{
    scorer->candidate_room = scorer->query->limit * 2 + CANDIDATES_MORE;
    scorer->candidates = memory_grow(scorer->candidates, &scorer->candidate_capacity, scorer->candidate_room,
                                     sizeof *scorer->candidates);
    scorer->candidate_count = 0;
    find_excluded(scorer);
}

/* Brings the `wanted` with the largest bounds to the front; of equal ones those with later rows, which are
 * newer. */
static void bring_to_front(struct scorer *scorer, size_t wanted)
{
    size_t count = scorer->candidate_count;
    size_t reaching = 0;
    scorer->keys = memory_grow(scorer->keys, &scorer->key_capacity, count, sizeof *scorer->keys);
    for (size_t i = 0; i < count; i++)
        scorer->keys[i] = scorer->candidates[i].bound;
    float least = select_key(scorer->keys, count, wanted);
    for (size_t i = 0; i < count; i++)
        reaching += scorer->candidates[i].bound >= least;
    size_t too_many = reaching - wanted; /* equal to the least */
    for (size_t i = 0, front = 0; i < count; i++) {
        struct candidate moved = scorer->candidates[i];
        bool is_last = moved.bound <= least;
        if (moved.bound < least || (is_last && too_many > 0)) {
            too_many -= is_last && moved.bound >= least;
            continue;
        }
        scorer->candidates[i] = scorer->candidates[front];
        scorer->candidates[front++] = moved;
    }
}

void candidates_order(struct scorer *scorer)
{
    size_t limit = scorer->query->limit;
    size_t most = limit + COMPARED_MORE;
    for (size_t i = 0; i < scorer->candidate_count; i++)
        scorer->candidates[i].bound =
            sum_of(scorer, scorer->candidates[i].row) * scorer->candidates[i].recency;
    if (scorer->read < 1 && scorer->candidate_count > most) {
        bring_to_front(scorer, most);
        scorer->candidate_count = most;
    }
    if (scorer->candidate_count > limit)
        bring_to_front(scorer, limit);
}
