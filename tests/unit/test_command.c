#include "command/command.h"

#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int run_search(struct request *request, struct worker *worker, struct json_writer *reply,
                      struct error *error)
{
    (void)worker;
    const char *query = schema_text(request->arguments, "query", "");
    if (strcmp(query, "fail") == 0)
        return error_set_busy(error, 50, "come back to \"%s\xc3", query);
    if (strcmp(query, "later") == 0)
        return COMMAND_PENDING;
    json_key_text(reply, "query", query);
    return COMMAND_DONE;
}

static const struct parameter search_parameters[] = {
    {.name = "query", .type = PARAMETER_TEXT},
    {.name = "filter", .type = PARAMETER_ANY},
    {.name = "deadline_ms", .type = PARAMETER_INTEGER},
    {.name = NULL},
};
static const struct parameter get_parameters[] = {{.name = "ids", .type = PARAMETER_TEXT_LIST},
                                                  {.name = NULL}};
static const struct parameter log_parameters[] = {{.name = "count", .type = PARAMETER_INTEGER},
                                                  {.name = NULL}};

const struct command commands[] = {
    {.name = "SEARCH",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "query",
     .parameters = search_parameters,
     .run = run_search},
    {.name = "GET",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "ids",
     .parameters = get_parameters,
     .run = run_search},
    {.name = "SLOWLOG",
     .place = COMMAND_ON_IO,
     .main_parameter = "count",
     .parameters = log_parameters,
     .run = run_search},
    {.name = "STATS", .place = COMMAND_ON_IO, .run = run_search},
    {.name = NULL},
};

static const struct command_limits limits = {
    .json_depth = 4, .json_nodes = 10, .deadline_ms = 1000, .deadline_max_ms = 5000};

static struct request *make(const char *verb)
{
    struct request *request = memory_zeroed(1, sizeof *request);
    request->command = command_find(verb, strlen(verb));
    request->received = clock_now();
    request->limits = limits;
    assert_non_null(request->command);
    return request;
}

static struct request *parse(const char *verb, const char *text)
{
    struct error error = ERROR_INIT;
    struct request *request = make(verb);
    if (command_parse_arguments(request, text, strlen(text), &limits, &error) < 0)
        fail_msg("%s", error.message);
    return request;
}

static void refuse_it(const char *verb, const char *text, const char *part)
{
    struct error error = ERROR_INIT;
    struct request *request = make(verb);
    assert_int_equal(command_parse_arguments(request, text, strlen(text), &limits, &error), -1);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    if (strstr(error.message, part) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", text, part, error.message);
    request_free(request);
}

static void names_are_whole_words(void **state)
{
    (void)state;
    assert_ptr_equal(command_find("search", 6), &commands[0]);
    assert_null(command_find("SEARC", 5));
    assert_null(command_find("SEARCHX", 7));
    assert_null(command_find("", 0));
    assert_ptr_equal(command_find("GETX", 3), &commands[1]);
    assert_string_equal(command_nearest("SAERCH", 6), "SEARCH");
    assert_null(command_nearest("COMPLETELY", 10));
}

static void bare_text_is_the_main_parameter(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "spotify tag:ai  ");
    assert_string_equal(schema_text(request->arguments, "query", ""), "spotify tag:ai");
    request_free(request);
    request = parse("GET", "a17");
    assert_string_equal(json_string_value(json_array_get(json_object_get(request->arguments, "ids"), 0)),
                        "a17");
    request_free(request);
    request = parse("SLOWLOG", "10");
    assert_int_equal(schema_integer(request->arguments, "count", 0), 10);
    request_free(request);
    request = parse("STATS", " ");
    assert_int_equal(json_object_size(request->arguments), 0);
    request_free(request);
    refuse_it("SLOWLOG", "ten", "must be an integer");
    refuse_it("STATS", "x", "STATS takes no argument");
}

static void json_is_bounded_before_it_is_parsed(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "{\"filter\":[[[\"]]]]]]{{{{{{,,,,,,,,,,,,,\\\"\"]]]}");
    request_free(request);
    refuse_it("SEARCH", "{\"filter\":[[[[1]]]]}", "deeper than 4");
    refuse_it("SEARCH", "{\"filter\":[1,2,3,4,5,6,7,8,9,10]}", "more than 10 values");
    refuse_it("SEARCH", "{\"query\":\"a\",\"query\":\"b\"}", "duplicate");
    refuse_it("SEARCH", "{\"query\":", "not valid JSON");
    refuse_it("SEARCH", "{} x", "not valid JSON");
    refuse_it("SEARCH", "{\"qurey\":1}", "did you mean \"query\"?");
}

static void deadlines_are_absolute(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "x");
    assert_int_equal(request->deadline - request->received, 1000 * NANOSECONDS_PER_MS);
    request_free(request);
    request = parse("SEARCH", "{\"deadline_ms\":5000}");
    assert_int_equal(request->deadline - request->received, 5000 * NANOSECONDS_PER_MS);
    request_free(request);
    request = parse("GET", "x");
    assert_int_equal(request->deadline, 0);
    request_free(request);
    refuse_it("SEARCH", "{\"deadline_ms\":5001}", "1 to 5000");
    refuse_it("SEARCH", "{\"deadline_ms\":-1}", "1 to 5000");
}

static void running_fills_the_reply(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "x");
    strcpy(request->tag, "t");
    assert_true(command_run(request, NULL));
    assert_string_equal(request->reply.data, "{\"ok\":true,\"query\":\"x\",\"tag\":\"t\"}");
    assert_int_equal(request->failure, ERROR_NONE);
    request_free(request);
    request = parse("SEARCH", "later");
    assert_false(command_run(request, NULL));
    request_free(request);
}

static void failures_are_replies_too(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "fail");
    assert_true(command_run(request, NULL));
    assert_string_equal(request->reply.data,
                        "{\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"come back to "
                        "\\\"fail?\",\"retry_after_ms\":50}}");
    assert_int_equal(request->failure, ERROR_BUSY);
    request->resp = true;
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_NOT_FOUND, "no\r\n+OK");
    request_fail(request, &error);
    assert_string_equal(request->reply.data, "-NOT_FOUND no  +OK");
    request_free(request);
}

static void passed_deadlines_are_not_run(void **state)
{
    (void)state;
    struct request *request = parse("SEARCH", "x");
    request->deadline = 1;
    assert_true(command_run(request, NULL));
    assert_int_equal(request->failure, ERROR_DEADLINE);
    request_free(request);
}

static void long_arguments_are_parsed_by_the_worker(void **state)
{
    (void)state;
    struct request *request = make("SEARCH");
    buffer_append_string(&request->text, "{\"query\":\"x\"}");
    assert_true(command_run(request, NULL));
    assert_string_equal(request->reply.data, "{\"ok\":true,\"query\":\"x\"}");
    request_free(request);
    request = make("SEARCH");
    buffer_append_string(&request->text, "{\"qurey\":\"x\"}");
    assert_true(command_run(request, NULL));
    assert_int_equal(request->failure, ERROR_BAD_REQUEST);
    request_free(request);
}

static void calls_are_counted(void **state)
{
    (void)state;
    command_count(&commands[3], false, 1500000);
    command_count(&commands[3], true, 500000);
    struct buffer out = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &out);
    command_write_figures(&writer);
    assert_non_null(strstr(out.data, "\"STATS\":{\"calls\":2,\"failed\":1,\"seconds\":0.002}"));
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_whole_words),
        cmocka_unit_test(bare_text_is_the_main_parameter),
        cmocka_unit_test(json_is_bounded_before_it_is_parsed),
        cmocka_unit_test(deadlines_are_absolute),
        cmocka_unit_test(running_fills_the_reply),
        cmocka_unit_test(failures_are_replies_too),
        cmocka_unit_test(passed_deadlines_are_not_run),
        cmocka_unit_test(long_arguments_are_parsed_by_the_worker),
        cmocka_unit_test(calls_are_counted),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
