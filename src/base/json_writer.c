#include "base/json_writer.h"

#include "base/json_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    writer->out = out;
    writer->comma = false;
}

static void separate(struct json_writer *writer)
{
    if (writer->comma)
        buffer_append_char(writer->out, ',');
    writer->comma = true;
}

static void open_with(struct json_writer *writer, char bracket)
{
    separate(writer);
    buffer_append_char(writer->out, bracket);
    writer->comma = false;
}

static void close_with(struct json_writer *writer, char bracket)
{
    buffer_append_char(writer->out, bracket);
    writer->comma = true;
}

void json_begin_object(struct json_writer *writer)
{
    open_with(writer, '{');
}

void json_end_object(struct json_writer *writer)
{
    close_with(writer, '}');
}

void json_begin_array(struct json_writer *writer)
{
    open_with(writer, '[');
}

void json_end_array(struct json_writer *writer)
{
    close_with(writer, ']');
}

static void append_escape(struct buffer *out, unsigned char c)
{
    switch (c) {
    case '"':
        buffer_append(out, "\\\"", 2);
        break;
    case '\\':
        buffer_append(out, "\\\\", 2);
        break;
    case '\n':
        buffer_append(out, "\\n", 2);
        break;
    case '\r':
        buffer_append(out, "\\r", 2);
        break;
    case '\t':
        buffer_append(out, "\\t", 2);
        break;
    default:
        buffer_printf(out, "\\u%04x", c);
    }
}

/* Where a run of characters ends that need no escape. */
static const char *run_end(const char *text, const char *end)
{
    const char *stop = json_plain_end(text, end);
    const char *delete = stop != text ? memchr(text, 0x7f, (size_t)(stop - text)) : NULL;
    return delete != NULL ? delete : stop;
}

#define SHORT 24 /* bytes: up to here, to look at several at once does not pay */

/* A short text of ASCII that needs no escape, as keys and names are: false if it is none. There is room. */
static bool append_short(struct buffer *out, const char *text, size_t length)
{
    if (length > SHORT)
        return false;
    char *to = out->data + out->length;
    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
        *to++ = text[i];
    }
    *to++ = '"';
    *to = '\0';
    out->length += length + 2;
    return true;
}

static void append_quoted(struct buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    buffer_reserve(out, length + 2);
    if (append_short(out, text, length))
        return;
    buffer_append_char(out, '"');
    for (;;) {
        const char *stop = run_end(text, end);
        buffer_append(out, text, (size_t)(stop - text));
        if (stop == end)
            break;
        append_escape(out, (unsigned char)*stop);
        text = stop + 1;
    }
    buffer_append_char(out, '"');
}

void json_key(struct json_writer *writer, const char *key)
{
    separate(writer);
    append_quoted(writer->out, key, strlen(key));
    buffer_append_char(writer->out, ':');
    writer->comma = false;
}

void json_text_n(struct json_writer *writer, const char *text, size_t length)
{
    separate(writer);
    append_quoted(writer->out, text, length);
}

void json_text(struct json_writer *writer, const char *text)
{
    if (text == NULL)
        json_nothing(writer);
    else
        json_text_n(writer, text, strlen(text));
}

/* Writes the digits before `end`: where the first stands. Replies are full of numbers, and printf takes
 * several times as long. */
static char *put_digits(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    return end;
}

void json_int(struct json_writer *writer, int64_t value)
{
    separate(writer);
    char digits[24];
    char *end = digits + sizeof digits;
    char *at = put_digits(end, value < 0 ? -(uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--at = '-';
    buffer_append(writer->out, at, (size_t)(end - at));
}

/* Percentages and scores. */
static void append_fixed(struct buffer *out, double value, int decimals)
{
    static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    uint64_t rest = (uint64_t)llround(fabs(value) * powers[decimals]);
    bool is_zero = rest == 0;
    char digits[32];
    char *end = digits + sizeof digits;
    char *at = end;
    for (; decimals > 0 && rest % 10 == 0; decimals--) /* trailing zeros */
        rest /= 10;
    for (int i = 0; i < decimals; i++, rest /= 10)
        *--at = (char)('0' + rest % 10);
    if (decimals > 0)
        *--at = '.';
    at = put_digits(at, rest);
    if (value < 0 && !is_zero)
        *--at = '-';
    buffer_append(out, at, (size_t)(end - at));
}

void json_number(struct json_writer *writer, double value, int decimals)
{
    if (!isfinite(value)) {
        json_nothing(writer);
        return;
    }
    separate(writer);
    if (decimals <= 6 && fabs(value) < 1e9) {
        append_fixed(writer->out, value, decimals);
        return;
    }
    char digits[352];
    int length = snprintf(digits, sizeof digits, "%.*f", decimals, value);
    if (strchr(digits, '.') != NULL) {
        while (digits[length - 1] == '0')
            length--;
        if (digits[length - 1] == '.')
            length--;
    }
    if (length == 2 && digits[0] == '-' && digits[1] == '0')
        buffer_append(writer->out, "0", 1);
    else
        buffer_append(writer->out, digits, (size_t)length);
}

void json_bool(struct json_writer *writer, bool value)
{
    separate(writer);
    buffer_append_string(writer->out, value ? "true" : "false");
}

void json_nothing(struct json_writer *writer)
{
    separate(writer);
    buffer_append(writer->out, "null", 4);
}

void json_raw(struct json_writer *writer, const char *json, size_t length)
{
    separate(writer);
    buffer_append(writer->out, json, length);
}

static void write_real(struct json_writer *writer, double value)
{
    separate(writer);
    /* the shortest of 15 and 17 digits that reads back as the same number */
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", value);
    double back = 0;
    if (sscanf(digits, "%lf", &back) != 1 || back < value || back > value)
        snprintf(digits, sizeof digits, "%.17g", value);
    buffer_append_string(writer->out, digits);
    if (strpbrk(digits, ".e") == NULL)
        buffer_append(writer->out, ".0", 2);
}

static void write_object(struct json_writer *writer, const json_t *object)
{
    json_begin_object(writer);
    /* jansson's iteration functions take a non-const object but do not change it */
    json_t *readable = (json_t *)(uintptr_t)object;
    const char *key;
    json_t *value;
    json_object_foreach(readable, key, value)
    {
        json_key(writer, key);
        json_value(writer, value);
    }
    json_end_object(writer);
}

void json_value(struct json_writer *writer, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(writer, value);
        break;
    case JSON_ARRAY:
        json_begin_array(writer);
        for (size_t i = 0; i < json_array_size(value); i++)
            json_value(writer, json_array_get(value, i));
        json_end_array(writer);
        break;
    case JSON_STRING:
        json_text_n(writer, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        json_int(writer, json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(writer, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_bool(writer, json_is_true(value));
        break;
    case JSON_NULL:
        json_nothing(writer);
        break;
    }
}

void json_key_text(struct json_writer *writer, const char *key, const char *text)
{
    json_key(writer, key);
    json_text(writer, text);
}

void json_key_int(struct json_writer *writer, const char *key, int64_t value)
{
    json_key(writer, key);
    json_int(writer, value);
}

void json_key_number(struct json_writer *writer, const char *key, double value, int decimals)
{
    json_key(writer, key);
    json_number(writer, value, decimals);
}

void json_key_bool(struct json_writer *writer, const char *key, bool value)
{
    json_key(writer, key);
    json_bool(writer, value);
}
