#include "related/trending_common.h"

#include "base/four.h"
#include "related/trending_score.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Floats are rounded: so much of a count more or less does not make a name one that falls. */
#define ROUNDED 1e-6F

/* A range of trending_deviation(). */
struct range {
    float least;
    float below;
    bool has_end;
};

/* Of four places: -1 for those that are in the range, 0 for the others. */
static inline four are_in(const struct trending_common *common, uint32_t place, const struct range *range)
{
    float share = (float)common->share;
    four articles = four_load(common->window + place);
    four_floats window = __builtin_convertvector(articles, four_floats);
    four_floats baseline = __builtin_convertvector(four_load(common->baseline + place), four_floats);
    four_floats both = window + baseline + 1;
    four_floats above = window * (1 - share) - baseline * share; /* more than would be expected */
    four_floats square = above * above;
    four is_wanted = (articles >= (int32_t)common->fewest) & (above > both * -ROUNDED);
    /* the bound does not hold where nearly all articles are in the window: that is the highest range */
    four is_unbounded = window + share > both * (1 - share);
    if (!range->has_end)
        return is_wanted & (is_unbounded | (square >= range->least * both));
    return is_wanted & ~is_unbounded & (square >= range->least * both) & (square < range->below * both);
}

static inline uint32_t list_four(const struct trending_common *common, uint32_t place,
                                 const struct range *range, uint32_t *places, uint32_t listed)
{
    int32_t in_range[4];
    if (!four_any(four_load(common->window + place) >= (int32_t)common->fewest))
        return listed; /* the fewer articles the window has, the more often */
    four found = are_in(common, place, range);
    if (!four_any(found))
        return listed;
    memcpy(in_range, &found, sizeof in_range);
    for (uint32_t i = 0; i < 4; i++) { /* no branch: which ones cannot be foretold */
        places[listed] = place + i;
        listed -= (uint32_t)in_range[i];
    }
    return listed;
}

/* The last names, fewer than four: with others that no one wants. */
static uint32_t list_last(const struct trending_common *common, uint32_t place, const struct range *range,
                          uint32_t *places, uint32_t listed)
{
    uint32_t columns[2][4] = {{0}};
    uint32_t found[4];
    uint32_t left = common->count - place;
    memcpy(columns[0], common->window + place, left * sizeof **columns);
    memcpy(columns[1], common->baseline + place, left * sizeof **columns);
    struct trending_common last = *common;
    last.window = columns[0];
    last.baseline = columns[1];
    uint32_t count = list_four(&last, 0, range, found, 0);
    for (uint32_t i = 0; i < count; i++)
        if (found[i] < left)
            places[listed++] = place + found[i];
    return listed;
}

uint32_t trending_common_list(const struct trending_common *common, double above, double below,
                              uint32_t *places)
{
    struct range range = {(float)trending_deviation(above, common->share),
                          (float)trending_deviation(below, common->share), !isinf(below)};
    const struct trending_common local = *common; /* `places` does not change it */
    uint32_t listed = 0;
    uint32_t place = 0;
    for (; local.count - place >= 4; place += 4)
        listed = list_four(&local, place, &range, places, listed);
    return place < common->count ? list_last(common, place, &range, places, listed) : listed;
}
