/* json_read() must answer what jansson does, whatever the text. */
#include "base/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUTATIONS 200000

static const char sample[] = "{\"id\":\"a1\",\"title\":\"Caf\xC3\xA9 \\\"x\\\" \\\\ "
                             "\\n\\t\\/\",\"views\":17,\"big\":-123456789012345678,"
                             "\"tags\":[\"one\",\"\",\"\\u00e9\"], \"extra\" : { "
                             "\"t\":true,\"f\":false,\"n\":null,\"r\":1.5e3,\"o\":{},"
                             "\"l\":[[],[1,2]]}}";

/* The same value, or the same refusal. */
static void compare(const char *text, size_t length)
{
    json_error_t mine;
    json_error_t its;
    json_t *value = json_read(text, length, &mine);
    json_t *expected = json_loadb(text, length, JSON_REJECT_DUPLICATES, &its);
    assert_int_equal(value == NULL, expected == NULL);
    if (expected == NULL) {
        assert_string_equal(mine.text, its.text);
        assert_int_equal(mine.position, its.position);
        return;
    }
    char *left = json_dumps(value, JSON_COMPACT); /* in the order of the text */
    char *right = json_dumps(expected, JSON_COMPACT);
    assert_string_equal(left, right);
    free(left);
    free(right);
    json_decref(value);
    json_decref(expected);
}

static void test_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " { } ",
        "",
        " ",
        "\"text\"",
        "7",
        "true",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1}x",
        "{\"a\":1} \n",
        "[01]",
        "[-]",
        "[-0]",
        "[+1]",
        "[1.0]",
        "[1e2]",
        "[1x]",
        "[999999999999999999]",
        "[9223372036854775807]",
        "[9223372036854775808]",
        "[-9223372036854775808]",
        "[tru]",
        "[truex]",
        "[true]",
        "[nullnull]",
        "[true,false,null]",
        "[\"\\u0000\"]",
        "[\"\\ud83d\\ude00\"]",
        "[\"\\ud83d\"]",
        "[\"\\x\"]",
        "[\"a\nb\"]",
        "[\"\x7f\"]",
        "[\"\xff\"]",
        "{\"\xff\":1}",
        "{\"a\\nb\":1}",
        "[\"abcdefgh\\\"ijklmnop\\\\\"]",
        "[\"1234567\"]",
        "[\"12345678\"]",
        "[\"\xF0\x9F\x98\x80\"]",
        "{1:2}",
        "[1 2]",
        "[\"open",
        "[\"open\\",
        "[\"open\\\"",
        "{\"a name that is longer than the sixty-four bytes that are taken without jansson\":1}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        compare(texts[i], strlen(texts[i]));
    compare("[\"a\0b\"]", 7);
    compare("[1\0]", 4);
    compare(sample, sizeof sample - 1);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof sample; length++) {
        char *exact =
            memcpy(malloc(length + 1), sample, length); /* so that reading on is seen by a sanitizer */
        exact = realloc(exact, length != 0 ? length : 1);
        compare(exact, length);
        free(exact);
    }
}

static void test_changed_anywhere(void **state)
{
    (void)state;
    static const char letters[] = "\"\\{}[]:,0123456789-.eEtfnu/ \n\t\x01\x7f\x80\xC3\xFF"
                                  "a";
    char text[sizeof sample];
    uint32_t random = 1;
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(text, sample, sizeof sample);
        for (int changes = 1 + i % 3; changes > 0; changes--) {
            random = random * 1664525 + 1013904223;
            text[(random >> 8) % (sizeof sample - 1)] = letters[(random >> 3) % (sizeof letters - 1)];
        }
        compare(text, sizeof sample - 1);
    }
}

/* How deep a value is, and how much: a bracket and the commas between its members count. */
static size_t depth_of(const json_t *value, size_t *nodes)
{
    size_t depth = 0;
    size_t index;
    const char *key;
    json_t *member;
    size_t members = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    if (!json_is_array(value) && !json_is_object(value))
        return 0;
    *nodes += 1 + (members > 1 ? members - 1 : 0);
    json_array_foreach(value, index, member)
    {
        size_t inner = depth_of(member, nodes);
        depth = inner > depth ? inner : depth;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        size_t inner = depth_of(member, nodes);
        depth = inner > depth ? inner : depth;
    }
    return depth + 1;
}

/* Exactly what is within the bounds is read, by the fast way and by jansson's. */
static void test_bounds(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[[]]",
        "[1,2,3]",
        "[1.5,2,3]",
        "{\"a\":[1,{\"b\":[2,\"],[\"]}],\"c\":\"{\\\"[\"}",
        "{\"a\":[1.5,{\"b\":[2,\"],[\"]}],\"c\":\"{\\\"[\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        sample,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_error_t reason;
        size_t length = strlen(texts[i]);
        size_t nodes = 1;
        json_t *value = json_loadb(texts[i], length, 0, NULL);
        size_t depth = depth_of(value, &nodes);
        for (size_t deepest = depth - 1; deepest <= depth + 1; deepest++)
            for (size_t most = nodes - 1; most <= nodes + 1; most++) {
                enum json_excess excess;
                struct json_bounds bounds = {deepest, most};
                json_t *read = json_read_bounded(texts[i], length, &bounds, &excess, &reason);
                assert_int_equal(excess, deepest < depth ? JSON_TOO_DEEP
                                         : most < nodes  ? JSON_TOO_MANY
                                                         : JSON_WITHIN);
                assert_int_equal(read != NULL, excess == JSON_WITHIN);
                assert_true(read == NULL || json_equal(read, value));
                json_decref(read);
            }
        json_decref(value);
    }
}

static void test_bounds_of_what_is_not_json(void **state)
{
    (void)state;
    json_error_t reason;
    enum json_excess excess;
    struct json_bounds bounds = {2, 5};
    assert_null(json_read_bounded("[[[", 3, &bounds, &excess, &reason));
    assert_int_equal(excess, JSON_TOO_DEEP);
    assert_null(json_read_bounded(",,,,,", 5, &bounds, &excess, &reason));
    assert_int_equal(excess, JSON_TOO_MANY);
    assert_null(json_read_bounded("[1,]", 4, &bounds, &excess, &reason));
    assert_int_equal(excess, JSON_WITHIN);
    assert_string_equal(reason.text, "unexpected token near ']'");
}

static void test_plain_end(void **state)
{
    (void)state;
    static const char ends[] = "\"\\\n\x01\x1f";
    char text[100]; /* longer than what is looked at in one go */
    for (size_t end = 0; end < sizeof ends - 1; end++)
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, '\xC3', sizeof text);
            text[at] = ends[end];
            assert_ptr_equal(json_plain_end(text, text + sizeof text), text + at);
            assert_ptr_equal(json_plain_end(text, text + at), text + at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_changed_anywhere),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bounds_of_what_is_not_json),
        cmocka_unit_test(test_plain_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
