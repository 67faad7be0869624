/*
 * queue.h - the one queue between threads: bounded, first in first out, of pointers.
 *
 * Any number of producers and consumers. A full queue refuses at once (the caller answers `busy`), it never
 * blocks a producer. After queue_close() pushes are refused and consumers get what is left, then nothing.
 */
#ifndef STORYD_BASE_QUEUE_H
#define STORYD_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t capacity);
void queue_free(struct queue *queue); /* no thread may be using it; items left in it are not freed */

/* Takes over `item`; false (nothing taken) if the queue is full or closed. */
bool queue_push(struct queue *queue, void *item);

/* The same, but a consumer that waits goes on waiting until queue_wake() or a queue_push(): for producers of
 * several items in a row. */
bool queue_push_quietly(struct queue *queue, void *item);
void queue_wake(struct queue *queue);

/* The oldest item; waits for one. NULL when the queue is closed and empty, or `deadline` (clock.h; 0 = none)
 * passed. */
void *queue_pop(struct queue *queue, int64_t deadline);

/* Like queue_pop without a deadline, but the consumer looks for an item for `watch` nanoseconds before it
 * sleeps: a core that sleeps needs longer to wake than many queries take. Of the consumers of a queue one
 * does so at a time, and before it begins another thread that waits for its core has a turn. */
void *queue_watch(struct queue *queue, int64_t watch);

/* The same, but gives up after looking: NULL. */
void *queue_look(struct queue *queue, int64_t watch);

/* Like queue_pop, but takes all that waits, at most `limit`; returns how many were stored in `items`. */
size_t queue_pop_many(struct queue *queue, void **items, size_t limit, int64_t deadline);

/* The oldest item if one is there, without waiting; else NULL. */
void *queue_try_pop(struct queue *queue);

/* A producer says that it pushes several items in a row. */
void queue_series_begin(struct queue *queue);
void queue_series_end(struct queue *queue);

/* Like queue_try_pop, but while a producer's series goes on the consumer looks for its next item, for at most
 * `watch` nanoseconds. For the one consumer of a queue. */
void *queue_pop_series(struct queue *queue, int64_t watch);

size_t queue_length(struct queue *queue);
void queue_close(struct queue *queue);

#endif
