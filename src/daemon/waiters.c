#include "daemon/waiters.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct waiter {
    struct request *request;
    uint64_t revision;
    int64_t deadline;
    struct waiter *next;
};

struct waiters {
    pthread_mutex_t lock;
    struct waiter *list;
    size_t count;
    uint64_t visible;
    void (*ready)(void *context, struct request *request);
    void *context;
};

struct waiters *waiters_new(void (*ready)(void *context, struct request *request), void *context)
{
    struct waiters *waiters = memory_zeroed(1, sizeof *waiters);
    pthread_mutex_init(&waiters->lock, NULL);
    waiters->ready = ready;
    waiters->context = context;
    return waiters;
}

void waiters_free(struct waiters *waiters)
{
    if (waiters == NULL)
        return;
    pthread_mutex_destroy(&waiters->lock);
    free(waiters);
}

void waiters_add(struct waiters *waiters, struct request *request, uint64_t revision, int64_t deadline)
{
    pthread_mutex_lock(&waiters->lock);
    bool visible = revision <= waiters->visible;
    if (!visible) {
        struct waiter *waiter = memory_zeroed(1, sizeof *waiter);
        *waiter = (struct waiter){request, revision, deadline, waiters->list};
        waiters->list = waiter;
        waiters->count++;
    }
    pthread_mutex_unlock(&waiters->lock);
    if (visible)
        waiters->ready(waiters->context, request);
}

typedef bool (*waiter_test)(const struct waiter *waiter, int64_t now, uint64_t visible);

/* Takes out all that pass the test. */
static struct waiter *take(struct waiters *waiters, waiter_test test)
{
    struct waiter *taken = NULL;
    int64_t now = clock_now();
    pthread_mutex_lock(&waiters->lock);
    for (struct waiter **at = &waiters->list; *at != NULL;) {
        struct waiter *waiter = *at;
        if (!test(waiter, now, waiters->visible)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = taken;
        taken = waiter;
        waiters->count--;
    }
    pthread_mutex_unlock(&waiters->lock);
    return taken;
}

static bool is_visible(const struct waiter *waiter, int64_t now, uint64_t visible)
{
    (void)now;
    return waiter->revision <= visible;
}

static bool is_expired(const struct waiter *waiter, int64_t now, uint64_t visible)
{
    (void)visible;
    return now > waiter->deadline;
}

static bool is_any(const struct waiter *waiter, int64_t now, uint64_t visible)
{
    (void)waiter;
    (void)now;
    (void)visible;
    return true;
}

void waiters_visible(struct waiters *waiters, uint64_t revision)
{
    pthread_mutex_lock(&waiters->lock);
    if (revision > waiters->visible)
        waiters->visible = revision;
    pthread_mutex_unlock(&waiters->lock);
    struct waiter *next;
    for (struct waiter *waiter = take(waiters, is_visible); waiter != NULL; waiter = next) {
        next = waiter->next;
        waiters->ready(waiters->context, waiter->request);
        free(waiter);
    }
}

static void refuse(struct waiter *list, enum error_code code, const char *why)
{
    struct waiter *next;
    for (struct waiter *waiter = list; waiter != NULL; waiter = next) {
        next = waiter->next;
        struct error error = ERROR_INIT;
        error_set(&error, code, "revision %llu is not visible yet: %s", (unsigned long long)waiter->revision,
                  why);
        request_fail(waiter->request, &error);
        request_finish(waiter->request);
        free(waiter);
    }
}

void waiters_expire(struct waiters *waiters)
{
    refuse(take(waiters, is_expired), ERROR_DEADLINE, "wait_ms is over");
}

void waiters_drain(struct waiters *waiters)
{
    refuse(take(waiters, is_any), ERROR_DRAINING, "storyd is stopping");
}

size_t waiters_count(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->lock);
    size_t count = waiters->count;
    pthread_mutex_unlock(&waiters->lock);
    return count;
}
