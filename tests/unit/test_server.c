#include "net/server.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/queue.h"
#include "command/command.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2

static struct server *server;
static pthread_t io_thread;
static pthread_t worker_threads[WORKERS];
static struct queue *work;
static char directory[] = "/tmp/storyd-test-XXXXXX";
static char path[64];
static char address[80];

/* ---- the commands of this test ---- */

static _Atomic int64_t stored; /* what PUT wrote last */
static pthread_mutex_t parked_lock = PTHREAD_MUTEX_INITIALIZER;
static struct request *parked; /* PARK requests, finished by RELEASE in reverse order */

static int run_ping(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)request, (void)worker, (void)error;
    json_key_bool(reply, "pong", true);
    return COMMAND_DONE;
}

static int run_echo(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)worker, (void)error;
    json_key_text(reply, "text", schema_text(request->arguments, "text", ""));
    return COMMAND_DONE;
}

static int run_put(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error)
{
    (void)worker, (void)error;
    sched_yield(); /* gives a read that does not wait for this write its chance to be wrong */
    atomic_store(&stored, schema_integer(request->arguments, "value", 0));
    json_key_int(reply, "stored", atomic_load(&stored));
    return COMMAND_DONE;
}

static int run_get(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error)
{
    (void)request, (void)worker, (void)error;
    json_key_int(reply, "value", atomic_load(&stored));
    return COMMAND_DONE;
}

static int run_park(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)worker, (void)reply, (void)error;
    pthread_mutex_lock(&parked_lock);
    request->next = parked;
    parked = request;
    pthread_mutex_unlock(&parked_lock);
    return COMMAND_PENDING;
}

static int run_release(struct request *request, struct worker *worker, struct json_writer *reply,
                       struct error *error)
{
    (void)request, (void)worker, (void)error;
    pthread_mutex_lock(&parked_lock);
    struct request *list = parked;
    parked = NULL;
    pthread_mutex_unlock(&parked_lock);
    int count = 0;
    while (list != NULL) {
        struct request *next = list->next;
        struct json_writer writer;
        request_begin_reply(list, &writer);
        json_key_text(&writer, "text", schema_text(list->arguments, "text", ""));
        request_end_reply(list, &writer);
        request_finish(list);
        list = next;
        count++;
    }
    json_key_int(reply, "released", count);
    return COMMAND_DONE;
}

static int run_release_together(struct request *request, struct worker *worker, struct json_writer *reply,
                                struct error *error)
{
    server_hold_replies();
    int result = run_release(request, worker, reply, error);
    server_release_replies();
    return result;
}

static int run_big(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error)
{
    (void)worker, (void)error;
    size_t length = (size_t)schema_integer(request->arguments, "bytes", 0);
    char *text = memory_zeroed(length + 1, 1);
    memset(text, 'x', length);
    json_key_text(reply, "text", text);
    free(text);
    return COMMAND_DONE;
}

static int run_quit(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    (void)request, (void)worker, (void)reply, (void)error;
    return COMMAND_DONE;
}

static const struct parameter text_parameters[] = {{.name = "text", .type = PARAMETER_TEXT}, {.name = NULL}};
static const struct parameter value_parameters[] = {
    {.name = "value", .type = PARAMETER_INTEGER, .required = true}, {.name = NULL}};
static const struct parameter bytes_parameters[] = {{.name = "bytes", .type = PARAMETER_INTEGER},
                                                    {.name = NULL}};

const struct command commands[] = {
    {.name = "PING", .role = ROLE_NONE, .place = COMMAND_ON_IO, .run = run_ping},
    {.name = "QUIT", .role = ROLE_NONE, .place = COMMAND_ON_IO, .is_last = true, .run = run_quit},
    {.name = "ECHO",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "text",
     .parameters = text_parameters,
     .run = run_echo},
    {.name = "PUT",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_WORKER,
     .is_write = true,
     .main_parameter = "value",
     .parameters = value_parameters,
     .run = run_put},
    {.name = "PARKWRITE",
     .role = ROLE_WRITE,
     .place = COMMAND_ON_IO,
     .is_write = true,
     .main_parameter = "text",
     .parameters = text_parameters,
     .run = run_park},
    {.name = "GET", .role = ROLE_QUERY, .place = COMMAND_ON_WORKER, .run = run_get},
    {.name = "PARK",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "text",
     .parameters = text_parameters,
     .run = run_park},
    {.name = "PARKHERE",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_IO,
     .main_parameter = "text",
     .parameters = text_parameters,
     .run = run_park},
    {.name = "RELEASE", .role = ROLE_QUERY, .place = COMMAND_ON_WORKER, .run = run_release},
    {.name = "RELEASETOGETHER", .role = ROLE_QUERY, .place = COMMAND_ON_WORKER, .run = run_release_together},
    {.name = "BIG",
     .role = ROLE_QUERY,
     .place = COMMAND_ON_WORKER,
     .main_parameter = "bytes",
     .parameters = bytes_parameters,
     .run = run_big},
    {.name = "REINDEX", .role = ROLE_ADMIN, .place = COMMAND_ON_WORKER, .run = run_get},
    {.name = NULL},
};

/* ---- a server for each test ---- */

static void *worker_main(void *context)
{
    (void)context;
    struct request *request;
    while ((request = queue_pop(work, 0)) != NULL)
        if (command_run(request, NULL))
            request_finish(request);
    return NULL;
}

static int dispatch(void *context, struct request *request, struct error *error)
{
    (void)context;
    return queue_push(work, request) ? 0 : error_set_busy(error, 50, "too many queries wait");
}

static void *io_main(void *context)
{
    (void)context;
    server_run(server);
    return NULL;
}

static const struct server_limits usual = {
    .line_query = 4096,
    .line_write = 65536,
    .json_depth = 8,
    .json_nodes = 100,
    .pipeline = 64,
    .requests_per_turn = 5,
    .output_pause = 65536,
    .output_close = 1 << 20,
    .output_total = 4 << 20,
    .output_stall = 10000,
    .connections = 20,
    .connections_per_address = 2,
    .connections_admin = 2,
    .idle = 10000,
    .request_time = 10000,
    .deadline = 5000,
    .deadline_max = 10000,
};

static void begin_with(const struct server_limits *limits, const char *role)
{
    struct error error = ERROR_INIT;
    log_set_level(LOG_LEVEL_ERROR);
    atomic_store(&stored, 0);
    snprintf(address, sizeof address, "unix:%s;role=%s", path, role);
    server = server_new(limits, NULL, &error);
    assert_non_null(server);
    work = queue_new(10000);
    server_set_dispatch(server, dispatch, NULL);
    if (server_listen(server, address, NULL, &error) < 0)
        fail_msg("%s", error.message);
}

static void run_server(void)
{
    pthread_create(&io_thread, NULL, io_main, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&worker_threads[i], NULL, worker_main, NULL);
}

static void begin(const struct server_limits *limits)
{
    begin_with(limits, "write");
    run_server();
}

static void join_server(void)
{
    pthread_join(io_thread, NULL);
    queue_close(work);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(worker_threads[i], NULL);
    server_free(server);
    queue_free(work);
    assert_int_equal(access(path, F_OK), -1); /* the socket's file is gone */
}

static void end(void)
{
    server_stop(server, 0);
    join_server();
}

/* ---- a client ---- */

static FILE *attach(const char *to)
{
    struct address parsed;
    struct error error = ERROR_INIT;
    assert_int_equal(address_parse(to, &parsed, &error), 0);
    int fd = address_connect(&parsed, &error);
    if (fd < 0)
        fail_msg("%s", error.message);
    static const struct timeval patience = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    FILE *client = fdopen(fd, "r+");
    return client;
}

static void say_n(FILE *client, const char *bytes, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        ssize_t now = send(fileno(client), bytes + sent, length - sent, MSG_NOSIGNAL);
        assert_true(now > 0);
        sent += (size_t)now;
    }
}

static void say(FILE *client, const char *text)
{
    say_n(client, text, strlen(text));
}

/* The next line, without its end; "" at the end of the connection. Static memory. */
static const char *hear(FILE *client)
{
    static char *line;
    static size_t size;
    ssize_t length = getline(&line, &size, client);
    if (length <= 0)
        return "";
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static void expect(FILE *client, const char *line)
{
    assert_string_equal(hear(client), line);
}

static void expect_part(FILE *client, const char *part)
{
    const char *line = hear(client);
    if (strstr(line, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, line);
}

/* ---- tests ---- */

static void requests_are_answered(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client, "PING\r\necho hello\nECHO {\"text\":\"a\"}\n");
    expect(client, "{\"ok\":true,\"pong\":true}");
    expect(client, "{\"ok\":true,\"text\":\"hello\"}");
    expect(client, "{\"ok\":true,\"text\":\"a\"}");
    fclose(client);
    end();
}

static void errors_are_answered_in_order(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client,
        "ECHO a\nPNIG\nREINDEX\nECHO {\"txt\":1}\nECHO {\"text\":\nGET 1\nECHO \xff\n@t NOSUCH\nPING\n");
    const char *first = hear(client); /* the tagged one may come at any place: it comes first or later */
    bool tag_seen = false;
    const char *const parts[] = {"\"text\":\"a\"",
                                 "did you mean PING?",
                                 "needs the role admin",
                                 "did you mean \\\"text\\\"?",
                                 "not valid JSON",
                                 "not bare text",
                                 "UTF-8",
                                 "\"pong\":true"};
    size_t next = 0;
    for (size_t i = 0; i < 9; i++, first = i < 9 ? hear(client) : "") {
        if (!tag_seen && strstr(first, "\"tag\":\"t\"") != NULL) {
            tag_seen = true;
            continue;
        }
        if (strstr(first, parts[next++]) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", parts[next - 1], first);
    }
    assert_true(tag_seen);
    fclose(client);
    end();
}

static void untagged_keep_their_order_tagged_overtake(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client, "PARKHERE a\nPARKHERE b\nPING\n@x PING\n@y ECHO fast\n");
    const char *line = hear(client);
    bool x_first = strstr(line, "\"tag\":\"x\"") != NULL;
    if (!x_first)
        assert_string_equal(line, "{\"ok\":true,\"text\":\"fast\",\"tag\":\"y\"}");
    expect_part(client, x_first ? "\"tag\":\"y\"" : "\"tag\":\"x\"");
    say(client, "@r RELEASE\n"); /* b is finished before a */
    bool released = false;
    const char *const parts[] = {"\"a\"", "\"b\"", "pong"};
    for (size_t next = 0; next < 3 || !released;) {
        line = hear(client);
        if (strstr(line, "\"tag\":\"r\"") != NULL)
            released = true;
        else
            assert_non_null(strstr(line, parts[next++]));
    }
    fclose(client);
    end();
}

static void reads_see_the_writes_before_them(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    struct buffer lines = BUFFER_INIT;
    for (int i = 1; i <= 300; i++)
        buffer_printf(&lines, "PUT %d\nGET\n", i);
    say_n(client, lines.data, lines.length);
    for (int i = 1; i <= 300; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"ok\":true,\"stored\":%d}", i);
        expect(client, text);
        int value = 0;
        assert_int_equal(sscanf(hear(client), "{\"ok\":true,\"value\":%d", &value), 1);
        assert_in_range(value, i, i + 1); /* its own write, or already the one behind it */
    }
    buffer_release(&lines);
    fclose(client);
    end();
}

static void tagged_do_not_wait_for_writes(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client, "PARKWRITE w\nPING\n@t PING\n");
    expect_part(client, "\"tag\":\"t\"");
    say(client, "@r RELEASE\n");
    bool released = false;
    const char *const parts[] = {"\"w\"", "pong"};
    for (size_t next = 0; next < 2 || !released;) {
        const char *line = hear(client);
        if (strstr(line, "\"tag\":\"r\"") != NULL)
            released = true;
        else
            assert_non_null(strstr(line, parts[next++]));
    }
    fclose(client);
    end();
}

static void many_pipelined_requests_come_back_in_order(void **state)
{
    (void)state;
    int64_t pauses = counter_value(COUNTER_PIPELINE_PAUSES);
    begin(&usual);
    FILE *client = attach(address);
    struct buffer lines = BUFFER_INIT;
    for (int i = 0; i < 5000; i++)
        buffer_printf(&lines, i % 3 == 0 ? "PING\n" : "ECHO %d\n", i);
    buffer_printf(&lines, "QUIT\nPING\n");
    say_n(client, lines.data, lines.length);
    for (int i = 0; i < 5000; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"ok\":true,\"text\":\"%d\"}", i);
        expect(client, i % 3 == 0 ? "{\"ok\":true,\"pong\":true}" : text);
    }
    expect(client, "{\"ok\":true}");
    expect(client, "");
    assert_true(counter_value(COUNTER_PIPELINE_PAUSES) >= pauses);
    buffer_release(&lines);
    fclose(client);
    end();
}

static void pipeline_is_bounded(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.pipeline = 4;
    int64_t pauses = counter_value(COUNTER_PIPELINE_PAUSES);
    begin(&limits);
    FILE *client = attach(address), *other = attach(address);
    say(client, "PARK 0\nPARK 1\nPARK 2\nPARK 3\nPING\nPING\n");
    for (int released = 0; released < 4;) { /* only four can have been parked */
        int now = 0;
        say(other, "RELEASE\n");
        assert_int_equal(sscanf(hear(other), "{\"ok\":true,\"released\":%d", &now), 1);
        released += now;
    }
    for (int i = 0; i < 4; i++)
        expect_part(client, "\"text\":");
    expect_part(client, "pong");
    expect_part(client, "pong");
    assert_true(counter_value(COUNTER_PIPELINE_PAUSES) > pauses);
    fclose(client);
    fclose(other);
    end();
}

static void late_replies_of_closed_connections_are_dropped(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.request_time = 100;
    begin(&limits);
    FILE *client = attach(address), *other = attach(address);
    say(client, "@p PARKHERE secret\nPING\nPIN");
    expect_part(client, "pong");
    expect(client, "");           /* closed by the server while the first one is under way */
    FILE *next = attach(address); /* takes the same place in the table */
    say(next, "PING\n");
    expect_part(next, "pong");
    say(other, "RELEASE\n");
    expect(other, "{\"ok\":true,\"released\":1}");
    say(next, "ECHO mine\n");
    expect(next, "{\"ok\":true,\"text\":\"mine\"}");
    fclose(client);
    fclose(next);
    fclose(other);
    end();
}

static void the_last_reply_waits_for_all_others(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address), *other = attach(address);
    say(client, "@p PARKHERE tagged\nPARKHERE untagged\n@q QUIT\nPING\n");
    for (int released = 0; released < 2;) {
        int now = 0;
        say(other, "RELEASE\n");
        assert_int_equal(sscanf(hear(other), "{\"ok\":true,\"released\":%d", &now), 1);
        released += now;
    }
    expect_part(client, "tagged");
    expect_part(client, "tagged");
    expect(client, "{\"ok\":true,\"tag\":\"q\"}");
    expect(client, ""); /* and the PING behind it is not taken */
    fclose(client);
    fclose(other);
    end();
}

static void half_closed_connections_get_their_replies(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client, "ECHO a\nPARKHERE b\n@r RELEASE\n");
    shutdown(fileno(client), SHUT_WR);
    int seen = 0;
    for (const char *line = hear(client); *line != '\0'; line = hear(client))
        seen++;
    assert_int_equal(seen, 3);
    fclose(client);
    end();
}

static void a_client_that_does_not_read_is_closed(void **state)
{
    (void)state;
    int64_t overflows = counter_value(COUNTER_OUTPUT_OVERFLOWS);
    begin(&usual);
    FILE *client = attach(address);
    say(client, "BIG 4000000\nPING\n");
    char byte[4096]; /* it is not read before it is closed */
    ssize_t length;
    size_t total = 0;
    /* what was sent before it was closed comes, then the end: not all of it */
    FILE *other = attach(address);
    while (counter_value(COUNTER_OUTPUT_OVERFLOWS) == overflows) {
        say(other, "PING\n");
        expect_part(other, "pong");
    }
    while ((length = recv(fileno(client), byte, sizeof byte, 0)) > 0)
        total += (size_t)length;
    assert_true(total < 4000000);
    fclose(client);
    fclose(other);
    end();
}

static void output_of_all_is_bounded(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.output_close = 8 << 20;
    limits.output_total = 1 << 20;
    int64_t overflows = counter_value(COUNTER_OUTPUT_OVERFLOWS);
    begin(&limits);
    FILE *client = attach(address), *other = attach(address);
    say(client, "BIG 2000000\n");
    while (counter_value(COUNTER_OUTPUT_OVERFLOWS) == overflows) {
        say(other, "PING\n");
        expect_part(other, "pong");
    }
    fclose(client);
    fclose(other);
    end();
}

static void large_replies_arrive_whole(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.output_close = 64 << 20;
    limits.output_total = 64 << 20;
    int64_t pauses = counter_value(COUNTER_OUTPUT_PAUSES);
    begin(&limits);
    FILE *client = attach(address);
    say(client, "BIG 3000000\nBIG 10\nBIG 3000000\nPING\n");
    FILE *other = attach(address);
    say(other, "PING\n");
    expect_part(other, "pong");
    assert_int_equal(strlen(hear(client)), 3000000 + 21);
    assert_int_equal(strlen(hear(client)), 10 + 21);
    assert_int_equal(strlen(hear(client)), 3000000 + 21);
    expect_part(client, "pong");
    assert_true(counter_value(COUNTER_OUTPUT_PAUSES) >= pauses);
    fclose(client);
    fclose(other);
    end();
}

static void slow_and_idle_clients_are_closed(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.idle = 100;
    limits.request_time = 40;
    int64_t timed_out = counter_value(COUNTER_CONNECTIONS_TIMED_OUT);
    begin(&limits);
    FILE *idle = attach(address), *slow = attach(address), *busy = attach(address);
    say(slow, "ECHO half");
    say(busy, "PARKHERE x\n");
    expect(slow, "");
    expect(idle, "");
    assert_int_equal(counter_value(COUNTER_CONNECTIONS_TIMED_OUT), timed_out + 2);
    say(busy, "@r RELEASE\n"); /* a request under way is not idleness */
    expect_part(busy, "\"");
    fclose(idle);
    fclose(slow);
    fclose(busy);
    end();
}

static void stalled_output_times_out(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.output_stall = 100;
    limits.output_close = 64 << 20;
    limits.output_total = 64 << 20;
    int64_t timed_out = counter_value(COUNTER_CONNECTIONS_TIMED_OUT);
    begin(&limits);
    FILE *client = attach(address), *other = attach(address);
    say(client, "BIG 4000000\n");
    while (counter_value(COUNTER_CONNECTIONS_TIMED_OUT) == timed_out) {
        say(other, "PING\n");
        expect_part(other, "pong");
    }
    fclose(client);
    fclose(other);
    end();
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct server_limits limits = usual;
    limits.connections = 3;
    limits.connections_admin = 1;
    struct error error = ERROR_INIT;
    char bound[ADDRESS_TEXT_SIZE], admin[100];
    begin_with(&limits, "query");
    snprintf(admin, sizeof admin, "unix:%s/admin.sock", directory);
    assert_int_equal(server_listen(server, admin, NULL, &error), 0);
    assert_int_equal(server_listen(server, "tcp:127.0.0.1:0;role=query", bound, &error), 0);
    run_server();
    FILE *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = attach(i == 1 ? bound : address);
        if (i < 2)
            say(clients[i], "PING\n");
        expect_part(clients[i], i < 2 ? "pong" : "\"busy\"");
    }
    FILE *administrator = attach(admin);
    say(administrator, "PING\n");
    expect_part(administrator, "pong");
    for (int i = 0; i < 3; i++)
        fclose(clients[i]);
    fclose(administrator);
    end();
}

static void connections_of_an_address_are_bounded(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    char bound[ADDRESS_TEXT_SIZE];
    begin_with(&usual, "query");
    assert_int_equal(server_listen(server, "tcp:localhost:0", bound, &error), 0);
    run_server();
    FILE *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = attach(bound);
        if (i < 2)
            say(clients[i], "PING\n");
        expect_part(clients[i], i < 2 ? "pong" : "from this address");
    }
    for (int i = 0; i < 3; i++)
        fclose(clients[i]);
    end();
}

static void running_out_of_descriptors_is_survived(void **state)
{
    (void)state;
    int64_t errors = counter_value(COUNTER_ACCEPT_ERRORS);
    begin(&usual);
    FILE *client = attach(address);
    say(client, "PING\n");
    expect_part(client, "pong");
    int probe = dup(0);
    close(probe);
    struct rlimit before, few = {.rlim_cur = (rlim_t)probe + 1, .rlim_max = 0};
    getrlimit(RLIMIT_NOFILE, &before);
    few.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    FILE *refused = attach(address); /* takes the last descriptor: accept fails */
    expect(refused, "");
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(counter_value(COUNTER_ACCEPT_ERRORS), errors + 1);
    FILE *later = attach(address); /* accepted once the pause is over */
    say(later, "PING\n");
    expect_part(later, "pong");
    say(client, "PING\n");
    expect_part(client, "pong");
    fclose(client);
    fclose(refused);
    fclose(later);
    end();
}

static void stopping_answers_what_is_under_way(void **state)
{
    (void)state;
    begin(&usual);
    FILE *busy = attach(address), *idle = attach(address);
    say(idle, "PING\n");
    expect_part(idle, "pong");
    say(busy, "PARKHERE a\n@p PING\n");
    expect_part(busy, "pong");
    server_stop(server, 20000);
    expect(idle, "");
    say(busy, "ECHO late\n@t ECHO late\n");
    expect_part(busy, "\"draining\"");
    struct json_writer writer;
    pthread_mutex_lock(&parked_lock);
    struct request *request = parked;
    parked = NULL;
    pthread_mutex_unlock(&parked_lock);
    request_begin_reply(request, &writer);
    request_end_reply(request, &writer);
    request_finish(request);
    expect(busy, "{\"ok\":true}");
    expect_part(busy, "\"draining\"");
    expect(busy, "");
    fclose(busy);
    fclose(idle);
    join_server();
}

static void resp_clients_are_served(void **state)
{
    (void)state;
    begin(&usual);
    FILE *client = attach(address);
    say(client, "*1\r\n$4\r\nPING\r\n*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\n$"
                "3\r\nPNG\r\nPING\n");
    expect(client, "+PONG");
    expect(client, "-NOPROTO unsupported protocol version");
    expect(client, "$23");
    expect(client, "{\"ok\":true,\"text\":\"hi\"}");
    expect(client, "-UNKNOWN_COMMAND unknown command \"PNG\": did you mean PING?");
    expect(client, "{\"ok\":true,\"pong\":true}");
    say(client,
        "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$4\r\nsave\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$x\r\n");
    expect(client, "*0");
    expect(client, "+OK");
    expect_part(client, "-BAD_REQUEST Protocol error");
    expect(client, "");
    fclose(client);
    end();
}

static void http_is_closed(void **state)
{
    (void)state;
    int64_t foreign = counter_value(COUNTER_CONNECTIONS_FOREIGN);
    begin(&usual);
    FILE *client = attach(address);
    say(client, "POST / HTTP/1.1\r\n");
    expect(client, "");
    assert_int_equal(counter_value(COUNTER_CONNECTIONS_FOREIGN), foreign + 1);
    fclose(client);
    end();
}

static void line_limits_follow_the_role(void **state)
{
    (void)state;
    struct buffer line = BUFFER_INIT;
    buffer_append_string(&line, "ECHO ");
    for (int i = 0; i < 20000; i++)
        buffer_append_char(&line, 'x');
    buffer_append_string(&line, "\nPING\n");
    begin(&usual);
    FILE *client = attach(address);
    say_n(client, line.data, line.length); /* long enough to be parsed by the worker */
    expect_part(client, "xxxx\"}");
    expect_part(client, "pong");
    fclose(client);
    end();
    begin_with(&usual, "query");
    run_server();
    client = attach(address);
    say_n(client, line.data, line.length);
    expect_part(client, "\"too_large\"");
    expect_part(client, "pong");
    fclose(client);
    end();
    buffer_release(&line);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    struct stat file;
    begin(&usual);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0660);
    struct server *second = server_new(&usual, NULL, &error);
    assert_int_equal(server_listen(second, address, NULL, &error), -1);
    assert_non_null(strstr(error.message, "another daemon answers"));
    assert_int_equal(server_listen(second, "tcp:0.0.0.0:0", NULL, &error), -1);
    assert_non_null(strstr(error.message, "other machines"));
    static const char *const bad[] = {
        "tcp:localhost",         "tcp:[::1:80",        "udp:x", "unix:", "tcp:127.0.0.1:99999",
        "unix:/tmp/x;role=root", "tcp:example.org:80", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(server_listen(second, bad[i], NULL, &error), -1);
    server_free(second);
    end();
    /* a socket that nobody answers on is replaced */
    struct address parsed;
    assert_int_equal(address_parse(address, &parsed, &error), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&parsed.socket, parsed.length), 0);
    close(fd);
    begin(&usual);
    end();
}

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/s.sock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* The commit of a group: replies of several connections, finished in one go, each in its connection's order.
 */
static void held_replies_keep_their_order(void **state)
{
    (void)state;
    begin(&usual);
    FILE *clients[] = {attach(address), attach(address)};
    for (int i = 0; i < 2; i++) {
        say(clients[i], "PARKWRITE a\nPARKWRITE b\n@t PARKWRITE c\nGET\n@p PING\n");
        expect_part(clients[i], "\"p\"");
    }
    FILE *other = attach(address);
    say(other, "RELEASETOGETHER\n");
    expect(other, "{\"ok\":true,\"released\":6}");
    for (int i = 0; i < 2; i++) {
        expect(clients[i], "{\"ok\":true,\"text\":\"c\",\"tag\":\"t\"}"); /* finished in reverse */
        expect(clients[i], "{\"ok\":true,\"text\":\"a\"}");
        expect(clients[i], "{\"ok\":true,\"text\":\"b\"}");
        expect_part(clients[i], "\"ok\":true"); /* the GET that waited for them */
        fclose(clients[i]);
    }
    say(other, "RELEASETOGETHER\n");
    expect(other, "{\"ok\":true,\"released\":0}");
    fclose(other);
    end();
}

static void held_replies_of_a_closed_connection_are_dropped(void **state)
{
    (void)state;
    begin(&usual);
    FILE *gone = attach(address), *other = attach(address);
    say(gone, "PARKWRITE a\nPARKWRITE b\n@p PING\n");
    expect_part(gone, "\"p\"");
    say(other, "PARKWRITE c\nPARKWRITE d\n@p PING\n");
    expect_part(other, "\"p\"");
    fclose(gone);
    say(other, "@r RELEASETOGETHER\n");
    for (int i = 0; i < 3; i++) /* the tagged one comes where it likes */
        expect_part(other, "\"ok\":true");
    say(other, "@p PING\n");
    expect_part(other, "\"p\"");
    fclose(other);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(errors_are_answered_in_order),
        cmocka_unit_test(untagged_keep_their_order_tagged_overtake),
        cmocka_unit_test(reads_see_the_writes_before_them),
        cmocka_unit_test(tagged_do_not_wait_for_writes),
        cmocka_unit_test(many_pipelined_requests_come_back_in_order),
        cmocka_unit_test(pipeline_is_bounded),
        cmocka_unit_test(late_replies_of_closed_connections_are_dropped),
        cmocka_unit_test(the_last_reply_waits_for_all_others),
        cmocka_unit_test(half_closed_connections_get_their_replies),
        cmocka_unit_test(a_client_that_does_not_read_is_closed),
        cmocka_unit_test(output_of_all_is_bounded),
        cmocka_unit_test(large_replies_arrive_whole),
        cmocka_unit_test(slow_and_idle_clients_are_closed),
        cmocka_unit_test(stalled_output_times_out),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(connections_of_an_address_are_bounded),
        cmocka_unit_test(running_out_of_descriptors_is_survived),
        cmocka_unit_test(stopping_answers_what_is_under_way),
        cmocka_unit_test(resp_clients_are_served),
        cmocka_unit_test(http_is_closed),
        cmocka_unit_test(line_limits_follow_the_role),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(held_replies_keep_their_order),
        cmocka_unit_test(held_replies_of_a_closed_connection_are_dropped),
    };
    return cmocka_run_group_tests_name("server", tests, make_directory, remove_directory);
}
