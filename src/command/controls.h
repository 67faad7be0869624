/*
 * controls.h - what editors decided for the source article (article_controls.h), applied to a query for its
 * connected stories.
 *
 * The controls come from the catalog's row of the source, or from the draft itself; the store is not asked.
 * Worker threads; places and hits point into the snapshot, which the caller holds.
 */
#ifndef STORYD_COMMAND_CONTROLS_H
#define STORYD_COMMAND_CONTROLS_H

#include "command/source.h"

/* Zero-initialise; controls_result_release() after. */
struct controls_result {
    bool is_off;                /* no suggestion at all */
    struct related_hit *pinned; /* owned: those that can be shown, in the editors' order */
    size_t pinned_count;
    size_t pinned_capacity;
};

/* Puts blocked articles among those that the source never suggests, and pinned ones, too, after they have
 * been compared with the source: the query is not to find them again. A pinned article that is not there, is
 * among the excluded already or does not pass the filter is left out. Call before source_finish(). */
void controls_apply(struct source *source, const struct snapshot *snapshot, const struct filter *filter,
                    const struct related_weights *weights, struct controls_result *result);
void controls_result_release(struct controls_result *result);

#endif
