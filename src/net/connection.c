#include "net/connection.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void enter_state(struct connection *connection, enum connection_state state, const char *reason)
{
    static const char *const names[] = {
        [CONNECTION_READING] = "reading",         [CONNECTION_PIPELINE_FULL] = "pipeline-full",
        [CONNECTION_OUTPUT_FULL] = "output-full", [CONNECTION_FINISHING] = "finishing",
        [CONNECTION_CLOSED] = "closed",
    };
    if (connection->state == state || connection->state == CONNECTION_CLOSED)
        return;
    log_debug("connection state=%s connection=%llu peer=%s reason=\"%s\"", names[state],
              (unsigned long long)connection->number, connection->peer_text, reason);
    if (state == CONNECTION_PIPELINE_FULL)
        counter_add(COUNTER_PIPELINE_PAUSES, 1);
    if (state == CONNECTION_OUTPUT_FULL)
        counter_add(COUNTER_OUTPUT_PAUSES, 1);
    connection->state = state;
}

/* ---- events ---- */

static void set_event(struct event *event, bool *is_waiting, bool wanted)
{
    if (*is_waiting == wanted)
        return;
    if (wanted)
        event_add(event, NULL);
    else
        event_del(event);
    *is_waiting = wanted;
}

static void leave_again_list(struct connection *connection)
{
    if (connection->wants_again)
        TAILQ_REMOVE(&connection->host->again, connection, again);
    connection->wants_again = false;
}

static void ask_for_turn(struct connection *connection)
{
    static const struct timeval at_once = {0, 0};
    struct connection_host *host = connection->host;
    if (connection->wants_again)
        return;
    /* a timer, not event_active(): so that the sockets of the others are looked at before */
    if (TAILQ_EMPTY(&host->again))
        event_add(host->again_event, &at_once);
    TAILQ_INSERT_TAIL(&host->again, connection, again);
    connection->wants_again = true;
}

void connection_run_again(struct connection_host *host)
{
    static const struct timeval at_once = {0, 0};
    size_t count = 0; /* those that ask again meanwhile come after the next poll */
    struct connection *connection;
    TAILQ_FOREACH(connection, &host->again, again)
    count++;
    for (; count != 0 && !TAILQ_EMPTY(&host->again); count--) {
        connection = TAILQ_FIRST(&host->again);
        leave_again_list(connection);
        connection_turn(connection);
    }
    if (!TAILQ_EMPTY(&host->again))
        event_add(host->again_event, &at_once);
}

/* ---- closing ---- */

static void release(struct connection *connection)
{
    set_event(&connection->read_event, &connection->reading, false);
    set_event(&connection->write_event, &connection->writing, false);
    leave_again_list(connection);
    intake_drop_held(connection);
    outbox_close(connection->outbox);
    framing_release(&connection->framing);
    connection->host->closed(connection->host, connection);
    free(connection);
}

void connection_close(struct connection *connection, const char *reason)
{
    enter_state(connection, CONNECTION_CLOSED, reason);
    release(connection);
}

/* ---- a turn ---- */

/* Takes requests until one of the limits is reached: true if there may be more. */
static bool take_requests(struct connection *connection)
{
    const struct server_limits *limits = &connection->host->limits;
    struct framing_event event;
    for (int64_t taken = 0; !connection->last; taken++) {
        if (connection->in_flight >= (size_t)limits->pipeline)
            return true;
        if (taken == limits->requests_per_turn) {
            counter_add(COUNTER_TURNS_ENDED, 1);
            return true;
        }
        switch (framing_next(&connection->framing, &event)) {
        case FRAMING_MORE:
            return false;
        case FRAMING_FOREIGN:
            counter_add(COUNTER_CONNECTIONS_FOREIGN, 1);
            enter_state(connection, CONNECTION_CLOSED, "it speaks HTTP");
            return false;
        default:
            connection->partial_since = 0;
            intake_take(connection, &event);
        }
    }
    return false;
}

static const char *reason_to_close(const struct connection *connection, const struct outbox_status *status,
                                   bool more)
{
    if (status->broken)
        return "the client is gone";
    if (status->closing && status->unsent == 0)
        return "the last reply is sent";
    if (status->in_flight != 0 || status->unsent != 0)
        return NULL;
    if (connection->last || (connection->ended && !more))
        return "the client has ended it";
    return connection->host->stopping ? "the server is stopping" : NULL;
}

#define STILL_MS 3000 /* a client that reads takes something within this time */

/* Much output is no fault of a client that reads it as fast as it comes: one reply may be larger than the
 * limit, and large ones may have to wait for a slow one before them. So a connection over the limit is closed
 * when nothing of what it could read moves for a moment, or when it stays there. Notes since when it is over.
 */
static bool is_over(struct connection *connection, const struct outbox_status *status, int64_t now)
{
    const struct server_limits *limits = &connection->host->limits;
    if ((int64_t)status->unsent <= limits->output_close) {
        connection->over_since = 0;
        return false;
    }
    if (connection->over_since == 0)
        connection->over_since = now;
    bool can_read = status->progress != 0;
    int64_t moved = status->progress > connection->over_since ? status->progress : connection->over_since;
    return (can_read && now - moved > STILL_MS * NANOSECONDS_PER_MS) ||
           now - connection->over_since > limits->output_stall * NANOSECONDS_PER_MS;
}

/* Decides the state after a turn, and what to wait for. */
static void settle(struct connection *connection, const struct outbox_status *status, bool more)
{
    const struct server_limits *limits = &connection->host->limits;
    const char *reason = reason_to_close(connection, status, more);
    if (is_over(connection, status, connection->now)) {
        counter_add(COUNTER_OUTPUT_OVERFLOWS, 1);
        reason = "too much unread output";
    }
    if (reason != NULL) {
        enter_state(connection, CONNECTION_CLOSED, reason);
        return;
    }
    if ((int64_t)status->unsent > limits->output_pause)
        enter_state(connection, CONNECTION_OUTPUT_FULL, "the client does not read");
    else if (status->in_flight >= (size_t)limits->pipeline)
        enter_state(connection, CONNECTION_PIPELINE_FULL, "too many requests under way");
    else if (connection->last || (connection->ended && !more))
        enter_state(connection, CONNECTION_FINISHING, "end of input");
    else
        enter_state(connection, CONNECTION_READING, "ready");
    bool is_reading = connection->state == CONNECTION_READING;
    bool can_start = connection->held != NULL && status->writes == 0;
    set_event(&connection->read_event, &connection->reading, is_reading && !more && !connection->ended);
    set_event(&connection->write_event, &connection->writing, status->unsent != 0);
    if ((is_reading && more) || can_start)
        ask_for_turn(connection);
    if (!is_reading || more || !framing_is_partial(&connection->framing))
        connection->partial_since = 0;
    else if (connection->partial_since == 0)
        connection->partial_since = connection->now;
}

void connection_turn(struct connection *connection)
{
    struct connection_host *host = connection->host;
    struct outbox_status status;
    connection->now = clock_now();
    outbox_begin_turn(connection->outbox, &status);
    connection->in_flight = status.in_flight;
    connection->writes = status.writes;
    if (host->turn != NULL)
        host->turn(host->turn_context, true);
    intake_start_held(connection);
    bool more = (int64_t)status.unsent > host->limits.output_pause || take_requests(connection);
    if (host->turn != NULL)
        host->turn(host->turn_context, false);
    bool attention = connection->held != NULL || connection->last || connection->ended || host->stopping;
    outbox_flush(connection->outbox, attention, (size_t)host->limits.pipeline, &status);
    if (connection->state != CONNECTION_CLOSED)
        settle(connection, &status, more);
    if (connection->state == CONNECTION_CLOSED)
        release(connection);
    if (atomic_load_explicit(&host->totals.unsent, memory_order_relaxed) > host->limits.output_total)
        host->over_total(host);
}

/* Reads once. */
static void read_some(struct connection *connection)
{
    ssize_t length = recv(connection->fd, connection->host->scratch, CONNECTION_SCRATCH, MSG_DONTWAIT);
    if (length > 0) {
        counter_add(COUNTER_BYTES_READ, length);
        framing_feed(&connection->framing, connection->host->scratch, (size_t)length);
    } else if (length == 0) {
        connection->ended = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        enter_state(connection, CONNECTION_CLOSED, "the client is gone");
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct connection *connection = context;
    read_some(connection);
    if (connection->state == CONNECTION_CLOSED)
        release(connection);
    else
        connection_turn(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    connection_turn(context);
}

void connection_drain(struct connection *connection)
{
    if (connection->reading)
        on_readable(connection->fd, EV_READ, connection);
    else
        connection_turn(connection);
}

/* ---- life ---- */

void connection_apply_limits(struct connection *connection)
{
    const struct server_limits *limits = &connection->host->limits;
    framing_set_limit(&connection->framing,
                      (size_t)(connection->role >= ROLE_WRITE ? limits->line_write : limits->line_query));
}

struct connection *connection_open(struct connection_host *host, struct outbox *outbox, uint64_t number,
                                   int fd, const struct address *peer, enum role role)
{
    struct connection *connection = memory_zeroed(1, sizeof *connection);
    connection->host = host;
    connection->outbox = outbox;
    connection->number = number;
    connection->fd = fd;
    connection->role = role;
    connection->peer = *peer;
    connection->last_request = clock_now();
    if (address_is_unix(peer)) {
        snprintf(connection->peer_text, sizeof connection->peer_text, "unix");
    } else {
        char text[ADDRESS_TEXT_SIZE];
        snprintf(connection->peer_text, sizeof connection->peer_text, "%.63s", address_print(peer, text));
    }
    framing_init(&connection->framing, 0);
    connection_apply_limits(connection);
    outbox_open(outbox, number, fd);
    event_assign(&connection->read_event, host->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    event_assign(&connection->write_event, host->base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
    set_event(&connection->read_event, &connection->reading, true);
    return connection;
}

void connection_check_time(struct connection *connection, int64_t now)
{
    const struct server_limits *limits = &connection->host->limits;
    struct outbox_status status;
    const char *reason = NULL;
    outbox_look(connection->outbox, &status);
    if (is_over(connection, &status, now)) {
        counter_add(COUNTER_OUTPUT_OVERFLOWS, 1);
        connection_close(connection, "too much unread output");
        return;
    }
    if (status.in_flight != 0 || status.unsent != 0)
        connection->last_request = now; /* not idle: the time begins when it is */
    if (status.progress != 0 && now - status.progress > limits->output_stall * NANOSECONDS_PER_MS)
        reason = "it does not read its replies";
    else if (connection->partial_since != 0 &&
             now - connection->partial_since > limits->request_time * NANOSECONDS_PER_MS)
        reason = "its request takes too long";
    else if (connection->partial_since == 0 &&
             now - connection->last_request > limits->idle * NANOSECONDS_PER_MS)
        reason = "idle";
    if (reason == NULL)
        return;
    counter_add(COUNTER_CONNECTIONS_TIMED_OUT, 1);
    connection_close(connection, reason);
}
