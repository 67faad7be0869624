/*
 * framing.h - bytes in, requests out. Pure: no sockets, no clock, no commands, so that it can be fuzzed.
 *
 * A request is a line, `[@tag ]VERB[ argument]` ended by LF or CR LF, or, when its first byte is '*', a RESP2
 * array of bulk strings (verb, then none, one or several arguments, which are joined by a blank). No byte is
 * looked for its line end twice, memory grows with what has arrived and never with what was announced, and
 * what goes beyond the limits is skipped without being kept or read as requests. One thread at a time.
 */
#ifndef STORYD_NET_FRAMING_H
#define STORYD_NET_FRAMING_H

#include "base/buffer.h"
#include "base/error.h"
#include "command/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_RESP_STRINGS 1024 /* most strings of a RESP array */

enum framing_kind {
    FRAMING_MORE,    /* nothing complete: feed more bytes */
    FRAMING_REQUEST, /* verb and argument */
    FRAMING_REFUSED, /* a request that cannot be taken: answer `error`; what follows it is read as usual */
    FRAMING_BROKEN,  /* RESP that cannot be followed any further: answer `error`, then close */
    FRAMING_FOREIGN  /* somebody speaks HTTP: close without an answer */
};

struct framing_event {
    enum framing_kind kind;
    bool resp;
    char tag[REQUEST_TAG_MAX + 1]; /* "" = none */
    const char *verb; /* borrowed, until the next call; valid UTF-8 without NUL, not NUL-terminated */
    size_t verb_length;
    const char *argument; /* likewise; length 0 if there is none */
    size_t argument_length;
    struct error error; /* FRAMING_REFUSED, FRAMING_BROKEN */
};

struct framing_piece {
    size_t offset; /* from the start of the request */
    size_t length;
};

struct framing {
    size_t limit;     /* longest line, and longest bulk string */
    struct buffer in; /* what has arrived and not been forgotten */
    size_t start;     /* of the request that is being read */
    size_t scan;      /* bytes of it that have been looked at */
    bool skipping;    /* the rest of a line that was too long */
    /* the RESP array that is being read */
    bool in_array;
    bool in_bulk;
    size_t strings; /* announced */
    size_t bulk;    /* length of the string that is being read */
    size_t total;   /* length of all strings so far */
    struct framing_piece *pieces;
    size_t piece_count;
    size_t piece_capacity;
    struct buffer joined; /* several arguments as one */
};

void framing_init(struct framing *framing, size_t limit);
void framing_release(struct framing *framing);

void framing_set_limit(struct framing *framing, size_t limit);

/* Copies the bytes. Feed again only after FRAMING_MORE: this bounds what is kept. */
void framing_feed(struct framing *framing, const char *bytes, size_t length);

/* The next request, in order. Returns event->kind. After FRAMING_BROKEN and FRAMING_FOREIGN there is no next
 * one. */
enum framing_kind framing_next(struct framing *framing, struct framing_event *event);

/* True while a request has begun and is not complete (after FRAMING_MORE). */
bool framing_is_partial(const struct framing *framing);

#endif
