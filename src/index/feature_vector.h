/*
 * feature_vector.h - what one article can share with others: its tags, entities and key terms, weighted.
 *
 * Three groups - tags, entities (people, organizations, products, places) and key terms - each a vector of
 * length 1, its components stored in 8 bits. A name weighs its idf, a key term its BM25 tf part times its idf
 * (design.md section 6); a key term is one of the `limit` heaviest stems. One thread at a time.
 */
#ifndef STORYD_INDEX_FEATURE_VECTOR_H
#define STORYD_INDEX_FEATURE_VECTOR_H

#include "article/article.h"
#include "index/statistics.h"
#include "index/xapian.h"

/* Kinds 0 to 4 are enum name_kind. */
#define FEATURE_TERM ((uint8_t)NAME_KIND_COUNT)
#define FEATURE_KINDS (NAME_KIND_COUNT + 1)

enum feature_group { GROUP_TAGS, GROUP_ENTITIES, GROUP_TERMS, GROUP_COUNT };

static inline enum feature_group feature_group(uint8_t kind)
{
    return kind == NAME_TAG ? GROUP_TAGS : kind == FEATURE_TERM ? GROUP_TERMS : GROUP_ENTITIES;
}

/* A component of 1.0 is stored as this. Chosen so that the sum of 8-bit products of two vectors stays below
 * 2^16. */
#define FEATURE_SCALE 240.0F
/* A vector's length in units of 1/NORM_SCALE: the quantised components' length is FEATURE_SCALE only nearly.
 */
#define NORM_SCALE 128.0F

struct feature {
    const char *term;    /* Xapian term */
    const char *display; /* names: as first written */
    uint32_t length;
    uint32_t display_length;
    float raw; /* before normalising */
    uint8_t kind;
    uint8_t weight; /* 1 to 255 */
};

struct feature_vector {
    struct feature *items; /* names by kind, then key terms, each heaviest first */
    size_t count;
    size_t capacity;
    uint16_t norms[GROUP_COUNT]; /* 0: the group is empty */
};

/* Zero-initialise a vector before first use. Texts are borrowed, also from the statistics, and must live as
 * long as the vector's content. */
void feature_vector_clear(struct feature_vector *vector);
void feature_vector_release(struct feature_vector *vector);

/* A name that a profile has is the feature of the profile's entity, which is added once. */
void feature_vector_add_name(struct feature_vector *vector, const struct statistics *statistics,
                             enum name_kind kind, const char *term, size_t length, const char *display,
                             size_t display_length);
/* Chooses the key terms among all stems of the text. */
void feature_vector_add_stems(struct feature_vector *vector, const struct statistics *statistics,
                              const struct xapian_stem *stems, size_t count, size_t limit);
/* Normalises and quantises. */
void feature_vector_finish(struct feature_vector *vector);
/* The same, after dropping all key terms but the `key_terms` heaviest. */
void feature_vector_finish_limited(struct feature_vector *vector, size_t key_terms);

/* Similarity of two groups from the sum of products and the two norms: 0 to 1. */
static inline float feature_cosine(uint32_t sum, uint16_t norm_a, uint16_t norm_b)
{
    if (sum == 0)
        return 0.0F;
    float cosine = (float)sum * (NORM_SCALE * NORM_SCALE) / ((float)norm_a * (float)norm_b);
    return cosine > 0.9999F ? 1.0F : cosine; /* norms are rounded: an exact copy may miss 1 by 1e-5 */
}

#endif
