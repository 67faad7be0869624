#include "command/related_options.h"

#include "base/clock.h"
#include "command/hits.h"
#include "command/schema.h"

#include <string.h>

static struct related_weights weights_of(const json_t *arguments, const struct related_weights *defaults)
{
    const json_t *weights = json_object_get(arguments, "weights");
    return (struct related_weights){
        .tags = (float)schema_number(weights, "tags", (double)defaults->tags),
        .entities = (float)schema_number(weights, "entities", (double)defaults->entities),
        .terms = (float)schema_number(weights, "terms", (double)defaults->terms),
    };
}

#define SECONDS_PER_DAY 86400.0

/* {"now":DAYS,"source":DAYS}: half-lives against the present and against the source's date. */
static void read_recency(const json_t *arguments, const struct source *source, struct related_query *query)
{
    const json_t *recency = json_object_get(arguments, "recency");
    query->now = clock_wall_seconds();
    query->source_published = source->published;
    query->half_life_now = schema_number(recency, "now", 0) * SECONDS_PER_DAY;
    query->half_life_source = schema_number(recency, "source", 0) * SECONDS_PER_DAY;
}

static enum related_only only_of(const json_t *arguments)
{
    const char *word = schema_text(arguments, "only", "any");
    return strcmp(word, "earlier") == 0 ? RELATED_EARLIER
           : strcmp(word, "later") == 0 ? RELATED_LATER
                                        : RELATED_ANY;
}

int related_options_read(struct worker *worker, struct request *request, struct related_options *options,
                         struct error *error)
{
    const json_t *arguments = request->arguments;
    const json_t *exclude = json_object_get(arguments, "exclude");
    struct service_settings settings = service_settings(worker->service);
    options->style = (struct suggestion_style){
        .fields = json_object_get(arguments, "fields"),
        .explain = schema_bool(arguments, "explain", false),
        .weights = weights_of(arguments, &settings.related),
        .copies = &options->copies,
    };
    options->collapse = strcmp(schema_text(arguments, "copies", "collapse"), "collapse") == 0;
    if (hit_fields_check(options->style.fields, error) != 0 ||
        filter_parse(json_object_get(arguments, "filter"), &options->filter, error) != 0)
        return -1;
    filter_exclude(options->filter, FIELD_TAG, json_object_get(exclude, "tags"));
    filter_exclude(options->filter, FIELD_CATEGORY, json_object_get(exclude, "categories"));
    options->snapshot = index_acquire(worker->service->index);
    if (source_find(worker, options->snapshot, arguments, &options->source, error) != 0)
        return -1;
    source_exclude_ids(&options->source, options->snapshot, json_object_get(exclude, "ids"));
    source_finish(&options->source);
    if (options->source.has_place)
        options->style.source_story = copies_story(options->source.place.slice, options->source.place.row);
    options->query = (struct related_query){
        .snapshot = options->snapshot,
        .source = options->source.vector,
        .excluded = options->source.excluded,
        .excluded_count = options->source.excluded_count,
        .weights = options->style.weights,
        .min_strength = (float)schema_number(arguments, "min_strength", 0),
        .filter = options->filter,
        .only = only_of(arguments),
        .postings = settings.related_postings,
        .deadline = request->deadline,
    };
    read_recency(arguments, &options->source, &options->query);
    return 0;
}

int related_options_run(struct worker *worker, struct related_options *options, size_t wanted,
                        const struct related_hit **hits, size_t *count, struct error *error)
{
    if (!options->collapse)
        return related_run(worker->related, &options->query, hits, count, error);
    return copies_run(&options->copies, worker->related, &options->query, wanted, hits, count, error);
}

void related_options_release(struct related_options *options)
{
    copies_release(&options->copies);
    snapshot_release(options->snapshot);
    filter_free(options->filter);
    source_release(&options->source);
}
