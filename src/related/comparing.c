/* comparing.c - exact strengths, through the candidates' own vectors. */
#include "related/scoring_private.h"

#include "base/memory.h"
#include "base/prefetch.h"

#include <string.h>

#define PLACES_EACH 8 /* mostly free: a number that is not there is known by one look */
#define BLOCK 128     /* features of a row that are looked at together: at most 256 */

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
    memset(scorer->sieve, 0, sizeof scorer->sieve);
    for (size_t i = 0; i < source; i++) {
        if (numbers[i] != DICTIONARY_NONE)
            scorer->sieve[numbers[i] % SIEVE_SIZE] = 1;
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

/* The places of those features of a row, among up to BLOCK, that the source may have: found without a branch
 * for each that it does not have, which are most. */
static uint32_t sift(const struct scorer *scorer, const uint32_t *numbers, uint32_t count, uint8_t *places)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        places[found] = (uint8_t)i;
        found += scorer->sieve[numbers[i] % SIEVE_SIZE];
    }
    return found;
}

static void compare(const struct scorer *scorer, uint32_t row, struct related_hit *hit)
{
    struct features_row theirs = features_row(&scorer->slice->features, row);
    uint32_t sums[GROUP_COUNT] = {0};
    for (uint32_t start = 0; start < theirs.count; start += BLOCK) {
        uint8_t places[BLOCK];
        uint32_t rest = theirs.count - start;
        uint32_t found = sift(scorer, theirs.numbers + start, rest < BLOCK ? rest : BLOCK, places);
        for (uint32_t i = 0; i < found; i++) {
            const struct feature *feature = find_place(scorer, theirs.numbers[start + places[i]]);
            if (feature != NULL)
                sums[feature_group(feature->kind)] +=
                    (uint32_t)feature->weight * theirs.weights[start + places[i]];
        }
    }
    related_fill(hit, sums, scorer->query->source->norms, theirs.norms, &scorer->query->weights);
}

/* Vectors lie all over a large file: their lines are asked for some candidates ahead. */
#define AHEAD 16
#define LINE_WORDS 16
#define VECTOR_LINES 5

static void prefetch_vector(const struct scorer *scorer, size_t candidate)
{
    const struct features *features = &scorer->slice->features;
    if (candidate + AHEAD < scorer->candidate_count) {
        uint32_t later = scorer->candidates[candidate + AHEAD].row;
        prefetch(&features->vector_starts[later]);
        prefetch(&scorer->slice->shared->died[later]);
    }
    if (candidate >= scorer->candidate_count)
        return;
    const uint32_t *vector = features->vectors + features->vector_starts[scorer->candidates[candidate].row];
    for (size_t line = 0; line < VECTOR_LINES; line++)
        prefetch(vector + line * LINE_WORDS);
}

void compare_candidates(struct scorer *scorer, const uint32_t *numbers, uint32_t slice_number,
                        float threshold, struct best_hits *best)
{
    const struct related_query *query = scorer->query;
    set_places(scorer, numbers);
    candidates_narrow(scorer, threshold);
    candidates_order(scorer);
    for (size_t i = 0; i < scorer->candidate_count; i++) {
        struct candidate *candidate = &scorer->candidates[i];
        prefetch_vector(scorer, i + AHEAD / 2);
        /* where lists are cut, what a sum lacks weighs most for the newest: then all are compared that are
         * left */
        float highest = scorer->read < 1 && candidate->recency < 1 ? 1 : candidate->bound / scorer->read;
        if ((best->count == best->limit && highest < best->items[0].rank) ||
            !candidate_look_up(scorer, candidate))
            continue;
        struct related_hit hit = {
            .slice = scorer->slice, .slice_number = slice_number, .row = candidate->row};
        compare(scorer, candidate->row, &hit);
        hit.rank = hit.strength * candidate->recency;
        if (hit.strength >= query->min_strength)
            best_hits_keep(best, &hit);
    }
}
