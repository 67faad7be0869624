/*
 * line_source.h - the lines of a file or of standard input, plain or packed by gzip or zstd (told by the
 * first bytes).
 *
 * Positions are counted in unpacked bytes. A line longer than LINE_SOURCE_MAX is handed out cut, with
 * `too_long` set. One thread.
 */
#ifndef STORYD_CTL_LINE_SOURCE_H
#define STORYD_CTL_LINE_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define LINE_SOURCE_MAX (64U << 20)

struct line_source;

struct source_line {
    const char *text; /* borrowed until the next call; not NUL-terminated, without line end */
    size_t length;
    uint64_t end; /* position behind the line and its line end */
    bool too_long;
};

enum source_event {
    SOURCE_LINE,
    SOURCE_NOTHING, /* no whole line yet, and reading on might wait: see line_source_descriptor() */
    SOURCE_END,
    SOURCE_FAILED
};

/* "-" is standard input. NULL with unavailable (or not_found) if it cannot be opened. */
struct line_source *line_source_open(const char *name, struct error *error);
void line_source_close(struct line_source *source); /* NULL is fine */

/* The next line. A last line without line end counts. */
enum source_event line_source_next(struct line_source *source, struct source_line *line, struct error *error);

/* Goes forward to a position, which must be where a line begins. */
int line_source_seek(struct line_source *source, uint64_t position, struct error *error);

/* To poll() for more. */
int line_source_descriptor(const struct line_source *source);

const struct stat *line_source_status(const struct line_source *source);

/* Share of the file that has been read, 0 to 1, or -1 if its size is not known. */
double line_source_fraction(const struct line_source *source);

#endif
