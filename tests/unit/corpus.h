/*
 * corpus.h - what the index's unit tests share: repeatable random articles, and the rows, features and Xapian
 * databases made of them. Failures end the running test. One thread.
 */
#ifndef STORYD_TESTS_CORPUS_H
#define STORYD_TESTS_CORPUS_H

#include "index/document.h"
#include "index/segment.h"
#include "index/snapshot.h"

/* A seed gives the same numbers everywhere (SplitMix64). */
struct random {
    uint64_t state;
    bool small_towns; /* articles name some places that hardly any other does */
};
uint64_t random_next(struct random *random);
uint32_t random_below(struct random *random, uint32_t bound);

/* A new directory under /tmp: new reference to its path. directory_drop() removes and frees it. */
char *directory_new(void);
void directory_drop(char *directory);

/* The file's byte at `offset` changed by exclusive or with `mask`. */
void file_spoil(const char *path, size_t offset, unsigned char mask);
size_t file_size(const char *path);

/* The article of a JSON text with ' for ". New reference. */
struct article *article_of(const char *text);
/* One with words, names, authors and columns at random from small vocabularies. New reference. */
struct article *article_at_random(struct random *random, const char *id);

/* Statistics of `documents` documents in which each term was added `frequencies[i]` times. */
struct epoch *epoch_of(uint32_t number, uint64_t documents, const char *const *terms,
                       const uint32_t *frequencies, size_t count);

/* Articles on their way into a slice and, unless `xapian_path` is NULL, a Xapian database. */
struct pile {
    struct document_maker *maker;
    struct document_settings settings;
    struct epoch *epoch; /* borrowed */
    struct xapian_writer *writer;
    struct rows_builder *rows;
    struct features_builder *features;
};
void pile_begin(struct pile *pile, struct epoch *epoch, const char *xapian_path);
void pile_add(struct pile *pile, uint32_t docid, const struct article *article);
/* `count` articles under first, first + step, … with the ids "a<number below `ids`>". */
void pile_add_random(struct pile *pile, struct random *random, uint32_t first, uint32_t step, uint32_t count,
                     uint32_t ids);
void pile_finish(struct pile *pile, struct image_bytes *rows, struct image_bytes *features);
struct slice *pile_finish_slice(struct pile *pile);
/* A segment GENERATION/NAME, on disk and opened; the database behind it is removed. */
struct segment *pile_finish_segment(struct pile *pile, const char *generation, const char *name);

/* A slice of random articles without a database. */
struct slice *slice_at_random(struct random *random, struct epoch *epoch, uint32_t first, uint32_t step,
                              uint32_t count);

/* Statistics of the names alone, as in so many articles that the random numbers make: some are common. */
struct epoch *epoch_of_corpus(uint32_t number, struct random random, uint32_t articles);

/* Docids in `sources` that match, ascending: new reference. */
uint32_t *docids_matching(const struct xapian_source *sources, size_t source_count,
                          const struct query_node *node, size_t *count);

struct query; /* query_parse() with generous limits, in English: query_free() */
struct query *query_of(const char *text);

#endif
