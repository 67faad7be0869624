#include "index/timeline.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum section {
    SECTION_STARTS,
    SECTION_NAMES,
    SECTION_LIST_STARTS,
    SECTION_LISTS,
    SECTION_COMMON,
    SECTION_RUNNING,
    SECTION_RARE_STARTS,
    SECTION_RARE
};

static bool open_blocks(const struct image *image, uint32_t first_section, size_t features,
                        struct timeline *timeline)
{
    size_t common;
    size_t running;
    size_t rare_starts;
    size_t rare;
    timeline->common = image_section(image, first_section + SECTION_COMMON, 4, &common);
    timeline->running = image_section(image, first_section + SECTION_RUNNING, 4, &running);
    timeline->rare_starts = image_section(image, first_section + SECTION_RARE_STARTS, 4, &rare_starts);
    timeline->rare = image_section(image, first_section + SECTION_RARE, 4, &rare);
    timeline->common_count = (uint32_t)common;
    timeline->blocks = common != 0 ? timeline->positions / TIMELINE_BLOCK : 0;
    if (common == 0)
        return running == 0 && rare_starts == 0 && rare == 0;
    return timeline->common[common - 1] < features && running == (timeline->blocks + (size_t)1) * common &&
           rare_starts == timeline->blocks + (size_t)1 && timeline->rare_starts[timeline->blocks] == rare;
}

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
           entries == names && open_blocks(image, first_section, features, timeline);
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

/* ---- running counts ---- */

#define RARE UINT32_MAX

struct blocks {
    uint32_t *columns; /* of each feature among the common ones; RARE */
    uint32_t *common;
    uint32_t *running;
    uint32_t *rare_starts;
    uint32_t *rare;
    size_t common_count;
    size_t count;
    size_t rows; /* count + 1, or 0 if no name is common */
};

static void find_common(const struct building *building, struct blocks *blocks)
{
    for (size_t feature = 0; feature < building->features; feature++) {
        uint64_t articles = building->list_starts[feature + 1] - building->list_starts[feature];
        bool is_common = articles >= TIMELINE_COMMON_ARTICLES &&
                         articles * TIMELINE_COMMON_SHARE >= building->positions &&
                         building->positions >= TIMELINE_COMMON_POSITIONS;
        blocks->columns[feature] = is_common ? (uint32_t)blocks->common_count : RARE;
        if (is_common)
            blocks->common[blocks->common_count++] = (uint32_t)feature;
    }
}

static void fill_blocks(const struct building *building, struct blocks *blocks)
{
    size_t width = blocks->common_count;
    uint32_t rare = 0;
    for (size_t block = 0; block < blocks->count; block++) {
        uint32_t *next = blocks->running + (block + 1) * width;
        memcpy(next, next - width, width * sizeof *next);
        uint32_t end = building->starts[(block + 1) * TIMELINE_BLOCK];
        for (uint32_t i = building->starts[block * TIMELINE_BLOCK]; i < end; i++) {
            uint32_t column = blocks->columns[building->names[i]];
            if (column == RARE)
                blocks->rare[rare++] = building->names[i];
            else
                next[column]++;
        }
        blocks->rare_starts[block + 1] = rare;
    }
}

static void find_blocks(const struct building *building, struct blocks *blocks)
{
    *blocks = (struct blocks){0};
    blocks->columns = memory_zeroed(building->features + 1, sizeof *blocks->columns);
    blocks->common = memory_zeroed(building->features + 1, sizeof *blocks->common);
    find_common(building, blocks);
    if (blocks->common_count != 0) {
        blocks->count = building->positions / TIMELINE_BLOCK;
        blocks->rows = blocks->count + 1;
    }
    blocks->running = memory_zeroed(blocks->rows * blocks->common_count + 1, sizeof *blocks->running);
    blocks->rare_starts = memory_zeroed(blocks->rows + 1, sizeof *blocks->rare_starts);
    blocks->rare = memory_zeroed(building->starts[building->positions] + (size_t)1, sizeof *blocks->rare);
    fill_blocks(building, blocks);
}

static void write_blocks(const struct blocks *blocks, struct image_builder *image)
{
    image_builder_add(image, blocks->common, blocks->common_count * sizeof *blocks->common);
    image_builder_add(image, blocks->running, blocks->rows * blocks->common_count * sizeof *blocks->running);
    image_builder_add(image, blocks->rare_starts, blocks->rows * sizeof *blocks->rare_starts);
    image_builder_add(image, blocks->rare, blocks->rare_starts[blocks->count] * sizeof *blocks->rare);
}

static void release_blocks(const struct blocks *blocks)
{
    free(blocks->columns);
    free(blocks->common);
    free(blocks->running);
    free(blocks->rare_starts);
    free(blocks->rare);
}

static void mark_common(struct building *building, const struct blocks *blocks)
{
    for (uint32_t i = 0; i < building->starts[building->positions]; i++) {
        uint32_t column = blocks->columns[building->names[i]];
        if (column != RARE)
            building->names[i] = TIMELINE_COMMON | column;
    }
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
    struct blocks blocks;
    find_blocks(&building, &blocks);
    mark_common(&building, &blocks);
    image_builder_add(image, building.starts, ((size_t)positions + 1) * sizeof *building.starts);
    image_builder_add(image, building.names, entries * sizeof *building.names);
    image_builder_add(image, building.list_starts, (features + 1) * sizeof *building.list_starts);
    image_builder_add(image, building.lists, entries * sizeof *building.lists);
    write_blocks(&blocks, image);
    release_blocks(&blocks);
    free(building.starts);
    free(building.names);
    free(building.list_starts);
    free(building.lists);
}
