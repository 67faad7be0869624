/* clock.h - monotonic time in nanoseconds, and wall-clock seconds. Any thread. */
#ifndef STORYD_BASE_CLOCK_H
#define STORYD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_US INT64_C(1000)
#define NANOSECONDS_PER_MS INT64_C(1000000)
#define NANOSECONDS_PER_SECOND INT64_C(1000000000)

/* Never goes back; unrelated to the date. All deadlines are absolute values of this clock; 0 means "none". */
static inline int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/* Seconds since 1970, UTC. */
static inline int64_t clock_wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

#endif
