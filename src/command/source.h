/*
 * source.h - what related stories are asked for: a stored article, several, or a draft; as one feature
 * vector.
 *
 * Worker threads; the vector and the article's texts last until the worker looks up its next source.
 */
#ifndef STORYD_COMMAND_SOURCE_H
#define STORYD_COMMAND_SOURCE_H

#include "daemon/worker.h"

struct source {
    const struct feature_vector *vector; /* borrowed from the worker */
    int64_t published;                   /* of the one article; DATE_NONE for several or if unknown */
    struct row_place place;              /* of the one article, if it is in the catalog */
    bool has_place;
    const struct article
        *stored; /* the one article if it is only in the store yet: borrowed from the worker */
    int64_t stored_views;
    uint32_t *excluded; /* docids never to suggest; sorted by source_finish() */
    size_t excluded_count;
    size_t excluded_capacity;
    uint32_t *excluded_stories; /* copies_story() of those whose near-copies are not to be suggested either */
    size_t excluded_story_count;
    size_t excluded_story_capacity;
    const char
        *controls; /* packed, of the one article: article_controls.h; borrowed or in `draft_controls` */
    size_t controls_length;
    struct buffer draft_controls;
};

/* Zero-initialise `source`; source_release() also on failure. `arguments` has "id", "ids" or "article",
 * exactly one of them. Errors: bad_request, not_found, unavailable. */
int source_find(struct worker *worker, const struct snapshot *snapshot, const json_t *arguments,
                struct source *source, struct error *error);

/* Adds the articles of a list of ids to those never suggested. */
void source_exclude_ids(struct source *source, const struct snapshot *snapshot, const json_t *ids);

/* One that is known already, or not to be seen again: its near-copies are left out with it. */
void source_exclude_place(struct source *source, const struct row_place *place);

/* This one alone. */
void source_exclude_docid(struct source *source, uint32_t docid);

/* Sorts what is excluded: call before the query runs. */
void source_finish(struct source *source);
void source_release(struct source *source);

#endif
