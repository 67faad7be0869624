/*
 * connected.h - the figures of a connected set: who and what appears in it, over which time, and what rises.
 *
 * Computed from the hits of a related_run() and the catalog alone. One thread at a time.
 */
#ifndef STORYD_RELATED_CONNECTED_H
#define STORYD_RELATED_CONNECTED_H

#include "related/copies.h"
#include "related/name_tally.h"

#define CONNECTED_HALF_LIFE (14.0 * 86400) /* seconds */

struct connected_summary {
    size_t events;
    uint64_t views;                        /* those of near-copies that were taken aside included */
    const struct related_hit *most_recent; /* NULL if no event has a date */
    int64_t first_published;               /* DATE_NONE likewise */
    int64_t last_published;
    struct name_tally names; /* heat: articles, each halved for every CONNECTED_HALF_LIFE before the newest */
};

/* Zero-initialise before; connected_release() after. */
void connected_summarise(const struct related_hit *hits, size_t count, const struct copies *copies,
                         struct connected_summary *summary);
void connected_release(struct connected_summary *summary);

/* Days as people say them: "1 day", "44 days", "2 months" (45 days to 18 months), "3 years"; rounded to the
 * unit. `text` gets at most `size` - 1 bytes; returns `text`. */
const char *connected_span(int64_t days, char *text, size_t size);

#endif
