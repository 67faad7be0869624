#include "client.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECEIVE_SIZE 65536

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "the connection was closed");
    exit(1);
}

void client_open(struct client *client, const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
    if (strlen(path) >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        give_up(path);
    }
    strcpy(name.sun_path, path);
    *client = (struct client){.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&name, sizeof name) != 0)
        give_up(path);
}

void client_close(struct client *client)
{
    close(client->socket);
    free(client->bytes);
    *client = (struct client){.socket = -1};
}

void client_send(struct client *client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(client->socket, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            give_up("sending a request");
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void receive_more(struct client *client)
{
    if (client->start > 0 && client->start == client->end)
        client->start = client->end = 0;
    if (client->start > RECEIVE_SIZE) {
        memmove(client->bytes, client->bytes + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
    }
    client->bytes = memory_grow(client->bytes, &client->capacity, client->end + RECEIVE_SIZE, 1);
    ssize_t got;
    do
        got = recv(client->socket, client->bytes + client->end, client->capacity - client->end, 0);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        errno = 0;
    if (got <= 0)
        give_up("waiting for a reply");
    client->end += (size_t)got;
}

static char *find_line_end(const struct client *client, size_t from)
{
    return client->end > from ? memchr(client->bytes + from, '\n', client->end - from) : NULL;
}

bool client_has_line(const struct client *client)
{
    return find_line_end(client, client->start) != NULL;
}

const char *client_receive(struct client *client, size_t *length)
{
    char *stop;
    size_t looked_at = 0; /* bytes after start that hold no line end */
    while ((stop = find_line_end(client, client->start + looked_at)) == NULL) {
        looked_at = client->end - client->start;
        receive_more(client);
    }
    char *line = client->bytes + client->start;
    client->start = (size_t)(stop + 1 - client->bytes);
    if (stop > line && stop[-1] == '\r')
        stop--;
    *stop = '\0';
    if (length != NULL)
        *length = (size_t)(stop - line);
    return line;
}

const char *client_ask(struct client *client, const char *request, size_t length)
{
    client_send(client, request, length);
    return client_receive(client, NULL);
}
