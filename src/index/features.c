#include "index/features.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define FEATURES_MAGIC UINT64_C(0x54414546595453) /* "STYFEAT" */
#define FEATURES_VERSION 2

enum section {
    SECTION_HEADER,
    SECTION_KINDS,
    SECTION_POSTING_STARTS,
    SECTION_POSTINGS,
    SECTION_VECTOR_STARTS,
    SECTION_VECTOR_FEATURES,
    SECTION_VECTOR_WEIGHTS,
    SECTION_NORMS,
    SECTION_ORIGINALS,
    SECTION_TERMS,
    SECTION_COUNT = SECTION_TERMS + DICTIONARY_SECTIONS
};

struct features_header {
    uint32_t row_count;
    uint32_t epoch;
};

/* ---- reading ---- */

static bool sections_fit(struct features *features)
{
    const struct image *image = &features->image;
    size_t kinds;
    size_t posting_starts;
    size_t postings;
    size_t vector_starts;
    size_t vector_features;
    size_t vector_weights;
    size_t norms;
    size_t originals;
    features->kinds = image_section(image, SECTION_KINDS, 1, &kinds);
    features->posting_starts = image_section(image, SECTION_POSTING_STARTS, 8, &posting_starts);
    features->postings = image_section(image, SECTION_POSTINGS, 4, &postings);
    features->vector_starts = image_section(image, SECTION_VECTOR_STARTS, 4, &vector_starts);
    features->vector_features = image_section(image, SECTION_VECTOR_FEATURES, 4, &vector_features);
    features->vector_weights = image_section(image, SECTION_VECTOR_WEIGHTS, 1, &vector_weights);
    features->norms = image_section(image, SECTION_NORMS, 2, &norms);
    features->originals = image_section(image, SECTION_ORIGINALS, 4, &originals);
    if (!dictionary_open(image, SECTION_TERMS, &features->terms))
        return false;
    size_t n = features->terms.count;
    size_t rows = features->row_count;
    return kinds == n && posting_starts == n + 1 && features->posting_starts[n] == postings &&
           vector_starts == rows + 1 && features->vector_starts[rows] == vector_features &&
           vector_weights == vector_features && norms == rows * (GROUP_COUNT + 1) && originals == rows;
}

static void bound_norms(struct features *features)
{
    uint16_t least = UINT16_MAX;
    uint16_t most = 1;
    for (size_t i = 0; i < (size_t)features->row_count * (GROUP_COUNT + 1); i++) {
        uint16_t norm = i % (GROUP_COUNT + 1) != GROUP_COUNT ? features->norms[i] : 0;
        least = norm != 0 && norm < least ? norm : least;
        most = norm > most ? norm : most;
    }
    features->norm_most = most;
    features->norm_least = least <= most ? least : most;
    if (features->norm_least <
        most * 3U / 4) /* a damaged file: the figures made of these must not overflow */
        features->norm_least = (uint16_t)(most * 3U / 4);
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
    bound_norms(features);
    return 0;
}

bool features_row_has(const struct features *features, uint32_t row, uint32_t feature)
{
    for (uint32_t i = features->vector_starts[row]; i < features->vector_starts[row + 1]; i++)
        if (features->vector_features[i] == feature)
            return true;
    return false;
}

void features_vector(const struct features *features, uint32_t row, struct feature_vector *vector)
{
    feature_vector_clear(vector);
    uint32_t start = features->vector_starts[row];
    uint32_t end = features->vector_starts[row + 1];
    vector->items = memory_grow(vector->items, &vector->capacity, end - start, sizeof *vector->items);
    for (uint32_t i = start; i < end; i++) {
        uint32_t number = features->vector_features[i];
        size_t length;
        size_t display_length;
        struct feature *feature = &vector->items[vector->count++];
        feature->term = dictionary_term(&features->terms, number, &length);
        feature->display = dictionary_display(&features->terms, number, &display_length);
        feature->length = (uint32_t)length;
        feature->display_length = (uint32_t)display_length;
        feature->raw = 0;
        feature->kind = features->kinds[number];
        feature->weight = features->vector_weights[i];
    }
    memcpy(vector->norms, features_norms(features, row), sizeof vector->norms);
}

/* ---- building ---- */

struct features_builder {
    struct features_header header;
    struct dictionary_builder terms;
    struct buffer kinds;
    struct buffer vector_starts;
    struct buffer vector_features;
    struct buffer vector_weights;
    struct buffer norms;
    struct buffer originals;
};

struct features_builder *features_builder_new(uint32_t epoch)
{
    struct features_builder *builder = memory_zeroed(1, sizeof *builder);
    builder->header.epoch = epoch;
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
    buffer_release(&builder->vector_features);
    buffer_release(&builder->vector_weights);
    buffer_release(&builder->norms);
    buffer_release(&builder->originals);
    free(builder);
}

void features_builder_add(struct features_builder *builder, const struct feature_vector *vector,
                          uint32_t original)
{
    for (size_t i = 0; i < vector->count; i++) {
        const struct feature *feature = &vector->items[i];
        uint32_t before = builder->terms.count;
        uint32_t number = dictionary_builder_add(&builder->terms, feature->term, feature->length,
                                                 feature->display, feature->display_length);
        if (number == before)
            buffer_append(&builder->kinds, &feature->kind, 1);
        buffer_append(&builder->vector_features, &number, sizeof number);
        buffer_append(&builder->vector_weights, &feature->weight, 1);
    }
    uint32_t end = (uint32_t)(builder->vector_features.length / sizeof(uint32_t));
    buffer_append(&builder->vector_starts, &end, sizeof end);
    uint16_t norms[GROUP_COUNT + 1] = {vector->norms[0], vector->norms[1], vector->norms[2], 0};
    buffer_append(&builder->norms, norms, sizeof norms);
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

/* Turns the vectors round: counting sort by feature, then each list by weight. */
static uint32_t *build_postings(const struct features_builder *builder, uint64_t *starts)
{
    const uint32_t *features = (const uint32_t *)(const void *)builder->vector_features.data;
    const uint32_t *vectors = (const uint32_t *)(const void *)builder->vector_starts.data;
    const uint8_t *weights = (const uint8_t *)builder->vector_weights.data;
    uint32_t total = vectors[builder->header.row_count];
    for (uint32_t i = 0; i < total; i++)
        starts[features[i] + 1]++;
    for (uint32_t i = 0; i < builder->terms.count; i++)
        starts[i + 1] += starts[i];
    uint64_t *next = memory_zeroed((size_t)builder->terms.count + 1, sizeof *next);
    memcpy(next, starts, builder->terms.count * sizeof *next);
    uint32_t *postings = memory_zeroed((size_t)total + 1, sizeof *postings);
    for (uint32_t row = 0; row < builder->header.row_count; row++)
        for (uint32_t i = vectors[row]; i < vectors[row + 1]; i++)
            postings[next[features[i]]++] = row << 8 | weights[i];
    free(next);
    sort_lists(postings, starts, builder->terms.count);
    return postings;
}

char *features_builder_finish(struct features_builder *builder, size_t *length)
{
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
    image_builder_add(&image, builder->vector_features.data, builder->vector_features.length);
    image_builder_add(&image, builder->vector_weights.data, builder->vector_weights.length);
    image_builder_add(&image, builder->norms.data, builder->norms.length);
    image_builder_add(&image, builder->originals.data, builder->originals.length);
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
