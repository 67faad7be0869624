/*
 * suggestion.h - one connected article in a reply: its card, how strongly it is connected, and the evidence.
 *
 * Worker threads; everything is borrowed for the call.
 */
#ifndef STORYD_COMMAND_SUGGESTION_H
#define STORYD_COMMAND_SUGGESTION_H

#include "daemon/worker.h"
#include "related/copies.h"

struct suggestion_style {
    const json_t *fields; /* article fields to show; NULL: the card */
    bool explain;         /* every part of the strength with each shared feature's weight */
    struct related_weights weights;
    const struct copies *copies; /* what was collapsed */
    uint32_t source_story;       /* of the source article; 0: it is not stored, or there are several */
};

/* Before hits are written: their cards lie all over a large file, and are on their way at once then. */
void suggestions_prefetch(const struct related_hit *hits, size_t count);

/* Writes one object. unavailable if the store is needed and cannot be read. */
int suggestion_write(struct worker *worker, const struct feature_vector *source,
                     const struct related_hit *hit, const struct suggestion_style *style,
                     struct json_writer *writer, struct error *error);

#endif
