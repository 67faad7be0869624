/*
 * command_line.h - what was asked for: "storyctl [OPTION]... VERB [WORD]... [OPTION]...".
 *
 * Options are long ("--limit 5" or "--limit=5") and may stand anywhere before "--"; a word with a single dash
 * is a word, because "-moon" is a part of a query. The tables of options and verbs are data; parsing checks
 * against them. Texts are borrowed from the caller's arguments. One thread.
 */
#ifndef STORYD_CTL_COMMAND_LINE_H
#define STORYD_CTL_COMMAND_LINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind {
    VALUE_NONE, /* the option is a switch */
    VALUE_TEXT,
    VALUE_COUNT, /* a whole number from 0 */
    VALUE_SHARE  /* 0 to 1, or a percentage: "0.2", "20%" */
};

/* A table of these ends with a NULL name. */
struct verb_option {
    const char *name;     /* without dashes */
    const char *argument; /* how help calls its value */
    enum value_kind kind;
    bool repeated; /* may be given several times */
    const char *help;
};

struct session;

struct verb {
    const char *name;
    const char *arguments;             /* "ID..." */
    const char *summary;               /* one line */
    const char *details;               /* more, with examples; may be "" */
    const struct verb_option *options; /* may be NULL */
    size_t words_min;
    size_t words_max;
    int (*run)(struct session *session); /* the exit code */
};

struct given_option {
    const struct verb_option *option;
    const char *value; /* "" for a switch */
};

struct invocation {
    const struct verb *verb; /* NULL: none was named (with --help or --version) */
    const char **words;
    size_t word_count;
    struct given_option *given;
    size_t given_count;
};

/* bad_request saying what is wrong, with the nearest known name. Release it in any case. */
int invocation_parse(struct invocation *invocation, int count, char **arguments, struct error *error);
void invocation_release(struct invocation *invocation);

bool invocation_has(const struct invocation *invocation, const char *name);

/* The option's last value, NULL if it was not given. */
const char *invocation_text(const struct invocation *invocation, const char *name);
int64_t invocation_count(const struct invocation *invocation, const char *name, int64_t fallback);
double invocation_share(const struct invocation *invocation, const char *name, double fallback);

/* The values of an option one after the other, NULL after the last; *at starts with 0. */
const char *invocation_next(const struct invocation *invocation, const char *name, size_t *at);

#endif
