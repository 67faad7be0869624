/*
 * error.h - how a failure travels: by value, with a code and a sentence a person can act on.
 *
 * A function that can fail returns 0 on success and -1 on failure and takes a `struct error *` last.
 * On failure it fills the error; on success it leaves it untouched. The caller owns the struct (usually on
 * its stack); nothing is allocated. NULL means "not interested". Any thread.
 *
 * The codes are the protocol's closed list (doc/protocol.md, "Errors"): the reply, the log and storyctl use
 * the same words.
 */
#ifndef STORYD_BASE_ERROR_H
#define STORYD_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum error_code {
    ERROR_NONE = 0,
    /* the client's fault */
    ERROR_BAD_REQUEST,
    ERROR_UNKNOWN_COMMAND,
    ERROR_TOO_LARGE,
    ERROR_NOT_FOUND,
    ERROR_UNAUTHORIZED,
    ERROR_FORBIDDEN,
    ERROR_CONFLICT,
    /* nobody's fault: try again */
    ERROR_BUSY,
    ERROR_DEADLINE,
    ERROR_DRAINING,
    /* the server's fault */
    ERROR_UNAVAILABLE,
    ERROR_INTERNAL,
    ERROR_CODE_COUNT
};

struct error {
    enum error_code code;
    int retry_after_ms; /* with ERROR_BUSY: when a retry makes sense; 0 = not said */
    char message[500];  /* one sentence, UTF-8, no line end */
};

#define ERROR_INIT                                                                                           \
    {                                                                                                        \
        ERROR_NONE, 0, ""                                                                                    \
    }

/* Fill `error` (may be NULL) and return -1, so that callers can write `return error_set(...)`. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the system's words for `system_errno` appended. */
int error_set_errno(struct error *error, enum error_code code, int system_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ERROR_BUSY with the time after which a retry makes sense. */
int error_set_busy(struct error *error, int retry_after_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put `context: ` before the message that is there, to say what was being done. */
void error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The protocol's word for a code, "bad_request"; never NULL. */
const char *error_code_name(enum error_code code);

#endif
