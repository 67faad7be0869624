#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const char *const code_names[ERROR_CODE_COUNT] = {
    [ERROR_NONE] = "none",
    [ERROR_BAD_REQUEST] = "bad_request",
    [ERROR_UNKNOWN_COMMAND] = "unknown_command",
    [ERROR_TOO_LARGE] = "too_large",
    [ERROR_NOT_FOUND] = "not_found",
    [ERROR_UNAUTHORIZED] = "unauthorized",
    [ERROR_FORBIDDEN] = "forbidden",
    [ERROR_CONFLICT] = "conflict",
    [ERROR_BUSY] = "busy",
    [ERROR_DEADLINE] = "deadline",
    [ERROR_DRAINING] = "draining",
    [ERROR_UNAVAILABLE] = "unavailable",
    [ERROR_INTERNAL] = "internal",
};

const char *error_code_name(enum error_code code)
{
    return (unsigned)code < ERROR_CODE_COUNT ? code_names[code] : "internal";
}

static void fill(struct error *error, enum error_code code, const char *format, va_list arguments)
{
    error->code = code;
    error->retry_after_ms = 0;
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, code, format, arguments);
        va_end(arguments);
    }
    return -1;
}

int error_set_errno(struct error *error, enum error_code code, int system_errno, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, code, format, arguments);
        va_end(arguments);
        char words[128];
        size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, ": %s",
                 strerror_r(system_errno, words, sizeof words));
    }
    return -1;
}

int error_set_busy(struct error *error, int retry_after_ms, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, ERROR_BUSY, format, arguments);
        va_end(arguments);
        error->retry_after_ms = retry_after_ms;
    }
    return -1;
}

void error_prefix(struct error *error, const char *format, ...)
{
    if (error == NULL)
        return;
    char context[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    size_t used = strlen(context);
    size_t room = sizeof context - used;
    if (room > 3)
        snprintf(context + used, room, ": %.*s", (int)(room - 3), error->message);
    memcpy(error->message, context, sizeof context);
}
