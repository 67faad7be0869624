/* daemon.h - storyd put together: store, committer, index, workers, server; run; taken apart again in reverse
 * order. */
#ifndef STORYD_DAEMON_DAEMON_H
#define STORYD_DAEMON_DAEMON_H

#include "base/error.h"
#include "config/config.h"

/*
 * Runs until SIGTERM, SIGINT or SHUTDOWN; a second signal exits at once. SIGHUP re-reads `config_path` (NULL:
 * there is no file). `config` is taken over. Returns the process's exit code; failures to start are logged.
 */
int daemon_run(struct config *config, const char *config_path, int argument_count, char **arguments);

#endif
