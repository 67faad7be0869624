#include "command/schema.h"

#include "base/json_writer.h"
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64 /* parameters of one table */

static const struct {
    const char *name;
    const char *article; /* how messages call it */
} types[] = {
    [PARAMETER_TEXT] = {"text", "a string"},      [PARAMETER_INTEGER] = {"integer", "an integer"},
    [PARAMETER_NUMBER] = {"number", "a number"},  [PARAMETER_BOOL] = {"bool", "true or false"},
    [PARAMETER_WORD] = {"word", "a string"},      [PARAMETER_TEXT_LIST] = {"text_list", "a list of strings"},
    [PARAMETER_OBJECT] = {"object", "an object"}, [PARAMETER_ANY] = {"any", "anything"},
};

static bool is_list_of_text(const json_t *value)
{
    size_t index;
    json_t *item;
    if (!json_is_array(value))
        return false;
    json_array_foreach(value, index, item) if (!json_is_string(item)) return false;
    return true;
}

static bool has_type(enum parameter_type type, const json_t *value)
{
    switch (type) {
    case PARAMETER_TEXT:
    case PARAMETER_WORD:
        return json_is_string(value);
    case PARAMETER_INTEGER:
        return json_is_integer(value);
    case PARAMETER_NUMBER:
        return json_is_number(value);
    case PARAMETER_BOOL:
        return json_is_boolean(value);
    case PARAMETER_TEXT_LIST:
        return is_list_of_text(value);
    case PARAMETER_OBJECT:
        return json_is_object(value);
    case PARAMETER_ANY:
        break;
    }
    return true;
}

static bool is_word_of(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; length != 0; at++) {
        size_t next = strcspn(at, "|");
        if (next == length && memcmp(at, word, length) == 0)
            return true;
        at += next;
        if (*at == '\0')
            break;
    }
    return false;
}

static int check_bounds(const struct parameter *parameter, const json_t *value, struct error *error)
{
    double size;
    const char *unit;
    if (parameter->min == 0 && parameter->max == 0)
        return 0;
    switch (parameter->type) {
    case PARAMETER_TEXT:
        size = (double)json_string_length(value);
        unit = " bytes";
        break;
    case PARAMETER_INTEGER:
    case PARAMETER_NUMBER:
        size = json_number_value(value);
        unit = "";
        break;
    case PARAMETER_TEXT_LIST:
        size = (double)json_array_size(value);
        unit = " strings";
        break;
    default:
        return 0;
    }
    if (size >= parameter->min && size <= parameter->max)
        return 0;
    return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be %s%.15g to %.15g%s, not %.15g",
                     parameter->name, *unit == '\0' ? "" : "of ", parameter->min, parameter->max, unit, size);
}

static int check_value(const struct parameter *parameter, const json_t *value, struct error *error)
{
    if (!has_type(parameter->type, value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be %s", parameter->name,
                         types[parameter->type].article);
    if (parameter->type == PARAMETER_WORD && !is_word_of(parameter->words, json_string_value(value)))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be one of %s, not \"%.60s\"", parameter->name,
                         parameter->words, json_string_value(value));
    if (check_bounds(parameter, value, error) < 0)
        return -1;
    if (parameter->type == PARAMETER_OBJECT && parameter->members != NULL &&
        schema_check(parameter->members, value, error) < 0) {
        error_prefix(error, "in \"%s\"", parameter->name);
        return -1;
    }
    return 0;
}

static const struct parameter *find(const struct parameter *parameters, const char *name)
{
    for (; parameters != NULL && parameters->name != NULL; parameters++)
        if (parameters->name[0] == name[0] &&
            strcmp(parameters->name, name) == 0) /* the first saves the call */
            return parameters;
    return NULL;
}

static int unknown_key(const struct parameter *parameters, const char *key, struct error *error)
{
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (; parameters != NULL && parameters->name != NULL && count < NAMES_MAX; parameters++)
        names[count++] = parameters->name;
    names[count] = NULL;
    const char *meant = nearest_word(key, names);
    if (meant != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "unknown key \"%.60s\": did you mean \"%s\"?", key, meant);
    return error_set(error, ERROR_BAD_REQUEST, "unknown key \"%.60s\"%s", key,
                     count == 0 ? ": nothing is expected here" : "");
}

int schema_check(const struct parameter *parameters, const json_t *object, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const struct parameter *parameter = find(parameters, key);
        if (parameter == NULL)
            return unknown_key(parameters, key, error);
        bool is_absent = json_is_null(value) && !parameter->required && parameter->type != PARAMETER_ANY;
        if (!is_absent && check_value(parameter, value, error) < 0)
            return -1;
    }
    for (const struct parameter *parameter = parameters; parameter != NULL && parameter->name != NULL;
         parameter++)
        if (parameter->required && json_object_get(object, parameter->name) == NULL)
            return error_set(error, ERROR_BAD_REQUEST, "\"%s\" is missing (%s)", parameter->name,
                             types[parameter->type].article);
    return 0;
}

const char *schema_text(const json_t *object, const char *name, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : fallback;
}

int64_t schema_integer(const json_t *object, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

double schema_number(const json_t *object, const char *name, double fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool schema_bool(const json_t *object, const char *name, bool fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static void write_words(const char *words, struct json_writer *writer)
{
    json_key(writer, "words");
    json_begin_array(writer);
    while (*words != '\0') {
        size_t length = strcspn(words, "|");
        json_text_n(writer, words, length);
        words += length + (words[length] == '|');
    }
    json_end_array(writer);
}

static void write_parameter(const struct parameter *parameter, struct json_writer *writer)
{
    json_begin_object(writer);
    json_key_text(writer, "name", parameter->name);
    json_key_text(writer, "type", types[parameter->type].name);
    if (parameter->min != 0 || parameter->max != 0) {
        json_key_number(writer, "min", parameter->min, 6);
        json_key_number(writer, "max", parameter->max, 6);
    }
    if (parameter->words != NULL)
        write_words(parameter->words, writer);
    if (parameter->required)
        json_key_bool(writer, "required", true);
    if (parameter->members != NULL) {
        json_key(writer, "members");
        schema_write(parameter->members, writer);
    }
    if (parameter->help != NULL)
        json_key_text(writer, "help", parameter->help);
    json_end_object(writer);
}

void schema_write(const struct parameter *parameters, struct json_writer *writer)
{
    json_begin_array(writer);
    for (; parameters != NULL && parameters->name != NULL; parameters++)
        write_parameter(parameters, writer);
    json_end_array(writer);
}
