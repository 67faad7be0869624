/*
 * snapshot.h - what one query sees: all segments and the hot one, as of one revision. Immutable, shared by
 * reference count. A query acquires the current one (index.h), works on it, its cards included, and releases
 * it; the indexer's next change of the hot segment waits until the older snapshots are gone, so a search
 * never meets a changed database (xapian.md section 1). Any thread.
 */
#ifndef STORYD_INDEX_SNAPSHOT_H
#define STORYD_INDEX_SNAPSHOT_H

#include "index/segment.h"
#include "index/statistics.h"
#include "index/xapian.h"

struct index;

/* Statistics of an epoch, shared by reference count. */
struct epoch {
    atomic_uint references;
    struct image_bytes bytes;
    struct statistics statistics;
};
int epoch_new(struct image_bytes bytes, struct epoch **epoch, struct error *error); /* steals the bytes */
struct epoch *epoch_retain(struct epoch *epoch);
void epoch_release(struct epoch *epoch);

struct snapshot {
    atomic_uint references;
    struct index *index; /* told when the last reference goes */
    uint32_t generation;
    uint64_t revision;     /* all changes up to this one are in, none after it */
    struct slice **slices; /* ascending docid ranges */
    size_t slice_count;
    struct xapian_source *sources; /* ascending docid ranges; paths belong to `places` */
    struct segment_place **places;
    size_t source_count;
    struct epoch *epoch;
    double average_length; /* words; what impacts are made with */
    bool has_dead;         /* some documents in the sources are dead: searches must ask for each */
    uint64_t articles;     /* living ones */
};

struct snapshot *snapshot_retain(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot);

/* Where an article version is. */
struct row_place {
    struct slice *slice; /* borrowed from the snapshot */
    uint32_t slice_number;
    uint32_t row;
};

/* False if the docid is not there or not the present version. */
bool snapshot_find_docid(const struct snapshot *snapshot, uint32_t docid, struct row_place *place);

/* The present version of an article. */
bool snapshot_find_id(const struct snapshot *snapshot, const char *id, size_t length,
                      struct row_place *place);

#endif
