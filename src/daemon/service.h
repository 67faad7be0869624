/*
 * service.h - everything the commands work on, put together once at start: configuration, store, index,
 * threads.
 *
 * Made by daemon.c before any thread starts and freed after the last has ended; the members are borrowed by
 * everybody else. What changes while storyd runs is behind an atomic or a lock of its own.
 */
#ifndef STORYD_DAEMON_SERVICE_H
#define STORYD_DAEMON_SERVICE_H

#include "base/queue.h"
#include "config/config.h"
#include "index/index.h"
#include "query/query.h"
#include "related/related.h"
#include "store/committer.h"

#include <pthread.h>
#include <stdatomic.h>

struct waiters;
struct workers;

/* The settings that handlers read, copied out of the configuration so that a reload can replace them at once.
 */
struct service_settings {
    struct query_limits query;
    size_t result_limit;
    size_t result_window;
    struct related_weights related;
    int64_t memory_limit; /* bytes */
    int64_t line_query;   /* the rest is here to be reported; the I/O thread enforces it */
    int64_t line_write;
    int64_t pipeline;
    int64_t deadline_ms;
    int64_t deadline_max_ms;
};

struct service {
    struct config *config; /* the one in force; read by the I/O thread only */
    struct server *server;
    struct store_options store_options;
    struct committer *committer;
    struct index *index;
    struct waiters *waiters;
    struct workers *workers;
    const struct language *default_language;
    size_t key_terms;
    double title_weight;
    int64_t started; /* clock.h */
    pthread_mutex_t settings_lock;
    struct service_settings settings;
    _Atomic int64_t memory_used; /* bytes, as of the last look */
};

/* A copy of the settings in force. Any thread. */
struct service_settings service_settings(struct service *service);

/* busy when memory is nearly used up: writes at 80 % of the limit, queries at 95 %. Any thread. */
int service_check_memory(struct service *service, bool is_write, struct error *error);

/* Looks up how much memory the process has of its own (not page cache); called once a second. */
void service_measure_memory(struct service *service);

/* Starts the graceful stop of the whole daemon. Any thread. */
void service_stop(struct service *service);

#endif
