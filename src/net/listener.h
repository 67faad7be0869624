/*
 * listener.h - one listening socket. When the process runs out of descriptors it stops accepting for a moment
 * instead of spinning, and turns one waiting client away with the descriptor it keeps in reserve. I/O thread
 * only.
 */
#ifndef STORYD_NET_LISTENER_H
#define STORYD_NET_LISTENER_H

#include "net/address.h"

#include <event2/event.h>

struct listener;

/* A new client; the descriptor is the callee's, non-blocking and set up (TCP_NODELAY, keepalive). */
typedef void (*listener_accepted)(void *context, const struct listener *listener, int fd,
                                  const struct address *peer);

/*
 * Binds and listens. A unix socket that a crashed daemon left behind is replaced; one that answers is not.
 * Addresses that other machines can reach are refused. Errors: bad_request, unavailable.
 */
int listener_open(struct event_base *base, const struct address *address, listener_accepted accepted,
                  void *context, struct listener **listener, struct error *error);

const struct address *listener_address(const struct listener *listener); /* with the real port */

/* Stops listening, removes the unix socket's file, frees. */
void listener_close(struct listener *listener);

#endif
