#include "index/timeline.h"

#include "base/memory.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

enum section {
    SECTION_COMMON_STARTS,
    SECTION_COMMON_NAMES,
    SECTION_RARE_STARTS,
    SECTION_RARE_NAMES,
    SECTION_RARE_MARKS,
    SECTION_RARE_BEFORE,
    SECTION_RARE_EARLIER,
    SECTION_LIST_STARTS,
    SECTION_LISTS,
    SECTION_COMMON,
    SECTION_RUNNING
};

static bool common_fit(const struct timeline *timeline, size_t features)
{
    for (uint32_t place = 0; place < timeline->common_count; place++)
        if (timeline->common[place] >= features && timeline->common[place] != TIMELINE_NONE)
            return false;
    return true;
}

bool timeline_open(const struct image *image, uint32_t first_section, size_t features,
                   struct timeline *timeline)
{
    size_t sizes[TIMELINE_SECTIONS];
    const uint32_t *sections[TIMELINE_SECTIONS];
    for (uint32_t i = 0; i < TIMELINE_SECTIONS; i++)
        sections[i] = image_section(image, first_section + i, i == SECTION_RARE_MARKS ? 2 : 4, &sizes[i]);
    size_t common = sizes[SECTION_COMMON];
    if (sizes[SECTION_COMMON_STARTS] == 0 || sizes[SECTION_RARE_STARTS] != sizes[SECTION_COMMON_STARTS] ||
        sizes[SECTION_LIST_STARTS] != features + 1)
        return false;
    uint32_t positions = (uint32_t)(sizes[SECTION_COMMON_STARTS] - 1);
    *timeline = (struct timeline){
        .common_starts = sections[SECTION_COMMON_STARTS],
        .common_names = sections[SECTION_COMMON_NAMES],
        .rare_starts = sections[SECTION_RARE_STARTS],
        .rare_names = sections[SECTION_RARE_NAMES],
        .rare_marks = (const uint16_t *)(const void *)sections[SECTION_RARE_MARKS],
        .rare_before = sections[SECTION_RARE_BEFORE],
        .rare_earlier = sections[SECTION_RARE_EARLIER],
        .list_starts = sections[SECTION_LIST_STARTS],
        .lists = sections[SECTION_LISTS],
        .positions = positions,
        .common = sections[SECTION_COMMON],
        .common_count = (uint32_t)common,
        .blocks = common != 0 ? positions / TIMELINE_BLOCK : 0,
        .running = sections[SECTION_RUNNING],
    };
    size_t rows = timeline->blocks != 0 ? timeline->blocks + (size_t)1 : 0;
    return timeline->common_starts[positions] == sizes[SECTION_COMMON_NAMES] &&
           timeline->rare_starts[positions] == sizes[SECTION_RARE_NAMES] &&
           sizes[SECTION_RARE_MARKS] == sizes[SECTION_RARE_NAMES] &&
           sizes[SECTION_RARE_BEFORE] == sizes[SECTION_RARE_NAMES] &&
           sizes[SECTION_RARE_EARLIER] == sizes[SECTION_RARE_NAMES] &&
           timeline->list_starts[features] == sizes[SECTION_LISTS] &&
           sizes[SECTION_LISTS] == sizes[SECTION_COMMON_NAMES] + sizes[SECTION_RARE_NAMES] &&
           common_fit(timeline, features) && sizes[SECTION_RUNNING] == rows * common;
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
    prefetch(&timeline->list_starts[feature]);
}

void timeline_prefetch_place(const struct timeline *timeline, uint32_t feature, uint32_t position)
{
    prefetch(&timeline->lists[guess_place(timeline, feature, position)]);
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
    const struct timeline_source *source;
    uint32_t *list_starts;
    uint32_t *lists;
    uint32_t *common;
    uint32_t *common_starts;
    uint32_t *common_names;
    uint32_t *rare_starts;
    uint32_t *rare_names;
    uint16_t *rare_marks;
    uint32_t *rare_before;
    uint32_t *rare_earlier;
    uint32_t *running;
    size_t rows; /* of running counts */
};

/* Counts into list_starts[feature + 1] and adds the counts up. */
static void find_list_starts(struct building *building)
{
    const struct timeline_source *source = building->source;
    building->list_starts = memory_zeroed(source->features + 1, sizeof *building->list_starts);
    for (uint32_t position = 0; position < source->positions; position++) {
        struct timeline_bucket bucket = source->bucket_of(source->context, position);
        for (uint32_t i = 0; i < bucket.count; i++)
            building->list_starts[bucket.numbers[i] + 1]++;
    }
    for (size_t feature = 0; feature < source->features; feature++)
        building->list_starts[feature + 1] += building->list_starts[feature];
}

static void find_common(struct building *building)
{
    const struct timeline_source *source = building->source;
    building->common = memory_allocate((source->common_count + (size_t)1) * sizeof *building->common);
    for (uint32_t place = 0; place < source->common_count; place++)
        building->common[place] = TIMELINE_NONE;
    for (size_t feature = 0; feature < source->features; feature++)
        if (building->list_starts[feature + 1] != building->list_starts[feature] &&
            source->names[feature].place != TIMELINE_NONE)
            building->common[source->names[feature].place] = (uint32_t)feature;
}

/* 1 + the position of the entry so many before the next one of the name's list, which is put at `next`; or 0.
 */
static uint32_t position_before(const struct building *building, uint32_t feature, uint32_t next,
                                uint32_t back)
{
    if (next - building->list_starts[feature] < back)
        return 0;
    return TIMELINE_POSITION(building->lists[next - back]) + 1;
}

static void add_rare(struct building *building, uint32_t entry, uint32_t feature, uint32_t place)
{
    building->rare_names[entry] = feature;
    building->rare_marks[entry] = building->source->names[feature].mark;
    building->rare_before[entry] = position_before(building, feature, place, TIMELINE_REPEATED - 1);
    building->rare_earlier[entry] = position_before(building, feature, place, TIMELINE_REPEATED);
}

static void fill_names(struct building *building)
{
    const struct timeline_source *source = building->source;
    uint32_t common = 0;
    uint32_t rare = 0;
    uint32_t *next = memory_zeroed(source->features + 1, sizeof *next);
    memcpy(next, building->list_starts, source->features * sizeof *next);
    for (uint32_t position = 0; position < source->positions; position++) {
        struct timeline_bucket bucket = source->bucket_of(source->context, position);
        for (uint32_t i = 0; i < bucket.count; i++) {
            uint32_t feature = bucket.numbers[i];
            uint32_t place = next[feature]++;
            if (source->names[feature].place == TIMELINE_NONE)
                add_rare(building, rare++, feature, place);
            else
                building->common_names[common++] = source->names[feature].place;
            building->lists[place] = position << 8 | bucket.weights[i];
        }
        building->common_starts[position + 1] = common;
        building->rare_starts[position + 1] = rare;
    }
    free(next);
}

static void fill_running(struct building *building)
{
    size_t width = building->source->common_count;
    size_t blocks = width != 0 ? building->source->positions / TIMELINE_BLOCK : 0;
    building->rows = blocks != 0 ? blocks + 1 : 0;
    building->running = memory_zeroed(building->rows * width + 1, sizeof *building->running);
    for (size_t block = 0; block < blocks; block++) {
        uint32_t *after = building->running + (block + 1) * width;
        memcpy(after, after - width, width * sizeof *after);
        uint32_t end = building->common_starts[(block + 1) * TIMELINE_BLOCK];
        for (uint32_t i = building->common_starts[block * TIMELINE_BLOCK]; i < end; i++)
            after[building->common_names[i]]++;
    }
}

static void build(struct building *building)
{
    size_t positions = building->source->positions;
    find_list_starts(building);
    find_common(building);
    size_t entries = building->list_starts[building->source->features];
    building->lists = memory_zeroed(entries + 1, sizeof *building->lists);
    building->common_starts = memory_zeroed(positions + 1, sizeof *building->common_starts);
    building->common_names = memory_zeroed(entries + 1, sizeof *building->common_names);
    building->rare_starts = memory_zeroed(positions + 1, sizeof *building->rare_starts);
    building->rare_names = memory_zeroed(entries + 1, sizeof *building->rare_names);
    building->rare_marks = memory_zeroed(entries + 1, sizeof *building->rare_marks);
    building->rare_before = memory_zeroed(entries + 1, sizeof *building->rare_before);
    building->rare_earlier = memory_zeroed(entries + 1, sizeof *building->rare_earlier);
    fill_names(building);
    fill_running(building);
}

/* In the order of enum section. */
static void write_sections(const struct building *building, struct image_builder *image)
{
    size_t positions = building->source->positions;
    size_t features = building->source->features;
    size_t width = building->source->common_count;
    size_t common = building->common_starts[positions];
    size_t rare = building->rare_starts[positions];
    image_builder_add(image, building->common_starts, (positions + 1) * sizeof *building->common_starts);
    image_builder_add(image, building->common_names, common * sizeof *building->common_names);
    image_builder_add(image, building->rare_starts, (positions + 1) * sizeof *building->rare_starts);
    image_builder_add(image, building->rare_names, rare * sizeof *building->rare_names);
    image_builder_add(image, building->rare_marks, rare * sizeof *building->rare_marks);
    image_builder_add(image, building->rare_before, rare * sizeof *building->rare_before);
    image_builder_add(image, building->rare_earlier, rare * sizeof *building->rare_earlier);
    image_builder_add(image, building->list_starts, (features + 1) * sizeof *building->list_starts);
    image_builder_add(image, building->lists, (common + rare) * sizeof *building->lists);
    image_builder_add(image, building->common, width * sizeof *building->common);
    image_builder_add(image, building->running, building->rows * width * sizeof *building->running);
}

void timeline_write(struct image_builder *image, const struct timeline_source *source)
{
    struct building building = {.source = source};
    build(&building);
    write_sections(&building, image);
    free(building.list_starts);
    free(building.lists);
    free(building.common);
    free(building.common_starts);
    free(building.common_names);
    free(building.rare_starts);
    free(building.rare_names);
    free(building.rare_marks);
    free(building.rare_before);
    free(building.rare_earlier);
    free(building.running);
}
