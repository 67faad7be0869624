/*
 * segment.h - a sealed segment on disk: a compacted Xapian database and the catalog slice of the same docids.
 *
 *   GENERATION/SEGMENT/xapian      the compacted database, one file
 *   GENERATION/SEGMENT/rows        rows.h image
 *   GENERATION/SEGMENT/features.E  features.h image of epoch E
 *
 * Shared by reference count. The directory of an obsolete segment is removed with the last reference, because
 * a worker that has not opened the Xapian database yet may still want to. Any thread.
 */
#ifndef STORYD_INDEX_SEGMENT_H
#define STORYD_INDEX_SEGMENT_H

#include "index/slice.h"

/* A database directory that is in use by searches: sealed or hot. */
struct segment_place {
    atomic_uint references;
    char *directory;
    char *xapian_path;
    uint64_t key;         /* unique in this process: see struct xapian_source */
    atomic_bool obsolete; /* remove the directory when nobody uses it any more */
};
struct segment_place *segment_place_new(const char *directory, const char *xapian_path); /* copies both */
struct segment_place *segment_place_retain(struct segment_place *place);
void segment_place_release(struct segment_place *place);

struct segment_file {
    uint64_t size;
    uint32_t crc;
};

struct segment {
    atomic_uint references;
    struct segment_place *place;
    char *name; /* of the directory in its generation */
    struct slice *slice;
    uint32_t documents; /* in the Xapian database, dropped rows included */
    struct segment_file xapian;
    struct segment_file rows;
    struct segment_file features;
};

/* Makes the directory and writes its files, synced: the given databases compacted, and the two images. */
int segment_create(const char *directory, const char *const *xapian_sources, size_t source_count,
                   const struct image_bytes *rows, const struct image_bytes *features, uint32_t epoch,
                   struct error *error);

/* Opens the files of a segment. `expected` (may be NULL): a segment whose file figures (sizes, checksums) the
 * files must match, from the MANIFEST. unavailable if a file is damaged or missing. */
int segment_open(const char *generation_directory, const char *name, uint32_t epoch,
                 const struct segment *expected, struct segment **segment, struct error *error);

/* Whether the Xapian database is still what was opened; it reads the whole file. For whoever is about to read
 * all of it: Xapian notices few kinds of damage, and what is made of the file would have a right checksum.
 * unavailable if it is damaged or cannot be read. */
int segment_check(const struct segment *segment, struct error *error);

/* The same segment with other features, whose file features.`epoch` is there already. */
int segment_with_features(struct segment *old, uint32_t epoch, struct segment **segment, struct error *error);

struct segment *segment_retain(struct segment *segment);
void segment_release(struct segment *segment);

/* Paths inside a segment's directory: new references. */
char *segment_xapian_path(const char *directory);
char *segment_rows_path(const char *directory);
char *segment_features_path(const char *directory, uint32_t epoch);

#endif
