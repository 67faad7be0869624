/* What json_writer.h writes means what was given, to jansson. */
#include "base/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

static char *quoted(const char *text, size_t length)
{
    struct buffer out = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_text_n(&writer, text, length);
    return buffer_steal(&out);
}

static void check_meaning(const char *text, size_t length)
{
    char *written = quoted(text, length);
    json_t *value = json_loads(written, JSON_DECODE_ANY, NULL);
    assert_true(json_is_string(value));
    assert_int_equal(json_string_length(value), length);
    assert_memory_equal(json_string_value(value), text, length);
    assert_null(strpbrk(written, "\n\r\t\x01\x7f")); /* a reply is one line, and safe on a terminal */
    json_decref(value);
    free(written);
}

static void test_specials_anywhere(void **state)
{
    (void)state;
    static const char specials[] = "\"\\\n\r\t\x01\x1f\x7f";
    char text[100];
    check_meaning("", 0);
    for (size_t special = 0; special < sizeof specials - 1; special++)
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'a', sizeof text);
            text[at] = specials[special];
            text[sizeof text / 2] = specials[special];
            check_meaning(text, sizeof text);
            check_meaning(text, at + 1);
        }
}

static void test_exact_form(void **state)
{
    (void)state;
    static const char text[] = "a\"\\\n\x7f\x02/\xC3\xA9";
    char *written = quoted(text, sizeof text - 1);
    assert_string_equal(written, "\"a\\\"\\\\\\n\\u007f\\u0002/\xC3\xA9\"");
    free(written);
}

static void test_whole_numbers(void **state)
{
    (void)state;
    const int64_t numbers[] = {0, 7, 10, -1, -90, 1234567890123, INT64_MAX, INT64_MIN};
    struct buffer out = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_begin_array(&writer);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_int(&writer, numbers[i]);
    json_end_array(&writer);
    assert_string_equal(out.data, "[0,7,10,-1,-90,1234567890123,9223372036854775807,-9223372036854775808]");
    buffer_release(&out);
}

static void test_decimals(void **state)
{
    (void)state;
    const struct {
        double value;
        int decimals;
    } numbers[] = {{0, 4},       {0.05, 2}, {1.1, 4},         {100, 4}, {-0.00001, 4}, {-0.5, 1},
                   {0.99996, 4}, {0.5, 0},  {999999999.5, 4}, {1e9, 4}, {-2e15, 2},    {0.25, 8}};
    struct buffer out = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_begin_array(&writer);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_number(&writer, numbers[i].value, numbers[i].decimals);
    json_number(&writer, (double)NAN, 2);
    json_end_array(&writer);
    assert_string_equal(out.data,
                        "[0,0.05,1.1,100,0,-0.5,1,1,999999999.5,1000000000,-2000000000000000,0.25,null]");
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specials_anywhere),
        cmocka_unit_test(test_exact_form),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
