/*
 * buffer.h - a growing run of bytes. The owner of the struct owns the bytes; zero-initialise (BUFFER_INIT)
 * before use, buffer_release() after. `data` is NUL-terminated whenever it is not NULL (the NUL is not
 * counted), and moves when the buffer grows. One thread at a time.
 */
#ifndef STORYD_BASE_BUFFER_H
#define STORYD_BASE_BUFFER_H

#include "base/memory.h"

#include <stddef.h>

struct buffer {
    char *data;
    size_t length;
    size_t capacity;
};

#define BUFFER_INIT                                                                                          \
    {                                                                                                        \
        NULL, 0, 0                                                                                           \
    }

/* Room for `more` bytes after length. */
static inline void buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->length + more + 1 > buffer->capacity || buffer->data == NULL)
        buffer->data = (char *)memory_grow(buffer->data, &buffer->capacity, buffer->length + more + 1, 1);
}

static inline void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_reserve(buffer, 1);
    buffer->data[buffer->length++] = c;
    buffer->data[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_string(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_pad(struct buffer *buffer, size_t alignment); /* zero bytes up to a multiple of alignment */
void buffer_clear(struct buffer *buffer);                 /* length 0, memory kept */
void buffer_release(struct buffer *buffer);               /* memory freed, buffer usable again */
char *buffer_steal(struct buffer *buffer); /* new reference to the bytes (free()); buffer empty */

#endif
