/*
 * judge_file.h - judged queries for storyctl eval: one JSON object a line (doc/quality.md),
 * {"search":"query text","judged":{"a1":2,"a7":1}} or {"related":"a1","judged":{"a2":1}}. One thread.
 */
#ifndef STORYD_CTL_JUDGE_FILE_H
#define STORYD_CTL_JUDGE_FILE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judged_query {
    bool is_search;   /* else RELATED */
    uint64_t line;    /* from 1 */
    const char *text; /* the query or the article's id; borrowed from `json` */
    json_t *judged;   /* id to gain, 0 or more, one above 0; borrowed from `json` */
    json_t *json;     /* owned */
};

struct judge_file {
    struct judged_query *queries;
    size_t count;
    size_t capacity;
};

/* Zero-initialise; release it in any case. "-" is standard input; plain, gzip or zstd. bad_request with line
 * and reason, unavailable, not_found. */
int judge_file_read(const char *name, struct judge_file *file, struct error *error);
int judge_file_add(struct judge_file *file, uint64_t line, const char *text, size_t length,
                   struct error *error); /* one line; bad_request */
void judge_file_release(struct judge_file *file);

#endif
