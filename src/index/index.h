/*
 * index.h - the index as the rest of storyd sees it: derived from the store, kept up to date by its own
 * threads, searched through snapshots.
 *
 * Threads inside: the indexer (alone changes the live generation: catches up with the change log, commits,
 * publishes), the maintenance thread (seals, merges, starts epochs), and, while a reindex runs, the reindex
 * thread.
 */
#ifndef STORYD_INDEX_INDEX_H
#define STORYD_INDEX_INDEX_H

#include "base/json_writer.h"
#include "index/snapshot.h"
#include "profile/registry.h"
#include "store/store.h"

/* What can change while storyd runs. */
struct index_tuning {
    int64_t commit_interval_ms;
    size_t hot_articles;
    size_t bulk_articles;
    size_t merge_factor;
};

struct index_options {
    struct store_options store; /* borrowed texts */
    struct registry *profiles;  /* which names mean the same entity; borrowed */
    const char *data;
    const char *hot; /* "": choose */
    const struct language *default_language;
    double title_weight;
    bool find_names;
    size_t key_terms;
    double copy_similarity;
    size_t builders; /* threads for bulk building; 0: one for each core */
    struct index_tuning tuning;
    void (*published)(void *context,
                      uint64_t revision); /* after each publication, on the indexer thread; quick */
    void *context;
};

struct index;

/* Loads the live generation (or begins a first one; a damaged one is set aside and built again) and publishes
 * it. */
int index_open(const struct index_options *options, struct index **index, struct error *error);
/* Starts the threads. `head` is the newest revision of the store. */
int index_start(struct index *index, uint64_t head, struct error *error);
/* Ends the threads; what is committed stays. */
void index_stop(struct index *index);
void index_free(struct index *index);
void index_configure(struct index *index, const struct index_tuning *tuning);

/* ---- any thread ---- */

/* What is visible now: new reference, snapshot_release() it soon. */
struct snapshot *index_acquire(struct index *index);
uint64_t index_revision(struct index *index); /* of the newest snapshot */

void index_wake(struct index *index, uint64_t head); /* the store has reached `head` */
void index_hurry(struct index *index);               /* commit without waiting for the interval (FLUSH) */
void index_set_views(struct index *index, const char *id, int64_t views); /* an article was viewed */

/* The change with this revision brings the count: older ones must not replace it. Cheap while it is not
 * visible yet, as there is one for every article of an import. */
void index_supersede_views(struct index *index, const char *id, uint64_t revision, int64_t views);
/* A search found a database of this generation damaged: it is built again from the store. */
void index_report_damage(struct index *index, uint32_t generation, const char *what);

/* conflict if one is running. */
int index_reindex(struct index *index, struct error *error);
void index_write_reindex_status(struct index *index, struct json_writer *writer); /* members */
void index_write_figures(struct index *index, struct json_writer *writer);        /* members */

#endif
