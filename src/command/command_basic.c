/* command_basic.c - PING, HELLO, QUIT. */
#include "command/handlers.h"
#include "daemon/service.h"

#define PROTOCOL_NUMBER 1

int command_ping(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error)
{
    (void)request;
    (void)worker;
    (void)error;
    json_key_bool(reply, "pong", true);
    return COMMAND_DONE;
}

static void write_features(struct json_writer *writer)
{
    static const char *const features[] = {"search",       "related", "connected", "reindex",  "views",
                                           "min_revision", "resp2",   "copies",    "profiles", "trending"};
    json_key(writer, "features");
    json_begin_array(writer);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        json_text(writer, features[i]);
    json_end_array(writer);
}

static void write_command_help(struct json_writer *writer, enum role role)
{
    json_key(writer, "commands");
    json_begin_object(writer);
    for (const struct command *command = commands; command->name != NULL; command++)
        if (command->role <= role)
            json_key_text(writer, command->name, command->help);
    json_end_object(writer);
}

int command_hello(struct request *request, struct worker *worker, struct json_writer *reply,
                  struct error *error)
{
    (void)worker;
    (void)error;
    json_key_text(reply, "name", "storyd");
    json_key_text(reply, "version", STORYD_VERSION);
    json_key_int(reply, "protocol", PROTOCOL_NUMBER);
    json_key_text(reply, "role", role_name(request->role));
    write_features(reply);
    json_key(reply, "limits");
    service_write_limits(request->service, reply);
    write_command_help(reply, request->role);
    return COMMAND_DONE;
}

int command_quit(struct request *request, struct worker *worker, struct json_writer *reply,
                 struct error *error)
{
    (void)request;
    (void)worker;
    (void)reply;
    (void)error;
    return COMMAND_DONE; /* the table says that it is the last */
}
