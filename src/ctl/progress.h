/*
 * progress.h - a line on the terminal that says how far something is: bar, count, rate, time left. Drawn on
 * stderr over itself, and only if that is a terminal. One thread.
 */
#ifndef STORYD_CTL_PROGRESS_H
#define STORYD_CTL_PROGRESS_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_figures {
    const char *label;
    double fraction; /* 0 to 1; negative: nobody knows */
    uint64_t count;
    const char *unit;    /* what is counted: "articles" */
    double rate;         /* a second; negative: not shown */
    double seconds_left; /* negative: nobody knows */
};

struct progress {
    bool visible; /* stderr is a terminal */
    bool drawn;   /* the cursor stands in the line */
    int64_t next; /* when to draw again */
};

void progress_init(struct progress *progress, bool quiet);

/* True when it is time to draw (ten times a second), so that the figures need be made only then. */
bool progress_is_due(const struct progress *progress);

void progress_draw(struct progress *progress, const struct progress_figures *figures);

/* Removes the line, before anything else is printed. */
void progress_clear(struct progress *progress);

/* Appends the line, without line end, for a terminal of `width` columns. */
void progress_format(struct buffer *out, const struct progress_figures *figures, size_t width);

/* "0.42 s", "12.3 s", "4 min 05 s", "2 h 10 min". */
void progress_append_time(struct buffer *out, double seconds);

/* "1,234,567" */
void progress_append_count(struct buffer *out, uint64_t count);

#endif
