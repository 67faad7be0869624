/*
 * builder.h - sealed segments made directly from the store, without the hot segment: for backlogs and
 * reindex.
 *
 * A build runs over a list of revision ranges with several threads; each range becomes one segment. Ranges
 * are delivered in order, on the caller's thread, as soon as they are ready.
 */
#ifndef STORYD_INDEX_BUILDER_H
#define STORYD_INDEX_BUILDER_H

#include "index/generation.h"
#include "store/store.h"

struct build {
    const struct store_options *store;
    struct generation *generation; /* settings and directory are read; segment names are taken */
    struct epoch *epoch;           /* borrowed: the statistics to build with */
    uint64_t first;                /* revisions first to last are built */
    uint64_t last;
    uint64_t range; /* revisions for each segment */
    size_t threads;
    /* Called on the caller's thread, ascending: the segment (stolen; NULL if no article is left in the range)
     * of the revisions up to `last`. -1 stops the build. */
    int (*deliver)(void *context, struct segment *segment, uint64_t last, struct error *error);
    void *context;
    _Atomic uint64_t *articles; /* counts articles as they are indexed; may be NULL */
    const atomic_bool *stop;    /* set by another thread: give up (draining); may be NULL */
};

int build_run(const struct build *build, struct error *error);

/* The mean number of words of up to `limit` articles spread over the revisions; 0 if there are none. */
int build_sample_length(const struct store_options *store, const struct document_settings *settings,
                        uint64_t first, uint64_t last, size_t limit, double *average, struct error *error);

#endif
