#include "base/counters.h"

#include <stdatomic.h>

static _Atomic int64_t values[COUNTER_COUNT];

static const struct {
    const char *name;
    const char *help;
} counters[COUNTER_COUNT] = {
#define COUNTER(symbol, name, help) [COUNTER_##symbol] = {name, help},
#include "base/counters.def"
#undef COUNTER
};

void counter_add(enum counter counter, int64_t amount)
{
    atomic_fetch_add_explicit(&values[counter], amount, memory_order_relaxed);
}

void counter_set(enum counter counter, int64_t value)
{
    atomic_store_explicit(&values[counter], value, memory_order_relaxed);
}

int64_t counter_value(enum counter counter)
{
    return atomic_load_explicit(&values[counter], memory_order_relaxed);
}

const char *counter_name(enum counter counter)
{
    return counters[counter].name;
}

const char *counter_help(enum counter counter)
{
    return counters[counter].help;
}
