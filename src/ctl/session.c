#include "ctl/session.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_ADDRESS "unix:/run/storyd/storyd.sock"
#define DEFAULT_TIMEOUT 60 /* seconds */

void session_init(struct session *session, const struct invocation *invocation)
{
    const char *address = invocation_text(invocation, "socket");
    if (address == NULL)
        address = getenv("STORYCTL_SOCKET");
    *session = (struct session){
        .invocation = invocation,
        .address = address != NULL && *address != '\0' ? address : DEFAULT_ADDRESS,
        .timeout_ms = invocation_count(invocation, "timeout", DEFAULT_TIMEOUT) * 1000,
        .as_text = invocation_has(invocation, "text") || isatty(STDOUT_FILENO),
        .quiet = invocation_has(invocation, "quiet"),
    };
    if (invocation_has(invocation, "json"))
        session->as_text = false;
}

void session_release(struct session *session)
{
    client_close(session->client);
    buffer_release(&session->reply);
    json_decref(session->answer);
}

int session_complain(int code, const struct error *error)
{
    struct buffer line = BUFFER_INIT;
    struct page page = {.out = &line, .width = 1000};
    page_cut(&page, error->message, 1000, STYLE_PLAIN);
    fprintf(stderr, "storyctl: %s\n", line.data != NULL ? line.data : "");
    buffer_release(&line);
    return code;
}

int session_connect(struct session *session)
{
    struct error error = ERROR_INIT;
    if (session->client != NULL)
        return EXIT_DONE;
    session->client = client_connect(session->address, session->timeout_ms, &error);
    if (session->client != NULL)
        return EXIT_DONE;
    return session_complain(error.code == ERROR_BAD_REQUEST ? EXIT_USAGE : EXIT_UNREACHABLE, &error);
}

int session_ask_line(struct session *session, const char *line)
{
    struct error error = ERROR_INIT;
    int code = session_connect(session);
    if (code != EXIT_DONE)
        return code;
    if (client_request(session->client, line, &session->reply, &error) != 0)
        return session_complain(error.code == ERROR_BAD_REQUEST ? EXIT_USAGE : EXIT_UNREACHABLE, &error);
    json_decref(session->answer);
    session->answer = json_loadb(session->reply.data, session->reply.length, 0, NULL);
    if (json_is_object(session->answer))
        return EXIT_DONE;
    error_set(&error, ERROR_INTERNAL, "%s answered something else than storyd does: %.100s", session->address,
              session->reply.data != NULL ? session->reply.data : "");
    return session_complain(EXIT_REFUSED, &error);
}

int session_ask(struct session *session, const char *verb, json_t *arguments)
{
    struct buffer line = BUFFER_INIT;
    buffer_append_string(&line, verb);
    char *text = arguments != NULL ? json_dumps(arguments, JSON_COMPACT) : NULL;
    if (text != NULL)
        buffer_printf(&line, " %s", text);
    int code = session_ask_line(session, line.data);
    free(text);
    json_decref(arguments);
    buffer_release(&line);
    return code;
}

bool session_is_ok(const struct session *session)
{
    return json_is_true(json_object_get(session->answer, "ok"));
}

static const char *error_member(const struct session *session, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(session->answer, "error"), key));
    return text != NULL ? text : "?";
}

bool session_has_error(const struct session *session, const char *code)
{
    return !session_is_ok(session) && strcmp(error_member(session, "code"), code) == 0;
}

static int flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    struct error error = ERROR_INIT;
    error_set_errno(&error, ERROR_UNAVAILABLE, errno, "cannot write the output");
    return session_complain(EXIT_USAGE, &error);
}

static void print_page(const struct session *session,
                       void (*show)(const struct session *session, struct page *page))
{
    struct buffer text = BUFFER_INIT;
    struct page page = {
        .out = &text, .width = terminal_width(STDOUT_FILENO), .styled = terminal_has_styles(STDOUT_FILENO)};
    show(session, &page);
    fwrite(text.data, 1, text.length, stdout);
    buffer_release(&text);
}

int session_print(struct session *session, void (*show)(const struct session *session, struct page *page))
{
    bool is_ok = session_is_ok(session);
    if (!session->as_text)
        puts(session->reply.data);
    else if (is_ok)
        print_page(session, show);
    if (!is_ok) {
        struct error error = ERROR_INIT;
        error_set(&error, ERROR_INTERNAL, "%s: %.400s", error_member(session, "code"),
                  error_member(session, "message"));
        session_complain(EXIT_REFUSED, &error);
    }
    return flush_output(is_ok ? EXIT_DONE : EXIT_REFUSED);
}

int session_run(struct session *session, const char *verb, json_t *arguments,
                void (*show)(const struct session *session, struct page *page))
{
    int code = session_ask(session, verb, arguments);
    return code == EXIT_DONE ? session_print(session, show) : code;
}

void session_print_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));
    puts(text != NULL ? text : "{}");
    free(text);
    json_decref(value);
}
