#include "article/article_values.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "text/normalise.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* The code point at `text` and its length; a stray byte is U+FFFD. */
static size_t decode(const char *text, size_t length, int32_t *code)
{
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, code);
    if (used > 0)
        return (size_t)used;
    *code = 0xFFFD;
    return 1;
}

static bool is_control(int32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

static bool is_blank(int32_t code)
{
    if (code < 0x80)
        return code <= ' ' || code == 0x7F;
    if (is_control(code))
        return true;
    utf8proc_category_t category = utf8proc_category(code);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

/* Copies `text` made safe into `size` bytes at `out`, which have room for an ellipsis: the length. */
static size_t copy_shown(char *out, size_t size, const char *text)
{
    static const char ellipsis[] = "…";
    size_t length = strlen(text), to = 0;
    for (size_t at = 0; at < length;) {
        int32_t code;
        size_t used = decode(text + at, length - at, &code);
        if (to + used + sizeof ellipsis > size) {
            memcpy(out + to, ellipsis, sizeof ellipsis);
            return to + sizeof ellipsis - 1;
        }
        if (is_control(code) || code == 0xFFFD) {
            out[to++] = '?';
        } else {
            memcpy(out + to, text + at, used);
            to += used;
        }
        at += used;
    }
    out[to] = '\0';
    return to;
}

const char *text_shown(char out[SHOWN_SIZE], const char *text)
{
    copy_shown(out, SHOWN_SIZE, text);
    return out;
}

const char *value_shown(char out[SHOWN_SIZE], const json_t *value)
{
    static const char *const words[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    if (json_is_string(value)) {
        out[0] = '"';
        size_t length = copy_shown(out + 1, SHOWN_SIZE - 2, json_string_value(value));
        memcpy(out + 1 + length, "\"", 2);
    } else if (json_is_integer(value)) {
        snprintf(out, SHOWN_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        snprintf(out, SHOWN_SIZE, "%s", words[json_typeof(value)]);
    }
    return out;
}

int value_text(const char *key, const json_t *value, size_t max, const char **text, struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_string(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a string, not %s", key,
                         value_shown(shown, value));
    const char *string = json_string_value(value);
    size_t length = json_string_length(value);
    if (memchr(string, '\0', length) != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must not hold a NUL character", key);
    if (max != 0 && length > max)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a string of at most %zu bytes, not %zu",
                         key, max, length);
    *text = string;
    return 0;
}

/* Most texts begin and end with such a one. */
static bool is_plain(char c)
{
    return c > ' ' && c < 0x7F;
}

bool text_is_blank(const char *text)
{
    if (is_plain(text[0]))
        return false;
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        int32_t code;
        at += decode(text + at, length - at, &code);
        if (!is_blank(code))
            return false;
    }
    return true;
}

bool text_has_control(const char *text)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        int32_t code = (unsigned char)text[at];
        at += code < 0x80 ? 1 : decode(text + at, length - at, &code);
        if (is_control(code))
            return true;
    }
    return false;
}

void value_trim(json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value), start = length, end = 0;
    if (length > 0 && is_plain(text[0]) && is_plain(text[length - 1]))
        return;
    for (size_t at = 0; at < length;) {
        int32_t code;
        size_t used = decode(text + at, length - at, &code);
        if (!is_blank(code)) {
            start = at < start ? at : start;
            end = at + used;
        }
        at += used;
    }
    if (start < end && (start > 0 || end < length)) {
        char *trimmed = memory_copy_bytes(text + start, end - start);
        json_string_setn(value, trimmed, end - start);
        free(trimmed);
    } else if (start >= end && length > 0) {
        json_string_setn(value, "", 0);
    }
}

static bool is_known(const uint64_t *hashes, size_t count, uint64_t hash)
{
    for (size_t i = 0; i < count; i++) {
        if (hashes[i] == hash)
            return true;
    }
    return false;
}

/* Checks and trims one name; *hash is that of its normalised form. */
static int check_name(const char *key, size_t number, json_t *value, struct buffer *scratch, uint64_t *hash,
                      struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_string(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of strings; number %zu is %s", key,
                         number, value_shown(shown, value));
    value_trim(value);
    const char *name = json_string_value(value);
    size_t length = json_string_length(value);
    if (memchr(name, '\0', length) != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must not hold a NUL character", key);
    if (length > ARTICLE_NAME_MAX)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be a list of strings of at most %d bytes; number %zu has %zu", key,
                         ARTICLE_NAME_MAX, number, length);
    buffer_clear(scratch);
    if (!text_normalise_name(name, length, scratch) || scratch->length == 0)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"%s\" must be a list of strings that are not blank; number %zu is", key, number);
    *hash = hash_bytes(scratch->data, scratch->length);
    return 0;
}

int value_names(const char *key, json_t *value, struct name_list *list, struct error *error)
{
    char shown[SHOWN_SIZE];
    if (!json_is_array(value))
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of strings, not %s", key,
                         value_shown(shown, value));
    size_t given = json_array_size(value);
    if (given > ARTICLE_NAMES_MAX)
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a list of at most %d strings, not %zu",
                         key, ARTICLE_NAMES_MAX, given);
    uint64_t hashes[ARTICLE_NAMES_MAX];
    struct buffer scratch = BUFFER_INIT;
    size_t kept = 0;
    int result = 0;
    for (size_t number = 1; number <= given && result == 0; number++) {
        result = check_name(key, number, json_array_get(value, kept), &scratch, &hashes[kept], error);
        if (result == 0 && is_known(hashes, kept, hashes[kept]))
            json_array_remove(value, kept);
        else
            kept++;
    }
    buffer_release(&scratch);
    if (result != 0)
        return -1;
    list->count = kept;
    list->names = memory_zeroed(kept, sizeof *list->names);
    for (size_t i = 0; i < kept; i++)
        list->names[i] = json_string_value(json_array_get(value, i));
    return 0;
}
