/*
 * file.h - files that survive a power cut, and files mapped for reading.
 *
 * Writing is "new file, sync it, rename it into place, sync the directory": after a crash there is either the
 * old file or the whole new one. Any thread; no two threads on the same path.
 */
#ifndef STORYD_BASE_FILE_H
#define STORYD_BASE_FILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Replace `path` by the bytes, durably. Errors: unavailable (disk full, I/O). */
int file_replace(const char *path, const void *bytes, size_t length, struct error *error);

/* Sync the file, or the directory's entries. */
int file_sync(const char *path, struct error *error);
int file_sync_directory(const char *path, struct error *error);

/* The whole file as a new NUL-terminated block (free()); refuses files over `limit`. not_found if there is
 * none. */
int file_read(const char *path, size_t limit, char **bytes, size_t *length, struct error *error);

/* Make a directory (mode 0750), parents too; fine if it is there. */
int file_make_directory(const char *path, struct error *error);

/* Remove a directory with all that is in it; fine if it is not there. Does not follow symbolic links. */
int file_remove_tree(const char *path, struct error *error);

/* CRC-32C and size of a file's content. */
int file_checksum(const char *path, uint32_t *crc, uint64_t *size, struct error *error);

/* A file mapped read-only. The mapping lives until file_unmap(). */
struct file_map {
    const char *data;
    size_t length;
};
int file_map(const char *path, struct file_map *map, struct error *error);
void file_unmap(struct file_map *map);

/* "a/b" from "a" and "b", new reference. */
char *file_join(const char *directory, const char *name);

#endif
