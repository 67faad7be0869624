#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/date.h"
#include "base/memory.h"
#include "corpus.h"
#include "query/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_of(const char *text)
{
    char *copy = memory_copy_string(text);
    for (char *at = copy; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    json_t *json = json_loads(copy, 0, NULL);
    if (json == NULL)
        fail_msg("no JSON: %s", text);
    free(copy);
    return json;
}

static struct filter *filter_of(const char *text)
{
    json_t *json = json_of(text);
    struct filter *filter = NULL;
    struct error error = ERROR_INIT;
    if (filter_parse(json, &filter, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    json_decref(json);
    return filter;
}

/* ---- parsing ---- */

static void check_refused(const char *text, const char *why)
{
    json_t *json = json_of(text);
    struct filter *filter = NULL;
    struct error error = ERROR_INIT;
    assert_int_equal(filter_parse(json, &filter, &error), -1);
    assert_null(filter);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    if (strstr(error.message, why) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.message, why);
    json_decref(json);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    check_refused("{'tag':'ai'}", "\"filter.tag\", did you mean \"tags\"?");
    check_refused("{'categroy':'Tech'}", "did you mean \"category\"?");
    check_refused("{'sentiment':'glad'}", "positive, neutral or negative, not \"glad\"");
    check_refused("{'sentiment':{'none':['unpositive']}}", "positive, neutral or negative");
    check_refused("{'colour':'red'}", "\"filter.colour\"; known are");
    check_refused("{'author':'Ann'}", "unknown key \"filter.author\"");
    check_refused("{'title':'x'}", "unknown key \"filter.title\"");
    check_refused("{'tags':5}", "\"filter.tags\" takes a name");
    check_refused("{'tags':['a',5]}", "\"filter.tags\" takes a name");
    check_refused("{'tags':['a',null]}", "\"filter.tags\"");
    check_refused("{'tags':true}", "\"filter.tags\"");
    check_refused("{'people':''}", "\"filter.people\"");
    check_refused("{'people':['  ']}", "\"filter.people\"");
    check_refused("{'places':{'any':'a','some':'b'}}", "\"filter.places\" knows");
    check_refused("{'places':{'any':{'any':'b'}}}", "\"filter.places\"");
    check_refused("{'published':'2025'}", "\"filter.published\" takes");
    check_refused("{'published':{'from':'yesterday'}}", "\"filter.published.from\" must be a date");
    check_refused("{'published':{'to':20250911}}", "\"filter.published.to\" must be a date");
    check_refused("{'published':{'until':'2025-01-01'}}", "not \"until\"");
    check_refused("{'tags':'fine','published':{'to':'2025-02-30'}}", "\"filter.published.to\"");
}

static void too_many_values_are_refused(void **state)
{
    (void)state;
    for (size_t count = 200; count <= 201; count++) {
        struct buffer text = BUFFER_INIT;
        buffer_append_string(&text, "{'products':{'none':[");
        for (size_t i = 0; i < count; i++)
            buffer_printf(&text, "%s'p%zu'", i > 0 ? "," : "", i);
        buffer_append_string(&text, "]}}");
        if (count == 201)
            check_refused(text.data, "\"filter.products\" has 201 values, at most 200");
        else
            filter_free(filter_of(text.data));
        buffer_release(&text);
    }
}

static void nothing_and_null_let_all_pass(void **state)
{
    (void)state;
    struct filter *filter = NULL;
    assert_int_equal(filter_parse(NULL, &filter, NULL), 0);
    assert_int_equal(filter->clause_count, 0);
    assert_false(filter_has_dates(filter));
    assert_true(filter_accepts_date(filter, DATE_NONE));
    filter_free(filter);
    filter = filter_of("{'tags':null,'published':null}");
    assert_int_equal(filter->clause_count, 0);
    filter_free(filter);
    filter = filter_of("{'published':{}}");
    assert_false(filter_has_dates(filter));
    filter_free(filter);
}

static int64_t second(const char *text)
{
    int64_t seconds;
    assert_true(date_parse(text, strlen(text), &seconds, NULL));
    return seconds;
}

static void dates_include_both_ends(void **state)
{
    (void)state;
    struct filter *filter = filter_of("{'published':{'from':'2025-07-01','to':'2025-09'}}");
    assert_true(filter_has_dates(filter));
    assert_false(filter_accepts_date(filter, second("2025-06-30T23:59:59Z")));
    assert_true(filter_accepts_date(filter, second("2025-07-01T00:00:00Z")));
    assert_true(filter_accepts_date(filter, second("2025-09-30T23:59:59Z")));
    assert_false(filter_accepts_date(filter, second("2025-10-01T00:00:00Z")));
    assert_false(filter_accepts_date(filter, DATE_NONE));
    filter_add_dates(filter, DATE_NONE, second("2025-08-01"));            /* narrower */
    filter_add_dates(filter, second("2024-01-01"), second("2026-01-01")); /* wider: no effect */
    filter_add_dates(filter, DATE_NONE, DATE_NONE);
    assert_true(filter_accepts_date(filter, second("2025-08-01T00:00:00Z")));
    assert_false(filter_accepts_date(filter, second("2025-08-01T00:00:01Z")));
    assert_false(filter_accepts_date(filter, second("2025-06-30T00:00:00Z")));
    filter_free(filter);
    filter = filter_of("{'published':{'from':'2025'}}");
    assert_true(filter_accepts_date(filter, second("9999-12-31")));
    assert_false(filter_accepts_date(filter, DATE_NONE));
    filter_free(filter);
}

/* ---- row by row ---- */

#define ROWS 400

/* Articles at random in two databases, with their slices. */
struct fixture {
    char *directory;
    struct epoch *epoch;
    struct segment *segments[2];
    struct xapian_source sources[2];
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    struct random random = {.state = 51};
    fixture->directory = directory_new();
    fixture->epoch = epoch_of(1, 0, NULL, NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        char name[16];
        struct pile pile;
        snprintf(name, sizeof name, "%u.writing", i);
        char *path = file_join(fixture->directory, name);
        pile_begin(&pile, fixture->epoch, path);
        pile_add_random(&pile, &random, 1 + i * 1000, 2, ROWS / 2, 100000);
        free(path);
        name[1] = '\0';
        struct segment *segment = pile_finish_segment(&pile, fixture->directory, name);
        fixture->segments[i] = segment;
        fixture->sources[i] =
            (struct xapian_source){segment->place->key, 0, segment->place->xapian_path, segment->documents};
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_release(fixture->segments[0]);
    segment_release(fixture->segments[1]);
    epoch_release(fixture->epoch);
    directory_drop(fixture->directory);
    free(fixture);
    return 0;
}

static size_t accepted(const struct fixture *fixture, const struct filter *filter, uint32_t docids[ROWS])
{
    struct resolved_filter resolved = {0};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct slice *slice = fixture->segments[i]->slice;
        filter_resolve(filter, slice, &fixture->epoch->statistics, &resolved);
        for (uint32_t row = 0; row < slice->rows->count; row++)
            if (filter_accepts(&resolved, row))
                docids[count++] = slice->rows->docids[row];
    }
    resolved_filter_release(&resolved);
    return count;
}

/* The columns and Xapian must say the same of every article. */
static size_t check_same(const struct fixture *fixture, const struct filter *filter)
{
    static uint32_t expected[ROWS];
    size_t expected_count = accepted(fixture, filter, expected);
    struct query *query = query_of("");
    size_t count;
    uint32_t *docids = docids_matching(fixture->sources, 2, filter_query(filter, query, query->root), &count);
    assert_int_equal(count, expected_count);
    assert_memory_equal(docids, expected, count * sizeof *docids);
    free(docids);
    query_free(query);
    return count;
}

static size_t check_text(const struct fixture *fixture, const char *text)
{
    struct filter *filter = filter_of(text);
    size_t count = check_same(fixture, filter);
    filter_free(filter);
    return count;
}

static void each_kind_filters(void **state)
{
    static const char *const texts[] = {
        "{'category':'Category 1'}",  "{'tags':'Tag 3'}",         "{'people':'Person 4'}",
        "{'organizations':'Firm 2'}", "{'products':'Thing 1'}",   "{'places':'Town 5'}",
        "{'language':'de'}",          "{'source':'Source 2'}",    "{'sentiment':'positive'}",
        "{'sentiment':'neutral'}",    "{'sentiment':'negative'}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t count = check_text(*state, texts[i]);
        if (count == 0 || count == ROWS)
            fail_msg("%s: %zu", texts[i], count);
    }
    assert_int_equal(check_text(*state, "{}"), ROWS);
    assert_int_equal(check_text(*state, "{'tags':'TAG 3'}"), check_text(*state, "{'tags':'tag 3'}"));
}

static void any_all_and_none_differ(void **state)
{
    const struct fixture *fixture = *state;
    size_t any = check_text(fixture, "{'tags':['Tag 1','Tag 2']}");
    size_t all = check_text(fixture, "{'tags':{'all':['Tag 1','Tag 2']}}");
    size_t none = check_text(fixture, "{'tags':{'none':['Tag 1','Tag 2']}}");
    size_t one = check_text(fixture, "{'tags':'Tag 1'}"), two = check_text(fixture, "{'tags':'Tag 2'}");
    assert_int_equal(any, check_text(fixture, "{'tags':{'any':['Tag 1','Tag 2']}}"));
    assert_int_equal(one + two - all, any);
    assert_int_equal(any + none, ROWS);
    assert_true(all > 0 && all < any);
    assert_int_equal(check_text(fixture, "{'sentiment':{'all':['positive','neutral']}}"), 0);
    assert_int_equal(check_text(fixture, "{'tags':{'any':['Tag 1','Tag 2'],'none':'Tag 2'}}"), one - all);
}

static void empty_lists_mean_what_they_say(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(check_text(fixture, "{'tags':[]}"), 0); /* any of nothing */
    assert_int_equal(check_text(fixture, "{'tags':{'all':[]}}"), ROWS);
    assert_int_equal(check_text(fixture, "{'tags':{'none':[]}}"), ROWS);
    assert_int_equal(check_text(fixture, "{'tags':{}}"), ROWS);
}

static void unknown_names_match_nothing(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(check_text(fixture, "{'places':'Atlantis'}"), 0);
    assert_int_equal(check_text(fixture, "{'places':{'none':'Atlantis'}}"), ROWS);
    assert_int_equal(check_text(fixture, "{'category':{'none':'Nowhere'}}"), ROWS);
    assert_int_equal(check_text(fixture, "{'language':'ja'}"), 0);
    assert_int_equal(check_text(fixture, "{'tags':['Tag 1','Atlantis']}"),
                     check_text(fixture, "{'tags':['Tag 1']}"));
    assert_int_equal(check_text(fixture, "{'tags':{'all':['Tag 1','Atlantis']}}"), 0);
}

static void add_clause(struct random *random, struct buffer *text, const char *key, const char *stem,
                       uint32_t vocabulary)
{
    static const char *const wants[] = {"any", "all", "none"};
    buffer_printf(text, "%s'%s':{", text->length > 1 ? "," : "", key);
    uint32_t first = random_below(random, 3);
    for (uint32_t want = first; want < 3; want += 2) {
        buffer_printf(text, "%s'%s':[", want > first ? "," : "", wants[want]);
        uint32_t count = 1 + random_below(random, want == 1 ? 2 : 4);
        for (uint32_t i = 0; i < count; i++)
            buffer_printf(text, "%s'%s %u'", i > 0 ? "," : "", stem, random_below(random, vocabulary + 1));
        buffer_append_char(text, ']');
    }
    buffer_append_char(text, '}');
}

static void filters_at_random_agree_with_xapian(void **state)
{
    struct random random = {.state = 52};
    static const struct {
        const char *key, *stem;
        uint32_t vocabulary;
    } kinds[] = {{"tags", "Tag", 20},      {"people", "Person", 40}, {"organizations", "Firm", 15},
                 {"products", "Thing", 9}, {"places", "Town", 12},   {"category", "Category", 6},
                 {"source", "Source", 5}};
    size_t found = 0;
    for (int round = 0; round < 200; round++) {
        struct buffer text = BUFFER_INIT;
        buffer_append_char(&text, '{');
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            if (random_below(&random, 4) == 0)
                add_clause(&random, &text, kinds[i].key, kinds[i].stem, kinds[i].vocabulary);
        buffer_append_char(&text, '}');
        found += check_text(*state, text.data) > 0;
        buffer_release(&text);
    }
    assert_true(found > 50);
}

static void excluded_names_are_a_clause(void **state)
{
    const struct fixture *fixture = *state;
    struct filter *filter = filter_of("{'language':['en','de']}");
    json_t *names = json_of("['Tag 1','Tag 2']");
    json_t *nothing = json_of("[]");
    size_t before = check_same(fixture, filter);
    filter_exclude(filter, FIELD_TAG, nothing);
    filter_exclude(filter, FIELD_TAG, NULL);
    assert_int_equal(filter->clause_count, 1);
    filter_exclude(filter, FIELD_TAG, names);
    size_t after = check_same(fixture, filter);
    assert_true(after < before && after > 0);
    assert_int_equal(after,
                     check_text(fixture, "{'language':['en','de'],'tags':{'none':['Tag 1','Tag 2']}}"));
    json_decref(names);
    json_decref(nothing);
    filter_free(filter);
}

static void dates_are_read_from_the_column(void **state)
{
    const struct fixture *fixture = *state;
    static uint32_t docids[ROWS];
    struct filter *filter = filter_of("{'published':{'from':'2025-04-01','to':'2025-06-30'}}");
    size_t expected = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct rows *rows = fixture->segments[i]->slice->rows;
        for (uint32_t row = 0; row < rows->count; row++)
            expected += rows->published[row] != DATE_NONE && rows->published[row] >= second("2025-04-01") &&
                        rows->published[row] <= second("2025-06-30T23:59:59Z");
    }
    size_t count = accepted(fixture, filter, docids);
    assert_int_equal(count, expected);
    assert_true(count > 0 && count < ROWS);
    filter_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(nothing_and_null_let_all_pass),
        cmocka_unit_test(dates_include_both_ends),
        cmocka_unit_test(each_kind_filters),
        cmocka_unit_test(any_all_and_none_differ),
        cmocka_unit_test(empty_lists_mean_what_they_say),
        cmocka_unit_test(unknown_names_match_nothing),
        cmocka_unit_test(filters_at_random_agree_with_xapian),
        cmocka_unit_test(excluded_names_are_a_clause),
        cmocka_unit_test(dates_are_read_from_the_column),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
