/* maintenance.c - the maintenance thread: seals full hot segments, merges neighbours, starts epochs, and asks
 * for a reindex when a generation has worn out. The slow work is done here on immutable files; the indexer
 * adopts the result. */
#include "index/index_private.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_MS 2000           /* without changes for this long: time for the smaller improvements */
#define EPOCH_IDLE_GROWTH 0.05 /* an idle index whose statistics are off by more starts a new epoch */
#define EPOCH_MIN 16           /* articles before the first epoch */
#define EPOCH_GROWTH 2         /* the collection is so many times as large: a new epoch */
/* While a backlog is built in bulk, each article that is gone through again delays the others, and all is
 * gone through once more when the index is idle. */
#define BULK_EPOCH_GROWTH 4
#define BULK_MERGE_TIMES 2     /* as many segments as otherwise before they are merged */
#define NAMES_QUIET_MS 1000    /* after the last change of a profile's names an epoch takes them in, */
#define NAMES_WAIT_MS 10000    /* or after this long, if they keep changing */
#define REBUILD_MIN 1000       /* smaller generations are never worn out */
#define REBUILD_DEAD 0.2       /* design.md section 4: more than a fifth dead */
#define REBUILD_LENGTH 0.25    /* or the frozen average length off by a quarter */
#define INSPECT_MS 60000       /* an index that is never idle is looked at this often */
#define WORN_PAUSE_MS 600000   /* between attempts to build a worn out index again, failed or in vain */
#define REBUILD_PAUSE_MS 30000 /* between attempts to build a damaged index again */

/* Copies of the live generation's lists, held by reference, for work outside the lock. */
struct view {
    struct segment **segments;
    size_t segment_count;
    struct snapshot *snapshot;
};

static void take_view(struct index *index, struct view *view)
{
    pthread_mutex_lock(&index->lock);
    view->segment_count = index->live->segment_count;
    view->segments = memory_zeroed(view->segment_count, sizeof *view->segments);
    for (size_t i = 0; i < view->segment_count; i++)
        view->segments[i] = segment_retain(index->live->segments[i]);
    view->snapshot = snapshot_retain(index->current);
    pthread_mutex_unlock(&index->lock);
}

/* Before long work: the indexer waits for whoever holds an old snapshot. */
static void release_snapshot(struct view *view)
{
    snapshot_release(view->snapshot);
    view->snapshot = NULL;
}

static void release_view(struct view *view)
{
    for (size_t i = 0; i < view->segment_count; i++)
        segment_release(view->segments[i]);
    free(view->segments);
    release_snapshot(view);
}

/* Before segments are read as a whole: damage must not get into files with a right checksum. What is found
 * makes the index be built again, which is not another attempt at this work. */
static int check_segments(struct index *index, const struct generation *live, struct segment *const *segments,
                          size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (segment_check(segments[i], error) != 0) {
            index_report_damage(index, live->number, error->message);
            error->code = ERROR_CONFLICT;
            return -1;
        }
    return 0;
}

/* ---- sealing ---- */

struct sealed {
    struct generation *generation;
    struct hot *hot;
    struct segment *segment; /* NULL: nothing in it lives any more */
};

/* On the indexer thread. */
static int adopt_sealed(struct index *index, void *context, struct error *error)
{
    struct sealed *sealed = context;
    struct generation *live = index->live;
    if (live != sealed->generation || live->hots[0] != sealed->hot)
        return error_set(error, ERROR_CONFLICT, "the generation was replaced meanwhile");
    if (sealed->segment != NULL && sealed->segment->slice->features.epoch != live->epoch->statistics.epoch)
        return error_set(error, ERROR_CONFLICT, "a new epoch has begun meanwhile");
    for (size_t i = 0; sealed->segment != NULL && i < sealed->hot->slice_count; i++)
        slice_inherit(sealed->segment->slice, sealed->hot->slices[i]);
    pthread_mutex_lock(&index->lock);
    if (sealed->segment != NULL)
        generation_add_segment(live, sealed->segment);
    sealed->segment = NULL;
    live->sealed_position = sealed->hot->position;
    generation_retire(live, sealed->hot->place);
    generation_remove_hot(live, 0);
    pthread_mutex_unlock(&index->lock);
    index_publish(index);
    counter_add(COUNTER_SEGMENTS_SEALED, 1);
    return generation_save(live, error);
}

static int seal_hot(struct index *index, struct generation *live, struct hot *hot, uint64_t revision,
                    struct error *error)
{
    struct image_bytes rows;
    struct image_bytes features;
    slices_join(hot->slices, hot->slice_count, revision, &hot->epoch->statistics, &rows, &features);
    char *name = generation_new_segment_name(live);
    char *directory = file_join(live->directory, name);
    const char *source = hot->place->xapian_path;
    struct sealed sealed = {.generation = live, .hot = hot};
    uint32_t epoch = hot->epoch->statistics.epoch;
    int result = segment_create(directory, &source, 1, &rows, &features, epoch, error);
    if (result == 0)
        result = segment_open(live->directory, name, epoch, NULL, &sealed.segment, error);
    if (result == 0 && sealed.segment->slice->rows->count == 0) {
        atomic_store(&sealed.segment->place->obsolete, true);
        segment_release(sealed.segment);
        sealed.segment = NULL;
    }
    if (result == 0)
        result = index_call(index, adopt_sealed, &sealed, error);
    if (sealed.segment != NULL) {
        atomic_store(&sealed.segment->place->obsolete, true);
        segment_release(sealed.segment);
    }
    image_bytes_release(&rows);
    image_bytes_release(&features);
    free(directory);
    free(name);
    return result;
}

/* ---- merging ---- */

struct merged {
    struct generation *generation;
    struct segment **old;
    size_t count;
    struct segment *segment; /* may have no rows */
};

/* On the indexer thread: the inputs must still stand where they stood, as they do unless a reindex came
 * between. */
static int adopt_merged(struct index *index, void *context, struct error *error)
{
    struct merged *merged = context;
    struct generation *live = index->live;
    size_t first = 0;
    while (first < live->segment_count && live->segments[first] != merged->old[0])
        first++;
    if (live != merged->generation || first + merged->count > live->segment_count ||
        live->segments[first + merged->count - 1] != merged->old[merged->count - 1])
        return error_set(error, ERROR_CONFLICT, "the segments were replaced meanwhile");
    struct segment *segment = merged->segment;
    bool empty = segment->slice->rows->count == 0;
    for (size_t i = 0; i < merged->count; i++)
        slice_inherit(segment->slice, merged->old[i]->slice);
    pthread_mutex_lock(&index->lock);
    for (size_t i = 0; i < merged->count; i++)
        generation_retire(live, merged->old[i]->place);
    generation_replace_segments(live, first, merged->count, empty ? NULL : segment);
    if (!empty)
        merged->segment = NULL;
    pthread_mutex_unlock(&index->lock);
    index_publish(index);
    counter_add(COUNTER_SEGMENTS_MERGED, 1);
    return generation_save(live, error);
}

static int run_merge(struct index *index, struct generation *live, struct view *view, struct merge merge,
                     uint64_t revision, struct error *error)
{
    if (merge.first + merge.count > view->segment_count) /* the indexer has taken some back meanwhile */
        return error_set(error, ERROR_CONFLICT, "the segments to merge are not there any more");
    char *name = generation_new_segment_name(live);
    struct merged merged = {.generation = live, .old = view->segments + merge.first, .count = merge.count};
    int result = check_segments(index, live, merged.old, merged.count, error);
    if (result == 0)
        result = merge_segments(live, name, merged.old, merge.count, revision, &merged.segment, error);
    if (result == 0)
        result = index_call(index, adopt_merged, &merged, error);
    if (merged.segment != NULL) {
        atomic_store(&merged.segment->place->obsolete, true);
        segment_release(merged.segment);
    }
    free(name);
    return result;
}

/* ---- epochs ---- */

struct renewed {
    struct generation *generation;
    struct epoch *epoch;
    struct copy_finder *copies;
    struct segment **old;
    struct segment **new;
    size_t count;
};

static struct epoch_work work_of(const struct generation *live, const struct renewed *renewed)
{
    return (struct epoch_work){renewed->epoch, live->settings.key_terms, renewed->copies};
}

static struct segment *renewed_segment(const struct renewed *renewed, const struct segment *old)
{
    for (size_t i = 0; i < renewed->count; i++)
        if (renewed->old[i] == old)
            return segment_retain(renewed->new[i]);
    return NULL;
}

/* Every segment of the generation with its new features; those that came after the work began are made here.
 */
static int renew_segments(struct generation *live, const struct renewed *renewed, struct segment **segments,
                          struct error *error)
{
    struct epoch_work work = work_of(live, renewed);
    for (size_t i = 0; i < live->segment_count; i++) {
        segments[i] = renewed_segment(renewed, live->segments[i]);
        if (segments[i] == NULL &&
            epoch_refeature_segment(live->segments[i], &work, &segments[i], error) != 0)
            return -1;
    }
    return 0;
}

static int renew_hots(struct generation *live, const struct renewed *renewed, struct slice **slices,
                      struct error *error)
{
    struct epoch_work work = work_of(live, renewed);
    for (size_t i = 0; i < live->hot_count; i++)
        if (epoch_refeature_hot(live->hots[i], &work, live->position, &slices[i], error) != 0)
            return -1;
    return 0;
}

/* Files that only the old epoch used. */
static void remove_old_epoch(const struct generation *live, uint32_t old_epoch)
{
    for (size_t i = 0; i < live->segment_count; i++) {
        char *path = segment_features_path(live->segments[i]->place->directory, old_epoch);
        unlink(path);
        free(path);
    }
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/statistics.%u", live->directory, old_epoch);
    unlink(path.data);
    buffer_release(&path);
}

/* On the indexer thread. All or nothing: slices of two epochs must not stand side by side. */
static int adopt_epoch(struct index *index, void *context, struct error *error)
{
    struct renewed *renewed = context;
    struct generation *live = index->live;
    if (live != renewed->generation)
        return error_set(error, ERROR_CONFLICT, "the generation was replaced meanwhile");
    struct segment **segments = memory_zeroed(live->segment_count, sizeof(struct segment *));
    struct slice **slices = memory_zeroed(live->hot_count, sizeof(struct slice *));
    int result = renew_segments(live, renewed, segments, error);
    if (result == 0)
        result = renew_hots(live, renewed, slices, error);
    uint32_t old_epoch = live->epoch->statistics.epoch;
    pthread_mutex_lock(&index->lock);
    for (size_t i = 0; i < live->segment_count && result == 0; i++)
        generation_replace_segments(live, i, 1, segment_retain(segments[i]));
    for (size_t i = 0; i < live->hot_count && result == 0; i++)
        hot_replace_slices(live->hots[i], slices[i] != NULL ? slice_retain(slices[i]) : NULL, renewed->epoch);
    if (result == 0) {
        epoch_release(live->epoch);
        live->epoch = epoch_retain(renewed->epoch);
    }
    pthread_mutex_unlock(&index->lock);
    for (size_t i = 0; i < live->segment_count; i++)
        segment_release(segments[i]);
    for (size_t i = 0; i < live->hot_count; i++)
        slice_release(slices[i]);
    free(segments);
    free(slices);
    if (result != 0)
        return -1;
    index_publish(index);
    generation_recall_copies(live);
    counter_add(COUNTER_EPOCHS, 1);
    if (generation_save(live, error) != 0)
        return -1;
    remove_old_epoch(live, old_epoch);
    return 0;
}

static int run_epoch(struct index *index, struct generation *live, struct view *view, struct error *error)
{
    struct renewed renewed = {.generation = live, .old = view->segments};
    uint32_t number = view->snapshot->epoch->statistics.epoch + 1;
    int result = check_segments(index, live, view->segments, view->segment_count, error);
    if (result == 0)
        result = epoch_collect(live, index->options.profiles, view->segments, view->segment_count,
                               view->snapshot, number, &renewed.epoch, error);
    release_snapshot(view);
    renewed.new = memory_zeroed(view->segment_count, sizeof *renewed.new);
    renewed.copies = copy_finder_new(COPY_MEMORY, live->settings.copy_similarity);
    struct epoch_work work = work_of(live, &renewed);
    for (; result == 0 && renewed.count < view->segment_count; renewed.count++) {
        result =
            epoch_refeature_segment(view->segments[renewed.count], &work, &renewed.new[renewed.count], error);
        if (result != 0)
            break;
    }
    if (result == 0)
        result = index_call(index, adopt_epoch, &renewed, error);
    for (size_t i = 0; i < renewed.count; i++)
        segment_release(renewed.new[i]);
    free(renewed.new);
    copy_finder_free(renewed.copies);
    epoch_release(renewed.epoch);
    return result;
}

/* ---- deciding ---- */

/* Under the lock. */
static bool has_bulk(const struct index *index)
{
    return index->head >= index->current->revision + index->tuning.bulk_articles;
}

/* Dead documents count on both sides: the statistics come from the databases, which still hold them. */
static bool epoch_due(const struct snapshot *snapshot, bool bulk, bool idle)
{
    double then = (double)snapshot->epoch->statistics.documents;
    double now = 0;
    for (size_t i = 0; i < snapshot->source_count; i++)
        now += snapshot->sources[i].documents;
    if (now < EPOCH_MIN)
        return false;
    double difference = now > then ? now - then : then - now;
    return now >= (bulk ? BULK_EPOCH_GROWTH : EPOCH_GROWTH) * then + EPOCH_MIN ||
           (idle && difference > EPOCH_IDLE_GROWTH * now);
}

/* Since when the profiles have said something else about names than the epoch; 0: they do not. */
struct names_watch {
    int64_t since; /* clock.h */
};

/* Profiles come in numbers: an epoch takes in what has come by a moment without any, or after a while. */
static bool names_due(struct index *index, int64_t now, struct names_watch *watch)
{
    int64_t changed;
    if (index->options.find_names && !index->current->epoch->statistics.has_gazetteer)
        return true;
    if (registry_names_version(index->options.profiles, &changed) ==
        index->current->epoch->statistics.names_version) {
        watch->since = 0;
        return false;
    }
    if (watch->since == 0)
        watch->since = now;
    return now - changed >= NAMES_QUIET_MS * NANOSECONDS_PER_MS ||
           now - watch->since >= NAMES_WAIT_MS * NANOSECONDS_PER_MS;
}

static const char *rebuild_reason(double frozen, const struct view *view)
{
    const struct snapshot *snapshot = view->snapshot;
    uint64_t rows = 0;
    uint64_t documents = 0;
    uint64_t words = 0;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        const struct rows *column = snapshot->slices[i]->rows;
        rows += column->count;
        for (uint32_t row = 0; row < column->count; row++)
            words += column->lengths[row];
    }
    for (size_t i = 0; i < view->segment_count; i++)
        documents += view->segments[i]->documents;
    if (documents > REBUILD_MIN &&
        (double)(documents - (documents < snapshot->articles ? documents : snapshot->articles)) >
            REBUILD_DEAD * (double)documents)
        return "more than a fifth of the documents are dead";
    double actual = rows != 0 ? (double)words / (double)rows : 0;
    if (rows > REBUILD_MIN &&
        (actual > frozen * (1 + REBUILD_LENGTH) || actual < frozen / (1 + REBUILD_LENGTH)))
        return "the average length of articles has changed";
    return NULL;
}

enum work { WORK_NONE, WORK_REBUILD, WORK_SEAL, WORK_EPOCH, WORK_MERGE, WORK_INSPECT };

/* When the generation was last looked at as a whole. */
struct inspection {
    uint64_t revision;
    int64_t when;
};

struct decision {
    enum work work;
    struct generation *live;
    struct hot *hot;
    struct merge merge;
    double average_length; /* of the live generation's settings */
};

/* Under the lock. */
static struct decision decide(struct index *index, int64_t now, const struct inspection *last,
                              struct names_watch *watch)
{
    struct generation *live = index->live;
    struct decision decision = {
        .work = WORK_NONE, .live = live, .average_length = live->settings.average_length};
    bool idle =
        index->head <= index->current->revision && now - index->last_change > IDLE_MS * NANOSECONDS_PER_MS;
    bool bulk = has_bulk(index);
    if (index->swap_wanted)
        return decision;
    if (index->damaged_generation == live->number) { /* nothing can be made of it any more */
        bool due = index->reindex.ended == 0 ||
                   now - index->reindex.ended > REBUILD_PAUSE_MS * NANOSECONDS_PER_MS ||
                   index->reindex.generation == live->number;
        if (due && !index->reindex.running)
            decision.work = WORK_REBUILD;
        return decision;
    }
    if (live->hot_count > 1) {
        decision.work = WORK_SEAL;
        decision.hot = live->hots[0];
        return decision;
    }
    if (names_due(index, now, watch) || epoch_due(index->current, bulk, idle)) {
        decision.work = WORK_EPOCH;
        return decision;
    }
    size_t factor = index->tuning.merge_factor * (bulk ? BULK_MERGE_TIMES : 1);
    decision.merge = merge_choose(live->segments, live->segment_count, factor, index->tuning.hot_articles);
    if (decision.merge.count == 0 && idle && !index->reindex.running)
        decision.merge = merge_choose_idle(live->segments, live->segment_count);
    if (decision.merge.count != 0) {
        decision.work = WORK_MERGE;
        return decision;
    }
    bool due = idle || now - last->when > INSPECT_MS * NANOSECONDS_PER_MS;
    bool tried = index->reindex.ended != 0 && now - index->reindex.ended < WORN_PAUSE_MS * NANOSECONDS_PER_MS;
    if (due && !tried && !index->reindex.running && index->current->revision != last->revision)
        decision.work = WORK_INSPECT;
    return decision;
}

static int carry_out(struct index *index, const struct decision *decision, struct error *error)
{
    struct view view;
    take_view(index, &view);
    uint64_t revision = view.snapshot->revision;
    if (decision->work == WORK_SEAL || decision->work == WORK_MERGE)
        release_snapshot(&view);
    int result = 0;
    switch (decision->work) {
    case WORK_REBUILD:
        result = reindex_start(index, "the index is damaged", error);
        break;
    case WORK_SEAL:
        result = seal_hot(index, decision->live, decision->hot, revision, error);
        break;
    case WORK_EPOCH:
        result = run_epoch(index, decision->live, &view, error);
        break;
    case WORK_MERGE:
        result = run_merge(index, decision->live, &view, decision->merge, revision, error);
        break;
    case WORK_INSPECT: {
        const char *reason = rebuild_reason(decision->average_length, &view);
        if (reason != NULL)
            result = reindex_start(index, reason, error);
        break;
    }
    case WORK_NONE:
        break;
    }
    release_view(&view);
    return result;
}

void *maintenance_main(void *argument)
{
    struct index *index = argument;
    thread_begin("storyd-maint", THREAD_STEADY); /* an epoch keeps a snapshot that the indexer waits for */
    struct inspection last = {0, clock_now()};
    struct names_watch watch = {0};
    pthread_mutex_lock(&index->work_lock);
    pthread_mutex_lock(&index->lock);
    while (!atomic_load(&index->stopping)) {
        int64_t now = clock_now();
        struct decision decision = decide(index, now, &last, &watch);
        if (decision.work == WORK_INSPECT)
            last = (struct inspection){index->current->revision, now};
        if (decision.work == WORK_NONE) {
            pthread_mutex_unlock(&index->work_lock);
            struct timespec until = index_deadline(now + IDLE_MS / 2 * NANOSECONDS_PER_MS);
            pthread_cond_timedwait(&index->changed, &index->lock, &until);
            pthread_mutex_unlock(&index->lock);
            pthread_mutex_lock(&index->work_lock);
            pthread_mutex_lock(&index->lock);
            continue;
        }
        pthread_mutex_unlock(&index->lock);
        struct error error = ERROR_INIT;
        int result = carry_out(index, &decision, &error);
        pthread_mutex_lock(&index->lock);
        if (result != 0 && error.code != ERROR_CONFLICT && error.code != ERROR_DRAINING) {
            counter_add(COUNTER_INDEX_ERRORS, 1);
            log_error("index maintenance failed and is tried again: %s", error.message);
            struct timespec until = index_deadline(clock_now() + IDLE_MS * NANOSECONDS_PER_MS);
            while (!atomic_load(&index->stopping) &&
                   clock_now() < until.tv_sec * NANOSECONDS_PER_SECOND + until.tv_nsec)
                pthread_cond_timedwait(&index->changed, &index->lock, &until);
        }
    }
    pthread_mutex_unlock(&index->lock);
    pthread_mutex_unlock(&index->work_lock);
    return NULL;
}
