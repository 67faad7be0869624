/*
 * outbox.h - the half of a connection that any thread may touch: the order of its replies and the bytes not
 * yet sent.
 *
 * One lock for each connection covers all of it, the descriptor included: a reply is sent and the descriptor
 * is closed only with the lock held, so no reply can go to a descriptor that was closed or belongs to
 * somebody else by now. The memory of an outbox is never freed while the server lives: it is used again for
 * another connection with another number, and a reply whose number does not match is dropped. sends do not
 * block, so the lock is held for microseconds.
 *
 * Whoever finishes a request sends its reply itself if it is next in order and nothing waits before it. The
 * I/O thread is woken only if it has something to do: bytes that the socket did not take, or something it is
 * waiting for.
 */
#ifndef STORYD_NET_OUTBOX_H
#define STORYD_NET_OUTBOX_H

#include "base/buffer.h"
#include "command/request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_TAGGED UINT64_MAX /* the slot of requests that may overtake */

/* Of all connections of a server. */
struct outbox_totals {
    _Atomic int64_t unsent;      /* bytes of replies that wait in outboxes */
    _Atomic int64_t close_limit; /* the I/O thread is woken when one outbox holds more, */
    _Atomic int64_t total_limit; /* or all together */
};

struct outbox {
    pthread_mutex_t lock;
    struct outbox_totals *totals;
    uint64_t number; /* of the connection; 0 = closed */
    int fd;
    uint64_t next_slot;      /* of the untagged reply that is due */
    struct request *waiting; /* finished before their turn, by slot */
    size_t waiting_bytes;
    struct request *last; /* finished, closes the connection: waits until nothing else is in flight */
    struct buffer unsent;
    size_t sent;      /* bytes of `unsent` that are gone */
    int64_t progress; /* clock.h: when `unsent` last began or moved */
    size_t in_flight; /* requests without a finished reply */
    size_t writes;    /* those of them that reads have to wait for */
    bool closing;     /* the last reply is in: nothing goes out after it */
    bool broken;      /* the peer is gone */
    bool gathering;   /* several replies come, which one send will take */
    bool tended;      /* the I/O thread is at this connection and will flush it */
    bool armed;       /* the I/O thread waits until the socket takes more */
    bool attention;   /* the I/O thread waits for any reply */
    bool queued;      /* the I/O thread has been told to look here */
};

struct outbox_status {
    size_t in_flight;
    size_t writes;
    size_t unsent; /* bytes, those of replies before their turn included */
    int64_t progress;
    bool closing;
    bool broken;
};

/* I/O thread. */
void outbox_init(struct outbox *outbox, struct outbox_totals *totals);
void outbox_open(struct outbox *outbox, uint64_t number, int fd);
void outbox_close(struct outbox *outbox); /* closes the descriptor; replies that come later are dropped */
void outbox_destroy(struct outbox *outbox);

/* I/O thread: a request has been read; it has been started and is a write that reads wait for. */
void outbox_add(struct outbox *outbox);
void outbox_add_write(struct outbox *outbox, struct request *request);

/* I/O thread. Begins a turn at this connection: until outbox_flush() nobody wakes the I/O thread for it. */
void outbox_begin_turn(struct outbox *outbox, struct outbox_status *status);

/* I/O thread. Ends the turn: sends what it can. `attention`, or as many requests in flight as `pipeline`: the
 * next finished reply wakes the I/O thread. */
void outbox_flush(struct outbox *outbox, bool attention, size_t pipeline, struct outbox_status *status);

void outbox_look(struct outbox *outbox, struct outbox_status *status);

/*
 * Any thread: these requests of one connection, a list, are finished. Their replies are sent at once, all
 * with one send, as far as they are next, except inside the connection's own turn, which gathers replies
 * itself. The requests that are done with are put before the list *done, for the caller to free. True if the
 * I/O thread has to be told to look at this connection.
 */
bool outbox_finish(struct outbox *outbox, struct request *requests, struct request **done);

#endif
