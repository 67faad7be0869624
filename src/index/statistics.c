#include "index/statistics.h"

#include "base/memory.h"
#include "base/prefetch.h"
#include "text/analyse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATISTICS_MAGIC UINT64_C(0x54415453595453) /* "STYSTAT" */
#define STATISTICS_VERSION 3

enum section {
    SECTION_HEADER,
    SECTION_FREQUENCIES,
    SECTION_IDFS,
    SECTION_TERMS,
    SECTION_COMMON = SECTION_TERMS + DICTIONARY_SECTIONS,
    SECTION_FIRSTS = SECTION_COMMON + DICTIONARY_SECTIONS,
    SECTION_NAMES,
    SECTION_GAZETTEER = SECTION_NAMES + DICTIONARY_SECTIONS,
    SECTION_COUNT = SECTION_GAZETTEER + GAZETTEER_SECTIONS
};

struct statistics_header {
    uint64_t documents;
    uint32_t epoch;
    uint32_t has_gazetteer;
    uint64_t names_version;
};

static float idf_of(uint64_t documents, uint32_t frequency)
{
    double df = frequency;
    double all = (double)documents > df ? (double)documents : df;
    return (float)log(1.0 + (all - df + 0.5) / (df + 0.5));
}

int statistics_open(const char *data, size_t length, struct statistics *statistics, struct error *error)
{
    memset(statistics, 0, sizeof *statistics);
    struct image *image = &statistics->image;
    if (image_open(data, length, STATISTICS_MAGIC, STATISTICS_VERSION, SECTION_COUNT, image, error) != 0)
        return -1;
    size_t headers;
    size_t frequencies;
    size_t idfs;
    const struct statistics_header *header = image_section(image, SECTION_HEADER, sizeof *header, &headers);
    statistics->frequencies = image_section(image, SECTION_FREQUENCIES, 4, &frequencies);
    statistics->idfs = image_section(image, SECTION_IDFS, sizeof(float), &idfs);
    size_t firsts;
    statistics->firsts = image_section(image, SECTION_FIRSTS, 4, &firsts);
    if (headers != 1 || !dictionary_open(image, SECTION_TERMS, &statistics->terms) ||
        frequencies != statistics->terms.count || idfs != frequencies ||
        !dictionary_open(image, SECTION_COMMON, &statistics->common) ||
        !dictionary_open(image, SECTION_NAMES, &statistics->names) || firsts != statistics->names.count ||
        !gazetteer_open(image, SECTION_GAZETTEER, &statistics->gazetteer))
        return error_set(error, ERROR_UNAVAILABLE, "damaged index file: statistics do not fit together");
    statistics->documents = header->documents;
    statistics->epoch = header->epoch;
    statistics->names_version = header->names_version;
    statistics->has_gazetteer = header->has_gazetteer != 0;
    statistics->unknown_idf = idf_of(header->documents, 1);
    return 0;
}

uint32_t statistics_frequency(const struct statistics *statistics, const char *term, size_t length,
                              uint64_t hash, float *idf)
{
    uint32_t number = dictionary_find(&statistics->terms, term, length, hash);
    *idf = number == DICTIONARY_NONE ? statistics->unknown_idf : statistics->idfs[number];
    return number == DICTIONARY_NONE ? 1 : statistics->frequencies[number];
}

void statistics_prefetch(const struct statistics *statistics, const uint64_t *hashes, size_t count)
{
    uint32_t numbers[STATISTICS_AHEAD];
    dictionary_prefetch(&statistics->terms, hashes, count, numbers);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == DICTIONARY_NONE)
            continue;
        prefetch(&statistics->frequencies[numbers[i]]);
        prefetch(&statistics->idfs[numbers[i]]);
    }
}

bool statistics_entity(const struct statistics *statistics, const char *term, size_t length, uint64_t hash,
                       struct entity_name *entity)
{
    uint32_t number = statistics_find_name(statistics, term, length, hash);
    if (number == DICTIONARY_NONE)
        return false;
    uint32_t first = statistics->firsts[number];
    entity->term = dictionary_term(&statistics->names, first, &entity->length);
    entity->display = dictionary_display(&statistics->names, first, &entity->display_length);
    return true;
}

struct statistics_builder {
    struct dictionary_builder terms;
    struct dictionary_builder names;
    struct buffer firsts; /* uint32_t */
    uint64_t names_version;
    bool has_gazetteer;
    struct gazetteer_builder gazetteer;
    uint32_t *frequencies;
    size_t capacity;
};

uint32_t statistics_builder_frequency(const struct statistics_builder *builder, const char *term,
                                      size_t length)
{
    uint32_t number = dictionary_builder_find(&builder->terms, term, length);
    return number == DICTIONARY_NONE ? 0 : builder->frequencies[number];
}

void statistics_builder_each(const struct statistics_builder *builder, statistics_term_function each,
                             void *context)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)builder->terms.offsets.data;
    for (uint32_t i = 0; i < builder->terms.count; i++)
        each(context, builder->terms.bytes.data + offsets[i], offsets[i + 1] - offsets[i],
             builder->frequencies[i]);
}

static uint32_t stem_frequency(void *context, const char *stem, size_t length)
{
    return statistics_builder_frequency(context, stem, length);
}

struct gazetteer_builder *statistics_builder_gazetteer(struct statistics_builder *builder,
                                                       const struct language *language)
{
    builder->gazetteer.language = language;
    builder->has_gazetteer = true;
    return &builder->gazetteer;
}

struct statistics_builder *statistics_builder_new(void)
{
    struct statistics_builder *builder = memory_zeroed(1, sizeof *builder);
    dictionary_builder_init(&builder->terms);
    dictionary_builder_init(&builder->names);
    gazetteer_builder_init(&builder->gazetteer, NULL, stem_frequency, builder);
    return builder;
}

void statistics_builder_free(struct statistics_builder *builder)
{
    if (builder == NULL)
        return;
    dictionary_builder_release(&builder->terms);
    dictionary_builder_release(&builder->names);
    buffer_release(&builder->firsts);
    gazetteer_builder_release(&builder->gazetteer);
    free(builder->frequencies);
    free(builder);
}

void statistics_builder_add_entity(struct statistics_builder *builder, const struct profile *profile)
{
    uint32_t first = builder->names.count;
    for (size_t i = 0; i < profile->term_count; i++) {
        const struct profile_term *term = &profile->terms[i];
        uint32_t next = builder->names.count;
        const char *display = i == 0 ? profile->name : "";
        uint32_t number =
            dictionary_builder_add(&builder->names, term->text, term->length, display, strlen(display));
        if (number == next)
            buffer_append(&builder->firsts, &first, sizeof first);
        else if (i == 0)
            return; /* the entity is called as another one: it stays what it is */
    }
}

void statistics_builder_set_names_version(struct statistics_builder *builder, uint64_t version)
{
    builder->names_version = version;
}

/* The term that counts: of a name that is an alias, the entity's own. */
static void resolve(const struct statistics_builder *builder, const char **term, size_t *length)
{
    if (builder->names.count == 0 || (*term)[0] != 'X')
        return; /* only entities' terms start so, and their like */
    uint32_t number = dictionary_builder_find(&builder->names, *term, *length);
    if (number == DICTIONARY_NONE)
        return;
    const uint32_t *firsts = (const uint32_t *)(const void *)builder->firsts.data;
    const uint32_t *offsets = (const uint32_t *)(const void *)builder->names.offsets.data;
    uint32_t first = firsts[number];
    *term = builder->names.bytes.data + offsets[first];
    *length = offsets[first + 1] - offsets[first];
}

void statistics_builder_add(struct statistics_builder *builder, const char *term, size_t length,
                            uint32_t frequency)
{
    resolve(builder, &term, &length);
    uint32_t before = builder->terms.count;
    uint32_t number = dictionary_builder_add(&builder->terms, term, length, "", 0);
    builder->frequencies =
        memory_grow(builder->frequencies, &builder->capacity, (size_t)number + 1, sizeof(uint32_t));
    if (number == before)
        builder->frequencies[number] = 0;
    builder->frequencies[number] += frequency;
}

/* Terms of one document are left out: they are half of every vocabulary and `unknown` means the same. */
static void keep_repeated(const struct statistics_builder *builder, struct dictionary_builder *kept,
                          struct buffer *frequencies, struct buffer *idfs, uint64_t documents)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)builder->terms.offsets.data;
    for (uint32_t i = 0; i < builder->terms.count; i++) {
        if (builder->frequencies[i] < 2)
            continue;
        dictionary_builder_add(kept, builder->terms.bytes.data + offsets[i], offsets[i + 1] - offsets[i], "",
                               0);
        buffer_append(frequencies, &builder->frequencies[i], sizeof(uint32_t));
        float idf = idf_of(documents, builder->frequencies[i]);
        buffer_append(idfs, &idf, sizeof idf);
    }
}

static bool is_common_name(const char *term, size_t length, uint64_t frequency, uint64_t documents)
{
    return frequency >= STATISTICS_COMMON_DOCUMENTS && frequency * STATISTICS_COMMON_SHARE >= documents &&
           term_name_kind(term, length) != NAME_KIND_COUNT;
}

static void choose_common(const struct statistics_builder *builder, struct dictionary_builder *common,
                          uint64_t documents)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)builder->terms.offsets.data;
    for (uint32_t i = 0; i < builder->terms.count; i++) {
        const char *term = builder->terms.bytes.data + offsets[i];
        size_t length = offsets[i + 1] - offsets[i];
        if (is_common_name(term, length, builder->frequencies[i], documents))
            dictionary_builder_add(common, term, length, "", 0);
    }
}

char *statistics_builder_finish(struct statistics_builder *builder, uint64_t documents, uint32_t epoch,
                                size_t *length)
{
    struct dictionary_builder kept;
    struct buffer frequencies = BUFFER_INIT;
    struct buffer idfs = BUFFER_INIT;
    struct dictionary_builder common;
    dictionary_builder_init(&kept);
    dictionary_builder_init(&common);
    choose_common(builder, &common, documents);
    keep_repeated(builder, &kept, &frequencies, &idfs, documents);
    struct image_builder image;
    image_builder_init(&image, STATISTICS_MAGIC, STATISTICS_VERSION, SECTION_COUNT);
    struct statistics_header header = {.documents = documents,
                                       .epoch = epoch,
                                       .has_gazetteer = builder->has_gazetteer,
                                       .names_version = builder->names_version};
    image_builder_add(&image, &header, sizeof header);
    image_builder_add(&image, frequencies.data, frequencies.length);
    image_builder_add(&image, idfs.data, idfs.length);
    dictionary_builder_write(&kept, &image);
    dictionary_builder_write(&common, &image);
    image_builder_add(&image, builder->firsts.data, builder->firsts.length);
    dictionary_builder_write(&builder->names, &image);
    gazetteer_builder_write(&builder->gazetteer, &image);
    dictionary_builder_release(&kept);
    dictionary_builder_release(&common);
    buffer_release(&frequencies);
    buffer_release(&idfs);
    return image_builder_finish(&image, length);
}
