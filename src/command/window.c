#include "command/window.h"

#include "base/counters.h"
#include "command/schema.h"

#define LIMIT_DEFAULT 10

int result_window(const json_t *arguments, const struct service_settings *settings, size_t *offset,
                  size_t *limit, struct error *error)
{
    *offset = (size_t)schema_integer(arguments, "offset", 0);
    size_t usual = settings->result_limit < LIMIT_DEFAULT ? settings->result_limit : LIMIT_DEFAULT;
    *limit = (size_t)schema_integer(arguments, "limit", (int64_t)usual);
    if (*limit > settings->result_limit || *offset + *limit > settings->result_window)
        counter_add(COUNTER_WINDOWS_REJECTED, 1);
    if (*limit > settings->result_limit)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"limit\" is %zu, at most %zu is allowed (limits.result_limit)", *limit,
                         settings->result_limit);
    if (*offset + *limit > settings->result_window)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"offset\" + \"limit\" is %zu, at most %zu is allowed (limits.result_window)",
                         *offset + *limit, settings->result_window);
    return 0;
}
