#include "base/queue.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    void **items;
    size_t capacity;
    size_t first;
    atomic_size_t count; /* changed under the lock */
    atomic_bool closed;  /* the same */
    atomic_uint series;  /* producers that are about to push more */
    bool watched;        /* a consumer looks at `count` all the time: it needs no signal for one item */
};

struct queue *queue_new(size_t capacity)
{
    struct queue *queue = memory_zeroed(1, sizeof *queue);
    queue->items = memory_zeroed(capacity, sizeof *queue->items);
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->not_empty, &attributes);
    pthread_condattr_destroy(&attributes);
    return queue;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->lock);
    free(queue->items);
    free(queue);
}

static bool push(struct queue *queue, void *item, bool wake)
{
    pthread_mutex_lock(&queue->lock);
    size_t count = queue->count;
    bool accepted = !queue->closed && count < queue->capacity;
    if (accepted) {
        queue->items[(queue->first + count) % queue->capacity] = item;
        queue->count = count + 1;
    }
    wake = wake && !(queue->watched && count == 0);
    pthread_mutex_unlock(&queue->lock);
    if (accepted && wake) /* not before: who is woken needs the lock at once */
        pthread_cond_signal(&queue->not_empty);
    return accepted;
}

bool queue_push(struct queue *queue, void *item)
{
    return push(queue, item, true);
}

bool queue_push_quietly(struct queue *queue, void *item)
{
    return push(queue, item, false);
}

void queue_wake(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool waiting = queue->count > 0;
    pthread_mutex_unlock(&queue->lock);
    if (waiting)
        pthread_cond_signal(&queue->not_empty);
}

/* The lock is held. Returns once there is an item, or the queue is closed, or the deadline has passed. */
static void wait_for_item(struct queue *queue, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / NANOSECONDS_PER_SECOND,
                             .tv_nsec = deadline % NANOSECONDS_PER_SECOND};
    while (queue->count == 0 && !queue->closed) {
        if (deadline == 0)
            pthread_cond_wait(&queue->not_empty, &queue->lock);
        else if (pthread_cond_timedwait(&queue->not_empty, &queue->lock, &until) == ETIMEDOUT)
            return;
    }
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Before a consumer begins to look for its next item, whoever waits for its core has it: often the client
 * that has just got its answer and is about to send the next request, which a thread of short slices
 * (thread.h) would keep from it all the while. Once and not at each look: what a thread has given away it
 * lacks when it wakes up. */
static void give_way(const struct queue *queue, int64_t watch)
{
    if (watch > 0 && atomic_load_explicit(&queue->count, memory_order_relaxed) == 0)
        sched_yield();
}

/* The lock is held, and let go meanwhile. Returns once there may be an item, or after so many nanoseconds. */
static void watch_for_item(struct queue *queue, int64_t nanoseconds)
{
    if (nanoseconds == 0 || queue->watched || queue->count != 0 || queue->closed)
        return;
    queue->watched = true;
    pthread_mutex_unlock(&queue->lock);
    int64_t until = clock_now() + nanoseconds;
    while (atomic_load_explicit(&queue->count, memory_order_relaxed) == 0 &&
           !atomic_load_explicit(&queue->closed, memory_order_relaxed) && clock_now() < until)
        relax();
    pthread_mutex_lock(&queue->lock);
    queue->watched = false;
}

static size_t take(struct queue *queue, void **items, size_t limit)
{
    size_t count = queue->count;
    size_t taken = count < limit ? count : limit;
    for (size_t i = 0; i < taken; i++) {
        items[i] = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
    }
    queue->count = count - taken;
    return taken;
}

size_t queue_pop_many(struct queue *queue, void **items, size_t limit, int64_t deadline)
{
    pthread_mutex_lock(&queue->lock);
    wait_for_item(queue, deadline);
    size_t taken = take(queue, items, limit);
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

void *queue_pop(struct queue *queue, int64_t deadline)
{
    void *item = NULL;
    return queue_pop_many(queue, &item, 1, deadline) == 1 ? item : NULL;
}

void *queue_watch(struct queue *queue, int64_t watch)
{
    void *item = NULL;
    give_way(queue, watch);
    pthread_mutex_lock(&queue->lock);
    watch_for_item(queue, watch);
    wait_for_item(queue, 0);
    size_t taken = take(queue, &item, 1);
    pthread_mutex_unlock(&queue->lock);
    return taken == 1 ? item : NULL;
}

void *queue_look(struct queue *queue, int64_t watch)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    watch_for_item(queue, watch);
    size_t taken = take(queue, &item, 1);
    pthread_mutex_unlock(&queue->lock);
    return taken == 1 ? item : NULL;
}

void *queue_try_pop(struct queue *queue)
{
    return queue_look(queue, 0);
}

void queue_series_begin(struct queue *queue)
{
    atomic_fetch_add(&queue->series, 1);
}

void queue_series_end(struct queue *queue)
{
    atomic_fetch_sub(&queue->series, 1);
}

void *queue_pop_series(struct queue *queue, int64_t watch)
{
    int64_t until = clock_now() + watch;
    while (atomic_load_explicit(&queue->count, memory_order_relaxed) == 0 &&
           atomic_load(&queue->series) > 0 && clock_now() < until)
        relax();
    return queue_try_pop(queue); /* what was pushed before a series ended is seen after it */
}

size_t queue_length(struct queue *queue)
{
    return queue->count;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}
