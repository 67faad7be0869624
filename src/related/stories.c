#include "related/stories.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

void stories_clear(struct stories *stories)
{
    if (stories->count != 0)
        memset(stories->slots, 0, stories->slot_count * sizeof *stories->slots);
    stories->count = 0;
}

void stories_release(struct stories *stories)
{
    free(stories->slots);
    *stories = (struct stories){.slots = NULL};
}

/* The story's slot, or the empty one where it belongs (Fibonacci hashing, Knuth volume 3, section 6.4). */
static struct story *slot_of(const struct stories *stories, uint32_t number)
{
    size_t mask = stories->slot_count - 1;
    size_t at = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;
    while (stories->slots[at].number != 0 && stories->slots[at].number != number)
        at = (at + 1) & mask;
    return &stories->slots[at];
}

static void grow(struct stories *stories)
{
    struct stories old = *stories;
    stories->slot_count = old.slot_count != 0 ? old.slot_count * 2 : SLOTS_FIRST;
    stories->slots = memory_zeroed(stories->slot_count, sizeof *stories->slots);
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].number != 0)
            *slot_of(stories, old.slots[i].number) = old.slots[i];
    free(old.slots);
}

void stories_note(struct stories *stories, uint32_t number, uint32_t docid)
{
    if (stories->count * 2 >= stories->slot_count)
        grow(stories);
    struct story *story = slot_of(stories, number);
    if (story->number == 0) {
        *story = (struct story){number, docid};
        stories->count++;
    } else if (docid < story->docid) {
        story->docid = docid;
    }
}

uint32_t stories_first(const struct stories *stories, uint32_t number)
{
    return stories->count != 0 ? slot_of(stories, number)->docid : 0;
}
