/* framing_resp.h - the RESP2 half of framing.c, called by it only. */
#ifndef STORYD_NET_FRAMING_RESP_H
#define STORYD_NET_FRAMING_RESP_H

#include "net/framing.h"

#define FRAMING_EMPTY ((enum framing_kind)(FRAMING_FOREIGN + 1)) /* an empty line or array: read on */

/* The request starts with '*', or its array is being read. */
enum framing_kind framing_next_resp(struct framing *framing, struct framing_event *event);

#endif
