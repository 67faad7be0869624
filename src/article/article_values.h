/*
 * article_values.h - checking and reading single values of an article; used by article.c and profile.c.
 *
 * Messages name the key and what was expected; text of the client in them is made safe and short. Any thread.
 */
#ifndef STORYD_ARTICLE_ARTICLE_VALUES_H
#define STORYD_ARTICLE_ARTICLE_VALUES_H

#include "article/article.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SHOWN_SIZE 80

/* `text` for a message: control characters become '?', a long one is cut at a character and ends in "…".
 * Returns `out`. */
const char *text_shown(char out[SHOWN_SIZE], const char *text);

/* A value for a message: the text in quotes, the number itself, or "a list", "an object"… Returns `out`. */
const char *value_shown(char out[SHOWN_SIZE], const json_t *value);

/* A string of at most `max` bytes (0: any), borrowed from `value`. */
int value_text(const char *key, const json_t *value, size_t max, const char **text, struct error *error);

/* True if there is nothing but white space and control characters in it. */
bool text_is_blank(const char *text);

/* True if it holds a control character, C0, DEL or C1. */
bool text_has_control(const char *text);

/* Cuts white space off both ends of a string value, in the value itself. */
void value_trim(json_t *value);

/*
 * A list of names: strings of 1 to ARTICLE_NAME_MAX bytes, at most ARTICLE_NAMES_MAX. They are trimmed, and
 * those that are another one's spelling are dropped, in `value` itself. list->names is new (free()), the
 * strings are borrowed.
 */
int value_names(const char *key, json_t *value, struct name_list *list, struct error *error);

#endif
