#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_name(struct feature_vector *vector, const struct epoch *epoch, enum name_kind kind,
                     const char *term)
{
    feature_vector_add_name(vector, &epoch->statistics, kind, term, strlen(term), "", 0);
}

static struct xapian_stem stem(const char *text, uint32_t impact)
{
    return (struct xapian_stem){text, (uint32_t)strlen(text), impact};
}

static double group_length(const struct feature_vector *vector, enum feature_group group)
{
    double squares = 0;
    for (size_t i = 0; i < vector->count; i++)
        if (feature_group(vector->items[i].kind) == group)
            squares += (double)vector->items[i].weight * vector->items[i].weight;
    return sqrt(squares);
}

/* Sum of products over what both vectors have, in one group. */
static uint32_t product(const struct feature_vector *a, const struct feature_vector *b,
                        enum feature_group group)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (feature_group(a->items[i].kind) == group && a->items[i].kind == b->items[j].kind &&
                a->items[i].length == b->items[j].length &&
                memcmp(a->items[i].term, b->items[j].term, a->items[i].length) == 0)
                sum += (uint32_t)a->items[i].weight * b->items[j].weight;
    return sum;
}

static float cosine(const struct feature_vector *a, const struct feature_vector *b, enum feature_group group)
{
    return feature_cosine(product(a, b, group), a->norms[group], b->norms[group]);
}

/* Names and stems of many different weights; texts are kept by `texts`. */
static void fill_at_random(struct feature_vector *vector, const struct epoch *epoch, struct random *random,
                           char texts[400][16])
{
    static struct xapian_stem stems[300];
    feature_vector_clear(vector);
    size_t text = 0;
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++) {
        uint32_t first = random_below(random, 1000);
        for (uint32_t i = random_below(random, 20); i > 0; i--) {
            snprintf(texts[text], 16, "N%d%u", kind, first + i * 3);
            add_name(vector, epoch, (enum name_kind)kind, texts[text++]);
        }
    }
    uint32_t count = random_below(random, 300);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(texts[text], 16, "s%u", i * 5 + random_below(random, 5));
        stems[i] = stem(texts[text++], 1 + random_below(random, IMPACT_MAX));
    }
    feature_vector_add_stems(vector, &epoch->statistics, stems, count, 48);
    feature_vector_finish(vector);
}

/* Statistics that know some of the terms above. */
static struct epoch *make_epoch(void)
{
    enum { TERMS = 3000 };
    static char texts[TERMS][16];
    const char *terms[TERMS];
    uint32_t frequencies[TERMS];
    for (uint32_t i = 0; i < TERMS; i++) {
        snprintf(texts[i], sizeof texts[i], i < 1500 ? "s%u" : "N%u", i < 1500 ? i : i * 7 % 5000);
        terms[i] = texts[i];
        frequencies[i] = 2 + i * i % 97;
    }
    return epoch_of(1, 10000, terms, frequencies, TERMS);
}

/* ---- vectors ---- */

static void vectors_have_length_one(void **state)
{
    (void)state;
    struct random random = {.state = 11};
    struct epoch *epoch = make_epoch();
    struct feature_vector vector = {0};
    static char texts[400][16];
    for (int round = 0; round < 500; round++) {
        fill_at_random(&vector, epoch, &random, texts);
        for (int i = 0; i < GROUP_COUNT; i++) {
            enum feature_group group = (enum feature_group)i;
            double length = group_length(&vector, group);
            assert_true(fabs(length * (double)NORM_SCALE - vector.norms[group]) <= 0.5);
            /* related.c passes rows by that cannot reach a strength, counting on norms above 0.9 */
            assert_true(length <= 0 || fabs(length / (double)FEATURE_SCALE - 1) < 0.05);
        }
        for (size_t i = 0; i < vector.count; i++)
            assert_true(vector.items[i].weight >= 1);
    }
    feature_vector_release(&vector);
    epoch_release(epoch);
}

/* related.c adds three sums of products in one number, 16 bits each. */
static void products_stay_below_16_bits(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    static char texts[4 * ARTICLE_NAMES_MAX][16];
    for (int count = 1; count <= 4 * ARTICLE_NAMES_MAX; count++) {
        struct feature_vector vector = {0};
        for (int i = 0; i < count; i++) {
            snprintf(texts[i], 16, "N%d", i);
            add_name(&vector, epoch, (enum name_kind)(NAME_PERSON + i / ARTICLE_NAMES_MAX), texts[i]);
        }
        feature_vector_finish(&vector);
        assert_true(product(&vector, &vector, GROUP_ENTITIES) < 1U << 16);
        assert_true(group_length(&vector, GROUP_ENTITIES) > 0.95 * (double)FEATURE_SCALE);
        feature_vector_release(&vector);
    }
    epoch_release(epoch);
}

static void a_copy_has_cosine_one(void **state)
{
    (void)state;
    struct random random = {.state = 12};
    struct epoch *epoch = make_epoch();
    struct feature_vector vector = {0};
    static char texts[400][16];
    for (int round = 0; round < 500; round++) {
        fill_at_random(&vector, epoch, &random, texts);
        for (int i = 0; i < GROUP_COUNT; i++)
            if (vector.norms[i] != 0)
                assert_true(cosine(&vector, &vector, (enum feature_group)i) == 1.0F);
    }
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static void cosines_are_symmetric_and_near_the_truth(void **state)
{
    (void)state;
    struct random random = {.state = 13};
    struct epoch *epoch = make_epoch();
    struct feature_vector a = {0}, b = {0};
    static char texts_a[400][16], texts_b[400][16];
    for (int round = 0; round < 200; round++) {
        fill_at_random(&a, epoch, &random, texts_a);
        fill_at_random(&b, epoch, &random, texts_b);
        for (int i = 0; i < GROUP_COUNT; i++) {
            enum feature_group group = (enum feature_group)i;
            float found = cosine(&a, &b, group);
            assert_true(found == cosine(&b, &a, group));
            assert_true(found >= 0.0F && found <= 1.0F);
            double exact = 0, squares_a = 0, squares_b = 0;
            for (size_t j = 0; j < a.count; j++)
                if (feature_group(a.items[j].kind) == group)
                    squares_a += (double)a.items[j].raw * (double)a.items[j].raw;
            for (size_t k = 0; k < b.count; k++)
                if (feature_group(b.items[k].kind) == group)
                    squares_b += (double)b.items[k].raw * (double)b.items[k].raw;
            for (size_t j = 0; j < a.count; j++)
                for (size_t k = 0; k < b.count; k++)
                    if (feature_group(a.items[j].kind) == group && a.items[j].kind == b.items[k].kind &&
                        a.items[j].length == b.items[k].length &&
                        memcmp(a.items[j].term, b.items[k].term, a.items[j].length) == 0)
                        exact += (double)a.items[j].raw * (double)b.items[k].raw;
            if (squares_a > 0 && squares_b > 0)
                exact /= sqrt(squares_a) * sqrt(squares_b);
            assert_true(fabs((double)found - exact) < 0.01);
        }
    }
    feature_vector_release(&a);
    feature_vector_release(&b);
    epoch_release(epoch);
}

static void empty_groups_have_no_norm(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct feature_vector vector = {0};
    feature_vector_finish(&vector); /* nothing at all */
    assert_int_equal(vector.count, 0);
    add_name(&vector, epoch, NAME_PLACE, "XPLA:rome");
    feature_vector_finish(&vector);
    assert_int_equal(vector.norms[GROUP_TAGS], 0);
    assert_int_equal(vector.norms[GROUP_TERMS], 0);
    assert_int_equal(vector.norms[GROUP_ENTITIES], (int)(FEATURE_SCALE * NORM_SCALE));
    assert_int_equal(vector.items[0].weight, (int)FEATURE_SCALE);
    feature_vector_clear(&vector);
    assert_int_equal(vector.norms[GROUP_ENTITIES], 0);
    assert_true(feature_cosine(0, 0, 0) == 0.0F);
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static void a_rare_name_counts_more(void **state)
{
    (void)state;
    static const char *const terms[] = {"Kpolitics", "Kchess"};
    static const uint32_t frequencies[] = {400, 2};
    struct epoch *epoch = epoch_of(1, 1000, terms, frequencies, 2);
    struct feature_vector vector = {0};
    add_name(&vector, epoch, NAME_TAG, "Kpolitics");
    add_name(&vector, epoch, NAME_TAG, "Kchess");
    feature_vector_finish(&vector);
    assert_memory_equal(vector.items[0].term, "Kchess", 6);
    double politics = log(1 + (1000 - 400 + 0.5) / 400.5), chess = log(1 + (1000 - 2 + 0.5) / 2.5);
    double length = sqrt(politics * politics + chess * chess);
    assert_int_equal(vector.items[0].weight, lround(chess / length * (double)FEATURE_SCALE));
    assert_int_equal(vector.items[1].weight, lround(politics / length * (double)FEATURE_SCALE));
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static void items_are_in_order(void **state)
{
    (void)state;
    struct random random = {.state = 14};
    struct epoch *epoch = make_epoch();
    struct feature_vector vector = {0};
    static char texts[400][16];
    for (int round = 0; round < 200; round++) {
        fill_at_random(&vector, epoch, &random, texts);
        size_t terms = 0;
        for (size_t i = 0; i < vector.count; i++) {
            const struct feature *item = &vector.items[i];
            terms += item->kind == FEATURE_TERM;
            if (i == 0)
                continue;
            assert_true(item[-1].kind <= item->kind);
            if (item[-1].kind == item->kind) {
                assert_true(item[-1].raw >= item->raw);
                assert_true(item[-1].weight >= item->weight);
            }
        }
        assert_true(terms <= 48);
    }
    feature_vector_release(&vector);
    epoch_release(epoch);
}

/* ---- key terms ---- */

/* Which of equal stems are kept must not depend on the order they come in. */
static void key_terms_do_not_depend_on_the_order(void **state)
{
    (void)state;
    enum { STEMS = 200, LIMIT = 48 };
    struct random random = {.state = 15};
    struct epoch *epoch = make_epoch();
    static char texts[STEMS][16];
    struct xapian_stem stems[STEMS];
    for (uint32_t i = 0; i < STEMS; i++) {
        snprintf(texts[i], 16, "s%u", i);
        stems[i] = stem(texts[i], 1 + i % 5);
    }
    struct feature_vector first = {0}, vector = {0};
    feature_vector_add_stems(&first, &epoch->statistics, stems, STEMS, LIMIT);
    feature_vector_finish(&first);
    assert_int_equal(first.count, LIMIT);
    for (int round = 0; round < 50; round++) {
        for (uint32_t i = STEMS - 1; i > 0; i--) {
            uint32_t other = random_below(&random, i + 1);
            struct xapian_stem moved = stems[i];
            stems[i] = stems[other];
            stems[other] = moved;
        }
        feature_vector_clear(&vector);
        feature_vector_add_stems(&vector, &epoch->statistics, stems, STEMS, LIMIT);
        feature_vector_finish(&vector);
        assert_int_equal(vector.count, LIMIT);
        for (size_t i = 0; i < LIMIT; i++) {
            assert_ptr_equal(vector.items[i].term, first.items[i].term);
            assert_int_equal(vector.items[i].weight, first.items[i].weight);
        }
    }
    feature_vector_release(&first);
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static int compare_raw(const void *left, const void *right)
{
    const float *a = left;
    const float *b = right;
    return (*a < *b) - (*a > *b);
}

static void the_heaviest_key_terms_are_kept(void **state)
{
    (void)state;
    struct random random = {.state = 16};
    struct epoch *epoch = make_epoch();
    static char texts[300][16];
    struct xapian_stem stems[300];
    float weights[300];
    for (uint32_t limit = 0; limit < 300; limit += 7) {
        uint32_t count = 1 + random_below(&random, 300);
        for (uint32_t i = 0; i < count; i++) {
            snprintf(texts[i], 16, "s%u", i);
            stems[i] = stem(texts[i], 1 + random_below(&random, IMPACT_MAX));
            statistics_frequency(&epoch->statistics, texts[i], stems[i].length,
                                 hash_bytes(texts[i], stems[i].length), &weights[i]);
            weights[i] *= (float)stems[i].impact;
        }
        qsort(weights, count, sizeof weights[0], compare_raw);
        struct feature_vector vector = {0};
        feature_vector_add_stems(&vector, &epoch->statistics, stems, count, limit);
        feature_vector_finish(&vector);
        assert_int_equal(vector.count, limit < count ? limit : count);
        for (size_t i = 0; i < vector.count; i++)
            assert_true(vector.items[i].raw == weights[i]);
        feature_vector_release(&vector);
    }
    epoch_release(epoch);
}

static void a_limit_drops_the_lightest_terms_only(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct xapian_stem stems[] = {stem("light", 1), stem("heavy", 90), stem("middle", 30)};
    struct feature_vector vector = {0};
    add_name(&vector, epoch, NAME_TAG, "Ka");
    add_name(&vector, epoch, NAME_PERSON, "XPER:b");
    feature_vector_add_stems(&vector, &epoch->statistics, stems, 3, 10);
    feature_vector_finish_limited(&vector, 2);
    assert_int_equal(vector.count, 4);
    assert_int_equal(vector.items[0].kind, NAME_TAG);
    assert_int_equal(vector.items[1].kind, NAME_PERSON);
    assert_memory_equal(vector.items[2].term, "heavy", 5);
    assert_memory_equal(vector.items[3].term, "middle", 6);
    assert_true(fabs(group_length(&vector, GROUP_TERMS) - (double)FEATURE_SCALE) < 2);
    feature_vector_finish_limited(&vector, 0);
    assert_int_equal(vector.count, 2);
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static void common_and_one_letter_stems_are_left_out(void **state)
{
    (void)state;
    static const char *const terms[] = {"said", "merger", "edge"};
    static const uint32_t frequencies[] = {201, 3, 200};
    struct epoch *large = epoch_of(1, 10000, terms, frequencies, 3);
    struct xapian_stem stems[] = {stem("said", 100), stem("merger", 1), stem("x", 100), stem("edge", 2)};
    struct feature_vector vector = {0};
    feature_vector_add_stems(&vector, &large->statistics, stems, 4, 10);
    feature_vector_finish(&vector);
    assert_int_equal(vector.count, 2);
    assert_memory_equal(vector.items[0].term, "merger", 6);
    assert_memory_equal(vector.items[1].term, "edge", 4);
    feature_vector_release(&vector);
    /* in a small collection nothing is common */
    static const uint32_t few[] = {100, 3, 101};
    struct epoch *small = epoch_of(1, 120, terms, few, 3);
    feature_vector_add_stems(&vector, &small->statistics, stems, 4, 10);
    feature_vector_finish(&vector);
    assert_int_equal(vector.count, 2);
    assert_memory_equal(vector.items[0].term, "said", 4);
    feature_vector_release(&vector);
    epoch_release(large);
    epoch_release(small);
}

/* ---- the image ---- */

#define ROWS 300

struct kept {
    struct feature_vector vectors[ROWS];
    char texts[ROWS][400][16];
};

/* Some order of dates that is not that of the rows; every seventh row has none. */
static uint32_t make_order(uint32_t *by_date)
{
    uint32_t dated = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t row = i * 121 % ROWS; /* 121 and 300 have no common factor */
        if (row % 7 != 0)
            by_date[dated++] = row;
    }
    return dated;
}

static char *make_image(struct kept *kept, struct epoch *epoch, size_t *length)
{
    struct random random = {.state = 17};
    struct features_builder *builder = features_builder_new(&(const struct statistics){.epoch = 9});
    for (uint32_t row = 0; row < ROWS; row++) {
        if (random_below(&random, 10) != 0)
            fill_at_random(&kept->vectors[row], epoch, &random, kept->texts[row]);
        features_builder_add(builder, &kept->vectors[row], row * 3);
    }
    uint32_t by_date[ROWS];
    uint32_t dated = make_order(by_date);
    char *data = features_builder_finish(builder, by_date, dated, length);
    features_builder_free(builder);
    return data;
}

static const struct feature *item_of(const struct feature_vector *vector, const char *term, size_t length)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i].length == length && memcmp(vector->items[i].term, term, length) == 0)
            return &vector->items[i];
    return NULL;
}

static void check_vector(const struct features *features, uint32_t row, const struct feature_vector *expected)
{
    struct feature_vector found = {0};
    features_vector(features, row, &found);
    assert_int_equal(found.count, expected->count);
    for (size_t i = 0; i < found.count; i++) {
        assert_int_equal(found.items[i].kind, expected->items[i].kind);
        assert_int_equal(found.items[i].weight, expected->items[i].weight);
        assert_int_equal(found.items[i].length, expected->items[i].length);
        assert_memory_equal(found.items[i].term, expected->items[i].term, found.items[i].length);
    }
    assert_memory_equal(found.norms, expected->norms, sizeof found.norms);
    assert_memory_equal(features_row(features, row).norms, expected->norms, sizeof found.norms);
    assert_int_equal(features_original(features, row), row * 3);
    feature_vector_release(&found);
}

/* Every posting list against the slow way: asking each row. */
static void check_list(const struct features *features, uint32_t number, const struct kept *kept)
{
    size_t length;
    const char *term = dictionary_term(&features->terms, number, &length);
    assert_int_equal(features_find(features, term, length, hash_bytes(term, length)), number);
    uint64_t start = features->posting_starts[number];
    uint64_t end = features->posting_starts[number + 1];
    uint64_t found = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        const struct feature *item = item_of(&kept->vectors[row], term, length);
        if (number % 16 == 0)
            assert_int_equal(features_row_has(features, row, number), item != NULL);
        if (item == NULL)
            continue;
        uint64_t at = start;
        while (at < end && POSTING_ROW(features->postings[at]) != row)
            at++;
        assert_true(at < end);
        assert_int_equal(POSTING_WEIGHT(features->postings[at]), item->weight);
        assert_int_equal(features->kinds[number], item->kind);
        found++;
    }
    assert_int_equal(found, end - start);
    for (uint64_t at = start + 1; at < end; at++) { /* heaviest first, equal ones by row */
        uint32_t before = features->postings[at - 1];
        uint32_t here = features->postings[at];
        assert_true(
            POSTING_WEIGHT(before) > POSTING_WEIGHT(here) ||
            (POSTING_WEIGHT(before) == POSTING_WEIGHT(here) && POSTING_ROW(before) < POSTING_ROW(here)));
    }
}

static void postings_are_the_vectors_turned_round(void **state)
{
    (void)state;
    struct epoch *epoch = make_epoch();
    struct kept *kept = memory_zeroed(1, sizeof *kept);
    size_t length;
    char *data = make_image(kept, epoch, &length);
    struct features features;
    assert_int_equal(features_open(data, length, &features, NULL), 0);
    assert_int_equal(features.row_count, ROWS);
    assert_int_equal(features.epoch, 9);
    for (uint32_t row = 0; row < ROWS; row++)
        check_vector(&features, row, &kept->vectors[row]);
    assert_true(features.terms.count > 500);
    for (uint32_t number = 0; number < features.terms.count; number++)
        check_list(&features, number, kept);
    assert_int_equal(features_find(&features, "nobody", 6, hash_bytes("nobody", 6)), DICTIONARY_NONE);
    for (uint32_t row = 0; row < ROWS; row++)
        feature_vector_release(&kept->vectors[row]);
    free(kept);
    free(data);
    epoch_release(epoch);
}

static void the_timeline_is_the_names_in_the_order_of_dates(void **state)
{
    (void)state;
    struct epoch *epoch = make_epoch();
    struct kept *kept = memory_zeroed(1, sizeof *kept);
    size_t length;
    char *data = make_image(kept, epoch, &length);
    struct features features;
    uint32_t by_date[ROWS];
    assert_int_equal(features_open(data, length, &features, NULL), 0);
    const struct timeline *timeline = &features.timeline;
    assert_int_equal(timeline->positions, make_order(by_date));
    for (uint32_t position = 0; position < timeline->positions; position++) {
        struct features_row row = features_row(&features, by_date[position]);
        const uint32_t *names = timeline->rare_names + timeline->rare_starts[position];
        const uint32_t *before = timeline->rare_before + timeline->rare_starts[position];
        const uint32_t *earlier = timeline->rare_earlier + timeline->rare_starts[position];
        assert_int_equal(timeline->rare_starts[position + 1] - timeline->rare_starts[position], row.names);
        assert_memory_equal(names, row.numbers, row.names * sizeof *names);
        for (uint32_t i = 0; i < row.names; i++) { /* each in its list, with its weight, found by position */
            uint32_t at = timeline_find(timeline, names[i], position);
            assert_true(at < timeline->list_starts[names[i] + 1]);
            assert_int_equal(timeline->lists[at], position << 8 | row.weights[i]);
            assert_int_equal(before[i], at < timeline->list_starts[names[i]] + 2
                                            ? 0
                                            : TIMELINE_POSITION(timeline->lists[at - 2]) + 1);
            assert_true(before[i] <= position);
            assert_int_equal(earlier[i], at < timeline->list_starts[names[i]] + 3
                                             ? 0
                                             : TIMELINE_POSITION(timeline->lists[at - 3]) + 1);
            assert_int_equal(timeline_find(timeline, names[i], position + 1), at + 1);
        }
    }
    uint32_t names = timeline->rare_starts[timeline->positions];
    assert_true(names > 100);
    assert_int_equal(timeline->list_starts[features.terms.count], names); /* so the lists hold nothing else */
    for (uint32_t row = 0; row < ROWS; row++)
        feature_vector_release(&kept->vectors[row]);
    free(kept);
    free(data);
    epoch_release(epoch);
}

static void names_are_displayed_as_first_written(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct features_builder *builder = features_builder_new(&epoch->statistics);
    static const char *const displays[] = {"Spotify", "SPOTIFY"};
    struct feature_vector vector = {0};
    for (size_t i = 0; i < 2; i++) {
        feature_vector_clear(&vector);
        feature_vector_add_name(&vector, &epoch->statistics, NAME_ORGANIZATION, "XORG:spotify", 12,
                                displays[i], 7);
        feature_vector_finish(&vector);
        features_builder_add(builder, &vector, 0);
    }
    size_t length;
    char *data = features_builder_finish(builder, NULL, 0, &length);
    features_builder_free(builder);
    struct features features;
    assert_int_equal(features_open(data, length, &features, NULL), 0);
    assert_int_equal(features.terms.count, 1);
    features_vector(&features, 1, &vector);
    assert_int_equal(vector.items[0].display_length, 7);
    assert_memory_equal(vector.items[0].display, "Spotify", 7);
    feature_vector_release(&vector);
    free(data);
    epoch_release(epoch);
}

static void an_image_without_rows_opens(void **state)
{
    (void)state;
    struct features_builder *builder = features_builder_new(&(const struct statistics){.epoch = 3});
    size_t length;
    char *data = features_builder_finish(builder, NULL, 0, &length);
    features_builder_free(builder);
    struct features features;
    assert_int_equal(features_open(data, length, &features, NULL), 0);
    assert_int_equal(features.row_count, 0);
    assert_int_equal(features_find(&features, "a", 1, hash_bytes("a", 1)), DICTIONARY_NONE);
    free(data);
}

#define SECTIONS (7 + TIMELINE_SECTIONS + DICTIONARY_SECTIONS)

/* The length stands behind the place in the table behind the header. */
static void empty_section(char *image, size_t section)
{
    memset(image + 16 + section * 16 + 8, 0, 8);
}

static bool is_empty_section(const char *image, size_t section)
{
    uint64_t length;
    memcpy(&length, image + 16 + section * 16 + 8, sizeof length);
    return length == 0;
}

static void running_counts_are_those_of_the_blocks(void **state)
{
    (void)state;
    struct random random = {.state = 19, .small_towns = true};
    struct epoch *epoch = epoch_of_corpus(1, random, 4000);
    struct slice *slice = slice_at_random(&random, epoch, 1, 1, 3000);
    const struct timeline *timeline = &slice->features.timeline;
    size_t features = slice->features.terms.count;
    uint32_t *counts = memory_zeroed(features, sizeof *counts);
    uint32_t *last = memory_zeroed(features, sizeof *last); /* 1 + the position with the name */
    uint32_t *last_but_one = memory_zeroed(features, sizeof *last_but_one);
    uint32_t *last_but_two = memory_zeroed(features, sizeof *last_but_two);
    bool *is_common = memory_zeroed(features, sizeof *is_common);
    assert_true(timeline->common_count > 20);
    assert_int_equal(timeline->blocks, timeline->positions / TIMELINE_BLOCK);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < timeline->common_count; i++) {
        missing += timeline->common[i] == TIMELINE_NONE;
        if (timeline->common[i] != TIMELINE_NONE)
            is_common[timeline->common[i]] = true;
    }
    assert_true(missing < 10);
    for (uint32_t feature = 0; feature < features; feature++) {
        size_t term_length;
        const char *term = dictionary_term(&slice->features.terms, feature, &term_length);
        uint32_t place =
            dictionary_find(&epoch->statistics.common, term, term_length, hash_bytes(term, term_length));
        if (timeline->list_starts[feature + 1] != timeline->list_starts[feature]) {
            assert_int_equal(is_common[feature], place != DICTIONARY_NONE);
            assert_true(place == DICTIONARY_NONE || timeline->common[place] == feature);
        }
    }
    for (uint32_t position = 0;; position++) {
        if (position % TIMELINE_BLOCK == 0) {
            const uint32_t *running = timeline_running(timeline, position / TIMELINE_BLOCK);
            for (uint32_t i = 0; i < timeline->common_count; i++)
                assert_int_equal(running[i],
                                 timeline->common[i] == TIMELINE_NONE ? 0 : counts[timeline->common[i]]);
            if (position / TIMELINE_BLOCK == timeline->blocks)
                break;
        }
        for (uint32_t i = timeline->common_starts[position]; i < timeline->common_starts[position + 1]; i++)
            counts[timeline->common[timeline->common_names[i]]]++;
        for (uint32_t i = timeline->rare_starts[position]; i < timeline->rare_starts[position + 1]; i++) {
            uint32_t name = timeline->rare_names[i];
            size_t term_length;
            const char *term = dictionary_term(&slice->features.terms, name, &term_length);
            assert_false(is_common[name]);
            assert_int_equal(timeline->rare_marks[i], hash_bytes(term, term_length) & 0xffff);
            assert_int_equal(timeline->rare_before[i], last_but_one[name]);
            assert_int_equal(timeline->rare_earlier[i], last_but_two[name]);
            last_but_two[name] = last_but_one[name];
            last_but_one[name] = last[name];
            last[name] = position + 1;
        }
        assert_int_equal(timeline->common_starts[position + 1] - timeline->common_starts[position] +
                             timeline->rare_starts[position + 1] - timeline->rare_starts[position],
                         features_row(&slice->features, slice->rows->by_date[position]).names);
    }
    assert_true(timeline->rare_starts[timeline->positions] > 100);
    free(counts);
    free(last);
    free(last_but_one);
    free(last_but_two);
    free(is_common);
    slice_release(slice);
    epoch_release(epoch);
}

static void damaged_running_counts_are_refused(void **state)
{
    (void)state;
    struct random random = {.state = 20, .small_towns = true};
    struct epoch *epoch = epoch_of_corpus(1, random, 4000);
    struct slice *slice = slice_at_random(&random, epoch, 1, 1, 3000);
    for (size_t section = 7; section < 7 + TIMELINE_SECTIONS; section++) {
        struct features features;
        char *copy = memory_copy_bytes(slice->feature_bytes.data, slice->feature_bytes.length);
        assert_false(is_empty_section(copy, section));
        empty_section(copy, section);
        assert_int_equal(features_open(copy, slice->feature_bytes.length, &features, NULL), -1);
        free(copy);
    }
    slice_release(slice);
    epoch_release(epoch);
}

static void places_outside_the_features_are_refused(void **state)
{
    (void)state;
    struct random random = {.state = 21};
    struct epoch *epoch = epoch_of_corpus(1, random, 100);
    struct slice *slice = slice_at_random(&random, epoch, 1, 1, 20);
    const struct features *features = &slice->features;
    size_t length = slice->feature_bytes.length;
    char *copy = memory_copy_bytes(slice->feature_bytes.data, length);
    uint32_t *common =
        (uint32_t *)(void *)(copy + ((const char *)features->timeline.common - features->image.data));
    struct features damaged;
    assert_true(features->timeline.common_count > 5 && features->timeline.blocks == 0);
    assert_int_equal(features_open(copy, length, &damaged, NULL), 0);
    common[2] = features->terms.count;
    assert_int_equal(features_open(copy, length, &damaged, NULL), -1);
    common[2] = TIMELINE_NONE;
    assert_int_equal(features_open(copy, length, &damaged, NULL), 0);
    free(copy);
    slice_release(slice);
    epoch_release(epoch);
}

static void damaged_images_are_refused(void **state)
{
    (void)state;
    struct random random = {.state = 18};
    struct epoch *epoch = epoch_of(1, 0, NULL, NULL, 0);
    struct slice *slice = slice_at_random(&random, epoch, 1, 1, 3);
    const char *data = slice->feature_bytes.data;
    size_t length = slice->feature_bytes.length;
    struct features features;
    struct error error = ERROR_INIT;
    for (size_t section = 0; section < SECTIONS; section++) {
        char *copy = memory_copy_bytes(data, length);
        if (is_empty_section(copy, section)) { /* the running counts of so few articles */
            free(copy);
            continue;
        }
        empty_section(copy, section);
        assert_int_equal(features_open(copy, length, &features, &error), -1);
        assert_int_equal(error.code, ERROR_UNAVAILABLE);
        free(copy);
    }
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = memory_copy_bytes(data, cut);
        assert_true(features_open(copy, cut, &features, NULL) != 0 || cut + 8 > length);
        free(copy);
    }
    slice_release(slice);
    epoch_release(epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_have_length_one),
        cmocka_unit_test(products_stay_below_16_bits),
        cmocka_unit_test(a_copy_has_cosine_one),
        cmocka_unit_test(cosines_are_symmetric_and_near_the_truth),
        cmocka_unit_test(empty_groups_have_no_norm),
        cmocka_unit_test(a_rare_name_counts_more),
        cmocka_unit_test(items_are_in_order),
        cmocka_unit_test(key_terms_do_not_depend_on_the_order),
        cmocka_unit_test(the_heaviest_key_terms_are_kept),
        cmocka_unit_test(a_limit_drops_the_lightest_terms_only),
        cmocka_unit_test(common_and_one_letter_stems_are_left_out),
        cmocka_unit_test(postings_are_the_vectors_turned_round),
        cmocka_unit_test(the_timeline_is_the_names_in_the_order_of_dates),
        cmocka_unit_test(names_are_displayed_as_first_written),
        cmocka_unit_test(an_image_without_rows_opens),
        cmocka_unit_test(running_counts_are_those_of_the_blocks),
        cmocka_unit_test(damaged_running_counts_are_refused),
        cmocka_unit_test(places_outside_the_features_are_refused),
        cmocka_unit_test(damaged_images_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
