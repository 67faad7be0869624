#include "config/config.h"

#include "base/memory.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t offsets[OPTION_COUNT] = {
#define OPTION(section, name, ...) offsetof(struct config, section##_##name),
#include "config/options.def"
#undef OPTION
};

static size_t number_of(const struct option *option)
{
    return (size_t)(option - option_table);
}

static bool has_text(const struct option *option)
{
    return option->type == OPTION_TYPE_TEXT || option->type == OPTION_TYPE_CHOICE ||
           option->type == OPTION_TYPE_LIST;
}

struct option_value config_value(const struct config *config, const struct option *option)
{
    const void *member = (const char *)config + offsets[number_of(option)];
    struct option_value value = {0};
    if (has_text(option))
        value.text = *(char *const *)member;
    else if (option->type == OPTION_TYPE_REAL)
        value.real = *(const double *)member;
    else if (option->type == OPTION_TYPE_BOOL)
        value.flag = *(const bool *)member;
    else
        value.number = *(const int64_t *)member;
    return value;
}

/* Takes the value's text over. */
static void store_value(struct config *config, const struct option *option, struct option_value value)
{
    void *member = (char *)config + offsets[number_of(option)];
    if (has_text(option)) {
        free(*(char **)member);
        *(char **)member = value.text;
    } else if (option->type == OPTION_TYPE_REAL) {
        *(double *)member = value.real;
    } else if (option->type == OPTION_TYPE_BOOL) {
        *(bool *)member = value.flag;
    } else {
        *(int64_t *)member = value.number;
    }
}

struct config *config_new_defaults(void)
{
    struct config *config = memory_zeroed(1, sizeof *config);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct option_value value;
        struct error error = ERROR_INIT;
        if (option_parse(&option_table[i], option_table[i].default_text, &value, &error) < 0) {
            fprintf(stderr, "storyd: wrong default in options.def: %s\n", error.message);
            abort();
        }
        store_value(config, &option_table[i], value);
    }
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        store_value(config, &option_table[i], (struct option_value){0});
        free(config->origins[i]);
    }
    free(config);
}

/* Puts an earlier word list of the same layer before the new one. */
static void join_lists(const struct config *config, const struct option *option, struct option_value *value)
{
    const char *earlier = config_value(config, option).text;
    if (earlier[0] == '\0')
        return;
    struct buffer joined = BUFFER_INIT;
    buffer_printf(&joined, "%s %s", earlier, value->text);
    free(value->text);
    value->text = buffer_steal(&joined);
}

int config_set_option(struct config *config, const struct option *option, const char *text,
                      enum config_layer layer, const char *origin, struct mistakes *mistakes)
{
    struct option_value value;
    struct error error = ERROR_INIT;
    if (option_parse(option, text, &value, &error) < 0)
        return mistakes_add(mistakes, "%s: %s", origin, error.message);
    size_t number = number_of(option);
    if (option->type == OPTION_TYPE_LIST && config->layers[number] == layer)
        join_lists(config, option, &value);
    store_value(config, option, value);
    config->layers[number] = layer;
    free(config->origins[number]);
    config->origins[number] = memory_copy_string(origin);
    return 0;
}

int config_set(struct config *config, const char *name, const char *text, struct mistakes *mistakes)
{
    static const char origin[] = "command line";
    struct error error = ERROR_INIT;
    const struct option *option = option_find_any(name, &error);
    if (option == NULL)
        return mistakes_add(mistakes, "%s: %s", origin, error.message);
    return config_set_option(config, option, text, CONFIG_LAYER_COMMAND_LINE, origin, mistakes);
}

const char *config_origin(const struct config *config, enum option_number number)
{
    return config->origins[number] != NULL ? config->origins[number] : "default";
}

static bool same_value(const struct option *option, const struct option_value *a,
                       const struct option_value *b)
{
    if (has_text(option))
        return strcmp(a->text, b->text) == 0;
    /* The members that are not this type's are zero in both. */
    return a->number == b->number && !(a->real < b->real) && !(a->real > b->real) && a->flag == b->flag;
}

bool config_is_default(const struct config *config, const struct option *option)
{
    struct option_value value = config_value(config, option);
    struct option_value usual;
    if (option_parse(option, option->default_text, &usual, NULL) < 0)
        return false;
    bool same = same_value(option, &value, &usual);
    free(usual.text);
    return same;
}

size_t config_diff(const struct config *old_config, const struct config *new_config,
                   config_difference callback, void *context)
{
    struct buffer old_text = BUFFER_INIT;
    struct buffer new_text = BUFFER_INIT;
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        struct option_value old_value = config_value(old_config, option);
        struct option_value new_value = config_value(new_config, option);
        if (same_value(option, &old_value, &new_value))
            continue;
        buffer_clear(&old_text);
        buffer_clear(&new_text);
        option_print(option, &old_value, &old_text);
        option_print(option, &new_value, &new_text);
        callback(context, option, old_text.data, new_text.data);
        count++;
    }
    buffer_release(&old_text);
    buffer_release(&new_text);
    return count;
}

char *config_next_word(const char **list)
{
    static const char white_space[] = " \t\r\n";
    const char *word = *list + strspn(*list, white_space);
    size_t length = strcspn(word, white_space);
    *list = word + length;
    return length > 0 ? memory_copy_bytes(word, length) : NULL;
}
