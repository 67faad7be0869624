/* command_get.c - GET: articles from the store. */
#include "command/handlers.h"
#include "command/hits.h"

#include <string.h>

/* The article's members, or -1; not_found is the caller's to judge. */
static int write_article(struct worker *worker, const char *id, const json_t *fields,
                         struct json_writer *writer, struct error *error)
{
    struct store_reader *store;
    uint64_t revision;
    int64_t views;
    buffer_clear(&worker->text);
    if (worker_store(worker, &store, error) != 0 ||
        store_get(store, id, &worker->text, &revision, &views, error) != 0)
        return -1;
    json_begin_object(writer);
    int result = hit_write_stored(worker, worker->text.data, worker->text.length, views, revision, fields,
                                  writer, error);
    json_end_object(writer);
    return result;
}

static int write_articles(struct worker *worker, const json_t *ids, const json_t *fields,
                          struct json_writer *reply, struct error *error)
{
    struct buffer missing = BUFFER_INIT;
    struct json_writer missing_writer;
    json_writer_init(&missing_writer, &missing);
    json_begin_array(&missing_writer);
    json_key(reply, "articles");
    json_begin_array(reply);
    int result = 0;
    for (size_t i = 0; i < json_array_size(ids) && result == 0; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        struct error reason = ERROR_INIT;
        if (write_article(worker, id, fields, reply, &reason) == 0)
            continue;
        if (reason.code == ERROR_NOT_FOUND)
            json_text(&missing_writer, id);
        else {
            *error = reason;
            result = -1;
        }
    }
    json_end_array(reply);
    json_end_array(&missing_writer);
    json_key(reply, "missing");
    json_raw(reply, missing.data, missing.length);
    buffer_release(&missing);
    return result;
}

static int write_profile(struct worker *worker, const json_t *wanted, struct json_writer *reply,
                         struct error *error)
{
    enum name_kind kind;
    struct profile *named;
    profile_kind_parse(schema_text(wanted, "kind", ""), &kind); /* the schema has seen to it */
    if (profile_named(kind, schema_text(wanted, "name", ""), &named, error) != 0)
        return -1;
    const struct profile_term *term = &named->terms[0];
    struct profile *profile = registry_find(worker->service->profiles, term->text, term->length, term->hash);
    int result = 0;
    if (profile != NULL) {
        json_key(reply, "profile");
        json_raw(reply, profile->text, profile->length);
    } else {
        result = error_set(error, ERROR_NOT_FOUND, "there is no profile of the %s \"%s\"",
                           profile_kind_name(kind), named->name);
    }
    profile_release(profile);
    profile_release(named);
    return result;
}

int command_get(struct request *request, struct worker *worker, struct json_writer *reply,
                struct error *error)
{
    const char *id = schema_text(request->arguments, "id", NULL);
    const json_t *ids = json_object_get(request->arguments, "ids");
    const json_t *fields = json_object_get(request->arguments, "fields");
    const json_t *profile = json_object_get(request->arguments, "profile");
    if ((id != NULL) + (ids != NULL) + (profile != NULL) != 1)
        return error_set(error, ERROR_BAD_REQUEST, "GET needs one of \"id\", \"ids\" and \"profile\"");
    if (profile != NULL && fields != NULL)
        return error_set(error, ERROR_BAD_REQUEST, "\"fields\" are those of articles: not with \"profile\"");
    if (profile != NULL)
        return write_profile(worker, profile, reply, error);
    if (hit_fields_check(fields, error) != 0)
        return COMMAND_FAILED;
    if (ids != NULL)
        return write_articles(worker, ids, fields, reply, error);
    json_key(reply, "article");
    return write_article(worker, id, fields, reply, error);
}
