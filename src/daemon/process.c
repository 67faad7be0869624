#include "daemon/process.h"

#include "base/log.h"
#include "base/memory.h"
#include "index/xapian.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct process {
    char *pid_file;
    int pid_fd;
};

/* SQLite could otherwise open its database as descriptor 2, and a stray message would be written into it. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int check_libraries(struct error *error)
{
    int major = 0;
    int minor = 0;
    int patch = 0;
    sscanf(xapian_library_version(), "%d.%d.%d", &major, &minor, &patch);
    if (major * 10000 + minor * 100 + patch < 10422)
        return error_set(
            error, ERROR_UNAVAILABLE,
            "this is Xapian %s; 1.4.22 or newer is needed, older ones damage databases when the disk is full",
            xapian_library_version());
    return 0;
}

static int write_pid_file(struct process *process, struct error *error)
{
    process->pid_fd = open(process->pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (process->pid_fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot open the pid file %s",
                               process->pid_file);
    if (flock(process->pid_fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_CONFLICT, "another storyd runs with the pid file %s",
                         process->pid_file);
    char text[16];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(process->pid_fd, 0) != 0 || write(process->pid_fd, text, (size_t)length) != length)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write the pid file %s",
                               process->pid_file);
    return 0;
}

int process_begin(const char *pid_file, struct process **result, struct error *error)
{
    struct process *process = memory_zeroed(1, sizeof *process);
    process->pid_fd = -1;
    *result = process;
    open_standard_descriptors();
    umask(0027);
    raise_descriptor_limit();
    setlocale(LC_NUMERIC, "C");
    json_object_seed(0);
    if (check_libraries(error) != 0)
        return -1;
    if (pid_file[0] == '\0')
        return 0;
    process->pid_file = memory_copy_string(pid_file);
    if (write_pid_file(process, error) == 0)
        return 0;
    if (process->pid_fd >= 0)
        close(process->pid_fd);
    process->pid_fd = -1; /* it is not ours to remove */
    return -1;
}

void process_end(struct process *process)
{
    if (process == NULL)
        return;
    if (process->pid_fd >= 0) {
        unlink(process->pid_file);
        close(process->pid_fd);
    }
    free(process->pid_file);
    free(process);
}

void process_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract name space */
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, length) < 0)
        log_debug("the service manager does not listen state=%s", state);
    close(fd);
}
