/*
 * show_parts.h - what the pages of show.c and its sisters are put together from. One thread.
 */
#ifndef STORYD_CTL_SHOW_PARTS_H
#define STORYD_CTL_SHOW_PARTS_H

#include "ctl/terminal.h"

#include <jansson.h>

#define SHOW_SEPARATOR " · "
#define SHOW_INDENT 17 /* of a suggestion: "100 % " and the bar, and blanks */

const char *text_of(const json_t *object, const char *key); /* NULL if it is no text */
const char *title_of(const json_t *article);                /* or its id */

/* Each appends to a line of items between separators, nothing if there is nothing. */
void append_item(struct buffer *line, const char *text);
void append_count(struct buffer *line, const json_t *object, const char *key);

void append_names(struct buffer *line, const json_t *names); /* "a, b, c" */

/* The faint line under a title: date, source, category, views, id. */
void show_origin(struct page *page, const json_t *article, bool with_day, size_t at, size_t indent);

/* "46 %" and a bar, up to SHOW_INDENT. */
void show_strength(struct page *page, const json_t *suggestion);

/* One list of an article behind its key; nothing if it is empty. */
void show_list(struct page *page, const json_t *article, const char *key);

/* The near-copies that a suggestion stands for, if any. */
void show_copies(struct page *page, const json_t *suggestion);

/* "explain" of a suggestion, if it has one. */
void show_explanation(struct page *page, const json_t *suggestion);

#endif
