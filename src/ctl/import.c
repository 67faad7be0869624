#include "ctl/import.h"

#include "base/clock.h"
#include "base/memory.h"
#include "ctl/import_state.h"
#include "ctl/line_source.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 256 /* lines under way: more than the server works on at once, so that it never waits */
#define WINDOW_BYTES (16U << 20) /* and their bytes */
#define SAVE_INTERVAL NANOSECONDS_PER_SECOND
#define KEEP_ALIVE (60 * NANOSECONDS_PER_SECOND) /* well below the server's limits.idle */
#define CUT_LENGTH 1024                          /* what is kept of a line that is too long even to be sent */
#define WAIT_MS 100
#define RETRY_MS 100
#define RETRY_MAX_MS 10000

enum entry_state { ENTRY_SENT, ENTRY_STORED, ENTRY_REJECTED, ENTRY_REFUSED };

/* A line under way. */
struct entry {
    char *request; /* owned: "@NUMBER VERB TEXT" */
    size_t length;
    size_t text; /* where the line's text begins */
    uint64_t line;
    uint64_t end;    /* its position in the file */
    bool created;    /* an answer said so, perhaps before it was sent again */
    json_t *failure; /* owned: why it was rejected */
    enum entry_state state;
};

struct import {
    struct client *client;
    const struct import_options *options;
    struct rejects *rejects;
    struct progress *progress;
    struct line_source *source;
    enum import_end blame; /* what to call it if it fails */
    uint64_t line;         /* last line read */
    struct entry ring[WINDOW];
    uint64_t first;       /* number of the oldest line under way */
    uint64_t next;        /* number of the next line to be sent */
    size_t bytes;         /* of the lines under way */
    size_t awaited;       /* replies */
    size_t refused;       /* lines to be sent again */
    int64_t retry_ms;     /* when */
    struct error refusal; /* why */
    bool ended;           /* the file */
    bool is_damaged;      /* it has ended with this error */
    struct error damage;
    bool starved; /* the file has nothing just now */
    struct import_state done;
    char *state_path;
    int64_t begun;
    double begun_fraction;
    uint64_t begun_count;
    int64_t last_reply;   /* or when the first of the awaited was sent */
    int64_t last_advance; /* of `first`, or when there was nothing to wait for */
    int64_t last_save;
    struct buffer reply;
};

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNAL_COUNT (sizeof signals / sizeof *signals)

static void interrupt(int number)
{
    interrupted = number;
}

/* The first signal ends the import, a second one the program. A signal that is ignored (nohup) stays so. */
static void catch_signals(struct sigaction *before)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

static void restore_signals(const struct sigaction *before)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaction(signals[i], &before[i], NULL);
}

/* ---- failing ---- */

/* Says whose fault it is; for `return blame(...)`. */
static int blame(struct import *import, enum import_end end)
{
    import->blame = end;
    return -1;
}

static int confused(struct import *import, struct error *error)
{
    error_set(error, ERROR_INTERNAL, "the server answered something else than storyd does");
    return blame(import, IMPORT_REFUSED);
}

/* ---- how far it is ---- */

static bool is_file(const struct import *import)
{
    return strcmp(import->options->file, "-") != 0 && S_ISREG(line_source_status(import->source)->st_mode);
}

static int save_state(struct import *import, struct error *error)
{
    import->last_save = clock_now();
    if (import->state_path == NULL)
        return 0;
    if (rejects_flush(import->rejects, error) != 0)
        return blame(import, IMPORT_BAD_FILE);
    struct error reason = ERROR_INIT;
    if (import_state_save(import->state_path, import->options->file, line_source_status(import->source),
                          &import->done, &reason) == 0)
        return 0;
    /* no reason to stop: it only cannot be resumed */
    progress_clear(import->progress);
    fprintf(stderr, "storyctl: warning: this import could not be resumed: %s\n", reason.message);
    free(import->state_path);
    import->state_path = NULL;
    return 0;
}

static void show_progress(struct import *import)
{
    if (!progress_is_due(import->progress))
        return;
    double seconds = (double)(clock_now() - import->begun) / NANOSECONDS_PER_SECOND;
    uint64_t count = import->done.stored + import->done.rejected;
    double fraction = line_source_fraction(import->source);
    double gained = fraction - import->begun_fraction;
    struct progress_figures figures = {
        .label = import->options->file,
        .fraction = fraction,
        .count = count,
        .unit = import->refused > 0         ? "lines, waiting for the server"
                : import->options->profiles ? "profiles"
                                            : "articles",
        .rate = seconds > 0.2 ? (double)(count - import->begun_count) / seconds : -1,
        .seconds_left = seconds > 1 && gained > 0 ? seconds * (1 - fraction) / gained : -1,
    };
    progress_draw(import->progress, &figures);
}

/* ---- sending ---- */

static struct entry *entry_at(struct import *import, uint64_t number)
{
    return &import->ring[number % WINDOW];
}

static int send_entry(struct import *import, struct entry *entry, struct error *error)
{
    entry->state = ENTRY_SENT;
    if (import->awaited++ == 0)
        import->last_reply = clock_now();
    return client_send(import->client, entry->request, entry->length, error);
}

static bool is_blank(const struct source_line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (strchr(" \t\r\v\f", line->text[i]) == NULL || line->text[i] == '\0')
            return false;
    return true;
}

static int send_line(struct import *import, const struct source_line *line, struct error *error)
{
    if (import->first == import->next)
        import->last_advance = clock_now();
    struct entry *entry = entry_at(import, import->next);
    struct buffer request = BUFFER_INIT;
    buffer_reserve(&request, line->length + 32);
    buffer_printf(&request, "@%llu %s ", (unsigned long long)import->next,
                  import->options->profiles ? "PROFILE" : "PUT");
    *entry = (struct entry){.text = request.length, .line = import->line, .end = line->end};
    buffer_append(&request, line->text, line->too_long ? CUT_LENGTH : line->length);
    entry->length = request.length;
    entry->request = buffer_steal(&request);
    import->next++;
    import->bytes += entry->length;
    if (!line->too_long)
        return send_entry(import, entry, error);
    entry->state = ENTRY_REJECTED;
    entry->failure =
        json_pack("{s:s, s:s}", "code", "too_large", "message", "the line is longer than 64 MiB");
    return 0;
}

/* Reads one line and sends it. */
static int take_line(struct import *import, struct error *error)
{
    struct source_line line;
    switch (line_source_next(import->source, &line, error)) {
    case SOURCE_LINE:
        import->line++;
        if (import->line < import->options->from_line || is_blank(&line))
            return 0;
        return send_line(import, &line, error);
    case SOURCE_NOTHING:
        import->starved = true;
        return 0;
    case SOURCE_END:
        import->ended = true;
        return 0;
    case SOURCE_FAILED: /* what was read before it is stored first */
        import->damage = *error;
        import->ended = import->is_damaged = true;
        break;
    }
    return 0;
}

/* ---- replies ---- */

/* What is behind the line is sent again too: it may hold a newer version of the same article. */
static int send_refused(struct import *import, struct error *error)
{
    struct timespec pause = {.tv_sec = import->retry_ms / 1000, .tv_nsec = import->retry_ms % 1000 * 1000000};
    show_progress(import);
    nanosleep(&pause, NULL);
    if (interrupted)
        return 0;
    import->refused = 0;
    import->retry_ms = 0;
    for (uint64_t number = import->first; number < import->next; number++) {
        struct entry *entry = entry_at(import, number);
        if (entry->state != ENTRY_REJECTED && send_entry(import, entry, error) < 0)
            return -1;
    }
    return 0;
}

/* Counts a line that is done and forgets it. */
static void settle(struct import *import, struct entry *entry)
{
    import->done.line = entry->line;
    import->done.position = entry->end;
    if (entry->state == ENTRY_STORED) {
        import->done.stored++;
        import->done.created += entry->created;
    } else {
        import->done.rejected++;
        struct reject reject = {
            .file = import->options->file,
            .line = entry->line,
            .code = json_string_value(json_object_get(entry->failure, "code")),
            .message = json_string_value(json_object_get(entry->failure, "message")),
            .text = entry->request + entry->text,
            .length = entry->length - entry->text,
        };
        rejects_add(import->rejects, &reject);
    }
    import->bytes -= entry->length;
    json_decref(entry->failure);
    free(entry->request);
    import->first++;
    import->last_advance = clock_now();
}

/* Those at the front: what is counted is always the lines up to one place in the file. */
static void advance(struct import *import)
{
    while (import->first < import->next) {
        struct entry *entry = entry_at(import, import->first);
        if (entry->state == ENTRY_SENT || entry->state == ENTRY_REFUSED)
            return;
        settle(import, entry);
    }
}

/* Is the line at fault, or the moment, or is there no sense in going on at all? */
enum verdict { VERDICT_REJECT, VERDICT_RETRY, VERDICT_STOP };

static const struct {
    enum error_code code;
    enum verdict verdict;
} verdicts[] = {
    {ERROR_BUSY, VERDICT_RETRY},           {ERROR_DEADLINE, VERDICT_RETRY},
    {ERROR_UNAVAILABLE, VERDICT_RETRY},    {ERROR_DRAINING, VERDICT_STOP},
    {ERROR_FORBIDDEN, VERDICT_STOP},       {ERROR_UNAUTHORIZED, VERDICT_STOP},
    {ERROR_UNKNOWN_COMMAND, VERDICT_STOP},
};

static enum verdict judge(const char *code, enum error_code *known)
{
    *known = ERROR_INTERNAL;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(code, error_code_name(verdicts[i].code)) == 0) {
            *known = verdicts[i].code;
            return verdicts[i].verdict;
        }
    return VERDICT_REJECT;
}

static int take_failure(struct import *import, struct entry *entry, const json_t *failure,
                        struct error *error)
{
    const char *code = json_string_value(json_object_get(failure, "code"));
    const char *message = json_string_value(json_object_get(failure, "message"));
    enum error_code known;
    if (code == NULL || message == NULL)
        return confused(import, error);
    switch (judge(code, &known)) {
    case VERDICT_REJECT:
        entry->state = ENTRY_REJECTED;
        entry->failure = json_deep_copy(failure);
        return 0;
    case VERDICT_RETRY:
        break;
    case VERDICT_STOP:
        error_set(error, known, "%s", message);
        return blame(import, IMPORT_REFUSED);
    }
    int64_t wait = json_integer_value(json_object_get(failure, "retry_after_ms"));
    wait = wait <= 0 ? RETRY_MS : wait > RETRY_MAX_MS ? RETRY_MAX_MS : wait;
    entry->state = ENTRY_REFUSED;
    import->refused++;
    import->retry_ms = wait > import->retry_ms ? wait : import->retry_ms;
    error_set(&import->refusal, known, "%s", message);
    return 0;
}

static int take_answer(struct import *import, const json_t *reply, struct error *error)
{
    const char *tag = json_string_value(json_object_get(reply, "tag"));
    char *end = NULL;
    uint64_t number = tag != NULL ? strtoull(tag, &end, 10) : 0;
    if (tag == NULL || end == tag || *end != '\0')
        return tag != NULL && strcmp(tag, "alive") == 0 ? 0 : confused(import, error);
    if (number < import->first || number >= import->next || entry_at(import, number)->state != ENTRY_SENT)
        return confused(import, error);
    struct entry *entry = entry_at(import, number);
    import->awaited--;
    import->last_reply = clock_now();
    if (!json_is_true(json_object_get(reply, "ok")))
        return take_failure(import, entry, json_object_get(reply, "error"), error);
    entry->state = ENTRY_STORED;
    entry->created = entry->created || json_is_true(json_object_get(reply, "created"));
    return 0;
}

/* Takes all replies that are there. */
static int take_replies(struct import *import, struct error *error)
{
    for (;;) {
        int count = client_try_read(import->client, 0, &import->reply, error);
        if (count <= 0)
            return count;
        json_t *reply = json_loadb(import->reply.data, import->reply.length, 0, NULL);
        int result = take_answer(import, reply, error);
        json_decref(reply);
        if (result < 0)
            return -1;
    }
}

/* ---- the loop ---- */

static bool wants_lines(const struct import *import)
{
    return !interrupted && !import->ended && import->refused == 0 && import->next - import->first < WINDOW &&
           import->bytes < WINDOW_BYTES;
}

/* Until there is something to read on either side, for a short while. */
static void wait_for_either(struct import *import)
{
    struct pollfd items[] = {
        {.fd = import->awaited > 0 ? client_descriptor(import->client) : -1, .events = POLLIN},
        {.fd = import->starved && wants_lines(import) ? line_source_descriptor(import->source) : -1,
         .events = POLLIN},
    };
    poll(items, 2, WAIT_MS);
    import->starved = import->starved && items[1].revents == 0 && wants_lines(import);
}

/* A slow producer at the other end of a pipe must not cost the connection. */
static int keep_alive(struct import *import, struct error *error)
{
    if (import->awaited > 0 || clock_now() - import->last_reply < KEEP_ALIVE)
        return 0;
    import->last_reply = clock_now();
    static const char ping[] = "@alive PING";
    return client_send(import->client, ping, sizeof ping - 1, error);
}

static int check_patience(struct import *import, struct error *error)
{
    int64_t now = clock_now();
    const struct import_options *options = import->options;
    if (import->awaited > 0 && options->timeout_ms > 0 &&
        now - import->last_reply > options->timeout_ms * NANOSECONDS_PER_MS)
        return error_set(error, ERROR_UNAVAILABLE, "no answer within %lld ms",
                         (long long)options->timeout_ms);
    if (import->refused == 0 || now - import->last_advance <= options->patience_ms * NANOSECONDS_PER_MS)
        return 0;
    error_set(error, import->refusal.code, "the server has refused for %lld s: %.400s",
              (long long)options->patience_ms / 1000, import->refusal.message);
    return blame(import, IMPORT_REFUSED);
}

static bool is_done(const struct import *import)
{
    if (interrupted)
        return import->awaited == 0;
    return import->ended && import->first == import->next;
}

static int step(struct import *import, struct error *error)
{
    if (wants_lines(import) && !import->starved)
        return take_line(import, error);
    int result = take_replies(import, error);
    advance(import);
    if (result < 0 || check_patience(import, error) < 0 || keep_alive(import, error) < 0)
        return -1;
    if (import->refused > 0 && import->awaited == 0 && !interrupted)
        return send_refused(import, error);
    if (!is_done(import) && (import->starved || !wants_lines(import)))
        wait_for_either(import);
    if (clock_now() - import->last_save > SAVE_INTERVAL)
        return save_state(import, error);
    return 0;
}

static int loop(struct import *import, struct error *error)
{
    while (!is_done(import)) {
        if (step(import, error) < 0)
            return -1;
        show_progress(import);
    }
    if (import->ended && import->first == import->next)
        import->done.line = import->line; /* with empty lines at the end */
    if (rejects_flush(import->rejects, error) != 0)
        return blame(import, IMPORT_BAD_FILE);
    if (!import->is_damaged || interrupted)
        return 0;
    *error = import->damage;
    return blame(import, IMPORT_BAD_FILE);
}

/* ---- begin and end ---- */

/* What an earlier, interrupted import of the file has done, if that is wanted. */
static int resume(struct import *import, struct import_result *result, struct error *error)
{
    const struct import_options *options = import->options;
    if (!is_file(import))
        return options->resume ? error_set(error, ERROR_BAD_REQUEST,
                                           "only the import of a file can be resumed; for a stream use "
                                           "--from-line N")
                               : 0;
    import->state_path = import_state_path(options->state_path, options->file, options->address);
    if (options->state_path != NULL && import_state_check(options->state_path, error) != 0) {
        free(import->state_path);
        import->state_path = NULL;
        return -1;
    }
    if (!options->resume || import->state_path == NULL)
        return 0;
    struct error reason = ERROR_INIT;
    if (import_state_load(import->state_path, options->file, line_source_status(import->source),
                          &import->done, &reason) != 0) {
        if (reason.code != ERROR_NOT_FOUND) {
            *error = reason;
            return -1;
        }
        fprintf(stderr, "storyctl: no import of %s was interrupted: starting with its first line\n",
                options->file);
        return 0;
    }
    result->resumed += import->done.line;
    import->line = import->done.line;
    return line_source_seek(import->source, import->done.position, error);
}

static void begin(struct import *import)
{
    import->begun = import->last_save = import->last_reply = import->last_advance = clock_now();
    import->begun_count = import->done.stored + import->done.rejected;
    import->begun_fraction = line_source_fraction(import->source);
}

/* The state stays behind for a later one exactly if this import is not complete. */
static void end(struct import *import, bool failed, struct import_result *result)
{
    struct error ignored;
    if (failed || interrupted)
        save_state(import, &ignored);
    else if (import->state_path != NULL) {
        unlink(import->state_path);
        free(import->state_path);
        import->state_path = NULL;
    }
    result->lines += import->done.line;
    result->stored += import->done.stored;
    result->created += import->done.created;
    result->rejected += import->done.rejected;
    free(result->state_path);
    result->state_path = import->state_path;
}

static void release(struct import *import)
{
    for (; import->first < import->next; import->first++) {
        free(entry_at(import, import->first)->request);
        json_decref(entry_at(import, import->first)->failure);
    }
    line_source_close(import->source);
    buffer_release(&import->reply);
    free(import);
}

enum import_end import_run(struct client *client, const struct import_options *options,
                           struct rejects *rejects, struct progress *progress, struct import_result *result,
                           struct error *error)
{
    struct line_source *source = line_source_open(options->file, error);
    if (source == NULL)
        return result->end = IMPORT_BAD_FILE;
    struct sigaction before[SIGNAL_COUNT];
    struct import *import = memory_zeroed(1, sizeof *import);
    import->client = client;
    import->options = options;
    import->rejects = rejects;
    import->progress = progress;
    import->source = source;
    import->blame = IMPORT_DISCONNECTED;
    catch_signals(before);
    int status = resume(import, result, error);
    if (status != 0) {
        import->blame = IMPORT_BAD_FILE;
        free(import->state_path);
    } else {
        begin(import);
        status = loop(import, error);
        end(import, status != 0, result);
    }
    result->end = status != 0 ? import->blame : interrupted ? IMPORT_INTERRUPTED : IMPORT_COMPLETE;
    restore_signals(before);
    progress_clear(progress);
    release(import);
    return result->end;
}
