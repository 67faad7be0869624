/* verb_write.c - put, patch, delete, view. */
#include "ctl/documents.h"
#include "ctl/progress.h"
#include "ctl/session.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

static int64_t integer_of(const struct session *session, const char *key)
{
    return json_integer_value(json_object_get(session->answer, key));
}

static const char *id_of(const struct session *session)
{
    const char *id = json_string_value(json_object_get(session->answer, "id"));
    return id != NULL ? id : "?";
}

static void show_line(struct page *page, struct buffer *line)
{
    page_wrap(page, line->data, 0, 0, 0, STYLE_PLAIN);
    buffer_release(line);
}

static void show_written(const struct session *session, struct page *page)
{
    struct buffer line = BUFFER_INIT;
    const json_t *created = json_object_get(session->answer, "created");
    buffer_printf(&line, "%s: %s, revision %lld", id_of(session),
                  created == NULL         ? "changed"
                  : json_is_true(created) ? "stored"
                                          : "replaced",
                  (long long)integer_of(session, "revision"));
    show_line(page, &line);
}

static void show_deleted(const struct session *session, struct page *page)
{
    const json_t *missing = json_object_get(session->answer, "missing");
    const json_t *count = json_object_get(session->answer, "deleted");
    struct buffer line = BUFFER_INIT;
    progress_append_count(&line, count != NULL ? (uint64_t)json_integer_value(count) : 1);
    buffer_append_string(&line, " deleted");
    for (size_t i = 0; i < json_array_size(missing); i++)
        buffer_printf(&line, "%s%s", i == 0 ? "; there was no " : ", ",
                      json_string_value(json_array_get(missing, i)));
    show_line(page, &line);
}

static void show_views(const struct session *session, struct page *page)
{
    struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "%s: ", id_of(session));
    progress_append_count(&line, (uint64_t)integer_of(session, "views"));
    buffer_append_string(&line, integer_of(session, "views") == 1 ? " view" : " views");
    show_line(page, &line);
}

static void add_wait(const struct invocation *invocation, json_t *arguments)
{
    if (invocation_has(invocation, "wait"))
        json_object_set_new(arguments, "wait", json_string("visible"));
}

static int write_document(struct session *session, const char *verb)
{
    const struct invocation *invocation = session->invocation;
    struct error error = ERROR_INIT;
    json_t *document = document_read(invocation->words[0], &error);
    if (document == NULL)
        return session_complain(EXIT_USAGE, &error);
    add_wait(invocation, document);
    if (invocation_has(invocation, "if-revision"))
        json_object_set_new(document, "if_revision",
                            json_integer(invocation_count(invocation, "if-revision", 0)));
    return session_run(session, verb, document, show_written);
}

int verb_put(struct session *session)
{
    return write_document(session, "PUT");
}

int verb_patch(struct session *session)
{
    return write_document(session, "PATCH");
}

int verb_delete(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    json_t *arguments = json_object();
    json_t *ids = json_array();
    for (size_t i = 0; i < invocation->word_count; i++)
        json_array_append_new(ids, json_string(invocation->words[i]));
    if (invocation->word_count == 1)
        json_object_set(arguments, "id", json_array_get(ids, 0));
    else
        json_object_set(arguments, "ids", ids);
    json_decref(ids);
    add_wait(invocation, arguments);
    return session_run(session, "DELETE", arguments, show_deleted);
}

int verb_view(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    json_t *arguments = json_pack("{s:s}", "id", invocation->words[0]);
    if (arguments == NULL)
        arguments = json_object();
    if (invocation->word_count == 2) {
        char *end;
        long long count = strtoll(invocation->words[1], &end, 10);
        if (*end != '\0' || end == invocation->words[1]) {
            struct error error = ERROR_INIT;
            json_decref(arguments);
            error_set(&error, ERROR_BAD_REQUEST, "view: COUNT must be a whole number, not \"%.60s\"",
                      invocation->words[1]);
            return session_complain(EXIT_USAGE, &error);
        }
        json_object_set_new(arguments, "count", json_integer(count));
    }
    return session_run(session, "VIEW", arguments, show_views);
}
