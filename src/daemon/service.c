#include "daemon/service.h"

#include "daemon/process.h"
#include "net/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#define BUSY_RETRY_MS 1000
#define STOP_GRACE_MS 10000

static int64_t default_memory_limit(void)
{
    struct sysinfo machine;
    if (sysinfo(&machine) != 0)
        return 0;
    return (int64_t)machine.totalram * (int64_t)machine.mem_unit / 4 * 3;
}

static struct service_settings settings_of(const struct config *config)
{
    return (struct service_settings){
        .query =
            {
                .text = (size_t)config->limits_query_text,
                .terms = (size_t)config->limits_query_terms,
                .nesting = (size_t)config->limits_query_nesting,
                .wildcards = (size_t)config->limits_query_wildcards,
                .wildcard_prefix = (size_t)config->limits_wildcard_prefix,
                .wildcard_expansions = (size_t)config->limits_wildcard_expansions,
                .phrase_words = (size_t)config->limits_phrase_words,
            },
        .result_limit = (size_t)config->limits_result_limit,
        .result_window = (size_t)config->limits_result_window,
        .related = {(float)config->related_tags, (float)config->related_entities,
                    (float)config->related_terms},
        .related_postings = (uint64_t)config->related_postings,
        .connected_articles = (size_t)config->related_connected,
        .trending_articles = (uint32_t)config->trending_articles,
        .trending_window = config->trending_window / 1000,
        .trending_baseline = config->trending_baseline / 1000,
        .memory_limit = config->limits_memory != 0 ? config->limits_memory : default_memory_limit(),
    };
}

/* Those of the store that bound what clients may do stand beside the section's own. */
static bool is_limit(const struct option *option)
{
    static const char *const of_store[] = {"disk_floor", "queue_writes", "queue_bytes"};
    bool found = strcmp(option->section, "limits") == 0;
    for (size_t i = 0; i < sizeof of_store / sizeof *of_store && strcmp(option->section, "store") == 0; i++)
        found = found || strcmp(option->name, of_store[i]) == 0;
    return found;
}

/* Durations say their unit. */
static void describe_limits(const struct config *config, struct buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (!is_limit(option))
            continue;
        char name[64];
        snprintf(name, sizeof name, "%s%s", option->name, option->type == OPTION_TYPE_DURATION ? "_ms" : "");
        json_key_int(&writer, name, config_value(config, option).number);
    }
}

void service_configure(struct service *service, const struct config *config)
{
    struct service_settings settings = settings_of(config);
    struct buffer limits = BUFFER_INIT;
    describe_limits(config, &limits);
    pthread_mutex_lock(&service->settings_lock);
    struct buffer old = service->limits;
    service->settings = settings;
    service->limits = limits;
    pthread_mutex_unlock(&service->settings_lock);
    bool fits = config->limits_reply < config->limits_output_total; /* else it could not be sent */
    atomic_store(&service->reply_max, fits ? config->limits_reply : config->limits_output_total);
    buffer_release(&old);
}

void service_write_limits(struct service *service, struct json_writer *writer)
{
    json_begin_object(writer);
    pthread_mutex_lock(&service->settings_lock);
    json_raw(writer, service->limits.data, service->limits.length);
    pthread_mutex_unlock(&service->settings_lock);
    json_end_object(writer);
}

struct service_settings service_settings(struct service *service)
{
    pthread_mutex_lock(&service->settings_lock);
    struct service_settings settings = service->settings;
    pthread_mutex_unlock(&service->settings_lock);
    return settings;
}

int service_check_memory(struct service *service, bool is_write, struct error *error)
{
    int64_t used = atomic_load_explicit(&service->memory_used, memory_order_relaxed);
    int64_t limit = service_settings(service).memory_limit;
    int percent = is_write ? 80 : 95;
    if (limit <= 0 || used < limit / 100 * percent)
        return 0;
    return error_set_busy(error, BUSY_RETRY_MS, "storyd uses %lld MB of the %lld MB it may (limits.memory)",
                          (long long)(used >> 20), (long long)(limit >> 20));
}

/* Anonymous and shared-memory pages; mapped index files are page cache and do not count. */
void service_measure_memory(struct service *service)
{
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL)
        return;
    char line[256];
    long long kilobytes;
    int64_t used = 0;
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "RssAnon: %lld", &kilobytes) == 1 || sscanf(line, "RssShmem: %lld", &kilobytes) == 1)
            used += kilobytes * 1024;
    fclose(status);
    atomic_store(&service->memory_used, used);
}

void service_stop(struct service *service)
{
    atomic_store(&service->stopping, true);
    process_notify("STOPPING=1");
    server_stop(service->server, STOP_GRACE_MS);
}
