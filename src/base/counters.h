/*
 * counters.h - what storyd counts, in one list (counters.def): STATS and its documentation come from it.
 *
 * Counters only grow, gauges go up and down. Process-wide, atomic: any thread, no lock.
 */
#ifndef STORYD_BASE_COUNTERS_H
#define STORYD_BASE_COUNTERS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum counter {
#define COUNTER(symbol, name, help) COUNTER_##symbol,
#include "base/counters.def"
#undef COUNTER
    COUNTER_COUNT
};

void counter_add(enum counter counter, int64_t amount);
void counter_set(enum counter counter, int64_t value);
int64_t counter_value(enum counter counter);
const char *counter_name(enum counter counter);
const char *counter_help(enum counter counter);

#ifdef __cplusplus
}
#endif

#endif
