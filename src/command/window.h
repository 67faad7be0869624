/* window.h - limit and offset of a query, checked against the configured bounds. Any thread. */
#ifndef STORYD_COMMAND_WINDOW_H
#define STORYD_COMMAND_WINDOW_H

#include "daemon/service.h"

#include <jansson.h>

/* Defaults: offset 0, limit 10. bad_request naming the setting that bounds it. */
int result_window(const json_t *arguments, const struct service_settings *settings, size_t *offset,
                  size_t *limit, struct error *error);

#endif
