/*
 * client.h - a blocking client of the line protocol, for storyctl and tests.
 *
 * Requests may be pipelined: any number of client_send(), then client_read() for each reply. What cannot be
 * sent because the daemon waits for its replies to be read is no deadlock: replies that arrive meanwhile are
 * kept. Untagged requests are answered in order; tagged ones ("@7 GET a1") may overtake, their reply names
 * the tag. Errors: unavailable (not reachable, timed out, closed); after one the client can only be closed.
 * One thread at a time.
 */
#ifndef STORYD_CTL_CLIENT_H
#define STORYD_CTL_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

struct client;

/* "unix:PATH" or "tcp:HOST:PORT"; bad_request if it is neither. `timeout_ms` bounds the connecting and each
 * wait for the daemon afterwards; 0 = none. NULL on failure. */
struct client *client_connect(const char *address, int64_t timeout_ms, struct error *error);
void client_close(struct client *client); /* NULL is fine */

/* Queues a request line (without line end; bad_request if there is one inside) and sends it when much is
 * queued; client_flush() and client_read() send what is left. */
int client_send(struct client *client, const char *line, size_t length, struct error *error);
int client_flush(struct client *client, struct error *error);

/* Replaces `reply` by the next reply line, of any length, without its line end. */
int client_read(struct client *client, struct buffer *reply, struct error *error);

/* The same, but waits at most `wait_ms` for it: 1 with a reply, 0 if none has come. */
int client_try_read(struct client *client, int64_t wait_ms, struct buffer *reply, struct error *error);

/* To poll() for replies together with something else; first see that client_try_read() has none left. */
int client_descriptor(const struct client *client);

/* One request and its reply; only when no other reply is awaited. */
int client_request(struct client *client, const char *line, struct buffer *reply, struct error *error);

#endif
