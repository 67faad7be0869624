#include "related/scoring.h"

#include <stdlib.h>

/* True if `a` ranks behind `b`. */
static bool is_weaker(const struct related_hit *a, const struct related_hit *b)
{
    if (a->rank < b->rank || a->rank > b->rank)
        return a->rank < b->rank;
    return a->slice->rows->docids[a->row] < b->slice->rows->docids[b->row];
}

static void sift_down(struct related_hit *heap, size_t count, size_t at)
{
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= count)
            return;
        if (child + 1 < count && is_weaker(&heap[child + 1], &heap[child]))
            child++;
        if (!is_weaker(&heap[child], &heap[at]))
            return;
        struct related_hit moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

static void sift_up(struct related_hit *heap, size_t at)
{
    while (at > 0 && is_weaker(&heap[at], &heap[(at - 1) / 2])) {
        struct related_hit moved = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

void best_hits_keep(struct best_hits *best, const struct related_hit *hit)
{
    if (best->count < best->limit) {
        best->items[best->count++] = *hit;
        sift_up(best->items, best->count - 1);
    } else if (best->count != 0 && is_weaker(&best->items[0], hit)) {
        best->items[0] = *hit;
        sift_down(best->items, best->count, 0);
    }
}

static int compare_hits(const void *left, const void *right)
{
    return is_weaker(left, right) ? 1 : is_weaker(right, left) ? -1 : 0;
}

void best_hits_sort(struct best_hits *best)
{
    if (best->count > 1)
        qsort(best->items, best->count, sizeof *best->items, compare_hits);
}
