#include "ctl/import.h"

#include "base/memory.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Lines under way: enough for the daemon to commit in large groups. */
#define WINDOW 256

struct pending {
    char *request; /* owned */
    uint64_t line;
};

struct import {
    struct client *client;
    FILE *file;
    const char *name;
    struct import_result *result;
    uint64_t line;
    bool ended;                    /* the file */
    struct pending window[WINDOW]; /* a ring */
    size_t first;
    size_t count;
    struct buffer reply;
};

static int send_request(struct import *import, char *request, uint64_t line, struct error *error)
{
    import->window[(import->first + import->count++) % WINDOW] = (struct pending){request, line};
    return client_send(import->client, request, strlen(request), error);
}

/* Sends the file's next line that is not blank. */
static int send_next(struct import *import, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t length;
    int result = 0;
    errno = 0;
    while ((length = getline(&text, &size, import->file)) >= 0) {
        import->line++;
        while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
            text[--length] = '\0';
        if (length > 0)
            break;
    }
    if (length > 0) {
        struct buffer request = BUFFER_INIT;
        buffer_printf(&request, "PUT %s", text);
        result = send_request(import, buffer_steal(&request), import->line, error);
    } else {
        import->ended = true;
        if (ferror(import->file))
            result = error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot read %s", import->name);
    }
    free(text);
    return result;
}

static void pause_ms(json_int_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Takes the request over. */
static int judge_reply(struct import *import, struct pending pending, struct error *error)
{
    json_t *reply = json_loadb(import->reply.data, import->reply.length, 0, NULL);
    json_t *failure = json_object_get(reply, "error");
    const char *code = json_string_value(json_object_get(failure, "code"));
    int result = 0;
    if (json_is_true(json_object_get(reply, "ok"))) {
        import->result->stored++;
    } else if (code != NULL && strcmp(code, "busy") == 0) {
        json_int_t wait = json_integer_value(json_object_get(failure, "retry_after_ms"));
        pause_ms(wait > 0 && wait < 10000 ? wait : 100);
        result = send_request(import, pending.request, pending.line, error);
        pending.request = NULL;
    } else {
        const char *message = json_string_value(json_object_get(failure, "message"));
        import->result->failed++;
        fprintf(stderr, "%s:%llu: %s: %s\n", import->name, (unsigned long long)pending.line,
                code != NULL ? code : "unknown reply", message != NULL ? message : import->reply.data);
    }
    free(pending.request);
    json_decref(reply);
    return result;
}

static int take_reply(struct import *import, struct error *error)
{
    if (client_read(import->client, &import->reply, error) < 0)
        return -1;
    struct pending pending = import->window[import->first];
    import->first = (import->first + 1) % WINDOW;
    import->count--;
    return judge_reply(import, pending, error);
}

int import_file(struct client *client, FILE *file, const char *name, struct import_result *result,
                struct error *error)
{
    struct import *import = memory_zeroed(1, sizeof *import);
    import->client = client;
    import->file = file;
    import->name = name;
    import->result = result;
    int failed = 0;
    while (failed == 0 && (!import->ended || import->count > 0)) {
        if (!import->ended && import->count < WINDOW)
            failed = send_next(import, error);
        else
            failed = take_reply(import, error);
    }
    for (; import->count > 0; import->count--, import->first = (import->first + 1) % WINDOW)
        free(import->window[import->first].request);
    buffer_release(&import->reply);
    free(import);
    return failed;
}
