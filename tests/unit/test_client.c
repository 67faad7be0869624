#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "ctl/client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A daemon of one connection: `serve` gets the stream; listening before the client connects. */
struct peer {
    char directory[64];
    char address[128];
    int listener;
    pthread_t thread;
    void (*serve)(FILE *stream);
};

static void *peer_main(void *context)
{
    struct peer *peer = context;
    int fd = accept(peer->listener, NULL, NULL);
    FILE *stream = fdopen(fd, "r+");
    peer->serve(stream);
    fclose(stream);
    return NULL;
}

static struct client *peer_start(struct peer *peer, void (*serve)(FILE *stream))
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(peer->directory, "/tmp/test_client.XXXXXX");
    assert_non_null(mkdtemp(peer->directory));
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", peer->directory);
    snprintf(peer->address, sizeof peer->address, "unix:%.100s", name.sun_path);
    peer->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(peer->listener, 4), 0);
    peer->serve = serve;
    assert_int_equal(pthread_create(&peer->thread, NULL, peer_main, peer), 0);
    struct error error = ERROR_INIT;
    struct client *client = client_connect(peer->address, 20000, &error);
    if (client == NULL)
        fail_msg("%s", error.message);
    return client;
}

static void peer_end(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    close(peer->listener);
    unlink(peer->address + strlen("unix:"));
    rmdir(peer->directory);
}

/* Answers each line with itself, at once: reads nothing more while its answers are not read. */
static void echo(FILE *stream)
{
    char *line = NULL;
    size_t size = 0;
    int out = dup(fileno(stream));
    for (ssize_t length; (length = getline(&line, &size, stream)) > 0;) {
        for (ssize_t sent = 0; sent < length;) {
            ssize_t count = send(out, line + sent, (size_t)(length - sent), MSG_NOSIGNAL);
            if (count <= 0)
                break;
            sent += count;
        }
    }
    close(out);
    free(line);
}

static void asks_and_reads(void **state)
{
    (void)state;
    struct peer peer;
    struct client *client = peer_start(&peer, echo);
    struct buffer reply = BUFFER_INIT;
    assert_int_equal(client_request(client, "PING", &reply, NULL), 0);
    assert_string_equal(reply.data, "PING");
    assert_int_equal(client_request(client, "", &reply, NULL), 0);
    assert_string_equal(reply.data, "");
    struct error error = ERROR_INIT;
    assert_int_equal(client_request(client, "PING\nPING", &reply, &error), -1);
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
    client_close(client);
    peer_end(&peer);
    buffer_release(&reply);
}

static void reads_lines_of_any_length(void **state)
{
    (void)state;
    struct peer peer;
    struct client *client = peer_start(&peer, echo);
    size_t length = 3000000;
    char *line = memory_allocate(length + 1);
    memset(line, 'x', length);
    line[length] = '\0';
    struct buffer reply = BUFFER_INIT;
    assert_int_equal(client_request(client, line, &reply, NULL), 0);
    assert_int_equal(reply.length, length);
    assert_int_equal(memcmp(reply.data, line, length), 0);
    client_close(client);
    peer_end(&peer);
    buffer_release(&reply);
    free(line);
}

/* 10 MB of requests before the first reply is read: more than any socket buffer takes, both ways. */
static void pipelining_does_not_lock_up(void **state)
{
    (void)state;
    struct peer peer;
    struct client *client = peer_start(&peer, echo);
    char line[1000];
    for (int i = 0; i < 10000; i++) {
        int length = snprintf(line, sizeof line, "@%d GET %0900d", i, i);
        assert_int_equal(client_send(client, line, (size_t)length, NULL), 0);
    }
    struct buffer reply = BUFFER_INIT;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(client_read(client, &reply, NULL), 0);
        snprintf(line, sizeof line, "@%d GET %0900d", i, i);
        assert_string_equal(reply.data, line);
    }
    client_close(client);
    peer_end(&peer);
    buffer_release(&reply);
}

static void close_at_once(FILE *stream)
{
    char line[100];
    if (fgets(line, sizeof line, stream) == NULL)
        return;
}

static void a_closed_connection_is_an_error(void **state)
{
    (void)state;
    struct peer peer;
    struct client *client = peer_start(&peer, close_at_once);
    struct buffer reply = BUFFER_INIT;
    struct error error = ERROR_INIT;
    assert_int_equal(client_request(client, "PING", &reply, &error), -1);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_string_equal(error.message, "the daemon closed the connection");
    client_close(client);
    peer_end(&peer);
    buffer_release(&reply);
}

static void nobody_there_is_an_error(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    assert_null(client_connect("unix:/nonexistent/socket", 1000, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "unix:/nonexistent/socket"));
    assert_null(client_connect("nonsense", 1000, &error));
    assert_int_equal(error.code, ERROR_BAD_REQUEST);
}

static void silent(FILE *stream)
{
    while (fgetc(stream) != EOF)
        ;
}

static void silence_ends_the_wait(void **state)
{
    (void)state;
    struct peer peer;
    struct client *client = peer_start(&peer, silent);
    client_close(client);
    peer_end(&peer);
    client = peer_start(&peer, silent);
    struct client *impatient =
        client_connect(peer.address, 1, NULL); /* queued by the system, never accepted */
    assert_non_null(impatient);
    struct buffer reply = BUFFER_INIT;
    struct error error = ERROR_INIT;
    assert_int_equal(client_request(impatient, "PING", &reply, &error), -1);
    assert_string_equal(error.message, "no answer within 1 ms");
    client_close(impatient);
    client_close(client);
    peer_end(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_reads),
        cmocka_unit_test(reads_lines_of_any_length),
        cmocka_unit_test(pipelining_does_not_lock_up),
        cmocka_unit_test(a_closed_connection_is_an_error),
        cmocka_unit_test(nobody_there_is_an_error),
        cmocka_unit_test(silence_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
