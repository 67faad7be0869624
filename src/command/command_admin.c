/* command_admin.c - STATS, FLUSH, REINDEX, SHUTDOWN. */
#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "command/handlers.h"
#include "daemon/waiters.h"
#include "daemon/worker.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_WAIT_MS 60000

static void write_server(struct service *service, struct json_writer *writer)
{
    json_key(writer, "server");
    json_begin_object(writer);
    json_key_text(writer, "version", STORYD_VERSION);
    json_key_int(writer, "pid", getpid());
    json_key_number(writer, "uptime_seconds",
                    (double)(clock_now() - service->started) / NANOSECONDS_PER_SECOND, 1);
    json_key_text(writer, "xapian", xapian_library_version());
    json_key_text(writer, "sqlite", sqlite3_libversion());
    json_key_int(writer, "workers", (int64_t)workers_count(service->workers));
    json_key_int(writer, "queries_waiting", (int64_t)workers_waiting(service->workers));
    json_key_int(writer, "writes_waiting", (int64_t)committer_waiting(service->committer));
    json_key_int(writer, "waiting_for_revision", (int64_t)waiters_count(service->waiters));
    json_key_int(writer, "memory_bytes", atomic_load(&service->memory_used));
    json_end_object(writer);
}

static int write_store(struct worker *worker, struct json_writer *writer, struct error *error)
{
    struct store_reader *store;
    struct store_figures figures;
    if (worker_store(worker, &store, error) != 0 || store_figures(store, &figures, error) != 0)
        return -1;
    json_key(writer, "store");
    json_begin_object(writer);
    json_key_int(writer, "revision", (int64_t)figures.head);
    json_key_int(writer, "articles", (int64_t)figures.articles);
    json_key_int(writer, "profiles", (int64_t)registry_count(worker->service->profiles));
    json_key_int(writer, "bytes", (int64_t)figures.bytes);
    json_end_object(writer);
    return 0;
}

static void write_counters(struct json_writer *writer)
{
    json_key(writer, "counters");
    json_begin_object(writer);
    for (int counter = 0; counter < COUNTER_COUNT; counter++)
        json_key_int(writer, counter_name((enum counter)counter), counter_value((enum counter)counter));
    json_end_object(writer);
}

int command_stats(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error)
{
    struct service *service = request->service;
    write_server(service, reply);
    if (write_store(worker, reply, error) != 0)
        return COMMAND_FAILED;
    json_key(reply, "index");
    json_begin_object(reply);
    index_write_figures(service->index, reply);
    json_end_object(reply);
    json_key(reply, "reindex");
    json_begin_object(reply);
    index_write_reindex_status(service->index, reply);
    json_end_object(reply);
    write_counters(reply);
    json_key(reply, "commands");
    command_write_figures(reply);
    json_key(reply, "limits");
    service_write_limits(service, reply);
    return COMMAND_DONE;
}

/* The reply is written now and waits with the request. */
int command_flush(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error)
{
    (void)worker;
    (void)error;
    struct service *service = request->service;
    uint64_t head = committer_head(service->committer);
    int64_t wait_ms = schema_integer(request->arguments, "wait_ms", FLUSH_WAIT_MS);
    json_key_int(reply, "revision", (int64_t)head);
    request_end_reply(request, reply);
    index_hurry(service->index);
    waiters_add(service->waiters, request, head, clock_now() + wait_ms * NANOSECONDS_PER_MS);
    return COMMAND_PENDING;
}

int command_reindex(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)worker;
    const char *action = schema_text(request->arguments, "action", "status");
    if (strcmp(action, "start") == 0) {
        log_info("REINDEX start peer=%s", request->peer);
        if (index_reindex(request->service->index, error) != 0)
            return COMMAND_FAILED;
    }
    json_key(reply, "reindex");
    json_begin_object(reply);
    index_write_reindex_status(request->service->index, reply);
    json_end_object(reply);
    return COMMAND_DONE;
}

int command_shutdown(struct request *request, struct worker *worker, struct json_writer *reply,
                     struct error *error)
{
    (void)worker;
    (void)reply;
    (void)error;
    log_info("SHUTDOWN peer=%s", request->peer);
    service_stop(request->service);
    return COMMAND_DONE;
}
