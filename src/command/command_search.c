/* command_search.c - SEARCH. */
#include "base/clock.h"
#include "command/handlers.h"
#include "command/hits.h"
#include "command/window.h"

#include <string.h>

static enum search_sort sort_of(const json_t *arguments)
{
    const char *word = schema_text(arguments, "sort", "relevance");
    if (strcmp(word, "newest") == 0)
        return SORT_NEWEST;
    if (strcmp(word, "oldest") == 0)
        return SORT_OLDEST;
    return strcmp(word, "most_viewed") == 0 ? SORT_MOST_VIEWED : SORT_RELEVANCE;
}

#define HITS_AHEAD 10 /* whose cards are fetched together */

static void prefetch_cards(const struct search_hit *hits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hit_prefetch_card(hits[i].slice, hits[i].row);
}

static int write_hits(struct worker *worker, const struct search_result *result, const json_t *fields,
                      struct json_writer *reply, struct error *error)
{
    for (size_t i = 0; i < result->hit_count; i++)
        hit_prefetch_start(result->hits[i].slice, result->hits[i].row);
    json_key(reply, "hits");
    json_begin_array(reply);
    for (size_t i = 0; i < result->hit_count; i++) {
        const struct search_hit *hit = &result->hits[i];
        if (i % HITS_AHEAD == 0)
            prefetch_cards(hit, result->hit_count - i < HITS_AHEAD ? result->hit_count - i : HITS_AHEAD);
        json_begin_object(reply);
        if (hit_write(worker, hit->slice, hit->row, fields, reply, error) != 0)
            return -1;
        if (result->by_relevance)
            json_key_number(reply, "score", (double)hit->score, 4);
        json_end_object(reply);
    }
    json_end_array(reply);
    return 0;
}

static int search_and_write(struct worker *worker, struct request *request,
                            const struct search_request *search, struct json_writer *reply,
                            struct error *error)
{
    struct search_result result;
    if (search_run(worker->searcher, worker->service->index, analyser_stemmers(worker->analyser), search,
                   &result, error) != 0)
        return -1;
    json_key_int(reply, "total", (int64_t)result.total);
    json_key_bool(reply, "total_exact", result.total_exact);
    int status = write_hits(worker, &result, json_object_get(request->arguments, "fields"), reply, error);
    json_key_int(reply, "revision", (int64_t)result.snapshot->revision);
    if (result.query->warning != NULL)
        json_key_text(reply, "warning", result.query->warning);
    json_key_int(reply, "took_us", (clock_now() - request->received) / 1000);
    snapshot_release(result.snapshot);
    query_free(result.query);
    return status;
}

int command_search(struct request *request, struct worker *worker, struct json_writer *reply,
                   struct error *error)
{
    const json_t *arguments = request->arguments;
    struct service_settings settings = service_settings(worker->service);
    const json_t *text = json_object_get(arguments, "query");
    const char *language = schema_text(arguments, "language", NULL);
    struct search_request search = {
        .text = text != NULL ? json_string_value(text) : "",
        .text_length = json_string_length(text),
        .language = language != NULL ? language_find(language) : worker->service->default_language,
        .sort = sort_of(arguments),
        .exact_total = schema_bool(arguments, "exact_total", false),
        .deadline = request->deadline,
        .limits = &settings.query,
    };
    if (search.language == NULL)
        return error_set(error, ERROR_BAD_REQUEST,
                         "\"language\" must be an ISO 639-1 code such as \"en\", not \"%.20s\"", language);
    if (result_window(arguments, &settings, &search.offset, &search.limit, error) != 0 ||
        hit_fields_check(json_object_get(arguments, "fields"), error) != 0 ||
        filter_parse(json_object_get(arguments, "filter"), &search.filter, error) != 0)
        return COMMAND_FAILED;
    int status = search_and_write(worker, request, &search, reply, error);
    filter_free(search.filter);
    return status;
}
