#include "index/index_private.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- places ---- */

#define HOT_ROOM (UINT64_C(512) << 20)

/* Anybody may make names in /dev/shm: what is there already must be a directory of ours alone. */
static bool is_ours(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT;
    return S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* /dev/shm if it has room, told apart by the path of DATA; else inside DATA, then synced. */
static void choose_hot_directory(struct index *index)
{
    struct statvfs space;
    const struct index_options *options = &index->options;
    struct buffer path = BUFFER_INIT;
    index->hot_sync = false;
    if (options->hot[0] != '\0')
        buffer_append_string(&path, options->hot);
    else if (access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &space) == 0 &&
             (uint64_t)space.f_bavail * space.f_frsize > HOT_ROOM) {
        char *real = realpath(options->data, NULL);
        const char *name = real != NULL ? real : options->data;
        buffer_printf(&path, "/dev/shm/storyd-%u-%016llx", (unsigned)geteuid(),
                      (unsigned long long)hash_bytes(name, strlen(name)));
        free(real);
        if (!is_ours(path.data)) {
            log_warning("the hot segment goes into the data directory, as this is not storyd's path=%s",
                        path.data);
            buffer_clear(&path);
        }
    }
    if (path.length == 0)
        buffer_printf(&path, "%s/hot", options->data);
    index->hot_sync = strncmp(path.data, "/dev/shm/", 9) != 0;
    index->hot_directory = buffer_steal(&path);
}

static bool is_in_use(const struct generation *live, const char *path)
{
    for (size_t i = 0; i < live->hot_count; i++)
        if (strcmp(live->hots[i]->place->directory, path) == 0)
            return true;
    return false;
}

/* Removes hot segments that the live generation does not use, and what builders left. */
static void remove_strangers(const char *path, const struct generation *live)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, "hot.", 4) != 0 && strncmp(entry->d_name, "build.", 6) != 0)
            continue;
        char *stranger = file_join(path, entry->d_name);
        if (!is_in_use(live, stranger))
            file_remove_tree(stranger, NULL);
        free(stranger);
    }
    closedir(directory);
}

/* Half-built and replaced generations. */
static void remove_other_generations(const char *data, uint32_t live)
{
    char *path = file_join(data, "generations");
    DIR *directory = opendir(path);
    if (directory != NULL) {
        for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
            if (entry->d_name[0] == '.' || strtoul(entry->d_name, NULL, 10) == live)
                continue;
            char *other = file_join(path, entry->d_name);
            log_info("removing a generation that is not live path=%s", other);
            file_remove_tree(other, NULL);
            free(other);
        }
        closedir(directory);
    }
    free(path);
}

/* ---- opening ---- */

static struct document_settings settings_of(const struct index_options *options)
{
    return (struct document_settings){.default_language = options->default_language,
                                      .title_weight = options->title_weight,
                                      .find_names = options->find_names,
                                      .key_terms = options->key_terms,
                                      .copy_similarity = options->copy_similarity};
}

static int begin_generation(struct index *index, uint32_t number, struct error *error)
{
    struct generation_places places = {index->options.data, index->hot_directory, index->hot_sync};
    struct document_settings settings = settings_of(&index->options);
    if (generation_create(&places, number, &settings, 0, &index->live, error) != 0 ||
        epoch_begin(index->live, index->options.profiles, NULL, error) != 0 ||
        generation_save(index->live, error) != 0)
        return -1;
    return generation_make_live(index->live, error);
}

static int load_live(struct index *index, struct error *error)
{
    uint32_t number;
    if (generation_live_number(index->options.data, &number, error) != 0)
        return -1;
    if (number == 0)
        return error_set(error, ERROR_NOT_FOUND, "no generation is live");
    struct generation_places places = {index->options.data, index->hot_directory, index->hot_sync};
    struct document_settings settings = settings_of(&index->options);
    int result = generation_load(&places, number, &settings, &index->live, error);
    if (result != 0 && error->code == ERROR_NOT_FOUND)
        error->code = ERROR_UNAVAILABLE; /* it was there once */
    return result;
}

static int read_head(const struct index *index, uint64_t *head, struct error *error)
{
    struct store_reader *reader;
    struct store_figures figures = {.head = 0};
    if (store_reader_open(&index->options.store, &reader, error) != 0)
        return -1;
    int result = store_figures(reader, &figures, error);
    store_reader_close(reader);
    *head = figures.head;
    return result;
}

/* An older store may have been put back under a newer index. What that holds does not exist any more, and
 * writes would be given revisions that it takes for known. */
static int check_head(struct index *index, uint64_t head, struct error *error)
{
    uint64_t position = index->live->sealed_position;
    if (position <= head)
        return 0;
    generation_free(index->live);
    index->live = NULL;
    return error_set(error, ERROR_UNAVAILABLE,
                     "it goes to revision %llu, but the store ends at %llu: an older store was put back",
                     (unsigned long long)position, (unsigned long long)head);
}

/* A damaged index is an inconvenience, not a loss: the store has everything. One that another version of
 * storyd has written is no trouble at all. */
static int load_generation(struct index *index, struct error *error)
{
    struct error reason = ERROR_INIT;
    uint32_t last = generation_last_number(index->options.data);
    uint64_t head;
    if (read_head(index, &head, error) != 0) /* a store that cannot be read says nothing against the index */
        return -1;
    if (load_live(index, &reason) == 0 && check_head(index, head, &reason) == 0)
        return 0;
    if (reason.code == ERROR_CONFLICT)
        log_info("the index is of another format and is built again from the store: %s", reason.message);
    else if (last != 0 || reason.code != ERROR_NOT_FOUND) {
        log_error("the index cannot be used and is built again from the store: %s", reason.message);
        counter_add(COUNTER_INDEX_REBUILDS, 1);
    }
    return begin_generation(index, last + 1, error);
}

struct view_load {
    struct index *index;
    struct snapshot *snapshot;
};

static bool load_view(void *context, const char *id, int64_t views)
{
    struct view_load *load = context;
    struct row_place place;
    if (snapshot_find_id(load->snapshot, id, strlen(id), &place))
        atomic_store(&place.slice->shared->views[place.row],
                     (uint32_t)(views > UINT32_MAX ? UINT32_MAX : views));
    return true;
}

static int load_views(struct index *index, struct error *error)
{
    struct store_reader *reader;
    if (store_reader_open(&index->options.store, &reader, error) != 0)
        return -1;
    struct view_load load = {index, index_acquire(index)};
    int result = store_all_views(reader, load_view, &load, error);
    snapshot_release(load.snapshot);
    store_reader_close(reader);
    return result;
}

static struct index *make(const struct index_options *options)
{
    struct index *index = memory_zeroed(1, sizeof *index);
    index->options = *options;
    index->tuning = options->tuning;
    if (index->options.builders == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        index->options.builders = cores > 0 ? (size_t)cores : 1;
    }
    pthread_mutex_init(&index->lock, NULL);
    pthread_mutex_init(&index->work_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&index->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return index;
}

int index_open(const struct index_options *options, struct index **result, struct error *error)
{
    struct index *index = make(options);
    struct error reason = ERROR_INIT;
    choose_hot_directory(index);
    if (xapian_prepare(index->hot_directory, &reason) != XAPIAN_OK)
        log_warning("no hot segment can be made at present: %s", reason.message);
    struct catch_up *catch_up = NULL;
    int failed = file_make_directory(index->hot_directory, error) != 0 || load_generation(index, error) != 0;
    if (!failed) {
        remove_other_generations(options->data, index->live->number);
        catch_up = catch_up_new(index, error);
        failed = catch_up == NULL || catch_up_hots(catch_up, index->live, error) != 0;
    }
    if (!failed)
        remove_strangers(index->hot_directory, index->live);
    catch_up_free(catch_up);
    if (!failed) {
        index_publish(index);
        failed = load_views(index, error) != 0;
    }
    if (failed) {
        index_free(index);
        return -1;
    }
    *result = index;
    return 0;
}

int index_start(struct index *index, uint64_t head, struct error *error)
{
    index->head = head;
    index->last_change = clock_now();
    if (pthread_create(&index->indexer_thread, NULL, indexer_main, index) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "cannot start the indexer thread");
    index->threads_running = true;
    if (pthread_create(&index->maintenance_thread, NULL, maintenance_main, index) != 0) {
        pthread_mutex_lock(&index->lock);
        atomic_store(&index->stopping, true);
        pthread_cond_broadcast(&index->changed);
        pthread_mutex_unlock(&index->lock);
        pthread_join(index->indexer_thread, NULL);
        index->threads_running = false;
        return error_set(error, ERROR_UNAVAILABLE, "cannot start the maintenance thread");
    }
    return 0;
}

void index_stop(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    atomic_store(&index->stopping, true);
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    if (index->threads_running) {
        /* the indexer is last: the others may be waiting for it */
        pthread_join(index->maintenance_thread, NULL);
        if (index->reindex_joinable)
            pthread_join(index->reindex_thread, NULL);
        pthread_join(index->indexer_thread, NULL);
    }
    index->threads_running = false;
    index->reindex_joinable = false;
}

void index_free(struct index *index)
{
    if (index == NULL)
        return;
    snapshot_release(index->current);
    generation_free(index->live);
    index_set_working(index, false);
    pthread_cond_destroy(&index->changed);
    pthread_mutex_destroy(&index->lock);
    pthread_mutex_destroy(&index->work_lock);
    free(index->hot_directory);
    free(index);
}

void index_configure(struct index *index, const struct index_tuning *tuning)
{
    pthread_mutex_lock(&index->lock);
    index->tuning = *tuning;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
}

/* ---- snapshots ---- */

struct snapshot *index_acquire(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    struct snapshot *snapshot = snapshot_retain(index->current);
    pthread_mutex_unlock(&index->lock);
    return snapshot;
}

uint64_t index_revision(struct index *index)
{
    return atomic_load(&index->published);
}

static void set_views(const struct index *index, const char *id, int64_t views)
{
    struct row_place place;
    if (snapshot_find_id(index->current, id, strlen(id), &place))
        atomic_store(&place.slice->shared->views[place.row],
                     (uint32_t)(views > UINT32_MAX ? UINT32_MAX : views));
}

/* What was published does not go back: after the hot segment was thrown away, what searches see stays until
 * it has been filled again. */
void index_publish(struct index *index)
{
    if (index->live->position < atomic_load(&index->published))
        return;
    struct snapshot *snapshot = generation_snapshot(index->live, index);
    pthread_mutex_lock(&index->lock);
    struct snapshot *old = index->current;
    index->current = snapshot;
    index->snapshots_alive++;
    for (size_t i = 0; i < index->late_views.count; i++)
        set_views(index, index->late_views.items[i].id, index->late_views.items[i].views);
    atomic_store(&index->published, snapshot->revision);
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
    snapshot_release(old);
    if (index->options.published != NULL)
        index->options.published(index->options.context, snapshot->revision);
}

void index_snapshot_gone(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    index->snapshots_alive--;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
}

/* ---- what other threads tell the index ---- */

void index_wake(struct index *index, uint64_t head)
{
    pthread_mutex_lock(&index->lock);
    if (head > index->head)
        index->head = head;
    index->head_moved = clock_now();
    if (index->indexer_is_idle)
        pthread_cond_broadcast(&index->changed);
    index->indexer_is_idle = false;
    pthread_mutex_unlock(&index->lock);
}

void index_hurry(struct index *index)
{
    pthread_mutex_lock(&index->lock);
    index->hurry = true;
    pthread_cond_broadcast(&index->changed);
    pthread_mutex_unlock(&index->lock);
}

void index_set_views(struct index *index, const char *id, int64_t views)
{
    pthread_mutex_lock(&index->lock);
    set_views(index, id, views);
    if (index->indexer_works)
        late_views_set(&index->late_views, id, views);
    pthread_mutex_unlock(&index->lock);
}

void index_supersede_views(struct index *index, const char *id, uint64_t revision, int64_t views)
{
    pthread_mutex_lock(&index->lock);
    late_views_replace(&index->late_views, id, views);
    /* the indexer may have been faster, and have set a late count in what it published */
    if (index->current->revision >= revision)
        set_views(index, id, views);
    pthread_mutex_unlock(&index->lock);
}

void index_set_working(struct index *index, bool working)
{
    index->indexer_works = working;
    if (!working)
        late_views_clear(&index->late_views);
}

void index_report_damage(struct index *index, uint32_t generation, const char *what)
{
    pthread_mutex_lock(&index->lock);
    bool news = index->damaged_generation != generation && index->live->number == generation;
    if (news) {
        index->damaged_generation = generation;
        pthread_cond_broadcast(&index->changed);
    }
    pthread_mutex_unlock(&index->lock);
    if (!news)
        return;
    log_error("the index is damaged and is built again from the store generation=%u: %s", generation, what);
    counter_add(COUNTER_INDEX_REBUILDS, 1);
}

struct timespec index_deadline(int64_t clock)
{
    return (struct timespec){.tv_sec = clock / NANOSECONDS_PER_SECOND,
                             .tv_nsec = clock % NANOSECONDS_PER_SECOND};
}

/* ---- figures ---- */

void index_write_figures(struct index *index, struct json_writer *writer)
{
    pthread_mutex_lock(&index->lock);
    struct snapshot *snapshot = snapshot_retain(index->current);
    uint64_t head = index->head;
    size_t sealed = index->live->segment_count;
    size_t hots = index->live->hot_count;
    double average = index->live->settings.average_length;
    pthread_mutex_unlock(&index->lock);
    uint64_t rows = 0;
    uint64_t dead = 0;
    uint64_t documents = 0;
    for (size_t i = 0; i < snapshot->source_count; i++)
        documents += snapshot->sources[i].documents;
    for (size_t i = 0; i < snapshot->slice_count; i++) {
        rows += snapshot->slices[i]->rows->count;
        dead += atomic_load(&snapshot->slices[i]->shared->dead);
    }
    json_key_int(writer, "generation", snapshot->generation);
    json_key_int(writer, "revision", (int64_t)snapshot->revision);
    json_key_int(writer, "lag", (int64_t)(head - snapshot->revision));
    json_key_int(writer, "articles", (int64_t)(rows - dead));
    json_key_int(writer, "dead", (int64_t)dead);
    json_key_int(writer, "documents", (int64_t)documents);
    json_key_int(writer, "sealed_segments", (int64_t)sealed);
    json_key_int(writer, "hot_segments", (int64_t)hots);
    json_key_int(writer, "slices", (int64_t)snapshot->slice_count);
    json_key_int(writer, "epoch", snapshot->epoch->statistics.epoch);
    json_key_int(writer, "epoch_articles", (int64_t)snapshot->epoch->statistics.documents);
    json_key_number(writer, "average_length", average, 1);
    snapshot_release(snapshot);
}
