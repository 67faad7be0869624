#include "command/command.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/json_reader.h"
#include "base/nearest.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COMMANDS_MAX 128 /* rows that are counted and offered as nearest */

static struct {
    _Atomic int64_t calls;
    _Atomic int64_t failed;
    _Atomic int64_t nanoseconds;
} figures[COMMANDS_MAX];

const struct command *command_find(const char *name, size_t length)
{
    for (const struct command *command = commands; command->name != NULL; command++)
        if (strncasecmp(command->name, name, length) == 0 && command->name[length] == '\0')
            return command;
    return NULL;
}

const char *command_nearest(const char *name, size_t length)
{
    const char *names[COMMANDS_MAX + 1];
    size_t count = 0;
    for (; count < COMMANDS_MAX && commands[count].name != NULL; count++)
        names[count] = commands[count].name;
    names[count] = NULL;
    char word[64];
    if (length >= sizeof word)
        return NULL;
    memcpy(word, name, length);
    word[length] = '\0';
    return nearest_word(word, names);
}

static void reject_json(struct error *error, const char *what, size_t most, const char *unit)
{
    counter_add(COUNTER_ARGUMENTS_REJECTED, 1);
    error_set(error, ERROR_BAD_REQUEST, "the argument %s %zu %s", what, most, unit);
}

static json_t *parse_json(const char *text, size_t length, const struct command_limits *limits,
                          struct error *error)
{
    json_error_t reason;
    enum json_excess excess;
    struct json_bounds bounds = {limits->json_depth, limits->json_nodes};
    json_t *object = json_read_bounded(text, length, &bounds, &excess, &reason);
    if (excess == JSON_TOO_DEEP) {
        reject_json(error, "is nested deeper than", limits->json_depth, "levels (limits.json_depth)");
    } else if (excess == JSON_TOO_MANY) {
        reject_json(error, "has more than", limits->json_nodes, "values (limits.json_nodes)");
    } else if (object == NULL) {
        char *excerpt = strstr(reason.text, " near "); /* the client's own bytes, cut anywhere */
        if (excerpt != NULL)
            *excerpt = '\0';
        char *flag = strstr(reason.text, " without JSON_"); /* how a programmer would allow it */
        if (flag != NULL)
            *flag = '\0';
        error_set(error, ERROR_BAD_REQUEST, "the argument is not valid JSON: %s at byte %d", reason.text,
                  reason.position);
    }
    return object;
}

static const struct parameter *find_parameter(const struct command *command, const char *name)
{
    for (const struct parameter *parameter = command->parameters;
         parameter != NULL && parameter->name != NULL; parameter++)
        if (strcmp(parameter->name, name) == 0)
            return parameter;
    return NULL;
}

/* A number if the whole text is one, else the text itself: the schema then says what was expected. */
static json_t *number_from_text(const char *text, size_t length)
{
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    if (json_is_number(value))
        return value;
    json_decref(value);
    return json_stringn(text, length);
}

static json_t *parse_bare(const struct command *command, const char *text, size_t length, struct error *error)
{
    if (command->main_parameter == NULL) {
        error_set(error, ERROR_BAD_REQUEST, "%s takes %s, not bare text", command->name,
                  command->parameters == NULL || command->parameters->name == NULL ? "no argument"
                                                                                   : "a JSON object");
        return NULL;
    }
    const struct parameter *parameter = find_parameter(command, command->main_parameter);
    json_t *value;
    if (parameter != NULL && (parameter->type == PARAMETER_INTEGER || parameter->type == PARAMETER_NUMBER))
        value = number_from_text(text, length);
    else if (parameter != NULL && parameter->type == PARAMETER_TEXT_LIST)
        value = json_pack("[o]", json_stringn(text, length));
    else
        value = json_stringn(text, length);
    json_t *object = value == NULL ? NULL : json_pack("{so}", command->main_parameter, value);
    if (object == NULL)
        error_set(error, ERROR_BAD_REQUEST, "the argument is not valid UTF-8 text");
    return object;
}

/* STATS or REINDEX must answer on an overloaded storyd, too. */
static bool takes_deadline(const struct command *command)
{
    if (command->place != COMMAND_ON_WORKER || command->parameters == NULL)
        return false;
    for (const struct parameter *parameter = command->parameters; parameter->name != NULL; parameter++)
        if (strcmp(parameter->name, "deadline_ms") == 0)
            return true;
    return false;
}

static int set_deadline(struct request *request, const struct command_limits *limits, struct error *error)
{
    bool is_query = takes_deadline(request->command);
    int64_t given = schema_integer(request->arguments, "deadline_ms", 0);
    int64_t milliseconds = given != 0 ? given : is_query ? limits->deadline_ms : 0;
    if (given < 0 || given > limits->deadline_max_ms) {
        counter_add(COUNTER_DEADLINES_REJECTED, 1);
        return error_set(error, ERROR_BAD_REQUEST, "\"deadline_ms\" must be 1 to %lld (limits.deadline_max)",
                         (long long)limits->deadline_max_ms);
    }
    request->deadline = milliseconds == 0 ? 0 : request->received + milliseconds * NANOSECONDS_PER_MS;
    return 0;
}

/* null is absent: handlers need not look for it. In an article it means something and stays. */
static void drop_nulls(const struct parameter *parameters, json_t *arguments)
{
    for (const struct parameter *parameter = parameters; parameter != NULL && parameter->name != NULL;
         parameter++)
        if (parameter->type != PARAMETER_ANY && json_is_null(json_object_get(arguments, parameter->name)))
            json_object_del(arguments, parameter->name);
}

int command_parse_arguments(struct request *request, const char *text, size_t length,
                            const struct command_limits *limits, struct error *error)
{
    while (length != 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    request->argument_length = length;
    if (length == 0)
        request->arguments = json_object();
    else if (text[0] == '{')
        request->arguments = parse_json(text, length, limits, error);
    else
        request->arguments = parse_bare(request->command, text, length, error);
    if (request->arguments == NULL ||
        schema_check(request->command->parameters, request->arguments, error) < 0)
        return -1;
    drop_nulls(request->command->parameters, request->arguments);
    return set_deadline(request, limits, error);
}

static int prepare(struct request *request, struct error *error)
{
    if (request->text.length != 0) {
        int result = command_parse_arguments(request, request->text.data, request->text.length,
                                             &request->limits, error);
        buffer_release(&request->text);
        if (result < 0)
            return -1;
    }
    if (request->deadline != 0 && clock_now() > request->deadline)
        return error_set(error, ERROR_DEADLINE, "the deadline passed before the request could be started");
    return 0;
}

bool command_run(struct request *request, struct worker *worker)
{
    struct error error = ERROR_INIT;
    int result = prepare(request, &error);
    struct json_writer writer;
    if (result == 0) {
        request_begin_reply(request, &writer);
        result = request->command->run(request, worker, &writer, &error);
    }
    if (result == COMMAND_PENDING)
        return false;
    if (result == COMMAND_DONE)
        request_end_reply(request, &writer);
    else
        request_fail(request, &error);
    return true;
}

void command_count(const struct command *command, bool failed, int64_t nanoseconds)
{
    size_t row = (size_t)(command - commands);
    if (row >= COMMANDS_MAX)
        return;
    atomic_fetch_add_explicit(&figures[row].calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures[row].failed, failed, memory_order_relaxed);
    atomic_fetch_add_explicit(&figures[row].nanoseconds, nanoseconds, memory_order_relaxed);
}

void command_write_figures(struct json_writer *writer)
{
    json_begin_object(writer);
    for (size_t row = 0; row < COMMANDS_MAX && commands[row].name != NULL; row++) {
        int64_t nanoseconds = atomic_load_explicit(&figures[row].nanoseconds, memory_order_relaxed);
        json_key(writer, commands[row].name);
        json_begin_object(writer);
        json_key_int(writer, "calls", atomic_load_explicit(&figures[row].calls, memory_order_relaxed));
        json_key_int(writer, "failed", atomic_load_explicit(&figures[row].failed, memory_order_relaxed));
        json_key_number(writer, "seconds", (double)nanoseconds / (double)NANOSECONDS_PER_SECOND, 6);
        json_end_object(writer);
    }
    json_end_object(writer);
}
