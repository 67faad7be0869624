/* command_trending.c - TRENDING: tags and entities that rise, with their strongest recent articles. */
#include "base/clock.h"
#include "base/date.h"
#include "base/nearest.h"
#include "command/handlers.h"
#include "command/hits.h"
#include "command/window.h"

#include <string.h>

#define SECONDS_PER_DAY 86400.0
#define MIN_ARTICLES_DEFAULT 3
#define ARTICLES_DEFAULT 3

/* ---- parameters ---- */

static int read_kinds(const json_t *list, bool *kinds, struct error *error)
{
    const char *known[NAME_KIND_COUNT + 1] = {NULL};
    for (int kind = 0; kind < NAME_KIND_COUNT; kind++) {
        kinds[kind] = list == NULL;
        known[kind] = name_kind_keys[kind];
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int kind = 0;
        while (kind < NAME_KIND_COUNT && strcmp(name_kind_keys[kind], name) != 0)
            kind++;
        if (kind == NAME_KIND_COUNT) {
            const char *nearest = nearest_word(name, known);
            return error_set(
                error, ERROR_BAD_REQUEST,
                "\"kinds\" knows tags, people, organizations, products and places, not \"%.40s\"%s%s%s", name,
                nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "\"?" : "");
        }
        kinds[kind] = true;
    }
    return 0;
}

/* A day alone means its end, as in the filter's "to". */
static int read_at(const json_t *arguments, int64_t *at, struct error *error)
{
    const char *text = schema_text(arguments, "at", NULL);
    int64_t first;
    *at = clock_wall_seconds();
    if (text != NULL && !date_parse(text, strlen(text), &first, at))
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"at\" must be a date such as 2025-09-11 or 2025-09-11T08:00:00Z");
    return 0;
}

static int64_t read_days(const json_t *arguments, const char *name, int64_t fallback)
{
    return (int64_t)(schema_number(arguments, name, (double)fallback / SECONDS_PER_DAY) * SECONDS_PER_DAY +
                     0.5);
}

static int read_filter(const json_t *arguments, struct filter **filter, struct error *error)
{
    const char *category = schema_text(arguments, "category", NULL);
    if (filter_parse(json_object_get(arguments, "filter"), filter, error) != 0)
        return -1;
    if (category != NULL && !filter_require(*filter, FIELD_CATEGORY, category))
        return error_set(error, ERROR_BAD_REQUEST, "\"category\" must be the name of a category");
    return 0;
}

static int read_query(struct request *request, const struct service_settings *settings,
                      struct trending_query *query, struct filter **filter, struct error *error)
{
    const json_t *arguments = request->arguments;
    size_t offset;
    if (hit_fields_check(json_object_get(arguments, "fields"), error) != 0 ||
        result_window(arguments, settings, &offset, &query->limit, error) != 0 ||
        read_kinds(json_object_get(arguments, "kinds"), query->kinds, error) != 0 ||
        read_at(arguments, &query->at, error) != 0 || read_filter(arguments, filter, error) != 0)
        return -1;
    query->filter = *filter;
    query->window = read_days(arguments, "window_days", settings->trending_window);
    query->baseline = read_days(arguments, "baseline_days", settings->trending_baseline);
    query->min_articles = (uint32_t)schema_integer(arguments, "min_articles", MIN_ARTICLES_DEFAULT);
    query->articles = (size_t)schema_integer(arguments, "articles", ARTICLES_DEFAULT);
    query->rows_max = settings->trending_articles;
    query->deadline = request->deadline;
    return 0;
}

/* ---- reply ---- */

static int write_articles(struct worker *worker, const struct trending_name *name, const json_t *fields,
                          struct json_writer *reply, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < name->article_count; i++)
        hit_prefetch_card(name->articles[i].slice, name->articles[i].row);
    json_key(reply, "strongest");
    json_begin_array(reply);
    for (size_t i = 0; i < name->article_count && status == 0; i++) {
        json_begin_object(reply);
        status = hit_write(worker, name->articles[i].slice, name->articles[i].row, fields, reply, error);
        json_end_object(reply);
    }
    json_end_array(reply);
    return status;
}

static void write_series(const struct trending_name *name, struct json_writer *reply)
{
    json_key(reply, "series");
    json_begin_array(reply);
    for (size_t i = 0; i < TRENDING_STEPS; i++)
        json_int(reply, name->series[i]);
    json_end_array(reply);
}

static double days(int64_t seconds)
{
    return (double)seconds / SECONDS_PER_DAY;
}

static int write_name(struct worker *worker, const struct trending_result *result,
                      const struct trending_name *name, const json_t *fields, struct json_writer *reply,
                      struct error *error)
{
    json_begin_object(reply);
    json_key_text(reply, "kind", name_kind_keys[name->kind]);
    json_key(reply, "name");
    json_text_n(reply, name->display, name->display_length);
    json_key_int(reply, "articles", name->window);
    json_key_number(reply, "rate", name->window / days(result->window), 4);
    json_key_number(reply, "baseline", name->baseline / days(result->baseline), 4);
    json_key_number(reply, "score", name->score, 4);
    write_series(name, reply);
    int status = write_articles(worker, name, fields, reply, error);
    json_end_object(reply);
    return status;
}

static int write_reply(struct worker *worker, const struct trending_query *query,
                       const struct trending_result *result, const json_t *fields, struct json_writer *reply,
                       struct error *error)
{
    char date[DATE_TEXT_SIZE];
    int status = 0;
    for (size_t i = 0; i < result->count; i++)
        for (size_t j = 0; j < result->names[i].article_count; j++)
            hit_prefetch_start(result->names[i].articles[j].slice, result->names[i].articles[j].row);
    json_key(reply, "trending");
    json_begin_array(reply);
    for (size_t i = 0; i < result->count && status == 0; i++)
        status = write_name(worker, result, &result->names[i], fields, reply, error);
    json_end_array(reply);
    json_key_text(reply, "at", date_format(date, query->at));
    json_key_number(reply, "window_days", days(result->window), 4);
    json_key_number(reply, "baseline_days", days(result->baseline), 4);
    json_key_number(reply, "step_days", days(result->window + result->baseline) / TRENDING_STEPS, 4);
    json_key_int(reply, "articles", (int64_t)result->articles);
    json_key_bool(reply, "bounded", result->bounded);
    json_key_int(reply, "revision", (int64_t)query->snapshot->revision);
    return status;
}

int command_trending(struct request *request, struct worker *worker, struct json_writer *reply,
                     struct error *error)
{
    struct service_settings settings = service_settings(worker->service);
    struct trending_query query = {.snapshot = NULL};
    struct trending_result result;
    struct filter *filter = NULL;
    if (read_query(request, &settings, &query, &filter, error) != 0) {
        filter_free(filter);
        return -1;
    }
    struct snapshot *snapshot = index_acquire(worker->service->index);
    query.snapshot = snapshot;
    int status = trending_run(worker->trending, &query, &result, error);
    if (status == 0)
        status =
            write_reply(worker, &query, &result, json_object_get(request->arguments, "fields"), reply, error);
    json_key_int(reply, "took_us", (clock_now() - request->received) / 1000);
    snapshot_release(snapshot);
    filter_free(filter);
    return status;
}
