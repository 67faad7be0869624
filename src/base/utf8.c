#include "base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

/* Length of the character at `bytes`, 0 if it is none. */
static size_t character(const char *bytes, size_t length)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t used =
        utf8proc_iterate((const utf8proc_uint8_t *)bytes, (utf8proc_ssize_t)length, &code);
    return used > 0 ? (size_t)used : 0;
}

#define TOP_BITS UINT64_C(0x8080808080808080)

/* How many ASCII bytes `bytes` starts with, at least: counted in eights. */
static size_t ascii_run(const char *bytes, size_t length)
{
    uint64_t words[4];
    size_t at = 0;
    for (; length - at >= sizeof words; at += sizeof words) {
        memcpy(words, bytes + at, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & TOP_BITS) != 0)
            break;
    }
    for (; length - at >= sizeof words[0]; at += sizeof words[0]) {
        memcpy(words, bytes + at, sizeof words[0]);
        if ((words[0] & TOP_BITS) != 0)
            break;
    }
    return at;
}

bool utf8_is_ascii(const char *bytes, size_t length)
{
    size_t at = ascii_run(bytes, length);
    while (at < length && (unsigned char)bytes[at] < 0x80)
        at++;
    return at == length;
}

bool utf8_is_text(const char *bytes, size_t length)
{
    if (length != 0 && memchr(bytes, '\0', length) != NULL)
        return false;
    for (size_t at = 0; at < length;) {
        size_t used = ascii_run(bytes + at, length - at);
        if (used == 0)
            used = character(bytes + at, length - at);
        if (used == 0)
            return false;
        at += used;
    }
    return true;
}

void utf8_append_clean(struct buffer *out, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t used = character(bytes + at, length - at);
        if (used == 0)
            buffer_append_char(out, '?');
        else
            buffer_append(out, bytes + at, used);
        at += used == 0 ? 1 : used;
    }
}
