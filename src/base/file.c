#include "base/file.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_join(const char *directory, const char *name)
{
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/%s", directory, name);
    return buffer_steal(&path);
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

static int sync_parent(const char *path, struct error *error)
{
    char *parent = memory_copy_string(path);
    char *slash = strrchr(parent, '/');
    int result;
    if (slash == NULL)
        result = file_sync_directory(".", error);
    else {
        *slash = '\0';
        result = file_sync_directory(parent[0] != '\0' ? parent : "/", error);
    }
    free(parent);
    return result;
}

int file_replace(const char *path, const void *bytes, size_t length, struct error *error)
{
    struct buffer temporary = BUFFER_INIT;
    buffer_printf(&temporary, "%s.new", path);
    int result = -1;
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot create %s", temporary.data);
        goto done;
    }
    int failed = write_all(fd, bytes, length) != 0 || fsync(fd) != 0;
    int saved = errno;
    if (close(fd) != 0 && !failed) {
        failed = 1;
        saved = errno;
    }
    if (failed) {
        error_set_errno(error, ERROR_UNAVAILABLE, saved, "cannot write %s", temporary.data);
        unlink(temporary.data);
        goto done;
    }
    if (rename(temporary.data, path) != 0) {
        error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot rename %s", temporary.data);
        unlink(temporary.data);
        goto done;
    }
    result = sync_parent(path, error);
done:
    buffer_release(&temporary);
    return result;
}

static int sync_path(const char *path, int flags, struct error *error)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot open %s", path);
    int result = fsync(fd);
    int saved = errno;
    close(fd);
    if (result != 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, saved, "cannot sync %s", path);
    return 0;
}

int file_sync(const char *path, struct error *error)
{
    return sync_path(path, O_RDONLY, error);
}

int file_sync_directory(const char *path, struct error *error)
{
    return sync_path(path, O_RDONLY | O_DIRECTORY, error);
}

int file_read(const char *path, size_t limit, char **bytes, size_t *length, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, errno,
                               "cannot open %s", path);
    struct buffer content = BUFFER_INIT;
    ssize_t got;
    do {
        buffer_reserve(&content, 65536);
        got = read(fd, content.data + content.length, 65536);
        if (got > 0)
            content.length += (size_t)got;
    } while ((got > 0 && content.length <= limit) || (got < 0 && errno == EINTR));
    int saved = errno;
    close(fd);
    if (got < 0 || content.length > limit) {
        buffer_release(&content);
        if (got < 0)
            return error_set_errno(error, ERROR_UNAVAILABLE, saved, "cannot read %s", path);
        return error_set(error, ERROR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
    }
    *length = content.length;
    *bytes = buffer_steal(&content);
    return 0;
}

int file_make_directory(const char *path, struct error *error)
{
    char *partial = memory_copy_string(path);
    int result = 0;
    for (char *at = partial + 1;; at++) {
        char saved = *at;
        if (saved != '/' && saved != '\0')
            continue;
        *at = '\0';
        if (mkdir(partial, 0750) != 0 && errno != EEXIST) {
            result =
                error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot make the directory %s", partial);
            break;
        }
        *at = saved;
        if (saved == '\0')
            break;
    }
    free(partial);
    return result;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

int file_remove_tree(const char *path, struct error *error)
{
    if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot remove %s", path);
    return 0;
}

int file_map(const char *path, struct file_map *map, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, errno,
                               "cannot open %s", path);
    struct stat status;
    int failed = fstat(fd, &status) != 0;
    int saved = errno;
    *map = (struct file_map){NULL, 0};
    if (!failed && status.st_size > 0) {
        void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
        failed = data == MAP_FAILED;
        saved = errno;
        if (!failed)
            *map = (struct file_map){data, (size_t)status.st_size};
    }
    close(fd);
    if (failed)
        return error_set_errno(error, ERROR_UNAVAILABLE, saved, "cannot map %s", path);
    return 0;
}

void file_unmap(struct file_map *map)
{
    if (map->data != NULL)
        munmap((void *)(uintptr_t)map->data, map->length);
    *map = (struct file_map){NULL, 0};
}

int file_checksum(const char *path, uint32_t *crc, uint64_t *size, struct error *error)
{
    struct file_map map;
    if (file_map(path, &map, error) != 0)
        return -1;
    *crc = crc32c(0, map.data, map.length);
    *size = map.length;
    file_unmap(&map);
    return 0;
}
