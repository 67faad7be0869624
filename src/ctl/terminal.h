/*
 * terminal.h - text for people: how wide it is, how it is cut and wrapped, and what a terminal may not be
 * sent.
 *
 * Widths are in columns of the terminal, as utf8proc counts them. What comes from articles is cleaned:
 * control characters (which could move the cursor or worse) and marks that turn the direction of writing
 * become blanks. One thread.
 */
#ifndef STORYD_CTL_TERMINAL_H
#define STORYD_CTL_TERMINAL_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_WIDTH_MIN 40
#define TERMINAL_WIDTH_MAX 120     /* longer lines are hard to read */
#define TERMINAL_WIDTH_DEFAULT 100 /* where nothing is said */

enum terminal_style { STYLE_PLAIN, STYLE_TITLE, STYLE_FAINT, STYLE_BAR };

/* Where text for people goes. */
struct page {
    struct buffer *out; /* borrowed */
    size_t width;
    bool styled; /* with bold and faint letters */
};

/* Columns of the terminal behind `fd`, else $COLUMNS, else the default; within the bounds above. */
size_t terminal_width(int fd);

/* A terminal that shows styles, and nobody has asked for none ($NO_COLOR). */
bool terminal_has_styles(int fd);

/* Columns that the cleaned text takes. */
size_t text_width(const char *text);

/* The cleaned text, cut with "…" to at most `width` columns. Returns the columns it takes. */
size_t page_cut(struct page *page, const char *text, size_t width, enum terminal_style style);

/* The same, filled up with blanks to `width`. */
void page_cell(struct page *page, const char *text, size_t width, enum terminal_style style);

/* The cleaned text at the right end of `width` columns. */
void page_right(struct page *page, const char *text, size_t width, enum terminal_style style);

/*
 * Wraps the text between `indent` and the page's width and ends the line; the cursor is at column `at` <=
 * indent of the first line. At most `lines` lines, the last one then cut with "…"; 0: all. A line end in the
 * text ends a line.
 */
void page_wrap(struct page *page, const char *text, size_t at, size_t indent, size_t lines,
               enum terminal_style style);

void page_blanks(struct page *page, size_t count);

/* A bar of `width` columns, filled from the left by `fraction` (0 to 1) in eighths of a column. */
void page_bar(struct page *page, double fraction, size_t width, enum terminal_style style);

#endif
