/*
 * json_reader.h - reads JSON into jansson's values, three times as fast as jansson does for what programs
 * write.
 *
 * jansson reads a character at a time. This takes strings in whole runs and leaves all that is rare - numbers
 * with fractions, \u escapes, deep nesting, every error - to jansson: which texts are taken, what they become
 * and what is said about the others is jansson's in any case. Any thread.
 */
#ifndef STORYD_BASE_JSON_READER_H
#define STORYD_BASE_JSON_READER_H

#include <jansson.h>
#include <stddef.h>

/* How much a text may hold: a short one can make a tree that is a hundred times as large, or as deep as it is
 * long. */
struct json_bounds {
    size_t depth; /* of nested objects and lists */
    size_t nodes; /* values */
};

enum json_excess { JSON_WITHIN, JSON_TOO_DEEP, JSON_TOO_MANY };

/* An object or a list, as json_loadb(text, length, JSON_REJECT_DUPLICATES, reason) answers. */
json_t *json_read(const char *text, size_t length, json_error_t *reason);

/* The same of a text that nobody vouches for. NULL with *excess set: it is beyond the bounds, *reason says
 * nothing; no more than they allow was built. */
json_t *json_read_bounded(const char *text, size_t length, const struct json_bounds *bounds,
                          enum json_excess *excess, json_error_t *reason);

/* The first byte at or after `text` that ends a run of a string's plain characters: a quote, a backslash, a
 * control character; `end` if there is none. */
const char *json_plain_end(const char *text, const char *end);

#endif
