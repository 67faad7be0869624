/*
 * hot.h - the hot segment: a small writable Xapian database, and the catalog of its articles as a few slices
 * in memory.
 *
 * Articles are added between commits; a commit makes them a new slice and joins small slices, so that there
 * are never more than a handful. The directory, HOT/hot.OWNER.BASE.SERIAL, is named after the revision the
 * segment starts behind (`base`), and the database's metadata holds the revision it has reached: after a
 * crash it is taken up where it was, or thrown away and filled from the change log again. A path is never
 * used twice while storyd runs, because readers may still hold the old database. Owned by the indexer thread;
 * slices are handed out by reference.
 */
#ifndef STORYD_INDEX_HOT_H
#define STORYD_INDEX_HOT_H

#include "index/document.h"
#include "index/segment.h"
#include "index/snapshot.h"

struct hot {
    struct segment_place *place;
    char *owner;                  /* what the database's metadata must say: the generation's identity */
    struct xapian_writer *writer; /* NULL once frozen */
    uint64_t base;                /* holds changes after this revision */
    uint64_t position;            /* up to this one, as of the last commit */
    uint64_t attempted; /* up to this one a commit was tried: it may have failed and left documents */
    uint64_t version;   /* number of commits, for readers */
    uint32_t documents; /* committed, dead ones included */
    struct slice **slices;
    size_t slice_count;
    struct rows_builder *pending_rows; /* NULL: nothing is pending */
    struct features_builder *pending_features;
    struct epoch *epoch; /* what slices and pending features are made with */
    bool sync;
};

/* A new, empty one. `owner` is the generation's identity. */
int hot_create(const char *hot_directory, const char *owner, uint64_t base, struct epoch *epoch, bool sync,
               struct hot **hot, struct error *error);

/* Takes up the newest one of this base and owner if it is there and whole: not_found if not. Its slices are
 * still missing: the caller adds them with hot_recall() and hot_commit_recalled(). */
int hot_take_up(const char *hot_directory, const char *owner, uint64_t base, struct epoch *epoch, bool sync,
                struct hot **hot, struct error *error);

/* Adds an article version. `original`: the first article of its story (features_original()). On failure
 * everything since the last commit is gone from the database: call hot_forget_pending() and add again, from
 * there. */
int hot_add(struct hot *hot, uint32_t docid, const struct article *article, const struct document *document,
            int64_t views, uint32_t original, struct error *error);

/* Commits; `position` is the revision reached, which is published next: rows dead by then are
 * dropped when slices are joined. After a failure the database may hold the documents all the same; adding
 * them again does no harm. */
int hot_commit(struct hot *hot, uint64_t position, struct error *error);

/* Rebuilding the catalog of a database that was taken up: as hot_add and hot_commit, without touching Xapian.
 */
void hot_recall(struct hot *hot, uint32_t docid, const struct article *article,
                const struct document *document, int64_t views, uint32_t original);
int hot_commit_recalled(struct hot *hot, struct error *error);

/* Forgets what was added since the last commit. */
void hot_forget_pending(struct hot *hot);

/* Closes the database for writing; it stays readable. */
void hot_freeze(struct hot *hot);

/* Replaces all slices (new epoch); nothing is pending. Steals the slice, not the epoch. */
void hot_replace_slices(struct hot *hot, struct slice *slice, struct epoch *epoch);

void hot_free(struct hot *hot); /* files stay unless the place is marked obsolete */

#endif
