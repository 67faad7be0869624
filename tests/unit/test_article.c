#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "article/article.h"
#include "base/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct article *parse(const char *text)
{
    struct article *article = NULL;
    struct error error = ERROR_INIT;
    if (article_from_text(text, strlen(text), &article, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    return article;
}

/* `members` are added to a valid id and title. */
static void check_refused_text(const char *text, const char *message)
{
    struct article *article = NULL;
    struct error error = ERROR_INIT;
    assert_int_equal(article_from_text(text, strlen(text), &article, &error), -1);
    assert_null(article);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    assert_string_equal(error.message, message);
}

static void check_refused(const char *members, const char *message)
{
    char text[2048];
    snprintf(text, sizeof text, "{\"id\":\"a\",\"title\":\"t\",%s}", members);
    check_refused_text(text, message);
}

static void reads_all_members(void **state)
{
    (void)state;
    struct article *article =
        parse("{\"id\":\"a17\",\"url\":\"http://x/"
              "\",\"title\":\"T\",\"summary\":\"S\",\"body\":\"B\\u0001\",\"category\":\" Tech \","
              "\"source\":\"Wire\",\"authors\":[\"Ann\"],\"tags\":[\"spotify\",\"ai\"],\"people\":[\"P\"],"
              "\"organizations\":[\"O\"],"
              "\"products\":[\"D\"],\"places\":[\"L\"],\"language\":\"en-GB\",\"published\":\"2025-09-11T08:"
              "00:00Z\","
              "\"sentiment\":\"neutral\",\"views\":39,\"extra\":{\"k\":[1,null]}}");
    assert_string_equal(article->id, "a17");
    assert_string_equal(article->url, "http://x/");
    assert_string_equal(article->title, "T");
    assert_string_equal(article->summary, "S");
    assert_string_equal(article->body, "B\x01");
    assert_string_equal(article->category, "Tech");
    assert_string_equal(article->source, "Wire");
    assert_string_equal(article->language, "en");
    assert_int_equal(article->authors.count, 1);
    assert_string_equal(article->authors.names[0], "Ann");
    assert_int_equal(article->names[NAME_TAG].count, 2);
    assert_string_equal(article->names[NAME_TAG].names[1], "ai");
    assert_string_equal(article->names[NAME_PERSON].names[0], "P");
    assert_string_equal(article->names[NAME_ORGANIZATION].names[0], "O");
    assert_string_equal(article->names[NAME_PRODUCT].names[0], "D");
    assert_string_equal(article->names[NAME_PLACE].names[0], "L");
    assert_true(article->published == 1757577600);
    assert_int_equal(article->sentiment, SENTIMENT_NEUTRAL);
    assert_true(article->views == 39);
    article_free(article);
    article_free(NULL);
}

static void absent_members(void **state)
{
    (void)state;
    struct article *article =
        parse("{\"id\":\"a\",\"title\":\"t\",\"tags\":null,\"views\":null,\"published\":null}");
    assert_string_equal(article->url, "");
    assert_string_equal(article->body, "");
    assert_string_equal(article->language, "");
    assert_int_equal(article->names[NAME_TAG].count, 0);
    assert_true(article->published == DATE_NONE && article->views == -1);
    assert_int_equal(article->sentiment, SENTIMENT_NONE);
    struct buffer out = BUFFER_INIT;
    article_write_stored(article, &out);
    assert_string_equal(out.data, "{\"id\":\"a\",\"title\":\"t\"}");
    buffer_release(&out);
    article_free(article);
}

static void names_are_trimmed_and_unique(void **state)
{
    (void)state;
    struct article *article = parse("{\"id\":\"a\",\"title\":\"t\",\"tags\":[\" "
                                    "AI\\t\",\"Café\",\"ai\",\"x\",\"CAFE\",\"Ａi\"],\"people\":[]}");
    const struct name_list *tags = &article->names[NAME_TAG];
    assert_int_equal(tags->count, 3);
    assert_string_equal(tags->names[0], "AI");
    assert_string_equal(tags->names[1], "Café");
    assert_string_equal(tags->names[2], "x");
    struct buffer out = BUFFER_INIT;
    article_write_stored(article, &out);
    assert_string_equal(out.data,
                        "{\"id\":\"a\",\"title\":\"t\",\"tags\":[\"AI\",\"Café\",\"x\"],\"people\":[]}");
    buffer_release(&out);
    article_free(article);
}

static void refuses_bad_values(void **state)
{
    (void)state;
    check_refused("\"published\":\"yesterday\"",
                  "\"published\" must be a date such as 2025-09-11T08:00:00Z, not \"yesterday\"");
    check_refused("\"published\":\"2025-02-30\"",
                  "\"published\" must be a date such as 2025-09-11T08:00:00Z, not \"2025-02-30\"");
    check_refused("\"published\":1757577600",
                  "\"published\" must be a date such as 2025-09-11T08:00:00Z, not 1757577600");
    check_refused("\"language\":\"xx\"",
                  "\"language\" must be an ISO 639-1 code such as \"en\" or \"en-GB\", not \"xx\"");
    check_refused("\"language\":[]",
                  "\"language\" must be an ISO 639-1 code such as \"en\" or \"en-GB\", not a list");
    check_refused("\"sentiment\":\"Neutral\"",
                  "\"sentiment\" must be positive, neutral or negative, not \"Neutral\"");
    check_refused("\"views\":-1", "\"views\" must be a whole number from 0 to 4294967295, not -1");
    check_refused("\"views\":1.5", "\"views\" must be a whole number from 0 to 4294967295, not a number");
    check_refused("\"views\":\"7\"", "\"views\" must be a whole number from 0 to 4294967295, not \"7\"");
    check_refused("\"extra\":[1]", "\"extra\" must be an object, not a list");
    check_refused("\"body\":{}", "\"body\" must be a string, not an object");
    check_refused("\"url\":true", "\"url\" must be a string, not true");
}

static void refuses_bad_lists(void **state)
{
    (void)state;
    check_refused("\"tags\":\"ai\"", "\"tags\" must be a list of strings, not \"ai\"");
    check_refused("\"authors\":{}", "\"authors\" must be a list of strings, not an object");
    check_refused("\"people\":[\"a\",7]", "\"people\" must be a list of strings; number 2 is 7");
    check_refused("\"places\":[\"a\",\" \\t\"]",
                  "\"places\" must be a list of strings that are not blank; number 2 is");
    check_refused("\"places\":[\"\\u200b\"]",
                  "\"places\" must be a list of strings that are not blank; number 1 is");
    check_refused("\"tags\":[null]", "\"tags\" must be a list of strings; number 1 is null");
}

static void refuses_unknown_keys(void **state)
{
    (void)state;
    check_refused("\"titel\":\"x\"", "unknown key \"titel\" in the article, did you mean \"title\"?");
    check_refused("\"colour\":1", "unknown key \"colour\" in the article");
}

static void refuses_missing_id_and_title(void **state)
{
    (void)state;
    check_refused_text("{\"title\":\"t\"}", "\"id\" is missing: an article needs a string of 1 to 200 bytes");
    check_refused_text("{\"id\":\"a\",\"title\":null}",
                       "\"title\" is missing: an article needs a string of 1 to 2000 bytes");
    check_refused_text("{\"id\":\"\",\"title\":\"t\"}", "\"id\" must not be empty");
    check_refused_text("{\"id\":\"a\",\"title\":\" \"}", "\"title\" must not be empty");
    check_refused_text("{\"id\":7,\"title\":\"t\"}", "\"id\" must be a string, not 7");
    check_refused_text("{\"id\":\"a\\nb\",\"title\":\"t\"}", "\"id\" must not hold control characters");
    check_refused_text("{\"id\":\"a\\u0085\",\"title\":\"t\"}", "\"id\" must not hold control characters");
    check_refused_text("[]", "an article must be an object, not a list");
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "{\"id\":\"a\",\"title\":\"t\"} x",
                                        "{\"id\":\"a\",\"id\":\"b\",\"title\":\"t\"}",
                                        "{\"id\":\"a\\u0000b\",\"title\":\"t\"}",
                                        "{\"id\":\"\xFF\",\"title\":\"t\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct article *article = NULL;
        struct error error = ERROR_INIT;
        assert_int_equal(article_from_text(wrong[i], strlen(wrong[i]), &article, &error), -1);
        assert_int_equal(error.code, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, "the article is not JSON: "));
        assert_null(strchr(error.message, '\n'));
    }
}

static void limits(void **state)
{
    (void)state;
    const struct {
        const char *key;
        size_t max;
    } texts[] = {{"id", 200},   {"title", 2000},   {"summary", 20000},
                 {"url", 2000}, {"category", 200}, {"source", 200}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t over = 0; over <= 1; over++) {
            char *value = malloc(texts[i].max + 2);
            memset(value, 'x', texts[i].max + over);
            value[texts[i].max + over] = '\0';
            json_t *object = json_pack("{ss,ss}", "id", "a", "title", "t");
            json_object_set_new(object, texts[i].key, json_string(value));
            struct article *article = NULL;
            struct error error = ERROR_INIT;
            assert_int_equal(article_from_json(object, &article, &error), over != 0 ? -1 : 0);
            if (over != 0)
                assert_non_null(strstr(error.message, texts[i].key));
            article_free(article);
            free(value);
        }
    }
    for (int count = 100; count <= 101; count++) {
        json_t *tags = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(tags, json_sprintf("tag %d", i));
        struct article *article = NULL;
        struct error error = ERROR_INIT;
        json_t *object = json_pack("{ss,ss,so}", "id", "a", "title", "t", "tags", tags);
        assert_int_equal(article_from_json(object, &article, &error), count > 100 ? -1 : 0);
        article_free(article);
    }
}

static void messages_are_safe_and_short(void **state)
{
    (void)state;
    char members[1200] = "\"published\":\"\\n\\u001b[31m";
    for (int i = 0; i < 200; i++)
        strcat(members, "é");
    strcat(members, "\"");
    char text[1400];
    snprintf(text, sizeof text, "{\"id\":\"a\",\"title\":\"t\",%s}", members);
    struct article *article = NULL;
    struct error error = ERROR_INIT;
    assert_int_equal(article_from_text(text, strlen(text), &article, &error), -1);
    assert_null(strpbrk(error.message, "\n\x1b"));
    assert_true(strlen(error.message) < 200);
    json_t *whole = json_string(error.message); /* NULL for what is not UTF-8 */
    assert_non_null(whole);
    json_decref(whole);
    assert_string_equal(error.message + strlen(error.message) - 4, "…\"");
}

static void writes_cards(void **state)
{
    (void)state;
    struct article *article = parse("{\"views\":3,\"extra\":{},\"body\":\"B\",\"published\":\"2025-09-11T10:"
                                    "00:00.5+02:00\",\"language\":\"en-GB\","
                                    "\"tags\":[\"a\\\"b\"],\"people\":[],\"title\":\"T\\n\",\"id\":\"1\","
                                    "\"summary\":\"\",\"sentiment\":\"negative\"}");
    struct buffer out = BUFFER_INIT;
    article_write_card(article, &out);
    assert_string_equal(out.data,
                        "\"id\":\"1\",\"title\":\"T\\n\",\"tags\":[\"a\\\"b\"],\"language\":\"en-GB\","
                        "\"published\":\"2025-09-11T08:00:00Z\",\"sentiment\":\"negative\"");
    buffer_clear(&out);
    article_write_stored(article, &out);
    assert_null(strstr(out.data, "views"));
    assert_non_null(strstr(out.data, "\"extra\":{}"));
    buffer_release(&out);
    article_free(article);
}

/* The card's summary of an article whose summary is `unit` repeated. */
static json_t *summary_of(const char *unit, int count)
{
    struct buffer summary = BUFFER_INIT, out = BUFFER_INIT;
    for (int i = 0; i < count; i++)
        buffer_append_string(&summary, unit);
    struct article *article = NULL;
    json_t *object = json_pack("{ss,ss,ss}", "id", "a", "title", "t", "summary", summary.data);
    assert_int_equal(article_from_json(object, &article, NULL), 0);
    buffer_append_char(&out, '{');
    article_write_card(article, &out);
    buffer_append_char(&out, '}');
    json_t *card = json_loadb(out.data, out.length, 0, NULL);
    assert_non_null(card);
    json_t *found = json_incref(json_object_get(card, "summary"));
    json_decref(card);
    article_free(article);
    buffer_release(&summary);
    buffer_release(&out);
    return found;
}

static void cuts_long_summaries(void **state)
{
    (void)state;
    json_t *whole = summary_of("123456789 ", 60);
    assert_int_equal(json_string_length(whole), 600);
    json_decref(whole);
    json_t *words = summary_of("wordword ", 100); /* 66 words and their blanks fill 594 bytes */
    assert_int_equal(json_string_length(words), 593 + 3);
    assert_string_equal(json_string_value(words) + 593 - 8, "wordword…");
    json_decref(words);
    json_t *han = summary_of("北a", 300);
    assert_int_equal(json_string_length(han), 600 + 3);
    json_decref(han);
    json_t *two = summary_of("aé", 300); /* 600 is a character's first byte, 599 too */
    assert_true(json_string_length(two) <= 603);
    json_decref(two);
}

static void merges_patches(void **state)
{
    (void)state;
    json_t *stored = json_loads("{\"a\":1,\"b\":{\"x\":1,\"y\":{\"z\":2}},\"c\":[1,2]}", 0, NULL);
    json_t *before = json_deep_copy(stored);
    json_t *patch = json_loads(
        "{\"a\":null,\"b\":{\"x\":null,\"y\":3},\"c\":{\"k\":null,\"m\":{\"n\":null}},\"d\":[null]}", 0,
        NULL);
    json_t *merged = article_merge_patch(stored, patch);
    json_t *expected = json_loads("{\"b\":{\"y\":3},\"c\":{\"m\":{}},\"d\":[null]}", 0, NULL);
    assert_true(json_equal(merged, expected));
    assert_true(json_equal(stored, before));
    json_decref(stored);
    json_decref(before);
    json_decref(patch);
    json_decref(merged);
    json_decref(expected);
}

static void sentiments(void **state)
{
    (void)state;
    enum sentiment sentiment = SENTIMENT_NONE;
    assert_int_equal(sentiment_parse("negative", &sentiment), 0);
    assert_int_equal(sentiment, SENTIMENT_NEGATIVE);
    assert_int_equal(sentiment_parse("", &sentiment), -1);
    assert_null(sentiment_name(SENTIMENT_NONE));
    assert_string_equal(sentiment_name(SENTIMENT_POSITIVE), "positive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_members),
        cmocka_unit_test(absent_members),
        cmocka_unit_test(names_are_trimmed_and_unique),
        cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(refuses_bad_lists),
        cmocka_unit_test(refuses_unknown_keys),
        cmocka_unit_test(refuses_missing_id_and_title),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(limits),
        cmocka_unit_test(messages_are_safe_and_short),
        cmocka_unit_test(writes_cards),
        cmocka_unit_test(cuts_long_summaries),
        cmocka_unit_test(merges_patches),
        cmocka_unit_test(sentiments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
