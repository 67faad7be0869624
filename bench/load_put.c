/* load_put.c - PUTs and VIEWs, pipelined: how fast they are acknowledged. */
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
#include <time.h>

#define BUSY_WAIT_MS 20

/* A PUT whose reply is still to come. */
struct pending {
    size_t article;
    int64_t sent;
};

struct connection {
    const struct load_options *options;
    const struct lines *articles;
    pthread_t thread;
    int64_t deadline;     /* 0: none */
    size_t next;          /* article to send; then every `connections`th */
    struct pending *ring; /* `window` of them */
    size_t ring_first;
    size_t ring_count;
    struct pending *again; /* answered busy */
    size_t again_count;
    size_t acknowledged;
    size_t rejected;
    size_t busy;
    char first_rejection[300];
    struct buffer out;
    struct samples samples;
};

/* "PUT {…}" with the prefix before the article's id. */
static void append_put(struct buffer *out, const struct line *article, const char *prefix)
{
    buffer_append_string(out, "PUT ");
    const char *key = prefix[0] != '\0' ? memmem(article->text, article->length, "\"id\"", 4) : NULL;
    const char *quote = NULL;
    if (key != NULL)
        quote = memchr(key + 4, '"', article->length - (size_t)(key + 4 - article->text));
    if (quote != NULL) {
        size_t before = (size_t)(quote + 1 - article->text);
        buffer_append(out, article->text, before);
        buffer_append_string(out, prefix);
        buffer_append(out, article->text + before, article->length - before);
    } else {
        buffer_append(out, article->text, article->length);
    }
    buffer_append_char(out, '\n');
}

/* VIEW {"id":…} */
static void append_view(struct buffer *out, const struct line *article, const char *prefix)
{
    const char *end = article->text + article->length;
    const char *key = memmem(article->text, article->length, "\"id\"", 4);
    const char *quote = key == NULL ? NULL : memchr(key + 4, '"', (size_t)(end - key - 4));
    const char *last = quote == NULL ? NULL : memchr(quote + 1, '"', (size_t)(end - quote - 1));
    if (last == NULL)
        return;
    buffer_append_string(out, "VIEW {\"id\":\"");
    buffer_append_string(out, prefix);
    buffer_append(out, quote + 1, (size_t)(last - quote - 1));
    buffer_append_string(out, "\"}\n");
}

static bool take_next(struct connection *connection, size_t *article)
{
    if (connection->again_count > 0) {
        *article = connection->again[--connection->again_count].article;
        return true;
    }
    size_t end = connection->options->view ? connection->options->count : connection->articles->count;
    if (connection->next >= end || (connection->deadline != 0 && clock_now() > connection->deadline))
        return false;
    *article = connection->next;
    connection->next += connection->options->connections;
    return true;
}

static void send_some(struct connection *connection, struct client *client)
{
    size_t article;
    buffer_clear(&connection->out);
    while (connection->ring_count < connection->options->window && take_next(connection, &article)) {
        (connection->options->view ? append_view : append_put)(
            &connection->out, &connection->articles->items[article % connection->articles->count],
            connection->options->prefix);
        size_t at = (connection->ring_first + connection->ring_count++) % connection->options->window;
        connection->ring[at] = (struct pending){article, clock_now()};
    }
    if (connection->out.length > 0)
        client_send(client, connection->out.data, connection->out.length);
}

static void wait_a_little(void)
{
    struct timespec time = {.tv_nsec = BUSY_WAIT_MS * NANOSECONDS_PER_MS};
    nanosleep(&time, NULL);
}

static void receive_one(struct connection *connection, struct client *client)
{
    const char *reply = client_receive(client, NULL);
    struct pending put = connection->ring[connection->ring_first];
    connection->ring_first = (connection->ring_first + 1) % connection->options->window;
    connection->ring_count--;
    if (reply_is_good(reply)) {
        connection->acknowledged++;
        samples_add(&connection->samples, clock_now() - put.sent);
    } else if (strstr(reply, "\"code\":\"busy\"") != NULL) {
        connection->busy++;
        connection->again[connection->again_count++] = put;
        wait_a_little();
    } else if (connection->rejected++ == 0) {
        snprintf(connection->first_rejection, sizeof connection->first_rejection, "%s", reply);
    }
}

static void *run_connection(void *context)
{
    struct connection *connection = context;
    struct client client;
    client_open(&client, connection->options->address);
    connection->ring = memory_zeroed(connection->options->window, sizeof *connection->ring);
    connection->again = memory_zeroed(connection->options->window, sizeof *connection->again);
    for (;;) {
        send_some(connection, &client);
        if (connection->ring_count == 0)
            break;
        receive_one(connection, &client);
        while (connection->ring_count > 0 && client_has_line(&client))
            receive_one(connection, &client);
    }
    client_close(&client);
    free(connection->ring);
    free(connection->again);
    buffer_release(&connection->out);
    return NULL;
}

static int report(struct connection *connections, size_t count, int64_t elapsed)
{
    struct samples all = {0};
    size_t acknowledged = 0;
    size_t rejected = 0;
    size_t busy = 0;
    for (size_t i = 0; i < count; i++) {
        samples_append(&all, &connections[i].samples);
        if (connections[i].rejected > 0 && rejected == 0)
            fprintf(stderr, "an article was rejected: %s\n", connections[i].first_rejection);
        acknowledged += connections[i].acknowledged;
        rejected += connections[i].rejected;
        busy += connections[i].busy;
        samples_release(&connections[i].samples);
    }
    double seconds = (double)elapsed / NANOSECONDS_PER_SECOND;
    printf("{");
    samples_print(&all);
    printf(",\"acknowledged\":%zu,\"rejected\":%zu,\"busy\":%zu,\"seconds\":%.3f,\"per_second\":%.1f}\n",
           acknowledged, rejected, busy, seconds, (double)acknowledged / seconds);
    samples_release(&all);
    return 0;
}

int load_put(const struct load_options *options)
{
    struct lines articles;
    lines_load(&articles, options->file,
               options->count != 0 && !options->view ? options->first + options->count : 0);
    struct connection *connections = memory_zeroed(options->connections, sizeof *connections);
    int64_t started = clock_now();
    for (size_t i = 0; i < options->connections; i++) {
        connections[i].options = options;
        connections[i].articles = &articles;
        connections[i].next = options->first + i;
        if (options->seconds > 0)
            connections[i].deadline = started + (int64_t)(options->seconds * NANOSECONDS_PER_SECOND);
        pthread_create(&connections[i].thread, NULL, run_connection, &connections[i]);
    }
    for (size_t i = 0; i < options->connections; i++)
        pthread_join(connections[i].thread, NULL);
    int status = report(connections, options->connections, clock_now() - started);
    lines_release(&articles);
    free(connections);
    return status;
}

int load_view(const struct load_options *options)
{
    struct load_options views = *options;
    views.view = true;
    return load_put(&views);
}
