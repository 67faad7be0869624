#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

static bool to_syslog;
static atomic_int level_limit = LOG_LEVEL_INFO;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void log_open(const char *program, const char *target)
{
    to_syslog = strcmp(target, "syslog") == 0;
    if (to_syslog)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_set_level(enum log_level level)
{
    atomic_store(&level_limit, (int)level);
}

static void write_line(enum log_level level, const char *message)
{
    if (to_syslog) {
        syslog(levels[level].priority, "%s", message);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm parts;
    gmtime_r(&now.tv_sec, &parts);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    /* one call, so that lines of several threads never mix */
    fprintf(stderr, "%s.%03ldZ %s %s\n", stamp, now.tv_nsec / 1000000, levels[level].word, message);
}

static void log_at(enum log_level level, const char *format, va_list arguments)
{
    if ((int)level > atomic_load(&level_limit))
        return;
    char message[2000];
    vsnprintf(message, sizeof message, format, arguments);
    write_line(level, message);
}

#define LOG_FUNCTION(name, level)                                                                            \
    void name(const char *format, ...)                                                                       \
    {                                                                                                        \
        va_list arguments;                                                                                   \
        va_start(arguments, format);                                                                         \
        log_at(level, format, arguments);                                                                    \
        va_end(arguments);                                                                                   \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void log_limited(struct log_limit *limit, const char *format, ...)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&limit_lock);
    bool quiet = limit->last_second == now.tv_sec + 1;
    unsigned left_out = limit->suppressed;
    limit->suppressed = quiet ? left_out + 1 : 0;
    limit->last_second = now.tv_sec + 1;
    pthread_mutex_unlock(&limit_lock);
    if (quiet)
        return;
    char message[1900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (left_out != 0)
        log_warning("%s (and %u like it before)", message, left_out);
    else
        log_warning("%s", message);
}

const char *log_safe(char *out, size_t size, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        out[used++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    if (size != 0)
        out[used] = '\0';
    return out;
}
