#include "related/scoring.h"

#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

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

void best_hits_clear(struct best_hits *best, size_t limit)
{
    best->items = memory_grow(best->items, &best->capacity, limit, sizeof *best->items);
    best->count = 0;
    best->limit = limit;
}

void best_hits_release(struct best_hits *best)
{
    free(best->items);
    free(best->sorted);
    free(best->keys);
    memset(best, 0, sizeof *best);
}

/* Most often there is room for all, or candidates come strongest first: a heap is made only when the first
 * one may have to go. */
void best_hits_keep(struct best_hits *best, const struct related_hit *hit)
{
    if (best->count < best->limit) {
        best->items[best->count++] = *hit;
        for (size_t at = best->count == best->limit ? best->count / 2 : 0; at-- > 0;)
            sift_down(best->items, best->count, at);
    } else if (best->count != 0 && is_weaker(&best->items[0], hit)) {
        best->items[0] = *hit;
        sift_down(best->items, best->count, 0);
    }
}

/* What is compared, beside a number: hits are too large to be moved about while they are sorted. */
struct hit_key {
    uint64_t key;
    uint32_t place;
};

static uint64_t key_of(const struct related_hit *hit)
{
    uint32_t rank; /* floats that are not negative are in the order of their bits */
    memcpy(&rank, &hit->rank, sizeof rank);
    return (uint64_t)rank << 32 | hit->slice->rows->docids[hit->row];
}

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = ((const struct hit_key *)left)->key;
    uint64_t b = ((const struct hit_key *)right)->key;
    return (a < b) - (a > b);
}

void best_hits_sort(struct best_hits *best)
{
    if (best->count < 2)
        return;
    best->keys = memory_grow(best->keys, &best->key_capacity, best->count, sizeof *best->keys);
    best->sorted = memory_grow(best->sorted, &best->sorted_capacity, best->limit, sizeof *best->sorted);
    for (size_t i = 0; i < best->count; i++)
        prefetch(&best->items[i].slice->rows->docids[best->items[i].row]);
    for (uint32_t i = 0; i < best->count; i++)
        best->keys[i] = (struct hit_key){key_of(&best->items[i]), i};
    qsort(best->keys, best->count, sizeof *best->keys, compare_keys);
    for (size_t i = 0; i < best->count; i++)
        best->sorted[i] = best->items[best->keys[i].place];
    struct related_hit *unsorted = best->items;
    size_t capacity = best->capacity;
    best->items = best->sorted;
    best->capacity = best->sorted_capacity;
    best->sorted = unsorted;
    best->sorted_capacity = capacity;
}
