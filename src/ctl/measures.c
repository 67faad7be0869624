#include "ctl/measures.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double discounted(const double *gains, size_t count, size_t depth)
{
    double total = 0;
    for (size_t i = 0; i < count && i < depth; i++)
        total += gains[i] / log2((double)i + 2);
    return total;
}

static int compare_gains(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a < b) - (a > b);
}

double measure_ndcg(const double *gains, size_t count, const double *judged, size_t judged_count,
                    size_t depth)
{
    if (judged_count == 0)
        return 0;
    double *best = memory_zeroed(judged_count, sizeof *best);
    memcpy(best, judged, judged_count * sizeof *best);
    qsort(best, judged_count, sizeof *best, compare_gains);
    double ideal = discounted(best, judged_count, depth);
    free(best);
    return ideal > 0 ? discounted(gains, count, depth) / ideal : 0;
}

double measure_reciprocal_rank(const double *gains, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gains[i] > 0)
            return 1.0 / (double)(i + 1);
    return 0;
}
