#include "command/related_options.h"

#include "base/clock.h"
#include "base/memory.h"
#include "command/hits.h"
#include "command/schema.h"

#include <stdlib.h>
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

/* In a suggestion "pinned" is a mark. */
static int check_fields(const json_t *fields, struct error *error)
{
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (strcmp(json_string_value(json_array_get(fields, i)), "pinned") == 0)
            return error_set(
                error, ERROR_BAD_REQUEST,
                "\"fields\": \"pinned\" marks a suggestion here; GET shows an article's own list");
    return hit_fields_check(fields, error);
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
    if (check_fields(options->style.fields, error) != 0 ||
        filter_parse(json_object_get(arguments, "filter"), &options->filter, error) != 0)
        return -1;
    filter_exclude(options->filter, FIELD_TAG, json_object_get(exclude, "tags"));
    filter_exclude(options->filter, FIELD_CATEGORY, json_object_get(exclude, "categories"));
    options->snapshot = index_acquire(worker->service->index);
    if (source_find(worker, options->snapshot, arguments, &options->source, error) != 0)
        return -1;
    source_exclude_ids(&options->source, options->snapshot, json_object_get(exclude, "ids"));
    controls_apply(&options->source, options->snapshot, options->filter, &options->style.weights,
                   &options->controls);
    source_finish(&options->source);
    if (options->source.has_place)
        options->style.source_story = copies_story(options->source.place.slice, options->source.place.row);
    options->query = (struct related_query){
        .snapshot = options->snapshot,
        .source = options->source.vector,
        .excluded = options->source.excluded,
        .excluded_count = options->source.excluded_count,
        .excluded_stories = options->source.excluded_stories,
        .excluded_story_count = options->collapse ? options->source.excluded_story_count : 0,
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

/* With collapsing, a near-copy of a pinned story is not shown beside it. */
static bool is_copy_of_pinned(const struct related_options *options, size_t pinned,
                              const struct related_hit *hit)
{
    uint32_t story = copies_story(hit->slice, hit->row);
    for (size_t i = 0; i < pinned && options->collapse; i++)
        if (copies_story(options->hits[i].slice, options->hits[i].row) == story)
            return true;
    return false;
}

static void take_hits(struct related_options *options, size_t pinned, const struct related_hit *found,
                      size_t count, size_t most)
{
    options->hits = memory_zeroed(pinned + count, sizeof *options->hits);
    if (pinned != 0)
        memcpy(options->hits, options->controls.pinned, pinned * sizeof *options->hits);
    options->hit_count = pinned;
    for (size_t i = 0; i < count; i++) {
        if (is_copy_of_pinned(options, pinned, &found[i]))
            copies_add(&options->copies, &found[i]);
        else if (options->hit_count < most)
            options->hits[options->hit_count++] = found[i];
    }
}

/* All that are connected, up to the query's limit. One more is asked for: whether there are more. */
static int run_all(struct worker *worker, struct related_options *options, const struct related_hit **found,
                   size_t *count, struct error *error)
{
    size_t most = options->query.limit++;
    if (related_run(worker->related, &options->query, found, count, error) != 0)
        return -1;
    size_t *stored;
    struct related_hit *hits = related_change_hits(worker->related, &stored);
    options->was_full = *stored > most;
    *stored = options->was_full ? most : *stored;
    if (options->collapse)
        copies_collapse(&options->copies, hits, stored);
    *count = *stored;
    return 0;
}

/* The query itself and what is made of its hits. */
static int run(struct worker *worker, struct related_options *options, size_t wanted,
               const struct related_hit **found, size_t *count, struct error *error)
{
    if (wanted == 0)
        return run_all(worker, options, found, count, error);
    if (!options->collapse)
        return related_run(worker->related, &options->query, found, count, error);
    return copies_run(&options->copies, worker->related, &options->query, wanted, found, count, error);
}

int related_options_run(struct worker *worker, struct related_options *options, size_t candidates,
                        size_t wanted, double diversity, struct error *error)
{
    if (options->controls.is_off)
        return 0;
    size_t most = wanted != 0 ? wanted : candidates;
    size_t pinned = options->controls.pinned_count < most ? options->controls.pinned_count : most;
    options->query.limit = wanted != 0 ? candidates : candidates - pinned;
    const struct related_hit *found = NULL;
    size_t count = 0;
    /* even if the pinned ones are enough: are there more, or copies of theirs? */
    bool searches = pinned < most || pinned != 0;
    if (searches && run(worker, options, wanted, &found, &count, error) != 0)
        return -1;
    options->was_cut = searches && related_was_cut(worker->related);
    options->was_full = options->was_full || pinned < options->controls.pinned_count;
    if (diversity > 0 && count > 0 &&
        related_diversify(worker->related, &options->query, (float)diversity, most, &count, error) != 0)
        return -1;
    take_hits(options, pinned, found, count, most);
    return 0;
}

void related_options_release(struct related_options *options)
{
    copies_release(&options->copies);
    free(options->hits);
    controls_result_release(&options->controls);
    snapshot_release(options->snapshot);
    filter_free(options->filter);
    source_release(&options->source);
}
