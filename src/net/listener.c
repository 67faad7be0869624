#include "net/listener.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64
#define KEEPALIVE_IDLE 60     /* seconds before the first probe, */
#define KEEPALIVE_INTERVAL 10 /* between probes, */
#define KEEPALIVE_COUNT 6     /* and how many are lost before the client is */
#define UNACKNOWLEDGED_MS 30000

struct listener {
    int fd;
    int spare; /* given up to turn a client away when there are no descriptors left */
    struct address address;
    struct stat file; /* of a unix socket: to remove only our own */
    struct event *event;
    struct event *retry;
    listener_accepted accepted;
    void *context;
};

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void set_option(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof value) < 0)
        log_debug("socket option not set level=%d option=%d errno=%d", level, option, errno);
}

static void set_up_tcp(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
}

/* Out of descriptors or memory: a ready listener that cannot accept would spin. */
static void pause_accepting(struct listener *listener, int reason)
{
    static const struct timeval moment = {0, 100000};
    static struct log_limit limit;
    char name[ADDRESS_TEXT_SIZE];
    log_limited(&limit, "cannot accept connections address=%s error=\"%s\"",
                address_print(&listener->address, name), strerror(reason));
    if (listener->spare >= 0) {
        close(listener->spare);
        int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0)
            close(client);
    }
    listener->spare = open_spare();
    event_del(listener->event);
    event_add(listener->retry, &moment);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct listener *listener = context;
    event_add(listener->event, NULL);
}

static bool is_clients_fault(int reason)
{
    return reason == ECONNABORTED || reason == EINTR || reason == EPROTO || reason == EPERM;
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct listener *listener = context;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct address peer = {.length = sizeof peer.socket};
        int client =
            accept4((int)fd, (struct sockaddr *)&peer.socket, &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            if (!address_is_unix(&listener->address))
                set_up_tcp(client);
            listener->accepted(listener->context, listener, client, &peer);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        int reason = errno;
        counter_add(COUNTER_ACCEPT_ERRORS, 1);
        if (!is_clients_fault(reason)) {
            pause_accepting(listener, reason);
            return;
        }
    }
}

/* A socket file may be left from a daemon that crashed; or a daemon may be behind it. */
static int remove_stale(const struct address *address, struct error *error)
{
    struct stat file;
    const char *path = address_path(address);
    if (lstat(path, &file) < 0)
        return 0;
    if (!S_ISSOCK(file.st_mode))
        return error_set(error, ERROR_UNAVAILABLE, "%s exists and is not a socket", path);
    int fd = address_connect(address, NULL);
    if (fd >= 0) {
        close(fd);
        return error_set(error, ERROR_UNAVAILABLE, "another daemon answers on %s", path);
    }
    if (errno != ECONNREFUSED)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot tell whether a daemon answers on %s",
                               path);
    if (unlink(path) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot remove the old socket %s", path);
    return 0;
}

static int bind_socket(struct listener *listener, struct error *error)
{
    struct address *address = &listener->address;
    char name[ADDRESS_TEXT_SIZE];
    if (address_is_unix(address) && remove_stale(address, error) < 0)
        return -1;
    if (address->socket.ss_family == AF_INET6)
        set_option(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!address_is_unix(address))
        set_option(listener->fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(listener->fd, (const struct sockaddr *)&address->socket, address->length) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot listen on %s",
                               address_print(address, name));
    if (address_is_unix(address)) {
        /* before listen(): nobody can connect yet */
        if (chmod(address_path(address), 0660) < 0 || lstat(address_path(address), &listener->file) < 0)
            return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot set the mode of %s",
                                   address_path(address));
    }
    if (listen(listener->fd, BACKLOG) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot listen on %s",
                               address_print(address, name));
    if (!address_is_unix(address))
        getsockname(listener->fd, (struct sockaddr *)&address->socket, &address->length);
    return 0;
}

int listener_open(struct event_base *base, const struct address *address, listener_accepted accepted,
                  void *context, struct listener **result, struct error *error)
{
    if (address_check_reach(address, error) != 0)
        return -1;
    struct listener *listener = memory_zeroed(1, sizeof *listener);
    listener->address = *address;
    listener->accepted = accepted;
    listener->context = context;
    listener->spare = open_spare();
    listener->fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot make a socket");
        listener_close(listener);
        return -1;
    }
    if (bind_socket(listener, error) < 0) {
        listener_close(listener);
        return -1;
    }
    listener->event = event_new(base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    listener->retry = event_new(base, -1, 0, on_retry, listener);
    event_add(listener->event, NULL);
    *result = listener;
    return 0;
}

const struct address *listener_address(const struct listener *listener)
{
    return &listener->address;
}

static void remove_own_file(const struct listener *listener)
{
    struct stat file;
    const char *path = address_path(&listener->address);
    bool is_ours = listener->file.st_ino != 0 && lstat(path, &file) == 0 &&
                   file.st_ino == listener->file.st_ino && file.st_dev == listener->file.st_dev;
    if (is_ours && unlink(path) < 0)
        log_warning("cannot remove socket path=%s errno=%d", path, errno);
}

void listener_close(struct listener *listener)
{
    if (listener->event != NULL)
        event_free(listener->event);
    if (listener->retry != NULL)
        event_free(listener->retry);
    if (address_is_unix(&listener->address))
        remove_own_file(listener);
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->spare >= 0)
        close(listener->spare);
    free(listener);
}
