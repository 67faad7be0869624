#include "command/controls.h"

#include "article/article_controls.h"
#include "base/memory.h"

#include <stdlib.h>

static bool is_excluded(const struct source *source, uint32_t docid)
{
    for (size_t i = 0; i < source->excluded_count; i++)
        if (source->excluded[i] == docid)
            return true;
    return false;
}

static bool passes(const struct filter *filter, const struct snapshot *snapshot,
                   const struct row_place *place)
{
    struct resolved_filter resolved = {.filter = NULL};
    filter_resolve(filter, place->slice, &snapshot->epoch->statistics, &resolved);
    bool accepted = filter_accepts(&resolved, place->row);
    resolved_filter_release(&resolved);
    return accepted;
}

static void add_pinned(const struct source *source, const struct row_place *place,
                       const struct related_weights *weights, struct controls_result *result)
{
    result->pinned = memory_grow(result->pinned, &result->pinned_capacity, result->pinned_count + 1,
                                 sizeof *result->pinned);
    struct related_hit *hit = &result->pinned[result->pinned_count++];
    *hit = (struct related_hit){
        .slice = place->slice, .slice_number = place->slice_number, .row = place->row, .is_pinned = true};
    related_compare(source->vector, place->slice, place->row, weights, hit);
    hit->rank = hit->strength;
}

void controls_apply(struct source *source, const struct snapshot *snapshot, const struct filter *filter,
                    const struct related_weights *weights, struct controls_result *result)
{
    struct controls_reader reader;
    struct control_id id;
    controls_open(source->controls, source->controls_length, &reader);
    result->is_off = reader.is_off;
    while (controls_next(&reader, &id)) {
        struct row_place place;
        if (!snapshot_find_id(snapshot, id.text, id.length, &place))
            continue;
        uint32_t docid = place.slice->rows->docids[place.row];
        if (id.is_pinned && !is_excluded(source, docid) && passes(filter, snapshot, &place))
            add_pinned(source, &place, weights, result);
        if (id.is_pinned)
            source_exclude_docid(source, docid);
        else
            source_exclude_place(source, &place);
    }
}

void controls_result_release(struct controls_result *result)
{
    free(result->pinned);
}
