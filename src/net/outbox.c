#include "net/outbox.h"

#include "base/clock.h"
#include "base/counters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEEP_CAPACITY 4096 /* an idle connection keeps no larger buffer */
#define PARTS 3            /* what a reply on the wire consists of */

/* The outbox at which this thread, the I/O thread, has a turn. */
static _Thread_local const struct outbox *in_turn;

void outbox_init(struct outbox *outbox, struct outbox_totals *totals)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->totals = totals;
    outbox->fd = -1;
    /* the other side holds it for a few microseconds at most: worth a short spin before sleeping */
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&outbox->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void outbox_destroy(struct outbox *outbox)
{
    pthread_mutex_destroy(&outbox->lock);
}

void outbox_open(struct outbox *outbox, uint64_t number, int fd)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->number = number;
    outbox->fd = fd;
    outbox->next_slot = 0;
    outbox->in_flight = 0;
    outbox->writes = 0;
    outbox->closing = outbox->broken = outbox->tended = outbox->armed = outbox->attention = outbox->queued =
        false;
    pthread_mutex_unlock(&outbox->lock);
}

static size_t unsent_bytes(const struct outbox *outbox)
{
    return outbox->unsent.length - outbox->sent;
}

static void add_total(struct outbox *outbox, int64_t bytes)
{
    atomic_fetch_add_explicit(&outbox->totals->unsent, bytes, memory_order_relaxed);
}

static void free_list(struct request *list)
{
    while (list != NULL) {
        struct request *next = list->next;
        request_free(list);
        list = next;
    }
}

void outbox_close(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->number = 0;
    close(outbox->fd);
    outbox->fd = -1;
    add_total(outbox, -(int64_t)(unsent_bytes(outbox) + outbox->waiting_bytes));
    struct request *waiting = outbox->waiting;
    struct request *last = outbox->last;
    outbox->waiting = outbox->last = NULL;
    outbox->waiting_bytes = 0;
    buffer_release(&outbox->unsent);
    outbox->sent = 0;
    pthread_mutex_unlock(&outbox->lock);
    free_list(waiting);
    free_list(last);
}

void outbox_add(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->in_flight++;
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_add_write(struct outbox *outbox, struct request *request)
{
    request->counted_write = true;
    pthread_mutex_lock(&outbox->lock);
    outbox->writes++;
    pthread_mutex_unlock(&outbox->lock);
}

/* ---- sending; the lock is held ---- */

static void drop_sent(struct outbox *outbox, size_t bytes)
{
    outbox->sent += bytes;
    add_total(outbox, -(int64_t)bytes);
    if (outbox->sent < outbox->unsent.length)
        return;
    outbox->sent = 0;
    if (outbox->unsent.capacity > KEEP_CAPACITY)
        buffer_release(&outbox->unsent);
    else
        buffer_clear(&outbox->unsent);
}

/* Bytes the socket took now, without waiting. */
static size_t send_parts(struct outbox *outbox, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = sendmsg(outbox->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        counter_add(COUNTER_BYTES_WRITTEN, sent);
        return (size_t)sent;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOMEM)
        outbox->broken = true;
    return 0;
}

static struct iovec part(const void *bytes, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
}

static void send_unsent(struct outbox *outbox)
{
    size_t left = unsent_bytes(outbox);
    if (left == 0 || outbox->broken)
        return;
    struct iovec rest = part(outbox->unsent.data + outbox->sent, left);
    size_t sent = send_parts(outbox, &rest, 1);
    if (sent == 0)
        return;
    drop_sent(outbox, sent);
    outbox->progress = clock_now();
}

/* What goes over the wire for a reply; `header` must live as long as the parts. */
static size_t split_reply(const struct request *request, char header[32], struct iovec parts[PARTS])
{
    size_t count = 0, length = request->reply.length;
    if (request->reply_is_wire) {
        parts[count++] = part(request->reply.data, length);
        return count;
    }
    if (request->resp && request->failure == ERROR_NONE)
        parts[count++] = part(header, (size_t)snprintf(header, 32, "$%zu\r\n", length));
    parts[count++] = part(request->reply.data, length);
    parts[count++] = request->resp ? part("\r\n", 2) : part("\n", 1);
    return count;
}

static void keep_rest(struct outbox *outbox, const struct iovec *parts, size_t count, size_t sent)
{
    if (unsent_bytes(outbox) == 0)
        outbox->progress = clock_now();
    if (outbox->sent >
        outbox->unsent.length / 2) { /* a reader that is always a little late must not make it grow */
        memmove(outbox->unsent.data, outbox->unsent.data + outbox->sent, unsent_bytes(outbox));
        outbox->unsent.length -= outbox->sent;
        outbox->sent = 0;
    }
    size_t before = outbox->unsent.length;
    for (size_t i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        buffer_append(&outbox->unsent, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip);
        sent -= skip;
    }
    add_total(outbox, (int64_t)(outbox->unsent.length - before));
}

/* The reply's turn has come. */
static void emit(struct outbox *outbox, struct request *request, struct request **done)
{
    request->next = *done;
    *done = request;
    if (outbox->closing || outbox->broken)
        return;
    char header[32];
    struct iovec parts[PARTS];
    size_t count = split_reply(request, header, parts), sent = 0, length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    if (in_turn != outbox && !outbox->gathering && unsent_bytes(outbox) == 0)
        sent = send_parts(outbox, parts, count);
    if (sent < length && !outbox->broken)
        keep_rest(outbox, parts, count, sent);
    outbox->closing = request->close_after;
}

static void wait_for_turn(struct outbox *outbox, struct request *request)
{
    struct request **place = &outbox->waiting;
    while (*place != NULL && (*place)->slot < request->slot)
        place = &(*place)->next;
    request->next = *place;
    *place = request;
    outbox->waiting_bytes += request->reply.length;
    add_total(outbox, (int64_t)request->reply.length);
}

static void emit_waiting(struct outbox *outbox, struct request **done)
{
    while (outbox->waiting != NULL && outbox->waiting->slot == outbox->next_slot) {
        struct request *request = outbox->waiting;
        outbox->waiting = request->next;
        outbox->waiting_bytes -= request->reply.length;
        add_total(outbox, -(int64_t)request->reply.length);
        outbox->next_slot++;
        emit(outbox, request, done);
    }
}

static bool needs_io_thread(const struct outbox *outbox)
{
    if (outbox->tended || outbox->queued)
        return false;
    size_t unsent = unsent_bytes(outbox);
    if (outbox->attention || outbox->broken || outbox->closing || (unsent != 0 && !outbox->armed))
        return true;
    int64_t all = atomic_load_explicit(&outbox->totals->unsent, memory_order_relaxed);
    return (int64_t)(unsent + outbox->waiting_bytes) >
               atomic_load_explicit(&outbox->totals->close_limit, memory_order_relaxed) ||
           all > atomic_load_explicit(&outbox->totals->total_limit, memory_order_relaxed);
}

static void finish(struct outbox *outbox, struct request *request, struct request **done)
{
    if (outbox->number != request->connection) {
        request->next = *done;
        *done = request;
        return;
    }
    outbox->in_flight--;
    outbox->writes -= request->counted_write;
    request->next = NULL;
    if (request->close_after && outbox->last == NULL) {
        outbox->last = request;
    } else if (request->slot == OUTBOX_TAGGED) {
        emit(outbox, request, done);
    } else {
        wait_for_turn(outbox, request);
        emit_waiting(outbox, done);
    }
    /* nothing goes out after it, so it goes after everything that was sent before it, tagged or not */
    if (outbox->in_flight == 0 && outbox->last != NULL) {
        struct request *last = outbox->last;
        outbox->last = NULL;
        emit(outbox, last, done);
    }
}

bool outbox_finish(struct outbox *outbox, struct request *requests, struct request **done)
{
    pthread_mutex_lock(&outbox->lock);
    bool is_open = outbox->number == requests->connection;
    bool was_empty = unsent_bytes(outbox) == 0;
    outbox->gathering = requests->next != NULL;
    while (requests != NULL) {
        struct request *next = requests->next;
        finish(outbox, requests, done);
        requests = next;
    }
    if (outbox->gathering && was_empty && in_turn != outbox)
        send_unsent(outbox);
    outbox->gathering = false;
    bool wake = is_open && needs_io_thread(outbox);
    outbox->queued = outbox->queued || wake;
    pthread_mutex_unlock(&outbox->lock);
    return wake;
}

/* ---- what the I/O thread wants to know ---- */

static void fill_status(const struct outbox *outbox, struct outbox_status *status)
{
    *status = (struct outbox_status){
        .in_flight = outbox->in_flight,
        .writes = outbox->writes,
        .unsent = unsent_bytes(outbox) + outbox->waiting_bytes,
        .progress = unsent_bytes(outbox) == 0 ? 0 : outbox->progress,
        .closing = outbox->closing,
        .broken = outbox->broken,
    };
}

void outbox_begin_turn(struct outbox *outbox, struct outbox_status *status)
{
    pthread_mutex_lock(&outbox->lock);
    in_turn = outbox;
    outbox->tended = true;
    outbox->queued = false;
    fill_status(outbox, status);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_flush(struct outbox *outbox, bool attention, size_t pipeline, struct outbox_status *status)
{
    pthread_mutex_lock(&outbox->lock);
    in_turn = NULL;
    outbox->tended = false;
    send_unsent(outbox);
    outbox->armed = unsent_bytes(outbox) != 0;
    outbox->attention = attention || outbox->in_flight >= pipeline;
    fill_status(outbox, status);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_look(struct outbox *outbox, struct outbox_status *status)
{
    pthread_mutex_lock(&outbox->lock);
    fill_status(outbox, status);
    pthread_mutex_unlock(&outbox->lock);
}
