#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block)
{
    if (block == NULL) {
        fputs("storyd: out of memory\n", stderr);
        abort();
    }
    return block;
}

void *memory_allocate(size_t size)
{
    return checked(malloc(size != 0 ? size : 1));
}

void *memory_zeroed(size_t count, size_t size)
{
    return checked(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

void *memory_resize(void *block, size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    return checked(reallocarray(block, count, size));
}

char *memory_copy_string(const char *text)
{
    return checked(strdup(text));
}

char *memory_copy_bytes(const void *bytes, size_t length)
{
    char *copy = memory_allocate(length + 1);
    if (length != 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

#define FIRST_BYTES 128 /* the least that is taken: to grow from a few bytes in steps costs more */

void *memory_grow(void *array, size_t *capacity, size_t needed, size_t element_size)
{
    if (array != NULL && needed <= *capacity)
        return array;
    size_t first = element_size * 16 < FIRST_BYTES ? FIRST_BYTES / element_size : 16;
    size_t wanted = *capacity < first ? first : *capacity + *capacity / 2;
    if (wanted < needed)
        wanted = needed;
    *capacity = wanted;
    return memory_resize(array, wanted, element_size);
}
