#include "index/feature_vector.h"

#include "base/hash.h"
#include "base/memory.h"
#include "text/language.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void feature_vector_clear(struct feature_vector *vector)
{
    vector->count = 0;
    memset(vector->norms, 0, sizeof vector->norms);
}

void feature_vector_release(struct feature_vector *vector)
{
    free(vector->items);
    memset(vector, 0, sizeof *vector);
}

static struct feature *add(struct feature_vector *vector)
{
    vector->items = memory_grow(vector->items, &vector->capacity, vector->count + 1, sizeof *vector->items);
    return &vector->items[vector->count++];
}

static bool has_name(const struct feature_vector *vector, const struct entity_name *entity)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i].length == entity->length &&
            memcmp(vector->items[i].term, entity->term, entity->length) == 0)
            return true;
    return false;
}

void feature_vector_add_name(struct feature_vector *vector, const struct statistics *statistics,
                             enum name_kind kind, const char *term, size_t length, const char *display,
                             size_t display_length)
{
    struct entity_name entity = {term, length, display, display_length};
    uint64_t hash = hash_bytes(term, length);
    if (statistics_entity(statistics, term, length, hash, &entity)) {
        if (has_name(vector, &entity))
            return;
        hash = hash_bytes(entity.term, entity.length);
    }
    float idf;
    statistics_frequency(statistics, entity.term, entity.length, hash, &idf);
    *add(vector) = (struct feature){
        .term = entity.term,
        .length = (uint32_t)entity.length,
        .display = entity.display,
        .display_length = (uint32_t)entity.display_length,
        .raw = idf,
        .kind = (uint8_t)kind,
    };
}

/* Heaviest first; equal weights by their bytes, so that the choice never depends on the order of the input.
 */
static int compare_features(const void *left, const void *right)
{
    const struct feature *a = left;
    const struct feature *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->raw > b->raw || a->raw < b->raw)
        return a->raw > b->raw ? -1 : 1;
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->term, b->term, shorter);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/*
 * A stem of one byte says nothing about a story; nor does one that every fiftieth article has: on the judged
 * news such terms added nothing to nDCG@10 (doc/quality.md) but were most of all postings read.
 */
#define COMMON_SHARE 50
#define COMMON_LEAST 100 /* documents: in a small collection nothing is common */

/* Stop words go by list, too: in a collection without statistics nothing else tells them apart. */
static bool is_candidate(const struct language *language, const struct statistics *statistics,
                         const struct xapian_stem *stem, uint32_t frequency)
{
    return stem->length > 1 &&
           (frequency <= COMMON_LEAST || frequency <= statistics->documents / COMMON_SHARE) &&
           !language_is_stop_word(language, stem->text, stem->length);
}

static void swap_features(struct feature *a, struct feature *b)
{
    struct feature moved = *a;
    *a = *b;
    *b = moved;
}

/* Brings the `wanted` features that come first in order to the front, in no order (Hoare's quickselect): the
 * others need not be sorted. */
static void select_heaviest(struct feature *items, size_t count, size_t wanted)
{
    while (count > 1 && wanted > 0 && wanted < count) {
        swap_features(&items[count / 2], &items[count - 1]);
        const struct feature pivot = items[count - 1];
        size_t front = 0;
        for (size_t i = 0; i + 1 < count; i++)
            if (compare_features(&items[i], &pivot) < 0)
                swap_features(&items[i], &items[front++]);
        swap_features(&items[front], &items[count - 1]);
        if (wanted <= front)
            count = front;
        else {
            items += front + 1;
            count -= front + 1;
            wanted -= front + 1;
        }
    }
}

static void add_stem(struct feature_vector *vector, const struct statistics *statistics,
                     const struct language *language, const struct xapian_stem *stem, uint64_t hash)
{
    float idf;
    uint32_t frequency = statistics_frequency(statistics, stem->text, stem->length, hash, &idf);
    if (!is_candidate(language, statistics, stem, frequency))
        return;
    *add(vector) = (struct feature){
        .term = stem->text,
        .length = stem->length,
        .display = "",
        .raw = (float)stem->impact * idf,
        .kind = FEATURE_TERM,
    };
}

void feature_vector_add_stems(struct feature_vector *vector, const struct statistics *statistics,
                              const struct xapian_stem *stems, size_t count, size_t limit)
{
    const struct language *language = language_find("en");
    size_t first = vector->count;
    while (count > 0) {
        uint64_t hashes[STATISTICS_AHEAD];
        size_t some = count < STATISTICS_AHEAD ? count : STATISTICS_AHEAD;
        for (size_t i = 0; i < some; i++)
            hashes[i] = hash_bytes(stems[i].text, stems[i].length);
        statistics_prefetch(statistics, hashes, some);
        for (size_t i = 0; i < some; i++)
            add_stem(vector, statistics, language, &stems[i], hashes[i]);
        stems += some;
        count -= some;
    }
    if (vector->count > first + limit) {
        select_heaviest(vector->items + first, vector->count - first, limit);
        vector->count = first + limit;
    }
}

static void finish_group(struct feature_vector *vector, enum feature_group group)
{
    double squares = 0;
    for (size_t i = 0; i < vector->count; i++)
        if (feature_group(vector->items[i].kind) == group)
            squares += (double)vector->items[i].raw * vector->items[i].raw;
    if (squares <= 0)
        return;
    double scale = FEATURE_SCALE / sqrt(squares);
    double stored = 0;
    for (size_t i = 0; i < vector->count; i++) {
        struct feature *feature = &vector->items[i];
        if (feature_group(feature->kind) != group)
            continue;
        long weight = lround(feature->raw * scale);
        feature->weight = (uint8_t)(weight < 1 ? 1 : weight > 255 ? 255 : weight);
        stored += (double)feature->weight * feature->weight;
    }
    vector->norms[group] = (uint16_t)lround(sqrt(stored) * (double)NORM_SCALE);
}

void feature_vector_finish(struct feature_vector *vector)
{
    feature_vector_finish_limited(vector, vector->count);
}

void feature_vector_finish_limited(struct feature_vector *vector, size_t key_terms)
{
    if (vector->count > 1)
        qsort(vector->items, vector->count, sizeof *vector->items, compare_features);
    /* key terms are the last kind, heaviest first */
    size_t names = 0;
    while (names < vector->count && vector->items[names].kind != FEATURE_TERM)
        names++;
    if (vector->count > names + key_terms)
        vector->count = names + key_terms;
    for (int group = 0; group < GROUP_COUNT; group++)
        finish_group(vector, (enum feature_group)group);
}
