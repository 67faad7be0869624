/*
 * option.h - the rows of options.def as a table, and how a value is read from text and written as text.
 *
 * The table is constant: any thread.
 */
#ifndef STORYD_CONFIG_OPTION_H
#define STORYD_CONFIG_OPTION_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_TYPE_TEXT,
    OPTION_TYPE_CHOICE,
    OPTION_TYPE_LIST,
    OPTION_TYPE_NUMBER,
    OPTION_TYPE_BYTES,
    OPTION_TYPE_DURATION, /* milliseconds */
    OPTION_TYPE_REAL,
    OPTION_TYPE_BOOL
};

struct option {
    const char *section;
    const char *name;
    const char *full_name; /* "section.name" */
    enum option_type type;
    const char *default_text;
    double min; /* of numeric types */
    double max;
    const char *unit; /* CHOICE: the accepted words */
    bool reloadable;
    const char *help;
};

/* The number of each option: config->..., option_table[OPTION_limits_line_query]. */
enum option_number {
#define OPTION(section, name, ...) OPTION_##section##_##name,
#include "config/options.def"
#undef OPTION
    OPTION_COUNT
};

extern const struct option option_table[OPTION_COUNT];

/* Names are compared with '-' and '_' equal. NULL if there is none. */
const struct option *option_find(const char *section, const char *name);

/* By "section.name", or by a name that only one section has. NULL with a sentence in `error` (bad_request).
 */
const struct option *option_find_any(const char *name, struct error *error);

/* The section as it is written in the table, or NULL. */
const char *option_section(const char *section);

/* The nearest known section, name within a section, or name or "section.name" anywhere (section NULL). NULL
 * if none. */
const char *option_nearest_section(const char *section);
const char *option_nearest_name(const char *section, const char *name);

/* A value: the member that the type says. Numbers of all kinds but REAL are in `number`. */
struct option_value {
    char *text; /* TEXT, CHOICE, LIST */
    int64_t number;
    double real;
    bool flag;
};

/* Reads a value (its text is a new reference). bad_request saying what is wrong and what is accepted. */
int option_parse(const struct option *option, const char *text, struct option_value *value,
                 struct error *error);

/* Appends the value as it would be written in a file: "64K", "200ms". */
void option_print(const struct option *option, const struct option_value *value, struct buffer *out);

/* Appends what is accepted: "4K to 1M bytes". */
void option_print_accepted(const struct option *option, struct buffer *out);

#endif
