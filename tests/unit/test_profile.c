#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "corpus.h"
#include "profile/registry.h"
#include "query/query_names.h"
#include "text/analyse.h"

#include <stdlib.h>
#include <string.h>

/* ---- one profile ---- */

/* `text` has ' for ". */
static char *quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return copy;
}

static struct profile *profile_of(const char *text)
{
    struct profile *profile = NULL;
    struct error error = ERROR_INIT;
    char *json = quoted(text);
    if (profile_from_text(json, strlen(json), &profile, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    free(json);
    return profile;
}

static void what_is_stored(void **state)
{
    (void)state;
    struct profile *profile = profile_of(
        "{'kind':'organizations','name':' SpaceX ','url':null,'about':'Rockets.','image':'http://i',"
        "'aliases':['Space Exploration','SPACEX','space exploration ','Spx']}");
    char *expected = quoted("{'kind':'organization','name':'SpaceX','about':'Rockets.',"
                            "'aliases':['Space Exploration','Spx'],'image':'http://i'}");
    assert_string_equal(profile->text, expected);
    assert_string_equal(profile->key, "spacex");
    assert_int_equal(profile->term_count, 3);
    assert_int_equal(profile->terms[1].length, strlen("XORG:space exploration"));
    assert_memory_equal(profile->terms[1].text, "XORG:space exploration", profile->terms[1].length);
    struct profile *again = NULL;
    assert_int_equal(profile_from_text(profile->text, profile->length, &again, NULL), 0);
    assert_string_equal(again->text, expected);
    assert_int_equal(again->hash, profile->hash);
    free(expected);
    profile_release(again);
    profile_release(profile);
}

static void bad_profiles(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{'name':'A','about':'x'}", "\"kind\" is missing"},
        {"{'kind':'tag','name':'A','about':'x'}", "\"kind\" must be person"},
        {"{'kind':5,'name':'A','about':'x'}", "\"kind\" must be person"},
        {"{'kind':'person','about':'x'}", "\"name\" must be"},
        {"{'kind':'person','name':' ','about':'x'}", "\"name\" must be"},
        {"{'kind':'person','name':5,'about':'x'}", "\"name\" must be a string"},
        {"{'kind':'person','name':'A'}", "needs \"about\" or \"aliases\""},
        {"{'kind':'person','name':'A','aliases':[]}", "needs \"about\" or \"aliases\""},
        {"{'kind':'person','name':'A','about':' '}", "\"about\" must not be blank"},
        {"{'kind':'person','name':'A','about':['x']}", "\"about\" must be a string"},
        {"{'kind':'person','name':'A','aliases':'B'}", "\"aliases\" must be a list"},
        {"{'kind':'person','name':'A','aliases':['B',5]}", "number 2 is 5"},
        {"{'kind':'person','name':'A','abuot':'x'}", "did you mean \"about\"?"},
        {"['person']", "must be an object, not a list"},
        {"{'kind':", "not JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct profile *profile = NULL;
        struct error error = ERROR_INIT;
        char *json = quoted(bad[i][0]);
        assert_int_equal(profile_from_text(json, strlen(json), &profile, &error), -1);
        assert_int_equal(error.code, ERROR_BAD_REQUEST);
        if (strstr(error.message, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], error.message);
        free(json);
    }
}

/* ---- the registry ---- */

static int set_up(void **state)
{
    *state = registry_new(&(struct registry_limits){3, 1000});
    return 0;
}

static int tear_down(void **state)
{
    registry_free(*state);
    return 0;
}

/* Stages the profile of a text and gives the error's code; ERROR_NONE for success. */
static enum error_code stage(struct registry *registry, const char *text)
{
    struct error error = ERROR_INIT;
    struct profile *profile = profile_of(text);
    bool created;
    int result = registry_stage(registry, profile, &created, &error);
    profile_release(profile);
    assert_int_equal(result, error.code == ERROR_NONE ? 0 : -1);
    return error.code;
}

static enum error_code stage_removal(struct registry *registry, const char *name)
{
    struct error error = ERROR_INIT;
    struct profile *named;
    assert_int_equal(profile_named(NAME_ORGANIZATION, name, &named, &error), 0);
    registry_stage_removal(registry, named, &error);
    profile_release(named);
    return error.code;
}

/* The name of the organization that is found under `name`, "" for none. */
static void expect(struct registry *registry, const char *name, const char *expected)
{
    struct buffer term = BUFFER_INIT;
    assert_true(term_for_name(FIELD_ORGANIZATION, name, strlen(name), &term));
    struct profile *profile =
        registry_find(registry, term.data, term.length, hash_bytes(term.data, term.length));
    assert_string_equal(profile != NULL ? profile->name : "", expected);
    profile_release(profile);
    buffer_release(&term);
}

static void profiles_are_found_by_all_their_names(void **state)
{
    struct registry *registry = *state;
    assert_int_equal(stage(registry, "{'kind':'organization','name':'Acme','aliases':['A C','A.C.M.E.']}"),
                     0);
    expect(registry, "Acme", ""); /* staged only */
    assert_int_equal(registry_count(registry), 0);
    registry_publish(registry);
    expect(registry, "ACME", "Acme");
    expect(registry, "a c", "Acme");
    expect(registry, "a.c.m.e.", "Acme");
    expect(registry, "ac", "");
    assert_int_equal(registry_count(registry), 1);
    /* replaced: an alias goes, another comes */
    assert_int_equal(stage(registry, "{'kind':'organization','name':'ACME','aliases':['Ac']}"), 0);
    registry_publish(registry);
    expect(registry, "a c", "");
    expect(registry, "ac", "ACME");
    assert_int_equal(registry_count(registry), 1);
    assert_int_equal(stage_removal(registry, "acme"), 0);
    registry_publish(registry);
    expect(registry, "acme", "");
    expect(registry, "ac", "");
    assert_int_equal(registry_count(registry), 0);
}

static void what_is_discarded_never_was(void **state)
{
    struct registry *registry = *state;
    int64_t changed;
    stage(registry, "{'kind':'organization','name':'Acme','aliases':['A']}");
    registry_publish(registry);
    uint64_t version = registry_names_version(registry, &changed);
    stage_removal(registry, "Acme");
    stage(registry, "{'kind':'organization','name':'Other','aliases':['A']}");
    stage(registry, "{'kind':'organization','name':'Acme','aliases':['B']}");
    registry_discard(registry);
    expect(registry, "A", "Acme");
    expect(registry, "B", "");
    expect(registry, "Other", "");
    assert_int_equal(registry_count(registry), 1);
    assert_int_equal(registry_names_version(registry, &changed), version);
}

static void names_belong_to_one_profile(void **state)
{
    struct registry *registry = *state;
    stage(registry, "{'kind':'organization','name':'Acme','aliases':['A']}");
    /* staged ones count as well as published ones */
    for (int round = 0; round < 2; round++) {
        assert_int_equal(stage(registry, "{'kind':'organization','name':'B','aliases':['a']}"),
                         ERROR_CONFLICT);
        assert_int_equal(stage(registry, "{'kind':'organization','name':'B','aliases':['ACME']}"),
                         ERROR_CONFLICT);
        assert_int_equal(stage(registry, "{'kind':'organization','name':'A','about':'x'}"), ERROR_CONFLICT);
        assert_int_equal(stage_removal(registry, "A"), ERROR_CONFLICT);
        registry_publish(registry);
    }
    assert_int_equal(stage(registry, "{'kind':'product','name':'A','about':'x'}"), 0); /* another kind */
    /* an alias that was given up in the same group is free */
    assert_int_equal(stage(registry, "{'kind':'organization','name':'Acme','about':'x'}"), 0);
    assert_int_equal(stage(registry, "{'kind':'organization','name':'A','about':'x'}"), 0);
    registry_publish(registry);
    expect(registry, "A", "A");
}

static void room_is_bounded(void **state)
{
    struct registry *registry = *state;
    char text[1200];
    assert_int_equal(stage(registry, "{'kind':'person','name':'A','about':'x'}"), 0);
    assert_int_equal(stage(registry, "{'kind':'person','name':'B','about':'x'}"), 0);
    assert_int_equal(stage(registry, "{'kind':'person','name':'C','about':'x'}"), 0);
    assert_int_equal(stage(registry, "{'kind':'person','name':'D','about':'x'}"), ERROR_TOO_LARGE);
    registry_publish(registry);
    snprintf(text, sizeof text, "{'kind':'person','name':'A','about':'%01000d'}", 0);
    assert_int_equal(stage(registry, text), ERROR_TOO_LARGE); /* bytes */
    assert_int_equal(stage(registry, "{'kind':'person','name':'A','about':'y'}"), 0);
    registry_publish(registry);
    assert_int_equal(registry_count(registry), 3);
}

static void the_version_is_that_of_the_names(void **state)
{
    struct registry *registry = *state;
    int64_t changed;
    assert_int_equal(registry_names_version(registry, &changed), 0);
    stage(registry, "{'kind':'person','name':'A','about':'x'}");
    stage(registry, "{'kind':'person','name':'B','aliases':['C']}");
    registry_publish(registry);
    uint64_t version = registry_names_version(registry, &changed);
    assert_int_not_equal(version, 0);
    stage(registry, "{'kind':'person','name':'A','about':'another text'}");
    registry_publish(registry);
    assert_int_equal(registry_names_version(registry, &changed), version);
    stage(registry, "{'kind':'person','name':'B','aliases':['C','D']}");
    registry_publish(registry);
    assert_int_not_equal(registry_names_version(registry, &changed), version);
    /* the same profiles that came in another order have the same one */
    struct registry *other = registry_new(&(struct registry_limits){10, 10000});
    stage(other, "{'kind':'person','name':'B','aliases':['C']}");
    stage(other, "{'kind':'person','name':'A','about':'x'}");
    registry_publish(other);
    assert_int_equal(registry_names_version(other, &changed), version);
    registry_free(other);
}

static void many_names_come_and_go(void **state)
{
    (void)state;
    struct registry *registry = registry_new(&(struct registry_limits){100000, 100000000});
    char text[200];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2000; i++) {
            snprintf(text, sizeof text, "{'kind':'organization','name':'N%d','aliases':['A%d of %d']}", i, i,
                     round);
            assert_int_equal(stage(registry, text), 0);
            if (i % 7 == 0)
                registry_publish(registry);
        }
        registry_publish(registry);
        assert_int_equal(registry_count(registry), 2000);
        expect(registry, "n1999", "N1999");
        snprintf(text, sizeof text, "a77 of %d", round);
        expect(registry, text, "N77");
        expect(registry, "a77 of -1", "");
    }
    expect(registry, "a77 of 0", "");
    size_t count;
    uint64_t version;
    struct profile **all = registry_all(registry, &count, &version);
    assert_int_equal(count, 2000);
    for (size_t i = 0; i < count; i++)
        profile_release(all[i]);
    free(all);
    registry_free(registry);
}

/* ---- what an epoch makes of them ---- */

static struct epoch *epoch_of_profile(const char *text)
{
    struct statistics_builder *builder = statistics_builder_new();
    struct profile *profile = profile_of(text);
    struct epoch *epoch = NULL;
    size_t length;
    statistics_builder_add_entity(builder, profile);
    statistics_builder_add(builder, "XORG:ac", 7, 4);
    char *block = statistics_builder_finish(builder, 100, 1, &length);
    assert_int_equal(epoch_new(image_bytes_of_block(block, length), &epoch, NULL), 0);
    statistics_builder_free(builder);
    profile_release(profile);
    return epoch;
}

static void an_article_has_an_entity_once(void **state)
{
    (void)state;
    struct epoch *epoch = epoch_of_profile("{'kind':'organization','name':'Acme','aliases':['AC']}");
    struct feature_vector vector = {0};
    static const char *const terms[] = {"XORG:ac", "XORG:other", "XORG:acme"};
    for (size_t i = 0; i < 3; i++)
        feature_vector_add_name(&vector, &epoch->statistics, NAME_ORGANIZATION, terms[i], strlen(terms[i]),
                                "as written", 10);
    feature_vector_finish(&vector);
    assert_int_equal(vector.count, 2);
    assert_memory_equal(vector.items[0].term, "XORG:other", 10); /* rarer */
    assert_memory_equal(vector.items[0].display, "as written", 10);
    assert_memory_equal(vector.items[1].term, "XORG:acme", 9);
    assert_int_equal(vector.items[1].display_length, 4);
    assert_memory_equal(vector.items[1].display, "Acme", 4);
    feature_vector_release(&vector);
    epoch_release(epoch);
}

static void a_query_for_one_name_asks_for_all(void **state)
{
    (void)state;
    struct epoch *epoch =
        epoch_of_profile("{'kind':'organization','name':'Acme','aliases':['AC','A-C Inc']}");
    static const char *const queries[][2] = {
        {"rocket org:ac", "(FILTER rocket (OR XORG:acme XORG:ac XORG:a-c inc))"},
        {"org:acme -org:\"a-c inc\"", NULL},
        {"rocket person:ac acme", "(FILTER (OR rocket acm) XPER:ac)"},
        {"rocket \"acme launch\"", NULL},
    };
    for (size_t i = 0; i < 4; i++) {
        struct query *query = query_of(queries[i][0]);
        struct buffer before = BUFFER_INIT;
        struct buffer after = BUFFER_INIT;
        query_describe(query->root, &before);
        struct query_node *expanded = query_names_expand(query, query->root, &epoch->statistics);
        query_describe(expanded, &after);
        if (queries[i][1] != NULL)
            assert_string_equal(after.data, queries[i][1]);
        assert_int_equal(expanded == query->root, i >= 2);
        buffer_clear(&after);
        query_describe(query->root, &after); /* the parsed tree is as it was: the next epoch may differ */
        assert_string_equal(after.data, before.data);
        buffer_release(&before);
        buffer_release(&after);
        query_free(query);
    }
    epoch_release(epoch);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored),
        cmocka_unit_test(bad_profiles),
        TEST(profiles_are_found_by_all_their_names),
        TEST(what_is_discarded_never_was),
        TEST(names_belong_to_one_profile),
        TEST(room_is_bounded),
        TEST(the_version_is_that_of_the_names),
        cmocka_unit_test(many_names_come_and_go),
        cmocka_unit_test(an_article_has_an_entity_once),
        cmocka_unit_test(a_query_for_one_name_asks_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
