#include "index/features.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define FEATURES_MAGIC UINT64_C(0x54414546595453) /* "STYFEAT" */
#define FEATURES_VERSION 12

enum section {
    SECTION_HEADER,
    SECTION_KINDS,
    SECTION_POSTING_STARTS,
    SECTION_POSTINGS,
    SECTION_VECTOR_STARTS,
    SECTION_VECTORS,
    SECTION_ORIGINALS,
    SECTION_TIMELINE,
    SECTION_TERMS = SECTION_TIMELINE + TIMELINE_SECTIONS,
    SECTION_COUNT = SECTION_TERMS + DICTIONARY_SECTIONS
};

struct features_header {
    uint32_t row_count;
    uint32_t epoch;
    uint16_t norm_least;
    uint16_t norm_most;
};

/* ---- reading ---- */

static bool sections_fit(struct features *features)
{
    const struct image *image = &features->image;
    size_t kinds;
    size_t posting_starts;
    size_t postings;
    size_t vector_starts;
    size_t vectors;
    size_t originals;
    features->kinds = image_section(image, SECTION_KINDS, 1, &kinds);
    features->posting_starts = image_section(image, SECTION_POSTING_STARTS, 8, &posting_starts);
    features->postings = image_section(image, SECTION_POSTINGS, 4, &postings);
    features->vector_starts = image_section(image, SECTION_VECTOR_STARTS, 4, &vector_starts);
    features->vectors = image_section(image, SECTION_VECTORS, 4, &vectors);
    features->originals = image_section(image, SECTION_ORIGINALS, 4, &originals);
    if (!dictionary_open(image, SECTION_TERMS, &features->terms) ||
        !timeline_open(image, SECTION_TIMELINE, features->terms.count, &features->timeline))
        return false;
    size_t n = features->terms.count;
    size_t rows = features->row_count;
    return kinds == n && posting_starts == n + 1 && features->posting_starts[n] == postings &&
           vector_starts == rows + 1 && features->vector_starts[rows] == vectors &&
           vectors >= rows * VECTOR_HEAD && originals == rows;
}

/* A damaged file's bounds must not make the figures overflow that are made of them. */
static void take_bounds(struct features *features, const struct features_header *header)
{
    features->norm_most = header->norm_most != 0 ? header->norm_most : 1;
    features->norm_least =
        header->norm_least <= features->norm_most ? header->norm_least : features->norm_most;
    if (features->norm_least < features->norm_most * 3U / 4)
        features->norm_least = (uint16_t)(features->norm_most * 3U / 4);
}

int features_open(const char *data, size_t length, struct features *features, struct error *error)
{
    memset(features, 0, sizeof *features);
    if (image_open(data, length, FEATURES_MAGIC, FEATURES_VERSION, SECTION_COUNT, &features->image, error) !=
        0)
        return -1;
    size_t headers;
    const struct features_header *header =
        image_section(&features->image, SECTION_HEADER, sizeof *header, &headers);
    if (headers != 1)
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: no features header");
    features->row_count = header->row_count;
    features->epoch = header->epoch;
    if (!sections_fit(features))
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: features do not fit together");
    take_bounds(features, header);
    return 0;
}

bool features_row_has(const struct features *features, uint32_t row, uint32_t feature)
{
    struct features_row found = features_row(features, row);
    for (uint32_t i = 0; i < found.count; i++)
        if (found.numbers[i] == feature)
            return true;
    return false;
}

void features_vector(const struct features *features, uint32_t row, struct feature_vector *vector)
{
    feature_vector_clear(vector);
    struct features_row found = features_row(features, row);
    vector->items = memory_grow(vector->items, &vector->capacity, found.count, sizeof *vector->items);
    for (uint32_t i = 0; i < found.count; i++) {
        uint32_t number = found.numbers[i];
        size_t length;
        size_t display_length;
        struct feature *feature = &vector->items[vector->count++];
        feature->term = dictionary_term(&features->terms, number, &length);
        feature->display = dictionary_display(&features->terms, number, &display_length);
        feature->length = (uint32_t)length;
        feature->display_length = (uint32_t)display_length;
        feature->raw = 0;
        feature->kind = features->kinds[number];
        feature->weight = found.weights[i];
    }
    memcpy(vector->norms, found.norms, sizeof vector->norms);
}

/* ---- building ---- */

struct features_builder {
    const struct statistics *statistics;
    struct features_header header;
    struct dictionary_builder terms;
    struct buffer kinds;
    struct buffer vector_starts;
    struct buffer vectors; /* uint32_t */
    struct buffer originals;
};

struct features_builder *features_builder_new(const struct statistics *statistics)
{
    struct features_builder *builder = memory_zeroed(1, sizeof *builder);
    builder->statistics = statistics;
    builder->header =
        (struct features_header){.epoch = statistics->epoch, .norm_least = UINT16_MAX, .norm_most = 1};
    dictionary_builder_init(&builder->terms);
    uint32_t zero = 0;
    buffer_append(&builder->vector_starts, &zero, sizeof zero);
    return builder;
}

void features_builder_free(struct features_builder *builder)
{
    if (builder == NULL)
        return;
    dictionary_builder_release(&builder->terms);
    buffer_release(&builder->kinds);
    buffer_release(&builder->vector_starts);
    buffer_release(&builder->vectors);
    buffer_release(&builder->originals);
    free(builder);
}

static void add_head(struct features_builder *builder, const struct feature_vector *vector)
{
    struct features_header *header = &builder->header;
    uint16_t head[VECTOR_HEAD * 2] = {0};
    while (head[VECTOR_NAMES] < vector->count && vector->items[head[VECTOR_NAMES]].kind != FEATURE_TERM)
        head[VECTOR_NAMES]++;
    for (int group = 0; group < GROUP_COUNT; group++) {
        uint16_t norm = head[group] = vector->norms[group];
        header->norm_least = norm != 0 && norm < header->norm_least ? norm : header->norm_least;
        header->norm_most = norm > header->norm_most ? norm : header->norm_most;
    }
    buffer_append(&builder->vectors, head, sizeof head);
}

void features_builder_add(struct features_builder *builder, const struct feature_vector *vector,
                          uint32_t original)
{
    add_head(builder, vector);
    for (size_t i = 0; i < vector->count; i++) {
        const struct feature *feature = &vector->items[i];
        uint32_t before = builder->terms.count;
        uint32_t number = dictionary_builder_add(&builder->terms, feature->term, feature->length,
                                                 feature->display, feature->display_length);
        if (number == before)
            buffer_append(&builder->kinds, &feature->kind, 1);
        buffer_append(&builder->vectors, &number, sizeof number);
    }
    for (size_t i = 0; i < vector->count; i++)
        buffer_append(&builder->vectors, &vector->items[i].weight, 1);
    while (builder->vectors.length % sizeof(uint32_t) != 0)
        buffer_append(&builder->vectors, "", 1);
    uint32_t end = (uint32_t)(builder->vectors.length / sizeof(uint32_t));
    buffer_append(&builder->vector_starts, &end, sizeof end);
    buffer_append(&builder->originals, &original, sizeof original);
    builder->header.row_count++;
}

#define WEIGHTS 256
#define SHORT_LIST 24 /* insertion is quicker than counting */

static void insert_heavier(uint32_t *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t posting = list[i];
        size_t at = i;
        for (; at > 0 && POSTING_WEIGHT(list[at - 1]) < POSTING_WEIGHT(posting); at--)
            list[at] = list[at - 1];
        list[at] = posting;
    }
}

/* Heaviest first; equal ones stay in the order of their rows. `room` holds as many. */
static void sort_list(uint32_t *list, size_t count, uint32_t *room)
{
    if (count <= SHORT_LIST) {
        insert_heavier(list, count);
        return;
    }
    size_t places[WEIGHTS + 1] = {0};
    for (size_t i = 0; i < count; i++)
        places[WEIGHTS - POSTING_WEIGHT(list[i])]++;
    for (size_t i = 1; i <= WEIGHTS; i++)
        places[i] += places[i - 1];
    for (size_t i = 0; i < count; i++)
        room[places[WEIGHTS - 1 - POSTING_WEIGHT(list[i])]++] = list[i];
    memcpy(list, room, count * sizeof *list);
}

static void sort_lists(uint32_t *postings, const uint64_t *starts, size_t count)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = starts[i + 1] - starts[i] > longest ? starts[i + 1] - starts[i] : longest;
    uint32_t *room = memory_zeroed(longest + 1, sizeof *room);
    for (size_t i = 0; i < count; i++)
        sort_list(postings + starts[i], starts[i + 1] - starts[i], room);
    free(room);
}

static struct features_row built_row(const struct features_builder *builder, uint32_t row)
{
    const uint32_t *starts = (const uint32_t *)(const void *)builder->vector_starts.data;
    return features_row_at((const uint32_t *)(const void *)builder->vectors.data, starts[row],
                           starts[row + 1]);
}

/* Turns the vectors round: counting sort by feature, then each list by weight. */
static uint32_t *build_postings(const struct features_builder *builder, uint64_t *starts)
{
    uint32_t features = builder->terms.count;
    for (uint32_t row = 0; row < builder->header.row_count; row++) {
        struct features_row vector = built_row(builder, row);
        for (uint32_t i = 0; i < vector.count; i++)
            starts[vector.numbers[i] + 1]++;
    }
    for (uint32_t i = 0; i < features; i++)
        starts[i + 1] += starts[i];
    uint64_t *next = memory_zeroed((size_t)features + 1, sizeof *next);
    memcpy(next, starts, features * sizeof *next);
    uint32_t *postings = memory_zeroed(starts[features] + 1, sizeof *postings);
    for (uint32_t row = 0; row < builder->header.row_count; row++) {
        struct features_row vector = built_row(builder, row);
        for (uint32_t i = 0; i < vector.count; i++)
            postings[next[vector.numbers[i]]++] = row << 8 | vector.weights[i];
    }
    free(next);
    sort_lists(postings, starts, features);
    return postings;
}

/* The rows of a builder in the order of their dates. */
struct dated_rows {
    const struct features_builder *builder;
    const uint32_t *by_date;
};

static struct timeline_bucket bucket_of(const void *context, uint32_t position)
{
    const struct dated_rows *dated = context;
    struct features_row row = built_row(dated->builder, dated->by_date[position]);
    return (struct timeline_bucket){row.numbers, row.weights, row.names};
}

/* What the timeline wants to know of each feature that is a name: new reference. */
static struct timeline_name *name_features(const struct features_builder *builder)
{
    const struct dictionary *common = &builder->statistics->common;
    const uint32_t *offsets = (const uint32_t *)(const void *)builder->terms.offsets.data;
    struct timeline_name *names = memory_zeroed((size_t)builder->terms.count + 1, sizeof *names);
    for (uint32_t i = 0; i < builder->terms.count; i++) {
        const char *term = builder->terms.bytes.data + offsets[i];
        size_t length = offsets[i + 1] - offsets[i];
        names[i].place = TIMELINE_NONE;
        if ((uint8_t)builder->kinds.data[i] == FEATURE_TERM)
            continue;
        uint64_t hash = hash_bytes(term, length);
        names[i].mark = (uint16_t)hash;
        names[i].place = common->count != 0 ? dictionary_find(common, term, length, hash) : TIMELINE_NONE;
    }
    return names;
}

static void add_timeline(const struct features_builder *builder, const struct dated_rows *rows,
                         uint32_t dated, struct image_builder *image)
{
    struct timeline_name *names = name_features(builder);
    struct timeline_source source = {
        .positions = dated,
        .features = builder->terms.count,
        .names = names,
        .common_count = builder->statistics->common.count,
        .bucket_of = bucket_of,
        .context = rows,
    };
    timeline_write(image, &source);
    free(names);
}

char *features_builder_finish(struct features_builder *builder, const uint32_t *by_date, uint32_t dated,
                              size_t *length)
{
    struct dated_rows dated_rows = {builder, by_date};
    size_t feature_count = builder->terms.count;
    uint64_t *starts = memory_zeroed(feature_count + 1, sizeof *starts);
    uint32_t *postings = build_postings(builder, starts);
    struct image_builder image;
    image_builder_init(&image, FEATURES_MAGIC, FEATURES_VERSION, SECTION_COUNT);
    image_builder_add(&image, &builder->header, sizeof builder->header);
    image_builder_add(&image, builder->kinds.data, builder->kinds.length);
    image_builder_add(&image, starts, (feature_count + 1) * sizeof *starts);
    image_builder_add(&image, postings, starts[feature_count] * sizeof *postings);
    image_builder_add(&image, builder->vector_starts.data, builder->vector_starts.length);
    image_builder_add(&image, builder->vectors.data, builder->vectors.length);
    image_builder_add(&image, builder->originals.data, builder->originals.length);
    add_timeline(builder, &dated_rows, dated, &image);
    dictionary_builder_write(&builder->terms, &image);
    free(starts);
    free(postings);
    return image_builder_finish(&image, length);
}

char *features_with_originals(const struct features *features, const uint32_t *originals)
{
    char *bytes = memory_copy_bytes(features->image.data, features->image.length);
    size_t at = (size_t)((const char *)features->originals - features->image.data);
    memcpy(bytes + at, originals, features->row_count * sizeof *originals);
    return bytes;
}
