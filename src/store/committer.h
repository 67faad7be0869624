/*
 * committer.h - the one thread that writes the store: takes whatever writes wait, puts them into one
 * transaction with one sync, then answers all of them. Waits for more only while a connection's further
 * writes are being read (committer_hold), and for each of them at most a fifth of a millisecond. As long it
 * looks for a write before it sleeps.
 *
 * Any thread may submit. `done` is called on the committer's thread once the write's fate is known; it must
 * be quick and must not block. After a commit that moved the head `committed` (set at start) is called once
 * with the new one: it wakes the indexer. Profiles are in the registry before their writes are answered. A
 * write that cannot be done (not_found, conflict, a bad patch) does not disturb the others of its group; if
 * the store fails, none of the group is stored and all are answered with the same error.
 */
#ifndef STORYD_STORE_COMMITTER_H
#define STORYD_STORE_COMMITTER_H

#include "base/error.h"
#include "profile/registry.h"
#include "store/store.h"

#include <jansson.h>
#include <stdint.h>

enum write_kind {
    WRITE_PUT,
    WRITE_PATCH,
    WRITE_DELETE,
    WRITE_VIEW,
    WRITE_PROFILE,       /* of an entity */
    WRITE_REMOVE_PROFILE /* the one with the name of `profile` */
};

/* One write. The submitter fills the first part and gives the struct away; `done` gives it back with the
 * second part filled. write_free() releases it. */
struct write {
    enum write_kind kind;
    char *id;   /* owned */
    char *text; /* WRITE_PUT: the stored JSON (owned) */
    size_t text_length;
    size_t text_max; /* WRITE_PATCH: bytes of the article that it may make of a smaller one; 0 = any */
    json_t *patch;   /* WRITE_PATCH: the merge patch (owned); `views` in it sets the count */
    struct profile *profile; /* WRITE_PROFILE, WRITE_REMOVE_PROFILE (one reference); `id` is "" then */
    int64_t views;           /* WRITE_PUT: the count to set, -1 to keep; WRITE_VIEW: how many to add */
    int64_t if_revision;     /* -1 = any */
    size_t bytes;            /* what it weighs in the queue: set by committer_submit */
    void (*done)(struct write *write);
    void *context; /* the submitter's */

    int result; /* 0 or -1 */
    struct error error;
    uint64_t revision;   /* of the change (views and profiles: 0) */
    bool created;        /* WRITE_PUT, WRITE_PROFILE: there was none before */
    int64_t total_views; /* the count as this write set it; -1 if it left it alone */
};

struct write *write_new(enum write_kind kind, const char *id); /* if_revision -1, views -1 */
void write_free(struct write *write);

struct committer;
struct committer_options {
    struct registry *profiles; /* changed together with the store's */
    size_t queue_writes;       /* more waiting writes than this: busy */
    size_t queue_bytes;        /* more waiting bytes than this: busy */
    int64_t watch; /* nanoseconds: so long the committer looks for a write before it sleeps, and for the next
                      one of a series (below); 0: a series wakes it at its end, as is right with one core */
    size_t group_writes; /* at most this many in a group; 0 = 256 */
    size_t group_bytes;  /* and this many bytes, but for a single write; 0 = 4 MB */
    void (*committed)(void *context,
                      uint64_t head); /* this and `viewed` on the committer's thread; NULL is fine */
    /* After the commit, for each write that set or added to a count; with 0 for a DELETE. In the order of the
     * writes. `revision` is that of a change; a VIEW has none, 0. */
    void (*viewed)(void *context, const char *id, int64_t total, uint64_t revision);
    /* Before (true) and after (false) `done` is called for the writes of a group. */
    void (*answering)(void *context, bool begins);
    void *context;
};

/* Starts the thread. The writer is borrowed and must outlive the committer. */
int committer_start(struct store_writer *writer, const struct committer_options *options,
                    struct committer **committer, struct error *error);

/* Gives `write` away. On failure (busy, draining) it stays the caller's and `done` is not called. Without
 * `done` it is freed when it has been written. */
int committer_submit(struct committer *committer, struct write *write, struct error *error);

/* For a thread that submits several writes in a row, a series: those between these two make one group, unless
 * the next one takes long to come. */
void committer_hold(struct committer *committer);
void committer_release(struct committer *committer);

uint64_t committer_head(const struct committer *committer); /* newest acknowledged revision; any thread */
size_t committer_waiting(struct committer *committer);

/* Commits what is queued, answers it, ends the thread, frees. */
void committer_stop(struct committer *committer);

#endif
