#include "daemon/daemon.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "command/command.h"
#include "daemon/arguments.h"
#include "daemon/process.h"
#include "daemon/service.h"
#include "daemon/waiters.h"
#include "daemon/worker.h"
#include "net/server.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPIRE_INTERVAL_MS 10
#define WATCH_INTERVAL_MS 1000
#define REVISION_WAIT_MS 1000

struct daemon {
    struct service service;
    struct store_writer *writer;
    const char *config_path;
    int argument_count;
    char **arguments;
    struct event *events[8];
    size_t event_count;
    char *data_directory; /* these two outlive the configuration, which a reload replaces */
    char *hot_directory;
};

/* ---- settings ---- */

static struct server_limits server_limits_of(const struct config *config)
{
    return (struct server_limits){
        .line_query = config->limits_line_query,
        .line_write = config->limits_line_write,
        .json_depth = config->limits_json_depth,
        .json_nodes = config->limits_json_nodes,
        .pipeline = config->limits_pipeline,
        .requests_per_turn = config->limits_requests_per_turn,
        .output_pause = config->limits_output_pause,
        .output_close = config->limits_output_close,
        .output_total = config->limits_output_total,
        .output_stall = config->limits_output_stall,
        .connections = config->limits_connections,
        .connections_per_address = config->limits_connections_per_address,
        .connections_admin = config->limits_connections_admin,
        .idle = config->limits_idle,
        .request_time = config->limits_request_time,
        .deadline = config->limits_deadline,
        .deadline_max = config->limits_deadline_max,
    };
}

static struct index_tuning tuning_of(const struct config *config)
{
    return (struct index_tuning){
        .commit_interval_ms = config->index_commit_interval,
        .hot_articles = (size_t)config->index_hot_articles,
        .bulk_articles = (size_t)config->index_bulk_articles,
        .merge_factor = (size_t)config->index_merge_factor,
    };
}

static enum log_level log_level_of(const struct config *config)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    int level = LOG_LEVEL_ERROR;
    while (level < LOG_LEVEL_DEBUG && strcmp(words[level], config->server_log_level) != 0)
        level++;
    return (enum log_level)level;
}

static void set_log_level(const struct config *config)
{
    log_set_level(log_level_of(config));
}

/* ---- what the threads tell each other ---- */

/* I/O thread, or a waiter's: a query whose revision is visible. */
static int dispatch_now(struct service *service, struct request *request, struct error *error)
{
    if (!request->command->is_vital && service_check_memory(service, false, error) != 0)
        return -1;
    return workers_submit(service->workers, request, error);
}

static int dispatch(void *context, struct request *request, struct error *error)
{
    struct service *service = context;
    int64_t revision = schema_integer(request->arguments, "min_revision", 0);
    if (revision <= 0 || (uint64_t)revision <= index_revision(service->index))
        return dispatch_now(service, request, error);
    int64_t wait_ms = schema_integer(request->arguments, "wait_ms", REVISION_WAIT_MS);
    int64_t deadline = clock_now() + wait_ms * NANOSECONDS_PER_MS;
    if (request->deadline != 0)
        request->deadline += wait_ms * NANOSECONDS_PER_MS; /* waiting is not the query's own time */
    waiters_add(service->waiters, request, (uint64_t)revision, deadline);
    return 0;
}

/* Requests that have written their reply already (PUT, FLUSH) go out, queries go to a worker. */
static void revision_visible(void *context, struct request *request)
{
    struct service *service = context;
    struct error error = ERROR_INIT;
    if (request->command->place == COMMAND_ON_IO) {
        request_finish(request);
        return;
    }
    if (dispatch_now(service, request, &error) == 0)
        return;
    request_fail(request, &error);
    request_finish(request);
}

static void committed(void *context, uint64_t head)
{
    struct service *service = context;
    index_wake(service->index, head);
}

static void viewed(void *context, const char *id, int64_t total, uint64_t revision)
{
    struct service *service = context;
    if (revision == 0)
        index_set_views(service->index, id, total);
    else
        index_supersede_views(service->index, id, revision, total);
}

static void answering(void *context, bool begins)
{
    (void)context;
    if (begins)
        server_hold_replies();
    else
        server_release_replies();
}

/* A connection's writes that arrived together go into one group. */
static void turn(void *context, bool begins)
{
    struct service *service = context;
    if (begins)
        committer_hold(service->committer);
    else
        committer_release(service->committer);
}

static void published(void *context, uint64_t revision)
{
    struct service *service = context;
    waiters_visible(service->waiters, revision);
}

/* ---- signals and timers ---- */

static void on_stop(evutil_socket_t number, short what, void *context)
{
    (void)what;
    struct daemon *daemon = context;
    if (atomic_load(&daemon->service.stopping)) {
        log_warning("second signal, exiting at once signal=%d", (int)number);
        _exit(1);
    }
    log_info("stopping signal=%d", (int)number);
    service_stop(&daemon->service);
}

static void log_change(void *context, const struct option *option, const char *old_text, const char *new_text)
{
    (void)context;
    if (option->reloadable)
        log_info("setting changed name=%s.%s from=%s to=%s", option->section, option->name, old_text,
                 new_text);
    else
        log_warning("setting changed but takes effect only after a restart name=%s.%s from=%s to=%s",
                    option->section, option->name, old_text, new_text);
}

static void apply(struct daemon *daemon, struct config *config)
{
    struct service *service = &daemon->service;
    struct server_limits limits = server_limits_of(config);
    struct index_tuning tuning = tuning_of(config);
    service_configure(service, config);
    server_set_limits(service->server, &limits);
    index_configure(service->index, &tuning);
    store_writer_set_disk_floor(daemon->writer, config->store_disk_floor);
    set_log_level(config);
}

static void log_mistake(const char *mistake)
{
    log_error("%s", mistake);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    struct daemon *daemon = context;
    struct service *service = &daemon->service;
    if (daemon->config_path == NULL) {
        log_warning("nothing to reload: storyd runs without a configuration file");
        return;
    }
    process_notify("RELOADING=1");
    struct config *config = NULL;
    if (arguments_load(daemon->argument_count, daemon->arguments, log_mistake, &config) != 0)
        log_error("reload failed, the old settings stay path=%s", daemon->config_path);
    else {
        set_log_level(config); /* and by the old one if that says more: neither hides that it changed */
        if (log_level_of(service->config) > log_level_of(config))
            set_log_level(service->config);
        config_diff(service->config, config, log_change, NULL);
        apply(daemon, config);
        config_free(service->config);
        service->config = config;
        log_info("configuration reloaded path=%s", daemon->config_path);
    }
    process_notify("READY=1");
}

static void on_expire(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    struct daemon *daemon = context;
    waiters_expire(daemon->service.waiters);
    if (atomic_load(&daemon->service.stopping))
        waiters_drain(daemon->service.waiters);
}

static void on_watch(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    struct daemon *daemon = context;
    service_measure_memory(&daemon->service);
    workers_watch(daemon->service.workers);
}

static int add_event(struct daemon *daemon, struct event *event, const struct timeval *interval,
                     struct error *error)
{
    if (event == NULL || event_add(event, interval) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "cannot set up signals and timers");
    daemon->events[daemon->event_count++] = event;
    return 0;
}

static int add_events(struct daemon *daemon, struct error *error)
{
    struct event_base *base = server_event_base(daemon->service.server);
    const struct timeval expire = {.tv_usec = EXPIRE_INTERVAL_MS * 1000};
    const struct timeval watch = {.tv_sec = WATCH_INTERVAL_MS / 1000};
    signal(SIGPIPE, SIG_IGN);
    if (add_event(daemon, evsignal_new(base, SIGTERM, on_stop, daemon), NULL, error) != 0 ||
        add_event(daemon, evsignal_new(base, SIGINT, on_stop, daemon), NULL, error) != 0 ||
        add_event(daemon, evsignal_new(base, SIGHUP, on_reload, daemon), NULL, error) != 0 ||
        add_event(daemon, event_new(base, -1, EV_PERSIST, on_expire, daemon), &expire, error) != 0 ||
        add_event(daemon, event_new(base, -1, EV_PERSIST, on_watch, daemon), &watch, error) != 0)
        return -1;
    return 0;
}

static void remove_events(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->event_count; i++)
        event_free(daemon->events[i]);
    daemon->event_count = 0;
}

/* ---- start ---- */

static int open_store(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    const struct config *config = service->config;
    daemon->data_directory = memory_copy_string(config->server_data);
    daemon->hot_directory = memory_copy_string(config->server_hot);
    service->store_options = (struct store_options){
        .directory = daemon->data_directory,
        .disk_floor_bytes = config->store_disk_floor,
        .cache_bytes = config->store_cache,
    };
    if (file_make_directory(config->server_data, error) != 0)
        return -1;
    return store_writer_open(&service->store_options, &daemon->writer, error);
}

/* A profile that cannot be used stays in the store and is left out. */
static bool take_profile(void *context, int kind, const char *key, const char *text, size_t length)
{
    struct registry *registry = context;
    struct profile *profile = NULL;
    struct error reason = ERROR_INIT;
    bool created;
    int result = profile_from_text(text, length, &profile, &reason);
    if (result == 0 && ((int)profile->kind != kind || strcmp(profile->key, key) != 0))
        result = error_set(&reason, ERROR_UNAVAILABLE, "it is kept under another name");
    if (result == 0)
        result = registry_stage(registry, profile, &created, &reason);
    if (result != 0) {
        char name[256];
        log_error("a stored profile is left out kind=%d name=%s: %s", kind,
                  log_safe(name, sizeof name, key, strlen(key)), reason.message);
    }
    profile_release(profile);
    return true;
}

static int load_profiles(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    const struct registry_limits limits = {REGISTRY_PROFILES_MAX, REGISTRY_BYTES_MAX};
    struct store_reader *reader;
    service->profiles = registry_new(&limits);
    if (store_reader_open(&service->store_options, &reader, error) != 0)
        return -1;
    int result = store_all_profiles(reader, take_profile, service->profiles, error);
    registry_publish(service->profiles);
    store_reader_close(reader);
    return result;
}

static int open_index(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    const struct config *config = service->config;
    service->default_language = language_find(config->index_language);
    if (service->default_language == NULL)
        return error_set(error, ERROR_BAD_REQUEST, "index.language must be an ISO 639-1 code, not \"%s\"",
                         config->index_language);
    service->key_terms = (size_t)config->related_key_terms;
    service->title_weight = config->index_title_weight;
    service->find_names = config->index_find_names;
    struct index_options options = {
        .store = service->store_options,
        .profiles = service->profiles,
        .data = daemon->data_directory,
        .hot = daemon->hot_directory,
        .default_language = service->default_language,
        .title_weight = service->title_weight,
        .find_names = service->find_names,
        .key_terms = service->key_terms,
        .copy_similarity = config->index_copy_similarity,
        .builders = (size_t)config->index_builders,
        .tuning = tuning_of(config),
        .published = published,
        .context = service,
    };
    return index_open(&options, &service->index, error);
}

#define WRITE_WATCH (200 * NANOSECONDS_PER_US) /* a write takes a tenth of it to read */

static int start_committer(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    struct committer_options options = {
        .watch = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WRITE_WATCH : 0,
        .profiles = service->profiles,
        .queue_writes = (size_t)service->config->store_queue_writes,
        .queue_bytes = (size_t)service->config->store_queue_bytes,
        .committed = committed,
        .viewed = viewed,
        .answering = answering,
        .context = service,
    };
    if (committer_start(daemon->writer, &options, &service->committer, error) != 0)
        return -1;
    return index_start(service->index, store_writer_head(daemon->writer), error);
}

static int start_workers(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = service->config->server_workers != 0 ? (size_t)service->config->server_workers
                                                        : (size_t)(cores > 0 ? cores : 1);
    /* with one core, who looks keeps from working who is to send what is looked for */
    int64_t watch = cores > 1 ? service->config->server_worker_watch * NANOSECONDS_PER_US : 0;
    return workers_start(service, count, (size_t)service->config->limits_queue, watch, &service->workers,
                         error);
}

static int listen_all(struct daemon *daemon, struct error *error)
{
    const char *list = daemon->service.config->server_listen;
    int result = 0;
    for (char *address; result == 0 && (address = config_next_word(&list)) != NULL; free(address)) {
        result = server_listen(daemon->service.server, address, NULL, error);
    }
    return result;
}

static int start(struct daemon *daemon, struct error *error)
{
    struct service *service = &daemon->service;
    struct server_limits limits = server_limits_of(service->config);
    service->server = server_new(&limits, service, error);
    if (service->server == NULL)
        return -1;
    service->waiters = waiters_new(revision_visible, service);
    service_measure_memory(service);
    server_set_dispatch(service->server, dispatch, service);
    server_set_turn(service->server, turn, service);
    if (open_store(daemon, error) != 0 || load_profiles(daemon, error) != 0 ||
        open_index(daemon, error) != 0 || start_committer(daemon, error) != 0 ||
        start_workers(daemon, error) != 0 || add_events(daemon, error) != 0 || listen_all(daemon, error) != 0)
        return -1;
    return 0;
}

/* ---- stop: no new requests, then those who answer, then those who write, then what they wrote to ---- */

static void stop(struct daemon *daemon)
{
    struct service *service = &daemon->service;
    if (service->waiters != NULL)
        waiters_drain(service->waiters);
    workers_stop(service->workers);
    if (service->committer != NULL)
        committer_stop(service->committer);
    if (service->index != NULL)
        index_stop(service->index);
    if (service->waiters != NULL)
        waiters_drain(service->waiters);
    remove_events(daemon);
    workers_free(service->workers);
    server_free(service->server);
    index_free(service->index);
    waiters_free(service->waiters);
    store_writer_close(daemon->writer);
    registry_free(service->profiles);
    config_free(service->config);
    free(daemon->data_directory);
    free(daemon->hot_directory);
    buffer_release(&service->limits);
    pthread_mutex_destroy(&service->settings_lock);
}

int daemon_run(struct config *config, const char *config_path, int argument_count, char **arguments)
{
    struct daemon daemon = {
        .config_path = config_path, .argument_count = argument_count, .arguments = arguments};
    struct error error = ERROR_INIT;
    daemon.service.config = config;
    daemon.service.started = clock_now();
    pthread_mutex_init(&daemon.service.settings_lock, NULL);
    service_configure(&daemon.service, config);
    set_log_level(config);
    struct process *process = NULL;
    int failed = process_begin(config->server_pid_file, &process, &error) != 0 || start(&daemon, &error) != 0;
    if (failed)
        log_error("storyd cannot start: %s", error.message);
    else {
        log_info("ready version=%s revision=%llu articles_visible_to=%llu seconds=%.2f", STORYD_VERSION,
                 (unsigned long long)store_writer_head(daemon.writer),
                 (unsigned long long)index_revision(daemon.service.index),
                 (double)(clock_now() - daemon.service.started) / NANOSECONDS_PER_SECOND);
        process_notify("READY=1");
        server_run(daemon.service.server);
        log_info("connections are closed, writing what is left");
    }
    stop(&daemon);
    process_end(process);
    if (!failed)
        log_info("stopped");
    return failed ? 1 : 0;
}
