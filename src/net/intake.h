/* intake.h - from a framed request to one that is answered, running, or held back for its order. The part of
 * a connection's turn that knows commands. I/O thread only. */
#ifndef STORYD_NET_INTAKE_H
#define STORYD_NET_INTAKE_H

#include "net/connection.h"

/* FRAMING_REQUEST, FRAMING_REFUSED or FRAMING_BROKEN. */
void intake_take(struct connection *connection, const struct framing_event *event);

/* Starts held requests that need not wait any longer. */
void intake_start_held(struct connection *connection);

/* Frees held requests: the connection is closed. */
void intake_drop_held(struct connection *connection);

#endif
