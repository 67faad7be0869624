/*
 * copies.h - hits that are near-copies of one story, taken together as one.
 *
 * Which articles are copies is found when they are indexed (index/copy_finder.h); here the hits of one query
 * are collapsed: the strongest of each story stays, the others are kept aside under it. One thread at a time;
 * hits are copied, what they point to is borrowed from the snapshot.
 */
#ifndef STORYD_RELATED_COPIES_H
#define STORYD_RELATED_COPIES_H

#include "related/related.h"

/* The number of a row's story: equal for near-copies, different for others. Never 0. */
static inline uint32_t copies_story(const struct slice *slice, uint32_t row)
{
    uint32_t original = features_original(&slice->features, row);
    return original != 0 ? original : slice->rows->docids[row];
}

/* Stories of one query. Zero-initialise; copies_release(). */
struct copies {
    struct copies_slot *slots; /* by story */
    size_t slot_count;         /* a power of two */
    struct copies_hit *items;
    size_t count;
    size_t capacity;
};

/* Keeps the first hit of each story, in their order, and takes the others aside: `count` becomes that of the
 * stories. Forgets those of the time before. */
void copies_collapse(struct copies *copies, struct related_hit *hits, size_t *count);

/* Takes one more aside, as the strongest: a hit that copies_collapse() has kept. */
void copies_add(struct copies *copies, const struct related_hit *hit);

/* How many were taken aside for this hit. */
size_t copies_count(const struct copies *copies, const struct related_hit *hit);

/* Up to `limit` of them, strongest first. Returns how many were stored. */
size_t copies_of(const struct copies *copies, const struct related_hit *hit, const struct related_hit **found,
                 size_t limit);

/* Live views of all that were taken aside. */
uint64_t copies_views(const struct copies *copies);

/* related_run(), collapsed. If there are more hits than `query->limit`, it is run again with a higher one
 * when copies leave fewer than `wanted` stories, and when there are any: then more of them may rank a little
 * lower.
 */
int copies_run(struct copies *copies, struct related_scratch *scratch, struct related_query *query,
               size_t wanted, const struct related_hit **hits, size_t *count, struct error *error);

void copies_release(struct copies *copies);

#endif
