#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/arguments.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16

/* Loads the words; what goes to stderr is put into `said`. NULL if they were refused. */
static struct config *load(const char *const *words, char *said, size_t size)
{
    char *copies[WORDS_MAX] = {"storyd"};
    int count = 1;
    for (; *words != NULL; words++)
        copies[count++] = (char *)(uintptr_t)*words;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    struct config *config = NULL;
    int result = arguments_load(count, copies, arguments_complain, &config);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    said[fread(said, 1, size - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(result != 0, config == NULL);
    return config;
}

#define LOAD(said, ...) load((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, said, sizeof said)

static void assert_refused(const char *word, const char *expected)
{
    char said[2000];
    assert_null(LOAD(said, word));
    if (strstr(said, expected) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", expected, said);
}

static void nothing_given_is_the_defaults(void **state)
{
    (void)state;
    char said[2000];
    struct config *config = LOAD(said);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        assert_true(config_is_default(config, &option_table[i]));
    assert_string_equal(said, "");
    config_free(config);
}

static void every_form_of_a_setting(void **state)
{
    (void)state;
    char said[2000];
    struct config *config = LOAD(
        said, "--data", "/srv/x", "--listen", "unix:/a", "--listen=unix:/b;role=query", "--server.workers=3",
        "--limits.line-query=8K", "--json_depth", "7", "--related.tags=0.5", "--pid-file=");
    assert_non_null(config);
    assert_string_equal(config->server_data, "/srv/x");
    assert_string_equal(config->server_listen, "unix:/a unix:/b;role=query");
    assert_int_equal(config->server_workers, 3);
    assert_int_equal(config->limits_line_query, 8192);
    assert_int_equal(config->limits_json_depth, 7);
    config_free(config);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    assert_refused("--wrokers=3", "did you mean \"workers\"?");
    assert_refused("--workers=many", "server.workers: \"many\" is not a whole number; accepted: 0 to 256");
    assert_refused("--workers", "needs a value");
    assert_refused("workers=3", "unexpected \"workers=3\"");
    assert_refused("--deadline=20s", "limits.deadline (20s) must not be more than limits.deadline_max (10s)");
    assert_refused("--config=/nonexistent.conf", "/nonexistent.conf");
}

static void all_mistakes_are_named(void **state)
{
    (void)state;
    char said[2000];
    assert_null(LOAD(said, "--workers=x", "--log=paper", "--nothing-like-it=1"));
    assert_non_null(strstr(said, "server.workers"));
    assert_non_null(strstr(said, "stderr or syslog"));
    assert_non_null(strstr(said, "nothing-like-it"));
}

static void the_command_line_wins_over_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/test_arguments.XXXXXX";
    int file = mkstemp(path);
    static const char text[] = "[server]\nworkers = 2\nlisten = unix:/file\n[limits]\njson_depth = 9\n";
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    char said[2000];
    struct config *config = LOAD(said, "--workers=5", "--listen=unix:/word", "--config", path);
    unlink(path);
    assert_non_null(config);
    assert_int_equal(config->server_workers, 5);
    assert_string_equal(config->server_listen, "unix:/word");
    assert_int_equal(config->limits_json_depth, 9);
    config_free(config);
}

static void actions_are_not_settings(void **state)
{
    (void)state;
    static const struct {
        char *word;
        enum arguments_action action;
    } cases[] = {{"--test", ARGUMENTS_TEST},
                 {"-t", ARGUMENTS_TEST},
                 {"--print-config", ARGUMENTS_PRINT_CONFIG},
                 {"--version", ARGUMENTS_VERSION},
                 {"--help", ARGUMENTS_HELP}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words[] = {"storyd", cases[i].word, "--data=/x", "--config", "/f"};
        struct arguments arguments;
        assert_int_equal(arguments_parse(5, words, &arguments), 0);
        assert_int_equal(arguments.action, cases[i].action);
        assert_string_equal(arguments.config_path, "/f");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_is_the_defaults),
        cmocka_unit_test(every_form_of_a_setting),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(all_mistakes_are_named),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(actions_are_not_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
