/*
 * related.h - which articles connect to this one, and how strongly: storyd's reason to exist. Formulas:
 * design.md section 6.
 *
 *     strength = 1 - (1 - a tag_overlap) (1 - b entity_overlap) (1 - c similarity)
 *
 * Computed from the catalog alone; Xapian is not asked. The scratch memory belongs to one thread; results
 * point into the snapshot, which the caller holds.
 */
#ifndef STORYD_RELATED_RELATED_H
#define STORYD_RELATED_RELATED_H

#include "index/snapshot.h"
#include "query/filter.h"

struct related_weights {
    float tags;     /* a */
    float entities; /* b */
    float terms;    /* c */
};

/* The connection strength of three overlaps, 0 to 1. */
static inline float related_strength(const struct related_weights *weights, float tag_overlap,
                                     float entity_overlap, float similarity)
{
    return 1.0F - (1.0F - weights->tags * tag_overlap) * (1.0F - weights->entities * entity_overlap) *
                      (1.0F - weights->terms * similarity);
}

/* Suggestions from before or after the source's date. */
enum related_only { RELATED_ANY, RELATED_EARLIER, RELATED_LATER };

struct related_query {
    const struct snapshot *snapshot;
    const struct feature_vector *source;
    const uint32_t *excluded; /* docids never shown (the source itself, articles read): sorted ascending */
    size_t excluded_count;
    const uint32_t *excluded_stories; /* copies_story() of stories no article of which is shown: ascending */
    size_t excluded_story_count;
    struct related_weights weights;
    float min_strength;
    enum related_only only;
    int64_t now;              /* seconds; for half_life_now */
    int64_t source_published; /* DATE_NONE: unknown, then `only` and half_life_source have no effect */
    double half_life_now;     /* seconds; 0 = recency does not matter */
    double half_life_source;
    const struct filter *filter;
    size_t limit;
    uint64_t postings; /* to read at most, about; 0: all. Fewer may miss a hit, never change its figures */
    int64_t deadline;  /* clock.h; 0 = none */
};

struct related_hit {
    struct slice *slice; /* borrowed from the snapshot */
    uint32_t slice_number;
    uint32_t row;
    float strength;
    float rank; /* strength times recency: what hits are ordered by */
    float tag_overlap;
    float entity_overlap;
    float similarity;
    bool is_pinned; /* by an editor of the source, not found by a run */
};

struct related_scratch;
struct related_scratch *related_scratch_new(void);
void related_scratch_free(struct related_scratch *scratch);

/* The `limit` highest in rank, highest first, equal ones newest docid first. Recency changes the rank, never
 * the reported strength. *hits belongs to the scratch until its next use. Errors: deadline. */
int related_run(struct related_scratch *scratch, const struct related_query *query,
                const struct related_hit **hits, size_t *count, struct error *error);

/* The hits of the last run, and where their number is kept: for whoever takes some of them out. */
struct related_hit *related_change_hits(struct related_scratch *scratch, size_t **count);

/* Reorders the hits of the last run so that each of the first `limit` is strong but unlike those before it:
 * maximal marginal relevance (Carbonell and Goldstein 1998) with lambda = 1 - `diversity` (0 to 1), the
 * strength between two hits as their likeness. *count: how many there are now. Errors: deadline. */
int related_diversify(struct related_scratch *scratch, const struct related_query *query, float diversity,
                      size_t limit, size_t *count, struct error *error);

/* Whether the last run's budget left out postings, so that weak connections may be missing. */
bool related_was_cut(const struct related_scratch *scratch);

/* Overlaps and strength from the sums of products and the norms of the three groups. */
void related_fill(struct related_hit *hit, const uint32_t *sums, const uint16_t *mine, const uint16_t *theirs,
                  const struct related_weights *weights);

/* Overlaps of one row with a vector, by the slow and obvious way: for explain and tests. */
void related_compare(const struct feature_vector *source, const struct slice *slice, uint32_t row,
                     const struct related_weights *weights, struct related_hit *hit);

/* The features of `source` that the row has too (`numbers`: theirs in the slice, NULL to look them up),
 * heaviest product first: pointers into `source`. Returns how many were stored, at most `limit`. */
struct shared_feature {
    const struct feature *feature;
    uint32_t product; /* of the two weights */
};
size_t related_shared(const struct feature_vector *source, const uint32_t *numbers, const struct slice *slice,
                      uint32_t row, struct shared_feature *shared, size_t limit);

/* What the last run found out: the numbers that the source's features have in a slice, for related_shared().
 */
const uint32_t *related_numbers(const struct related_scratch *scratch, uint32_t slice_number);

/* One vector for several articles (a reading history): the sum of theirs. The result's texts are borrowed
 * from them. */
void related_combine(const struct feature_vector *vectors, size_t count, size_t key_terms,
                     struct feature_vector *combined);

#endif
