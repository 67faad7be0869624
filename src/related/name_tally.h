/*
 * name_tally.h - in how many articles of a set each name appears, over all slices.
 *
 * Features are counted by their numbers: an article has a dozen names, and most come again. No text is looked
 * at for it but to tell which names of different slices are the same. One thread at a time; what it borrows
 * from the snapshot must live as long.
 */
#ifndef STORYD_RELATED_NAME_TALLY_H
#define STORYD_RELATED_NAME_TALLY_H

#include "related/scoring.h"

/* A name and in how many articles of the set it appears. */
struct tallied_name {
    const struct features *features;
    uint32_t slice_number;
    uint32_t number; /* of the feature in its slice */
    uint32_t articles;
    uint32_t first; /* where it first came, among all names of all articles */
    double heat;    /* the sum of what its articles were added with */
    enum name_kind kind;
};

/* Zero-initialise. */
struct name_tally {
    struct tallied_name *items; /* those without articles are to be passed over */
    size_t count;
    size_t capacity;
    uint32_t
        *slots; /* open addressing: 0 is free, else a place in `items` and 1; never more than half full */
    size_t slot_count;
    uint32_t names; /* that have come, each time counted */
};

/* Counts the names of one more article. */
void name_tally_add(struct name_tally *tally, const struct related_hit *hit, double heat);

/* After the last article: what are several names in several slices becomes one. */
void name_tally_join(struct name_tally *tally);

void name_tally_release(struct name_tally *tally);

/* How many names of the kind there are. */
size_t name_tally_count(const struct name_tally *tally, enum name_kind kind);

/* The `limit` names of a kind with the most articles, or the most heat; of equal ones the first that came
 * first. Pointers into `items`; returns how many were stored. */
size_t name_tally_most_frequent(const struct name_tally *tally, enum name_kind kind,
                                const struct tallied_name **found, size_t limit);
size_t name_tally_hottest(const struct name_tally *tally, enum name_kind kind,
                          const struct tallied_name **found, size_t limit);

/* How the name is shown: borrowed from the snapshot. Texts lie all over a large file: those of many names are
 * asked for together before they are read. */
void tallied_names_prefetch(const struct tallied_name *const *names, size_t count);
const char *tallied_name_display(const struct tallied_name *name, size_t *length);

#endif
