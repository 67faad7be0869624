/* command_related.c - RELATED. */
#include "base/clock.h"
#include "base/memory.h"
#include "command/handlers.h"
#include "command/hits.h"
#include "command/window.h"

#include <stdlib.h>
#include <string.h>

#define SHARED_MAX 256
#define TERMS_SHOWN 10

/* ---- the source: one article, several, or a draft ---- */

struct source {
    const struct feature_vector *vector;
    uint32_t *excluded; /* docids, sorted before use */
    size_t excluded_count;
    size_t excluded_capacity;
};

static void exclude_docid(struct source *source, uint32_t docid)
{
    source->excluded = memory_grow(source->excluded, &source->excluded_capacity, source->excluded_count + 1,
                                   sizeof(uint32_t));
    source->excluded[source->excluded_count++] = docid;
}

/* Steals the article. The vector lasts until the worker makes its next document. */
static void source_of_article(struct worker *worker, const struct snapshot *snapshot, struct article *article,
                              struct source *source)
{
    /* impacts of a draft are made with the settings of today; the generation's average length is near enough
     * to any */
    struct document_settings settings = {
        .default_language = worker->service->default_language,
        .title_weight = worker->service->title_weight,
        .average_length = snapshot->average_length,
        .key_terms = worker->service->key_terms,
    };
    struct document document;
    document_make(worker->maker, &settings, &snapshot->epoch->statistics, article, &document);
    source->vector = document.features;
    /* its names are borrowed from the article, which must live until the reply is written */
    article_free(worker->draft);
    worker->draft = article;
}

/* An article that is stored but not visible yet is treated like a draft. */
static int source_of_stored(struct worker *worker, const struct snapshot *snapshot, const char *id,
                            struct source *source, struct error *error)
{
    struct store_reader *store;
    struct article *article;
    buffer_clear(&worker->text);
    if (worker_store(worker, &store, error) != 0 ||
        store_get(store, id, &worker->text, NULL, NULL, error) != 0 ||
        article_from_text(worker->text.data, worker->text.length, &article, error) != 0)
        return -1;
    source_of_article(worker, snapshot, article, source);
    return 0;
}

static int source_of_id(struct worker *worker, const struct snapshot *snapshot, const char *id,
                        struct source *source, struct error *error)
{
    struct row_place place;
    if (!snapshot_find_id(snapshot, id, strlen(id), &place))
        return source_of_stored(worker, snapshot, id, source, error);
    features_vector(&place.slice->features, place.row, &worker->vector);
    source->vector = &worker->vector;
    exclude_docid(source, place.slice->rows->docids[place.row]);
    return 0;
}

static int source_of_ids(struct worker *worker, const struct snapshot *snapshot, const json_t *ids,
                         struct source *source, struct error *error)
{
    size_t count = json_array_size(ids);
    struct feature_vector *vectors = memory_zeroed(count, sizeof *vectors);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct row_place place;
        const json_t *id = json_array_get(ids, i);
        if (!snapshot_find_id(snapshot, json_string_value(id), json_string_length(id), &place))
            continue;
        features_vector(&place.slice->features, place.row, &vectors[found++]);
        exclude_docid(source, place.slice->rows->docids[place.row]);
    }
    related_combine(vectors, found, worker->service->key_terms, &worker->combined);
    source->vector = &worker->combined;
    for (size_t i = 0; i < count; i++)
        feature_vector_release(&vectors[i]);
    free(vectors);
    return found != 0 ? 0 : error_set(error, ERROR_NOT_FOUND, "none of the articles in \"ids\" can be found");
}

static int source_of_draft(struct worker *worker, const struct snapshot *snapshot, const json_t *draft,
                           struct source *source, struct error *error)
{
    json_t *object = json_copy((json_t *)(uintptr_t)draft);
    const char *id = json_string_value(json_object_get(object, "id"));
    struct row_place place;
    if (id == NULL)
        json_object_set_new(object, "id", json_string("draft"));
    else if (snapshot_find_id(snapshot, id, strlen(id), &place))
        exclude_docid(source, place.slice->rows->docids[place.row]); /* the stored version of the draft */
    if (json_object_get(object, "title") == NULL)
        json_object_set_new(object, "title", json_string("-"));
    struct article *article;
    if (article_from_json(object, &article, error) != 0) {
        error_prefix(error, "\"article\"");
        return -1;
    }
    source_of_article(worker, snapshot, article, source);
    return 0;
}

static int find_source(struct worker *worker, const struct snapshot *snapshot, const json_t *arguments,
                       struct source *source, struct error *error)
{
    const char *id = schema_text(arguments, "id", NULL);
    const json_t *ids = json_object_get(arguments, "ids");
    const json_t *draft = json_object_get(arguments, "article");
    if ((id != NULL) + (ids != NULL) + (draft != NULL) != 1)
        return error_set(error, ERROR_BAD_REQUEST, "RELATED needs one of \"id\", \"ids\" and \"article\"");
    if (id != NULL)
        return source_of_id(worker, snapshot, id, source, error);
    if (ids != NULL)
        return source_of_ids(worker, snapshot, ids, source, error);
    return source_of_draft(worker, snapshot, draft, source, error);
}

/* ---- options ---- */

static struct related_weights weights_of(const json_t *arguments, const struct related_weights *defaults)
{
    const json_t *weights = json_object_get(arguments, "weights");
    return (struct related_weights){
        .tags = (float)schema_number(weights, "tags", (double)defaults->tags),
        .entities = (float)schema_number(weights, "entities", (double)defaults->entities),
        .terms = (float)schema_number(weights, "terms", (double)defaults->terms),
    };
}

static void apply_exclude(const json_t *exclude, const struct snapshot *snapshot, struct source *source,
                          struct filter *filter)
{
    const json_t *ids = json_object_get(exclude, "ids");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct row_place place;
        const json_t *id = json_array_get(ids, i);
        if (snapshot_find_id(snapshot, json_string_value(id), json_string_length(id), &place))
            exclude_docid(source, place.slice->rows->docids[place.row]);
    }
    filter_exclude(filter, FIELD_TAG, json_object_get(exclude, "tags"));
    filter_exclude(filter, FIELD_CATEGORY, json_object_get(exclude, "categories"));
}

static int compare_docids(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* ---- the reply ---- */

/* The names of one kind among the shared features; `at` moves on to the next kind. */
static void write_names(const struct shared_feature *shared, size_t count, size_t *at, uint8_t kind,
                        struct json_writer *reply)
{
    json_begin_array(reply);
    for (; *at < count && shared[*at].feature->kind == kind; (*at)++)
        json_text_n(reply, shared[*at].feature->display, shared[*at].feature->display_length);
    json_end_array(reply);
}

static void write_evidence(const struct source *source, const struct related_hit *hit,
                           struct json_writer *reply)
{
    struct shared_feature shared[SHARED_MAX];
    size_t count = related_shared(source->vector, hit->slice, hit->row, shared, SHARED_MAX);
    size_t at = 0;
    json_key(reply, "shared");
    json_begin_object(reply);
    for (uint8_t kind = 0; kind < NAME_KIND_COUNT; kind++) {
        json_key(reply, name_kind_keys[kind]);
        write_names(shared, count, &at, kind, reply);
    }
    json_end_object(reply);
    json_key(reply, "terms");
    json_begin_array(reply);
    for (size_t shown = 0; at < count && shown < TERMS_SHOWN; at++, shown++)
        json_text_n(reply, shared[at].feature->term, shared[at].feature->length);
    json_end_array(reply);
}

static int write_suggestions(struct worker *worker, const struct source *source,
                             const struct related_hit *hits, size_t count, const json_t *fields,
                             struct json_writer *reply, struct error *error)
{
    json_key(reply, "related");
    json_begin_array(reply);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(reply);
        if (hit_write(worker, hits[i].slice, hits[i].row, fields, reply, error) != 0)
            return -1;
        json_key_number(reply, "strength", (double)hits[i].strength, 4);
        json_key_number(reply, "similarity", (double)hits[i].similarity, 4);
        json_key_number(reply, "tag_overlap", (double)hits[i].tag_overlap, 4);
        json_key_number(reply, "entity_overlap", (double)hits[i].entity_overlap, 4);
        write_evidence(source, &hits[i], reply);
        json_end_object(reply);
    }
    json_end_array(reply);
    return 0;
}

static int relate(struct worker *worker, struct request *request, const struct snapshot *snapshot,
                  struct source *source, struct filter *filter, struct json_writer *reply,
                  struct error *error)
{
    const json_t *arguments = request->arguments;
    struct service_settings settings = service_settings(worker->service);
    size_t offset;
    struct related_query query = {
        .snapshot = snapshot,
        .weights = weights_of(arguments, &settings.related),
        .min_strength = (float)schema_number(arguments, "min_strength", 0),
        .filter = filter,
        .deadline = request->deadline,
    };
    if (result_window(arguments, &settings, &offset, &query.limit, error) != 0 ||
        find_source(worker, snapshot, arguments, source, error) != 0)
        return -1;
    apply_exclude(json_object_get(arguments, "exclude"), snapshot, source, filter);
    if (source->excluded_count != 0)
        qsort(source->excluded, source->excluded_count, sizeof(uint32_t), compare_docids);
    query.source = source->vector;
    query.excluded = source->excluded;
    query.excluded_count = source->excluded_count;
    const struct related_hit *hits;
    size_t count;
    if (related_run(worker->related, &query, &hits, &count, error) != 0)
        return -1;
    return write_suggestions(worker, source, hits, count, json_object_get(arguments, "fields"), reply, error);
}

int command_related(struct request *request, struct worker *worker, struct json_writer *reply,
                    struct error *error)
{
    struct filter *filter;
    if (hit_fields_check(json_object_get(request->arguments, "fields"), error) != 0 ||
        filter_parse(json_object_get(request->arguments, "filter"), &filter, error) != 0)
        return COMMAND_FAILED;
    struct source source = {0};
    struct snapshot *snapshot = index_acquire(worker->service->index);
    int status = relate(worker, request, snapshot, &source, filter, reply, error);
    json_key_int(reply, "revision", (int64_t)snapshot->revision);
    json_key_int(reply, "took_us", (clock_now() - request->received) / 1000);
    snapshot_release(snapshot);
    filter_free(filter);
    free(source.excluded);
    return status;
}
