/*
 * trending_common.h - of the names that are common in the epoch (timeline.h) those that can have a score in a
 * range.
 *
 * How many articles of window and baseline each has was counted, in all slices. trending_score.h gives a
 * bound of the score that needs no root and no logarithm, so four names are looked at at once: how many of
 * them rise hardly matters. Reads only. Any thread.
 */
#ifndef STORYD_RELATED_TRENDING_COMMON_H
#define STORYD_RELATED_TRENDING_COMMON_H

#include <stdint.h>

/* What is known of the common names, by their places. All is borrowed. */
struct trending_common {
    const uint32_t *window;   /* articles in it */
    const uint32_t *baseline; /* articles in it */
    uint32_t count;           /* of names */
    uint32_t fewest;          /* articles in the window that are wanted */
    double share;             /* the window's of window and baseline together */
};

/* Lists the names that rise and that enough articles of the window have, in ranges of what their score can be
 * at most: [above, below); `below` may be INFINITY. Ranges that meet list no name twice, and a name whose
 * score is not below `above` is listed in that range or in one above it. `places` has room for all names;
 * returns how many were listed.
 */
uint32_t trending_common_list(const struct trending_common *common, double above, double below,
                              uint32_t *places);

#endif
