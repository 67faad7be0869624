/*
 * import.h - storyctl import: the articles (or profiles) of a file, one JSON object a line, written with
 * requests under way all the time.
 *
 * Lines are PUT (PROFILE) in order, tagged, a window of them at once. A line the server refuses for what it
 * says is reported and passed over; one it cannot take now (busy, no disk space) is sent again, and all
 * behind it, so that of two versions of an article in one file the later one wins. How far the import has
 * come is written down every second and when it is interrupted (SIGINT, SIGTERM, SIGHUP: what is under way is
 * awaited; a second signal ends the program at once). One thread, and only one import at a time.
 */
#ifndef STORYD_CTL_IMPORT_H
#define STORYD_CTL_IMPORT_H

#include "ctl/client.h"
#include "ctl/rejects.h"

#include <stdbool.h>
#include <stdint.h>

struct import_options {
    const char *file;       /* "-" is standard input */
    bool profiles;          /* the lines are profiles */
    const char *address;    /* of the server: part of what the state belongs to */
    const char *state_path; /* NULL: chosen by import_state_path() */
    uint64_t from_line;     /* lines before this one are passed over; 0: none */
    bool resume;            /* go on where an earlier import of the file was interrupted */
    int64_t timeout_ms;     /* longest wait for an answer; 0: none */
    int64_t patience_ms;    /* give up when the server has been refusing for this long */
};

enum import_end {
    IMPORT_COMPLETE,
    IMPORT_INTERRUPTED,
    IMPORT_BAD_FILE,     /* the file, its state or the file of rejects cannot be read or written */
    IMPORT_DISCONNECTED, /* the connection failed */
    IMPORT_REFUSED       /* the server would not go on */
};

struct import_result {
    enum import_end end;
    uint64_t lines; /* of the file that are done, with empty ones */
    uint64_t stored;
    uint64_t created; /* of those stored: there was none with this id */
    uint64_t rejected;
    uint64_t resumed; /* lines that an earlier import had done */
    char *state_path; /* where it can go on from, if it was not completed; NULL: nowhere. Owned */
};

/*
 * Adds the file's figures to those in `result`; what is counted is stored. Returns how it ended; but for the
 * first two the error says why.
 */
enum import_end import_run(struct client *client, const struct import_options *options,
                           struct rejects *rejects, struct progress *progress, struct import_result *result,
                           struct error *error);

#endif
