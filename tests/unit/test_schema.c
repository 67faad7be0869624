#include "command/schema.h"

#include "base/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct parameter members[] = {
    {.name = "from", .type = PARAMETER_TEXT, .required = true},
    {.name = "until", .type = PARAMETER_TEXT},
    {.name = NULL},
};

static const struct parameter parameters[] = {
    {.name = "query", .type = PARAMETER_TEXT, .min = 1, .max = 10, .required = true, .help = "what to find"},
    {.name = "limit", .type = PARAMETER_INTEGER, .min = 1, .max = 100},
    {.name = "boost", .type = PARAMETER_NUMBER, .min = 0, .max = 1},
    {.name = "explain", .type = PARAMETER_BOOL},
    {.name = "sort", .type = PARAMETER_WORD, .words = "relevance|newest|oldest"},
    {.name = "ids", .type = PARAMETER_TEXT_LIST, .min = 1, .max = 2},
    {.name = "published", .type = PARAMETER_OBJECT, .members = members},
    {.name = "filter", .type = PARAMETER_OBJECT},
    {.name = "extra", .type = PARAMETER_ANY},
    {.name = NULL},
};

static json_t *parse(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    return object;
}

static void accept_it(const char *text)
{
    struct error error = ERROR_INIT;
    json_t *object = parse(text);
    if (schema_check(parameters, object, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    json_decref(object);
}

static void refuse_it(const char *text, const char *part)
{
    struct error error = ERROR_INIT;
    json_t *object = parse(text);
    assert_int_equal(schema_check(parameters, object, &error), -1);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    if (strstr(error.message, part) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", text, part, error.message);
    json_decref(object);
}

static void good_arguments_pass(void **state)
{
    (void)state;
    accept_it("{\"query\":\"a\"}");
    accept_it("{\"query\":\"1234567890\",\"limit\":100,\"boost\":0.5,\"explain\":false,\"sort\":\"newest\"}");
    accept_it("{\"query\":\"a\",\"boost\":1,\"ids\":[\"x\",\"y\"],\"published\":{\"from\":\"2025\"},"
              "\"filter\":{\"a\":1}}");
    accept_it("{\"query\":\"a\",\"limit\":null,\"extra\":null}");
}

static void bad_arguments_are_named(void **state)
{
    (void)state;
    refuse_it("{}", "\"query\" is missing");
    refuse_it("{\"query\":null}", "\"query\" must be a string");
    refuse_it("{\"query\":\"\"}", "of 1 to 10 bytes, not 0");
    refuse_it("{\"query\":\"12345678901\"}", "not 11");
    refuse_it("{\"query\":\"a\",\"limit\":101}", "1 to 100, not 101");
    refuse_it("{\"query\":\"a\",\"limit\":1.0}", "\"limit\" must be an integer");
    refuse_it("{\"query\":\"a\",\"boost\":\"1\"}", "\"boost\" must be a number");
    refuse_it("{\"query\":\"a\",\"explain\":1}", "true or false");
    refuse_it("{\"query\":\"a\",\"sort\":\"new\"}", "relevance|newest|oldest, not \"new\"");
    refuse_it("{\"query\":\"a\",\"sort\":\"newest|oldest\"}", "one of");
    refuse_it("{\"query\":\"a\",\"sort\":\"\"}", "one of");
    refuse_it("{\"query\":\"a\",\"ids\":[]}", "of 1 to 2 strings, not 0");
    refuse_it("{\"query\":\"a\",\"ids\":[\"a\",1]}", "a list of strings");
    refuse_it("{\"query\":\"a\",\"filter\":[]}", "an object");
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    refuse_it("{\"query\":\"a\",\"limt\":1}", "unknown key \"limt\": did you mean \"limit\"?");
    refuse_it("{\"query\":\"a\",\"zzzzzz\":1}", "unknown key \"zzzzzz\"");
    refuse_it("{\"query\":\"a\",\"published\":{\"form\":\"x\"}}", "in \"published\": unknown key");
    refuse_it("{\"query\":\"a\",\"published\":{}}", "in \"published\": \"from\" is missing");
}

static void commands_without_parameters_take_none(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    json_t *object = parse("{\"a\":1}");
    assert_int_equal(schema_check(NULL, object, &error), -1);
    json_object_clear(object);
    assert_int_equal(schema_check(NULL, object, &error), 0);
    json_decref(object);
}

static void values_are_read_with_fallbacks(void **state)
{
    (void)state;
    json_t *object = parse("{\"t\":\"x\",\"i\":7,\"n\":2.5,\"b\":true,\"z\":null}");
    assert_string_equal(schema_text(object, "t", "?"), "x");
    assert_string_equal(schema_text(object, "z", "?"), "?");
    assert_int_equal(schema_integer(object, "i", 1), 7);
    assert_int_equal(schema_integer(object, "none", 1), 1);
    assert_true(schema_number(object, "n", 0) > 2.4);
    assert_true(schema_number(object, "i", 0) > 6.9);
    assert_true(schema_bool(object, "b", false));
    assert_true(schema_bool(object, "z", true));
    json_decref(object);
}

static void tables_can_be_written(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &out);
    schema_write(parameters, &writer);
    json_t *list = parse(out.data);
    assert_int_equal(json_array_size(list), 9);
    const json_t *first = json_array_get(list, 0);
    assert_string_equal(schema_text(first, "name", ""), "query");
    assert_string_equal(schema_text(first, "help", ""), "what to find");
    assert_true(schema_bool(first, "required", false));
    assert_int_equal(json_array_size(json_object_get(json_array_get(list, 4), "words")), 3);
    assert_int_equal(json_array_size(json_object_get(json_array_get(list, 6), "members")), 2);
    json_decref(list);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_arguments_pass),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(commands_without_parameters_take_none),
        cmocka_unit_test(values_are_read_with_fallbacks),
        cmocka_unit_test(tables_can_be_written),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
