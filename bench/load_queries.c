/* load_queries.c - closed loop: each connection has one request under way. */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "client.h"
#include "lines.h"
#include "load.h"
#include "samples.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_REQUESTS 20000

struct requests {
    struct buffer *items; /* each a complete request */
    size_t count;
};

struct connection {
    const struct load_options *options;
    const struct requests *requests;
    pthread_barrier_t *start;
    pthread_t thread;
    size_t number;
    size_t share; /* measured requests */
    size_t errors;
    char first_error[200];
    int64_t started;
    int64_t ended;
    struct samples samples;
};

/* `*2 $6 SEARCH $… {…}` for a line "SEARCH {…}". */
static void append_resp(struct buffer *out, const char *line, size_t length)
{
    const char *blank = memchr(line, ' ', length);
    size_t verb = blank != NULL ? (size_t)(blank - line) : length;
    buffer_printf(out, "*%d\r\n$%zu\r\n%.*s\r\n", blank != NULL ? 2 : 1, verb, (int)verb, line);
    if (blank == NULL)
        return;
    buffer_printf(out, "$%zu\r\n", length - verb - 1);
    buffer_append(out, blank + 1, length - verb - 1);
    buffer_append_string(out, "\r\n");
}

static void make_requests(struct requests *requests, const struct load_options *options)
{
    static const struct line ping = {"PING", 4};
    struct lines lines = {0};
    if (options->file != NULL)
        lines_load(&lines, options->file, 0);
    const struct line *items = options->file != NULL ? lines.items : &ping;
    requests->count = options->file != NULL ? lines.count : 1;
    requests->items = memory_zeroed(requests->count + 1, sizeof *requests->items);
    for (size_t i = 0; i < requests->count; i++) {
        if (options->resp) {
            append_resp(&requests->items[i], items[i].text, items[i].length);
        } else {
            buffer_append(&requests->items[i], items[i].text, items[i].length);
            buffer_append_char(&requests->items[i], '\n');
        }
    }
    lines_release(&lines);
}

static void ask(struct connection *connection, struct client *client, size_t number)
{
    const struct buffer *request = &connection->requests->items[number % connection->requests->count];
    const char *reply = client_ask(client, request->data, request->length);
    if (reply_is_good(reply))
        return;
    if (connection->errors++ == 0)
        snprintf(connection->first_error, sizeof connection->first_error, "%s", reply);
}

/* Connections start at different places of the list. */
static void *run_connection(void *context)
{
    struct connection *connection = context;
    struct client client;
    client_open(&client, connection->options->address);
    size_t next = connection->number * connection->requests->count / connection->options->connections;
    for (size_t i = 0; i < connection->options->warm; i++)
        ask(connection, &client, next + i);
    pthread_barrier_wait(connection->start);
    connection->started = clock_now();
    for (size_t i = 0; i < connection->share; i++) {
        int64_t before = clock_now();
        ask(connection, &client, next + i);
        samples_add(&connection->samples, clock_now() - before);
    }
    connection->ended = clock_now();
    client_close(&client);
    return NULL;
}

static int report(struct connection *connections, size_t count)
{
    struct samples all = {0};
    size_t errors = 0;
    int64_t started = connections[0].started;
    int64_t ended = connections[0].ended;
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = &connections[i];
        samples_append(&all, &connection->samples);
        if (connection->errors > 0 && errors == 0)
            fprintf(stderr, "a request failed: %s\n", connection->first_error);
        errors += connection->errors;
        started = connection->started < started ? connection->started : started;
        ended = connection->ended > ended ? connection->ended : ended;
        samples_release(&connection->samples);
    }
    printf("{");
    samples_print(&all);
    printf(",\"per_second\":%.1f,\"errors\":%zu}\n",
           (double)all.count * NANOSECONDS_PER_SECOND / (double)(ended - started), errors);
    samples_release(&all);
    return errors == 0 ? 0 : 1;
}

int load_queries(const struct load_options *options)
{
    struct requests requests;
    make_requests(&requests, options);
    size_t total = options->requests != 0  ? options->requests
                   : options->file != NULL ? requests.count
                                           : PING_REQUESTS;
    struct connection *connections = memory_zeroed(options->connections, sizeof *connections);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)options->connections);
    for (size_t i = 0; requests.count > 0 && i < options->connections; i++) {
        connections[i] = (struct connection){.options = options,
                                             .requests = &requests,
                                             .start = &start,
                                             .number = i,
                                             .share = total / options->connections};
        pthread_create(&connections[i].thread, NULL, run_connection, &connections[i]);
    }
    for (size_t i = 0; requests.count > 0 && i < options->connections; i++)
        pthread_join(connections[i].thread, NULL);
    int status = report(connections, options->connections);
    for (size_t i = 0; i < requests.count; i++)
        buffer_release(&requests.items[i]);
    free(requests.items);
    free(connections);
    return status;
}
