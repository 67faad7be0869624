/*
 * import_state.h - how far an import has come, in a small file, so that an interrupted one can go on.
 *
 * Everything before `position` has been answered by the server: it is stored, or was rejected and reported.
 * The state belongs to one version of one file (path, size, time of change) and one server; it is removed
 * when the import is complete. One thread.
 */
#ifndef STORYD_CTL_IMPORT_STATE_H
#define STORYD_CTL_IMPORT_STATE_H

#include "base/error.h"

#include <stdint.h>
#include <sys/stat.h>

struct import_state {
    uint64_t line;     /* lines that are done */
    uint64_t position; /* unpacked bytes that are done */
    uint64_t stored;
    uint64_t created;
    uint64_t rejected;
};

/*
 * Where the state of importing `file` into the server at `address` is kept: `chosen` if not NULL, else a file
 * in $XDG_STATE_HOME/storyctl or ~/.local/state/storyctl. New reference, NULL if there is no such place.
 */
char *import_state_path(const char *chosen, const char *file, const char *address);

/* not_found: no import of it was interrupted; conflict: the file has changed since. */
int import_state_load(const char *path, const char *file, const struct stat *status,
                      struct import_state *state, struct error *error);

/* Checks that nothing else would be written over: the file does not exist, or is the state of an import.
 * Errors: conflict. */
int import_state_check(const char *path, struct error *error);

int import_state_save(const char *path, const char *file, const struct stat *status,
                      const struct import_state *state, struct error *error);

#endif
