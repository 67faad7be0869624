#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "text/analyse.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct analyser *analyser;
    struct article *article;
    struct analysis analysis;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->analyser = analyser_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    article_free(fixture->article);
    analyser_free(fixture->analyser);
    free(fixture);
    return 0;
}

/* `members` are added to an id. */
static void run(struct fixture *fixture, const char *members)
{
    struct buffer text = BUFFER_INIT;
    struct error error = ERROR_INIT;
    buffer_printf(&text, "{\"id\":\"a\",%s}", members);
    article_free(fixture->article);
    fixture->article = NULL;
    if (article_from_text(text.data, text.length, &fixture->article, &error) != 0)
        fail_msg("%s", error.message);
    buffer_release(&text);
    analyser_run(fixture->analyser, fixture->article, language_find("en"), &fixture->analysis);
    for (size_t i = 1; i < fixture->analysis.term_count; i++) {
        const struct analysed_term *a = &fixture->analysis.terms[i - 1], *b = &fixture->analysis.terms[i];
        size_t shorter = a->length < b->length ? a->length : b->length;
        int order = memcmp(a->text, b->text, shorter);
        assert_true(order < 0 || (order == 0 && a->length < b->length));
    }
}

static const struct analysed_term *find(const struct fixture *fixture, const char *text)
{
    for (size_t i = 0; i < fixture->analysis.term_count; i++) {
        const struct analysed_term *term = &fixture->analysis.terms[i];
        if (term->length == strlen(text) && memcmp(term->text, text, term->length) == 0)
            return term;
    }
    return NULL;
}

/* The term's counts, and its positions as "1 1001". */
static void check(const struct fixture *fixture, const char *text, unsigned body, unsigned title,
                  const char *positions)
{
    const struct analysed_term *term = find(fixture, text);
    if (term == NULL)
        fail_msg("no term %s", text);
    assert_int_equal(term->body_count, body);
    assert_int_equal(term->title_count, title);
    struct buffer out = BUFFER_INIT;
    buffer_append_string(&out, "");
    for (uint32_t i = 0; i < term->position_count; i++)
        buffer_printf(&out, "%s%u", i != 0 ? " " : "", term->positions[i]);
    assert_string_equal(out.data, positions);
    assert_true((term->positions == NULL) == (term->position_count == 0));
    buffer_release(&out);
}

static void words_of_all_fields(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "\"title\":\"The Cats run\",\"summary\":\"A cat. Running!\",\"body\":\"Cats, the cats\"");
    check(fixture, "cat", 3, 1, "2 1002 2001 2003");
    check(fixture, "Scat", 0, 1, "2");
    check(fixture, "run", 1, 1, "3 1003");
    check(fixture, "the", 1, 1, "1 2002"); /* stop words are words */
    check(fixture, "Sthe", 0, 1, "1");
    check(fixture, "a", 1, 0, "1001");
    check(fixture, "Len", 0, 0, "");
    assert_int_equal(fixture->analysis.length, 9);
    assert_int_equal(fixture->analysis.term_count, 8);
    assert_ptr_equal(fixture->analysis.language, language_find("en"));
}

static void names_become_boolean_terms(void **state)
{
    struct fixture *fixture = *state;
    run(fixture,
        "\"title\":\"x\",\"tags\":[\"AI\",\":colon\"],\"people\":[\"Satya  "
        "Nadella\"],\"organizations\":[\"Café Co\"],"
        "\"products\":[\"iPhone\"],\"places\":[\"Köln\"],\"category\":\"Tech\",\"authors\":[\"Ann\"],"
        "\"source\":\"Wire\",\"language\":\"de-AT\",\"sentiment\":\"positive\"");
    static const char *const expected[] = {"Kai",         "K::colon",  "XPER:satya nadella", "XORG:cafe co",
                                           "XPRO:iphone", "XPLA:koln", "XCAT:tech",          "Aann",
                                           "XSRC:wire",   "Lde",       "XSEN:positive"};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        check(fixture, expected[i], 0, 0, "");
    assert_int_equal(fixture->analysis.term_count, 11 + 2);
    assert_ptr_equal(fixture->analysis.language, language_find("de"));
}

static void summary_the_body_starts_with(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "\"title\":\"x\",\"summary\":\" Big  NEWS today… \",\"body\":\"Big news\\ntoday and more\"");
    check(fixture, "news", 1, 0, "1002");
    assert_int_equal(fixture->analysis.length, 6);
    run(fixture, "\"title\":\"x\",\"summary\":\"Big news.\",\"body\":\"Big news\"");
    check(fixture, "news", 1, 0, "1002");
    run(fixture, "\"title\":\"x\",\"summary\":\"Big new\",\"body\":\"Big news\"");
    check(fixture, "big", 2, 0, "1001 2001");
    run(fixture, "\"title\":\"x\",\"summary\":\"Big news today\",\"body\":\"Big news\"");
    check(fixture, "big", 2, 0, "1001 2001");
    run(fixture, "\"title\":\"x\",\"summary\":\"big\"");
    check(fixture, "big", 1, 0, "1001");
}

static void chinese_gives_characters_and_pairs(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "\"title\":\"北京大\",\"language\":\"zh\",\"body\":\"大北京\"");
    check(fixture, "北京", 1, 1, "1 1002");
    check(fixture, "北", 1, 1, "1 1002");
    check(fixture, "大", 1, 1, "3 1001");
    check(fixture, "S京大", 0, 1, "2");
    check(fixture, "Lzh", 0, 0, "");
    assert_int_equal(fixture->analysis.length, 6);
}

static void fields_never_touch(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    buffer_append_string(&text, "\"title\":\"t\",\"summary\":\"");
    for (int i = 0; i < 1000; i++)
        buffer_append_string(&text, "w ");
    buffer_append_string(&text, "\",\"body\":\"last\"");
    run(fixture, text.data);
    check(fixture, "last", 1, 0, "3001"); /* the summary ends at 2000 */
    buffer_release(&text);
}

static void long_bodies_are_cut_and_memory_is_reused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_INIT;
    buffer_append_string(&text, "\"title\":\"t\",\"body\":\"");
    for (int i = 0; i < ANALYSE_WORDS_MAX + 10; i++)
        buffer_printf(&text, "w%d ", i);
    buffer_append_string(&text, "\"");
    run(fixture, text.data);
    assert_int_equal(fixture->analysis.length, ANALYSE_WORDS_MAX + 1);
    assert_non_null(find(fixture, "w99999"));
    assert_null(find(fixture, "w100000"));
    buffer_release(&text);
    run(fixture, "\"title\":\"t\",\"body\":\"w7\"");
    assert_int_equal(fixture->analysis.term_count, 4);
    check(fixture, "w7", 1, 0, "1001");
}

static void long_names_stay_unique(void **state)
{
    (void)state;
    /* U+FDFA is 3 bytes and becomes 18 characters */
    char name[2][201] = {"", ""};
    struct buffer term[2] = {BUFFER_INIT, BUFFER_INIT};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 60; j++)
            strcat(name[i], "\xEF\xB7\xBA");
        strcat(name[i], i == 0 ? "a" : "b");
        assert_true(term_for_name(FIELD_PERSON, name[i], strlen(name[i]), &term[i]));
        assert_true(term[i].length <= 240 && term[i].length > 220);
    }
    assert_string_not_equal(term[0].data, term[1].data);
    buffer_release(&term[0]);
    buffer_release(&term[1]);
}

static void terms_of_names(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    buffer_append_string(&out, "before ");
    assert_false(term_for_name(FIELD_TAG, "  ", 2, &out));
    assert_false(term_for_name(FIELD_PERSON, "\xFF", 1, &out));
    assert_string_equal(out.data, "before ");
    assert_true(term_for_name(FIELD_TAG, " Big Data ", 10, &out));
    assert_string_equal(out.data, "before Kbig data");
    buffer_release(&out);
    for (int field = 0; field < FIELD_COUNT; field++)
        assert_non_null(term_fields[field].prefix);
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++)
        assert_string_equal(term_fields[kind].filter_key, name_kind_keys[kind]);
}

static void stemmers_are_shared(void **state)
{
    struct fixture *fixture = *state;
    size_t length = 0;
    const char *stem =
        stemmer_stem(analyser_stemmers(fixture->analyser), language_find("en"), "cats", 4, &length);
    assert_int_equal(length, 3);
    assert_memory_equal(stem, "cat", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words_of_all_fields),          TEST(names_become_boolean_terms),
        TEST(summary_the_body_starts_with), TEST(chinese_gives_characters_and_pairs),
        TEST(fields_never_touch),           TEST(long_bodies_are_cut_and_memory_is_reused),
        TEST(stemmers_are_shared),          cmocka_unit_test(long_names_stay_unique),
        cmocka_unit_test(terms_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
