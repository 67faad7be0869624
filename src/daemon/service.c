#include "daemon/service.h"

#include "net/server.h"

#include <stdio.h>
#include <string.h>

#define BUSY_RETRY_MS 1000
#define STOP_GRACE_MS 10000

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
    server_stop(service->server, STOP_GRACE_MS);
}
