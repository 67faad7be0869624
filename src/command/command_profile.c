/* command_profile.c - PROFILE: checked here, written by the committer, answered from its thread. */
#include "command/handlers.h"
#include "daemon/service.h"

#include <string.h>

/* On the committer's thread. */
static void written(struct write *write)
{
    struct request *request = write->context;
    if (write->result != 0) {
        request_fail(request, &write->error);
    } else {
        struct json_writer writer;
        request_begin_reply(request, &writer);
        json_key_text(&writer, "kind", profile_kind_name(write->profile->kind));
        json_key_text(&writer, "name", write->profile->name);
        if (write->kind == WRITE_PROFILE)
            json_key_bool(&writer, "created", write->created);
        else
            json_key_bool(&writer, "removed", true);
        request_end_reply(request, &writer);
    }
    request_finish(request);
    write_free(write);
}

static int profile_to_remove(const json_t *arguments, struct profile **profile, struct error *error)
{
    static const char *const others[] = {"about", "aliases", "url", "image"};
    enum name_kind kind;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_object_get(arguments, others[i]) != NULL)
            return error_set(error, ERROR_BAD_REQUEST,
                             "\"remove\" removes the whole profile: it goes without \"%s\"", others[i]);
    profile_kind_parse(schema_text(arguments, "kind", ""), &kind); /* the schema has seen to it */
    return profile_named(kind, schema_text(arguments, "name", ""), profile, error);
}

static int profile_to_store(const json_t *arguments, struct profile **profile, struct error *error)
{
    json_t *members = json_deep_copy(arguments);
    json_object_del(members, "remove");
    return profile_from_json(members, profile, error);
}

int command_profile(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)worker;
    (void)reply;
    bool remove = schema_bool(request->arguments, "remove", false);
    struct profile *profile;
    if (remove ? profile_to_remove(request->arguments, &profile, error) != 0
               : profile_to_store(request->arguments, &profile, error) != 0)
        return COMMAND_FAILED;
    struct write *write = write_new(remove ? WRITE_REMOVE_PROFILE : WRITE_PROFILE, "");
    write->profile = profile;
    write->done = written;
    write->context = request;
    if (service_check_memory(request->service, true, error) == 0 &&
        committer_submit(request->service->committer, write, error) == 0)
        return COMMAND_PENDING;
    write_free(write);
    return COMMAND_FAILED;
}
