/*
 * address.h - where storyd listens and where its clients connect: "unix:PATH" or "tcp:HOST:PORT", HOST an IP
 * address
 * ([::1] for IPv6) or "localhost", each with an optional ";role=query|write|admin". Plain values: any thread.
 */
#ifndef STORYD_NET_ADDRESS_H
#define STORYD_NET_ADDRESS_H

#include "base/error.h"
#include "command/request.h"

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 160

struct address {
    struct sockaddr_storage socket;
    socklen_t length;
    enum role role; /* the ceiling of its connections; not said: admin for unix, write for tcp */
};

/* Errors: bad_request saying what is wrong and what is accepted. */
int address_parse(const char *text, struct address *address, struct error *error);

/* The address as it is parsed, without the role: "unix:/run/x.sock", "tcp:127.0.0.1:7878". Returns `out`. */
const char *address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE]);

bool address_is_unix(const struct address *address);
const char *address_path(const struct address *address); /* of a unix address */
bool address_is_loopback(const struct address *address); /* reachable from this machine only; true for unix */

/* Clients cannot be authenticated yet: an address that other machines can reach is a bad_request. */
int address_check_reach(const struct address *address, struct error *error);

/* A connected, blocking, close-on-exec socket, or -1. Errors: unavailable. */
int address_connect(const struct address *address, struct error *error);

#endif
