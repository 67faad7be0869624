/* utf8.h - is it text? Any thread. */
#ifndef STORYD_BASE_UTF8_H
#define STORYD_BASE_UTF8_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_ascii(const char *bytes, size_t length);

/* Valid UTF-8 without NUL bytes: what may enter storyd. */
bool utf8_is_text(const char *bytes, size_t length);

/* Appends `bytes` with every byte that is not valid UTF-8 (a message cut in the middle of a character) made
 * '?'. */
void utf8_append_clean(struct buffer *out, const char *bytes, size_t length);

#endif
