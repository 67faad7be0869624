/* live.h - the sealed segments of the live generation in a storyd's data directory, for the benchmark
 * programs. One thread. Plain enough for C++. */
#ifndef STORYD_BENCH_LIVE_H
#define STORYD_BENCH_LIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct segment;

struct live {
    struct segment **segments; /* ascending docids */
    size_t count;
};

/* Zero-initialise before; live_close() in any case. storyd may be using the directory meanwhile. */
bool live_open(struct live *live, const char *data, struct error *error);
void live_close(struct live *live);

#endif
