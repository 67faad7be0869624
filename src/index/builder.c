#include "index/builder.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* ---- one range: store -> Xapian database, rows, features ---- */

struct range_build {
    const struct build *build;
    struct document_maker *maker;
    struct xapian_writer *writer;
    struct rows_builder *rows;
    struct features_builder *features;
    struct error error;
    bool failed;
};

static bool add_article(void *context, uint64_t revision, const char *id, const char *text, size_t length,
                        int64_t views)
{
    struct range_build *range = context;
    const struct build *build = range->build;
    if (build->stop != NULL && atomic_load(build->stop)) {
        error_set(&range->error, ERROR_DRAINING, "building was stopped");
        range->failed = true;
        return false;
    }
    struct article *article;
    struct error error = ERROR_INIT;
    if (article_from_text(text, length, &article, &error) != 0) {
        char safe[256];
        log_error("stored article cannot be read and is left out of the index id=%s: %s",
                  log_safe(safe, sizeof safe, id, strlen(id)), error.message);
        counter_add(COUNTER_INDEX_SKIPPED, 1);
        return true;
    }
    struct document document;
    document_make(range->maker, &build->generation->settings, &build->epoch->statistics, article, &document);
    range->failed = xapian_writer_add(range->writer, (uint32_t)revision, document.terms, document.term_count,
                                      &range->error) != XAPIAN_OK;
    if (!range->failed) {
        rows_builder_add(range->rows, (uint32_t)revision, article, document.language, document.length, views,
                         document.signature);
        rows_builder_add_found(range->rows, document.found, document.found_count);
        features_builder_add(range->features, document.features, 0); /* copies are marked on delivery */
        if (build->articles != NULL)
            atomic_fetch_add(build->articles, 1);
    }
    article_free(article);
    return !range->failed;
}

/* In memory if there is room there, else beside the segment. */
static char *scratch_directory(const struct build *build, const char *name)
{
    struct buffer path = BUFFER_INIT;
    struct statvfs space;
    const struct generation_places *places = &build->generation->places;
    bool roomy = !places->hot_sync && statvfs(places->hot_directory, &space) == 0 &&
                 (uint64_t)space.f_bavail * space.f_frsize > (UINT64_C(2) << 30);
    buffer_printf(&path, "%s/build.%s.%s", roomy ? places->hot_directory : build->generation->directory,
                  build->generation->identity, name);
    return buffer_steal(&path);
}

static int write_segment(struct range_build *range, const char *scratch, const char *name,
                         struct segment **segment, struct error *error)
{
    struct generation *generation = range->build->generation;
    if (xapian_writer_commit(range->writer, 0, "build", error) != XAPIAN_OK)
        return -1;
    xapian_writer_close(range->writer);
    range->writer = NULL;
    struct image_bytes rows;
    struct image_bytes features;
    slice_images(range->rows, range->features, &rows, &features);
    char *directory = file_join(generation->directory, name);
    uint32_t epoch = range->build->epoch->statistics.epoch;
    int result = segment_create(directory, &scratch, 1, &rows, &features, epoch, error);
    if (result == 0)
        result = segment_open(generation->directory, name, epoch, NULL, segment, error);
    free(directory);
    image_bytes_release(&rows);
    image_bytes_release(&features);
    return result;
}

static int build_range(const struct build *build, uint64_t first, uint64_t last, const char *name,
                       struct segment **segment, struct error *error)
{
    struct range_build range = {.build = build, .error = ERROR_INIT};
    struct store_reader *reader = NULL;
    char *scratch = scratch_directory(build, name);
    int result = -1;
    *segment = NULL;
    if (store_reader_open(build->store, &reader, error) != 0 || file_remove_tree(scratch, error) != 0 ||
        file_make_directory(scratch, error) != 0 ||
        xapian_writer_open(scratch, true, false, &range.writer, error) != XAPIAN_OK)
        goto done;
    range.maker = document_maker_new();
    range.rows = rows_builder_new();
    range.features = features_builder_new(&build->epoch->statistics);
    uint64_t next = first;
    while (next <= last && !range.failed)
        if (store_scan(reader, next, last, 1000, add_article, &range, &next, error) != 0)
            goto done;
    if (range.failed)
        *error = range.error;
    else if (rows_builder_count(range.rows) == 0)
        result = 0;
    else
        result = write_segment(&range, scratch, name, segment, error);
done:
    xapian_writer_close(range.writer);
    rows_builder_free(range.rows);
    features_builder_free(range.features);
    document_maker_free(range.maker);
    store_reader_close(reader);
    file_remove_tree(scratch, NULL);
    free(scratch);
    return result;
}

/* ---- all ranges: threads take the next one, the caller delivers them in order ---- */

struct range_result {
    char *name;
    struct segment *segment;
    uint64_t last;
    bool done;
    int result;
    struct error error;
};

struct pool {
    const struct build *build;
    pthread_mutex_t lock;
    pthread_cond_t progress;
    struct range_result *ranges;
    size_t range_count;
    size_t next;      /* not yet taken */
    size_t delivered; /* threads stay at most `threads` ranges ahead of this */
    bool abandoned;
};

static void *build_thread(void *argument)
{
    struct pool *pool = argument;
    thread_begin("storyd-build", THREAD_BACKGROUND);
    pthread_mutex_lock(&pool->lock);
    while (pool->next < pool->range_count && !pool->abandoned) {
        if (pool->next >= pool->delivered + pool->build->threads + 1) {
            pthread_cond_wait(&pool->progress, &pool->lock);
            continue;
        }
        size_t number = pool->next++;
        struct range_result *range = &pool->ranges[number];
        pthread_mutex_unlock(&pool->lock);
        uint64_t first = pool->build->first + number * pool->build->range;
        range->result =
            build_range(pool->build, first, range->last, range->name, &range->segment, &range->error);
        pthread_mutex_lock(&pool->lock);
        range->done = true;
        pthread_cond_broadcast(&pool->progress);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int deliver_all(struct pool *pool, struct error *error)
{
    int result = 0;
    for (size_t i = 0; i < pool->range_count && result == 0; i++) {
        struct range_result *range = &pool->ranges[i];
        pthread_mutex_lock(&pool->lock);
        while (!range->done)
            pthread_cond_wait(&pool->progress, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
        result = range->result;
        if (result != 0 && error != NULL)
            *error = range->error;
        if (result == 0) {
            struct segment *segment = range->segment;
            range->segment = NULL;
            result = pool->build->deliver(pool->build->context, segment, range->last, error);
        }
        pthread_mutex_lock(&pool->lock);
        pool->delivered = i + 1;
        pool->abandoned = result != 0;
        pthread_cond_broadcast(&pool->progress);
        pthread_mutex_unlock(&pool->lock);
    }
    return result;
}

static void prepare_ranges(struct pool *pool)
{
    const struct build *build = pool->build;
    pool->range_count = (size_t)((build->last - build->first) / build->range + 1);
    pool->ranges = memory_zeroed(pool->range_count, sizeof *pool->ranges);
    for (size_t i = 0; i < pool->range_count; i++) {
        uint64_t last = build->first + (i + 1) * build->range - 1;
        pool->ranges[i].last = last < build->last ? last : build->last;
        pool->ranges[i].name = generation_new_segment_name(build->generation);
    }
}

static void release_ranges(struct pool *pool)
{
    for (size_t i = 0; i < pool->range_count; i++) {
        if (pool->ranges[i].segment != NULL)
            atomic_store(&pool->ranges[i].segment->place->obsolete, true);
        segment_release(pool->ranges[i].segment);
        free(pool->ranges[i].name);
    }
    free(pool->ranges);
}

int build_run(const struct build *build, struct error *error)
{
    if (build->last < build->first)
        return 0;
    struct pool pool = {.build = build};
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.progress, NULL);
    prepare_ranges(&pool);
    size_t wanted = build->threads < pool.range_count ? build->threads : pool.range_count;
    pthread_t *threads = memory_zeroed(wanted, sizeof *threads);
    size_t started = 0;
    while (started < wanted && pthread_create(&threads[started], NULL, build_thread, &pool) == 0)
        started++;
    int result = started == 0 ? error_set(error, ERROR_UNAVAILABLE, "cannot start a builder thread")
                              : deliver_all(&pool, error);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    release_ranges(&pool);
    pthread_cond_destroy(&pool.progress);
    pthread_mutex_destroy(&pool.lock);
    return result;
}

/* ---- sampling ---- */

#define SAMPLE_PLACES 100

struct sample {
    struct analyser *analyser;
    const struct document_settings *settings;
    uint64_t words;
    uint64_t articles;
    size_t limit;
};

static bool sample_article(void *context, uint64_t revision, const char *id, const char *text, size_t length,
                           int64_t views)
{
    (void)revision;
    (void)id;
    (void)views;
    struct sample *sample = context;
    struct article *article;
    if (article_from_text(text, length, &article, NULL) != 0)
        return true;
    struct analysis analysis;
    analyser_run(sample->analyser, article, sample->settings->default_language, &analysis);
    sample->words += analysis.length;
    sample->articles++;
    article_free(article);
    return sample->articles < sample->limit;
}

int build_sample_length(const struct store_options *store, const struct document_settings *settings,
                        uint64_t first, uint64_t last, size_t limit, double *average, struct error *error)
{
    struct store_reader *reader;
    *average = 0;
    if (store_reader_open(store, &reader, error) != 0)
        return -1;
    struct sample sample = {.analyser = analyser_new(), .settings = settings, .limit = limit};
    /* a few articles each from places all over the range: articles of one length often lie together */
    uint64_t step = (last - first) / SAMPLE_PLACES + 1;
    int result = 0;
    for (uint64_t at = first; at <= last && result == 0; at += step) {
        uint64_t next;
        sample.limit = (size_t)sample.articles + limit / SAMPLE_PLACES + 1;
        uint64_t end = at + step - 1 < last ? at + step - 1 : last;
        result =
            store_scan(reader, at, end, limit / SAMPLE_PLACES + 1, sample_article, &sample, &next, error);
    }
    if (sample.articles != 0)
        *average = (double)sample.words / (double)sample.articles;
    analyser_free(sample.analyser);
    store_reader_close(reader);
    return result;
}
