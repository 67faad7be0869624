#include "text/normalise.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#define MARKS_MAX 30       /* combining marks on one letter; more are an attack on the sort below */
#define CHUNK_SOFT_MAX 200 /* code points after which the next safe boundary ends a chunk */
#define CHUNK_MAX 512
#define DECOMPOSED_MAX 32 /* code points one can become: 18 for U+FDFA, the longest */

/* A run of non-ASCII text on its way: decomposed, folded and stripped, not yet composed again. */
struct chunk {
    int32_t code[CHUNK_MAX];
    size_t count;
    size_t marks;  /* code points at the end that are combining marks */
    bool composes; /* there is something in it that may compose */
};

static bool is_stripped_mark(int32_t code)
{
    if (code >= 0x0300 && code <= 0x036F)
        return true; /* Latin, Greek, Cyrillic */
    if (code >= 0x0591 && code <= 0x05C7)
        return code != 0x05BE && code != 0x05C0 && code != 0x05C3 && code != 0x05C6; /* Hebrew points */
    return (code >= 0x064B && code <= 0x0652) || code == 0x0670 ||
           code == 0x0640; /* Arabic vowels, tatweel */
}

/* The short i of Russian, the yi of Ukrainian and the short u of Belarusian are letters of their own, which
 * their stemmers look for; no reader takes them for i and u with an accent. */
static bool is_letter_of_its_own(int32_t base, int32_t mark)
{
    if (mark == 0x0306)
        return base == 0x0438 || base == 0x0443;
    return mark == 0x0308 && base == 0x0456;
}

static bool is_apostrophe(int32_t code)
{
    switch (code) {
    case 0x00B4: /* acute accent, typed for an apostrophe */
    case 0x02BB:
    case 0x02BC:
    case 0x2018:
    case 0x2019:
    case 0x201B:
        return true;
    default:
        return false;
    }
}

static bool is_jamo(int32_t code)
{
    return code >= 0x1100 && code <= 0x11FF;
}

static size_t put_utf8(int32_t code, char *out)
{
    return (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)out);
}

static void chunk_flush(struct chunk *chunk, struct buffer *out)
{
    utf8proc_ssize_t count = (utf8proc_ssize_t)chunk->count;
    if (chunk->composes)
        count = utf8proc_normalize_utf32(chunk->code, count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    buffer_reserve(out, (size_t)count * 4);
    for (utf8proc_ssize_t i = 0; i < count; i++)
        out->length += put_utf8(chunk->code[i], out->data + out->length);
    chunk->count = 0;
    chunk->marks = 0;
    chunk->composes = false;
}

/* Puts a mark behind those of a lower or the same combining class: canonical order. */
static void add_mark(struct chunk *chunk, int32_t code, int combining_class)
{
    if (chunk->marks == MARKS_MAX)
        return;
    size_t at = chunk->count++;
    size_t first = at - chunk->marks;
    while (at > first && utf8proc_get_property(chunk->code[at - 1])->combining_class > combining_class) {
        chunk->code[at] = chunk->code[at - 1];
        at--;
    }
    chunk->code[at] = code;
    chunk->marks++;
    chunk->composes = true;
}

static void add_code(struct chunk *chunk, int32_t code)
{
    if (is_stripped_mark(code) &&
        (chunk->count == 0 || !is_letter_of_its_own(chunk->code[chunk->count - 1], code)))
        return;
    const utf8proc_property_t *property = utf8proc_get_property(code);
    if (property->combining_class != 0) {
        add_mark(chunk, code, property->combining_class);
        return;
    }
    chunk->marks = 0;
    chunk->code[chunk->count++] = code;
    if (is_jamo(code) || property->category == UTF8PROC_CATEGORY_MC ||
        property->category == UTF8PROC_CATEGORY_MN)
        chunk->composes = true;
}

/* Nothing before `code` composes with it: a chunk may end here. */
static bool is_boundary(int32_t code)
{
    if (is_jamo(code))
        return false;
    utf8proc_category_t category = utf8proc_category(code);
    return category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC;
}

static void add_character(struct chunk *chunk, int32_t code, struct buffer *out)
{
    if (is_apostrophe(code))
        code = '\'';
    int32_t parts[DECOMPOSED_MAX];
    int last_boundary_class = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        code, parts, DECOMPOSED_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STABLE,
        &last_boundary_class);
    if (count <= 0 || count > DECOMPOSED_MAX)
        return;
    bool full = chunk->count + DECOMPOSED_MAX > CHUNK_MAX;
    if (full || (chunk->count > CHUNK_SOFT_MAX && is_boundary(parts[0])))
        chunk_flush(chunk, out);
    for (utf8proc_ssize_t i = 0; i < count; i++)
        add_code(chunk, is_apostrophe(parts[i]) ? '\'' : parts[i]);
}

/* Normalises the run of non-ASCII characters at the start of `text`: its length, or 0 if it is not UTF-8. */
static size_t normalise_run(const char *text, size_t length, struct buffer *out)
{
    struct chunk chunk;
    chunk.count = chunk.marks = 0;
    chunk.composes = false;
    size_t at = 0;
    while (at < length && (unsigned char)text[at] >= 0x80) {
        int32_t code;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(length - at), &code);
        if (used <= 0)
            return 0;
        add_character(&chunk, code, out);
        at += (size_t)used;
    }
    chunk_flush(&chunk, out);
    return at;
}

/* ASCII is its own NFKC, no ASCII character composes with what is before it, and all marks that could compose
 * with one are stripped: so it only needs lower case, and ends any run. */
static size_t lower_ascii_run(const char *text, size_t length, struct buffer *out)
{
    buffer_reserve(out, length);
    char *to = out->data + out->length;
    size_t at = 0;
    for (; at < length && (unsigned char)text[at] < 0x80; at++) {
        char c = text[at];
        to[at] = (char)(c | ((unsigned char)(c - 'A') < 26 ? 0x20 : 0));
    }
    out->length += at;
    return at;
}

bool text_normalise(const char *text, size_t length, struct buffer *out)
{
    size_t start = out->length;
    buffer_reserve(out, length);
    size_t at = 0;
    while (at < length) {
        at += lower_ascii_run(text + at, length - at, out);
        if (at == length)
            break;
        size_t used = normalise_run(text + at, length - at, out);
        if (used == 0) {
            out->length = start;
            out->data[start] = '\0';
            return false;
        }
        at += used;
    }
    out->data[out->length] = '\0';
    return true;
}

/* The bytes of the white space or control character at `text`, 0 if it is another character. */
static size_t blank_length(const char *text, size_t length)
{
    unsigned char c = (unsigned char)text[0];
    if (c < 0x80)
        return c <= ' ' || c == 0x7F;
    int32_t code;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &code);
    if (used <= 0)
        return 0;
    bool blank = code == 0x85 || code == 0x1680 || code == 0x2028 || code == 0x2029;
    return blank ? (size_t)used : 0;
}

bool text_normalise_name(const char *name, size_t length, struct buffer *out)
{
    size_t start = out->length;
    if (!text_normalise(name, length, out))
        return false;
    size_t to = start;
    bool blank_before = false;
    for (size_t from = start; from < out->length;) {
        size_t blank = blank_length(out->data + from, out->length - from);
        if (blank != 0) {
            blank_before = to > start;
            from += blank;
            continue;
        }
        if (blank_before)
            out->data[to++] = ' ';
        blank_before = false;
        out->data[to++] = out->data[from++];
    }
    out->length = to;
    out->data[to] = '\0';
    return true;
}
