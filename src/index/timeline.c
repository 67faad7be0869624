#include "index/timeline.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum section { SECTION_STARTS, SECTION_NAMES, SECTION_LIST_STARTS, SECTION_LISTS };

bool timeline_open(const struct image *image, uint32_t first_section, size_t features,
                   struct timeline *timeline)
{
    size_t starts;
    size_t names;
    size_t list_starts;
    size_t entries;
    timeline->starts = image_section(image, first_section + SECTION_STARTS, 4, &starts);
    timeline->names = image_section(image, first_section + SECTION_NAMES, 4, &names);
    timeline->list_starts = image_section(image, first_section + SECTION_LIST_STARTS, 4, &list_starts);
    timeline->lists = image_section(image, first_section + SECTION_LISTS, 4, &entries);
    if (starts == 0 || list_starts != features + 1)
        return false;
    timeline->positions = (uint32_t)(starts - 1);
    return timeline->starts[starts - 1] == names && timeline->list_starts[features] == entries &&
           entries == names;
}

/* The first place from `low` on whose position is not below the given one; `high` if there is none before it.
 */
static uint32_t find_between(const uint32_t *lists, uint32_t low, uint32_t high, uint32_t position)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (TIMELINE_POSITION(lists[middle]) < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t timeline_find_from(const struct timeline *timeline, uint32_t feature, uint32_t from,
                            uint32_t position)
{
    const uint32_t *lists = timeline->lists;
    uint32_t end = timeline->list_starts[feature + 1];
    uint32_t step = 1;
    while (end - from > step && TIMELINE_POSITION(lists[from + step]) < position) {
        from += step;
        step *= 2;
    }
    return find_between(lists, from, end - from > step ? from + step : end, position);
}

/* Where the position would be if the name's articles were spread evenly; the list is not empty. */
static uint32_t guess_place(const struct timeline *timeline, uint32_t feature, uint32_t position)
{
    uint32_t start = timeline->list_starts[feature];
    uint64_t length = timeline->list_starts[feature + 1] - start;
    return start + (uint32_t)(length * position / (timeline->positions + UINT64_C(1)));
}

void timeline_prefetch_start(const struct timeline *timeline, uint32_t feature)
{
    __builtin_prefetch(&timeline->list_starts[feature]);
}

void timeline_prefetch_place(const struct timeline *timeline, uint32_t feature, uint32_t position)
{
    __builtin_prefetch(&timeline->lists[guess_place(timeline, feature, position)]);
}

/* Steps of growing width from a guess (Perl, Itai and Avni 1978; Bentley and Yao 1976): mostly within a line
 * of memory or two. */
uint32_t timeline_find(const struct timeline *timeline, uint32_t feature, uint32_t position)
{
    const uint32_t *lists = timeline->lists;
    uint32_t start = timeline->list_starts[feature];
    uint32_t end = timeline->list_starts[feature + 1];
    if (start == end)
        return start;
    uint32_t guess = guess_place(timeline, feature, position);
    if (TIMELINE_POSITION(lists[guess]) < position)
        return timeline_find_from(timeline, feature, guess, position);
    uint32_t step = 1;
    uint32_t high = guess; /* not before the position */
    while (high - start >= step && TIMELINE_POSITION(lists[high - step]) >= position) {
        high -= step;
        step *= 2;
    }
    return find_between(lists, high - start >= step ? high - step : start, high, position);
}

/* ---- writing ---- */

struct building {
    uint32_t positions;
    size_t features;
    struct timeline_bucket (*bucket_of)(const void *context, uint32_t position);
    const void *context;
    uint32_t *starts;
    uint32_t *names;
    uint32_t *list_starts;
    uint32_t *lists;
};

/* Counts into starts[position + 1] and list_starts[feature + 1] and adds the counts up. */
static void find_starts(struct building *building)
{
    for (uint32_t position = 0; position < building->positions; position++) {
        struct timeline_bucket bucket = building->bucket_of(building->context, position);
        building->starts[position + 1] = building->starts[position] + bucket.count;
        for (uint32_t i = 0; i < bucket.count; i++)
            building->list_starts[bucket.numbers[i] + 1]++;
    }
    for (size_t feature = 0; feature < building->features; feature++)
        building->list_starts[feature + 1] += building->list_starts[feature];
}

static void fill(struct building *building)
{
    uint32_t *next = memory_zeroed(building->features + 1, sizeof *next);
    memcpy(next, building->list_starts, building->features * sizeof *next);
    for (uint32_t position = 0; position < building->positions; position++) {
        struct timeline_bucket bucket = building->bucket_of(building->context, position);
        for (uint32_t i = 0; i < bucket.count; i++) {
            building->names[building->starts[position] + i] = bucket.numbers[i];
            building->lists[next[bucket.numbers[i]]++] = position << 8 | bucket.weights[i];
        }
    }
    free(next);
}

void timeline_write(struct image_builder *image, uint32_t positions, size_t features,
                    struct timeline_bucket (*bucket_of)(const void *context, uint32_t position),
                    const void *context)
{
    struct building building = {positions, features, bucket_of, context, NULL, NULL, NULL, NULL};
    building.starts = memory_zeroed((size_t)positions + 1, sizeof *building.starts);
    building.list_starts = memory_zeroed(features + 1, sizeof *building.list_starts);
    find_starts(&building);
    size_t entries = building.starts[positions];
    building.names = memory_zeroed(entries + 1, sizeof *building.names);
    building.lists = memory_zeroed(entries + 1, sizeof *building.lists);
    fill(&building);
    image_builder_add(image, building.starts, ((size_t)positions + 1) * sizeof *building.starts);
    image_builder_add(image, building.names, entries * sizeof *building.names);
    image_builder_add(image, building.list_starts, (features + 1) * sizeof *building.list_starts);
    image_builder_add(image, building.lists, entries * sizeof *building.lists);
    free(building.starts);
    free(building.names);
    free(building.list_starts);
    free(building.lists);
}
