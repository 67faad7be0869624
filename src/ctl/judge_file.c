#include "ctl/judge_file.h"

#include "base/memory.h"
#include "ctl/line_source.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* ---- one line ---- */

static int check_keys(json_t *object, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (
        strcmp(key, "search") != 0 && strcmp(key, "related") != 0 &&
        strcmp(key, "judged") !=
            0) return error_set(error, ERROR_BAD_REQUEST,
                                "unknown key \"%.40s\": a line has \"search\" or \"related\", and \"judged\"",
                                key);
    return 0;
}

static int check_judged(json_t *judged, struct error *error)
{
    const char *id;
    json_t *gain;
    bool found = false;
    if (!json_is_object(judged))
        return error_set(error, ERROR_BAD_REQUEST, "\"judged\" must be an object of article ids and gains");
    json_object_foreach(judged, id, gain)
    {
        if (!json_is_number(gain) || json_number_value(gain) < 0)
            return error_set(error, ERROR_BAD_REQUEST, "the gain of \"%.60s\" must be a number, 0 or more",
                             id);
        found = found || json_number_value(gain) > 0;
    }
    return found ? 0 : error_set(error, ERROR_BAD_REQUEST, "\"judged\" has no gain above 0");
}

static int read_query(struct judged_query *query, struct error *error)
{
    json_t *search = json_object_get(query->json, "search");
    json_t *related = json_object_get(query->json, "related");
    if (!json_is_object(query->json))
        return error_set(error, ERROR_BAD_REQUEST, "not a JSON object");
    if (check_keys(query->json, error) != 0)
        return -1;
    if ((search == NULL) == (related == NULL))
        return error_set(error, ERROR_BAD_REQUEST, "exactly one of \"search\" and \"related\" is needed");
    query->is_search = search != NULL;
    query->text = json_string_value(search != NULL ? search : related);
    if (query->text == NULL || *query->text == '\0')
        return error_set(error, ERROR_BAD_REQUEST, "\"%s\" must be a text that is not empty",
                         query->is_search ? "search" : "related");
    query->judged = json_object_get(query->json, "judged");
    return check_judged(query->judged, error);
}

int judge_file_add(struct judge_file *file, uint64_t line, const char *text, size_t length,
                   struct error *error)
{
    json_error_t reason;
    struct judged_query query = {.line = line,
                                 .json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason)};
    if (query.json == NULL)
        return error_set(error, ERROR_BAD_REQUEST, "not JSON: %.100s", reason.text);
    if (read_query(&query, error) != 0) {
        json_decref(query.json);
        return -1;
    }
    file->queries = memory_grow(file->queries, &file->capacity, file->count + 1, sizeof *file->queries);
    file->queries[file->count++] = query;
    return 0;
}

/* ---- the file ---- */

static bool is_blank(const struct source_line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (strchr(" \t\r", line->text[i]) == NULL)
            return false;
    return true;
}

static int add_line(struct judge_file *file, const char *name, uint64_t number,
                    const struct source_line *line, struct error *error)
{
    int result = 0;
    if (line->too_long)
        result = error_set(error, ERROR_BAD_REQUEST, "the line is too long");
    else if (!is_blank(line))
        result = judge_file_add(file, number, line->text, line->length, error);
    if (result != 0) {
        struct error reason = *error;
        error_set(error, ERROR_BAD_REQUEST, "%.200s, line %llu: %s", name, (unsigned long long)number,
                  reason.message);
    }
    return result;
}

int judge_file_read(const char *name, struct judge_file *file, struct error *error)
{
    struct line_source *source = line_source_open(name, error);
    struct source_line line;
    uint64_t number = 0;
    int result = source == NULL ? -1 : 0;
    for (bool more = source != NULL; more && result == 0;) {
        struct pollfd wait = {.fd = line_source_descriptor(source), .events = POLLIN};
        switch (line_source_next(source, &line, error)) {
        case SOURCE_LINE:
            result = add_line(file, name, ++number, &line, error);
            break;
        case SOURCE_NOTHING:
            poll(&wait, 1, -1);
            break;
        case SOURCE_FAILED:
            result = -1;
            break;
        case SOURCE_END:
            more = false;
        }
    }
    line_source_close(source);
    if (result == 0 && file->count == 0)
        result = error_set(error, ERROR_BAD_REQUEST, "%.200s holds no judged query", name);
    return result;
}

void judge_file_release(struct judge_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        json_decref(file->queries[i].json);
    free(file->queries);
}
