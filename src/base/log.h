/*
 * log.h - one line an event, to stderr (foreground) or syslog. Messages are `key=value` words after a plain
 * phrase. Any thread. Text that came from a client must be passed through log_safe() first: no line ends, no
 * escapes.
 */
#ifndef STORYD_BASE_LOG_H
#define STORYD_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Call before threads start. `target` is "stderr" or "syslog". The level can be changed at any time. */
void log_open(const char *program, const char *target);
void log_set_level(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* At most one line a second for each `limit` (a static variable of the caller, zero at first). Says how many
 * were left out since the last one. Level: warning. */
struct log_limit {
    long long last_second;
    unsigned suppressed;
};
void log_limited(struct log_limit *limit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Copies `text` with control characters replaced by '?', cut to `size` - 1 bytes. Returns `out`. */
const char *log_safe(char *out, size_t size, const char *text, size_t length);

#endif
