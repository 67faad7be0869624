#include "related/copies.h"

#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES_GROWTH 4
#define CANDIDATES_MAX 20000
#define SPREAD 0x9e3779b9U /* a multiplier that scatters neighbouring numbers */

struct copies_slot {
    uint32_t story; /* 0: free */
    uint32_t count;
    uint32_t first; /* in `items`, plus 1; 0: none */
    uint32_t last;
};

/* One that was taken aside. */
struct copies_hit {
    struct related_hit hit;
    uint32_t next; /* of the same story, plus 1; 0: none */
};

static struct copies_slot *slot_of(const struct copies *copies, uint32_t story)
{
    size_t mask = copies->slot_count - 1;
    size_t at = (uint32_t)(story * SPREAD) & mask;
    while (copies->slots[at].story != 0 && copies->slots[at].story != story)
        at = (at + 1) & mask;
    return &copies->slots[at];
}

static void reset(struct copies *copies, size_t hits)
{
    size_t wanted = 16;
    while (wanted < hits * 2)
        wanted *= 2;
    if (wanted > copies->slot_count) {
        free(copies->slots);
        copies->slots = memory_zeroed(wanted, sizeof *copies->slots);
        copies->slot_count = wanted;
    } else {
        memset(copies->slots, 0, copies->slot_count * sizeof *copies->slots);
    }
    copies->count = 0;
}

static void take_aside(struct copies *copies, struct copies_slot *slot, const struct related_hit *hit)
{
    copies->items = memory_grow(copies->items, &copies->capacity, copies->count + 1, sizeof *copies->items);
    copies->items[copies->count++] = (struct copies_hit){*hit, 0};
    uint32_t number = (uint32_t)copies->count;
    if (slot->count++ == 0)
        slot->first = number;
    else
        copies->items[slot->last - 1].next = number;
    slot->last = number;
}

void copies_collapse(struct copies *copies, struct related_hit *hits, size_t *count)
{
    size_t kept = 0;
    reset(copies, *count);
    for (size_t i = 0; i < *count; i++) {
        prefetch(&hits[i].slice->features.originals[hits[i].row]);
        prefetch(&hits[i].slice->rows->docids[hits[i].row]);
    }
    for (size_t i = 0; i < *count; i++) {
        uint32_t story = copies_story(hits[i].slice, hits[i].row);
        struct copies_slot *slot = slot_of(copies, story);
        if (slot->story == story) {
            take_aside(copies, slot, &hits[i]);
            continue;
        }
        slot->story = story;
        hits[kept++] = hits[i];
    }
    *count = kept;
}

void copies_add(struct copies *copies, const struct related_hit *hit)
{
    struct copies_slot *slot = slot_of(copies, copies_story(hit->slice, hit->row));
    uint32_t others = slot->first;
    copies->items = memory_grow(copies->items, &copies->capacity, copies->count + 1, sizeof *copies->items);
    copies->items[copies->count++] = (struct copies_hit){*hit, others};
    slot->first = (uint32_t)copies->count;
    if (slot->count++ == 0)
        slot->last = slot->first;
}

size_t copies_count(const struct copies *copies, const struct related_hit *hit)
{
    return copies->count != 0 ? slot_of(copies, copies_story(hit->slice, hit->row))->count : 0;
}

size_t copies_of(const struct copies *copies, const struct related_hit *hit, const struct related_hit **found,
                 size_t limit)
{
    size_t stored = 0;
    if (copies->count == 0)
        return 0;
    uint32_t next = slot_of(copies, copies_story(hit->slice, hit->row))->first;
    for (; next != 0 && stored < limit; next = copies->items[next - 1].next)
        found[stored++] = &copies->items[next - 1].hit;
    return stored;
}

uint64_t copies_views(const struct copies *copies)
{
    uint64_t views = 0;
    for (size_t i = 0; i < copies->count; i++)
        views += slice_row_views(copies->items[i].hit.slice, copies->items[i].hit.row);
    return views;
}

/* Copies of what is shown rank close to it: few are missed among so many hits, unless half of them are
 * copies. */
static bool has_all(const struct copies *copies, size_t stories, size_t wanted, size_t limit)
{
    if (stories < wanted)
        return false;
    return copies->count == 0 || (limit >= wanted * CANDIDATES_GROWTH && copies->count * 2 < limit);
}

int copies_run(struct copies *copies, struct related_scratch *scratch, struct related_query *query,
               size_t wanted, const struct related_hit **hits, size_t *count, struct error *error)
{
    for (;;) {
        if (related_run(scratch, query, hits, count, error) != 0)
            return -1;
        bool more = *count == query->limit && query->limit < CANDIDATES_MAX;
        size_t *stored;
        struct related_hit *changed = related_change_hits(scratch, &stored);
        copies_collapse(copies, changed, stored);
        *count = *stored;
        if (!more || has_all(copies, *count, wanted, query->limit))
            return 0;
        query->limit *= CANDIDATES_GROWTH;
    }
}

void copies_release(struct copies *copies)
{
    free(copies->slots);
    free(copies->items);
    *copies = (struct copies){.count = 0};
}
