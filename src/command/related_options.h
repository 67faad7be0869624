/*
 * related_options.h - the options that RELATED and CONNECTED share, read from their arguments into a query.
 */
#ifndef STORYD_COMMAND_RELATED_OPTIONS_H
#define STORYD_COMMAND_RELATED_OPTIONS_H

#include "command/controls.h"
#include "command/suggestion.h"

/* A query under way and everything it owns. Zero-initialise; related_options_release() also on failure. */
struct related_options {
    struct snapshot *snapshot;
    struct source source;
    struct filter *filter;
    struct related_query query;
    struct suggestion_style style;
    struct copies copies; /* near-copies that were collapsed */
    bool collapse;
    struct controls_result controls;
    struct related_hit *hits; /* owned: after related_options_run() */
    size_t hit_count;
    bool was_cut;  /* weak ones may be missing: see related_was_cut() */
    bool was_full; /* there are more, weaker ones, than `candidates` */
};

/* Pins the snapshot, finds the source and reads filter, exclude, weights, min_strength, recency, only,
 * copies, fields and explain. `limit` stays the caller's. */
int related_options_read(struct worker *worker, struct request *request, struct related_options *options,
                         struct error *error);

/* Runs the query, collapsed unless it asks for all copies: `hits` are the pinned articles in their order,
 * then the highest in rank; none if the source's connected stories are off. At most `wanted` in all, chosen
 * among `candidates`; `wanted` 0: all candidates, copies included, and `was_full` is known. `diversity` as
 * related_diversify(), 0: none. Errors: deadline. */
int related_options_run(struct worker *worker, struct related_options *options, size_t candidates,
                        size_t wanted, double diversity, struct error *error);
void related_options_release(struct related_options *options);

#endif
