#include "config/mistakes.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int mistakes_add(struct mistakes *mistakes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line;
    if (vasprintf(&line, format, arguments) < 0)
        abort();
    va_end(arguments);
    mistakes->lines =
        memory_grow(mistakes->lines, &mistakes->capacity, mistakes->count + 1, sizeof *mistakes->lines);
    mistakes->lines[mistakes->count++] = line;
    return -1;
}

void mistakes_release(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        free(mistakes->lines[i]);
    free(mistakes->lines);
    *mistakes = (struct mistakes)MISTAKES_INIT;
}
