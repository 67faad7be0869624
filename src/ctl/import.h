/* import.h - storyctl import: many articles, one JSON object a line, written with requests under way all the
 * time. */
#ifndef STORYD_CTL_IMPORT_H
#define STORYD_CTL_IMPORT_H

#include "ctl/client.h"

#include <stdint.h>
#include <stdio.h>

struct import_result {
    uint64_t stored;
    uint64_t failed; /* refused by the daemon; each was reported on stderr with file and line */
};

/*
 * PUTs every line of the file that is not blank, and adds to `result`. Lines answered `busy` are sent again,
 * so an id should occur only once in a file. -1 if the connection or the file failed: what was counted is
 * stored.
 */
int import_file(struct client *client, FILE *file, const char *name, struct import_result *result,
                struct error *error);

#endif
