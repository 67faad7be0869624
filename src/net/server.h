/*
 * server.h - the I/O thread: listeners, connections, the order of replies, limits, and the way back for
 * replies that other threads have made.
 *
 * The thread that calls server_run() is the I/O thread. "I/O thread" functions may also be called before
 * server_run(). Requests come with their command checked against the table and the connection's role:
 * COMMAND_ON_IO commands are run here, the others go to the dispatch function. Replies may be finished on any
 * thread; one that is next in its connection's order is sent by the very thread that finishes it.
 */
#ifndef STORYD_NET_SERVER_H
#define STORYD_NET_SERVER_H

#include "base/error.h"
#include "command/request.h"
#include "net/address.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct server;

/* The values of [limits] in config/options.def that concern connections; bytes, milliseconds. */
struct server_limits {
    int64_t line_query;
    int64_t line_write;
    int64_t json_depth;
    int64_t json_nodes;
    int64_t pipeline;
    int64_t requests_per_turn;
    int64_t output_pause;
    int64_t output_close;
    int64_t output_total;
    int64_t output_stall;
    int64_t connections;
    int64_t connections_per_address;
    int64_t connections_admin;
    int64_t idle;
    int64_t request_time;
    int64_t deadline;
    int64_t deadline_max;
};

/* `service` is borrowed: it is put into every request. NULL + unavailable if the system refuses. */
struct server *server_new(const struct server_limits *limits, struct service *service, struct error *error);

/* After server_run() has returned and every thread that might finish a request has ended. */
void server_free(struct server *server);

/* I/O thread. What is open stays open; smaller limits take effect as requests come. */
void server_set_limits(struct server *server, const struct server_limits *limits);

/*
 * Takes a request whose command runs on a worker; called on the I/O thread, in the order of the protocol.
 * Takes the request over, or returns -1 with the reply's error (busy): then it stays the server's. The
 * argument has been checked, except a long one, which is left in request->text for command_run().
 */
typedef int (*server_dispatch)(void *context, struct request *request, struct error *error);
void server_set_dispatch(struct server *server, server_dispatch dispatch, void *context);

/* Called on the I/O thread before (true) and after (false) it takes some requests of one connection. */
typedef void (*server_turn)(void *context, bool begins);
void server_set_turn(struct server *server, server_turn turn, void *context);

/* I/O thread. `bound` (may be NULL) becomes the real address, with the port the system chose for port 0.
 * Errors: bad_request (the address), unavailable (in use, not permitted). */
int server_listen(struct server *server, const char *address, char bound[ADDRESS_TEXT_SIZE],
                  struct error *error);

/* For signal events and timers, which then run on the I/O thread. */
struct event_base *server_event_base(struct server *server);

/* Returns when server_stop() was called and the last connection is gone, or its grace time is over. */
void server_run(struct server *server);

/*
 * Any thread, also inside a handler. No new connections; what is under way is answered, new requests get
 * `draining`, and connections are closed as they fall idle. After `grace_ms` the others are closed too; 0
 * does so at once. May be called again with a shorter time.
 */
void server_stop(struct server *server, int64_t grace_ms);

/* Any thread: sends the reply (in its order) and frees the request; request_finish() comes here. */
void server_finish(struct request *request);

/*
 * Any thread that finishes several requests in a row: what it finishes between these two goes out with the
 * second one, the replies of a connection with one system call.
 */
void server_hold_replies(void);
void server_release_replies(void);

#endif
