#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "config/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load(struct config *config, const char *text, struct mistakes *mistakes)
{
    return config_load_text(config, "f", text, strlen(text), mistakes);
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* Loads `text` and expects exactly one mistake with the two parts in it. */
static void assert_mistake(const char *text, const char *start, const char *part)
{
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    int result = load(config, text, &mistakes);
    if (mistakes.count != 1)
        fail_msg("%zu mistakes in \"%s\"", mistakes.count, text);
    assert_int_equal(result, -1);
    if (strncmp(mistakes.lines[0], start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", mistakes.lines[0], start);
    assert_contains(mistakes.lines[0], part);
    mistakes_release(&mistakes);
    config_free(config);
}

static struct config *load_right(const char *text)
{
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    if (load(config, text, &mistakes) != 0)
        fail_msg("%s", mistakes.lines[0]);
    assert_int_equal(mistakes.count, 0);
    return config;
}

static void defaults_are_typed_and_valid(void **state)
{
    (void)state;
    struct config *config = config_new_defaults();
    assert_string_equal(config->server_data, "/var/lib/storyd");
    assert_string_equal(config->server_log_level, "info");
    assert_int_equal(config->limits_line_query, 65536);
    assert_int_equal(config->limits_idle, 300000);
    assert_int_equal(config->index_commit_interval, 200);
    assert_true(fabs(config->related_terms - 0.9) < 1e-12);
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_validate(config, &mistakes), 0);
    assert_int_equal(mistakes.count, 0);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        assert_true(config_is_default(config, &option_table[i]));
    config_free(config);
}

static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        assert_ptr_equal(option_find(option->section, option->name), option);
        assert_ptr_equal(option_find_any(option->full_name, NULL), option);
        assert_true(option->min <= option->max);
        assert_true(option->help[strlen(option->help) - 1] != '.');
        for (const char *reserved = "config\0test\0version\0help\0print-config\0"; *reserved != '\0';
             reserved += strlen(reserved) + 1)
            assert_string_not_equal(option->name, reserved);
    }
}

static void reads_a_file(void **state)
{
    (void)state;
    struct config *config = load_right("\xEF\xBB\xBF# comment\r\n"
                                       "\r\n"
                                       "[server]\r\n"
                                       "  data = /srv/a b  \r\n"
                                       "; comment\n"
                                       "log=syslog\n"
                                       "pid-file =\n"
                                       "[limits]\n"
                                       "   line_write = 2M\n"
                                       "output_close = 65536\n"
                                       "idle = 2h\n"
                                       "deadline=250ms\n"
                                       "[related]\n");
    config_free(config);
}

static void reads_every_form(void **state)
{
    (void)state;
    struct config *config = load_right("[server]\n  data = /srv/a b  \nlog=syslog\npid-file = \n"
                                       "[limits]\nline_write = 2m\noutput_close = 65536\nmemory = 1T\n"
                                       "idle = 2h\ndeadline=250MS\nrequest_time = 3m\noutput_stall = 1s\n"
                                       "[related]\ntags = 0.25\nterms = 1\n");
    assert_string_equal(config->server_data, "/srv/a b");
    assert_string_equal(config->server_log, "syslog");
    assert_string_equal(config->server_pid_file, "");
    assert_int_equal(config->limits_line_write, 2 << 20);
    assert_int_equal(config->limits_output_close, 65536);
    assert_int_equal(config->limits_memory, INT64_C(1) << 40);
    assert_int_equal(config->limits_idle, 7200000);
    assert_int_equal(config->limits_deadline, 250);
    assert_int_equal(config->limits_request_time, 180000);
    assert_int_equal(config->limits_output_stall, 1000);
    assert_true(fabs(config->related_tags - 0.25) < 1e-12);
    assert_true(fabs(config->related_terms - 1) < 1e-12);
    assert_string_equal(config_origin(config, OPTION_limits_idle), "f:9");
    assert_string_equal(config_origin(config, OPTION_server_hot), "default");
    config_free(config);
}

static void indented_settings_are_settings(void **state)
{
    (void)state;
    struct config *config = load_right("[server]\n  listen = unix:/a;role=query\n  workers = 3\n");
    assert_string_equal(config->server_listen, "unix:/a;role=query");
    assert_int_equal(config->server_workers, 3);
    config_free(config);
}

static void lists_are_put_together(void **state)
{
    (void)state;
    struct config *config = load_right("[server]\nlisten = unix:/a\nlisten = tcp:[::1]:1  unix:/b\n");
    const char *list = config->server_listen;
    const char *expected[] = {"unix:/a", "tcp:[::1]:1", "unix:/b"};
    for (size_t i = 0; i < 3; i++) {
        char *word = config_next_word(&list);
        assert_string_equal(word, expected[i]);
        free(word);
    }
    assert_null(config_next_word(&list));
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_set(config, "listen", "unix:/x", &mistakes), 0);
    assert_int_equal(config_set(config, "server.listen", "unix:/y", &mistakes), 0);
    assert_string_equal(config->server_listen, "unix:/x unix:/y"); /* the command line replaces the file's */
    config_free(config);
}

static void names_the_nearest_word(void **state)
{
    (void)state;
    assert_mistake("[limits]\nline_qery = 1\n", "f:2: ", "unknown setting \"line_qery\" in [limits]");
    assert_mistake("[limits]\nline_qery = 1\n", "f:2: ", "did you mean \"line_query\"?");
    assert_mistake("[limits]\nworkers = 1\n", "f:2: ", "it belongs in [server]");
    assert_mistake("[limits]\nzzzzzzzzzzzzz = 1\n", "f:2: ", "unknown setting");
    assert_mistake("\n[limts]\nline_query = 64K\n",
                   "f:2: ", "unknown section [limts], did you mean [limits]?");
    assert_mistake("[qqqqqqqq]\n", "f:1: ", "[server], [limits], [store], [index], [related]");
}

static void names_range_and_unit(void **state)
{
    (void)state;
    assert_mistake("[limits]\nline_query = 2G\n", "f:2: limits.line_query: \"2G\" is too large",
                   "accepted: 4K to 1M bytes");
    assert_mistake("[limits]\nline_query = 1\n", "f:2: ", "is too small");
    assert_mistake("[limits]\nline_query = -1K\n", "f:2: ", "is too small");
    assert_mistake("[limits]\nmemory = 9999999999999999999\n", "f:2: ", "is too large");
    assert_mistake("[limits]\nmemory = 9223372036854775807K\n", "f:2: ", "is too large");
    assert_mistake("[limits]\nline_query = 64X\n", "f:2: ", "has an unknown unit");
    assert_mistake("[limits]\nline_query = many\n", "f:2: ", "is not a whole number");
    assert_mistake("[limits]\nline_query =\n", "f:2: ", "is not a whole number");
    assert_mistake("[limits]\nline_query = 0x1000\n", "f:2: ", "has an unknown unit");
    assert_mistake("[limits]\nidle = 30\n", "f:2: limits.idle: \"30\" has no unit",
                   "100ms to 24h (units: ms, s, m, h)");
    assert_mistake("[limits]\njson_depth = 3\n", "f:2: ", "4 to 512");
    assert_mistake("[limits]\njson_depth = 8K\n", "f:2: ", "has an unknown unit");
    assert_mistake("[related]\ntags = 1.5\n", "f:2: ", "is too large; accepted: 0 to 1");
    assert_mistake("[related]\ntags = nan\n", "f:2: ", "is not a number");
    assert_mistake("[related]\ntags = 0x1\n", "f:2: ", "is not a number");
    assert_mistake("[related]\ntags =\n", "f:2: ", "is not a number");
}

static void names_accepted_words(void **state)
{
    (void)state;
    assert_mistake("[server]\nlog_level = loud\n", "f:2: ", "error, warning, info or debug");
    assert_mistake("[server]\nlog = \n", "f:2: ", "stderr or syslog");
    assert_mistake("[server]\nlog = stderr syslog\n", "f:2: ", "stderr or syslog");
}

static void refuses_what_would_be_misread(void **state)
{
    (void)state;
    assert_mistake("workers = 1\n", "f:1: ", "before the first [section]");
    assert_mistake("[server]\nworkers\n", "f:2: ", "expected `name = value`");
    assert_mistake("[server\nworkers = x\n", "f:1: ", "must end with \"]\"");
    assert_mistake("[server] # comment\n", "f:1: ", "must end with \"]\"");
    assert_mistake("[server]\nworkers = 1\nworkers = 2\n", "f:3: server.workers is given twice",
                   "first on line 2");
    assert_mistake("[server]\nlisten = unix:/a ;role=query\n", "f:2: ", "white space");
    assert_mistake("[server]\ndata = \"/srv\"\n", "f:2: ", "quotation marks");
    assert_mistake("[server]\ndata = /srv/\xff\n", "f:2: ", "UTF-8");
    assert_mistake("[server]\ndata = /srv/\x1b[0m\n", "f:2: ", "control character");
    char line[600] = "[server]\ndata = /";
    memset(line + strlen(line), 'x', 500);
    assert_mistake(line, "f:2: ", "a line of more than");
}

static void a_nul_byte_is_a_mistake(void **state)
{
    (void)state;
    static const char text[] = "[server]\nworkers = 1\0 2\n";
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_load_text(config, "f", text, sizeof text - 1, &mistakes), -1);
    assert_string_equal(mistakes.lines[0], "f:2: a NUL byte");
    mistakes_release(&mistakes);
    config_free(config);
}

static void reports_all_mistakes(void **state)
{
    (void)state;
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(load(config,
                          "[server]\nworkers = x\nnonsense\nlogg = stderr\n[bad\nx = 1\n[limits]\n"
                          "idle = 5\nconnections = 100\njson_depth = 1",
                          &mistakes),
                     -1);
    const char *const starts[] = {"f:2: ", "f:3: ", "f:4: ", "f:5: ", "f:8: ", "f:10: "};
    assert_int_equal(mistakes.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(strncmp(mistakes.lines[i], starts[i], strlen(starts[i])), 0);
    assert_int_equal(config->limits_connections, 100); /* what is right was set */
    mistakes_release(&mistakes);
    config_free(config);
}

static void a_missing_file_is_a_mistake(void **state)
{
    (void)state;
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_load_file(config, "/nonexistent/storyd.conf", &mistakes), -1);
    assert_int_equal(mistakes.count, 1);
    assert_contains(mistakes.lines[0], "/nonexistent/storyd.conf");
    mistakes_release(&mistakes);
    config_free(config);
}

static void overrides_replace_the_file(void **state)
{
    (void)state;
    struct config *config = load_right("[server]\nworkers = 3\n[limits]\nline_query = 8K\n");
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_set(config, "server.workers", "5", &mistakes), 0);
    assert_int_equal(config_set(config, "line-query", "16K", &mistakes), 0);
    assert_int_equal(config->server_workers, 5);
    assert_int_equal(config->limits_line_query, 16384);
    assert_string_equal(config_origin(config, OPTION_server_workers), "command line");
    assert_int_equal(config_set(config, "worker", "5", &mistakes), -1);
    assert_int_equal(config_set(config, "limits.workers", "5", &mistakes), -1);
    assert_int_equal(config_set(config, "workers", "500", &mistakes), -1);
    assert_int_equal(mistakes.count, 3);
    assert_contains(mistakes.lines[0], "command line: unknown setting \"worker\", did you mean \"workers\"?");
    assert_contains(mistakes.lines[2], "0 to 256");
    assert_int_equal(config->server_workers, 5); /* a refused value changes nothing */
    mistakes_release(&mistakes);
    config_free(config);
}

static void assert_invalid(const char *text, const char *expected)
{
    struct config *config = load_right(text);
    struct mistakes mistakes = MISTAKES_INIT;
    assert_int_equal(config_validate(config, &mistakes), -1);
    assert_int_equal(mistakes.count, 1);
    assert_contains(mistakes.lines[0], expected);
    mistakes_release(&mistakes);
    config_free(config);
}

static void settings_must_fit_each_other(void **state)
{
    (void)state;
    assert_invalid("[limits]\ndeadline = 20s\n",
                   "f:2: limits.deadline (20s) must not be more than limits.deadline_max (10s)");
    assert_invalid("[limits]\n\ndeadline_max = 500ms\n", "f:3: limits.deadline (1s)");
    assert_invalid("[limits]\noutput_pause = 4M\n", "must be less than limits.output_close (4M)");
    assert_invalid("[limits]\nline_query = 1M\nline_write = 512K\n", "limits.line_write (512K)");
    assert_invalid("[limits]\nconnections = 16\n", "limits.connections_admin (16) must be less than");
    assert_invalid("[server]\ndata =\n", "f:2: server.data must not be empty");
    assert_invalid("[server]\nlisten =\n", "f:2: server.listen must not be empty");
    assert_invalid("[related]\ntags = 0\nentities = 0\nterms = 0\n", "must not all be 0");
}

struct differences {
    size_t count;
    char text[300];
};

static void note_difference(void *context, const struct option *option, const char *old_text,
                            const char *new_text)
{
    struct differences *differences = context;
    size_t length = strlen(differences->text);
    snprintf(differences->text + length, sizeof differences->text - length, "%s: %s -> %s %d\n",
             option->full_name, old_text, new_text, option->reloadable);
    differences->count++;
}

static void a_reload_knows_what_changed(void **state)
{
    (void)state;
    struct config *old_config = load_right("[limits]\nidle = 60s\n[server]\npid_file = /a\n");
    struct config *new_config = load_right("[limits]\nidle = 1m\nqueue = 5\n[related]\ntags = 0.5\n");
    struct differences differences = {0};
    assert_int_equal(config_diff(old_config, new_config, note_difference, &differences), 3);
    assert_int_equal(differences.count, 3);
    assert_string_equal(differences.text, "server.pid_file: /a ->  0\nlimits.queue: 1024 -> 5 0\n"
                                          "related.tags: 0.2 -> 0.5 1\n");
    config_free(old_config);
    config_free(new_config);
}

static struct option test_option(enum option_type type, const char *unit)
{
    return (struct option){
        .section = "s", .name = "n", .full_name = "s.n", .type = type, .max = 1e6, .unit = unit};
}

static void booleans_have_several_words(void **state)
{
    (void)state;
    struct option option = test_option(OPTION_TYPE_BOOL, "");
    static const char *const words[] = {"no", "yes", "false", "TRUE", "off", "On", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct option_value value;
        assert_int_equal(option_parse(&option, words[i], &value, NULL), 0);
        assert_int_equal(value.flag, i % 2 == 1);
    }
    struct option_value value;
    struct error error = ERROR_INIT;
    assert_int_equal(option_parse(&option, "maybe", &value, &error), -1);
    assert_contains(error.message, "accepted: yes or no");
}

static void printed_values_read_back(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, 999, 1000, 1024, 1536, 60000, 90000, 999999};
    static const enum option_type types[] = {OPTION_TYPE_NUMBER, OPTION_TYPE_BYTES, OPTION_TYPE_DURATION};
    struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < 27; i++) {
        struct option option = test_option(types[i % 3], "");
        struct option_value value = {.number = numbers[i / 3]};
        buffer_clear(&text);
        option_print(&option, &value, &text);
        if (value.number == 0 && option.type == OPTION_TYPE_DURATION)
            continue;
        struct option_value again;
        assert_int_equal(option_parse(&option, text.data, &again, NULL), 0);
        assert_int_equal(again.number, value.number);
    }
    buffer_release(&text);
}

static void the_shipped_file_equals_the_table(void **state)
{
    (void)state;
    char *shipped;
    size_t length;
    assert_int_equal(file_read(TEST_DATA "/../../conf/storyd.conf", 1 << 20, &shipped, &length, NULL), 0);
    struct config *config = config_new_defaults();
    struct buffer text = BUFFER_INIT;
    config_write_file(config, &text);
    if (strcmp(shipped, text.data) != 0)
        fail_msg("conf/storyd.conf is out of date: storyd --print-config > conf/storyd.conf");
    buffer_release(&text);
    config_free(config);
    free(shipped);
}

/* With every "#name = value" made a setting, the file must still load, and say what the defaults say. */
static void the_written_defaults_can_be_read(void **state)
{
    (void)state;
    struct config *config = config_new_defaults();
    struct buffer text = BUFFER_INIT;
    config_write_file(config, &text);
    for (char *line = text.data; line != NULL && *line != '\0';) {
        if (line[0] == '#' && line[1] != ' ')
            line[0] = ' ';
        line = strchr(line, '\n');
        line += line != NULL;
    }
    struct config *again = load_right(text.data);
    struct differences differences = {0};
    assert_int_equal(config_diff(config, again, note_difference, &differences), 0);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        assert_int_equal(again->layers[i], CONFIG_LAYER_FILE);
    buffer_release(&text);
    config_free(config);
    config_free(again);
}

static void a_written_file_keeps_what_was_changed(void **state)
{
    (void)state;
    struct config *config =
        load_right("[server]\nlisten = unix:/a;role=query unix:/b\nworkers = 7\n[limits]\nidle = 90s\n");
    struct buffer text = BUFFER_INIT;
    config_write_file(config, &text);
    assert_contains(text.data, "\nworkers = 7\n");
    struct config *again = load_right(text.data);
    struct differences differences = {0};
    assert_int_equal(config_diff(config, again, note_difference, &differences), 0);
    buffer_release(&text);
    config_free(config);
    config_free(again);
}

static void json_has_every_setting(void **state)
{
    (void)state;
    struct config *config = load_right("[limits]\nidle = 90s\n");
    struct buffer text = BUFFER_INIT;
    struct json_writer writer;
    json_writer_init(&writer, &text);
    config_write_json(config, &writer);
    json_t *json = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(json_object_size(json), OPTION_COUNT);
    json_t *idle = json_object_get(json, "limits.idle");
    assert_int_equal(json_integer_value(json_object_get(idle, "value")), 90000);
    assert_string_equal(json_string_value(json_object_get(idle, "text")), "90s");
    assert_string_equal(json_string_value(json_object_get(idle, "default")), "300s");
    assert_true(json_is_true(json_object_get(idle, "changed")));
    assert_true(json_is_false(json_object_get(json_object_get(json, "server.data"), "changed")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "server.hot"), "text")), "");
    json_decref(json);
    buffer_release(&text);
    config_free(config);
}

static void help_names_every_setting(void **state)
{
    (void)state;
    struct buffer text = BUFFER_INIT;
    config_write_help(&text);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        assert_contains(text.data, option_table[i].full_name);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_typed_and_valid),
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(indented_settings_are_settings),
        cmocka_unit_test(lists_are_put_together),
        cmocka_unit_test(names_the_nearest_word),
        cmocka_unit_test(names_range_and_unit),
        cmocka_unit_test(names_accepted_words),
        cmocka_unit_test(refuses_what_would_be_misread),
        cmocka_unit_test(a_nul_byte_is_a_mistake),
        cmocka_unit_test(reports_all_mistakes),
        cmocka_unit_test(a_missing_file_is_a_mistake),
        cmocka_unit_test(overrides_replace_the_file),
        cmocka_unit_test(settings_must_fit_each_other),
        cmocka_unit_test(a_reload_knows_what_changed),
        cmocka_unit_test(booleans_have_several_words),
        cmocka_unit_test(printed_values_read_back),
        cmocka_unit_test(the_shipped_file_equals_the_table),
        cmocka_unit_test(the_written_defaults_can_be_read),
        cmocka_unit_test(a_written_file_keeps_what_was_changed),
        cmocka_unit_test(json_has_every_setting),
        cmocka_unit_test(help_names_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
