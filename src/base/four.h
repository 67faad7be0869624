/*
 * four.h - four numbers side by side, which every machine of 64 bits works on at once. Comparisons give -1 or
 * 0 for each. Pure functions. Any thread.
 */
#ifndef STORYD_BASE_FOUR_H
#define STORYD_BASE_FOUR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef int32_t four __attribute__((vector_size(16)));
typedef float four_floats __attribute__((vector_size(16)));

/* Of numbers below 2^31; they need not be aligned. */
static inline four four_load(const uint32_t *numbers)
{
    four loaded;
    memcpy(&loaded, numbers, sizeof loaded);
    return loaded;
}

/* True if one of them is not 0. */
static inline bool four_any(four numbers)
{
    uint64_t halves[2];
    memcpy(halves, &numbers, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

#endif
