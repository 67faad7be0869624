#include "samples.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void samples_add(struct samples *samples, int64_t nanoseconds)
{
    samples->values =
        memory_grow(samples->values, &samples->capacity, samples->count + 1, sizeof *samples->values);
    samples->values[samples->count++] = nanoseconds;
}

void samples_append(struct samples *samples, const struct samples *more)
{
    if (more->count == 0)
        return;
    samples->values = memory_grow(samples->values, &samples->capacity, samples->count + more->count,
                                  sizeof *samples->values);
    memcpy(samples->values + samples->count, more->values, more->count * sizeof *samples->values);
    samples->count += more->count;
}

void samples_release(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_of_sorted(const struct samples *samples, double part)
{
    if (samples->count == 0)
        return 0;
    size_t at = (size_t)(part * (double)(samples->count - 1) + 0.5);
    return (double)samples->values[at] / 1000.0;
}

static void sort(struct samples *samples)
{
    if (samples->count > 1)
        qsort(samples->values, samples->count, sizeof *samples->values, compare_times);
}

double samples_percentile(struct samples *samples, double part)
{
    sort(samples);
    return percentile_of_sorted(samples, part);
}

void samples_print(struct samples *samples)
{
    sort(samples);
    printf("\"count\":%zu,\"p50_us\":%.2f,\"p95_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f", samples->count,
           percentile_of_sorted(samples, 0.5), percentile_of_sorted(samples, 0.95),
           percentile_of_sorted(samples, 0.99), percentile_of_sorted(samples, 1));
}
