#include "store/committer.h"

#include "article/article.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/queue.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_WRITES 256
#define GROUP_BYTES ((size_t)4 << 20)
#define RETRY_AFTER_MS 50

struct committer {
    struct store_writer *writer;
    struct committer_options options;
    struct queue *queue;
    _Atomic size_t queued_bytes;
    _Atomic uint64_t head;
    atomic_bool stopping;
    pthread_t thread;

    /* the thread's own */
    struct write **group;
    size_t group_count;
    size_t group_bytes;
    struct write *held_over;   /* taken from the queue, but too large for that group */
    struct profile **doubtful; /* of a group that failed: nobody knows what the store has in their places */
    size_t doubtful_count;
};

struct write *write_new(enum write_kind kind, const char *id)
{
    struct write *write = memory_zeroed(1, sizeof *write);
    write->kind = kind;
    write->id = memory_copy_string(id);
    write->views = -1;
    write->if_revision = -1;
    write->total_views = -1;
    return write;
}

void write_free(struct write *write)
{
    if (write == NULL)
        return;
    json_decref(write->patch);
    profile_release(write->profile);
    free(write->text);
    free(write->id);
    free(write);
}

/* ---- one write ---- */

static int write_put(struct store_writer *writer, struct write *write, const char *text, size_t length,
                     int64_t views)
{
    struct store_change change;
    if (store_put(writer, write->id, text, length, views, write->if_revision, &change, &write->error) != 0)
        return -1;
    write->revision = change.revision;
    write->created = change.previous == 0;
    if (views >= 0)
        write->total_views = views;
    return 0;
}

static int write_delete(struct store_writer *writer, struct write *write)
{
    struct store_change change;
    if (store_delete(writer, write->id, write->if_revision, &change, &write->error) != 0)
        return -1;
    write->revision = change.revision;
    write->total_views = 0;
    return 0;
}

static int check_patch(const struct write *write, struct error *error)
{
    const json_t *id = json_object_get(write->patch, "id");
    const json_t *title = json_object_get(write->patch, "title");
    if (!json_is_object(write->patch))
        return error_set(error, ERROR_BAD_REQUEST, "a patch must be a JSON object");
    if (id != NULL && (!json_is_string(id) || strcmp(json_string_value(id), write->id) != 0))
        return error_set(error, ERROR_BAD_REQUEST, "a patch cannot change \"id\": leave it out");
    if (json_is_null(title))
        return error_set(error, ERROR_BAD_REQUEST, "a patch cannot remove \"title\": every article has one");
    return 0;
}

/* The article as the patch makes it. */
static int patch_article(const struct write *write, const struct buffer *stored, struct article **article,
                         struct error *error)
{
    json_error_t json_error;
    json_t *before = json_loadb(stored->data != NULL ? stored->data : "", stored->length, 0, &json_error);
    if (before == NULL)
        return error_set(error, ERROR_INTERNAL, "the stored article is not JSON: %s", json_error.text);
    json_t *after = article_merge_patch(before, write->patch);
    json_decref(before);
    return article_from_json(after, article, error);
}

/* One patch after the other must not make an article that no reply can bring back. */
static int check_growth(const struct write *write, size_t before, size_t after, struct error *error)
{
    if (write->text_max == 0 || after <= write->text_max || after <= before)
        return 0;
    return error_set(error, ERROR_TOO_LARGE,
                     "the article would have %zu bytes after the patch, at most %zu are allowed (line_write)",
                     after, write->text_max);
}

static int write_patch(struct store_writer *writer, struct write *write)
{
    struct buffer text = BUFFER_INIT;
    struct article *article = NULL;
    uint64_t revision;
    int result = check_patch(write, &write->error);
    if (result == 0)
        result = store_get_in_transaction(writer, write->id, &text, &revision, &write->error);
    if (result == 0)
        result = patch_article(write, &text, &article, &write->error);
    size_t before = text.length;
    if (result == 0) {
        buffer_clear(&text);
        article_write_stored(article, &text);
        result = check_growth(write, before, text.length, &write->error);
    }
    if (result == 0)
        result = write_put(writer, write, text.data, text.length, article->views);
    article_free(article);
    buffer_release(&text);
    return result;
}

/* The registry knows whose the names are, the writes of this group before it included. */
static int write_profile(struct committer *committer, struct write *write)
{
    const struct profile *profile = write->profile;
    if (registry_stage(committer->options.profiles, write->profile, &write->created, &write->error) != 0)
        return -1;
    return store_put_profile(committer->writer, (int)profile->kind, profile->key, profile->text,
                             profile->length, &write->error);
}

static int remove_profile(struct committer *committer, struct write *write)
{
    const struct profile *profile = write->profile;
    if (registry_stage_removal(committer->options.profiles, profile, &write->error) != 0)
        return -1;
    if (store_remove_profile(committer->writer, (int)profile->kind, profile->key, &write->error) == 0)
        return 0;
    if (write->error.code == ERROR_NOT_FOUND)
        error_set(&write->error, ERROR_NOT_FOUND, "there is no profile of the %s \"%s\"",
                  profile_kind_name(profile->kind), profile->name);
    return -1;
}

static int apply(struct committer *committer, struct write *write)
{
    struct store_writer *writer = committer->writer;
    switch (write->kind) {
    case WRITE_PUT:
        return write_put(writer, write, write->text, write->text_length, write->views);
    case WRITE_PATCH:
        return write_patch(writer, write);
    case WRITE_DELETE:
        return write_delete(writer, write);
    case WRITE_VIEW:
        return store_add_views(writer, write->id, write->views, &write->total_views, &write->error);
    case WRITE_PROFILE:
        return write_profile(committer, write);
    case WRITE_REMOVE_PROFILE:
        return remove_profile(committer, write);
    }
    return error_set(&write->error, ERROR_INTERNAL, "unknown kind of write");
}

/* ---- the group ---- */

/* A failed sync may have stored the group all the same. The registry has not taken its profiles, and their
 * names may be given to others now: the next group puts in their places what the registry has there. */
static int settle_profile(struct committer *committer, const struct profile *doubtful)
{
    const struct profile_term *term = &doubtful->terms[0];
    struct profile *shown = registry_find(committer->options.profiles, term->text, term->length, term->hash);
    struct error error = ERROR_INIT;
    int result;
    if (shown != NULL && strcmp(shown->key, doubtful->key) == 0)
        result = store_put_profile(committer->writer, (int)shown->kind, shown->key, shown->text,
                                   shown->length, &error);
    else
        result = store_remove_profile(committer->writer, (int)doubtful->kind, doubtful->key, &error);
    profile_release(shown);
    return result == 0 || error.code == ERROR_NOT_FOUND ? 0 : -1;
}

static bool is_doubtful(const struct committer *committer, const struct profile *profile)
{
    for (size_t i = 0; i < committer->doubtful_count; i++)
        if (committer->doubtful[i]->kind == profile->kind &&
            strcmp(committer->doubtful[i]->key, profile->key) == 0)
            return true;
    return false;
}

static void note_doubtful(struct committer *committer)
{
    for (size_t i = 0; i < committer->group_count; i++) {
        const struct profile *profile = committer->group[i]->profile;
        if (profile == NULL || is_doubtful(committer, profile))
            continue;
        committer->doubtful =
            memory_resize(committer->doubtful, committer->doubtful_count + 1, sizeof(struct profile *));
        committer->doubtful[committer->doubtful_count++] = profile_retain(committer->group[i]->profile);
    }
}

static void forget_doubtful(struct committer *committer)
{
    for (size_t i = 0; i < committer->doubtful_count; i++)
        profile_release(committer->doubtful[i]);
    committer->doubtful_count = 0;
}

/* ---- taking writes from the queue ---- */

static void add_to_group(struct committer *committer, struct write *write)
{
    committer->group[committer->group_count++] = write;
    committer->group_bytes += write->bytes;
    committer->queued_bytes -= write->bytes;
}

static void maintain(struct committer *committer, bool idle)
{
    static struct log_limit limit;
    struct error error = ERROR_INIT;
    if (store_maintain(committer->writer, idle, &error) != 0)
        log_limited(&limit, "%s", error.message);
}

/* Waits for a group's first write. False: stopped, nothing is left. */
static bool take_first(struct committer *committer)
{
    struct write *write = committer->held_over;
    committer->held_over = NULL;
    if (write == NULL)
        write = queue_look(committer->queue, committer->options.watch);
    if (write == NULL) {
        maintain(committer, true);
        write = queue_pop(committer->queue, 0);
    }
    committer->group_bytes = 0;
    if (write != NULL)
        add_to_group(committer, write);
    return write != NULL;
}

/* Takes another write that is there, or that a connection is about to submit. False: there is none, or the
 * group is full. */
static bool take_another(struct committer *committer)
{
    if (committer->group_count == committer->options.group_writes)
        return false;
    struct write *write = queue_pop_series(committer->queue, committer->options.watch);
    if (write == NULL)
        return false;
    if (committer->group_bytes + write->bytes > committer->options.group_bytes) {
        committer->held_over = write;
        return false;
    }
    add_to_group(committer, write);
    return true;
}

/* Writes are applied while a connection's next ones are still being read. On failure the store holds nothing
 * of the group, if it was not begun; else nobody knows. */
static int write_group(struct committer *committer, bool *begun, struct error *error)
{
    *begun = store_begin(committer->writer, error) == 0;
    if (!*begun) {
        while (take_another(committer))
            ;
        return -1;
    }
    for (size_t i = 0; i < committer->doubtful_count; i++)
        if (settle_profile(committer, committer->doubtful[i]) != 0)
            break; /* the store has failed: the commit says so */
    do {
        struct write *write = committer->group[committer->group_count - 1];
        write->result = apply(committer, write);
    } while (take_another(committer));
    return store_commit(committer->writer, error);
}

static void fail_group(struct committer *committer, const struct error *error)
{
    static struct log_limit limit;
    log_limited(&limit, "writes refused, the store could not take them count=%zu: %s", committer->group_count,
                error->message);
    counter_add(COUNTER_WRITES_REFUSED, (int64_t)committer->group_count);
    for (size_t i = 0; i < committer->group_count; i++) {
        struct write *write = committer->group[i];
        write->result = -1;
        write->error = *error;
        write->revision = 0;
        write->created = false;
        write->total_views = -1;
    }
}

/* The head also moves when a group whose sync failed is found in the store after all. */
static void publish_head(struct committer *committer)
{
    uint64_t head = store_writer_head(committer->writer);
    if (head == committer->head)
        return;
    committer->head = head;
    if (committer->options.committed != NULL)
        committer->options.committed(committer->options.context, head);
}

static void publish_views(const struct committer *committer)
{
    if (committer->options.viewed == NULL)
        return;
    for (size_t i = 0; i < committer->group_count; i++) {
        const struct write *write = committer->group[i];
        if (write->result == 0 && write->total_views >= 0)
            committer->options.viewed(committer->options.context, write->id, write->total_views,
                                      write->kind == WRITE_VIEW ? 0 : write->revision);
    }
}

static void say_answering(const struct committer *committer, bool begins)
{
    if (committer->options.answering != NULL)
        committer->options.answering(committer->options.context, begins);
}

static void answer_group(struct committer *committer)
{
    say_answering(committer, true);
    for (size_t i = 0; i < committer->group_count; i++) {
        struct write *write = committer->group[i];
        if (write->done != NULL)
            write->done(write);
        else
            write_free(write);
    }
    say_answering(committer, false);
    committer->group_count = 0;
}

static void commit_group(struct committer *committer)
{
    struct error error = ERROR_INIT;
    bool begun;
    if (write_group(committer, &begun, &error) == 0) {
        counter_add(COUNTER_STORE_GROUP_WRITES, (int64_t)committer->group_count);
        registry_publish(committer->options.profiles);
        forget_doubtful(committer);
    } else {
        fail_group(committer, &error);
        registry_discard(committer->options.profiles);
        if (begun)
            note_doubtful(committer);
    }
    publish_head(committer);
    publish_views(committer);
    answer_group(committer);
}

static void *committer_run(void *argument)
{
    struct committer *committer = argument;
    thread_begin("storyd-commit", THREAD_PROMPT);
    while (take_first(committer)) {
        commit_group(committer);
        maintain(committer, false);
    }
    return NULL;
}

/* ---- for the other threads ---- */

static void committer_free(struct committer *committer)
{
    queue_free(committer->queue);
    free(committer->group);
    forget_doubtful(committer);
    free(committer->doubtful);
    free(committer);
}

int committer_start(struct store_writer *writer, const struct committer_options *options,
                    struct committer **result, struct error *error)
{
    struct committer *committer = memory_zeroed(1, sizeof *committer);
    committer->writer = writer;
    committer->options = *options;
    if (committer->options.group_writes == 0)
        committer->options.group_writes = GROUP_WRITES;
    if (committer->options.group_bytes == 0)
        committer->options.group_bytes = GROUP_BYTES;
    committer->queue = queue_new(options->queue_writes);
    committer->group = memory_zeroed(committer->options.group_writes, sizeof(struct write *));
    committer->head = store_writer_head(writer);
    int code = pthread_create(&committer->thread, NULL, committer_run, committer);
    if (code != 0) {
        committer_free(committer);
        return error_set_errno(error, ERROR_UNAVAILABLE, code, "cannot start the committer's thread");
    }
    *result = committer;
    return 0;
}

static size_t weigh(const struct write *write)
{
    size_t bytes = sizeof *write + strlen(write->id) + write->text_length;
    if (write->profile != NULL)
        bytes += write->profile->length;
    if (write->patch != NULL)
        bytes += json_dumpb(write->patch, NULL, 0, JSON_COMPACT);
    return bytes;
}

/* What this thread has submitted since committer_hold(). */
static _Thread_local struct {
    bool holding;
    bool pushed;
} held;

void committer_hold(struct committer *committer)
{
    queue_series_begin(committer->queue);
    held.holding = true;
}

void committer_release(struct committer *committer)
{
    queue_series_end(committer->queue);
    if (held.pushed)
        queue_wake(committer->queue);
    held.holding = held.pushed = false;
}

/* The first write of a series wakes the committer, which then looks for the others itself. Should it have
 * given up looking, or not look at all, the end of the series wakes it. */
static bool push(struct committer *committer, struct write *write)
{
    bool quietly = held.holding && (held.pushed || committer->options.watch == 0);
    bool pushed = quietly ? queue_push_quietly(committer->queue, write) : queue_push(committer->queue, write);
    held.pushed = held.pushed || (pushed && held.holding);
    return pushed;
}

int committer_submit(struct committer *committer, struct write *write, struct error *error)
{
    if (committer->stopping)
        return error_set(error, ERROR_DRAINING, "storyd is stopping: no more writes are taken");
    size_t bytes = weigh(write);
    write->bytes = bytes;
    /* A single write larger than the whole queue must get through some day. */
    size_t before = atomic_fetch_add(&committer->queued_bytes, bytes);
    if ((before == 0 || before + bytes <= committer->options.queue_bytes) && push(committer, write))
        return 0;
    committer->queued_bytes -= bytes;
    if (committer->stopping)
        return error_set(error, ERROR_DRAINING, "storyd is stopping: no more writes are taken");
    return error_set_busy(
        error, RETRY_AFTER_MS,
        "too many writes are waiting for the store (store.queue_writes, store.queue_bytes)");
}

uint64_t committer_head(const struct committer *committer)
{
    return committer->head;
}

size_t committer_waiting(struct committer *committer)
{
    return queue_length(committer->queue);
}

void committer_stop(struct committer *committer)
{
    if (committer == NULL)
        return;
    committer->stopping = true;
    queue_close(committer->queue);
    pthread_join(committer->thread, NULL);
    committer_free(committer);
}
