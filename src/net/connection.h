/*
 * connection.h - one client, the half that belongs to the I/O thread: its state, what it sends, its time
 * limits. What goes back to it is in its outbox.
 *
 * Everything a connection does happens in a turn: it takes some requests from what has arrived, starts them,
 * and sends what is ready. Turns come when bytes arrive, when the socket takes more, when a reply that it
 * waits for is there, or because the last turn left requests over for the sake of the other connections. A
 * connection frees itself only at the end of a turn or of a time check. I/O thread only.
 */
#ifndef STORYD_NET_CONNECTION_H
#define STORYD_NET_CONNECTION_H

#include "net/address.h"
#include "net/framing.h"
#include "net/outbox.h"
#include "net/server.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

enum connection_state {
    CONNECTION_READING,       /* takes requests */
    CONNECTION_PIPELINE_FULL, /* reads nothing: too many requests under way */
    CONNECTION_OUTPUT_FULL,   /* reads nothing: the client does not read its replies */
    CONNECTION_FINISHING,     /* no more input: closed when what is under way has been answered and sent */
    CONNECTION_CLOSED         /* freed at the end of the turn */
};

struct connection;

/* What all connections of a server share; part of the server. */
struct connection_host {
    struct event_base *base;
    struct server *server;
    struct service *service;
    struct server_limits limits;
    server_dispatch dispatch;
    void *dispatch_context;
    server_turn turn; /* NULL: nobody wants to know */
    void *turn_context;
    bool stopping; /* new requests are answered `draining` */
    struct outbox_totals totals;
    char *scratch; /* CONNECTION_SCRATCH bytes, where everything is read to first */
    TAILQ_HEAD(connection_list, connection) again; /* want another turn, in this order */
    struct event *again_event;
    void (*closed)(struct connection_host *host,
                   struct connection *connection); /* forget it: it is freed next */
    void (*over_total)(
        struct connection_host *host); /* unsent output of all is over the limit: close the largest */
};

#define CONNECTION_SCRATCH 65536

struct connection {
    struct connection_host *host;
    struct outbox *outbox;
    uint64_t number;
    int fd; /* closed by outbox_close() */
    enum connection_state state;
    enum role role;
    struct address peer;
    char peer_text[64];
    struct framing framing;
    struct event read_event;
    struct event write_event;
    bool reading; /* read_event is waiting */
    bool writing;
    bool ended;       /* the client sends no more: its end of file was read */
    bool last;        /* no further request is taken */
    bool wants_again; /* is in host->again */
    TAILQ_ENTRY(connection) again;
    uint64_t next_slot;
    size_t in_flight; /* as far as this thread knows: never less than there are */
    size_t writes;
    struct request *held; /* untagged requests that wait for writes before them, in order */
    struct request **held_end;
    int64_t now; /* of this turn */
    int64_t last_request;
    int64_t over_since;    /* it holds more unread output than `output_close`; 0 = no */
    int64_t partial_since; /* an incomplete request has been there since; 0 = none */
};

/* Takes over the descriptor. The outbox is borrowed and must be closed (or new). */
struct connection *connection_open(struct connection_host *host, struct outbox *outbox, uint64_t number,
                                   int fd, const struct address *peer, enum role role);

/* Closes and frees it now; not inside its own turn. */
void connection_close(struct connection *connection, const char *reason);

void connection_turn(struct connection *connection);

/* The server stops: what has already arrived is read and answered; closed if nothing is under way. */
void connection_drain(struct connection *connection);

/* Closes it if one of the time limits is over. */
void connection_check_time(struct connection *connection, int64_t now);

/* The limits have changed. */
void connection_apply_limits(struct connection *connection);

/* Another turn for those that asked for it. */
void connection_run_again(struct connection_host *host);

#endif
