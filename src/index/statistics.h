/*
 * statistics.h - the document frequencies that weights are made of, frozen for an epoch.
 *
 * Key terms are chosen and weighted with these figures, not with those of the moment: so the same pair of
 * articles has the same strength wherever and whenever it is shown, until a new epoch chooses all of them
 * again. The image is immutable and shared; keys are Xapian terms (stems, and names under their prefixes).
 * Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_STATISTICS_H
#define STORYD_INDEX_STATISTICS_H

#include "index/dictionary.h"

struct statistics {
    struct image image;
    uint64_t documents;
    uint32_t epoch;
    struct dictionary terms; /* those in at least two documents */
    const uint32_t *frequencies;
    const float *idfs;
    float unknown_idf;
};

int statistics_open(const char *data, size_t length, struct statistics *statistics, struct error *error);

/* Documents with the term; 1 for an unknown one (whoever asks has just seen it). `hash` is hash_bytes() of
 * the term. *idf is log(1 + (N - df + 0.5) / (df + 0.5)), the idf of BM25 as in Robertson and Zaragoza 2009,
 * kept positive. */
uint32_t statistics_frequency(const struct statistics *statistics, const char *term, size_t length,
                              uint64_t hash, float *idf);

struct statistics_builder;
struct statistics_builder *statistics_builder_new(void);
void statistics_builder_free(struct statistics_builder *builder);
void statistics_builder_add(struct statistics_builder *builder, const char *term, size_t length,
                            uint32_t frequency);
/* The image: new reference; the builder is used up. */
char *statistics_builder_finish(struct statistics_builder *builder, uint64_t documents, uint32_t epoch,
                                size_t *length);

#endif
