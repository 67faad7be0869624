/* merge.c - which segments are merged, and merging them: Xapian by compaction, the catalog by copying living
 * rows. */
#include "index/index_private.h"

#include "base/memory.h"

#include <limits.h>
#include <stdlib.h>

/* Tier 0 holds segments of up to twice the hot segment's size, each further one `factor` times as large ones.
 */
static unsigned tier_of(const struct segment *segment, size_t factor, size_t hot_articles)
{
    unsigned tier = 0;
    uint64_t bound = (uint64_t)hot_articles * 2;
    while (segment->slice->rows->count > bound && tier < 30) {
        bound *= factor;
        tier++;
    }
    return tier;
}

/*
 * A run of neighbours of at most this tier, with enough of exactly this tier among them that the result
 * belongs to the next one: so a row is copied about once for each tier, and a large segment is not copied
 * again whenever a few small ones have come behind it.
 */
struct merge merge_choose(struct segment *const *segments, size_t count, size_t merge_factor,
                          size_t hot_articles)
{
    for (unsigned tier = 0; tier < 12; tier++) {
        size_t run = 0;
        size_t members = 0; /* of exactly this tier */
        uint64_t rows = 0;
        for (size_t i = 0; i <= count; i++) {
            unsigned found = i < count ? tier_of(segments[i], merge_factor, hot_articles) : UINT_MAX;
            uint64_t more = i < count ? segments[i]->slice->rows->count : 0;
            if (found > tier || rows + more >= ROWS_MAX) {
                if (members >= merge_factor)
                    return (struct merge){i - run, run};
                run = members = 0;
                rows = 0;
            }
            if (found > tier)
                continue;
            run++;
            members += found == tier;
            rows += more;
        }
    }
    return (struct merge){0, 0};
}

/* A segment this many times as large as what is behind it stays as it is. */
#define IDLE_RATIO 4

struct merge merge_choose_idle(struct segment *const *segments, size_t count)
{
    for (size_t last = count; last-- > 1;) {
        size_t first = last;
        uint64_t rows = segments[last]->slice->rows->count;
        while (first > 0 && segments[first - 1]->slice->rows->count < IDLE_RATIO * rows &&
               rows + segments[first - 1]->slice->rows->count < ROWS_MAX)
            rows += segments[--first]->slice->rows->count;
        if (first < last)
            return (struct merge){first, last - first + 1};
    }
    return (struct merge){0, 0};
}

int merge_segments(const struct generation *generation, const char *name, struct segment *const *segments,
                   size_t count, uint64_t revision, struct segment **result, struct error *error)
{
    struct slice **slices = memory_zeroed(count, sizeof *slices);
    const char **sources = memory_zeroed(count, sizeof *sources);
    for (size_t i = 0; i < count; i++) {
        slices[i] = segments[i]->slice;
        sources[i] = segments[i]->place->xapian_path;
    }
    struct image_bytes rows;
    struct image_bytes features;
    slices_join(slices, count, revision, &generation->epoch->statistics, &rows, &features);
    char *directory = file_join(generation->directory, name);
    uint32_t epoch = generation->epoch->statistics.epoch;
    *result = NULL;
    int status = segment_create(directory, sources, count, &rows, &features, epoch, error);
    if (status == 0)
        status = segment_open(generation->directory, name, epoch, NULL, result, error);
    free(directory);
    image_bytes_release(&rows);
    image_bytes_release(&features);
    free(slices);
    free(sources);
    return status;
}
