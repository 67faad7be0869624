#include "net/server.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "command/command.h"
#include "net/connection.h"
#include "net/listener.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define INDEX_BITS                                                                                           \
    17 /* a connection's number holds its place in the table, so that it is found without a search */
#define PLACES (UINT64_C(1) << INDEX_BITS)
#define CHECK_MS_MAX 1000 /* between looks at the time limits; less if a limit is small */
#define CHECK_MS_MIN 10
#define NOT_STOPPING (-1)

/* One place of the table. Outboxes are made when first needed and stay: other threads may look into them. */
struct place {
    struct outbox *outbox;
    struct connection *connection; /* NULL = free; I/O thread only */
};

/* Connections at which other threads want the I/O thread to look. */
struct mailbox {
    pthread_mutex_t lock;
    uint64_t *numbers;
    size_t count;
    size_t capacity;
    int eventfd; /* written when the first number comes: one wake-up for all that gather until then */
};

struct server {
    struct connection_host host; /* first: the callbacks' way back */
    struct place *places;
    uint64_t *free_places; /* a stack */
    size_t free_count;
    size_t used_count; /* places that were ever used */
    size_t open_count;
    uint64_t serial;
    struct listener **listeners;
    size_t listener_count;
    size_t listener_capacity;
    struct mailbox mailbox;
    uint64_t *taken; /* the numbers that are being worked on, swapped with the mailbox's */
    size_t taken_capacity;
    struct event *wake_event;
    struct event *check_event;
    _Atomic int64_t stop_at; /* clock.h: when the last connections are closed; NOT_STOPPING */
};

/* ---- the way back from other threads ---- */

static void wake(struct mailbox *mailbox)
{
    static const uint64_t one = 1;
    while (write(mailbox->eventfd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void mailbox_put(struct mailbox *mailbox, uint64_t number)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->numbers =
        memory_grow(mailbox->numbers, &mailbox->capacity, mailbox->count + 1, sizeof *mailbox->numbers);
    mailbox->numbers[mailbox->count++] = number;
    bool is_first = mailbox->count == 1;
    pthread_mutex_unlock(&mailbox->lock);
    if (is_first)
        wake(mailbox);
}

static size_t mailbox_take(struct server *server)
{
    struct mailbox *mailbox = &server->mailbox;
    uint64_t ignored;
    while (read(mailbox->eventfd, &ignored, sizeof ignored) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&mailbox->lock);
    uint64_t *numbers = mailbox->numbers;
    size_t count = mailbox->count, capacity = mailbox->capacity;
    mailbox->numbers = server->taken;
    mailbox->capacity = server->taken_capacity;
    mailbox->count = 0;
    pthread_mutex_unlock(&mailbox->lock);
    server->taken = numbers;
    server->taken_capacity = capacity;
    return count;
}

static void count_request(const struct request *request)
{
    bool failed = request->failure != ERROR_NONE;
    if (request->command != NULL)
        command_count(request->command, failed, clock_now() - request->received);
    if (failed)
        counter_add(COUNTER_REQUESTS_FAILED, 1);
    if (request->failure == ERROR_TOO_LARGE)
        counter_add(COUNTER_REQUESTS_TOO_LARGE, 1);
    else if (request->failure == ERROR_BUSY)
        counter_add(COUNTER_REQUESTS_BUSY, 1);
    else if (request->failure == ERROR_DEADLINE)
        counter_add(COUNTER_REQUESTS_DEADLINE, 1);
}

/* These belong to one connection. */
static void finish_all(struct request *requests)
{
    struct server *server = requests->server;
    uint64_t number = requests->connection;
    struct request *done = NULL;
    if (outbox_finish(server->places[number & (PLACES - 1)].outbox, requests, &done))
        mailbox_put(&server->mailbox, number);
    while (done != NULL) {
        struct request *next = done->next;
        request_free(done);
        done = next;
    }
}

/* Finished by this thread between server_hold_replies() and server_release_replies(), in order. */
static _Thread_local struct {
    bool holding;
    struct request *first;
    struct request **end;
} held;

void server_finish(struct request *request)
{
    count_request(request);
    request->next = NULL;
    if (!held.holding) {
        finish_all(request);
        return;
    }
    *held.end = request;
    held.end = &request->next;
}

void server_hold_replies(void)
{
    held.holding = true;
    held.end = &held.first;
}

/* Takes those of the connection of the first out of the list. */
static struct request *take_connection(struct request **list)
{
    struct request *first = *list;
    struct request **end = &first;
    while (*list != NULL) {
        struct request *request = *list;
        if (request->connection != first->connection || request->server != first->server) {
            list = &request->next;
            continue;
        }
        *list = request->next;
        *end = request;
        end = &request->next;
    }
    *end = NULL;
    return first;
}

void server_release_replies(void)
{
    held.holding = false;
    while (held.first != NULL)
        finish_all(take_connection(&held.first));
}

/* ---- connections ---- */

static struct connection *find(const struct server *server, uint64_t number)
{
    struct connection *connection = server->places[number & (PLACES - 1)].connection;
    return connection != NULL && connection->number == number ? connection : NULL;
}

static void on_closed(struct connection_host *host, struct connection *connection)
{
    struct server *server = (struct server *)host;
    uint64_t index = connection->number & (PLACES - 1);
    server->places[index].connection = NULL;
    server->free_places[server->free_count++] = index;
    server->open_count--;
    counter_add(COUNTER_CONNECTIONS_OPEN, -1);
    if (host->stopping && server->open_count == 0)
        event_base_loopbreak(host->base);
}

/* All together hold too much that is not read: the one that holds most goes. */
static void on_over_total(struct connection_host *host)
{
    struct server *server = (struct server *)host;
    struct connection *largest = NULL;
    size_t most = 0;
    for (size_t i = 0; i < server->used_count; i++) {
        struct outbox_status status;
        if (server->places[i].connection == NULL)
            continue;
        outbox_look(server->places[i].outbox, &status);
        if (status.unsent > most) {
            most = status.unsent;
            largest = server->places[i].connection;
        }
    }
    if (largest == NULL)
        return;
    counter_add(COUNTER_OUTPUT_OVERFLOWS, 1);
    connection_close(largest, "too much unread output of all connections together");
}

static bool same_host(const struct address *a, const struct address *b)
{
    struct address left = *a, right = *b;
    if (left.length != right.length || left.socket.ss_family != right.socket.ss_family)
        return false;
    /* the port is at the same place in both families */
    ((struct sockaddr_in *)&left.socket)->sin_port = 0;
    ((struct sockaddr_in *)&right.socket)->sin_port = 0;
    return memcmp(&left.socket, &right.socket, left.length) == 0;
}

static bool has_address_room(const struct server *server, const struct address *peer)
{
    int64_t count = 0;
    if (address_is_unix(peer))
        return true;
    for (size_t i = 0; i < server->used_count; i++)
        count += server->places[i].connection != NULL && same_host(&server->places[i].connection->peer, peer);
    return count < server->host.limits.connections_per_address;
}

static const char *reason_to_refuse(const struct server *server, const struct address *peer, enum role role)
{
    const struct server_limits *limits = &server->host.limits;
    int64_t most = limits->connections - (role == ROLE_ADMIN ? 0 : limits->connections_admin);
    if ((int64_t)server->open_count >= most || server->open_count >= PLACES)
        return "too many connections";
    return has_address_room(server, peer) ? NULL : "too many connections from this address";
}

static void refuse(int fd, const char *reason)
{
    static const char start[] = "{\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"";
    static const char end[] = "\",\"retry_after_ms\":1000}}\n";
    struct buffer line = BUFFER_INIT;
    buffer_append(&line, start, sizeof start - 1);
    buffer_append_string(&line, reason);
    buffer_append(&line, end, sizeof end - 1);
    if (send(fd, line.data, line.length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("refused client is gone already errno=%d", errno);
    buffer_release(&line);
    close(fd);
    counter_add(COUNTER_CONNECTIONS_REFUSED, 1);
}

static struct place *take_place(struct server *server, uint64_t *number)
{
    uint64_t index =
        server->free_count != 0 ? server->free_places[--server->free_count] : server->used_count++;
    struct place *place = &server->places[index];
    if (place->outbox == NULL) {
        place->outbox = memory_allocate(sizeof *place->outbox);
        outbox_init(place->outbox, &server->host.totals);
    }
    *number = ++server->serial << INDEX_BITS | index;
    return place;
}

static void on_accepted(void *context, const struct listener *listener, int fd, const struct address *peer)
{
    static struct log_limit limit;
    struct server *server = context;
    enum role role = listener_address(listener)->role;
    counter_add(COUNTER_CONNECTIONS_ACCEPTED, 1);
    const char *reason = reason_to_refuse(server, peer, role);
    if (reason != NULL) {
        log_limited(&limit, "connection refused reason=\"%s\" open=%zu", reason, server->open_count);
        refuse(fd, reason);
        return;
    }
    uint64_t number;
    struct place *place = take_place(server, &number);
    place->connection = connection_open(&server->host, place->outbox, number, fd, peer, role);
    server->open_count++;
    counter_add(COUNTER_CONNECTIONS_OPEN, 1);
}

/* ---- events of the loop ---- */

static void close_all(struct server *server, const char *reason)
{
    for (size_t i = 0; i < server->used_count; i++)
        if (server->places[i].connection != NULL)
            connection_close(server->places[i].connection, reason);
}

static void close_listeners(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(server->listeners[i]);
    server->listener_count = 0;
}

static void begin_stop(struct server *server)
{
    server->host.stopping = true;
    close_listeners(server);
    for (size_t i = 0; i < server->used_count; i++)
        if (server->places[i].connection != NULL)
            connection_drain(server->places[i].connection);
    if (server->open_count == 0)
        event_base_loopbreak(server->host.base);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void schedule_check(struct server *server)
{
    const struct server_limits *limits = &server->host.limits;
    int64_t ms = smaller(smaller(limits->idle, limits->request_time), limits->output_stall) / 4;
    int64_t stop_at = atomic_load(&server->stop_at);
    if (stop_at != NOT_STOPPING)
        ms = smaller(ms, (stop_at - clock_now()) / NANOSECONDS_PER_MS + 1);
    ms = ms < CHECK_MS_MIN ? CHECK_MS_MIN : smaller(ms, CHECK_MS_MAX);
    struct timeval interval = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(server->check_event, &interval);
}

static void check_stop(struct server *server, int64_t now)
{
    int64_t stop_at = atomic_load(&server->stop_at);
    if (stop_at == NOT_STOPPING)
        return;
    if (!server->host.stopping)
        begin_stop(server);
    schedule_check(server);
    if (now >= stop_at) {
        close_all(server, "the server has stopped");
        event_base_loopbreak(server->host.base);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct server *server = context;
    size_t count = mailbox_take(server);
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = find(server, server->taken[i]);
        if (connection != NULL)
            connection_turn(connection);
    }
    check_stop(server, clock_now());
}

static void on_check(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct server *server = context;
    int64_t now = clock_now();
    for (size_t i = 0; i < server->used_count; i++)
        if (server->places[i].connection != NULL)
            connection_check_time(server->places[i].connection, now);
    schedule_check(server);
    check_stop(server, now);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct server *server = context;
    connection_run_again(&server->host);
}

/* ---- life ---- */

static int make_base(struct server *server, struct error *error)
{
    struct connection_host *host = &server->host;
    struct event_config *config = event_config_new();
    if (config != NULL) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* used by the I/O thread alone */
        host->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    server->mailbox.eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (host->base == NULL || server->mailbox.eventfd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot make the event loop");
    host->again_event = event_new(host->base, -1, 0, on_again, server);
    server->check_event = event_new(host->base, -1, 0, on_check, server);
    server->wake_event =
        event_new(host->base, server->mailbox.eventfd, EV_READ | EV_PERSIST, on_wake, server);
    event_add(server->wake_event, NULL);
    return 0;
}

struct server *server_new(const struct server_limits *limits, struct service *service, struct error *error)
{
    struct server *server = memory_zeroed(1, sizeof *server);
    struct connection_host *host = &server->host;
    atomic_init(&server->stop_at, NOT_STOPPING);
    pthread_mutex_init(&server->mailbox.lock, NULL);
    TAILQ_INIT(&host->again);
    host->server = server;
    host->service = service;
    host->closed = on_closed;
    host->over_total = on_over_total;
    host->scratch = memory_allocate(CONNECTION_SCRATCH);
    server->places = memory_zeroed(PLACES, sizeof *server->places); /* pages that are not used cost nothing */
    server->free_places = memory_zeroed(PLACES, sizeof *server->free_places);
    if (make_base(server, error) < 0) {
        server_free(server);
        return NULL;
    }
    server_set_limits(server, limits);
    return server;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    close_listeners(server);
    close_all(server, "the server is gone");
    for (size_t i = 0; i < server->used_count; i++) {
        outbox_destroy(server->places[i].outbox);
        free(server->places[i].outbox);
    }
    if (server->wake_event != NULL) {
        event_free(server->wake_event);
        event_free(server->check_event);
        event_free(server->host.again_event);
    }
    if (server->host.base != NULL)
        event_base_free(server->host.base);
    if (server->mailbox.eventfd >= 0)
        close(server->mailbox.eventfd);
    pthread_mutex_destroy(&server->mailbox.lock);
    free(server->mailbox.numbers);
    free(server->taken);
    free(server->listeners);
    free(server->places);
    free(server->free_places);
    free(server->host.scratch);
    free(server);
}

void server_set_limits(struct server *server, const struct server_limits *limits)
{
    server->host.limits = *limits;
    atomic_store(&server->host.totals.close_limit, limits->output_close);
    atomic_store(&server->host.totals.total_limit, limits->output_total);
    for (size_t i = 0; i < server->used_count; i++)
        if (server->places[i].connection != NULL)
            connection_apply_limits(server->places[i].connection);
    schedule_check(server);
}

void server_set_turn(struct server *server, server_turn turn, void *context)
{
    server->host.turn = turn;
    server->host.turn_context = context;
}

void server_set_dispatch(struct server *server, server_dispatch dispatch, void *context)
{
    server->host.dispatch = dispatch;
    server->host.dispatch_context = context;
}

int server_listen(struct server *server, const char *text, char bound[ADDRESS_TEXT_SIZE], struct error *error)
{
    struct address address;
    struct listener *listener;
    char name[ADDRESS_TEXT_SIZE];
    if (address_parse(text, &address, error) < 0 ||
        listener_open(server->host.base, &address, on_accepted, server, &listener, error) < 0)
        return -1;
    server->listeners = memory_grow(server->listeners, &server->listener_capacity, server->listener_count + 1,
                                    sizeof(struct listener *));
    server->listeners[server->listener_count++] = listener;
    address_print(listener_address(listener), name);
    log_info("listening address=%s role=%s", name, role_name(address.role));
    if (bound != NULL)
        memcpy(bound, name, sizeof name);
    return 0;
}

struct event_base *server_event_base(struct server *server)
{
    return server->host.base;
}

void server_run(struct server *server)
{
    thread_begin("storyd", THREAD_PROMPT);
    event_base_dispatch(server->host.base);
}

void server_stop(struct server *server, int64_t grace_ms)
{
    atomic_store(&server->stop_at, clock_now() + grace_ms * NANOSECONDS_PER_MS);
    wake(&server->mailbox);
}
