/*
 * timeline.h - the names of a slice's articles (tags and entities) by time: one bucket for each article, in
 * the order of their dates, and turned round, the buckets of each name.
 *
 * A bucket's number is the article's position in rows->by_date. So what was published in a time span is a
 * range of positions, its names are two pieces of memory, and how often one name appears in the span is the
 * distance of two places in its list. Made when the slice is, with the features whose image holds it.
 *
 * The names that are common in the epoch (statistics.h) have the same places in all its slices, so what is
 * counted of several needs no look at the names to be added up. They have running counts at every
 * TIMELINE_BLOCK positions: how often each appears in a range of whole blocks is the difference of two rows
 * of numbers, however many articles the range has. With each entry of the other names, the rare ones, stands
 * when the name appeared two and three times before: so those that appear three times in a span are found
 * without counting all the others, and of these it is known when they appeared last before the span. A mark,
 * the same in all slices, tells most different names apart.
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
#define TIMELINE_NONE UINT32_MAX

struct timeline {
    const uint32_t *common_starts; /* positions + 1: where the common names of each stand in `common_names` */
    const uint32_t *common_names;  /* their places */
    const uint32_t *rare_starts;   /* positions + 1: where the rare names of each stand */
    const uint32_t *rare_names;    /* numbers of features */
    const uint16_t *rare_marks;    /* of each of these: bits of its term's hash */
    const uint32_t *rare_before;   /* of each of these: 1 + the position of its last appearance but one before
                                      this one, or 0 */
    const uint32_t *rare_earlier;  /* the same of its last but two */
    const uint32_t *list_starts;   /* features + 1: where the list of each stands in `lists` */
    const uint32_t *lists;         /* entries, oldest first */
    uint32_t positions;            /* articles that have a date */
    const uint32_t *common;        /* by places: the feature; TIMELINE_NONE if the slice does not have it */
    uint32_t common_count;         /* of the epoch */
    uint32_t blocks;               /* whole ones; 0 if no name is common */
    const uint32_t *running; /* if there are blocks, one row of common_count more: articles before the block
                                with the name */
};

#define TIMELINE_REPEATED 3 /* times, up to the one that rare_before is of */

/* Sections of the image. */
#define TIMELINE_SECTIONS 11

/* Reads the sections from `first_section` on. False if they do not fit together or are not of so many
 * features. */
bool timeline_open(const struct image *image, uint32_t first_section, size_t features,
                   struct timeline *timeline);

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

/* Of a feature that is a name. */
struct timeline_name {
    uint32_t place; /* among the common ones; TIMELINE_NONE if it is rare */
    uint16_t mark;
};

struct timeline_source {
    uint32_t positions;
    size_t features;
    const struct timeline_name *names; /* one for each feature */
    uint32_t common_count;
    struct timeline_bucket (*bucket_of)(const void *context, uint32_t position); /* the article's names */
    const void *context;
};

/* Adds the sections. */
void timeline_write(struct image_builder *image, const struct timeline_source *source);

#endif
