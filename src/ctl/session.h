/*
 * session.h - one run of storyctl: the connection, the last reply, and where it is shown. One thread.
 */
#ifndef STORYD_CTL_SESSION_H
#define STORYD_CTL_SESSION_H

#include "base/buffer.h"
#include "base/error.h"
#include "ctl/client.h"
#include "ctl/command_line.h"
#include "ctl/terminal.h"

#include <jansson.h>
#include <stdbool.h>

/* The exit codes; storyctl --help lists them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,     /* the server answered with an error */
    EXIT_USAGE = 2,       /* wrong command line, or a local file that cannot be read or written */
    EXIT_UNREACHABLE = 3, /* no connection, or it was lost */
    EXIT_REJECTS = 4,     /* import: some lines were rejected, all others are stored */
    EXIT_INTERRUPTED = 130
};

struct session {
    const struct invocation *invocation;
    const char *address;
    int64_t timeout_ms;
    bool as_text; /* else JSON */
    bool quiet;
    struct client *client; /* NULL until something is asked */
    struct buffer reply;   /* the last one, as it came */
    json_t *answer;        /* and parsed */
};

void session_init(struct session *session, const struct invocation *invocation);
void session_release(struct session *session);

/* Connects if that has not happened. EXIT_DONE, or another code after saying why. */
int session_connect(struct session *session);

/* Sends a request (steals `arguments`, an object, or NULL for none) and reads its reply, whatever it is.
 * EXIT_DONE, or another code after saying why there is no reply. */
int session_ask(struct session *session, const char *verb, json_t *arguments);
int session_ask_line(struct session *session, const char *line);

bool session_is_ok(const struct session *session);                       /* the last answer was no error */
bool session_has_error(const struct session *session, const char *code); /* it was this one */

/* Prints the last reply: as it came, or by `show` in words. An error is also told on stderr. Returns the exit
 * code. */
int session_print(struct session *session, void (*show)(const struct session *session, struct page *page));

/* All of it: ask, then print. */
int session_run(struct session *session, const char *verb, json_t *arguments,
                void (*show)(const struct session *session, struct page *page));

/* "storyctl: ..." on stderr. Returns `code`. */
int session_complain(int code, const struct error *error);

/* Prints JSON, one line. Steals it. */
void session_print_json(json_t *value);

#endif
