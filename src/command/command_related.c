/* command_related.c - RELATED. */
#include "base/clock.h"
#include "command/handlers.h"
#include "command/related_options.h"
#include "command/window.h"

/* With diversity, so many candidates are looked at for each suggestion. */
#define DIVERSITY_CANDIDATES 5
/* Whether there are near-copies is seen among a few more than are shown. */
#define CANDIDATES_MORE 3

static size_t candidates(const struct related_options *options, double diversity, size_t limit)
{
    if (diversity > 0)
        return limit * DIVERSITY_CANDIDATES;
    return options->collapse && limit != 0 ? limit + limit / 4 + CANDIDATES_MORE : limit;
}

static int write_suggestions(struct worker *worker, struct related_options *options, size_t count,
                             struct json_writer *reply, struct error *error)
{
    suggestions_prefetch(options->hits, count);
    json_key(reply, "related");
    json_begin_array(reply);
    for (size_t i = 0; i < count; i++)
        if (suggestion_write(worker, options->source.vector, &options->hits[i], &options->style, reply,
                             error) != 0)
            return -1;
    json_end_array(reply);
    return 0;
}

/* Few good suggestions may be worse than none: "min_results":3 asks for at least three or an empty list. */
static int relate(struct worker *worker, struct request *request, struct related_options *options,
                  struct json_writer *reply, struct error *error)
{
    const json_t *arguments = request->arguments;
    struct service_settings settings = service_settings(worker->service);
    size_t offset;
    size_t limit;
    double diversity = schema_number(arguments, "diversity", 0);
    if (result_window(arguments, &settings, &offset, &limit, error) != 0 ||
        related_options_read(worker, request, options, error) != 0 ||
        related_options_run(worker, options, candidates(options, diversity, limit), limit, diversity,
                            error) != 0)
        return -1;
    bool is_off = options->controls.is_off;
    size_t count = options->hit_count;
    bool too_few = !is_off && count < (size_t)schema_integer(arguments, "min_results", 0);
    if (too_few)
        json_key_int(reply, "withheld", (int64_t)count);
    if (write_suggestions(worker, options, too_few ? 0 : count, reply, error) != 0)
        return -1;
    if (is_off)
        json_key_bool(reply, "off", true);
    json_key_int(reply, "revision", (int64_t)options->snapshot->revision);
    json_key_int(reply, "took_us", (clock_now() - request->received) / 1000);
    return 0;
}

int command_related(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    struct related_options options = {.snapshot = NULL};
    int status = relate(worker, request, &options, reply, error);
    related_options_release(&options);
    return status;
}
