#include "daemon/worker.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "command/command.h"

#include <stdlib.h>
#include <string.h>

/* Query trees are walked recursively by Xapian: the stack is not left to the system's default
 * (reliability.md). */
#define WORKER_STACK (8U << 20)
#define BUSY_RETRY_MS 50
#define STALLED_RETRY_MS 1000

struct workers {
    struct queue *queue;
    int64_t watch; /* nanoseconds, see queue_watch() */
    struct worker *workers;
    size_t count;
    atomic_bool all_stalled; /* see workers_watch() */
};

int worker_store(struct worker *worker, struct store_reader **store, struct error *error)
{
    if (worker->store == NULL &&
        store_reader_open(&worker->service->store_options, &worker->store, error) != 0)
        return -1;
    *store = worker->store;
    return 0;
}

#define REPLY_MEMORY 65536 /* bytes: what a worker keeps at most */

/* A reply grows in memory of the worker's own, which has room for most from the start. */
static void lend_memory(struct worker *worker, struct request *request)
{
    buffer_release(&request->reply);
    request->reply = worker->reply;
    worker->reply = (struct buffer)BUFFER_INIT;
}

/* What goes out is a copy of just its size: it may wait for a client that reads slowly. Memory in which a
 * long reply was written goes out with it. */
static void take_memory_back(struct worker *worker, struct request *request)
{
    struct buffer written = request->reply;
    if (written.capacity > REPLY_MEMORY)
        return;
    request->reply = (struct buffer)BUFFER_INIT;
    buffer_append(&request->reply, written.data, written.length);
    worker->reply = written;
    buffer_clear(&worker->reply);
}

static void serve(struct worker *worker, struct request *request)
{
    if (request->deadline != 0 && clock_now() > request->deadline) {
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_DEADLINE, "the deadline passed while the request waited for a worker");
        request_fail(request, &error);
        request_finish(request);
        return;
    }
    atomic_store(&worker->busy_deadline, request->deadline);
    atomic_store(&worker->busy_since, clock_now());
    lend_memory(worker, request);
    bool answered = command_run(request, worker);
    atomic_store(&worker->busy_since, 0);
    atomic_store_explicit(&worker->service->workers->all_stalled, false, memory_order_relaxed);
    if (answered) {
        take_memory_back(worker, request);
        request_finish(request);
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    const struct workers *workers = worker->service->workers;
    thread_begin("storyd-worker", THREAD_PROMPT);
    struct request *request;
    while ((request = queue_watch(workers->queue, workers->watch)) != NULL)
        serve(worker, request);
    return NULL;
}

static void prepare(struct worker *worker, struct service *service)
{
    worker->service = service;
    worker->searcher = searcher_new();
    worker->analyser = analyser_new();
    worker->maker = document_maker_new();
    worker->related = related_scratch_new();
    worker->trending = trending_scratch_new();
}

static void release(struct worker *worker)
{
    searcher_free(worker->searcher);
    analyser_free(worker->analyser);
    document_maker_free(worker->maker);
    related_scratch_free(worker->related);
    trending_scratch_free(worker->trending);
    store_reader_close(worker->store);
    feature_vector_release(&worker->vector);
    feature_vector_release(&worker->combined);
    article_free(worker->draft);
    free(worker->shared);
    buffer_release(&worker->text);
    buffer_release(&worker->reply);
}

int workers_start(struct service *service, size_t count, size_t queue_length, int64_t watch,
                  struct workers **result, struct error *error)
{
    struct workers *workers = memory_zeroed(1, sizeof *workers);
    workers->watch = watch;
    workers->queue = queue_new(queue_length);
    workers->workers = memory_zeroed(count, sizeof *workers->workers);
    *result = service->workers = workers;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK);
    int failed = 0;
    while (workers->count < count && !failed) {
        struct worker *worker = &workers->workers[workers->count];
        prepare(worker, service);
        failed = pthread_create(&worker->thread, &attributes, worker_main, worker);
        if (failed)
            release(worker);
        else
            workers->count++;
    }
    pthread_attr_destroy(&attributes);
    if (!failed)
        return 0;
    workers_stop(workers);
    workers_free(workers);
    *result = service->workers = NULL;
    return error_set_errno(error, ERROR_UNAVAILABLE, failed, "cannot start %zu worker threads", count);
}

int workers_submit(struct workers *workers, struct request *request, struct error *error)
{
    if (atomic_load_explicit(&workers->all_stalled, memory_order_relaxed))
        return error_set_busy(error, STALLED_RETRY_MS, "all workers run queries far beyond their deadlines");
    if (queue_push(workers->queue, request))
        return 0;
    return error_set_busy(error, BUSY_RETRY_MS, "too many queries are waiting (limits.queue)");
}

size_t workers_waiting(struct workers *workers)
{
    return queue_length(workers->queue);
}

size_t workers_count(const struct workers *workers)
{
    return workers->count;
}

void workers_watch(struct workers *workers)
{
    int64_t now = clock_now();
    size_t stalled_count = 0;
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->workers[i];
        int64_t since = atomic_load(&worker->busy_since);
        int64_t deadline = atomic_load(&worker->busy_deadline);
        bool stalled = since != 0 && deadline != 0 && now - since > 2 * (deadline - since) && now > deadline;
        if (stalled && !worker->stall_reported) {
            counter_add(COUNTER_STALLED_WORKERS, 1);
            log_warning("a query runs far beyond its deadline worker=%zu seconds=%.1f", i,
                        (double)(now - since) / NANOSECONDS_PER_SECOND);
        }
        worker->stall_reported = stalled;
        stalled_count += stalled;
    }
    atomic_store(&workers->all_stalled, stalled_count == workers->count);
}

void workers_stop(struct workers *workers)
{
    if (workers == NULL)
        return;
    queue_close(workers->queue);
    for (size_t i = 0; i < workers->count; i++)
        pthread_join(workers->workers[i].thread, NULL);
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    for (size_t i = 0; i < workers->count; i++)
        release(&workers->workers[i]);
    queue_free(workers->queue);
    free(workers->workers);
    free(workers);
}
