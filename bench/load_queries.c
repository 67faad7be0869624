/*
 * load_queries.c - closed loop: each connection has one request under way.
 *
 * With --pings each request follows a PING. How long it takes to wake a thread depends on the core it slept
 * on, and on a virtual machine differs tenfold; the system leaves threads where they were for seconds. So
 * what a PING takes between queries is not what it takes among PINGs.
 */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "client.h"
#include "lines.h"
#include "load.h"
#include "samples.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_REQUESTS 20000

struct requests {
    struct buffer *items; /* each a complete request */
    size_t count;
    struct buffer ping;
};

/* Of all connections together. */
struct progress {
    size_t total; /* requests to measure */
    atomic_size_t taken;
};

struct connection {
    const struct load_options *options;
    const struct requests *requests;
    pthread_barrier_t *start;
    pthread_t thread;
    size_t number;
    struct progress *progress;
    size_t errors;
    char first_error[200];
    int64_t started;
    int64_t ended;
    struct samples samples;
    struct samples pings;
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

static void append_request(struct buffer *out, const struct load_options *options, const struct line *line)
{
    if (options->resp) {
        append_resp(out, line->text, line->length);
        return;
    }
    buffer_append(out, line->text, line->length);
    buffer_append_char(out, '\n');
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
    for (size_t i = 0; i < requests->count; i++)
        append_request(&requests->items[i], options, &items[i]);
    append_request(&requests->ping, options, &ping);
    lines_release(&lines);
}

static void ask(struct connection *connection, struct client *client, const struct buffer *request)
{
    const char *reply = client_ask(client, request->data, request->length);
    if (reply_is_good(reply))
        return;
    if (connection->errors++ == 0)
        snprintf(connection->first_error, sizeof connection->first_error, "%s", reply);
}

static void measure(struct connection *connection, struct client *client, const struct buffer *request,
                    struct samples *samples)
{
    int64_t before = clock_now();
    ask(connection, client, request);
    samples_add(samples, clock_now() - before);
}

/* The connections share the measured requests: each takes the next one of the list when it has its reply, so
 * that all are at work until the end. */
static void *run_connection(void *context)
{
    struct connection *connection = context;
    struct client client;
    client_open(&client, connection->options->address);
    const struct requests *requests = connection->requests;
    size_t next = connection->number * requests->count / connection->options->connections;
    for (size_t i = 0; i < connection->options->warm; i++)
        ask(connection, &client, &requests->items[(next + i) % requests->count]);
    pthread_barrier_wait(connection->start);
    connection->started = clock_now();
    struct progress *progress = connection->progress;
    size_t i;
    while ((i = atomic_fetch_add(&progress->taken, 1)) < progress->total) {
        if (connection->options->pings)
            measure(connection, &client, &requests->ping, &connection->pings);
        measure(connection, &client, &requests->items[i % requests->count], &connection->samples);
    }
    connection->ended = clock_now();
    client_close(&client);
    return NULL;
}

static int report(struct connection *connections, size_t count)
{
    struct samples all = {0};
    struct samples pings = {0};
    size_t errors = 0;
    int64_t started = connections[0].started;
    int64_t ended = connections[0].ended;
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = &connections[i];
        samples_append(&all, &connection->samples);
        samples_append(&pings, &connection->pings);
        if (connection->errors > 0 && errors == 0)
            fprintf(stderr, "a request failed: %s\n", connection->first_error);
        errors += connection->errors;
        started = connection->started < started ? connection->started : started;
        ended = connection->ended > ended ? connection->ended : ended;
        samples_release(&connection->samples);
        samples_release(&connection->pings);
    }
    printf("{");
    samples_print(&all);
    if (pings.count != 0)
        printf(",\"ping_p50_us\":%.2f", samples_percentile(&pings, 0.5));
    else
        printf(",\"per_second\":%.1f",
               (double)all.count * NANOSECONDS_PER_SECOND / (double)(ended - started));
    printf(",\"errors\":%zu}\n", errors);
    samples_release(&all);
    samples_release(&pings);
    return errors == 0 ? 0 : 1;
}

int load_queries(const struct load_options *options)
{
    struct requests requests = {0};
    make_requests(&requests, options);
    size_t total = options->requests != 0  ? options->requests
                   : options->file != NULL ? requests.count
                                           : PING_REQUESTS;
    struct connection *connections = memory_zeroed(options->connections, sizeof *connections);
    struct progress progress = {.total = total};
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)options->connections);
    for (size_t i = 0; requests.count > 0 && i < options->connections; i++) {
        connections[i] = (struct connection){
            .options = options, .requests = &requests, .start = &start, .number = i, .progress = &progress};
        pthread_create(&connections[i].thread, NULL, run_connection, &connections[i]);
    }
    for (size_t i = 0; requests.count > 0 && i < options->connections; i++)
        pthread_join(connections[i].thread, NULL);
    int status = report(connections, options->connections);
    for (size_t i = 0; i < requests.count; i++)
        buffer_release(&requests.items[i]);
    buffer_release(&requests.ping);
    free(requests.items);
    free(connections);
    return status;
}
