#include "lines.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lines_load(struct lines *lines, const char *path, size_t limit)
{
    struct error error = ERROR_INIT;
    *lines = (struct lines){0};
    if (file_map(path, &lines->map, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    size_t capacity = 0;
    const char *at = lines->map.data;
    const char *end = at + lines->map.length;
    while (at < end && (limit == 0 || lines->count < limit)) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (stop > at) {
            lines->items = memory_grow(lines->items, &capacity, lines->count + 1, sizeof *lines->items);
            lines->items[lines->count++] = (struct line){at, (size_t)(stop - at)};
        }
        at = stop + 1;
    }
}

void lines_release(struct lines *lines)
{
    file_unmap(&lines->map);
    free(lines->items);
    *lines = (struct lines){0};
}
