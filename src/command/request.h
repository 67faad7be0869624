/*
 * request.h - one request on its way: the only thing that travels from the I/O thread to other threads and
 * back.
 *
 * Made by the connection that read it, owned by whoever works on it, given back with request_finish() exactly
 * once, from any thread. It refers to its connection by number, never by pointer: the connection may be gone
 * by then.
 */
#ifndef STORYD_COMMAND_REQUEST_H
#define STORYD_COMMAND_REQUEST_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_NONE, ROLE_QUERY, ROLE_WRITE, ROLE_ADMIN }; /* each may do what the ones before it may */
const char *role_name(enum role role);

#define REQUEST_TAG_MAX 32

struct command;
struct service; /* daemon/service.h: everything the handlers work on */
struct server;  /* net/server.h */

/* Bounds on an argument, of the connection's server at the time the request came. */
struct command_limits {
    size_t json_depth;
    size_t json_nodes;
    size_t article_bytes; /* of an article that PATCH makes */
    int64_t deadline_ms;  /* of queries that do not say */
    int64_t deadline_max_ms;
};

struct request {
    struct server *server;         /* borrowed: outlives every request */
    struct service *service;       /* borrowed: likewise */
    uint64_t connection;           /* number of the connection the reply goes to */
    uint64_t slot;                 /* place of the reply in that connection's order */
    bool resp;                     /* came as RESP: the reply is framed so */
    enum role role;                /* the connection's ceiling */
    char tag[REQUEST_TAG_MAX + 1]; /* "" = untagged */
    char peer[64];                 /* printable address, for the log */
    const struct command *command;
    json_t *arguments;      /* owned: an object checked against the command's schema */
    size_t argument_length; /* bytes, as it came */
    struct buffer text; /* a long argument that is still to be parsed: command_run() does it, on the worker */
    struct command_limits limits;
    int64_t received;    /* clock.h */
    int64_t deadline;    /* clock.h; 0 = none */
    struct buffer reply; /* the reply's JSON, without a line end; of a failed RESP request "-CODE message" */
    bool reply_is_wire;  /* the reply is complete as it is: greetings of Redis clients */
    enum error_code failure; /* what request_fail() was called with; ERROR_NONE: success */
    bool counted_write;      /* the outbox's: untagged reads behind it wait for its reply */
    bool close_after;        /* close the connection once the reply is sent (QUIT) */
    struct request *next;    /* for lists of whoever owns it */
    void *state;             /* of the handler that keeps the request under way */
};

/* Starts the reply with `{"ok":true`; members are then written with `writer`. request_end_reply() ends it
 * with the tag. */
void request_begin_reply(struct request *request, struct json_writer *writer);
void request_end_reply(struct request *request, struct json_writer *writer);

/* Replaces the reply by a failure:
 * {"ok":false,"error":{"code":…,"message":…[,"retry_after_ms":…]}[,"tag":…]}. */
void request_fail(struct request *request, const struct error *error);

/* Gives the request (with its reply) to the I/O thread, which sends the reply and frees the request. Any
 * thread. */
void request_finish(struct request *request);

/* Frees a request that will not be answered (its connection is gone, or in tests). */
void request_free(struct request *request);

#endif
