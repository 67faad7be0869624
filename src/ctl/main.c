/* main.c - storyctl: the administrator's client. */
#include "base/buffer.h"
#include "base/clock.h"
#include "config/config.h"
#include "ctl/client.h"
#include "ctl/import.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define EXIT_REFUSED 1 /* the daemon answered with an error */
#define EXIT_USAGE 2
#define EXIT_UNREACHABLE 3
#define DEFAULT_TIMEOUT "60"
#define REINDEX_POLL_MS 500

struct tool {
    const char *address;
    int64_t timeout_ms;
    bool indent;
    struct client *client;
    struct buffer reply;
};

static const char help[] =
    "Usage: storyctl [--socket ADDRESS] [--timeout SECONDS] [--indent] VERB [ARGUMENT]…\n"
    "Sends one request to storyd and prints the reply, one line of JSON.\n\n"
    "  VERB ARGUMENT…   any command of the protocol, in small or capital letters; the arguments are joined\n"
    "                   by spaces: storyctl search spotify tag:ai; storyctl get '{\"id\":\"a17\"}'\n"
    "  raw LINE         sends the line as it is\n"
    "  import FILE…     writes articles, one JSON object a line; - is standard input\n"
    "  reindex          starts a reindex and waits for its end (reindex status: how far it is)\n\n"
    "  --socket ADDRESS   unix:PATH or tcp:HOST:PORT; else $STORYCTL_SOCKET, else storyd's default\n"
    "  --timeout SECONDS  how long to wait for an answer (" DEFAULT_TIMEOUT "; 0: for ever)\n"
    "  --indent           print replies over several lines, as is done on a terminal\n\n"
    "Exit codes: 0 done, 1 refused by the daemon, 2 wrong usage, 3 the daemon cannot be reached.\n";

static int report(const struct error *error)
{
    fprintf(stderr, "storyctl: %s\n", error->message);
    return error->code == ERROR_BAD_REQUEST ? EXIT_USAGE : EXIT_UNREACHABLE;
}

/* The exit code that goes with the reply. */
static int print_reply(const struct tool *tool)
{
    json_t *reply = json_loadb(tool->reply.data, tool->reply.length, 0, NULL);
    char *indented =
        tool->indent && reply != NULL ? json_dumps(reply, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    puts(indented != NULL ? indented : tool->reply.data);
    free(indented);
    int code = json_is_true(json_object_get(reply, "ok")) ? EXIT_SUCCESS : EXIT_REFUSED;
    json_decref(reply);
    return code;
}

static int run_line(struct tool *tool, const char *line)
{
    struct error error = ERROR_INIT;
    if (client_request(tool->client, line, &tool->reply, &error) < 0)
        return report(&error);
    return print_reply(tool);
}

static int run_words(struct tool *tool, int count, char **words)
{
    struct buffer line = BUFFER_INIT;
    for (const char *letter = words[0]; *letter != '\0'; letter++)
        buffer_append_char(&line, (char)toupper((unsigned char)*letter));
    for (int i = 1; i < count; i++)
        buffer_printf(&line, " %s", words[i]);
    int code = run_line(tool, line.data);
    buffer_release(&line);
    return code;
}

static int run_raw(struct tool *tool, int count, char **words)
{
    if (count != 2) {
        fputs("storyctl: raw takes one argument, the line\n", stderr);
        return EXIT_USAGE;
    }
    return run_line(tool, words[1]);
}

static int import_one(struct tool *tool, const char *name, struct import_result *result)
{
    struct error error = ERROR_INIT;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (file == NULL) {
        fprintf(stderr, "storyctl: cannot open %s: %s\n", name, strerror(errno));
        return EXIT_USAGE;
    }
    int code = import_file(tool->client, file, name, result, &error) == 0 ? EXIT_SUCCESS : report(&error);
    if (file != stdin)
        fclose(file);
    return code;
}

static int run_import(struct tool *tool, int count, char **words)
{
    if (count < 2) {
        fputs("storyctl: import needs a file; - is standard input\n", stderr);
        return EXIT_USAGE;
    }
    struct import_result result = {0};
    int64_t start = clock_now();
    int code = EXIT_SUCCESS;
    for (int i = 1; i < count && code == EXIT_SUCCESS; i++)
        code = import_one(tool, words[i], &result);
    if (code == EXIT_SUCCESS && result.failed > 0)
        code = EXIT_REFUSED;
    struct json_writer writer;
    buffer_clear(&tool->reply);
    json_writer_init(&writer, &tool->reply);
    json_begin_object(&writer);
    json_key_bool(&writer, "ok", code == EXIT_SUCCESS);
    json_key_int(&writer, "stored", (int64_t)result.stored);
    json_key_int(&writer, "failed", (int64_t)result.failed);
    json_key_number(&writer, "seconds", (double)(clock_now() - start) / NANOSECONDS_PER_SECOND, 3);
    json_end_object(&writer);
    print_reply(tool);
    return code;
}

/* Prints how far the reindex is, on one line of the terminal; false when it has ended. */
static bool show_progress(const struct tool *tool, bool *failed)
{
    json_t *reply = json_loadb(tool->reply.data, tool->reply.length, 0, NULL);
    json_t *reindex = json_object_get(reply, "reindex");
    bool running = json_is_true(json_object_get(reindex, "running"));
    const char *phase = json_string_value(json_object_get(reindex, "phase"));
    *failed = !json_is_true(json_object_get(reply, "ok")) || json_object_get(reindex, "error") != NULL;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s: %lld of %lld articles, %.0f a second, %.0f s left   %s",
                phase != NULL ? phase : "", (long long)json_integer_value(json_object_get(reindex, "done")),
                (long long)json_integer_value(json_object_get(reindex, "total")),
                json_number_value(json_object_get(reindex, "rate")),
                json_number_value(json_object_get(reindex, "seconds_left")), running ? "" : "\n");
    json_decref(reply);
    return running;
}

static int run_reindex(struct tool *tool, int count, char **words)
{
    if (count > 1)
        return run_words(tool, count, words);
    struct error error = ERROR_INIT;
    bool failed;
    if (client_request(tool->client, "REINDEX start", &tool->reply, &error) < 0)
        return report(&error);
    while (show_progress(tool, &failed)) {
        struct timespec pause = {.tv_nsec = REINDEX_POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
        if (client_request(tool->client, "REINDEX status", &tool->reply, &error) < 0)
            return report(&error);
    }
    int code = print_reply(tool);
    return failed ? EXIT_REFUSED : code;
}

/* The verbs that are more than one request; the others go to the daemon as they are. */
static const struct {
    const char *name;
    int (*run)(struct tool *tool, int count, char **words);
} verbs[] = {{"raw", run_raw}, {"import", run_import}, {"reindex", run_reindex}};

static int run_verb(struct tool *tool, int count, char **words)
{
    struct error error = ERROR_INIT;
    tool->client = client_connect(tool->address, tool->timeout_ms, &error);
    if (tool->client == NULL)
        return report(&error);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcasecmp(words[0], verbs[i].name) == 0)
            return verbs[i].run(tool, count, words);
    }
    return run_words(tool, count, words);
}

/* The value of `--name VALUE` or `--name=VALUE`; NULL if the word at *at is another one. */
static const char *option_value(const char *name, int count, char **words, int *at)
{
    size_t length = strlen(name);
    if (strncmp(words[*at], name, length) != 0)
        return NULL;
    if (words[*at][length] == '=')
        return words[*at] + length + 1;
    return words[*at][length] == '\0' && *at + 1 < count ? words[++*at] : NULL;
}

/* Returns the index of the verb, or -1. */
static int read_options(struct tool *tool, int count, char **words)
{
    const char *timeout = DEFAULT_TIMEOUT;
    int at = 1;
    for (; at < count && words[at][0] == '-' && words[at][1] != '\0'; at++) {
        const char *value;
        if ((value = option_value("--socket", count, words, &at)) != NULL) {
            tool->address = value;
        } else if ((value = option_value("--timeout", count, words, &at)) != NULL) {
            timeout = value;
        } else if (strcmp(words[at], "--indent") == 0) {
            tool->indent = true;
        } else {
            fprintf(stderr, "storyctl: \"%s\" is unknown or has no value\n", words[at]);
            return -1;
        }
    }
    char *end;
    long seconds = strtol(timeout, &end, 10);
    if (end == timeout || *end != '\0' || seconds < 0 || seconds > 86400) {
        fputs("storyctl: --timeout takes seconds, 0 to 86400\n", stderr);
        return -1;
    }
    tool->timeout_ms = seconds * 1000;
    return at;
}

int main(int count, char **words)
{
    for (int i = 1; i < count && words[i][0] == '-'; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(words[i], "--version") == 0) {
            puts("storyctl " STORYD_VERSION);
            return EXIT_SUCCESS;
        }
    }
    const char *listen = option_table[OPTION_server_listen].default_text;
    char *usual = config_next_word(&listen);
    const char *chosen = getenv("STORYCTL_SOCKET");
    struct tool tool = {.address = chosen != NULL ? chosen : usual, .indent = isatty(STDOUT_FILENO) == 1};
    int verb = read_options(&tool, count, words);
    int code = EXIT_USAGE;
    if (verb == count)
        fputs(help, stderr);
    else if (verb > 0)
        code = run_verb(&tool, count - verb, words + verb);
    client_close(tool.client);
    buffer_release(&tool.reply);
    free(usual);
    return code;
}
