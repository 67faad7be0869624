#include "base/json_reader.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32
#define DIGITS_MAX 18 /* always fit a json_int_t */

/* NULL from a reading function: jansson shall decide. */
struct reader {
    const char *at;
    const char *end;
    size_t depth;
    size_t nodes; /* counted as excess_of() does */
    struct json_bounds bounds;
    struct buffer scratch; /* a string with escapes */
};

static json_t *read_value(struct reader *reader);

/* Sixteen bytes: what a vector instruction of every machine of 64 bits compares at once. */
typedef unsigned char vector __attribute__((vector_size(16)));

/* All bits of each byte that is a quote, a backslash or below a space. */
static inline vector special_bytes(vector bytes)
{
    return (vector)((bytes == '"') | (bytes == '\\') | (bytes < 0x20));
}

struct halves {
    uint64_t low;
    uint64_t high;
};

static inline struct halves halves_of(vector bytes)
{
    struct halves halves;
    memcpy(&halves, &bytes, sizeof halves);
    return halves;
}

static inline bool has_bits(vector bytes)
{
    struct halves halves = halves_of(bytes);
    return (halves.low | halves.high) != 0;
}

/* The number of the first byte of eight in memory that is not 0; there is one. */
static inline unsigned first_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (unsigned)__builtin_ctzll(word) / 8;
#else
    return (unsigned)__builtin_clzll(word) / 8;
#endif
}

static bool is_special(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

const char *json_plain_end(const char *text, const char *end)
{
    vector four[4];
    while ((size_t)(end - text) >= sizeof four) {
        memcpy(four, text, sizeof four);
        if (has_bits(special_bytes(four[0]) | special_bytes(four[1]) | special_bytes(four[2]) |
                     special_bytes(four[3])))
            break;
        text += sizeof four;
    }
    while ((size_t)(end - text) >= sizeof four[0]) {
        memcpy(four, text, sizeof four[0]);
        struct halves found = halves_of(special_bytes(four[0]));
        if (found.low != 0)
            return text + first_byte(found.low);
        if (found.high != 0)
            return text + sizeof found.low + first_byte(found.high);
        text += sizeof four[0];
    }
    while (text < end && !is_special(*text))
        text++;
    return text;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r'))
        reader->at++;
}

/* Takes `c`, after space. */
static bool take(struct reader *reader, char c)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* The character an escape stands for; 0: not here. */
static char unescape(char letter)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    return found == NULL ? '\0' : meanings[found - letters];
}

/* The rest of a string whose first escape is at reader->at. */
static bool read_escaped(struct reader *reader, const char *start, const char **text, size_t *length)
{
    buffer_clear(&reader->scratch);
    for (;;) {
        buffer_append(&reader->scratch, start, (size_t)(reader->at - start));
        if (reader->end - reader->at < 2)
            return false;
        if (*reader->at == '"')
            break;
        char meant = *reader->at == '\\' ? unescape(reader->at[1]) : '\0';
        if (meant == '\0')
            return false;
        buffer_append_char(&reader->scratch, meant);
        start = reader->at += 2;
        reader->at = json_plain_end(reader->at, reader->end);
    }
    reader->at++;
    *text = reader->scratch.data;
    *length = reader->scratch.length;
    return true;
}

/* A string's bytes, in the text itself or in the scratch buffer; the opening quote has been taken. */
static bool read_text(struct reader *reader, const char **text, size_t *length)
{
    const char *start = reader->at;
    reader->at = json_plain_end(start, reader->end);
    if (reader->at == reader->end)
        return false;
    if (*reader->at != '"')
        return read_escaped(reader, start, text, length);
    *text = start;
    *length = (size_t)(reader->at - start);
    reader->at++;
    return true;
}

/* jansson checks UTF-8 a byte at a time. */
static json_t *read_string(struct reader *reader)
{
    const char *text;
    size_t length;
    if (!read_text(reader, &text, &length))
        return NULL;
    return utf8_is_ascii(text, length) ? json_stringn_nocheck(text, length) : json_stringn(text, length);
}

static bool read_member(struct reader *reader, json_t *object)
{
    const char *text;
    size_t length;
    if (!take(reader, '"') || !read_text(reader, &text, &length) || text == reader->scratch.data)
        return false;
    if (!take(reader, ':'))
        return false;
    json_t *value = read_value(reader);
    size_t before = json_object_size(object);
    int failed = value == NULL                 ? -1
                 : utf8_is_ascii(text, length) ? json_object_setn_new_nocheck(object, text, length, value)
                                               : json_object_setn_new(object, text, length, value);
    return failed == 0 && json_object_size(object) != before; /* else there are two of this key */
}

static bool read_item(struct reader *reader, json_t *array)
{
    json_t *value = read_value(reader);
    return value != NULL && json_array_append_new(array, value) == 0;
}

static bool next_item(struct reader *reader)
{
    return take(reader, ',') && ++reader->nodes <= reader->bounds.nodes;
}

/* What is between brackets, the opening one taken. */
static json_t *read_all(struct reader *reader, json_t *into, char close,
                        bool (*read)(struct reader *, json_t *))
{
    bool fine = ++reader->depth <= reader->bounds.depth && ++reader->nodes <= reader->bounds.nodes;
    if (fine && !take(reader, close)) {
        do
            fine = read(reader, into);
        while (fine && next_item(reader));
        fine = fine && take(reader, close);
    }
    reader->depth--;
    if (fine)
        return into;
    json_decref(into);
    return NULL;
}

static json_t *read_integer(struct reader *reader)
{
    bool negative = *reader->at == '-';
    const char *first = reader->at += negative;
    json_int_t value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           reader->at - first < DIGITS_MAX)
        value = value * 10 + (*reader->at++ - '0');
    size_t digits = (size_t)(reader->at - first);
    if (digits == 0 || (*first == '0' && digits > 1) || reader->at == reader->end ||
        strchr(",]} \t\r\n", *reader->at) == NULL || *reader->at == '\0')
        return NULL;
    return json_integer(negative ? -value : value);
}

static json_t *read_word(struct reader *reader, const char *word, json_t *value)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) <= length || memcmp(reader->at, word, length) != 0 ||
        (reader->at[length] >= 'a' && reader->at[length] <= 'z'))
        return NULL;
    reader->at += length;
    return value;
}

static json_t *read_value(struct reader *reader)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return NULL;
    switch (*reader->at) {
    case '"':
        reader->at++;
        return read_string(reader);
    case '{':
        reader->at++;
        return read_all(reader, json_object(), '}', read_member);
    case '[':
        reader->at++;
        return read_all(reader, json_array(), ']', read_item);
    case 't':
        return read_word(reader, "true", json_true());
    case 'f':
        return read_word(reader, "false", json_false());
    case 'n':
        return read_word(reader, "null", json_null());
    default:
        return read_integer(reader);
    }
}

/* NULL: jansson shall decide, or the bounds are too narrow. */
static json_t *read_plain(const char *text, size_t length, struct json_bounds bounds)
{
    struct reader reader = {
        .at = text, .end = text + length, .nodes = 1, .bounds = bounds, .scratch = BUFFER_INIT};
    skip_space(&reader);
    json_t *value = NULL;
    if (reader.at < reader.end && (*reader.at == '{' || *reader.at == '['))
        value = read_value(&reader);
    skip_space(&reader);
    buffer_release(&reader.scratch);
    if (value != NULL && reader.at == reader.end)
        return value;
    json_decref(value);
    return NULL;
}

json_t *json_read(const char *text, size_t length, json_error_t *reason)
{
    json_t *value = read_plain(text, length, (struct json_bounds){DEPTH_MAX, SIZE_MAX});
    return value != NULL ? value : json_loadb(text, length, JSON_REJECT_DUPLICATES, reason);
}

/* The closing quote of the string that begins at `at`; `end` if there is none. */
static const char *string_end(const char *at, const char *end)
{
    while ((at = json_plain_end(at, end)) < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

/* Counts without building anything. */
static enum json_excess excess_of(const char *text, size_t length, const struct json_bounds *bounds)
{
    size_t depth = 0, nodes = 1;
    const char *end = text + length;
    for (const char *at = text; at < end; at++) {
        char c = *at;
        if (c == '"')
            at = string_end(at + 1, end);
        nodes += c == ',' || c == '{' || c == '[';
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > bounds->depth)
            return JSON_TOO_DEEP;
    }
    return nodes > bounds->nodes ? JSON_TOO_MANY : JSON_WITHIN;
}

json_t *json_read_bounded(const char *text, size_t length, const struct json_bounds *bounds,
                          enum json_excess *excess, json_error_t *reason)
{
    size_t depth = bounds->depth < DEPTH_MAX ? bounds->depth : DEPTH_MAX;
    json_t *value = read_plain(text, length, (struct json_bounds){depth, bounds->nodes});
    *excess = value != NULL ? JSON_WITHIN : excess_of(text, length, bounds);
    if (value != NULL || *excess != JSON_WITHIN)
        return value;
    return json_loadb(text, length, JSON_REJECT_DUPLICATES, reason);
}
