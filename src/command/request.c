#include "command/request.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "net/server.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *role_name(enum role role)
{
    static const char *const names[] = {
        [ROLE_NONE] = "none", [ROLE_QUERY] = "query", [ROLE_WRITE] = "write", [ROLE_ADMIN] = "admin"};
    return names[role];
}

void request_begin_reply(struct request *request, struct json_writer *writer)
{
    buffer_clear(&request->reply);
    request->failure = ERROR_NONE;
    json_writer_init(writer, &request->reply);
    json_begin_object(writer);
    json_key_bool(writer, "ok", true);
}

void request_end_reply(struct request *request, struct json_writer *writer)
{
    if (request->tag[0] != '\0')
        json_key_text(writer, "tag", request->tag);
    json_end_object(writer);
}

/* "-CODE message": one line whatever the message holds. */
static void fail_resp(struct request *request, const struct error *error)
{
    struct buffer *reply = &request->reply;
    buffer_append_char(reply, '-');
    for (const char *letter = error_code_name(error->code); *letter != '\0'; letter++)
        buffer_append_char(reply, (char)toupper((unsigned char)*letter));
    buffer_append_char(reply, ' ');
    size_t message = reply->length;
    utf8_append_clean(reply, error->message, strlen(error->message));
    for (size_t i = message; i < reply->length; i++)
        if (reply->data[i] == '\r' || reply->data[i] == '\n')
            reply->data[i] = ' ';
}

static void fail_json(struct request *request, const struct error *error)
{
    struct buffer message = BUFFER_INIT;
    utf8_append_clean(&message, error->message, strlen(error->message));
    struct json_writer writer;
    json_writer_init(&writer, &request->reply);
    json_begin_object(&writer);
    json_key_bool(&writer, "ok", false);
    json_key(&writer, "error");
    json_begin_object(&writer);
    json_key_text(&writer, "code", error_code_name(error->code));
    json_key(&writer, "message");
    json_text_n(&writer, message.length == 0 ? "" : message.data, message.length);
    if (error->retry_after_ms > 0)
        json_key_int(&writer, "retry_after_ms", error->retry_after_ms);
    json_end_object(&writer);
    request_end_reply(request, &writer);
    buffer_release(&message);
}

void request_fail(struct request *request, const struct error *error)
{
    buffer_clear(&request->reply);
    request->failure = error->code;
    if (request->resp)
        fail_resp(request, error);
    else
        fail_json(request, error);
}

void request_finish(struct request *request)
{
    server_finish(request);
}

void request_free(struct request *request)
{
    if (request == NULL)
        return;
    json_decref(request->arguments);
    buffer_release(&request->text);
    buffer_release(&request->reply);
    free(request);
}
