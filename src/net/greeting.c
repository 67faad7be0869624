#include "net/greeting.h"

#include <string.h>
#include <strings.h>

#ifndef STORYD_VERSION
#define STORYD_VERSION "unknown"
#endif

#define INFO_TEXT "# Server\r\nserver:storyd\r\nstoryd_version:" STORYD_VERSION "\r\n"

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static void answer_bulk(struct request *request, const char *text, size_t length)
{
    buffer_printf(&request->reply, "$%zu\r\n", length);
    buffer_append(&request->reply, text, length);
    buffer_append_string(&request->reply, "\r\n");
}

static void answer_ping(struct request *request, const char *argument, size_t length)
{
    if (length == 0)
        buffer_append_string(&request->reply, "+PONG\r\n");
    else
        answer_bulk(request, argument, length);
}

/* A flat list of names and values, as Redis 6 and later answer protocol 2. */
static void answer_hello(struct request *request, const char *argument, size_t length)
{
    if (argument[0] != '2' || (length > 1 && argument[1] != ' ')) {
        buffer_append_string(&request->reply, "-NOPROTO unsupported protocol version\r\n");
        return;
    }
    buffer_append_string(&request->reply, "*8\r\n$6\r\nserver\r\n$6\r\nstoryd\r\n$7\r\nversion\r\n");
    answer_bulk(request, STORYD_VERSION, strlen(STORYD_VERSION));
    buffer_append_string(&request->reply, "$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n");
}

static void answer_quit(struct request *request, const char *argument, size_t length)
{
    (void)argument;
    (void)length;
    buffer_append_string(&request->reply, "+OK\r\n");
    request->close_after = true;
}

static void answer_select(struct request *request, const char *argument, size_t length)
{
    buffer_append_string(&request->reply,
                         is_word(argument, length, "0") ? "+OK\r\n" : "-ERR there is only database 0\r\n");
}

static void answer_client(struct request *request, const char *argument, size_t length)
{
    (void)argument;
    (void)length;
    buffer_append_string(&request->reply, "+OK\r\n");
}

static void answer_command(struct request *request, const char *argument, size_t length)
{
    buffer_append_string(&request->reply, is_word(argument, length, "COUNT") ? ":0\r\n" : "*0\r\n");
}

static void answer_config(struct request *request, const char *argument, size_t length)
{
    bool is_get = length >= 3 && strncasecmp(argument, "GET", 3) == 0;
    buffer_append_string(&request->reply, is_get ? "*0\r\n" : "-ERR CONFIG knows GET only\r\n");
}

static void answer_info(struct request *request, const char *argument, size_t length)
{
    (void)argument;
    (void)length;
    answer_bulk(request, INFO_TEXT, sizeof INFO_TEXT - 1);
}

static const struct {
    const char *verb;
    void (*answer)(struct request *request, const char *argument, size_t length);
} greetings[] = {
    {"PING", answer_ping},     {"HELLO", answer_hello},   {"QUIT", answer_quit},
    {"SELECT", answer_select}, {"CLIENT", answer_client}, {"COMMAND", answer_command},
    {"CONFIG", answer_config}, {"INFO", answer_info},
};

bool greeting_answer(struct request *request, const struct framing_event *event)
{
    if (is_word(event->verb, event->verb_length, "HELLO") &&
        (event->argument_length == 0 || event->argument[0] < '0' || event->argument[0] > '9'))
        return false; /* storyd's own HELLO */
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++)
        if (is_word(event->verb, event->verb_length, greetings[i].verb)) {
            greetings[i].answer(request, event->argument, event->argument_length);
            request->reply_is_wire = true;
            return true;
        }
    return false;
}
