/*
 * lines.h - a file as an array of lines, mapped read-only. Immutable once loaded: any thread.
 */
#ifndef STORYD_BENCH_LINES_H
#define STORYD_BENCH_LINES_H

#include "base/file.h"

struct line {
    const char *text; /* without the line end; not NUL-terminated */
    size_t length;
};

struct lines {
    struct file_map map;
    struct line *items;
    size_t count;
};

/* Reads at most `limit` lines (0: all), empty ones left out. Ends the program if the file cannot be read. */
void lines_load(struct lines *lines, const char *path, size_t limit);
void lines_release(struct lines *lines);

#endif
