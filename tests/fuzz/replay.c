/* Runs a fuzz target once on each file named, and on each file of a directory named: past findings stay
 * fixed. */
#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_LIMIT (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    struct error error = ERROR_INIT;
    char *bytes;
    size_t length;
    if (file_read(path, FILE_LIMIT, &bytes, &length, &error) < 0) {
        fprintf(stderr, "%s: %s\n", path, error.message);
        return -1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
    free(bytes);
    return 0;
}

static int replay(const char *path)
{
    struct stat file;
    DIR *directory = stat(path, &file) == 0 && S_ISDIR(file.st_mode) ? opendir(path) : NULL;
    if (directory == NULL)
        return replay_file(path);
    int result = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char *name = file_join(path, entry->d_name);
        if (replay_file(name) < 0)
            result = -1;
        free(name);
    }
    closedir(directory);
    return result;
}

int main(int count, char **arguments)
{
    int result = EXIT_SUCCESS;
    for (int i = 1; i < count; i++)
        if (replay(arguments[i]) < 0)
            result = EXIT_FAILURE;
    return result;
}
