/*
 * features.h - feature vectors of a range of docids and, turned round, the posting list of each feature.
 *
 * Rows are those of the rows.h image beside it. A posting is 4 bytes: row number in the upper 24 bits, the
 * component's 8-bit weight in the lower. The image belongs to one epoch's statistics. Reading: any thread.
 * Building: one thread.
 */
#ifndef STORYD_INDEX_FEATURES_H
#define STORYD_INDEX_FEATURES_H

#include "index/feature_vector.h"
#include "index/timeline.h"

#define POSTING_ROW(posting) ((posting) >> 8)
#define POSTING_WEIGHT(posting) ((posting)&0xffU)

struct features {
    struct image image;
    uint32_t row_count;
    uint32_t epoch;
    struct dictionary terms;
    const uint8_t *kinds;           /* of each feature */
    const uint64_t *posting_starts; /* features + 1 */
    const uint32_t *postings;       /* within a list heaviest first, equal ones by ascending rows */
    const uint32_t *vector_starts;  /* rows + 1: where each row's vector stands in `vectors` */
    const uint32_t *vectors;        /* see features_row() */
    const uint32_t *originals;      /* see features_original() */
    struct timeline timeline;       /* the names by time */
    uint16_t norm_least;            /* of all rows and groups, zeros left out; 1 if there are no others */
    uint16_t norm_most;
};

/* A row's vector where it stands: in one piece, because a comparison reads all of it, and each other place of
 * a large file would be another miss. */
struct features_row {
    const uint16_t *norms;   /* GROUP_COUNT */
    const uint32_t *numbers; /* of its features: names first, then key terms */
    const uint8_t *weights;
    uint32_t count;
    uint32_t names; /* how many of these are no key terms */
};

/* Words of a vector before its numbers: the norms and how many names there are, each in 16 bits. Behind them
 * the weights, four in a word. */
#define VECTOR_HEAD 2
#define VECTOR_NAMES GROUP_COUNT /* the place of the number of names in the head */

int features_open(const char *data, size_t length, struct features *features, struct error *error);

static inline struct features_row features_row_at(const uint32_t *vectors, uint32_t start, uint32_t end)
{
    const uint32_t *words = vectors + start;
    uint32_t count = end > start + VECTOR_HEAD ? (end - start - VECTOR_HEAD) * 4 / 5 : 0;
    const uint16_t *head = (const uint16_t *)(const void *)words;
    return (struct features_row){
        .norms = head,
        .numbers = words + VECTOR_HEAD,
        .weights = (const uint8_t *)(const void *)(words + VECTOR_HEAD + count),
        .count = count,
        .names = count < head[VECTOR_NAMES] ? count : head[VECTOR_NAMES],
    };
}

static inline struct features_row features_row(const struct features *features, uint32_t row)
{
    return features_row_at(features->vectors, features->vector_starts[row], features->vector_starts[row + 1]);
}

/* The docid of the first article of the story that the row's article is a near-copy of (copy_finder.h); 0 if
 * it is the first itself. That article need not exist any more: copies of one story have the same number all
 * the same. */
static inline uint32_t features_original(const struct features *features, uint32_t row)
{
    return features->originals[row];
}

/* The number of a feature; DICTIONARY_NONE if no row has it. `hash` is hash_bytes() of the term. */
static inline uint32_t features_find(const struct features *features, const char *term, size_t length,
                                     uint64_t hash)
{
    return dictionary_find(&features->terms, term, length, hash);
}

/* True if the row has the feature. */
bool features_row_has(const struct features *features, uint32_t row, uint32_t feature);

/* The row's vector; its texts are borrowed from the image. */
void features_vector(const struct features *features, uint32_t row, struct feature_vector *vector);

struct features_builder;
/* `statistics`: what the vectors are made with, borrowed until features_builder_finish(). */
struct features_builder *features_builder_new(const struct statistics *statistics);
void features_builder_free(struct features_builder *builder);
/* Rows in order. The vector is finished. `original`: see features_original(). */
void features_builder_add(struct features_builder *builder, const struct feature_vector *vector,
                          uint32_t original);
/* The image: new reference; the builder is used up. `by_date`: the rows that have a date, oldest first, as in
 * the rows.h image beside it. */
char *features_builder_finish(struct features_builder *builder, const uint32_t *by_date, uint32_t dated,
                              size_t *length);

/* A copy of the image's bytes with other originals, one for each row: new reference. */
char *features_with_originals(const struct features *features, const uint32_t *originals);

#endif
