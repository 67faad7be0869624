/* greeting.h - what Redis clients say when they connect, answered politely and minimally; none of it does
 * anything. Only for requests that came as RESP. I/O thread. */
#ifndef STORYD_NET_GREETING_H
#define STORYD_NET_GREETING_H

#include "net/framing.h"

/* Fills the reply and returns true if it is one of PING, QUIT, HELLO with a version, CLIENT, COMMAND, SELECT,
 * CONFIG, INFO. */
bool greeting_answer(struct request *request, const struct framing_event *event);

#endif
