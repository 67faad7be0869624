#include "ctl/command_line.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 64

/* ---- values ---- */

static bool read_count(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool read_share(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (end == text || errno != 0)
        return false;
    if (strcmp(end, "%") == 0 || strcmp(end, " %") == 0)
        *value /= 100;
    else if (*end != '\0')
        return false;
    return *value >= 0 && *value <= 1;
}

static int check_value(const struct verb_option *option, const char *value, struct error *error)
{
    int64_t count;
    double share;
    if (option->kind == VALUE_COUNT && !read_count(value, &count))
        return error_set(error, ERROR_BAD_REQUEST, "--%s must be a whole number, not \"%.60s\"", option->name,
                         value);
    if (option->kind == VALUE_SHARE && !read_share(value, &share))
        return error_set(error, ERROR_BAD_REQUEST, "--%s must be 0 to 1, or 0%% to 100%%, not \"%.60s\"",
                         option->name, value);
    return 0;
}

/* ---- tables ---- */

static const struct verb_option *find_option(const struct verb_option *options, const char *name,
                                             size_t length)
{
    for (; options != NULL && options->name != NULL; options++)
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

static size_t collect_names(const struct verb_option *options, const char **names, size_t count)
{
    for (; options != NULL && options->name != NULL && count < NAMES_MAX; options++)
        names[count++] = options->name;
    return count;
}

static int unknown_option(const struct verb *verb, const char *name, int length, struct error *error)
{
    const char *names[NAMES_MAX + 1];
    size_t count = collect_names(general_options, names, 0);
    count = collect_names(verb != NULL ? verb->options : NULL, names, count);
    names[count] = NULL;
    char *copy = memory_copy_bytes(name, (size_t)length);
    const char *meant = nearest_word(copy, names);
    free(copy);
    if (meant != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "unknown option --%.*s: did you mean --%s?", length, name,
                         meant);
    return error_set(error, ERROR_BAD_REQUEST, "unknown option --%.*s; see storyctl %s%s--help", length, name,
                     verb != NULL ? verb->name : "", verb != NULL ? " " : "");
}

static int find_verb(const char *name, const struct verb **verb, struct error *error)
{
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (const struct verb *row = verbs; row->name != NULL && count < NAMES_MAX; row++) {
        names[count++] = row->name;
        if (strcmp(row->name, name) == 0) {
            *verb = row;
            return 0;
        }
    }
    names[count] = NULL;
    const char *meant = nearest_word(name, names);
    if (meant != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "there is no verb \"%.60s\": did you mean %s?", name,
                         meant);
    return error_set(error, ERROR_BAD_REQUEST, "there is no verb \"%.60s\"; storyctl --help shows them",
                     name);
}

/* ---- parsing ---- */

struct parser {
    struct invocation *invocation;
    int count;
    char **arguments;
    int at; /* of the next argument */
};

static int take_option(struct parser *parser, struct error *error)
{
    struct invocation *invocation = parser->invocation;
    const char *name = parser->arguments[parser->at++] + 2;
    const char *equals = strchrnul(name, '=');
    size_t length = (size_t)(equals - name);
    const struct verb_option *option = find_option(general_options, name, length);
    if (option == NULL && invocation->verb != NULL)
        option = find_option(invocation->verb->options, name, length);
    if (option == NULL)
        return unknown_option(invocation->verb, name, length < 60 ? (int)length : 60, error);
    const char *value = "";
    if (option->kind == VALUE_NONE) {
        if (*equals == '=')
            return error_set(error, ERROR_BAD_REQUEST, "--%s takes no value", option->name);
    } else if (*equals == '=') {
        value = equals + 1;
    } else if (parser->at < parser->count) {
        value = parser->arguments[parser->at++];
    } else {
        return error_set(error, ERROR_BAD_REQUEST, "--%s needs a value: %s", option->name, option->argument);
    }
    invocation->given[invocation->given_count++] = (struct given_option){option, value};
    return check_value(option, value, error);
}

static int take_word(struct invocation *invocation, const char *word, struct error *error)
{
    if (invocation->verb == NULL)
        return find_verb(word, &invocation->verb, error);
    invocation->words[invocation->word_count++] = word;
    return 0;
}

/* The short forms that everybody tries. */
static char *long_form(char *argument)
{
    static char help[] = "--help";
    static char version[] = "--version";
    return strcmp(argument, "-h") == 0 ? help : strcmp(argument, "-V") == 0 ? version : argument;
}

static int check_words(const struct invocation *invocation, struct error *error)
{
    const struct verb *verb = invocation->verb;
    if (invocation_has(invocation, "help") || invocation_has(invocation, "version"))
        return 0;
    if (verb == NULL)
        return error_set(error, ERROR_BAD_REQUEST, "what is to be done? storyctl --help shows the verbs");
    if (invocation->word_count >= verb->words_min && invocation->word_count <= verb->words_max)
        return 0;
    return error_set(error, ERROR_BAD_REQUEST, "too %s arguments: storyctl %s %s; see storyctl %s --help",
                     invocation->word_count < verb->words_min ? "few" : "many", verb->name, verb->arguments,
                     verb->name);
}

int invocation_parse(struct invocation *invocation, int count, char **arguments, struct error *error)
{
    *invocation = (struct invocation){
        .words = memory_zeroed((size_t)count + 1, sizeof(char *)),
        .given = memory_zeroed((size_t)count + 1, sizeof(struct given_option)),
    };
    struct parser parser = {.invocation = invocation, .count = count, .arguments = arguments, .at = 1};
    bool only_words = false;
    while (parser.at < count) {
        arguments[parser.at] = long_form(arguments[parser.at]);
        const char *argument = arguments[parser.at];
        int result;
        if (!only_words && strcmp(argument, "--") == 0) {
            only_words = true;
            parser.at++;
            continue;
        }
        if (!only_words && strncmp(argument, "--", 2) == 0) {
            result = take_option(&parser, error);
        } else {
            parser.at++;
            result = take_word(invocation, argument, error);
        }
        if (result != 0)
            return -1;
    }
    return check_words(invocation, error);
}

void invocation_release(struct invocation *invocation)
{
    free(invocation->words);
    free(invocation->given);
}

/* ---- asking ---- */

const char *invocation_next(const struct invocation *invocation, const char *name, size_t *at)
{
    while (*at < invocation->given_count) {
        const struct given_option *given = &invocation->given[(*at)++];
        if (strcmp(given->option->name, name) == 0)
            return given->value;
    }
    return NULL;
}

const char *invocation_text(const struct invocation *invocation, const char *name)
{
    size_t at = 0;
    const char *last = NULL;
    for (const char *value; (value = invocation_next(invocation, name, &at)) != NULL;)
        last = value;
    return last;
}

bool invocation_has(const struct invocation *invocation, const char *name)
{
    return invocation_text(invocation, name) != NULL;
}

int64_t invocation_count(const struct invocation *invocation, const char *name, int64_t fallback)
{
    const char *text = invocation_text(invocation, name);
    int64_t value;
    return text != NULL && read_count(text, &value) ? value : fallback;
}

double invocation_share(const struct invocation *invocation, const char *name, double fallback)
{
    const char *text = invocation_text(invocation, name);
    double value;
    return text != NULL && read_share(text, &value) ? value : fallback;
}
