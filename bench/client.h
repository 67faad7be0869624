/*
 * client.h - a blocking connection over a unix socket that sends requests and reads replies of one line each
 * (storyd's line protocol, or the simple replies of RESP). A failure ends the program: a benchmark with holes
 * measures nothing. One thread for each client.
 */
#ifndef STORYD_BENCH_CLIENT_H
#define STORYD_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client {
    int socket;
    char *bytes; /* received; the line given out last starts before `start` */
    size_t start;
    size_t end;
    size_t capacity;
};

/* `address` is "unix:PATH" or "PATH". */
void client_open(struct client *client, const char *address);
void client_close(struct client *client);

void client_send(struct client *client, const char *bytes, size_t length);

/* The next reply line without its line end, NUL-terminated, valid until the next call. */
const char *client_receive(struct client *client, size_t *length);

/* True if a whole line has been received already, so that client_receive() would not wait. */
bool client_has_line(const struct client *client);

/* Sends and receives. */
const char *client_ask(struct client *client, const char *request, size_t length);

#endif
