/*
 * scoring.h - which rows of one slice share most with a source: the inner loop of related.h.
 *
 * The postings of the source's features are added up row by row, all groups into one sum that is never below
 * the row's strength; rows whose sum gets far enough are candidates. Where a budget cuts long lists, each
 * gives its heaviest postings (they come first in features.h): score-at-a-time evaluation with an early end,
 * Lin and Trotman 2015. Candidates are then compared exactly, through their own vectors, so that reported
 * figures never depend on the budget. A scorer belongs to one thread.
 */
#ifndef STORYD_RELATED_SCORING_H
#define STORYD_RELATED_SCORING_H

#include "related/related.h"

/* The best hits so far; once there are `limit`, the weakest on top (a binary heap). */
struct best_hits {
    struct related_hit *items;
    size_t capacity;
    size_t count;
    size_t limit;
    struct related_hit *sorted; /* room for another order of `items` */
    struct hit_key *keys;
    size_t sorted_capacity;
    size_t key_capacity;
};

/* Empties it and makes room for `limit` hits. Zero-initialise before the first time; best_hits_release(). */
void best_hits_clear(struct best_hits *best, size_t limit);
void best_hits_release(struct best_hits *best);
/* Keeps the hit if it is among the `limit` best. Equal ranks: the newer docid is better. */
void best_hits_keep(struct best_hits *best, const struct related_hit *hit);
/* Strongest first; the heap is none any more. */
void best_hits_sort(struct best_hits *best);

struct scorer;
struct scorer *scorer_new(void);
void scorer_free(struct scorer *scorer);

/* Makes ready for the slices of the query's snapshot. The query must outlive the runs. */
void scorer_begin(struct scorer *scorer, const struct related_query *query);
/* Adds what one slice has to `best`, whose limit is the query's. */
void scorer_run(struct scorer *scorer, uint32_t slice_number, struct best_hits *best);

/* Whether a budget has cut lists since the last scorer_begin(). */
bool scorer_was_cut(const struct scorer *scorer);

/* The numbers of the source's features in a slice that was run, DICTIONARY_NONE where it lacks one. Valid
 * until the next scorer_begin(). */
const uint32_t *scorer_numbers(const struct scorer *scorer, uint32_t slice_number);

#endif
