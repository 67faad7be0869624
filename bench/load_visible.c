/*
 * load_visible.c - how long after its acknowledgement an article can be found.
 *
 * One thread PUTs articles at a fixed rate, each with a word of its own in the title; another searches for
 * the oldest word not found yet, again and again: what becomes visible does so in order. Other connections
 * may run queries meanwhile.
 */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "client.h"
#include "lines.h"
#include "load.h"
#include "samples.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS INT64_C(1000000)
#define LOST_AFTER_NS (INT64_C(30) * NANOSECONDS_PER_SECOND)

struct article {
    char word[40];
    struct buffer request;
    int64_t sent;
    int64_t acknowledged;
};

struct visible {
    const struct load_options *options;
    struct article *articles;
    size_t count;
    atomic_size_t written;
    atomic_bool over;
    struct lines queries;
    atomic_size_t queries_done;
    atomic_size_t queries_failed;
    size_t lost;
    struct samples acknowledge;
    struct samples lag;
};

/* Letters only, so that neither tokeniser nor stemmer changes it. */
static void make_word(char word[40], size_t number)
{
    static const char letters[] = "bcdfghjklmnpqrtvwxz";
    unsigned long long value = (unsigned long long)number * 7919 + (unsigned long long)getpid() * 100003 +
                               (unsigned long long)clock_wall_seconds() * 1000003;
    size_t at = 0;
    word[at++] = 'z';
    word[at++] = 'q';
    for (; value > 0; value /= sizeof letters - 1)
        word[at++] = letters[value % (sizeof letters - 1)];
    word[at] = '\0';
}

static void make_article(struct article *article, const struct line *source, size_t number)
{
    json_t *object = json_loadb(source->text, source->length, 0, NULL);
    const char *title = json_string_value(json_object_get(object, "title"));
    struct buffer text = BUFFER_INIT;
    make_word(article->word, number);
    buffer_printf(&text, "%s %.300s", article->word, title != NULL ? title : "");
    json_t *new_title = json_string(text.data);
    json_object_set_new(object, "title", new_title != NULL ? new_title : json_string(article->word));
    json_object_set_new(object, "id", json_string(article->word));
    char *json = json_dumps(object, JSON_COMPACT);
    buffer_printf(&article->request, "PUT %s\n", json);
    free(json);
    buffer_release(&text);
    json_decref(object);
}

static void sleep_until(int64_t time)
{
    struct timespec when = {.tv_sec = time / NANOSECONDS_PER_SECOND,
                            .tv_nsec = time % NANOSECONDS_PER_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
        ;
}

static void *write_articles(void *context)
{
    struct visible *visible = context;
    struct client client;
    client_open(&client, visible->options->address);
    int64_t started = clock_now();
    for (size_t i = 0; i < visible->count; i++) {
        struct article *article = &visible->articles[i];
        sleep_until(started + (int64_t)((double)i * NANOSECONDS_PER_SECOND / visible->options->rate));
        article->sent = clock_now();
        const char *reply = client_ask(&client, article->request.data, article->request.length);
        article->acknowledged = clock_now();
        if (!reply_is_good(reply)) {
            fprintf(stderr, "an article was rejected: %.300s\n", reply);
            exit(1);
        }
        samples_add(&visible->acknowledge, article->acknowledged - article->sent);
        atomic_store(&visible->written, i + 1);
    }
    client_close(&client);
    return NULL;
}

static bool is_found(struct client *client, const struct article *article)
{
    char request[120];
    int length = snprintf(request, sizeof request,
                          "SEARCH {\"query\":\"%s\",\"limit\":1,\"fields\":[\"id\"]}\n", article->word);
    const char *reply = client_ask(client, request, (size_t)length);
    if (!reply_is_good(reply)) {
        fprintf(stderr, "a search failed: %.300s\n", reply);
        exit(1);
    }
    return strstr(reply, "\"hits\":[]") == NULL;
}

static void *watch_articles(void *context)
{
    struct visible *visible = context;
    struct client client;
    client_open(&client, visible->options->address);
    for (size_t i = 0; i < visible->count;) {
        if (atomic_load(&visible->written) > i) {
            const struct article *article = &visible->articles[i];
            bool found = is_found(&client, article);
            int64_t lag = clock_now() - article->acknowledged;
            visible->lost += !found && lag > LOST_AFTER_NS;
            if (found)
                samples_add(&visible->lag, lag);
            if (found || lag > LOST_AFTER_NS) {
                i++;
                continue;
            }
        }
        sleep_until(clock_now() + POLL_NS);
    }
    client_close(&client);
    return NULL;
}

static void *run_queries(void *context)
{
    struct visible *visible = context;
    struct client client;
    struct buffer request = BUFFER_INIT;
    client_open(&client, visible->options->address);
    for (size_t i = 0; !atomic_load(&visible->over); i++) {
        const struct line *line = &visible->queries.items[i % visible->queries.count];
        buffer_clear(&request);
        buffer_append(&request, line->text, line->length);
        buffer_append_char(&request, '\n');
        bool good = reply_is_good(client_ask(&client, request.data, request.length));
        atomic_fetch_add(good ? &visible->queries_done : &visible->queries_failed, 1);
    }
    buffer_release(&request);
    client_close(&client);
    return NULL;
}

static void make_articles(struct visible *visible)
{
    const struct load_options *options = visible->options;
    struct lines sources;
    double seconds = options->seconds > 0 ? options->seconds : 20;
    visible->count = (size_t)(options->rate * seconds);
    lines_load(&sources, options->file, visible->count);
    visible->articles = memory_zeroed(visible->count + 1, sizeof *visible->articles);
    for (size_t i = 0; i < visible->count && sources.count > 0; i++)
        make_article(&visible->articles[i], &sources.items[i % sources.count], i);
    lines_release(&sources);
}

int load_visible(const struct load_options *options)
{
    struct visible visible = {.options = options};
    pthread_t writer;
    pthread_t watcher;
    pthread_t *others = memory_zeroed(options->connections, sizeof *others);
    make_articles(&visible);
    if (options->queries != NULL)
        lines_load(&visible.queries, options->queries, 0);
    bool queries = visible.queries.count > 0;
    int64_t started = clock_now();
    for (size_t i = 0; queries && i < options->connections; i++)
        pthread_create(&others[i], NULL, run_queries, &visible);
    pthread_create(&writer, NULL, write_articles, &visible);
    pthread_create(&watcher, NULL, watch_articles, &visible);
    pthread_join(writer, NULL);
    pthread_join(watcher, NULL);
    atomic_store(&visible.over, true);
    for (size_t i = 0; queries && i < options->connections; i++)
        pthread_join(others[i], NULL);
    double seconds = (double)(clock_now() - started) / NANOSECONDS_PER_SECOND;
    printf("{\"lag\":{");
    samples_print(&visible.lag);
    printf("},\"acknowledge\":{");
    samples_print(&visible.acknowledge);
    printf("},\"lost\":%zu,\"queries\":%zu,\"queries_failed\":%zu,\"queries_per_second\":%.1f,\"put_per_"
           "second\":%.1f}\n",
           visible.lost, atomic_load(&visible.queries_done), atomic_load(&visible.queries_failed),
           (double)atomic_load(&visible.queries_done) / seconds, (double)visible.count / seconds);
    for (size_t i = 0; i < visible.count; i++)
        buffer_release(&visible.articles[i].request);
    free(visible.articles);
    free(others);
    return visible.lost == 0 ? 0 : 1;
}
