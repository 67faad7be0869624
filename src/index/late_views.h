/*
 * late_views.h - view counts that came while the indexer was at work on rows that are not published yet: they
 * are set again in what it publishes. One entry for each article, the newest count. Under the index's lock.
 */
#ifndef STORYD_INDEX_LATE_VIEWS_H
#define STORYD_INDEX_LATE_VIEWS_H

#include <stddef.h>
#include <stdint.h>

struct late_view {
    char *id;
    uint64_t hash;
    int64_t views;
};

/* All zero is empty. */
struct late_views {
    struct late_view *items;
    size_t count;
    size_t capacity;
    size_t *places; /* 1 + an item's number, by hash; 0 = free. At most half of them are taken */
    size_t place_count;
};

void late_views_set(struct late_views *late, const char *id, int64_t views);
void late_views_replace(struct late_views *late, const char *id, int64_t views); /* only if there is one */
void late_views_clear(struct late_views *late);                                  /* also frees */

#endif
