/*
 * trending_names.h - which names appear in TRENDING's window, and in how many of its articles.
 *
 * The same name has another number in each slice; its term tells. Numbers of the slice with the most articles
 * in the window are counted in place, those of the others are looked up there. Of whole blocks of the
 * timeline (timeline.h) the running counts tell how often the common names appear, and they tell how often a
 * name appears in the baseline at least. Of the rare names of the main slice only those are counted that
 * appear in the window for the third time, where two articles are not enough: so a longer window or more
 * articles a day cost little. One thread at a time.
 */
#ifndef STORYD_RELATED_TRENDING_NAMES_H
#define STORYD_RELATED_TRENDING_NAMES_H

#include "related/trending_common.h"
#include "related/trending_rows.h"

#define TRENDING_RARE UINT32_MAX /* no place: the name is not common in the main slice */

/* A name that appears in the window. */
struct trending_candidate {
    const struct date_span *span; /* of a slice that has it */
    uint32_t number;              /* there */
    uint32_t window;              /* articles in it; if it is a bound, until counted, at most */
    uint32_t baseline;            /* articles in it: at least, until it was counted */
    uint32_t place;               /* among the common ones of the main slice; TRENDING_RARE */
    bool is_bound;                /* `window` is not the number yet */
    bool is_chosen;               /* to be measured */
    uint8_t bucket;               /* the higher the better the score can be, about */
};

/* How many articles of the window have each name of one slice. */
struct name_counts {
    uint32_t *common; /* by their places among the common ones */
    size_t common_capacity;
    uint32_t *rare; /* by their features' numbers; all zero when not in use */
    size_t rare_capacity;
    uint32_t *touched; /* rare ones whose count is not zero */
    size_t touched_capacity;
    uint32_t *earlier; /* of each: 1 + the position of its last article before the window; 0: not known */
    size_t earlier_capacity;
    size_t touched_count;
};

/* Zero-initialise; trending_names_release(). */
struct trending_names {
    struct name_counts main;
    struct name_counts other;
    const struct date_span *span;  /* of the main slice */
    struct trending_common common; /* what is known of its common names */
    uint32_t *gone;                /* its column */
    size_t gone_capacity;
    bool gone_known;  /* false: so many articles of the baseline do not count that they were not counted */
    uint32_t *places; /* of some of them */
    size_t place_capacity;
    struct trending_candidate *candidates;
    size_t capacity;
    size_t count;
    bool all_kinds; /* are wanted: a name's need not be looked up */
};
void trending_names_release(struct trending_names *names);

/* Counts the names of the window. Those that are not common in the main slice are candidates then, if they
 * are of the query's kinds and enough articles of the window have them, or may have. `result`: the times.
 * False if the window has no articles. */
bool trending_names_find(struct trending_names *names, const struct trending_rows *rows,
                         const struct trending_query *query, const struct trending_result *result);

/* True if trending_names_baseline() can tell how many articles of the baseline have the candidate in its own
 * slice: it is common there. */
static inline bool trending_names_knows_baseline(const struct trending_names *names,
                                                 const struct trending_candidate *candidate)
{
    return candidate->place != TRENDING_RARE && names->gone_known;
}

/* So many: the distance of two places in its list, however far apart, less those that do not count. */
uint32_t trending_names_baseline(const struct trending_names *names,
                                 const struct trending_candidate *candidate);

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
