/* epoch.c - choosing all key terms again with the statistics of today, and giving all names to the entities
 * of today's profiles. Texts are not read again: the stems of a document, their tf parts and its names are
 * what the Xapian term list holds. */
#include "index/index_private.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool add_term(void *context, const char *term, size_t length, uint32_t document_frequency)
{
    statistics_builder_add(context, term, length, document_frequency);
    return true;
}

static int collect_terms(struct statistics_builder *builder, struct segment *const *segments,
                         size_t segment_count, const struct snapshot *snapshot, uint64_t *documents,
                         struct error *error)
{
    for (size_t i = 0; i < segment_count; i++) {
        *documents += segments[i]->documents;
        if (xapian_all_terms(segments[i]->place->xapian_path, add_term, builder, error) != XAPIAN_OK)
            return -1;
    }
    for (size_t i = 0; snapshot != NULL && i < snapshot->source_count; i++) {
        if (snapshot->sources[i].version == 0 && segment_count != 0)
            continue; /* a sealed one: counted above */
        uint32_t count;
        uint32_t last_docid;
        if (xapian_count(snapshot->sources[i].path, &count, &last_docid, error) != XAPIAN_OK ||
            xapian_all_terms(snapshot->sources[i].path, add_term, builder, error) != XAPIAN_OK)
            return -1;
        *documents += count;
    }
    return 0;
}

static int save(const struct generation *generation, struct statistics_builder *builder, uint64_t documents,
                uint32_t number, struct epoch **epoch, struct error *error)
{
    size_t length;
    char *block = statistics_builder_finish(builder, documents, number, &length);
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/statistics.%u", generation->directory, number);
    int result = file_replace(path.data, block, length, error);
    if (result == 0)
        result = epoch_new(image_bytes_of_block(block, length), epoch, error);
    else
        free(block);
    buffer_release(&path);
    return result;
}

int epoch_collect(const struct generation *generation, struct registry *registry,
                  struct segment *const *segments, size_t segment_count, const struct snapshot *snapshot,
                  uint32_t number, struct epoch **epoch, struct error *error)
{
    struct statistics_builder *builder = statistics_builder_new();
    uint64_t documents = 0;
    size_t count;
    uint64_t version;
    struct profile **profiles = registry_all(registry, &count, &version);
    for (size_t i = 0; i < count; i++)
        statistics_builder_add_entity(builder, profiles[i]);
    statistics_builder_set_names_version(builder, version);
    int result = collect_terms(builder, segments, segment_count, snapshot, &documents, error);
    if (result == 0 && generation->settings.find_names)
        epoch_add_gazetteer(builder, generation->settings.default_language, profiles, count, segments,
                            segment_count, snapshot);
    if (result == 0)
        result = save(generation, builder, documents, number, epoch, error);
    for (size_t i = 0; i < count; i++)
        profile_release(profiles[i]);
    free(profiles);
    statistics_builder_free(builder);
    return result;
}

int epoch_begin(struct generation *generation, struct registry *profiles, const struct snapshot *snapshot,
                struct error *error)
{
    struct epoch *epoch;
    if (epoch_collect(generation, profiles, NULL, 0, snapshot, generation->epoch->statistics.epoch, &epoch,
                      error) != 0)
        return -1;
    epoch_release(generation->epoch);
    generation->epoch = epoch;
    return 0;
}

/* ---- features of one database, in row order ---- */

struct refeature {
    const struct slice *slice;
    uint32_t row; /* the next */
    const struct epoch_work *settings;
    struct features_builder *builder;
    struct feature_vector old;
    struct feature_vector vector;
    json_t *card;       /* of the row, once it was needed */
    struct buffer term; /* scratch */
};

/* Whether the name is in a list of the card; *feature gets it as it is written there. */
static bool is_written(struct refeature *work, const json_t *names, enum name_kind kind,
                       const struct xapian_stem *name, struct feature *feature)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *written = json_array_get(names, i);
        buffer_clear(&work->term);
        if (!term_for_name((enum term_field)kind, json_string_value(written), json_string_length(written),
                           &work->term) ||
            work->term.length != name->length || memcmp(work->term.data, name->text, name->length) != 0)
            continue;
        feature->display = json_string_value(written);
        feature->display_length = (uint32_t)json_string_length(written);
        return true;
    }
    return false;
}

/* The card has all names as they were written. It is read only where a profile hid them. */
static bool display_on_card(struct refeature *work, enum name_kind kind, const struct xapian_stem *name,
                            struct feature *feature)
{
    if (work->card == NULL) {
        size_t length;
        const char *card = rows_card(work->slice->rows, work->row, &length);
        struct buffer text = BUFFER_INIT;
        buffer_append_char(&text, '{');
        buffer_append(&text, card, length);
        buffer_append_char(&text, '}');
        work->card = json_loadb(text.data, text.length, 0, NULL);
        buffer_release(&text);
    }
    const json_t *found = json_object_get(work->card, "found");
    return is_written(work, json_object_get(work->card, name_kind_keys[kind]), kind, name, feature) ||
           is_written(work, json_object_get(found, name_kind_keys[kind]), kind, name, feature);
}

/* How a name is shown: as before; a name that was an alias until now, as the article wrote it. */
static void find_display(struct refeature *work, enum name_kind kind, const struct xapian_stem *name,
                         struct feature *feature)
{
    for (size_t i = 0; i < work->old.count; i++) {
        const struct feature *old = &work->old.items[i];
        if (old->length == name->length && memcmp(old->term, name->text, name->length) == 0) {
            *feature = *old;
            return;
        }
    }
    if (display_on_card(work, kind, name, feature))
        return;
    feature->display = name->text;
    feature->display_length = name->length;
}

static void add_name(struct refeature *work, const struct xapian_stem *name)
{
    enum name_kind kind = term_name_kind(name->text, name->length);
    struct feature shown = {.display = ""};
    uint64_t hash = hash_bytes(name->text, name->length);
    if (statistics_find_name(&work->settings->epoch->statistics, name->text, name->length, hash) ==
        DICTIONARY_NONE)
        find_display(work, kind, name, &shown);
    feature_vector_add_name(&work->vector, &work->settings->epoch->statistics, kind, name->text, name->length,
                            shown.display, shown.display_length);
}

/* `terms`: names, then stems. The names of the term list are the article's own, those of the old features can
 * be entities of old profiles: they stand in only where there is no document. */
static void add_row(struct refeature *work, const struct xapian_stem *terms, size_t count)
{
    const struct epoch_work *settings = work->settings;
    const struct slice *slice = work->slice;
    size_t names = 0;
    feature_vector_clear(&work->vector);
    features_vector(&slice->features, work->row, &work->old);
    for (size_t i = 0; terms == NULL && i < work->old.count; i++) {
        const struct feature *feature = &work->old.items[i];
        if (feature->kind != FEATURE_TERM)
            feature_vector_add_name(&work->vector, &settings->epoch->statistics,
                                    (enum name_kind)feature->kind, feature->term, feature->length,
                                    feature->display, feature->display_length);
    }
    for (; names < count && terms[names].impact == 0; names++)
        add_name(work, &terms[names]);
    feature_vector_add_stems(&work->vector, &settings->epoch->statistics, terms + names, count - names,
                             settings->key_terms);
    feature_vector_finish(&work->vector);
    features_builder_add(work->builder, &work->vector, copy_marks_row(settings->copies, slice, work->row));
    json_decref(work->card);
    work->card = NULL;
}

static bool more_rows(const struct refeature *work)
{
    return work->row < work->slice->rows->count;
}

/* Rows and documents ascend together; a document without a row has been dropped, a row without a document
 * cannot be. */
static bool visit_document(void *context, uint32_t docid, const struct xapian_stem *stems, size_t count)
{
    struct refeature *work = context;
    while (more_rows(work) && work->slice->rows->docids[work->row] < docid) {
        add_row(work, NULL, 0);
        work->row++;
    }
    if (more_rows(work) && work->slice->rows->docids[work->row] == docid) {
        add_row(work, stems, count);
        work->row++;
    }
    return true;
}

static int refeature(const char *xapian_path, const struct slice *slice, const struct epoch_work *settings,
                     struct image_bytes *features, struct error *error)
{
    struct refeature work = {
        .slice = slice,
        .settings = settings,
        .builder = features_builder_new(&settings->epoch->statistics),
    };
    int result = xapian_all_documents(xapian_path, visit_document, &work, error) == XAPIAN_OK ? 0 : -1;
    if (result == 0) {
        for (; more_rows(&work); work.row++)
            add_row(&work, NULL, 0);
        size_t length;
        char *block =
            features_builder_finish(work.builder, slice->rows->by_date, slice->rows->dated, &length);
        *features = image_bytes_of_block(block, length);
    }
    features_builder_free(work.builder);
    feature_vector_release(&work.old);
    feature_vector_release(&work.vector);
    buffer_release(&work.term);
    return result;
}

int epoch_refeature_segment(struct segment *segment, const struct epoch_work *work, struct segment **result,
                            struct error *error)
{
    const struct slice *slice = segment->slice;
    uint32_t epoch = work->epoch->statistics.epoch;
    struct image_bytes features;
    if (refeature(segment->place->xapian_path, slice, work, &features, error) != 0)
        return -1;
    char *path = segment_features_path(segment->place->directory, epoch);
    int status = file_replace(path, features.data, features.length, error);
    free(path);
    image_bytes_release(&features);
    return status == 0 ? segment_with_features(segment, epoch, result, error) : -1;
}

int epoch_refeature_hot(const struct hot *hot, const struct epoch_work *work, uint64_t revision,
                        struct slice **result, struct error *error)
{
    *result = NULL;
    if (hot->slice_count == 0)
        return 0;
    /* one slice with all rows first, so that rows and new features agree */
    struct image_bytes rows;
    struct image_bytes old_features;
    struct slice *joined;
    slices_join(hot->slices, hot->slice_count, revision, &hot->epoch->statistics, &rows, &old_features);
    if (slice_new(rows, old_features, &joined, error) != 0)
        return -1;
    for (size_t i = 0; i < hot->slice_count; i++)
        slice_inherit(joined, hot->slices[i]);
    struct image_bytes features;
    int status = refeature(hot->place->xapian_path, joined, work, &features, error);
    if (status == 0)
        status = slice_with_features(joined, features, result, error);
    slice_release(joined);
    return status;
}
