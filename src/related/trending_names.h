/*
 * trending_names.h - which names appear in TRENDING's window, and in how many of its articles.
 *
 * Of whole blocks of the timeline (timeline.h) the running counts tell how often the common names appear, in
 * all slices by the same places: how many articles of window and baseline have each is known then.
 *
 * A rare name has another number in each slice; its term tells. If the window lies in one slice, only those
 * are counted that appear in it for the third time, where two articles are not enough: so a longer window or
 * more articles a day cost little. If it lies in several, a sketch is made first: one counter for all names
 * with the same mark, which says how often each appears at most (Cormode and Muthukrishnan 2005, "An improved
 * data stream summary: the count-min sketch", with one row). What can appear often enough is counted by its
 * number in the main slice, that with the most articles in the window. Of tens of thousands of articles the
 * sketch tells nothing any more, and all rare names are looked up. One thread at a time.
 */
#ifndef STORYD_RELATED_TRENDING_NAMES_H
#define STORYD_RELATED_TRENDING_NAMES_H

#include "related/trending_common.h"
#include "related/trending_rows.h"

#define TRENDING_RARE UINT32_MAX /* no place: the name is not common */
#define TRENDING_SKETCH 32768    /* counters, of a byte */

/* A name that appears in the window. */
struct trending_candidate {
    const struct date_span *span; /* of a slice that has it */
    uint32_t number;              /* there */
    uint32_t window;              /* articles in it; if it is a bound, until counted, at most */
    uint32_t baseline;            /* articles in it; of a rare name, until counted, at least */
    uint32_t place;               /* among the common ones; TRENDING_RARE */
    bool is_bound;                /* `window` is not the number yet; all of it lies in this slice */
    bool is_chosen;               /* to be measured */
    uint8_t bucket;               /* the higher the better the score can be, about */
};

/* How many articles of the window have each rare name, by its number in one slice. */
struct name_counts {
    uint32_t *rare; /* by their features' numbers; all zero when not in use */
    size_t rare_capacity;
    uint32_t *touched; /* those whose count is not zero */
    size_t touched_capacity;
    uint32_t *earlier; /* of each: 1 + the position of its last article before the window; 0: not known */
    size_t earlier_capacity;
    size_t touched_count;
};

/* Zero-initialise; trending_names_release(). */
struct trending_names {
    struct name_counts main;
    struct name_counts other;
    const struct trending_rows *rows;
    const struct date_span *span;  /* of the main slice */
    struct trending_common common; /* what is known of the common names */
    uint32_t *window;              /* its columns */
    size_t window_capacity;
    uint32_t *baseline;
    size_t baseline_capacity;
    uint32_t *places; /* of some of them */
    size_t place_capacity;
    uint8_t *sketch; /* TRENDING_SKETCH; NULL until it is needed */
    struct trending_candidate *candidates;
    size_t capacity;
    size_t count;
    bool all_kinds; /* are wanted: a name's need not be looked up */
};
void trending_names_release(struct trending_names *names);

/* Counts the names of the window. Those that are not common are candidates then, if they are of the query's
 * kinds and enough articles of the window have them, or may have. `result`: the times. False if the window
 * has no articles. */
bool trending_names_find(struct trending_names *names, const struct trending_rows *rows,
                         const struct trending_query *query, const struct trending_result *result);

/* Adds the common names that rise and whose score can be in [above, below). Each is added once if the ranges
 * of several calls do not overlap. The candidates may move. */
void trending_names_add_common(struct trending_names *names, const struct trending_query *query, double above,
                               double below);

static inline const struct features *trending_features(const struct trending_candidate *candidate)
{
    return &candidate->span->slice->features;
}

/* The candidate's number in a slice; DICTIONARY_NONE if it does not have it. */
uint32_t trending_number_in(const struct trending_candidate *candidate, const struct features *features);

#endif
