/*
 * show_parts.h - what the pages of show.c and its sisters are put together from. One thread.
 */
#ifndef STORYD_CTL_SHOW_PARTS_H
#define STORYD_CTL_SHOW_PARTS_H

#include "ctl/terminal.h"

#include <jansson.h>

const char *text_of(const json_t *object, const char *key); /* NULL if it is no text */
const char *title_of(const json_t *article);                /* or its id */

/* The faint line under a title: date, source, category, views, id. */
void show_origin(struct page *page, const json_t *article, bool with_day, size_t at, size_t indent);

#endif
