/* indexer.c - the indexer thread: the only one that changes the live generation. */
#include "index/index_private.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "index/builder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A query that holds an old snapshot longer than this may have to be repeated (xapian.h, XAPIAN_STALE). */
#define GRACE_MS 500
#define RETRY_MS 250
#define RETRY_DOUBLINGS 3 /* a disk that fails costs some memory with each attempt, see xapian_create.cc */
#define RENEW_AFTER 3     /* failures in a row, then the hot segment is not trusted any more */
#define SAMPLE_ARTICLES 500
#define BURST_CHANGES 500 /* waiting: writes pour in */
#define BURST_PAUSE_MS 30 /* and have ended when none came for so long */
#define BURST_INTERVALS 4

/* ---- calls from other threads ---- */

int index_call(struct index *index, int (*run)(struct index *, void *, struct error *), void *context,
               struct error *error)
{
    struct index_call call = {.run = run, .context = context, .error = error};
    pthread_mutex_lock(&index->lock);
    if (!index->threads_running || atomic_load(&index->stopping)) {
        pthread_mutex_unlock(&index->lock);
        return error_set(error, ERROR_DRAINING, "storyd is stopping");
    }
    struct index_call **end = &index->calls;
    while (*end != NULL)
        end = &(*end)->next;
    *end = &call;
    pthread_cond_broadcast(&index->changed);
    while (!call.done)
        pthread_cond_wait(&index->changed, &index->lock);
    pthread_mutex_unlock(&index->lock);
    return call.result;
}

static void finish_call(struct index *index, struct index_call *call, int result)
{
    pthread_mutex_lock(&index->lock);
    call->result = result;
    call->done = true;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
}

static struct index_call *next_call(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    struct index_call *call = index->calls;
    if (call != NULL)
        index->calls = call->next;
    pthread_mutex_unlock(&index->lock);
    return call;
}

static void run_calls(struct index *index)
{
    struct index_call *call;
    while ((call = next_call(index)) != NULL)
        finish_call(index, call, call->run(index, call->context, call->error));
}

static void refuse_calls(struct index *index)
{
    struct index_call *call;
    while ((call = next_call(index)) != NULL)
        finish_call(index, call, error_set(call->error, ERROR_DRAINING, "storyd is stopping"));
}

/* ---- waiting ---- */

/* The lock is held. */
static bool writes_pour_in(const struct index *index)
{
    int64_t pause = index->head_moved + BURST_PAUSE_MS * NANOSECONDS_PER_MS;
    return index->head - index->live->position >= BURST_CHANGES && clock_now() < pause;
}

/* While writes pour in they have the processor: what has come by then is indexed in fewer, larger pieces, at
 * the latest after some intervals. The first changes after a quiet time (`began`; 0: there was none) wait
 * until no more come, or for one interval: an indexer that began at once would take a core from a burst of
 * writes. The lock is held. */
static int64_t when_due(const struct index *index, int64_t last_commit, int64_t began)
{
    int64_t interval = index->tuning.commit_interval_ms * NANOSECONDS_PER_MS;
    int64_t pause = index->head_moved + BURST_PAUSE_MS * NANOSECONDS_PER_MS;
    int64_t since = began - interval > last_commit ? began - interval : last_commit;
    if (writes_pour_in(index))
        return since + BURST_INTERVALS * interval;
    int64_t due = since + interval;
    if (began == 0 || pause < due)
        return due;
    int64_t latest = began + interval;
    return pause < latest ? pause : latest;
}

/* In a burst only until it may have ended. */
static struct timespec wait_until(const struct index *index, int64_t last_commit, int64_t due)
{
    int64_t look = clock_now() + BURST_PAUSE_MS * NANOSECONDS_PER_MS;
    bool is_late = due > last_commit + index->tuning.commit_interval_ms * NANOSECONDS_PER_MS;
    return index_deadline(is_late && look < due ? look : due);
}

/* Waits for work: a call, or changes and the interval's end. Returns the revision to reach, 0 when there is
 * none. */
static uint64_t wait_for_work(struct index *index, int64_t last_commit)
{
    uint64_t target = 0;
    int64_t began = 0;
    pthread_mutex_lock(&index->lock);
    index_set_working(index, false);
    while (!atomic_load(&index->stopping) && index->calls == NULL) {
        if (index->head <= index->live->position) {
            index->hurry = false;
            index->indexer_is_idle = true;
            pthread_cond_wait(&index->changed, &index->lock);
            index->indexer_is_idle = false;
            began = clock_now();
            continue;
        }
        int64_t due = when_due(index, last_commit, began);
        if (index->hurry || clock_now() >= due) {
            target = index->head;
            index->hurried = index->hurry;
            index->hurry = false;
            break;
        }
        struct timespec until = wait_until(index, last_commit, due);
        pthread_cond_timedwait(&index->changed, &index->lock, &until);
    }
    if (target != 0)
        index->last_change = clock_now();
    index_set_working(index, true);
    pthread_mutex_unlock(&index->lock);
    return target;
}

/* Readers may be one revision behind only while the database does not change (xapian.md section 1). */
static void wait_for_readers(struct index *index)
{
    int64_t deadline = clock_now() + GRACE_MS * NANOSECONDS_PER_MS;
    struct timespec until = index_deadline(deadline);
    pthread_mutex_lock(&index->lock);
    while (index->snapshots_alive > 1 && clock_now() < deadline)
        pthread_cond_timedwait(&index->changed, &index->lock, &until);
    pthread_mutex_unlock(&index->lock);
}

/* ---- the hot segment ---- */

/* Throws the active hot segment away; the changes it held are applied again from the log. Searches go on in
 * its files until that is published. */
static int renew_hot(struct index *index, struct error *error)
{
    struct generation *live = index->live;
    struct hot *old = generation_active(live);
    struct hot *hot;
    uint64_t base = old->base;
    if (hot_create(index->hot_directory, live->identity, base, live->epoch, index->hot_sync, &hot, error) !=
        0)
        return -1;
    log_warning("the hot segment is filled again from the store path=%s", old->place->directory);
    atomic_store(&old->place->obsolete, true);
    pthread_mutex_lock(&index->lock);
    generation_remove_hot(live, live->hot_count - 1);
    generation_add_hot(live, hot);
    live->position = base;
    pthread_mutex_unlock(&index->lock);
    return 0;
}

/* True if a failed commit may have left documents in the active hot segment that the catalog does not have.
 * Adding them again does no harm, but the next segment would have them, too: ranges of docids must not
 * overlap, or segments can never be merged. */
static bool has_leftovers(const struct generation *live)
{
    return generation_active(live) != NULL && generation_active(live)->attempted > live->position;
}

/* The active hot segment is full: the next one takes over, maintenance seals the full one. */
static int freeze_hot(struct index *index, struct error *error)
{
    struct generation *live = index->live;
    struct hot *hot;
    if (has_leftovers(live))
        return error_set(error, ERROR_UNAVAILABLE, "the hot segment has documents of a commit that failed");
    if (hot_create(index->hot_directory, live->identity, live->position, live->epoch, index->hot_sync, &hot,
                   error) != 0)
        return -1;
    hot_freeze(generation_active(live));
    pthread_mutex_lock(&index->lock);
    generation_add_hot(live, hot);
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    return 0;
}

struct batch {
    struct index *index;
    struct catch_up *catch_up;
    uint64_t target;
    struct error *error;
    int result;
};

static void *run_behind(void *argument)
{
    struct batch *batch = argument;
    thread_begin("storyd-index-bg", THREAD_BACKGROUND);
    batch->result = catch_up_run(batch->catch_up, batch->index->live, batch->target, batch->error);
    return NULL;
}

/* While writes pour in, nothing of them can be found at once in any case: the batch then leaves the processor
 * to those who write, unless somebody waits for it. That takes a thread of its own, as none may go back to a
 * higher priority. */
static int run_batch(struct batch *batch)
{
    pthread_t thread;
    pthread_mutex_lock(&batch->index->lock);
    bool behind = writes_pour_in(batch->index) && !batch->index->hurried;
    pthread_mutex_unlock(&batch->index->lock);
    if (!behind || pthread_create(&thread, NULL, run_behind, batch) != 0)
        return catch_up_run(batch->catch_up, batch->index->live, batch->target, batch->error);
    pthread_join(thread, NULL);
    return batch->result;
}

/* One batch; several when the hot segment is filled again, as what was published must not go back. */
static int index_batch(struct index *index, struct catch_up *catch_up, uint64_t target, struct error *error)
{
    uint64_t published = atomic_load(&index->published);
    struct batch batch = {.index = index, .catch_up = catch_up, .target = target, .error = error};
    wait_for_readers(index);
    do {
        if (run_batch(&batch) != 0) {
            counter_add(COUNTER_INDEX_ERRORS, 1);
            return -1;
        }
    } while (index->live->position < published);
    index_publish(index);
    pthread_mutex_lock(&index->lock);
    size_t limit = index->tuning.hot_articles;
    bool crowded = index->live->hot_count > 2;
    pthread_mutex_unlock(&index->lock);
    /* while maintenance is behind, the hot segment grows beyond its size rather than in number */
    if (generation_active(index->live)->documents < (crowded ? limit * 4 : limit))
        return 0;
    return freeze_hot(index, error);
}

/* ---- bulk: a backlog becomes sealed segments directly ---- */

struct bulk {
    struct index *index;
    struct catch_up *catch_up;
};

/* Marks the near-copies, also of articles in the segments before. A new epoch may have begun while the
 * segment was built: then its features are made again. Releases the old object on success and on failure. */
static int finish_segment(const struct generation *live, struct segment **segment, struct error *error)
{
    struct segment *old = *segment;
    struct epoch_work work = {live->epoch, live->settings.key_terms, live->copies};
    copy_finder_rewind(live->copies, live->position); /* a former attempt may have failed */
    bool current = old->slice->features.epoch == live->epoch->statistics.epoch;
    int result = current ? copy_marks_segment(live->copies, old, segment, error)
                         : epoch_refeature_segment(old, &work, segment, error);
    if (result != 0)
        atomic_store(&old->place->obsolete, true);
    segment_release(old);
    return result;
}

/* The range will be built again: its articles must not be there twice. */
static void take_back(struct index *index, struct segment *segment)
{
    struct generation *live = index->live;
    size_t at = 0;
    while (at < live->segment_count && live->segments[at] != segment)
        at++;
    if (segment == NULL || at == live->segment_count)
        return;
    atomic_store(&segment->place->obsolete, true);
    pthread_mutex_lock(&index->lock);
    generation_replace_segments(live, at, 1, NULL);
    pthread_mutex_unlock(&index->lock);
}

static int deliver_segment(void *context, struct segment *segment, uint64_t last, struct error *error)
{
    struct bulk *bulk = context;
    struct index *index = bulk->index;
    struct generation *live = index->live;
    uint64_t first = live->position + 1;
    if (segment != NULL && finish_segment(live, &segment, error) != 0)
        return -1;
    pthread_mutex_lock(&index->lock);
    if (segment != NULL)
        generation_add_segment(live, segment);
    pthread_mutex_unlock(&index->lock);
    if (catch_up_kill(bulk->catch_up, live, first, last, error) != 0) {
        take_back(index, segment);
        return -1;
    }
    live->position = live->sealed_position = last;
    index_publish(index);
    int result = generation_save(live, error);
    run_calls(index);
    return result;
}

/* Waits until all frozen hot segments are sealed: bulk segments must follow them in the MANIFEST. */
static bool frozen_are_sealed(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    pthread_cond_broadcast(&index->changed);
    while (index->live->hot_count > 1 && index->calls == NULL && !atomic_load(&index->stopping) &&
           index->damaged_generation != index->live->number)
        pthread_cond_wait(&index->changed, &index->lock);
    bool sealed = index->live->hot_count == 1;
    pthread_mutex_unlock(&index->lock);
    return sealed;
}

static void learn_average(struct index *index, uint64_t first, uint64_t last)
{
    struct generation *live = index->live;
    double average;
    struct error error = ERROR_INIT;
    if (live->average_guessed && live->segment_count == 0 &&
        build_sample_length(&index->options.store, &live->settings, first, last, SAMPLE_ARTICLES, &average,
                            &error) == 0 &&
        average > 0) {
        pthread_mutex_lock(&index->lock);
        live->settings.average_length = average;
        live->average_guessed = false;
        pthread_mutex_unlock(&index->lock);
    }
}

static int index_bulk(struct index *index, struct catch_up *catch_up, uint64_t target, struct error *error)
{
    struct generation *live = index->live;
    if (generation_active(live)->position > generation_active(live)->base && freeze_hot(index, error) != 0)
        return -1;
    if (!frozen_are_sealed(index))
        return 0;
    /* the empty active hot segment starts behind what is built now */
    pthread_mutex_lock(&index->lock);
    struct hot *empty = live->hots[0];
    atomic_store(&empty->place->obsolete, true);
    generation_remove_hot(live, 0);
    size_t range = index->tuning.bulk_articles;
    pthread_mutex_unlock(&index->lock);
    learn_average(index, live->position + 1, target);
    struct bulk bulk = {index, catch_up};
    struct build build = {
        .store = &index->options.store,
        .generation = live,
        .epoch = epoch_retain(live->epoch),
        .first = live->position + 1,
        .last = target,
        .range = range,
        .threads = index->options.builders,
        .deliver = deliver_segment,
        .context = &bulk,
        .stop = &index->stopping,
    };
    int result = build_run(&build, error);
    epoch_release(build.epoch);
    struct hot *hot;
    struct error reason = ERROR_INIT;
    while (hot_create(index->hot_directory, live->identity, live->position, live->epoch, index->hot_sync,
                      &hot, &reason) != 0) {
        log_error("a new hot segment cannot be made, trying again: %s", reason.message);
        if (atomic_load(&index->stopping))
            return result;
        struct timespec pause = {.tv_nsec = RETRY_MS * NANOSECONDS_PER_MS};
        nanosleep(&pause, NULL);
    }
    pthread_mutex_lock(&index->lock);
    generation_add_hot(live, hot);
    pthread_mutex_unlock(&index->lock);
    return result;
}

/* ---- the thread ---- */

static bool is_bulk(struct index *index, uint64_t target)
{
    pthread_mutex_lock(&index->lock);
    /* while the hot segment is filled again, only it can take up what was published already; and of a damaged
     * generation nothing is sealed, which bulk would wait for */
    bool bulk = index->damaged_generation != index->live->number &&
                index->live->position >= atomic_load(&index->published) &&
                target - index->live->position >= index->tuning.bulk_articles;
    pthread_mutex_unlock(&index->lock);
    return bulk;
}

/* The longer the more failures there were; not ended by what is written meanwhile. */
static void pause_after_failure(struct index *index, unsigned failures)
{
    unsigned doublings = failures <= RETRY_DOUBLINGS ? failures - 1 : RETRY_DOUBLINGS;
    int64_t end = clock_now() + (RETRY_MS << doublings) * NANOSECONDS_PER_MS;
    struct timespec until = index_deadline(end);
    pthread_mutex_lock(&index->lock);
    while (!atomic_load(&index->stopping) && index->calls == NULL && clock_now() < end)
        pthread_cond_timedwait(&index->changed, &index->lock, &until);
    pthread_mutex_unlock(&index->lock);
}

/* The batch is tried again; after some failures in a row, or if the next batch could be another one, with a
 * new hot segment. */
static void recover(struct index *index, unsigned failures, const struct error *error)
{
    static struct log_limit limit;
    log_limited(&limit, "the index is behind the store, trying again: %s", error->message);
    struct error reason = ERROR_INIT;
    bool renew = failures % RENEW_AFTER == 0 || has_leftovers(index->live);
    if (renew && generation_active(index->live) != NULL && renew_hot(index, &reason) != 0)
        log_limited(&limit, "a new hot segment cannot be made: %s", reason.message);
    pause_after_failure(index, failures);
}

void *indexer_main(void *argument)
{
    struct index *index = argument;
    thread_begin("storyd-index", THREAD_STEADY);
    struct error error = ERROR_INIT;
    struct catch_up *catch_up;
    pthread_mutex_lock(&index->lock);
    index_set_working(index, true); /* calls may be run before there is other work */
    pthread_mutex_unlock(&index->lock);
    while ((catch_up = catch_up_new(index, &error)) == NULL && !atomic_load(&index->stopping)) {
        static struct log_limit limit;
        log_limited(&limit, "the indexer cannot read the store, trying again: %s", error.message);
        pause_after_failure(index, 1);
        run_calls(index);
    }
    int64_t last_commit = 0;
    unsigned failures = 0;
    while (!atomic_load(&index->stopping)) {
        uint64_t target = wait_for_work(index, last_commit);
        run_calls(index);
        if (target == 0 || atomic_load(&index->stopping))
            continue;
        last_commit = clock_now();
        /* what fails in bulk may do in small pieces, and the other way round */
        bool bulk = is_bulk(index, target) && failures % 2 == 0;
        int result =
            bulk ? index_bulk(index, catch_up, target, &error) : index_batch(index, catch_up, target, &error);
        failures = result == 0 ? 0 : failures + 1;
        if (result != 0 && !atomic_load(&index->stopping))
            recover(index, failures, &error);
    }
    refuse_calls(index);
    catch_up_free(catch_up);
    return NULL;
}
