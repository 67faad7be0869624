/*
 * generation.h - a complete index built from the store: sealed segments, hot segments, statistics, and their
 * MANIFEST.
 *
 *   DATA/live                     the number of the live generation
 *   DATA/generations/N/MANIFEST   see manifest.h
 *
 * Changed by the indexer thread alone (by the reindex thread while it is not live yet), under the index's
 * lock where other threads look at it.
 */
#ifndef STORYD_INDEX_GENERATION_H
#define STORYD_INDEX_GENERATION_H

#include "index/copy_marks.h"
#include "index/hot.h"
#include "index/manifest.h"
#include "index/snapshot.h"
#include "store/store.h"

struct generation_places {
    const char *data;          /* DATA */
    const char *hot_directory; /* HOT */
    bool hot_sync;             /* HOT is on a disk, not in memory */
};

struct generation {
    uint32_t number;
    char identity[24];
    char *directory;
    struct generation_places places; /* borrowed texts */
    struct document_settings settings;
    bool average_guessed; /* settings.average_length is a guess so far */
    struct epoch *epoch;
    struct segment **segments; /* ascending docid ranges */
    size_t segment_count;
    struct hot **hots; /* ascending; the last one takes new articles, the others wait to be sealed */
    size_t hot_count;
    uint64_t sealed_position; /* all changes up to here are in sealed segments and tombstones */
    uint64_t position;        /* all changes up to here are in, hot segments included */
    _Atomic uint32_t next_segment;
    uint32_t tombstones_number;     /* of the file that the MANIFEST names */
    uint32_t tombstones_written;    /* of the newest file: a MANIFEST whose sync failed may name it */
    struct segment_place **retired; /* not part of it any more, but the MANIFEST on disk may count on them */
    size_t retired_count;
    struct copy_finder *copies; /* the newest articles, for those that come */
};

/* A new, empty one behind `position` (0: from the start), with its directory, MANIFEST not written yet.
 * `average_length` 0: unknown. No hot segment yet. */
int generation_create(const struct generation_places *places, uint32_t number,
                      const struct document_settings *settings, uint64_t position,
                      struct generation **generation, struct error *error);

/* The one on disk, without its hot segments. Files that are not in the MANIFEST are removed. not_found, or
 * unavailable if it is damaged. */
int generation_load(const struct generation_places *places, uint32_t number,
                    const struct document_settings *settings, struct generation **generation,
                    struct error *error);

/* Writes tombstones and MANIFEST; then what was retired goes. */
int generation_save(struct generation *generation, struct error *error);

/* Makes it the one that is live after a restart. */
int generation_make_live(const struct generation *generation, struct error *error);
/* The number in DATA/live; 0 if there is none yet. unavailable if it cannot be read or is no number. */
int generation_live_number(const char *data, uint32_t *number, struct error *error);
/* The largest number of a generation's directory in DATA; 0 if there is none. */
uint32_t generation_last_number(const char *data);

/* Marks every file for removal once nobody reads it (the generation has been replaced). */
void generation_discard(struct generation *generation);
void generation_free(struct generation *generation);

struct hot *generation_active(const struct generation *generation);      /* NULL if there is none */
void generation_add_hot(struct generation *generation, struct hot *hot); /* steals; becomes the active one */
void generation_add_segment(struct generation *generation,
                            struct segment *segment); /* steals; put in docid order */
/* Puts `segment` (stolen) in the place of `count` neighbours from `first`, which are released. */
void generation_replace_segments(struct generation *generation, size_t first, size_t count,
                                 struct segment *segment);
void generation_remove_hot(struct generation *generation, size_t number); /* frees it */

/* The files of this place are not part of the generation any more: they are removed when a MANIFEST without
 * them is on disk and nobody reads them. Call before the segment or hot segment is released. */
void generation_retire(struct generation *generation, struct segment_place *place);

/* The version dies at `revision`; false if it is not here. */
bool generation_bury(struct generation *generation, uint32_t docid, uint32_t revision);

/*
 * What a change means for the older versions of its article: they die at its revision, if the version it
 * wrote is here or it deleted the article. A version that had already been replaced when its batch was read
 * is not here: then the older one stays until the change that replaced it is applied, so that an article
 * that exists is never missing. Applying a change again does nothing.
 */
void generation_apply(struct generation *generation, const struct store_change *change, const char *id);

/* Fills `copies` again from the segments and hot segments: after originals were found anew. */
void generation_recall_copies(struct generation *generation);

/* The name for the next segment, new reference. */
char *generation_new_segment_name(struct generation *generation);

/* Rows in all slices and dead ones among them. */
struct generation_figures {
    uint64_t rows;
    uint64_t dead;
    uint64_t words;
    uint64_t documents; /* in Xapian, dead ones included */
};
void generation_figures(const struct generation *generation, struct generation_figures *figures);

/* What queries see from now on: new reference (one). */
struct snapshot *generation_snapshot(const struct generation *generation, struct index *index);

#endif
