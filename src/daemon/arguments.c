#include "daemon/arguments.h"

#include "net/address.h"
#include "text/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options that are not settings. */
static const struct {
    const char *name;
    const char *short_name;
    enum arguments_action action;
} actions[] = {
    {"--test", "-t", ARGUMENTS_TEST},
    {"--print-config", NULL, ARGUMENTS_PRINT_CONFIG},
    {"--help", "-h", ARGUMENTS_HELP},
    {"--version", "-V", ARGUMENTS_VERSION},
};

/* A word of the command line, taken apart: "--name=value" or "--name value". */
struct word {
    const char *name; /* without dashes */
    char name_copy[128];
    const char *value;
};

static bool is_action(const char *text, enum arguments_action *action)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(text, actions[i].name) != 0 &&
            (actions[i].short_name == NULL || strcmp(text, actions[i].short_name) != 0))
            continue;
        *action = actions[i].action;
        return true;
    }
    return false;
}

/* Moves *at past what it takes. */
static int take_word(int count, char **words, int *at, struct word *word)
{
    const char *text = words[*at];
    if (strncmp(text, "--", 2) != 0) {
        fprintf(stderr, "storyd: unexpected \"%s\"; storyd --help says what is accepted\n", text);
        return -1;
    }
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text - 2) : strlen(text + 2);
    if (length >= sizeof word->name_copy)
        length = sizeof word->name_copy - 1;
    memcpy(word->name_copy, text + 2, length);
    word->name_copy[length] = '\0';
    word->name = word->name_copy;
    word->value = equals != NULL ? equals + 1 : *at + 1 < count ? words[++*at] : NULL;
    if (word->value == NULL) {
        fprintf(stderr, "storyd: \"%s\" needs a value\n", text);
        return -1;
    }
    return 0;
}

int arguments_parse(int count, char **words, struct arguments *arguments)
{
    *arguments = (struct arguments){.action = ARGUMENTS_RUN};
    for (int at = 1; at < count; at++) {
        struct word word;
        if (is_action(words[at], &arguments->action))
            continue;
        if (take_word(count, words, &at, &word) != 0)
            return -1;
        if (strcmp(word.name, "config") == 0)
            arguments->config_path = word.value;
    }
    return 0;
}

/* A unix socket on the command line is the administrator's own: address_parse() gives it the admin role when
 * none is named. Lists given several times, as --listen may be, are put together. */
static int apply_words(int count, char **words, struct config *config, struct mistakes *mistakes)
{
    for (int at = 1; at < count; at++) {
        struct word word;
        enum arguments_action action;
        if (is_action(words[at], &action))
            continue;
        if (take_word(count, words, &at, &word) != 0)
            return -1;
        if (strcmp(word.name, "config") != 0)
            config_set(config, word.name, word.value, mistakes);
    }
    return 0;
}

static int check_address(const char *text, char seen[][ADDRESS_TEXT_SIZE], size_t count, struct error *error)
{
    struct address address;
    if (address_parse(text, &address, error) != 0 || address_check_reach(&address, error) != 0)
        return -1;
    address_print(&address, seen[count]);
    size_t length = strlen(seen[count]);
    if (!address_is_unix(&address) && strcmp(seen[count] + length - 2, ":0") == 0)
        seen[count][0] = '\0'; /* the system chooses another port for each */
    for (size_t i = 0; i < count; i++)
        if (seen[i][0] != '\0' && strcmp(seen[i], seen[count]) == 0)
            return error_set(error, ERROR_BAD_REQUEST, "%s is there twice", seen[count]);
    return 0;
}

#define LISTEN_MAX 64 /* addresses that are compared with each other */

static void check_addresses(const struct config *config, struct mistakes *mistakes)
{
    char seen[LISTEN_MAX + 1][ADDRESS_TEXT_SIZE];
    const char *list = config->server_listen;
    struct error error = ERROR_INIT;
    size_t count = 0;
    for (char *text; (text = config_next_word(&list)) != NULL; free(text)) {
        if (check_address(text, seen, count, &error) != 0)
            mistakes_add(mistakes, "%s: server.listen: %s", config_origin(config, OPTION_server_listen),
                         error.message);
        else if (count < LISTEN_MAX)
            count++;
    }
}

/* What only those who use a setting can judge: so that -t finds it, and not the start. */
static void check_meaning(const struct config *config, struct mistakes *mistakes)
{
    check_addresses(config, mistakes);
    if (language_find(config->index_language) == NULL)
        mistakes_add(mistakes, "%s: index.language must be an ISO 639-1 code, not \"%s\"",
                     config_origin(config, OPTION_index_language), config->index_language);
}

void arguments_complain(const char *mistake)
{
    fprintf(stderr, "%s\n", mistake);
}

int arguments_load(int count, char **words, void (*tell)(const char *mistake), struct config **result)
{
    struct arguments arguments;
    if (arguments_parse(count, words, &arguments) != 0)
        return -1;
    struct config *config = config_new_defaults();
    struct mistakes mistakes = MISTAKES_INIT;
    if (arguments.config_path != NULL)
        config_load_file(config, arguments.config_path, &mistakes);
    int failed = apply_words(count, words, config, &mistakes) != 0;
    if (mistakes.count == 0)
        config_validate(config, &mistakes);
    if (mistakes.count == 0)
        check_meaning(config, &mistakes);
    for (size_t i = 0; i < mistakes.count; i++)
        tell(mistakes.lines[i]);
    failed = failed || mistakes.count != 0;
    mistakes_release(&mistakes);
    if (failed) {
        config_free(config);
        return -1;
    }
    *result = config;
    return 0;
}
