#include "command/suggestion.h"

#include "base/memory.h"
#include "command/hits.h"

#define TERMS_SHOWN 10
#define COPIES_SHOWN 20

/* Features come sorted by kind; `at` moves on to the next kind. */
static void write_names(const struct shared_feature *shared, size_t count, size_t *at, uint8_t kind,
                        struct json_writer *writer)
{
    json_begin_array(writer);
    for (; *at < count && shared[*at].feature->kind == kind; (*at)++)
        json_text_n(writer, shared[*at].feature->display, shared[*at].feature->display_length);
    json_end_array(writer);
}

static void write_evidence(const struct shared_feature *shared, size_t count, struct json_writer *writer)
{
    size_t at = 0;
    json_key(writer, "shared");
    json_begin_object(writer);
    for (uint8_t kind = 0; kind < NAME_KIND_COUNT; kind++) {
        json_key(writer, name_kind_keys[kind]);
        write_names(shared, count, &at, kind, writer);
    }
    json_end_object(writer);
    json_key(writer, "terms");
    json_begin_array(writer);
    for (size_t shown = 0; at < count && shown < TERMS_SHOWN; at++, shown++)
        json_text_n(writer, shared[at].feature->term, shared[at].feature->length);
    json_end_array(writer);
}

/* A feature's share of its group's overlap: the group's features add up to the overlap. */
static void write_shares(const struct shared_feature *shared, size_t count, enum feature_group group,
                         const uint16_t *mine, const uint16_t *theirs, struct json_writer *writer)
{
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        const struct feature *feature = shared[i].feature;
        if (feature_group(feature->kind) != group)
            continue;
        json_begin_object(writer);
        if (feature->kind == FEATURE_TERM) {
            json_key(writer, "term");
            json_text_n(writer, feature->term, feature->length);
        } else {
            json_key_text(writer, "kind", name_kind_keys[feature->kind]);
            json_key(writer, "name");
            json_text_n(writer, feature->display, feature->display_length);
        }
        json_key_number(writer, "weight",
                        (double)feature_cosine(shared[i].product, mine[group], theirs[group]), 4);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void write_part(const char *name, float weight, float overlap, const struct shared_feature *shared,
                       size_t count, enum feature_group group, const uint16_t *mine, const uint16_t *theirs,
                       struct json_writer *writer)
{
    json_key(writer, name);
    json_begin_object(writer);
    json_key_number(writer, "weight", (double)weight, 4);
    json_key_number(writer, "overlap", (double)overlap, 4);
    json_key_number(writer, "part", (double)(weight * overlap), 4);
    json_key(writer, "shared");
    write_shares(shared, count, group, mine, theirs, writer);
    json_end_object(writer);
}

static void write_explanation(const struct feature_vector *source, const struct related_hit *hit,
                              const struct suggestion_style *style, const struct shared_feature *shared,
                              size_t count, struct json_writer *writer)
{
    const uint16_t *mine = source->norms;
    const uint16_t *theirs = features_row(&hit->slice->features, hit->row).norms;
    json_key(writer, "explain");
    json_begin_object(writer);
    json_key_text(writer, "formula", "strength = 1 - (1 - tags.part)(1 - entities.part)(1 - terms.part)");
    write_part("tags", style->weights.tags, hit->tag_overlap, shared, count, GROUP_TAGS, mine, theirs,
               writer);
    write_part("entities", style->weights.entities, hit->entity_overlap, shared, count, GROUP_ENTITIES, mine,
               theirs, writer);
    write_part("terms", style->weights.terms, hit->similarity, shared, count, GROUP_TERMS, mine, theirs,
               writer);
    json_end_object(writer);
}

static void write_copies(const struct related_hit *hit, const struct suggestion_style *style,
                         struct json_writer *writer)
{
    const struct related_hit *shown[COPIES_SHOWN];
    size_t count = copies_of(style->copies, hit, shown, COPIES_SHOWN);
    if (style->source_story == copies_story(hit->slice, hit->row))
        json_key_bool(writer, "same_story", true);
    if (count == 0)
        return;
    json_key_int(writer, "copies", (int64_t)copies_count(style->copies, hit));
    json_key(writer, "copy_ids");
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *id = rows_id(shown[i]->slice->rows, shown[i]->row, &length);
        json_text_n(writer, id, length);
    }
    json_end_array(writer);
}

void suggestions_prefetch(const struct related_hit *hits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hit_prefetch_start(hits[i].slice, hits[i].row);
    for (size_t i = 0; i < count; i++)
        hit_prefetch_card(hits[i].slice, hits[i].row);
}

int suggestion_write(struct worker *worker, const struct feature_vector *source,
                     const struct related_hit *hit, const struct suggestion_style *style,
                     struct json_writer *writer, struct error *error)
{
    worker->shared =
        memory_grow(worker->shared, &worker->shared_capacity, source->count, sizeof *worker->shared);
    const struct shared_feature *shared = worker->shared;
    const uint32_t *numbers = hit->is_pinned ? NULL : related_numbers(worker->related, hit->slice_number);
    size_t count = related_shared(source, numbers, hit->slice, hit->row, worker->shared, source->count);
    json_begin_object(writer);
    if (hit_write(worker, hit->slice, hit->row, style->fields, writer, error) != 0)
        return -1;
    if (hit->is_pinned)
        json_key_bool(writer, "pinned", true);
    json_key_number(writer, "strength", (double)hit->strength, 4);
    json_key_number(writer, "similarity", (double)hit->similarity, 4);
    json_key_number(writer, "tag_overlap", (double)hit->tag_overlap, 4);
    json_key_number(writer, "entity_overlap", (double)hit->entity_overlap, 4);
    write_evidence(shared, count, writer);
    write_copies(hit, style, writer);
    if (style->explain)
        write_explanation(source, hit, style, shared, count, writer);
    json_end_object(writer);
    return 0;
}
