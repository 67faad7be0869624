/* date.h - dates as seconds since 1970 UTC (int64_t) and as RFC 3339 text. Any thread. */
#ifndef STORYD_BASE_DATE_H
#define STORYD_BASE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_NONE INT64_MIN
#define DATE_TEXT_SIZE 32

/*
 * Reads "2025-09-11", "2025-09-11T08:00:00Z" or with an offset "+02:00", fractions of a second dropped; also
 * "2025-09" and "2025". Years 0001 to 9999, in UTC. `*until` (may be NULL) is the last second of the period
 * the text names: the end of the day for a bare date. False if the text is none of these or names no real
 * date.
 */
bool date_parse(const char *text, size_t length, int64_t *seconds, int64_t *until);

/* "2025-09-11T08:00:00Z"; returns `out`. */
const char *date_format(char out[DATE_TEXT_SIZE], int64_t seconds);

#endif
