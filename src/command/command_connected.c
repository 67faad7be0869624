/* command_connected.c - CONNECTED: all that an article's "Connected Events" section shows, from one revision.
 */
#include "base/clock.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/handlers.h"
#include "command/hits.h"
#include "command/related_options.h"
#include "command/window.h"
#include "related/connected.h"

#include <stdlib.h>
#include <string.h>

#define MIN_STRENGTH_DEFAULT 0.15
/* Whom the ten strongest ones are needs fewer postings read than whom all above a strength are. */
#define POSTINGS_TIMES 2
#define NAMES_SHOWN 50
#define TRENDING_SHOWN 10
#define ABOUT_SHOWN 50
#define EVENTS_AHEAD 5 /* whose cards are fetched together */

/* ---- sections ---- */

static bool wants(const json_t *sections, const char *name)
{
    for (size_t i = 0; i < json_array_size(sections); i++)
        if (strcmp(json_string_value(json_array_get(sections, i)), name) == 0)
            return true;
    return sections == NULL;
}

static int check_sections(const json_t *sections, struct error *error)
{
    static const char *const known[] = {"article",  "about", "overview", "insights",
                                        "timeline", "names", "topics",   NULL};
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const char *name = json_string_value(json_array_get(sections, i));
        size_t at = 0;
        while (known[at] != NULL && strcmp(known[at], name) != 0)
            at++;
        if (known[at] == NULL)
            return error_set(
                error, ERROR_BAD_REQUEST,
                "\"sections\" knows article, about, overview, insights, timeline, names and topics, not "
                "\"%.40s\"",
                name);
    }
    return 0;
}

/* ---- parts ---- */

static int write_source(struct worker *worker, const struct related_options *options,
                        struct json_writer *reply, struct error *error)
{
    const struct source *source = &options->source;
    const json_t *fields = options->style.fields;
    int status = 0;
    json_key(reply, "article");
    if (!source->has_place && source->stored == NULL) {
        json_nothing(reply); /* a draft, or several articles */
        return 0;
    }
    json_begin_object(reply);
    if (source->has_place)
        status = hit_write(worker, source->place.slice, source->place.row, fields, reply, error);
    else
        hit_write_article(source->stored, source->stored_views, fields, reply);
    json_end_object(reply);
    return status;
}

/* The profiles of the source's entities, rare ones of a kind first. Until an epoch has taken a new profile
 * in, two names of the source may be the same entity's. */
static void write_about(const struct worker *worker, const struct feature_vector *source,
                        struct json_writer *reply)
{
    struct profile *shown[ABOUT_SHOWN];
    size_t count = 0;
    json_key(reply, "about");
    json_begin_array(reply);
    for (size_t i = 0; i < source->count && count < ABOUT_SHOWN; i++) {
        const struct feature *feature = &source->items[i];
        if (feature_group(feature->kind) != GROUP_ENTITIES)
            continue;
        struct profile *profile = registry_find(worker->service->profiles, feature->term, feature->length,
                                                hash_bytes(feature->term, feature->length));
        bool is_new = profile != NULL;
        for (size_t j = 0; j < count; j++)
            is_new = is_new && shown[j] != profile;
        if (!is_new) {
            profile_release(profile);
            continue;
        }
        json_raw(reply, profile->text, profile->length);
        shown[count++] = profile;
    }
    json_end_array(reply);
    for (size_t i = 0; i < count; i++)
        profile_release(shown[i]);
}

static void write_overview(const struct connected_summary *summary, struct json_writer *reply)
{
    json_key(reply, "overview");
    json_begin_object(reply);
    json_key_int(reply, "events", (int64_t)summary->events);
    json_key_int(reply, "people", (int64_t)name_tally_count(&summary->names, NAME_PERSON));
    json_key_int(reply, "tags", (int64_t)name_tally_count(&summary->names, NAME_TAG));
    json_key_int(reply, "views", (int64_t)summary->views);
    json_end_object(reply);
}

static void write_most_recent(const struct connected_summary *summary, struct json_writer *reply)
{
    json_key(reply, "most_recent");
    if (summary->most_recent == NULL) {
        json_nothing(reply);
        return;
    }
    char date[DATE_TEXT_SIZE];
    size_t length;
    const char *id = rows_id(summary->most_recent->slice->rows, summary->most_recent->row, &length);
    json_begin_object(reply);
    json_key(reply, "id");
    json_text_n(reply, id, length);
    json_key_text(reply, "published", date_format(date, summary->last_published));
    json_end_object(reply);
}

static void write_display(const struct tallied_name *name, struct json_writer *reply)
{
    size_t length;
    const char *display = tallied_name_display(name, &length);
    json_text_n(reply, display, length);
}

static void write_insights(const struct connected_summary *summary, struct json_writer *reply)
{
    const struct tallied_name *tag;
    char span[32];
    int64_t days =
        summary->most_recent != NULL ? (summary->last_published - summary->first_published) / 86400 : 0;
    json_key(reply, "insights");
    json_begin_object(reply);
    write_most_recent(summary, reply);
    json_key_int(reply, "span_days", days);
    json_key_text(reply, "span", connected_span(days, span, sizeof span));
    json_key(reply, "most_popular_tag");
    if (name_tally_most_frequent(&summary->names, NAME_TAG, &tag, 1) == 1)
        write_display(tag, reply);
    else
        json_nothing(reply);
    json_key_number(reply, "average_views",
                    summary->events != 0 ? (double)summary->views / (double)summary->events : 0, 1);
    json_end_object(reply);
}

/* Newest first; undated ones last, then strongest first. */
static int compare_dates(const void *left, const void *right)
{
    const struct related_hit *a = left;
    const struct related_hit *b = right;
    int64_t first = a->slice->rows->published[a->row];
    int64_t second = b->slice->rows->published[b->row];
    if (first != second)
        return first > second ? -1 : 1;
    return a->strength > b->strength ? -1 : a->strength < b->strength;
}

/* Pinned events come first, in their own order. */
static int write_timeline(struct worker *worker, const struct related_options *options,
                          const struct related_hit *hits, size_t count, struct json_writer *reply,
                          struct error *error)
{
    struct related_hit *events = memory_zeroed(count, sizeof *events);
    if (count != 0)
        memcpy(events, hits, count * sizeof *events);
    size_t pinned = 0;
    while (pinned < count && events[pinned].is_pinned)
        pinned++;
    qsort(events + pinned, count - pinned, sizeof *events, compare_dates);
    int status = 0;
    json_key(reply, "timeline");
    json_begin_array(reply);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (i % EVENTS_AHEAD == 0)
            suggestions_prefetch(&events[i], count - i < EVENTS_AHEAD ? count - i : EVENTS_AHEAD);
        status = suggestion_write(worker, options->source.vector, &events[i], &options->style, reply, error);
    }
    json_end_array(reply);
    free(events);
    return status;
}

static void write_name(const struct tallied_name *name, struct json_writer *reply)
{
    json_begin_object(reply);
    json_key(reply, "name");
    write_display(name, reply);
    json_key_int(reply, "articles", name->articles);
}

static void write_names(const struct connected_summary *summary, struct json_writer *reply)
{
    for (int kind = NAME_PERSON; kind < NAME_KIND_COUNT; kind++) {
        const struct tallied_name *names[NAMES_SHOWN];
        size_t count = name_tally_most_frequent(&summary->names, (enum name_kind)kind, names, NAMES_SHOWN);
        tallied_names_prefetch(names, count);
        json_key(reply, name_kind_keys[kind]);
        json_begin_array(reply);
        for (size_t i = 0; i < count; i++) {
            write_name(names[i], reply);
            json_end_object(reply);
        }
        json_end_array(reply);
    }
}

static void write_topics(const struct connected_summary *summary, struct json_writer *reply)
{
    const struct tallied_name *hottest[TRENDING_SHOWN];
    size_t count = name_tally_hottest(&summary->names, NAME_TAG, hottest, TRENDING_SHOWN);
    json_key(reply, "topics");
    json_begin_object(reply);
    json_key_int(reply, "total", (int64_t)name_tally_count(&summary->names, NAME_TAG));
    json_key(reply, "trending");
    json_begin_array(reply);
    for (size_t i = 0; i < count; i++) {
        write_name(hottest[i], reply);
        json_key_number(reply, "heat", hottest[i]->heat, 3);
        json_end_object(reply);
    }
    json_end_array(reply);
    json_end_object(reply);
}

/* ---- the whole ---- */

static int write_reply(struct worker *worker, const struct related_options *options, const json_t *sections,
                       size_t limit, struct json_writer *reply, struct error *error)
{
    const struct related_hit *hits = options->hits;
    size_t count = options->hit_count;
    struct connected_summary summary = {.events = 0};
    connected_summarise(hits, count, &options->copies, &summary);
    int status = wants(sections, "article") ? write_source(worker, options, reply, error) : 0;
    if (wants(sections, "about"))
        write_about(worker, options->source.vector, reply);
    if (wants(sections, "overview"))
        write_overview(&summary, reply);
    if (wants(sections, "insights"))
        write_insights(&summary, reply);
    if (status == 0 && wants(sections, "timeline"))
        status = write_timeline(worker, options, hits, count < limit ? count : limit, reply, error);
    if (wants(sections, "names"))
        write_names(&summary, reply);
    if (wants(sections, "topics"))
        write_topics(&summary, reply);
    /* the set ends at a number, or the budget for postings has kept weak ones from being seen */
    json_key_bool(reply, "bounded", options->was_full || options->was_cut);
    connected_release(&summary);
    return status;
}

static int connect_events(struct worker *worker, struct request *request, struct related_options *options,
                          struct json_writer *reply, struct error *error)
{
    const json_t *arguments = request->arguments;
    const json_t *sections = json_object_get(arguments, "sections");
    struct service_settings settings = service_settings(worker->service);
    size_t offset;
    size_t limit;
    if (check_sections(sections, error) != 0 ||
        result_window(arguments, &settings, &offset, &limit, error) != 0 ||
        related_options_read(worker, request, options, error) != 0)
        return -1;
    size_t set_size = limit > settings.connected_articles ? limit : settings.connected_articles;
    options->query.postings *= POSTINGS_TIMES;
    options->query.min_strength = (float)schema_number(arguments, "min_strength", MIN_STRENGTH_DEFAULT);
    if (related_options_run(worker, options, set_size, 0, 0, error) != 0 ||
        write_reply(worker, options, sections, limit, reply, error) != 0)
        return -1;
    if (options->controls.is_off)
        json_key_bool(reply, "off", true);
    json_key_int(reply, "revision", (int64_t)options->snapshot->revision);
    json_key_int(reply, "took_us", (clock_now() - request->received) / 1000);
    return 0;
}

int command_connected(struct request *request, struct worker *worker, struct json_writer *reply,
                      struct error *error)
{
    struct related_options options = {.snapshot = NULL};
    int status = connect_events(worker, request, &options, reply, error);
    related_options_release(&options);
    return status;
}
