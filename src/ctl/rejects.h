/*
 * rejects.h - the lines of an import that the server would not take: told on stderr, kept for the report, and
 * written to a file if one is wanted. One thread.
 */
#ifndef STORYD_CTL_REJECTS_H
#define STORYD_CTL_REJECTS_H

#include "base/error.h"
#include "ctl/progress.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REJECTS_SHOWN 50  /* on stderr */
#define REJECTS_KEPT 1000 /* in the report */

struct rejects {
    const char *path; /* borrowed; NULL: none */
    FILE *file;
    struct progress *progress; /* borrowed: cleared before a line is printed */
    uint64_t told;
    json_t *kept; /* list of {"file","line","id","code","message"} */
};

/* One rejected line; the texts are borrowed. */
struct reject {
    const char *file;
    uint64_t line;
    const char *code;
    const char *message;
    const char *text; /* the line as it was read */
    size_t length;
};

/* `append`: an interrupted import goes on, and so does the file. */
int rejects_open(struct rejects *rejects, const char *path, bool append, struct progress *progress,
                 struct error *error);

void rejects_add(struct rejects *rejects, const struct reject *reject);

/* What has been added is in the file. */
int rejects_flush(struct rejects *rejects, struct error *error);

void rejects_close(struct rejects *rejects);

#endif
