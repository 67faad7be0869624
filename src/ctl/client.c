#include "ctl/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/address.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 65536 /* bytes that client_send() lets gather */
#define READ_SIZE 65536

struct client {
    int fd; /* does not block */
    int64_t timeout_ms;
    struct buffer out; /* not yet sent from `sent` on */
    size_t sent;
    struct buffer in; /* received; not yet handed out from `taken` on */
    size_t taken;
    size_t scanned; /* no line end in [taken, scanned) */
};

/* Waits for `events`; returns what happened, or -1. */
static short wait_for(const struct client *client, short events, struct error *error)
{
    int64_t end = clock_now() + client->timeout_ms * NANOSECONDS_PER_MS;
    for (;;) {
        struct pollfd item = {.fd = client->fd, .events = events};
        int64_t left = (end - clock_now() + NANOSECONDS_PER_MS - 1) / NANOSECONDS_PER_MS;
        if (left > INT32_MAX)
            left = INT32_MAX;
        int count = poll(&item, 1, client->timeout_ms == 0 ? -1 : left > 0 ? (int)left : 0);
        if (count > 0)
            return item.revents;
        if (count == 0) {
            error_set(error, ERROR_UNAVAILABLE, "no answer within %lld ms", (long long)client->timeout_ms);
            return -1;
        }
        if (errno != EINTR) {
            error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot wait for the daemon");
            return -1;
        }
    }
}

static int finish_connect(struct client *client, const char *name, struct error *error)
{
    int reason = 0;
    socklen_t size = sizeof reason;
    if (wait_for(client, POLLOUT, error) < 0) {
        error_prefix(error, "cannot connect to %s", name);
        return -1;
    }
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &reason, &size) < 0)
        reason = errno;
    if (reason != 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, reason, "cannot connect to %s", name);
    return 0;
}

static int open_connection(struct client *client, const struct address *address, struct error *error)
{
    char name[ADDRESS_TEXT_SIZE];
    address_print(address, name);
    client->fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot make a socket");
    if (connect(client->fd, (const struct sockaddr *)&address->socket, address->length) == 0)
        return 0;
    /* EAGAIN: a unix socket whose queue of connections is full; it would not become ready, so it is reported.
     */
    if (errno != EINPROGRESS && errno != EINTR)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot connect to %s", name);
    return finish_connect(client, name, error);
}

struct client *client_connect(const char *text, int64_t timeout_ms, struct error *error)
{
    struct address address;
    if (address_parse(text, &address, error) < 0)
        return NULL;
    struct client *client = memory_zeroed(1, sizeof *client);
    client->timeout_ms = timeout_ms;
    if (open_connection(client, &address, error) == 0)
        return client;
    client_close(client);
    return NULL;
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    if (client->fd >= 0)
        close(client->fd);
    buffer_release(&client->out);
    buffer_release(&client->in);
    free(client);
}

/* Moves the bytes not yet handed out to the front, so that the buffer does not grow for ever. */
static void drop_taken(struct client *client)
{
    struct buffer *in = &client->in;
    if (client->taken == 0 || client->taken < in->length / 2)
        return;
    memmove(in->data, in->data + client->taken, in->length - client->taken);
    in->length -= client->taken;
    client->scanned -= client->taken;
    client->taken = 0;
}

/* Takes in what has arrived. */
static int receive(struct client *client, struct error *error)
{
    drop_taken(client);
    buffer_reserve(&client->in, READ_SIZE);
    ssize_t count = recv(client->fd, client->in.data + client->in.length, READ_SIZE, 0);
    if (count > 0) {
        client->in.length += (size_t)count;
        client->in.data[client->in.length] = '\0';
        return 0;
    }
    if (count == 0)
        return error_set(error, ERROR_UNAVAILABLE, "the daemon closed the connection");
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot read from the daemon");
}

/* Sends what the socket takes now. */
static int transmit(struct client *client, struct error *error)
{
    ssize_t count =
        send(client->fd, client->out.data + client->sent, client->out.length - client->sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write to the daemon");
    if (count > 0)
        client->sent += (size_t)count;
    return 0;
}

int client_flush(struct client *client, struct error *error)
{
    while (client->sent < client->out.length) {
        short events = wait_for(client, POLLOUT | POLLIN, error);
        if (events < 0)
            return -1;
        if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && receive(client, error) < 0)
            return -1;
        if ((events & POLLOUT) != 0 && transmit(client, error) < 0)
            return -1;
    }
    buffer_clear(&client->out);
    client->sent = 0;
    return 0;
}

int client_send(struct client *client, const char *line, size_t length, struct error *error)
{
    if (memchr(line, '\n', length) != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "a request must be one line");
    buffer_append(&client->out, line, length);
    buffer_append_char(&client->out, '\n');
    return client->out.length < QUEUE_MAX ? 0 : client_flush(client, error);
}

/* Moves the next whole line that has arrived into `reply`. */
static bool take_reply(struct client *client, struct buffer *reply)
{
    struct buffer *in = &client->in;
    const char *end = in->length > client->scanned
                          ? memchr(in->data + client->scanned, '\n', in->length - client->scanned)
                          : NULL;
    if (end == NULL) {
        client->scanned = in->length;
        return false;
    }
    buffer_clear(reply);
    buffer_append(reply, in->data + client->taken, (size_t)(end - in->data) - client->taken);
    client->taken = client->scanned = (size_t)(end - in->data) + 1;
    return true;
}

int client_read(struct client *client, struct buffer *reply, struct error *error)
{
    if (client_flush(client, error) < 0)
        return -1;
    while (!take_reply(client, reply))
        if (wait_for(client, POLLIN, error) < 0 || receive(client, error) < 0)
            return -1;
    return 0;
}

int client_try_read(struct client *client, int64_t wait_ms, struct buffer *reply, struct error *error)
{
    if (client_flush(client, error) < 0)
        return -1;
    int64_t end = clock_now() + wait_ms * NANOSECONDS_PER_MS;
    while (!take_reply(client, reply)) {
        int64_t left = (end - clock_now()) / NANOSECONDS_PER_MS;
        struct pollfd item = {.fd = client->fd, .events = POLLIN};
        if (poll(&item, 1, left > 0 ? (int)left : 0) <= 0)
            return 0;
        if (receive(client, error) < 0)
            return -1;
    }
    return 1;
}

int client_descriptor(const struct client *client)
{
    return client->fd;
}

int client_request(struct client *client, const char *line, struct buffer *reply, struct error *error)
{
    if (client_send(client, line, strlen(line), error) < 0)
        return -1;
    return client_read(client, reply, error);
}
