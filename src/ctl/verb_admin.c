/* verb_admin.c - stats, flush, reindex, ping, raw, shutdown. */
#include "base/clock.h"
#include "base/memory.h"
#include "ctl/progress.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLUSH_WAIT_MS 500 /* how often the progress of a flush is looked at */
#define REINDEX_POLL_MS 200
#define PHASE_MAX 40

static void show_line(struct page *page, struct buffer *line)
{
    page_wrap(page, line->data, 0, 0, 0, STYLE_PLAIN);
    buffer_release(line);
}

int verb_stats(struct session *session)
{
    return session_run(session, "STATS", NULL, show_stats);
}

/* ---- flush ---- */

struct flush_wait {
    struct progress progress;
    int64_t begun;
    int64_t first; /* revision that was visible when the wait began; -1: not known yet */
    int64_t head;  /* revision that is waited for */
};

static int64_t revision_of(const struct session *session, const char *part)
{
    return json_integer_value(json_object_get(json_object_get(session->answer, part), "revision"));
}

/* Looks how far the index is. EXIT_DONE or why not. */
static int watch_index(struct session *session, struct flush_wait *wait, bool *visible)
{
    int code = session_ask(session, "STATS", NULL);
    if (code != EXIT_DONE || !session_is_ok(session))
        return code; /* too busy to say: the next FLUSH waits on */
    int64_t now = revision_of(session, "index");
    if (wait->first < 0) {
        wait->first = now;
        wait->head = revision_of(session, "store");
    }
    *visible = now >= wait->head;
    double seconds = (double)(clock_now() - wait->begun) / NANOSECONDS_PER_SECOND;
    double done = (double)(now - wait->first);
    double rate = done / seconds;
    struct progress_figures figures = {
        .label = "indexing",
        .fraction = wait->head > wait->first ? done / (double)(wait->head - wait->first) : 1,
        .count = (uint64_t)(now > wait->first ? now - wait->first : 0),
        .unit = "changes",
        .rate = rate,
        .seconds_left = rate > 0 ? (double)(wait->head - now) / rate : -1,
    };
    progress_draw(&wait->progress, &figures);
    return EXIT_DONE;
}

int flush_and_wait(struct session *session)
{
    struct flush_wait wait = {.begun = clock_now(), .first = -1};
    bool visible = false;
    int code;
    progress_init(&wait.progress, session->quiet);
    for (;;) {
        /* once all that was there at the beginning is visible, what others write need not be waited for */
        int wait_ms = visible ? 1 : FLUSH_WAIT_MS;
        code = session_ask(session, "FLUSH", json_pack("{s:i}", "wait_ms", wait_ms));
        if (code != EXIT_DONE || !session_has_error(session, "deadline") || visible)
            break;
        code = watch_index(session, &wait, &visible);
        if (code != EXIT_DONE)
            break;
    }
    progress_clear(&wait.progress);
    return code;
}

static void show_flushed(const struct session *session, struct page *page)
{
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "all articles up to revision %lld can be found",
                  (long long)json_integer_value(json_object_get(session->answer, "revision")));
    show_line(page, &line);
}

int verb_flush(struct session *session)
{
    int code = flush_and_wait(session);
    return code == EXIT_DONE ? session_print(session, show_flushed) : code;
}

/* ---- reindex ---- */

static const json_t *reindex_member(const struct session *session, const char *key)
{
    return json_object_get(json_object_get(session->answer, "reindex"), key);
}

static void draw_reindex(struct session *session, struct progress *progress)
{
    const char *phase = json_string_value(reindex_member(session, "phase"));
    const json_t *left = reindex_member(session, "seconds_left");
    double done = json_number_value(reindex_member(session, "done"));
    double total = json_number_value(reindex_member(session, "total"));
    char label[PHASE_MAX + 16];
    snprintf(label, sizeof label, "reindex: %.*s", PHASE_MAX, phase != NULL ? phase : "?");
    struct progress_figures figures = {
        .label = label,
        .fraction = total > 0 ? done / total : -1,
        .count = (uint64_t)done,
        .unit = "articles",
        .rate = json_number_value(reindex_member(session, "rate")),
        .seconds_left = left != NULL ? json_number_value(left) : -1,
    };
    progress_draw(progress, &figures);
}

/* Asks again and again until it has ended. */
static int follow_reindex(struct session *session)
{
    struct progress progress;
    int code = EXIT_DONE;
    progress_init(&progress, session->quiet);
    while (code == EXIT_DONE && session_is_ok(session) && json_is_true(reindex_member(session, "running"))) {
        struct timespec pause = {.tv_nsec = REINDEX_POLL_MS * NANOSECONDS_PER_MS};
        draw_reindex(session, &progress);
        nanosleep(&pause, NULL);
        code = session_ask(session, "REINDEX", json_pack("{s:s}", "action", "status"));
    }
    progress_clear(&progress);
    return code;
}

static int print_reindex(struct session *session)
{
    int code = session_print(session, show_reindex);
    const char *phase = json_string_value(reindex_member(session, "phase"));
    return code == EXIT_DONE && phase != NULL && strcmp(phase, "failed") == 0 ? EXIT_REFUSED : code;
}

static int reindex_usage(const char *word)
{
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_BAD_REQUEST, "reindex takes nothing, \"start\" or \"status\", not \"%.60s\"",
              word);
    return session_complain(EXIT_USAGE, &error);
}

int verb_reindex(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    const char *action = invocation->word_count > 0 ? invocation->words[0] : "start";
    bool is_start = strcmp(action, "start") == 0;
    if (!is_start && strcmp(action, "status") != 0)
        return reindex_usage(action);
    int code = session_ask(session, "REINDEX", json_pack("{s:s}", "action", action));
    if (code == EXIT_DONE && is_start && session_has_error(session, "conflict")) {
        fputs("storyctl: a reindex is running already: following it\n", stderr);
        code = session_ask(session, "REINDEX", json_pack("{s:s}", "action", "status"));
    }
    if (code == EXIT_DONE && is_start && !invocation_has(invocation, "no-wait"))
        code = follow_reindex(session);
    return code == EXIT_DONE ? print_reindex(session) : code;
}

/* ---- ping, shutdown ---- */

static void show_pong(const struct session *session, struct page *page)
{
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "storyd answers at %s", session->address);
    show_line(page, &line);
}

int verb_ping(struct session *session)
{
    return session_run(session, "PING", NULL, show_pong);
}

static void show_stopping(const struct session *session, struct page *page)
{
    struct buffer line = BUFFER_INIT;
    (void)session;
    buffer_append_string(&line, "storyd answers what is under way and ends");
    show_line(page, &line);
}

int verb_shutdown(struct session *session)
{
    return session_run(session, "SHUTDOWN", NULL, show_stopping);
}

/* ---- raw ---- */

static int send_raw(struct session *session, const char *line)
{
    struct error error = ERROR_INIT;
    const char *text = line + strspn(line, " \t\r");
    if (*text == '\0' || *text == '*') {
        /* the first is not answered, the second begins a request of another protocol */
        error_set(&error, ERROR_BAD_REQUEST, "raw: a line begins with a verb or a tag, not \"%.20s\"", line);
        return session_complain(EXIT_USAGE, &error);
    }
    int code = session_ask_line(session, line);
    return code == EXIT_DONE ? session_print(session, show_indented) : code;
}

/* Each line of standard input; empty ones do not count. */
static int send_raw_lines(struct session *session)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int worst = EXIT_DONE;
    while (worst <= EXIT_REFUSED && (length = getline(&line, &size, stdin)) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
            continue;
        int code = send_raw(session, line);
        worst = code > worst ? code : worst;
    }
    free(line);
    return worst;
}

int verb_raw(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    int worst = EXIT_DONE;
    for (size_t i = 0; i < invocation->word_count && worst <= EXIT_REFUSED; i++) {
        const char *word = invocation->words[i];
        int code = strcmp(word, "-") == 0 ? send_raw_lines(session) : send_raw(session, word);
        worst = code > worst ? code : worst;
    }
    return worst;
}
