/* verb_import.c - import: its options, its report, its exit code. */
#include "base/clock.h"
#include "ctl/import.h"
#include "ctl/session.h"
#include "ctl/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds */

struct report {
    struct import_result result;
    struct error error; /* ERROR_NONE: none */
    double seconds;     /* without the flush */
    bool flushed;
    bool profiles; /* not articles */
};

/* ---- the report ---- */

static void append_summary(const struct report *report, struct buffer *line)
{
    const struct import_result *result = &report->result;
    progress_append_count(line, result->stored);
    buffer_printf(line, " %s%s stored (", report->profiles ? "profile" : "article",
                  result->stored == 1 ? "" : "s");
    progress_append_count(line, result->created);
    buffer_append_string(line, " new, ");
    progress_append_count(line, result->stored - result->created);
    buffer_append_string(line, " replaced), ");
    progress_append_count(line, result->rejected);
    buffer_append_string(line, " rejected, in ");
    progress_append_time(line, report->seconds);
    if (report->seconds > 0 && result->resumed == 0) {
        buffer_append_string(line, " (");
        progress_append_count(line, (uint64_t)((double)result->stored / report->seconds + 0.5));
        buffer_append_string(line, "/s)");
    }
}

static void print_text(const struct report *report)
{
    struct buffer line = BUFFER_INIT;
    append_summary(report, &line);
    if (report->flushed)
        buffer_append_string(&line, "; all can be found");
    puts(line.data);
    buffer_release(&line);
}

static void print_json(const struct report *report, const struct rejects *rejects)
{
    const struct import_result *result = &report->result;
    bool complete = result->end == IMPORT_COMPLETE;
    json_t *summary =
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:O}", "ok", complete && result->rejected == 0,
                  "lines", (json_int_t)result->lines, "stored", (json_int_t)result->stored, "created",
                  (json_int_t)result->created, "replaced", (json_int_t)(result->stored - result->created),
                  "rejected", (json_int_t)result->rejected, "seconds", report->seconds, "complete", complete,
                  "rejects", rejects->kept);
    if (report->error.code != ERROR_NONE)
        json_object_set_new(summary, "error",
                            json_pack("{s:s, s:s}", "code", error_code_name(report->error.code), "message",
                                      report->error.message));
    session_print_json(summary);
}

/* How to go on with an import that was not completed. */
static void advise(const struct report *report, const char *file)
{
    const struct import_result *result = &report->result;
    const char *word = result->end == IMPORT_INTERRUPTED ? "interrupted" : "stopped";
    if (result->state_path != NULL)
        fprintf(stderr, "storyctl: %s after line %llu; storyctl import %s--resume %s goes on\n", word,
                (unsigned long long)result->lines, report->profiles ? "--profiles " : "", file);
    else
        fprintf(stderr, "storyctl: %s after line %llu; --from-line %llu goes on\n", word,
                (unsigned long long)result->lines, (unsigned long long)result->lines + 1);
}

/* ---- running ---- */

static int check_options(const struct invocation *invocation, struct error *error)
{
    static const char *const single[] = {"state", "from-line"};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (invocation->word_count > 1 && invocation_has(invocation, single[i]))
            return error_set(error, ERROR_BAD_REQUEST, "--%s goes with one file only", single[i]);
    if (invocation_has(invocation, "resume") && invocation_has(invocation, "from-line"))
        return error_set(error, ERROR_BAD_REQUEST,
                         "--resume knows the line: it does not go with --from-line");
    return 0;
}

static int exit_code_of(const struct import_result *result)
{
    switch (result->end) {
    case IMPORT_COMPLETE:
        break;
    case IMPORT_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case IMPORT_BAD_FILE:
        return EXIT_USAGE;
    case IMPORT_DISCONNECTED:
        return EXIT_UNREACHABLE;
    case IMPORT_REFUSED:
        return EXIT_REFUSED;
    }
    return result->rejected > 0 ? EXIT_REJECTS : EXIT_DONE;
}

/* The file that was not completed, or NULL. */
static const char *import_files(struct session *session, struct rejects *rejects, struct report *report)
{
    const struct invocation *invocation = session->invocation;
    int64_t begun = clock_now();
    for (size_t i = 0; i < invocation->word_count; i++) {
        const struct import_options options = {
            .file = invocation->words[i],
            .profiles = report->profiles,
            .address = session->address,
            .state_path = invocation_text(invocation, "state"),
            .from_line = (uint64_t)invocation_count(invocation, "from-line", 0),
            .resume = invocation_has(invocation, "resume"),
            .timeout_ms = session->timeout_ms,
            .patience_ms = invocation_count(invocation, "patience", PATIENCE) * 1000,
        };
        enum import_end end = import_run(session->client, &options, rejects, rejects->progress,
                                         &report->result, &report->error);
        report->seconds = (double)(clock_now() - begun) / NANOSECONDS_PER_SECOND;
        if (end != IMPORT_COMPLETE)
            return options.file;
    }
    return NULL;
}

/* Waits for the index, and adds that to the report. */
static int flush(struct session *session, struct report *report)
{
    int code = flush_and_wait(session);
    if (code == EXIT_DONE && !session_is_ok(session)) {
        error_set(&report->error, ERROR_UNAVAILABLE,
                  "the articles are stored, but could not be flushed: %.300s", session->reply.data);
        return session_complain(EXIT_REFUSED, &report->error);
    }
    report->flushed = code == EXIT_DONE;
    return code;
}

static int import_and_report(struct session *session, struct rejects *rejects)
{
    struct report report = {.error = ERROR_INIT, .profiles = invocation_has(session->invocation, "profiles")};
    const char *unfinished = import_files(session, rejects, &report);
    int code = exit_code_of(&report.result);
    if (report.error.code != ERROR_NONE)
        session_complain(code, &report.error);
    if (unfinished != NULL && report.result.lines > 0)
        advise(&report, unfinished);
    if (unfinished == NULL && invocation_has(session->invocation, "flush")) {
        int flushed = flush(session, &report);
        code = flushed != EXIT_DONE ? flushed : code;
    }
    if (session->as_text)
        print_text(&report);
    else
        print_json(&report, rejects);
    free(report.result.state_path);
    return code;
}

/* Rejected lines must not be written over lines that are still to be read. */
static int check_rejects(const struct invocation *invocation, struct error *error)
{
    const char *rejects = invocation_text(invocation, "rejects");
    struct stat written;
    struct stat read;
    if (rejects == NULL || stat(rejects, &written) != 0)
        return 0;
    for (size_t i = 0; i < invocation->word_count; i++)
        if (stat(invocation->words[i], &read) == 0 && S_ISREG(read.st_mode) &&
            read.st_dev == written.st_dev && read.st_ino == written.st_ino)
            return error_set(error, ERROR_BAD_REQUEST,
                             "--rejects %s is the file to be imported: choose another", rejects);
    return 0;
}

int verb_import(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    struct progress progress;
    struct rejects rejects;
    progress_init(&progress, session->quiet);
    if (check_options(invocation, &error) != 0 || check_rejects(invocation, &error) != 0)
        return session_complain(EXIT_USAGE, &error);
    int code = session_connect(session);
    if (code != EXIT_DONE)
        return code;
    if (rejects_open(&rejects, invocation_text(invocation, "rejects"), invocation_has(invocation, "resume"),
                     &progress, &error) == 0)
        code = import_and_report(session, &rejects);
    else
        code = session_complain(EXIT_USAGE, &error);
    rejects_close(&rejects);
    return code;
}
