/*
 * statistics.h - the document frequencies that weights are made of, which names are common, and which mean
 * the same entity, frozen for an epoch.
 *
 * Key terms are chosen and weighted with these figures, not with those of the moment: so the same pair of
 * articles has the same strength wherever and whenever it is shown, until a new epoch chooses all of them
 * again. The image is immutable and shared; keys are Xapian terms (stems, and names under their prefixes).
 * Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_STATISTICS_H
#define STORYD_INDEX_STATISTICS_H

#include "index/dictionary.h"
#include "index/gazetteer.h"
#include "profile/profile.h"

/* A name is common if it is in so many documents and in one of so many. */
#define STATISTICS_COMMON_DOCUMENTS 8
#define STATISTICS_COMMON_SHARE 2048

/* What an entity is called, if somebody has written a profile of it. */
struct entity_name {
    const char *term; /* of its name; for all features, whatever an article calls it */
    size_t length;
    const char *display; /* its name as the profile writes it */
    size_t display_length;
};

struct statistics {
    struct image image;
    uint64_t documents;
    uint32_t epoch;
    struct dictionary terms; /* those in at least two documents */
    const uint32_t *frequencies;
    const float *idfs;
    float unknown_idf;
    struct dictionary common; /* the common names: their numbers are their places in every timeline.h */
    uint64_t names_version;   /* registry_names_version() of the profiles it was made with */
    struct dictionary names;  /* all names of an entity stand side by side, its own first */
    const uint32_t *firsts;   /* for each: the number of its entity's first name */
    bool has_gazetteer;       /* names were to be found when it was made */
    struct gazetteer gazetteer;
};

int statistics_open(const char *data, size_t length, struct statistics *statistics, struct error *error);

/* Documents with the term; 1 for an unknown one (whoever asks has just seen it). `hash` is hash_bytes() of
 * the term. *idf is log(1 + (N - df + 0.5) / (df + 0.5)), the idf of BM25 as in Robertson and Zaragoza 2009,
 * kept positive. */
uint32_t statistics_frequency(const struct statistics *statistics, const char *term, size_t length,
                              uint64_t hash, float *idf);

#define STATISTICS_AHEAD 64
/* Before statistics_frequency() of many terms, STATISTICS_AHEAD at most: has fetched what it will read. */
void statistics_prefetch(const struct statistics *statistics, const uint64_t *hashes, size_t count);

/* The number of a name among `names`; DICTIONARY_NONE if no profile has it. `hash` is hash_bytes() of the
 * term.
 */
static inline uint32_t statistics_find_name(const struct statistics *statistics, const char *term,
                                            size_t length, uint64_t hash)
{
    return statistics->names.count == 0 ? DICTIONARY_NONE
                                        : dictionary_find(&statistics->names, term, length, hash);
}

/* The entity that the name stands for; false if no profile has it. */
bool statistics_entity(const struct statistics *statistics, const char *term, size_t length, uint64_t hash,
                       struct entity_name *entity);

struct statistics_builder;
struct statistics_builder *statistics_builder_new(void);
void statistics_builder_free(struct statistics_builder *builder);
/* Before any term: an entity's names as terms, its own first, and how it is shown. A name that another entity
 * has already is left out. */
void statistics_builder_add_entity(struct statistics_builder *builder, const struct profile *profile);
void statistics_builder_set_names_version(struct statistics_builder *builder, uint64_t version);
/* The frequency of another name of an entity counts for the entity: an article with two of them twice, which
 * is rare. */
void statistics_builder_add(struct statistics_builder *builder, const char *term, size_t length,
                            uint32_t frequency);
/* How often a term was added so far; every term, in no order. */
uint32_t statistics_builder_frequency(const struct statistics_builder *builder, const char *term,
                                      size_t length);
typedef void (*statistics_term_function)(void *context, const char *term, size_t length, uint32_t frequency);
void statistics_builder_each(const struct statistics_builder *builder, statistics_term_function each,
                             void *context);
/* The gazetteer that goes into the image, to be filled when all terms have been added: borrowed. */
struct gazetteer_builder *statistics_builder_gazetteer(struct statistics_builder *builder,
                                                       const struct language *language);
/* The image: new reference; the builder is used up. */
char *statistics_builder_finish(struct statistics_builder *builder, uint64_t documents, uint32_t epoch,
                                size_t *length);

#endif
