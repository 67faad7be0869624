/*
 * copy_finder.h - which earlier article an article is a near-copy of: the same story, lightly edited.
 *
 * It is fed articles in the order of their docids and remembers the newest COPY_MEMORY of them. An article is
 * a near-copy if the resemblance (text/signature.h) to one of those reaches the threshold and they were
 * published at most COPY_DAYS apart (if both have a date): a weekly report keeps its wording, but is news
 * each time. Candidates are those that agree in at least one band of two bytes of the signature
 * (locality-sensitive hashing; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4): of
 * pairs with a resemblance of 0.5 it finds 99 %, of 0.4 94 %. A copy of a copy belongs to the first article
 * of the story.
 *
 * It lives in memory and can be filled again from the catalog (copy_marks.h). One thread at a time.
 */
#ifndef STORYD_INDEX_COPY_FINDER_H
#define STORYD_INDEX_COPY_FINDER_H

#include "text/signature.h"

#define COPY_MEMORY 50000 /* articles */
#define COPY_DAYS 2

struct copy_finder;

/* `memory`: how many articles it remembers. `threshold`: the resemblance of a near-copy. */
struct copy_finder *copy_finder_new(size_t memory, double threshold);
void copy_finder_free(struct copy_finder *finder);

struct copy_article {
    uint32_t docid;    /* larger than any before */
    uint64_t id_hash;  /* of the article's id: an earlier version of the same article is forgotten */
    int64_t published; /* DATE_NONE if unknown */
    const struct signature *signature;
};

/* Remembers the article; gives the docid of the first article of its story, 0 if it is the first itself. */
uint32_t copy_finder_add(struct copy_finder *finder, const struct copy_article *article);

/* Remembers an article whose `original` is known already (0: none). */
void copy_finder_recall(struct copy_finder *finder, const struct copy_article *article, uint32_t original);

/* The article is dead: nothing is a copy of it any more. */
void copy_finder_forget(struct copy_finder *finder, uint32_t docid);

/* Forgets the articles behind `docid`, which can be added again. */
void copy_finder_rewind(struct copy_finder *finder, uint64_t docid);

#endif
