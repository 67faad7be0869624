/*
 * manifest.h - what a generation consists of on disk: GENERATION/MANIFEST, JSON, replaced by rename and
 * directory sync.
 *
 * Every file of every segment is listed with size and CRC-32C; files that are not listed are leftovers and
 * are removed at start. The MANIFEST's own last member is the checksum of what stands before it. One thread
 * at a time.
 */
#ifndef STORYD_INDEX_MANIFEST_H
#define STORYD_INDEX_MANIFEST_H

#include "index/segment.h"

#define MANIFEST_FORMAT 1

struct manifest_segment {
    char name[32];
    uint32_t documents;
    struct segment_file xapian;
    struct segment_file rows;
    struct segment_file features;
};

struct manifest {
    uint32_t generation;
    char identity[24]; /* random, to recognise the hot segment that belongs to it */
    double average_length;
    uint32_t epoch;        /* of statistics.E and every features.E */
    uint64_t position;     /* every change up to this one is in the segments and tombstones */
    uint32_t next_segment; /* number for the next segment's name */
    struct segment_file statistics;
    uint32_t tombstones_number; /* tombstones.N */
    struct segment_file tombstones;
    struct manifest_segment *segments; /* owned */
    size_t segment_count;
};

int manifest_write(const char *generation_directory, const struct manifest *manifest, struct error *error);
/* not_found if there is none, unavailable if it is damaged or of a newer format. */
int manifest_read(const char *generation_directory, struct manifest *manifest, struct error *error);
void manifest_release(struct manifest *manifest);

#endif
