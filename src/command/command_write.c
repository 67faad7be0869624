/* command_write.c - PUT, PATCH, DELETE, VIEW: checked here, written by the committer, answered from its
 * thread. */
#include "article/article.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/handlers.h"
#include "daemon/service.h"
#include "daemon/waiters.h"

#include <stdlib.h>
#include <string.h>

#define VISIBLE_WAIT_MS 10000

/* ---- the way back ---- */

/* Ends the reply; one with "wait":"visible" goes on waiting for its revision. */
static void answer(struct request *request, struct json_writer *writer, uint64_t revision)
{
    request_end_reply(request, writer);
    if (schema_text(request->arguments, "wait", NULL) == NULL) {
        request_finish(request);
        return;
    }
    struct service *service = request->service;
    int64_t wait_ms = schema_integer(request->arguments, "wait_ms", VISIBLE_WAIT_MS);
    index_hurry(service->index);
    waiters_add(service->waiters, request, revision, clock_now() + wait_ms * NANOSECONDS_PER_MS);
}

/* On the committer's thread. */
static void written(struct write *write)
{
    struct request *request = write->context;
    if (write->result != 0) {
        request_fail(request, &write->error);
        request_finish(request);
    } else {
        struct json_writer writer;
        request_begin_reply(request, &writer);
        json_key_text(&writer, "id", write->id);
        if (write->kind == WRITE_VIEW)
            json_key_int(&writer, "views", write->total_views);
        else
            json_key_int(&writer, "revision", (int64_t)write->revision);
        if (write->kind == WRITE_PUT)
            json_key_bool(&writer, "created", write->created);
        answer(request, &writer, write->revision);
    }
    write_free(write);
}

static int submit(struct request *request, struct write *write, struct error *error)
{
    write->done = written;
    write->context = request;
    if (service_check_memory(request->service, true, error) != 0 ||
        committer_submit(request->service->committer, write, error) != 0) {
        write_free(write);
        return COMMAND_FAILED;
    }
    return COMMAND_PENDING;
}

/* Takes the article's members out of the request, which keeps its own, if it has any: a large tree is gone
 * before the committer would have to free it. */
static json_t *take_members(struct request *request)
{
    static const char *const own[] = {"wait", "wait_ms", "if_revision"};
    json_t *members = request->arguments;
    request->arguments = NULL;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_t *value = json_object_get(members, own[i]);
        if (value == NULL)
            continue;
        if (request->arguments == NULL)
            request->arguments = json_object();
        json_object_set(request->arguments, own[i], value);
        json_object_del(members, own[i]);
    }
    return members;
}

/* ---- the commands ---- */

int command_put(struct request *request, struct worker *worker, struct json_writer *reply,
                struct error *error)
{
    (void)worker;
    (void)reply;
    struct article *article;
    if (article_from_json(take_members(request), &article, error) != 0)
        return COMMAND_FAILED;
    struct write *write = write_new(WRITE_PUT, article->id);
    struct buffer text = BUFFER_INIT;
    buffer_reserve(&text, request->argument_length); /* what is stored is hardly ever longer */
    article_write_stored(article, &text);
    write->text_length = text.length;
    write->text = buffer_steal(&text);
    write->views = article->views;
    write->if_revision = schema_integer(request->arguments, "if_revision", -1);
    article_free(article);
    return submit(request, write, error);
}

int command_patch(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error)
{
    (void)worker;
    (void)reply;
    const json_t *id = json_object_get(request->arguments, "id");
    if (!json_is_string(id) || json_string_length(id) == 0)
        return error_set(error, ERROR_BAD_REQUEST, "PATCH needs \"id\", the id of the article to change");
    struct write *write = write_new(WRITE_PATCH, json_string_value(id));
    write->patch = take_members(request);
    write->text_max = request->limits.article_bytes;
    write->if_revision = schema_integer(request->arguments, "if_revision", -1);
    return submit(request, write, error);
}

int command_view(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error)
{
    (void)worker;
    (void)reply;
    struct write *write = write_new(WRITE_VIEW, schema_text(request->arguments, "id", ""));
    write->views = schema_integer(request->arguments, "count", 1);
    return submit(request, write, error);
}

/* ---- DELETE of several: one write each, one reply when the last is done ---- */

struct deletion {
    struct request *request;
    size_t expected;
    size_t answered;
    uint64_t revision;
    size_t deleted;
    json_t *missing;
    struct error error;
    bool failed;
    pthread_mutex_t lock; /* the submitter and the committer both count */
};

static void deletion_finish(struct deletion *deletion)
{
    struct request *request = deletion->request;
    if (deletion->failed) {
        request_fail(request, &deletion->error);
        request_finish(request);
    } else {
        struct json_writer writer;
        request_begin_reply(request, &writer);
        json_key_int(&writer, "revision", (int64_t)deletion->revision);
        json_key_int(&writer, "deleted", (int64_t)deletion->deleted);
        json_key(&writer, "missing");
        json_value(&writer, deletion->missing);
        answer(request, &writer, deletion->revision);
    }
    json_decref(deletion->missing);
    pthread_mutex_destroy(&deletion->lock);
    free(deletion);
}

static void deletion_count(struct deletion *deletion, const struct write *write, const struct error *refusal)
{
    pthread_mutex_lock(&deletion->lock);
    if (refusal != NULL || (write->result != 0 && write->error.code != ERROR_NOT_FOUND)) {
        deletion->failed = true;
        deletion->error = refusal != NULL ? *refusal : write->error;
    } else if (write->result != 0)
        json_array_append_new(deletion->missing, json_string(write->id));
    else {
        deletion->deleted++;
        deletion->revision = write->revision;
    }
    bool last = ++deletion->answered == deletion->expected;
    pthread_mutex_unlock(&deletion->lock);
    if (last)
        deletion_finish(deletion);
}

static void deleted(struct write *write)
{
    deletion_count(write->context, write, NULL);
    write_free(write);
}

static int delete_many(struct request *request, const json_t *ids, struct error *error)
{
    if (service_check_memory(request->service, true, error) != 0)
        return COMMAND_FAILED;
    struct deletion *deletion = memory_zeroed(1, sizeof *deletion);
    size_t count = json_array_size(ids);
    deletion->request = request;
    deletion->expected = count;
    deletion->missing = json_array();
    pthread_mutex_init(&deletion->lock, NULL);
    struct write **writes = memory_zeroed(count, sizeof(struct write *));
    for (size_t i = 0; i < count; i++) {
        writes[i] = write_new(WRITE_DELETE, json_string_value(json_array_get(ids, i)));
        writes[i]->done = deleted;
        writes[i]->context = deletion;
    }
    struct committer *committer = request->service->committer;
    for (size_t i = 0; i < count; i++) {
        struct error refusal = ERROR_INIT;
        if (committer_submit(committer, writes[i], &refusal) == 0)
            continue;
        struct write *refused = writes[i];
        deletion_count(deletion, refused, &refusal);
        write_free(refused);
    }
    free(writes);
    return COMMAND_PENDING;
}

int command_delete(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error)
{
    (void)worker;
    (void)reply;
    const char *id = schema_text(request->arguments, "id", NULL);
    const json_t *ids = json_object_get(request->arguments, "ids");
    if ((id == NULL) == (ids == NULL))
        return error_set(error, ERROR_BAD_REQUEST, "DELETE needs either \"id\" or \"ids\"");
    if (ids != NULL && json_object_get(request->arguments, "if_revision") != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "\"if_revision\" goes with \"id\", not with \"ids\"");
    if (ids != NULL)
        return delete_many(request, ids, error);
    struct write *write = write_new(WRITE_DELETE, id);
    write->if_revision = schema_integer(request->arguments, "if_revision", -1);
    return submit(request, write, error);
}
