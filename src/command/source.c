#include "command/source.h"

#include "article/article_controls.h"
#include "base/date.h"
#include "base/memory.h"
#include "command/schema.h"
#include "related/copies.h"

#include <stdlib.h>
#include <string.h>

void source_exclude_docid(struct source *source, uint32_t docid)
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
        .find_names = worker->service->find_names,
    };
    source->published = article->published;
    controls_pack(&article->controls, &source->draft_controls);
    source->controls = source->draft_controls.data;
    source->controls_length = source->draft_controls.length;
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
        store_get(store, id, &worker->text, NULL, &source->stored_views, error) != 0 ||
        article_from_text(worker->text.data, worker->text.length, &article, error) != 0)
        return -1;
    source_of_article(worker, snapshot, article, source);
    source->stored = article;
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
    source->place = place;
    source->has_place = true;
    source->published = place.slice->rows->published[place.row];
    source->controls = rows_controls(place.slice->rows, place.row, &source->controls_length);
    source_exclude_docid(source, place.slice->rows->docids[place.row]);
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
        source_exclude_place(source, &place);
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
    const json_t *given = json_object_get(object, "id");
    const char *id = json_string_value(given);
    struct row_place place;
    if (given == NULL || json_is_null(given))
        json_object_set_new(object, "id", json_string("a draft without an id"));
    else if (id != NULL && snapshot_find_id(snapshot, id, strlen(id), &place))
        source_exclude_docid(source,
                             place.slice->rows->docids[place.row]); /* the stored version of the draft */
    const json_t *title = json_object_get(object, "title");
    if (title == NULL || json_is_null(title))
        json_object_set_new(object, "title", json_string("-"));
    struct article *article;
    if (article_from_json(object, &article, error) != 0) {
        error_prefix(error, "\"article\"");
        return -1;
    }
    source_of_article(worker, snapshot, article, source);
    return 0;
}

int source_find(struct worker *worker, const struct snapshot *snapshot, const json_t *arguments,
                struct source *source, struct error *error)
{
    source->published = DATE_NONE;
    const char *id = schema_text(arguments, "id", NULL);
    const json_t *ids = json_object_get(arguments, "ids");
    const json_t *draft = json_object_get(arguments, "article");
    if ((id != NULL) + (ids != NULL) + (draft != NULL) != 1)
        return error_set(error, ERROR_BAD_REQUEST,
                         "exactly one of \"id\", \"ids\" and \"article\" is needed");
    if (id != NULL)
        return source_of_id(worker, snapshot, id, source, error);
    if (ids != NULL)
        return source_of_ids(worker, snapshot, ids, source, error);
    return source_of_draft(worker, snapshot, draft, source, error);
}

void source_exclude_ids(struct source *source, const struct snapshot *snapshot, const json_t *ids)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct row_place place;
        const json_t *id = json_array_get(ids, i);
        if (snapshot_find_id(snapshot, json_string_value(id), json_string_length(id), &place))
            source_exclude_place(source, &place);
    }
}

void source_exclude_place(struct source *source, const struct row_place *place)
{
    source_exclude_docid(source, place->slice->rows->docids[place->row]);
    source->excluded_stories = memory_grow(source->excluded_stories, &source->excluded_story_capacity,
                                           source->excluded_story_count + 1, sizeof(uint32_t));
    source->excluded_stories[source->excluded_story_count++] = copies_story(place->slice, place->row);
}

static int compare_docids(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

void source_finish(struct source *source)
{
    if (source->excluded_count != 0)
        qsort(source->excluded, source->excluded_count, sizeof(uint32_t), compare_docids);
    if (source->excluded_story_count != 0)
        qsort(source->excluded_stories, source->excluded_story_count, sizeof(uint32_t), compare_docids);
}

void source_release(struct source *source)
{
    free(source->excluded);
    free(source->excluded_stories);
    source->excluded = source->excluded_stories = NULL;
    buffer_release(&source->draft_controls);
}
