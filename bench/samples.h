/*
 * samples.h - measured times and the figures that are printed of them. The owner of the struct owns the
 * memory; zero-initialise it. One thread at a time.
 */
#ifndef STORYD_BENCH_SAMPLES_H
#define STORYD_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
    int64_t *values; /* nanoseconds */
    size_t count;
    size_t capacity;
};

void samples_add(struct samples *samples, int64_t nanoseconds);
void samples_append(struct samples *samples, const struct samples *more);
void samples_release(struct samples *samples);

/* Sorts them; 0 if there are none. `part` 0.5 is the median. Microseconds. */
double samples_percentile(struct samples *samples, double part);

/* The members "count", "p50_us", "p95_us", "p99_us", "max_us" of a JSON object, without braces, to standard
 * output. */
void samples_print(struct samples *samples);

#endif
