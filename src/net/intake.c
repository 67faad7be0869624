#include "net/intake.h"

#include "base/counters.h"
#include "base/memory.h"
#include "command/command.h"
#include "net/greeting.h"

#include <stdio.h>
#include <string.h>

#define PARSE_HERE                                                                                           \
    16384 /* longer arguments are parsed by the worker: a megabyte of JSON takes milliseconds */

static struct request *new_request(struct connection *connection, const struct framing_event *event)
{
    const struct server_limits *limits = &connection->host->limits;
    struct request *request = memory_zeroed(1, sizeof *request);
    request->server = connection->host->server;
    request->service = connection->host->service;
    request->connection = connection->number;
    request->resp = event->resp;
    request->role = connection->role;
    request->received = connection->now;
    request->slot = event->tag[0] != '\0' ? OUTBOX_TAGGED : connection->next_slot++;
    memcpy(request->tag, event->tag, sizeof request->tag);
    memcpy(request->peer, connection->peer_text, sizeof request->peer);
    request->limits = (struct command_limits){
        .json_depth = (size_t)limits->json_depth,
        .json_nodes = (size_t)limits->json_nodes,
        .article_bytes = (size_t)limits->line_write,
        .deadline_ms = limits->deadline,
        .deadline_max_ms = limits->deadline_max,
    };
    return request;
}

static int find_command(struct request *request, const struct framing_event *event, struct error *error)
{
    request->command = command_find(event->verb, event->verb_length);
    if (request->command != NULL)
        return 0;
    int shown = event->verb_length > 60 ? 60 : (int)event->verb_length;
    const char *meant = command_nearest(event->verb, event->verb_length);
    if (meant == NULL)
        return error_set(error, ERROR_UNKNOWN_COMMAND, "unknown command \"%.*s\"", shown, event->verb);
    return error_set(error, ERROR_UNKNOWN_COMMAND, "unknown command \"%.*s\": did you mean %s?", shown,
                     event->verb, meant);
}

/* The only place where roles are checked. */
static int check_role(const struct request *request, struct error *error)
{
    if (request->role >= request->command->role)
        return 0;
    return error_set(error, ERROR_FORBIDDEN, "%s needs the role %s, this connection has the role %s",
                     request->command->name, role_name(request->command->role), role_name(request->role));
}

static int read_argument(struct request *request, const struct framing_event *event, struct error *error)
{
    if (event->argument_length > PARSE_HERE && request->command->place == COMMAND_ON_WORKER) {
        buffer_append(&request->text, event->argument, event->argument_length);
        return 0;
    }
    return command_parse_arguments(request, event->argument, event->argument_length, &request->limits, error);
}

static int check(struct connection *connection, struct request *request, const struct framing_event *event,
                 struct error *error)
{
    if (event->kind != FRAMING_REQUEST) {
        *error = event->error;
        return -1;
    }
    if (connection->host->stopping)
        return error_set(error, ERROR_DRAINING, "the server is stopping: connect again");
    if (find_command(request, event, error) < 0 || check_role(request, error) < 0)
        return -1;
    return read_argument(request, event, error);
}

static void answer_error(struct request *request, const struct error *error)
{
    request_fail(request, error);
    server_finish(request);
}

static bool is_tagged(const struct request *request)
{
    return request->slot == OUTBOX_TAGGED;
}

static void run_here(struct request *request)
{
    if (!command_run(request, NULL))
        return;
    server_finish(request);
}

static void start(struct connection *connection, struct request *request)
{
    struct connection_host *host = connection->host;
    struct error error = ERROR_INIT;
    if ((request->command->is_write || request->command->is_barrier) && !is_tagged(request)) {
        outbox_add_write(connection->outbox, request);
        connection->writes++;
    }
    if (request->command->place == COMMAND_ON_IO) {
        run_here(request);
        return;
    }
    if (host->dispatch == NULL)
        error_set(&error, ERROR_UNAVAILABLE, "nobody is there to run %s", request->command->name);
    else if (host->dispatch(host->dispatch_context, request, &error) == 0)
        return;
    answer_error(request, &error);
}

static bool must_wait(const struct connection *connection, const struct request *request)
{
    return connection->writes > 0 && !request->command->is_write;
}

/* A tagged request may overtake, but a write none of the writes that are held. */
static bool must_be_held(const struct connection *connection, const struct request *request)
{
    if (connection->held != NULL)
        return request->command->is_write || !is_tagged(request);
    return !is_tagged(request) && must_wait(connection, request);
}

static void hold(struct connection *connection, struct request *request)
{
    if (connection->held == NULL)
        connection->held_end = &connection->held;
    request->next = NULL;
    *connection->held_end = request;
    connection->held_end = &request->next;
}

void intake_start_held(struct connection *connection)
{
    while (connection->held != NULL && !must_wait(connection, connection->held)) {
        struct request *request = connection->held;
        connection->held = request->next;
        request->next = NULL;
        start(connection, request);
    }
}

void intake_drop_held(struct connection *connection)
{
    while (connection->held != NULL) {
        struct request *request = connection->held;
        connection->held = request->next;
        request_free(request);
    }
}

void intake_take(struct connection *connection, const struct framing_event *event)
{
    struct request *request = new_request(connection, event);
    struct error error;
    counter_add(COUNTER_REQUESTS, 1);
    outbox_add(connection->outbox);
    connection->in_flight++;
    connection->last_request = connection->now;
    if (event->kind == FRAMING_BROKEN)
        connection->last = request->close_after = true;
    if (event->kind == FRAMING_REQUEST && event->resp && greeting_answer(request, event)) {
        connection->last = connection->last || request->close_after;
        server_finish(request);
    } else if (check(connection, request, event, &error) < 0) {
        answer_error(request, &error);
    } else {
        if (request->command->is_last)
            connection->last = request->close_after = true;
        if (must_be_held(connection, request))
            hold(connection, request);
        else
            start(connection, request);
    }
}
