/*
 * waiters.h - requests that wait until a revision is visible: queries with min_revision, writes with
 * "wait":"visible", FLUSH. Any thread.
 */
#ifndef STORYD_DAEMON_WAITERS_H
#define STORYD_DAEMON_WAITERS_H

#include "command/request.h"

#include <stddef.h>
#include <stdint.h>

struct waiters;

/* `ready` gets each request once its revision is visible; it takes the request over. */
struct waiters *waiters_new(void (*ready)(void *context, struct request *request), void *context);
void waiters_free(struct waiters *waiters); /* must be empty */

/* Takes the request over until `revision` is visible or `deadline` (clock.h) has passed: then it is answered
 * with the error `deadline`. */
void waiters_add(struct waiters *waiters, struct request *request, uint64_t revision, int64_t deadline);

/* `revision` is visible now: hands over all that waited for it. */
void waiters_visible(struct waiters *waiters, uint64_t revision);

/* Answers those whose deadline has passed; call every few milliseconds. */
void waiters_expire(struct waiters *waiters);

/* Answers all that still wait with `draining`. */
void waiters_drain(struct waiters *waiters);

size_t waiters_count(struct waiters *waiters);

#endif
