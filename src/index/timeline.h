/*
 * timeline.h - the names of a slice's articles (tags and entities) by time: one bucket for each article, in
 * the order of their dates, and turned round, the buckets of each name.
 *
 * A bucket's number is the article's position in rows->by_date. So what was published in a time span is a
 * range of positions, its names are one piece of memory, and how often one name appears in the span is the
 * distance of two places in its list. Made when the slice is, with the features whose image holds it.
 *
 * In a large slice most names are common. Those have running counts at every TIMELINE_BLOCK positions: how
 * often each appears in a range of whole blocks is the difference of two rows of numbers, however many
 * articles the range has. The other names, the rare ones, of whole blocks lie in one piece of memory again.
 *
 * Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_TIMELINE_H
#define STORYD_INDEX_TIMELINE_H

#include "index/image.h"

#include <stdbool.h>

/* An entry of a name's list, 4 bytes: the position in the upper 24 bits, the name's weight in that article's
 * vector in the lower 8. */
#define TIMELINE_POSITION(entry) ((entry) >> 8)
#define TIMELINE_WEIGHT(entry) ((entry)&0xffU)

#define TIMELINE_BLOCK 512 /* positions */
/* A name is common if it is in so many articles and in one of so many; in slices of fewer articles none is.
 */
#define TIMELINE_COMMON_ARTICLES 8
#define TIMELINE_COMMON_SHARE 2048
#define TIMELINE_COMMON_POSITIONS 2048

struct timeline {
    const uint32_t *starts;      /* positions + 1: where the names of each stand in `names` */
    const uint32_t *names;       /* see timeline_name() */
    const uint32_t *list_starts; /* features + 1: where the list of each stands in `lists` */
    const uint32_t *lists;       /* entries, oldest first */
    uint32_t positions;          /* articles that have a date */
    const uint32_t *common;      /* features, ascending */
    uint32_t common_count;
    uint32_t blocks; /* whole ones; 0 if no name is common */
    const uint32_t
        *running; /* blocks + 1 rows of common_count: articles before the block that have the name */
    const uint32_t *rare_starts; /* blocks + 1: where the rare names of each stand in `rare` */
    const uint32_t *rare;        /* numbers of features */
};

/* Sections of the image. */
#define TIMELINE_SECTIONS 8

/* Reads the sections from `first_section` on. False if they do not fit together or are not of so many
 * features. */
bool timeline_open(const struct image *image, uint32_t first_section, size_t features,
                   struct timeline *timeline);

/* A name of an article, in `names`: the number of its feature, or this bit and its place in `common`. So
 * common names can be counted in one small piece of memory. */
#define TIMELINE_COMMON 0x80000000U

static inline uint32_t timeline_name(const struct timeline *timeline, uint32_t name)
{
    return name & TIMELINE_COMMON ? timeline->common[name & ~TIMELINE_COMMON] : name;
}

/* The running counts at the beginning of a block, of each common name. */
static inline const uint32_t *timeline_running(const struct timeline *timeline, uint32_t block)
{
    return timeline->running + (size_t)block * timeline->common_count;
}

/* Where the first entry of a name's list stands whose position is not below the given one: in
 * [list_starts[feature], list_starts[feature + 1]]. */
uint32_t timeline_find(const struct timeline *timeline, uint32_t feature, uint32_t position);

/* The same, of places from `from` on, for a position near there. */
uint32_t timeline_find_from(const struct timeline *timeline, uint32_t feature, uint32_t from,
                            uint32_t position);

/* Have the memory fetched that timeline_find() will most likely read: first where the name's list stands,
 * then, when that is there, the place in it. */
void timeline_prefetch_start(const struct timeline *timeline, uint32_t feature);
void timeline_prefetch_place(const struct timeline *timeline, uint32_t feature, uint32_t position);

/* The names of one article: features that are no key terms, and their weights. */
struct timeline_bucket {
    const uint32_t *numbers;
    const uint8_t *weights;
    uint32_t count;
};

/* Adds the sections. `bucket_of` gives the names of the article at a position. */
void timeline_write(struct image_builder *image, uint32_t positions, size_t features,
                    struct timeline_bucket (*bucket_of)(const void *context, uint32_t position),
                    const void *context);

#endif
