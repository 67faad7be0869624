/*
 * hits.h - how an article appears in a reply: its card, or the fields that were asked for, and its live
 * views.
 *
 * Any worker thread; everything is borrowed for the call.
 */
#ifndef STORYD_COMMAND_HITS_H
#define STORYD_COMMAND_HITS_H

#include "daemon/worker.h"

/* Checks a `fields` list (NULL: the card). bad_request naming an unknown field and the nearest known one. */
int hit_fields_check(const json_t *fields, struct error *error);

/* Writes the members of an article at a place in the catalog, without braces. Fields that are not on the card
 * come from the store. Errors, here and below: unavailable; too_large once the whole reply is larger than the
 * limit. */
int hit_write(struct worker *worker, const struct slice *slice, uint32_t row, const json_t *fields,
              struct json_writer *writer, struct error *error);

/* Have the memory fetched that hit_write() will read of the card. Of several articles first where the cards
 * stand, then, when that is there, the cards. */
void hit_prefetch_start(const struct slice *slice, uint32_t row);
void hit_prefetch_card(const struct slice *slice, uint32_t row);

/* The same of an article that is not in the index yet. */
void hit_write_article(const struct article *article, int64_t views, const json_t *fields,
                       struct json_writer *writer);

/* Writes the members of a stored article's text that `fields` names (NULL: all), then views and revision. */
int hit_write_stored(const struct worker *worker, const char *text, size_t length, int64_t views,
                     uint64_t revision, const json_t *fields, struct json_writer *writer,
                     struct error *error);

#endif
