/*
 * memory.h - small allocations that cannot fail, and growing arrays.
 *
 * The memory_* functions never return NULL: when the machine has no memory left they print one line and abort
 * (what a client can make large is checked against a limit before it is allocated). Free with free(). Any
 * thread.
 */
#ifndef STORYD_BASE_MEMORY_H
#define STORYD_BASE_MEMORY_H

#include <stddef.h>

void *memory_allocate(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *memory_zeroed(size_t count, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
void *memory_resize(void *block, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));
char *memory_copy_string(const char *text) __attribute__((malloc, returns_nonnull));
char *memory_copy_bytes(const void *bytes, size_t length)
    __attribute__((malloc, returns_nonnull)); /* adds a NUL */

/* Make room for `needed` elements in a growing array: returns the (perhaps moved) array and updates
 * *capacity. */
void *memory_grow(void *array, size_t *capacity, size_t needed, size_t element_size)
    __attribute__((returns_nonnull));

#endif
