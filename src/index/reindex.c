/* reindex.c - a new generation built from the store beside the live one, on a thread of its own: every
 * article in parallel, one merge, statistics and key terms of the whole, the changes that came meanwhile,
 * then the swap. Queries go on on the old snapshots; writes go on into the store and the live generation. */
#include "index/builder.h"
#include "index/index_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CATCH_UP_ROUNDS 10
#define CATCH_UP_SMALL 200 /* this many changes are left to the swap itself */
#define SAMPLE_ARTICLES 2000
#define SWAP_RETRY_MS 200
#define REMOVE_WAIT_MS 5000

static void set_phase(struct index *index, const char *phase)
{
    pthread_mutex_lock(&index->lock);
    index->reindex.phase = phase;
    pthread_mutex_unlock(&index->lock);
}

static uint64_t head_of(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    uint64_t head = index->head;
    pthread_mutex_unlock(&index->lock);
    return head;
}

/* ---- building ---- */

static int take_segment(void *context, struct segment *segment, uint64_t last, struct error *error)
{
    (void)error;
    struct generation *generation = context;
    if (segment != NULL)
        generation_add_segment(generation, segment);
    generation->position = generation->sealed_position = last;
    return 0;
}

/* The same for a segment that comes after originals have been found (renew_features). */
static int take_marked_segment(void *context, struct segment *segment, uint64_t last, struct error *error)
{
    struct generation *generation = context;
    struct segment *marked = NULL;
    if (segment == NULL)
        return take_segment(context, NULL, last, error);
    int result = copy_marks_segment(generation->copies, segment, &marked, error);
    if (result != 0)
        atomic_store(&segment->place->obsolete, true);
    segment_release(segment);
    return result == 0 ? take_segment(context, marked, last, error) : -1;
}

static int build_to(struct index *index, struct generation *generation, uint64_t last,
                    int (*deliver)(void *, struct segment *, uint64_t, struct error *), struct error *error)
{
    struct build build = {
        .store = &index->options.store,
        .generation = generation,
        .epoch = generation->epoch,
        .first = generation->position + 1,
        .last = last,
        .threads = index->options.builders,
        .deliver = deliver,
        .context = generation,
        .articles = &index->reindex.done,
        .stop = &index->stopping,
    };
    pthread_mutex_lock(&index->lock);
    build.range = index->tuning.bulk_articles * 2;
    pthread_mutex_unlock(&index->lock);
    return build_run(&build, error);
}

/* All segments become one, as far as the number of rows lets them. */
static int join_segments(struct generation *generation, struct error *error)
{
    for (size_t first = 0; first < generation->segment_count; first++) {
        size_t count = 0;
        uint64_t rows = 0;
        while (first + count < generation->segment_count &&
               rows + generation->segments[first + count]->slice->rows->count < ROWS_MAX)
            rows += generation->segments[first + count++]->slice->rows->count;
        if (count < 2)
            continue;
        struct segment *joined;
        char *name = generation_new_segment_name(generation);
        int result = merge_segments(generation, name, generation->segments + first, count,
                                    generation->position, &joined, error);
        free(name);
        if (result != 0)
            return -1;
        for (size_t i = first; i < first + count; i++)
            atomic_store(&generation->segments[i]->place->obsolete, true);
        generation_replace_segments(generation, first, count, joined);
    }
    return 0;
}

static int renew_segments(struct generation *generation, const struct epoch_work *work, struct error *error)
{
    for (size_t i = 0; i < generation->segment_count; i++) {
        struct segment *renewed;
        char *old_path = segment_features_path(generation->segments[i]->place->directory,
                                               generation->epoch->statistics.epoch);
        int result = epoch_refeature_segment(generation->segments[i], work, &renewed, error);
        if (result == 0) {
            unlink(old_path);
            generation_replace_segments(generation, i, 1, renewed);
        }
        free(old_path);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* Statistics of the whole, all key terms chosen with them, and all originals. */
static int renew_features(struct generation *generation, struct registry *profiles, struct error *error)
{
    struct epoch *epoch;
    uint32_t number = generation->epoch->statistics.epoch + 1;
    if (epoch_collect(generation, profiles, generation->segments, generation->segment_count, NULL, number,
                      &epoch, error) != 0)
        return -1;
    struct epoch_work work = {epoch, generation->settings.key_terms, generation->copies};
    if (renew_segments(generation, &work, error) != 0) {
        epoch_release(epoch);
        return -1;
    }
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/statistics.%u", generation->directory, number - 1);
    unlink(path.data);
    buffer_release(&path);
    epoch_release(generation->epoch);
    generation->epoch = epoch;
    return 0;
}

/* ---- swapping ---- */

struct swap {
    struct generation *generation;
    struct catch_up *catch_up;
    uint64_t killed_to; /* deaths up to this revision are applied */
};

/* Changes since the last round, through the new generation's own hot segment. */
static int apply_rest(struct index *index, struct swap *swap, struct error *error)
{
    struct generation *generation = swap->generation;
    uint64_t target =
        index->live->position > generation->position ? index->live->position : generation->position;
    if (generation_active(generation) == NULL && catch_up_hots(swap->catch_up, generation, error) != 0)
        return -1;
    while (generation->position < target)
        if (catch_up_run(swap->catch_up, generation, target, error) != 0)
            return -1;
    return 0;
}

/* Live view counts go over to the new rows; those that come meanwhile are set again when it is published. */
static void carry_views(const struct index *index, const struct generation *generation)
{
    for (size_t i = 0; i < index->current->slice_count; i++) {
        const struct slice *old = index->current->slices[i];
        for (uint32_t row = 0; row < old->rows->count; row++) {
            uint32_t docid = old->rows->docids[row];
            for (size_t j = 0; j < generation->segment_count; j++) {
                struct slice *slice = generation->segments[j]->slice;
                uint32_t mine = rows_find(slice->rows, docid);
                if (mine != ROW_NONE)
                    atomic_store(&slice->shared->views[mine], slice_row_views(old, row));
            }
        }
    }
}

/* On the indexer thread. `work_lock` is held by the caller, so maintenance is not working on the old
 * generation. */
static int swap_generations(struct index *index, void *context, struct error *error)
{
    struct swap *swap = context;
    struct generation *generation = swap->generation;
    if (index->live->hot_count == 0)
        return error_set_busy(error, SWAP_RETRY_MS, "a backlog is being built");
    if (apply_rest(index, swap, error) != 0 || generation_save(generation, error) != 0)
        return -1;
    if (generation_make_live(generation, error) != 0) { /* it may have been named all the same */
        generation_make_live(index->live, NULL);
        return -1;
    }
    carry_views(index, generation);
    pthread_mutex_lock(&index->lock);
    struct generation *old = index->live;
    index->live = generation;
    pthread_mutex_unlock(&index->lock);
    index_publish(index);
    generation_discard(old);
    generation_free(old);
    swap->generation = NULL;
    return 0;
}

/* Maintenance, which may always have something to do, stands aside. */
static void take_work_lock(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    index->swap_wanted = true;
    pthread_mutex_unlock(&index->lock);
    pthread_mutex_lock(&index->work_lock);
    pthread_mutex_lock(&index->lock);
    index->swap_wanted = false;
    pthread_mutex_unlock(&index->lock);
}

static int swap_in(struct index *index, struct swap *swap, struct error *error)
{
    for (;;) {
        take_work_lock(index);
        int result = index_call(index, swap_generations, swap, error);
        pthread_mutex_unlock(&index->work_lock);
        if (result == 0 || error->code != ERROR_BUSY)
            return result;
        struct timespec pause = {.tv_nsec = SWAP_RETRY_MS * NANOSECONDS_PER_MS};
        nanosleep(&pause, NULL);
    }
}

/* ---- the whole ---- */

#define BEGIN_ATTEMPTS 3 /* the hot database may change while its terms are read */

/* Names are recognised as articles are built, so the table is needed first: made of what the live generation
 * has or, if that cannot be read, of the profiles alone. */
static int begin_names(struct index *index, struct generation *generation, struct error *error)
{
    struct registry *profiles = index->options.profiles;
    for (int attempt = 0; attempt < BEGIN_ATTEMPTS; attempt++) {
        struct snapshot *snapshot = index_acquire(index);
        int result = epoch_begin(generation, profiles, snapshot, NULL);
        snapshot_release(snapshot);
        if (result == 0)
            return 0;
    }
    return epoch_begin(generation, profiles, NULL, error);
}

static int begin(struct index *index, struct generation **generation, struct error *error)
{
    struct generation_places places = {index->options.data, index->hot_directory, index->hot_sync};
    pthread_mutex_lock(&index->lock);
    struct document_settings settings = index->live->settings;
    uint32_t number = index->live->number + 1;
    uint64_t head = index->head;
    index->reindex.generation = number;
    pthread_mutex_unlock(&index->lock);
    settings.average_length = 0;
    if (head != 0 && build_sample_length(&index->options.store, &settings, 1, head, SAMPLE_ARTICLES,
                                         &settings.average_length, error) != 0)
        return -1;
    if (generation_create(&places, number, &settings, 0, generation, error) != 0)
        return -1;
    return settings.find_names ? begin_names(index, *generation, error) : 0;
}

/* Further rounds until what is left is small: each takes in the changes that came during the one before. */
static int catch_up_rounds(struct index *index, struct swap *swap, struct error *error)
{
    for (int round = 0; round < CATCH_UP_ROUNDS; round++) {
        uint64_t head = head_of(index);
        uint64_t from = swap->killed_to + 1;
        if (head > swap->generation->position + CATCH_UP_SMALL &&
            build_to(index, swap->generation, head, take_marked_segment, error) != 0)
            return -1;
        if (catch_up_kill(swap->catch_up, swap->generation, from, swap->generation->position, error) != 0)
            return -1;
        swap->killed_to = swap->generation->position;
        if (head_of(index) <= swap->generation->position + CATCH_UP_SMALL)
            return 0;
    }
    return 0;
}

static char *live_directory(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    char *directory = memory_copy_string(index->live->directory);
    pthread_mutex_unlock(&index->lock);
    return directory;
}

/* The segments of the old generation go with their last readers; here goes the rest. If a reader takes too
 * long, the next start sees to it. */
static void remove_when_unread(struct index *index, const char *directory)
{
    int64_t deadline = clock_now() + REMOVE_WAIT_MS * NANOSECONDS_PER_MS;
    struct timespec until = index_deadline(deadline);
    pthread_mutex_lock(&index->lock);
    while (index->snapshots_alive > 1 && !atomic_load(&index->stopping) && clock_now() < deadline)
        pthread_cond_timedwait(&index->changed, &index->lock, &until);
    bool unread = index->snapshots_alive <= 1;
    pthread_mutex_unlock(&index->lock);
    if (unread)
        file_remove_tree(directory, NULL);
}

static int run(struct index *index, struct error *error)
{
    struct swap swap = {NULL, NULL, 0};
    int result = -1;
    if (begin(index, &swap.generation, error) != 0)
        goto done;
    swap.catch_up = catch_up_new(index, error);
    if (swap.catch_up == NULL)
        goto done;
    uint64_t head = head_of(index);
    set_phase(index, "building");
    if (head != 0 && build_to(index, swap.generation, head, take_segment, error) != 0)
        goto done;
    set_phase(index, "merging");
    if (join_segments(swap.generation, error) != 0)
        goto done;
    set_phase(index, "choosing key terms");
    if (renew_features(swap.generation, index->options.profiles, error) != 0)
        goto done;
    set_phase(index, "catching up");
    if (catch_up_rounds(index, &swap, error) != 0)
        goto done;
    set_phase(index, "swapping");
    char *old_directory = live_directory(index);
    result = swap_in(index, &swap, error);
    if (result == 0)
        remove_when_unread(index, old_directory);
    free(old_directory);
done:
    catch_up_free(swap.catch_up);
    if (swap.generation != NULL) {
        char *directory = memory_copy_string(swap.generation->directory);
        generation_discard(swap.generation);
        generation_free(swap.generation);
        file_remove_tree(directory, NULL);
        free(directory);
    }
    return result;
}

static void *reindex_main(void *argument)
{
    struct index *index = argument;
    struct error error = ERROR_INIT;
    thread_begin("storyd-reindex", THREAD_STEADY); /* it keeps a snapshot; its builders give way */
    int result = run(index, &error);
    pthread_mutex_lock(&index->lock);
    index->reindex.running = false;
    index->reindex.ended = clock_now();
    index->reindex.phase = result == 0 ? "done" : "failed";
    snprintf(index->reindex.last_error, sizeof index->reindex.last_error, "%s",
             result == 0 ? "" : error.message);
    uint32_t number = index->reindex.generation;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    if (result == 0)
        log_info("reindex done generation=%u", number);
    else
        log_error("reindex failed, the old generation stays: %s", error.message);
    return NULL;
}

int reindex_start(struct index *index, const char *reason, struct error *error)
{
    pthread_mutex_lock(&index->lock);
    bool running = index->reindex.running;
    bool joinable = index->reindex_joinable;
    if (!running) {
        index->reindex.running = true;
        index->reindex.phase = "starting";
        index->reindex.total = index->current->articles;
        atomic_store(&index->reindex.done, 0);
        index->reindex.started = clock_now();
        index->reindex.ended = 0;
        index->reindex_joinable = false;
    }
    pthread_mutex_unlock(&index->lock);
    if (running)
        return error_set(error, ERROR_CONFLICT, "a reindex is running already: see REINDEX status");
    if (joinable)
        pthread_join(index->reindex_thread, NULL);
    log_info("reindex begins: %s", reason);
    bool started = pthread_create(&index->reindex_thread, NULL, reindex_main, index) == 0;
    pthread_mutex_lock(&index->lock);
    index->reindex_joinable = started;
    if (!started) {
        index->reindex.running = false;
        index->reindex.phase = "failed";
    }
    pthread_mutex_unlock(&index->lock);
    return started ? 0 : error_set(error, ERROR_UNAVAILABLE, "cannot start the reindex thread");
}

int index_reindex(struct index *index, struct error *error)
{
    return reindex_start(index, "asked for", error);
}

void index_write_reindex_status(struct index *index, struct json_writer *writer)
{
    pthread_mutex_lock(&index->lock);
    struct reindex_progress *progress = &index->reindex;
    uint64_t done = atomic_load(&progress->done);
    uint64_t total = progress->total;
    bool running = progress->running;
    const char *phase = progress->phase != NULL ? progress->phase : "none";
    int64_t started = progress->started;
    int64_t ended = progress->ended;
    uint32_t generation = progress->generation;
    char last_error[sizeof progress->last_error];
    memcpy(last_error, progress->last_error, sizeof last_error);
    uint32_t live = index->live->number;
    pthread_mutex_unlock(&index->lock);
    double seconds =
        started != 0 ? (double)((running ? clock_now() : ended) - started) / NANOSECONDS_PER_SECOND : 0;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    json_key_bool(writer, "running", running);
    json_key_text(writer, "phase", phase);
    json_key_int(writer, "live_generation", live);
    if (started == 0)
        return;
    json_key_int(writer, "generation", generation);
    json_key_int(writer, "done", (int64_t)done);
    json_key_int(writer, "total", (int64_t)(total > done ? total : done));
    json_key_number(writer, "seconds", seconds, 1);
    json_key_number(writer, "rate", rate, 0);
    if (running && rate > 0 && total > done)
        json_key_number(writer, "seconds_left", (double)(total - done) / rate, 0);
    if (last_error[0] != '\0')
        json_key_text(writer, "error", last_error);
}
