#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_role(const char *text, enum role *role, struct error *error)
{
    static const enum role roles[] = {ROLE_QUERY, ROLE_WRITE, ROLE_ADMIN};
    static const char key[] = "role=";
    if (strncmp(text, key, sizeof key - 1) == 0)
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
            if (strcmp(text + sizeof key - 1, role_name(roles[i])) == 0) {
                *role = roles[i];
                return 0;
            }
    return error_set(error, ERROR_BAD_REQUEST,
                     "\";%.40s\" is not one of ;role=query, ;role=write, ;role=admin", text);
}

static int parse_unix(const char *path, size_t length, struct address *address, struct error *error)
{
    struct sockaddr_un *name = (struct sockaddr_un *)&address->socket;
    if (length == 0 || length >= sizeof name->sun_path)
        return error_set(error, ERROR_BAD_REQUEST, "the path of a unix socket has 1 to %zu bytes",
                         sizeof name->sun_path - 1);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length);
    address->length = sizeof *name;
    address->role = ROLE_ADMIN;
    return 0;
}

static int parse_port(const char *text, in_port_t *port)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > 65535)
        return -1;
    *port = htons((in_port_t)value);
    return 0;
}

/* `text` is "HOST:PORT"; it is changed. */
static int parse_tcp(char *text, struct address *address, struct error *error)
{
    char *colon = strrchr(text, ':');
    in_port_t port;
    if (colon == NULL || parse_port(colon + 1, &port) < 0)
        return error_set(error, ERROR_BAD_REQUEST, "tcp:%.60s does not end with :PORT (0 to 65535)", text);
    *colon = '\0';
    address->role = ROLE_WRITE;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;
    size_t length = strlen(text);
    if (text[0] == '[' && text[length - 1] == ']') {
        text[length - 1] = '\0';
        if (inet_pton(AF_INET6, text + 1, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = port;
            address->length = sizeof *v6;
            return 0;
        }
    } else if (inet_pton(AF_INET, strcmp(text, "localhost") == 0 ? "127.0.0.1" : text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        address->length = sizeof *v4;
        return 0;
    }
    return error_set(error, ERROR_BAD_REQUEST,
                     "\"%.60s\" is not an IP address: write tcp:127.0.0.1:PORT or tcp:[::1]:PORT", text);
}

int address_parse(const char *text, struct address *address, struct error *error)
{
    memset(address, 0, sizeof *address);
    char name[ADDRESS_TEXT_SIZE];
    const char *semicolon = strchrnul(text, ';');
    size_t length = (size_t)(semicolon - text);
    if (length >= sizeof name)
        return error_set(error, ERROR_BAD_REQUEST, "address \"%.60s…\" is too long", text);
    memcpy(name, text, length);
    name[length] = '\0';
    int result;
    if (strncmp(name, "unix:", 5) == 0)
        result = parse_unix(name + 5, length - 5, address, error);
    else if (strncmp(name, "tcp:", 4) == 0)
        result = parse_tcp(name + 4, address, error);
    else
        result = error_set(error, ERROR_BAD_REQUEST,
                           "address \"%.60s\" is neither unix:PATH nor tcp:HOST:PORT", name);
    if (result == 0 && *semicolon == ';')
        result = parse_role(semicolon + 1, &address->role, error);
    return result;
}

const char *address_print(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
    switch (address->socket.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, ADDRESS_TEXT_SIZE, "tcp:%s:%u", host, (unsigned)ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, ADDRESS_TEXT_SIZE, "tcp:[%s]:%u", host, (unsigned)ntohs(v6->sin6_port));
        break;
    default:
        snprintf(out, ADDRESS_TEXT_SIZE, "unix:%s", address_path(address));
    }
    return out;
}

bool address_is_unix(const struct address *address)
{
    return address->socket.ss_family == AF_UNIX;
}

const char *address_path(const struct address *address)
{
    return ((const struct sockaddr_un *)&address->socket)->sun_path;
}

bool address_is_loopback(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
    if (address->socket.ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return address_is_unix(address) || IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int address_check_reach(const struct address *address, struct error *error)
{
    char name[ADDRESS_TEXT_SIZE];
    if (address_is_loopback(address))
        return 0;
    return error_set(
        error, ERROR_BAD_REQUEST,
        "%s can be reached from other machines, and clients cannot be authenticated yet: use a unix "
        "socket, 127.0.0.1 or [::1]",
        address_print(address, name));
}

int address_connect(const struct address *address, struct error *error)
{
    char name[ADDRESS_TEXT_SIZE];
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot make a socket");
    int result;
    do {
        result = connect(fd, (const struct sockaddr *)&address->socket, address->length);
    } while (result < 0 && errno == EINTR);
    if (result == 0)
        return fd;
    int reason = errno;
    close(fd);
    error_set_errno(error, ERROR_UNAVAILABLE, reason, "cannot connect to %s", address_print(address, name));
    errno = reason;
    return -1;
}
