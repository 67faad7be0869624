/* index_private.h - what the files behind index.h share. Locks: `lock` guards everything below it that is not
 * said to belong to one thread; it is held for microseconds. */
#ifndef STORYD_INDEX_INDEX_PRIVATE_H
#define STORYD_INDEX_INDEX_PRIVATE_H

#include "index/generation.h"
#include "index/index.h"
#include "index/late_views.h"

#include <pthread.h>

/* Work that other threads ask the indexer to do between two batches: it alone changes the live generation. */
struct index_call {
    int (*run)(struct index *index, void *context, struct error *error);
    void *context;
    struct error *error;
    int result;
    bool done;
    struct index_call *next;
};

struct reindex_progress {
    bool running;
    const char *phase; /* constant text */
    uint64_t total;
    _Atomic uint64_t done;
    int64_t started; /* clock.h */
    int64_t ended;
    uint32_t generation;
    char last_error[500]; /* of the last one that failed; "" = it did not */
};

struct index {
    struct index_options options;
    char *hot_directory;
    bool hot_sync;
    pthread_t indexer_thread;
    pthread_t maintenance_thread;
    bool threads_running;

    /* Held by whoever works on files of the live generation outside the indexer thread: maintenance while it
     * works, reindex while it swaps. Taken before `lock`; never held by the indexer. */
    pthread_mutex_t work_lock;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything below changed; CLOCK_MONOTONIC */
    struct index_tuning tuning;
    struct snapshot *current;
    _Atomic uint64_t published;
    unsigned snapshots_alive;
    struct generation *live; /* changed by the indexer thread, under the lock; read by it without */
    uint64_t head;
    int64_t head_moved;   /* when the head last did */
    bool indexer_is_idle; /* it waits for the head to move: else there is no need to wake it */
    bool hurry;           /* somebody waits for the next batch: it is due at once */
    bool hurried;         /* the present batch was */
    struct index_call *calls;
    atomic_bool stopping;
    bool swap_wanted;    /* the reindex thread waits for work_lock: begin no other work */
    int64_t last_change; /* when the indexer last had work */
    bool indexer_works;  /* view counts are kept in late_views as well */
    struct late_views late_views;
    uint32_t damaged_generation; /* a search found this one damaged; 0: none */
    struct reindex_progress reindex;
    pthread_t reindex_thread;
    bool reindex_joinable;
};

/* indexer.c */
void *indexer_main(void *index);
/* Runs `call` on the indexer thread (or at once if it is not running) and waits for it. */
int index_call(struct index *index, int (*run)(struct index *, void *, struct error *), void *context,
               struct error *error);
struct catch_up;
struct catch_up *catch_up_new(struct index *index, struct error *error);
void catch_up_free(struct catch_up *catch_up);
/* One batch through the hot segment, towards revision `last` or beyond it; on the indexer thread, or on a
 * generation that is not live. On failure the generation is as it was. */
int catch_up_run(struct catch_up *catch_up, struct generation *generation, uint64_t last,
                 struct error *error);
/* Applies the changes from `first` to `last` to older versions (generation_apply); those that they wrote are
 * there already. On failure some of it has been done and can be done again. */
int catch_up_kill(struct catch_up *catch_up, struct generation *generation, uint64_t first, uint64_t last,
                  struct error *error);
/* Takes up hot segments that a former process left, if they do not go beyond the store; afterwards the
 * generation has an active one. */
int catch_up_hots(struct catch_up *catch_up, struct generation *generation, struct error *error);

/* index.c */
/* Shows searches what the live generation holds; nothing if that is less than they see already. On the
 * indexer thread. */
void index_publish(struct index *index);
void index_snapshot_gone(struct index *index);
/* The indexer begins or ends its work; under the lock. */
void index_set_working(struct index *index, bool working);
struct timespec index_deadline(int64_t clock); /* for pthread_cond_timedwait on `changed` */

/* maintenance.c */
void *maintenance_main(void *index);

/* epoch.c: new statistics for a list of segments and hot databases (`snapshot` without segments: all of its
 * databases), and features made with them */
int epoch_collect(const struct generation *generation, struct registry *registry,
                  struct segment *const *segments, size_t segment_count, const struct snapshot *snapshot,
                  uint32_t number, struct epoch **epoch, struct error *error);
/* The first epoch of a generation that has no articles yet: the profiles' names, and what is known from the
 * articles of a snapshot (NULL: none). */
int epoch_begin(struct generation *generation, struct registry *profiles, const struct snapshot *snapshot,
                struct error *error);
/* epoch_gazetteer.c: the names to be recognised in texts. Call when all terms are there. */
void epoch_add_gazetteer(struct statistics_builder *builder, const struct language *language,
                         struct profile *const *profiles, size_t profile_count,
                         struct segment *const *segments, size_t segment_count,
                         const struct snapshot *snapshot);
/* What features are made with. Segments and hot segments are taken in the order of docids. */
struct epoch_work {
    const struct epoch *epoch;
    size_t key_terms;
    struct copy_finder *copies; /* finds the originals of all rows again */
};
/* Writes features.E of a segment and gives the segment object that uses it (new). */
int epoch_refeature_segment(struct segment *segment, const struct epoch_work *work, struct segment **result,
                            struct error *error);
/* The same for a hot segment, in memory: its rows in one slice (new; NULL if it has none). */
int epoch_refeature_hot(const struct hot *hot, const struct epoch_work *work, uint64_t revision,
                        struct slice **result, struct error *error);

/* reindex.c */
int reindex_start(struct index *index, const char *reason, struct error *error);

/* merge.c */
struct merge {
    size_t first; /* among the live generation's segments */
    size_t count;
};
/* Which neighbours to merge next; count 0: none. */
struct merge merge_choose(struct segment *const *segments, size_t count, size_t merge_factor,
                          size_t hot_articles);
/* The same for an index that has nothing else to do: every query looks into every segment, so few are better.
 * Afterwards each has at least four times as many rows as the one behind it, and a row has been copied about
 * three times for each doubling of the collection. */
struct merge merge_choose_idle(struct segment *const *segments, size_t count);
/* The segments joined into a new one (new; NULL if no row lives any more). */
int merge_segments(const struct generation *generation, const char *name, struct segment *const *segments,
                   size_t count, uint64_t revision, struct segment **result, struct error *error);

#endif
