/*
 * command.h - the table of commands: the only place a command is written. Framing, roles, argument checks,
 * threads, help and statistics follow from its row; both doors (line and RESP) end here.
 */
#ifndef STORYD_COMMAND_COMMAND_H
#define STORYD_COMMAND_COMMAND_H

#include "command/request.h"
#include "command/schema.h"

enum command_place {
    COMMAND_ON_IO,    /* answered on the I/O thread: must take microseconds */
    COMMAND_ON_WORKER /* queued to the query workers */
};

/* What a handler says: it wrote its members (0), it failed (-1), or it took the request over and finishes it
 * later. */
#define COMMAND_DONE 0
#define COMMAND_FAILED (-1)
#define COMMAND_PENDING 1

struct worker; /* daemon/worker.h: what a worker thread owns; NULL on the I/O thread */

typedef int (*command_function)(struct request *request, struct worker *worker, struct json_writer *reply,
                                struct error *error);

struct command {
    const char *name; /* upper case; NULL ends the table */
    enum role role;   /* the least role that may run it */
    enum command_place place;
    bool is_write;   /* goes to the committer: later untagged requests of the connection wait for its reply */
    bool is_barrier; /* is no write, but later untagged requests wait for its reply too */
    bool is_vital;   /* also runs when memory is nearly used up: for the administrator who wonders why */
    bool is_last;    /* the connection is closed behind its reply: no request is taken after it */
    const char *main_parameter; /* what bare text means; NULL: bare text is refused */
    const struct parameter *parameters;
    command_function run;
    const char *help; /* one line */
};

extern const struct command commands[];

/* Case-insensitive, whole word; NULL if unknown. */
const struct command *command_find(const char *name, size_t length);

/* The nearest known verb for a message, or NULL. */
const char *command_nearest(const char *name, size_t length);

/*
 * Turns a request's argument text into request->arguments: a JSON object if it starts with '{', else bare
 * text for the main parameter; checks JSON depth and node count first, then the schema. Also sets the
 * deadline from `deadline_ms`. A bare text is made a number or a list if that is what the main parameter is.
 * Queries that do not name a deadline get the default one; other commands have none. Errors: bad_request.
 */
int command_parse_arguments(struct request *request, const char *text, size_t length,
                            const struct command_limits *limits, struct error *error);

/*
 * Parses a long argument (request->text) if there is one, runs the handler and writes success or failure into
 * the reply; false if the handler kept the request (PENDING): then it may be gone already. A request whose
 * deadline has passed in a queue is answered `deadline` without running.
 */
bool command_run(struct request *request, struct worker *worker);

/* Per-command figures for STATS. Called by request_finish's thread, before the reply is sent; atomic. */
void command_count(const struct command *command, bool failed, int64_t nanoseconds);
void command_write_figures(struct json_writer *writer); /* {"SEARCH":{"calls":…,"failed":…,"seconds":…},…} */

#endif
