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
    uint64_t related_postings;  /* related_query.postings */
    size_t connected_articles;  /* in the set that CONNECTED counts */
    uint32_t trending_articles; /* trending_query.rows_max */
    int64_t trending_window;    /* seconds, as the next */
    int64_t trending_baseline;
    int64_t memory_limit; /* bytes */
};

struct service {
    struct config *config; /* the one in force; read by the I/O thread only */
    struct server *server;
    struct store_options store_options;
    struct registry *profiles;
    struct committer *committer;
    struct index *index;
    struct waiters *waiters;
    struct workers *workers;
    const struct language *default_language;
    size_t key_terms;
    double title_weight;
    bool find_names;
    int64_t started; /* clock.h */
    pthread_mutex_t settings_lock;
    struct service_settings settings;
    struct buffer limits;      /* the bounds on clients as JSON members, for HELLO and STATS */
    _Atomic int64_t reply_max; /* bytes, of a reply with articles; follows the settings */
    atomic_bool stopping;
    _Atomic int64_t memory_used; /* bytes, as of the last look */
};

/* Puts the reloadable settings of a configuration in force. Any thread; the configuration is read during the
 * call. */
void service_configure(struct service *service, const struct config *config);

/* A copy of the settings in force. Any thread. */
struct service_settings service_settings(struct service *service);

/* {"line_query":65536,…,"deadline_ms":1000,…}: every limit in force. Any thread. */
void service_write_limits(struct service *service, struct json_writer *writer);

/* busy when memory is nearly used up: writes at 80 % of the limit, queries at 95 %. Any thread. */
int service_check_memory(struct service *service, bool is_write, struct error *error);

/* Looks up how much memory the process has of its own (not page cache); called once a second. */
void service_measure_memory(struct service *service);

/* Starts the graceful stop of the whole daemon. Any thread. */
void service_stop(struct service *service);

#endif
