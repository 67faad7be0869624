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

/* An object or a list, as json_loadb(text, length, JSON_REJECT_DUPLICATES, reason) answers. */
json_t *json_read(const char *text, size_t length, json_error_t *reason);

/* The first byte at or after `text` that ends a run of a string's plain characters: a quote, a backslash, a
 * control character; `end` if there is none. */
const char *json_plain_end(const char *text, const char *end);

#endif
