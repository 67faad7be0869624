/*
 * bare_loop.c - the least that RELATED can cost: the postings of the article's features added up row by row
 * and the ten largest sums collected, without filters, deaths, names or JSON.
 *
 *   bare_loop DATA REQUESTS [COUNT]
 *
 * Reads the sealed segments of the live generation in DATA, which storyd may be using meanwhile. REQUESTS are
 * lines RELATED {"id":…}. The lists are copied and put in the order of rows first, which is kindest to the
 * loop: storyd's own order, heaviest first, jumps about more.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "index/generation.h"
#include "lines.h"
#include "live.h"
#include "samples.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HITS 10
#define LANE_BITS 16
#define LANE_MASK 0xffffU

struct best {
    uint32_t sums[HITS]; /* largest first */
    uint32_t rows[HITS];
    size_t count;
};

struct loop {
    struct live live;
    uint32_t **postings_by_row; /* of each segment */
    uint64_t *sums;
    uint64_t postings; /* visited */
};

static bool is_any(void *context, uint32_t row)
{
    (void)context;
    (void)row;
    return true;
}

static int compare_rows(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t *order_by_row(const struct features *features)
{
    uint64_t total = features->posting_starts[features->terms.count];
    uint32_t *postings = memory_zeroed(total + 1, sizeof *postings);
    memcpy(postings, features->postings, total * sizeof *postings);
    for (uint32_t i = 0; i < features->terms.count; i++)
        qsort(postings + features->posting_starts[i],
              features->posting_starts[i + 1] - features->posting_starts[i], sizeof *postings, compare_rows);
    return postings;
}

static bool load(struct loop *loop, const char *data, struct error *error)
{
    size_t rows = 0;
    if (!live_open(&loop->live, data, error))
        return false;
    loop->postings_by_row = memory_zeroed(loop->live.count + 1, sizeof(uint32_t *));
    for (size_t i = 0; i < loop->live.count; i++) {
        const struct slice *slice = loop->live.segments[i]->slice;
        loop->postings_by_row[i] = order_by_row(&slice->features);
        rows = slice->rows->count > rows ? slice->rows->count : rows;
    }
    loop->sums = memory_zeroed(rows + 1, sizeof *loop->sums);
    return true;
}

static bool find(const struct loop *loop, const char *id, struct feature_vector *vector)
{
    size_t length = strlen(id);
    for (size_t i = loop->live.count; i-- > 0;) {
        const struct slice *slice = loop->live.segments[i]->slice;
        uint32_t row = rows_find_id(slice->rows, id, length, hash_bytes(id, length), is_any, NULL);
        if (row == ROW_NONE)
            continue;
        features_vector(&slice->features, row, vector);
        return true;
    }
    return false;
}

static void keep(struct best *best, uint32_t sum, uint32_t row)
{
    size_t at = best->count < HITS ? best->count++ : HITS - 1;
    for (; at > 0 && best->sums[at - 1] < sum; at--) {
        best->sums[at] = best->sums[at - 1];
        best->rows[at] = best->rows[at - 1];
    }
    best->sums[at] = sum;
    best->rows[at] = row;
}

static void run_segment(struct loop *loop, size_t segment, const struct feature_vector *vector,
                        struct best *best)
{
    const struct features *features = &loop->live.segments[segment]->slice->features;
    const uint32_t *postings = loop->postings_by_row[segment];
    uint64_t *sums = loop->sums;
    uint32_t numbers[512];
    size_t count = 0;
    for (size_t i = 0; i < vector->count && count < sizeof numbers / sizeof *numbers; i++) {
        const struct feature *feature = &vector->items[i];
        uint32_t number = features_find(features, feature->term, feature->length,
                                        hash_bytes(feature->term, feature->length));
        if (number == DICTIONARY_NONE)
            continue;
        numbers[count++] = number;
        uint64_t factor = (uint64_t)feature->weight << (LANE_BITS * feature_group(feature->kind));
        for (uint64_t at = features->posting_starts[number]; at < features->posting_starts[number + 1]; at++)
            sums[POSTING_ROW(postings[at])] += factor * POSTING_WEIGHT(postings[at]);
    }
    for (size_t i = 0; i < count; i++) {
        for (uint64_t at = features->posting_starts[numbers[i]];
             at < features->posting_starts[numbers[i] + 1]; at++) {
            uint32_t row = POSTING_ROW(postings[at]);
            uint64_t lanes = sums[row];
            sums[row] = 0;
            uint32_t sum = (uint32_t)(lanes & LANE_MASK) + (uint32_t)(lanes >> LANE_BITS & LANE_MASK) +
                           (uint32_t)(lanes >> (2 * LANE_BITS) & LANE_MASK);
            if (sum > 0 && (best->count < HITS || sum > best->sums[HITS - 1]))
                keep(best, sum, row);
        }
        loop->postings += features->posting_starts[numbers[i] + 1] - features->posting_starts[numbers[i]];
    }
}

static void run(struct loop *loop, const struct feature_vector *vector)
{
    struct best best = {.count = 0};
    for (size_t i = 0; i < loop->live.count; i++)
        run_segment(loop, i, vector, &best);
    /* the result counts as used */
    __asm__ volatile("" : : "r"(&best) : "memory");
}

static struct feature_vector *find_vectors(const struct loop *loop, const struct lines *lines, size_t *found)
{
    struct feature_vector *vectors = memory_zeroed(lines->count + 1, sizeof *vectors);
    *found = 0;
    for (size_t i = 0; i < lines->count; i++) {
        const char *brace = memchr(lines->items[i].text, '{', lines->items[i].length);
        if (brace == NULL)
            continue;
        size_t length = lines->items[i].length - (size_t)(brace - lines->items[i].text);
        json_t *arguments = json_loadb(brace, length, 0, NULL);
        const char *id = json_string_value(json_object_get(arguments, "id"));
        if (id != NULL && find(loop, id, &vectors[*found]))
            (*found)++;
        json_decref(arguments);
    }
    return vectors;
}

int main(int count, char **words)
{
    if (count != 3 && count != 4) {
        fputs("usage: bare_loop DATA REQUESTS [COUNT]\n", stderr);
        return 2;
    }
    struct loop loop = {0};
    struct lines lines;
    struct samples samples = {0};
    struct error error = ERROR_INIT;
    if (!load(&loop, words[1], &error)) {
        fprintf(stderr, "bare_loop: %s\n", error.message);
        return 1;
    }
    lines_load(&lines, words[2], 0);
    size_t found;
    struct feature_vector *vectors = find_vectors(&loop, &lines, &found);
    for (size_t i = 0; i < found; i++) /* once to warm up */
        run(&loop, &vectors[i]);
    loop.postings = 0;
    size_t runs = found == 0 ? 0 : count == 4 ? strtoull(words[3], NULL, 10) : found;
    for (size_t i = 0; i < runs; i++) {
        int64_t before = clock_now();
        run(&loop, &vectors[i % found]);
        samples_add(&samples, clock_now() - before);
    }
    printf("{");
    samples_print(&samples);
    printf(",\"segments\":%zu,\"sources\":%zu,\"postings\":%.0f}\n", loop.live.count, found,
           runs == 0 ? 0 : (double)loop.postings / (double)runs);
    for (size_t i = 0; i < loop.live.count; i++)
        free(loop.postings_by_row[i]);
    free(loop.postings_by_row);
    live_close(&loop.live);
    for (size_t i = 0; i < found; i++)
        feature_vector_release(&vectors[i]);
    free(vectors);
    free(loop.sums);
    lines_release(&lines);
    samples_release(&samples);
    return 0;
}
