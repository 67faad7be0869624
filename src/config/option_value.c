/* How values are read and written. */
#include "config/option.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct suffix {
    const char *text;
    int64_t factor;
};

/* Largest first: the printer takes the first one that divides. */
static const struct suffix byte_suffixes[] = {{"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20},
                                              {"K", 1 << 10},          {"", 1},        {NULL, 0}};
static const struct suffix duration_suffixes[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct suffix no_suffixes[] = {{"", 1}, {NULL, 0}};

static const struct suffix *suffixes_of(enum option_type type)
{
    if (type == OPTION_TYPE_BYTES)
        return byte_suffixes;
    return type == OPTION_TYPE_DURATION ? duration_suffixes : no_suffixes;
}

static int refuse(const struct option *option, const char *text, const char *reason, struct error *error)
{
    struct buffer accepted = BUFFER_INIT;
    option_print_accepted(option, &accepted);
    error_set(error, ERROR_BAD_REQUEST, "%s: \"%.80s\" %s; accepted: %s", option->full_name, text, reason,
              accepted.data);
    buffer_release(&accepted);
    return -1;
}

static int check_range(const struct option *option, const char *text, double number, struct error *error)
{
    if (number < option->min)
        return refuse(option, text, "is too small", error);
    if (number > option->max)
        return refuse(option, text, "is too large", error);
    return 0;
}

/* A whole number with one of the type's suffixes. A duration must have one: nobody could tell seconds from
 * milliseconds. */
static int parse_number(const struct option *option, const char *text, int64_t *number, struct error *error)
{
    size_t digits = strspn(text + (*text == '-'), "0123456789") + (*text == '-');
    char *end;
    errno = 0;
    long long count = strtoll(text, &end, 10);
    if (digits == (*text == '-') || end != text + digits)
        return refuse(option, text, "is not a whole number", error);
    const struct suffix *suffix = suffixes_of(option->type);
    while (suffix->text != NULL && strcasecmp(suffix->text, end) != 0)
        suffix++;
    if (suffix->text == NULL)
        return refuse(option, text, *end == '\0' ? "has no unit" : "has an unknown unit", error);
    if (errno == ERANGE || __builtin_mul_overflow(count, suffix->factor, number))
        return refuse(option, text, count < 0 ? "is too small" : "is too large", error);
    return check_range(option, text, (double)*number, error);
}

static int parse_real(const struct option *option, const char *text, double *real, struct error *error)
{
    char *end;
    *real = strtod(text, &end);
    /* strtod() also knows "inf", "nan" and hexadecimal. */
    if (end == text || *end != '\0' || strspn(text, "+-.0123456789eE") != strlen(text))
        return refuse(option, text, "is not a number", error);
    return check_range(option, text, *real, error);
}

static int parse_bool(const struct option *option, const char *text, bool *flag, struct error *error)
{
    static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (int value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *flag = value == 1;
                return 0;
            }
        }
    }
    return refuse(option, text, "is neither yes nor no", error);
}

static int parse_text(const struct option *option, const char *text, char **copy, struct error *error)
{
    size_t length = strlen(text);
    if (!utf8_is_text(text, length))
        return error_set(error, ERROR_BAD_REQUEST, "%s: the value is not UTF-8 text", option->full_name);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t')
            return error_set(error, ERROR_BAD_REQUEST, "%s: the value has a control character",
                             option->full_name);
    }
    if (length > 0 && (text[0] == '"' || text[0] == '\''))
        return error_set(error, ERROR_BAD_REQUEST, "%s: write the value without quotation marks",
                         option->full_name);
    *copy = memory_copy_string(text);
    return 0;
}

/* Finds `text` among the words separated by spaces. */
static bool is_word_of(const char *words, const char *text)
{
    size_t length = strlen(text);
    while (*words != '\0') {
        size_t word = strcspn(words, " ");
        if (word == length && memcmp(words, text, length) == 0)
            return true;
        words += word;
        words += strspn(words, " ");
    }
    return false;
}

static int parse_choice(const struct option *option, const char *text, char **copy, struct error *error)
{
    if (!is_word_of(option->unit, text))
        return refuse(option, text, "is not known", error);
    *copy = memory_copy_string(text);
    return 0;
}

int option_parse(const struct option *option, const char *text, struct option_value *value,
                 struct error *error)
{
    *value = (struct option_value){0};
    switch (option->type) {
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_LIST:
        return parse_text(option, text, &value->text, error);
    case OPTION_TYPE_CHOICE:
        return parse_choice(option, text, &value->text, error);
    case OPTION_TYPE_REAL:
        return parse_real(option, text, &value->real, error);
    case OPTION_TYPE_BOOL:
        return parse_bool(option, text, &value->flag, error);
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_BYTES:
    case OPTION_TYPE_DURATION:
        break;
    }
    return parse_number(option, text, &value->number, error);
}

static void print_number(enum option_type type, int64_t number, struct buffer *out)
{
    const struct suffix *suffix = suffixes_of(type);
    while (number % suffix->factor != 0)
        suffix++;
    if (number == 0)
        buffer_append_char(out, '0');
    else
        buffer_printf(out, "%lld%s", (long long)(number / suffix->factor), suffix->text);
}

void option_print(const struct option *option, const struct option_value *value, struct buffer *out)
{
    switch (option->type) {
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_CHOICE:
    case OPTION_TYPE_LIST:
        buffer_append_string(out, value->text);
        return;
    case OPTION_TYPE_REAL:
        buffer_printf(out, "%.15g", value->real);
        return;
    case OPTION_TYPE_BOOL:
        buffer_append_string(out, value->flag ? "yes" : "no");
        return;
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_BYTES:
    case OPTION_TYPE_DURATION:
        break;
    }
    print_number(option->type, value->number, out);
}

/* "error warning info" becomes "error, warning or info". */
static void print_choices(const char *words, struct buffer *out)
{
    for (;;) {
        size_t length = strcspn(words, " ");
        buffer_append(out, words, length);
        words += length;
        if (*words == '\0')
            return;
        words++;
        buffer_append_string(out, strchr(words, ' ') != NULL ? ", " : " or ");
    }
}

void option_print_accepted(const struct option *option, struct buffer *out)
{
    switch (option->type) {
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_LIST:
        buffer_append_string(out, option->unit);
        return;
    case OPTION_TYPE_CHOICE:
        print_choices(option->unit, out);
        return;
    case OPTION_TYPE_BOOL:
        buffer_append_string(out, "yes or no");
        return;
    case OPTION_TYPE_REAL:
        buffer_printf(out, "%.15g to %.15g", option->min, option->max);
        return;
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_BYTES:
    case OPTION_TYPE_DURATION:
        break;
    }
    print_number(option->type, (int64_t)option->min, out);
    buffer_append_string(out, " to ");
    print_number(option->type, (int64_t)option->max, out);
    if (option->type == OPTION_TYPE_DURATION)
        buffer_append_string(out, " (units: ms, s, m, h)");
    else if (option->type == OPTION_TYPE_BYTES)
        buffer_append_string(out, " bytes");
}
