#include "ctl/documents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

json_t *document_read(const char *file, struct error *error)
{
    bool is_stdin = strcmp(file, "-") == 0;
    const char *name = is_stdin ? "standard input" : file;
    FILE *stream = is_stdin ? stdin : fopen(file, "re");
    if (stream == NULL) {
        error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, errno, "cannot open %s",
                        name);
        return NULL;
    }
    json_error_t reason;
    json_t *document = json_loadf(stream, JSON_REJECT_DUPLICATES, &reason);
    if (document == NULL && ferror(stream))
        error_set(error, ERROR_UNAVAILABLE, "cannot read %s", name);
    else if (document == NULL)
        error_set(error, ERROR_BAD_REQUEST, "%s, line %d, column %d: %s", name, reason.line, reason.column,
                  reason.text);
    else if (!json_is_object(document)) {
        error_set(error, ERROR_BAD_REQUEST, "%s holds no JSON object", name);
        json_decref(document);
        document = NULL;
    }
    if (!is_stdin)
        fclose(stream);
    return document;
}
