/*
 * slice.h - the catalog of one range of docids: its rows, its features, and the two things about a row that
 * change: when it died and how often it was viewed.
 *
 * The images are immutable; a slice is shared by reference count. A newer slice may share the rows of an
 * older one (a new epoch brings new features for the same rows). Any thread may read; `died` is set by the
 * indexer alone, `views` under the index's lock.
 */
#ifndef STORYD_INDEX_SLICE_H
#define STORYD_INDEX_SLICE_H

#include "base/file.h"
#include "index/features.h"
#include "index/rows.h"

#include <stdatomic.h>

#define NEVER_DIED UINT32_MAX
#define DATE_MARK 16

/* Bytes of an image: a block of memory or a mapped file. */
struct image_bytes {
    char *block;
    struct file_map map;
    const char *data;
    size_t length;
};
struct image_bytes image_bytes_of_block(char *block, size_t length); /* steals the block */
int image_bytes_of_file(const char *path, struct image_bytes *bytes, struct error *error);
void image_bytes_release(struct image_bytes *bytes);

struct slice_rows {
    atomic_uint references;
    struct image_bytes bytes;
    struct rows rows;
    _Atomic uint32_t *died;  /* for each row: the revision that replaced or deleted it, or NEVER_DIED */
    _Atomic uint32_t *views; /* for each row: live count */
    atomic_uint dead;        /* rows that have died */
    _Atomic uint64_t *dead_by_date; /* one bit for each position of rows.by_date: has died, at any revision */
    int64_t *date_marks;            /* the dates at every DATE_MARK positions of rows.by_date */
};

struct slice {
    atomic_uint references;
    struct slice_rows *shared;
    const struct rows *rows; /* &shared->rows */
    struct image_bytes feature_bytes;
    struct features features;
    uint64_t *copies_by_date; /* one bit for each position of rows->by_date: has an original */
};

/* The images of the same rows that two builders hold; these are used up. */
void slice_images(struct rows_builder *row_builder, struct features_builder *feature_builder,
                  struct image_bytes *rows, struct image_bytes *features);

/* Both steal the bytes, also on failure. *slice is new: slice_release(). */
int slice_new(struct image_bytes rows, struct image_bytes features, struct slice **slice,
              struct error *error);
/* New features for the same rows. */
int slice_with_features(struct slice *old, struct image_bytes features, struct slice **slice,
                        struct error *error);

struct slice *slice_retain(struct slice *slice);
void slice_release(struct slice *slice);

/* True if the row's article version is the present one at `revision`. */
static inline bool slice_row_lives(const struct slice *slice, uint32_t row, uint64_t revision)
{
    return atomic_load_explicit(&slice->shared->died[row], memory_order_relaxed) > revision;
}

static inline uint32_t slice_row_views(const struct slice *slice, uint32_t row)
{
    return atomic_load_explicit(&slice->shared->views[row], memory_order_relaxed);
}

/* Words of a bitmap by the positions of rows->by_date. */
static inline size_t slice_date_words(const struct slice *slice)
{
    return ((size_t)slice->rows->dated + 63) / 64;
}

/* How many rows of rows->by_date are older than a date: where the first that is not stands. It is known to be
 * in [low, high]; all are in [0, rows->dated]. */
uint32_t slice_dated_before(const struct slice *slice, uint32_t low, uint32_t high, int64_t published);

/* The same in steps, so that several searches wait for memory together: the first looks at the marks and has
 * the rows between two of them fetched, the second has their dates fetched. */
struct date_search {
    const struct rows *rows;
    int64_t published;
    uint32_t low;
    uint32_t high;
};
struct date_search slice_date_search(const struct slice *slice, uint32_t low, uint32_t high,
                                     int64_t published);
void date_search_prefetch(const struct date_search *search);
uint32_t date_search_finish(const struct date_search *search);

/* Marks the docid's row dead as of `revision`; false if the slice has no such living row. */
bool slice_kill(struct slice *slice, uint32_t docid, uint32_t revision);

/* Carries deaths and views over from `old` to the rows of `slice` that are the same docids (after a merge).
 */
void slice_inherit(struct slice *slice, const struct slice *old);

/*
 * Copies the living rows (as of `revision`) of neighbouring slices, with their vectors, into the images of
 * one slice, in memory. All must be of the epoch of these statistics.
 */
void slices_join(struct slice *const *slices, size_t count, uint64_t revision,
                 const struct statistics *statistics, struct image_bytes *rows, struct image_bytes *features);

#endif
