#include "config/option.h"

#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

const struct option option_table[OPTION_COUNT] = {
#define OPTION(section, name, type, default_text, min, max, unit, reloadable, help)                          \
    {#section, #name, #section "." #name, OPTION_TYPE_##type, default_text, min, max, unit, reloadable, help},
#include "config/options.def"
#undef OPTION
};

static bool same_character(char a, char b)
{
    return a == b || (a == '-' && b == '_') || (a == '_' && b == '-');
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && same_character(*a, *b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

const struct option *option_find(const char *section, const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (same_name(section, option->section) && same_name(name, option->name))
            return option;
    }
    return NULL;
}

static const struct option *find_full_name(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (same_name(name, option_table[i].full_name))
            return &option_table[i];
    }
    return NULL;
}

const struct option *option_find_any(const char *name, struct error *error)
{
    const struct option *found = find_full_name(name);
    if (found != NULL)
        return found;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (!same_name(name, option->name))
            continue;
        if (found != NULL) {
            error_set(error, ERROR_BAD_REQUEST, "\"%.80s\" can mean %s or %s: write one of them", name,
                      found->full_name, option->full_name);
            return NULL;
        }
        found = option;
    }
    if (found == NULL) {
        const char *nearest = option_nearest_name(NULL, name);
        if (nearest != NULL)
            error_set(error, ERROR_BAD_REQUEST, "unknown setting \"%.80s\", did you mean \"%s\"?", name,
                      nearest);
        else
            error_set(error, ERROR_BAD_REQUEST, "unknown setting \"%.80s\"", name);
    }
    return found;
}

const char *option_section(const char *section)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (same_name(section, option_table[i].section))
            return option_table[i].section;
    }
    return NULL;
}

const char *option_nearest_section(const char *section)
{
    const char *known[OPTION_COUNT + 1];
    for (size_t i = 0; i < OPTION_COUNT; i++)
        known[i] = option_table[i].section;
    known[OPTION_COUNT] = NULL;
    return nearest_word(section, known);
}

const char *option_nearest_name(const char *section, const char *name)
{
    const char *known[2 * OPTION_COUNT + 1];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (section == NULL || same_name(section, option->section))
            known[count++] = option->name;
        if (section == NULL)
            known[count++] = option->full_name;
    }
    known[count] = NULL;
    return nearest_word(name, known);
}
