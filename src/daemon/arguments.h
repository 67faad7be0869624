/* arguments.h - storyd's command line. Main thread. */
#ifndef STORYD_DAEMON_ARGUMENTS_H
#define STORYD_DAEMON_ARGUMENTS_H

#include "config/config.h"

enum arguments_action {
    ARGUMENTS_RUN,
    ARGUMENTS_TEST,
    ARGUMENTS_PRINT_CONFIG,
    ARGUMENTS_HELP,
    ARGUMENTS_VERSION
};

struct arguments {
    enum arguments_action action;
    const char *config_path; /* NULL: no file is read */
};

/* Reads what to do. Mistakes are printed to stderr; -1 then. */
int arguments_parse(int count, char **words, struct arguments *arguments);

/* The configuration that file and command line make together, checked. Each mistake is told to `tell`; -1
 * then. *config is new. */
int arguments_load(int count, char **words, void (*tell)(const char *mistake), struct config **config);

/* A `tell` that writes to stderr. */
void arguments_complain(const char *mistake);

#endif
