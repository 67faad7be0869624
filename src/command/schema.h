/*
 * schema.h - what a command's argument may hold, as data; the one place where arguments are checked.
 *
 * Unknown keys are refused naming the nearest known one; types, ranges and words are checked before a handler
 * runs, so handlers read values without checking again. Constant tables: any thread.
 */
#ifndef STORYD_COMMAND_SCHEMA_H
#define STORYD_COMMAND_SCHEMA_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum parameter_type {
    PARAMETER_TEXT,    /* a string; min and max bound its bytes */
    PARAMETER_INTEGER, /* min and max bound its value */
    PARAMETER_NUMBER,  /* integer or real; min and max bound its value */
    PARAMETER_BOOL,
    PARAMETER_WORD,      /* one of the words in `words` ("a|b|c") */
    PARAMETER_TEXT_LIST, /* a list of strings; min and max bound its length */
    PARAMETER_OBJECT,    /* with members of its own if `members` is given, else checked by the handler */
    PARAMETER_ANY        /* checked by the handler */
};

struct parameter {
    const char *name; /* NULL ends a table */
    enum parameter_type type;
    double min;
    double max;        /* min = max = 0: no bounds */
    const char *words; /* PARAMETER_WORD */
    bool required;
    const struct parameter *members; /* PARAMETER_OBJECT */
    const char *help;                /* one line */
};

/* bad_request naming the key, what was expected and, for an unknown key, the nearest known one. */
int schema_check(const struct parameter *parameters, const json_t *object, struct error *error);

/* Reading checked values; the second form gives `fallback` where the key is absent (or null). Text is
 * borrowed. */
const char *schema_text(const json_t *object, const char *name, const char *fallback);
int64_t schema_integer(const json_t *object, const char *name, int64_t fallback);
double schema_number(const json_t *object, const char *name, double fallback);
bool schema_bool(const json_t *object, const char *name, bool fallback);

/* Writes the table as JSON for HELP-like uses: [{"name":…,"type":…,"min":…,…,"help":…},…]. */
struct json_writer;
void schema_write(const struct parameter *parameters, struct json_writer *writer);

#endif
