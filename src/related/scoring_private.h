/*
 * scoring_private.h - what the three parts of a scorer share: scoring.c adds up posting lists, candidates.c
 * keeps the rows that may be among the best, comparing.c compares those exactly. Nobody else includes it.
 */
#ifndef STORYD_RELATED_SCORING_PRIVATE_H
#define STORYD_RELATED_SCORING_PRIVATE_H

#include "related/scoring.h"

/*
 * A row's sum is an upper bound of its strength, 1 - (1 - x)(1 - y)(1 - z) <= x + y + z, in units of
 * 1 / SUM_ONE. Its upper bits are the tag of the run that wrote it: an older one counts as zero, so nothing
 * has to be cleared after a run. x + y + z <= 3, and with the shortest norm instead of the row's less than 4.
 */
#define SUM_BITS 22
#define SUM_ONE ((float)(1U << (SUM_BITS - 2)))
#define TAG_MAX ((1U << (32 - SUM_BITS)) - 1)

/* Small enough for the first cache, whatever the number of features is. */
struct place {
    uint32_t number; /* DICTIONARY_NONE: free */
    uint32_t position;
};

#define SIEVE_SIZE 4096

struct candidate {
    uint32_t row;
    enum { NOT_LOOKED_UP, SHOWN, NOT_SHOWN } state;
    float recency;
    float bound; /* of its rank, in the end: its sum times recency */
};

struct scorer {
    const struct related_query *query;
    uint64_t *hashes; /* of the source's features */
    size_t hash_capacity;
    uint32_t *numbers; /* of the source's features, in each slice */
    size_t number_capacity;
    uint64_t total_rows;
    size_t small_slices; /* see budget_of() */
    struct posting_list *lists;
    size_t list_capacity;
    uint32_t *sums; /* by row */
    size_t sum_capacity;
    uint32_t tag;         /* of this run */
    struct place *places; /* of this slice's feature numbers in the source: a hash table */
    size_t place_capacity;
    size_t place_mask;
    uint8_t sieve[SIEVE_SIZE]; /* 1 where a feature number of the source has this remainder */
    struct candidate *candidates;
    size_t candidate_capacity;
    size_t candidate_room; /* how many there may be before they are looked through */
    size_t candidate_count;
    uint32_t *excluded; /* rows of this slice that must not be shown, ascending */
    size_t excluded_capacity;
    size_t excluded_count;
    float *keys;
    size_t key_capacity;
    struct resolved_filter resolved;
    struct slice *slice; /* of this run */
    float read;          /* the part of its sum that a row has at least: 1 unless lists were cut */
    bool was_cut;        /* in any slice of the query */
};

/* The part of a sum that belongs to this run. */
static inline float sum_of(const struct scorer *scorer, uint32_t row)
{
    return (float)(scorer->sums[row] - (scorer->tag << SUM_BITS)) / SUM_ONE;
}

/* What a sum is compared with to know whether it reaches the threshold. */
static inline uint32_t tagged(const struct scorer *scorer, float threshold)
{
    float units = threshold * SUM_ONE;
    return (scorer->tag << SUM_BITS) + (units < 1 ? 1 : (uint32_t)units);
}

/* candidates.c: ranks are strengths times recency. */

/* No candidates yet, and room for some. */
void candidates_clear(struct scorer *scorer);
/* Takes in a row whose sum has crossed the threshold; gives the threshold from now on. */
float candidates_add(struct scorer *scorer, uint32_t row, float threshold);
/* Drops those that cannot be among the best; gives the threshold from now on. */
float candidates_narrow(struct scorer *scorer, float threshold);
/* After candidates_narrow(), which knows their recency: each gets its bound, and the likely best come to the
 * front, as many as are wanted. Where lists are cut, those that are too many go. */
void candidates_order(struct scorer *scorer);
/* False if the candidate must not be shown. */
bool candidate_look_up(const struct scorer *scorer, struct candidate *candidate);

/* comparing.c: compares the candidates with the source through their vectors and keeps the best. `numbers`:
 * of the source's features in this slice. */
void compare_candidates(struct scorer *scorer, const uint32_t *numbers, uint32_t slice_number,
                        float threshold, struct best_hits *best);

#endif
