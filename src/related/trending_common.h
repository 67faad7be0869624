/*
 * trending_common.h - of the common names of a slice (timeline.h) those that can have a score in a range.
 *
 * How many articles of the window each has was counted; the running counts tell how many of the baseline at
 * least, less those that do not count. trending_score.h gives a bound of the score that needs no root and no
 * logarithm, so four names are looked at at once: how many of them rise hardly matters. Reads only. Any
 * thread.
 */
#ifndef STORYD_RELATED_TRENDING_COMMON_H
#define STORYD_RELATED_TRENDING_COMMON_H

#include <stdint.h>

/* What is known of the common names, by their places. All is borrowed. */
struct trending_common {
    const uint32_t *window; /* articles in it */
    const uint32_t *before; /* articles before the whole blocks of the baseline */
    const uint32_t *after;  /* articles before their end */
    const uint32_t *gone;   /* articles of the whole baseline that do not count */
    uint32_t count;         /* of names */
    uint32_t fewest;        /* articles in the window that are wanted */
    double share;           /* the window's of window and baseline together */
};

/* Articles of the baseline that have the name, at least. */
static inline uint32_t trending_common_baseline(const struct trending_common *common, uint32_t place)
{
    uint32_t articles = common->after[place] - common->before[place];
    return articles > common->gone[place] ? articles - common->gone[place] : 0;
}

/* Lists the names that rise and that enough articles of the window have, in ranges of what their score can be
 * at most: [above, below); `below` may be INFINITY. Ranges that meet list no name twice, and a name whose
 * score is not below `above` is listed in that range or in one above it. `places` has room for all names;
 * returns how many were listed.
 */
uint32_t trending_common_list(const struct trending_common *common, double above, double below,
                              uint32_t *places);

#endif
