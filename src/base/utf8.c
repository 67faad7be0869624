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

/* How many ASCII bytes other than NUL `bytes` starts with, at least: counted in eights. */
static size_t plain_run(const char *bytes, size_t length)
{
    static const uint64_t high = UINT64_C(0x8080808080808080), ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        if ((word & high) != 0 || ((word - ones) & ~word & high) != 0)
            break;
    }
    return at;
}

bool utf8_is_text(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t used = plain_run(bytes + at, length - at);
        if (used == 0) {
            used = character(bytes + at, length - at);
            if (used == 0 || bytes[at] == '\0')
                return false;
        }
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
