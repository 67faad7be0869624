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

static uint32_t look_up(const struct epoch *epoch, const char *term, float *idf)
{
    size_t length = strlen(term);
    return statistics_frequency(&epoch->statistics, term, length, hash_bytes(term, length), idf);
}

static void check_idf(float idf, double documents, double frequency)
{
    double expected = log(1 + (documents - frequency + 0.5) / (frequency + 0.5));
    assert_true(fabs((double)idf - expected) < 1e-5 * (1 + expected));
}

static void frequencies_come_back(void **state)
{
    (void)state;
    static const char *const terms[] = {"rare", "common", "Kai", "pair"};
    static const uint32_t frequencies[] = {1, 900, 30, 2};
    struct epoch *epoch = epoch_of(7, 1000, terms, frequencies, 4);
    assert_int_equal(epoch->statistics.epoch, 7);
    assert_true(epoch->statistics.documents == 1000);
    float idf;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(look_up(epoch, terms[i], &idf), frequencies[i]);
        check_idf(idf, 1000, frequencies[i]);
    }
    epoch_release(epoch);
}

/* One segment says 2, the next 3: five documents have it. Terms of one document need no entry. */
static void frequencies_of_several_databases_add_up(void **state)
{
    (void)state;
    static const char *const terms[] = {"a", "b", "once", "a", "b", "a"};
    static const uint32_t frequencies[] = {2, 1, 1, 3, 1, 10};
    struct epoch *epoch = epoch_of(1, 20, terms, frequencies, 6);
    float idf;
    assert_int_equal(look_up(epoch, "a", &idf), 15);
    check_idf(idf, 20, 15);
    assert_int_equal(look_up(epoch, "b", &idf), 2);
    assert_int_equal(look_up(epoch, "once", &idf), 1);
    check_idf(idf, 20, 1);
    assert_int_equal(epoch->statistics.terms.count, 2);
    epoch_release(epoch);
}

static void an_unknown_term_is_in_one_document(void **state)
{
    (void)state;
    static const char *const terms[] = {"known"};
    static const uint32_t frequencies[] = {5};
    struct epoch *epoch = epoch_of(1, 1000000, terms, frequencies, 1);
    float idf;
    assert_int_equal(look_up(epoch, "unknown", &idf), 1);
    check_idf(idf, 1000000, 1);
    epoch_release(epoch);
}

/* Without articles, or with a term in more documents than there are, no weight is 0, negative or infinite. */
static void idf_is_always_positive(void **state)
{
    (void)state;
    static const char *const terms[] = {"everywhere", "impossible"};
    static const uint32_t frequencies[] = {50, 4000000000U};
    struct epoch *epoch = epoch_of(1, 50, terms, frequencies, 2);
    struct epoch *empty = epoch_of(1, 0, NULL, NULL, 0);
    float idf;
    look_up(epoch, "everywhere", &idf);
    assert_true(idf > 0 && idf < 0.1F);
    look_up(epoch, "impossible", &idf);
    assert_true(idf > 0 && isfinite(idf));
    assert_int_equal(look_up(empty, "any", &idf), 1);
    assert_true(idf > 0 && isfinite(idf));
    epoch_release(epoch);
    epoch_release(empty);
}

static void rarer_terms_weigh_more(void **state)
{
    (void)state;
    enum { TERMS = 2000 };
    char names[TERMS][16];
    const char *terms[TERMS];
    uint32_t frequencies[TERMS];
    for (uint32_t i = 0; i < TERMS; i++) {
        snprintf(names[i], sizeof names[i], "term%u", i);
        terms[i] = names[i];
        frequencies[i] = i + 1;
    }
    struct epoch *epoch = epoch_of(1, TERMS, terms, frequencies, TERMS);
    float before = INFINITY;
    for (size_t i = 0; i < TERMS; i++) {
        float idf;
        assert_int_equal(look_up(epoch, terms[i], &idf), frequencies[i]);
        assert_true(idf < before);
        before = idf;
    }
    epoch_release(epoch);
}

static bool is_common(const struct epoch *epoch, const char *term)
{
    size_t length = strlen(term);
    return dictionary_find(&epoch->statistics.common, term, length, hash_bytes(term, length)) !=
           DICTIONARY_NONE;
}

/* In eight documents and in one of 2048; words are no names, whatever they begin with. */
static void frequent_names_are_common(void **state)
{
    (void)state;
    static const char *const terms[] = {"Kseven", "Keight", "XORG:eight", "XPERSON:seven", "eight", "K"};
    static const uint32_t frequencies[] = {7, 8, 8, 7, 8, 8};
    struct epoch *epoch = epoch_of(1, 2048 * 8, terms, frequencies, 6);
    struct epoch *larger = epoch_of(1, 2048 * 8 + 1, terms, frequencies, 6);
    assert_int_equal(epoch->statistics.common.count, 2);
    assert_true(is_common(epoch, "Keight") && is_common(epoch, "XORG:eight"));
    assert_int_equal(larger->statistics.common.count, 0);
    epoch_release(epoch);
    epoch_release(larger);
}

static struct profile *add_entity(struct statistics_builder *builder, const char *name, const char *alias,
                                  const char *other)
{
    struct profile *profile;
    assert_int_equal(profile_from_json(json_pack("{s:s,s:s,s:[s,s]}", "kind", "organization", "name", name,
                                                 "aliases", alias, other),
                                       &profile, NULL),
                     0);
    statistics_builder_add_entity(builder, profile);
    return profile;
}

static const char *entity_of(const struct statistics *statistics, const char *term,
                             struct entity_name *entity)
{
    if (!statistics_entity(statistics, term, strlen(term), hash_bytes(term, strlen(term)), entity))
        return "";
    return entity->display;
}

static void names_of_an_entity_count_together(void **state)
{
    (void)state;
    struct statistics_builder *builder = statistics_builder_new();
    profile_release(add_entity(builder, "Acme", "A C", "Acme Inc"));
    profile_release(add_entity(builder, "Other", "Any", "Else"));
    statistics_builder_set_names_version(builder, 77);
    static const char *const terms[] = {"XORG:a c",  "XORG:acme", "XORG:acme inc",
                                        "XORG:else", "XORG:free", "XPER:a c"};
    for (uint32_t i = 0; i < 6; i++)
        statistics_builder_add(builder, terms[i], strlen(terms[i]), i + 2);
    size_t length;
    char *block = statistics_builder_finish(builder, 100, 1, &length);
    statistics_builder_free(builder);
    struct epoch *epoch;
    assert_int_equal(epoch_new(image_bytes_of_block(block, length), &epoch, NULL), 0);
    float idf;
    assert_int_equal(look_up(epoch, "XORG:acme", &idf), 2 + 3 + 4);
    assert_int_equal(look_up(epoch, "XORG:other", &idf), 5);
    assert_int_equal(look_up(epoch, "XORG:free", &idf), 6);
    assert_int_equal(look_up(epoch, "XPER:a c", &idf), 7);
    struct entity_name entity;
    const struct statistics *statistics = &epoch->statistics;
    assert_int_equal(statistics->names_version, 77);
    assert_memory_equal(entity_of(statistics, "XORG:a c", &entity), "Acme", 4);
    assert_int_equal(entity.display_length, 4);
    assert_memory_equal(entity.term, "XORG:acme", entity.length);
    assert_memory_equal(entity_of(statistics, "XORG:other", &entity), "Other", 5);
    assert_string_equal(entity_of(statistics, "XORG:free", &entity), "");
    assert_string_equal(entity_of(statistics, "XPER:a c", &entity), "");
    epoch_release(epoch);
}

static void damaged_statistics_are_refused(void **state)
{
    (void)state;
    struct statistics_builder *builder = statistics_builder_new();
    statistics_builder_add(builder, "a", 1, 2);
    statistics_builder_add(builder, "b", 1, 3);
    size_t length;
    char *data = statistics_builder_finish(builder, 10, 1, &length);
    statistics_builder_free(builder);
    struct statistics statistics;
    struct error error = ERROR_INIT;
    assert_int_equal(statistics_open(data, length, &statistics, &error), 0);
    for (size_t section = 0; section < 3 + DICTIONARY_SECTIONS; section++) {
        if (section == 7)
            continue; /* nothing is displayed: empty anyway */
        char *copy = memory_copy_bytes(data, length);
        memset(copy + 16 + section * 16 + 8, 0, 8);
        assert_int_equal(statistics_open(copy, length, &statistics, &error), -1);
        assert_int_equal(error.code, ERROR_UNAVAILABLE);
        free(copy);
    }
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = memory_copy_bytes(data, cut);
        assert_true(statistics_open(copy, cut, &statistics, NULL) != 0 || cut + 8 > length);
        free(copy);
    }
    struct epoch *epoch = NULL;
    data[0] ^= 1;
    assert_int_equal(epoch_new(image_bytes_of_block(data, length), &epoch, &error), -1); /* frees the block */
    assert_null(epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_come_back),
        cmocka_unit_test(frequencies_of_several_databases_add_up),
        cmocka_unit_test(an_unknown_term_is_in_one_document),
        cmocka_unit_test(idf_is_always_positive),
        cmocka_unit_test(rarer_terms_weigh_more),
        cmocka_unit_test(frequent_names_are_common),
        cmocka_unit_test(names_of_an_entity_count_together),
        cmocka_unit_test(damaged_statistics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
