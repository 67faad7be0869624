/* documents.h - one JSON object from a file, for put, patch and related --article. One thread. */
#ifndef STORYD_CTL_DOCUMENTS_H
#define STORYD_CTL_DOCUMENTS_H

#include "base/error.h"

#include <jansson.h>

/* New reference; "-" is standard input. bad_request naming line and column, unavailable or not_found. */
json_t *document_read(const char *file, struct error *error);

#endif
